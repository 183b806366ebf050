"""A loop as batched code, or the reason why it must stay a loop.

The statements of one turn stay as they are written, with the axes that they count moved past the loop's; what gathered
the turns takes the whole. Where the text does not show how the axis travels, the turn becomes a function that
torch.func.vmap takes over all turns. Nothing here is believed: what it writes is proved by running it beside the loop.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patcher.syntax.loops.files import Files
from patcher.syntax.loops.header import Header, Place, before, header
from patcher.syntax.loops.inlined import Inlined
from patcher.syntax.loops.mapped import Mapped
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.roles import Roles, roles
from patcher.syntax.loops.sinks import Sink
from patcher.syntax.loops.split import (
    carries,
    check_writes,
    independent,
    joined_parts,
    known_calls,
    loop_of,
    lost,
    stays,
)
from patcher.syntax.loops.tidy import tidied
from patcher.syntax.loops.values import Refused, Unproved

__all__ = ["BATCHED", "VMAP", "Rewritten", "rewritten"]


BATCHED, VMAP = "batched", "vmap"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The text of a file with a loop batched, and the form: inlined code, or torch.func.vmap."""

    text: str
    form: str


def rewritten(place: Place, files: Files) -> Rewritten:
    """Return the file with a loop batched.

    Raises:
        Refused: the loop must stay.
    """
    reading = before(place, files)
    head = header(place, reading)
    _check_text(place)
    try:
        found = roles(place.loop, head.variables)
        text, form = _formed(place, reading, head, found)
        _check_behind(place, found.written | head.variables, found.sinks)
    except Refused as refused:
        split = _split(place, reading, head)
        if split is None:
            raise refused from None
        text, form = split
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise Refused(f"cannot be written as batched code ({error.msg})", place.loop) from None
    return Rewritten(tidied(text, place), form)


def _formed(place: Place, reading: Reading, head: Header, found: Roles, rest: str = "") -> tuple[str, str]:
    """Return the file with what some sinks gather batched, and the form; `rest` is what stays of the loop."""
    try:
        return Inlined(place, reading, head, found, rest).text(), BATCHED
    except Unproved as unproved:
        try:
            return Mapped(place, reading, head, found, rest).text(), VMAP
        except Unproved:
            raise unproved from None


def _split(place: Place, reading: Reading, head: Header) -> tuple[str, str] | None:
    """Return the file with what is independent batched, and the rest still a loop; None if nothing is independent."""
    parts = independent(place.loop, head.variables)
    kept: list[Roles] = []
    for part in parts:
        try:
            _formed(place, reading, head, part)
        except Refused:
            continue
        kept.append(part)
    together = joined_parts(place.loop, kept)
    if together is None:
        return None
    rest = stays(place, together)
    if not rest or not carries(place.loop, rest, head.variables) or not all(known_calls(one, reading) for one in rest):
        return None
    try:
        _check_behind(place, lost(together, rest), together.sinks)
        for one in rest:
            check_writes(place, one, reading)
        return _formed(place, reading, head, together, loop_of(place, rest))
    except Refused:
        return None


def _check_text(place: Place) -> None:
    """Refuse text that cannot be moved line by line."""
    lines = [one.lineno for one in place.loop.body]
    if len(set(lines)) != len(lines):
        raise Refused("has several statements on one line", place.loop)
    if any(isinstance(one, ast.Try) for one in place.above):
        raise Refused("stands in a `try`, whose handler may read what the turns before have left", place.loop)
    for node in ast.walk(place.loop):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno:
            raise Refused("has a text over several lines", node)


def _check_behind(place: Place, written: frozenset[str], sinks: Iterable[Sink]) -> None:
    """Refuse to take away what is read behind the loop: the value of the last turn."""
    local = written - {sink.target for sink in sinks if sink.kind != "place"}
    end = place.loop.end_lineno or 0
    inside = {id(one) for one in ast.walk(place.loop)}
    outer = [one for one in place.above if isinstance(one, ast.For | ast.While)]
    bound = {name for one in ast.walk(place.function) for name in _bound_behind(one, inside, end, outer)}
    for one in ast.walk(place.function):
        if not isinstance(one, ast.Name) or id(one) in inside or not isinstance(one.ctx, ast.Load):
            continue
        later = one.lineno > end or (outer and one.lineno >= outer[0].lineno)
        if one.id in local and later and (one.id, one.lineno) not in bound:
            raise Refused(f"leaves `{one.id}` of its last turn, which is read behind it", one)
    if place.loop.orelse:
        raise Refused("has an `else`", place.loop)


def _bound_behind(node: ast.AST, inside: set[int], end: int, outer: Sequence[ast.stmt]) -> Iterable[tuple[str, int]]:
    """Yield the reads (name and line) that follow a new binding in the same block, behind the loop."""
    for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
        known: set[str] = set()
        for one in body if isinstance(body, list) else ():
            if id(one) in inside or (one.lineno <= end and not outer):
                continue
            for name in ast.walk(one):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and name.id in known:
                    yield name.id, name.lineno
            if isinstance(one, ast.Assign):
                known |= {name.id for target in one.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            elif isinstance(one, ast.For):
                targets = {name.id for name in ast.walk(one.target) if isinstance(name, ast.Name)}
                for name in ast.walk(one):
                    if isinstance(name, ast.Name) and name.id in targets:
                        yield name.id, name.lineno
