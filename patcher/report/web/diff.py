"""Changes as a page shows them: files, their hunks with the steps that wrote them, and what is folded between.

The hunks are those of the patch. A hunk is blocks of lines that are the same on both sides, or are not; how they stand,
beside each other or below, is for the style to say.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from patcher.model import Change, Place
from patcher.report.web.code import Span, coloured, html, text_of, words
from patcher.verify.lines import lines_of

__all__ = ["Block", "File", "Fold", "Hunk", "Row", "file_view", "hunk_of"]

CONTEXT = 3
HEAD, LONG = 16, 40  # of a file that is added, so many lines are seen at once where it has more than that
LARGEST_FOLD = 1500

Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: its number on its own side and on the other (0: it is not there), and whether a line feed ends it."""

    number: int
    other: int
    html: Markup
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are the `same` on both sides, or those that were taken out and those that were put in."""

    same: bool
    old: tuple[Row, ...]
    new: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """What changes in one place, with the lines around it: those of the file before, those after. `rest` is folded."""

    anchor: str
    steps: tuple[str, ...]
    lines: tuple[int, int]
    after: tuple[int, int]
    blocks: tuple[Block, ...]
    rest: Block | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines between hunks; too many of them are only counted."""

    count: int
    block: Block | None


@dataclass(frozen=True, slots=True)
class File:
    """One file that changes: `kind` is changed, added or removed."""

    anchor: str
    path: str
    kind: str
    steps: tuple[str, ...]
    plus: int
    minus: int
    parts: tuple[Hunk | Fold, ...]

    @property
    def hunks(self) -> tuple[Hunk, ...]:
        """What changes, without what is between."""
        return tuple(part for part in self.parts if isinstance(part, Hunk))


def file_view(change: Change, anchor: str) -> File:
    """Return a changed file as a page shows it; `anchor` leads the names of its places in the page."""
    return _Sides(change, anchor).file()


def hunk_of(place: Place, files: Sequence[File]) -> str:
    """Return the anchor of the hunk in which a place stands, or nothing."""
    hunks = (hunk for file in files if file.path == place.path for hunk in file.hunks)
    # What is put in at the end of a file stands behind its last line.
    return next((hunk.anchor for hunk in hunks if hunk.lines[0] <= place.line <= hunk.lines[1] + 1), "")


class _Sides:
    """Both texts of a change, as lines."""

    def __init__(self, change: Change, anchor: str) -> None:
        self.change, self.anchor = change, anchor
        old, new = text_of(change.before or b""), text_of(change.after)
        self.old, self.new = _split(old), _split(new)
        self.colours = coloured(old, change.path), coloured(new, change.path)
        self.wrote = {step: set(lines_of(change, step)) for step in change.steps}

    def file(self) -> File:
        codes = difflib.SequenceMatcher(None, self.old, self.new).get_opcodes()
        plus = sum(j2 - j1 for tag, _, _, j1, j2 in codes if tag != "equal")
        minus = sum(i2 - i1 for tag, i1, i2, _, _ in codes if tag != "equal")
        kind = "added" if self.change.before is None else "removed" if self.change.gone else "changed"
        return File(self.anchor, self.change.path, kind, self.change.steps, plus, minus, tuple(self._parts()))

    def _parts(self) -> Iterator[Hunk | Fold]:
        i = j = 0
        groups = difflib.SequenceMatcher(None, self.old, self.new).get_grouped_opcodes(CONTEXT)
        for number, group in enumerate(groups, 1):
            yield from self._fold(i, group[0][1], j, group[0][3])
            yield self._hunk(f"{self.anchor}-h{number}", group)
            i, j = group[-1][2], group[-1][4]
        yield from self._fold(i, len(self.old), j, len(self.new))

    def _fold(self, i1: int, i2: int, j1: int, j2: int) -> Iterator[Fold]:
        if i1 < i2:
            block = self._block(("equal", i1, i2, j1, j2)) if i2 - i1 <= LARGEST_FOLD else None
            yield Fold(i2 - i1, block)

    def _hunk(self, anchor: str, group: Sequence[Opcode]) -> Hunk:
        blocks = [self._block(code) for code in group]
        rest = None
        if len(blocks) == 1 and len(blocks[0].old + blocks[0].new) > LONG and not (blocks[0].old and blocks[0].new):
            (whole,) = blocks
            blocks = [Block(False, whole.old[:HEAD], whole.new[:HEAD])]
            rest = Block(False, whole.old[HEAD:], whole.new[HEAD:])
        lines, after = (group[0][1] + 1, group[-1][2]), (group[0][3] + 1, group[-1][4])
        return Hunk(anchor, self._steps(group), lines, after, tuple(blocks), rest)

    def _steps(self, group: Sequence[Opcode]) -> tuple[str, ...]:
        """Return the steps that wrote what changes here; what was only taken out stands for the lines around it."""
        there: set[int] = set()
        for tag, _, _, j1, j2 in group:
            if tag != "equal":
                there |= set(range(j1 + 1, j2 + 1)) or {j1, j1 + 1}
        return tuple(step for step, lines in self.wrote.items() if lines & there) or self.change.steps

    def _block(self, code: Opcode) -> Block:
        tag, i1, i2, j1, j2 = code
        same = tag == "equal"
        ours, theirs = words(self.old[i1:i2], self.new[j1:j2]) if tag == "replace" else ({}, {})
        old = [self._row(0, i1 + at, j1 + at + 1 if same else 0, ours.get(at, ())) for at in range(i2 - i1)]
        new = [self._row(1, j1 + at, i1 + at + 1 if same else 0, theirs.get(at, ())) for at in range(j2 - j1)]
        return Block(same, tuple(old), tuple(new))

    def _row(self, side: int, at: int, other: int, marks: Sequence[Span]) -> Row:
        text = (self.old, self.new)[side][at]
        return Row(at + 1, other, html(self.colours[side][at], marks), text.endswith("\n"))


def _split(text: str) -> list[str]:
    """Split at line feeds alone, as git does."""
    lines = [f"{line}\n" for line in text.split("\n")]
    return lines[:-1] if text.endswith("\n") or not text else [*lines[:-1], lines[-1].removesuffix("\n")]
