"""A tree of a few lines, a recipe of a few steps, and the command line over both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.helpers import Patcher, Result, commit_all, snapshot, write_tree

__all__ = ["Tiny", "edit", "replace", "requirements", "step"]


def step(name: str, **keys: Any) -> dict[str, Any]:
    """Return a step; `within` stands for `in`, which is a word of Python."""
    given = {{"within": "in"}.get(key, key): value for key, value in keys.items()}
    return {"id": name, "why": "because", "effect": "exact", **given}


def replace(old: str, new: str, name: str = "swap", **keys: Any) -> dict[str, Any]:
    """Return a step that replaces a pattern."""
    return step(name, **{"replace": old, "with": new, **keys})


def edit(pattern: str, to: Mapping[str, str], name: str = "set", **keys: Any) -> dict[str, Any]:
    """Return a step that edits holes."""
    return step(name, edit=pattern, to=to, **keys)


def requirements(name: str = "packages", **words: Any) -> dict[str, Any]:
    """Return a step that edits requirements."""
    return step(name, requirements=words)


class Tiny:
    """A checkout in `tree` and a recipe in `tiny.yaml`, side by side in one folder."""

    def __init__(self, folder: Path, patcher: Patcher) -> None:
        self.folder, self.patcher = folder, patcher
        self.tree, self.file = folder / "tree", folder / "tiny.yaml"

    def files(self, files: Mapping[str, str | bytes], *, git: bool = True) -> Tiny:
        """Write the tree, and commit it unless it is to be a tree without git."""
        write_tree(self.tree, files)
        self.tree.mkdir(exist_ok=True)
        if git:
            commit_all(self.tree)
        return self

    def one(self, text: str | bytes) -> Tiny:
        """Write a tree of one file, `a.py`."""
        return self.files({"a.py": text})

    def recipe(self, *steps: Mapping[str, Any], **keys: Any) -> Tiny:
        """Write the recipe; JSON is YAML."""
        self.file.write_text(json.dumps({"recipe": "tiny", "summary": "A tiny recipe", **keys, "steps": steps}))
        return self

    def apply(self, *options: object) -> Result:
        return self.patcher("apply", self.tree, "-r", self.file, *options)

    def plan(self, *options: object) -> Result:
        """Look at the plan as data; nothing is written."""
        return self.apply("--check", "--format", "json", *options)

    def diff(self, *options: object) -> Result:
        return self.apply("--diff", *options)

    def read(self, path: str = "a.py") -> str:
        return (self.tree / path).read_bytes().decode()

    def snapshot(self) -> dict[str, bytes]:
        return snapshot(self.tree)
