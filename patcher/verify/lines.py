"""Which lines of a changed file came from which step."""

from __future__ import annotations

from collections.abc import Sequence

from patcher.model import Change, Edit

__all__ = ["lines_of"]

Span = tuple[int, int]


def lines_of(change: Change, step: str) -> tuple[int, ...]:
    """Return the lines (from one) of a result that a step wrote; where it took something out, the line there."""
    text = _utf8(change.after)
    if change.before is None or any(layer.step == step and not layer.edits for layer in change.layers):
        return tuple(range(1, text.count(b"\n") + 2)) if step in change.steps else ()
    spans: list[Span] = []
    for layer in change.layers:
        spans = [_moved(span, layer.edits) for span in spans]
        if layer.step == step:
            spans += _written(layer.edits)
    return tuple(
        sorted(
            {line for start, end in spans for line in range(_line(text, start), _line(text, max(start, end - 1)) + 1)}
        )
    )


def _utf8(data: bytes) -> bytes:
    """Return a file's text as edits count in it."""
    try:
        return data.decode("utf-8-sig").encode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()


def _line(text: bytes, offset: int) -> int:
    return text.count(b"\n", 0, offset) + 1


def _written(edits: Sequence[Edit]) -> list[Span]:
    """Return where the texts of a layer's edits stand behind it, without the line ends at their borders."""
    spans, shift = [], 0
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        new = edit.text.encode()
        start = edit.start + shift
        lead = len(new) - len(new.lstrip(b"\r\n"))
        spans.append((start + lead, start + max(lead, len(new.rstrip()))))
        shift += len(new) - (edit.end - edit.start)
    return spans


def _moved(span: Span, edits: Sequence[Edit]) -> Span:
    """Return where a span stands behind a later layer of edits."""
    start, end = span
    before = sum(
        len(edit.text.encode()) - (edit.end - edit.start)
        for edit in edits
        if edit.end <= start and (edit.start, edit.end) != span
    )
    within = sum(
        len(edit.text.encode()) - (edit.end - edit.start) for edit in edits if edit.end > start and edit.start < end
    )
    return start + before, end + before + within
