"""The list that a loop appends to: where it is made empty, and what reads it behind the loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.header import Place
from patcher.syntax.loops.reading import integer
from patcher.syntax.loops.values import Refused

__all__ = ["Consumer", "consumer", "emptied"]


@dataclass(frozen=True, slots=True)
class Consumer:
    """The one call of torch.stack or torch.cat that takes the list, and its axis; without one it stays a list."""

    call: ast.Call | None = None
    is_stack: bool = False
    dim: int = 0


def emptied(place: Place, name: str) -> tuple[int, int, str]:
    """Return the edit that takes away `name = []` in front of the loop.

    Raises:
        Refused: the list is not seen to be empty when the loop begins.
    """
    code = place.code
    block = place.blocks[-1]
    at = next(at for at, one in enumerate(block) if one is place.loop)
    for one in reversed(block[:at]):
        if name not in _names(one):
            continue
        if _is_empty(one, name):
            start, end = code.line_start(one.lineno), code.line_start((one.end_lineno or 0) + 1)
            alone = code.data[start:end].decode().partition("#")[0].strip() == code.of(one)
            if not alone:
                raise Refused(f"makes `{name}` empty on a line with something else", one)
            return start, end, ""
        break
    raise Refused(f"appends to `{name}`, which is not seen to be empty in front of the loop", place.loop)


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _is_empty(node: ast.stmt, name: str) -> bool:
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets if isinstance(node, ast.Assign) else []
    if len(targets) != 1 or not (isinstance(targets[0], ast.Name) and targets[0].id == name):
        return False
    value = node.value  # type: ignore[attr-defined]
    called = isinstance(value, ast.Call) and dotted_name(value.func) == "list" and not value.args
    return called or (isinstance(value, ast.List) and not value.elts)


def consumer(place: Place, name: str) -> Consumer:
    """Return what reads the list behind the loop."""
    block = place.blocks[-1]
    at = next(at for at, one in enumerate(block) if one is place.loop)
    reads = 0
    first: Consumer | None = None
    for one in block[at + 1 :]:
        here = _reads(one, name)
        if not here:
            if name in _names(one):
                break  # bound anew
            continue
        if first is None:
            first = _joins(place, one, name) if len(here) == 1 else Consumer()
        reads += len(here)
        if isinstance(one, ast.Assign) and name in {n for target in one.targets for n in _names(target)}:
            break
    else:
        end = block[-1].end_lineno or 0
        reads += sum(one.lineno > end for one in _reads(place.function, name))
    return first if first is not None and reads == 1 else Consumer()


def _reads(node: ast.AST, name: str) -> list[ast.Name]:
    return [
        one for one in ast.walk(node) if isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load)
    ]


def _joins(place: Place, node: ast.stmt, name: str) -> Consumer:
    """Return the call of torch.stack or torch.cat in a statement that takes the list alone."""
    if isinstance(node, ast.For | ast.While | ast.If | ast.With | ast.Try):
        return Consumer()
    for one in ast.walk(node):
        if not (
            isinstance(one, ast.Call) and one.args and isinstance(one.args[0], ast.Name) and one.args[0].id == name
        ):
            continue
        meant = place.code.meaning(one.func)
        words = {word.arg: word.value for word in one.keywords}
        if meant not in ("torch.stack", "torch.cat", "torch.concat", "torch.concatenate") or set(words) - {
            "dim",
            "axis",
        }:
            return Consumer()
        written = one.args[1] if len(one.args) > 1 else words.get("dim", words.get("axis"))
        dim = integer(written) if written is not None else 0
        return Consumer(one, meant == "torch.stack", dim) if dim is not None else Consumer()
    return Consumer()
