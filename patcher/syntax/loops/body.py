"""The statements of opened code, run over what is known of its values; what they write outside of it is refused."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.modules import Module
from patcher.syntax.loops.reading import Reading, joined
from patcher.syntax.loops.values import UNKNOWN, Refused, Unproved, Value, aligned, number, tensor

__all__ = ["assign", "block", "names_of", "run", "statement"]

ROUNDS = 4


def run(reading: Reading, body: Sequence[ast.stmt]) -> Value:
    """Run a function's statements and return what it returns."""
    results: list[Value] = []
    block(reading, body, results)
    if not results:
        return Value(is_tensor=False, constant=None)
    for other in results[1:]:
        results[0] = joined(results[0], other, body[0])
    return results[0]


def block(reading: Reading, body: Sequence[ast.stmt], results: list[Value]) -> bool:
    """Run statements; return whether the end of them is never reached."""
    return any(_ends(reading, one, results) for one in body)


def _ends(reading: Reading, node: ast.stmt, results: list[Value]) -> bool:
    if isinstance(node, ast.Return):
        results.append(reading.read(node.value) if node.value is not None else Value(is_tensor=False, constant=None))
        return True
    if isinstance(node, ast.Raise | ast.Break | ast.Continue):
        return True
    if isinstance(node, ast.If):
        return _if(reading, node, results)
    if isinstance(node, ast.For):
        _for(reading, node, results)
        return False
    if isinstance(node, ast.With) and all(_is_plain_context(one.context_expr) for one in node.items):
        return block(reading, node.body, results)
    statement(reading, node)
    return False


def _is_plain_context(node: ast.expr) -> bool:
    name = dotted_name(node.func) if isinstance(node, ast.Call) else ""
    return name in ("torch.no_grad", "torch.enable_grad", "torch.autograd.set_detect_anomaly")


def _if(reading: Reading, node: ast.If, results: list[Value]) -> bool:
    test = reading.read(node.test)
    reading.check_truth(test, node.test)
    if test.constant is not UNKNOWN:
        return block(reading, node.body if test.constant else node.orelse, results)
    before = dict(reading.env)
    ended = block(reading, node.body, results)
    first, reading.env = reading.env, before
    other = block(reading, node.orelse, results)
    if ended:
        return other
    if other:
        reading.env = first
        return False
    reading.env = {name: joined(first[name], reading.env[name], node) for name in first if name in reading.env}
    return False


def _for(reading: Reading, node: ast.For, results: list[Value]) -> None:
    """Run a loop over what does not move until what is known of its names stays."""
    for target, value in _items(reading, node):
        assign(reading, target, value)
    for _ in range(ROUNDS):
        before = dict(reading.env)
        block(reading, node.body, results)
        reading.env = {
            name: joined(before[name], value, node) if name in before and not _grew(before[name], value) else value
            for name, value in reading.env.items()
        }
        if reading.env == before:
            return
    raise Unproved("has a loop in which a value gets ever more axes", node)


def _grew(before: Value, after: Value) -> bool:
    return before.items is not None and after.items is not None and len(after.items) > len(before.items)


def _items(reading: Reading, node: ast.For) -> list[tuple[ast.expr, Value]]:
    """Return what the targets of a loop over what does not move are."""
    iterated, target = node.iter, node.target
    name = dotted_name(iterated.func) if isinstance(iterated, ast.Call) else ""
    if name == "range":
        for one in iterated.args:  # type: ignore[attr-defined]
            if reading.read(one).moves:
                raise Refused("has a range that differs from turn to turn", node)
        return [(target, number())]
    if name == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        return [(target.elts[0], number()), (target.elts[1], _item(reading, iterated.args[0], node))]  # type: ignore[attr-defined]
    if name == "zip" and isinstance(target, ast.Tuple):
        parts = iterated.args  # type: ignore[attr-defined]
        return [(one, _item(reading, part, node)) for one, part in zip(target.elts, parts, strict=False)]
    return [(target, _item(reading, iterated, node))]


def _item(reading: Reading, node: ast.expr, loop: ast.For) -> Value:
    value = reading.read(node)
    if isinstance(value.module, Module) and value.module.kind in ("list", "row"):
        return Value(is_tensor=False, module=Module("either", parts=value.module.parts))
    if value.items:
        found = value.items[0]
        for other in value.items[1:]:
            found = joined(found, other, loop)
        return found
    if value.moves:
        raise Unproved("iterates over what differs from turn to turn", loop)
    if value.sizes:
        return tensor(value.sizes[1:])
    return Value()


# --- one statement ----------------------------------------------------------------------------------------------------


def statement(reading: Reading, node: ast.stmt) -> None:
    """Run one simple statement.

    Raises:
        Refused: it writes to what is not its own, or is of a kind that is not read.
    """
    match node:
        case ast.Expr():
            _expression(reading, node.value)
        case ast.Assign():
            value = reading.read(node.value)
            for target in node.targets:
                assign(reading, target, value)
        case ast.AnnAssign():
            if node.value is not None:
                assign(reading, node.target, reading.read(node.value))
        case ast.AugAssign():
            _augmented(reading, node)
        case ast.Assert():
            reading.check_truth(reading.read(node.test), node.test)
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                if (name := alias.asname or alias.name.partition(".")[0]) in reading.code.top:
                    reading.env[name] = Value()
        case ast.FunctionDef():  # what is called so is no definition of the file
            reading.env[node.name] = Value()
        case ast.Pass():
            return
        case ast.Try():
            raise Refused("has a `try` in it, which tells apart the turns that fail", node)
        case _:
            raise Refused(f"has a `{_word(node)}` in it", node)


