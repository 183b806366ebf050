"""A loop and its batched code, each cut out of its function, so that both can be run on the same random inputs."""

from __future__ import annotations

import ast
import difflib
import textwrap
from dataclasses import dataclass, field
from typing import Any

from patcher.syntax.loops.candidates import Candidate, files_of
from patcher.syntax.loops.files import Code, Function, dotted_name
from patcher.syntax.loops.header import Place, before, header, places
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.values import Refused, Value

__all__ = ["Fragment", "fragment"]

# What a fragment may import: anything else could not be run by itself.
LIBRARIES = ("torch", "math", "einops")


@dataclass(frozen=True, slots=True)
class Fragment:
    """The two versions as the bodies of functions, what stands in front of them, and what is known of each input.

    An input is a number (`{}`), or a tensor: `sizes` as text, or the least number of axes and the one of the turns.
    """

    before: str
    after: str
    prelude: str
    turns: str
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


def fragment(draft: Any, candidate: Candidate) -> Fragment | str:
    """Return the fragment of a candidate that could be batched, or why it cannot be run by itself."""
    text = draft.read(candidate.path).decode("utf-8-sig").replace("\r\n", "\n")
    code = Code(candidate.path, text)
    place = next(one for one in places(code) if one.loop.lineno == candidate.line)
    old, new = _regions(place, text, candidate.text)
    try:
        trees = [ast.parse(textwrap.dedent(one)) for one in (old, new)]
    except SyntaxError:
        return "its lines cannot be cut out of their function"
    reading = before(place, files_of(draft, candidate.path, text))
    head = header(place, reading)
    names = _free(trees[0]) | _free(trees[1])
    try:
        prelude, names = _prelude(code, names)
        inputs = {name: _input(name, reading, place) for name in sorted(names)}
    except Refused as refused:
        return refused.reason
    outputs = tuple(sorted(_outputs(trees[0], trees[1], set(inputs))))
    turns = head.loop.size or head.loop.turns
    return Fragment(textwrap.dedent(old), textwrap.dedent(new), prelude, turns, inputs, outputs)


def _regions(place: Place, old: str, new: str) -> tuple[str, str]:
    """Return the lines of whole statements in which two texts differ."""
    before_, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    codes = [
        one for one in difflib.SequenceMatcher(None, before_, after, autojunk=False).get_opcodes() if one[0] != "equal"
    ]
    first, last = codes[0][1], codes[-1][2]
    touched = [
        one for one in place.blocks[-1] if one.lineno - 1 < max(last, first + 1) and (one.end_lineno or 0) > first
    ]
    start = min(one.lineno - 1 for one in (*touched, place.loop))
    end = max(one.end_lineno or 0 for one in (*touched, place.loop))
    return "".join(before_[start:end]), "".join(after[start : len(after) - (len(before_) - end)])


