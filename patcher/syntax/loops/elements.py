"""The elements of a subscript: what each does with an axis, and what they take of what does not move."""

from __future__ import annotations

import ast

from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.values import Value, tensor

__all__ = ["element", "element_moves", "fixed"]


def element(reading: Reading, node: ast.expr) -> str:
    """Return what an element of a subscript does with an axis: 'keep', 'drop', 'add', 'rest', 'all' or 'other'."""
    if isinstance(node, ast.Slice):
        return "all" if node.lower is node.upper is node.step is None else "keep"
    if isinstance(node, ast.Constant) and node.value is None:
        return "add"
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return "rest"
    value = reading.read(node)
    return "drop" if value.is_tensor is False and value.items is None and not value.moves else "other"


def element_moves(reading: Reading, node: ast.expr) -> bool:
    """Tell whether an element of a subscript differs from turn to turn."""
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    return any(reading.named(one).moves for one in names)


def fixed(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return a part of what is the same at every turn."""
    kinds = [element(reading, one) for one in elements]
    if base.rank is None or "other" in kinds:
        return Value(is_tensor=base.is_tensor or None, text="")
    if base.sizes is None:
        change = kinds.count("add") - kinds.count("drop")
        return tensor(None, rank=base.rank.plus(change))
    room = len(base.sizes) - sum(kind in ("keep", "drop", "all") for kind in kinds)
    if room < 0:
        return Value(is_tensor=True)
    sizes: list[str] = []
    left = list(base.sizes)
    for kind in kinds:
        if kind == "rest":
            sizes += left[:room]
            left = left[room:]
        elif kind == "add":
            sizes.append("1")
        else:
            size = left.pop(0)
            sizes += [size] if kind == "all" else [""] if kind == "keep" else []
    return tensor((*sizes, *left))
