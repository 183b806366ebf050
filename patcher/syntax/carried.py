"""Names at the place where they are written: in scope there, and still what they were where the code was taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import libcst as cst

from patcher.errors import SiteError
from patcher.syntax.holes import short
from patcher.syntax.names import BUILTINS, Binding
from patcher.syntax.nodes import walk
from patcher.syntax.scopes import FunctionLike, Scope
from patcher.syntax.source import Source
from patcher.syntax.surely import binds

__all__ = ["check_in_scope", "is_bound_later", "is_surely_bound", "keep_function", "keep_meaning", "variables_in"]

Loops = (cst.For, cst.While)
Owned = (cst.Await, cst.NamedExpr, cst.Return, cst.Yield)
Assignments = (cst.AssignTarget, cst.AnnAssign, cst.AugAssign, cst.NamedExpr)


def variables_in(source: Source, *nodes: cst.CSTNode) -> Iterator[cst.Name]:
    """Yield the names of some code that read or bind variables."""
    found = (name for node in nodes for name in walk(node) if isinstance(name, cst.Name))
    return (name for name in found if source.names.scopes.is_variable(name))


def check_in_scope(source: Source, name: str, at: cst.CSTNode, position: int) -> None:
    """Refuse to write a name at a node, so that it is read at an offset, where nothing has surely bound it before.

    Raises:
        SiteError: nothing has.
    """
    bindings = source.names.read(name, at, position)
    if not bindings:
        if name in BUILTINS:
            return
        raise SiteError(f"`{name}` is not in scope there, and the replacement needs it")
    if is_bound_later(source, bindings, at, position):
        raise SiteError(f"`{name}` is bound only further down, and the replacement needs it")
    if is_surely_bound(source, name, at, position):
        return
    if is_surely_bound(source, name, at, position, known=True):
        before = [one for one in bindings if source.span(one.node)[0] < position] or bindings
        line = _line(source, before[-1].node)
        raise SiteError(f"`{name}` is bound in line {line}, which may not have run there, and the replacement needs it")
    raise SiteError(f"`{name}` may be deleted there, and the replacement needs it")


def is_bound_later(source: Source, bindings: Sequence[Binding], at: cst.CSTNode, position: int) -> bool:
    """Tell whether all that binds a name stands in the function of a node, and behind an offset in it."""
    names = source.names
    function = names.enclosing_function(at)
    local = [one for one in bindings if names.enclosing_function(one.node) is function]
    later = (not isinstance(one.node, cst.Param) and names.takes_effect(one) > position for one in local)
    return len(local) == len(bindings) and all(later)


def is_surely_bound(source: Source, name: str, at: cst.CSTNode, position: int, *, known: bool = False) -> bool:
    """Tell whether a name is bound whenever it is read at a node from an offset on; `known` as in `binds`."""
    homes = source.names.scopes.seen(name, at, position)
    outside = all(not isinstance(home.node, FunctionLike) for home in homes)
    if name in BUILTINS and outside:
        return True
    return any(binds(source, home, name, at, position, known=known) for home in homes)


def keep_meaning(
    source: Source,
    nodes: tuple[cst.CSTNode, ...],
    place: cst.CSTNode,
    around: Mapping[str, Scope | None],
    within: tuple[cst.CSTNode, ...] = (),
) -> None:
    """Refuse to write code at a place where a name in it would mean something else.

    `around` are the variables of the match that the replacement itself binds around the code. `within` are the nodes
    whose functions and classes the replacement writes again around it.

    Raises:
        SiteError: a name is bound to something else there, or to nothing.
    """
    inner = {below for node in nodes for below in walk(node)}
    for name in variables_in(source, *nodes):
        home = source.names.scopes.of_variable(name)
        if home is not None and (_comes_along(home, name, inner) or _is_rewritten(source, home, within)):
            continue
        there = around[name.value] if name.value in around else _home(source, name, place)
        if there is not home:
            bound = there is not None
            what = "is bound to something else there" if bound else "is not in scope there"
            raise SiteError(f"`{name.value}` {what}, {_needed(source, name, bound=bound)}")
        anew = _bound_anew(source, name, home, place) if home is not None else None
        if anew is not None:
            what = f"is bound anew in line {_line(source, anew.node)}"
            raise SiteError(f"`{name.value}` {what}, {_needed(source, name, bound=True)}")


def keep_function(
    source: Source, nodes: tuple[cst.CSTNode, ...], match: tuple[cst.CSTNode, ...], place: cst.CSTNode, depth: int
) -> None:
    """Refuse to write a `yield`, `await`, `return` or `:=` at a place where it would belong to another function.

    `depth` says in how many functions of the replacement, which stands for a match, the code goes.

    Raises:
        SiteError: it would.
    """
    owned = [below for node in nodes for below in walk(node) if _is_owned(below)]
    inner, within = ({below for node in some for below in walk(node)} if owned else set() for some in (nodes, match))
    around = source.names.enclosing_function
    base = around(match[0] if place in within else place)
    for below in owned:
        function, left = around(below), depth
        while function in within and function not in inner:
            function, left = around(function), left - 1
        if function not in inner and (left or function is not base):
            raise SiteError(f"`{short(source.code(below))}` would belong to another function there; move it out first")


def _is_owned(node: cst.CSTNode) -> bool:
    """Tell whether a node belongs to the function around it; a `for` of a comprehension does if it is `async`."""
    return isinstance(node, Owned) or (isinstance(node, cst.CompFor) and node.asynchronous is not None)


def _home(source: Source, name: cst.Name, place: cst.CSTNode) -> Scope | None:
    """Return the scope of which a variable is at a place; what binds it in the match binds it before the place."""
    names, scopes = source.names, source.names.scopes
    return names.home(name.value, place) if names.is_read(name) else scopes.home(name.value, scopes.of(place))


def _comes_along(home: Scope, name: cst.Name, inner: set[cst.CSTNode]) -> bool:
    """Tell whether a variable belongs to the code itself, so that it goes where the code goes."""
    return home.node in inner or all(one.node in inner for one in home.bindings[name.value])


def _is_rewritten(source: Source, home: Scope, within: tuple[cst.CSTNode, ...]) -> bool:
    above = [home.node, *source.ancestors(home.node)] if isinstance(home.node, (cst.FunctionDef, cst.ClassDef)) else []
    return any(node in within for node in above)


def _bound_anew(source: Source, name: cst.Name, home: Scope, place: cst.CSTNode) -> Binding | None:
    """Return what binds a variable again between a name that binds it and a place; what goes on with it does not."""
    if source.names.is_read(name):
        return None
    own, around = set(source.ancestors(name)), set(source.ancestors(place))
    begin, end = source.span(name)[1], source.span(place)[0]
    if source.names.enclosing_function(place) is not home.node:  # it may run when the block has gone on
        blocks = (cst.BaseCompoundStatement, cst.Module)
        end = source.span(next(one for one in source.ancestors(name) if isinstance(one, blocks)))[1]
    for other in home.bindings[name.value]:
        if other.node in own or source.span(other.node)[0] < begin or _goes_on(source, other, name):
            continue
        loops = (one for one in source.ancestors(other.node) if isinstance(one, Loops) and one in around)
        if source.names.takes_effect(other) <= end or any(source.span(loop)[0] > begin for loop in loops):
            return other
    return None


def _goes_on(source: Source, other: Binding, name: cst.Name) -> bool:
    """Tell whether an assignment makes a variable's value from its old one, as any may do with a parameter."""
    if not isinstance(other.node, Assignments):
        return False
    if isinstance(other.node, cst.AugAssign) or isinstance(source.parent(name), cst.Param):
        return True
    statement = source.parent(other.node) if isinstance(other.node, cst.AssignTarget) else other.node
    value = getattr(statement, "value", None)
    return value is None or any(one.value == name.value for one in variables_in(source, value))


def _needed(source: Source, name: cst.Name, *, bound: bool) -> str:
    remedy = "; rename one of the two first" if bound else ""
    return f"and the replacement needs that of line {_line(source, name)}{remedy}"


def _line(source: Source, node: cst.CSTNode) -> int:
    return source.line_column(source.span(node)[0])[0]
