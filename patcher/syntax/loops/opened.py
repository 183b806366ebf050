"""Modules and functions of the tree, opened as far as needed: what a call of one makes of a value that moves.

Opened code is never edited. So a call may stand as it is where the opened code gives, for all turns at once, what it
gives turn by turn: where nothing in it counts an axis across the loop's, writes anywhere, or draws at random.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from patcher.syntax.loops import names
from patcher.syntax.loops.body import run
from patcher.syntax.loops.calls import over_last
from patcher.syntax.loops.files import Code, Defined, Files, Function, dotted_name
from patcher.syntax.loops.reading import DEPTH, Reading, integer, joined
from patcher.syntax.loops.values import Count, Refused, Unproved, Value, number

__all__ = ["Module", "attribute", "call_of_tree", "opened_env"]


@dataclass(frozen=True, slots=True)
class Module:
    """A module that an attribute holds: a class of torch or of the tree, several in a row, a list, or one of several."""

    kind: str  # 'torch', 'tree', 'row', 'list', 'either'
    name: str = ""
    call: ast.Call | None = None
    defined: Defined | None = None
    parts: tuple[Module, ...] = ()


# --- what `self.x` is ---------------------------------------------------------------------------------------------------


def attribute(reading: Reading, name: str) -> Value:
    """Return what an attribute of `self` is, as far as the class tells."""
    assert reading.self_class is not None
    found = _assigned(reading.files, reading.self_class, name)
    text = reading.own(f"self.{name}")
    if found is None:
        return Value(text=text)
    owner, value = found
    module = _module(reading.files, owner, value)
    if module is not None:
        return Value(is_tensor=False, module=module, text=text)
    if reading.depth >= DEPTH:
        return Value(text=text)
    inner = Reading(
        owner.code, reading.files, opened_env(owner), self_class=owner, strict=True, depth=reading.depth + 1
    )
    try:
        known = inner.read(value)
    except Refused:
        return Value(text=text)
    return replace(known, text=text, fresh=False, module=None)


def _assigned(files: Files, owner: Defined, name: str) -> tuple[Defined, ast.expr] | None:
    """Return the one value that an attribute is given, in `__init__`, with the class whose `__init__` it is."""
    found: list[tuple[Defined, ast.expr, str]] = []
    for one in _classes(files, owner):
        for method in one.node.body:
            if isinstance(method, Function):
                found += [(one, value, method.name) for value in _values(method, name)]
    if len(found) != 1 or found[0][2] != "__init__":
        return None
    return found[0][:2]


def _values(method: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in ast.walk(method):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:  # what is added in place stays what it is
            if dotted_name(target) == f"self.{name}" and node.value is not None:  # type: ignore[attr-defined]
                found.append(node.value)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and dotted_name(node.func) in ("self.register_buffer", "self.register_parameter"):
            if len(node.args) > 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == name:
                found.append(node.args[1])
    return found


def _classes(files: Files, owner: Defined) -> list[Defined]:
    """Return a class and those of the tree that it is derived from."""
    found, waiting = [], [owner]
    while waiting and len(found) < DEPTH:
        one = waiting.pop(0)
        found.append(one)
        for base in one.node.bases if isinstance(one.node, ast.ClassDef) else ():
            known = files.definition(one.code, dotted_name(base))
            if known is not None and isinstance(known.node, ast.ClassDef):
                waiting.append(known)
    return found


def _method(files: Files, owner: Defined, name: str) -> Defined | None:
    for one in _classes(files, owner):
        for node in one.node.body:
            if isinstance(node, Function) and node.name == name:
                return Defined(one.code, node, one.node)  # type: ignore[arg-type]
    return None


def opened_env(owner: Defined) -> dict[str, Value]:
    """Return what is known of the arguments of a class's `__init__`."""
    init = next((one for one in owner.node.body if isinstance(one, Function) and one.name == "__init__"), None)
    return annotated(init) if init is not None else {}


