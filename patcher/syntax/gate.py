"""Which files can hold what a step looks for, told from their bytes, before LibCST parses one of them.

A word counts if it stands in a file or is a part of its path: `from .layers import Attention` in `models/net.py` does
not say `models`. A file that takes a name from another file of the tree says that name and that file; the words that
are behind the name stand in the exporter alone.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Exports", "Imported", "lacking", "reached"]

Words = frozenset[bytes]
Reach = dict[Words, set[bytes]]
"""Words that an importer holds -> the exporters of which it names one."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that a file imports, or `*`: what the file calls it, and the parts of what it is called at its source."""

    local: str
    parts: tuple[str, ...]


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

    def of(self, path: str, data: bytes) -> tuple[Imported, ...]:
        """Return what a module imports for itself, not in its functions; nothing if it does not parse."""
        known = self._known.get(path)
        if known is None or known[0] != data:
            known = self._known[path] = (data, tuple(_imported(path, data)))
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
        if not _may_import(path, data, words, stems):
            return
        for one in self.of(path, data):
            meant = [part.encode() for part in one.parts]
            if one.local == "*" and meant[-2:-1] and meant[-2] in stems:
                yield words.difference(meant)
            elif meant[-1] in words and {*meant[-2:]} <= words | stems:
                yield words.difference(meant) | {one.local.encode()}


# An import with the names behind it, up to a bracket or the end of the line.
IMPORT = re.compile(rb"import\b\s*(\([^)]*|[^\n]*)")
# What hides the rest of the names, or brings all.
OPEN = re.compile(rb"[#*\\]")


def _may_import(path: str, data: bytes, words: Words, stems: set[bytes]) -> bool:
    """Tell, before a file is parsed, whether it may import what a word names from what a word or an exporter names."""
    named = words | stems
    if all(word not in data for word in named):
        return False
    for found in IMPORT.finditer(data):
        module = data[max(0, found.start() - 200) : found.start()].rstrip(b" \t\r\n\\")
        names = found[1]
        if b" as " not in names and module[-1:] != b"." and _last_word(module) not in named:
            continue
        if OPEN.search(names) or any(word in names for word in words):
            return True
    return False


def _last_word(text: bytes) -> bytes:
    return re.split(rb"[^\w]", text[-100:])[-1]


def _at_the_top(node: ast.AST) -> Iterator[ast.stmt]:
    """Yield the statements that run in the module's own scope."""
    for block in ("body", "orelse", "handlers", "finalbody", "cases"):
        for one in getattr(node, block, ()):
            if isinstance(one, ast.stmt):
                yield one
            if not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from _at_the_top(one)


def _imported(path: str, data: bytes) -> Iterator[Imported]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = PurePosixPath(path).parent.parts
    for node in _at_the_top(tree):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = (*above, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield Imported(alias.asname or alias.name, (*module, alias.name))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield Imported(alias.asname, tuple(alias.name.split(".")))
