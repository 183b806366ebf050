"""What is known of a value in one turn of a loop, and where the loop's axis lies in the tensor of all turns.

In one turn `x[:, t]` has the axes of `x` but one; the batched code has `x` itself, with the loop's axis in its place.
So a value is told by the axes that it has in one turn and by how many of them lie left of the loop's axis. Counts that
no text tells are symbolic: two values whose unknown part is the same tensor's can still be seen to agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["UNKNOWN", "Axis", "Count", "Refused", "Unproved", "Value", "aligned", "number", "tensor"]


class Refused(Exception):  # noqa: N818  # what became of a loop, in the words of the outcomes
    """The loop must not be batched; `node` is the place in the text, where there is one of its own."""

    def __init__(self, reason: str, node: Any = None) -> None:
        super().__init__(reason)
        self.reason, self.node = reason, node


class Unproved(Refused):
    """Nothing speaks against it, yet the text does not show how the axis travels here."""


@dataclass(frozen=True, slots=True, order=True)
class Count:
    """A number of axes: `extra`, and as many as the tensor called `of` has, where that is not known."""

    extra: int
    of: str = ""

    @property
    def known(self) -> bool:
        """Whether it is a number."""
        return not self.of

    def plus(self, more: int) -> Count:
        """Return a count of so many more."""
        return replace(self, extra=self.extra + more)

    def less(self, other: Count) -> Count | None:
        """Return the difference, or None where it is not known."""
        if other.known:
            return self.plus(-other.extra)
        return Count(self.extra - other.extra) if self.of == other.of else None


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the loop's axis lies: how many axes of one turn are left and right of it, of the right ones at least some.

    `merged`: one turn has an axis of size 1 in its place (`x[:, t:t + 1]`), which left and right do not count.
    """

    left: Count
    right: Count
    least: int = 0
    merged: bool = False

    def at_right(self, count: int) -> bool | None:
        """Tell whether the last `count` axes of one turn are all right of it; None if that is not known."""
        if self.right.known:
            return self.right.extra >= count
        return True if self.least >= count else None


UNKNOWN: Any = object()


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of an expression in one turn.

    `sizes` are its axes as text, empty where unknown; None if not even their number is. `rank` is that number. `axis`
    is there if it differs from turn to turn, `anywhere` if it does and nothing is known of its axes. `index` is the
    offset of what is the loop's variable plus a number. `items` are the values of a list or tuple. `shape_of`: it is
    the shape of another value. `fresh`: the function computed it, so that nobody else sees what is written to it.
    `view`: it is a part of something else, `outside`: of what was there in front of the loop. `module` is the module
    that it is.
    """

    sizes: tuple[str, ...] | None = None
    rank: Count | None = None
    axis: Axis | None = None
    anywhere: bool = False
    is_tensor: bool | None = None
    index: int | None = None
    constant: Any = UNKNOWN
    items: tuple[Value, ...] | None = None
    shape_of: Value | None = None
    fresh: bool = False
    view: bool = False
    outside: bool = False
    module: Any = field(default=None, compare=False)
    text: str = ""

    @property
    def moves(self) -> bool:
        """Whether it differs from turn to turn."""
        return (
            self.axis is not None
            or self.anywhere
            or self.index is not None
            or any(one.moves for one in self.items or ())
            or (self.shape_of is not None and self.shape_of.moves)
        )

    def size(self, dim: int) -> str:
        """Return the size of an axis as text, empty where it is not known or not there."""
        sizes = self.sizes or ()
        return sizes[dim] if -len(sizes) <= dim < len(sizes) else ""

    @property
    def is_number(self) -> bool:
        """Whether it is a plain number or a tensor without axes that is the same at every turn."""
        plain = (self.is_tensor is False and self.items is None) or self.rank == Count(0)
        return plain and not self.moves


def number(constant: Any = UNKNOWN, text: str = "") -> Value:
    """Return what is known of a plain number."""
    return Value((), Count(0), is_tensor=False, constant=constant, text=text)


def tensor(sizes: tuple[str, ...] | None, axis: Axis | None = None, rank: Count | None = None, **known: Any) -> Value:
    """Return what is known of a tensor with these axes in one turn."""
    rank = Count(len(sizes)) if sizes is not None else rank
    if sizes is None and rank is not None and rank.known:
        sizes = ("",) * rank.extra
    return Value(sizes, rank, axis, is_tensor=True, **known)


def aligned(values: list[Value], node: Any) -> Value:
    """Return the result of what is computed place by place, as broadcasting aligns it.

    Raises:
        Unproved: in the batched code other axes could meet.
    """
    if any(one.index is not None for one in values):
        raise Refused("uses the loop's variable as a number, not only as an index", node)
    if any(one.anywhere for one in values):
        return Value(anywhere=True, is_tensor=True)
    tensors = [one for one in values if not one.is_number]
    along = [one for one in tensors if one.axis is not None]
    if not along:
        return _broadcast(tensors, values)
    first = along[0].axis
    assert first is not None
    for one in along[1:]:
        assert one.axis is not None
        if one.axis.merged != first.merged or one.axis.right != first.right:
            raise Unproved("aligns tensors whose loop axes lie at different places", node)
    for one in tensors:
        if one.axis is None and not _right_of(one, first):
            raise Unproved("aligns a tensor whose number of axes is not known here", node)
    widest = _widest(along, node)
    least = max(one.axis.least for one in along if one.axis)
    assert widest.axis is not None
    return tensor(widest.sizes, replace(widest.axis, least=least), rank=widest.rank, fresh=True)


def _right_of(fixed: Value, axis: Axis) -> bool:
    """Tell whether all axes of a tensor that does not move meet those right of the loop's axis."""
    if fixed.rank is None or fixed.items is not None:
        return False
    room = axis.right.less(fixed.rank)
    if room is not None and room.known:
        return room.extra >= 0
    return fixed.rank.known and axis.least >= fixed.rank.extra


def _widest(along: list[Value], node: Any) -> Value:
    """Return the value with most axes left of the loop's: those on the right are as many in all."""
    best = along[0]
    for one in along[1:]:
        assert one.axis is not None and best.axis is not None
        more = one.axis.left.less(best.axis.left)
        if more is None or not more.known:
            raise Unproved("aligns tensors whose numbers of axes are not known here", node)
        best = one if more.extra > 0 else best
    return best


def _broadcast(tensors: list[Value], values: list[Value]) -> Value:
    if not tensors:
        plain = all(one.is_tensor is False for one in values)
        return number() if plain else tensor(()) if values else Value()
    if any(one.rank is None or one.items is not None for one in tensors):
        return Value(is_tensor=True if any(one.is_tensor for one in tensors) else None)
    first = tensors[0]
    if all(one.sizes is not None for one in tensors):
        widest = max((one.sizes or () for one in tensors), key=len)
        return tensor(_sizes([one.sizes or () for one in tensors], len(widest)))
    sure = True if any(one.is_tensor for one in tensors) else None
    same = all(one.rank == first.rank for one in tensors)
    return replace(tensor(None, rank=first.rank), is_tensor=sure) if same else Value(is_tensor=sure)


def _sizes(shapes: list[tuple[str, ...]], count: int) -> tuple[str, ...]:
    """Return the sizes after broadcasting; one that the text does not settle is empty."""
    found = []
    for at in range(1, count + 1):
        here = {shape[-at] for shape in shapes if len(shape) >= at} - {"1"}
        found.append(here.pop() if len(here) == 1 else "" if here else "1")
    return tuple(reversed(found))
