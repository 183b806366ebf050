"""What step may do what a patch did: for each difference the steps to try, the most general first."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from patcher.drafting.differences import Difference, Leaf, equal
from patcher.drafting.program import Program

__all__ = ["LITERAL", "Step", "guards", "proposals", "renames", "scope_of"]

Step = dict[str, Any]
LITERAL = "literal"  # a key of ours, taken out before a step is written: the step has no hole
HOLES = "ABCDEFGH"


def scope_of(path: str, difference: Difference) -> str:
    """Return the `in` of a step that is about one difference."""
    return f"{path}::{difference.scope}" if difference.scope else path


def proposals(one: Difference, before: Program, after: Program) -> Iterator[Step]:
    """Yield the steps to try for one difference, the most general first; none has an id, a scope or a count."""
    if one.under is not None:
        yield from _wrapped(one, before, after)
    elif not one.old:
        yield from _inserted(one, before, after)
    elif not one.new:
        code = before.lines(one.old)
        for more in ({}, {"comments": "drop"}):
            yield _step("delete", code, before.local(*one.old), {**more, LITERAL: True})
    else:
        for leaf in one.leaves:
            yield from _leaf(leaf, before, after)
        yield from _swapped(one, before, after)


def _step(verb: str, value: Any, local: list[str], keys: Mapping[str, Any]) -> Step:
    return {verb: value, **keys, **({"local": local} if local else {})}


# --- statements -------------------------------------------------------------------------------------------------------


def _wrapped(one: Difference, before: Program, after: Program) -> Iterator[Step]:
    assert one.under is not None
    local = before.local(one.old[0], one.under.test)
    yield _step("wrap", before.text(one.old[0]), local, {"under": f"if {after.text(one.under.test)}"})


def _inserted(one: Difference, before: Program, after: Program) -> Iterator[Step]:
    code = after.lines(one.new)
    above = one.block[one.index - 1] if one.index else None
    below = one.block[one.index] if one.index < len(one.block) else None
    owner = one.owner if isinstance(one.owner, ast.stmt) and one.block is getattr(one.owner, "body", None) else None
    anchors: list[tuple[str, ast.stmt | None]] = [("after", above), ("before", below)]
    if owner is not None:
        anchors.insert(0 if above is None else 2, ("first_in", owner if above is None else None))
        anchors.append(("last_in", owner if below is None else None))
    for where, anchor in anchors:
        if anchor is not None:
            local = before.local(*_said(anchor), *one.new)
            yield _step("insert", code, local, {where: before.header(anchor), LITERAL: True})


def _said(anchor: ast.stmt) -> list[ast.AST]:
    """Return the parts of a statement that its header says."""
    if isinstance(anchor, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Try)):
        return []
    body = getattr(anchor, "body", None)
    return [child for child in ast.iter_child_nodes(anchor) if not isinstance(child, ast.stmt)] if body else [anchor]


def _swapped(one: Difference, before: Program, after: Program) -> Iterator[Step]:
    """Yield what replaces a header, or whole statements."""
    old, new = one.old[0], one.new[0]
    literal = {LITERAL: True}
    if one.leaves and getattr(old, "body", None):
        local = before.local(*_said(old)) + after.local(*_said(new))
        yield _step("replace", before.header(old), list(dict.fromkeys(local)), {"with": after.header(new), **literal})
        return
    local = list(dict.fromkeys(before.local(*one.old) + after.local(*one.new)))
    for more in ({}, {"comments": "drop"}):
        keys = {"with": after.lines(one.new), **more, **literal}
        yield _step("replace", before.lines(one.old), local, keys)


# --- expressions ------------------------------------------------------------------------------------------------------


def _leaf(leaf: Leaf, before: Program, after: Program) -> Iterator[Step]:
    old, new = leaf.old, leaf.new
    yield from _hole(leaf, before, after)
    if isinstance(old, ast.Call):
        if isinstance(new, ast.Call) and equal(old.func, new.func):
            yield from _keywords(old, new, before, after)
        yield from _holed(old, new, before, after)
    pairs = [(old, new), *reversed([pair for pair in leaf.around if isinstance(pair[0], ast.expr)])]
    for one, other in pairs[:5]:
        if isinstance(one, (ast.Name, ast.Constant)) and one is old:
            continue
        local = list(dict.fromkeys(before.local(one) + after.local(other)))
        yield _step("replace", before.text(one), local, {"with": after.text(other), LITERAL: True})


def _hole(leaf: Leaf, before: Program, after: Program) -> Iterator[Step]:
    """Yield edits of a hole: an argument of a call, or what a method is called on."""
    old, new, around = leaf.old, leaf.new, leaf.around
    inside = [node for node in ast.walk(new) if equal(node, old)] if not isinstance(old, ast.Constant) else []
    kept = inside or [node for node in ast.walk(new) if equal(node, old)]
    code = after.text(new, dict.fromkeys(kept[:1], "$V"))
    call, pattern = _pattern(old, around, before)
    if call is None:
        return
    local = before.local(*([] if pattern.startswith("$V") else [call.func] if not pattern.startswith("$_.") else []))
    free = list(dict.fromkeys([*local, *after.local(new)]))
    where = {"V": before.text(old)}
    given = list(dict.fromkeys([*free, *before.local(old)]))
    if kept and not isinstance(old, ast.Constant) and not pattern.startswith("$V"):
        yield _step("edit", pattern, free, {"to": {"V": code}})
    yield _step("edit", pattern, given, {"where": where, "to": {"V": code}})


def _pattern(
    old: ast.expr, around: tuple[tuple[ast.AST, ast.AST], ...], before: Program
) -> tuple[ast.Call | None, str]:
    """Return the call around a hole, and the pattern of it in which the expression is `$V`."""
    above = [pair[0] for pair in reversed(around)]
    parent, grand = (*above, None, None)[:2]
    if isinstance(parent, ast.keyword) and isinstance(grand, ast.Call) and parent.arg:
        return grand, f"{_callee(grand, before)}($$$, {parent.arg}=$V)"
    if isinstance(parent, ast.Call) and old in parent.args:
        skipped = ["$_"] * parent.args.index(old)
        return parent, f"{_callee(parent, before)}({', '.join([*skipped, '$V', '$$$'])})"
    if isinstance(parent, ast.Attribute) and isinstance(grand, ast.Call) and grand.func is parent:
        return grand, f"$V.{parent.attr}($$$)"
    return None, ""


def _callee(call: ast.Call, before: Program) -> str:
    """Return what is called as a pattern: a method of whatever, if no import says of what."""
    if isinstance(call.func, ast.Attribute) and not before.dotted(call.func):
        return f"$_.{call.func.attr}"
    return before.text(call.func)


def _keywords(old: ast.Call, new: ast.Call, before: Program, after: Program) -> Iterator[Step]:
    """Yield a call that gets more keywords, or other ones."""
    same = len(old.args) == len(new.args) and all(map(equal, old.args, new.args))
    had = {one.arg: one for one in old.keywords}
    more = [one for one in new.keywords if one.arg not in had]
    kept = [one for one in new.keywords if one.arg in had and equal(one.value, had[one.arg].value)]
    if not same or not more or len(kept) + len(more) < len(new.keywords) or None in had:
        return
    gone = [one for one in old.keywords if one.arg not in {other.arg for other in new.keywords}]
    callee = _callee(old, before)
    local = before.local(old.func) if not callee.startswith("$_.") else []
    name = callee.replace("$_", "$F")
    left = ", ".join(["$$$A", *(f"{one.arg}={before.text(one.value)}" for one in gone)])
    right = ", ".join(["$$$A", *(f"{one.arg}={after.text(one.value)}" for one in more)])
    free = [*local, *before.local(*(one.value for one in gone)), *after.local(*(one.value for one in more))]
    yield _step("replace", f"{name}({left})", list(dict.fromkeys(free)), {"with": f"{name}({right})"})


def _holed(old: ast.Call, new: ast.expr, before: Program, after: Program) -> Iterator[Step]:
    """Yield a call whose receiver and arguments are holes where the new code has them too."""
    parts = [*old.args, *(one.value for one in old.keywords)]
    if isinstance(old.func, ast.Attribute) and not before.dotted(old.func):
        parts.insert(0, old.func.value)
    left: dict[ast.AST, str] = {}
    right: dict[ast.AST, str] = {}
    for part in parts:
        there = [node for node in ast.walk(new) if equal(node, part) and node not in right]
        if there and not isinstance(part, ast.Starred) and len(left) < len(HOLES):
            left[part] = f"${HOLES[len(left)]}"
            right |= dict.fromkeys(there, left[part])
    if left:
        rest = list(dict.fromkeys(_rest(old, left, before) + _rest(new, right, after)))
        yield _step("replace", before.text(old, left), rest, {"with": after.text(new, right)})


def _rest(node: ast.AST, holes: Mapping[ast.AST, str], program: Program) -> list[str]:
    """Return the local names of a node outside of its holes."""
    if node in holes:
        return []
    below = [name for child in ast.iter_child_nodes(node) for name in _rest(child, holes, program)]
    return program.local(node) if isinstance(node, ast.Name) else below


# --- imports ----------------------------------------------------------------------------------------------------------


def renames(one: Difference, before: Program, after: Program) -> Iterator[Step]:
    """Yield what an imported name is called now, where a name took another's place."""
    for leaf in one.leaves:
        for old, new in ((leaf.old, leaf.new), *leaf.around):
            names = before.dotted(old), after.dotted(new)
            if all(names) and names[0] != names[1]:
                yield {"rename": names[0], "to": names[1]}


