"""The tools, each behind the same call: change every tree of a folder in place, and say what was told.

The peers look at one file at a time, so one run over the folder is the same as a run for each tree in it. Patcher looks
at a tree as a whole; it gets each by itself, as a user would give it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from bench.torture.judge import Report

__all__ = ["TOOLS", "AstGrep", "LibCST", "Patcher", "Semgrep", "Tool"]

HERE = Path(__file__).parent
PEERS = HERE / "peers"
Reports = dict[str, list[Report]]


class Tool:
    """A tool: its name, its rules, its version or None where it is missing, and a run over the trees of a folder."""

    name = ""
    rules = ""

    def length(self) -> int:
        """Return how many lines its rules have, without comments and blank lines."""
        files = HERE.glob(self.rules)
        lines = (line.strip() for file in files if file.is_file() for line in file.read_text().splitlines())
        return sum(bool(line) and not line.startswith("#") for line in lines)

    def version(self) -> str | None:
        raise NotImplementedError

    def run(self, root: Path, trees: Sequence[str]) -> Reports:
        raise NotImplementedError


class Patcher(Tool):
    """The command line of this repository, in this process."""

    name = "patcher"
    rules = "recipe.yaml"

    def version(self) -> str:
        from patcher import __version__

        return __version__

    def run(self, root: Path, trees: Sequence[str]) -> Reports:
        return {tree: self._run(root / tree) for tree in trees}

    def _run(self, tree: Path) -> list[Report]:
        from patcher.cli.main import _run

        out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        command = ["patcher", "apply", str(tree), "--recipe", str(HERE / "recipe.yaml"), "--format", "json"]
        with mock.patch("sys.argv", command), contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = _run()
        printed, said = (_text(stream) for stream in (out, errors))
        if code in (2, 70, 130):
            raise RuntimeError(f"patcher ended with {code}: {said}")
        told = [*_told(json.loads(printed))] if printed.startswith("{") else []
        return told + [Report(path, 0, said) for path in _named(said, tree)]


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def _told(data: Any) -> Iterator[Report]:
    """Yield every place of a report in JSON that has a reason: what was refused, left over or passed over."""
    if isinstance(data, list):
        for item in data:
            yield from _told(item)
    elif isinstance(data, Mapping):
        if "path" in data and data.get("reason") and data.get("status") not in ("applied", "already"):
            yield Report(data["path"], data.get("line", 0), data["reason"])
        for key, value in data.items():
            if key != "changes":
                yield from _told(value)


def _named(text: str, tree: Path) -> list[str]:
    """Return the files of a tree that a text names."""
    paths = (path.relative_to(tree).as_posix() for path in tree.rglob("*"))
    return [path for path in paths if re.search(rf"(?<![\w/]){re.escape(path)}(?!\w)", text)]


class AstGrep(Tool):
    """Files of rules, applied one after the other; a rule without `fix` only tells."""

    name = "ast-grep"
    rules = "peers/ast-grep/**/*.yml"

    def version(self) -> str | None:
        return _version("ast-grep", "--version")

    def run(self, root: Path, trees: Sequence[str]) -> Reports:
        found: Reports = {}
        for step in sorted((PEERS / "ast-grep" / "rules").glob("*.yml")):
            chosen = f"^{step.stem}-"
            command = [
                _program("ast-grep"),
                "scan",
                "--config",
                str(PEERS / "ast-grep" / "sgconfig.yml"),
                "--filter",
                chosen,
            ]
            for match in json.loads(_output([*command, "--json", "."], root) or "[]"):
                if not match.get("replacement"):
                    span = match["range"]
                    _add(found, match["file"], span["start"]["line"] + 1, match["message"], span["end"]["line"] + 1)
            for _ in range(3):  # a match inside a match is edited in the next pass
                _output([*command, "--update-all", "."], root)
        return found


class Semgrep(Tool):
    """Files of rules, applied one after the other; a rule without `fix` only tells."""

    name = "semgrep"
    rules = "peers/semgrep/*.yaml"

    def version(self) -> str | None:
        return _version("semgrep", "--version", "--disable-version-check")

    def run(self, root: Path, trees: Sequence[str]) -> Reports:
        found: Reports = {}
        quiet = ["--metrics", "off", "--disable-version-check", "--no-git-ignore", "--quiet", "--json", "--jobs", "2"]
        for rules in sorted((PEERS / "semgrep").glob("*.yaml")):
            command = [_program("semgrep"), "scan", "--config", str(rules), "--autofix", *quiet, "."]
            for _ in range(2):  # a match inside a match is edited in the next pass
                answer = json.loads(_output(command, root))
                for result in answer["results"]:
                    if "fix" not in result["extra"]:
                        lines = result["start"]["line"], result["end"]["line"]
                        _add(found, result["path"], lines[0], result["extra"]["message"], lines[1])
                for error in answer["errors"]:
                    _add(found, error.get("path", ""), 0, error["message"])
                if not any("fix" in result["extra"] for result in answer["results"]):
                    break
        return found


class LibCST(Tool):
    """A script around LibCST's own commands, in the interpreter that runs this."""

    name = "LibCST"
    rules = "peers/libcst_codemod.py"

    def version(self) -> str | None:
        return _version(sys.executable, "-c", "from libcst._version import __version__; print(__version__)")

    def run(self, root: Path, trees: Sequence[str]) -> Reports:
        found: Reports = {}
        for line in _output([sys.executable, str(PEERS / "libcst_codemod.py"), "."], root).splitlines():
            told = json.loads(line)
            _add(found, told["path"], told["line"], told["text"])
        return found


TOOLS: tuple[Tool, ...] = (Patcher(), AstGrep(), Semgrep(), LibCST())


def _program(name: str) -> str:
    """Return a program beside PEERS_BIN or on PATH."""
    where = os.environ.get("PEERS_BIN")
    return shutil.which(name, path=where) or shutil.which(name) or name


def _version(program: str, *arguments: str) -> str | None:
    try:
        told = _output([_program(program), *arguments], HERE)
    except (OSError, RuntimeError):
        return None
    found = re.search(r"\d+\.\d+\.\d+", told)
    return found[0] if found else None


def _output(command: list[str], folder: Path) -> str:
    """Return what a program prints; it may end with the code for findings, and else it is an error."""
    beside = str(Path(command[0]).parent)
    environment = os.environ | {
        "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")]),
        "SEMGREP_SEND_METRICS": "off",
    }
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def _add(found: Reports, path: str, line: int, text: str, last: int = 0) -> None:
    tree, _, name = path.removeprefix("./").partition("/")
    found.setdefault(tree, []).append(Report(name, line, text, last))