def _word(node: ast.stmt) -> str:
    words = {"asyncfor": "async for", "asyncwith": "async with", "classdef": "class", "functiondef": "def"}
    kind = type(node).__name__.lower()
    return words.get(kind, {"delete": "del"}.get(kind, kind))


def _expression(reading: Reading, node: ast.expr) -> None:
    if isinstance(node, ast.Constant):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
        name, held = node.func.value.id, reading.env.get(node.func.value.id)
        if node.func.attr in ("append", "extend") and held is not None and held.items is not None and held.fresh:
            value = reading.read(node.args[0])
            more = (value,) if node.func.attr == "append" else value.items or (Value(),)
            new = tuple(one for one in more if one not in held.items)
            reading.env[name] = replace(held, items=(*held.items, *new))
            return
    reading.read(node)


def _augmented(reading: Reading, node: ast.AugAssign) -> None:
    value = reading.read(node.value)
    if not isinstance(node.target, ast.Name):
        raise Refused(f"writes to `{reading.code.of(node.target)}`", node)
    before = reading.read(ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target))
    own = before.fresh or (before.is_tensor is False and before.items is None)
    in_front = reading.loop is None and not reading.depth
    if not own and not in_front:
        raise Refused(f"writes in place to `{node.target.id}`, which is a part of something else", node)
    if isinstance(node.op, ast.MatMult):
        raise Unproved("multiplies matrices in place", node)
    if before.items is not None:
        reading.env[node.target.id] = replace(before, items=(*before.items, *(value.items or (Value(),))))
        return
    reading.env[node.target.id] = replace(aligned([before, value], node), fresh=True, text="")


def assign(reading: Reading, target: ast.expr, value: Value) -> None:
    """Give a target its value."""
    if isinstance(target, ast.Name) and reading.depth:
        reading.env[target.id] = value
    elif isinstance(target, ast.Name) and target.id in reading.many:
        reading.env[target.id] = replace(value, text="") if value.text == target.id else value
    elif isinstance(target, ast.Name):
        if not value.moves and value.shape_of is None and value.items is None and value.is_tensor is not False:
            value = replace(value, text=target.id, rank=value.rank or reading.rank_of(target.id))
        if value.is_tensor is False and value.items is None and value.shape_of is None and not value.text:
            value = replace(value, text=target.id)
        reading.env[target.id] = value
    elif isinstance(target, ast.Tuple | ast.List):
        _spread(reading, target, value)
    elif isinstance(target, ast.Starred):
        assign(reading, target.value, Value())
    else:
        raise Refused(f"writes to `{reading.code.of(target)}`", target)


def _spread(reading: Reading, target: ast.Tuple | ast.List, value: Value) -> None:
    starred = any(isinstance(one, ast.Starred) for one in target.elts)
    if value.shape_of is not None and not starred:
        _spread_shape(reading, target, value.shape_of)
        return
    if value.items is not None and len(value.items) == len(target.elts) and not starred:
        for one, item in zip(target.elts, value.items, strict=True):
            assign(reading, one, item)
        return
    if value.anywhere and not starred:
        for one in target.elts:
            assign(reading, one, value)
        return
    if value.moves:
        raise Unproved("takes apart what differs from turn to turn", target)
    for one in target.elts:
        assign(reading, one, Value(is_tensor=value.is_tensor if value.shape_of is None else False))


def _spread_shape(reading: Reading, target: ast.Tuple | ast.List, of: Value) -> None:
    """Take a shape apart: its names are the sizes, and their number is the rank."""
    words = [one.id if isinstance(one, ast.Name) and one.id not in reading.many else "" for one in target.elts]
    if of.anywhere:
        raise Unproved("takes apart the shape of what differs from turn to turn", target)
    if of.axis is not None:
        if not of.axis.left.known or of.axis.merged:
            raise Unproved("takes apart a shape whose axes are not known", target)
        at = of.axis.left.extra
        where = reading.code.span(target.elts[at])[0] if at < len(words) else reading.code.span(target.elts[-1])[1]
        reading.edit(where, where, "_, " if at < len(words) else ", _", target)
    known = of.sizes or ("",) * len(words)
    if len(known) != len(words):
        known = ("",) * len(words)
    words = [reading.own(word) if word != "_" else "" for word in words]
    plain = tuple(word or size for word, size in zip(words, known, strict=True))
    for size, one in zip(plain, target.elts, strict=True):
        assign(reading, one, number(text=size))
    if of.sizes is not None and len(of.sizes) != len(words):
        return
    for name, held in list(reading.env.items()):
        if (held is of or (held.text == of.text and of.text and held.is_tensor is not False)) and held.axis == of.axis:
            reading.env[name] = tensor(
                plain, held.axis, text=held.text, fresh=held.fresh, view=held.view, outside=held.outside
            )
    if of.text and of.text not in reading.env and of.axis is None and "." not in of.text:
        reading.env[of.text] = tensor(plain, text=of.text)


def names_of(node: ast.AST) -> set[str]:
    """Return the names that are bound in some code."""
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
