"""Which lines of a result a step wrote, also where later steps moved them."""

from __future__ import annotations

import pytest

from patcher.model import Change, Edit, Layer
from patcher.verify.lines import lines_of

BEFORE = b"a = 1\nb = 2\nc = 3\nd = 4\n"


def change(*layers: tuple[str, list[tuple[str, str]]], before: bytes = BEFORE) -> Change:
    """Return the change that replaces texts, step by step; an empty text stands for the beginning of the file."""
    text, made = before, []
    for step, swaps in layers:
        edits = [
            Edit(text.index(old.encode()), text.index(old.encode()) + len(old.encode()), new) for old, new in swaps
        ]
        for edit in sorted(edits, key=lambda one: -one.start):
            text = text[: edit.start] + edit.text.encode() + text[edit.end :]
        made.append(Layer(step, tuple(edits)))
    return Change("a.py", before, text, tuple(made))


def test_the_line_of_an_edit() -> None:
    assert lines_of(change(("one", [("2", "20")])), "one") == (2,)


def test_all_lines_of_what_was_put_in() -> None:
    assert lines_of(change(("one", [("c = 3\n", "x = 1\ny = 2\nc = 3\n")])), "one") == (3, 4, 5)


def test_where_something_was_taken_out_the_line_there() -> None:
    assert lines_of(change(("one", [("b = 2\n", "")])), "one") == (2,)


def test_line_ends_at_the_borders_are_nobodys() -> None:
    assert lines_of(change(("one", [("2\n", "2\nx = 5\n")])), "one") == (2, 3)


def test_of_each_step_its_own() -> None:
    made = change(("one", [("1", "10")]), ("two", [("4", "40")]))
    assert (lines_of(made, "one"), lines_of(made, "two"), lines_of(made, "three")) == ((1,), (4,), ())


def test_a_later_step_above_moves_them() -> None:
    made = change(("one", [("3", "30")]), ("two", [("a = 1", "x = 0\na = 1")]))
    assert (lines_of(made, "one"), lines_of(made, "two")) == ((4,), (1, 2))


def test_a_later_step_below_does_not() -> None:
    assert lines_of(change(("one", [("1", "10")]), ("two", [("d = 4", "x = 0\nd = 4")])), "one") == (1,)


def test_a_later_step_within_widens_them() -> None:
    made = change(("one", [("c = 3", "c = f(3)")]), ("two", [("f(3)", "f(\n3)")]))
    assert lines_of(made, "one") == (3, 4)


def test_a_file_that_a_step_created_is_all_its_own() -> None:
    made = Change("a.py", None, b"a = 1\nb = 2\n", (Layer("one", ()),))
    assert lines_of(made, "one") == (1, 2, 3)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
def test_offsets_count_in_utf8_whatever_the_file_is_in(encoding: str) -> None:
    made = change(("one", [("3", "30")]), before="é = 'ü'\nb = 2\nc = 3\n".encode())
    written = Change("a.py", b"", made.after.decode().encode(encoding), made.layers)
    assert lines_of(written, "one") == (3,)
