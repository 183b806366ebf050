"""The header of a loop, and what is known of every name in front of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from patcher.syntax.loops.body import assign, names_of, run, statement
from patcher.syntax.loops.expressions import expression
from patcher.syntax.loops.files import Code, Defined, Files, Function, dotted_name
from patcher.syntax.loops.modules import annotated
from patcher.syntax.loops.reading import Loop, Reading
from patcher.syntax.loops.values import Axis, Count, Refused, Value, number, tensor

__all__ = ["Header", "Place", "before", "header", "places"]


@dataclass(frozen=True, slots=True)
class Place:
    """A loop: its function, the class of that, and the statements that lead to it, each with its block."""

    code: Code
    function: ast.FunctionDef | ast.AsyncFunctionDef
    owner: Defined | None
    loop: ast.For
    blocks: tuple[list[ast.stmt], ...]
    above: tuple[ast.stmt, ...]

    @property
    def qualname(self) -> str:
        """The dotted name of the function."""
        return f"{self.owner.node.name}.{self.function.name}" if self.owner else self.function.name


@dataclass(frozen=True, slots=True)
class Header:
    """The loop's variables, its turns, what each target is that is a part of a tensor, and a line that it needs."""

    loop: Loop
    variables: frozenset[str]
    parts: dict[str, Value] = field(default_factory=dict)
    alias: dict[str, str] = field(default_factory=dict)
    first_line: str = ""


def places(code: Code) -> Iterator[Place]:
    """Yield the `for` loops of a file that stand in functions, the inner ones first."""

    def functions(body: Sequence[ast.stmt], owner: Defined | None) -> Iterator[Place]:
        for node in body:
            if isinstance(node, Function):
                yield from _loops(code, node, owner, node.body, (node.body,), ())
            elif isinstance(node, ast.ClassDef):
                yield from functions(node.body, Defined(code, node))
            else:
                for name in ("body", "orelse", "finalbody"):
                    yield from functions(getattr(node, name, []), owner)

    yield from functions(code.module.body, None)


def _loops(
    code: Code,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    owner: Defined | None,
    body: Sequence[ast.stmt],
    blocks: tuple[list[ast.stmt], ...],
    above: tuple[ast.stmt, ...],
) -> Iterator[Place]:
    for node in body:
        if isinstance(node, Function):
            yield from _loops(code, node, None, node.body, (node.body,), ())
            continue
        inner = [getattr(node, name, []) for name in ("body", "orelse", "finalbody")]
        inner += [one.body for one in getattr(node, "handlers", [])]
        for block in inner if not isinstance(node, ast.ClassDef) else ():
            yield from _loops(code, function, owner, block, (*blocks, block), (*above, node))
        if isinstance(node, ast.For):
            yield Place(code, function, owner, node, blocks, above)


# --- the names in front -----------------------------------------------------------------------------------------------


def before(place: Place, files: Files) -> Reading:
    """Return a reading of the function as it is in front of the loop."""
    assigned = [one.arg for one in ast.walk(place.function.args) if isinstance(one, ast.arg)]
    for node in ast.walk(place.function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            assigned.append(node.id)
    many = frozenset(name for name in assigned if assigned.count(name) > 1)
    arguments = annotated(place.function)
    reading = Reading(place.code, files, dict(arguments), expression, self_class=place.owner, strict=True, many=many)
    for one in ast.walk(place.function.args):  # an argument hides what the file calls so
        if isinstance(one, ast.arg):
            reading.env.setdefault(one.arg, reading.named(ast.Name(one.arg, ast.Load())))
    for block, node in zip(place.blocks, (*place.above, place.loop), strict=True):
        for one in block[: next(at for at, other in enumerate(block) if other is node)]:
            _pass(reading, one)
        if isinstance(node, ast.For) and node is not place.loop:
            _forget(reading, node)
            _bind(reading, node)
        elif isinstance(node, ast.While):
            _forget(reading, node)
    return reading


def _pass(reading: Reading, node: ast.stmt) -> None:
    """Run a statement as far as it can be read; what it binds is not known where it cannot."""
    known = dict(reading.env)
    try:
        if isinstance(node, ast.If | ast.For | ast.With):
            run(reading, [node])
        else:
            statement(reading, node)
    except Refused:
        reading.env = known
        _forget(reading, node)


def _forget(reading: Reading, node: ast.stmt) -> None:
    for name in names_of(node):
        reading.env[name] = Value(text="" if name in reading.many else name)
    for one in ast.walk(node):  # what is written to stays a tensor of its axes, yet a list is longer now
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and isinstance(one.func.value, ast.Name):
            held = reading.env.get(one.func.value.id)
            if held is not None and held.items is not None:
                reading.env[one.func.value.id] = Value(is_tensor=False)


def _bind(reading: Reading, node: ast.For) -> None:
    """Bind the names of an outer loop: a range gives numbers."""
    if isinstance(node.iter, ast.Call) and dotted_name(node.iter.func) == "range":
        assign(reading, node.target, number())
        return
    for name in names_of(node.target):
        reading.env[name] = Value(text=name)


# --- the header -------------------------------------------------------------------------------------------------------


def header(place: Place, reading: Reading) -> Header:
    """Return the header of a loop over the places of tensors.

    Raises:
        Refused: it iterates over something else.
    """
    node = place.loop
    called = dotted_name(node.iter.func) if isinstance(node.iter, ast.Call) else ""
    if called == "range" and isinstance(node.target, ast.Name):
        return _range(node.target.id, node.iter, reading, node)  # type: ignore[arg-type]
    return _parts(node, reading)


def _range(variable: str, call: ast.Call, reading: Reading, node: ast.For) -> Header:
    if len(call.args) == 3:
        raise Refused("has a range with a step", node)
    for one in call.args:
        _check_bound(reading, one)
    if not call.args:
        raise Refused("has a range without an end", node)
    end = call.args[-1]
    known = reading.read(end)
    turns = reading.code.of(end)
    _check_never_less(end, known)
    size = known.text or turns
    if len(call.args) == 1:
        return Header(Loop(variable, turns, size=size), frozenset({variable}))
    first = call.args[0]
    if isinstance(first, ast.Constant) and type(first.value) is int and first.value >= 0:
        return Header(Loop(variable, _less(turns, first.value), str(first.value)), frozenset({variable}))
    raise Refused("has a range that does not begin with a number", node)


def _less(turns: str, first: int) -> str:
    if first == 0:
        return turns
    return str(int(turns) - first) if turns.isdigit() else f"{turns} - {first}"


def _check_never_less(node: ast.expr, value: Value) -> None:
    """Refuse an end that may lie before the beginning by more than one: a slice would count it from the end."""
    for one in ast.walk(node):
        less = isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub) and not value.text.startswith("self.")
        if less and not (isinstance(one.right, ast.Constant) and one.right.value == 1):  # type: ignore[attr-defined]
            raise Refused("has a range that may end before it begins", node)
    if isinstance(node, ast.UnaryOp):
        raise Refused("has a range that may end before it begins", node)


