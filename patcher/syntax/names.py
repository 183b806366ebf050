"""Which dotted names a name in a file may mean, through every import form, and never a local of the same spelling.

What is bound where is `patcher.syntax.scopes`. A name means every import of it that may hold at a place: those in all
arms of a try, an if or a match, and none that something certainly binds anew before the place, or before a function
that reads it can run.
"""

from __future__ import annotations

import builtins

import libcst as cst

from patcher.syntax.modules import package_of
from patcher.syntax.nodes import literal
from patcher.syntax.order import Order
from patcher.syntax.scopes import Binding, FunctionLike, Scope, Scopes
from patcher.syntax.source import Source

__all__ = ["BUILTINS", "Binding", "Names", "dotted", "leads"]

BUILTINS = frozenset(dir(builtins)) | {
    "__annotations__", "__builtins__", "__class__", "__doc__", "__file__", "__module__", "__name__", "__path__",
    "__qualname__", "__spec__",
}  # fmt: skip


def dotted(node: cst.CSTNode | None) -> str | None:
    """Return `a.b.c` for a chain of attributes on a name, else None."""
    parts: list[str] = []
    while isinstance(node, cst.Attribute):
        parts.append(node.attr.value)
        node = node.value
    if not isinstance(node, cst.Name):
        return None
    return ".".join((node.value, *reversed(parts)))


def leads(origin: str, target: str) -> bool:
    """Tell whether a dotted name is another one, or something below it."""
    return f"{target}.".startswith(f"{origin}.")


