"""Plan -> written tree, and back: apply writes all of a plan or nothing, undo takes the last apply back.

Neither ever overwrites work that only the user has: apply refuses a file that git does not have as it is, and
undo one that was edited since. Each names every such file at once, and then changes none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import DirtyError, TargetError, UndoError, UsageError
from patcher.journal import Journal, Record, State, fingerprint
from patcher.model import Change, Plan

__all__ = ["Undone", "apply", "undo"]


@dataclass(frozen=True, slots=True)
class Undone:
    """What undo did with the last apply, in paths.

    `already` are files that held what was before (after a `git checkout`, say); `kept` are folders that apply
    created and that stay because something else is in them; an `interrupted` apply did not come to its end.
    """

    recipe: str
    time: str
    restored: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class _Standing:
    """How the files of a record stand now: as apply wrote them, as they were before, or neither."""

    written: tuple[Change, ...]
    before: tuple[str, ...]
    edited: tuple[str, ...]


def apply(plan: Plan, checkout: Checkout, *, allow_dirty: bool = False) -> None:
    """Write all changes of a plan or none; `allow_dirty` also over work that git does not have."""
    if not plan.changes:
        return
    journal = Journal(checkout)
    with journal.locked():
        _settle(journal, checkout)
        checkout.check(plan.changes)
        if not allow_dirty:
            _refuse_dirty(plan, journal, checkout)
        record = journal.begin(plan, checkout.new_folders(change.path for change in plan.changes))
        try:
            checkout.write(plan.changes)
        except (TargetError, KeyboardInterrupt):
            # Where a file could not be put back, undo needs the record.
            if not _stand(record, journal, checkout).written:
                journal.drop(record)
            raise
        journal.finish(record)


def undo(checkout: Checkout) -> Undone:
    """Put back what the last apply changed, and remove what it created, if nothing of it was edited since."""
    journal = Journal(checkout)
    _last(journal, checkout)  # where there is nothing to undo, there is no folder to lock
    with journal.locked():
        record = _last(journal, checkout)
        standing = _stand(record, journal, checkout)
        if standing.edited:
            raise UndoError(_edited(record, standing.edited, journal.place(record)))
        checkout.sweep(entry.path for entry in record.entries)
        kept = checkout.restore(standing.written, record.folders)
        journal.drop(record)
    return Undone(
        record.recipe,
        record.time,
        restored=tuple(change.path for change in standing.written if change.before is not None),
        removed=tuple(change.path for change in standing.written if change.before is None),
        already=standing.before,
        kept=kept,
        interrupted=record.state is State.WRITING,
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


def _refuse_dirty(plan: Plan, journal: Journal, checkout: Checkout) -> None:
    edited = {change.path: change.before for change in plan.changes if change.before is not None}
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
            written.append(Change(entry.path, journal.before(entry), present, mode=entry.mode))
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
        + f"\nTake the edits out first; or keep the tree as it is, and give this undo up by deleting {place}."
    )
