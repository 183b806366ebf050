"""Counts of axes that no text tells, and how values are aligned: only what surely meets is aligned."""

from __future__ import annotations

import ast

import pytest

from patcher.syntax.loops.axes import LEFT, RIGHT, found_at, inserted_at
from patcher.syntax.loops.values import Axis, Count, Refused, Unproved, Value, aligned, number, tensor

NODE = ast.parse("x").body[0]
# One turn of a tensor of three axes, read at the middle one.
TURN = tensor(("b", "d"), Axis(Count(1), Count(1), 1))


def at(left: int, right: int) -> Axis:
    return Axis(Count(left), Count(right), right)


def unknown(name: str, least: int = 0) -> Axis:
    """The axis of `name[:, t]`, whose number of axes is not known."""
    return Axis(Count(1), Count(-2, name), least)


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (Count(3), Count(1), Count(2)),
        (Count(3, "x"), Count(1), Count(2, "x")),
        (Count(3, "x"), Count(1, "x"), Count(2)),
        (Count(3, "x"), Count(1, "y"), None),
        (Count(3), Count(1, "y"), None),
    ],
)
def test_counts_are_subtracted_where_that_is_known(one: Count, other: Count, told: Count | None) -> None:
    assert one.less(other) == told


@pytest.mark.parametrize(
    ("axis", "dim", "found"),
    [
        (at(1, 1), 0, (0, LEFT)),
        (at(1, 1), 1, (2, RIGHT)),
        (at(1, 1), -1, (-1, RIGHT)),
        (at(1, 1), -2, (-3, LEFT)),
        (at(0, 2), 0, (1, RIGHT)),
        (at(2, 0), -1, (-2, LEFT)),
        (unknown("x"), 0, (0, LEFT)),
        (unknown("x", 1), -1, (-1, RIGHT)),
    ],
)
def test_an_axis_of_one_turn_is_found_in_the_batched_tensor(axis: Axis, dim: int, found: tuple[int, str]) -> None:
    assert found_at(axis, dim, NODE) == found


@pytest.mark.parametrize(
    ("axis", "dim"),
    [(unknown("x"), -1), (unknown("x", 1), -2), (Axis(Count(-2, "x"), Count(1), 1), 0)],
    ids=["from the right", "behind what is known", "from the left"],
)
def test_an_axis_is_not_guessed(axis: Axis, dim: int) -> None:
    with pytest.raises(Unproved):
        found_at(axis, dim, NODE)


@pytest.mark.parametrize(
    ("dim", "found"), [(0, (0, LEFT)), (1, (2, RIGHT)), (2, (3, RIGHT)), (-1, (-1, RIGHT)), (-3, (-4, LEFT))]
)
def test_a_new_axis_goes_where_it_is_in_one_turn(dim: int, found: tuple[int, str]) -> None:
    assert inserted_at(at(1, 1), dim, NODE) == found


def test_what_is_right_of_the_axis_meets_as_before() -> None:
    assert aligned([TURN, tensor(("d",))], NODE).axis == TURN.axis
    assert aligned([TURN, number(2)], NODE).sizes == ("b", "d")


@pytest.mark.parametrize(
    "other",
    [tensor(("b", "d")), Value(is_tensor=True), Value(rank=Count(0, "w")), tensor(("b", "d"), at(0, 2))],
    ids=["as many axes", "a tensor", "what need not be one", "another place"],
)
def test_what_could_meet_another_axis_is_not_aligned(other: Value) -> None:
    with pytest.raises(Unproved):
        aligned([TURN, other], NODE)


def test_two_of_the_same_unknown_tensor_are_aligned() -> None:
    one = Value(None, Count(-1, "x"), unknown("x"), is_tensor=True)
    assert aligned([one, one], NODE).axis == one.axis
    with pytest.raises(Unproved):
        aligned([one, Value(None, Count(-1, "y"), unknown("y"), is_tensor=True)], NODE)


def test_a_number_that_moves_is_refused() -> None:
    with pytest.raises(Refused, match="as a number"):
        aligned([TURN, Value((), Count(0), is_tensor=False, index=0)], NODE)
