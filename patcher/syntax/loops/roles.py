"""What each name of a loop is for: what is local to a turn, what gathers the turns, and what one turn leaves to the next.

A loop gathers in four ways: it appends to a list, writes each turn to its own place of a tensor, adds up, or writes to a
ring buffer behind a counter. Whatever else goes from one turn to the next is carried, and a loop that carries is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.header import Place
from patcher.syntax.loops.values import Refused

__all__ = ["Roles", "Sink", "carries", "independent", "joined_parts", "keys_read", "keys_written", "roles", "stays"]


@dataclass(frozen=True, slots=True)
class Sink:
    """A statement that gathers: 'append', 'write', 'sum', 'ring' (a buffer), 'place' (in a ring) or 'count' (its counter).

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
    _check_flow(loop)
    body = loop.body
    written = frozenset(key for one in body for key in keys_written(one))
    sinks = _sinks(body, variables)
    if not sinks:
        raise Refused(_idle(body, written, variables), loop)
    live = _live(body, sinks)
    dead = tuple(one for one in body if one not in live)
    for one in dead:
        _check_dead(one, sinks)
    return Roles(sinks, tuple(one for one in body if one in live), dead, written)


def independent(loop: ast.For, variables: frozenset[str]) -> list[Roles]:
    """Return what each sink of a loop lives on, by itself; what is no sink that can be read is none."""
    try:
        _check_flow(loop)
    except Refused:
        return []
    written = frozenset(key for one in loop.body for key in keys_written(one))
    found: list[Roles] = []
    local: set[str] = set()
    for one in loop.body:
        try:
            sink = _sink(one, variables, local, {}, {})
        except Refused:
            sink = None
        if sink is not None:
            live = _live(loop.body, [sink])
            found.append(Roles((sink,), tuple(node for node in loop.body if node in live), (), written))
        local |= keys_written(one)
    return found


def joined_parts(loop: ast.For, parts: Sequence[Roles]) -> Roles | None:
    """Return several parts as one, or None if there is none."""
    if not parts:
        return None
    live = [node for part in parts for node in part.live]
    sinks = tuple(sink for part in parts for sink in part.sinks)
    return Roles(sinks, tuple(one for one in loop.body if one in live), (), parts[0].written)


def stays(place: Place, part: Roles) -> list[ast.stmt]:
    """Return the statements that stay in a loop from which a part is taken; none if they read what it gathers."""
    gone = {id(sink.node) for sink in part.sinks}
    rest = [one for one in place.loop.body if id(one) not in gone]
    behind = {
        one.id
        for one in ast.walk(place.function)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load) and one.lineno > (place.loop.end_lineno or 0)
    }
    while True:
        read = behind.union(*(keys_read(one) for one in rest))
        spare = [one for one in rest if one in part.live and not keys_written(one) & read]
        if not spare:
            break
        rest = [one for one in rest if one not in spare]
    targets = {sink.target for sink in part.sinks}
    return [] if any(targets & (keys_read(one) | keys_written(one)) for one in rest) else rest


def carries(loop: ast.For, rest: Sequence[ast.stmt], variables: frozenset[str]) -> bool:
    """Tell whether what stays of a loop does more than bind names of a turn."""
    bound: set[str] = set(variables)
    for one in rest:
        names = {name.id for name in ast.walk(one) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)}
        if isinstance(one, ast.Expr | ast.AugAssign) or keys_written(one) - names or keys_read(one) & names - bound:
            return True
        later = {key for other in rest for key in keys_written(other)} - bound
        if keys_read(one) & later - names:
            return True
        bound |= names
    return False


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


def _check_flow(loop: ast.For) -> None:
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
            ast.Delete: "del",
            ast.Global: "global",
            ast.Nonlocal: "nonlocal",
            ast.FunctionDef: "def",
            ast.ClassDef: "class",
        }.get(type(node))  # type: ignore[call-overload]
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


# --- names ------------------------------------------------------------------------------------------------------------


def _key(node: ast.expr) -> str:
    """Return the key of a name or an attribute of `self`: what is written to is known by it."""
    name = dotted_name(node)
    parts = name.split(".")
    return ".".join(parts[:2]) if parts[0] == "self" and len(parts) > 1 else parts[0]


