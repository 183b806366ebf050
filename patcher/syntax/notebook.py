"""Code cells of a notebook as one Python text, and edits of it as edits of the notebook's bytes.

Outputs, metadata, layout of the JSON and every cell that is not edited keep their bytes. The program is the cells one
behind the other, a blank line between two of them, so that the end of one cell is not the beginning of the next.
"""

from __future__ import annotations

import bisect
import re
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import libcst as cst

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.cells import CodeCell, code_cells
from patcher.syntax.ipython import Passage, readable
from patcher.syntax.source import Behind, Program, Source, splice

__all__ = ["Notebook", "NotebookSource", "notebook"]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A code cell in the program: its text there, with a line end, and the byte at which that begins."""

    json: CodeCell
    start: int
    text: str
    passages: tuple[Passage, ...]

    @property
    def end(self) -> int:
        return self.start + len(self.text.encode())

    def character(self, offset: int) -> int:
        """Return which character of the cell stands at a byte of the program."""
        return len(self.text.encode()[: max(0, offset - self.start)].decode("utf-8", "ignore"))

    def unseen(self) -> Iterator[Passage]:
        """Yield what of the cell no step sees, by bytes of the program."""
        for one in self.passages:
            start, end, behind = (len(self.text[:at].encode()) for at in (one.start, one.end, one.behind))
            # The next code behind a cell that is no Python is the next cell.
            after = self.end + 1 if one.whole else self.start + behind
            yield replace(one, start=self.start + start, end=self.start + end, behind=after)


class Notebook:
    """A notebook's file and the program in it.

    Raises:
        TargetError: the file is no notebook in JSON.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        try:
            self.raw = data.decode("utf-8")
            found = list(code_cells(self.raw))
        except KeyError:
            raise TargetError(
                f"{path} has no cells; save it as a notebook of format 4, or leave it out with not_in."
            ) from None
        except (ValueError, RecursionError) as error:
            raise TargetError(f"{path} is no notebook that can be read ({error}); leave it out with not_in.") from None
        self.cells = list(_placed(found))
        self.program = "\n".join(cell.text for cell in self.cells)

    @property
    def unseen(self) -> tuple[Passage, ...]:
        """What no step sees, in the order of the program."""
        return tuple(one for cell in self.cells for one in cell.unseen())

    def cell(self, offset: int) -> int:
        """Return the number of the code cell that holds a byte of the program, its end included."""
        return max(0, bisect.bisect_right(self.cells, offset, key=lambda cell: cell.start) - 1)

    def apply(self, edits: Sequence[Edit]) -> bytes:
        """Return the notebook's bytes with edits of the program made in the cells that they fall in.

        Offsets of the edits are bytes of the program in UTF-8. None goes over the border of two cells.
        """
        by_cell: dict[int, list[Edit]] = {}
        for edit in sorted(dict.fromkeys(edits), key=lambda one: (one.start, one.end)):
            by_cell.setdefault(self.cell(edit.start), []).append(edit)
        raw = self.raw
        for number in sorted(by_cell, reverse=True):
            cell = self.cells[number]
            assert all(edit.end <= cell.end for edit in by_cell[number])
            moved = [Edit(cell.character(one.start), cell.character(one.end), one.text) for one in by_cell[number]]
            raw = raw[: cell.json.start] + cell.json.written(moved) + raw[cell.json.end :]
        return raw.encode("utf-8")

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column in the file for a byte of the program."""
        if not self.cells:
            return 1, 1
        cell = self.cells[self.cell(offset)]
        place = cell.json.place(cell.character(offset))
        return self.raw.count("\n", 0, place) + 1, place - self.raw.rfind("\n", 0, place)


class NotebookSource(Source):
    """The program of a notebook as a Source: offsets count in the program, lines in the notebook's file."""

    FLAGS: ClassVar[int] = PyCF_ALLOW_TOP_LEVEL_AWAIT
    ENCODING: ClassVar[str | None] = "utf-8"  # a cell that speaks of another one does not change the JSON's

    def __init__(
        self, path: str, data: bytes, stand_ins: Mapping[str, str] | None = None, behind: Behind = lambda _: ()
    ) -> None:
        self._notebook = notebook(path, data)
        super().__init__(path, self._notebook.program.encode("utf-8"), stand_ins, behind)
        self.data = data
        self.unseen = self._notebook.unseen

    @property
    def programs(self) -> list[Program]:
        """Its cells."""
        return [Program(cell.text, cell.start) for cell in self._notebook.cells]

    def splice(self, edits: Sequence[Edit]) -> bytes:
        """Return the notebook's bytes with the edits made."""
        splice(self.path, self.text, edits)  # refuses edits that touch
        return self._notebook.apply(edits)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column in the notebook's file."""
        return self._notebook.line_column(offset)

    def together(self, nodes: Sequence[cst.CSTNode]) -> bool:
        """Tell whether statements stand in one cell, with no line for IPython between two of them."""
        gaps = [(self.span(one)[1], self.span(other)[0]) for one, other in pairwise(nodes)]
        one_cell = all(self._notebook.cell(end) == self._notebook.cell(start) for end, start in gaps)
        return one_cell and not any(end <= one.start < start for end, start in gaps for one in self.unseen)

    def together_in(self, edit: Edit) -> bool:
        """Tell whether an edit stays in one cell."""
        return edit.end <= self._notebook.cells[self._notebook.cell(edit.start)].end

    def lost_comment(self, edits: Sequence[Edit]) -> str | None:
        """Return a comment, or a line for IPython, that the edits would delete or write anew, or None."""
        for one in self.unseen:
            if any(edit.start < one.end and one.start < edit.end for edit in edits):
                return one.text
        return super().lost_comment(edits)

    def kept(self) -> list[tuple[str, int]]:
        """Return every comment and every line for IPython, with its offset; what stands in for that is no comment."""
        comments = [one for one in super().kept() if not any(each.start <= one[1] < each.end for each in self.unseen)]
        return [*comments, *((one.text, one.start) for one in self.unseen)]

    def passed_over(self, words: Iterable[frozenset[bytes]]) -> Iterator[tuple[int, str]]:
        """Yield offset and reason for what no step sees and that holds all words of a set, by what it calls imports."""
        for one in self.unseen:
            held = set(re.findall(rb"\w+", one.text.encode("utf-8", "replace")))
            called = [each.origin or "" for each in self.names.imports if each.name.encode() in held]
            meant = held.union(*(origin.encode().split(b".") for origin in called))
            if one.told and any(held & gate and gate <= meant for gate in words):
                yield one.start, one.reason


@lru_cache(maxsize=16)
def notebook(path: str, data: bytes) -> Notebook:
    """Return a notebook as it was read last time, if its bytes are the same.

    Raises:
        TargetError: see Notebook.
    """
    return Notebook(path, data)


def _placed(cells: Sequence[CodeCell]) -> Iterator[_Cell]:
    start = 0
    for cell in cells:
        reading = readable(cell.code)
        text = reading.text + ("\n" if reading.text and not reading.text.endswith("\n") else "")
        yield _Cell(cell, start, text, reading.passages)
        start += len(text.encode()) + 1
