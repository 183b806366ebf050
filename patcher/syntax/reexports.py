"""What the names of a tree mean for one rename, also where a file imports them from another file of the tree.

A name means the old symbol, the new one, neither, or the old one in one arm of a try and something else in another; an
access may also mean the old one behind a module that another file hands on. Names that are built at run time, and those
behind `import *`, mean nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import libcst as cst

from patcher.errors import TargetError
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.importable import Importable, importable
from patcher.syntax.meanings import Chain, Meaning, Symbol
from patcher.syntax.names import Binding, dotted
from patcher.syntax.project import from_root, module_at_top, module_file, module_files, python_files, search_folders
from patcher.syntax.redirect import in_class
from patcher.syntax.references import accesses
from patcher.syntax.source import Source
from patcher.syntax.through import Access

__all__ = ["Symbols"]


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
        if not _binds_one(binding):
            return Meaning.NEITHER
        if self.new in self.meant(source, binding):
            return Meaning.NEW
        if self._is_direct(source, binding):
            return Meaning.OLD
        return self._together(self.meaning(one) for one in self.exporters(source, binding))

    def meant(self, source: Source, binding: Binding) -> frozenset[str]:
        """Return what recipes call what an import binds."""
        return self._names(binding, source.names.origins_of(binding))

    def is_named(self, symbol: Symbol) -> bool:
        """Tell whether a file calls a symbol as the recipe does, so that its importers are looked at too."""
        return symbol.local in {name.rpartition(".")[2] for name in (*self.old, self.new)}

    def holds_new(self, symbol: Symbol) -> bool:
        """Tell whether an import that nothing in its file reads has what the new symbol is an attribute of."""
        found = (importable(self.new, old.rpartition(".")[0]) for old in self.old)
        wanted = {one.whole for one in found if one.rest}
        if not wanted or symbol.uses:
            return False
        named = {name for one in symbol.bindings for name in self.meant(symbol.source, one)}
        return any(wanted & {name, *symbol.source.behind(name)} for name in named)

    def _names(self, binding: Binding, origins: Iterable[str]) -> frozenset[str]:
        """Return what recipes call some names that lead through an import."""
        return from_root(self.draft, origins)[0] if _is_relative(binding) else frozenset(origins)

    def own(self, bindings: Iterable[Binding], rest: str = "") -> str:
        """Return the file of the tree that a relative import leads to, where the old symbol may be meant by that."""
        origins = [f"{one.origin}{rest}" for one in bindings if _is_relative(one)]
        unsure = from_root(self.draft, origins)[1].intersection(self.old)
        return module_at_top(self.draft, min(unsure).rpartition(".")[0]) or "" if unsure else ""

    def _is_direct(self, source: Source, binding: Binding) -> bool:
        """Tell whether an import names the old symbol by its own module."""
        return _binds_one(binding) and not self.meant(source, binding).isdisjoint(self.old)

    def hidden(self, symbol: Symbol, old: str = "") -> str | None:
        """Return the file of the tree that is imported in place of the top-level package that the old symbol is in."""
        for binding in symbol.bindings:
            module = (old or binding.origin or "").rpartition(".")[0]
            if "." in module or _is_relative(binding) or not (old or self._is_direct(symbol.source, binding)):
                continue
            near = (module_file(self.draft, folder, module) for folder in search_folders(symbol.source.path))
            found = next((path for path in near if path not in (None, symbol.source.path)), None)
            if found is not None:
                return found
        return None

    def covered(self, symbol: Symbol, binding: Binding) -> bool:
        """Tell whether one arm of a name means the old symbol."""
        return self._of_binding(symbol.source, binding) is Meaning.OLD

    def importable(self, symbol: Symbol) -> Importable:
        """Return what of the new symbol an import can have, in place of the old one that it has under a name."""
        found = [one for binding in symbol.bindings for one in self._importable(symbol.source, binding)]
        return min(found, key=lambda one: len(one.module), default=importable(self.new))

    def _importable(self, source: Source, binding: Binding) -> Iterator[Importable]:
        """Yield it for each module that an import shows to be one, through other files of the tree too."""
        if self._is_direct(source, binding):
            known = self.meant(source, binding).intersection(self.old)
            yield from (importable(self.new, old.rpartition(".")[0]) for old in sorted(known))
        else:
            yield from (self.importable(one) for one in self.exporters(source, binding))

    def imported_name(self, symbol: Symbol, binding: Binding) -> str:
        """Return what a from-import of the old symbol has to name instead."""
        names = {self.new_local(one) for one in self.exporters(symbol.source, binding)}
        direct = self._is_direct(symbol.source, binding)
        return self.importable(symbol).name if direct or not names else min(names)

    def new_local(self, symbol: Symbol) -> str:
        """Return what a file calls the old symbol once it is the new one; an alias and an attribute of a class stay.

        What the new one is an attribute of is never called as the old one.
        """
        if any(in_class(symbol.source, one.node) for one in symbol.bindings):
            return symbol.local
        aliased = any(one.alias is not None and one.alias.asname is not None for one in symbol.bindings)
        aliased = aliased and not self.importable(symbol).rest
        wanted = {self.imported_name(symbol, one) for one in symbol.bindings if not aliased}
        return wanted.pop() if len(wanted) == 1 else symbol.local

    # --- m.symbol ---------------------------------------------------------------------------------------------------

    def chains(self, source: Source, *more: str) -> Iterator[Chain]:
        """Yield the accesses `m.symbol` that mean the old or the new symbol, also by `more` names, in their order."""
        read: set[tuple[str, Symbol]] = set()
        for leaf in sorted({name.rpartition(".")[2] for name in (*self.old, self.new)}.union(more)):
            for node, written in accesses(source, leaf):
                chain = self._chain(source, node, written)
                if chain is None or chain.meaning is Meaning.NEITHER:
                    continue
                if not chain.quoted or (written, chain.root) not in read:
                    yield chain
                read.add((written, chain.root))

    def _chain(self, source: Source, node: cst.Attribute | cst.SimpleString, written: str) -> Chain | None:
        root = written.partition(".")[0]
        bindings = source.names.read(root, node)
        imported = next((one for one in bindings if one.origin is not None), None)
        inside = any(isinstance(above, (cst.Import, cst.ImportFrom)) for above in source.ancestors(node))
        if imported is None or inside:
            return None
        read = Chain(node, written, self._symbol(source, imported), Meaning.NEITHER)
        rest = written[len(root) :]
        return self._direct(source, read, rest) or self._indirect(source, read, rest)

    def _direct(self, source: Source, read: Chain, rest: str) -> Chain | None:
        """Return an access that means the old or the new symbol by the file's own imports."""
        symbol, origins = read.root, source.names.imported_as(read.node, read.quoted)
        relative = next((one for one in symbol.bindings if _is_relative(one)), symbol.bindings[0])
        held = {origin: self._names(relative, (origin,)) for origin in origins}
        means = frozenset[str]().union(*held.values())
        if self.new in means:
            return replace(read, meaning=Meaning.NEW)
        old = next((name for name in self.old if name in means), None)
        if old is None:
            return None
        leading = tuple(one for one in symbol.bindings if self._leads(one, rest))
        whole = all(old in self._names(one, (f"{one.origin}{rest}",)) for one in symbol.bindings)
        known = all(not names.isdisjoint(self.old) for names in held.values())
        covered = whole or (known and all(one.origin for one in symbol.bindings))
        meaning = Meaning.OLD if covered else Meaning.MIXED
        return replace(read, meaning=meaning, access=Access(read.node, read.written, old, leading, whole))

    def _leads(self, binding: Binding, rest: str) -> bool:
        """Tell whether an import names the old symbol's module, or a package above it."""
        if isinstance(binding.statement, cst.Import) and binding.alias is not None and binding.alias.asname is None:
            return any(old.startswith(f"{dotted(binding.alias.name)}.") for old in self.old)
        return not self._names(binding, (f"{binding.origin}{rest}",)).isdisjoint(self.old)

    def _indirect(self, source: Source, read: Chain, rest: str) -> Chain:
        """Return an access as what the file that it reads from makes of it."""
        origins = source.names.imported_as(read.node, read.quoted)
        exporters = tuple(dict.fromkeys(one for origin in origins for one in self._behind(source, origin)))
        meaning = self._together(self.meaning(one) for one in exporters)
        if meaning is Meaning.NEITHER and (own := self.own(read.root.bindings, rest)):
            return replace(read, meaning=Meaning.BEHIND, own=own)
        if meaning is Meaning.NEITHER:
            behind = source.names.origins(read.node, read.quoted)
            meaning = Meaning.BEHIND if not set(self.old).isdisjoint(behind) else meaning
            meaning = Meaning.NEW if self.new in behind else meaning
        return replace(read, meaning=meaning, exporters=exporters)

    def handed_on(self, symbol: Symbol) -> bool:
        """Tell whether something else than its own file may read a module by the name that a file has for it."""
        source = symbol.source
        if any(in_class(source, one.node) for one in symbol.bindings):
            return True
        if any(source.names.enclosing_function(one.node) is not source.module for one in symbol.bindings):
            return False
        return source.names.exported(symbol.local) or any(
            symbol in self._behind(other, origin)
            for other in python_files(self.draft, symbol.local, PROGRAMS)
            if other is not source
            for origin in self._read(other, symbol.local)
        )

    def _read(self, source: Source, local: str) -> Iterator[str]:
        """Yield what a file imports or reads that ends in a name, through `import *` too."""
        yield from (
            one.origin for one in source.names.imports if (one.origin or "").endswith(f".{local}") and one.origin
        )
        for node in source.chains(local):
            yield from source.names.imported_as(node)
        if source.names.stars and local in source.names.unresolved():
            yield from (f"{source.names.module_of(star)}.{local}" for star in source.names.stars)

    # --- who follows ------------------------------------------------------------------------------------------------

    def followers(self, symbol: Symbol) -> Iterator[tuple[Source, cst.CSTNode, Symbol | Chain | None]]:
        """Yield the places of other files that name a symbol of this one; None: behind `import *`."""
        for source in python_files(self.draft, symbol.local, PROGRAMS):
            if source is symbol.source:
                continue
            for other in self.of(source):
                if any(symbol in self.exporters(source, binding) for binding in other.bindings):
                    yield source, other.bindings[0].node, other
            for chain in self.chains(source, symbol.local):
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


def _binds_one(binding: Binding) -> bool:
    """Tell whether an import binds what it names, and not a package above that."""
    named = binding.alias is not None and binding.alias.asname is not None
    return isinstance(binding.statement, cst.ImportFrom) or (isinstance(binding.statement, cst.Import) and named)


def _is_relative(binding: Binding) -> bool:
    return isinstance(binding.statement, cst.ImportFrom) and bool(binding.statement.relative)
