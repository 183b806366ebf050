"""Recipes from git repositories: fetched into the cache, pinned by commit and by a hash of what was fetched.

    git+https://host/repository@COMMIT#folder/of/the/recipe

Nothing of what is fetched is run, and nothing that leads out of the recipe's folder comes along.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.errors import TargetError, UsageError
from patcher.repository import Repository

__all__ = ["Remote", "fetch", "is_remote"]

# What git would take for more than the address of a repository (`ext::`, a leading dash) is not in it.
FORM = re.compile(r"git\+(?P<url>(?:https?|ssh|git|file)://[^\s#]+?)(?:@(?P<ref>[\w./-]+))?(?:#(?P<folder>[^\s#]+))?")
COMMIT = re.compile("[0-9a-f]{40}")
WANTED = "write git+https://HOST/REPOSITORY@COMMIT#FOLDER"


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder of a repository at a commit; `path` is where it is in the cache, and `sha256` of all files there."""

    recipe: str
    url: str
    commit: str
    sha256: str
    path: Path

    @property
    def source(self) -> dict[str, str]:
        """What the lock says of it."""
        return {"recipe": self.recipe, "url": self.url, "commit": self.commit, "sha256": self.sha256}


def is_remote(spec: str) -> bool:
    """Tell whether a recipe is named by the URL of a repository."""
    return spec.startswith("git+")


def fetch(spec: str, pinned: Mapping[str, str]) -> Remote:
    """Return a recipe's folder in the cache, fetched if it is not there; `pinned` is what a lock says of it.

    Raises:
        UsageError: it is no such URL, or what was fetched is not what the lock says.
        TargetError: it cannot be fetched.
    """
    found = FORM.fullmatch(spec)
    if not found:
        raise UsageError(f"`{spec}` is no recipe in a git repository; {WANTED}.")
    url, folder = found["url"], (found["folder"] or "").strip("/")
    if ("@" in spec.rpartition("/")[2].partition("#")[0] and not found["ref"]) or ".." in folder.split("/"):
        raise UsageError(f"`{spec}` is no recipe in a git repository; {WANTED}.")
    commit = pinned.get("commit") or _commit(url, found["ref"] or "HEAD", spec)
    path = _cache() / f"{hashlib.sha256(f'{url}#{folder}'.encode()).hexdigest()[:16]}-{commit[:16]}"
    if not path.is_dir():
        _fill(path, url, commit, folder, spec)
    if link := next((one for one in sorted(path.rglob("*")) if one.is_symlink()), None):
        raise UsageError(f"{spec} has the link {link.relative_to(path)}; a recipe from elsewhere holds files alone.")
    digest = _digest(path)
    if pinned and pinned.get("sha256") != digest:
        raise UsageError(
            f"{spec} is not what the lock has, so it is not used:\n"
            f"  at the commit {commit} its files have the SHA-256 {digest}\n"
            f"  the lock says {pinned.get('sha256') or 'none'}\n"
            f"Delete {path} and run this again; if it stays so, do not trust it."
        )
    return Remote(f"git+{url}{'#' if folder else ''}{folder}", url, commit, digest, path)


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "patcher" / "recipes"


def _commit(url: str, ref: str, spec: str) -> str:
    """Return the commit that a branch, a tag or HEAD is now; a whole commit is itself."""
    if COMMIT.fullmatch(ref):
        return ref
    code, out, told = Repository(Path.cwd()).run("ls-remote", url, ref, f"{ref}^{{}}")
    lines = [line.split("\t") for line in out.decode("utf-8", "replace").splitlines()]
    if code:
        raise TargetError(f"{spec} could not be fetched: {told}.")
    if not lines:
        raise TargetError(f"{spec} could not be fetched: {url} has no branch or tag {ref}; give a commit's 40 digits.")
    # A tag that is an object of its own is followed by the commit that it stands for.
    return next((commit for commit, name in lines if name.endswith("^{}")), lines[0][0])


def _fill(path: Path, url: str, commit: str, folder: str, spec: str) -> None:
    """Fetch a folder of a commit; the cache has it as a whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as name:
            aside, tree = Path(name, "git"), Path(name, "tree")
            aside.mkdir()
            tree.mkdir()
            _fetch(Repository(aside), url, commit, spec)
            Repository(aside).export(f"{commit}:{folder}" if folder else commit, tree)
            shutil.rmtree(aside)
            tree.rename(path)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise TargetError(f"{spec} could not be kept in {path.parent}: {why}.") from None


def _fetch(git: Repository, url: str, commit: str, spec: str) -> None:
    git.run("init --quiet")
    git.run("config core.autocrlf false")  # one commit has one hash, whoever fetches it
    # Not every host gives out a commit by its name; all of its branches have it, if it is there at all.
    code, _, told = git.run("fetch --quiet --no-tags --depth 1", url, commit)
    if code:
        code, _, told = git.run("fetch --quiet", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    if code:
        raise TargetError(f"{spec} could not be fetched: {told}.")


def _digest(folder: Path) -> str:
    """Return the SHA-256 of all files of a folder, with their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        for part in (os.fsencode(path.relative_to(folder)), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
