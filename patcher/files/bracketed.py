"""Items between brackets, parted by commas, as TOML and Python write them: take some out, put some in.

An item that has its line to itself goes with the line, comment and all; one that shares its line goes with one comma.
What is put in takes the layout of the last item that stays. Items that stay keep every byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from patcher.files.requirements import Cut, Span, line_of, newline_of

__all__ = ["UNUSUAL", "added", "removed", "usual"]

UNUSUAL = "Its list is laid out in an unusual way."

_COMMA = re.compile(r"[ \t]*,")
_FAR_COMMA = re.compile(r"(?:\s|#[^\r\n]*+)*+,")  # possessive: a comma in a comment is none
_REST_OF_LINE = re.compile(r"[ \t]*,?[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|\Z)")


def usual(text: str, items: Sequence[Span]) -> bool:
    """Tell whether each comma stands right behind its item, which is what the functions below need."""
    return all(bool(_FAR_COMMA.match(text, end)) == bool(_COMMA.match(text, end)) for _, end in items)


def removed(text: str, items: Sequence[Span], gone: Collection[Span]) -> dict[Span, Span]:
    """Return what goes with each item that goes; `items` are all of one pair of brackets, in their order."""
    spans = {item: line_of(text, *item) for item in items if item in gone and _own_line(text, item)}
    for first, last in _runs(text, items, gone):
        run = items[first : last + 1]
        start, end = _extent(text, items, first, last)
        starts = [start, *(item[0] for item in run[1:])]
        spans |= dict(zip(run, zip(starts, [*starts[1:], end], strict=True), strict=True))
    return spans


def added(
    text: str, items: Sequence[Span], gone: Collection[Span], opening: int, new: Sequence[str]
) -> list[tuple[Cut, ...]]:
    """Return the insertions for each new item; `opening` is the place behind the opening bracket."""
    left = [item for item in items if item not in gone]
    if left:
        return _behind(text, left[-1], items[-1], new)
    if items and _own_line(text, items[0]):
        start = line_of(text, *items[0])[0]
        indent, newline = text[start : items[0][0]], newline_of(text)
        return [((start, start, f"{indent}{one},{newline}"),) for one in new]
    place = items[0][0] if items else opening
    return [((place, place, ", " * bool(number) + one),) for number, one in enumerate(new)]


def _runs(text: str, items: Sequence[Span], gone: Collection[Span]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each row of items that go and stand side by side, sharing their line."""
    first = 0
    for number, item in enumerate(items):
        goes = item in gone and not _own_line(text, item)
        if not goes or number == first or not _beside(text, items[number - 1], item):
            first = number if goes else number + 1
        on = number + 1 < len(items) and items[number + 1] in gone and _beside(text, item, items[number + 1])
        if goes and not on:
            yield first, number


def _extent(text: str, items: Sequence[Span], first: int, last: int) -> Span:
    """Return what goes with a row of items: them and the one comma that then has nothing to part."""
    start, end = items[first][0], items[last][1]
    if last + 1 < len(items) and _beside(text, items[last], items[last + 1]):
        return start, items[last + 1][0]
    if first and _beside(text, items[first - 1], items[first]):
        return items[first - 1][1], end
    comma = _COMMA.match(text, end)
    return start, comma.end() if comma else end


def _behind(text: str, last: Span, final: Span, new: Sequence[str]) -> list[tuple[Cut, ...]]:
    """Return the insertions behind an item that stays; `final` tells whether the list ends with a comma."""
    if not _own_line(text, last):
        return [((last[1], last[1], f", {one}"),) for one in new]
    start, end = line_of(text, *last)
    indent, newline = text[start : last[0]], newline_of(text)
    commas = [","] * (len(new) - 1) + ["," if _COMMA.match(text, final[1]) else ""]
    lines = [(end, end, indent + one + comma + newline) for one, comma in zip(new, commas, strict=True)]
    missing: tuple[Cut, ...] = () if _COMMA.match(text, last[1]) else ((last[1], last[1], ","),)
    return [(*(missing if number == 0 else ()), line) for number, line in enumerate(lines)]


def _own_line(text: str, item: Span) -> bool:
    """Tell whether an item has its line to itself, but for its comma and a comment."""
    start, end = line_of(text, *item)
    rest = _REST_OF_LINE.match(text, item[1])
    return not text[start : item[0]].strip() and rest is not None and rest.end() == end


def _beside(text: str, one: Span, other: Span) -> bool:
    """Tell whether nothing but a comma and blanks stands between two items."""
    return bool(re.fullmatch(r"[ \t]*,[ \t]*", text[one[1] : other[0]]))
