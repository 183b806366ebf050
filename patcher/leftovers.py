"""Places that mention what a step replaced and that no step could prove: told, never edited."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from patcher.errors import TargetError
from patcher.files.named import named
from patcher.model import Outcome, Place, Status
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.names import module_name
from patcher.syntax.references import handed_on, mentions, starred, word_pattern
from patcher.syntax.source import Source

__all__ = ["leftovers"]

# What people write names in beside Python: documents, settings, scripts.
TEXTS = re.compile(r"(?i)(^|/)(dockerfile|makefile|readme)[^/]*$|\.(md|rst|txt|ya?ml|toml|cfg|ini|sh|json)$")
LARGEST = 1_000_000
MOST = 50


def leftovers(outcomes: Iterable[Outcome], draft: Draft) -> tuple[Place, ...]:
    """Return every mention of an old name that stands in the planned tree, at most fifty."""
    old: set[str] = set()
    unused: set[str] = set()  # what a step would have replaced, had it found a use
    callees: set[str] = set()
    packages: set[str] = set()
    known: set[tuple[str, int]] = set()
    for outcome in outcomes:
        if outcome.status in (Status.APPLIED, Status.ALREADY, Status.REFUSED):
            old.update(getattr(outcome.step.action, "replaced_names", ()))
        # A callee may be handed on although it is called nowhere; a step that was not asked for has nothing to tell.
        if outcome.status is not Status.ABSENT or not outcome.reason:
            callees.update(getattr(outcome.step.action, "callees", ()))
            unused.update(getattr(outcome.step.action, "replaced_names", ()))
        if outcome.status is not Status.DRIFTED and outcome.reason in ("", getattr(outcome.step.action, "nowhere", "")):
            packages.update(getattr(outcome.step.action, "packages", ()))
            known.update((place.path, place.line) for place in outcome.places)
    found: dict[tuple[str, int, int], Place] = {}
    for place in (*_in_python(draft, old, unused, callees), *_in_texts(draft, old), *named(draft, packages, known)):
        found.setdefault((place.path, place.line, place.column), place)
    return tuple(found[key] for key in sorted(found))[:MOST]


def _in_python(draft: Draft, old: set[str], unused: set[str], callees: set[str]) -> Iterator[Place]:
    words = {name: name.rpartition(".")[2].encode() for name in old | unused | callees}
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
        except TargetError:
            continue
        for name in sorted(present):
            meant = name in old or (name in unused and _imports_module(source, name))
            told = list(mentions(source, name)) if meant else []
            told += [*handed_on(source, name), *starred(source, name)] if name in callees else ()
            for offset, reason in told:
                line, column = draft.origin(path, offset)
                if (path, line) in draft.unseen:  # told already
                    continue
                yield Place(path, line, column, Status.REFUSED, reason)


def _imports_module(source: Source, name: str) -> bool:
    """Tell whether a file imports the module of a name as a whole, so that a string in it may mean the name."""
    return any(binding.origin == name.rpartition(".")[0] for binding in source.names.imports)


def _star(name: str) -> bytes:
    return f"from {name.rpartition('.')[0]} import *".encode()


def _in_texts(draft: Draft, old: set[str]) -> Iterator[Place]:
    if not old:
        return
    modules = {name.rpartition(".")[0] for name in old}
    words = modules | {module.replace("_", "-") for module in modules} | {name.rpartition(".")[2] for name in old}
    pattern = word_pattern(words)
    gates = [word.encode() for word in words]
    for path in draft.paths:
        if not TEXTS.search(path):
            continue
        data = draft.read(path)
        if len(data) > LARGEST or not any(gate in data for gate in gates):
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            match = pattern.search(line)
            if match and not line.lstrip().startswith("#" if path.endswith((".txt", ".sh")) else "\0"):
                yield Place(path, number, match.start() + 1, Status.REFUSED, f"it mentions {match[0]}")
