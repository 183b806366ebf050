"""The upstream work tree on disk and its git state; nothing else writes there, and nothing else asks git.

It never writes through a symbolic link, outside the root, into git's own folder or into another repository;
it never leaves some files written and others not; and it never changes git's index, objects or configuration.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from patcher.errors import TargetError, UsageError
from patcher.model import Change
from patcher.repository import Repository, Standing
from patcher.swap import Swap, backward, forward, place_of, prune, reason_of, refuse_blocked, swap_all, sweep

__all__ = ["OWN", "Checkout"]

# The folder of a tree that is patcher's own: the lock, and without git the journal.
OWN = ".patcher"

# Without git, nothing else tells these from what somebody wrote.
GENERATED = {"__pycache__", "node_modules", "build", "dist"}


@dataclass(frozen=True)
class Checkout:
    """A work tree with or without git; its root may be a subfolder, a worktree or a submodule.

    `also` are files that are looked at although git ignores them, where they stand.
    """

    root: Path
    also: frozenset[str] = field(default=frozenset(), kw_only=True)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Checkout:
        """Return the checkout whose root is this folder."""
        if not str(path):
            raise UsageError("The path of the checkout is empty; name its folder, or `.` for this one.")
        try:
            root = Path(path).resolve(strict=True)
        except FileNotFoundError:
            raise TargetError(
                f"There is no folder {path}: name that of a checkout, or clone the upstream there first."
            ) from None
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that go round in a circle
            raise TargetError(f"{path} cannot be opened as a folder: {reason_of(error)}.") from error
        if not root.is_dir():
            raise TargetError(f"{path} is a file: name the folder of the checkout instead.")
        return cls(root)

    @property
    def paths(self) -> tuple[str, ...]:
        """The regular files, sorted: what git does not ignore (without it, none in generated folders), and `also`."""
        return self._names[0]

    @property
    def links(self) -> tuple[str, ...]:
        """The symbolic links; neither they nor what lies behind them is among the paths."""
        return self._names[1]

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What is not among the paths because its name is not UTF-8 or its folder cannot be entered."""
        return self._names[2]

    @cached_property
    def _names(self) -> tuple[tuple[str, ...], ...]:
        listed = self._listed if self.is_git else _walk(self.root)
        return _sort_apart(str(self.root), dict.fromkeys([*listed, *self.also]))

    @cached_property
    def _listed(self) -> list[str]:
        return self.repository.files

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        try:
            return place_of(self.root, path).read_bytes()
        except OSError as error:
            raise TargetError(f"{path} could not be read: {reason_of(error)}.") from error

    def mode(self, path: str) -> int:
        """Return what git would call the mode of a file as it is on disk: 100644 or 100755."""
        try:
            return 0o100755 if place_of(self.root, path).stat().st_mode & stat.S_IXUSR else 0o100644
        except OSError as error:
            raise TargetError(f"{path} could not be read: {reason_of(error)}.") from error

    def exists(self, path: str) -> bool:
        """Say whether anything stands at this path: also a folder, a link, or a file that git ignores."""
        return os.path.lexists(place_of(self.root, path))

    @cached_property
    def repository(self) -> Repository:
        """git, asked here; whether it has anything to say is `is_git`."""
        return Repository(self.root)

    @property
    def is_git(self) -> bool:
        """Whether git looks after this folder; one that a larger repository ignores is none of git's."""
        return self._standing is not None

    @property
    def head(self) -> str | None:
        """The commit that is checked out; None without git and before the first commit."""
        return self._standing.head if self._standing else None

    @property
    def prefix(self) -> str:
        """The path (`a/b/`) from the top of the work tree that git finds here: git names files from there."""
        return self.repository.standing.prefix if self.repository.standing else ""

    @property
    def remotes(self) -> tuple[str, ...]:
        """The URLs of the remotes, without passwords."""
        return self.repository.remotes if self.is_git else ()

    @property
    def journal_folder(self) -> Path:
        """The folder for patcher's own files; each root in one repository has its own."""
        if self._standing is None:
            return self.root / OWN
        prefix = os.fsencode(self._standing.prefix)
        return self._standing.folder / (hashlib.sha256(prefix).hexdigest()[:16] if prefix else "")

    def differs_from_head(self, paths: Iterable[str]) -> dict[str, str]:
        """Return those of the paths whose content git does not have in HEAD, each with the reason.

        Without git, or before the first commit, there is no HEAD to differ from: the answer is empty.
        """
        return self.repository.status(paths) if self.head else {}

    @cached_property
    def _standing(self) -> Standing | None:
        found = self.repository.standing
        return None if found is not None and found.prefix and not self._listed else found

    def export(self, commit: str, folder: Path) -> None:
        """Write the tree as a commit has it into a folder, without git.

        Raises:
            TargetError: the repository does not have that commit.
        """
        self.repository.export(commit, folder)

    def check(self, changes: Sequence[Change]) -> None:
        """Refuse what `write` would refuse, naming every file and its reason; change nothing."""
        refuse_blocked(self.root, forward(changes))

    def write(self, changes: Sequence[Change]) -> None:
        """Write all changes or none, each only over a file that holds exactly what the change starts from."""
        self._swap(forward(changes))
        emptied = {folder for change in changes if change.gone for folder in Path(change.path).parents}
        prune(self.root, [folder.as_posix() for folder in emptied - {Path()}])

    def restore(self, changes: Sequence[Change], folders: Sequence[str] = ()) -> tuple[str, ...]:
        """Take all changes back or none; then remove the folders that are empty, and return the others."""
        self._swap(backward(changes))
        prune(self.root, folders)
        return tuple(folder for folder in folders if self.exists(folder))

    def new_folders(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the folders that writing these paths would create."""
        places = [place_of(self.root, path).relative_to(self.root) for path in paths]
        folders = {folder.as_posix() for place in places for folder in place.parents[:-1]}
        return tuple(sorted(folder for folder in folders if not self.exists(folder)))

    def sweep(self, paths: Iterable[str]) -> None:
        """Remove the temporary files that a killed patcher left beside these paths."""
        sweep(self.root, paths)

    def _swap(self, swaps: Sequence[Swap]) -> None:
        folders = self.new_folders(swap.path for swap in swaps if swap.new is not None)
        try:
            swap_all(self.root, swaps, folders)
        finally:
            for name in ("_listed", "_names"):
                self.__dict__.pop(name, None)


def _walk(root: Path) -> Iterator[str]:
    """Yield what stands below a root that git does not look after, less what nobody wrote by hand."""
    for top, folders, files in os.walk(root):
        here = Path(top)
        folders[:] = [name for name in folders if not _left_out(here / name)]
        yield from ((here / name).relative_to(root).as_posix() for name in folders + files)


def _left_out(folder: Path) -> bool:
    generated = folder.name in GENERATED or folder.name.startswith(".") or folder.name.endswith(".egg-info")
    return generated or any(os.path.lexists(folder / name) for name in ("pyvenv.cfg", ".git"))


def _sort_apart(root: str, names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the regular files, the links, and the names that are neither here nor there."""
    paths, links, unreadable = set[str](), set[str](), set[str]()
    known = {"": ""}
    for name in names:
        try:
            if link := _link_above(root, name, known):
                links.add(link)
                continue
            mode = os.lstat(f"{root}/{name}").st_mode
            name.encode()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeEncodeError):
            unreadable.add(os.fsencode(name).decode("utf-8", "backslashreplace"))
            continue
        if stat.S_ISLNK(mode):
            links.add(name)
        elif stat.S_ISREG(mode):
            paths.add(name)
    return tuple(tuple(sorted(group)) for group in (paths, links, unreadable))


def _link_above(root: str, name: str, known: dict[str, str]) -> str:
    """Return the first symbolic link on the way to a file, or nothing."""
    folder = name.rpartition("/")[0]
    if folder not in known:
        own = folder if Path(root, folder).is_symlink() else ""
        known[folder] = _link_above(root, folder, known) or own
    return known[folder]
