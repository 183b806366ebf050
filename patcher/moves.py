"""What became of a recipe's places as its upstream moved on: two plans of one recipe, compared step by step.

A place is known again by the words around it, not by its line: reformatting, renaming a variable, and lines that come
or go elsewhere leave it what it was. Nothing is read but the two plans and the texts that they were made for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cache

from patcher.model import Outcome, Place, Plan, Status, Step

__all__ = ["Fate", "Move", "Trace", "traces"]

WORD = re.compile(rb"\w+|[^\w\s]")
THERE = (Status.APPLIED, Status.ALREADY, Status.REFUSED, Status.DRIFTED)
Read = Callable[[str], bytes]
Span = tuple[int, int]


class Fate(StrEnum):
    """What became of one place, from the old upstream to the new one."""

    APPLIED = "applied"
    UPSTREAM = "already upstream"
    NEW = "new call site"
    GONE = "gone"
    REFUSED = "refused"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class Move:
    """A place of a step as it is in the new upstream, as it was in the old one, or both."""

    fate: Fate
    place: Place | None
    was: Place | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A step on the new upstream, beside what it was on the old one. `reason` says why it drifted."""

    step: Step
    moves: tuple[Move, ...]
    drifted: bool = False
    reason: str = ""

    @property
    def fallen(self) -> bool:
        """Whether the fork has of this step what the new upstream no longer takes: it could only be carried over."""
        lost = any(move.fate is Fate.REFUSED and move.was and _done(move.was) for move in self.moves)
        return lost or (self.drifted and any(move.was and _done(move.was) for move in self.moves))

    def of(self, fate: Fate) -> tuple[Move, ...]:
        """Return the moves with this fate."""
        return tuple(move for move in self.moves if move.fate is fate)


def traces(old: Plan, new: Plan, before: Read, after: Read, renamed: Mapping[str, str]) -> tuple[Trace, ...]:
    """Compare two plans of one recipe; `renamed` are files that the new upstream has under another name."""
    earlier = {outcome.step.id: outcome for outcome in old.outcomes}
    find = _Finder(before, after, renamed)
    return tuple(_trace(earlier[outcome.step.id], outcome, find) for outcome in new.outcomes)


def _trace(old: Outcome, new: Outcome, find: _Finder) -> Trace:
    moves = [_move(was, place) for was, place in find.pairs(_there(old), _there(new))]
    drifted = new.status is Status.DRIFTED
    if drifted:
        moves = [Move(Fate.DRIFTED, move.place, move.was) for move in moves]
    return Trace(new.step, tuple(moves), drifted, new.reason if drifted else "")


def _there(outcome: Outcome) -> list[Place]:
    return [place for place in outcome.places if place.status in THERE]


def _done(place: Place) -> bool:
    return place.status is Status.APPLIED


def _move(was: Place | None, place: Place | None) -> Move:
    if place is None:
        return Move(Fate.GONE, None, was)
    if place.status is Status.REFUSED:
        return Move(Fate.REFUSED, place, was, place.reason)
    if place.status is Status.ALREADY:
        return Move(Fate.UPSTREAM, place, was)
    return Move(Fate.APPLIED if was else Fate.NEW, place, was)


# --- the same place, in two texts -----------------------------------------------------------------------------------


class _Text:
    """The words of a file, by which a place in it is known."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lines = data.splitlines(keepends=True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))
        found = list(WORD.finditer(data))
        self.words = [match[0].replace(b"'", b'"') for match in found]
        self._offsets = [match.start() for match in found]

    def word(self, place: Place) -> int:
        """Return the index of the first word of a place."""
        line = min(place.line, len(self.starts)) - 1
        text = self.lines[line].decode("utf-8", "replace") if line < len(self.lines) else ""
        return self.at(self.starts[line] + len(text[: place.column - 1].encode()))

    def at(self, offset: int) -> int:
        """Return the index of the first word from an offset on."""
        return bisect_left(self._offsets, offset)

    def of_lines(self, first: int, last: int) -> Span:
        """Return the words of some lines."""
        return self.at(self.starts[first]), self.at(self.starts[last])


class _Finder:
    """Finds the places of one plan again among those of another."""

    def __init__(self, before: Read, after: Read, renamed: Mapping[str, str]) -> None:
        self._renamed = renamed
        self._old = cache(lambda path: _Text(before(path)))
        self._new = cache(lambda path: _Text(after(path)))
        self._spans = cache(lambda old, new: list(_spans(self._old(old), self._new(new))))

    def pairs(self, old: list[Place], new: list[Place]) -> Iterator[tuple[Place | None, Place | None]]:
        """Yield each place beside the one that it was, the new plan's in their order, then those that are gone."""
        known: dict[int, Place] = {}
        for same in (self._exactly, self._nearly, self._alike, self._done):
            for was in [place for place in old if not any(place is one for one in known.values())]:
                free = [index for index in range(len(new)) if index not in known]
                index = next((index for index in free if same(was, new[index])), None)
                if index is not None:
                    known[index] = was
        yield from ((known.get(index), place) for index, place in enumerate(new))
        yield from ((was, None) for was in old if not any(was is one for one in known.values()))

    def _file(self, was: Place) -> str:
        return self._renamed.get(was.path, was.path)

    def _exactly(self, was: Place, place: Place) -> bool:
        """Tell whether the same words stand there, word for word or each in the place of another."""
        span = self._span(was, place)
        return span is not None and span[0] == self._new(place.path).word(place) and span[1] - span[0] <= 1

    def _nearly(self, was: Place, place: Place) -> bool:
        """Tell whether a place stands in the words that came in place of those around the other."""
        span = self._span(was, place)
        return span is not None and span[0] <= self._new(place.path).word(place) < max(span[1], span[0] + 1)

    def _alike(self, was: Place, place: Place) -> bool:
        """Tell whether a line was taken elsewhere, as it is."""
        return bool(was.text) and WORD.findall(was.text.encode()) == WORD.findall(place.text.encode())

    def _done(self, was: Place, place: Place) -> bool:
        """Tell whether what was to be done there stands in that file now: where, depends on who wrote it."""
        return place.status is Status.ALREADY and self._file(was) == place.path

    def _span(self, was: Place, place: Place) -> Span | None:
        """Return the words of the new text that stand for the first word of an old place."""
        if self._file(was) != place.path:
            return None
        index = self._old(was.path).word(was)
        for (first, last), (low, high) in self._spans(was.path, place.path):
            if first <= index < last or first == index == last:
                same = last - first == high - low
                return (low + index - first, low + index - first + 1) if same else (low, high)
        end = len(self._new(place.path).words)
        return (end, end + 1)


def _spans(old: _Text, new: _Text) -> Iterator[tuple[Span, Span]]:
    """Yield which words of the new text stand for which of the old: by lines and, where they differ, by words."""
    for tag, first, last, low, high in SequenceMatcher(None, old.lines, new.lines, autojunk=False).get_opcodes():
        ours, theirs = old.of_lines(first, last), new.of_lines(low, high)
        if tag == "replace":
            yield from _words(old, new, ours, theirs)
        else:
            yield ours, theirs


def _words(old: _Text, new: _Text, ours: Span, theirs: Span) -> Iterator[tuple[Span, Span]]:
    one, other = old.words[slice(*ours)], new.words[slice(*theirs)]
    for _, first, last, low, high in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        yield (ours[0] + first, ours[0] + last), (theirs[0] + low, theirs[0] + high)
