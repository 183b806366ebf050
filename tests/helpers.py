"""Running patcher as a user does, in this process, and small trees to run it on."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from patcher.cli.main import _run

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, stdout as bytes, stderr as text."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def out(self) -> str:
        return self.stdout.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    def steps(self) -> dict[str, str]:
        """Status by step id, of a report in JSON."""
        return {step["id"]: step["status"] for step in self.json["steps"]}

    def step(self, name: str) -> Any:
        """One step of a report in JSON."""
        return next(step for step in self.json["steps"] if step["id"] == name)


class Patcher:
    """The command line."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes]) -> None:
        self.monkeypatch, self.capture = monkeypatch, capture

    def __call__(self, *args: object) -> Result:
        self.monkeypatch.setattr("sys.argv", ["patcher", *map(str, args)])
        self.capture.readouterr()
        code = _run()
        out, err = self.capture.readouterr()
        return Result(code, out, err.decode())


def git(folder: Path, *args: str) -> str:
    """Run git in a folder and return what it prints."""
    done = subprocess.run(["git", "-C", str(folder), *args], capture_output=True, text=True, check=True)
    return done.stdout


def commit_all(folder: Path) -> Path:
    """Make a folder a git checkout with everything committed."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "as it is")
    return folder


def write_tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def fixture_tree(name: str, target: Path) -> Path:
    """Copy a miniature checkout and commit it."""
    shutil.copytree(ROOT / "fixtures" / name, target, ignore=shutil.ignore_patterns("__pycache__"))
    return commit_all(target)


def snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file of a tree outside of git's own folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
