"""How to bring about what docs/errors.md lists: a small tree and a small recipe, and the command that goes wrong."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.helpers import Patcher, Result, commit_all, write_tree

__all__ = ["HOME", "Play", "Scene", "said"]

HOME = "/home/you"
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
    """Return every sentence of a result, with and without what stands before it; temporary paths are HOME."""
    found: set[str] = set()
    for text in (result.stderr, result.out):
        text = text.replace(str(folder), HOME)
        found |= {_bare(text.strip()), *(_bare(line.strip()) for line in text.splitlines())}
        found |= {line.strip() for line in text.splitlines()}
    return found


def _bare(text: str) -> str:
    while lead := LEADS.match(text):
        text = text[lead.end() :]
    return text
