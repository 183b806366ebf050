"""What surely happens before a place is reached, as far as the text tells: a name is bound, a module is loaded.

What an `if`, a loop or an import that may fail can pass over does not count, and a `del` takes a name away again. What
leaves a block ends the way through it, so that nothing is asked of it. A function runs when what defines it has gone
on: what stands further down there counts too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import takewhile

import libcst as cst

from patcher.syntax.guards import ENDING, suppresses
from patcher.syntax.names import Binding, dotted, leads
from patcher.syntax.nodes import literal
from patcher.syntax.scopes import Comprehension, FunctionLike, Scope, names_in
from patcher.syntax.source import Source

__all__ = ["binds", "loads"]

Lines = (cst.Module, cst.IndentedBlock, cst.SimpleStatementLine, cst.SimpleStatementSuite)
Handler = (cst.ExceptHandler, cst.ExceptStarHandler)
# What a whole scope has, wherever it is read in it.
Everywhere = (cst.Param, cst.CompFor, cst.TypeVar, cst.ParamSpec, cst.TypeVarTuple)


def binds(source: Source, home: Scope, name: str, at: cst.CSTNode, position: int, *, known: bool = False) -> bool:
    """Tell whether a scope has surely bound a name where it is read at a node, from an offset on.

    What reads the name at the place, or on the way there, tells that it is bound too. `known`: as if the scope began by
    binding it, so that only a `del` can tell otherwise.
    """
    known = known or any(isinstance(one.node, Everywhere) for one in home.bindings[name])
    if _way(source, home, name).leads(home.node, at, position, known=known):
        return True
    way = _way(source, home, name, reads=True)
    return way.passes(at) or way.leads(home.node, at, position, known=known)


@lru_cache(maxsize=16)  # each site of a file asks for the same
def _way(source: Source, home: Scope, name: str, *, reads: bool = False) -> _Way:
    made = [one.node for one in home.bindings[name] if _has_value(one.node)]
    dropped = [one for node in source.of(cst.Del) for one in names_in(node.target) if one.value == name]
    return _Way(source, [*made, *(source.names.uses(name, made[0]) if reads and made else ())], dropped)


def loads(source: Source, module: str, root: str, at: cst.CSTNode, position: int) -> bool:
    """Tell whether an import of the file has surely loaded a module (dotted), read through a name that is bound."""
    loading = [one for one in source.names.imports if _loads(source, one, module)]
    # Where it is bound to something else, as to None behind a handler, that is the file's choice.
    meaning = [one for one in source.names.read(root, at, position) if one in loading or _leads_to(source, one, module)]
    if meaning and all(one in loading for one in meaning):
        return True
    return _Way(source, [one.node for one in loading]).leads(source.module, at, position)


def _loads(source: Source, binding: Binding, module: str) -> bool:
    named = dotted(binding.alias.name) if isinstance(binding.statement, cst.Import) and binding.alias else None
    origin = binding.origin or ""
    return any(leads(module, one) for one in (named or "", origin, *source.behind(origin)))


def _leads_to(source: Source, binding: Binding, module: str) -> bool:
    origin = binding.origin or ""
    return bool(origin) and any(leads(one, module) for one in (origin, *source.behind(origin)))


def _has_value(node: cst.CSTNode) -> bool:
    return not isinstance(node, cst.AnnAssign) or node.value is not None


class _Way:
    """The ways through a file to a place. `made` are the nodes that do what is asked for, `undone` those that undo it.

    A state tells of a point in the text whether it is done on every way that leads there.
    """

    def __init__(self, source: Source, made: Iterable[cst.CSTNode], undone: Iterable[cst.CSTNode] = ()) -> None:
        self._source = source
        made = list(made)
        self._making = {above for node in made for above in (node, *_run_with(source, node))}
        undone = [*undone, *(node for node in made if isinstance(node, Handler))]  # whose name goes as they end
        self._undoing = {above for node in undone for above in _inside(source, node)}
        self._breaks: list[list[bool]] = []

    def leads(self, top: cst.CSTNode, at: cst.CSTNode, position: int, *, known: bool = False) -> bool:
        """Tell whether every way from the beginning of a scope to a place does it; `known`: it is done at the start."""
        way = [at]
        for above in self._source.ancestors(at):
            if way[-1] is top:
                break
            way.append(above)
        state = known
        for above, child in zip(way[:0:-1], way[-2::-1], strict=True):
            state = self._enter(above, child, state, begins=above is top)
        behind = isinstance(at, (cst.BaseSmallStatement, cst.BaseCompoundStatement))
        return self._after(at, state) if behind and self._source.span(at)[1] <= position else state

    def passes(self, at: cst.CSTNode) -> bool:
        """Tell whether the statement of a place does it, so far as it runs with the place."""
        return any(one in self._making for one in (at, *_parts_around(self._source, at)))

    # --- into what stands around the place --------------------------------------------------------------------------

    def _enter(self, above: cst.CSTNode, child: cst.CSTNode, state: bool, *, begins: bool) -> bool:
        """Return the state as a child begins, by that as the node above it begins."""
        match above:
            case cst.Module() | cst.IndentedBlock() | cst.SimpleStatementLine() | cst.SimpleStatementSuite():
                for line in above.body:
                    if line is child:
                        break
                    state = self._after(line, state)
            case cst.FunctionDef() | cst.Lambda() if child is above.body and not begins:
                return self._later(above, state)
            case cst.If() if child is not above.test:
                return state or above.test in self._making
            case cst.While() if child is not above.test:
                return self._kept(above, state) or above.test in self._making
            case cst.For() if child is not above.iter:
                bound = child is above.body and above in self._making
                return self._kept(above, state) or above.iter in self._making or bound
            case cst.With() if child is above.body:
                return state or any(item in self._making for item in above.items)
            case cst.Match() if child is not above.subject:
                return state or above.subject in self._making
            case cst.MatchCase() if child is not above.pattern:
                return state or above.pattern in self._making
            case cst.Try() | cst.TryStar() if child is above.orelse:
                return self._after(above.body, state)
            case cst.Try() | cst.TryStar() if child is not above.body:
                return self._kept(above if child is above.finalbody else above.body, state)
            case cst.ExceptHandler() | cst.ExceptStarHandler() if child is above.body:
                return state or above in self._making
        return state

    def _later(self, function: cst.CSTNode, state: bool) -> bool:
        """Return the state as a function is called: when the blocks around its definition have gone on."""
        state = self._after(function, state)
        child = function
        for above in self._source.ancestors(function):
            if isinstance(above, FunctionLike):
                break
            if isinstance(above, Lines):
                lines = list(above.body)
                for line in lines[lines.index(child) + 1 :]:
                    state = self._after(line, state)
            child = above
        return state

    # --- past what stands before it ---------------------------------------------------------------------------------

    def _after(self, node: cst.CSTNode, state: bool) -> bool:
        """Return the state behind a statement or block; True also where nothing goes on behind it."""
        match node:
            case cst.Return() | cst.Raise() | cst.Continue():
                return True
            case cst.Break():
                if self._breaks:
                    self._breaks[-1].append(state)
                return True
            case cst.Module() | cst.IndentedBlock() | cst.SimpleStatementLine() | cst.SimpleStatementSuite():
                for line in node.body:
                    state = self._after(line, state)
                return state
            case cst.Else() | cst.Finally():
                return self._after(node.body, state)
            case cst.If():
                return self._past_if(node, state)
            case cst.For() | cst.While():
                return self._past_loop(node, state)
            case cst.Try() | cst.TryStar():
                return self._past_try(node, state)
            case cst.With():
                return self._past_with(node, state)
            case cst.Match():
                return self._past_match(node, state)
        return node not in self._undoing and (state or node in self._making or self._ends(node))

    def _past_if(self, node: cst.If, state: bool) -> bool:
        state = self._enter(node, node.body, state, begins=False)
        known = _known(node.test)
        ways = [] if known is False else [self._after(node.body, state)]
        if known is not True:
            ways.append(self._after(node.orelse, state) if node.orelse else state)
        return all(ways)

    def _past_loop(self, node: cst.For | cst.While, state: bool) -> bool:
        self._breaks.append([])
        self._after(node.body, self._enter(node, node.body, state, begins=False))
        breaks = self._breaks.pop()
        past = isinstance(node, cst.While) and _known(node.test) is True  # only a break leads out
        if not past:
            asked = node.test if isinstance(node, cst.While) else node.iter
            past = self._kept(node, state) or asked in self._making
            past = self._after(node.orelse, past) if node.orelse else past
        return past and all(breaks)

    def _past_try(self, node: cst.Try | cst.TryStar, state: bool) -> bool:
        body = self._after(node.body, state)
        failed = self._kept(node.body, state)
        ways = [self._after(node.orelse, body) if node.orelse else body]
        ways += [self._past_handler(handler, failed) for handler in node.handlers]
        return self._after(node.finalbody, all(ways)) if node.finalbody else all(ways)

    def _past_handler(self, handler: cst.ExceptHandler | cst.ExceptStarHandler, state: bool) -> bool:
        if handler in self._making:  # it takes its name away as it ends
            return _Way(self._source, ())._after(handler.body, False)
        return self._after(handler.body, state)

    def _past_with(self, node: cst.With, state: bool) -> bool:
        state = self._enter(node, node.body, state, begins=False)
        passed_over = any(suppresses(self._source, item.item) for item in node.items)
        return self._after(node.body, state) and (self._kept(node, state) or not passed_over)

    def _past_match(self, node: cst.Match, state: bool) -> bool:
        state = state or node.subject in self._making
        ways = [self._after(case.body, state or case.pattern in self._making) for case in node.cases]
        last = node.cases[-1] if node.cases else None
        every = last and last.guard is None and isinstance(last.pattern, cst.MatchAs) and last.pattern.pattern is None
        return all(ways) and bool(every or state)

    def _kept(self, node: cst.CSTNode, state: bool) -> bool:
        return state and node not in self._undoing

    def _ends(self, node: cst.CSTNode) -> bool:
        """Tell whether a statement ends the program."""
        if not isinstance(node, cst.Expr) or not isinstance(node.value, cst.Call):
            return False
        return not set(ENDING).isdisjoint(self._source.names.origins(node.value.func))


# --- parts of statements --------------------------------------------------------------------------------------------


def _run_with(source: Source, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what stands around a part of a statement, in it, and never runs without that part."""
    child = node
    for above in _parts_around(source, node):
        if _may_pass_over(above, child):
            return
        yield above
        child = above


def _parts_around(source: Source, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield what stands around a part of a statement, up to a small statement or into the header of a block."""
    whole = (cst.BaseCompoundStatement, cst.MatchCase, *Handler, *Lines)
    return takewhile(lambda above: not isinstance(above, whole), source.ancestors(node))


def _may_pass_over(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    match node:
        case cst.BooleanOperation():
            return child is node.right
        case cst.IfExp():
            return child is not node.test
    return isinstance(node, (*Comprehension, cst.Lambda, cst.Annotation, cst.Assert))


def _inside(source: Source, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and what stands around it in its function or class."""
    yield node
    for above in source.ancestors(node):
        if isinstance(above, (*FunctionLike, cst.ClassDef)):
            return
        yield above


def _known(test: cst.BaseExpression) -> bool | None:
    """Return what a test always gives when the program runs, if the text tells it."""
    match test:
        case cst.UnaryOperation(operator=cst.Not()):
            known = _known(test.expression)
            return None if known is None else not known
        case cst.Name(value="True" | "False"):
            return test.value == "True"
        case cst.Integer():
            return literal(test) != 0
    return False if (dotted(test) or "").rpartition(".")[2] == "TYPE_CHECKING" else None
