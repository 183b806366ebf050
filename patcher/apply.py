"""Plan -> written tree, and back: apply writes all of a plan or nothing, undo takes the last apply back.

Neither ever overwrites work that only the user has: apply refuses a file that git does not have as it is, and
undo one that was edited since. Each names every such file at once, and then changes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.commit import commit, head_of, take_off
from patcher.errors import DirtyError, TargetError, UndoError, UsageError
from patcher.journal import Journal, Record, State, fingerprint
from patcher.message import Piece
from patcher.model import Change, Plan
from patcher.revert import check_committed, revert
from patcher.unpick import unpicked

__all__ = ["Job", "Undone", "apply", "apply_all", "undo"]


@dataclass(frozen=True, slots=True)
class Undone:
    """What undo did with the last apply, in paths.

    `already` are files that held what was before (after a `git checkout`, say); `merged` keep what was edited since;
    `kept` are folders that apply created and that stay because something else is in them; an `interrupted` apply did
    not come to its end. `commits` are new ones, which take back those of the apply.
    """

    recipe: str
    time: str
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    interrupted: bool = False
    commits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Standing:
    """How the files of a record stand now: as apply wrote them, as they were before, or neither."""

    written: tuple[Change, ...]
    before: tuple[str, ...]
    edited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Job:
    """A plan to be written, the lock that then says so, and the commits that are made of both.

    What is not to `keep` in the journal is none of undo's: a hook puts back what git has in its index.
    """

    plan: Plan
    lock: Change | None = None
    pieces: tuple[Piece, ...] = ()
    keep: bool = True

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that is written."""
        return (*self.plan.changes, *((self.lock,) if self.lock else ()))


def apply(plan: Plan, checkout: Checkout, *, allow_dirty: bool = False) -> None:
    """Write all changes of a plan or none; `allow_dirty` also over work that git does not have."""
    apply_all([Job(plan)], checkout, allow_dirty=allow_dirty)


def check_clean(plan: Plan, checkout: Checkout) -> None:
    """Refuse a plan that would edit work which git does not have, before anybody is asked about it.

    Raises:
        DirtyError: it would.
    """
    _refuse_dirty(plan.changes, Journal(checkout), checkout)


def apply_all(jobs: Iterable[Job], checkout: Checkout, *, allow_dirty: bool = False) -> tuple[str, ...]:
    """Write, lock and commit all jobs one after the other, or none; return the commits.

    Where one fails, those before it are taken back, their commits too: nobody has seen them.
    """
    todo = [job for job in jobs if job.changes]
    if not todo:
        return ()
    journal = Journal(checkout)
    done: list[Record] = []
    with journal.locked():
        _settle(journal, checkout)
        start = head_of(checkout) if any(job.pieces for job in todo) else ""
        if start:
            _refuse_uncommitted(journal, checkout)
        with ExitStack() as failed:
            for job in todo:
                done.append(_write(job, start, journal, checkout, allow_dirty=allow_dirty))
                failed.callback(_withdraw, done[-1], start, journal, checkout)
            failed.pop_all()
        for record in [record for record, job in zip(done, todo, strict=True) if not job.keep]:
            journal.drop(record)
    return tuple(one for record in done for one in record.commits)


def _write(job: Job, start: str, journal: Journal, checkout: Checkout, *, allow_dirty: bool) -> Record:
    checkout.check(job.changes)
    if not allow_dirty:
        _refuse_dirty(job.changes, journal, checkout)
    folders = checkout.new_folders(change.path for change in job.changes)
    record = journal.begin(job.plan, folders, job.changes)
    try:
        checkout.write(job.changes)
    except (TargetError, KeyboardInterrupt):
        # Where a file could not be put back, undo needs the record.
        if not _stand(record, journal, checkout).written:
            journal.drop(record)
        raise
    with ExitStack() as failed:
        failed.callback(_withdraw, record, start, journal, checkout)
        if job.pieces:
            record = replace(record, commits=commit(checkout, job.pieces))
        journal.finish(record)
        failed.pop_all()
    return record


def _withdraw(record: Record, start: str, journal: Journal, checkout: Checkout) -> None:
    """Put back what was there before a record that is not to be, also where a hook has edited it since."""
    if start:
        take_off(checkout, start, [entry.path for entry in record.entries])
    written = []
    for entry in record.entries:
        mark, present = _present(entry.path, checkout)
        if mark != entry.before:
            before = journal.before(entry)
            written.append(Change(entry.path, before, present, mode=entry.mode, gone=mark is None))
    checkout.restore(written, record.folders)
    journal.drop(record)


