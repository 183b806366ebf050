"""A changed file as it may have been before some of its steps."""

from __future__ import annotations

from collections.abc import Iterable

from patcher.model import Change, Edit
from patcher.syntax.source import splice
from patcher.verify.definitions import decoded

__all__ = ["without"]


def without(change: Change, steps: frozenset[str]) -> tuple[str, ...]:
    """Return what a changed file may be without the edits of some steps; nothing where others build on these.

    What these steps took out, and what a later one put in at the same place, may stand in either order.
    """
    found = (_without(change, steps, ahead) for ahead in (False, True))
    return tuple(dict.fromkeys(text for text in found if text is not None))


def _without(change: Change, steps: frozenset[str], ahead: bool) -> str | None:
    if change.before is None:
        return None
    text = decoded(change.path, change.before).encode()
    undo: list[Edit] = []
    for layer in change.layers:
        edits = sorted(dict.fromkeys(layer.edits), key=lambda one: (one.start, one.end))
        shifted = [_shifted(one, edits, ahead) for one in undo]
        if not edits or None in shifted:
            return None
        undo = [one for one in shifted if one is not None]
        undo += _inverse(text, edits) if layer.step in steps else []
        text = splice(change.path, text, edits)
    return splice(change.path, text, undo).decode()


def _shifted(edit: Edit, others: Iterable[Edit], ahead: bool) -> Edit | None:
    """Return an edit in the text that others lead to; None if one of them touches what it is about.

    `ahead`: what they insert where it inserts comes first.
    """
    shift = 0
    for one in others:
        meet = one.start == one.end == edit.start == edit.end
        if one.start >= edit.end and not (meet and ahead):
            break
        if one.end > edit.start:
            return None
        shift += len(one.text.encode()) - (one.end - one.start)
    return Edit(edit.start + shift, edit.end + shift, edit.text)


def _inverse(text: bytes, edits: Iterable[Edit]) -> list[Edit]:
    found, shift = [], 0
    for one in edits:
        new = len(one.text.encode())
        found.append(Edit(one.start + shift, one.start + shift + new, text[one.start : one.end].decode()))
        shift += new - (one.end - one.start)
    return found
