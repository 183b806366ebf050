"""An apply that was committed is taken back by a commit; history stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from patcher.checkout import Checkout
from patcher.commit import check_ready, commit, contains, subject
from patcher.errors import UndoError
from patcher.journal import Record
from patcher.message import Piece, reverting
from patcher.model import Change

__all__ = ["check_committed", "revert"]


def check_committed(record: Record, written: Iterable[Change], checkout: Checkout) -> None:
    """Refuse to revert commits that HEAD does not have, or beside work in the same files."""
    if not record.commits:
        return
    check_ready(checkout, "this undo")
    if not contains(checkout, record.commits):
        raise UndoError(
            f"Nothing was undone, because what is checked out does not have the commit that applied {record.recipe}; "
            "switch to the branch that has it."
        )
    differing = checkout.differs_from_head(change.path for change in written)
    if differing:
        raise UndoError(
            "Nothing was undone, because these files are not as HEAD has them, and the commit that takes "
            f"{record.recipe} back must hold nothing else:\n  "
            + "\n  ".join(f"{path} ({why})" for path, why in differing.items())
            + "\nCommit or stash that first."
        )


def revert(record: Record, written: Sequence[Change], checkout: Checkout) -> tuple[str, ...]:
    """Commit that a committed record was taken back; history stays as it is."""
    if not record.commits or not written:
        return ()
    message = reverting(record.recipe, subject(checkout, record.commits[-1]), record.commits)
    return commit(checkout, [Piece(message, tuple(_backward(change) for change in written))])


def _backward(change: Change) -> Change:
    gone = change.before is None
    return Change(change.path, None if change.gone else change.after, change.before or b"", mode=change.mode, gone=gone)
