"""The two ways to say what a step does: `check_noop` and `check_transformed`.

A step is written as in a recipe; the files are what a checkout holds. Each check plans the step as patcher does,
compares every byte of the tree, and runs the step a second time over the result, which must find nothing to apply.
"""

from __future__ import annotations

import ast
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patcher.checkout import Checkout
from patcher.model import Effect, EffectKind, Expect, Outcome, Plan, Recipe, Scope, Status, Step
from patcher.plan import plan
from patcher.verbs import VERBS
from tests.helpers import ROOT, snapshot, write_tree

__all__ = ["SHIMS", "check_noop", "check_transformed", "notebook", "shaped", "step_of", "tree_plan"]

SHIMS = ROOT / "recipes" / "shims"
ONE = "a.py"

Keys = Mapping[str, Any]
Files = str | bytes | Mapping[str, str | bytes]

# Ways to write the same program. A case that says `shaped` must hold in every one of them.
SHAPES = ("plain", "crlf", "bom", "latin-1", "tabs", "no-final-newline", "crlf-bom")


def step_of(keys: Keys) -> Step:
    """Compile a step from the keys that it has in a recipe."""
    verb = next(name for name in VERBS if name in keys)
    arguments = {key: value for key, value in keys.items() if key not in ("in", "not_in")}
    scopes = [
        tuple(map(_scope, [value] if isinstance(value := keys.get(key, []), str) else value))
        for key in ("in", "not_in")
    ]
    action = VERBS[verb].compile(arguments)
    effect = Effect(EffectKind.ENABLES)
    return Step("step", verb, "why", effect, Expect(), "recipe.yaml:1:1", arguments, action, scopes[0], scopes[1])


def _scope(text: str) -> Scope:
    path, _, qualname = text.partition("::")
    return Scope(path, qualname or None)


def tree_plan(keys: Keys, root: Path, shims: Path = SHIMS) -> Plan:
    """Plan one step over a folder."""
    recipe = Recipe("test", "A test.", str(root), "d" * 64, (step_of(keys),))
    return plan(recipe, Checkout.open(root), shims)


def check_transformed(
    keys: Keys, before: Files, after: Files, *places: str, shims: Path = SHIMS, partly: bool = False
) -> Outcome:
    """Apply a step to a tree and compare every file with what it must become.

    `places` are what the step tells, as `line: status` (with a reason: `line: status: reason`, behind `path:` where the
    tree has several files). Without them every place must have been applied, or be already there.
    `after` may leave out files that stay as they are, and copied shims. `partly`: places are left that are refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = write_tree(Path(folder), _files(before))
        first = tree_plan(keys, root, shims)
        outcome = first.outcomes[0]
        Checkout.open(root).write(first.changes)
        expected = {**_bytes(before), **_bytes(after)}
        found = snapshot(root)
        for name, data in expected.items():
            assert found.get(name) == data, _difference(name, data, found.get(name))
        copied = set(found) - set(expected)
        assert all(found[name].startswith(b"# patcher: copy of shim") for name in copied), f"{copied} came from nowhere"
        for change in first.changes:
            _parses(change.path, change.after)
        second = tree_plan(keys, root, shims)
        assert second.changes == (), "a second run finds more"
        assert second.outcomes[0].count(Status.APPLIED) == 0
        assert second.outcomes[0].status is (Status.REFUSED if partly else Status.ALREADY)
        there = [place for place in outcome.places if place.status is not Status.ABSENT]
        again = [place for place in second.outcomes[0].places if place.status is not Status.ABSENT]
        assert len(there) == len(again), f"{_told(outcome, before)} and then {_told(second.outcomes[0], before)}"
    assert first.changes, "nothing was changed"
    if places:
        assert _told(outcome, before) == list(places)
    elif not partly:
        assert outcome.status is Status.APPLIED, _told(outcome, before)
    return outcome


def check_noop(keys: Keys, before: Files, *places: str, shims: Path = SHIMS) -> Outcome:
    """Run a step over a tree that it must leave as it is; `places` as in check_transformed, none: it finds nothing."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_tree(Path(folder), _files(before))
        made = tree_plan(keys, root, shims)
        assert made.changes == (), "\n".join(change.after.decode("latin-1") for change in made.changes)
        outcome = made.outcomes[0]
    assert outcome.count(Status.APPLIED) == 0
    assert _told(outcome, before) == list(places)
    return outcome


def shaped(text: str, shape: str) -> bytes:
    """Return a program in another shape: line ends, encoding, tabs, the end of the file."""
    match shape:
        case "crlf":
            return text.replace("\n", "\r\n").encode()
        case "bom":
            return b"\xef\xbb\xbf" + text.encode()
        case "crlf-bom":
            return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()
        case "latin-1":
            return f"# -*- coding: latin-1 -*-\n# Münster\n{text}".encode("latin-1")
        case "tabs":
            return text.replace("    ", "\t").encode()
        case "no-final-newline":
            return text.removesuffix("\n").encode()
    return text.encode()


def notebook(*cells: str) -> str:
    """Return a notebook with these code cells."""
    written = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": cell.splitlines(True)}
        for cell in cells
    ]
    return json.dumps({"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def _files(files: Files) -> Mapping[str, str | bytes]:
    return files if isinstance(files, Mapping) else {ONE: files}


def _bytes(files: Files) -> dict[str, bytes]:
    return {name: data if isinstance(data, bytes) else data.encode() for name, data in _files(files).items()}


def _told(outcome: Outcome, before: Files) -> list[str]:
    """Return what a step tells of its places, in the order of the text."""
    several = isinstance(before, Mapping) and len(before) > 1
    told = []
    for place in sorted(outcome.places, key=lambda one: (one.path, one.line, one.column)):
        where = f"{place.path}:{place.line}" if several else str(place.line)
        told.append(f"{where}: {place.status}" + (f": {place.reason}" if place.reason else ""))
    return told


def _parses(path: str, data: bytes) -> None:
    if path.endswith((".py", ".pyi")):
        ast.parse(data)


def _difference(name: str, wanted: bytes, found: bytes | None) -> str:
    return f"{name} became\n{(found or b'').decode('latin-1')}\nand not\n{wanted.decode('latin-1')}"
