"""`text`: a regular expression over the lines of a file, the last resort; bounded in what one match may span."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, TargetError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.verbs.base import Findings, Shape

__all__ = ["Text"]

LONGEST_FILE = 1_000_000
MOST_LINES = 20
UNBOUNDED = re.compile(r"(\([^()]*[+*][^()]*\)[+*{])|(\.[*+].*\.[*+])")


@dataclass(frozen=True, slots=True)
class Text:
    """The compiled verb. `already` is what the result looks like where the replacement does not say it itself."""

    pattern: re.Pattern[str]
    new: str
    already: re.Pattern[str]

    NEEDS_IN: ClassVar[bool] = True  # an expression over every file of a tree is not bounded

    KEYS: ClassVar[Mapping[str, Shape]] = {"text": Shape.TEXT, "with": Shape.TEXT, "already": Shape.TEXT}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the expression and refuse what can run without end."""
        if "with" not in arguments:
            raise PatternError("text needs `with`, what a match becomes.", ("text",))
        pattern = _compiled(arguments["text"], "text")
        if UNBOUNDED.search(arguments["text"]):
            raise PatternError("A repetition inside a repetition can run without end; write it without one.", ("text",))
        new = arguments["with"]
        if "already" in arguments:
            already = _compiled(arguments["already"], "already")
        elif "\\" in new:
            raise PatternError(
                "A replacement with groups needs `already`, an expression for what it looks like once made.", ("with",)
            )
        else:
            already = re.compile(re.escape(new))
        return cls(pattern, new, already)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb: an expression has no word that must stand in a file."""
        return []

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        for path in draft.paths:
            if step.within and draft.in_scope(step, path):
                sites = tuple(self._sites(path, _decoded(path, draft.read(path))))
                if sites:
                    yield Findings(path, sites)

    def _sites(self, path: str, text: str) -> Iterator[Site]:
        done = [found.span() for found in self.already.finditer(text)]
        for start, _ in done:
            yield Site(_offset(text, start), Status.ALREADY)
        for found in self.pattern.finditer(text):
            start, end = found.span()
            if any(start < other_end and other_start < end for other_start, other_end in done):
                continue
            if found[0].count("\n") >= MOST_LINES or start == end:
                reason = f"the match is empty or spans {MOST_LINES} lines and more; narrow the expression"
                yield Site(_offset(text, start), Status.REFUSED, reason)
                continue
            first, last = _offset(text, start), _offset(text, end)
            yield Site(first, Status.APPLIED, edits=(Edit(first, last, found.expand(self.new)),))


def _compiled(text: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as error:
        raise PatternError(f"`{text}` is no regular expression: {error}.", (key,)) from None


def _decoded(path: str, data: bytes) -> str:
    if len(data) > LONGEST_FILE:
        raise TargetError(
            f"{path} is larger than {LONGEST_FILE:,} bytes, too large for a text step; name another file."
        )
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        raise TargetError(f"{path} is not UTF-8, so a text step cannot edit it; name another file in `in`.") from None


def _offset(text: str, position: int) -> int:
    return len(text[:position].encode("utf-8"))
