"""Places where a sound pattern would still give an unsound result: said in a sentence instead of edited."""

from __future__ import annotations

from collections.abc import Iterable

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.layout import line_of
from patcher.syntax.matching import Match
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source, walk

__all__ = ["keep_strings", "may_take", "stand_alone"]


def keep_strings(source: Source, edits: Iterable[Edit]) -> None:
    """Refuse edits that would break an f-string around them: before Python 3.12 its own quotes cannot stand in it.

    Raises:
        SiteError: they would.
    """
    strings = source.of(cst.FormattedString)
    for edit in edits:
        for string in strings:
            start, end = source.span(string)
            if start < edit.start and edit.end < end and _breaks(edit.text, string):
                raise SiteError(
                    "it stands in an f-string that cannot hold the replacement; take it out of the string first"
                )


def _breaks(text: str, string: cst.FormattedString) -> bool:
    lines = "\n" in text and len(string.end) == 1
    return lines or any(part in text for part in (string.end, "\\", "#")) or text[:1] == "{" or text[-1:] == "}"


def may_take(source: Source, match: Match, pattern: Code, added: frozenset[str]) -> None:
    """Refuse a call that gets keywords although its `**` may hold them.

    Raises:
        SiteError: it does.
    """
    calls = (match.pairs.get(node) for root in pattern.roots for node in walk(root) if isinstance(node, cst.Call))
    for call in calls if added else ():
        for arg in call.args if isinstance(call, cst.Call) else ():
            if arg.star == "**":
                names = " or ".join(f"{name}=" for name in sorted(added))
                raise SiteError(f"`**{source.code(arg.value)}` may hold {names} already; write the argument by hand")


def stand_alone(source: Source, match: Match, kind: str, edits: Iterable[Edit]) -> None:
    """Refuse several lines where only one can stand, and a header that cannot be changed without its body.

    Raises:
        SiteError: the statement shares its line, or an edit reaches into a body.
    """
    if kind == "statements" and any("\n" in edit.text for edit in edits):
        line_of(source, match.nodes[0])
        line_of(source, match.nodes[-1])
    body = getattr(match.node, "body", None)
    if kind == "header" and isinstance(body, cst.BaseSuite):
        start = source.span(body)[0]
        if any(edit.end > start for edit in edits):
            raise SiteError("its header cannot be changed without its body; change it by hand")