def _base(node: ast.expr) -> ast.expr:
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
        elif isinstance(one, ast.AugAssign) and _key(_base(one.target)):
            found.add(_key(_base(one.target)))
    return found


def keys_written(node: ast.AST) -> set[str]:
    """Return the names, and the attributes of `self`, that some code binds or writes into."""
    found: set[str] = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For):
            targets = one.targets if isinstance(one, ast.Assign) else [one.target]
            for target in targets:
                for leaf in _leaves(target):
                    found.add(_key(_base(leaf)) or "?")
        elif isinstance(one, ast.NamedExpr):
            found.add(one.target.id)
        elif isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and _mutates(one.func.attr):
            found.add(_key(_base(one.func.value)) or "?")
    return found - {"_"}


def _mutates(name: str) -> bool:
    of_lists = ("append", "extend", "insert", "pop", "clear", "remove", "update", "setdefault", "add_", "popleft")
    return name in of_lists or (name.endswith("_") and not name.endswith("__"))


def _leaves(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _leaves(one)
    else:
        yield target


# --- sinks ------------------------------------------------------------------------------------------------------------


def _sinks(body: Sequence[ast.stmt], variables: frozenset[str]) -> tuple[Sink, ...]:
    times = [key for one in body for key in keys_written(one)]
    counters = {sink.target: sink for one in body if (sink := _counter(one, variables)) is not None}
    counters = {key: sink for key, sink in counters.items() if times.count(_key(_parsed(key))) == 1}
    rings = _ring_names(body, counters)
    found: list[Sink] = []
    local: set[str] = set()
    for one in body:
        sink = _sink(one, variables, local, counters, rings)
        if sink is not None:
            found.append(sink)
        local |= {key for key in keys_written(one)}
    return tuple(found)


def _sink(
    node: ast.stmt,
    variables: frozenset[str],
    local: set[str],
    counters: dict[str, Sink],
    rings: dict[str, tuple[str, str]],
) -> Sink | None:
    if isinstance(node, ast.Expr):
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "append":
            if isinstance(call.func.value, ast.Name) and len(call.args) == 1 and call.func.value.id not in local:
                return Sink("append", node, call.func.value.id, call.args[0])
        return None
    known = [one for one in counters.values() if one.node is node]
    if known:
        return known[0]
    if isinstance(node, ast.Assign) and len(node.targets) == 1 or isinstance(node, ast.AugAssign):
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
    key = _key(_base(target))
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


# --- what is alive ----------------------------------------------------------------------------------------------------


def _live(body: Sequence[ast.stmt], sinks: Iterable[Sink]) -> list[ast.stmt]:
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
        target = sink.node.targets[0] if isinstance(sink.node, ast.Assign) else sink.node.target  # type: ignore[attr-defined]
        found |= keys_read(target.slice)
    return found


def _check_dead(node: ast.stmt, sinks: Sequence[Sink]) -> None:
    """Refuse to leave out what nothing reads where it does something else too."""
    gathered = {sink.target for sink in sinks}
    for one in ast.walk(node):
        if isinstance(one, ast.Assign | ast.AugAssign | ast.AnnAssign):
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                for leaf in _leaves(target):
                    if not isinstance(leaf, ast.Name):
                        raise Refused(f"writes to `{ast.unparse(leaf)}`", node)
                    if leaf.id in gathered:
                        raise Refused(f"carries `{leaf.id}` from turn to turn", node)
        if isinstance(one, ast.Call):
            name = dotted_name(one.func) or (one.func.attr if isinstance(one.func, ast.Attribute) else "")
            if not _leaves_all(name):
                raise Refused(f"calls `{name or ast.unparse(one.func)}`, which may do anything", node)


def _leaves_all(name: str) -> bool:
    """Tell whether a call is known to leave everything as it was, so that it may go where its result is not read."""
    from patcher.syntax.loops import names

    last = name.rpartition(".")[2]
    pure = names.PLACEWISE | names.REDUCES | names.ALONG | names.PLAIN | names.SYNCS | names.LOSSES | names.CREATES
    pure |= names.PURE_BUILTINS | {"size", "dim", "arange"}
    return last in pure or name.startswith("math.")
