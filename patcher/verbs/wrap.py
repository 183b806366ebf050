"""`wrap`: put a statement under a test; the statement keeps its bytes and only gets deeper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.conditional import keep_bound
from patcher.syntax.draft import Draft
from patcher.syntax.matching import Match, find
from patcher.syntax.needs import Needs
from patcher.syntax.pattern import Code
from patcher.syntax.where import Where
from patcher.syntax.wrapping import stands_under, wrap_edits
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    SHARED_KEYS,
    Work,
    known_holes,
    literal_sets,
    needs_of,
    pattern_at,
    result_at,
    texts,
    where_of,
    worked,
)

__all__ = ["Wrap"]


@dataclass(frozen=True, slots=True)
class Wrap:
    """The compiled verb."""

    pattern: Code
    under: Code
    where: Where
    needs: Needs

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "wrap": Shape.TEXT,
        "under": Shape.TEXT,
        **SHARED_KEYS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the statement and the header that it goes under."""
        local = texts(arguments.get("local"))
        pattern = pattern_at(arguments["wrap"], local, "wrap", statement=True)
        if "under" not in arguments:
            raise PatternError("wrap needs `under`, as in under: if torch.cuda.is_available().", ("wrap",))
        under = result_at(arguments["under"], arguments, "under", statement=True)
        if under.kind != "header":
            raise PatternError(f"`{under.text}` is no header; write it without its colon, as in `if TEST`.", ("under",))
        where = where_of(arguments, pattern)
        known_holes(under, pattern.holes | where.bound, "under")
        return cls(pattern, under, where, needs_of(arguments, (under,)))

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return (self.pattern,)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((self.pattern,))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return worked(step, draft, self.words, self._sites)

    def _sites(self, work: Work) -> Iterator[Site]:
        source = work.source
        for match in find(self.pattern, source, partial(self.where.failure, source), work.miss):
            if work.in_scope(match):
                yield self._site(work, match)

    def _site(self, work: Work, match: Match) -> Site:
        offset = work.source.span(match.node)[0]
        match = self.where.completed(work.source, match)
        header = work.result(self.under, match.node, self.needs, (self.pattern,))
        if stands_under(work.source, match, header):
            return Site(offset, Status.ALREADY)
        spell = work.spelling(match.node, self.needs, (self.pattern,))

        def make() -> list[Edit]:
            keep_bound(work.source, match, header, work.draft)
            return wrap_edits(work.source, match, self.under, spell)

        return work.site(offset, spell, match, self.under, make)
