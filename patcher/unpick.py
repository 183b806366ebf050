"""What apply wrote, taken out of files that were edited since: three-way, and never at the cost of an edit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patcher.checkout import Checkout
from patcher.errors import TargetError, UndoError
from patcher.journal import Entry, Journal, Record
from patcher.merging import Conflict, merge_files
from patcher.model import Change
from patcher.syntax.parsing import parse

__all__ = ["unpicked"]

SHOWN = 3
MEND = "Mend these by hand, then run it again."
GIVE_BACK = (
    "Give these lines back what stood there before, or what apply wrote, then run it again; an edit of your own in "
    "them can be made anew after that."
)


def unpicked(record: Record, paths: Iterable[str], journal: Journal, checkout: Checkout) -> tuple[Change, ...]:
    """Return the changes that, taken back, leave alone what was edited in these files of a record.

    Raises:
        UndoError: somebody edited where apply had edited; it names the places.
    """
    wanted = set(paths)
    changes: list[Change] = []
    conflicts: list[Conflict] = []
    for entry in record.entries:
        if entry.path in wanted:
            conflicts += _one(entry, journal, checkout, changes)
    if conflicts:
        raise UndoError(
            f"Nothing was undone, because here {record.recipe} was applied and edited since:\n  "
            + "\n  ".join(dict.fromkeys(map(_told, conflicts)))
            + f"\n{MEND if any(one.reason for one in conflicts) else GIVE_BACK}"
        )
    return tuple(changes)


def _told(conflict: Conflict) -> str:
    """Return a place, and what stood there before the apply."""
    if conflict.reason:
        return f"{conflict.path}: {conflict.reason}"
    lines = [line.strip() for line in conflict.theirs]
    if not any(lines):
        return f"{conflict.path}:{conflict.line}, where nothing stood before"
    shown = " ⏎ ".join(lines[:SHOWN]) + " …" * (len(lines) > SHOWN)
    return f"{conflict.path}:{conflict.line}, where `{shown}` stood before"


def _one(entry: Entry, journal: Journal, checkout: Checkout, changes: list[Change]) -> Iterator[Conflict]:
    """Add what is to be taken back of one file, or yield where that cannot be done."""
    if reason := _unfit(entry, journal, checkout):
        yield Conflict(entry.path, reason=reason)
        return
    base, then, now = journal.after(entry) or b"", journal.before(entry) or b"", checkout.read(entry.path)
    merged, found = merge_files(base, now, then, entry.path)
    yield from found or _broken(entry.path, (base, then, now), merged)
    if merged != now:
        changes.append(Change(entry.path, merged, now, mode=entry.mode))


def _unfit(entry: Entry, journal: Journal, checkout: Checkout) -> str:
    if entry.after is None:
        return "it was removed by patcher, and somebody made it anew: move that away"
    if not checkout.exists(entry.path):
        return "it was removed since: bring it back, for instance with git"
    if entry.before is None:
        return "it was added by patcher and edited since: remove it yourself, or take the edits out"
    if not (journal.folder / entry.after).exists():
        return "the journal has no copy of what was written, as an older patcher kept none: take the edits out"
    return ""


def _broken(path: str, sides: Iterable[bytes], merged: bytes) -> Iterator[Conflict]:
    """Yield a conflict for a program that parsed on every side and does not without what patcher wrote."""
    if path.endswith(".py") and (told := _mistake(path, merged)) and not any(_mistake(path, side) for side in sides):
        yield Conflict(path, reason=f"without what patcher wrote, {told.partition(';')[0]}")


def _mistake(path: str, data: bytes) -> str:
    try:
        parse(path, data)
    except TargetError as error:
        return str(error)
    return ""
