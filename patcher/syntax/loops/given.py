"""A call with what it is given read, and the axes and sizes that are named in it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from patcher.syntax.loops.reading import Reading, integer
from patcher.syntax.loops.values import Unproved, Value

__all__ = ["Given", "dim_node", "dims_named", "keeps_axis", "read_call", "sizes_given"]


@dataclass(frozen=True, slots=True)
class Given:
    """A call with its arguments read; of a method the first one is what it is called on."""

    node: ast.Call
    nodes: tuple[ast.expr, ...]
    values: tuple[Value, ...]
    named: dict[str, tuple[ast.expr, Value]]
    is_method: bool

    @property
    def all(self) -> list[Value]:
        """All values that are given."""
        return [*self.values, *(value for _, value in self.named.values())]

    def argument(self, at: int, *words: str) -> ast.expr | None:
        """Return the argument at a position or of a name."""
        for word in words:
            if word in self.named:
                return self.named[word][0]
        return self.nodes[at] if len(self.nodes) > at else None


def read_call(reading: Reading, node: ast.Call, base: Value | None = None) -> Given:
    """Read the arguments of a call; `base` is what a method is called on."""
    nodes, values = list(node.args), [reading.read(one) for one in node.args]
    if base is not None and isinstance(node.func, ast.Attribute):
        nodes, values = [node.func.value, *nodes], [base, *values]
    named = {one.arg: (one.value, reading.read(one.value)) for one in node.keywords if one.arg}
    return Given(node, tuple(nodes), tuple(values), named, base is not None)


def sizes_given(reading: Reading, nodes: Sequence[ast.expr], values: Sequence[Value]) -> tuple[str, ...] | None:
    """Return the sizes that are given one by one, or in one tuple."""
    if len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List):
        if any(isinstance(one, ast.Starred) for one in nodes[0].elts):
            return None
        return tuple(reading.size(one, reading.read(one)) for one in nodes[0].elts)
    if len(nodes) == 1 and values[0].shape_of is not None:
        return values[0].shape_of.sizes
    if len(nodes) == 1 and values[0].is_tensor is not False and not isinstance(nodes[0], ast.Constant):
        return None  # it may be a tuple
    return tuple(reading.size(one, value) for one, value in zip(nodes, values, strict=True))


def dim_node(given: Given, name: str) -> ast.expr | None:
    """Return the argument that names the axis, or the axes, of a call."""
    at = 2 if name == "norm" else 1
    return given.argument(at, "dim", "axis")


def dims_named(given: Given, name: str) -> list[int] | None:
    """Return the axes that a call names as numbers, or None where it names none or not so."""
    node = dim_node(given, name)
    if node is None:
        return None
    many = isinstance(node, ast.Tuple | ast.List)
    found = [integer(one) for one in node.elts] if many else [integer(node)]  # type: ignore[attr-defined]
    return None if None in found else [one for one in found if one is not None]


def _keepdim(given: Given, name: str) -> ast.expr | None:
    """Return the argument that tells whether the axis stays.

    Raises:
        Unproved: an argument stands where it is not known for it.
    """
    at = 3 if name == "norm" else 2
    if name in ("std", "var") and len(given.nodes) > 2:
        raise Unproved(f"calls `{name}` with arguments that are not read", given.node)
    node = given.argument(at, "keepdim", "keepdims")
    if node is not None and not (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
        raise Unproved(f"calls `{name}` with arguments that are not read", given.node)
    return node


def keeps_axis(given: Given, name: str) -> bool:
    """Tell whether the axis that is summed up stays, with size 1."""
    node = _keepdim(given, name)
    return isinstance(node, ast.Constant) and node.value is True
