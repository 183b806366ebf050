"""YAML text to located values.

Knows nothing about recipes. It never types a scalar, never follows an anchor, a tag or a merge key, and never raises
for what a person wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

import yaml

from patcher.recipe.nodes import Broken, Items, Mark, Node, Reader, Table, Text
from patcher.recipe.syntax_errors import balanced, explain, quote

__all__ = ["parse"]

# libyaml is twenty times as fast with the same marks; its messages differ, so the other parser tells errors.
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 40
# What YAML cannot hold, and what it takes for a line break where an editor does not.
_FOREIGN = re.compile("[^\x20-\x7e\n\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORD = re.compile(r"[^\s,\[\]{}]+")
_TAIL = re.compile(r" +#.*")


def parse(data: bytes, file: str, reader: Reader) -> Node:
    """Return the one value that a file holds; `file` is its name in messages."""
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        return _broken(file, before, len(before), "This file is not UTF-8; save it as UTF-8.", reader)
    foreign = _FOREIGN.search(text)
    if foreign:
        tab = "Tabs are refused; indent with spaces, and where a tab is meant write \\t in double quotes."
        other = f"The character U+{ord(foreign[0]):04X} is refused; remove it, or escape it in double quotes."
        return _broken(file, text, foreign.start(), tab if foreign[0] == "\t" else other, reader)
    try:
        events = _events(text)
    except yaml.MarkedYAMLError as error:
        return _broken(file, text, *explain(error, text), reader)
    deep = _too_deep(events)
    if deep is not None:
        return _broken(file, text, deep, "This is nested too deeply; a recipe needs no more than a few levels.", reader)
    return _Builder(file, text, iter(events), reader).document()


def _broken(file: str, text: str, index: int, message: str, reader: Reader) -> Broken:
    """Tell a problem at a place of the text."""
    start = text.rfind("\n", 0, index) + 1
    mark = Mark(file, text.count("\n", 0, index) + 1, index - start + 1)
    reader.tell(mark, message)
    return Broken(mark)


def _events(text: str) -> list[Any]:
    """Return what YAML sees in a text, or raise the pure Python parser's error."""
    try:
        return list(yaml.parse(text, Loader=_FAST))
    except yaml.YAMLError:
        return list(yaml.parse(text, Loader=yaml.SafeLoader))


def _too_deep(events: list[Any]) -> int | None:
    """Return where lists and maps stand deeper in each other than anybody writes them."""
    ends = (yaml.CollectionStartEvent, yaml.CollectionEndEvent)
    depths = accumulate(isinstance(event, ends[0]) - isinstance(event, ends[1]) for event in events)
    found = (event for event, depth in zip(events, depths, strict=True) if depth > _DEEPEST)
    return next((event.start_mark.index for event in found), None)


def _is_left_out(node: Node) -> bool:
    return isinstance(node, Text) and node.bare and not node.value


def _wrong(key: Node, entries: Mapping[str, tuple[Text, Node]]) -> str:
    """Return why this cannot be a key beside those there are, or nothing."""
    if isinstance(key, Items | Table):
        return f"A key is text; if it is code, write: {key.quoted or 'it in quotes.'}"
    if not isinstance(key, Text):
        return ""
    if key.bare and key.value in ("", "<<"):
        return f"`{key.value}` is no key; write keys out, each with its value."
    if key.value in entries:
        first = f"first on line {entries[key.value][0].mark.line}"
        return f"The key `{key.value}` stands here a second time, {first}; a new entry of a list starts with `- `."
    return ""


