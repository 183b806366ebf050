"""Imports as edits: spell a dotted name in a file, add what is missing, redirect a symbol.

Nothing is hoisted, no alias is dropped and no fallback removed: a new import stands beside the one that it follows, or
behind the imports at the top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import libcst as cst

from patcher.errors import PatternError, SiteError, TargetError
from patcher.model import Edit
from patcher.syntax.names import BUILTINS, Binding, dotted
from patcher.syntax.pattern import statements
from patcher.syntax.source import Source

__all__ = [
    "Imported",
    "Needs",
    "Redirect",
    "Spelling",
    "add_statement",
    "compile_needs",
    "imported_names",
    "without_name",
]


@dataclass(frozen=True, slots=True)
class Imported:
    """One name of a from-import: as the module has it, as the statement writes it, and whether the file reads it."""

    name: str
    written: str
    used: bool


def imported_names(source: Source, statement: cst.Import | cst.ImportFrom) -> tuple[str, list[Imported]]:
    """Return module and names of a from-import.

    Raises:
        SiteError: the statement imports everything, or a module as a whole.
    """
    if isinstance(statement, cst.Import):
        raise SiteError("it imports the package as a whole; import the names that are used instead")
    if isinstance(statement.names, cst.ImportStar):
        raise SiteError("it imports everything (*), so it cannot be told which names are meant; import them by name")
    found: list[Imported] = []
    for alias in statement.names:
        name = source.code(alias.name)
        local = source.code(alias.asname.name) if alias.asname else name
        written = f"{name} as {local}" if alias.asname else name
        used = bool(source.names.uses(local, statement)) or source.names.exported(local)
        found.append(Imported(name, written, used))
    return source.names.module_of(statement), found


class Needs:
    """The `needs` of a step: bare names that must be in scope, and statements that are put in where missing."""

    def __init__(self, bare: frozenset[str], provided: dict[str, tuple[str, str]]) -> None:
        self.bare = bare
        self.provided = provided  # dotted name -> (name that the statement binds, statement)

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the statements import."""
        return frozenset(origin.partition(".")[0] for origin in self.provided)


def compile_needs(texts: Iterable[str]) -> Needs:
    """Compile a step's `needs`.

    Raises:
        PatternError: an entry is neither a name nor an import or assignment.
    """
    bare: set[str] = set()
    provided: dict[str, tuple[str, str]] = {}
    for index, text in enumerate(texts):
        if text.isidentifier():
            bare.add(text)
            continue
        bound = _bound_by(text)
        if not bound:
            raise PatternError(f"`{text}` is neither a name nor an import nor an assignment.", ("needs", index))
        provided.update({origin: (name, text) for origin, name in bound.items()})
    return Needs(frozenset(bare), provided)


def _bound_by(text: str) -> dict[str, str]:
    """Return dotted name -> name for what a statement binds."""
    try:
        source = Source("<needs>", text.encode())
    except TargetError:
        raise PatternError(f"`{text}` is not Python.") from None
    bound = {binding.origin or "": binding.name for binding in source.names.imports}
    for statement in statements(source.module):
        if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Name):
            bound[statement.targets[0].target.value] = statement.targets[0].target.value
    return bound


