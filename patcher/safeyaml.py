"""YAML text to located values: every scalar is text, and every value knows its line and column.

Knows nothing about recipes. It never types a scalar, never follows an anchor, a tag or a merge key, and never
raises for what a person wrote: all that is wrong goes to a Reader, and the value there is Broken, about which
nobody complains again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import accumulate
from typing import Any

import yaml

from patcher.errors import Problem

__all__ = ["Broken", "Items", "Mark", "Node", "Reader", "Table", "Text", "did_you_mean", "parse", "plain"]

# libyaml is twenty times as fast with the same marks; its messages differ, so the other parser tells errors.
_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 40
# What YAML cannot hold, and what it takes for a line break where an editor does not.
_FOREIGN = re.compile("[^\x20-\x7e\n\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_WORD = re.compile(r"[^\s,\[\]{}]+")
_TAIL = re.compile(r" +#.*")
_FILL = re.compile(r"""(?<!["'])\$\{[\w-]+\}""")
_LINE = re.compile(r"""(?P<head>\s*(?:- +)*(?:[^:'"\[\]{}]+: +)?)(?P<code>\S.*?)\s*""")


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count characters from one."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


_NOWHERE = Mark("", 0, 0)


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar. `uncut` is what to write where a comment may have cut off the text's tail."""

    mark: Mark
    value: str
    bare: bool = False
    uncut: str = ""


@dataclass(frozen=True, slots=True)
class Items:
    """A list. If it stands in brackets, `source` is that text and `quoted` its line with it in quotes."""

    mark: Mark
    items: tuple[Node, ...] = ()
    source: str = ""
    quoted: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A map; `source` and `quoted` as for a list, `refused` is how many of its keys were wrong."""

    mark: Mark
    entries: tuple[tuple[Text, Node], ...] = ()
    source: str = ""
    quoted: str = ""
    refused: int = 0

    @property
    def whole(self) -> bool:
        """Whether its keys are all that it was meant to have."""
        return not self.refused

    def get(self, key: str) -> Node | None:
        """Return the value of a key."""
        return next((value for name, value in self.entries if name.value == key), None)


@dataclass(frozen=True, slots=True)
class Broken:
    """A value about which a problem was told already."""

    mark: Mark


Node = Text | Items | Table | Broken
_KINDS = {Text: "text", Items: "a list", Table: "a map"}


def plain(node: Node) -> Any:
    """Return a value as text, lists and maps of text; what is broken is None."""
    if isinstance(node, Table):
        return {key.value: plain(value) for key, value in node.entries}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return node.value if isinstance(node, Text) else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest known word, else all of them."""
    words = sorted(known)
    near = get_close_matches(word, words, 1)
    return f"; did you mean `{near[0]}`?" if near else f"; known: {', '.join(words) or 'none'}."


@dataclass(slots=True)
class Reader:
    """Reads values as what is expected of them, and collects what is wrong; that and None read as empty."""

    problems: list[Problem] = field(default_factory=list)

    def tell(self, mark: Mark, message: str) -> None:
        """Note a problem, once."""
        problem = Problem(mark.file, mark.line, mark.column, message)
        if problem not in self.problems:
            self.problems.append(problem)

    def refuse(self, node: Node, key: str, wanted: str, *, code: bool = False) -> None:
        """Tell that a value is of another kind, and what to write where YAML took code for it."""
        if isinstance(node, Broken):
            return
        kind = f"YAML reads this as {_KINDS[type(node)]}."
        if code and isinstance(node, Items | Table) and node.quoted:
            kind = f"{kind[:-1]}; if it is code, write: {node.quoted}"
        what = key if " " in key else f"`{key}`"
        self.tell(node.mark, f"{what} wants {wanted}, and {kind}")

    def uncut(self, node: Node) -> bool:
        """Whether no comment may have cut off the tail of a text; tell how to write it uncut."""
        if not isinstance(node, Text) or not node.uncut:
            return True
        remedy = f"put a comment on a line of its own; if it is code, write: {node.uncut}"
        self.tell(node.mark, f"YAML ends this text at the ` #`; {remedy}")
        return False

    def text(self, node: Node | None, key: str, *, empty: bool = False) -> str:
        """Return the text that a value is."""
        if isinstance(node, Items | Table):
            self.refuse(node, key, "text", code=True)
        if not isinstance(node, Text):
            return ""
        if not empty and not node.value.strip():
            self.tell(node.mark, f"`{key}` is empty.")
        return node.value

    def texts(self, node: Node | None, key: str) -> tuple[Text, ...]:
        """Return the texts of a value that is one text or a list of text."""
        if isinstance(node, Table):
            self.refuse(node, key, "text or a list of text", code=True)
            return ()
        found = node.items if isinstance(node, Items) else (node,)
        return tuple(item for item in found if self.text(item, key) and isinstance(item, Text))

    def items(self, node: Node | None, key: str) -> tuple[Node, ...]:
        """Return the values of a list."""
        if isinstance(node, Text | Table):
            self.refuse(node, key, "a list")
        return node.items if isinstance(node, Items) else ()

    def table(self, node: Node | None, key: str) -> Table:
        """Return the map that a value is."""
        if isinstance(node, Text | Items):
            self.refuse(node, key, "a map")
        return node if isinstance(node, Table) else Table(node.mark if node else _NOWHERE, refused=1)

    def fields(self, table: Table, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Node]:
        """Return the values of the known keys; tell which others there are, and which required ones are missing."""
        words = frozenset(known)
        # With two keys refused it is two entries in one, and which keys are of the other cannot be known.
        odd = [key for key, _ in table.entries if key.value not in words] if table.refused < 2 else []
        meant = {near for key in odd for near in get_close_matches(key.value, words, 1)}
        for key in odd:
            self.tell(key.mark, f"The key `{key.value}` is not known here{did_you_mean(key.value, words)}")
        missing = [f"`{key}`" for key in required if table.get(key) is None and key not in meant]
        if missing and table.whole:
            self.tell(table.mark, f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing here.")
        return {key.value: value for key, value in table.entries if key.value in words}


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
        return _broken(file, text, *_explain(error, text), reader)
    deep = _too_deep(events)
    if deep is not None:
        return _broken(file, text, deep, "This is nested too deeply.", reader)
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


# What PyYAML says; is the mistake at its context, else at its problem; do quotes mend it; what to do.
_SYNTAX = (
    (r"unknown escape character '(.)'", False, False, "`\\{}` means nothing in double quotes; use single."),
    (r"quoted scalar", True, False, "This quote is never closed."),
    (r"found character '(.)' that", False, True, "Text that starts with `{}` goes in quotes."),
    (r"an? (alias|anchor|tag)", True, True, "YAML takes this for an {}; text that starts so goes in quotes."),
    (r"mapping values", False, True, "Text with a colon goes in quotes; keys of a map stand in one column."),
    (r"<stream end>", False, False, "A bracket that opens above is never closed."),
    (r"flow (sequence|mapping)", True, True, "This bracket closes as no flow {}; code goes in quotes."),
    (r"expected ':'", True, False, "This line is no `key: value`; several lines of text go in a `|` block."),
    (r"found '(<scalar>|.)'", False, True, "Text goes on behind a closing quote or bracket; quote it all."),
    (r"block", False, False, "This line's indentation fits none above; keys of a map stand in one column."),
    (r": (.*)", False, False, "YAML cannot read this: {}."),
)


def _explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """Return where the mistake behind a syntax error is, and a sentence with its remedy."""
    said = f"{error.context}: {error.problem}"
    found, row = next((found, row) for row in _SYNTAX if (found := re.search(row[0], said)))
    mark: Any = error.context_mark if row[1] else error.problem_mark
    index = min(mark.index, max(len(text) - 1, 0))
    line = text[text.rfind("\n", 0, index) + 1 :].partition("\n")[0]
    better = _mended(line) if row[2] else ""
    return index, row[3].format(*found.groups()) + (f" Write: {better}" if better else "")


def _mended(line: str) -> str:
    """Return a line that YAML cannot read with its code in quotes, where quotes can be what it wants."""
    if _FILL.search(line):
        return _FILL.sub(r'"\g<0>"', line).strip()
    found = _LINE.fullmatch(line)
    special = re.search(r":( |$)|[\[{\"'@`%*&!]", found["code"]) if found else None
    if found is None or special is None or not _balanced(found["code"]):
        return ""
    return (found["head"] + _quote(found["code"])).strip()


def _balanced(text: str) -> bool:
    """Whether as many brackets open as close."""
    return all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))


