"""Which files of the tree read a name of another one: by an import from it, through its module, or by `import *`.

A file that hands the module on (`import ops as o`) or the name (`import *`) leads its own readers there. Every file
that an import may mean counts. What is built at run time, as `getattr(ops, name)`, is not seen.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import libcst as cst

from patcher.errors import TargetError
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.gate import Imported, parts_of
from patcher.syntax.project import may_have, module_files
from patcher.syntax.references import accesses
from patcher.syntax.source import Source

__all__ = ["Read", "Readers"]


@dataclass(frozen=True, slots=True)
class Read:
    """A place that reads a name of a file, and the other files of the tree that may be meant instead."""

    name: str
    source: Source
    node: cst.CSTNode
    instead: tuple[str, ...] = ()


class Readers:
    """The readers of names in a tree as it stands; of one that is edited meanwhile, ask anew."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def first(self, path: str, name: str) -> Read | None:
        """Return a place in another file that may read a name of this one, or None."""
        return next(self.of(path, name), None)

    def says(self, path: str, name: str) -> bool:
        """Tell whether another program says a name of this file behind its module, as `patch("ops.np.ones")` does."""
        own = parts_of(path)[-1]
        others = (other for other in self._draft.paths if other != path and other.endswith(PROGRAMS))
        spoken = re.compile(rf"\b{re.escape(own)}\.{re.escape(name)}\b".encode())
        return any(spoken.search(self._draft.peek(other)) for other in others)

    def names(self, path: str) -> set[str]:
        """Return the names that other files may read of this one, and some more: told from what they import."""
        own = parts_of(path)
        found: set[str] = set()
        for other, one in (each for there in self._imports.values() for each in there):
            named = one.parts[-2:-1] == own[-1:]
            if named and one.parts[-1] != "*":
                found.add(one.parts[-1])
            elif named and other != path:
                found |= self._unresolved(other)
            if _is_slice(one.parts, own):
                through = re.finditer(rf"\b{re.escape(one.local)}((?:\.\w+)+)".encode(), self._draft.peek(other))
                found.update(part.decode() for each in through for part in each[1].split(b".")[1:])
        return found

    def _unresolved(self, path: str) -> set[str]:
        try:
            return self._draft.source(path).names.unresolved()
        except TargetError:
            return set()

    def left(self, path: str, name: str) -> Read | None:
        """Return a place in another file that reads a name which this one has no more, or None.

        There is none if the name may be a module, or come by another way, or is missed where a try may expect that.
        """
        return None if may_have(self._draft, path, name) else next(filter(self._fails, self.of(path, name)), None)

    def _fails(self, read: Read) -> bool:
        tried = any(isinstance(above, cst.Try) for above in read.source.ancestors(read.node))
        quoted = isinstance(read.node, cst.SimpleString)
        return not (tried or quoted or any(may_have(self._draft, path, read.name) for path in read.instead))

    def of(self, path: str, name: str) -> Iterator[Read]:
        """Yield the places in other files that may read a name of this one."""
        for other in self._candidates(path, name):
            try:
                source = self._draft.source(other)
            except TargetError:
                continue
            for node, origin in _named(source, name):
                for files, last in self._through(other, origin, frozenset({other})):
                    if last == name and path in files:
                        yield Read(name, source, node, tuple(one for one in files if one != path))

    def _through(self, importer: str, origin: str, seen: frozenset[str]) -> Iterator[tuple[list[str], str]]:
        """Yield the files, and each time the name in them, through which a dotted name leads that a file imports."""
        parts = origin.split(".")
        for count in range(len(parts) - 1, 0, -1):
            name, rest = parts[count], parts[count + 1 :]
            files = [one for one in module_files(self._draft, importer, ".".join(parts[:count])) if one not in seen]
            if files:
                yield files, name
            for path in files:
                for meant in self._draft.handed_on(path, name):
                    yield from self._through(path, ".".join((meant, *rest)), seen | {path})

    # --- which files are worth parsing, told from their bytes -------------------------------------------------------

    def _candidates(self, path: str, name: str) -> list[str]:
        """Return the other files that say the name and import it, or the module that has it, or what hands that on."""
        found: set[str] = set()
        ways, known = [(path, name)], {(path, name)}
        for hub, local in ways:
            found.update(one for one in self._notebooks if self._says(one, name, local, *parts_of(hub)[-1:]))
            for other, one in self._importers(hub, local):
                if self._says(other, name, local):
                    found.add(other)
                way = (other, local if one.local == "*" else one.local)
                if way not in known and not (hub == path and one.parts[-1] == name):
                    known.add(way)
                    ways.append(way)
        return sorted(found - {path})

    def _importers(self, path: str, name: str) -> Iterator[tuple[str, Imported]]:
        """Yield the imports of a name of a file, of all its names, of its module, or of a package above that."""
        own = parts_of(path)
        for part in {*own, name, "*"}:
            for other, one in self._imports.get(part, ()):
                from_here = one.parts[-1] in (name, "*") and one.parts[-2:-1] == own[-1:]
                if from_here or _is_slice(one.parts, own):
                    yield other, one

    def _says(self, path: str, *words: str) -> bool:
        data = self._draft.peek(path)
        return all(re.search(rf"\b{re.escape(word)}\b".encode(), data) for word in words)

    @cached_property
    def _imports(self) -> dict[str, list[tuple[str, Imported]]]:
        """All imports of the tree, by the last part of what they name."""
        found: dict[str, list[tuple[str, Imported]]] = defaultdict(list)
        for path in self._draft.paths:
            for one in self._draft.imported(path) if path.endswith((".py", ".pyi")) else ():
                found[one.parts[-1]].append((path, one))
        return found

    @cached_property
    def _notebooks(self) -> list[str]:
        return [path for path in self._draft.paths if path.endswith(PROGRAMS) and not path.endswith((".py", ".pyi"))]


def _is_slice(parts: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[start : start + len(parts)] == parts for start in range(len(whole) - len(parts) + 1))


def _named(source: Source, name: str) -> Iterator[tuple[cst.CSTNode, str]]:
    """Yield the places of a file that import or read something called so, and its dotted name by the file's imports."""
    for one in source.names.imports:
        if isinstance(one.statement, cst.ImportFrom) and one.origin and one.origin.endswith(f".{name}"):
            yield one.node, one.origin
    unbound = source.names.unresolved() if source.names.stars else set()
    for node, written in accesses(source, name):
        quoted = written if isinstance(node, cst.SimpleString) else ""
        yield from ((node, origin) for origin in source.names.imported_as(node, quoted))
        if written.partition(".")[0] in unbound:
            yield from ((node, origin) for origin in _starred(source, written))
    if name in unbound:
        yield from ((source.names.stars[0], origin) for origin in _starred(source, name))


def _starred(source: Source, spelled: str) -> list[str]:
    return [f"{source.names.module_of(star)}.{spelled}" for star in source.names.stars]
