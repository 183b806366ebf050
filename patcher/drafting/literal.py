"""The last resort: what is left between two texts of a file as `text` steps, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

__all__ = ["literal"]

Step = dict[str, Any]
MOST = 16  # lines that one expression spans; the verb refuses 20
SPECIAL = re.compile(r"([\\.^$*+?{}\[\]|()])")


def literal(path: str, before: bytes, after: bytes) -> list[Step]:
    """Return the steps that lead from one text to the other; none if a `text` step cannot."""
    try:
        old, new = (_unix(side.removeprefix(b"\xef\xbb\xbf").decode()) for side in (before, after))
    except UnicodeDecodeError:
        return []
    return list(_steps(path, old, new)) if old.strip() else []


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _steps(path: str, old: str, new: str) -> Iterator[Step]:
    lines, goal = old.splitlines(keepends=True), new.splitlines(keepends=True)
    now = list(lines)
    shift = 0
    for tag, first, last, start, end in SequenceMatcher(None, lines, goal, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        written = goal[start:end]
        for at in range(first, max(last, first + 1), MOST):
            until = min(at + MOST, last)
            here = at + shift
            yield _step(path, now, here, here + until - at, written)
            now[here : here + until - at] = written
            shift += len(written) - (until - at)
            written = []


def _step(path: str, now: list[str], first: int, last: int, written: list[str]) -> Step:
    """Return the step that puts lines in the place of others, with as many lines around as make it the only place."""
    text = "".join(now)
    top, bottom = first, last
    while (
        (first == last and top == bottom)
        or not _is_alone(now, top, bottom, text)
        or not _tells(now, top, bottom, first, last, written)
    ):
        if bottom < len(now) and (bottom - last <= first - top or top == 0):
            bottom += 1
        elif top > 0:
            top -= 1
        else:
            break
        if bottom - top > MOST + 2:
            break
    before = "".join(now[top:bottom])
    after = "".join([*now[top:first], *written, *now[last:bottom]])
    if before.endswith("\n") and after.endswith("\n") and before != "\n" and after != "\n":
        before, after = before[:-1], after[:-1]
        tail = "$"
    else:
        tail = ""
    step: Step = {"in": path, "text": f"^{_escaped(before)}{tail}", "with": after}
    if "\\" in after:
        step |= {"with": after.replace("\\", "\\\\"), "already": f"^{_escaped(after)}{tail}"}
    return step if after else {**step, "expect": "any"}


def _is_alone(now: list[str], top: int, bottom: int, text: str) -> bool:
    wanted = "".join(now[top:bottom])
    return text.count(wanted) == 1


def _tells(now: list[str], top: int, bottom: int, first: int, last: int, written: list[str]) -> bool:
    """Tell whether the result is text by which it is known again."""
    return bool("".join([*now[top:first], *written, *now[last:bottom]]).strip())


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)