def annotated(function: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Value]:
    """Return what the annotations and defaults of a function tell of its arguments."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    positional = arguments[: len(function.args.posonlyargs) + len(function.args.args)]
    defaults = dict(zip((one.arg for one in reversed(positional)), reversed(function.args.defaults), strict=False))
    pairs = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    defaults |= {one.arg: default for one, default in pairs if default is not None}
    found = {}
    for one in arguments:
        written = ast.unparse(one.annotation).strip("'\"") if one.annotation is not None else ""
        default = defaults.get(one.arg)
        if written in ("int", "float", "bool"):
            found[one.arg] = number(text=one.arg)
        elif written.rpartition(".")[2] in ("Tensor", "FloatTensor", "LongTensor", "BoolTensor"):
            found[one.arg] = Value(is_tensor=True, text=one.arg, rank=Count(0, one.arg))
        elif isinstance(default, ast.Constant) and isinstance(default.value, int | float) and not written:
            found[one.arg] = number(text=one.arg)
    return found


# --- modules ----------------------------------------------------------------------------------------------------------


def _module(files: Files, owner: Defined, node: ast.expr, seen: tuple[str, ...] = ()) -> Module | None:
    """Return the module that an expression of `__init__` makes, or None."""
    if isinstance(node, ast.IfExp):
        parts = [_module(files, owner, one, seen) for one in (node.body, node.orelse)]
        return _either(parts)
    if not isinstance(node, ast.Call):
        return None
    meant = owner.code.meaning(node.func)
    name = meant.rpartition(".")[2]
    if meant.startswith("torch.nn."):
        if name in ("Sequential", "ModuleList"):
            return _row(files, owner, node, "row" if name == "Sequential" else "list", seen)
        return Module("torch", name, node) if name[:1].isupper() and name != "Parameter" else None
    defined = files.definition(owner.code, dotted_name(node.func))
    if defined is not None and isinstance(defined.node, ast.ClassDef):
        return Module("tree", defined.node.name, node, defined)
    return None


def _row(files: Files, owner: Defined, node: ast.Call, kind: str, seen: tuple[str, ...]) -> Module | None:
    """Return the modules in a row or list."""
    arguments: list[ast.expr] = []
    for one in node.args:
        inner = one.value if isinstance(one, ast.Starred) else one
        if isinstance(inner, ast.Name) and inner.id not in seen:
            gathered = _gathered(owner, inner.id)
            if gathered is None:
                return None
            arguments += gathered
            seen = (*seen, inner.id)
        elif isinstance(inner, ast.List | ast.Tuple):
            arguments += inner.elts
        elif isinstance(inner, ast.ListComp | ast.GeneratorExp):
            arguments.append(inner.elt)
        else:
            arguments.append(inner)
    parts = [_module(files, owner, one, seen) for one in arguments]
    if None in parts or node.keywords:
        return None
    return Module(kind, parts=tuple(one for one in parts if one is not None))


def _gathered(owner: Defined, name: str) -> list[ast.expr] | None:
    """Return all that is put into a list of `__init__`, in any order; None if not all of it is seen."""
    init = next((one for one in owner.node.body if isinstance(one, Function) and one.name == "__init__"), None)
    if init is None:
        return None
    found: list[ast.expr] = []
    reads = 0
    for node in ast.walk(init):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(one, ast.Name) and one.id == name for one in targets):
                if isinstance(node.value, ast.ListComp):
                    found.append(node.value.elt)
                elif isinstance(node.value, ast.List):
                    found += node.value.elts
                else:
                    return None
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.value.id == name:
                if node.func.attr == "append" and len(node.args) == 1:
                    found.append(node.args[0])
                elif node.func.attr == "extend" and len(node.args) == 1 and isinstance(node.args[0], ast.List):
                    found += node.args[0].elts
                else:
                    return None
                reads += 1
    return found


def _either(parts: list[Module | None]) -> Module | None:
    kept = tuple(one for one in parts if one is not None)
    return Module("either", parts=kept) if len(kept) == len(parts) else None


def called_module(reading: Reading, module: Module, values: list[Value], node: ast.Call) -> Value:
    """Return what a module gives."""
    first = values[0] if values else Value()
    match module.kind:
        case "row":
            for part in module.parts:
                first = called_module(reading, part, [first], node)
            return first
        case "either":
            results = [called_module(reading, one, values, node) for one in module.parts]
            for other in results[1:]:
                results[0] = joined(results[0], other, node)
            return results[0]
        case "tree":
            return _forward(reading, module, values, node)
        case "torch":
            return _torch_module(reading, module, values, node)
    raise Refused(f"calls `{reading.code.of(node.func)}`, which is not known", node)


def _torch_module(reading: Reading, module: Module, values: list[Value], node: ast.Call) -> Value:
    name, value = module.name, values[0] if values else Value()
    made = module.call
    arguments = [*made.args, *(one.value for one in made.keywords)] if made is not None else []
    moving = any(one.moves for one in values)
    if name in names.MODULES_OF_BATCH and moving:
        raise Refused(f"calls `{reading.code.of(node.func)}`, a {name}, which takes each turn for a batch", node)
    if name in names.MODULES_OF_CHANCE and moving:
        if not any(isinstance(one, ast.Constant) and one.value in (0, 0.0) for one in arguments[:1]):
            raise Refused(
                f"calls `{reading.code.of(node.func)}`, a {name}, which draws random numbers in training", node
            )
        return value
    if name in names.MODULES_OF_CHANCE | names.MODULES_PLACEWISE:
        return replace(value, fresh=name != "Identity" and value.fresh, text="")
    if name in names.MODULES_LAST:
        shape = arguments[0] if arguments else None
        if name != "Linear" and isinstance(shape, ast.Tuple | ast.List) and len(shape.elts) != 1:
            raise Unproved(f"calls a {name} over more than the last axis", node)
        size = ast.unparse(arguments[1]) if name == "Linear" and len(arguments) > 1 else ""
        kept = value.sizes[-1] if name != "Linear" and value.sizes else size
        return over_last(value, node, kept)
    if name in ("Softmax", "LogSoftmax", "Softmin"):
        dim = integer(arguments[0]) if arguments else None
        if dim is not None and dim < 0 and value.axis is not None and value.axis.at_right(-dim):
            return value
    if not moving:
        return Value(is_tensor=True)
    if name in ("Embedding", "Softmax", "LogSoftmax", "GroupNorm", "Conv1d", "Conv2d", "Conv3d", "Bilinear", "GLU"):
        raise Unproved(f"calls a {name}, through which the axis is not followed", node)
    raise Refused(f"calls `{reading.code.of(node.func)}`, a {name}, which is not known", node)


def _forward(reading: Reading, module: Module, values: list[Value], node: ast.Call) -> Value:
    assert module.defined is not None
    if not any(one.moves for one in values) and reading.depth > 2:
        return Value(is_tensor=True)
    forward = _method(reading.files, module.defined, "forward")
    if forward is None:
        raise Refused(f"calls `{reading.code.of(node.func)}`, whose `forward` is not known", node)
    return _opened(reading, forward, module.defined, values, node)


# --- functions --------------------------------------------------------------------------------------------------------


def call_of_tree(reading: Reading, node: ast.Call) -> Value | None:
    """Return what a call of a module or function of the tree gives; None if it is none."""
    name = dotted_name(node.func)
    if name.startswith("self.") and name.count(".") == 1 and reading.self_class is not None:
        method = _method(reading.files, reading.self_class, name.partition(".")[2])
        if method is not None:
            return _opened(reading, method, reading.self_class, _values_of(reading, node), node)
    held = _held(reading, node.func)
    if isinstance(held.module, Module):
        return called_module(reading, held.module, [reading.read(one) for one in node.args], node)
    defined = files_definition(reading, name)
    if defined is None:
        return None
    if isinstance(defined.node, ast.ClassDef):
        return None
    return _opened(reading, defined, None, _values_of(reading, node), node)


def _held(reading: Reading, node: ast.expr) -> Value:
    if isinstance(node, ast.Name | ast.Subscript) or dotted_name(node).startswith("self."):
        if isinstance(node, ast.Attribute) and dotted_name(node).count(".") > 1:
            return Value()
        if isinstance(node, ast.Name) and node.id not in reading.env:
            return Value()
        return reading.read(node)
    return Value()


def files_definition(reading: Reading, name: str) -> Defined | None:
    """Return the function or class of the tree that a name means here, or None."""
    if not name or name.partition(".")[0] in reading.env:
        return None
    return reading.files.definition(reading.code, name)


def _values_of(reading: Reading, node: ast.Call) -> list[tuple[str | None, Value]]:
    found: list[tuple[str | None, Value]] = [(None, reading.read(one)) for one in node.args]
    return found + [(one.arg, reading.read(one.value)) for one in node.keywords]


def _opened(
    reading: Reading,
    defined: Defined,
    owner: Defined | None,
    given: list[Value] | list[tuple[str | None, Value]],
    node: ast.Call,
) -> Value:
    """Return what a function of the tree gives; a place in it is told with its file."""
    function = defined.node
    assert not isinstance(function, ast.ClassDef)
    if reading.depth >= DEPTH or isinstance(function, ast.AsyncFunctionDef):
        raise Refused(f"calls `{reading.code.of(node.func)}`, which leads too far to be read", node)
    pairs = [one if isinstance(one, tuple) else (None, one) for one in given]
    env = _bound(defined, owner, pairs, node)
    inner = Reading(
        defined.code, reading.files, env, self_class=owner, loose=reading.loose, strict=True, depth=reading.depth + 1
    )
    try:
        return _handed_back(run(inner, function.body), [value for _, value in pairs], node)
    except Refused as error:
        if not any(value.moves for _, value in pairs) and isinstance(error, Unproved):
            return Value()
        line = getattr(error.node, "lineno", function.lineno)
        place = f"{defined.code.path}:{line}"
        reason = (
            error.reason
            if ".py:" in error.reason
            else f"calls `{reading.code.of(node.func)}`, which {error.reason} ({place})"
        )
        raise type(error)(reason, node) from None


def _handed_back(result: Value, given: list[Value], node: ast.Call) -> Value:
    """Return a result as the caller knows it: a count of axes that only the opened code knows is not known there."""
    known = {""} | {count.of for one in given for count in _counts(one)}
    if all(count.of in known for count in _counts(result)):
        return result
    if result.moves:
        raise Unproved(f"calls `{ast.unparse(node.func)}`, through which the axis is not followed", node)
    return Value(is_tensor=result.is_tensor)


def _counts(value: Value) -> list[Count]:
    found = [value.rank] if value.rank is not None else []
    found += [value.axis.left, value.axis.right] if value.axis is not None else []
    return found + [count for one in value.items or () for count in _counts(one)]


def _bound(
    defined: Defined, owner: Defined | None, pairs: list[tuple[str | None, Value]], node: ast.Call
) -> dict[str, Value]:
    """Return the arguments of a function by name."""
    function = defined.node
    assert not isinstance(function, ast.ClassDef)
    if function.args.vararg is not None or function.args.kwarg is not None:
        raise Refused("calls a function that takes any arguments", node)
    static = any(dotted_name(one) in ("staticmethod",) for one in function.decorator_list)
    known = {"staticmethod", "torch.no_grad", "torch.jit.script", "torch.compile", "override"}
    for one in function.decorator_list:
        if dotted_name(one) not in known:
            raise Refused(f"calls `{function.name}`, which is decorated", node)
    words = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
    if owner is not None and not static:
        words = words[1:]
    env = annotated(function)
    for one in (*words, *(one.arg for one in function.args.kwonlyargs)):
        env[one] = replace(env.get(one, Value()), text="", rank=None)
    positional = [value for word, value in pairs if word is None]
    if len(positional) > len(words):
        raise Refused("calls a function with more arguments than it takes", node)
    handed = dict(zip(words, positional, strict=False))
    handed |= {word: value for word, value in pairs if word is not None}
    defaults = [*function.args.defaults]
    for word, default in zip(words[len(words) - len(defaults) :] if defaults else [], defaults, strict=True):
        if word not in handed and isinstance(default, ast.Constant):
            handed[word] = Value(is_tensor=False, constant=default.value, rank=None)
    return env | {word: replace(value, fresh=False, view=True) for word, value in handed.items()}

