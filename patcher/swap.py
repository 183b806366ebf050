"""Files swapped for others, all or none; knows neither git nor what a checkout is.

New bytes wait beside the file, on the disk, before the first file is replaced. Whatever then fails, or is interrupted,
what was swapped is swapped back. It never writes through a symbolic link, into git's own folder or another repository.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from patcher.errors import TargetError
from patcher.model import Change

__all__ = ["Swap", "backward", "forward", "place_of", "prune", "reason_of", "refuse_blocked", "swap_all", "sweep"]


@dataclass(frozen=True, slots=True)
class Swap:
    """A file that goes from `old` to `new`; None is its absence. `mode` counts only where it was absent."""

    path: str
    old: bytes | None
    new: bytes | None
    mode: int


def forward(changes: Sequence[Change]) -> list[Swap]:
    """Return the swaps that make these changes."""
    return [Swap(change.path, change.before, _after(change), change.mode) for change in changes]


def backward(changes: Sequence[Change]) -> list[Swap]:
    """Return the swaps that take these changes back."""
    return [Swap(change.path, _after(change), change.before, change.mode) for change in changes]


def _after(change: Change) -> bytes | None:
    return None if change.gone else change.after


def swap_all(root: Path, swaps: Sequence[Swap], folders: Sequence[str]) -> None:
    """Swap all files or none. `folders` are missing, and remain so where no file comes to stand in them."""
    refuse_blocked(root, swaps)
    begun: list[Swap] = []
    try:
        for swap in swaps:
            _stage(root, swap)
        for swap in swaps:
            begun.append(swap)
            _commit(root, swap)
        begun.clear()
    finally:
        stuck = [f"{swap.path} ({why})" for swap in reversed(begun) if (why := _put_back(root, swap))]
        sweep(root, [swap.path for swap in swaps])
        prune(root, folders)
        if stuck:
            files = "\n  ".join(stuck)
            raise TargetError(f"These could not be put back:\n  {files}\nRun `patcher undo {root}`.")


def _stage(root: Path, swap: Swap) -> None:
    """Write the new bytes beside the file, down to the disk, with the permissions that they will have."""
    if swap.new is None:
        return
    aside = _aside(root, swap.path)
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        mode = swap.mode & 0o111 | 0o666 if swap.old is None else 0o600
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            if swap.old is not None:
                _take_after(file.fileno(), place_of(root, swap.path).stat())
            file.write(swap.new)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise TargetError(f"Nothing was written: {swap.path} cannot be ({reason_of(error)}).") from error


def _commit(root: Path, swap: Swap) -> None:
    """Put the new bytes in the file's place; a file that goes is set aside.

    The place gets another inode, so a hard link elsewhere (in a package cache, say) keeps the old bytes.
    """
    place, aside = place_of(root, swap.path), _aside(root, swap.path)
    if reason := _blocked(root, swap):
        raise TargetError(f"Nothing was written: {swap.path} {reason}.")
    try:
        if swap.new is None:
            place.replace(aside)
        else:
            aside.replace(place)
    except OSError as error:
        raise TargetError(f"Nothing was written: {swap.path} cannot be ({reason_of(error)}).") from error


def _put_back(root: Path, swap: Swap) -> str:
    """Swap back if the swap took place; return why that failed, or nothing."""
    back = Swap(swap.path, swap.new, swap.old, swap.mode)
    try:
        if _content(place_of(root, swap.path)) == swap.new:
            if swap.new is not None:  # else the file itself stands aside
                _stage(root, back)
            _commit(root, back)
    except (OSError, TargetError) as error:
        return reason_of(error.__cause__ or error)
    return ""


def refuse_blocked(root: Path, swaps: Sequence[Swap]) -> None:
    """Raise TargetError, with every file, if one of the swaps may not be made."""
    blocked = [f"{swap.path} {reason}" for swap in swaps if (reason := _blocked(root, swap))]
    if blocked:
        raise TargetError("Nothing was written, because of these files:\n  " + "\n  ".join(blocked))


def _blocked(root: Path, swap: Swap) -> str:
    """Return why this file may not be swapped, or nothing."""
    place = place_of(root, swap.path)
    try:
        return _barred(root, place) or _unfit(place, swap.old)
    except OSError as error:
        return f"cannot be read ({reason_of(error)})"


def _barred(root: Path, place: Path) -> str:
    """Return what forbids to write here, whatever stands here, or nothing."""
    path = place.relative_to(root)
    if ".git" in (part.lower() for part in path.parts):
        return "is git's own"
    for name in reversed(path.parents[:-1]):
        folder = root / name
        if folder.is_symlink():
            return f"lies behind the symbolic link {name}: name what that leads to"
        if folder.exists() and not folder.is_dir():
            return f"lies below {name}, which is a file"
        if os.path.lexists(folder / ".git"):
            return f"belongs to another repository, {name}: patch that one by itself"
    nearest = next(folder for folder in place.parents if folder.exists())
    return "" if os.access(nearest, os.W_OK | os.X_OK) else f"cannot be written: you may not write to {nearest}"


def _unfit(place: Path, expected: bytes | None) -> str:
    """Return why what stands here is not to be replaced, or nothing."""
    if place.is_symlink():
        return "is a symbolic link: name the file that it leads to"
    if expected is None:
        return "exists already: move it away" if os.path.lexists(place) else ""
    if _content(place) != expected:
        return "was changed or removed since patcher read it: run the command again"
    # A rename asks for no permission to write the file, and root may write all: the mode says what is meant.
    if not place.stat().st_mode & 0o222 or not os.access(place, os.W_OK):
        return "is read-only: make it writable with `chmod u+w`"
    return ""


def _content(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None


def _take_after(descriptor: int, old: os.stat_result) -> None:
    """Give a new file the owner and the permissions of the one that it replaces."""
    new = os.fstat(descriptor)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        with suppress(PermissionError):  # only root may give a file away
            os.fchown(descriptor, old.st_uid, old.st_gid)
    if stat.S_IMODE(new.st_mode) != stat.S_IMODE(old.st_mode):
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def sweep(root: Path, paths: Iterable[str]) -> None:
    """Remove what a killed patcher left beside these files."""
    for path in paths:
        with suppress(OSError):
            _aside(root, path).unlink()


def prune(root: Path, folders: Iterable[str]) -> None:
    """Remove those of the folders that are empty, the inner ones first."""
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):
            place_of(root, folder).rmdir()


def _aside(root: Path, path: str) -> Path:
    """Return where a file's next bytes wait: a name that nobody else takes and that recovery finds again."""
    return place_of(root, path).with_name(f".patcher-{hashlib.sha256(path.encode()).hexdigest()[:16]}.tmp")


def place_of(root: Path, path: str) -> Path:
    """Return where a path of the tree is on disk; a path that leads out of the tree is refused."""
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise TargetError(f"{path!r} is not a path below {root}, so patcher does not touch it.")
    return root / path


def reason_of(error: BaseException) -> str:
    """Return what an error says, as a clause."""
    return str(getattr(error, "strerror", None) or error).lower()
