"""What patcher wrote into a tree, kept where git does not look, so that undo and recovery can take it back.

A record and the bytes from before are whole on disk before the first byte of the tree changes; a process that
is killed in between leaves the record as `writing`. The journal never touches a file of the tree, and removes
from its folder only what it put there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from patcher import __version__
from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Change, Plan

__all__ = ["Entry", "Journal", "Record", "State", "fingerprint"]

FORMAT = 1
# The lock is meant to be committed, also where git comes later.
IGNORE_ALL = b"*\n!lock.yaml\n"


class State(StrEnum):
    """How far the apply of a record came."""

    WRITING = "writing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a record, its bytes as fingerprints; None is the file's absence: apply created it, or removed it."""

    path: str
    mode: int
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """One apply: what was written, from which recipe, the folders that it created, and the commits of it."""

    number: int
    state: State
    recipe: str
    digest: str
    values: Mapping[str, str]
    plan: str
    time: str
    patcher: str
    folders: tuple[str, ...]
    entries: tuple[Entry, ...]
    commits: tuple[str, ...] = ()


def fingerprint(data: bytes) -> str:
    """Return the SHA-256 of some bytes, by which the journal knows them."""
    return hashlib.sha256(data).hexdigest()


class Journal:
    """The records of one checkout, the oldest first."""

    __slots__ = ("_hidden", "folder")

    def __init__(self, checkout: Checkout) -> None:
        self.folder = checkout.journal_folder
        self._hidden = checkout.is_git

    def records(self) -> tuple[Record, ...]:
        """Return all records, the oldest first."""
        return tuple(_load(file) for file in sorted(self.folder.glob("[0-9]" * 6 + ".json")))

    def created(self) -> frozenset[str]:
        """Return the files that patcher put into the tree, wherever that was, and did not take back."""
        entries = (entry for record in self.records() for entry in record.entries)
        return frozenset(entry.path for entry in entries if entry.before is None)

    def place(self, record: Record) -> Path:
        """Return the file that holds a record."""
        return self.folder / f"{record.number:06}.json"

    def before(self, entry: Entry) -> bytes | None:
        """Return the bytes that a file had before, or None if apply created it."""
        return self._copy(entry.path, entry.before)

    def after(self, entry: Entry) -> bytes | None:
        """Return the bytes that apply wrote, or None if it removed the file."""
        return self._copy(entry.path, entry.after)

    def _copy(self, path: str, mark: str | None) -> bytes | None:
        if mark is None:
            return None
        blob = self.folder / mark
        with self._telling():
            data = blob.read_bytes()
        if fingerprint(data) != mark:
            copy = f"the journal's copy {blob} is damaged"
            raise TargetError(f"{path} cannot be put back: {copy}; take the file from git, or from a clone.")
        return data

    def begin(self, plan: Plan, folders: tuple[str, ...], changes: Sequence[Change] | None = None) -> Record:
        """Store what is about to be written, and what stands there now; `changes`, if not those of the plan alone."""
        changes = plan.changes if changes is None else changes
        number = max((record.number for record in self.records()), default=0) + 1
        record = Record(
            number=number,
            state=State.WRITING,
            recipe=plan.recipe.name,
            digest=plan.recipe.digest,
            values=dict(plan.recipe.values),
            plan=plan.digest,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            patcher=__version__,
            folders=folders,
            entries=tuple(_entry(change) for change in changes),
        )
        with self._telling():
            for change in changes:
                for data in (change.before, change.after):
                    if data is not None:
                        _store(self.folder / fingerprint(data), data)
        self._save(record, State.WRITING)
        return record

    def finish(self, record: Record) -> None:
        """Note that every byte of a record is in the tree."""
        self._save(record, State.DONE)

    def drop(self, record: Record) -> None:
        """Forget a record, and the bytes that no other record needs."""
        with self._telling():
            self.place(record).unlink(missing_ok=True)
            entries = [entry for record in self.records() for entry in record.entries]
            needed = {mark for entry in entries for mark in (entry.before, entry.after)}
            for file in self.folder.iterdir():
                if file.name.endswith(".new") or (_is_blob(file) and file.name not in needed):
                    file.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other patcher from this tree, and leave no folder behind that holds nothing."""
        if not self._hidden and self.folder.is_symlink():
            raise TargetError(f"{self.folder} is a symbolic link, and patcher follows none: remove it.")
        with self._telling():
            self._lock()
        try:
            yield
        finally:
            with suppress(OSError):
                self._bare()
                self._lock_file.unlink()
                self.folder.rmdir()

    @property
    def _lock_file(self) -> Path:
        return self.folder / "running"

    def _lock(self) -> None:
        for _ in range(3):
            with suppress(FileExistsError):
                self.folder.mkdir(parents=True)
            try:
                descriptor = os.open(self._lock_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
            except FileExistsError:
                self._evict()
            except FileNotFoundError:  # another patcher has just cleared the folder away
                continue
            else:
                return self._take(descriptor)
        raise self._busy("another process")

    def _take(self, descriptor: int) -> None:
        """Sign a new lock; one that cannot be signed is given back, as nobody could tell whose it is."""
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(f"{os.getpid()} {os.uname().nodename}\n".encode())
            if not self._hidden and not (self.folder / ".gitignore").exists():
                _store(self.folder / ".gitignore", IGNORE_ALL)
        except OSError:
            self._lock_file.unlink(missing_ok=True)
            raise

    def _evict(self) -> None:
        """Remove the lock of a process that died; one that lives, or may live on another machine, keeps it."""
        with suppress(FileNotFoundError), _alone_in(self.folder):
            holder = self._lock_file.read_bytes()
            if _may_live(holder):
                raise self._busy(f"process {holder.decode(errors='replace').strip() or 'unknown'}")
            self._lock_file.unlink()

    def _busy(self, holder: str) -> UsageError:
        return UsageError(
            f"Another patcher is at work on this tree ({holder}): wait for it, "
            f"or delete {self._lock_file} if you know that it is gone."
        )

    def _bare(self) -> None:
        """Without records leave no trace of the journal, so that its folder can go too."""
        own = self.folder / ".gitignore"
        if not any(self.folder.glob("*.json")) and own.exists() and own.read_bytes() == IGNORE_ALL:
            own.unlink()

    def _save(self, record: Record, state: State) -> None:
        data = {"format": FORMAT, **asdict(record), "state": state}
        del data["number"]
        with self._telling():
            _store(self.place(record), json.dumps(data, indent=1).encode())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what the disk says into a sentence."""
        try:
            yield
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise TargetError(f"Patcher cannot keep its journal in {self.folder}: {reason}.") from error


