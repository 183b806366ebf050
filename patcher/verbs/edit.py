"""`edit`: change only what stands in holes of a pattern; each edited hole is a site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit as TextEdit
from patcher.model import Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Needs, compile_needs
from patcher.syntax.matching import Captured, Match, Miss, find, match_at
from patcher.syntax.pattern import Code, hole_of
from patcher.syntax.source import Source
from patcher.syntax.template import replaced
from patcher.syntax.where import Where, compile_where
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

__all__ = ["Edit"]


@dataclass(frozen=True, slots=True)
class Edit:
    """The compiled verb."""

    patterns: tuple[Code, ...]
    to: Mapping[str, Code]
    where: Where
    needs: Needs
    already: tuple[Code, ...]

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "edit": Shape.TEXTS,
        "to": Shape.PAIRS,
        "where": Shape.WHERE,
        "local": Shape.TEXTS,
        "needs": Shape.TEXTS,
        "already": Shape.TEXTS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile patterns, results and constraints; every hole to edit must be bound by every pattern."""
        local = texts(arguments.get("local"))
        listed = not isinstance(arguments["edit"], str)
        patterns = tuple(
            compile_at(text, local, "edit", *([index] if listed else []))
            for index, text in enumerate(texts(arguments["edit"]))
        )
        if not arguments.get("to"):
            raise PatternError(
                "edit changes nothing without `to`; give each hole its new code, as in to: {D: $D.cpu()}."
            )
        to = {hole: compile_at(code, local, "to", hole) for hole, code in arguments["to"].items()}
        for hole, code in to.items():
            _check_hole(hole, code, patterns)
        already = tuple(compile_at(text, local, "already") for text in texts(arguments.get("already")))
        where = compile_where(arguments.get("where", {}), local)
        return cls(patterns, to, where, compile_needs(texts(arguments.get("needs"))), already)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((*self.patterns, *self.already))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""

        def sites(source: Source, miss: Miss) -> Iterator[Site]:
            seen: set[object] = set()
            for pattern in self.patterns:
                for match in self._matches(pattern, source, miss):
                    for hole in self.to:
                        node = match.captures[hole]
                        if node not in seen and in_scope(draft, step, source, match):
                            seen.add(node)
                            yield from self._site(source, match, hole, miss)
            for other in self.already:
                for match in find(other, source):
                    if match.node not in seen and in_scope(draft, step, source, match):
                        yield Site(source.outer(match.node)[0], Status.ALREADY, f"`{other.text}` stands there")

        return findings(step, draft, self.words, sites)

    def _matches(self, pattern: Code, source: Source, miss: Miss) -> Iterator[Match]:
        others = self.where.without(self.to)
        return find(pattern, source, lambda match: others.failure(source, match), miss)

    def _site(self, source: Source, match: Match, hole: str, miss: Miss) -> Iterator[Site]:
        node = match.captures[hole]
        if isinstance(node, tuple):
            return
        offset = source.outer(node)[0]
        failed = self.where.failure(source, Match(match.nodes, {hole: node}, {}))
        if self._is_result(source, match, hole, node):
            yield Site(offset, Status.ALREADY)
        elif failed is None:
            spell = spelling(source, match, self.needs, self.patterns)

            def make() -> list[TextEdit]:
                spell.check_needs()
                return replaced(self.to[hole], source, match, node, spell) + spell.edits

            yield edited(source, offset, make)
        else:
            miss.note(100, *failed)

    def _is_result(self, source: Source, match: Match, hole: str, node: Captured) -> bool:
        captures = {name: captured for name, captured in match.captures.items() if name != hole}
        assert not isinstance(node, tuple)
        found = match_at(
            self.to[hole],
            source,
            node,
            captures=captures,
            constraint=lambda result: self.where.failure(source, result),
            result=True,
        )
        return found is not None


def _check_hole(hole: str, code: Code, patterns: tuple[Code, ...]) -> None:
    for pattern in patterns:
        if hole not in pattern.holes:
            raise PatternError(f"`{pattern.text}` has no hole ${hole} that could be edited.", ("to", hole))
        known_holes(code, pattern.holes, "to", hole)
    root = hole_of(code.root)
    if root is not None and root.name == hole:
        raise PatternError(f"${hole} would become itself; this step can never change anything.", ("to", hole))