def undo(checkout: Checkout, *, merge: bool = False) -> Undone:
    """Put back what the last apply changed, and remove what it created, if nothing of it was edited since.

    `merge` takes what apply wrote out of files that were edited since, and leaves the edits.
    """
    journal = Journal(checkout)
    _last(journal, checkout)  # where there is nothing to undo, there is no folder to lock
    with journal.locked():
        record = _last(journal, checkout)
        standing = _stand(record, journal, checkout)
        edited = standing.edited if merge else ()
        if edited:
            changes = unpicked(record, edited, journal, checkout)
            standing = _Standing((*standing.written, *changes), standing.before, ())
        if standing.edited:
            raise UndoError(_edited(record, standing.edited, journal.place(record)))
        check_committed(record, standing.written, checkout)
        checkout.sweep(entry.path for entry in record.entries)
        kept = checkout.restore(standing.written, record.folders)
        with ExitStack() as failed:
            failed.callback(checkout.write, standing.written)
            commits = revert(record, standing.written, checkout)
            failed.pop_all()
        journal.drop(record)
    return Undone(
        record.recipe,
        record.time,
        restored=tuple(one.path for one in standing.written if one.before is not None and one.path not in edited),
        removed=tuple(change.path for change in standing.written if change.before is None),
        already=standing.before,
        merged=edited,
        kept=kept,
        interrupted=record.state is State.WRITING,
        commits=commits,
    )


def _last(journal: Journal, checkout: Checkout) -> Record:
    records = journal.records()
    if not records:
        raise UsageError(f"Nothing is left to undo: patcher has no record of an apply in {checkout.root}.")
    return records[-1]


def _settle(journal: Journal, checkout: Checkout) -> None:
    """Close the record of an apply that was killed, unless some of its files are written and others not."""
    records = journal.records()
    if not records or records[-1].state is State.DONE:
        return
    record = records[-1]
    standing = _stand(record, journal, checkout)
    if standing.written and standing.before:
        raise UsageError(
            f"The apply of {record.recipe} at {record.time} was interrupted after {len(standing.written)} of "
            f"{len(record.entries)} files: run `patcher undo {checkout.root}` first."
        )
    checkout.sweep(entry.path for entry in record.entries)
    if standing.written or standing.edited:
        journal.finish(record)
    else:
        checkout.restore((), record.folders)
        journal.drop(record)


def _refuse_uncommitted(journal: Journal, checkout: Checkout) -> None:
    """Refuse to commit beside what an earlier apply wrote and nobody committed: it would be in the wrong commit."""
    entries = {(entry.path, entry.after) for record in journal.records() for entry in record.entries}
    there = sorted(path for path, after in entries if _present(path, checkout)[0] == after)
    waiting = [path for path in checkout.differs_from_head(there) if checkout.exists(path)]
    if waiting:
        raise DirtyError(
            "Nothing was written, because an earlier apply wrote these files and nobody committed them:\n  "
            + "\n  ".join(dict.fromkeys(waiting))
            + f"\nCommit them yourself, or run `patcher undo {checkout.root}`, then run this again."
        )


def _refuse_dirty(changes: Iterable[Change], journal: Journal, checkout: Checkout) -> None:
    edited = {change.path: change.before for change in changes if change.before is not None}
    differing = checkout.differs_from_head(edited)
    ours = {(entry.path, entry.after) for record in journal.records() for entry in record.entries}
    dirty = [f"{path} ({why})" for path, why in differing.items() if (path, fingerprint(edited[path])) not in ours]
    if dirty:
        raise DirtyError(
            "Nothing was written, because these files hold work that git does not have:\n  "
            + "\n  ".join(dirty)
            + "\nCommit or stash it, or pass --allow-dirty to edit them all the same."
        )


def _stand(record: Record, journal: Journal, checkout: Checkout) -> _Standing:
    """Look at every file of a record as it is now."""
    known = _earlier(record, journal)
    written: list[Change] = []
    before: list[str] = []
    edited: list[str] = []
    for entry in record.entries:
        mark, present = _present(entry.path, checkout)
        if mark == entry.after:
            gone = entry.after is None
            written.append(Change(entry.path, journal.before(entry), present, mode=entry.mode, gone=gone))
        else:
            (before if (entry.path, mark) in known else edited).append(entry.path)
    return _Standing(tuple(written), tuple(before), tuple(edited))


def _present(path: str, checkout: Checkout) -> tuple[str | None, bytes]:
    """Return the fingerprint and the bytes of a file; None is its absence, and what is no file has none."""
    if not checkout.exists(path):
        return None, b""
    try:
        data = checkout.read(path)
    except TargetError:
        return "", b""
    return fingerprint(data), data


def _earlier(record: Record, journal: Journal) -> set[tuple[str, str | None]]:
    """Return what files held before this record: `git checkout` may have led past several applies at once."""
    older = [other for other in journal.records() if other.number < record.number]
    states: set[tuple[str, str | None]] = {(entry.path, entry.before) for entry in record.entries}
    for entry in [entry for other in older for entry in other.entries]:
        states |= {(entry.path, entry.before), (entry.path, entry.after)}
    return states


def _edited(record: Record, paths: Iterable[str], place: Path) -> str:
    return (
        f"Nothing was undone, because these files were edited since {record.recipe} was applied:\n  "
        + "\n  ".join(paths)
        + "\nRun it with --merge, which keeps the edits, or take them out first; "
        f"or keep the tree as it is, and give this undo up by deleting {place}."
    )
