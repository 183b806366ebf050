"""A plan as one patch that `git apply` takes: bytes in, bytes out, so that no encoding and no line end is changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from patcher.model import Change, Plan

__all__ = ["change_patch", "patch"]

CONTEXT = 3
NO_NEWLINE = "\\ No newline at end of file\n"


def patch(plan: Plan) -> bytes:
    """Return the patch from the tree to the planned tree; paths are relative to the checkout's root."""
    return b"".join(change_patch(change) for change in plan.changes)


def change_patch(change: Change) -> bytes:
    """Return the patch of one file."""
    old, new = _quoted(f"a/{change.path}"), _quoted(f"b/{change.path}")
    header = f"diff --git {old} {new}\n"
    if change.before is None:
        header += f"new file mode {change.mode:o}\n"
        old = "/dev/null"
    body = "".join(_hunks(change, old, new))
    # The lines were decoded byte for byte; the paths in the header are UTF-8.
    head, _, rest = body.partition("@@")
    return header.encode() + head.encode() + (b"@@" + rest.encode("latin-1") if rest else b"")


def _hunks(change: Change, old: str, new: str) -> Iterator[str]:
    before, after = _lines(change.before or b""), _lines(change.after)
    for line in difflib.unified_diff(before, after, old, new, n=CONTEXT):
        yield line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}"


def _lines(data: bytes) -> list[str]:
    """Split at line feeds alone, as git does; latin-1 maps every byte to one character and back."""
    return [f"{line}\n" for line in data.decode("latin-1").split("\n")][:-1] + _last(data)


def _last(data: bytes) -> list[str]:
    tail = data.rpartition(b"\n")[2]
    return [tail.decode("latin-1")] if tail else []


def _quoted(path: str) -> str:
    """Return a path as git writes it: in C quotes if a character in it would be misread."""
    if not any(char in '"\\' or ord(char) < 32 for char in path):
        return path
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(char, char if ord(char) >= 32 else f"\\{ord(char):03o}") for char in path) + '"'
