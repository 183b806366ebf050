"""What an attribute of `self` holds, as far as the class tells: a module, or a tensor with its axes."""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from patcher.syntax.loops.files import Defined, Files, Function, dotted_name
from patcher.syntax.loops.reading import DEPTH, Reading
from patcher.syntax.loops.values import Count, Refused, Value, number

__all__ = ["Module", "annotated", "attribute", "method_of"]


@dataclass(frozen=True, slots=True)
class Module:
    """A module that an attribute holds: of torch or of the tree, several in a row, a list, or one of several."""

    kind: str  # 'torch', 'tree', 'row', 'list', 'either'
    name: str = ""
    call: ast.Call | None = None
    defined: Defined | None = None
    parts: tuple[Module, ...] = ()


def attribute(reading: Reading, name: str) -> Value:
    """Return what an attribute of `self` is, as far as the class tells.

    Raises:
        Refused: it is a property.
    """
    assert reading.self_class is not None
    method = method_of(reading.files, reading.self_class, name)
    if method is not None and any("property" in dotted_name(one) for one in method.node.decorator_list):
        raise Refused(f"reads `self.{name}`, a property, which may do anything")
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
    inner = reading.inside(owner.code, _arguments_of(owner), owner)
    try:
        _bind_locals(inner, owner, value, DEPTH)
        known = inner.read(value)
    except Refused:
        return Value(text=text)
    return replace(known, text=text, fresh=False, module=None)


def _bind_locals(inner: Reading, owner: Defined, value: ast.expr, depth: int) -> None:
    """Read the local names of `__init__` that a value is made of, however far."""
    for one in ast.walk(value):
        bound = _local(owner, one.id) if isinstance(one, ast.Name) and one.id not in inner.env else None
        if bound is not None and depth and isinstance(one, ast.Name):
            _bind_locals(inner, owner, bound, depth - 1)
            inner.env[one.id] = inner.read(bound)


def _assigned(files: Files, owner: Defined, name: str) -> tuple[Defined, ast.expr] | None:
    """Return the one value that an attribute is given, in `__init__`, with the class whose `__init__` it is."""
    found: list[tuple[Defined, ast.expr, str]] = []
    for one in _classes(files, owner):
        for method in one.node.body:
            if isinstance(method, Function):
                found += [(one, value, method.name) for value in _values_given(method, name)]
    if len(found) != 1 or found[0][2] != "__init__":
        return None
    return found[0][:2]


def _values_given(method: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> list[ast.expr]:
    found: list[ast.expr] = []
    for node in ast.walk(method):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        for target in targets:  # what is added in place stays what it is
            if dotted_name(target) == f"self.{name}" and node.value is not None:  # type: ignore[attr-defined]
                found.append(node.value)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and _registers(node, name):
            found.append(node.args[1])
    return found


def _registers(node: ast.Call, name: str) -> bool:
    called = dotted_name(node.func) in ("self.register_buffer", "self.register_parameter")
    return called and len(node.args) > 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == name


def _classes(files: Files, owner: Defined) -> list[Defined]:
    """Return a class and those of the tree that it is derived from."""
    found: list[Defined] = []
    waiting = [owner]
    while waiting and len(found) < DEPTH:
        one = waiting.pop(0)
        found.append(one)
        for base in one.node.bases if isinstance(one.node, ast.ClassDef) else ():
            known = files.definition(one.code, dotted_name(base))
            if known is not None and isinstance(known.node, ast.ClassDef):
                waiting.append(known)
    return found


def method_of(files: Files, owner: Defined, name: str) -> Defined | None:
    """Return a method of a class, or of one that it is derived from, or None."""
    for one in _classes(files, owner):
        for node in one.node.body:
            if isinstance(node, Function) and node.name == name:
                return Defined(one.code, node, one.node)  # type: ignore[arg-type]
    return None


def _arguments_of(owner: Defined) -> dict[str, Value]:
    """Return what is known of the arguments of a class's `__init__`."""
    maker = _maker(owner)
    return annotated(maker) if maker is not None else {}


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


def _module(files: Files, owner: Defined, node: ast.expr, seen: tuple[str, ...] = ()) -> Module | None:
    """Return the module that an expression of `__init__` makes, or None."""
    if isinstance(node, ast.IfExp):
        parts = [_module(files, owner, one, seen) for one in (node.body, node.orelse)]
        return _either(parts)
    if isinstance(node, ast.Name) and node.id not in seen:
        bound = _local(owner, node.id)
        return _module(files, owner, bound, (*seen, node.id)) if bound is not None else None
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
    return _built(files, defined, seen) if defined is not None else None


def _built(files: Files, defined: Defined, seen: tuple[str, ...]) -> Module | None:
    """Return the module that a function of the tree gives back, or None."""
    name = f"{defined.code.path}::{defined.node.name}"
    results = [one.value for one in ast.walk(defined.node) if isinstance(one, ast.Return)]
    if not results or None in results or name in seen:
        return None
    return _either([_module(files, defined, one, (*seen, name)) for one in results if one is not None])


def _maker(owner: Defined) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the function in which modules are made: a class's `__init__`, or the function itself."""
    if isinstance(owner.node, Function):
        return owner.node
    return next((one for one in owner.node.body if isinstance(one, Function) and one.name == "__init__"), None)


def _local(owner: Defined, name: str) -> ast.expr | None:
    """Return the one value that a local name is given, or None."""
    maker = _maker(owner)
    stores = [one for one in ast.walk(maker or ast.Pass()) if isinstance(one, ast.Name) and one.id == name]
    stores = [one for one in stores if isinstance(one.ctx, ast.Store)]
    for node in ast.walk(maker or ast.Pass()):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and [node.targets[0]] == stores:
            return node.value
    return None


def _row(files: Files, owner: Defined, node: ast.Call, kind: str, seen: tuple[str, ...]) -> Module | None:
    """Return the modules in a row or list."""
    arguments: list[ast.expr] = []
    for one in node.args:
        inner = one.value if isinstance(one, ast.Starred) else one
        if isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Slice):
            inner = inner.value  # some of them, and nothing is said of which
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
    maker = _maker(owner)
    if maker is None:
        return None
    parts = [_put(node, name) for node in ast.walk(maker)]
    return None if None in parts else [one for part in parts for one in part or ()]


def _put(node: ast.AST, name: str) -> list[ast.expr] | None:
    """Return what a statement or a call puts into a list; None if that is not seen."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(one, ast.Subscript) and dotted_name(one.value) == name for one in targets):
            return None
        if not any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return []
        if isinstance(node.value, ast.ListComp):
            return [node.value.elt]
        return list(node.value.elts) if isinstance(node.value, ast.List) else None
    if isinstance(node, ast.Call) and dotted_name(node.func).startswith(f"{name}."):
        only = node.args[0] if len(node.args) == 1 else None
        if dotted_name(node.func) == f"{name}.append" and only is not None:
            return [only]
        extends = dotted_name(node.func) == f"{name}.extend" and isinstance(only, ast.List)
        return list(only.elts) if extends and isinstance(only, ast.List) else None
    return []


def _either(parts: list[Module | None]) -> Module | None:
    kept = tuple(one for one in parts if one is not None)
    return Module("either", parts=kept) if len(kept) == len(parts) else None
