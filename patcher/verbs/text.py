"""`text`: a regular expression over the lines of a file, the last resort; bounded in what one match may span."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, TargetError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import drops_comments

__all__ = ["Lines", "Text", "decoded", "expression"]

LONGEST_FILE = 1_000_000
MOST_LINES = 20
UNBOUNDED = re.compile(r"(\([^()]*[+*][^()]*\)[+*{])|(\.[*+].*\.[*+])")


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Text:
    """The compiled verb. `result` is the replacement where it stands for itself, `already` what else is the goal."""

    pattern: re.Pattern[str]
    new: str
    result: re.Pattern[str] | None
    already: re.Pattern[str] | None
    drops_comments: bool = False

    NEEDS_IN: ClassVar[bool] = True  # an expression over every file of a tree is not bounded

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "text": Shape.TEXT,
        "with": Shape.TEXT,
        "already": Shape.TEXT,
        "comments": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the expression and refuse what can run without end."""
        if "with" not in arguments:
            raise PatternError("text needs `with`, what a match becomes.", ("text",))
        pattern = expression(arguments["text"], "text")
        new = arguments["with"]
        already = _compiled(arguments["already"], "already") if "already" in arguments else None
        if "\\" in new and already is None:
            raise PatternError(
                "A replacement with groups needs `already`, an expression for what it looks like once made.", ("with",)
            )
        literal = new and "\\" not in new  # nothing tells a text that was taken out from one that never was
        return cls(
            pattern, new, re.compile(re.escape(_unix(new))) if literal else None, already, drops_comments(arguments)
        )

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb: an expression has no word that must stand in a file."""
        return []

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        for path in draft.paths:
            lines = _read(step, draft, path) if step.within and draft.in_scope(step, path) else None
            if lines is not None and (sites := sorted(self._sites(lines), key=lambda site: site.offset)):
                yield Findings(path, tuple(sites))

    def _sites(self, lines: Lines) -> Iterator[Site]:
        goals = _spans(self.already, lines.text)
        results = [one for one in _spans(self.result, lines.text) if not _meets(one, goals)]
        taken: list[Span] = []
        for found in self.pattern.finditer(lines.text):
            span, new = found.span(), _unix(found.expand(self.new))
            # Of pattern and result the more specific is meant: the one that has the other in it.
            if _meets(span, goals) or _stands_in(span, results):
                continue
            taken.append(span)
            yield self._site(lines, found, new)
        for span in (*goals, *results):
            if not _meets(span, taken):
                yield Site(lines.offset(span[0]), Status.ALREADY)

    @staticmethod
    def _site(lines: Lines, found: re.Match[str], new: str) -> Site:
        start, end = found.span()
        if start == end or found[0].count("\n") >= MOST_LINES:
            reason = f"the match is empty or spans {MOST_LINES} lines and more; narrow the expression"
            return Site(lines.offset(start), Status.REFUSED, reason)
        if new == found[0]:
            return Site(lines.offset(start), Status.ALREADY)
        return Site(lines.offset(start), Status.APPLIED, edits=(lines.edit(start, found[0], new),))


class Lines:
    """A file's text with plain line ends, and the way back to its bytes."""

    def __init__(self, raw: str) -> None:
        self.raw, self.text = raw, _unix(raw)
        self.returns = [found.start() - number for number, found in enumerate(re.finditer("\r\n", raw))]
        first = self.text.find("\n")
        self.newline = "\r\n" if self.returns[:1] == [first] else "\n"

    def offset(self, position: int) -> int:
        """Return the byte at which a character stands in the file."""
        return len(self.raw[: position + bisect_left(self.returns, position)].encode("utf-8"))

    def edit(self, start: int, old: str, new: str) -> Edit:
        """Return the edit that makes `old` into `new`; what both begin and end with keeps its bytes."""
        most = min(len(old) - 1, len(new))
        head = next((at for at in range(most) if old[at] != new[at]), most)
        tail = next((at for at in range(most - head) if old[-1 - at] != new[-1 - at]), most - head)
        first, last = self.offset(start + head), self.offset(start + len(old) - tail)
        return Edit(first, last, new[head : len(new) - tail].replace("\n", self.newline))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _spans(expression: re.Pattern[str] | None, text: str) -> list[Span]:
    return [found.span() for found in expression.finditer(text) if found[0]] if expression else []


def _meets(span: Span, others: Sequence[Span]) -> bool:
    """Tell whether a span shares a character with one of others, which are in order and apart."""
    other = _next(span, others)
    return other is not None and other[0] < span[1]


def _stands_in(span: Span, others: Sequence[Span]) -> bool:
    """Tell whether one of others has a span in it, and more."""
    other = _next(span, others)
    return other is not None and other[0] <= span[0] and span[1] <= other[1] and span != other


def _next(span: Span, others: Sequence[Span]) -> Span | None:
    index = bisect_right(others, span[0], key=itemgetter(1))
    return others[index] if index < len(others) else None


def expression(text: str, key: str) -> re.Pattern[str]:
    """Compile an expression of a recipe over lines, and refuse what can run without end.

    Raises:
        PatternError: it is none, or it could.
    """
    if UNBOUNDED.search(text):
        raise PatternError("A repetition inside a repetition can run without end; write it without one.", (key,))
    return _compiled(text, key)


def _compiled(text: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except re.error as error:
        raise PatternError(f"`{text}` is no regular expression: {error}.", (key,)) from None


def _read(step: Step, draft: Draft, path: str) -> Lines | None:
    """Return the lines of a file; one that only a glob names is passed over and listed where it cannot be used."""
    try:
        return Lines(decoded(path, draft.read(path)))
    except TargetError as error:
        if any(scope.path == path for scope in step.within):
            raise
        draft.skipped.setdefault(path, str(error))
        return None


def decoded(path: str, data: bytes) -> str:
    """Return the text of a file.

    Raises:
        TargetError: it is a notebook, very large, or not UTF-8.
    """
    if path.endswith(".ipynb"):
        raise TargetError(f"{path} is a notebook, which a text step cannot edit; name another file in `in`.")
    if len(data) > LONGEST_FILE:
        raise TargetError(
            f"{path} is larger than {LONGEST_FILE:,} bytes, too large for a text step; name another file."
        )
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
    except UnicodeDecodeError:
        raise TargetError(f"{path} is not UTF-8, so a text step cannot edit it; name another file in `in`.") from None
