"""setup.py: the requirements that stand as plain strings in a list called after requirements.

The file is parsed and never run. What it computes stays unknown; a string that is more than one plain literal, or that
stands in something else than a list, is told and left.
"""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from patcher.files import bracketed
from patcher.files.requirement_line import parse
from patcher.files.requirements import Cut, Entry, Listing, Span, canonical, mentions

__all__ = ["claims", "cuts", "extend", "read", "spell"]

_NAME = re.compile(r"requir|dependenc|(?:^|_)deps(?:$|_)|^extras", re.IGNORECASE)
_COOKIE = re.compile(r"(?:[ \t\f]*#.*\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_MAIN = "install_requires"
_CANNOT = dict.fromkeys(("replace", "drop", "loosen"), "It is not one plain string in a list of its own.")
_LITERALS = (ast.List, ast.Tuple, ast.Set)


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of one list, tuple or set: under what name, where, and the span of each."""

    name: str
    is_list: bool
    span: Span
    items: tuple[ast.expr, ...]
    spans: tuple[Span, ...]


def claims(path: str) -> bool:
    """Tell whether a path is setup.py."""
    return posixpath.basename(path) == "setup.py"


def read(text: str) -> Listing | None:
    """Return what a setup.py lists in so many words."""
    cookie = _COOKIE.match(text)
    if cookie and canonical(cookie[1]) not in ("utf-8", "utf8") and not text.isascii():
        return mentions(text, f"It is written in {cookie[1]}, not in UTF-8, so it is not edited.")
    try:
        found = list(_lists(text))
    except (SyntaxError, ValueError, RecursionError):
        return mentions(text, "This file is not Python that can be read, so it is not edited.")
    entries = tuple(entry for items in found for entry in _entries(text, items))
    return Listing(entries, accepts=_main(found) is not None) if entries else None


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the items with their commas or lines."""
    lines = {entry.line for entry in gone}
    spans: dict[Span, Span] = {}
    for items in _lists(text):
        spans |= bracketed.removed(text, items.spans, lines)
    return [(spans[entry.line],) for entry in gone]


def spell(text: str, entry: Entry, requirement: str) -> str | None:
    """Return the requirement itself, if it can stand between these quotes."""
    return None if text[entry.span[0] - 1] in requirement or "\\" in requirement else requirement


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return the insertions into the list of `install_requires`."""
    items = _main(list(_lists(text)))
    if items is None:
        return f"It has no plain list for `{_MAIN}` to which one could be added."
    away = [span for span in items.spans if any(start <= span[0] and span[1] <= end for start, end in gone)]
    quote = text[items.spans[-1][0]] if items.spans and text[items.spans[-1][0]] in "'\"" else '"'
    if any(quote in requirement for requirement in requirements):
        return "It would need other quotes here."
    quoted = [f"{quote}{requirement}{quote}" for requirement in requirements]
    if not bracketed.usual(text, items.spans):
        return bracketed.UNUSUAL
    return bracketed.added(text, items.spans, away, items.span[0] + 1, quoted)


def _main(found: Sequence[_Items]) -> _Items | None:
    """Return the one list that `install_requires` is."""
    main = [items for items in found if items.name == _MAIN and items.is_list]
    return main[0] if len(main) == 1 else None


def _lists(text: str) -> Iterator[_Items]:
    """Yield every list, tuple and set under a name that speaks of requirements."""
    where = _Where(text)
    with warnings.catch_warnings():
        # Python warns of old escapes as it parses; they are nothing to this tree's user.
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.keyword):
            name = node.arg or ""
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        if isinstance(node, (ast.keyword, ast.Assign)) and _NAME.search(name):
            yield from _below(name, node.value, where)


def _below(name: str, value: ast.expr, where: _Where) -> Iterator[_Items]:
    for node in ast.walk(value):
        if isinstance(node, _LITERALS):
            spans = tuple(where.span(item) for item in node.elts)
            yield _Items(name, isinstance(node, ast.List), where.span(node), tuple(node.elts), spans)


def _entries(text: str, items: _Items) -> Iterator[Entry]:
    """Yield the requirements among the items of a list."""
    before = items.span[0] + 1
    unusual = {} if bracketed.usual(text, items.spans) else {"drop": bracketed.UNUSUAL}
    for item, (start, end) in zip(items.items, items.spans, strict=True):
        told = _told(item)
        found = parse(told) if told else None
        if isinstance(found, Entry):
            # Parentheses around an item stand outside its span.
            alone = re.fullmatch(r"(?:[\s,]|#[^\n]*)*", text[before:start]) is not None
            plain = items.is_list and alone and text[start] in "'\"" and text[start + 1 : end - 1] == told
            places = range(start + 1, end - 1) if plain else [start] * len(told)
            placed = found.moved(places, (start, end))
            group = f"{items.name} {items.span[0]}"
            yield replace(placed, group=group, cannot={**found.cannot, **unusual} if plain else _CANNOT)
        before = end


def _told(item: ast.expr) -> str:
    """Return a string as far as it is written out; what an f-string computes becomes a variable of pip's."""
    if isinstance(item, ast.Constant):
        return item.value if isinstance(item.value, str) else ""
    if isinstance(item, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "${X}" for one in item.values)
    return ""


class _Where:
    """From the lines and byte columns of `ast` to characters of the text."""

    def __init__(self, text: str) -> None:
        self.lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: ast.expr) -> Span:
        """Return where an expression stands."""
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno or 0, node.end_col_offset or 0)

    def _at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + len(self.lines[line - 1].encode("utf-8")[:column].decode("utf-8"))
