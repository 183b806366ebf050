"""Names that change where they come from: the edits of an import and of everything that reads it.

Nothing is hoisted and no fallback removed; a local name that was chosen with `as` stays. An import that has other names
keeps them with their comments, and the new one stands in a line behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.layout import indent_of, line_of, lines_after
from patcher.syntax.names import Binding, dotted
from patcher.syntax.source import Source

__all__ = ["Redirect", "line_number", "without_name"]

# What a string in an annotation is not a quoted name for.
PLAIN_TEXT = ("Literal", "Annotated")


def line_number(source: Source, node: cst.CSTNode) -> int:
    """Return the line in which a node begins."""
    return source.line_column(source.span(node)[0])[0]


class Redirect:
    """One name as one scope of a file binds it: all that binds it there, and all that reads it.

    The edits that are no reader's own gather in `edits`; they hold only if nothing here raised.
    """

    def __init__(self, source: Source, bindings: Sequence[Binding]) -> None:
        self.source, self.names = source, source.names
        self.bindings = sorted(bindings, key=lambda one: source.span(one.node)[0])
        self.local = self.bindings[0].name
        self.uses = self.names.uses(self.local, self.bindings[0].node)
        self.edits: list[Edit] = []

    # --- a symbol ---------------------------------------------------------------------------------------------------

    @property
    def aliased(self) -> bool:
        """Whether one of the imports chose the local name with `as`."""
        return any(one.alias is not None and one.alias.asname is not None for one in self.bindings)

    def symbol(self, binding: Binding, module: str | None, name: str, local: str) -> None:
        """Make a from-import bind `name` of a module as `local`; None: of the module that it names already.

        Raises:
            SiteError: it shares its line, or a comment would be lost.
        """
        statement, alias = binding.statement, binding.alias
        assert isinstance(statement, cst.ImportFrom) and alias is not None
        assert not isinstance(statement.names, cst.ImportStar)
        written = name if alias.asname or name == local else f"{name} as {local}"
        if module is not None and not self._imports_from(statement, module):
            if len(statement.names) > 1:
                suffix = f" as {self.source.code(alias.asname.name)}" if alias.asname else ""
                edit, comment = without_name(self.source, statement, alias)
                line = f"from {module} import {written}{suffix}"
                self.edits += [edit, self._behind(statement, f"{line}  {comment}" if comment else line)]
                return
            self.edits.append(self._module_of(statement, module))
        if dotted(alias.name) != written:
            self.edits.append(Edit(*self.source.span(alias.name), written))

    def _imports_from(self, statement: cst.ImportFrom, module: str) -> bool:
        return not statement.relative and self.names.module_of(statement) == module

    def _module_of(self, statement: cst.ImportFrom, module: str) -> Edit:
        """Return the edit of what stands between `from` and `import`."""
        start = self.source.span(statement)[0] + len("from")
        end = self.source.span(statement.module or statement.relative[-1])[1]
        between = self.source.slice(start, end)
        spaces = re.match(r"(?:\s|\\)*", between)
        gap = spaces.end() if spaces else 0
        behind = "" if self.source.text[end : end + 1] in (b" ", b"\t", b"\\") else " "
        return Edit(start + gap, end, f"{'' if gap else ' '}{module}{behind}")

    def rename(self, name: str, meant: frozenset[str]) -> dict[cst.Name, list[Edit]]:
        """Return the edits of each use as the local name becomes `name`, which may be bound to what is `meant` only.

        Raises:
            SiteError: the new name is taken where it would be read or bound.
        """
        if name == self.local:
            return {use: [] for use in self.uses}
        for place in (*(one.node for one in self.bindings), *self.uses):
            self.free(name, place, meant)
        self._quoted(self.local, name)
        self._listed(name)
        self._declared(name)
        return {use: [Edit(*self.source.span(use), name)] for use in self.uses}

    def free(self, name: str, place: cst.CSTNode, meant: frozenset[str]) -> None:
        """Refuse if a name is bound at a place to anything but what is meant.

        Raises:
            SiteError: it is.
        """
        for other in self.names.bindings(name, place):
            if other not in self.bindings and not meant.intersection(self.names.origins_of(other)):
                line = line_number(self.source, other.node)
                raise SiteError(f"`{name}` is bound to something else in line {line}; rename one of the two first")

    # --- a module ---------------------------------------------------------------------------------------------------

    def module(
        self, chains: Sequence[cst.Attribute], old: str, module: str, name: str
    ) -> dict[cst.CSTNode, list[Edit]]:
        """Lead the accesses `m.symbol` that mean `old` to another module; the old import stays where it is used.

        Raises:
            SiteError: the new module cannot be imported there.
        """
        roots = {_root(chain) for chain in chains}
        if all(use in roots for use in self.uses):
            local = [self._module_in_place(one, module) for one in self.bindings if _leads_to(one, old)][-1]
        else:
            local = self._module_beside(chains, module)
        spelled = dotted(chains[0].value) or ""
        self._quoted(f"{spelled}.{chains[0].attr.value}", f"{local}.{name}")
        return {chain: self._chain(chain, local, name) for chain in chains}

    def attribute(self, chain: cst.Attribute, name: str) -> list[Edit]:
        """Return the edit of `m.symbol` where only the symbol has another name."""
        return [Edit(*self.source.span(chain.attr), name)] if chain.attr.value != name else []

    def _chain(self, chain: cst.Attribute, local: str, name: str) -> list[Edit]:
        before = [Edit(*self.source.span(chain.value), local)] if dotted(chain.value) != local else []
        return before + self.attribute(chain, name)

    def _module_in_place(self, binding: Binding, module: str) -> str:
        statement, alias = binding.statement, binding.alias
        assert statement is not None and alias is not None
        kept = self.source.code(alias.asname.name) if alias.asname else None
        parent, _, leaf = module.rpartition(".")
        parent = parent or ("." if module.startswith(".") else "")
        if isinstance(statement, cst.Import) and not module.startswith("."):
            self._free_root(kept or module, module)
            self.edits.append(Edit(*self.source.span(alias.name), module))
            return kept or module
        self._free_root(kept or leaf, module)
        if isinstance(statement, cst.ImportFrom) and parent:
            self.symbol(binding, parent, leaf, kept or leaf)
        elif len(statement.names) > 1:  # type: ignore[arg-type]
            raise SiteError("the module is imported together with others; give it an import of its own first")
        else:
            new = f"from {parent} import {leaf}" if parent else f"import {leaf}"
            self.edits.append(Edit(*self.source.span(statement), f"{new} as {kept}" if kept else new))
        return kept or leaf

    def _module_beside(self, chains: Sequence[cst.Attribute], module: str) -> str:
        """Import the new module behind the old one, unless the file does so already."""
        if module.startswith("."):
            raise SiteError(
                "the module is used for other names too, and the new one is reached relatively; import the name itself"
            )
        if all(self._imports(module, chain) for chain in chains):
            return module
        self._free_root(module, module)
        statement = self.bindings[0].statement
        assert statement is not None
        if any(isinstance(above, cst.Try) for above in self.source.ancestors(statement)):
            raise SiteError("the module is imported in a try and used for other names too; import the name itself")
        self.edits.append(self._behind(statement, f"import {module}"))
        return module

    def _imports(self, module: str, place: cst.CSTNode) -> bool:
        """Tell whether `import module` stands in the file, and holds at a place."""
        found = self.names.bindings(module.partition(".")[0], place)
        return any(
            isinstance(one.statement, cst.Import)
            and one.alias
            and not one.alias.asname
            and dotted(one.alias.name) == module
            for one in found
        )

    def _free_root(self, local: str, module: str) -> None:
        """Refuse if an import of a module would bind its first part over something else, or hide it in a function."""
        root = local.partition(".")[0]
        package = module.partition(".")[0]
        home = self.names.enclosing_function(self.bindings[0].node)
        for other in self.names.bindings(root, self.bindings[0].node):
            if other in self.bindings:
                continue
            line = line_number(self.source, other.node)
            if other.origin is None or other.origin.partition(".")[0] != package:
                raise SiteError(f"`{root}` is bound to something else in line {line}; rename one of the two first")
            if self.names.enclosing_function(other.node) is not home:
                raise SiteError(
                    f"`{root}` is imported outside of this function too, in line {line}; import the name itself here"
                )

    # --- what reads a name as text ----------------------------------------------------------------------------------

    def _quoted(self, old: str, new: str) -> None:
        """Rename in quoted annotations."""
        word = re.compile(rb"(?<![\w.])" + re.escape(old.encode()) + rb"(?!\w)")
        root = old.partition(".")[0]
        for string in self.source.of(cst.SimpleString):
            if self._is_annotation(string) and self._means_this(root, string):
                start, end = self.source.span(string)
                for found in word.finditer(self.source.text[start:end]):
                    self.edits.append(Edit(start + found.start(), start + found.end(), new))

    def _is_annotation(self, string: cst.SimpleString) -> bool:
        for above in self.source.ancestors(string):
            if isinstance(above, cst.Subscript) and (dotted(above.value) or "").endswith(PLAIN_TEXT):
                return False
            if isinstance(above, cst.Annotation):
                return True
        return False

    def _means_this(self, name: str, place: cst.CSTNode) -> bool:
        return any(one in self.bindings for one in self.names.bindings(name, place))

    def _listed(self, name: str) -> None:
        """Rename in `__all__`."""
        for string in self.source.of(cst.SimpleString):
            if (
                string.evaluated_value == self.local
                and self.names.in_all(string)
                and self._means_this(self.local, string)
            ):
                start, end = self.source.span(string)
                quoted = self.source.slice(start, end).replace(self.local, name)
                self.edits.append(Edit(start, end, quoted))

    def _declared(self, name: str) -> None:
        """Rename in `global` and `nonlocal`."""
        for item in self.source.of(cst.NameItem):
            if item.name.value == self.local and self._means_this(self.local, item):
                self.edits.append(Edit(*self.source.span(item.name), name))

    def _behind(self, statement: cst.CSTNode, text: str) -> Edit:
        line = line_of(self.source, statement)
        return lines_after(self.source, line, [indent_of(self.source, self.source.span(line)[0]) + text])


def without_name(source: Source, statement: cst.ImportFrom, alias: cst.ImportAlias) -> tuple[Edit, str]:
    """Return the edit that takes one of several names out of a from-import, and the comment that goes with it.

    Raises:
        SiteError: a comment stands beside the name and may be another one's.
    """
    start, end = source.span(alias)
    names: list[cst.ImportAlias] = list(statement.names)  # type: ignore[arg-type]
    index = names.index(alias)
    line_start, line_end = source.line_start(start), source.line_end(end)
    begins_line = statement.lpar is not None and not source.text[line_start:start].strip()
    rest = re.fullmatch(rb",?[ \t]*(#.*?)?\s*", source.text[end:line_end])
    if begins_line and rest is not None and line_end <= source.span(statement)[1]:
        return Edit(line_start, line_end, ""), (rest[1] or b"").decode()
    if index + 1 < len(names):
        end = source.span(names[index + 1])[0]
    elif not begins_line:
        start = source.span(names[index - 1])[1]
    if b"#" in source.text[start:end]:
        raise SiteError(
            f"a comment beside `{source.code(alias)}` would be lost; give the name an import line of its own first"
        )
    return Edit(start, end, ""), ""


def _root(node: cst.CSTNode) -> cst.CSTNode:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


def _leads_to(binding: Binding, symbol: str) -> bool:
    """Tell whether an import names a module, or a package above it, that has a symbol."""
    assert binding.alias is not None
    named = dotted(binding.alias.name) if isinstance(binding.statement, cst.Import) else binding.origin
    return symbol.startswith(f"{named}.")
