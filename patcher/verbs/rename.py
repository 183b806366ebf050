"""`rename`: a symbol with its imports, aliases, uses, quoted annotations and `__all__`, through the whole tree.

The site is the use; imports follow it. Where one arm of a try binds the target already, the use is already there; where
an arm binds something else, the use is refused, because renaming one arm would break the other. A file that imports the
symbol from another file of the tree follows that file; where it cannot, both are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.redirect import Redirect, line_number
from patcher.syntax.reexports import Chain, Meaning, Symbol, Symbols
from patcher.syntax.shims import place, provides
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Near, Shape
from patcher.verbs.common import checked_place, texts

__all__ = ["Rename"]


@dataclass(frozen=True, slots=True)
class Rename:
    """The compiled verb: dotted names, the target possibly in the pseudo-package `shim`."""

    old: tuple[str, ...]
    new: str
    place: str | None = None

    KEYS: ClassVar[Mapping[str, Shape]] = {"rename": Shape.TEXTS, "to": Shape.TEXT, "place": Shape.TEXT}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check that both sides are dotted names of a symbol in a module."""
        if "to" not in arguments:
            raise PatternError("rename needs `to`, the dotted name that takes over.", ("rename",))
        old = tuple(texts(arguments["rename"]))
        for key, names in (("rename", old), ("to", (arguments["to"],))):
            for name in names:
                if "." not in name or not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
                    raise PatternError(f"`{name}` is no dotted name of a symbol, as package.module.Symbol is.", (key,))
        if arguments["to"] in old:
            raise PatternError(
                f"`{arguments['to']}` would become itself; this step can never change anything.", ("to",)
            )
        return cls(old, arguments["to"], checked_place(arguments))

    @property
    def forms(self) -> tuple[str, ...]:
        """What the step looks for, as its recipe writes it."""
        return self.old

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        leaves = {name.rpartition(".")[2] for name in (*self.old, self.new)}
        return [frozenset({leaf.encode()}) for leaf in sorted(leaves)]

    @property
    def replaced_names(self) -> tuple[str, ...]:
        """The names that nothing should mention any more."""
        return self.old

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return _Renaming(self, step, draft).findings()


@dataclass(slots=True, eq=False)
class _Task:
    """One name of one file that is to change, or why it is refused. `imports` are the symbols that it follows."""

    source: Source
    node: Any
    symbol: Symbol | None = None
    imports: tuple[Symbol, ...] = ()
    sites: list[Site] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    refused: str = ""

    @property
    def place(self) -> str:
        return f"{self.source.path}:{line_number(self.source, self.node)}"


