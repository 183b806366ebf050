"""`edit`: change only what stands in holes of a pattern; each edited hole is a site."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.matching import ALL_BUT_ONE, Match, Miss, candidates, match_at
from patcher.syntax.needs import Needs
from patcher.syntax.pattern import Code, hole_of
from patcher.syntax.source import walk
from patcher.syntax.template import replaced
from patcher.syntax.where import Where
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    SHARED_KEYS,
    Work,
    called,
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
        **SHARED_KEYS,
        "already": Shape.TEXTS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile patterns, results and constraints; every hole to edit must be bound by every pattern."""
        local = texts(arguments.get("local"))
        listed = not isinstance(arguments["edit"], str)
        patterns = tuple(
            pattern_at(text, local, "edit", *([index] if listed else []))
            for index, text in enumerate(texts(arguments["edit"]))
        )
        if not arguments.get("to"):
            raise PatternError(
                "edit changes nothing without `to`; give each hole its new code, as in to: {D: $D.cpu()}."
            )
        to = {hole: result_at(code, arguments, "to", hole) for hole, code in arguments["to"].items()}
        where = where_of(arguments, *patterns)
        for hole, code in to.items():
            _check_hole(hole, code, patterns, where.bound)
        already = tuple(compile_at(text, local, "already") for text in texts(arguments.get("already")))
        return cls(patterns, to, where, needs_of(arguments, to.values()), already)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return self.patterns

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((*self.patterns, *self.already))

    @property
    def callees(self) -> frozenset[str]:
        """The functions whose arguments the step looks at."""
        return called(self.patterns)

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return worked(step, draft, self.words, self._sites)

    def _sites(self, work: Work) -> Iterator[Site]:
        there = work.matches(self.already)
        for node, form in there.items():
            yield Site(work.source.outer(node)[0], Status.ALREADY, f"`{form.text}` stands there")
        seen: set[object] = set()
        for pattern in self.patterns:
            for match in self._matches(pattern, work):
                for hole in self.to:
                    node = match.captures[hole]
                    if node not in seen and not there.keys() & {node, match.node}:
                        seen.add(node)
                        yield from self._site(work, match, hole, node)

    @property
    def _others(self) -> Where:
        """What is asked of the holes that are not edited."""
        return self.where.without(self.to)

    def _matches(self, pattern: Code, work: Work) -> Iterator[Match]:
        """Yield every way in which a pattern matches in scope, where the holes that are not edited are as wanted."""
        for nodes in candidates(pattern, work.source):
            found: list[Match] = []
            miss = Miss()

            def every(match: Match, found: list[Match] = found) -> tuple[Any, str]:
                failed = self._others.failure(work.source, match)
                if failed is None:
                    found.append(match)
                return failed or (match.node, "")

            match_at(pattern, work.source, nodes, constraint=every, miss=miss)
            if miss.node is not None and not found:
                work.miss.note(miss.depth, miss.node, miss.reason)
            yield from filter(work.in_scope, found)

    def _site(self, work: Work, match: Match, hole: str, node: Any) -> Iterator[Site]:
        source = work.source
        offset = source.outer(node)[0]
        where = self.where.without(set(self.to) - {hole})
        failed = where.failure(source, match)
        match = (self._others if failed else where).completed(source, match)
        if self._is_result(work, where, match, hole, node):
            yield Site(offset, Status.ALREADY)
        elif failed is None:
            spell = work.spelling(node, self.needs, self.patterns)
            make = partial(replaced, self.to[hole], source, match, node, spell)
            yield work.site(offset, spell, match, self.to[hole], make)
        else:
            work.miss.note(ALL_BUT_ONE, *failed)

    def _is_result(self, work: Work, where: Where, match: Match, hole: str, node: Any) -> bool:
        found = match_at(
            work.result(self.to[hole], node, self.needs, self.patterns),
            work.source,
            node,
            captures={name: captured for name, captured in match.captures.items() if name != hole},
            constraint=partial(where.failure, work.source),
        )
        return found is not None


def _check_hole(hole: str, code: Code, patterns: tuple[Code, ...], around: frozenset[str]) -> None:
    for pattern in patterns:
        nodes = (node for root in pattern.roots for node in walk(root))
        if hole not in pattern.holes:
            raise PatternError(f"`{pattern.text}` has no hole ${hole} that could be edited.", ("to", hole))
        if any(one.many and one.name == hole for node in nodes if (one := hole_of(node))):
            raise PatternError(f"$$${hole} stands for any number of nodes; edit changes one.", ("to", hole))
        known_holes(code, pattern.holes | around, "to", hole)
    root = hole_of(code.root)
    if root is not None and root.name == hole:
        raise PatternError(f"${hole} would become itself; this step can never change anything.", ("to", hole))
