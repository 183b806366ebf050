"""`replace`: a pattern becomes other code by the smallest edits; what both sides share keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Needs, compile_needs
from patcher.syntax.matching import Match, Miss, candidates, find, match_at
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source
from patcher.syntax.template import keywords, smallest
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

__all__ = ["Replace"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A pattern, its result, and which of the two is tried first at a place: the more specific one."""

    pattern: Code
    result: Code
    pattern_first: bool


@dataclass(frozen=True, slots=True)
class Replace:
    """The compiled verb."""

    pairs: tuple[Pair, ...]
    where: Where
    needs: Needs
    already: tuple[Code, ...]

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "replace": Shape.CODE_OR_PAIRS,
        "with": Shape.TEXT,
        "where": Shape.WHERE,
        "local": Shape.TEXTS,
        "needs": Shape.TEXTS,
        "already": Shape.TEXTS,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the pairs and decide, for each, whether pattern or result is the more specific."""
        local = texts(arguments.get("local"))
        where = compile_where(arguments.get("where", {}), local)
        pairs = tuple(_pair(old, new, where, local, at) for old, new, at in _written(arguments))
        already = tuple(compile_at(text, local, "already") for text in texts(arguments.get("already")))
        return cls(pairs, where, compile_needs(texts(arguments.get("needs"))), already)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((*(code for pair in self.pairs for code in (pair.pattern, pair.result)), *self.already))

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""

        def sites(source: Source, miss: Miss) -> Iterator[Site]:
            seen: set[object] = set()
            for pair in self.pairs:
                for nodes in _places(pair, source):
                    if nodes[0] in seen:
                        continue
                    site = self._site(pair, source, nodes, miss, lambda match: in_scope(draft, step, source, match))
                    if site is not None:
                        seen.add(nodes[0])
                        yield site
            for other in self.already:
                for match in find(other, source):
                    if match.node not in seen and in_scope(draft, step, source, match):
                        yield Site(source.outer(match.node)[0], Status.ALREADY, f"`{other.text}` stands there")

        return findings(step, draft, self.words, sites)

    def _site(self, pair: Pair, source: Source, nodes: Any, miss: Miss, scoped: Any) -> Site | None:
        for is_result in (not pair.pattern_first, pair.pattern_first):
            code, other = (pair.result, pair.pattern) if is_result else (pair.pattern, pair.result)
            if len(nodes) < len(code.roots):
                continue
            match = match_at(
                code,
                source,
                nodes[: len(code.roots)],
                excluded=keywords(other) - keywords(code),
                constraint=lambda found: self.where.failure(source, found),
                miss=None if is_result else miss,
                result=is_result,
            )
            if match is not None and scoped(match):
                return self._already(source, match) if is_result else self._applied(pair, source, match)
        return None

    def _already(self, source: Source, match: Match) -> Site:
        return Site(source.outer(match.node)[0], Status.ALREADY)

    def _applied(self, pair: Pair, source: Source, match: Match) -> Site:
        spell = spelling(source, match, self.needs, (pair.pattern,))

        def make() -> list[Edit]:
            spell.check_needs()
            return smallest(pair.pattern, pair.result, match, source, spell) + spell.edits

        return edited(source, source.outer(match.node)[0], make)


def _written(arguments: Mapping[str, Any]) -> list[tuple[str, str, tuple[str | int, ...]]]:
    """Return pattern, result and key for each pair, whichever way the recipe writes them."""
    value, new = arguments["replace"], arguments.get("with")
    if isinstance(value, Mapping):
        if new is not None:
            raise PatternError(
                "`with` belongs to a single pattern; a map has the result behind each pattern.", ("with",)
            )
        return [(old, result, ("replace", old)) for old, result in value.items()]
    if new is None:
        raise PatternError("replace needs `with`, the code that the pattern becomes.", ("replace",))
    if isinstance(value, str):
        return [(value, new, ("replace",))]
    return [(old, new, ("replace", index)) for index, old in enumerate(value)]


def _pair(old: str, new: str, where: Where, local: list[str], at: tuple[str | int, ...]) -> Pair:
    pattern = compile_at(old, local, *at)
    result = compile_at(new, local, *(("with",) if len(at) == 1 else at), statement=pattern.kind == "statements")
    known_holes(result, pattern.holes, *at)
    if pattern.kind != result.kind:
        raise PatternError(
            f"`{old}` is {_kind(pattern)} and `{new}` is {_kind(result)}; one cannot become the other.", at
        )
    old_holds, new_holds = _covers(pattern, result, where), _covers(result, pattern, where)
    if old_holds and new_holds:
        raise PatternError(f"`{old}` and `{new}` match the same code, so it cannot be told which was applied.", at)
    return Pair(pattern, result, pattern_first=new_holds)


def _kind(code: Code) -> str:
    return {"expression": "an expression", "statements": "a statement", "header": "the header of a block"}[code.kind]


def _covers(code: Code, other: Code, where: Where) -> bool:
    """Tell whether everything that `other` matches is matched by `code` too."""
    if len(code.roots) != len(other.roots):
        return False
    excluded = keywords(other) - keywords(code)
    found = match_at(code, other, other.roots, excluded=excluded, constraint=lambda match: where.failure(other, match))
    return found is not None


def _places(pair: Pair, source: Source) -> list[Any]:
    """Return the nodes at which pattern or result could match, each place once, the longer run of statements first."""
    places: dict[object, Any] = {}
    for code in sorted((pair.pattern, pair.result), key=lambda one: -len(one.roots)):
        for nodes in candidates(code, source):
            places.setdefault(nodes[0], nodes)
    return list(places.values())
