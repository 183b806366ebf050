"""Code cells of a notebook as one Python text, and edits of it as edits of the notebook's bytes.

Outputs, metadata, layout of the JSON and every cell that is not edited keep their bytes. Lines that only IPython
understands (`%matplotlib inline`, `!pip install x`) are read as comments of the same length, so that offsets stay; a
cell that is no Python even so is left out as a whole, and so is a `%%` cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.source import Behind, Source, splice

__all__ = ["Notebook", "NotebookSource"]

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|.)", re.DOTALL)
MAGIC = re.compile(r"(?m)^([ \t]*)[%!?]")
BLANK = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class _Piece:
    """One JSON string of a cell's source: where its inside stands in the file, and where its text in the program.

    Offsets in the file count characters; `start` and `end` are without the quotes.
    """

    start: int
    end: int
    position: int
    text: str
    listed: bool


class Notebook:
    """A notebook's file and the program in it.

    Raises:
        TargetError: the file is no notebook in JSON.
    """

    def __init__(self, path: str, data: bytes) -> None:
        self.path = path
        try:
            self.raw = data.decode("utf-8")
            self.tree = json.loads(self.raw)
        except ValueError as error:
            raise TargetError(f"{path} is no notebook that can be read ({error}); leave it out with not_in.") from None
        cells = self.tree.get("cells") if isinstance(self.tree, dict) else None
        if not isinstance(cells, list):
            raise TargetError(f"{path} has no cells; save it as a notebook of format 4, or leave it out with not_in.")
        self.pieces: list[_Piece] = []
        self.program = self._program(cells)

    def _program(self, cells: list[object]) -> str:
        """Return the text of all code cells that are Python, one behind the other."""
        parts: list[str] = []
        position = 0
        for spans, code, listed in self._code_cells(cells):
            readable = _readable(code)
            if readable is None:
                continue
            place = position
            for start, end in spans:
                text = json.loads(f'"{self.raw[start:end]}"', strict=False)
                self.pieces.append(_Piece(start, end, place, text, listed))
                place += len(text)
            parts.append(readable if readable.endswith("\n") else readable + "\n")
            position += len(parts[-1])
        return "".join(parts)

    def _code_cells(self, cells: list[object]) -> Iterator[tuple[list[tuple[int, int]], str, bool]]:
        """Yield the spans and the text of each code cell's source, and whether it is a list of lines."""
        places = list(_source_spans(self.raw))
        for cell, spans in zip(cells, places, strict=True):
            if isinstance(cell, dict) and cell.get("cell_type") == "code":
                source = cell.get("source", "")
                listed = isinstance(source, list)
                yield spans, "".join(source) if isinstance(source, list) else str(source), listed

    def apply(self, edits: Sequence[Edit]) -> bytes:
        """Return the notebook's bytes with edits of the program made in the strings that they fall in.

        Offsets of the edits are bytes of the program in UTF-8.
        """
        program = self.program.encode("utf-8")
        raw = self.raw
        for edit in sorted(edits, key=lambda one: (one.start, one.end), reverse=True):
            start = len(program[: edit.start].decode("utf-8"))
            end = len(program[: edit.end].decode("utf-8"))
            raw = self._replaced(raw, start, end, edit.text)
        return raw.encode("utf-8")

    def line_column(self, position: int) -> tuple[int, int]:
        """Return line and column in the file for a character of the program."""
        if not self.pieces:
            return 1, 1
        piece = self._piece_at(position, last=False)
        inside = max(0, min(position - piece.position, len(piece.text)))
        place = piece.start + _escaped_length(self.raw[piece.start : piece.end], inside)
        return self.raw.count("\n", 0, place) + 1, place - self.raw.rfind("\n", 0, place)

    def _replaced(self, raw: str, start: int, end: int, text: str) -> str:
        first = self._piece_at(start, last=start == end)
        last = self._piece_at(max(end - 1, start), last=False) if end > start else first
        begin = first.start + _escaped_length(raw[first.start : first.end], start - first.position)
        finish = last.start + _escaped_length(raw[last.start : last.end], end - last.position)
        return raw[:begin] + self._escaped(text, first, more=finish < last.end) + raw[finish:]

    def _escaped(self, text: str, first: _Piece, *, more: bool) -> str:
        """Write a text inside JSON strings; where a source is a list of lines, every line gets a string of its own."""
        ascii_only = self.raw.isascii()
        lines = text.splitlines(keepends=True)
        if more and text.endswith("\n"):
            lines.append("")
        if not first.listed or len(lines) < 2:
            return json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        indent = re.search(r"\n[ \t]*$", self.raw[: first.start - 1])
        between = f'",{indent[0] if indent else " "}"'
        return between.join(json.dumps(line, ensure_ascii=ascii_only)[1:-1] for line in lines)

    def _piece_at(self, position: int, *, last: bool) -> _Piece:
        """Return the string that holds a position; an insertion between two strings goes to the first of them."""
        for piece in self.pieces:
            end = piece.position + len(piece.text)
            if piece.position <= position < end or (last and position == end and not piece.text.endswith("\n")):
                return piece
        return self.pieces[-1]


