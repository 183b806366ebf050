"""Accesses through a module, `m.symbol`, that are led to another module: the import of `m` goes along, or stays.

It goes along where nothing else reads `m`. Where the file has the new symbol already, it is written as the file spells
it. An import that would bind its name over something else, or is not seen from an access, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.importable import importable, may_be_class, needs_from, no_module
from patcher.syntax.moved import Moved, behind
from patcher.syntax.names import Binding, dotted
from patcher.syntax.redirect import Redirect, line_number
from patcher.syntax.refusals import keep_cases
from patcher.syntax.source import Source

__all__ = ["Access", "Through", "attribute"]

Statement = cst.Import | cst.ImportFrom


@dataclass(frozen=True, slots=True)
class Access:
    """An access `m.symbol` and the old symbol that it means.

    `leading` are the imports of `m` that name the symbol's module or one above it; whole: all that bind `m` mean it.
    `written` is the access without layout; its node is a string where only quoted annotations have it.
    """

    node: cst.Attribute | cst.SimpleString
    written: str
    old: str
    leading: tuple[Binding, ...]
    whole: bool


class Through(Redirect):
    """The accesses through one name of one scope.

    `reach` gives the new module, or a class that the new symbol is in, as an import of the file writes it; `put` are
    the imports that were put into the file.
    """

    def __init__(
        self,
        source: Source,
        bindings: Sequence[Binding],
        new: str,
        meant: Callable[[Binding], frozenset[str]],
        reach: Callable[[Statement, str], str],
        put: dict[str, Binding],
    ) -> None:
        super().__init__(source, bindings, new, meant)
        found = importable(new)
        self.module = found.whole if found.rest else found.module
        self.name = new.removeprefix(f"{self.module}.")
        self.reach, self.put = reach, put

    def lead(self, accesses: Sequence[Access], *, keep: bool) -> dict[cst.CSTNode, list[Edit]]:
        """Return the edits of each access; `keep`: the import stays though nothing here reads it.

        Raises:
            SiteError: the new module cannot be imported there.
        """
        self._no_module(accesses)
        self.check_certain([_root(access.node) for access in accesses])
        written = {access: new for access in accesses if (new := self._below(access))}
        rest = [access for access in accesses if access not in written]
        written |= self._elsewhere(rest, keep=keep) if rest else {}
        for old, new in {access.written: new for access, new in written.items()}.items():
            self.edits += [Edit(start, end, new) for _, start, end in self.quotes(old)]
        return {access.node: self._edits(access, new) for access, new in written.items()}

    def _edits(self, access: Access, new: str) -> list[Edit]:
        if isinstance(access.node, cst.SimpleString):
            return []
        value, _, name = new.rpartition(".")
        if not value:
            keep_cases(self.source, new, access.node)
            return [Edit(*self.source.span(access.node), new)]
        same = dotted(access.node.value) == value
        before = [] if same else [Edit(*self.source.span(access.node.value), value)]
        edits = before + attribute(self.source, access.node, name)
        lost = self.source.lost_comment(edits)
        if lost is not None:
            raise SiteError(f"the comment `{lost}` would be lost; move it out of the way first")
        return edits

    # --- how the new symbol is written ------------------------------------------------------------------------------

    def _below(self, access: Access) -> str | None:
        """Return the new symbol written through the same module, where it is in that, or in a class of it."""
        module = access.old.rpartition(".")[0]
        rest = self.new.removeprefix(f"{module}.")
        classes = rest.split(".")[:-1]
        if rest == self.new or not all(map(may_be_class, classes)) or not access.whole:
            return None
        return f"{access.written.rpartition('.')[0]}.{rest}"

    def _elsewhere(self, accesses: Sequence[Access], *, keep: bool) -> dict[Access, str]:
        leading = self._closest([one for one in self.bindings if any(one in access.leading for access in accesses)])
        places: list[cst.CSTNode] = [access.node for access in accesses]
        places += [string for access in accesses for string, _, _ in self.quotes(access.written)]
        spelled = {access: self._spelled(access) for access in accesses}
        if leading and not keep and self._only(accesses):
            if all(spelled.values()) and self._all_go(leading):
                return {access: text for access, text in spelled.items() if text}
            modules = {self._in_place(one, places) for one in leading}
            if len(modules) > 1:
                raise SiteError("the module has another name in each arm; import the name itself")
            return {access: f"{min(modules)}.{self.name}" for access in accesses}
        if all(spelled.values()):
            return {access: text for access, text in spelled.items() if text}
        module = self._beside(places)
        return dict.fromkeys(accesses, f"{module}.{self.name}")

    def _all_go(self, leading: Sequence[Binding]) -> bool:
        """Take the imports of the old module out, beside one of the new, if nobody chose a name for them with `as`."""
        for one in leading:
            tried = any(isinstance(above, cst.Try) for above in self.source.ancestors(one.node))
            if tried or one.alias is None or one.alias.asname is not None or not self.can_go(one):
                return False
        self.moved += [Moved(one.statement, one.alias) for one in leading if one.statement and one.alias]
        return True

    def _closest(self, leading: list[Binding]) -> list[Binding]:
        """Leave out `import torch` beside `import torch.cuda` where the new module is in torch too."""
        package = f"{self.module.partition('.')[0]}."
        plain = {one: _named(one) for one in leading if _named(one)}
        longest = max(map(len, plain.values()), default=0)
        near = {one for one, named in plain.items() if f"{named}.".startswith(package) and len(named) < longest}
        return [one for one in leading if one not in near]

    def _only(self, accesses: Sequence[Access]) -> bool:
        """Tell whether nothing but the accesses reads the module."""
        roots = {_root(access.node) for access in accesses}
        quoted = {start for access in accesses for _, start, _ in self.quotes(access.written)}
        return (
            all(use in roots for use in self.uses)
            and all(start in quoted for _, start, _ in self.quotes(self.local))
            and not self.source.mentioned(self.local)
        )

    def _spelled(self, access: Access) -> str | None:
        """Return how the file has the new symbol at an access by an import that brings it there."""
        spelled = self.names.spell(self.new, access.node)
        there = self.names.read(spelled.partition(".")[0], access.node) if spelled else []
        imported = all(one.origin is not None for one in there)
        return spelled if imported and any(self._brings(one, access.node) for one in there) else None

    def _brings(self, binding: Binding, node: cst.CSTNode) -> bool:
        """Tell whether an import makes the new symbol's module, or the symbol, be there at a node."""
        statement, alias = binding.statement, binding.alias
        if statement is None or alias is None or self.block_of(statement) not in self.source.ancestors(node):
            return False
        here = self.names.enclosing_function(node) is self.names.enclosing_function(statement)
        if here and self.names.takes_effect(binding) > self.source.span(node)[0]:
            return False
        if f"{_named(binding)}.".startswith(f"{self.module}."):
            return True
        return bool({self.module, self.new} & self.meant(binding))

    # --- the import -------------------------------------------------------------------------------------------------

    def _in_place(self, binding: Binding, places: Sequence[cst.CSTNode]) -> str:
        """Make an import of the old module one of the new one, and return what that is called."""
        statement, alias = binding.statement, binding.alias
        assert statement is not None and alias is not None
        module = self.reach(statement, self.module)
        kept = self.source.code(alias.asname.name) if alias.asname else None
        parent, leaf = _parted(module)
        if isinstance(statement, cst.Import) and not needs_from(module):
            self._free_root(kept or module, places)
            self.declared((kept or module).partition(".")[0])
            if not kept and self._imported_beside(binding, module):
                self.moved.append(Moved(statement, alias))
            else:
                self.edits.append(Edit(*self.source.span(alias.name), module))
                self.put |= {} if kept else {f"import {module}": binding}
            return kept or module
        self._free_root(kept or leaf, places, self.module)
        self.declared(kept or leaf)
        if isinstance(statement, cst.ImportFrom) and parent:
            self.symbol(binding, parent, leaf, kept or leaf, new=self.module)
        elif len(statement.names) > 1:  # type: ignore[arg-type]
            raise SiteError("the module is imported together with others; give it an import of its own first")
        else:
            new = f"from {parent} import {leaf}" if parent else f"import {leaf}"
            self.edits.append(Edit(*self.source.span(statement), f"{new} as {kept}" if kept else new))
            self.put |= {} if kept else {new: binding}
        return kept or leaf

    def _imported_beside(self, binding: Binding, module: str) -> bool:
        """Tell whether `import module` would be there twice."""
        there = (one for one in self.names.bindings(module.partition(".")[0], binding.node) if _named(one) == module)
        put = self.put.get(f"import {module}")
        others = [one for one in (*there, put) if one is not None and one is not binding]
        return any(self.stands_for(one, binding) for one in others) and self.can_go(binding)

    def _beside(self, places: Sequence[cst.CSTNode]) -> str:
        """Import the new module behind the old one, and return what it is called."""
        first = self.bindings[0]
        assert first.statement is not None
        module = self.reach(first.statement, self.module)
        parent, leaf = _parted(module)
        by_name = needs_from(module)
        line = f"from {parent} import {leaf}" if by_name else f"import {module}"
        self._free_root(leaf if by_name else module, places, self.module if by_name else "", beside=True)
        if any(isinstance(above, cst.Try) for above in self.source.ancestors(first.statement)):
            raise SiteError("the module is imported in a try and used for other names too; import the name itself")
        if line not in self.put or not self.stands_for(self.put[line], first):
            self.edits.append(behind(self.source, first.statement, [line]))
            self.declared((leaf if by_name else module).partition(".")[0], beside=True)
            self.put[line] = first
        return leaf if by_name else module

    def _free_root(self, local: str, places: Iterable[cst.CSTNode], meant: str = "", *, beside: bool = False) -> None:
        """Refuse if an import of a module would bind its first part over something else, or not be seen at a place."""
        root = local.partition(".")[0]
        here = self.names.bindings(root, self.bindings[0].node)
        for other in (*here, *(one for place in places for one in self.names.read(root, place))):
            if other in self.bindings and not beside:
                continue
            if meant not in self.meant(other) if meant else other.origin != root:
                raise self.taken(root, other)
            if other in here:
                self._not_outside(root, other)

    def _not_outside(self, root: str, other: Binding) -> None:
        if self.names.enclosing_function(other.node) is not self.names.enclosing_function(self.bindings[0].node):
            line = line_number(self.source, other.node)
            raise SiteError(
                f"`{root}` is imported outside of this function too, in line {line}; import the name itself here"
            )

    def _no_module(self, accesses: Sequence[Access]) -> None:
        """Refuse where the file imports what is to be renamed as a module."""
        for one in self.bindings:
            named = f"{_named(one)}."
            old = next((access.old for access in accesses if named.startswith(f"{access.old}.")), None)
            if old is not None:
                raise SiteError(no_module(self.source, one.node, old))


def attribute(source: Source, node: cst.Attribute | cst.SimpleString, name: str) -> list[Edit]:
    """Return the edit of `m.symbol` where only the symbol has another name; nothing for what a string has."""
    if isinstance(node, cst.SimpleString) or node.attr.value == name:
        return []
    return [Edit(*source.span(node.attr), name)]


def _root(node: cst.CSTNode) -> cst.CSTNode:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


def _named(binding: Binding) -> str:
    """Return the module that `import module` names, without `as`; nothing for any other import."""
    plain = isinstance(binding.statement, cst.Import) and binding.alias is not None and binding.alias.asname is None
    return dotted(binding.alias.name) or "" if plain and binding.alias else ""


def _parted(module: str) -> tuple[str, str]:
    """Divide a module as an import writes it into what stands behind `from` (its dots kept) and behind `import`."""
    found = re.fullmatch(r"(\.*)(?:(.*)\.)?([^.]*)", module)
    assert found is not None
    return f"{found[1]}{found[2] or ''}", found[3]