class Names:
    """The names of one file, over its `scopes`. `imports` are all but the star imports, which are `stars`."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._order = Order(source)
        self.scopes = Scopes(source, self._order)
        self.imports: list[Binding] = []
        self.stars: list[cst.ImportFrom] = []
        for statement in source.of(cst.Import):
            for alias in statement.names:
                self._bind_import(statement, alias)
        for imported in source.of(cst.ImportFrom):
            self._bind_from(imported)
        self.scopes.settle()

    # --- what a name means ------------------------------------------------------------------------------------------

    def origins(self, node: cst.CSTNode, quoted: str = "") -> tuple[str, ...]:
        """Return, sorted, the dotted names that a name or attribute chain may mean through imports or builtins.

        What it is taken from, if that is another file of the tree, and what that file takes it from. `quoted` is what
        a string has, where that is the node.
        """
        found = self.imported_as(node, quoted)
        return tuple(sorted({meant for origin in found for meant in self._meanings(origin)}))

    def imported_as(self, node: cst.CSTNode, quoted: str = "") -> tuple[str, ...]:
        """Return, sorted, the dotted names by which the file's own imports, or the builtins, have a name or chain."""
        if quoted:
            return self._imported_as(quoted, node)
        root = node
        while isinstance(root, cst.Attribute):
            root = root.value
        if not isinstance(root, cst.Name) or not self.scopes.is_read(root):
            return ()
        return self._imported_as(dotted(node) or root.value, root)

    def _imported_as(self, spelled: str, at: cst.CSTNode) -> tuple[str, ...]:
        root = spelled.partition(".")[0]
        rest = spelled[len(root) :]
        homes = self.scopes.seen(root, at)
        if not homes:
            return (spelled,) if root in BUILTINS else ()
        origins = (origin for home in homes for origin in self._imported(home, root, at))
        return tuple(sorted({self._through_stand_ins(origin + rest) for origin in origins}))

    def _meanings(self, origin: str) -> list[str]:
        """Return an imported name and what stands behind it in the tree, shims by their names in recipes."""
        return [self._through_stand_ins(one) for one in (origin, *self._source.behind(origin))]

    def handed_on(self, name: str) -> list[str]:
        """Return what a name that the module imports, or may have by `import *`, means to those who import it."""
        home = self.scopes.module
        if name in home.bindings:
            return self._imported(home, name)
        return [f"{self.module_of(star)}.{name}" for star in self.stars]

    def origins_of(self, binding: Binding) -> tuple[str, ...]:
        """Return what a binding itself imports, a copied shim by its name in recipes; empty for anything else."""
        return (self._through_stand_ins(binding.origin),) if binding.origin else ()

    def bindings(self, name: str, at: cst.CSTNode) -> list[Binding]:
        """Return what binds a name in the scope of a node, or around it; empty for builtins and unknown names."""
        home = self.scopes.home(name, self.scopes.of(at))
        return list(home.bindings[name]) if home else []

    def read(self, name: str, at: cst.CSTNode, position: int | None = None) -> list[Binding]:
        """Return what may bind a name where it is read at a node: in a class, what the module does before it does.

        `at` is read at an offset, if not as it begins.
        """
        return [one for home in self.scopes.seen(name, at, position) for one in home.bindings[name]]

    def bound(self, name: str, at: cst.CSTNode) -> bool:
        """Tell whether a name is bound at a node by anything: import, parameter, assignment, builtin."""
        return name in BUILTINS or self.home(name, at) is not None

    def is_read(self, node: cst.Name) -> bool:
        """Tell whether a Name reads a variable; it does not where it is bound, or is an attribute or a keyword."""
        return self.scopes.is_read(node)

    def leading_to(self, target: str) -> set[str]:
        """Return the names with which an expression that means `target` (dotted) can begin in this file."""
        first = target.partition(".")[0]
        found = {first} if first in BUILTINS else set()
        for binding in self.imports:
            if any(leads(meant, target) for meant in self._meanings(binding.origin or "")):
                found.add(binding.name)
        return found

    def spell(self, target: str, at: cst.CSTNode, position: int | None = None) -> str | None:
        """Return the shortest of `spellings`, or None."""
        return next(iter(self.spellings(target, at, position)), None)

    def spellings(self, target: str, at: cst.CSTNode, position: int | None = None) -> list[str]:
        """Return how `target` (dotted) may be written at a node with the imports that the file has, the shortest first.

        That an import in scope is made before, in its own scope, is not looked at. `position` as in `read`.
        """
        found: list[str] = []
        for binding in self.imports:
            leading = [one for one in self._meanings(binding.origin or "") if leads(one, target)]
            if leading and self._usable(binding, at, position):
                found += [binding.name + target[len(one) :] for one in leading]
        return sorted(found, key=lambda spelled: (spelled.count("."), spelled))

    def uses(self, binding_name: str, scope_node: cst.CSTNode) -> list[cst.Name]:
        """Return every Name that reads `binding_name` as bound in the scope of a node, in the order of the text."""
        home = self.scopes.home(binding_name, self.scopes.of(scope_node))
        named = (node for node in self._source.of(cst.Name) if node.value == binding_name)
        read = ((node, self.scopes.seen(binding_name, node)) for node in named if self.scopes.is_read(node))
        return [node for node, homes in read if (home in homes if homes else home is None)]

    @property
    def top(self) -> set[str]:
        """The names that the module itself binds, for those too that import it."""
        return {name for name, there in self.scopes.module.bindings.items() if there}

    def unbound(self) -> set[str]:
        """Return the names that are read and that nothing binds; empty where a star import may bind them."""
        return set() if self.stars else self.unresolved()

    def unresolved(self) -> set[str]:
        """Return the names that are read and that nothing in the file binds by name."""
        foreign = (node for node in self._source.of(cst.Name) if node.value not in BUILTINS)
        return {node.value for node in foreign if self.scopes.is_read(node) and self.home(node.value, node) is None}

    def in_all(self, string: cst.SimpleString) -> bool:
        """Tell whether a string stands in the module's `__all__`."""
        for above in self._source.ancestors(string):
            match above:
                case cst.Assign():
                    return any(dotted(target.target) == "__all__" for target in above.targets)
                case cst.AugAssign() | cst.AnnAssign():
                    return dotted(above.target) == "__all__"
                case cst.Call() if dotted(above.func) in ("__all__.append", "__all__.extend"):
                    return True
        return False

    def exported(self, name: str) -> bool:
        """Tell whether a name is listed in `__all__`."""
        return any(literal(one) == name for one in self.listed())

    def listed(self) -> list[cst.SimpleString]:
        """Return the strings of `__all__`."""
        return [one for one in self._source.of(cst.SimpleString) if self.in_all(one)]

    # --- where a place is -------------------------------------------------------------------------------------------

    def enclosing_function(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the function, lambda or module whose assignments are seen at a node."""
        scope = self.scopes.of(node)
        while scope.parent is not None and not isinstance(scope.node, FunctionLike):
            scope = scope.parent
        return scope.node

    def qualname(self, node: cst.CSTNode) -> str:
        """Return the qualified name of the function or class around a node ("" at the top of the module)."""
        above = [node, *self._source.ancestors(node)]
        parts = [one.name.value for one in above if isinstance(one, (cst.FunctionDef, cst.ClassDef))]
        return ".".join(reversed(parts))

    def qualnames(self) -> list[str]:
        """Return the qualified names of all functions and classes of the file."""
        definitions = [*self._source.of(cst.FunctionDef), *self._source.of(cst.ClassDef)]
        return [self.qualname(node) for node in definitions]

    def module_of(self, statement: cst.ImportFrom) -> str:
        """Return the module of a from-import from the root of the tree; a relative one is resolved by the file's path.

        One that leads out of the tree keeps a dot for each folder that it leaves.
        """
        module = dotted(statement.module) or ""
        if not statement.relative:
            return module
        package = package_of(self._source.path)
        kept = len(package) + 1 - len(statement.relative)
        if kept < 0:
            return "." * -kept + module
        return ".".join((*package[:kept], module) if module else package[:kept])

    def takes_effect(self, binding: Binding) -> int:
        """Return the offset behind which a binding holds, in the text of its own scope."""
        return self._order.takes_effect(binding)

    # --- which imports hold -----------------------------------------------------------------------------------------

    def home(self, name: str, at: cst.CSTNode) -> Scope | None:
        """Return the scope that binds a name as it is read at a node."""
        return next(iter(self.scopes.seen(name, at)), None)

    def _imported(self, home: Scope, name: str, at: cst.CSTNode | None = None) -> list[str]:
        """Return the origins of the imports that a name bound in `home` may mean at a node, or when `home` has run."""
        bindings = home.bindings[name]
        if len(bindings) > 1:
            before = self._source.span(at)[0] if at is not None and self.scopes.of(at) is home else None
            made = [one for one in bindings if before is None or self.takes_effect(one) <= before]
            # What another function does (global, nonlocal) happens only if it is called.
            made = [one for one in made if self.scopes.of(one.node) is home]
            bindings = [one for one in bindings if not any(self._order.replaces(other, one) for other in made)]
        return [one.origin for one in bindings if one.origin is not None]

    def _usable(self, binding: Binding, at: cst.CSTNode, position: int | None) -> bool:
        """Tell whether an import is in scope at a node, and made when the program runs."""
        homes = self.scopes.seen(binding.name, at, position)
        if len(homes) != 1 or not any(one is binding for one in homes[0].bindings[binding.name]):
            return False
        return binding.origin in self._imported(homes[0], binding.name, at) and not self._type_only(binding.node)

    def _type_only(self, node: cst.CSTNode) -> bool:
        """Tell whether a node stands under `if TYPE_CHECKING`, where nothing exists when the program runs."""
        arms = self._order.arms(node).items()
        tests = [above.test for above, arm in arms if isinstance(above, cst.If) and arm is above.body]
        return any((dotted(test) or "").rpartition(".")[2] == "TYPE_CHECKING" for test in tests)

    def _through_stand_ins(self, origin: str) -> str:
        """Give a copied shim its name in recipes."""
        for module, shim in self._source.stand_ins.items():
            # A dot in front: reached relatively from the root of the tree.
            if f"{origin}.".removeprefix(".").startswith(f"{module}."):
                return shim + origin.removeprefix(".")[len(module) :]
        return origin

    # --- imports ----------------------------------------------------------------------------------------------------

    def _bind_import(self, statement: cst.Import, alias: cst.ImportAlias) -> None:
        name = dotted(alias.name) or ""
        if alias.asname is not None:
            self._bind(dotted(alias.asname.name), name, statement, alias)
        else:
            self._bind(name.partition(".")[0], name.partition(".")[0], statement, alias)

    def _bind_from(self, statement: cst.ImportFrom) -> None:
        if isinstance(statement.names, cst.ImportStar):
            self.stars.append(statement)
            return
        module = self.module_of(statement)
        if len(statement.relative) > len(package_of(self._source.path)):
            module = f".{module}"  # a file at the root of the tree, and not the package of that name
        for alias in statement.names:
            name = dotted(alias.name) or ""
            origin = f"{module}{name}" if module.endswith(".") else f"{module}.{name}"
            self._bind(dotted(alias.asname.name) if alias.asname else name, origin, statement, alias)

    def _bind(
        self, local: str | None, origin: str, statement: cst.Import | cst.ImportFrom, alias: cst.ImportAlias
    ) -> None:
        binding = Binding(local or "", alias, origin, statement, alias)
        self.imports.append(binding)
        self.scopes.bind(binding, self.scopes.of(statement))
