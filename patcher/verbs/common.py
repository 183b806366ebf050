"""What the verbs with patterns share: compiling a key with its place, scopes, and finding sites file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from patcher.errors import PatternError, SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.imports import Needs, Spelling
from patcher.syntax.matching import Match, Miss
from patcher.syntax.pattern import Code, compile_code
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Near

__all__ = ["compile_at", "edited", "findings", "in_scope", "known_holes", "literal_sets", "spelling", "texts"]


def texts(value: Any) -> list[str]:
    """Return a text or a list of texts as a list."""
    return [value] if isinstance(value, str) else list(value or ())


def compile_at(text: str, local: Iterable[str], *at: str | int, statement: bool = False) -> Code:
    """Compile code that stands at a key of the step; a PatternError names that key."""
    try:
        return compile_code(text, local, statement=statement)
    except PatternError as error:
        raise PatternError(str(error), at) from None


def known_holes(code: Code, known: Iterable[str], *at: str | int) -> None:
    """Raise PatternError if a replacement uses a hole that its pattern does not bind."""
    unknown = sorted(code.holes - set(known))
    if unknown:
        raise PatternError(f"${unknown[0]} is bound by no pattern of the step, so nothing can stand in its place.", at)


def spelling(source: Source, match: Match, needs: Needs, codes: Iterable[Code]) -> Spelling:
    """Return how names are written at a match, for a step that speaks of the packages of these codes."""
    packages = frozenset[str]().union(*(code.roots_of_names for code in codes))
    return Spelling(source, match.node, needs, packages)


def in_scope(draft: Draft, step: Step, source: Source, match: Match) -> bool:
    """Tell whether a match lies in the functions and classes that the step's `in` and `not_in` name."""
    scoped = any(scope.qualname is not None for scope in (*step.within, *step.not_in))
    return not scoped or draft.in_qualname(step, source.path, source.names.qualname(match.node))


def edited(source: Source, offset: int, make: Callable[[], list[Edit]]) -> Site:
    """Return the site with its edits, or refused with the reason if it cannot be edited safely."""
    try:
        edits = make()
    except SiteError as error:
        return Site(offset, Status.REFUSED, str(error))
    lost = source.lost_comment(edits)
    if lost is not None:
        return Site(offset, Status.REFUSED, f"the comment `{lost}` would be lost; move it out of the way first")
    return Site(offset, Status.APPLIED, edits=tuple(edits))


def findings(
    step: Step,
    draft: Draft,
    words: Iterable[frozenset[bytes]],
    sites: Callable[[Source, Miss], Iterable[Site]],
) -> Iterator[Findings]:
    """Yield what a function finds in each file of the step's scope that holds the words of a pattern."""
    for source in draft.sources(step, words):
        miss = Miss()
        found = sorted(sites(source, miss), key=lambda site: site.offset)
        near = Near(source.span(miss.node)[0], miss.reason, miss.depth) if miss.node is not None else None
        settled, more = _without_overlaps(found)
        if settled or near:
            yield Findings(source.path, tuple(settled), near=near, more=more)


def _without_overlaps(sites: list[Site]) -> tuple[list[Site], bool]:
    """Put off every site whose edits touch those of another: a match in a match is found again in the new text."""
    settled: list[Site] = []
    taken: list[tuple[int, int]] = []
    more = False
    # The inner one first: what the outer one captured then already holds the inner result.
    for site in sorted(sites, key=_extent):
        spans = [(edit.start, edit.end) for edit in site.edits if edit.start < edit.end]
        if any(start < other_end and other_start < end for start, end in spans for other_start, other_end in taken):
            more = True
            continue
        taken += spans
        settled.append(site)
    return sorted(settled, key=lambda site: site.offset), more


def _extent(site: Site) -> int:
    return max((edit.end for edit in site.edits), default=0) - min((edit.start for edit in site.edits), default=0)


def literal_sets(codes: Iterable[Code], where: frozenset[bytes] = frozenset()) -> list[frozenset[bytes]]:
    """Return the words of each code, one set a code, together with those that the constraints ask for."""
    return [code.literals | where for code in codes]
