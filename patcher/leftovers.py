"""Places that mention what a step replaced and that no step could prove: told, never edited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from patcher.errors import TargetError
from patcher.files.named import LARGEST, lines, mention, named
from patcher.model import Outcome, Place, Status
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.handed import Matter, above, handed_on_modules, may_hand_on
from patcher.syntax.modules import module_name
from patcher.syntax.project import may_have, module_files
from patcher.syntax.references import Gone, handed_on, mentions, starred, strings_that, word_pattern
from patcher.syntax.source import Source
from patcher.syntax.variables import imports_module, through_variables

__all__ = ["leftovers"]

# What people write names in beside Python: documents, settings, scripts.
TEXTS = re.compile(r"(?i)(^|/)(dockerfile|makefile|readme)[^/]*$|\.(md|rst|txt|ya?ml|toml|cfg|ini|sh|json)$")
# Of these, what a program reads names from; what a document says of a tree that uses none of it is no matter.
SETTINGS = re.compile(r"(?i)\.(ya?ml|toml|cfg|ini|json)$")
MOST = 50


def leftovers(outcomes: Iterable[Outcome], draft: Draft) -> tuple[Place, ...]:
    """Return every mention of an old name that stands in the planned tree, at most fifty."""
    old: set[Gone] = set()
    unused: set[Gone] = set()  # what a step would have replaced, had it found a use
    callees: set[str] = set()
    packages: set[str] = set()
    known: set[tuple[str, int]] = set()
    matters: list[Matter] = []
    for outcome in outcomes:
        gone = getattr(outcome.step.action, "gone", ())
        if outcome.status in (Status.APPLIED, Status.ALREADY, Status.REFUSED):
            old.update(gone)
            served = getattr(outcome.step.action, "serves", None)
            matters += [partial(served, draft)] if served else []
        # A callee may be handed on although it is called nowhere; a step that was not asked for has nothing to tell.
        if outcome.status is not Status.ABSENT or not outcome.reason:
            callees.update(getattr(outcome.step.action, "callees", ()))
            unused.update(gone)
        if outcome.status is not Status.DRIFTED and outcome.reason in ("", getattr(outcome.step.action, "nowhere", "")):
            packages.update(getattr(outcome.step.action, "packages", ()))
            known.update((place.path, place.line) for place in outcome.places)
    unused -= old
    matters.append(above({*callees, *(one.old for one in old)}, {one.old for one in unused}))
    places = [*_by_own_path(draft, old), *_in_python(draft, old, unused, callees), *_handed_on(draft, matters)]
    places += [*_in_texts(draft, old, unused), *named(draft, packages, known)]
    found: dict[tuple[str, int, int], Place] = {}
    for place in places:  # of a line of text one is enough
        column = place.column if place.path.endswith(PROGRAMS) else 0
        found.setdefault((place.path, place.line, column), place)
    return tuple(found[key] for key in sorted(found))[:MOST]


# --- in programs ----------------------------------------------------------------------------------------------------


def _in_python(draft: Draft, old: set[Gone], unused: set[Gone], callees: set[str]) -> Iterator[Place]:
    gone = sorted(old | unused, key=str)
    words = {name: name.rpartition(".")[2].encode() for name in (*callees, *(one.old for one in gone))}
    starring = [path for path in draft.paths if path.endswith(PROGRAMS) and b"import *" in draft.peek(path)]
    brought = {name: draft.holding(starring, [frozenset(name.encode().split(b"."))], follow=True) for name in callees}
    for path, data in _programs(draft):
        held = {name for name, word in words.items() if word in data or _star(name) in data}
        present = held | {name for name in callees if path in brought[name]}
        if not present:
            continue
        source = _source(draft, path)
        if source is None:
            continue
        before = draft.original(path) or source
        told: list[tuple[int, str]] = []
        for one in gone:
            if one.old in held:
                certain = one in old or imports_module(source, one.old.rpartition(".")[0])
                told += mentions(source, one if certain else Gone(one.old, one.new, alone=False), before)
        for name in sorted(held):
            told += through_variables(source, name)
        for name in sorted(callees & present):
            told += [*handed_on(source, name), *starred(source, name)]
        yield from _places(draft, source, told)


def _handed_on(draft: Draft, matters: Sequence[Matter]) -> Iterator[Place]:
    """Yield the places that hand a module on of which something matters to a step."""

    def matter(module: str) -> str:
        return next((said for one in matters if (said := one(module))), "")

    for path, data in _programs(draft):
        spelled = may_hand_on(data, draft.imported(path), matter)
        source = _source(draft, path) if spelled else None
        if source is not None:
            yield from _places(draft, source, handed_on_modules(source, spelled, matter))


def _programs(draft: Draft) -> Iterator[tuple[str, bytes]]:
    """Yield the programs of the tree with their bytes; a shim speaks of what it stands in for."""
    for path in draft.paths:
        if path.endswith(PROGRAMS) and module_name(path) not in draft.stand_ins and (data := draft.peek(path)):
            yield path, data


def _source(draft: Draft, path: str) -> Source | None:
    """Return a program, parsed, as it is now; None if it does not parse, now or before."""
    try:
        draft.original(path)
        return draft.source(path)
    except TargetError:
        return None


def _places(draft: Draft, source: Source, told: Iterable[tuple[int, str]]) -> Iterator[Place]:
    for offset, reason in told:
        line, column = draft.origin(source.path, offset)
        if (source.path, line) not in draft.unseen:  # else it is told there
            yield Place(source.path, line, column, Status.REFUSED, reason)


def _star(name: str) -> bytes:
    return f"from {name.rpartition('.')[0]} import *".encode()


# --- in texts -------------------------------------------------------------------------------------------------------


def _in_texts(draft: Draft, old: set[Gone], unused: set[Gone]) -> Iterator[Place]:
    words = {word for one in old for word in one.words}
    words |= {word.replace("_", "-") for one in old for word in one.words & {one.old.rpartition(".")[0]}}
    whole = {one.old for one in unused} | words
    kept = {one.new for one in (*old, *unused) if one.new} - whole
    for path in _texts(draft) if whole else ():
        wanted = whole if SETTINGS.search(path) else words
        if _holds(draft, path, wanted):
            yield from _mentioned(draft, path, wanted, kept)


def _mentioned(draft: Draft, path: str, words: set[str], kept: set[str]) -> Iterator[Place]:
    pattern = word_pattern(words | kept)
    comment = "#" if path.endswith((".txt", ".sh")) else "\0"

    def first(line: str) -> re.Match[str] | None:
        found = (one for one in pattern.finditer(line) if one[0] in words)
        return None if line.lstrip().startswith(comment) else next(found, None)

    for start, found in lines(draft, path, first):
        yield mention(draft, path, start, found, f"it mentions {found[0]}")


def _texts(draft: Draft) -> Iterator[str]:
    return (path for path in draft.paths if TEXTS.search(path) and len(draft.peek(path)) <= LARGEST)


def _holds(draft: Draft, path: str, words: Iterable[str]) -> bool:
    data = draft.peek(path)
    return any(word.encode() in data for word in words)


# --- by the name that a file of the tree has, or had, for it --------------------------------------------------------


def _by_own_path(draft: Draft, old: set[Gone]) -> Iterator[Place]:
    """Yield the mentions of a name by a module of the tree (`models.optim.Adam`) that has it no more."""
    leaves = {one.old.rpartition(".")[2] for one in old if one.alone}.union(_lost(draft))
    pattern = re.compile(rf"(?<![\w.-])(?:\w+\.)*\w+[.:](?:{'|'.join(sorted(leaves))})(?![\w-])")
    gate = re.compile(rf"\w[.:](?:{'|'.join(sorted(leaves))})(?![\w-])".encode())
    for path in [*_texts(draft), *(path for path, _ in _programs(draft))] if leaves else ():
        find = partial(_first_gone, draft, path, pattern)
        if not gate.search(draft.peek(path)) or not find(draft.peek(path).decode("utf-8", "replace")):
            continue
        if not path.endswith(PROGRAMS):
            yield from (mention(draft, path, at, one, f"it mentions {one[0]}") for at, one in lines(draft, path, find))
        elif source := _source(draft, path):
            yield from _places(draft, source, strings_that(source, find))


def _first_gone(draft: Draft, path: str, pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Return the first name in a text that leads to a module of the tree which does not have it."""
    for found in pattern.finditer(text):
        module, _, name = found[0].replace(":", ".").rpartition(".")
        files = module_files(draft, path, module)
        if files and not any(may_have(draft, one, name) for one in files):
            return found
    return None


def _lost(draft: Draft) -> Iterator[str]:
    """Yield the names that a plan takes from the top of a file."""
    for change in draft.changes():
        after = _source(draft, change.path) if change.path.endswith(".py") else None
        before = draft.original(change.path) if after else None
        if before and after:
            yield from before.names.top - after.names.top
