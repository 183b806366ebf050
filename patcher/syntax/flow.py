"""What a value may be made of, through the assignments of its function.

Every assignment that can reach the place counts, whichever branch it stands in; one that is certainly made anew on the
way there does not. Nothing is followed into another function.
"""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from patcher.syntax.names import Binding
from patcher.syntax.nodes import walk
from patcher.syntax.source import Source

__all__ = ["Loops", "is_certain", "made_of", "values_of"]

Loops = (cst.For, cst.While)
Blocks = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)


def made_of(source: Source, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield an expression and, through assignments, the expressions that it may be made of."""
    pending, seen = [node], {node}
    while pending:
        value = pending.pop()
        yield value
        for name in walk(value):
            if isinstance(name, cst.Name) and source.names.is_read(name):
                new = [origin for origin in _assigned(source, name) if origin not in seen]
                seen.update(new)
                pending += new


def values_of(source: Source, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield an expression and, where it is a variable, what may have been assigned to it as a whole."""
    pending, seen = [node], {node}
    while pending:
        value = pending.pop()
        yield value
        new = _assigned(source, value) if isinstance(value, cst.Name) and source.names.is_read(value) else []
        pending += [origin for origin in new if origin not in seen]
        seen.update(new)


def _assigned(source: Source, name: cst.Name) -> list[cst.CSTNode]:
    """Return the values that a variable may have where it is read."""
    names, place = source.names, source.span(name)[0]
    function = names.enclosing_function(name)
    above = set(source.ancestors(name))
    own = [one for one in names.read(name.value, name) if names.enclosing_function(one.node) is function]
    before = [one for one in own if isinstance(one.node, cst.CompFor) or names.takes_effect(one) <= place]
    reaching: list[Binding] = []
    settled: cst.CSTNode | None = None
    for one in sorted(before, key=names.takes_effect, reverse=True):
        reaching.append(one)
        if is_certain(source, one.node, above):
            settled = one.node
            break
    # In a loop also what the round before left, unless this round has settled it already.
    for one in own:
        loop = next((node for node in source.ancestors(one.node) if isinstance(node, Loops) and node in above), None)
        if one not in before and loop and (settled is None or loop not in source.ancestors(settled)):
            reaching.append(one)
    values = (_value(source, one) for one in reaching)
    return [value for value in values if value is not None]


def is_certain(source: Source, node: cst.CSTNode, above: set[cst.CSTNode]) -> bool:
    """Tell whether a binding is made on every way to a place behind it; `above` is what stands around the place."""
    match node:
        case cst.NamedExpr() | cst.AugAssign():
            return False
        case cst.AnnAssign() if node.value is None:
            return False
        case cst.For() | cst.ExceptHandler() | cst.ExceptStarHandler():
            return node.body in above
        case cst.MatchAs() | cst.MatchStar() | cst.MatchMapping():
            return any(isinstance(one, cst.MatchCase) and one.body in above for one in source.ancestors(node))
        case cst.Param():
            return True
        case cst.CompFor():
            return True
    return next(block for block in source.ancestors(node) if isinstance(block, Blocks)) in above


def _value(source: Source, binding: Binding) -> cst.CSTNode | None:
    """Return the value that a binding gives to its name, where it is an expression."""
    node = binding.node
    match node:
        case cst.AssignTarget():
            above = source.parent(node)
            return _part(node.target, above.value, binding.name) if isinstance(above, cst.Assign) else None
        case cst.AnnAssign() | cst.AugAssign() | cst.NamedExpr():
            return node.value
        case cst.For() | cst.CompFor():
            return node.iter
        case cst.WithItem():
            return node.item
    return None


def _part(target: cst.CSTNode, value: cst.CSTNode, name: str) -> cst.CSTNode:
    """Return what one name of a target gets: `a, b = f(), g()` gives `b` the value `g()`."""
    if not isinstance(target, (cst.Tuple, cst.List)) or not isinstance(value, (cst.Tuple, cst.List)):
        return value
    if len(target.elements) != len(value.elements):
        return value
    for mine, theirs in zip(target.elements, value.elements, strict=True):
        if isinstance(mine, cst.StarredElement) or isinstance(theirs, cst.StarredElement):
            return value
        if any(isinstance(one, cst.Name) and one.value == name for one in walk(mine)):
            return _part(mine.value, theirs.value, name)
    return value
