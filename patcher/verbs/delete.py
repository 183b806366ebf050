"""`delete`: statements that must go. A scope without the statement is already there; a scope that is gone is drift."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Site, Status, Step
from patcher.syntax.blocks import (
    deletion,
    imported_aliases,
    is_definition,
    is_read,
    local_name,
    why_kept,
    without_names,
)
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.holes import hole_of, short
from patcher.syntax.matching import ALL_BUT_ONE, Match, Miss, find
from patcher.syntax.pattern import Code
from patcher.syntax.readers import Readers
from patcher.syntax.source import Source
from patcher.syntax.where import Where, compile_where
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import (
    called,
    check_where,
    drops_comments,
    edited,
    findings,
    in_scope,
    literal_sets,
    pattern_at,
    texts,
)

__all__ = ["Delete"]


@dataclass(frozen=True, slots=True)
class Delete:
    """The compiled verb. `unused` is the hole whose import names go where nothing reads them.

    A pattern without that hole is an import as a whole (`import apex`), which goes where nothing reads what it binds.
    """

    patterns: tuple[Code, ...]
    where: Where
    unused: str | None
    drops_comments: bool

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "delete": Shape.TEXTS,
        "where": Shape.WHERE,
        "inside": Shape.TEXT,
        "local": Shape.TEXTS,
        "comments": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Compile the statements."""
        local = texts(arguments.get("local"))
        listed = not isinstance(arguments["delete"], str)
        patterns = tuple(
            pattern_at(text, local, "delete", *([index] if listed else []), statement=True)
            for index, text in enumerate(texts(arguments["delete"]))
        )
        for index, pattern in enumerate(patterns):
            _check_header(pattern, "delete", *([index] if listed else []))
        where = dict(arguments.get("where", {}))
        unused = [hole for hole, value in where.items() if isinstance(value, Mapping) and "unused" in value]
        for hole in unused:
            if where.pop(hole) != {"unused": "yes"}:
                raise PatternError("`unused` stands alone and is `yes`.", ("where", hole))
            _check_unused(hole, patterns)
        compiled = compile_where(where, local, arguments.get("inside"))
        check_where(compiled, *patterns)
        return cls(patterns, compiled, next(iter(unused), None), drops_comments(arguments))

    @property
    def codes(self) -> tuple[Code, ...]:
        """The patterns that the step looks for."""
        return self.patterns

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return literal_sets(self.patterns)

    @property
    def callees(self) -> frozenset[str]:
        """The functions whose calls go."""
        return called(self.patterns)

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb: a file that `in` names, and in which nothing is left to delete, is a site that is already there.

        Without `in` nothing tells a statement that is gone from one that never was.
        """
        readers = Readers(draft)

        def sites(source: Source, miss: Miss) -> Iterator[Site]:
            return self._sites(step, draft, source, miss, readers)

        found = list(findings(step, draft, self.words, sites))
        yield from found
        busy = {one.path for one in found if one.sites}
        if step.within:
            scoped = [path for path in draft.paths if path.endswith(PROGRAMS) and draft.in_scope(step, path)]
            done = [path for path in scoped if path not in busy and draft.has_scope(step, path)]
            named = [path for path in done if any(path == scope.path for scope in step.within)]
            for path in named or ([] if busy else done[:1]):
                yield Findings(path, (Site(0, Status.ALREADY, "it stands nowhere in scope"),))

    def _sites(self, step: Step, draft: Draft, source: Source, miss: Miss, readers: Readers) -> Iterator[Site]:
        whole: list[Match] = []
        for pattern in self.patterns:
            for match in find(pattern, source, lambda one: self.where.failure(source, one), miss):
                if not in_scope(draft, step, source, match):
                    continue
                if draft.is_left_out(source.path, start := source.span(match.node)[0]):
                    yield Site(start, Status.ABSENT)
                    continue
                gone = self._unused(readers, source, match, miss) if self.unused else None
                if gone is None or len(gone) == len(imported_aliases(match.node)):
                    whole.append(match)
                elif gone:
                    yield edited(source, source.span(gone[0])[0], partial(without_names, source, match.node, gone))
        going = {node for match in whole for node in match.nodes}
        for match in whole:
            edits = deletion(source, match.nodes, going)
            offset = source.span(match.node)[0]
            if self.drops_comments:
                yield Site(offset, Status.APPLIED, edits=tuple(edits))
            else:
                yield edited(source, offset, partial(list, edits))

    def _unused(self, readers: Readers, source: Source, match: Match, miss: Miss) -> list[Any]:
        """Return the names of an import that nothing reads, in its file or through it."""
        kept = why_kept(source, match.node)
        captured = match.captures.get(self.unused or "", tuple(imported_aliases(match.node)))
        aliases = captured if isinstance(captured, tuple) else (captured,)
        gone = [] if kept else [one for one in aliases if not self._used(readers, source, one)]
        if not gone:
            miss.note(ALL_BUT_ONE, match.node, kept or "every name that is imported there is used")
        return gone

    @staticmethod
    def _used(readers: Readers, source: Source, alias: Any) -> bool:
        name = local_name(source, alias)
        return is_read(source, name, alias) or readers.first(source.path, name) is not None


def _check_header(pattern: Code, *at: str | int) -> None:
    """Raise PatternError for a header alone, but that of a definition: nobody says there that the block goes too."""
    if pattern.kind == "header" and not is_definition(pattern.root):
        raise PatternError(
            f"`{pattern.text}` is a header, and its block would go with it; where that is meant write `$$$` under it, "
            "else replace the whole by its block.",
            at,
        )


def _check_unused(hole: str, patterns: Iterable[Code]) -> None:
    """Raise PatternError unless a hole stands for names of an import, wherever it stands."""
    named = [pattern for pattern in patterns if hole in pattern.holes]
    if not named:
        raise PatternError(f"${hole} is bound by no pattern of the step.", ("where", hole))
    for pattern in named:
        names = {found.name for alias in imported_aliases(pattern.root) if (found := hole_of(alias))}
        if hole not in names or len(pattern.roots) > 1:
            raise PatternError(
                f"`unused` is asked of the names of one import, and ${hole} is none in `{short(pattern.text)}`.",
                ("where", hole),
            )
