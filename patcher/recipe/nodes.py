"""Located values: every scalar is text and every value knows its line and column; and the Reader that takes them.

What a person wrote never raises here: all that is wrong goes to the Reader, and the value there is Broken, about
which nobody complains again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from patcher.errors import Problem

__all__ = ["Broken", "Items", "Mark", "Node", "Reader", "Table", "Text", "did_you_mean", "plain"]


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
    """A scalar. `uncut` is what to write where a comment may have cut off the text's tail.

    `folded`: it is written on several lines, which YAML joins by spaces.
    """

    mark: Mark
    value: str
    bare: bool = False
    uncut: str = ""
    folded: bool = False


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
        if isinstance(node, Items):
            self.filled(node, key)
        found = node.items if isinstance(node, Items) else (node,)
        return tuple(item for item in found if self.text(item, key) and isinstance(item, Text))

    def filled(self, node: Items | Table, key: str, *, code: bool = False) -> bool:
        """Whether a list or map holds anything; tell if it does not, and what to write where that is meant as code."""
        full = bool(node.items if isinstance(node, Items) else node.entries)
        if not full and not (isinstance(node, Table) and node.refused):
            kind = "list" if isinstance(node, Items) else "map"
            remedy = "; write what belongs in it, or leave it out."
            if code and node.quoted:
                remedy = f"{remedy[:-1]}; if it is code, write: {node.quoted}"
            self.tell(node.mark, f"`{key}` is an empty {kind}{remedy}")
        return full

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
