"""The statements of a loop that gather its turns: into a list, the places of a tensor, a sum, or a ring buffer."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.keys import base_of, key_of, keys_read, keys_written
from patcher.syntax.loops.values import Refused

__all__ = ["Sink", "sink_of", "sinks_of", "target_of"]


@dataclass(frozen=True, slots=True)
class Sink:
    """A statement that gathers: 'append', 'write', 'sum', 'ring' (a buffer), 'place' (in it) or 'count' (its counter).

    `target` is the key of what gathers, `value` the expression of one turn. `counter` and `size` are those of a ring,
    `place` the name of the place in it, if it has one.
    """

    kind: str
    node: ast.stmt
    target: str
    value: ast.expr
    counter: str = ""
    size: str = ""
    place: str = ""


def target_of(node: ast.stmt) -> ast.Subscript:
    """Return the place that a sink writes to."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target  # type: ignore[attr-defined]
    assert isinstance(target, ast.Subscript)
    return target


def sinks_of(body: Sequence[ast.stmt], variables: frozenset[str]) -> tuple[Sink, ...]:
    """Return the sinks of a loop's statements.

    Raises:
        Refused: one writes, and it is not seen where.
    """
    times = [key for one in body for key in keys_written(one)]
    counters = {sink.target: sink for one in body if (sink := _counter(one, variables)) is not None}
    counters = {key: sink for key, sink in counters.items() if times.count(key_of(_parsed(key))) == 1}
    rings = _ring_names(body, counters)
    found: list[Sink] = []
    local: set[str] = set()
    for one in body:
        sink = sink_of(one, variables, local, counters, rings)
        if sink is not None:
            found.append(sink)
        local |= keys_written(one)
    return tuple(found)


def sink_of(
    node: ast.stmt,
    variables: frozenset[str],
    local: set[str],
    counters: dict[str, Sink],
    rings: dict[str, tuple[str, str]],
) -> Sink | None:
    """Return the sink that a statement is, or None. `local` are the names of the turn, `rings` the places in rings."""
    if isinstance(node, ast.Expr):
        call = node.value
        name, _, method = dotted_name(call.func).rpartition(".") if isinstance(call, ast.Call) else ("", "", "")
        own = "." in name or name in local
        if isinstance(call, ast.Call) and name and method == "append" and len(call.args) == 1 and not own:
            return Sink("append", node, name, call.args[0])
        return None
    known = [one for one in counters.values() if one.node is node]
    if known:
        return known[0]
    if (isinstance(node, ast.Assign) and len(node.targets) == 1) or isinstance(node, ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and target.id in rings and isinstance(node, ast.Assign):
            return Sink("place", node, target.id, node.value, *rings[target.id], target.id)
        if isinstance(target, ast.Subscript):
            return _written(node, target, variables, rings, counters)
        return _summed(node, target, local)
    return None


def _counter(node: ast.stmt, variables: frozenset[str]) -> Sink | None:
    """Return the sink of `count += 1` or `count = (count + 1) % size`, or None."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and _plain_int(node.value):
        key = dotted_name(node.target)
        return Sink("count", node, key, node.value) if key and key not in variables else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and dotted_name(node.targets[0]):
        key, value, size = dotted_name(node.targets[0]), node.value, ""
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Mod):
            size, value = ast.unparse(value.right), value.left
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            for one, other in ((value.left, value.right), (value.right, value.left)):
                if dotted_name(one) == key and _plain_int(other):
                    return Sink("count", node, key, other, size=size)
    return None


def _parsed(key: str) -> ast.expr:
    return ast.parse(key, mode="eval").body


def _plain_int(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value > 0


def _ring_names(body: Sequence[ast.stmt], counters: dict[str, Sink]) -> dict[str, tuple[str, str]]:
    """Return the names that are the place in a ring, each with its counter and the ring's size."""
    found: dict[str, tuple[str, str]] = {}
    for one in body:
        if any(one is sink.node for sink in counters.values()):
            break
        if isinstance(one, ast.Assign) and len(one.targets) == 1 and isinstance(one.targets[0], ast.Name):
            ring = _ring(one.value, counters)
            if ring is not None:
                found[one.targets[0].id] = ring
    return found


def _ring(node: ast.expr, counters: dict[str, Sink]) -> tuple[str, str] | None:
    """Return counter and size of `counter % size`, through `int` and `.item()`, or None."""
    inner = _unwrapped(node)
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Mod):
        counter = dotted_name(_unwrapped(inner.left))
        return (counter, ast.unparse(inner.right)) if counter in counters and not counters[counter].size else None
    counter = dotted_name(inner)
    return (counter, counters[counter].size) if counter in counters and counters[counter].size else None


def _unwrapped(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "item" and not node.args:
            return _unwrapped(node.func.value)
        if isinstance(node.func, ast.Name) and node.func.id == "int" and len(node.args) == 1:
            return _unwrapped(node.args[0])
    return node


def _written(
    node: ast.Assign | ast.AugAssign,
    target: ast.Subscript,
    variables: frozenset[str],
    rings: dict[str, tuple[str, str]],
    counters: dict[str, Sink],
) -> Sink | None:
    key = key_of(base_of(target))
    index = target.slice
    if isinstance(target.value, ast.Subscript):
        raise Refused("writes through two subscripts in a row", node)
    if isinstance(index, ast.Name) and index.id in rings and isinstance(node, ast.Assign):
        return Sink("ring", node, dotted_name(target.value), node.value, *rings[index.id], index.id)
    ring = _ring(index, counters)
    if ring is not None and isinstance(node, ast.Assign):
        return Sink("ring", node, dotted_name(target.value), node.value, *ring)
    names = {one.id for one in ast.walk(index) if isinstance(one, ast.Name)}
    if not names & variables:
        raise Refused(f"writes to the same place of `{key}` in every turn", node)
    return Sink("write", node, key, node.value)


def _summed(node: ast.Assign | ast.AugAssign, target: ast.expr, local: set[str]) -> Sink | None:
    """Return the sink of `total += x` or `total = total + x`, or None."""
    key = dotted_name(target)
    if not key or "." in key or key in local:
        if "." in key:
            raise Refused(f"writes to `{key}`", node)
        return None
    if isinstance(node, ast.AugAssign):
        if isinstance(node.op, ast.Add | ast.Sub):
            return Sink("sum", node, key, node.value)
        raise Refused(f"carries `{key}` from turn to turn", node)
    value = node.value
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        if dotted_name(value.left) == key and key not in keys_read(value.right):
            return Sink("sum", node, key, value.right)
        if isinstance(value.op, ast.Add) and dotted_name(value.right) == key and key not in keys_read(value.left):
            return Sink("sum", node, key, value.left)
    return None
