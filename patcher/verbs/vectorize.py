"""`vectorize`: a loop over a tensor's axis becomes batched code, and only where that was proved to be equal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.loops import Refused, batched
from patcher.syntax.matching import Match, find
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source
from patcher.syntax.where import Where
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import Work, compile_at, literal_sets, pattern_at, texts, where_of, worked

__all__ = ["Vectorize"]

LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Vectorize:
    """The compiled verb. `unproved` is why its places are refused where nothing proves this very code."""

    pattern: Code
    where: Where
    already: tuple[Code, ...]
    unproved: str = ""

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "vectorize": Shape.TEXT,
        "where": Shape.WHERE,
        "inside": Shape.TEXT,
        "local": Shape.TEXTS,
        "already": Shape.TEXTS,
    }
    NEEDS_PROOF: ClassVar[bool] = True
    drops_comments: ClassVar[bool] = True  # those of the lines that go with the loop, and axes in them get one more

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the header of the loop, and what the batched code is known by."""
        local = texts(arguments.get("local"))
        pattern = pattern_at(arguments["vectorize"], local, "vectorize", statement=True)
        if pattern.kind != "header" or not pattern.text.startswith("for "):
            raise PatternError(
                f"`{pattern.text}` is no loop; write its header without the colon, as in `for $T in range($N)`.",
                ("vectorize",),
            )
        if not texts(arguments.get("already")):
            raise PatternError(
                "vectorize needs `already`, an expression of the batched code by which it is known again.",
                ("vectorize",),
            )
        already = tuple(compile_at(text, local, "already") for text in texts(arguments.get("already")))
        return cls(pattern, where_of(arguments, pattern), already)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return (self.pattern,)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((self.pattern, *self.already))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return worked(step, draft, self.words, self._sites)

    def _sites(self, work: Work) -> Iterator[Site]:
        if not work.source.path.endswith(".py"):
            return
        for node, form in work.matches(self.already).items():
            yield Site(work.source.outer(node)[0], Status.ALREADY, f"`{form.text}` stands there")
        done: list[tuple[int, int]] = []
        for match in find(self.pattern, work.source, partial(self.where.failure, work.source), work.miss):
            start, end = work.source.span(match.node)
            if work.in_scope(match) and not any(first <= start and end <= last for first, last in done):
                site = self._site(work, match)
                if site.status is Status.APPLIED or site.reason == self.unproved != "":  # the loops in it go with it
                    done.append((start, end))
                yield site

    def _site(self, work: Work, match: Match) -> Site:
        offset = work.source.span(match.node)[0]
        if work.draft.is_left_out(work.source.path, offset):
            return Site(offset, Status.ABSENT)
        text = work.source.text.decode().replace("\r\n", "\n")
        line = work.source.line_column(offset)[0]
        try:
            result = batched(work.draft, work.source.path, text, line)
        except Refused as refused:
            at = getattr(refused.node, "lineno", line)
            where = f" (line {at})" if at != line else ""
            return Site(offset, Status.REFUSED, f"the loop {refused.reason}{where}")
        if self.unproved:
            return Site(offset, Status.REFUSED, self.unproved)
        return Site(offset, Status.APPLIED, edits=tuple(line_edits(work.source, result.text)))


def line_edits(source: Source, text: str) -> list[Edit]:
    """Return the edits of whole lines after which a file has another text, in the file's own line ends."""
    before = LINES.findall(source.text.decode())
    after = LINES.findall(text)
    starts = [0]
    for line in before:
        starts.append(starts[-1] + len(line.encode()))
    plain = [line.replace("\r\n", "\n") for line in before]
    edits = []
    for kind, first, last, begin, end in difflib.SequenceMatcher(None, plain, after, autojunk=False).get_opcodes():
        if kind != "equal":
            new = "".join(after[begin:end]).replace("\n", source.newline)
            edits.append(Edit(starts[first], starts[last], new))
    return edits
