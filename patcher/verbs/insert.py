"""`insert`: lines before or behind an anchor, or first or last in its body; once a block unless `each: yes`.

They are already there if they stand anywhere in that block, or if what `already` lists stands in it, however deep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.blocks import block_of, holds, insertion, line_beside, stands_in
from patcher.syntax.draft import Draft
from patcher.syntax.matching import Match, find
from patcher.syntax.needs import Needs
from patcher.syntax.pattern import Code
from patcher.syntax.template import render_lines
from patcher.syntax.where import Where
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    SHARED_KEYS,
    Work,
    compile_at,
    known_holes,
    literal_sets,
    needs_of,
    pattern_at,
    result_at,
    texts,
    where_of,
    worked,
)

__all__ = ["Insert"]

PLACES = ("before", "after", "first_in", "last_in")


@dataclass(frozen=True, slots=True)
class Insert:
    """The compiled verb."""

    code: Code
    place: str
    anchor: Code
    each: bool
    where: Where
    needs: Needs
    already: tuple[Code, ...]

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "insert": Shape.TEXT,
        **dict.fromkeys(PLACES, Shape.TEXT),
        "each": Shape.TEXT,
        "already": Shape.TEXTS,
        **SHARED_KEYS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the lines and the anchor."""
        places = [place for place in PLACES if place in arguments]
        if len(places) != 1:
            raise PatternError("insert needs one of before, after, first_in and last_in, with the anchor.", ("insert",))
        place = places[0]
        local = texts(arguments.get("local"))
        anchor = pattern_at(arguments[place], local, place, statement=place in ("first_in", "last_in"))
        if place in ("first_in", "last_in") and anchor.kind != "header":
            raise PatternError(f"`{anchor.text}` is no header; {place} takes one, as in `def main($$$)`.", (place,))
        each = arguments.get("each", "no")
        if each not in ("yes", "no"):
            raise PatternError(f"`{each}` is neither yes nor no.", ("each",))
        code = result_at(arguments["insert"], arguments, "insert", statement=True, new=True)
        where = where_of(arguments, anchor)
        known_holes(code, anchor.holes | where.bound, "insert")
        already = tuple(compile_at(text, local, "already") for text in texts(arguments.get("already")))
        return cls(code, place, anchor, each == "yes", where, needs_of(arguments, (code,)), already)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return (self.anchor,)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((self.anchor,))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return worked(step, draft, self.words, self._sites)

    def _sites(self, work: Work) -> Iterator[Site]:
        done: set[object] = set()
        for match in find(self.anchor, work.source, partial(self.where.failure, work.source), work.miss):
            block = block_of(work.source, match, self.place)
            if work.in_scope(match) and (self.each or block not in done):
                done.add(block)
                yield self._site(work, match, block)

    def _site(self, work: Work, match: Match, block: Any) -> Site:
        source = work.source
        match = self.where.completed(source, match)
        beside = line_beside(source, match, self.place)
        standing = stands_in(source, block, work.result(self.code, beside, self.needs, (self.anchor,)), match)
        standing = standing or holds(source, block, self.already, match)
        if standing is not None:
            return Site(source.span(standing)[0], Status.ALREADY)
        position = source.span(beside)[self.place in ("after", "last_in")]
        spell = work.spelling(beside, self.needs, (self.anchor,), position)

        def write(start: int) -> str:
            return render_lines(self.code, source, match, spell, start, beside)

        def make() -> list[Edit]:
            return [insertion(source, match, self.place, write)]

        return work.site(source.outer(match.node)[0], spell, match, self.code, make)
