"""`replace`: a pattern becomes other code by the smallest edits; what both sides share keeps its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.holes import hole_of
from patcher.syntax.matching import Match, Miss, candidates, match_at
from patcher.syntax.needs import Needs
from patcher.syntax.pattern import Code
from patcher.syntax.references import Gone
from patcher.syntax.refusals import may_take
from patcher.syntax.source import Source, walk
from patcher.syntax.template import smallest
from patcher.syntax.where import Where, compile_where
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    SHARED_KEYS,
    Work,
    called,
    check_where,
    compile_at,
    drops_comments,
    known_holes,
    literal_sets,
    needs_of,
    pattern_at,
    result_at,
    texts,
    worked,
)

__all__ = ["Replace"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A pattern, its result, and which of the two is tried first at a place: the more specific one.

    `held` are the nodes of the result at which the pattern matches again: there it is part of what was made.
    """

    pattern: Code
    result: Code
    pattern_first: bool
    held: tuple[Any, ...]

    def is_known(self, where: Where) -> bool:
        """Whether the result can be told from other code: a hole that may be anything cannot."""
        hole = hole_of(self.result.root) if len(self.result.roots) == 1 else None
        return hole is None or hole.name in where.holes


@dataclass(frozen=True, slots=True)
class Replace:
    """The compiled verb."""

    pairs: tuple[Pair, ...]
    where: Where
    needs: Needs
    already: tuple[Code, ...]
    drops_comments: bool

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "replace": Shape.CODE_OR_PAIRS,
        "with": Shape.TEXT,
        **SHARED_KEYS,
        "already": Shape.TEXTS,
        "comments": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the pairs and decide, for each, whether pattern or result is the more specific."""
        local = texts(arguments.get("local"))
        where = compile_where(arguments.get("where", {}), local, arguments.get("inside"))
        written = _written(arguments)
        pairs = tuple(_pair(old, new, where, arguments, at) for old, new, at in written)
        check_where(where, *(pair.pattern for pair in pairs))
        _check_order(pairs, where, [at for _, _, at in written])
        statement = pairs[0].pattern.kind == "statements"
        already = tuple(
            compile_at(text, local, "already", statement=statement) for text in texts(arguments.get("already"))
        )
        needs = needs_of(arguments, [pair.result for pair in pairs])
        return cls(pairs, where, needs, already, drops_comments(arguments))

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return tuple(pair.pattern for pair in self.pairs)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets((*(code for pair in self.pairs for code in (pair.pattern, pair.result)), *self.already))

    @property
    def callees(self) -> frozenset[str]:
        """The functions whose arguments the step looks at."""
        return called(pair.pattern for pair in self.pairs)

    @property
    def gone(self) -> tuple[Gone, ...]:
        """The dotted names that no result has any more, where they are all that a pattern is, or what it calls."""
        left = {name for pair in self.pairs for name in pair.result.dotted.values()}
        roots = [(pair.pattern, pair.pattern.roots[0]) for pair in self.pairs if pair.pattern.kind == "expression"]
        names = {code.dotted.get(getattr(root, "func", root), "") for code, root in roots}
        return tuple(Gone(name, alone=False) for name in sorted(names - left) if "." in name)

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return worked(step, draft, self.words, self._sites)

    def _sites(self, work: Work) -> Iterator[Site]:
        there = work.matches(self.already)
        for node, form in there.items():
            yield Site(work.source.outer(node)[0], Status.ALREADY, f"`{form.text}` stands there")
        seen: set[object] = {*there, *self._held(work)}
        for pair in self.pairs:
            for nodes in _places(pair, work.source, known=pair.is_known(self.where)):
                site = self._site(pair, work, nodes) if nodes[0] not in seen else None
                if site is not None:
                    seen.add(nodes[0])
                    yield site

    def _held(self, work: Work) -> Iterator[object]:
        """Yield the nodes that a pattern would match inside of its own result."""
        for pair in self.pairs:
            for nodes in candidates(pair.result, work.source) if pair.held and not pair.pattern_first else ():
                match = self._match(self._result(pair, work, nodes), pair.pattern, work.source, nodes, None)
                if match is not None:
                    yield from {match.pairs.get(node) for node in pair.held} - {match.node}

    def _result(self, pair: Pair, work: Work, nodes: Any) -> Code:
        return work.result(pair.result, nodes[0], self.needs, (one.pattern for one in self.pairs))

    def _match(self, code: Code, other: Code, source: Source, nodes: Any, miss: Miss | None) -> Match | None:
        return match_at(
            code,
            source,
            nodes[: len(code.roots)],
            excluded=other.keywords - code.keywords,
            constraint=partial(self.where.failure, source),
            miss=miss,
        )

    def _site(self, pair: Pair, work: Work, nodes: Any) -> Site | None:
        for is_result in (not pair.pattern_first, pair.pattern_first):
            if is_result and not pair.is_known(self.where):
                continue
            result = self._result(pair, work, nodes)
            code, other = (result, pair.pattern) if is_result else (pair.pattern, result)
            if len(nodes) < len(code.roots):
                continue
            match = self._match(code, other, work.source, nodes, None if is_result else work.miss)
            if match is not None and work.in_scope(match):
                offset = work.source.outer(match.node)[0]
                return Site(offset, Status.ALREADY) if is_result else self._applied(pair, work, match, offset)
        return None

    def _applied(self, pair: Pair, work: Work, match: Match, offset: int) -> Site:
        match = self.where.completed(work.source, match)
        spell = work.spelling(match.node, self.needs, (pair.pattern,))

        def make() -> list[Edit]:
            may_take(work.source, match, pair.pattern, pair.result.keywords - pair.pattern.keywords)
            return smallest(pair.pattern, pair.result, match, work.source, spell)

        return work.site(offset, spell, match, pair.result, make, drop=self.drops_comments)


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


def _pair(old: str, new: str, where: Where, arguments: Mapping[str, Any], at: tuple[str | int, ...]) -> Pair:
    pattern = pattern_at(old, texts(arguments.get("local")), *at)
    written = ("with",) if len(at) == 1 else at
    result = result_at(new, arguments, *written, statement=pattern.kind == "statements")
    known_holes(result, pattern.holes | where.bound, *at)
    if pattern.kind != result.kind:
        raise PatternError(
            f"`{old}` is {_kind(pattern)} and `{new}` is {_kind(result)}; one cannot become the other.", at
        )
    if pattern.kind == "header" and type(pattern.root) is not type(result.root):
        raise PatternError(f"`{old}` and `{new}` begin different statements; one cannot become the other.", at)
    old_holds, new_holds = _covers(pattern, result, where), _covers(result, pattern, where)
    if old_holds and new_holds:
        raise PatternError(f"`{old}` and `{new}` match the same code, so it cannot be told which was applied.", at)
    return Pair(pattern, result, new_holds, _inside(pattern, result, where))


def _check_order(pairs: tuple[Pair, ...], where: Where, ats: list[tuple[str | int, ...]]) -> None:
    """Refuse a pair whose result another pair would change again."""
    for one, at in zip(pairs, ats, strict=True):
        for other in pairs:
            again = other is not one and (
                _covers(other.pattern, one.result, where) or _inside(other.pattern, one.result, where)
            )
            if again and other.result.text != one.result.text:
                raise PatternError(
                    f"`{one.result.text}`, which `{one.pattern.text}` becomes, is changed again by "
                    f"`{other.pattern.text}`; write the last result at once.",
                    at,
                )


def _inside(pattern: Code, result: Code, where: Where) -> tuple[Any, ...]:
    """Return the nodes of a result at which a pattern matches, the result as a whole aside."""
    count = len(pattern.roots)
    runs = [result.roots[at : at + count] for at in range(len(result.roots) - count + 1)]
    below = [(node,) for root in result.roots for node in walk(root) if count == 1 and node is not root]
    wholes = runs if len(result.roots) > count else []
    return tuple(nodes[0] for nodes in (*wholes, *below) if _found(pattern, result, nodes, where))


def _kind(code: Code) -> str:
    return {"expression": "an expression", "statements": "a statement", "header": "the header of a block"}[code.kind]


def _covers(code: Code, other: Code, where: Where) -> bool:
    """Tell whether everything that `other` matches is matched by `code` too."""
    return len(code.roots) == len(other.roots) and _found(code, other, other.roots, where)


def _found(code: Code, other: Code, nodes: Any, where: Where) -> bool:
    excluded = other.keywords - code.keywords
    return match_at(code, other, nodes, excluded=excluded, constraint=partial(where.failure, other)) is not None


def _places(pair: Pair, source: Source, *, known: bool) -> list[Any]:
    """Return the nodes at which pattern or result could match, each place once, the longer run of statements first."""
    places: dict[object, Any] = {}
    codes = (pair.pattern, pair.result) if known else (pair.pattern,)
    for code in sorted(codes, key=lambda one: -len(one.roots)):
        for nodes in candidates(code, source):
            places.setdefault(nodes[0], nodes)
    return list(places.values())