def _free(tree: ast.Module) -> set[str]:
    """Return the names that a fragment reads before it binds them; of `self` the attributes."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted_name(node).startswith("self."):
            found.add(dotted_name(node))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id != "self":
            found.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    dotted = {name for name in found if "." in name}
    methods = {dotted_name(one.func) for one in ast.walk(tree) if isinstance(one, ast.Call)}
    longest = {name for name in dotted if not any(other.startswith(f"{name}.") for other in dotted - methods)}
    longest = {_held(name, methods) for name in longest}
    bound = {name for name in _stored(tree) if _first_bound(tree, name)}
    return {name for name in found - dotted if name not in bound} | longest


def _held(name: str, methods: set[str]) -> str:
    """Return what is held in `self`, without what is asked of it."""
    head, _, last = name.rpartition(".")
    asked = name in methods or last in ("device", "dtype", "shape", "ndim", "T", "mT")
    return _held(head, set()) if asked and name.count(".") > 1 else name


def _outputs(old: ast.Module, new: ast.Module, inputs: set[str]) -> set[str]:
    """Return what both versions bind and the function may read: not what is local to a turn."""
    outside = {name for node in old.body if not isinstance(node, ast.For) for name in _stored(ast.Module([node], []))}
    inner = {name for one in ast.walk(new) if isinstance(one, ast.FunctionDef) for name in _stored(one)}
    return (_stored(old) & (_stored(new) - inner)) & (outside | inputs)


def _stored(tree: ast.AST) -> set[str]:
    stored = {one.id for one in ast.walk(tree) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    stored |= {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)}
    arguments = {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}
    return stored | arguments


def _first_bound(tree: ast.Module, name: str) -> bool:
    """Tell whether a fragment binds a name before it reads it."""
    for node in tree.body:
        stores = name in _stored(ast.Module([node], []))
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None else node
        reads = any(
            isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load) for one in ast.walk(value)
        )
        if isinstance(node, ast.AugAssign) and name == dotted_name(node.target):
            return False
        if isinstance(node, ast.For) and stores:
            return not _read_in_front(node, name)
        if reads and not isinstance(node, ast.FunctionDef):
            return False
        if stores:
            return True
    return name in {one.arg for one in ast.walk(tree) if isinstance(one, ast.arg)}


def _read_in_front(loop: ast.For, name: str) -> bool:
    for node in loop.body:
        if isinstance(node, ast.AugAssign) and dotted_name(node.target) == name:
            return True
        value = node.value if isinstance(node, ast.Assign) else node
        if any(
            isinstance(one, ast.Name) and one.id == name and isinstance(one.ctx, ast.Load) for one in ast.walk(value)
        ):
            return True
        if name in _stored(ast.Module([node], [])):
            return False
    return False


def _prelude(code: Code, names: set[str]) -> tuple[str, set[str]]:
    """Return the imports and definitions of the file that a fragment needs, and the names that are left."""
    lines, left, waiting, seen = [], set(), sorted(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in code.top and not name.startswith("self."):
            node = code.top[name][0]
            if not isinstance(node, (*Function, ast.Assign)) or len(code.top[name]) > 1:
                raise Refused(f"`{name}` cannot be run by itself")
            lines.append(code.of(node))
            waiting += [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in code.imports]
            waiting += [one.id for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in code.top]
        elif name in code.imports:
            _check_library(code, name)
        elif name not in dir(__builtins__ if not isinstance(__builtins__, dict) else __import__("builtins")):
            left.add(name)
    imported = [_imported(name, code.imports[name]) for name in sorted(seen & code.imports.keys())]
    return "\n".join((*imported, *reversed(lines))) + "\n", left


def _check_library(code: Code, name: str) -> None:
    if code.imports[name].partition(".")[0] not in LIBRARIES:
        raise Refused(f"`{name}` cannot be run by itself")


def _imported(name: str, meant: str) -> str:
    module, _, last = meant.rpartition(".")
    if not module:
        return f"import {meant}" if meant == name else f"import {meant} as {name}"
    return f"from {module} import {last} as {name}"


def _input(name: str, reading: Reading, place: Place) -> dict[str, Any]:
    """Return what is known of an input."""
    try:
        node = ast.parse(name, mode="eval").body
        for one in ast.walk(node):
            ast.copy_location(one, place.loop)
        value = reading.read(node)
    except Refused:
        value = Value()
    if value.module is not None:
        raise Refused(f"`{name}` is a module, which is not made here")
    if value.items is not None:
        raise Refused(f"`{name}` is a list")
    if value.is_tensor is False and value.rank is not None:
        return {"kind": "number", "size": value.text}
    if value.sizes is not None and value.is_tensor:
        return {"kind": "tensor", "sizes": list(value.sizes)}
    used = _used(name, place)
    if used is None:
        return {"kind": "either"}
    return {"kind": "tensor", "least": used[0], "at": used[1]}


def _used(name: str, place: Place) -> tuple[int, int] | None:
    """Return the least number of axes of what is read at the loop's variable, and that axis; None if none is."""
    variables = {one.id for one in ast.walk(place.loop.target) if isinstance(one, ast.Name)}
    found: tuple[int, int] | None = None
    for node in ast.walk(place.loop):
        if not (isinstance(node, ast.Subscript) and dotted_name(node.value) == name):
            continue
        elements = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        at = next((i for i, one in enumerate(elements) if variables & _names(one)), None)
        if at is None:
            continue
        rest = any(isinstance(one, ast.Constant) and one.value is Ellipsis for one in elements[:at])
        new = (len(elements), at - len(elements) if rest else at)
        found = new if found is None or new[0] > found[0] else found
    if found is None and any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(place.loop.iter)):
        return (1, 0)
    return found


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