def _check_bound(reading: Reading, node: ast.expr) -> None:
    names = {
        one.func.attr for one in ast.walk(node) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)
    }
    if names & {"item", "max", "min", "sum", "tolist"}:
        raise Refused("has bounds that depend on data", node)
    if reading.read(node).is_tensor:
        raise Refused("has a tensor for a bound", node)


def _parts(node: ast.For, reading: Reading) -> Header:
    """Return the header of a loop over tensors themselves, or over several at once."""
    iterated, target, index = node.iter, node.target, ""
    if _is_call(iterated, "enumerate") and isinstance(target, ast.Tuple) and len(target.elts) == 2:
        if len(iterated.args) != 1 or not isinstance(target.elts[0], ast.Name):  # type: ignore[attr-defined]
            raise Refused("has an `enumerate` that does not begin with 0", node)
        index, target, iterated = target.elts[0].id, target.elts[1], iterated.args[0]  # type: ignore[attr-defined]
    pairs = [(target, iterated)]
    if _is_call(iterated, "zip"):
        if not isinstance(target, ast.Tuple) or len(target.elts) != len(iterated.args):  # type: ignore[attr-defined]
            raise Refused("has a `zip` whose parts are not named one by one", node)
        pairs = list(zip(target.elts, iterated.args, strict=True))  # type: ignore[attr-defined]
    parts: dict[str, Value] = {}
    sizes: list[str] = []
    texts: list[str] = []
    for one, whole in pairs:
        if not isinstance(one, ast.Name):
            raise Refused("takes apart what it iterates over", node)
        value, text, size = _part(whole, reading, node)
        parts[one.id] = value
        sizes.append(size)
        texts.append(text)
    counts = [size or f"len({text})" for size, text in zip(sizes, texts, strict=True)]
    same = (len(set(sizes)) == 1 and bool(sizes[0])) or len(texts) == 1
    turns, line = counts[0], ""
    if not same:
        turns = "turns"
        line = f"{turns} = min({', '.join(dict.fromkeys(counts))})"
    cut = "" if same else f"[:{turns}]"
    alias = {name: f"{text}{cut}" for (name, text) in zip(parts, texts, strict=True)}
    variable = index or "_"
    return Header(
        Loop(variable, turns, size=turns), frozenset({*parts, *([index] if index else [])}), parts, alias, line
    )


def _part(node: ast.expr, reading: Reading, loop: ast.For) -> tuple[Value, str, str]:
    """Return one turn of a tensor that is iterated over, the text of all of it, and its length."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "unbind":
        raise Refused("iterates over `unbind`, which is not read", loop)
    value = reading.read(node)
    if not value.is_tensor or not dotted_name(node):
        raise Refused(f"iterates over `{reading.code.of(node)}`, which need not be a tensor", loop)
    text = reading.code.of(node)
    if value.sizes is not None and not value.sizes:
        raise Refused("iterates over a tensor without axes", loop)
    sizes = value.sizes[1:] if value.sizes else None
    rank = value.rank.plus(-1) if value.rank else Count(-1, value.text or text)
    right = rank
    axis = Axis(Count(0), right, right.extra if right.known else 0)
    size = value.sizes[0] if value.sizes else ""
    return tensor(sizes, axis, rank=rank, view=True, outside=True), text, size


def _is_call(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and dotted_name(node.func) == name
