"""What a merge comes to, file by file: what is written, what is left to a person, and what no longer parses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from patcher.errors import TargetError
from patcher.merging import Conflict, File, Files
from patcher.model import Change
from patcher.syntax.parsing import parse

__all__ = ["Edited", "change_of", "edits", "mode_of", "unparsed"]

NOTHING = File(b"")


@dataclass(frozen=True, slots=True)
class Edited:
    """A file in which a fork has what no recipe put there: how many lines came and went."""

    path: str
    added: int
    removed: int


def edits(base: Files, fork: Files) -> Iterator[Edited]:
    """Yield the files in which a fork has something else than what it was made from."""
    from difflib import SequenceMatcher

    for path in sorted({*base, *fork}):
        one, other = (side.get(path, NOTHING).data for side in (base, fork))
        if one != other or (path in base) != (path in fork):
            match = SequenceMatcher(None, one.splitlines(), other.splitlines(), autojunk=False)
            parts = [code for code in match.get_opcodes() if code[0] != "equal"]
            yield Edited(path, sum(high - low for *_, low, high in parts), sum(b - a for _, a, b, _, _ in parts))


def change_of(path: str, now: File | None, then: File | None) -> Iterator[Change]:
    """Yield the change that makes of a file what it is then, if it is another."""
    if then is None and now is not None:
        yield Change(path, now.data, b"", mode=now.mode, gone=True)
    elif then is not None and (now is None or now.data != then.data):
        yield Change(path, now.data if now else None, then.data, mode=now.mode if now else then.mode)


def mode_of(path: str, now: File, then: File) -> str:
    """Say what a person has to do where the new upstream made a file executable, or no longer."""
    sign = "+" if then.mode & 0o100 else "-"
    return "" if now.mode == then.mode else f"{path}: `chmod {sign}x` it, as the new upstream did"


def unparsed(merged: Mapping[str, File | None], fork: Files, theirs: Files, known: set[str]) -> Iterator[Conflict]:
    """Yield the files of which both sides parse, and what came of them does not."""
    for path, file in merged.items():
        sides = [side[path] for side in (fork, theirs) if path in side]
        if file is None or path in known or not path.endswith(".py") or file in sides:
            continue
        if _mistake(path, file) and not any(_mistake(path, side) for side in sides):
            told = _mistake(path, file).partition(";")[0]
            yield Conflict(path, reason=f"as it is merged, {told}")


def _mistake(path: str, file: File) -> str:
    try:
        parse(path, file.data)
    except TargetError as error:
        return str(error)
    return ""
