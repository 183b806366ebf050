"""A checkout as it would be: with changes that are not written yet, or as git's index has it; for looking alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from patcher.checkout import Checkout
from patcher.errors import DirtyError, TargetError
from patcher.model import Change
from patcher.repository import Repository

__all__ = ["View", "changed", "on_disk", "staged"]

REGULAR = ("100644", "100755")
LINK = "120000"


@dataclass(frozen=True)
class View(Checkout):
    """A checkout some of whose files hold something else than on the disk; `only` are all that it has, if not None."""

    base: Checkout
    over: Mapping[str, bytes]
    modes: Mapping[str, int]
    only: frozenset[str] | None = None

    @cached_property
    def _names(self) -> tuple[tuple[str, ...], ...]:
        known: tuple[tuple[str, ...], ...] = (self.base.paths, self.base.links, self.base.unreadable)
        if self.only is not None:
            known = tuple(tuple(path for path in group if path in self._all) for group in known)
        return tuple(sorted({*known[0], *self.over})), known[1], known[2]

    @cached_property
    def _all(self) -> frozenset[str]:
        """Every path of the view, the folders among them."""
        own = {*(self.only or ()), *self.over}
        folders = {folder.as_posix() for path in own for folder in Path(path).parents}
        return frozenset(own | folders)

    @property
    def repository(self) -> Repository:
        """git, asked as the checkout below asks it."""
        return self.base.repository

    def read(self, path: str) -> bytes:
        """Return the bytes of a file as the view has it."""
        if path in self.over:
            return self.over[path]
        if self.only is not None and path not in self.only:
            raise TargetError(f"{path} could not be read: git's index does not have it.")
        return self.base.read(path)

    def mode(self, path: str) -> int:
        """Return what git would call the mode of a file."""
        return self.modes[path] if path in self.modes else self.base.mode(path)

    def exists(self, path: str) -> bool:
        """Say whether anything stands at this path."""
        return path in self._all or (self.only is None and self.base.exists(path))


def changed(checkout: Checkout, changes: Iterable[Change]) -> Checkout:
    """Return a checkout as these changes leave it."""
    made = tuple(changes)
    over = {change.path: change.after for change in made}
    modes = {change.path: change.mode for change in made if change.before is None}
    return View(checkout.root, checkout, over, modes) if made else checkout


def staged(checkout: Checkout) -> View:
    """Return a checkout as it would be committed: what git's index has, whatever the work tree holds.

    Raises:
        TargetError: git does not look after the checkout, or a file is in conflict.
    """
    if not checkout.is_git:
        raise TargetError(f"{checkout.root} has no git, so nothing is staged there; leave --staged out.")
    index = _index(checkout)
    modes: dict[str, str] = {}
    for entry in checkout.repository.ask("ls-files -s -z", env=index):
        told, _, path = entry.partition("\t")
        if told.endswith(" 0"):
            modes[path] = told.partition(" ")[0]
        else:
            raise TargetError(f"{path} is in conflict, so nothing says what would be committed; resolve it first.")
    regular = {path for path, mode in modes.items() if mode in REGULAR}
    other = checkout.repository.ask("diff -z --name-only --no-ext-diff --relative --ignore-submodules", env=index)
    over = {path: _blob(checkout, path, index) for path in other if path in regular}
    known = MappingProxyType({path: int(modes[path], 8) for path in regular})
    links = {path for path, mode in modes.items() if mode == LINK}
    return View(checkout.root, checkout, over, known, frozenset(regular | links))


def _index(checkout: Checkout) -> dict[str, str]:
    """Return where the index is that a commit is made of: git gives its hooks another one for some paths alone."""
    given = os.environ.get("GIT_INDEX_FILE", "")
    folder = checkout.repository.ask("rev-parse --absolute-git-dir")[0].rstrip("\n")
    place = Path(given).absolute()
    own = bool(given) and place.parent.resolve().is_relative_to(Path(folder).resolve())
    return {"GIT_INDEX_FILE": str(place)} if own else {}


def on_disk(changes: Sequence[Change], checkout: Checkout) -> tuple[Change, ...]:
    """Return those of some changes to what is staged that the work tree does not have yet.

    Raises:
        DirtyError: the work tree has something else than what is staged.
    """
    missing, other = [], []
    for change in changes:
        there = checkout.read(change.path) if checkout.exists(change.path) else None
        if there == change.before:
            missing.append(change)
        elif there != change.after:
            other.append(change.path)
    if other:
        raise DirtyError(
            "Nothing was written, because these files are not as they are staged:\n  "
            + "\n  ".join(other)
            + "\nStage them with `git add`, or stash what is not staged, then run this again."
        )
    return tuple(missing)


def _blob(checkout: Checkout, path: str, index: dict[str, str]) -> bytes:
    code, out, told = checkout.repository.run("cat-file blob", f":./{path}", env=index)
    if code:
        raise TargetError(f"{path} could not be read from git's index: {told}.")
    return out
