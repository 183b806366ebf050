"""Modules and functions of the tree, opened as far as needed: what a call of one makes of a value that moves.

Opened code is never edited. So a call may stand as it is where the opened code gives, for all turns at once, what it
gives turn by turn: where nothing in it counts an axis across the loop's, writes anywhere, or draws at random.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops import names
from patcher.syntax.loops.axes import over_last
from patcher.syntax.loops.body import run
from patcher.syntax.loops.files import Defined, dotted_name
from patcher.syntax.loops.modules import Module, annotated, method_of
from patcher.syntax.loops.reading import DEPTH, Reading, integer, joined
from patcher.syntax.loops.values import Count, Refused, Unproved, Value

__all__ = ["call_of_tree"]


def call_of_tree(reading: Reading, node: ast.Call) -> Value | None:
    """Return what a call of a module or function of the tree gives; None if it is none."""
    name = dotted_name(node.func)
    if name.startswith("self.") and name.count(".") == 1 and reading.self_class is not None:
        method = method_of(reading.files, reading.self_class, name.partition(".")[2])
        if method is not None:
            given, written = _values_of(reading, node), reading.written_to_self
            return _opened(reading, method, reading.self_class, given, node, written)
    held = _held(reading, node.func)
    if isinstance(held.module, Module):
        return _called_module(reading, held.module, [reading.read(one) for one in node.args], node)
    defined = _definition(reading, name)
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


def _definition(reading: Reading, name: str) -> Defined | None:
    """Return the function or class of the tree that a name means here, or None."""
    if not name or name.partition(".")[0] in reading.env:
        return None
    return reading.files.definition(reading.code, name)


def _values_of(reading: Reading, node: ast.Call) -> list[tuple[str | None, Value]]:
    handed = [*node.args, *(one.value for one in node.keywords)]
    if reading.written_to_self and any(isinstance(one, ast.Name) and one.id == "self" for one in handed):
        raise Refused("hands on `self`, to which it writes", node)
    found: list[tuple[str | None, Value]] = [(None, reading.read(one)) for one in node.args]
    return found + [(one.arg, reading.read(one.value)) for one in node.keywords]


def _called_module(reading: Reading, module: Module, values: list[Value], node: ast.Call) -> Value:
    """Return what a module gives."""
    first = values[0] if values else Value()
    match module.kind:
        case "row":
            for part in module.parts:
                first = _called_module(reading, part, [first], node)
            return first
        case "either":
            results = [_called_module(reading, one, values, node) for one in module.parts]
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
    forward = method_of(reading.files, module.defined, "forward")
    if forward is None:
        raise Refused(f"calls `{reading.code.of(node.func)}`, whose `forward` is not known", node)
    return _opened(reading, forward, module.defined, values, node)


def _opened(
    reading: Reading,
    defined: Defined,
    owner: Defined | None,
    given: list[Value] | list[tuple[str | None, Value]],
    node: ast.Call,
    written: frozenset[str] = frozenset(),
) -> Value:
    """Return what a function of the tree gives; a place in it is told with its file. `written`: of self."""
    function = defined.node
    assert not isinstance(function, ast.ClassDef)
    if reading.depth >= DEPTH or isinstance(function, ast.AsyncFunctionDef):
        raise Refused(f"calls `{reading.code.of(node.func)}`, which leads too far to be read", node)
    pairs = [one if isinstance(one, tuple) else (None, one) for one in given]
    env = _bound(defined, owner, pairs, node)
    inner = replace(reading.inside(defined.code, env, owner, loose=reading.loose), assigned=written)
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
    for decorator in function.decorator_list:
        if dotted_name(decorator) not in known:
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
