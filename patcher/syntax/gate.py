"""Which files can hold what a step looks for, told from their bytes, before LibCST parses one of them.

A word counts if it stands in a file or is a part of its path: `from .layers import Attention` in `models/net.py` does
not say `models`. A file that takes a name from another file of the tree says that name and that file; the words that
are behind the name stand in the exporter alone.
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from symtable import symtable

from patcher.syntax.modules import joined

__all__ = ["Exports", "Imported", "lacking", "reached"]

Words = frozenset[bytes]
Reach = dict[Words, set[bytes]]
"""Words that an importer holds -> the exporters of which it names one."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that a file imports, or `*`: what the file calls it, and the parts of what it is called at its source.

    `known`: they are all of them; a relative import leads no further than to a folder of the tree.
    """

    local: str
    parts: tuple[str, ...]
    known: bool = True


def parts_of(path: str) -> tuple[str, ...]:
    """Return the folders and the name of a module's file; of a package, those of its folder."""
    parts = PurePosixPath(path).with_suffix("").parts
    return parts[:-1] if parts[-1:] == ("__init__",) else parts


def lacking(path: str, data: bytes, words: Words) -> Words:
    """Return the words that stand neither in a file nor in its path."""
    missing = [word for word in words if word not in data]
    return frozenset(missing).difference(part.encode() for part in parts_of(path)) if missing else frozenset()


def reached(path: str, data: bytes, reach: Reach) -> bool:
    """Tell whether a file may get from an exporter what a pattern names."""
    return any(
        not lacking(path, data, rest) and any(not lacking(path, data, frozenset({stem})) for stem in stems)
        for rest, stems in reach.items()
    )


class Exports:
    """What the files of a tree import, and so hand on to those that import them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, tuple[Imported, ...]]] = {}
        self._bound: dict[str, tuple[bytes, _Bound | None]] = {}

    def of(self, path: str, data: bytes) -> tuple[Imported, ...]:
        """Return what a file imports, also in its functions: more than it hands on, and nothing less."""
        known = self._known.get(path)
        if known is None or known[0] != data:
            known = self._known[path] = (data, tuple(_imported(path, data)))
        return known[1]

    def handed_on(self, path: str, data: bytes, name: str) -> list[str] | None:
        """Return what a module hands on under a name, dotted; None where it takes more than its imports to tell."""
        there = [one for one in self.of(path, data) if one.local in (name, "*")]
        bound = self._module(path, data)
        if bound is None or name in bound.elsewhere or not all(one.known for one in there):
            return None
        if name not in bound.imported | bound.otherwise:
            return [joined((*one.parts[:-1], name)) for one in there if one.local == "*"]
        named = [one for one in there if one.local == name]
        if name in bound.otherwise or len(named) != 1:
            return None if name in bound.imported else []
        return [joined(named[0].parts)]

    def _module(self, path: str, data: bytes) -> _Bound | None:
        known = self._bound.get(path)
        if known is None or known[0] != data:
            known = self._bound[path] = (data, _bound(data))
        return known[1]

    def reach(self, words: Words, files: Iterable[tuple[str, bytes]]) -> Reach:
        """Return what else leads a file to a pattern with these words: the names that `files` have and hand on."""
        every = list(files)
        reach: Reach = {}
        new: Reach = {words: set(words)}
        while new:
            found: Reach = defaultdict(set)
            for path, data in every:
                for rest, stems in new.items():
                    for local in self._handed_on(path, data, rest, stems):
                        found[local].add((parts_of(path) or ("",))[-1].encode())
            new = {rest: more for rest, stems in found.items() if (more := stems - reach.get(rest, set()))}
            for rest, stems in new.items():
                reach.setdefault(rest, set()).update(stems)
        return reach

    def _handed_on(self, path: str, data: bytes, words: Words, stems: set[bytes]) -> Iterator[Words]:
        """Yield the words that an importer of a file holds instead of those that the file's own imports have."""
        known = path in self._known  # then asking that is faster
        if not known and all(word not in data for word in words | stems):
            return
        for one in self.of(path, data):
            meant = [part.encode() for part in one.parts]
            if one.local == "*" and meant[-2:-1] and meant[-2] in stems:
                yield words.difference(meant)
            elif meant[-1] in words and {*meant[-2:]} <= words | stems:
                yield words.difference(meant) | {one.local.encode()}


@dataclass(frozen=True, slots=True)
class _Bound:
    """The names that a module binds by imports, by anything else, and those that a function of it may bind there."""

    imported: frozenset[str]
    otherwise: frozenset[str]
    elsewhere: frozenset[str]


def _bound(data: bytes) -> _Bound | None:
    """Return what a module binds, as Python itself has it, or None if it does not compile."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            symbols = symtable(data, "?", "exec").get_symbols()  # type: ignore[arg-type]  # it takes bytes too
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    imported = frozenset(one.get_name() for one in symbols if one.is_imported())
    otherwise = frozenset(one.get_name() for one in symbols if one.is_assigned())
    return _Bound(imported, otherwise, frozenset(name for found in GLOBAL.finditer(data) for name in _words(found[1])))


def _words(text: bytes) -> list[str]:
    return re.findall(r"\w+", text.decode("utf-8", "replace"))


# --- imports, read from the bytes ----------------------------------------------------------------------------------

IMPORT = re.compile(rb"import\b")
# What stands in front of it in its line: nothing, or a statement before; and the module, with dots.
HEAD = re.compile(rb"(?:.*[;:])?[ \t\f]*(?:from\b(.*))?", re.DOTALL)
NAMES = re.compile(rb"(?:[ \t\f]|\\\r?\n)*(\((?:[^()#]|#[^\n]*)*\)|(?:[^\n\\;#]|\\\r?\n)*)")
GLOBAL = re.compile(rb"global\b((?:[^\n\\;#]|\\\r?\n)*)")
COMMENT = re.compile(rb"#[^\n]*")
AS = re.compile(r"\sas\s")


def _imported(path: str, data: bytes) -> Iterator[Imported]:
    """Yield what a file imports, also in its functions, and what only looks so in its strings."""
    package = PurePosixPath(path).parent.parts
    for module, names in _statements(data.removeprefix(b"\xef\xbb\xbf")):
        from_ = "".join(_text(module).split()) if module is not None else None
        level = len(from_) - len(from_.lstrip(".")) if from_ else 0
        above = package[: max(0, len(package) + 1 - level)] if level else ()
        for one in _text(COMMENT.sub(b"", names)).split(","):
            name, _, local = AS.sub("\0", one, count=1).partition("\0")
            parts, local = tuple("".join(name.split()).split(".")), local.strip()
            if not parts[0]:
                continue
            if from_ is None:
                yield Imported(local or parts[0], parts if local else parts[:1])
            else:
                whole = (*above, *filter(None, from_[level:].split(".")), *parts)
                yield Imported(local or parts[0], whole, level <= len(package))


def _statements(data: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    """Yield, for each import of a program, the module that it names behind `from` (None: it has none) and its names."""
    for found in IMPORT.finditer(data):
        start = data.rfind(b"\n", 0, found.start()) + 1
        while data[:start].endswith((b"\\\n", b"\\\r\n")):
            start = data.rfind(b"\n", 0, start - 1) + 1
        head = HEAD.fullmatch(data, start, found.start())
        names = NAMES.match(data, found.end())
        if head and names:
            yield head[1], names[1]


def _text(data: bytes) -> str:
    return data.translate(None, b"()\\").decode("utf-8", "replace")