class _Builder:
    """Builds values from events, and tells what YAML allows and a recipe does not."""

    def __init__(self, file: str, text: str, events: Iterator[Any], reader: Reader) -> None:
        self._file, self._text, self._events, self._reader = file, text, events, reader

    def document(self) -> Node:
        """Return the value of the only document."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and root:
                return self._refuse(self._mark(event), "A second document starts here; a file holds one.")
            if isinstance(event, yaml.NodeEvent):
                root = self._node(event)
        if root is None or (isinstance(root, Text) and root.bare and not root.value):
            return self._refuse(Mark(self._file, 1, 1), "This file is empty.")
        return root

    def _mark(self, event: Any) -> Mark:
        return Mark(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _refuse(self, mark: Mark, message: str) -> Broken:
        self._reader.tell(mark, message)
        return Broken(mark)

    def _node(self, event: Any) -> Node:
        """Return the value that starts with this event."""
        mark = self._mark(event)
        if event.anchor or getattr(event, "tag", None):
            found = _WORD.match(self._text, event.start_mark.index)
            what = f"`{found[0] if found else ''}` is an anchor, alias or tag of YAML"
            self._refuse(mark, f"{what}; put it in quotes if it is text, else write it out at each place.")
            if isinstance(event, yaml.AliasEvent) or not getattr(event, "value", "more"):
                return Broken(mark)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, mark)
        listed = isinstance(event, yaml.SequenceStartEvent)
        return self._items(event, mark) if listed else self._table(event, mark)

    def _scalar(self, event: Any, mark: Mark) -> Text:
        """Return a scalar; a bare one that a comment follows says how to write it uncut."""
        bare, end = not event.style, event.end_mark.index
        tail = _TAIL.match(self._text, end) if bare and event.value else None
        uncut = self._line(event.start_mark.index, tail.end()) if tail else ""
        written = self._text[event.start_mark.index : end]
        if event.style == ">":
            written = written.partition("\n")[2]
        folded = event.style != "|" and "\n" in written.strip()
        return Text(mark, event.value, bare, uncut, folded)

    def _items(self, start: Any, mark: Mark) -> Items | Broken:
        """Return the list that starts with this event."""
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event))
        if self._cut(start, items):
            return Broken(mark)
        given = (
            self._refuse(item.mark, "This entry has no value; write it behind `- `, or take the dash away.")
            if _is_left_out(item)
            else item
            for item in items
        )
        return Items(mark, tuple(given), *self._written(start, event))

    def _table(self, start: Any, mark: Mark) -> Table | Broken:
        """Return the map that starts with this event, each key once."""
        pairs: list[tuple[Node, Node]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            pairs.append((self._node(event), self._node(next(self._events))))
        if self._cut(start, [node for pair in pairs for node in pair]):
            return Broken(mark)
        entries: dict[str, tuple[Text, Node]] = {}
        refused = 0
        for key, value in pairs:
            wrong = _wrong(key, entries)
            if wrong and not refused:
                self._reader.tell(key.mark, wrong)
            given = self._given(key, value, in_brackets=start.flow_style)
            if isinstance(key, Text) and not wrong and not (start.flow_style and isinstance(given, Broken)):
                entries[key.value] = (key, given)
            else:
                refused += 1
        return Table(mark, tuple(entries.values()), *self._written(start, event), refused)

    def _given(self, key: Node, value: Node, *, in_brackets: bool) -> Node:
        """Return a value, or what is broken if it was left out."""
        if not isinstance(key, Text) or not _is_left_out(value) or _is_left_out(key):
            return value
        if in_brackets and key.bare and " " in key.value:
            ended = "in { } a comma ends text; put the text before it and this in quotes, as one"
            return self._refuse(key.mark, f"`{key.value}` has no value: {ended}.")
        return self._refuse(key.mark, f"`{key.value}` has no value; write it behind `: `, or '' for empty text.")

    def _cut(self, start: Any, nodes: list[Node]) -> bool:
        """Whether a comma cut code in a list or map in brackets into pieces; tell it."""
        for node in nodes if start.flow_style else ():
            if isinstance(node, Text) and node.bare and not balanced(node.value):
                remedy = "inside [ ] and { } a comma ends text; put it in quotes"
                self._reader.tell(node.mark, f"This reads as `{node.value}`, because {remedy}.")
                return True
        return False

    def _written(self, start: Any, end: Any) -> tuple[str, str]:
        """Return a list or map in brackets as it is written, and its line with that in quotes."""
        first, last = start.start_mark.index, end.end_mark.index
        return (self._text[first:last], self._line(first, last)) if start.flow_style else ("", "")

    def _line(self, start: int, end: int) -> str:
        """Return the line that holds this span, with the span in quotes."""
        code = self._text[start:end]
        if "\n" in code:
            return "it in a `|` block."
        left = self._text[self._text.rfind("\n", 0, start) + 1 : start]
        right = self._text[end:].partition("\n")[0]
        return (left + quote(code) + right).strip()
