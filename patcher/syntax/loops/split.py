"""A loop split in two: what each sink lives on by itself, and what must stay a loop.

What stays may not write to what the part that goes reads: nothing is called in it that is not known.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from patcher.syntax.loops import names
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.form import check_alone
from patcher.syntax.loops.header import Place
from patcher.syntax.loops.keys import base_of, keys_read, keys_written, leaves
from patcher.syntax.loops.lines import header_lines
from patcher.syntax.loops.modules import Module, attribute
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.roles import Roles, check_flow, living
from patcher.syntax.loops.sinks import sink_of
from patcher.syntax.loops.values import Refused, Value

__all__ = ["carries", "check_writes", "independent", "joined_parts", "known_calls", "loop_of", "lost", "stays"]


def independent(loop: ast.For, variables: frozenset[str]) -> list[Roles]:
    """Return what each sink of a loop lives on, by itself; what is no sink that can be read is none."""
    try:
        check_flow(loop)
    except Refused:
        return []
    written = frozenset(key for one in loop.body for key in keys_written(one))
    found: list[Roles] = []
    local: set[str] = set()
    for one in loop.body:
        try:
            sink = sink_of(one, variables, local, {}, {})
        except Refused:
            sink = None
        if sink is not None:
            live = living(loop.body, [sink])
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


def check_writes(place: Place, node: ast.stmt, reading: Reading) -> None:
    """Refuse what stays where it writes into something that may have another name, by which the part reads it.

    Raises:
        Refused: it does.
    """
    for one in ast.walk(node):
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AugAssign) else []
        for leaf in (leaf for target in targets for leaf in leaves(target)):
            key = dotted_name(base_of(leaf))
            held = reading.read(base_of(leaf)) if key.startswith("self.") else reading.env.get(key, Value())
            if isinstance(leaf, ast.Subscript) or (isinstance(one, ast.AugAssign) and held.is_tensor is not False):
                if not (held.fresh or (key.startswith("self.") and held.is_tensor)):
                    raise Refused(f"writes to `{key}`, which the function did not make", node)
                check_alone(place, key, node)


def lost(together: Roles, rest: list[ast.stmt]) -> frozenset[str]:
    """Return the names that only what is batched has written."""
    left = {key for one in rest for key in keys_written(one)}
    return frozenset(key for one in together.live for key in keys_written(one)) - left


def loop_of(place: Place, rest: list[ast.stmt]) -> str:
    """Return the text of the loop with some of its statements."""
    code, loop = place.code, place.loop
    first = code.line_start(loop.lineno)
    parts = [code.data[first : code.line_start(loop.lineno + header_lines(loop))].decode()]
    for at, one in enumerate(loop.body):
        if one in rest:
            start = (loop.body[at - 1].end_lineno or 0) + 1 if at else one.lineno
            parts.append(code.data[code.line_start(start) : code.line_start((one.end_lineno or 0) + 1)].decode())
    return "".join(parts)


def known_calls(node: ast.stmt, reading: Reading) -> bool:
    """Tell whether all that a statement calls is known to write to nothing but lists of its own."""
    return all(_is_known(one, reading) for one in ast.walk(node) if isinstance(one, ast.Call))


def _is_known(node: ast.Call, reading: Reading) -> bool:
    name = dotted_name(node.func)
    last = name.rpartition(".")[2] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    if name.startswith("self.") and name.count(".") == 1 and reading.self_class is not None:
        module = attribute(reading, last).module
        return isinstance(module, Module) and _of_torch(module)
    pure = names.PLACEWISE | names.REDUCES | names.ALONG | names.PLAIN | names.LOSSES | names.CREATES | names.OF_CHANCE
    meant = reading.code.meaning(node.func)
    if meant:
        return meant.startswith(("torch.", "math.")) and last in pure
    if isinstance(node.func, ast.Name):
        return name in names.PURE_BUILTINS and name not in reading.code.top and name not in reading.env
    return last in pure | names.SYNCS | {"append", "size", "dim"}


def _of_torch(module: Module) -> bool:
    return module.kind == "torch" or (module.kind in ("row", "either") and all(map(_of_torch, module.parts)))
