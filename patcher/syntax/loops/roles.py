"""What each name of a loop is for: local to a turn, gathering the turns, or left by one turn to the next.

A loop gathers in four ways: it appends to a list, writes each turn to its own place of a tensor, adds up, or writes to
a ring buffer behind a counter. Whatever else goes from one turn to the next is carried, and such a loop is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patcher.syntax.loops import names
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.keys import keys_read, keys_written, leaves
from patcher.syntax.loops.sinks import Sink, sinks_of, target_of
from patcher.syntax.loops.values import Refused

__all__ = ["Roles", "check_flow", "living", "roles"]


@dataclass(frozen=True, slots=True)
class Roles:
    """The sinks of a loop, the statements that they live on in their order, and those that nothing reads."""

    sinks: tuple[Sink, ...]
    live: tuple[ast.stmt, ...]
    dead: tuple[ast.stmt, ...]
    written: frozenset[str]


def roles(loop: ast.For, variables: frozenset[str]) -> Roles:
    """Return the roles of a loop's statements.

    Raises:
        Refused: something in the body is no straight line, or gathers nothing.
    """
    if loop.orelse:
        raise Refused("has an `else`", loop)
    check_flow(loop)
    body = loop.body
    written = frozenset(key for one in body for key in keys_written(one))
    sinks = sinks_of(body, variables)
    if not sinks:
        raise Refused(_idle(body, written, variables), loop)
    _check_places(sinks, variables)
    live = living(body, sinks)
    dead = tuple(one for one in body if one not in live)
    read = {key for one in live for key in keys_read(one)}
    for one in dead:
        _check_dead(one, sinks, read)
    return Roles(sinks, tuple(one for one in body if one in live), dead, written)


def _idle(body: Sequence[ast.stmt], written: frozenset[str], variables: frozenset[str]) -> str:
    """Return why a loop without a sink cannot be batched."""
    for at, one in enumerate(body):
        earlier = {key for other in body[:at] for key in keys_written(other)}
        for key in sorted(keys_read(one) & written - earlier - variables):
            return f"carries `{key}` from turn to turn"
    attributes = [key for key in sorted(written) if "." in key]
    if attributes:
        return f"writes to `{attributes[0]}`"
    return "gathers nothing that could be computed at once"


def check_flow(loop: ast.For) -> None:
    """Refuse a body that is no straight line, or writes in place.

    Raises:
        Refused: it is not, or does.
    """
    bound = {one.id for one in ast.walk(loop) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    for node in ast.walk(loop):
        word = {
            ast.Break: "break",
            ast.Continue: "continue",
            ast.Return: "return",
            ast.Yield: "yield",
            ast.YieldFrom: "yield",
            ast.Await: "await",
            ast.While: "while",
            ast.With: "with",
            ast.Raise: "raise",
            ast.Assert: "assert",
            ast.Delete: "del",
            ast.Global: "global",
            ast.Nonlocal: "nonlocal",
            ast.FunctionDef: "def",
            ast.ClassDef: "class",
        }.get(type(node))
        if isinstance(node, ast.Try):
            raise Refused("has a `try` in it, which tells apart the turns that fail", node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            _check_method(loop, node, node.func, bound)
        if word in ("break", "continue") and _inner(loop, node):
            continue
        if word == "with" and isinstance(node, ast.With) and dotted_name(_callee(node)) == "torch.no_grad":
            continue
        if word:
            raise Refused(f"has a `{word}` in it", node)


def _check_method(loop: ast.For, node: ast.Call, called: ast.Attribute, bound: set[str]) -> None:
    if called.attr.endswith("_") and not called.attr.endswith("__"):
        raise Refused(f"writes in place (`{called.attr}`)", node)
    whole = any(isinstance(one, ast.Expr) and one.value is node for one in loop.body)
    name = dotted_name(called.value)
    if called.attr == "append" and not whole and name not in bound:
        raise Refused(f"appends to `{name}` under a condition, or more than once in a turn", node)


def _callee(node: ast.With) -> ast.expr:
    context = node.items[0].context_expr
    return context.func if isinstance(context, ast.Call) else context


def _inner(loop: ast.For, node: ast.AST) -> bool:
    inner = [one for one in ast.walk(loop) if isinstance(one, ast.For | ast.While) and one is not loop]
    return any(node is one for other in inner for one in ast.walk(other))


def living(body: Sequence[ast.stmt], sinks: Iterable[Sink]) -> list[ast.stmt]:
    """Return the statements that a sink reads, however far, and the sinks."""
    by_node = {id(sink.node): sink for sink in sinks}
    needed: set[str] = set()
    live: list[ast.stmt] = []
    for one in reversed(body):
        sink = by_node.get(id(one))
        written = keys_written(one)
        if sink is not None:
            needed |= _read_by(sink)
            live.append(one)
        elif written & needed or "?" in written:
            needed |= keys_read(one)
            live.append(one)
    return live


def _read_by(sink: Sink) -> set[str]:
    if sink.kind in ("count", "place"):
        return set()
    found = keys_read(sink.value)
    if sink.kind == "write":
        found |= keys_read(target_of(sink.node).slice)
    return found


def _check_places(sinks: Sequence[Sink], variables: frozenset[str]) -> None:
    """Refuse several writes to one tensor where those of a later turn could meet those of an earlier one."""
    for sink in sinks:
        others = [one for one in sinks if one.target == sink.target and one.kind in ("write", "ring")]
        if sink.kind != "write" or len(others) < 2:
            continue
        adds = all(isinstance(one.node, ast.AugAssign) and isinstance(one.node.op, ast.Add | ast.Sub) for one in others)
        if not adds and len({_turn_of(one, variables) for one in others}) > 1:
            raise Refused(f"writes to several places of `{sink.target}` in a turn", sink.node)


def _turn_of(sink: Sink, variables: frozenset[str]) -> tuple[object, ...]:
    """Return what tells the place of the turn in a subscript: the element with the variable, and what is in front."""
    index = target_of(sink.node).slice
    elements = index.elts if isinstance(index, ast.Tuple) else [index]
    names = [{one.id for one in ast.walk(element) if isinstance(one, ast.Name)} for element in elements]
    at = next((at for at, found in enumerate(names) if found & variables), -1)
    kinds = [
        "rest" if ast.unparse(one) == "..." else "new" if ast.unparse(one) == "None" else "" for one in elements[:at]
    ]
    return (sink.kind, at, tuple(kinds), ast.unparse(elements[at]))


def _check_dead(node: ast.stmt, sinks: Sequence[Sink], read: set[str]) -> None:
    """Refuse to leave out what nothing reads where it does something else too; `read` is what the rest reads."""
    gathered = {sink.target for sink in sinks}
    for one in ast.walk(node):
        if isinstance(one, ast.AugAssign) and keys_written(one) & read:
            raise Refused(f"writes in place to `{ast.unparse(one.target)}`, which was read before", node)
        if isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign):
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                for leaf in leaves(target):
                    if not isinstance(leaf, ast.Name):
                        raise Refused(f"writes to `{ast.unparse(leaf)}`", node)
                    if leaf.id in gathered:
                        raise Refused(f"carries `{leaf.id}` from turn to turn", node)
        if isinstance(one, ast.Call):
            name = dotted_name(one.func) or (one.func.attr if isinstance(one.func, ast.Attribute) else "")
            if not _leaves_all(one.func, name):
                raise Refused(f"calls `{name or ast.unparse(one.func)}`, which may do anything", node)


def _leaves_all(node: ast.expr, name: str) -> bool:
    """Tell whether a call is known to leave everything as it was, so that it may go where its result is not read."""
    base, _, last = name.rpartition(".")
    if isinstance(node, ast.Name):
        return last in names.PURE_BUILTINS
    if base == "self":  # a module or a method, whatever it is called
        return False
    pure = names.PLACEWISE | names.REDUCES | names.ALONG | names.PLAIN | names.SYNCS | names.LOSSES | names.CREATES
    pure |= names.PURE_BUILTINS | {"size", "dim", "arange"}
    return last in pure or name.startswith("math.")
