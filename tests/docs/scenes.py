"""How to bring about what docs/errors.md lists: a small tree and a small recipe, and the command that goes wrong."""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from patcher.verbs import VERBS
from tests.helpers import Patcher, Result, commit_all, write_tree

__all__ = ["HOME", "Play", "Scene", "said"]

HOME = "/home/you"
PYTHON = f"{HOME}/.venv/bin/python"
HEAD = "recipe: mine\nsummary: An example\n"
STEP = "  - id: swap\n    why: because\n    effect: exact\n"
# What stands before a sentence and says where it is about.
LEADS = re.compile(
    r"patcher: |Error: |Passed over: |\S+:\d+:\d+: |\S+ (drifted|was refused): |\S+ refused \S+: |-p [\w-]+: |[\w/.-]+:\d+: "
)

Files = Mapping[str, str | bytes]


class Scene:
    """A folder in which commands are typed: the checkout is `tree`, the recipe `mine.yaml`."""

    def __init__(self, folder: Path, patcher: Patcher, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.patcher, self.monkeypatch = folder, patcher, monkeypatch
        self.root = folder / "tree"
        monkeypatch.chdir(folder)

    def tree(self, files: Files | str | bytes, *, git: bool = False) -> Scene:
        """Write the tree; text alone is its only file, `a.py`."""
        self.root.mkdir(exist_ok=True)
        write_tree(self.root, {"a.py": files} if isinstance(files, (str, bytes)) else files)
        if git:
            commit_all(self.root)
        return self

    def files(self, files: Files) -> Scene:
        """Write files beside the tree."""
        write_tree(self.folder, files)
        return self

    def recipe(self, text: str | bytes) -> Scene:
        """Write the recipe as it is."""
        return self.files({"mine.yaml": text})

    def steps(self, *steps: str, head: str = "") -> Scene:
        """Write a recipe of steps; each may leave out `id`, `why` and `effect`."""
        written = (text if re.search(r"^(id|use):", text, re.MULTILINE) else None for text in steps)
        entries = [
            f"  - {textwrap.indent(text, '    ').strip()}\n" if text else f"{STEP}{textwrap.indent(own, '    ')}\n"
            for text, own in zip(written, steps, strict=True)
        ]
        return self.recipe(f"{HEAD}{head}steps:\n{''.join(entries)}")

    def run(self, *words: object) -> Result:
        return self.patcher(*words)

    def show(self, *options: str) -> Result:
        return self.run("show", "./mine.yaml", *options)

    def apply(self, *options: str) -> Result:
        return self.run("apply", "tree", "-r", "./mine.yaml", *options)

    def check(self, *options: str) -> Result:
        return self.apply("--check", *options)

    def verify(self, *options: str) -> Result:
        return self.run("verify", "tree", "-r", "./mine.yaml", "--allow-run", *options)

    def record(self) -> Path:
        """Return the journal's last record of the tree."""
        folder = self.root / ".git" / "patcher"
        return sorted((folder if folder.is_dir() else self.root / ".patcher").glob("*.json"))[-1]

    def rewrite(self, **keys: object) -> Scene:
        """Change keys of the journal's last record."""
        record = self.record()
        record.write_text(json.dumps({**json.loads(record.read_text()), **keys}))
        return self


Play = Callable[[Scene], Result]


def said(result: Result, folder: Path) -> set[str]:
    """Return every sentence of a result, with and without what stands before it.

    What is of this machine, or would change with every new verb, is what stands in the table for it.
    """
    found: set[str] = set()
    for text in (result.stderr, result.out):
        for own, written in ((str(folder), HOME), (sys.executable, PYTHON), (", ".join(sorted(VERBS)), "VERBS")):
            text = text.replace(own, written)
        lines = [line.strip() for line in text.splitlines()]
        for line in (" ⏎ ".join(lines), *lines):
            found |= set(_heard(line))
    return found


def _heard(line: str) -> Iterator[str]:
    """Yield a line as it is, and each time that something before its sentence is left out."""
    line = re.sub(r"\.\.$", ".", line)  # a reason that is a sentence of its own gets a second full stop
    yield line
    while lead := LEADS.match(line):
        line = line[lead.end() :]
        yield line
