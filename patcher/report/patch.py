"""A plan as one patch that `git apply` takes: bytes in, bytes out, so that no encoding and no line end is changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from patcher.model import Change, Plan

__all__ = ["change_patch", "patch"]

CONTEXT = 3
NO_NEWLINE = "\\ No newline at end of file\n"


def patch(plan: Plan, prefix: str = "") -> bytes:
    """Return the patch from the tree to the planned tree.

    `prefix` leads from the top of the repository to the checkout's root (`a/b/`): `git apply` passes over every path
    that does not begin with the folder in which it runs, and says nothing of it.
    """
    return b"".join(change_patch(change, prefix) for change in plan.changes)


def change_patch(change: Change, prefix: str = "") -> bytes:
    """Return the patch of one file."""
    old, new = (_quoted(f"{side}/{prefix}{change.path}") for side in "ab")
    header = f"diff --git {old} {new}\n"
    if change.before is None:
        header += f"new file mode {change.mode:o}\n"
        old = "/dev/null"
    if change.gone:
        header += f"deleted file mode {change.mode:o}\n"
        new = "/dev/null"
    # Every byte is one character here, those of the paths too.
    return "".join((header, *_hunks(change, old, new))).encode("latin-1")


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
    text = path.encode("utf-8", "surrogateescape").decode("latin-1")
    if not any(char in '"\\' or ord(char) < 32 for char in text):
        return text
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(char, char if ord(char) >= 32 else f"\\{ord(char):03o}") for char in text) + '"'
