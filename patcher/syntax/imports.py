"""Names of a replacement at one site: how the file spells them, and the imports that are put in where it has none.

Nothing is hoisted: a new import stands behind the imports at the top, and a name that is bound to something else, or
only further down, is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.carried import check_in_scope, variables_in
from patcher.syntax.layout import lines_after
from patcher.syntax.names import BUILTINS, Binding, Names, dotted
from patcher.syntax.needs import Needs
from patcher.syntax.pattern import Code
from patcher.syntax.shims import place, split
from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = [
    "Imported",
    "Spelling",
    "add_statement",
    "as_spelled",
    "imported_names",
]


@dataclass(frozen=True, slots=True)
class Imported:
    """One name of a from-import: as the module has it, as the file has it, as the statement has both; is it read."""

    name: str
    local: str
    written: str
    used: bool


def imported_names(source: Source, statement: cst.ImportFrom) -> tuple[str, list[Imported]]:
    """Return module and names of a from-import.

    Raises:
        SiteError: the statement imports everything.
    """
    if isinstance(statement.names, cst.ImportStar):
        raise SiteError("it imports everything (*), so it cannot be told which names are meant; import them by name")
    found: list[Imported] = []
    for alias in statement.names:
        name = source.code(alias.name)
        local = source.code(alias.asname.name) if alias.asname else name
        written = f"{name} as {local}" if alias.asname else name
        used = bool(source.names.uses(local, alias) or source.names.exported(local) or source.mentioned(local))
        found.append(Imported(name, local, written, used))
    return source.names.module_of(statement), found


# --- names of a replacement ----------------------------------------------------------------------------------------


def as_spelled(code: Code, source: Source, at: cst.CSTNode, packages: frozenset[str]) -> Code:
    """Return a result as it reads at a place: a name that is bound there, and that no import leads to, is as spelled.

    `packages` are those that the step speaks of; what only has their name is never meant.
    """
    names = source.names
    local = {
        root
        for target in code.dotted.values()
        if names.read(root := target.partition(".")[0], at)
        and not _is_import(names, target, packages)
        and names.spell(target, at) is None
    }
    return replace(code, local=code.local | local) if local else code


def _is_import(names: Names, target: str, packages: frozenset[str]) -> bool:
    """Tell whether a name of a result means an import or a builtin, and never a variable that is called so.

    So do the packages of the step, what Python itself has, and the modules that the file imports.
    """
    root, _, rest = target.partition(".")
    own = root in sys.stdlib_module_names if rest else root in BUILTINS
    return own or root in packages or any(one.origin == root for one in names.imports)


class Spelling:
    """How dotted names of a replacement are written at one site, and what this adds to the file and to the tree.

    `packages` are the packages that the step itself speaks of: there a name means the package or the site is refused.
    `copies` are the shims that the step copies already. `position` is where the names are read, if not as `at` begins.
    """

    def __init__(
        self,
        source: Source,
        at: cst.CSTNode,
        needs: Needs,
        packages: frozenset[str],
        draft: Draft | None = None,
        copies: Mapping[str, bytes] | None = None,
        position: int | None = None,
    ) -> None:
        self.position = source.span(at)[0] if position is None else position
        self.source, self.names, self.at, self.needs = source, source.names, at, needs
        self.packages = packages | needs.packages
        self.draft, self.copies = draft, copies
        self.edits: list[Edit] = []
        self.files: dict[str, bytes] = {}

    def check_needs(self) -> None:
        """Refuse the site if a bare name that the step needs is not in scope; put in the statements that are missing.

        Raises:
            SiteError: a name is not in scope, or is bound to something else.
        """
        for name in sorted(self.needs.bare):
            self._in_scope(name)
        for origin in self.needs.provided:
            if origin not in self.needs.asked:
                self(origin)

    def check_locals(self, code: Code, nodes: Iterable[cst.CSTNode]) -> None:
        """Refuse the site if a name that a replacement means as spelled is not in scope there.

        One that the match has too may be anything, and so may one that the file reads and that nothing in it binds.

        Raises:
            SiteError: it is not.
        """
        provided = {name for name, _ in self.needs.provided.values()}
        here = {one.value: self.names.scopes.of_variable(one) for one in variables_in(self.source, *nodes)}
        for name in sorted(code.free - provided):
            home = self.names.home(name, self.at)
            foreign = home is None and (self.names.stars or name in self.names.unresolved())
            if not foreign and here.get(name, self) is not home:
                self._in_scope(name)

    def __call__(self, target: str) -> str:
        """Return the spelling of a dotted name.

        Raises:
            SiteError: nothing that is in scope leads there.
        """
        spelled = self.names.spell(target, self.at, self.position)
        if spelled is not None:
            self._in_scope(spelled.partition(".")[0])
            return spelled
        if target.startswith("shim."):
            return self._from_shim(target)
        root = target.partition(".")[0]
        for origin, (name, statement) in self.needs.provided.items():
            if target == origin or target.startswith(f"{origin}."):
                self._provide(name, origin, statement)
                return name + target[len(origin) :]
        if root in BUILTINS and not self.names.read(root, self.at, self.position):
            return target
        if _is_import(self.names, target, self.packages):
            if self.names.bound(root, self.at):
                raise SiteError(f"`{root}` is bound to something else there, and the replacement needs {target}")
            raise SiteError(f"`{root}` is not imported there, and the replacement needs {target}")
        self._in_scope(root)
        return target

    def _from_shim(self, target: str) -> str:
        assert self.draft is not None
        module, name, rest = split(self.draft.shims, target)
        placed = place(self.draft, self.source, module, self.needs.place, self.copies, names=[name])
        self._provide(name, target.removesuffix(rest), f"from {placed.module} import {name}")
        self.files.update(placed.files)
        return name + rest

    def _provide(self, name: str, origin: str, statement: str) -> None:
        """Put a statement into the file, unless what binds its name is that statement."""
        there = self.names.read(name, self.at, self.position)
        if there and all(self._is_statement(one, statement) for one in there):
            self._in_scope(name)
            return
        same = all(origin in self.names.origins_of(one) for one in there)
        types_only = all(_for_types_only(self.source, one.node) for one in there)
        if same and not types_only:
            self._in_scope(name)  # where it is imported, but only further down
        if not (same and types_only):
            raise SiteError(f"`{name}` is bound to something else there, and the replacement needs `{statement}`")
        self.edits.append(add_statement(self.source, statement))

    def _is_statement(self, binding: Binding, statement: str) -> bool:
        above = self.source.parent(binding.node)
        return isinstance(above, cst.Assign) and self.source.code(above).split() == statement.split()

    def _in_scope(self, name: str) -> None:
        check_in_scope(self.source, name, self.at, self.position)


def _for_types_only(source: Source, node: cst.CSTNode) -> bool:
    """Tell whether a node stands under `if TYPE_CHECKING`, so that what it binds does not exist at run time."""
    tests = (above.test for above in source.ancestors(node) if isinstance(above, cst.If))
    return any((dotted(test) or "").endswith("TYPE_CHECKING") for test in tests)


# --- where a statement goes -----------------------------------------------------------------------------------------


def add_statement(source: Source, statement: str) -> Edit:
    """Return the edit that puts a statement behind the imports at the top of the file."""
    last = _last_of_top(source, "__future__" if statement.startswith("from __future__ ") else "")
    if last is None:
        start = _header_end(source)
        return Edit(start, start, f"{statement}{source.newline}")
    return lines_after(source, last, ["", statement] if _is_docstring(last) else [statement])


def _last_of_top(source: Source, module: str) -> cst.CSTNode | None:
    """Return the last line of the docstring and the imports (those from one module) that begin a file."""
    last: cst.CSTNode | None = None
    for line in source.module.body:
        if not (_imports_only(source, line, module) or (last is None and _is_docstring(line))):
            return last
        last = line
    return last


def _imports_only(source: Source, line: cst.CSTNode, module: str) -> bool:
    if not isinstance(line, cst.SimpleStatementLine):
        return False
    if module:
        return all(isinstance(one, cst.ImportFrom) and source.names.module_of(one) == module for one in line.body)
    return all(isinstance(one, (cst.Import, cst.ImportFrom)) for one in line.body)


def _is_docstring(line: cst.CSTNode) -> bool:
    body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    return (
        bool(body)
        and isinstance(body[0], cst.Expr)
        and isinstance(body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )


def _header_end(source: Source) -> int:
    """Return the offset behind the comments that begin a file, less those that touch its first statement."""
    header = list(source.module.header)
    blank = [index for index, line in enumerate(header) if line.comment is None]
    if blank:
        # The encoding is read from the first two lines only.
        cookie = [index for index, line in enumerate(header[:2]) if line.comment and "coding" in line.comment.value]
        header = header[: max(*blank, *cookie, 0) + 1]
    end = source.span(header[-1])[1] if header else 0
    first = source.span(source.module.body[0])[0] if source.module.body else 0
    return max(end, *(one.behind for one in source.unseen if one.end <= first), 0)
