"""The names that one rename changes, each a task, and which of them stand or fall together.

A name that another file imports changes only if that file follows, and a name that was imported only if it changes
where it comes from. Names that leave one import statement leave it together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from patcher.errors import SiteError
from patcher.model import Edit, Site, Status
from patcher.syntax.meanings import Symbol
from patcher.syntax.moved import Moved, taken_out
from patcher.syntax.redirect import line_number
from patcher.syntax.reexports import Symbols
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Near

__all__ = ["Task", "Tasks", "not_renamed"]


@dataclass(slots=True, eq=False)
class Task:
    """One name of one file that is to change, or why it is refused.

    `imports` are the symbols that it follows, `beside` the tasks whose import it shares.
    """

    source: Source
    node: Any
    symbol: Symbol | None = None
    imports: tuple[Symbol, ...] = ()
    sites: list[Site] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    beside: tuple[Task, ...] = ()
    files: dict[str, bytes] = field(default_factory=dict)
    refused: str = ""

    @property
    def place(self) -> str:
        return f"{self.source.path}:{line_number(self.source, self.node)}"


class Tasks:
    """All tasks of one rename. `already` are the offsets of what is there already, by file."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.all: list[Task] = []
        self.already: dict[str, set[int]] = {}
        self.idle: list[Symbol] = []

    def add(self, task: Task) -> None:
        """Take up a task."""
        self.all.append(task)

    def made(self, source: Source, local: str) -> list[Task]:
        """Return the tasks after which a file has the new symbol under a name, without `as`."""
        mine = [task for task in self.all if task.source is source and task.symbol and not task.refused]
        return [task for task in mine if task.symbol and self._becomes(task.symbol) == local != task.symbol.local]

    def _becomes(self, symbol: Symbol) -> str:
        return self.symbols.new_local(symbol)

    # --- what each file comes to ------------------------------------------------------------------------------------

    def findings(self, nears: Mapping[str, Near]) -> Iterator[Findings]:
        """Yield what becomes of each file."""
        self._settle()
        for symbol in self.idle:
            self._is_idle(symbol)
        for path in sorted({*self.already, *nears, *(task.source.path for task in self.all)}):
            yield self._file(path, nears.get(path))

    def _is_idle(self, symbol: Symbol) -> None:
        """Count an import of the new symbol that nothing reads as one that is there, unless something then does."""
        mine = [task for task in self.all if task.source is symbol.source and not task.refused]
        mine = [task for task in mine if not self._has_its_own(task, symbol)]
        roots = [
            edit.text.partition(".")[0]
            for task in mine
            for site in task.sites
            for edit in site.edits
            if edit.start == site.offset
        ]
        there = [
            symbol.source.names.bindings(symbol.local, task.node)
            for task in self.made(symbol.source, symbol.local)
            if task in mine
        ]
        if symbol.local not in roots and not any(symbol.bindings[0] in bindings for bindings in there):
            start = symbol.source.span(symbol.bindings[0].node)[0]
            self.already.setdefault(symbol.source.path, set()).add(start)

    @staticmethod
    def _has_its_own(task: Task, symbol: Symbol) -> bool:
        """Tell whether a task has the new symbol by an import of another function, which stays."""
        names, imported = symbol.source.names, symbol.bindings[0].node
        elsewhere = names.enclosing_function(task.node) is not names.enclosing_function(imported)
        return task.symbol is not None and elsewhere and all(one.line for one in task.moved)

    def _file(self, path: str, near: Near | None) -> Findings:
        tasks = [task for task in self.all if task.source.path == path]
        made = [task for task in tasks if not task.refused]
        sites = {offset: Site(offset, Status.ALREADY) for offset in self.already.get(path, ())}
        for task in tasks:
            start = task.source.span(task.node)[0]
            refused = [Site(start, Status.REFUSED, task.refused)] if task.refused else task.sites
            sites |= {site.offset: site for site in refused}
        edits = [edit for task in made for edit in task.edits]
        for moved in self._leaving(made):
            edits += taken_out(made[0].source, moved)
        files = {name: data for task in made for name, data in task.files.items()}
        tied = frozenset(symbol.source.path for task in made for symbol in task.imports)
        return Findings(path, tuple(sites[offset] for offset in sorted(sites)), tuple(edits), files, near, tied=tied)

    @staticmethod
    def _leaving(tasks: list[Task]) -> list[list[Moved]]:
        """Return the names that leave each statement."""
        found: dict[Any, list[Moved]] = {}
        for task in tasks:
            for one in task.moved:
                found.setdefault(one.statement, []).append(one)
        return list(found.values())

    # --- who stands or falls with whom ------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Refuse what follows a refused name, and what cannot be followed, until nothing more is refused."""
        followed = {task: self._followers(task) for task in self.all if self._is_seen_elsewhere(task)}
        while True:
            left = [task for task in self.all if not task.refused]
            made = {task.symbol for task in left}
            reasons = {task: self._blocked(task, made, followed.get(task, [])) or self._stays(task) for task in left}
            for task, reason in reasons.items():  # only now: those that leave one import are refused together
                task.refused = reason
            if not any(reasons.values()):
                return

    def _is_seen_elsewhere(self, task: Task) -> bool:
        return task.symbol is not None and not task.refused and self._becomes(task.symbol) != task.symbol.local

    def _followers(self, task: Task) -> list[Task]:
        """Return the tasks of the places that import a task's name, with a refused one for each that has none."""
        assert task.symbol is not None
        found: list[Task] = []
        for source, node, follower in self.symbols.followers(task.symbol):
            there = [other for other in self.all if other.source is source and other.node is node]
            reason = "it is outside of the step's scope; widen `in`" if follower else "it imports everything (*)"
            if follower and not self.symbols.is_named(task.symbol):
                reason = f"it knows it as `{task.symbol.local}` alone; import it there by its own name"
            found += there or [Task(source, node, refused=reason)]
        return found

    def _blocked(self, task: Task, made: set[Symbol | None], followers: list[Task]) -> str:
        left = next((symbol for symbol in task.imports if symbol not in made), None)
        if left is not None:
            return not_renamed(left)
        stuck = next((one for one in followers if one.refused), None)
        if stuck is not None:
            return f"{stuck.place} imports it from here and cannot follow: {stuck.refused}"
        return next((one.refused for one in task.beside if one.refused), "")

    def _stays(self, task: Task) -> str:
        """Return why the names that are to leave an import with this one cannot."""
        mine = [one for one in self.all if one.source is task.source and not one.refused]
        for moved in self._leaving(mine):
            if any(one in task.moved for one in moved):
                try:
                    taken_out(task.source, moved)
                except SiteError as error:
                    return str(error)
        return ""


def not_renamed(symbol: Symbol) -> str:
    """Return the reason of what follows a symbol that does not change."""
    return f"`{symbol.local}` comes from {symbol.source.path}, where this step does not rename it; begin there"
