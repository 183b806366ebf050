"""When two pieces of code are the same: layout, comments, quotes and the spelling of a literal never matter."""

from __future__ import annotations

import libcst as cst

from patcher.syntax.nodes import fields, literal
from patcher.syntax.pattern import statements

__all__ = ["absent", "alike", "constant", "meaning", "same"]


def same(one: object, other: object) -> bool:
    """Tell whether two nodes, or two sequences of nodes, are the same code."""
    pending: list[tuple[object, object]] = [(one, other)]
    while pending:
        mine, theirs = pending.pop()
        if isinstance(mine, cst.BaseSuite) and isinstance(theirs, cst.BaseSuite):
            mine, theirs = statements(mine), statements(theirs)
        if isinstance(mine, cst.CSTNode) and isinstance(theirs, cst.CSTNode):
            value = constant(mine)
            if value != constant(theirs) or not (value or alike(mine, theirs)):
                return False
            if value is None:
                pending += [(getattr(mine, name), getattr(theirs, name)) for name in meaning(mine)]
        elif isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)):
            if len(mine) != len(theirs):
                return False
            pending += zip(mine, theirs, strict=True)
        elif mine != theirs and not (absent(mine) and absent(theirs)):
            return False
    return True


def constant(node: cst.CSTNode) -> object | None:
    """Return a literal's type and value, so that quotes, joined strings and spellings of a number do not matter."""
    if not isinstance(node, (cst.SimpleString, cst.ConcatenatedString, cst.Integer, cst.Float, cst.Imaginary)):
        return None
    # Joined strings stand in each other, and there may be more of them than Python can call into each other.
    parts: list[cst.CSTNode] = [node]
    while isinstance(last := parts[-1], cst.ConcatenatedString):
        parts[-1:] = [last.left, last.right]
    values = [literal(part) for part in parts]
    first = values[0]
    if isinstance(first, (str, bytes)) and all(type(value) is type(first) for value in values):
        return type(first), type(first)().join(values)  # type: ignore[arg-type]
    return None if first is None or len(values) > 1 else (type(first), first)


def alike(one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Tell whether two nodes, what stands below them aside, can be the same code."""
    if type(one) is not type(other):
        return False
    return not _has_parts(one) or ("r" in one.start.lower()) == ("r" in other.start.lower())  # type: ignore[attr-defined]


def meaning(node: cst.CSTNode) -> tuple[str, ...]:
    """Return the fields in which two alike nodes can differ."""
    return ("parts",) if _has_parts(node) else fields(type(node))


def _has_parts(node: cst.CSTNode) -> bool:
    """Tell whether a node is an f-string or t-string, whose quotes are fields of its own."""
    return hasattr(node, "parts")


def absent(value: object) -> bool:
    """Tell whether a field says that nothing stands there; LibCST has several ways to say so."""
    return value is None or value == "" or isinstance(value, cst.MaybeSentinel)
