"""Names that change where they come from: the edits of an import and of everything that reads it.

Nothing is hoisted and no fallback removed; a local name that was chosen with `as` stays. An import that has other names
keeps them with their comments, and the new one stands in a line behind it; an import that would be there twice goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.importable import needs_from
from patcher.syntax.moved import Moved, taken_out
from patcher.syntax.names import Binding, dotted
from patcher.syntax.nodes import literal
from patcher.syntax.pattern import statements
from patcher.syntax.references import is_annotation
from patcher.syntax.source import Source

__all__ = ["Redirect", "bound_too", "in_class", "line_number"]


def _module_as_written(source: Source, statement: cst.ImportFrom) -> str:
    return "." * len(statement.relative) + (dotted(statement.module) or "")


def line_number(source: Source, node: cst.CSTNode) -> int:
    """Return the line in which a node begins."""
    return source.line_column(source.span(node)[0])[0]


def in_class(source: Source, node: cst.CSTNode) -> bool:
    """Tell whether an import makes an attribute of a class."""
    kinds = (cst.FunctionDef, cst.ClassDef)
    return isinstance(next((above for above in source.ancestors(node) if isinstance(above, kinds)), None), cst.ClassDef)


def bound_too(source: Source, name: str, node: cst.CSTNode) -> str:
    """Return the reason where a name is bound to something that a rename does not change."""
    return (
        f"`{name}` is bound in line {line_number(source, node)} too, to something that this step does not rename; "
        "change both by hand"
    )


class Redirect:
    """One name as one scope of a file binds it: all that binds it there, and all that reads it.

    `new` is the symbol that takes over, as recipes call it, and `meant` tells how they call what an import binds. The
    edits that are no reader's own gather in `edits`, and the names that leave their import in `moved`; they hold only
    if nothing here raised.
    """

    def __init__(
        self, source: Source, bindings: Sequence[Binding], new: str, meant: Callable[[Binding], frozenset[str]]
    ) -> None:
        self.source, self.names, self.new, self.meant = source, source.names, new, meant
        self.bindings = sorted(bindings, key=lambda one: source.span(one.node)[0])
        self.local = self.bindings[0].name
        self.uses = self.names.uses(self.local, self.bindings[0].node)
        self.edits: list[Edit] = []
        self.moved: list[Moved] = []

    # --- a symbol ---------------------------------------------------------------------------------------------------

    def symbol(
        self,
        binding: Binding,
        module: str | None,
        name: str,
        local: str,
        *,
        new: str = "",
        others: Sequence[Binding] = (),
    ) -> None:
        """Make an import of one name bind `name` of a module as `local`; None: of the module that it names already.

        `new` is what recipes call that, if not the new symbol; `others` are imports that this step makes bind the same.

        Raises:
            SiteError: it shares its line, or a comment would be lost.
        """
        statement, alias = binding.statement, binding.alias
        assert statement is not None and alias is not None and not isinstance(statement.names, cst.ImportStar)
        if self._is_there(binding, local, new or self.new, others):
            self.moved.append(Moved(statement, alias))
            return
        if isinstance(statement, cst.Import):
            assert module is not None
            self.edits.append(self._module_as(statement, alias, module, name))
            return
        keeps = alias.asname is not None and self.source.code(alias.asname.name) == local
        written = name if keeps or name == local else f"{name} as {local}"
        if module is not None and _module_as_written(self.source, statement) != module:
            if len(statement.names) > 1:
                suffix = f" as {local}" if keeps else ""
                self.moved.append(Moved(statement, alias, f"from {module} import {written}{suffix}"))
                taken_out(self.source, self.moved[-1:])
                return
            self.edits.append(self._module_of(statement, module))
        if alias.asname is not None and not keeps:
            self.edits.append(self._whole(alias, written))
        elif dotted(alias.name) != written:
            self.edits.append(Edit(*self.source.span(alias.name), written))

    def _module_as(self, statement: cst.Import, alias: cst.ImportAlias, module: str, name: str) -> Edit:
        """Return the edit of `import a.b as c`, which needs a `from` where the new name is no module for certain."""
        if not needs_from(f"{module}.{name}"):
            return Edit(*self.source.span(alias.name), f"{module}.{name}")
        if len(statement.names) > 1:
            raise SiteError("the module is imported together with others; give it an import of its own first")
        return Edit(self.source.span(statement)[0], self.source.span(alias.name)[1], f"from {module} import {name}")

    def _whole(self, alias: cst.ImportAlias, written: str) -> Edit:
        """Return the edit of a name of an import and of what it is called."""
        assert alias.asname is not None
        edit = Edit(self.source.span(alias.name)[0], self.source.span(alias.asname.name)[1], written)
        lost = self.source.lost_comment([edit])
        if lost is not None:
            raise SiteError(f"the comment `{lost}` would be lost; move it out of the way first")
        return edit

    def _is_there(self, binding: Binding, local: str, new: str, others: Sequence[Binding]) -> bool:
        """Tell whether another import binds the same, so that this one can go."""
        if not self.uses and not others:  # the import is the site
            return False
        there = (one for one in self.names.bindings(local, binding.node) if one not in self.bindings)
        same = (one for one in there if new in self.meant(one))
        return any(self.stands_for(one, binding) for one in (*same, *others)) and self.can_go(binding)

    def stands_for(self, other: Binding, binding: Binding) -> bool:
        """Tell whether another import holds wherever one does: it stands in the same block, above it or next to it."""
        if other.statement is None or binding.statement is None:
            return False
        blocks = [self.block_of(one.statement) for one in (other, binding) if one.statement is not None]
        if blocks[0] is not blocks[1]:
            return False
        lines = statements(blocks[0])
        first, last = lines.index(binding.statement), lines.index(other.statement)
        return all(isinstance(line, (cst.Import, cst.ImportFrom)) for line in lines[first:last])

    def block_of(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the block in which a statement stands."""
        kinds = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)
        return next(above for above in self.source.ancestors(node) if isinstance(above, kinds))

    def can_go(self, binding: Binding) -> bool:
        """Tell whether an import, or its part of one, can be taken out without a loss."""
        assert binding.statement is not None and binding.alias is not None
        try:
            taken_out(self.source, [Moved(binding.statement, binding.alias)])
        except SiteError:
            return False
        return True

    def _module_of(self, statement: cst.ImportFrom, module: str) -> Edit:
        """Return the edit of what stands between `from` and `import`."""
        start = self.source.span(statement)[0] + len("from")
        end = self.source.span(statement.module or statement.relative[-1])[1]
        between = self.source.slice(start, end)
        spaces = re.match(r"(?:\s|\\)*", between)
        gap = spaces.end() if spaces else 0
        behind = "" if self.source.text[end : end + 1] in (b" ", b"\t", b"\\") else " "
        return Edit(start + gap, end, f"{'' if gap else ' '}{module}{behind}")

    def rename(self, name: str, rest: str = "") -> dict[cst.Name, list[Edit]]:
        """Return the edits of each use as the local name becomes `name`, which may be bound to the new symbol only.

        `rest` is what stands behind it then: `name` is what the new symbol is an attribute of.

        Raises:
            SiteError: the new name is taken where it would be read or bound.
        """
        if rest:
            self._is_only_read(self.new.rpartition(".")[2] + rest)
        elif name == self.local:
            return {use: [] for use in self.uses}
        quotes = list(self.quotes(self.local))
        self.check_certain([*self.uses, *(string for string, _, _ in quotes)])
        for one in self.bindings:
            self._free(name, self.names.bindings(name, one.node))
        for place in (*self.uses, *(string for string, _, _ in quotes)):
            self._free(name, self.names.read(name, place))
        self.edits += [Edit(start, end, name + rest) for _, start, end in quotes]
        self._listed(name)
        self.declared(name)
        return {use: [Edit(*self.source.span(use), name + rest)] for use in self.uses}

    def _is_only_read(self, written: str) -> None:
        """Refuse where the name itself is wanted, and not only what it means."""
        wants = "a `del`" if any(self._deleted(use) for use in self.uses) else ""
        wants = "`__all__`" if self.names.exported(self.local) else wants
        wants = "a class" if any(in_class(self.source, one.node) for one in self.bindings) else wants
        if wants:
            raise SiteError(
                f"`{self.local}` would become `{written}`, where {wants} wants a name of its own; change it by hand"
            )

    def _deleted(self, use: cst.CSTNode) -> bool:
        around = (
            above for above in self.source.ancestors(use) if not isinstance(above, (cst.Element, cst.Tuple, cst.List))
        )
        return isinstance(next(around), cst.Del)

    def check_certain(self, places: Iterable[cst.CSTNode]) -> None:
        """Refuse where the name may be read as something else: in the body of a class that binds it in one arm.

        Raises:
            SiteError: it may.
        """
        for other in (one for place in places for one in self.names.read(self.local, place)):
            if other not in self.bindings:
                raise SiteError(bound_too(self.source, self.local, other.node))

    def _free(self, name: str, there: Sequence[Binding]) -> None:
        for other in there:
            if other not in self.bindings and self.new not in self.meant(other):
                raise self.taken(name, other)

    def taken(self, name: str, other: Binding) -> SiteError:
        """Return the refusal of a name that is bound to something else."""
        line = line_number(self.source, other.node)
        return SiteError(f"`{name}` is bound to something else in line {line}; rename one of the two first")

    # --- what reads a name as text ----------------------------------------------------------------------------------

    def quotes(self, old: str) -> Iterator[tuple[cst.SimpleString, int, int]]:
        """Yield where quoted annotations speak of a name (dotted) as it is bound here: the string, start and end."""
        word = re.compile(rb"(?<![\w.])" + re.escape(old.encode()) + rb"(?!\w)")
        for string in self.source.of(cst.SimpleString):
            if is_annotation(self.source, string) and self._means_this(old.partition(".")[0], string):
                start, end = self.source.span(string)
                for found in word.finditer(self.source.text[start:end]):
                    yield string, start + found.start(), start + found.end()

    def _means_this(self, name: str, place: cst.CSTNode) -> bool:
        return any(one in self.bindings for one in self.names.read(name, place))

    def _listed(self, name: str) -> None:
        """Rename in `__all__`."""
        for string in self.source.of(cst.SimpleString):
            if literal(string) == self.local and self.names.in_all(string) and self._means_this(self.local, string):
                start, end = self.source.span(string)
                quoted = self.source.slice(start, end).replace(self.local, name)
                self.edits.append(Edit(start, end, quoted))

    def declared(self, name: str, *, beside: bool = False) -> None:
        """Rename in `global` and `nonlocal`, or put the new name behind the old one."""
        for item in self.source.of(cst.NameItem):
            if item.name.value == self.local != name and self._means_this(self.local, item):
                start, end = self.source.span(item.name)
                self.edits.append(Edit(end, end, f", {name}") if beside else Edit(start, end, name))
