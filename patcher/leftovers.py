"""Places that mention what a step replaced and that no step could prove: told, never edited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from patcher.errors import TargetError
from patcher.files.named import named
from patcher.model import Outcome, Place, Status
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.names import module_name
from patcher.syntax.references import Gone, handed_on, mentions, starred, word_pattern
from patcher.syntax.source import Source

__all__ = ["leftovers"]

# What people write names in beside Python: documents, settings, scripts.
TEXTS = re.compile(r"(?i)(^|/)(dockerfile|makefile|readme)[^/]*$|\.(md|rst|txt|ya?ml|toml|cfg|ini|sh|json)$")
LARGEST = 1_000_000
MOST = 50


def leftovers(outcomes: Iterable[Outcome], draft: Draft) -> tuple[Place, ...]:
    """Return every mention of an old name that stands in the planned tree, at most fifty."""
    old: set[Gone] = set()
    unused: set[Gone] = set()  # what a step would have replaced, had it found a use
    callees: set[str] = set()
    packages: set[str] = set()
    known: set[tuple[str, int]] = set()
    for outcome in outcomes:
        gone = getattr(outcome.step.action, "gone", ())
        if outcome.status in (Status.APPLIED, Status.ALREADY, Status.REFUSED):
            old.update(gone)
        # A callee may be handed on although it is called nowhere; a step that was not asked for has nothing to tell.
        if outcome.status is not Status.ABSENT or not outcome.reason:
            callees.update(getattr(outcome.step.action, "callees", ()))
            unused.update(gone)
        if outcome.status is not Status.DRIFTED and outcome.reason in ("", getattr(outcome.step.action, "nowhere", "")):
            packages.update(getattr(outcome.step.action, "packages", ()))
            known.update((place.path, place.line) for place in outcome.places)
    found: dict[tuple[str, int, int], Place] = {}
    for place in (*_in_python(draft, old, unused, callees), *_in_texts(draft, old), *named(draft, packages, known)):
        found.setdefault((place.path, place.line, place.column), place)
    return tuple(found[key] for key in sorted(found))[:MOST]


def _in_python(draft: Draft, old: set[Gone], unused: set[Gone], callees: set[str]) -> Iterator[Place]:
    gone = sorted(old | unused, key=str)
    changed = {change.path for change in draft.changes()} if gone else set()
    words = {name: name.rpartition(".")[2].encode() for name in (*callees, *(one.old for one in gone))}
    starring = [path for path in draft.paths if path.endswith(PROGRAMS) and b"import *" in draft.peek(path)]
    brought = {name: draft.holding(starring, [frozenset(name.encode().split(b"."))], follow=True) for name in callees}
    for path in draft.paths:
        own = module_name(path) in draft.stand_ins  # a shim speaks of what it stands in for
        data = draft.peek(path) if path.endswith(PROGRAMS) and not own else b""
        held = {name for name, word in words.items() if word in data or _star(name) in data}
        present = held | {name for name in callees if data and path in brought[name]}
        if not present:
            continue
        try:
            source = draft.source(path)
            before = (draft.original(path) if path in changed else None) or source
        except TargetError:
            continue
        told: list[tuple[int, str]] = []
        for one in gone:
            if one.old in held and (one in old or _imports_module(source, one.old)):
                told += mentions(source, one, before)
        for name in sorted(callees & present):
            told += [*handed_on(source, name), *starred(source, name)]
        for offset, reason in told:
            line, column = draft.origin(path, offset)
            if (path, line) not in draft.unseen:  # else it is told there
                yield Place(path, line, column, Status.REFUSED, reason)


def _imports_module(source: Source, name: str) -> bool:
    """Tell whether a file imports the module of a name as a whole, so that a string in it may mean the name."""
    return any(binding.origin == name.rpartition(".")[0] for binding in source.names.imports)


def _star(name: str) -> bytes:
    return f"from {name.rpartition('.')[0]} import *".encode()


def _in_texts(draft: Draft, old: set[Gone]) -> Iterator[Place]:
    words = {word for one in old for word in one.words}
    words |= {word.replace("_", "-") for one in old for word in one.words & {one.old.rpartition(".")[0]}}
    kept = {one.new for one in old if one.new} - words
    gates = [word.encode() for word in words]
    for path in draft.paths if words else ():
        if not TEXTS.search(path):
            continue
        data = draft.read(path)
        if len(data) > LARGEST or not any(gate in data for gate in gates):
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            match = next((one for one in word_pattern(words | kept).finditer(line) if one[0] in words), None)
            if match and not line.lstrip().startswith("#" if path.endswith((".txt", ".sh")) else "\0"):
                yield Place(path, number, match.start() + 1, Status.REFUSED, f"it mentions {match[0]}")
