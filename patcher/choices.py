"""What a person said of the places of a plan: which are left as they are, and what was written at one instead.

The planner asks it before it makes a step's edits. Nothing is cut out of what a step found: the step is run again as
if the place were not there, so that an import or a shim that only this place needed is not put in either.
"""

from __future__ import annotations

import glob
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from patcher.model import Edit, Hunk, Key, Scope, Site, Status, Step
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.verbs.base import Findings

__all__ = ["DECLINED", "LEFT", "OUT", "WHOLE", "Choices", "Known", "Selection", "mark", "version"]

DECLINED, LEFT = "it was declined", "it was not taken"
OUT = (DECLINED, LEFT)
# What these change in one file hangs together: an import and what reads it.
WHOLE = frozenset({"rename", "guard_import"})
DIGITS = 16

Run = Callable[[Step, Draft], list[Findings]]


@dataclass(frozen=True, slots=True)
class Known:
    """A place that was declined in an earlier plan: the step, the path, and the marks of the place and of the step."""

    step: str
    path: str
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Places that are `declined`, or `left` for this once, and what is `edited` by hand; `known` is from earlier."""

    declined: frozenset[Key] = frozenset()
    left: frozenset[Key] = frozenset()
    edited: Mapping[Key, tuple[Edit, ...]] = field(default_factory=lambda: MappingProxyType({}))
    known: tuple[Known, ...] = ()


class Selection:
    """The choices, in one plan. `hunks` is what the plan does, `declined` what its result still has of the rest."""

    def __init__(self, choices: Choices | None = None) -> None:
        self._choices = choices or Choices()
        self._known = Counter(self._choices.known)
        self._out: dict[Key, str] = {}
        self.hunks: list[Hunk] = []
        self.declined: list[Hunk] = []

    @property
    def left_some(self) -> bool:
        """Whether anything was left out."""
        return bool(self._out)

    def narrowed(self, step: Step, draft: Draft, found: list[Findings], run: Run) -> list[Findings]:
        """Return what a step finds where the places that are left out are told as absent."""
        gone: dict[Key, int] = {}
        while fresh := {key: offset for key, offset in self._left_out(step, draft, found) if key not in gone}:
            gone |= fresh
            found = _run_without(step, draft, gone, run)
        found = [self._without(step, draft, one, gone) for one in found] if gone else found
        missing = {key[1] for key in gone} - {one.path for one in found}
        found += [self._without(step, draft, Findings(path), gone) for path in missing]
        return sorted((self._by_hand(step, draft, one) for one in found), key=lambda one: one.path)

    def note(self, step: Step, draft: Draft, found: Findings) -> None:
        """Keep what is about to be done in a file, place by place."""
        sites = [site for site in found.sites if site.status is Status.APPLIED]
        beside, files = found.edits, found.files
        if not sites and beside:  # what a file hands on is changed, and nothing in it is a place
            sites = [Site(beside[0].start, Status.APPLIED)]
        for hunk in _hunks(step, draft, found, sites):
            origin = draft.at_first(hunk.path, (*beside, *hunk.edits))
            self.hunks.append(replace(hunk, beside=beside, files=files, origin=origin))
            beside, files = (), {}

    def beyond(self, step: Step, draft: Draft, found: Findings) -> Site | None:
        """Return a place that a second run would change although nobody declined it; keep those that were."""
        sites = [site for site in found.sites if site.status is Status.APPLIED]
        mine = {key for key in (*self._out, *self._choices.edited) if key[:2] == (step.id, found.path)}
        if len(sites) > len(mine):
            return next((site for site in sites if _key(step, draft, found.path, site) not in mine), sites[-1])
        hunks = _hunks(step, draft, found, sites)
        self.declined += [hunk for hunk in hunks if self._out.get(hunk.key) != LEFT]
        return None

    def _left_out(self, step: Step, draft: Draft, found: list[Findings]) -> Iterator[tuple[Key, int]]:
        for one in found:
            sites = {_key(step, draft, one.path, site): site for site in one.sites if site.status is Status.APPLIED}
            reasons = {key: self._reason(step, draft, one, key, site) for key, site in sites.items()}
            if step.verb in WHOLE and not all(reasons.values()):
                asked = next((why for key, why in reasons.items() if why and self._is_asked(key)), "")
                reasons = dict.fromkeys(reasons, asked)
            for key in filter(reasons.get, reasons):
                self._out.setdefault(key, reasons[key])
                yield key, sites[key].offset

    def _is_asked(self, key: Key) -> bool:
        return key in self._choices.declined or key in self._choices.left

    def _reason(self, step: Step, draft: Draft, found: Findings, key: Key, site: Site) -> str:
        """Return why a place is left out, or nothing."""
        if key in self._out:
            return self._out[key]
        if self._is_asked(key):
            return DECLINED if key in self._choices.declined else LEFT
        if any((one.step, one.path) == key[:2] for one in self._known):
            hunk = next(_hunks(step, draft, found, [site]))
            known = Known(step.id, found.path, mark(hunk), version(step))
            if self._known[known] > 0:
                self._known[known] -= 1
                return DECLINED
        return ""

    def _without(self, step: Step, draft: Draft, found: Findings, gone: Mapping[Key, int]) -> Findings:
        mine = {key: offset for key, offset in gone.items() if key[1] == found.path}
        told = [Site(offset, Status.ABSENT, self._out[key]) for key, offset in mine.items()]
        kept = [site for site in found.sites if _key(step, draft, found.path, site) not in mine]
        done = any(site.status is Status.APPLIED for site in kept) or step.verb in WHOLE
        sites = tuple(sorted((*kept, *told), key=lambda site: site.offset))
        return replace(found, sites=sites, edits=found.edits if done else (), files=found.files if done else {})

    def _by_hand(self, step: Step, draft: Draft, found: Findings) -> Findings:
        if not self._choices.edited:
            return found
        keys = ((_key(step, draft, found.path, site), site) for site in found.sites)
        written = self._choices.edited
        sites = [replace(site, edits=written[key]) if key in written else site for key, site in keys]
        return replace(found, sites=tuple(sites))


def _run_without(step: Step, draft: Draft, gone: Mapping[Key, int], run: Run) -> list[Findings]:
    """Run a step as if some places were not there."""
    if step.verb in WHOLE:
        closed = tuple(Scope(glob.escape(path)) for path in sorted({key[1] for key in gone}))
        return run(replace(step, not_in=(*step.not_in, *closed)), draft)
    with draft.leaving_out(frozenset(key[1:] for key in gone)):
        return run(step, draft)


def _key(step: Step, draft: Draft, path: str, site: Site) -> Key:
    return step.id, path, *draft.origin(path, site.offset)


def _hunks(step: Step, draft: Draft, found: Findings, sites: Sequence[Site]) -> Iterator[Hunk]:
    text = draft.text(found.path) if sites else b""
    tied = tuple(sorted({found.path, *found.tied})) if step.verb in WHOLE else None
    for site in sites:
        line, column = draft.origin(found.path, site.offset)
        yield Hunk(step.id, found.path, line, column, text, site.edits, tied=tied)


# --- marks ----------------------------------------------------------------------------------------------------------


def version(step: Step) -> str:
    """Return a mark of what a step does; its reason and its claim have no part in it."""
    return _digest(step.verb, repr(_plain(step.arguments)), *map(str, step.within), "", *map(str, step.not_in))


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def mark(hunk: Hunk) -> str:
    """Return a mark of a place that holds when lines come and go elsewhere.

    It is of the lines before and after and of what they stand in. Places of one function that read alike have one mark;
    how many of them were declined is counted.
    """
    edits = sorted(hunk.edits, key=lambda one: (one.start, one.end))
    if not edits:
        return _digest(*map(str, hunk.key[2:]))
    first = hunk.text.rfind(b"\n", 0, edits[0].start) + 1
    last = hunk.text.find(b"\n", edits[-1].end)
    last = len(hunk.text) if last < 0 else last
    parts, position = [], first
    for edit in edits:
        parts += [hunk.text[position : edit.start], edit.text.encode()]
        position = edit.end
    lines = (hunk.text[first:last], b"".join((*parts, hunk.text[position:last])))
    return _digest(*_headers(hunk, first), *(line.decode("utf-8", "replace").replace("\r", "") for line in lines))


def _headers(hunk: Hunk, offset: int) -> Iterator[str]:
    """Yield the lines of the functions and classes that hold a place, the inner ones first."""
    if not hunk.path.endswith(PROGRAMS):
        return
    depth = _indent(hunk.text[offset:].partition(b"\n")[0])
    for line in reversed(hunk.text[:offset].splitlines()):
        if line.strip() and _indent(line) < depth:
            depth = _indent(line)
            if line.lstrip().startswith((b"def ", b"class ", b"async def ")):
                yield line.strip().decode("utf-8", "replace")


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]
