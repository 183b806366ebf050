"""Statements that are to run only sometimes: what they bind must not be missing where something else counts on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import SiteError
from patcher.syntax.flow import Loops, is_certain
from patcher.syntax.holes import short
from patcher.syntax.matching import Match
from patcher.syntax.names import Binding
from patcher.syntax.pattern import Code
from patcher.syntax.readers import Readers
from patcher.syntax.scopes import Scope
from patcher.syntax.source import Source, walk
from patcher.syntax.wrapping import stands_under

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["keep_bound"]


def keep_bound(source: Source, match: Match, header: Code, draft: Draft) -> None:
    """Refuse to put statements under a header where something else reads a name that they alone surely bind.

    Raises:
        SiteError: it does.
    """
    if isinstance(header.root, cst.With):  # what stands under it runs as before
        return
    guarded = _Guarded(source, match, header, draft)
    for name in guarded.names():
        for reader in guarded.readers(name):
            raise SiteError(
                f"`{name}` would be bound only under `{short(header.text)}`, and {reader} counts on it; bind it before "
                "that too, or guard what reads it first"
            )


@dataclass
class _Guarded:
    """Statements of a file that are to stand under a header."""

    source: Source
    match: Match
    header: Code
    draft: Draft

    @cached_property
    def inner(self) -> set[cst.CSTNode]:
        """What goes under the header."""
        return {below for node in self.match.nodes for below in walk(node)}

    def names(self) -> list[str]:
        """Return the names that the statements bind around them; with a star import, those that it may bind."""
        names = self.source.names
        found = names.unresolved() if not self.inner.isdisjoint(names.stars) else set()
        scope: Scope | None = names.scopes.of(self.match.node)
        while scope is not None:
            found |= {name for name, made in scope.bindings.items() if any(one.node in self.inner for one in made)}
            scope = scope.parent
        return sorted(found)

    def readers(self, name: str) -> Iterator[str]:
        """Yield what counts on a name and may now find nothing, in words."""
        names, at = self.source.names, self.match.node
        found = names.bindings(name, at)
        if all(isinstance(one.node, cst.AugAssign) for one in found if one.node in self.inner) and found:
            return  # it was bound before, or it would have failed
        others = [one for one in found if one.node not in self.inner]
        home = names.scopes.home(name, names.scopes.of(at)) or names.scopes.module
        settled = any(is_certain(self.source, one.node, _blocks(home)) for one in others)
        for read in self._reads(name, home):
            if not (self._is_bound(read, others, settled) or self._is_spared(read)):
                yield f"line {self.source.line_column(self.source.span(read)[0])[0]}"
        if home is names.scopes.module and not settled:
            yield from self._outside(name)

    def _reads(self, name: str, home: Scope) -> list[cst.CSTNode]:
        """Return what may read a name, and does not go under the header: of a class its attribute too."""
        attributes = self.source.chains(name) if isinstance(home.node, cst.ClassDef) else []
        return [one for one in (*self.source.names.uses(name, self.match.node), *attributes) if one not in self.inner]

    def _is_bound(self, read: cst.CSTNode, others: Sequence[Binding], settled: bool) -> bool:
        """Tell whether something else has surely bound a name where it is read, or read in another function."""
        names, place = self.source.names, self.source.span(read)[0]
        function = names.enclosing_function(read)
        if function is not names.enclosing_function(self.match.node):
            return settled
        above = set(self.source.ancestors(read))
        before = (one for one in others if names.takes_effect(one) <= place)
        return any(is_certain(self.source, one.node, above) for one in before) or self._is_over(read, above)

    def _is_over(self, read: cst.CSTNode, above: set[cst.CSTNode]) -> bool:
        """Tell whether a name is read before the statements run, and not again behind them."""
        around = self.source.ancestors(self.match.node)
        again = any(isinstance(one, Loops) and one in above for one in around)
        return not again and self.source.span(read)[0] < self.source.span(self.match.node)[0]

    def _is_spared(self, read: cst.CSTNode) -> bool:
        """Tell whether a name is read only where the header holds, or in an annotation that nothing evaluates."""
        if stands_under(self.source, Match((read,), self.match.captures, {}), self.header):
            return True
        late = any(one.origin == "__future__.annotations" for one in self.source.names.imports)
        return late and any(isinstance(above, cst.Annotation) for above in self.source.ancestors(read))

    def _outside(self, name: str) -> Iterator[str]:
        """Yield what counts on a name of the module from elsewhere."""
        passage = self.source.mentioned(name)
        if passage is not None:
            yield f"line {self.source.line_column(passage.start)[0]}"
        if self.source.names.exported(name):
            yield "`__all__`"
        read = Readers(self.draft).first(self.source.path, name)
        if read is not None:
            yield read.source.path


def _blocks(home: Scope) -> set[cst.CSTNode]:
    """Return the blocks that run whenever a scope has run."""
    body = getattr(home.node, "body", None)
    return {home.node, body} if isinstance(body, cst.CSTNode) else {home.node}
