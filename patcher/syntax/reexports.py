"""What the names of a tree mean for one rename, also where a file imports them from another file of the tree.

A name means the old symbol, the new one, neither, or the old one in one arm of a try and something else in another.
Names that are built at run time, and those behind `import *`, mean nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import TargetError
from patcher.syntax.names import Binding, dotted
from patcher.syntax.project import module_file, module_files, python_files, search_folders
from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Chain", "Meaning", "Symbol", "Symbols"]


class Meaning(Enum):
    """What a name means for the rename."""

    OLD = auto()
    NEW = auto()
    MIXED = auto()
    NEITHER = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """A name that one scope of one file imports, with everything that binds it there, in the order of the text."""

    source: Source
    bindings: tuple[Binding, ...]

    @property
    def local(self) -> str:
        """The name as the file has it."""
        return self.bindings[0].name


@dataclass(frozen=True, slots=True)
class Chain:
    """An access `m.symbol`: its node, what binds `m`, what it means, and the symbols of other files that it reads."""

    node: cst.Attribute
    root: Symbol
    meaning: Meaning
    exporters: tuple[Symbol, ...]
    old: str


class Symbols:
    """The names of a tree, as far as they may lead to `old` or `new`."""

    def __init__(self, draft: Draft, old: tuple[str, ...], new: str) -> None:
        self.draft, self.old, self.new = draft, old, new
        self._symbols: dict[cst.CSTNode, Symbol] = {}
        self._meanings: dict[Symbol, Meaning] = {}

    def of(self, source: Source) -> list[Symbol]:
        """Return the names that a file imports, each scope's own, in the order of the text."""
        found = (self._symbol(source, binding) for binding in source.names.imports)
        return sorted(dict.fromkeys(found), key=lambda one: source.span(one.bindings[0].node)[0])

    def _symbol(self, source: Source, binding: Binding) -> Symbol:
        if binding.node not in self._symbols:
            there = source.names.bindings(binding.name, binding.node)
            ordered = tuple(sorted(there, key=lambda one: source.span(one.node)[0])) or (binding,)
            self._symbols |= dict.fromkeys((one.node for one in ordered), Symbol(source, ordered))
        return self._symbols[binding.node]

    def exported(self, path: str, name: str, seen: frozenset[str] = frozenset()) -> Symbol | None:
        """Return what a file binds at its top under a name, also through `import *`."""
        try:
            data = self.draft.read(path)
            if path in seen or (name.encode() not in data and b"import *" not in data):
                return None
            source = self.draft.source(path)
        except TargetError:
            return None
        there = source.names.bindings(name, source.module)
        if there:
            return self._symbol(source, next((one for one in there if one.origin is not None), there[0]))
        for star in source.names.stars:
            for other in module_files(self.draft, path, source.names.module_of(star)):
                if found := self.exported(other, name, seen | {path}):
                    return found
        return None

    def exporters(self, source: Source, binding: Binding) -> tuple[Symbol, ...]:
        """Return the symbols of other files of the tree that a from-import may mean."""
        if not isinstance(binding.statement, cst.ImportFrom) or binding.origin is None:
            return ()
        if self._is_direct(source, binding):
            return ()
        return self._behind(source, binding.origin)

    def _behind(self, source: Source, origin: str) -> tuple[Symbol, ...]:
        module, _, name = origin.rpartition(".")
        paths = (path for path in module_files(self.draft, source.path, module) if path != source.path)
        found = (self.exported(path, name) for path in paths)
        return tuple(symbol for symbol in found if symbol is not None)

    def meaning(self, symbol: Symbol) -> Meaning:
        """Return what a name means."""
        if symbol not in self._meanings:
            self._meanings[symbol] = Meaning.NEITHER  # where imports go round in a circle
            self._meanings[symbol] = self._together(self._of_binding(symbol.source, one) for one in symbol.bindings)
        return self._meanings[symbol]

    @staticmethod
    def _together(meanings: Iterator[Meaning]) -> Meaning:
        found = set(meanings)
        if Meaning.NEW in found:
            return Meaning.NEW
        if Meaning.OLD in found:
            return Meaning.OLD if found == {Meaning.OLD} else Meaning.MIXED
        return Meaning.MIXED if Meaning.MIXED in found else Meaning.NEITHER

    def _of_binding(self, source: Source, binding: Binding) -> Meaning:
        if not isinstance(binding.statement, cst.ImportFrom):
            return Meaning.NEITHER
        if self.new in source.names.origins_of(binding):
            return Meaning.NEW
        if self._is_direct(source, binding):
            return Meaning.OLD
        return self._together(self.meaning(one) for one in self.exporters(source, binding))

    def _is_direct(self, source: Source, binding: Binding) -> bool:
        """Tell whether a from-import names the old symbol by its own module."""
        old = set(self.old).intersection(source.names.origins_of(binding))
        return bool(old) and isinstance(binding.statement, cst.ImportFrom) and not binding.statement.relative

    def hidden(self, symbol: Symbol, old: str = "") -> str | None:
        """Return the file of the tree that is imported in place of the top-level package that the old symbol is in."""
        for binding in symbol.bindings:
            module = (old or binding.origin or "").rpartition(".")[0]
            if "." in module or not (old or self._is_direct(symbol.source, binding)):
                continue
            near = (module_file(self.draft, folder, module) for folder in search_folders(symbol.source.path))
            found = next((path for path in near if path not in (None, symbol.source.path)), None)
            if found is not None:
                return found
        return None

    def covered(self, symbol: Symbol, binding: Binding) -> bool:
        """Tell whether one arm of a name means the old symbol."""
        return self._of_binding(symbol.source, binding) is Meaning.OLD

    def imported_name(self, symbol: Symbol, binding: Binding) -> str:
        """Return what a from-import of the old symbol has to name instead."""
        names = {self.new_local(one) for one in self.exporters(symbol.source, binding)}
        direct = self._is_direct(symbol.source, binding)
        return self.new.rpartition(".")[2] if direct or not names else min(names)

    def new_local(self, symbol: Symbol) -> str:
        """Return what a file calls the old symbol once it is the new one; an alias stays."""
        aliased = any(one.alias is not None and one.alias.asname is not None for one in symbol.bindings)
        wanted = {self.imported_name(symbol, one) for one in symbol.bindings if not aliased}
        return wanted.pop() if len(wanted) == 1 else symbol.local

    # --- m.symbol ---------------------------------------------------------------------------------------------------

    def chains(self, source: Source) -> Iterator[Chain]:
        """Yield the accesses `m.symbol` that mean the old or the new symbol, in the order of the text."""
        for leaf in sorted({name.rpartition(".")[2] for name in (*self.old, self.new)}):
            for node in source.chains(leaf):
                chain = self._chain(source, node)
                if chain is not None and chain.meaning is not Meaning.NEITHER:
                    yield chain

    def _chain(self, source: Source, node: cst.Attribute) -> Chain | None:
        root = (dotted(node) or "").partition(".")[0]
        bindings = source.names.bindings(root, node)
        imported = next((one for one in bindings if one.origin is not None), None)
        inside = any(isinstance(above, (cst.Import, cst.ImportFrom)) for above in source.ancestors(node))
        if imported is None or inside:
            return None
        origins = source.names.imported_as(node)
        symbol = self._symbol(source, imported)
        relative = isinstance(imported.statement, cst.ImportFrom) and bool(imported.statement.relative)
        old = next((name for name in self.old if name in origins and not relative), "")
        if self.new in origins:
            return Chain(node, symbol, Meaning.NEW, (), "")
        if old:
            whole = all(one.origin and old.startswith(f"{one.origin}.") for one in symbol.bindings)
            covered = whole or (set(origins) <= set(self.old) and all(one.origin for one in symbol.bindings))
            return Chain(node, symbol, Meaning.OLD if covered else Meaning.MIXED, (), old)
        exporters = tuple(dict.fromkeys(one for origin in origins for one in self._behind(source, origin)))
        return Chain(node, symbol, self._together(self.meaning(one) for one in exporters), exporters, "")

    # --- who follows ------------------------------------------------------------------------------------------------

    def followers(self, symbol: Symbol) -> Iterator[tuple[Source, cst.CSTNode, Symbol | Chain | None]]:
        """Yield the places of other files that name a symbol of this one; None: behind `import *`."""
        for source in python_files(self.draft, symbol.local):
            if source is symbol.source:
                continue
            for other in self.of(source):
                if any(symbol in self.exporters(source, binding) for binding in other.bindings):
                    yield source, other.bindings[0].node, other
            for chain in self.chains(source):
                if symbol in chain.exporters:
                    yield source, chain.node, chain
            for star in source.names.stars if source.names.uses(symbol.local, source.module) else ():
                if not source.names.bindings(symbol.local, source.module) and symbol in self._starred(
                    source, star, symbol
                ):
                    yield source, star, None

    def _starred(self, source: Source, star: cst.ImportFrom, symbol: Symbol) -> list[Symbol | None]:
        paths = module_files(self.draft, source.path, source.names.module_of(star))
        return [self.exported(path, symbol.local) for path in paths if path != source.path]
