"""Expressions, one reader for each kind: what is known of each in one turn."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from patcher.syntax.loops.along import axes_counted
from patcher.syntax.loops.axes import multiplied
from patcher.syntax.loops.calls import called
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.indexing import taken
from patcher.syntax.loops.modules import attribute
from patcher.syntax.loops.reading import Reading, joined
from patcher.syntax.loops.values import UNKNOWN, Count, Refused, Unproved, Value, aligned, number, tensor

__all__ = ["expression"]


def expression(reading: Reading, node: ast.expr) -> Value:
    """Return what an expression is in one turn; what is of no kind that is known may stand if nothing in it moves."""
    reader = _READERS.get(type(node))
    return reader(reading, node) if reader is not None else reading.anything(node)


def _constant(reading: Reading, node: ast.Constant) -> Value:
    plain = isinstance(node.value, bool | int | float | complex)
    return number(node.value, reading.code.of(node)) if plain else Value(is_tensor=False, constant=node.value)


def _name(reading: Reading, node: ast.Name) -> Value:
    found = reading.named(node)
    if node.id in reading.alias:
        reading.put(node, reading.alias[node.id])
    return found


def _attribute(reading: Reading, node: ast.Attribute) -> Value:
    name = dotted_name(node)
    if name in reading.env:
        return reading.env[name]
    if name in reading.assigned:
        raise Refused(f"carries `{name}` from turn to turn", node)
    if reading.code.meaning(node):
        return Value(text=reading.own(name))
    if name.startswith("self.") and name.count(".") == 1 and reading.self_class is not None:
        return attribute(reading, node.attr)
    base = reading.read(node.value)
    if node.attr == "shape":
        return Value(is_tensor=False, shape_of=base)
    if not base.moves:
        transposed = node.attr in ("T", "mT") and base.sizes is not None and len(base.sizes) >= 2
        if transposed and base.sizes is not None:
            return tensor((*base.sizes[:-2], base.sizes[-1], base.sizes[-2]))
        return Value(text=reading.own(name))
    if node.attr == "ndim":
        return axes_counted(reading, node)
    if node.attr in ("dtype", "device", "requires_grad", "is_cuda"):
        return Value(is_tensor=False)
    if node.attr == "mT" and base.axis is not None and base.axis.at_right(2):
        sizes = base.sizes and (*base.sizes[:-2], base.sizes[-1], base.sizes[-2])
        return replace(base, sizes=sizes)
    if node.attr in ("T", "mT", "H", "mH", "real", "imag") and base.is_tensor:
        raise Unproved(f"takes `.{node.attr}` of what differs from turn to turn", node)
    raise Refused(f"takes `.{node.attr}` of what differs from turn to turn", node)


def _tuple(reading: Reading, node: ast.Tuple) -> Value:
    return Value(is_tensor=False, items=tuple(reading.read(one) for one in node.elts))


def _list(reading: Reading, node: ast.List) -> Value:
    if any(isinstance(one, ast.Starred) for one in node.elts):
        return reading.anything(node)
    return Value(is_tensor=False, items=tuple(reading.read(one) for one in node.elts), fresh=True)


def _listcomp(reading: Reading, node: ast.ListComp) -> Value:
    """Read a list over a range, whose items are all alike."""
    only = node.generators[0]
    ranged = isinstance(only.iter, ast.Call) and dotted_name(only.iter.func) == "range" and not only.ifs
    if len(node.generators) > 1 or not ranged or not isinstance(only.target, ast.Name):
        return reading.anything(node)
    if any(reading.read(one).moves for one in only.iter.args):  # type: ignore[attr-defined]
        return reading.anything(node)
    before = reading.env.get(only.target.id)
    reading.env[only.target.id] = number()
    try:
        value = reading.read(node.elt)
    finally:
        reading.env.pop(only.target.id)
        if before is not None:
            reading.env[only.target.id] = before
    return reading.anything(node) if value.moves else Value(is_tensor=False, items=(value,), fresh=True)


def _unaryop(reading: Reading, node: ast.UnaryOp) -> Value:
    value = reading.read(node.operand)
    if isinstance(node.op, ast.Not):
        reading.check_truth(value, node)
        known = value.constant is not UNKNOWN
        return Value(is_tensor=False, constant=not value.constant if known else UNKNOWN)
    if isinstance(node.op, ast.USub) and isinstance(value.constant, int | float):
        return number(-value.constant, reading.code.of(node))
    return aligned([value], node)


def _binop(reading: Reading, node: ast.BinOp) -> Value:
    left, right = reading.read(node.left), reading.read(node.right)
    shifted = _shifted(left, right, node.op)
    if shifted is not None:
        return Value((), Count(0), is_tensor=False, index=shifted)
    if isinstance(node.op, ast.MatMult):
        return multiplied(left, right, node)
    if left.items is not None and right.items is not None:
        return replace(left, items=(*left.items, *right.items), text="")
    found = aligned([left, right], node)
    if found.is_tensor is False:
        return number(_folded(node.op, left, right), "")
    return replace(found, text="", fresh=found.is_tensor is True)


def _boolop(reading: Reading, node: ast.BoolOp) -> Value:
    values = [reading.read(one) for one in node.values]
    for one in values:
        reading.check_truth(one, node)
    for one in values[:-1]:  # the first one that decides is what it gives
        if one.constant is UNKNOWN:
            break
        if bool(one.constant) is isinstance(node.op, ast.Or):
            return one
    else:
        return values[-1]
    plain = all(one.is_tensor is False and one.items is None for one in values)
    return Value(is_tensor=False) if plain else Value()


def _compare(reading: Reading, node: ast.Compare) -> Value:
    values = [reading.read(one) for one in (node.left, *node.comparators)]
    identity = any(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops)
    if identity and any(one.moves for one in values):
        if all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):  # a tensor at every turn, or at none
            return Value(is_tensor=False)
        raise Refused("asks whether a tensor is in something", node)
    if any(one.index is not None for one in values):
        return Value((), Count(0), is_tensor=False, index=0)  # a truth that moves; who takes it is refused
    if not identity and len(node.ops) == 1 and all(isinstance(one.constant, int | float) for one in values):
        return number(_COMPARED[type(node.ops[0])](values[0].constant, values[1].constant))
    if len(node.ops) > 1 and any(one.moves for one in values):
        raise Refused("branches on a tensor", node)
    return aligned(values, node)


def _ifexp(reading: Reading, node: ast.IfExp) -> Value:
    test = reading.read(node.test)
    reading.check_truth(test, node.test)
    if test.constant is not UNKNOWN:
        return reading.read(node.body if test.constant else node.orelse)
    return joined(reading.read(node.body), reading.read(node.orelse), node)


def _lambda(reading: Reading, node: ast.Lambda) -> Value:
    raise Refused("makes a function in every turn", node)


def _shifted(left: Value, right: Value, op: ast.operator) -> int | None:
    """Return the offset of `t + 1`, `t - 1` and `1 + t`, or None."""
    for one, other, minus in ((left, right, isinstance(op, ast.Sub)), (right, left, False)):
        if one.index is not None and isinstance(other.constant, int) and isinstance(op, ast.Add | ast.Sub):
            if one is right and isinstance(op, ast.Sub):
                continue
            return one.index - other.constant if minus else one.index + other.constant
    return None


def _folded(op: ast.operator, left: Value, right: Value) -> Any:
    a, b = left.constant, right.constant
    if not (isinstance(a, int) and isinstance(b, int)):
        return UNKNOWN
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
    return UNKNOWN


_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
}


_READERS: dict[type[ast.expr], Callable[[Reading, Any], Value]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.ListComp: _listcomp,
    ast.UnaryOp: _unaryop,
    ast.BinOp: _binop,
    ast.BoolOp: _boolop,
    ast.Compare: _compare,
    ast.IfExp: _ifexp,
    ast.Lambda: _lambda,
    ast.Subscript: taken,
    ast.Call: called,
}
