"""The arguments of a call, or the elements of a list, as edits: what stays keeps its bytes, its comments and its line.

What is put in goes where its neighbours show: on their line, or on a line of its own with their indentation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.equality import same
from patcher.syntax.source import Source

__all__ = ["Brackets", "New", "is_bare_generator", "is_named", "list_edits", "partner_of", "placed"]

Item = cst.Arg | cst.BaseElement

# What may stand behind an argument on its line: a comma, and a comment.
REST_OF_LINE = re.compile(rb"[ \t]*(,?)[ \t]*(?:#[^\r\n]*)?(?:\r\n|\r|\n)")


@dataclass(frozen=True, slots=True, eq=False)
class New:
    """An argument or element that is put in; `named` if a positional one may not stand behind it.

    It takes the place of `instead`, if it can.
    """

    text: str
    named: bool = False
    instead: Item | None = None


@dataclass(frozen=True, slots=True)
class Brackets:
    """A list in the file: its items, and the offsets behind its opening and before its closing bracket."""

    items: Sequence[Item]
    opening: int
    closing: int


def is_named(item: Item | New) -> bool:
    """Tell whether an argument may stand only behind the positional ones."""
    if isinstance(item, New):
        return item.named
    return isinstance(item, cst.Arg) and (item.keyword is not None or item.star == "**")


def placed(wanted: Sequence[Item | New], items: Sequence[Item]) -> list[Item | New]:
    """Return what a call will hold, in its order: what is kept stays where it is, positional arguments come first.

    Raises:
        SiteError: a positional argument would have to stand behind a keyword.
    """
    stands_for = {one.instead: one for one in wanted if isinstance(one, New) and one.instead is not None}
    final = [stands_for.get(item, item) for item in items if item in wanted or item in stands_for]
    if [one for one in final if not is_named(one)] != [one for one in wanted if not is_named(one) and one in final]:
        final = [item for item in items if item in wanted]
    for index, item in enumerate(wanted):
        if item not in final:
            # Behind all that it follows in the recipe, a keyword also behind everything positional.
            first = [one for one in wanted[:index] if is_named(item) or not is_named(one)]
            first += [one for one in final if is_named(item) and not is_named(one)]
            at = max((final.index(one) + 1 for one in first), default=0)
            if not is_named(item) and any(map(is_named, final[:at])):
                raise SiteError("an argument would stand behind a keyword; put the keywords of this call last")
            final.insert(at, item)
    return final


def list_edits(source: Source, brackets: Brackets, final: Sequence[Item | New]) -> list[Edit]:
    """Return the edits that leave `final` between the brackets; of the items, it holds some in their order."""
    edits: list[Edit] = []
    items = list(brackets.items)
    before: Item | None = None
    new: list[str] = []
    for one in (*final, None):
        if isinstance(one, New):
            new.append(one.text)
            continue
        gone = items[: items.index(one)] if one is not None else items
        edits += _gap(source, brackets, before, gone, new, one)
        before, items, new = one, items[len(gone) + 1 :], []
    return edits


def _gap(
    source: Source, brackets: Brackets, before: Item | None, gone: list[Item], new: list[str], behind: Item | None
) -> list[Edit]:
    """Return the edits between two items that stay (None: the brackets)."""
    if gone and new:
        return [Edit(source.span(gone[0])[0], source.span(gone[-1])[1], ", ".join(new))]
    if gone:
        return [_removal(source, brackets, before, gone, behind)]
    if not new:
        return []
    if before is not None:
        return _behind(source, brackets, before, new, behind)
    if behind is not None:
        start = source.span(behind)[0]
        own_line = not source.slice(source.line_start(start), start).strip()
        separator = f",{source.newline}{source.slice(source.line_start(start), start)}" if own_line else ", "
        return [Edit(start, start, "".join(text + separator for text in new))]
    return [Edit(brackets.opening, brackets.opening, ", ".join(new))]


def _removal(source: Source, brackets: Brackets, before: Item | None, gone: list[Item], behind: Item | None) -> Edit:
    start, end = source.span(gone[0])[0], source.span(gone[-1])[1]
    if behind is not None:  # up to what stands behind, which then stands in its place
        return Edit(start, source.span(behind)[0], "")
    if before is None:
        return Edit(brackets.opening, brackets.closing, "")
    line = source.line_start(start)
    rest = REST_OF_LINE.match(source.text, end)
    if rest and line >= brackets.opening and not source.slice(line, start).strip():  # on lines of their own
        return Edit(line, rest.end(), "")
    return Edit(source.span(before)[1], end, "")


def _behind(source: Source, brackets: Brackets, before: Item, new: list[str], behind: Item | None) -> list[Edit]:
    start, end = source.span(before)
    line = source.line_start(start)
    indent = source.slice(line, start)
    rest = REST_OF_LINE.match(source.text, end)
    own_line = not indent.strip() and line >= brackets.opening
    if not own_line or rest is None or bool(rest[1]) != isinstance(before.comma, cst.Comma):
        return [Edit(end, end, "".join(f", {text}" for text in new))]
    last = "" if behind is None and not rest[1] else ","
    lines = f",{source.newline}{indent}".join(new)
    edits = [] if rest[1] else [Edit(end, end, ",")]
    return [*edits, Edit(rest.end(), rest.end(), f"{indent}{lines}{last}{source.newline}")]


def partner_of(arg: cst.Arg, olds: Sequence[cst.Arg]) -> cst.Arg | None:
    """Return the old argument that a new one continues: the same keyword, or the same positional code."""
    for old in olds:
        if arg.keyword and old.keyword and arg.keyword.value == old.keyword.value:
            return old
        if not arg.keyword and not old.keyword and arg.star == old.star and same(arg.value, old.value):
            return old
    return None


def is_bare_generator(arg: cst.Arg) -> bool:
    """Tell whether an argument is a generator in the parentheses of its call."""
    return isinstance(arg.value, cst.GeneratorExp) and not arg.value.lpar
