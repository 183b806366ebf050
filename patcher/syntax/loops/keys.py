"""What some code of a loop reads and writes, by key: a name, or an attribute of `self`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from patcher.syntax.loops.files import dotted_name

__all__ = ["base_of", "key_of", "keys_read", "keys_written", "leaves"]


def key_of(node: ast.expr) -> str:
    """Return the key of a name or an attribute of `self`: what is written to is known by it."""
    name = dotted_name(node)
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "self" and len(parts) > 1 else parts[0]


def base_of(node: ast.expr) -> ast.expr:
    """Return what a subscript is of, however many follow one another."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    return node


def keys_read(node: ast.AST) -> set[str]:
    """Return the names, and the attributes of `self`, that some code reads."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.id != "self":
            found.add(one.id)
        elif isinstance(one, ast.Attribute) and isinstance(one.value, ast.Name) and one.value.id == "self":
            if isinstance(one.ctx, ast.Load):
                found.add(f"self.{one.attr}")
        elif isinstance(one, ast.AugAssign) and key_of(base_of(one.target)):
            found.add(key_of(base_of(one.target)))
    return found


def keys_written(node: ast.AST) -> set[str]:
    """Return the names, and the attributes of `self`, that some code binds or writes into."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            for target in targets:
                for leaf in leaves(target):
                    found.add(key_of(base_of(leaf)) or "?")
        elif isinstance(one, ast.NamedExpr):
            found.add(one.target.id)
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and _mutates(one.func.attr):
            found.add(key_of(base_of(one.func.value)) or "?")
    return found - {"_"}


def _mutates(name: str) -> bool:
    of_lists = ("append", "extend", "insert", "pop", "clear", "remove", "update", "setdefault", "add_", "popleft")
    return name in of_lists or (name.endswith("_") and not name.endswith("__"))


def leaves(target: ast.expr) -> Iterator[ast.expr]:
    """Yield the targets of an assignment that takes something apart."""
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from leaves(one)
    else:
        yield target
