"""Modules that a variable holds (`x = torch.optim`, `m = import_module("torch.optim")`): no step follows those.

What is read through such a variable is told. Nothing is followed further, neither arguments nor what is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst

from patcher.syntax.names import dotted
from patcher.syntax.source import Source

__all__ = ["imports_module", "through_variables"]

# What gives a module by its name in a string.
IMPORTING = {"importlib.import_module", "__import__", "pytest.importorskip"}


@dataclass(frozen=True, slots=True)
class _Held:
    """A variable, as it is written where it is read, what sets it, and the module (dotted) that it then holds."""

    spelled: str
    node: cst.CSTNode
    module: str


def imports_module(source: Source, module: str) -> bool:
    """Tell whether a file imports a module as a whole, so that a string in it may mean a name of that."""
    if any(one.origin == module for one in source.names.imports):
        return True
    return module.encode() in source.text and any(_by_string(source, call) == module for call in source.of(cst.Call))


def through_variables(source: Source, name: str) -> Iterator[tuple[int, str]]:
    """Yield offset and reason for each place that may read a name (dotted) from a module that a variable holds."""
    module, _, leaf = name.rpartition(".")
    accesses = source.chains(leaf) if module.partition(".")[0].encode() in source.text else []
    held = list(_held(source, name)) if accesses else []
    for access in accesses:
        spelled = dotted(access)
        one = next((one for one in held if _is_read(source, access, one, name)), None)
        if one:
            yield source.span(access)[0], f"`{spelled}` may be {name}, as `{one.spelled}` may be {one.module}"
        elif isinstance(access.value, cst.Call) and _by_string(source, access.value) == module:
            yield source.span(access)[0], f"{name} may be read here, as {module} is imported by a string"


def _is_read(source: Source, access: cst.Attribute, held: _Held, name: str) -> bool:
    if dotted(access) != held.spelled + name[len(held.module) :]:
        return False
    own = "." in held.spelled  # of an object, and which one cannot be told
    return own or any(one.node is held.node for one in source.names.read(held.spelled, access))


def _held(source: Source, name: str) -> Iterator[_Held]:
    """Yield the variables that may hold a module on the way to a name."""
    roots = source.names.leading_to(name)
    for target, node, value in _assignments(source):
        for module in _modules(source, value, roots):
            for spelled in _spellings(source, target, node) if name.startswith(f"{module}.") else ():
                yield _Held(spelled, node, module)


def _assignments(source: Source) -> Iterator[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode | None]]:
    """Yield what is assigned to, the node that binds it, and the value."""
    for assign in source.of(cst.Assign):
        yield from ((one.target, one, assign.value) for one in assign.targets)
    others: list[cst.AnnAssign | cst.NamedExpr] = [*source.of(cst.AnnAssign), *source.of(cst.NamedExpr)]
    yield from ((one.target, one, one.value) for one in others)


def _spellings(source: Source, target: cst.CSTNode, node: cst.CSTNode) -> Iterator[str]:
    """Yield how a variable is written where it is read; one of a class is an attribute of its objects too."""
    spelled = dotted(target)
    if spelled:
        yield spelled
        if isinstance(source.names.scopes.of(node).node, cst.ClassDef):
            yield from (f"{owner}.{spelled}" for owner in ("self", "cls"))


def _modules(source: Source, value: cst.CSTNode | None, roots: set[str]) -> Iterator[str]:
    """Yield the dotted names that a value may mean, of which `roots` are where to look."""
    match value:
        case cst.Name() | cst.Attribute() if (dotted(value) or "").partition(".")[0] in roots:
            yield from source.names.origins(value)
        case cst.Call() if module := _by_string(source, value):
            yield module
        case cst.IfExp():
            yield from _modules(source, value.body, roots)
            yield from _modules(source, value.orelse, roots)
        case cst.BooleanOperation():
            yield from _modules(source, value.left, roots)
            yield from _modules(source, value.right, roots)


def _by_string(source: Source, call: cst.Call) -> str:
    """Return the module that a call imports by a string, or nothing."""
    string = call.args[0].value if call.args else None
    if not isinstance(string, cst.SimpleString) or IMPORTING.isdisjoint(source.names.origins(call.func)):
        return ""
    return str(string.evaluated_value)
