"""One run of a rename over a tree: what each name and each access through a module becomes, or why it is left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from patcher.errors import SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.importable import as_modules
from patcher.syntax.meanings import Chain, Meaning, Symbol
from patcher.syntax.names import Binding
from patcher.syntax.redirect import Redirect, bound_too, line_number
from patcher.syntax.reexports import Symbols
from patcher.syntax.references import brought_by
from patcher.syntax.source import Source
from patcher.syntax.target import Target
from patcher.syntax.through import Through, attribute
from patcher.verbs.base import Findings, Near
from patcher.verbs.tasks import Task, Tasks, not_renamed

__all__ = ["Renaming"]


class Renaming:
    """One run of a rename over a tree."""

    def __init__(self, old: tuple[str, ...], new: str, place: str | None, step: Step, draft: Draft) -> None:
        self.old, self.new, self.step, self.draft = old, new, step, draft
        self.symbols = Symbols(draft, old, new)
        self.target = Target(draft, new, place)
        self.tasks = Tasks(self.symbols)
        self.nears: dict[str, Near] = {}

    def findings(self, words: Iterable[frozenset[bytes]]) -> Iterable[Findings]:
        """Return what becomes of each file that holds the words of one of the sets."""
        for source in self.draft.sources(self.step, words):
            self._read(source)
        yield from self.tasks.findings(self.nears)

    def _in_scope(self, source: Source, node: Any) -> bool:
        return self.draft.in_qualname(self.step, source.path, source.names.qualname(node))

    # --- one file ---------------------------------------------------------------------------------------------------

    def _read(self, source: Source) -> None:
        # An import that nothing reads joins those that something reads, not the other way round.
        for symbol in sorted(self.symbols.of(source), key=lambda one: not one.uses):
            meaning = self.symbols.meaning(symbol)
            match Meaning.NEW if meaning is Meaning.NEITHER and self.symbols.holds_new(symbol) else meaning:
                case Meaning.NEW:
                    self._new(symbol)
                case Meaning.OLD:
                    self._symbol(symbol)
                case Meaning.MIXED:
                    self._mixed(symbol)
                case _ if own := self.symbols.own(symbol.bindings):
                    self._refused(symbol, self._perhaps(own))
                case _:
                    self._nearly(symbol)
        self._chains(source)
        self._stars(source)
        for node, reason in as_modules(source, self.old):
            if self._in_scope(source, node):
                self.tasks.add(Task(source, node, refused=reason))

    def _uses(self, symbol: Symbol) -> list[Any]:
        """Return the sites of a name: what reads it, or its import where nothing does."""
        nodes = [binding.node for binding in symbol.bindings if binding.origin is not None]
        return symbol.uses or nodes[:1]

    def _new(self, symbol: Symbol) -> None:
        uses = [use for use in self._uses(symbol) if self._in_scope(symbol.source, use)]
        if uses and uses == [symbol.bindings[0].node]:
            self.tasks.idle.append(symbol)
        else:
            self._is_there(symbol.source, uses)

    def _is_there(self, source: Source, nodes: Iterable[Any]) -> None:
        offsets = {source.span(node)[0] for node in nodes}
        if offsets:
            self.tasks.already.setdefault(source.path, set()).update(offsets)

    def _symbol(self, symbol: Symbol) -> None:
        source, inside = symbol.source, [use for use in self._uses(symbol) if self._in_scope(symbol.source, use)]
        if not inside:
            return
        imports = [one for binding in symbol.bindings for one in self.symbols.exporters(source, binding)]
        task = Task(source, symbol.bindings[0].node, symbol, tuple(imports))
        try:
            self._whole(symbol, inside)
            self._not_hidden(symbol)
            if not imports:
                self.target.check(source)
            self._redirect(symbol, task)
        except SiteError as error:
            task.refused = str(error)
        self.tasks.add(task)

    def _whole(self, symbol: Symbol, inside: list[Any]) -> None:
        outside = [use for use in self._uses(symbol) if use not in inside]
        if outside:
            line = line_number(symbol.source, outside[0])
            raise SiteError(f"`{symbol.local}` is used outside of the step's scope too, in line {line}; widen `in`")
        unseen = symbol.source.mentioned(symbol.local) if self.symbols.new_local(symbol) != symbol.local else None
        if unseen is not None:
            line, _ = symbol.source.line_column(unseen.start)
            raise SiteError(
                f"`{symbol.local}` may be read in line {line} too, where no step sees it; change it there first"
            )

    def _not_hidden(self, symbol: Symbol, old: str = "") -> None:
        path = self.symbols.hidden(symbol, old)
        if path is not None:
            raise SiteError(f"{path} of this tree hides the package; leave the file out with `not_in`, or rename that")

    def _redirect(self, symbol: Symbol, task: Task) -> None:
        source, local, found = symbol.source, self.symbols.new_local(symbol), self.symbols.importable(symbol)
        redirect = Redirect(source, symbol.bindings, found.whole, partial(self.symbols.meant, source))
        beside = self.tasks.made(source, local) if local != symbol.local else []
        others = [one for other in beside if other.symbol for one in other.symbol.bindings]
        for binding in symbol.bindings:
            name = self.symbols.imported_name(symbol, binding)
            follows = self.symbols.exporters(source, binding)
            module = None if follows else self._reach(task, binding.statement, found.module)
            redirect.symbol(binding, module, name, local, others=others)
        uses = redirect.rename(local, found.rest)
        task.edits, task.moved = redirect.edits, redirect.moved
        task.beside = tuple(beside) if any(not one.line for one in task.moved) else ()
        task.sites = [_applied(source, use, edits) for use, edits in uses.items()]
        if not task.sites and not task.beside:
            task.sites = [_applied(source, task.node, [])]

    def _reach(self, task: Task, statement: Any, module: str) -> str:
        """Return the module of the new symbol as a file writes it; a shim is put where the file reaches it."""
        placed = self.target.reach(task.source, statement, module)
        task.files.update(placed.files)
        return placed.module

    def _mixed(self, symbol: Symbol) -> None:
        imports = [one for binding in symbol.bindings for one in self.symbols.exporters(symbol.source, binding)]
        other = next(one for one in symbol.bindings if not self.symbols.covered(symbol, one))
        self._uncovered(symbol, other.node, imports)

    def _uncovered(self, symbol: Symbol, node: Any, imports: Sequence[Symbol] = ()) -> None:
        reason = bound_too(symbol.source, symbol.local, node)
        if len(imports) > 1:
            paths = " or ".join(sorted(one.source.path for one in imports))
            reason = f"`{symbol.local}` may come from {paths}, which mean different things by it; change it by hand"
        elif imports:
            reason = not_renamed(imports[0])
        self._refused(symbol, reason)

    def _refused(self, symbol: Symbol, reason: str) -> None:
        if any(self._in_scope(symbol.source, use) for use in self._uses(symbol)):
            self.tasks.add(Task(symbol.source, symbol.bindings[0].node, refused=reason))

    @staticmethod
    def _perhaps(path: str) -> str:
        return (
            f"it leads to {path} of this tree, which the recipe may mean or not; leave the file out with `not_in`, or "
            "change it by hand"
        )

    # --- m.symbol ---------------------------------------------------------------------------------------------------

    def _chains(self, source: Source) -> None:
        direct: dict[Symbol, list[Chain]] = {}
        put: dict[str, Binding] = {}
        for chain in self.symbols.chains(source):
            if not self._in_scope(source, chain.node):
                continue
            if chain.meaning is Meaning.NEW:
                # Where nothing but quotes reads a name, its import is the site.
                self._is_there(source, [] if chain.quoted and self.symbols.holds_new(chain.root) else [chain.node])
            elif chain.meaning is Meaning.BEHIND:
                behind = "the module is taken from another file, which imports it; import it here"
                self.tasks.add(Task(source, chain.node, refused=self._perhaps(chain.own) if chain.own else behind))
            elif chain.meaning is Meaning.OLD and chain.exporters:
                self._attribute(source, chain)
            else:
                direct.setdefault(chain.root, []).append(chain)
        for root in sorted(direct, key=lambda one: source.span(one.bindings[0].node)[0]):
            self._through_module(root, direct[root], put)

    def _attribute(self, source: Source, chain: Chain) -> None:
        exporter = chain.exporters[0]
        name = self.symbols.new_local(exporter) + self.symbols.importable(exporter).rest
        task = Task(source, chain.node, imports=chain.exporters)
        task.sites = [_applied(source, chain.node, attribute(source, chain.node, name))]
        written = chain.written
        quotes = Redirect(source, chain.root.bindings, self.new, partial(self.symbols.meant, source)).quotes(written)
        value = written.rpartition(".")[0]
        task.edits = [
            Edit(start, end, f"{value}.{name}") for _, start, end in quotes if not written.endswith(f".{name}")
        ]
        self.tasks.add(task)

    def _through_module(self, root: Symbol, chains: list[Chain], put: dict[str, Binding]) -> None:
        source, task = root.source, Task(root.source, root.bindings[0].node)
        accesses = [chain.access for chain in chains if chain.access is not None]
        mixed = next((chain for chain in chains if chain.meaning is Meaning.MIXED), None)
        if mixed is not None:
            leading = mixed.access.leading if mixed.access else ()
            other = next((one for one in root.bindings if one not in leading), root.bindings[-1])
            self._uncovered(root, other.node)
            return
        self.tasks.add(task)
        meant, reach = partial(self.symbols.meant, source), partial(self._reach, task)
        through = Through(source, root.bindings, self.new, meant, reach, put)
        try:
            self._not_hidden(root, accesses[0].old)
            self.target.check(source)
            uses = through.lead(accesses, keep=self.symbols.handed_on(root))
        except SiteError as error:
            task.refused = str(error)
            return
        task.edits, task.moved = list(dict.fromkeys(through.edits)), through.moved
        task.sites = [_applied(source, node, edits) for node, edits in uses.items()]

    # --- what cannot be told ----------------------------------------------------------------------------------------

    def _stars(self, source: Source) -> None:
        for star in source.names.stars:
            for old in self.old:
                module, _, name = old.rpartition(".")
                unbound = not source.names.bindings(name, source.module) and source.names.uses(name, source.module)
                there = name if source.names.module_of(star) == module and unbound else brought_by(source, star, old)
                if there and self._in_scope(source, star):
                    reason = f"it imports everything (*), and `{there}` may come from it; import it by name"
                    self.tasks.add(Task(source, star, refused=reason))

    def _nearly(self, symbol: Symbol) -> None:
        """Remember an import of the same name from elsewhere: the usual trace of a change by hand."""
        leaves = {name.rpartition(".")[2] for name in self.old}
        for binding in symbol.bindings:
            origin = binding.origin or ""
            if binding.statement and (binding.name in leaves or origin.rpartition(".")[2] in leaves):
                reason = f"`{binding.name}` is {origin} there, neither {self.old[0]} nor {self.new}"
                self.nears[symbol.source.path] = Near(symbol.source.span(binding.node)[0], reason, 1)


def _applied(source: Source, node: Any, edits: list[Edit]) -> Site:
    return Site(source.span(node)[0], Status.APPLIED, edits=tuple(edits))
