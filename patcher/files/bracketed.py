"""Items between brackets, parted by commas, as TOML and Python write them: take some out, put some in.

An item that has its line to itself goes with the line, comment and all; one that shares its line goes with one comma.
What is put in takes the layout of the last item that stays. Items that stay keep every byte.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from patcher.files.requirements import Cut, Span, line_of, newline_of

__all__ = ["added", "removed"]

_COMMA = re.compile(r"[ \t]*,")
_FAR_COMMA = re.compile(r"(?:\s|#[^\n]*)*,")
_REST_OF_LINE = re.compile(r"[ \t]*,?[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|\Z)")


def removed(text: str, items: Sequence[Span], gone: Collection[Span]) -> dict[Span, Span]:
    """Return what goes with each item that goes; `items` are all of one pair of brackets, in their order."""
    spans: dict[Span, Span] = {}
    last_kept = max((number for number, item in enumerate(items) if item not in gone), default=-1)
    for number, item in enumerate(items):
        if item not in gone:
            continue
        following = items[number + 1] if number + 1 < len(items) else None
        if _own_line(text, item):
            spans[item] = line_of(text, *item)
        elif number > last_kept >= 0 and _beside(text, items[number - 1], item):
            spans[item] = (items[number - 1][1], item[1])
        elif following is not None and _beside(text, item, following):
            spans[item] = (item[0], following[0])
        else:
            comma = _COMMA.match(text, item[1])
            spans[item] = (item[0], comma.end() if comma else item[1])
    return spans


def added(
    text: str, items: Sequence[Span], gone: Collection[Span], opening: int, new: Sequence[str]
) -> list[tuple[Cut, ...]] | None:
    """Return the insertions for each new item, or None if there is no plain place; `opening` follows the bracket."""
    left = [item for item in items if item not in gone]
    if left:
        return _behind(text, left[-1], items[-1], new)
    if items and _own_line(text, items[0]):
        start = line_of(text, *items[0])[0]
        indent, newline = text[start : items[0][0]], newline_of(text)
        return [((start, start, f"{indent}{one},{newline}"),) for one in new]
    place = items[0][0] if items else opening
    return [((place, place, ", " * bool(number) + one),) for number, one in enumerate(new)]


def _behind(text: str, last: Span, final: Span, new: Sequence[str]) -> list[tuple[Cut, ...]] | None:
    """Return the insertions behind an item that stays; `final` tells whether the list ends with a comma."""
    if bool(_FAR_COMMA.match(text, last[1])) != bool(_COMMA.match(text, last[1])):
        return None
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
