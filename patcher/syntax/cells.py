"""The code cells in a notebook's JSON, and the source of a cell written anew with the edits made in it.

What no edit covers keeps its bytes: escapes as they are spelled, the strings of a list, and the layout between them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from patcher.model import Edit

__all__ = ["CodeCell", "code_cells"]

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
# One character in a JSON string; two escapes of a surrogate pair are one.
CHARACTER = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL)
BLANK = re.compile(r"[ \t\r\n]*")

Scanner = Callable[[str, int], tuple[Any, int]]


class _Character(NamedTuple):
    """One character of a source: as the file spells it, and what stands in the file up to the next string, if any."""

    text: str
    spelled: str
    behind: str = ""


@dataclass(frozen=True)
class CodeCell:
    """A code cell: where the value of its `source` stands in the file, and the text that it holds."""

    raw: str
    start: int
    end: int
    code: str

    def place(self, position: int) -> int:
        """Return where a character of the text stands in the file."""
        if not self._strings:
            return self.start
        before = self._characters[:position]
        return self._strings[0][0] + sum(len(one.spelled) + len(one.behind) for one in before)

    def written(self, edits: Sequence[Edit]) -> str:
        """Return the value of `source` with edits made in the text; their offsets count characters.

        Where the text has no line end at its end, the edits may count on one, and leave none there either.
        """
        characters = list(self._characters)
        added = bool(characters) and characters[-1].text != "\n"
        if added:
            characters[-1] = characters[-1]._replace(behind="")
            characters += self._spelled("\n")
        for edit in reversed(edits):
            characters[edit.start : edit.end] = self._spelled(edit.text)
        if added and len(characters) > 1 and characters[-1].text == "\n":
            characters.pop()
            if characters[-1].text == "\r":
                characters.pop()
        return self._value(characters)

    @cached_property
    def _strings(self) -> list[tuple[int, int]]:
        """Where the insides of the strings stand, those without a character aside."""
        value = self.raw[self.start : self.end]
        spans = ((found.start() + 1, found.end() - 1) for found in STRING.finditer(value))
        return [(self.start + first, self.start + last) for first, last in spans if first < last]

    @cached_property
    def _ascii_only(self) -> bool:
        return self.raw.isascii()

    @property
    def _listed(self) -> bool:
        return self.raw[self.start] == "["

    @cached_property
    def _characters(self) -> list[_Character]:
        found: list[_Character] = []
        for index, (start, end) in enumerate(self._strings):
            spelled = CHARACTER.findall(self.raw[start:end])
            found += [_Character(one if len(one) == 1 else json.loads(f'"{one}"'), one) for one in spelled]
            following = self._strings[index + 1][0] if index + 1 < len(self._strings) else 0
            between = self.raw[end:following] if following else self._between if found[-1].text == "\n" else ""
            found[-1] = found[-1]._replace(behind=between)
        return found

    @cached_property
    def _between(self) -> str:
        """What stands between two strings of the list."""
        if not self._listed:
            return ""
        if len(self._strings) > 1:
            return self.raw[self._strings[0][1] : self._strings[1][0]]
        first = self._strings[0][0] - 1 if self._strings else self.start
        indent = re.search(r"\r?\n[ \t]*$", self.raw[self.start : first])
        return f'",{indent[0] if indent else " "}"'

    def _spelled(self, text: str) -> list[_Character]:
        """Return new text, each of its lines in a string of its own where the source is a list."""
        return [
            _Character(one, json.dumps(one, ensure_ascii=self._ascii_only)[1:-1], self._between if one == "\n" else "")
            for one in text
        ]

    def _value(self, characters: Sequence[_Character]) -> str:
        if not characters:
            return "[]" if self._listed else '""'
        empty = ('["', '"]') if self._listed else ('"', '"')
        head, tail = empty if not self._strings else self._around
        inside = "".join(one.spelled + one.behind for one in characters)
        return head + inside.removesuffix(characters[-1].behind) + tail

    @property
    def _around(self) -> tuple[str, str]:
        return self.raw[self.start : self._strings[0][0]], self.raw[self._strings[-1][1] : self.end]


def code_cells(raw: str) -> Iterator[CodeCell]:
    """Yield the code cells that have a source, in the order of the file.

    Raises:
        ValueError: the text is no JSON, or none in which the cells could be told, or they are in another language.
        KeyError: it has no cells.
    """
    scanner: Scanner = json.JSONDecoder().raw_decode
    json.loads(raw)
    members = _members(raw, _blank(raw, 0), scanner)
    _check_language(members.get("metadata", (0, 0, {}))[2])
    start = members["cells"][0]
    for position in _items(raw, start, scanner):
        cell = _members(raw, position, scanner)
        if cell.get("cell_type", (0, 0, ""))[2] == "code" and "source" in cell:
            begin, end, source = cell["source"]
            if isinstance(source, str) or (isinstance(source, list) and all(isinstance(one, str) for one in source)):
                yield CodeCell(raw, begin, end, "".join(source))


def _check_language(metadata: Any) -> None:
    said = (("language_info", "name"), ("kernelspec", "language"))
    parts = ((metadata.get(part), key) for part, key in said) if isinstance(metadata, dict) else ()
    named = [str(part[key]) for part, key in parts if isinstance(part, dict) and part.get(key)]
    if named and not any("python" in one.lower() for one in named):
        raise ValueError(f"its cells are in {named[0]}")


def _members(raw: str, position: int, scanner: Scanner) -> dict[str, tuple[int, int, Any]]:
    """Return, for each key of the object at a position, where its value stands, and the value."""
    found: dict[str, tuple[int, int, Any]] = {}
    if raw[position : position + 1] != "{":
        return found
    position = _blank(raw, position + 1)
    while raw[position] != "}":
        name, end = scanner(raw, position)
        start = _blank(raw, _blank(raw, end) + 1)
        value, end = scanner(raw, start)
        if name in found:
            raise ValueError(f"the key {name} stands twice in one object")
        found[name] = (start, end, value)
        position = _behind(raw, end)
    return found


def _items(raw: str, position: int, scanner: Scanner) -> Iterator[int]:
    """Yield where the items of the list at a position begin; none if it is no list."""
    if raw[position] != "[":
        raise KeyError("cells")
    position = _blank(raw, position + 1)
    while raw[position] != "]":
        yield position
        position = _behind(raw, scanner(raw, position)[1])


def _behind(raw: str, end: int) -> int:
    """Return where the next member or item begins, or what closes them stands."""
    position = _blank(raw, end)
    return _blank(raw, position + 1) if raw[position] == "," else position


def _blank(raw: str, position: int) -> int:
    found = BLANK.match(raw, position)
    return found.end() if found else position
