"""What the verbs with patterns share: compiling a key with its place, scopes, and finding sites file by file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from patcher.errors import PatternError, SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.holes import hole_of
from patcher.syntax.matching import ALL_BUT_ONE, Match, Miss, find
from patcher.syntax.needs import Needs, compile_needs, known_by
from patcher.syntax.pattern import Code, compile_code
from patcher.syntax.refusals import keep_strings
from patcher.syntax.source import Source
from patcher.syntax.spelling import Spelling, as_spelled
from patcher.syntax.unread import without_unread
from patcher.syntax.where import Where, compile_where, of_arguments
from patcher.verbs.added import Added
from patcher.verbs.base import Findings, Near, Shape

__all__ = [
    "SHARED_KEYS",
    "Work",
    "called",
    "check_where",
    "checked_place",
    "compile_at",
    "drops_comments",
    "edited",
    "findings",
    "in_scope",
    "known_holes",
    "literal_sets",
    "needs_of",
    "pattern_at",
    "result_at",
    "texts",
    "where_of",
    "worked",
]


# What a step may say beside its code, wherever that code is put in.
SHARED_KEYS: Mapping[str, Shape] = {
    "where": Shape.WHERE,
    "inside": Shape.TEXT,
    "local": Shape.TEXTS,
    "needs": Shape.TEXTS,
    "place": Shape.TEXT,
}


def drops_comments(arguments: Mapping[str, Any]) -> bool:
    """Return whether the comments in what goes may go too (`comments: drop`)."""
    comments = arguments.get("comments", "keep")
    if comments not in ("keep", "drop"):
        raise PatternError(f"`{comments}` is neither keep nor drop.", ("comments",))
    return bool(comments == "drop")


def texts(value: Any) -> list[str]:
    """Return a text or a list of texts as a list."""
    return [value] if isinstance(value, str) else list(value or ())


def pattern_at(text: str, local: Iterable[str], *at: str | int, statement: bool = False) -> Code:
    """Compile a pattern that stands at a key of the step; a hole alone would match everything."""
    code = compile_at(text, local, *at, statement=statement)
    if len(code.roots) == 1 and hole_of(code.root) is not None:
        raise PatternError(f"`{text}` alone matches everything; write the code around the hole.", at)
    return code


def where_of(arguments: Mapping[str, Any], *patterns: Code) -> Where:
    """Compile `where` and `inside` of a step with these patterns."""
    where = compile_where(arguments.get("where", {}), texts(arguments.get("local")), arguments.get("inside"))
    check_where(where, *patterns)
    return where


def check_where(where: Where, *patterns: Code) -> None:
    """Raise PatternError if `where` constrains a hole that no pattern binds, or by a hole alone that none binds.

    A slip there would widen the step.
    """
    bound = where.bound.union(*(code.holes for code in patterns))
    unknown = sorted(set(where.holes) - bound)
    if unknown:
        known = ", ".join(f"${hole}" for hole in sorted(bound)) or "none"
        raise PatternError(f"${unknown[0]} is bound by no pattern of the step; known: {known}.", ("where", unknown[0]))
    singles = {one.name for code in patterns for node in code.nodes() if (one := hole_of(node)) and not one.many}
    for name in sorted(where.named & singles):
        raise PatternError(
            f"`named` is asked of arguments, as $$${name} takes them, and ${name} is one.", ("where", name)
        )
    for name in sorted(where.named - of_arguments(patterns)):
        raise PatternError(f"`named` is asked of the arguments of a call, and $$${name} takes none.", ("where", name))
    for name, hole, code in where.lone():
        if hole is None or hole == name or hole not in bound:
            raise PatternError(
                f"`{code.text}` alone matches everything; write the code around the hole, or a hole that the step "
                "binds elsewhere.",
                ("where", name),
            )


def compile_at(text: str, local: Iterable[str], *at: str | int, statement: bool = False) -> Code:
    """Compile code that stands at a key of the step; a PatternError names that key."""
    return _compiled(partial(compile_code, text, local, statement=statement), at)


def result_at(
    text: str, arguments: Mapping[str, Any], *at: str | int, statement: bool = False, new: bool = False
) -> Code:
    """Compile code that the step writes, in which a name means what the imports under `needs` make of it."""
    local, known = texts(arguments.get("local")), known_by(texts(arguments.get("needs")))
    return _compiled(partial(compile_code, text, local, statement=statement, new=new, known=known), at)


def _compiled(make: Callable[[], Code], at: tuple[str | int, ...]) -> Code:
    try:
        return make()
    except PatternError as error:
        raise PatternError(str(error), at) from None


def checked_place(arguments: Mapping[str, Any]) -> str | None:
    """Return the `place` of a step: a folder of the tree, or None where it says nothing or is empty."""
    place = arguments.get("place")
    path = PurePosixPath(place or "")
    if place is not None and (path.is_absolute() or ".." in path.parts):
        raise PatternError(
            f"`{place}` is no folder of the tree; write it from the tree's root, as models/shims.", ("place",)
        )
    return place or None


def needs_of(arguments: Mapping[str, Any], results: Iterable[Code]) -> Needs:
    """Return what the results of a step need, and where the shims go that they name."""
    return compile_needs(texts(arguments.get("needs")), results, checked_place(arguments))


def known_holes(code: Code, known: Iterable[str], *at: str | int) -> None:
    """Raise PatternError if a replacement uses a hole that its pattern does not bind."""
    unnamed = next((node for node in code.nodes() if (hole := hole_of(node)) and hole.name is None), None)
    if unnamed is not None:
        raise PatternError(
            f"{code.code(unnamed)} forgets what it takes, so nothing can stand in its place; name the hole, in the "
            "pattern too.",
            at,
        )
    unknown = sorted(code.holes - set(known))
    if unknown:
        raise PatternError(f"${unknown[0]} is bound by no pattern of the step, so nothing can stand in its place.", at)


def in_scope(draft: Draft, step: Step, source: Source, match: Match) -> bool:
    """Tell whether a match lies in the functions and classes that the step's `in` and `not_in` name."""
    scoped = any(scope.qualname is not None for scope in (*step.within, *step.not_in))
    return not scoped or draft.in_qualname(step, source.path, source.names.qualname(match.node))


