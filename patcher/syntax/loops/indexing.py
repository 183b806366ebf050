"""Subscripts: what is taken of one turn is taken behind the loop's axis in the batched code."""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops.axes import found_at
from patcher.syntax.loops.elements import element, element_moves, fixed
from patcher.syntax.loops.reading import Reading, integer
from patcher.syntax.loops.turns import turns
from patcher.syntax.loops.values import Axis, Refused, Unproved, Value, number

__all__ = ["taken"]


def taken(reading: Reading, node: ast.Subscript) -> Value:
    """Return what a subscript takes in one turn."""
    base = reading.read(node.value)
    if base.shape_of is not None:
        return _size(reading, base.shape_of, node)
    if base.items is not None:
        return _item(reading, base, node)
    elements = [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(element_moves(reading, one) for one in elements):
        return turns(reading, base, node, elements)
    if base.axis is not None:
        return _of_one_turn(reading, base, node, elements)
    for one in elements:
        reading.read(one) if not isinstance(one, ast.Slice) else _bounds(reading, one)
    if base.anywhere:
        return Value(anywhere=True, is_tensor=True)
    return fixed(reading, base, node, elements)


def _bounds(reading: Reading, node: ast.Slice) -> None:
    for one in (node.lower, node.upper, node.step):
        if one is not None:
            reading.read(one)


def _item(reading: Reading, base: Value, node: ast.Subscript) -> Value:
    """Return one item of a list or tuple."""
    at = integer(node.slice)
    assert base.items is not None
    if at is not None and -len(base.items) <= at < len(base.items):
        return base.items[at]
    value = reading.read(node.slice) if not isinstance(node.slice, ast.Slice) else Value()
    if value.moves:
        raise Refused(f"takes items of the list `{reading.code.of(node.value)}`, and not of a tensor", node)
    if base.moves:
        raise Unproved("takes an item of a list of what differs from turn to turn", node)
    return Value()


def _size(reading: Reading, of: Value, node: ast.Subscript) -> Value:
    """Return one size of a tensor."""
    at = integer(node.slice)
    if at is None and of.moves:
        raise Unproved("takes part of the shape of what differs from turn to turn", node)
    if at is None:
        return Value()
    if of.axis is not None:
        new, _ = found_at(of.axis, at, node)
        reading.put(node.slice, str(new))
    if of.anywhere:
        return number()
    known = of.sizes is not None and -len(of.sizes) <= at < len(of.sizes)
    text = of.sizes[at] if known and of.sizes else f"{of.text}.shape[{at}]" if of.text and of.axis is None else ""
    return number(text=text)


def _of_one_turn(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return a part of one turn; in the batched code the same part of all turns."""
    assert base.axis is not None
    axis, at = base.axis, 0
    if axis.merged:
        raise Unproved("takes a part of a slice that keeps the loop's axis", node)
    left, right, least = axis.left, axis.right, axis.least
    insert_before: ast.expr | None = None
    behind_rest = False
    seen_right = 0
    kinds = [element(reading, one) for one in elements]
    if "other" in kinds:
        raise Unproved("indexes one turn with a tensor", node)
    if "rest" in kinds:
        behind = sum(kind in ("keep", "drop", "all") for kind in kinds[kinds.index("rest") + 1 :])
        if axis.at_right(behind) is not True:
            raise Unproved("counts axes from the right, where not all are known", node)
    for one, kind in zip(elements, kinds, strict=True):
        if kind == "rest":
            behind_rest = True
            continue
        if not behind_rest and not axis.left.known:
            raise Unproved("counts axes from the left, where not all are known", node)
        is_left = not behind_rest and at < axis.left.extra
        if not behind_rest and at == axis.left.extra and insert_before is None:
            insert_before = one
        if kind == "add":
            left, right = (left.plus(1), right) if is_left else (left, right.plus(1))
            continue
        if kind == "drop":
            left, right = (left.plus(-1), right) if is_left else (left, right.plus(-1))
        at += not behind_rest
        if not is_left:
            seen_right += 1
    gone = sum(kind == "drop" for kind in kinds)
    more = sum(kind == "add" for kind in kinds)
    least = max(least, seen_right) - (axis.right.extra - right.extra)
    if insert_before is not None and not _only_rest(elements, insert_before):
        start = reading.code.span(insert_before)[0]
        reading.edit(start, start, ":, ", node)
        _shorten(reading, node, elements, insert_before, base)
    sizes = fixed(reading, replace(base, axis=None), node, elements).sizes if base.sizes is not None else None
    rank = base.rank.plus(more - gone) if base.rank else None
    return Value(sizes, rank, Axis(left, right, max(0, least)), is_tensor=True, view=True, outside=base.outside)


def _only_rest(elements: list[ast.expr], first: ast.expr) -> bool:
    """Tell whether all that is left of a subscript takes everything."""
    rest = elements[elements.index(first) :]
    return all(isinstance(one, ast.Slice) and one.lower is one.upper is one.step is None for one in rest)


def _shorten(reading: Reading, node: ast.Subscript, elements: list[ast.expr], first: ast.expr, base: Value) -> None:
    """Write `...` for all axes that are taken whole in front of the last one, where only that is cut."""
    cut = [one for one in elements if not (isinstance(one, ast.Slice) and one.lower is one.upper is one.step is None)]
    count = None if base.rank is None or not base.rank.known else base.rank.extra
    whole = count is not None and len(elements) == count
    if whole and len(elements) >= 2 and cut == [elements[-1]] and isinstance(elements[-1], ast.Slice):
        start, end = reading.code.span(elements[0])[0], reading.code.span(elements[-1])[0]
        at = reading.code.span(first)[0]
        reading.edits[:] = [one for one in reading.edits if one != (at, at, ":, ")]
        reading.edit(start, end, "..., ", node)
