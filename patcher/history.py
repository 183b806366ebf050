"""The history that a checkout stands in, read through git: commits by their names, their trees, and what moved."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.merging import File, Files

__all__ = ["Tree", "branch_of", "commit_of", "common", "renamed", "tracked", "tree_of"]

COMMIT = "rev-parse --verify --quiet --end-of-options"
RENAMES = "diff-tree -r -z --find-renames --diff-filter=R --name-status --relative --no-commit-id"
REMOTES = r"config -z --get-regexp ^remote\..*\.url$"


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a commit as a work tree has them; `others` are links and submodules, with what they lead to."""

    files: Files
    others: Mapping[str, str]


def commit_of(checkout: Checkout, name: str) -> str | None:
    """Return the commit that a name stands for, if the repository has it."""
    code, out, _ = checkout.repository.run(COMMIT, f"{name}^{{commit}}")
    return None if code else out.decode().strip()


def common(checkout: Checkout, one: str, other: str) -> str | None:
    """Return the last commit that two have in common."""
    code, out, _ = checkout.repository.run("merge-base", one, other)
    return None if code else out.decode().strip()


def tree_of(checkout: Checkout, commit: str) -> Tree:
    """Return the tree of a commit, that part of it in which the checkout stands.

    Raises:
        TargetError: the repository does not have it whole.
    """
    files: dict[str, File] = {}
    others: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as folder:
        checkout.export(commit, Path(folder))
        for entry in checkout.repository.ask("ls-tree -r -z", commit):
            told, _, path = entry.partition("\t")
            mode, _, name = told.split()
            if mode in ("100644", "100755"):
                files[path] = File(Path(folder, path).read_bytes(), int(mode, 8))
            else:
                others[path] = name
    if not files:
        where = f" below {checkout.prefix}" if checkout.prefix else ""
        raise TargetError(f"The commit {commit[:12]} has no files{where}: name another one.")
    return Tree(files, others)


def tracked(checkout: Checkout, also: Files) -> dict[str, File]:
    """Return the files of the work tree that git tracks, and those others that stand where `also` has a file."""
    known = set(checkout.repository.ask("ls-files -z --cached"))
    paths = [path for path in checkout.paths if path in known or path in also]
    return {path: File(checkout.read(path), checkout.mode(path)) for path in paths}


def renamed(checkout: Checkout, old: str, new: str) -> dict[str, str]:
    """Return where the files went that one commit has under other names than another."""
    words = checkout.repository.ask(RENAMES, old, new)
    return dict(zip(words[1::3], words[2::3], strict=True))


def branch_of(checkout: Checkout, url: str) -> str | None:
    """Return the main branch, as it was fetched, of the remote with this URL."""
    _, out, _ = checkout.repository.run(REMOTES)
    for entry in os.fsdecode(out).split("\0")[:-1]:
        key, _, there = entry.partition("\n")
        if _plain(there) == _plain(url):
            remote = key.removeprefix("remote.").removesuffix(".url")
            names = [f"{remote}/{branch}" for branch in ("HEAD", "main", "master")]
            return next((name for name in names if commit_of(checkout, f"refs/remotes/{name}")), None)
    return None


def _plain(url: str) -> str:
    """Return what two spellings of one address have in common: `git@host:a/b.git` and `https://host/a/b`."""
    short = re.sub(r"^\w+://", "", url).rstrip("/").removesuffix(".git")
    short = short.rpartition("@")[2] if "@" in short.partition("/")[0] else short
    return re.sub(r"^([^/:]+):(?:\d+/)?", r"\1/", short).lower()