def packages_of(codes: Iterable[Code]) -> frozenset[str]:
    """Return the packages that some code speaks of."""
    return frozenset[str]().union(*(code.roots_of_names for code in codes))


def edited(source: Source, offset: int, make: Callable[[], list[Edit]], *, drop: bool = False) -> Site:
    """Return the site with its edits, or refused with the reason if it cannot be edited safely.

    `drop`: comments may go with what they stand in.
    """
    try:
        edits = make()
        keep_strings(source, edits)
    except SiteError as error:
        return Site(offset, Status.REFUSED, str(error))
    lost = None if drop else source.lost_comment(edits)
    if lost is not None:
        return Site(offset, Status.REFUSED, f"the comment `{lost}` would be lost; move it out of the way first")
    return Site(offset, Status.APPLIED, edits=tuple(edits))


def literal_sets(codes: Iterable[Code], where: frozenset[bytes] = frozenset()) -> list[frozenset[bytes]]:
    """Return the words of each code, one set a code, together with those that the constraints ask for."""
    return [code.literals | where for code in codes]


def called(codes: Iterable[Code]) -> frozenset[str]:
    """Return the dotted names of the functions that some code calls, for the places that hand them on instead."""
    return frozenset(code.callee for code in codes if code.callee)


# A place that is right in all but its scope is nearer than any that fails in itself.
OUT_OF_SCOPE = 2 * ALL_BUT_ONE


