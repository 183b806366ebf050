"""Names of a replacement at one site: how the file spells them, and what is put in where it does not have them.

What stands in the file counts only if it has surely run there. What `needs` names is put in where it is missing; for
any other name an import of the package is taken to lead to all that is in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.carried import check_in_scope, is_bound_later, is_surely_bound, variables_in
from patcher.syntax.guards import is_optional
from patcher.syntax.imports import add_statement
from patcher.syntax.names import BUILTINS, Binding, Names, dotted
from patcher.syntax.needs import Needs, Provided
from patcher.syntax.pattern import Code
from patcher.syntax.project import may_have, module_file
from patcher.syntax.scopes import FunctionLike
from patcher.syntax.shim_files import split
from patcher.syntax.shims import place
from patcher.syntax.source import Source
from patcher.syntax.surely import loads

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Spelling", "as_spelled"]


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
        for need in self.needs.provided:
            if need not in self.needs.asked:
                self._spell(need.meant, need)

    def check_locals(self, code: Code, nodes: Iterable[cst.CSTNode]) -> None:
        """Refuse the site if a name that a replacement means as spelled is not in scope there.

        One that the match has too may be anything, and so may one that the file reads and that nothing in it binds.

        Raises:
            SiteError: it is not.
        """
        provided = {one.name for one in self.needs.provided}
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
        return self._spell(target, self.needs.leading_to(target))

    def _spell(self, target: str, need: Provided | None) -> str:
        """Return the spelling of a dotted name, for which a statement is put in where it is missing."""
        spellings = self.names.spellings(target, self.at, self.position)
        spelled = next((one for one in spellings if self._is_bound(_root(one))), None)
        if spelled and (need is None or self._is_there(need, target, spelled)):
            return spelled
        if target.startswith("shim."):
            return self._from_shim(target)
        if need is not None:
            self._provide(need)
            return spelled if spelled and need.is_plain else need.spelled(target)
        root = _root((spellings or [target])[0])
        if root in BUILTINS and not self.names.read(root, self.at, self.position):
            return target
        if not spellings and _is_import(self.names, target, self.packages):
            if self.names.bound(root, self.at):
                raise SiteError(f"`{root}` is bound to something else there, and the replacement needs {target}")
            raise SiteError(f"`{root}` is not imported there, and the replacement needs {target}")
        self._in_scope(root)
        return target

    def _from_shim(self, target: str) -> str:
        assert self.draft is not None
        module, name, rest = split(self.draft.shims, target)
        placed = place(self.draft, self.source, module, self.needs.place, self.copies, names=[name])
        self._provide(Provided(f"from {placed.module} import {name}", name, target.removesuffix(rest)))
        self.files.update(placed.files)
        return name + rest

    # --- what is put in ---------------------------------------------------------------------------------------------

    def _provide(self, need: Provided) -> None:
        """Put a statement into the file, unless it has surely run there.

        Raises:
            SiteError: its name is bound to something else, or would not be bound at the place all the same.
        """
        if need.relative:
            self._check_package(need)
        there = self.names.read(need.name, self.at, self.position)
        if not all(self._is_same(one, need) for one in there):
            raise SiteError(
                f"`{need.name}` is bound to something else there, and the replacement needs `{need.statement}`"
            )
        bound = bool(there) and self._is_bound(need.name)
        if bound and (not need.is_plain or self._is_loaded(need.module, need.name)):
            return
        if there and not bound:
            self._check_helps(need, there)
        self.edits.append(add_statement(self.source, need.statement))

    def _is_same(self, binding: Binding, need: Provided) -> bool:
        above = self.source.parent(binding.node)
        if isinstance(above, cst.Assign) and self.source.code(above).split() == need.statement.split():
            return True
        return self._origin(need) in self.names.origins_of(binding)

    def _origin(self, need: Provided) -> str:
        """Return the dotted name that a statement gives a meaning to, in this file."""
        if not need.relative:
            return need.origin
        return Source(self.source.path, need.statement.encode()).names.imports[0].origin or ""

    def _check_package(self, need: Provided) -> None:
        """Refuse a relative import where it would fail: in no package, or of what the package does not have."""
        if self.draft is None:
            return
        module, _, name = self._origin(need).rpartition(".")
        folder = PurePosixPath(self.source.path).parent
        relative = any(one.relative for one in self.source.of(cst.ImportFrom))
        notebook = self.source.path.endswith(".ipynb")  # it runs as a program, in whichever folder
        if notebook or (not relative and str(folder / "__init__.py") not in self.draft.files):
            raise SiteError(
                f"the replacement needs `{need.statement}`, and this file is in no package; import it by its full name"
            )
        path = module_file(self.draft, PurePosixPath(), module)
        if path is None or not may_have(self.draft, path, name):
            raise SiteError(
                f"the replacement needs `{need.statement}`, and this tree has no such thing there; define it first, or "
                "name another module"
            )

    def _check_helps(self, need: Provided, there: Sequence[Binding]) -> None:
        """Refuse where a name is not bound with its statement at the top either, or the file does without it."""
        runs = [one for one in there if not _for_types_only(self.source, one.node)]
        later = bool(runs) and is_bound_later(self.source, runs, self.at, self.position)
        home = self.names.home(need.name, self.at)
        local = home is not None and isinstance(home.node, FunctionLike)
        if later or local or not is_surely_bound(self.source, need.name, self.at, self.position, known=True):
            self._in_scope(need.name)
        for statement in (one.statement for one in runs if one.statement and is_optional(self.source, one.statement)):
            line, _ = self.source.line_column(self.source.span(statement)[0])
            raise SiteError(
                f"the program goes on where line {line} cannot import `{need.name}`, and the replacement needs it; "
                "decide there what should happen then"
            )

    def _is_bound(self, name: str) -> bool:
        return is_surely_bound(self.source, name, self.at, self.position)

    def _is_there(self, need: Provided, target: str, spelled: str) -> bool:
        """Tell whether a name is there as the file spells it, without the statement."""
        if self._is_loaded(need.loads(target), _root(spelled)):
            return True
        # `from a import b` cannot stand beside another `b`; then the file's own `a.b` has to be it.
        taken = any(not self._is_same(one, need) for one in self.names.read(need.name, self.at, self.position))
        return taken and not need.is_plain and self._is_loaded(need.module, _root(spelled))

    def _is_loaded(self, module: str, root: str) -> bool:
        return not module or loads(self.source, module, root, self.at, self.position)

    def _in_scope(self, name: str) -> None:
        check_in_scope(self.source, name, self.at, self.position)


def _root(spelled: str) -> str:
    return spelled.partition(".")[0]


def _for_types_only(source: Source, node: cst.CSTNode) -> bool:
    """Tell whether a node stands under `if TYPE_CHECKING`, so that what it binds does not exist at run time."""
    tests = (above.test for above in source.ancestors(node) if isinstance(above, cst.If))
    return any((dotted(test) or "").endswith("TYPE_CHECKING") for test in tests)