class _Renaming:
    """One run of a rename over a tree."""

    def __init__(self, verb: Rename, step: Step, draft: Draft) -> None:
        self.verb, self.step, self.draft = verb, step, draft
        self.symbols = Symbols(draft, verb.old, verb.new)
        self.tasks: list[_Task] = []
        self.already: dict[str, set[int]] = {}
        self.nears: dict[str, Near] = {}
        self.copies: dict[str, bytes] = {}

    def findings(self) -> Iterable[Findings]:
        for source in self.draft.sources(self.step, self.verb.words):
            self._read(source)
        self._settle()
        for path in sorted({*self.already, *self.nears, *(task.source.path for task in self.tasks)}):
            yield self._file(path)

    def _file(self, path: str) -> Findings:
        tasks = [task for task in self.tasks if task.source.path == path]
        made = [task for task in tasks if not task.refused]
        sites = {offset: Site(offset, Status.ALREADY) for offset in self.already.get(path, ())}
        for task in tasks:
            start = task.source.span(task.node)[0]
            refused = [Site(start, Status.REFUSED, task.refused)] if task.refused else task.sites
            sites |= {site.offset: site for site in refused}
        edits = tuple(edit for task in made for edit in task.edits)
        files = {name: data for task in made for name, data in task.files.items()}
        return Findings(path, tuple(sites[offset] for offset in sorted(sites)), edits, files, self.nears.get(path))

    def _in_scope(self, source: Source, node: Any) -> bool:
        return self.draft.in_qualname(self.step, source.path, source.names.qualname(node))

    # --- one file ---------------------------------------------------------------------------------------------------

    def _read(self, source: Source) -> None:
        for symbol in self.symbols.of(source):
            match self.symbols.meaning(symbol):
                case Meaning.NEW:
                    self._is_there(source, self._uses(symbol))
                case Meaning.OLD:
                    self._symbol(symbol)
                case Meaning.MIXED:
                    self._mixed(symbol)
                case Meaning.NEITHER:
                    self._nearly(symbol)
        self._chains(source)
        self._stars(source)

    def _uses(self, symbol: Symbol) -> list[Any]:
        """Return the sites of a name: what reads it, or its import where nothing does."""
        nodes = [binding.node for binding in symbol.bindings if binding.origin is not None]
        return symbol.source.names.uses(symbol.local, nodes[0]) or nodes[:1]

    def _is_there(self, source: Source, nodes: Iterable[Any]) -> None:
        offsets = {source.span(node)[0] for node in nodes if self._in_scope(source, node)}
        if offsets:
            self.already.setdefault(source.path, set()).update(offsets)

    def _symbol(self, symbol: Symbol) -> None:
        source, inside = symbol.source, [use for use in self._uses(symbol) if self._in_scope(symbol.source, use)]
        if not inside:
            return
        imports = [one for binding in symbol.bindings for one in self.symbols.exporters(source, binding)]
        task = _Task(source, symbol.bindings[0].node, symbol, tuple(imports))
        self.tasks.append(task)
        try:
            self._whole(symbol, inside)
            self._not_hidden(symbol)
            self._redirect(symbol, task)
        except SiteError as error:
            task.refused = str(error)

    def _whole(self, symbol: Symbol, inside: list[Any]) -> None:
        outside = [use for use in self._uses(symbol) if use not in inside]
        if outside:
            line = line_number(symbol.source, outside[0])
            raise SiteError(f"`{symbol.local}` is used outside of the step's scope too, in line {line}; widen `in`")

    def _not_hidden(self, symbol: Symbol, old: str = "") -> None:
        path = self.symbols.hidden(symbol, old)
        if path is not None:
            raise SiteError(f"{path} of this tree hides the package; leave the file out with `not_in`, or rename that")

    def _redirect(self, symbol: Symbol, task: _Task) -> None:
        redirect, local = Redirect(symbol.source, symbol.bindings), self.symbols.new_local(symbol)
        for binding in symbol.bindings:
            name = self.symbols.imported_name(symbol, binding)
            follows = self.symbols.exporters(symbol.source, binding)
            module = None if follows else self._module(symbol.source, task)
            redirect.symbol(binding, module, name, local)
        uses = redirect.rename(local, frozenset({self.verb.new}))
        task.edits = redirect.edits
        task.sites = [self._applied(symbol.source, use, edits) for use, edits in uses.items()]
        task.sites = task.sites or [self._applied(symbol.source, task.node, [])]

    def _applied(self, source: Source, node: Any, edits: list[Edit]) -> Site:
        return Site(source.span(node)[0], Status.APPLIED, edits=tuple(edits))

    def _module(self, source: Source, task: _Task) -> str:
        """Return the module of the new symbol as a file writes it; a shim is put where the file reaches it."""
        module, _, name = self.verb.new.rpartition(".")
        if not module.startswith("shim."):
            return module
        shim = module.removeprefix("shim.")
        if name not in provides(self.draft.shims, shim):
            raise SiteError(f"the shim {shim} has no {name}; name another one in the recipe")
        placed = place(self.draft, source, shim, self.verb.place, self.copies)
        task.files.update(placed.files)
        self.copies.update(placed.files)
        return placed.module

    def _mixed(self, symbol: Symbol) -> None:
        imports = [one for binding in symbol.bindings for one in self.symbols.exporters(symbol.source, binding)]
        other = next(one for one in symbol.bindings if not self.symbols.covered(symbol, one))
        self._uncovered(symbol, other.node, imports)

    def _uncovered(self, symbol: Symbol, node: Any, imports: Sequence[Symbol] = ()) -> None:
        reason = (
            f"`{symbol.local}` is bound in line {line_number(symbol.source, node)} too, to something that this step "
            "does not rename; change both by hand"
        )
        if len(imports) > 1:
            paths = " or ".join(sorted(one.source.path for one in imports))
            reason = f"`{symbol.local}` may come from {paths}, which mean different things by it; change it by hand"
        elif imports:
            reason = _not_renamed(imports[0])
        if any(self._in_scope(symbol.source, use) for use in self._uses(symbol)):
            self.tasks.append(_Task(symbol.source, symbol.bindings[0].node, refused=reason))

    # --- m.symbol ---------------------------------------------------------------------------------------------------

    def _chains(self, source: Source) -> None:
        direct: dict[tuple[Symbol, str], list[Chain]] = {}
        for chain in self.symbols.chains(source):
            if not self._in_scope(source, chain.node):
                continue
            if chain.meaning is Meaning.NEW:
                self._is_there(source, [chain.node])
            elif chain.meaning is Meaning.OLD and chain.exporters:
                self._attribute(source, chain)
            else:
                direct.setdefault((chain.root, chain.old), []).append(chain)
        for (root, _), chains in direct.items():
            self._through_module(root, chains)

    def _attribute(self, source: Source, chain: Chain) -> None:
        name = self.symbols.new_local(chain.exporters[0])
        task = _Task(source, chain.node, imports=chain.exporters)
        edits = Redirect(source, chain.root.bindings).attribute(chain.node, name)
        task.sites = [self._applied(source, chain.node, edits)]
        self.tasks.append(task)

    def _through_module(self, root: Symbol, chains: list[Chain]) -> None:
        task = _Task(root.source, root.bindings[0].node)
        mixed = next((one for one in chains if one.meaning is Meaning.MIXED), None)
        if mixed is not None:
            other = next(
                (one for one in root.bindings if not mixed.old.startswith(f"{one.origin}.")), root.bindings[-1]
            )
            self._uncovered(root, other.node)
            return
        self.tasks.append(task)
        try:
            self._not_hidden(root, chains[0].old)
            redirect = Redirect(root.source, root.bindings)
            module = self._module(root.source, task)
            nodes = [chain.node for chain in chains]
            uses = redirect.module(nodes, chains[0].old, module, self.verb.new.rpartition(".")[2])
        except SiteError as error:
            task.refused = str(error)
            return
        task.edits = redirect.edits
        task.sites = [self._applied(root.source, node, edits) for node, edits in uses.items()]

    # --- what cannot be told ----------------------------------------------------------------------------------------

    def _stars(self, source: Source) -> None:
        for star in source.names.stars:
            for old in self.verb.old:
                module, _, name = old.rpartition(".")
                unbound = not source.names.bindings(name, source.module) and source.names.uses(name, source.module)
                if source.names.module_of(star) == module and unbound and self._in_scope(source, star):
                    reason = f"it imports everything (*), and `{name}` may come from it; import it by name"
                    self.tasks.append(_Task(source, star, refused=reason))

    def _nearly(self, symbol: Symbol) -> None:
        """Remember an import of the same name from elsewhere: the usual trace of a change by hand."""
        leaves = {name.rpartition(".")[2] for name in self.verb.old}
        for binding in symbol.bindings:
            origin = binding.origin or ""
            if binding.statement and (binding.name in leaves or origin.rpartition(".")[2] in leaves):
                reason = f"`{binding.name}` is {origin} there, neither {self.verb.old[0]} nor {self.verb.new}"
                self.nears[symbol.source.path] = Near(symbol.source.span(binding.node)[0], reason, 1)

    # --- all files --------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Refuse what follows a refused name, and what cannot be followed, until nothing more is refused."""
        followed = {task: self._followers(task) for task in self.tasks if self._is_seen_elsewhere(task)}
        while True:
            made = {task.symbol for task in self.tasks if not task.refused}
            before = sum(bool(task.refused) for task in self.tasks)
            for task in self.tasks:
                if not task.refused:
                    task.refused = self._blocked(task, made, followed.get(task, []))
            if sum(bool(task.refused) for task in self.tasks) == before:
                return

    def _is_seen_elsewhere(self, task: _Task) -> bool:
        symbol = task.symbol
        return symbol is not None and not task.refused and self.symbols.new_local(symbol) != symbol.local

    def _followers(self, task: _Task) -> list[_Task]:
        """Return the tasks of the places that import a task's name, with a refused one for each that has none."""
        assert task.symbol is not None
        found: list[_Task] = []
        for source, node, follower in self.symbols.followers(task.symbol):
            there = [other for other in self.tasks if other.source is source and other.node is node]
            reason = "it is outside of the step's scope; widen `in`" if follower else "it imports everything (*)"
            found += there or [_Task(source, node, refused=reason)]
        return found

    def _blocked(self, task: _Task, made: set[Symbol | None], followers: list[_Task]) -> str:
        left = next((symbol for symbol in task.imports if symbol not in made), None)
        if left is not None:
            return _not_renamed(left)
        stuck = next((one for one in followers if one.refused), None)
        return f"{stuck.place} imports it from here and cannot follow: {stuck.refused}" if stuck else ""


def _not_renamed(symbol: Symbol) -> str:
    return f"`{symbol.local}` comes from {symbol.source.path}, where this step does not rename it; begin there"
