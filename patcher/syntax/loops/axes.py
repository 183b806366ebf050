"""How the loop's axis travels through what counts axes: where an axis of one turn is found in the batched tensor."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from patcher.syntax.loops.values import Axis, Count, Refused, Unproved, Value, aligned, tensor

__all__ = [
    "LEFT",
    "RIGHT",
    "found_at",
    "inserted_at",
    "multiplied",
    "over_last",
    "swapped",
    "with_one_more",
    "without",
]

LEFT, RIGHT = "left", "right"


def found_at(axis: Axis, dim: int, node: ast.AST) -> tuple[int, str]:
    """Return the axis of the batched tensor that is the axis `dim` of one turn, and the side on which it lies.

    Raises:
        Unproved: it is not known on which side it lies.
    """
    own = 0 if axis.merged else 1
    if dim >= 0:
        if not axis.left.known:
            raise Unproved(f"counts axis {dim} from the left, where not all axes are known", node)
        before = axis.left.extra
        if axis.merged and dim == before:
            raise Unproved("works on the axis of size 1 that the slice leaves", node)
        return (dim, LEFT) if dim < before else (dim + own, RIGHT)
    sure = axis.at_right(-dim)
    if sure:
        return dim, RIGHT
    if sure is None:
        raise Unproved(f"counts axis {dim} from the right, where not all axes are known", node)
    if axis.merged and -dim == axis.right.extra + 1:
        raise Unproved("works on the axis of size 1 that the slice leaves", node)
    return dim - own, LEFT


def inserted_at(axis: Axis, dim: int, node: ast.AST) -> tuple[int, str]:
    """Return where a new axis goes in the batched tensor that is to be the axis `dim` of one turn."""
    if axis.merged:
        raise Unproved("adds an axis beside the one of size 1 that the slice leaves", node)
    if dim >= 0:
        if not axis.left.known:
            raise Unproved(f"counts axis {dim} from the left, where not all axes are known", node)
        return (dim, LEFT) if dim < axis.left.extra else (dim + 1, RIGHT)
    sure = True if dim == -1 else axis.at_right(-dim - 1)
    if sure is None:
        raise Unproved(f"counts axis {dim} from the right, where not all axes are known", node)
    return (dim, RIGHT) if sure else (dim - 1, LEFT)


def without(value: Value, dims: Sequence[tuple[int, str]], node: ast.AST) -> Value:
    """Return a value without some axes of one turn, each given with its side."""
    sizes = value.sizes
    if sizes is not None:
        gone = {dim % len(sizes) if sizes else 0 for dim, _ in dims}
        sizes = tuple(size for at, size in enumerate(sizes) if at not in gone)
    rank = value.rank.plus(-len(dims)) if value.rank else None
    axis = value.axis
    if axis is not None:
        left = sum(side == LEFT for _, side in dims)
        right = len(dims) - left
        axis = replace(
            axis, left=axis.left.plus(-left), right=axis.right.plus(-right), least=max(0, axis.least - right)
        )
        if min(axis.left.extra if axis.left.known else 0, axis.right.extra if axis.right.known else 0) < 0:
            raise Unproved("takes away more axes than there are", node)
    return Value(sizes, rank, axis, is_tensor=True, view=value.view, outside=value.outside)


def with_one_more(value: Value, dim: int, side: str, size: str = "1") -> Value:
    """Return a value with a new axis `dim` of one turn."""
    sizes = value.sizes
    if sizes is not None:
        at = dim if dim >= 0 else len(sizes) + 1 + dim
        sizes = (*sizes[:at], size, *sizes[at:])
    rank = value.rank.plus(1) if value.rank else None
    axis = value.axis
    if axis is not None and side == LEFT:
        axis = replace(axis, left=axis.left.plus(1))
    elif axis is not None:
        axis = replace(axis, right=axis.right.plus(1), least=axis.least + 1)
    return Value(sizes, rank, axis, is_tensor=True, view=True, outside=value.outside)


def _rows_alone(axis: Axis, right: Value) -> bool:
    """Tell whether no axis of one matrix meets another than its own of the other: whatever lies left is a batch."""
    if right.axis is None:
        return right.rank == Count(2) and axis.at_right(1) is True
    two = axis.at_right(2) and right.axis.at_right(2)
    return bool(two) and axis.right == right.axis.right and axis.left == right.axis.left


def multiplied(left: Value, right: Value, node: ast.AST) -> Value:
    """Return the product of two matrices (`@`).

    Raises:
        Unproved: in the batched code other axes could meet.
    """
    if left.index is not None or right.index is not None:
        raise Refused("uses the loop's variable as a number, not only as an index", node)
    if not left.moves and not right.moves:
        if left.sizes is None or right.sizes is None or min(len(left.sizes), len(right.sizes)) < 2:
            return Value(is_tensor=True)
        outer = aligned([tensor(left.sizes[:-2]), tensor(right.sizes[:-2])], node)
        return tensor((*(outer.sizes or ()), left.sizes[-2], right.sizes[-1]))
    if left.anywhere or right.anywhere:
        return Value(anywhere=True, is_tensor=True)
    if left.axis is not None and not left.axis.merged and _rows_alone(left.axis, right):
        sizes = None
        if left.sizes is not None and right.sizes is not None:
            sizes = (*left.sizes[:-1], right.sizes[-1])
        return tensor(sizes, left.axis, rank=left.rank, fresh=True)
    raise Unproved("multiplies matrices whose loop axis could meet another axis", node)


def over_last(value: Value, node: ast.AST, size: str = "") -> Value:
    """Return what a linear map of the last axis gives.

    Raises:
        Unproved: the last axis need not be one of a turn.
    """
    if value.anywhere:
        return value
    if value.axis is not None and value.axis.at_right(1) is not True:
        raise Unproved("works on the last axis, where not all axes are known", node)
    sizes = (*value.sizes[:-1], size) if value.sizes else None
    return Value(sizes, value.rank, value.axis, is_tensor=True, fresh=True)


def swapped(value: Value, one: int, other: int) -> Value:
    """Return one turn with two axes in each other's place."""
    sizes = value.sizes
    if sizes is not None:
        found = list(sizes)
        if not all(-len(found) <= dim < len(found) for dim in (one, other)):
            raise Unproved("swaps axes that are not there")
        found[one], found[other] = found[other], found[one]
        sizes = tuple(found)
    return replace(value, sizes=sizes, view=True, fresh=False, text="")