@dataclass(slots=True)
class Work:
    """A step at work on one file: what it may look at, and how the names are written that its sites put in."""

    draft: Draft
    step: Step
    source: Source
    copies: Mapping[str, bytes]
    miss: Miss = field(default_factory=Miss)
    spelled: dict[Site, Spelling] = field(default_factory=dict)

    def in_scope(self, match: Match) -> bool:
        """Tell whether a match lies in the step's scope."""
        if in_scope(self.draft, self.step, self.source, match):
            return True
        where = self.source.names.qualname(match.node) or "the module itself"
        named = " or ".join(str(scope) for scope in self.step.within) or "not there"
        self.miss.note(OUT_OF_SCOPE, match.node, f"it stands in {where}, and the step looks in {named}")
        return False

    def matches(self, codes: Iterable[Code]) -> dict[Any, Code]:
        """Return the nodes in scope at which one of some patterns matches, with the pattern."""
        found = ((match, code) for code in codes for match in find(code, self.source))
        return {match.node: code for match, code in found if self.in_scope(match)}

    def spelling(self, at: Any, needs: Needs, codes: Iterable[Code], position: int | None = None) -> Spelling:
        """Return how names are written at a node, for a step that speaks of the packages of these codes."""
        return Spelling(self.source, at, needs, packages_of(codes), self.draft, self.copies, position)

    def result(self, code: Code, node: Any, needs: Needs, codes: Iterable[Code]) -> Code:
        """Return a result as it would read at a node, to be looked for there."""
        return as_spelled(code, self.source, node, packages_of(codes) | needs.packages)

    def site(
        self,
        offset: int,
        spell: Spelling,
        match: Match,
        result: Code,
        make: Callable[[], list[Edit]],
        *,
        drop: bool = False,
    ) -> Site:
        """Return the site with its edits, which write a result; what its names need is put in once for the file."""
        if self.draft.is_left_out(self.source.path, offset):
            return Site(offset, Status.ABSENT)

        def checked() -> list[Edit]:
            spell.check_needs()
            spell.check_locals(result, match.nodes)
            return make()

        site = edited(self.source, offset, checked, drop=drop)
        if site.status is Status.APPLIED:
            self.spelled[site] = spell
        return site


def worked(
    step: Step, draft: Draft, words: Iterable[frozenset[bytes]], sites: Callable[[Work], Iterable[Site]]
) -> Iterator[Findings]:
    """Yield what a function finds in each file of the step's scope that holds the words of a pattern."""
    copies: dict[str, bytes] = {}
    for source in draft.sources(step, words, follow=True):
        work = Work(draft, step, source, dict(copies), draft.miss(source))
        found = list(sites(work))
        added = Added(source, work.spelled)
        settled, more = _settled(found, added)
        files = added.files(settled)
        copies |= files
        miss = work.miss
        near = Near(source.span(miss.node)[0], miss.reason, miss.depth) if miss.node is not None else None
        if settled or near:
            shared = list(dict.fromkeys(edit for site in settled for edit in added.edits(site)))
            edits = without_unread(draft, source, shared, [edit for site in settled for edit in site.edits])
            yield Findings(source.path, tuple(settled), tuple(edits), files, near, tuple(more))


def findings(
    step: Step,
    draft: Draft,
    words: Iterable[frozenset[bytes]],
    sites: Callable[[Source, Miss], Iterable[Site]],
) -> Iterator[Findings]:
    """Yield what a function finds in each file, for a step whose sites stand for themselves."""
    return worked(step, draft, words, lambda work: sites(work.source, work.miss))


def _settled(sites: Iterable[Site], added: Added) -> tuple[list[Site], list[Site]]:
    """Return the sites that are done now, and those that are put off; a site that is refused puts off no other."""
    settled, more = _without_overlaps(sites)
    while (sound := added.sound(settled)) != settled:
        settled, more = _without_overlaps([*sound, *more])
    return settled, more


def _without_overlaps(sites: Iterable[Site]) -> tuple[list[Site], list[Site]]:
    """Put off every site whose edits touch those of another: a match in a match is found again in the new text."""
    settled: list[Site] = []
    more: list[Site] = []
    taken: list[Edit] = []
    # The inner one first: what the outer one captured then already holds the inner result.
    for site in sorted(sites, key=_extent):
        if any(_touch(edit, other) for edit in site.edits for other in taken):
            more.append(site)
            continue
        taken += site.edits
        settled.append(site)
    return sorted(settled, key=lambda site: site.offset), more


def _touch(one: Edit, other: Edit) -> bool:
    """Tell whether two edits want the same bytes, or put other text than one whole line into the same place."""
    if one.start == one.end and other.start == other.end:
        return one.start == other.start and not (one == other and "\n" in one.text)
    return one.start < other.end and other.start < one.end


def _extent(site: Site) -> int:
    return max((edit.end for edit in site.edits), default=0) - min((edit.start for edit in site.edits), default=0)
