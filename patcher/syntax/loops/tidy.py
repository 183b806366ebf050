"""What a rewrite leaves that nobody would write: `x = x`, and a name that only hands on another."""

from __future__ import annotations

import ast

from patcher.syntax.loops.files import Code, Function, dotted_name
from patcher.syntax.loops.header import Place

__all__ = ["spare", "tidied"]


def tidied(text: str, place: Place) -> str:
    """Return the text without what only hands on a name, in the function of the loop."""
    for _ in range(20):
        code = Code(place.code.path, text)
        function = _function(code, place)
        shorter = _shorter(code, function, place) if function is not None else None
        if shorter is None:
            return text
        text = shorter
    return text


def _function(code: Code, place: Place) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    for node in ast.walk(code.module):
        if isinstance(node, Function) and node.name == place.function.name and node.lineno == place.function.lineno:
            return node
    return None


def _shorter(code: Code, function: ast.FunctionDef | ast.AsyncFunctionDef, place: Place) -> str | None:
    first = min(place.loop.lineno, *(one.lineno for one in place.blocks[-1]))
    for body in _bodies(function):
        for at, one in enumerate(body):
            if not (isinstance(one, ast.Assign) and isinstance(one.value, ast.Name) and len(one.targets) == 1):
                continue
            target = one.targets[0]
            if not isinstance(target, ast.Name) or one.lineno < first:
                continue
            if target.id == one.value.id:
                return _without(code, one)
            earlier = _last(body[:at], one.value.id)
            if earlier is not None and _only_here(function, body, at, earlier, one.value, target.id):
                start, end = code.span(earlier.targets[0])
                renamed = code.data[:start] + target.id.encode() + code.data[end:]
                again = Code(code.path, renamed.decode())
                found = _function(again, place)
                assert found is not None
                here = next(
                    node
                    for node in ast.walk(found)
                    if isinstance(node, ast.Assign) and node.lineno == one.lineno and isinstance(node.value, ast.Name)
                )
                return _without(again, here)
    return None


def _bodies(function: ast.AST) -> list[list[ast.stmt]]:
    found = []
    for node in ast.walk(function):
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                found.append(body)
    return found


def _last(body: list[ast.stmt], name: str) -> ast.Assign | None:
    """Return the assignment in a block that binds a name last, if it binds it alone and nothing in between reads it."""
    for one in reversed(body):
        names = {node.id for node in ast.walk(one) if isinstance(node, ast.Name)}
        if name in names:
            alone = isinstance(one, ast.Assign) and len(one.targets) == 1 and dotted_name(one.targets[0]) == name
            return one if alone and isinstance(one, ast.Assign) else None
    return None


def _only_here(
    function: ast.AST, body: list[ast.stmt], at: int, earlier: ast.Assign, value: ast.Name, target: str
) -> bool:
    """Tell whether a name is read nowhere behind its assignment but where it is handed on."""
    between = body[body.index(earlier) + 1 : at]
    if any(target == node.id for one in between for node in ast.walk(one) if isinstance(node, ast.Name)):
        return False
    reads = [
        node
        for node in ast.walk(function)
        if isinstance(node, ast.Name)
        and node.id == value.id
        and isinstance(node.ctx, ast.Load)
        and node is not value
        and node.lineno > (earlier.end_lineno or 0)
    ]
    return not reads


def _without(code: Code, node: ast.stmt) -> str:
    start, end = code.line_start(node.lineno), code.line_start((node.end_lineno or 0) + 1)
    before, behind = code.data[:start].decode(), code.data[end:].decode()
    return before + behind.encode()[spare(before, behind) :].decode()


def spare(before: str, behind: str) -> int:
    """Return the bytes of a blank line behind a line that goes, where one stands before it or a block begins there."""
    last = before.removesuffix("\n").rpartition("\n")[2].strip()
    line, end, _ = behind.partition("\n")
    return len((line + end).encode()) if not line.strip() and (not last or last.endswith(":")) else 0