def _quote(text: str) -> str:
    """Return text as a YAML scalar in quotes."""
    return f'"{text}"' if "'" in text and not {'"', "\\"} & set(text) else "'" + text.replace("'", "''") + "'"


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
        return Text(mark, event.value, bare, uncut)

    def _items(self, start: Any, mark: Mark) -> Items | Broken:
        """Return the list that starts with this event."""
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event))
        if self._cut(start, items):
            return Broken(mark)
        given = (self._refuse(item.mark, "This entry has no value.") if _is_left_out(item) else item for item in items)
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
            given = self._given(key, value)
            if isinstance(key, Text) and not wrong and not (start.flow_style and isinstance(given, Broken)):
                entries[key.value] = (key, given)
            else:
                refused += 1
        return Table(mark, tuple(entries.values()), *self._written(start, event), refused)

    def _given(self, key: Node, value: Node) -> Node:
        """Return a value, or what is broken if it was left out."""
        if not isinstance(key, Text) or not _is_left_out(value) or _is_left_out(key):
            return value
        return self._refuse(key.mark, f"`{key.value}` has no value; write it behind `: `, or '' for empty text.")

    def _cut(self, start: Any, nodes: list[Node]) -> bool:
        """Whether a comma cut code in a list or map in brackets into pieces; tell it."""
        for node in nodes if start.flow_style else ():
            if isinstance(node, Text) and node.bare and not _balanced(node.value):
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
        return (left + _quote(code) + right).strip()
