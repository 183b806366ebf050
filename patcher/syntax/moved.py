"""Names that leave their imports: what stays keeps its comments, and what comes instead stands in a line behind.

Several names of one statement leave it together; a statement that loses all of them becomes the new line, or goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.blocks import deletion, imported_aliases
from patcher.syntax.layout import indent_of, line_of, lines_after
from patcher.syntax.source import Source

__all__ = ["Moved", "behind", "taken_out"]

# A comment that speaks to a tool about the statement: it holds for the import that stays and for the new one.
_DIRECTIVE = re.compile(r"#\s*(noqa|type:|mypy:|pylint:|pyright:|ruff:|isort:|flake8:|pragma:)")


@dataclass(frozen=True, slots=True)
class Moved:
    """A name that leaves its import, and the line that imports the new one; empty where another import does already."""

    statement: cst.Import | cst.ImportFrom
    alias: cst.ImportAlias
    line: str = ""


def taken_out(source: Source, moved: Iterable[Moved]) -> list[Edit]:
    """Return the edits that take names out of one import, and put the lines that come instead behind it.

    Raises:
        SiteError: it shares its line, or a comment would be lost.
    """
    moved = list(moved)
    statement, gone = moved[0].statement, [one.alias for one in moved]
    if len(gone) == len(imported_aliases(statement)):
        return _instead(source, statement, moved)
    edits: list[Edit] = []
    lines: list[str] = []
    for one in moved:
        edit, comment = _without(source, statement, one.alias, gone)
        if comment and not one.line and comment not in edit.text:
            raise _lost(source, one.alias)
        edits.append(edit)
        lines += [f"{one.line}  {comment}" if comment else one.line] if one.line else []
    return [*edits, behind(source, statement, lines)] if lines else edits


def behind(source: Source, statement: cst.CSTNode, lines: Iterable[str]) -> Edit:
    """Return the edit that puts lines behind a statement, each once.

    Raises:
        SiteError: the statement shares its line.
    """
    line = line_of(source, statement)
    indent = indent_of(source, source.span(line)[0])
    return lines_after(source, line, [indent + text for text in dict.fromkeys(lines)])


def _instead(source: Source, statement: cst.Import | cst.ImportFrom, moved: Sequence[Moved]) -> list[Edit]:
    """Return the edits of a statement that loses all its names."""
    lines = list(dict.fromkeys(one.line for one in moved if one.line))
    if lines:
        edits = [Edit(*source.span(statement), lines[0])]
        edits += [behind(source, statement, lines[1:])] if lines[1:] else []
    else:
        edits = deletion(source, [statement], {statement})
    if source.lost_comment(edits) is not None:
        raise _lost(source, moved[0].alias)
    return edits


def _without(
    source: Source, statement: cst.CSTNode, alias: cst.ImportAlias, gone: Sequence[cst.ImportAlias]
) -> tuple[Edit, str]:
    """Return the edit that takes one of the names that go out, and the comment that goes with it."""
    names = imported_aliases(statement)
    index = names.index(alias)
    if _has_line(source, statement, alias):
        start, end = source.span(alias)
        _, mark, comment = source.slice(end, source.line_end(end)).partition("#")
        return Edit(source.line_start(start), source.line_end(end), ""), (mark + comment).strip()
    start, end = source.span(alias)
    if any(one not in gone for one in names[index + 1 :]):
        follower = names[index + 1]
        end = source.span(follower)[0]
        comment = _comment_behind(source, statement, alias, follower)
        if comment and _DIRECTIVE.match(comment):
            return Edit(start, end, "  #" + source.slice(start, end).partition("#")[2]), comment
        if comment:
            return Edit(start, end, ""), comment
        if follower in gone and _has_line(source, statement, follower):
            end = source.line_start(end)
    elif index and not _begins_line(source, statement, alias):
        start = source.span(names[index - 1])[1]
    if b"#" in source.text[start:end]:
        return _name_alone(source, alias), ""
    return Edit(start, end, ""), ""


def _comment_behind(source: Source, statement: cst.CSTNode, alias: cst.ImportAlias, follower: cst.ImportAlias) -> str:
    """Return the one comment behind a name that stands behind the bracket, with the next name in the next line."""
    start, end = source.span(alias)
    bracket = source.span(imported_aliases(statement)[0])[0] == start
    between = source.slice(end, source.span(follower)[0])
    found = re.fullmatch(r"\s*,[ \t]*(#[^\r\n]*?)[ \t]*\r?\n[ \t]*", between)
    return found[1] if found and bracket and source.line_start(start) <= source.span(statement)[0] else ""


def _name_alone(source: Source, alias: cst.ImportAlias) -> Edit:
    """Return the edit that takes out a name and its comma, and leaves the comments around it where they stand.

    Raises:
        SiteError: a comment stands between the two.
    """
    start, end = source.span(alias)
    comma = re.match(rb"[ \t]*,", source.text[end:])
    if not comma:
        raise _lost(source, alias)
    before = source.text[:start]
    return Edit(len(before.rstrip(b" \t")), end + comma.end(), "")


def _begins_line(source: Source, statement: cst.CSTNode, alias: cst.ImportAlias) -> bool:
    start = source.span(alias)[0]
    return getattr(statement, "lpar", None) is not None and not source.text[source.line_start(start) : start].strip()


def _has_line(source: Source, statement: cst.CSTNode, alias: cst.ImportAlias) -> bool:
    """Tell whether a name has a line for itself and its comment."""
    end = source.span(alias)[1]
    line_end = source.line_end(end)
    rest = re.fullmatch(rb",?[ \t]*(#.*?)?\s*", source.text[end:line_end])
    inside = line_end <= source.span(statement)[1]
    return rest is not None and inside and _begins_line(source, statement, alias)


def _lost(source: Source, alias: cst.ImportAlias) -> SiteError:
    return SiteError(
        f"a comment beside `{source.code(alias)}` would be lost; give the name an import line of its own first"
    )
