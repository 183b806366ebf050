"""What git knows of a folder, and the one place that runs git.

It reads, and writes nothing but what a caller asks for by name. Nothing that a configuration could start, and that came
with an archive, is started.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from patcher.errors import TargetError

__all__ = ["STRAY", "Repository", "Standing"]

# git sets these for its hooks; they would lead it from our root to the repository that runs the hook.
STRAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

# A configuration that came with an archive must not start a program (fsmonitor), and a mode is no content.
NOT_FOUND = 127  # what `env` ends with where there is no such program
OPTIONS = "--no-optional-locks --literal-pathspecs -c core.fsmonitor=false -c core.fileMode=false"
WHERE = "rev-parse --is-inside-work-tree --show-cdup --git-path patcher --revs-only HEAD"
REMOTES = r"config -z --get-regexp ^remote\..*\.url$"
EXPORT = f"-c core.hooksPath={os.devnull} read-tree -u --reset --no-sparse-checkout"
FILES = "ls-files -z --cached --others --exclude-standard"
STATUS = "status --porcelain=v1 -z --no-renames -uall --ignored=traditional --ignore-submodules --"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a folder stands: its path in the work tree (`a/b/` or nothing), HEAD, and git's place for patcher."""

    prefix: str
    head: str | None
    folder: Path


@dataclass(frozen=True)
class Repository:
    """git, asked in a folder: a work tree's root, a part of one, a worktree, a submodule, or nothing of git's."""

    root: Path

    @cached_property
    def standing(self) -> Standing | None:
        """What git says of the folder, also where it ignores it; None where there is no repository.

        Raises:
            TargetError: there is one in which git does not work.
        """
        if not any(os.path.lexists(folder / ".git") for folder in (self.root, *self.root.parents)):
            return None
        code, out, told = self.run(WHERE)
        if code and "not a git repository" in told:
            return None
        if code or not out.startswith(b"true"):
            raise TargetError(f"git cannot work in {self.root}: {told or 'it is not in a work tree'}.")
        _, up, *rest = os.fsdecode(out.removesuffix(b"\n")).split("\n")
        head = rest.pop() if re.fullmatch("[0-9a-f]{40,64}", rest[-1]) else None
        parts = self.root.parts[len(self.root.parts) - up.count("../") :]
        return Standing("".join(f"{name}/" for name in parts), head, (self.root / "\n".join(rest)).resolve())

    @property
    def files(self) -> list[str]:
        """The files that git tracks or would, those below the folder."""
        return self.ask(FILES)

    @property
    def remotes(self) -> tuple[str, ...]:
        """The URLs of the remotes, without passwords."""
        urls = [entry.partition("\n")[2] for entry in _split(self.run(REMOTES)[1])]
        return tuple(re.sub("^(https?://)[^/@]*@", r"\1", url) for url in urls)

    @property
    def author(self) -> str:
        """The name and address under which the user commits, as `Name <address>`; nothing where git knows none."""
        code, out, _ = self.run("var GIT_AUTHOR_IDENT")
        return "" if code else out.decode("utf-8", "replace").rpartition(">")[0] + ">"

    def status(self, paths: Iterable[str]) -> dict[str, str]:
        """Return those of the paths whose content git does not have in HEAD, each with the reason."""
        wanted = tuple(paths)
        found: dict[str, str] = {}
        for start in range(0, len(wanted), 500):  # a command line has its limits
            found |= dict(self._status(wanted[start : start + 500]))
        return {path: found[path] for path in wanted if path in found}

    def _status(self, paths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        prefix = self.standing.prefix if self.standing else ""
        for entry in self.ask(STATUS, *paths):
            name = entry[3:].removeprefix(prefix)
            # git may name a folder that it ignores as a whole in place of its files.
            told = [path for path in paths if path.startswith(name)] if name.endswith("/") else [name]
            yield from ((path, _why(entry[:2])) for path in told)

    def export(self, commit: str, folder: Path) -> None:
        """Write the tree as a commit has it into a folder, without git.

        Raises:
            TargetError: the repository does not have that commit.
        """
        tree = f"{commit}:{self.standing.prefix}" if self.standing and self.standing.prefix else commit
        with tempfile.TemporaryDirectory(prefix="patcher-") as aside:
            # Not `git archive`, which leaves files out and fills others in where .gitattributes says so.
            env = {"GIT_INDEX_FILE": str(Path(aside, "index")), "GIT_WORK_TREE": str(folder)}
            code, _, told = self.run(EXPORT, tree, env=env)
        if code:
            raise TargetError(f"{self.root} cannot give out {commit[:12]}: {told}; fetch that commit first.")

    def ask(self, command: str, *paths: str, env: Mapping[str, str] | None = None) -> list[str]:
        """Return the entries that git answers with; its failure is told in its own words."""
        code, out, told = self.run(command, *paths, env=env)
        if code:
            raise TargetError(f"`git {command.split()[0]}` failed in {self.root}: {told}.")
        return _split(out)

    def run(
        self, command: str, *words: str, env: Mapping[str, str] | None = None, data: bytes = b""
    ) -> tuple[int, bytes, str]:
        """Run git and return its exit code, what it printed, and what it said of a failure; it reads `data`.

        Raises:
            TargetError: git does not start.
        """
        code, out, told = self._execute([*OPTIONS.split(), *command.split(), *words], env or {}, data)
        return code, out, " ".join(told.removeprefix("fatal: ").split()).rstrip(".")

    def act(self, command: str, *words: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run git as its user configured it, hooks and signing included; return its exit code and all that it said."""
        code, out, told = self._execute(["--literal-pathspecs", *command.split(), *words], env or {}, b"")
        return code, "\n".join(text.strip() for text in (out.decode("utf-8", "replace"), told) if text.strip())

    def _execute(self, words: list[str], env: Mapping[str, str], data: bytes) -> tuple[int, bytes, str]:
        unset = [option for name in STRAY if name in os.environ for option in ("-u", name)]
        given = ["GIT_TERMINAL_PROMPT=0", *(f"{name}={value}" for name, value in env.items())]
        try:
            import git  # looks for the program as it is imported

            with tempfile.TemporaryFile() as file:
                file.write(data)
                file.seek(0)
                code, out, told = git.Git(self.root).execute(
                    ["env", *unset, *given, "git", "-C", str(self.root), *words],
                    istream=file,
                    with_extended_output=True,
                    with_exceptions=False,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                )
        except (ImportError, OSError) as error:
            raise self._without_git() from error
        except git.GitCommandNotFound as error:  # not even `env`
            raise self._without_git() from error
        if code == NOT_FOUND:
            raise self._without_git()
        return code, out, told

    def _without_git(self) -> TargetError:
        return TargetError(f"{self.root} needs git, which does not start: install it, or put it on PATH.")


def _split(out: bytes) -> list[str]:
    return os.fsdecode(out).removesuffix("\0").split("\0") if out else []


def _why(code: str) -> str:
    """Return in a word what `git status` says with two letters: of the index, and of the work tree."""
    if code in ("??", "!!"):
        return "not tracked" if code == "??" else "ignored by git"
    if "U" in code or code in ("AA", "DD"):
        return "in conflict"
    if code[1] == " ":
        return "staged"
    return "deleted" if code[1] == "D" else "modified"
