"""The scopes of one file: what binds a name, and which of these bindings is seen from a place.

An analysis of our own, because LibCST's resolves the whole file at a tenth of the parser's speed and returns unordered
sets. It takes no account of the order in which things run, but in the body of a class; `patcher.syntax.names` does
where that matters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import libcst as cst

from patcher.syntax.order import Order
from patcher.syntax.source import Source

__all__ = [
    "BINDERS",
    "Binding",
    "Comprehension",
    "FunctionLike",
    "Scope",
    "Scopes",
    "entered_scope",
    "identifier_of",
    "names_in",
]

FunctionLike = (cst.FunctionDef, cst.Lambda)
Comprehension = (cst.GeneratorExp, cst.ListComp, cst.SetComp, cst.DictComp)
SCOPING = {cst.Module, cst.ClassDef, cst.TypeAlias, *FunctionLike, *Comprehension}

# The field that holds what a node binds, other than imports, definitions and parameters.
BINDERS: dict[type[cst.CSTNode], str] = {
    cst.AssignTarget: "target", cst.AnnAssign: "target", cst.AugAssign: "target", cst.NamedExpr: "target",
    cst.For: "target", cst.CompFor: "target", cst.WithItem: "asname", cst.ExceptHandler: "name",
    cst.ExceptStarHandler: "name", cst.MatchAs: "name", cst.MatchStar: "name", cst.MatchMapping: "rest",
    cst.TypeAlias: "name", cst.TypeVar: "name", cst.ParamSpec: "name", cst.TypeVarTuple: "name",
}  # fmt: skip

# The field in which a name is only a name: it is no expression and means nothing by itself.
IDENTIFIERS: dict[type[cst.CSTNode], str] = {
    cst.Attribute: "attr", cst.Arg: "keyword", cst.FunctionDef: "name", cst.ClassDef: "name", cst.Param: "name",
    cst.ImportAlias: "name", cst.ImportFrom: "module", cst.AsName: "name", cst.NameItem: "name",
    cst.MatchKeywordElement: "key",
}  # fmt: skip


def identifier_of(node: cst.CSTNode | None) -> cst.CSTNode | None:
    """Return what stands directly below a node as a mere name: an attribute, a keyword, the name of a definition."""
    found = getattr(node, IDENTIFIERS.get(type(node), ""), None)  # type: ignore[arg-type]
    return found if isinstance(found, cst.CSTNode) else None


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


@dataclass(slots=True, eq=False)
class Scope:
    """A module, class, function, comprehension or list of type parameters, and the names bound in it."""

    node: cst.CSTNode
    parent: Scope | None
    bindings: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    outer: dict[str, bool] = field(default_factory=dict)  # names declared nonlocal, or global (True), here


class Scopes:
    """The scopes of one file, without its imports: those are bound by who knows what they mean, then `settle`."""

    def __init__(self, source: Source, order: Order) -> None:
        self._source, self._order = source, order
        self._scopes: dict[cst.CSTNode, Scope] = {}
        self._nonlocal: list[tuple[Binding, Scope]] = []
        self.module = self._scope(source.module)
        self.targets: set[cst.CSTNode] = set()
        outers: list[cst.Global | cst.Nonlocal] = [*source.of(cst.Global), *source.of(cst.Nonlocal)]
        for outer in outers:
            names = dict.fromkeys((item.name.value for item in outer.names), isinstance(outer, cst.Global))
            self.of(outer).outer.update(names)

    # --- questions --------------------------------------------------------------------------------------------------

    def of(self, node: cst.CSTNode) -> Scope:
        """Return the scope in which an expression is evaluated, or a statement run."""
        child, grandchild = node, node
        for above in self._source.ancestors(node):
            entered = entered_scope(above, child, grandchild)
            if entered is not None:
                return self._scope(entered)
            child, grandchild = above, child
        return self.module

    def home(self, name: str, scope: Scope | None) -> Scope | None:
        """Return the scope that binds a name as seen from a scope."""
        direct = True
        while scope is not None:
            if name in scope.bindings and (direct or not isinstance(scope.node, cst.ClassDef)):
                return scope
            direct = direct and isinstance(scope.node, cst.TypeParameters)
            scope = self.module if scope.outer.get(name) and scope is not self.module else scope.parent
        return None

    def seen(self, name: str, at: cst.CSTNode, position: int | None = None) -> list[Scope]:
        """Return the scopes of which a name may be read at a node, the nearest first; `position` as in `Order.made`.

        What a class reads before it binds it is the module's, also where a function around the class binds it too.
        """
        home = self.home(name, self.of(at))
        if home is None or not isinstance(home.node, cst.ClassDef):
            return [home] if home else []
        made = self._order.made(name, home.bindings[name], at, position)
        outer = [self.module] if made is not True and name in self.module.bindings else []
        return outer if made is False else [home, *outer]

    def is_read(self, node: cst.Name) -> bool:
        """Tell whether a Name reads a variable; it does not where it is bound, or is an attribute or a keyword."""
        above = self._source.parent(node)
        if node in self.targets or identifier_of(above) is node:
            return False
        while isinstance(above, cst.Attribute):
            above = self._source.parent(above)
        return not isinstance(above, (cst.ImportAlias, cst.ImportFrom))

    def is_variable(self, node: cst.Name) -> bool:
        """Tell whether a Name reads or binds a variable."""
        return node in self.targets or self._is_definition(node) or self.is_read(node)

    def of_variable(self, node: cst.Name) -> Scope | None:
        """Return the scope that binds the variable that a Name reads or binds; None for builtins and unknown names."""
        if isinstance(self._source.parent(node), cst.Param) and self._is_definition(node):
            return self._scope(next(above for above in self._source.ancestors(node) if isinstance(above, FunctionLike)))
        if node in self.targets or self._is_definition(node):
            return self.home(node.value, self.of(node))
        return next(iter(self.seen(node.value, node)), None)

    def _is_definition(self, node: cst.Name) -> bool:
        above = self._source.parent(node)
        return isinstance(above, (cst.Param, cst.FunctionDef, cst.ClassDef)) and above.name is node

    # --- building ---------------------------------------------------------------------------------------------------

    def bind(self, binding: Binding, scope: Scope) -> None:
        """Bind a name in a scope, or where the scope declares it to be."""
        declared = scope.outer.get(binding.name)
        if declared is False:
            self._nonlocal.append((binding, scope))
        else:
            (self.module if declared else scope).bindings[binding.name].append(binding)

    def settle(self) -> None:
        """Bind everything but imports."""
        source = self._source
        definitions: list[cst.FunctionDef | cst.ClassDef] = [*source.of(cst.FunctionDef), *source.of(cst.ClassDef)]
        for definition in definitions:
            self.bind(Binding(definition.name.value, definition), self.of(definition))
        for param in source.of(cst.Param):
            function = next(above for above in source.ancestors(param) if isinstance(above, FunctionLike))
            self.bind(Binding(param.name.value, param), self._scope(function))
        for kind, field_name in BINDERS.items():
            for node in source.of(kind):
                for target in names_in(getattr(node, field_name)):
                    self._bind_target(target, node)
        for binding, scope in self._nonlocal:
            home = self.home(binding.name, scope.parent) or self.module
            home.bindings[binding.name].append(binding)

    def _bind_target(self, target: cst.Name, node: cst.CSTNode) -> None:
        if not isinstance(node, cst.AugAssign):  # that one reads its target too
            self.targets.add(target)
        scope = self.of(node)
        if isinstance(node, cst.NamedExpr):  # a walrus binds around the comprehensions that it stands in
            while isinstance(scope.node, Comprehension) and scope.parent is not None:
                scope = scope.parent
        self.bind(Binding(target.value, node), scope)

    def _scope(self, node: cst.CSTNode) -> Scope:
        scope = self._scopes.get(node)
        if scope is None:
            scope = self._scopes[node] = Scope(node, self._around(node))
        return scope

    def _around(self, node: cst.CSTNode) -> Scope | None:
        if isinstance(node, cst.Module):
            return None
        parameters = getattr(node, "type_parameters", None)
        if parameters is not None:
            return self._scope(parameters)
        definition = self._source.parent(node) if isinstance(node, cst.TypeParameters) else node
        assert definition is not None
        return self.of(definition)


def entered_scope(above: cst.CSTNode, child: cst.CSTNode, grandchild: cst.CSTNode) -> cst.CSTNode | None:
    """Return the node whose scope begins between a node and what stands below it, or None."""
    if type(above) not in SCOPING:  # nearly every node; asking an abstract class for each of them is slow
        return None
    match above:
        case cst.Module():
            return above
        case cst.FunctionDef() | cst.ClassDef():
            if child is above.body:
                return above
            return None if isinstance(child, cst.Decorator) else above.type_parameters
        case cst.TypeAlias():
            return above.type_parameters
        case cst.Lambda():
            return above if child is above.body else None
        case cst.GeneratorExp() | cst.ListComp() | cst.SetComp() | cst.DictComp():
            # The first iterable is evaluated outside.
            return None if child is above.for_in and grandchild is above.for_in.iter else above
    return None


def names_in(target: cst.CSTNode | None) -> Iterator[cst.Name]:
    """Yield the names that a target binds."""
    match target:
        case cst.Name():
            yield target
        case cst.AsName():
            yield from names_in(target.name)
        case cst.Tuple() | cst.List():
            for element in target.elements:
                yield from names_in(element.value)
