"""The upstream work tree on disk and its git state; nothing else writes there, and nothing else asks git.

It never writes through a symbolic link, outside the root, into git's own folder or into another repository;
it never leaves some files written and others not; and it never changes git's index, objects or configuration.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from patcher.errors import TargetError
from patcher.model import Change

__all__ = ["Checkout"]

# Without git, nothing else tells these from what somebody wrote.
GENERATED = {"__pycache__", "node_modules", "build", "dist"}

# git sets these for its hooks; they would lead it from our root to the repository that runs the hook.
STRAY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")

# A configuration that came with an archive must not start a program (fsmonitor), and a mode is no content.
OPTIONS = "--no-optional-locks --literal-pathspecs -c core.fsmonitor=false -c core.fileMode=false"
WHERE = "rev-parse --is-inside-work-tree --show-cdup --git-path patcher --revs-only HEAD"
REMOTES = r"config -z --get-regexp ^remote\..*\.url$"
FILES = "ls-files -z --cached --others --exclude-standard"
STATUS = "status --porcelain=v1 -z --no-renames -uall --ignored=traditional --ignore-submodules --"


@dataclass(frozen=True, slots=True)
class _Repository:
    """What git says of the root: its path in the work tree (`a/b/` or nothing), HEAD, and a place for us."""

    prefix: str
    head: str | None
    folder: Path


@dataclass(frozen=True)
class Checkout:
    """A work tree with or without git; its root may be a subfolder, a worktree or a submodule."""

    root: Path

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Checkout:
        """Return the checkout whose root is this folder."""
        try:
            root = Path(path).resolve(strict=True)
        except FileNotFoundError:
            raise TargetError(f"There is no folder {path}: clone the upstream there first.") from None
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links that go round in a circle
            raise TargetError(f"{path} cannot be opened as a folder: {_reason(error)}.") from error
        if not root.is_dir():
            raise TargetError(f"{path} is a file: name the folder of the checkout instead.")
        return cls(root)

    @property
    def paths(self) -> tuple[str, ...]:
        """The regular files, sorted: all that git does not ignore; without git none in generated folders."""
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
        return _sort_apart(str(self.root), self._listed if self.is_git else _walk(self.root))

    @cached_property
    def _listed(self) -> list[str]:
        return self._ask(FILES)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        try:
            return _place(self.root, path).read_bytes()
        except OSError as error:
            raise TargetError(f"{path} could not be read: {_reason(error)}.") from error

    def mode(self, path: str) -> int:
        """Return what git would call the mode of a file as it is on disk: 100644 or 100755."""
        try:
            return 0o100755 if _place(self.root, path).stat().st_mode & stat.S_IXUSR else 0o100644
        except OSError as error:
            raise TargetError(f"{path} could not be read: {_reason(error)}.") from error

    def exists(self, path: str) -> bool:
        """Say whether anything stands at this path: also a folder, a link, or a file that git ignores."""
        return os.path.lexists(_place(self.root, path))

    @property
    def is_git(self) -> bool:
        """Whether git looks after this folder; one that a larger repository ignores is none of git's."""
        return self._repository is not None

    @property
    def head(self) -> str | None:
        """The commit that is checked out; None without git and before the first commit."""
        return self._repository.head if self._repository else None

    @cached_property
    def remotes(self) -> tuple[str, ...]:
        """The URLs of the remotes, without passwords."""
        out = self._git(REMOTES)[1] if self.is_git else b""
        urls = [entry.partition("\n")[2] for entry in _split(out)]
        return tuple(re.sub("^(https?://)[^/@]*@", r"\1", url) for url in urls)

    @property
    def journal_folder(self) -> Path:
        """The folder for patcher's own files; each root in one repository has its own."""
        if self._repository is None:
            return self.root / ".patcher"
        prefix = os.fsencode(self._repository.prefix)
        return self._repository.folder / (hashlib.sha256(prefix).hexdigest()[:16] if prefix else "")

    def differs_from_head(self, paths: Iterable[str]) -> dict[str, str]:
        """Return those of the paths whose content git does not have in HEAD, each with the reason.

        Without git, or before the first commit, there is no HEAD to differ from: the answer is empty.
        """
        wanted = tuple(paths)
        found: dict[str, str] = {}
        for start in range(0, len(wanted) if self.head else 0, 500):  # a command line has its limits
            found |= self._status(wanted[start : start + 500])
        return {path: found[path] for path in wanted if path in found}

    def _status(self, paths: tuple[str, ...]) -> dict[str, str]:
        found: dict[str, str] = {}
        prefix = self._repository.prefix if self._repository else ""
        for entry in self._ask(STATUS, *paths):
            name = entry[3:].removeprefix(prefix)
            # git may name a folder that it ignores as a whole in place of its files.
            told = [path for path in paths if path.startswith(name)] if name.endswith("/") else [name]
            found |= dict.fromkeys(told, _why(entry[:2]))
        return found

    @cached_property
    def _repository(self) -> _Repository | None:
        if not any(os.path.lexists(folder / ".git") for folder in (self.root, *self.root.parents)):
            return None
        code, out, told = self._git(WHERE)
        if code and "not a git repository" in told:
            return None
        if code or not out.startswith(b"true"):
            raise TargetError(f"git cannot work in {self.root}: {told or 'it is not in a work tree'}.")
        _, up, *rest = os.fsdecode(out).split("\n")
        if up and not self._listed:
            return None
        head = rest.pop() if re.fullmatch("[0-9a-f]{40,64}", rest[-1]) else None
        parts = self.root.parts[len(self.root.parts) - up.count("../") :]
        return _Repository("".join(f"{name}/" for name in parts), head, (self.root / "\n".join(rest)).resolve())

    def _ask(self, command: str, *paths: str) -> list[str]:
        """Return the entries that git answers with; its failure is told in its own words."""
        code, out, told = self._git(command, *paths)
        if code:
            raise TargetError(f"`git {command.split()[0]}` failed in {self.root}: {told}.")
        return _split(out)

    def _git(self, command: str, *paths: str) -> tuple[int, bytes, str]:
        unset = [option for name in STRAY if name in os.environ for option in ("-u", name)]
        where = ["git", "-C", str(self.root), *OPTIONS.split()]
        try:
            import git  # looks for the program as it is imported

            code, out, told = git.Git(self.root).execute(
                ["env", *unset, *where, *command.split(), *paths],
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
            )
        except (ImportError, OSError) as error:
            raise TargetError(f"{self.root} needs git, which does not start: install it.") from error
        return code, out, " ".join(told.removeprefix("fatal: ").split()).rstrip(".")

    def check(self, changes: Sequence[Change]) -> None:
        """Refuse what `write` would refuse, naming every file and its reason; change nothing."""
        _refuse_blocked(self.root, _forward(changes))

    def write(self, changes: Sequence[Change]) -> None:
        """Write all changes or none, each only over a file that holds exactly what the change starts from."""
        self._swap(_forward(changes))

    def restore(self, changes: Sequence[Change], folders: Sequence[str] = ()) -> tuple[str, ...]:
        """Take all changes back or none; then remove the folders that are empty, and return the others."""
        self._swap([_Swap(change.path, change.after, change.before, change.mode) for change in changes])
        _prune(self.root, folders)
        return tuple(folder for folder in folders if self.exists(folder))

    def new_folders(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return the folders that writing these paths would create."""
        places = [_place(self.root, path).relative_to(self.root) for path in paths]
        folders = {folder.as_posix() for place in places for folder in place.parents[:-1]}
        return tuple(sorted(folder for folder in folders if not self.exists(folder)))

    def sweep(self, paths: Iterable[str]) -> None:
        """Remove the temporary files that a killed patcher left beside these paths."""
        _sweep(self.root, paths)

    def _swap(self, swaps: Sequence[_Swap]) -> None:
        folders = self.new_folders(swap.path for swap in swaps if swap.new is not None)
        try:
            _swap_all(self.root, swaps, folders)
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


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


@dataclass(frozen=True, slots=True)
class _Swap:
    """A file that goes from `old` to `new`; None is its absence. `mode` counts only where it was absent."""

    path: str
    old: bytes | None
    new: bytes | None
    mode: int


def _forward(changes: Sequence[Change]) -> list[_Swap]:
    return [_Swap(change.path, change.before, change.after, change.mode) for change in changes]


def _swap_all(root: Path, swaps: Sequence[_Swap], folders: Sequence[str]) -> None:
    """Swap all files or none. `folders` are missing, and remain so where no file comes to stand in them."""
    _refuse_blocked(root, swaps)
    begun: list[_Swap] = []
    try:
        for swap in swaps:
            _stage(root, swap)
        for swap in swaps:
            begun.append(swap)
            _commit(root, swap)
        begun.clear()
    finally:
        stuck = [f"{swap.path} ({why})" for swap in reversed(begun) if (why := _put_back(root, swap))]
        _sweep(root, [swap.path for swap in swaps])
        _prune(root, folders)
        if stuck:
            files = "\n  ".join(stuck)
            raise TargetError(f"These could not be put back:\n  {files}\nRun `patcher undo {root}`.")


def _stage(root: Path, swap: _Swap) -> None:
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
                _take_after(file.fileno(), _place(root, swap.path).stat())
            file.write(swap.new)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise TargetError(f"Nothing was written: {swap.path} cannot be ({_reason(error)}).") from error


def _commit(root: Path, swap: _Swap) -> None:
    """Put the new bytes in the file's place; a file that goes is set aside.

    The place gets another inode, so a hard link elsewhere (in a package cache, say) keeps the old bytes.
    """
    place, aside = _place(root, swap.path), _aside(root, swap.path)
    if reason := _blocked(root, swap):
        raise TargetError(f"Nothing was written: {swap.path} {reason}.")
    try:
        if swap.new is None:
            place.replace(aside)
        else:
            aside.replace(place)
    except OSError as error:
        raise TargetError(f"Nothing was written: {swap.path} cannot be ({_reason(error)}).") from error


def _put_back(root: Path, swap: _Swap) -> str:
    """Swap back if the swap took place; return why that failed, or nothing."""
    back = _Swap(swap.path, swap.new, swap.old, swap.mode)
    try:
        if _content(_place(root, swap.path)) == swap.new:
            if swap.new is not None:  # else the file itself stands aside
                _stage(root, back)
            _commit(root, back)
    except (OSError, TargetError) as error:
        return _reason(error.__cause__ or error)
    return ""


def _refuse_blocked(root: Path, swaps: Sequence[_Swap]) -> None:
    blocked = [f"{swap.path} {reason}" for swap in swaps if (reason := _blocked(root, swap))]
    if blocked:
        raise TargetError("Nothing was written, because of these files:\n  " + "\n  ".join(blocked))


def _blocked(root: Path, swap: _Swap) -> str:
    """Return why this file may not be swapped, or nothing."""
    place = _place(root, swap.path)
    try:
        return _barred(root, place) or _unfit(place, swap.old)
    except OSError as error:
        return f"cannot be read ({_reason(error)})"


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
    return ""


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


def _sweep(root: Path, paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(OSError):
            _aside(root, path).unlink()


def _prune(root: Path, folders: Iterable[str]) -> None:
    """Remove those of the folders that are empty, the inner ones first."""
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):
            _place(root, folder).rmdir()


def _aside(root: Path, path: str) -> Path:
    """Return where a file's next bytes wait: a name that nobody else takes and that recovery finds again."""
    return _place(root, path).with_name(f".patcher-{hashlib.sha256(path.encode()).hexdigest()[:16]}.tmp")


def _place(root: Path, path: str) -> Path:
    """Return where a path of the tree is on disk; a path that leads out of the tree is refused."""
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise TargetError(f"{path!r} is not a path below {root}, so patcher does not touch it.")
    return root / path