def _entry(change: Change) -> Entry:
    before = None if change.before is None else fingerprint(change.before)
    return Entry(change.path, change.mode, before, None if change.gone else fingerprint(change.after))


def _load(file: Path) -> Record:
    """Read a record, or say what is wrong with it and how to go on."""
    remedy = "delete it to go on, and restore with git what that apply wrote"
    try:
        data = json.loads(file.read_bytes())
        if data["format"] != FORMAT:
            raise TargetError(f"{file} is of patcher {data['patcher']}: undo with that version, or {remedy}.")
        del data["format"]
        data["state"] = State(data["state"])
        data["folders"] = tuple(data["folders"])
        data["commits"] = tuple(data.get("commits", ()))
        data["entries"] = tuple(Entry(**entry) for entry in data["entries"])
        return Record(number=int(file.stem), **data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"The journal's record {file} cannot be read: {remedy}.") from error


def _is_blob(file: Path) -> bool:
    return re.fullmatch("[0-9a-f]{64}", file.name) is not None


def _store(file: Path, data: bytes) -> None:
    """Write a file so that after a crash it is there as a whole or not at all."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with new.open("xb") as stream:  # never through a link that came with an archive
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time judge a lock, lest a second removes what the first has put in its place."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems know no such thing
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _may_live(holder: bytes) -> bool:
    """Say whether a lock's process may still run; of another machine or a garbled lock nothing is known."""
    pid, _, machine = holder.decode(errors="replace").strip().partition(" ")
    if machine != os.uname().nodename or not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
