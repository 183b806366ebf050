"""Which dotted names a name in a file may mean, through every import form, and never a local of the same spelling.

A scope analysis of our own, because LibCST's resolves the whole file at a tenth of the parser's speed and returns
unordered sets. It is flow-insensitive with one exception that research code needs: a name that is imported in one arm
of a try or if and assigned in another (`flash_attn_func = None`) still means the import.
"""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import libcst as cst

from patcher.syntax.source import Source

__all__ = ["Binding", "Names", "dotted", "module_name"]

BUILTINS = frozenset(dir(builtins)) | {"__file__", "__name__", "__doc__", "__path__", "__spec__", "__class__"}

FunctionLike = (cst.FunctionDef, cst.Lambda)
Comprehension = (cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp)
ScopeNode = (cst.Module, cst.ClassDef, *FunctionLike, *Comprehension)

# The field that holds what a node binds, other than imports, definitions and parameters.
BINDERS: dict[type[cst.CSTNode], str] = {
    cst.AssignTarget: "target", cst.AnnAssign: "target", cst.AugAssign: "target", cst.NamedExpr: "target",
    cst.For: "target", cst.CompFor: "target", cst.WithItem: "asname", cst.ExceptHandler: "name",
    cst.ExceptStarHandler: "name", cst.MatchAs: "name", cst.MatchStar: "name", cst.MatchMapping: "rest",
    cst.TypeAlias: "name", cst.TypeVar: "name", cst.ParamSpec: "name", cst.TypeVarTuple: "name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Binding:
    """One place that binds a name: the node, and the dotted name for an import (None for anything else).

    `statement` is the Import or ImportFrom of an import, `alias` its entry for this name.
    """

    name: str
    node: cst.CSTNode
    origin: str | None = None
    statement: cst.Import | cst.ImportFrom | None = None
    alias: cst.ImportAlias | None = None


@dataclass(slots=True)
class _Scope:
    node: cst.CSTNode
    parent: _Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    outer: dict[str, bool] = field(default_factory=dict)  # names declared nonlocal, or global (True), here


def dotted(node: cst.CSTNode) -> str | None:
    """Return `a.b.c` for a chain of attributes on a name, else None."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return None
    return ".".join((node.value, *reversed(parts)))


def module_name(path: str) -> str:
    """Return the dotted name under which a file of the tree is imported from the tree's root."""
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class Names:
    """The scopes of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._scopes: dict[cst.CSTNode, _Scope] = {}
        self._module = self._scope(source.module)
        self.imports: list[Binding] = []
        self.stars: list[cst.ImportFrom] = []
        self._bind_all()

    # --- questions --------------------------------------------------------------------------------------------------

    def origins(self, node: cst.CSTNode) -> tuple[str, ...]:
        """Return, sorted, the dotted names that a name or attribute chain may mean through imports or builtins."""
        spelled = dotted(node)
        if spelled is None:
            return ()
        root, _, rest = spelled.partition(".")
        found = self._lookup(root, self._scope_of(node))
        if found is None:
            return (spelled,) if root in BUILTINS else ()
        origins = {f"{origin}.{rest}" if rest else origin for origin in self._imported(found)}
        return tuple(sorted(self._through_stand_ins(origin) for origin in origins))

    def origins_of(self, binding: Binding) -> tuple[str, ...]:
        """Return what a binding itself imports, a copied shim by its name in recipes; empty for anything else."""
        return (self._through_stand_ins(binding.origin),) if binding.origin else ()

    def bindings(self, name: str, at: cst.CSTNode) -> list[Binding]:
        """Return what binds a name as seen from a node; empty for builtins and unknown names."""
        return list(self._lookup(name, self._scope_of(at)) or ())

    def bound(self, name: str, at: cst.CSTNode) -> bool:
        """Tell whether a name is bound at a node by anything: import, parameter, assignment, builtin."""
        return bool(self.bindings(name, at)) or name in BUILTINS

    def spell(self, target: str, at: cst.CSTNode) -> str | None:
        """Return how `target` (dotted) is written at a node with the imports that the file has, the shortest way first.

        None where no import that is in scope leads there.
        """
        parts = target.split(".")
        found: list[str] = []
        for binding in self.imports:
            origin = self._through_stand_ins(binding.origin or "").split(".")
            if parts[: len(origin)] != origin:
                continue
            seen = self.bindings(binding.name, at)
            if any(one is binding for one in seen) and self._imported(seen) and not self._type_only(binding.node):
                found.append(".".join((binding.name, *parts[len(origin) :])))
        return min(found, key=lambda spelled: (spelled.count("."), spelled), default=None)

    def uses(self, binding_name: str, scope_node: cst.CSTNode) -> list[cst.Name]:
        """Return every Name that reads `binding_name` as bound in the scope of a node, in the order of the text."""
        home = self._home(binding_name, self._scope_of(scope_node))
        return [
            node
            for node in self._source.of(cst.Name)
            if node.value == binding_name
            and self._is_read(node)
            and self._home(binding_name, self._scope_of(node)) is home
        ]

    def in_all(self, string: cst.SimpleString) -> bool:
        """Tell whether a string stands in the module's `__all__`."""
        assigns = (above for above in self._source.ancestors(string) if isinstance(above, cst.Assign))
        return any(dotted(target.target) == "__all__" for one in assigns for target in one.targets)

    def exported(self, name: str) -> bool:
        """Tell whether a name is listed in `__all__`."""
        strings = self._source.of(cst.SimpleString)
        return any(one.evaluated_value == name and self.in_all(one) for one in strings)

    def unbound(self) -> set[str]:
        """Return the names that are read and that nothing binds; empty where a star import may bind them."""
        if self.stars:
            return set()
        return {
            node.value
            for node in self._source.of(cst.Name)
            if node.value not in BUILTINS
            and self._is_read(node)
            and self._lookup(node.value, self._scope_of(node)) is None
        }

    def enclosing_function(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the function, lambda or module whose assignments are seen at a node."""
        for above in self._source.ancestors(node):
            if isinstance(above, (*FunctionLike, cst.Module)):
                return above
        return self._source.module

    def qualname(self, node: cst.CSTNode) -> str:
        """Return the qualified name of the function or class around a node ("" at the top of the module)."""
        above = [node, *self._source.ancestors(node)]
        parts = [one.name.value for one in above if isinstance(one, (cst.FunctionDef, cst.ClassDef))]
        return ".".join(reversed(parts))

    def _type_only(self, node: cst.CSTNode) -> bool:
        """Tell whether a node stands under `if TYPE_CHECKING`, where nothing exists when the program runs."""
        tests = (above.test for above in self._source.ancestors(node) if isinstance(above, cst.If))
        return any((dotted(test) or "").endswith("TYPE_CHECKING") for test in tests)

    def qualnames(self) -> list[str]:
        """Return the qualified names of all functions and classes of the file."""
        definitions = [*self._source.of(cst.FunctionDef), *self._source.of(cst.ClassDef)]
        return [self.qualname(node) for node in definitions]

    # --- scopes -----------------------------------------------------------------------------------------------------

    def _scope(self, node: cst.CSTNode) -> _Scope:
        scope = self._scopes.get(node)
        if scope is None:
            parent = None if isinstance(node, cst.Module) else self._scope_of(node)
            scope = self._scopes[node] = _Scope(node, parent)
        return scope

    def _scope_of(self, node: cst.CSTNode) -> _Scope:
        """Return the scope in which an expression is evaluated."""
        child, grandchild = node, node
        for above in self._source.ancestors(node):
            if isinstance(above, ScopeNode) and self._inside(above, child, grandchild):
                return self._scope(above)
            child, grandchild = above, child
        return self._scope(self._source.module)

    def _inside(self, above: cst.CSTNode, child: cst.CSTNode, grandchild: cst.CSTNode) -> bool:
        """Tell whether what lies below a scope's node is evaluated within that scope and not around it."""
        if isinstance(above, (cst.ClassDef, *FunctionLike)):
            return child is above.body or isinstance(child, cst.TypeParameters)
        if isinstance(above, Comprehension):  # the first iterable is evaluated outside
            return child is not above.for_in or grandchild is not above.for_in.iter
        return True

    def _lookup(self, name: str, scope: _Scope | None) -> list[Binding] | None:
        home = self._home(name, scope)
        return home.bindings[name] if home else None

    def _home(self, name: str, scope: _Scope | None) -> _Scope | None:
        """Return the scope that binds a name as seen from a scope."""
        first = True
        while scope is not None:
            visible = first or not isinstance(scope.node, cst.ClassDef)
            if visible and name in scope.bindings:
                return scope
            first = False
            scope = self._module if scope.outer.get(name) and scope is not self._module else scope.parent
        return None

    def _imported(self, bindings: list[Binding]) -> list[str]:
        """Return the origins of the imports among bindings, unless something else certainly rebinds the name."""
        imports = [one for one in bindings if one.origin is not None]
        for other in bindings:
            if other.origin is None and not any(self._gives_way(other, one) for one in imports):
                return []
        return [one.origin for one in imports if one.origin is not None]

    def _gives_way(self, other: Binding, imported: Binding) -> bool:
        """Tell whether the import may hold in spite of another binding: it comes later, or in another arm."""
        if self._source.span(other.node)[0] < self._source.span(imported.node)[0]:
            return True
        mine, theirs = self._arms(other.node), self._arms(imported.node)
        return any(node in theirs and theirs[node] is not arm for node, arm in mine.items())

    def _arms(self, node: cst.CSTNode) -> dict[cst.CSTNode, cst.CSTNode]:
        """Return, for each try and if around a node, the arm in which the node stands."""
        arms: dict[cst.CSTNode, cst.CSTNode] = {}
        child = node
        for above in self._source.ancestors(node):
            if isinstance(above, (cst.Try, cst.If)):
                arms[above] = child
            child = above
        return arms

    def _through_stand_ins(self, origin: str) -> str:
        """Give a copied shim its name in recipes."""
        for module, shim in self._source.stand_ins.items():
            if origin == module or origin.startswith(module + "."):
                return shim + origin[len(module) :]
        return origin

    def _is_read(self, node: cst.Name) -> bool:
        above = self._source.parent(node)
        if isinstance(above, cst.Attribute):
            return above.value is node and not self._in_import(above)
        if isinstance(above, cst.Arg):
            return above.keyword is not node
        unread = (
            cst.ImportAlias,
            cst.ImportFrom,
            cst.AsName,
            cst.Param,
            cst.NameItem,
            cst.FunctionDef,
            cst.ClassDef,
        )
        if isinstance(above, unread):
            return isinstance(above, cst.Param) and above.name is not node
        return not isinstance(above, (cst.AssignTarget, cst.MatchAs, cst.MatchStar, cst.MatchKeywordElement))

    def _in_import(self, node: cst.CSTNode) -> bool:
        above = self._source.parent(node)
        while isinstance(above, cst.Attribute):
            above = self._source.parent(above)
        return isinstance(above, (cst.ImportAlias, cst.ImportFrom))

    # --- bindings ---------------------------------------------------------------------------------------------------

    def _bind_all(self) -> None:
        source = self._source
        outers: list[cst.Global | cst.Nonlocal] = [*source.of(cst.Global), *source.of(cst.Nonlocal)]
        for outer in outers:
            names = dict.fromkeys((item.name.value for item in outer.names), isinstance(outer, cst.Global))
            self._scope_of(outer).outer.update(names)
        for statement in source.of(cst.Import):
            for alias in statement.names:
                self._bind_import(statement, alias)
        for imported in source.of(cst.ImportFrom):
            self._bind_from(imported)
        definitions: list[cst.FunctionDef | cst.ClassDef] = [*source.of(cst.FunctionDef), *source.of(cst.ClassDef)]
        for definition in definitions:
            self._bind(definition.name.value, definition, self._scope_of(definition))
        for param in source.of(cst.Param):
            function = next(above for above in source.ancestors(param) if isinstance(above, FunctionLike))
            self._bind(param.name.value, param, self._scope(function))
        for target, node in self._targets():
            self._bind_target(target, node)

    def _bind(self, name: str, node: cst.CSTNode, scope: _Scope, *import_: object) -> None:
        while name in scope.outer and scope.parent is not None:
            scope = self._module if scope.outer[name] else scope.parent
        binding = Binding(name, node, *import_)  # type: ignore[arg-type]
        scope.bindings[name].append(binding)
        if binding.statement is not None:
            self.imports.append(binding)

    def _bind_import(self, statement: cst.Import, alias: cst.ImportAlias) -> None:
        name = dotted(alias.name) or ""
        if alias.asname is not None:
            local, origin = dotted(alias.asname.name) or "", name
        else:
            local = origin = name.partition(".")[0]
        self._bind(local, alias, self._scope_of(statement), origin, statement, alias)

    def _bind_from(self, statement: cst.ImportFrom) -> None:
        if isinstance(statement.names, cst.ImportStar):
            self.stars.append(statement)
            return
        module = self.module_of(statement)
        for alias in statement.names:
            name = dotted(alias.name) or ""
            local = dotted(alias.asname.name) if alias.asname else name
            origin = f"{module}.{name}" if module else name
            self._bind(local or "", alias, self._scope_of(statement), origin, statement, alias)

    def module_of(self, statement: cst.ImportFrom) -> str:
        """Return the module of a from-import from the root of the tree; a relative one is resolved by the file's path."""
        module = dotted(statement.module) if statement.module is not None else ""
        if not statement.relative:
            return module or ""
        package = PurePosixPath(self._source.path).parent.parts
        climbed = package[: len(package) - (len(statement.relative) - 1)]
        return ".".join((*climbed, module) if module else climbed)

    def _targets(self) -> Iterator[tuple[cst.CSTNode, cst.CSTNode]]:
        """Yield every binding target that is an expression, with the node that binds it."""
        for kind, field_name in BINDERS.items():
            for node in self._source.of(kind):
                target = getattr(node, field_name)
                if isinstance(target, cst.AsName):
                    target = target.name
                if target is not None:
                    yield target, node

    def _bind_target(self, target: cst.CSTNode, node: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            scope: _Scope | None = self._scope_of(node)
            if isinstance(node, cst.NamedExpr):  # a walrus binds around the comprehensions that it stands in
                while scope is not None and isinstance(scope.node, Comprehension):
                    scope = scope.parent
            self._bind(target.value, node, scope or self._module)
        elif isinstance(target, (cst.Tuple, cst.List)):
            for element in target.elements:
                self._bind_target(element.value, node)