class Spelling:
    """How dotted names of a replacement are written at one site, and the imports that this adds to the file.

    `packages` are the packages that the step itself speaks of: there a name means the package or the site is refused.
    """

    def __init__(self, source: Source, at: cst.CSTNode, needs: Needs, packages: frozenset[str]) -> None:
        self.source, self.at, self.needs = source, at, needs
        self.packages = packages | needs.packages
        self.edits: list[Edit] = []

    def check_needs(self) -> None:
        """Refuse the site if a bare name that the step needs is not in scope.

        Raises:
            SiteError: it is not.
        """
        for name in sorted(self.needs.bare):
            self._in_scope(name)

    def __call__(self, target: str) -> str:
        """Return the spelling of a dotted name.

        Raises:
            SiteError: nothing that is in scope leads there.
        """
        names = self.source.names
        spelled = names.spell(target, self.at)
        if spelled is not None:
            return spelled
        root, _, rest = target.partition(".")
        for origin, (name, statement) in self.needs.provided.items():
            if target == origin or target.startswith(f"{origin}."):
                return self._added(name, statement) + target[len(origin) :]
        if root in BUILTINS and not names.bindings(root, self.at):
            return target
        if root in self.packages or (root in BUILTINS and not rest):
            taken = "is bound to something else there" if names.bound(root, self.at) else "is not imported there"
            raise SiteError(f"`{root}` {taken}, and the replacement needs {target}")
        self._in_scope(root)
        return target

    def _added(self, name: str, statement: str) -> str:
        if self.source.names.bindings(name, self.at):
            raise SiteError(f"`{name}` is bound to something else there, and the replacement needs `{statement}`")
        self.edits.append(add_statement(self.source, statement))
        return name

    def _in_scope(self, name: str) -> None:
        bindings = self.source.names.bindings(name, self.at)
        if not bindings:
            raise SiteError(f"`{name}` is not in scope there, and the replacement needs it")
        function = self.source.names.enclosing_function(self.at)
        place = self.source.span(self.at)[0]
        local = [one for one in bindings if self.source.names.enclosing_function(one.node) is function]
        if len(local) == len(bindings) and all(self._later(one, place) for one in local):
            raise SiteError(f"`{name}` is bound only further down, and the replacement needs it")

    def _later(self, binding: Binding, place: int) -> bool:
        return not isinstance(binding.node, cst.Param) and self.source.span(binding.node)[0] > place


def add_statement(source: Source, statement: str) -> Edit:
    """Return the edit that puts a statement behind the imports at the top of the file."""
    newline = source.newline
    last: cst.CSTNode | None = None
    for line in source.module.body:
        if (_is_docstring(line) and last is None) or (
            isinstance(line, cst.SimpleStatementLine)
            and all(isinstance(s, (cst.Import, cst.ImportFrom)) for s in line.body)
        ):
            last = line
        else:
            break
    if last is not None:
        end = source.line_end(source.span(last)[1] - 1)
        finished = source.text[:end].endswith((b"\n", b"\r"))
        return Edit(end, end, f"{statement}{newline}" if finished else f"{newline}{statement}")
    start = source.span(source.module.header[-1])[1] if source.module.header else 0
    return Edit(start, start, f"{statement}{newline}")


