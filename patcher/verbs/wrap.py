"""`wrap`: put a statement under a test; the statement keeps its bytes and only gets deeper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Needs, Spelling, compile_needs
from patcher.syntax.matching import Match, Miss, find
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source
from patcher.syntax.where import Where, compile_where
from patcher.syntax.wrapping import stands_under, wrap_edits
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    compile_at,
    edited,
    findings,
    in_scope,
    known_holes,
    literal_sets,
    spelling,
    texts,
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
        "where": Shape.WHERE,
        "local": Shape.TEXTS,
        "needs": Shape.TEXTS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the statement and the header that it goes under."""
        local = texts(arguments.get("local"))
        pattern = compile_at(arguments["wrap"], local, "wrap", statement=True)
        if "under" not in arguments:
            raise PatternError("wrap needs `under`, as in under: if torch.cuda.is_available().", ("wrap",))
        under = compile_at(arguments["under"], local, "under", statement=True)
        if under.kind != "header":
            raise PatternError(f"`{under.text}` is no header; write it without its colon, as in `if TEST`.", ("under",))
        known_holes(under, pattern.holes, "under")
        where = compile_where(arguments.get("where", {}), local)
        return cls(pattern, under, where, compile_needs(texts(arguments.get("needs"))))

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((self.pattern,))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""

        def sites(source: Source, miss: Miss) -> Iterator[Site]:
            for match in find(self.pattern, source, lambda found: self.where.failure(source, found), miss):
                if not in_scope(draft, step, source, match):
                    continue
                offset = source.span(match.node)[0]
                if stands_under(source, match, self.under):
                    yield Site(offset, Status.ALREADY)
                    continue
                spell = spelling(source, match, self.needs, (self.pattern,))

                def make(match: Match = match, spell: Spelling = spell) -> list[Edit]:
                    spell.check_needs()
                    return wrap_edits(source, match, self.under, spell) + spell.edits

                yield edited(source, offset, make)

        return findings(step, draft, self.words, sites)