class NotebookSource(Source):
    """The program of a notebook as a Source: offsets count in the program, lines in the notebook's file."""

    def __init__(
        self, path: str, data: bytes, stand_ins: Mapping[str, str] | None = None, behind: Behind = lambda _: ()
    ) -> None:
        self._notebook = Notebook(path, data)
        super().__init__(path, self._notebook.program.encode("utf-8"), stand_ins, behind)
        self.data = data

    def splice(self, edits: Sequence[Edit]) -> bytes:
        """Return the notebook's bytes with the edits made."""
        splice(self.path, self.text, edits)  # refuses edits that touch
        return self._notebook.apply(edits)

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column in the notebook's file."""
        return self._notebook.line_column(len(self.text[:offset].decode("utf-8")))


def _readable(code: str) -> str | None:
    """Return a cell as Python of the same length, or None if it is none."""
    if code.lstrip().startswith("%%"):
        return None
    text = MAGIC.sub(lambda found: f"{found[1]}#", code)
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None
    return text


def _escaped_length(raw: str, characters: int) -> int:
    """Return how much of a JSON string's inside stands for its first characters."""
    position = count = 0
    while count < characters and position < len(raw):
        escape = ESCAPE.match(raw, position)
        step = len(escape[0]) if escape else 1
        # Two escapes of a surrogate pair are one character.
        if escape and escape[0][:2] == "\\u" and "d800" <= escape[0][2:].lower() <= "dbff":
            step += 6
        position += step
        count += 1
    return position


def _source_spans(raw: str) -> Iterator[list[tuple[int, int]]]:
    """Yield, for each cell, the insides of the strings of its source, in the order of the file."""
    scanner = json.JSONDecoder(strict=False).raw_decode
    position = _value_of(raw, 0, "cells", scanner)
    position = BLANK.match(raw, position + 1).end()  # type: ignore[union-attr]
    while raw[position] != "]":
        end = scanner(raw, position)[1]
        yield _strings(raw, _value_of(raw, position, "source", scanner))
        position = BLANK.match(raw, end).end()  # type: ignore[union-attr]
        if raw[position] == ",":
            position = BLANK.match(raw, position + 1).end()  # type: ignore[union-attr]


def _value_of(raw: str, position: int, key: str, scanner: object) -> int:
    """Return where the value of a key of the object at a position begins."""
    assert callable(scanner)
    position = BLANK.match(raw, position).end() + 1  # type: ignore[union-attr]
    while True:
        position = BLANK.match(raw, position).end()  # type: ignore[union-attr]
        if raw[position] == "}":
            return position
        name, end = scanner(raw, position)
        colon = BLANK.match(raw, end).end() + 1  # type: ignore[union-attr]
        value = BLANK.match(raw, colon).end()  # type: ignore[union-attr]
        if name == key:
            return value
        position = BLANK.match(raw, scanner(raw, value)[1]).end()  # type: ignore[union-attr]
        if raw[position] == ",":
            position += 1


def _strings(raw: str, position: int) -> list[tuple[int, int]]:
    """Return the insides of the string, or of the strings of the list, at a position."""
    if raw[position] == '"':
        found = STRING.match(raw, position)
        return [(found.start() + 1, found.end() - 1)] if found else []
    spans: list[tuple[int, int]] = []
    if raw[position] != "[":
        return spans
    while (found := STRING.search(raw, position)) is not None:
        if "]" in raw[position : found.start()]:
            break
        spans.append((found.start() + 1, found.end() - 1))
        position = found.end()
    return spans