def _is_docstring(line: cst.CSTNode) -> bool:
    body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    return (
        bool(body)
        and isinstance(body[0], cst.Expr)
        and isinstance(body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )


# --- redirect -------------------------------------------------------------------------------------------------------


class Redirect:
    """What becomes of one symbol in one file: `old` (dotted) is now `module` + `name`, imported as `module` writes it."""

    def __init__(self, source: Source, old: str, module: str, name: str) -> None:
        self.source, self.names = source, source.names
        self.old, self.module, self.name = old, module, name
        self.edits: list[Edit] = []

    def symbol(self, binding: Binding) -> dict[cst.Name, list[Edit]]:
        """Redirect a `from` import of the symbol; return the edits of each use (none where an alias stays).

        Raises:
            SiteError: the new name is taken, or a comment would be lost.
        """
        assert isinstance(binding.statement, cst.ImportFrom) and binding.alias is not None
        uses = self.names.uses(binding.name, binding.node)
        aliased = binding.alias.asname is not None
        if not aliased and binding.name != self.name:
            for place in (binding.node, *uses):
                self._free(place)
        self._redirect_from(binding.statement, binding.alias)
        if aliased or binding.name == self.name:
            return {use: [] for use in uses}
        self._quoted(binding.name)
        return {use: [Edit(*self.source.span(use), self.name)] for use in uses}

    def _free(self, place: cst.CSTNode) -> None:
        for other in self.names.bindings(self.name, place):
            if other.origin != f"{self.module}.{self.name}":
                line = self.source.line_column(self.source.span(other.node)[0])[0]
                raise SiteError(f"`{self.name}` is bound to something else already, in line {line}")

    def _redirect_from(self, statement: cst.ImportFrom, alias: cst.ImportAlias) -> None:
        """Change `from m import a` in place; take one of several names out and import it in a line behind."""
        assert not isinstance(statement.names, cst.ImportStar)
        if len(statement.names) == 1:
            start = self.source.span(statement)[0] + len("from")
            end = self.source.text.index(b"import", self._module_end(statement))
            self.edits.append(Edit(start, end, f" {self.module} "))
            if dotted(alias.name) != self.name:
                self.edits.append(Edit(*self.source.span(alias.name), self.name))
            return
        self.edits.append(without_name(self.source, statement, alias))
        suffix = f" as {self.source.code(alias.asname.name)}" if alias.asname else ""
        self.edits.append(self._behind(statement, f"from {self.module} import {self.name}{suffix}"))

    def _module_end(self, statement: cst.ImportFrom) -> int:
        if statement.module is not None:
            return self.source.span(statement.module)[1]
        return self.source.span(statement)[0] + len("from")

    def _behind(self, statement: cst.CSTNode, text: str) -> Edit:
        from patcher.syntax.layout import indent_of, line_of, lines_after

        line = line_of(self.source, statement)
        return lines_after(self.source, line, [indent_of(self.source, self.source.span(line)[0]) + text])

    def module_binding(self, binding: Binding) -> dict[cst.CSTNode, list[Edit]]:
        """Redirect `import m` and `m.symbol`; the old import stays where something else uses it."""
        assert binding.statement is not None and binding.alias is not None
        chains = [node for node in self.source.of(cst.Attribute) if self._is_symbol(node, binding)]
        if not chains:
            return {}
        roots = {self._root(chain) for chain in chains}
        others = [use for use in self.names.uses(binding.name, binding.node) if use not in roots]
        aliased = binding.alias.asname is not None
        if not others and (aliased or isinstance(binding.statement, cst.Import)):
            local = self._redirect_module(binding, aliased)
        else:
            local = self.module
            self.edits.append(self._behind(binding.statement, f"import {self.module}"))
        if self.module.startswith("."):
            raise SiteError("a module that is reached relatively cannot stand behind `import`; import the name instead")
        return {chain: [Edit(*self.source.span(chain), f"{local}.{self.name}")] for chain in chains}

    def _redirect_module(self, binding: Binding, aliased: bool) -> str:
        assert binding.alias is not None and binding.statement is not None
        if isinstance(binding.statement, cst.ImportFrom):
            if len(binding.statement.names) > 1:  # type: ignore[arg-type]
                raise SiteError("the module is imported together with others; give it an import of its own first")
            parent, _, leaf = self.module.rpartition(".")
            start = self.source.span(binding.statement)[0]
            end = self.source.span(binding.alias.name)[1]
            self.edits.append(Edit(start, end, f"from {parent} import {leaf}" if parent else f"import {leaf}"))
        else:
            self.edits.append(Edit(*self.source.span(binding.alias.name), self.module))
        return binding.name if aliased else self.module

    def _is_symbol(self, node: cst.Attribute, binding: Binding) -> bool:
        if self.old not in self.names.origins(node):
            return False
        root = self._root(node)
        return isinstance(root, cst.Name) and root.value == binding.name

    @staticmethod
    def _root(node: cst.CSTNode) -> cst.CSTNode:
        while isinstance(node, cst.Attribute):
            node = node.value
        return node

    def _quoted(self, name: str) -> None:
        """Rename in quoted annotations and in `__all__`."""
        word = re.compile(rb"(?<![\w.])" + re.escape(name.encode()) + rb"(?!\w)")
        for string in self.source.of(cst.SimpleString):
            if self._is_annotation(string) or self._in_all(string, name):
                start, end = self.source.span(string)
                for found in word.finditer(self.source.text[start:end]):
                    self.edits.append(Edit(start + found.start(), start + found.end(), self.name))

    def _is_annotation(self, string: cst.SimpleString) -> bool:
        return any(isinstance(above, cst.Annotation) for above in self.source.ancestors(string))

    def _in_all(self, string: cst.SimpleString, name: str) -> bool:
        return string.evaluated_value == name and self.names.in_all(string)


def without_name(source: Source, statement: cst.ImportFrom, alias: cst.ImportAlias) -> Edit:
    """Return the edit that takes one of several names out of a from-import.

    Raises:
        SiteError: a comment stands beside the name and would be lost.
    """
    names = list(statement.names)  # type: ignore[arg-type]
    index = names.index(alias)
    start, end = source.span(alias)
    if index + 1 < len(names):
        end = source.span(names[index + 1])[0]
    else:
        start = source.span(names[index - 1])[1]
    if b"#" in source.text[start:end]:
        raise SiteError(
            f"a comment beside `{source.code(alias)}` would be lost; give the name an import line of its own first"
        )
    return Edit(start, end, "")