def guards(before: Program, after: Program) -> Iterator[Step]:
    """Yield imports that a `try` guards now."""
    known = {ast.dump(node) for node in ast.walk(before.tree) if isinstance(node, ast.Try)}
    for node in ast.walk(after.tree):
        if not isinstance(node, ast.Try) or ast.dump(node) in known or len(node.handlers) != 1:
            continue
        imports = [one for one in node.body if isinstance(one, (ast.Import, ast.ImportFrom))]
        caught = node.handlers[0].type
        if not imports or not isinstance(caught, ast.Name) or caught.id not in ("ImportError", "ModuleNotFoundError"):
            continue
        modules = [one.names[0].name if isinstance(one, ast.Import) else one.module or "" for one in imports]
        roots = list(dict.fromkeys(module.partition(".")[0] for module in modules))
        flags = [one.targets[0] for one in node.body if isinstance(one, ast.Assign)]
        keys: Step = {"flag": flags[0].id} if flags and isinstance(flags[0], ast.Name) else {}
        body = [one for one in node.handlers[0].body if not (keys and _assigns(one, keys["flag"]))]
        shim = next((origin for one in ast.walk(node.handlers[0]) for origin in _shims(one, after)), "")
        yield {"guard_import": roots, "otherwise": shim or (after.lines(body) if body else "pass"), **keys}


def _assigns(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name


def _shims(node: ast.AST, after: Program) -> Iterator[str]:
    """Yield the shims that an import takes something from."""
    for origin in after.meant(node) if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
        if origin.startswith("shim."):
            yield ".".join(origin.split(".")[:2])
