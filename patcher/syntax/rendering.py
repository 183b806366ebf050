"""A replacement as text: holes become the captured bytes, dotted names become what the file calls them.

Parentheses are added only where precedence or a line end asks for them. The recipe's own lines get the indentation and
line ends of the place; what was captured keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise

import libcst as cst

from patcher.errors import SiteError
from patcher.syntax.arguments import is_named
from patcher.syntax.carried import keep_function, keep_meaning, variables_in
from patcher.syntax.holes import hole_of, short
from patcher.syntax.layout import reindent, shifted
from patcher.syntax.matching import Captured, Match
from patcher.syntax.nodes import children, walk
from patcher.syntax.pattern import Code, targets_of, variables_of
from patcher.syntax.precedence import Up, parenthesized, way_up
from patcher.syntax.scopes import FunctionLike, Scope, entered_scope
from patcher.syntax.source import Source

__all__ = ["Piece", "Rendering", "Speller", "Statement"]

Speller = Callable[[str], str]
"""Gives a dotted name the spelling that the file has for it at the site, or raises SiteError."""

Statement = (cst.BaseSmallStatement, cst.BaseCompoundStatement)
LISTS = ("args", "elements", "slice", "bases", "names", "body", "posonly_params", "params", "kwonly_params")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a replacement's text, and the node of the file that it was captured from, if it was."""

    start: int
    end: int
    text: str
    captured: Captured | None = None


@dataclass(frozen=True)
class Rendering:
    """How one replacement is written at one match, instead of or beside `place`, if that is not the match itself.

    `start` is where it will stand; without it lines stay as written.
    """

    code: Code
    source: Source
    match: Match
    spell: Speller
    start: int | None = None
    place: cst.CSTNode | None = None

    def text(self, node: cst.CSTNode, ups: Sequence[Up] = ()) -> str:
        """Return the text of a node of the replacement; `ups` is the way up from the place that it goes to."""
        return "".join(piece.text for piece in self.pieces(node, ups))

    def pieces(self, node: cst.CSTNode, ups: Sequence[Up] = ()) -> list[Piece]:
        """Return the text of a node of the replacement in the pieces that it is put together from."""
        return self._between(*self.code.outer(node), self._filled(node, ups))

    def lines(self) -> str:
        """Return all statements of the replacement, with the comments and empty lines that the recipe has there."""
        filled = chain.from_iterable(self._filled(root, ()) for root in self.code.roots)
        return "".join(piece.text for piece in self._between(0, len(self.code.source_text), filled))

    def _between(self, start: int, end: int, filled: Iterable[Piece]) -> list[Piece]:
        """Return a stretch of the replacement's text in pieces, of which some are filled in."""
        ordered = sorted(filled, key=lambda piece: piece.start)
        found: list[Piece] = []
        for before, piece in pairwise((Piece(start, start, ""), *ordered, Piece(end, end, ""))):
            text = self.code.source_text[before.end : piece.start].decode()
            found += (Piece(before.end, piece.start, self._laid_out(text)), piece)
        return found

    def argument(self, arg: cst.Arg, call: cst.Call) -> str:
        """Return the text of an argument of a call of the replacement, without its comma."""
        value = self.text(arg.value, [(arg, arg.value), (call, arg)])
        return f"{arg.keyword.value}={value}" if arg.keyword else f"{arg.star}{value}"

    # --- what is filled in ------------------------------------------------------------------------------------------

    def _filled(self, node: cst.CSTNode, ups: Sequence[Up]) -> Iterator[Piece]:
        """Yield what is not plain text of the recipe, in no order."""
        pending = [node]
        while pending:
            below = pending.pop()
            hole = hole_of(below) if isinstance(below, cst.Name) else None
            if hole is not None:
                yield self._hole(below, hole.name, [*self._way(below, node), *ups])
            elif below in self.code.dotted:
                yield Piece(*self.code.outer(below), self._spelled(below))
            elif below in self.code.variables:
                captured = self.match.captures.get(f"@{self.code.variables[below]}")
                if isinstance(captured, cst.CSTNode):
                    yield Piece(*self.code.spans[below], self.source.code(captured))
            elif isinstance(below, (cst.SimpleString, cst.FormattedStringText)):  # its lines are no layout
                start, end = self.code.spans[below]
                text = self.code.source_text[start:end].decode()
                yield Piece(start, end, text if self.start is None else text.replace("\n", self.source.newline))
            else:
                if isinstance(below, cst.Call):
                    self._check_order(below)
                gone = list(self._emptied(below))
                yield from gone
                inner = [child for child in children(below) if not any(map(self._begins_in(child), gone))]
                pending += reversed(inner)

    def _begins_in(self, node: cst.CSTNode) -> Callable[[Piece], bool]:
        return lambda piece: piece.start <= self.code.spans[node][0] < piece.end

    def _hole(self, below: cst.CSTNode, name: str | None, ups: Sequence[Up]) -> Piece:
        if name is None:
            raise SiteError(f"{self.code.code(below)} in the replacement stands for nothing; give the hole a name")
        captured = self.match.captures[name]
        if isinstance(captured, cst.Param) and not isinstance(self.code.parents[below], cst.Param):
            captured = captured.name
        self._check_variables(below, captured)
        self._check_moved(below, captured)
        text = self._several(captured, ups) if isinstance(captured, tuple) else self._one(below, captured, ups)
        start, end = self.code.outer(below)
        if text.startswith("{") and self.code.source_text[start - 1 : start] == b"{":
            text = f" {text}"
        return Piece(start, end, text, captured)

    def _one(self, below: cst.CSTNode, captured: cst.CSTNode, ups: Sequence[Up]) -> str:
        if isinstance(captured, Statement):
            if isinstance(self.code.parents[below], cst.Expr):
                return self._statements((captured,), below)
            if not isinstance(captured, cst.Expr):
                raise SiteError(f"`{short(self.source.code(captured))}` is a statement, and an expression is needed")
            captured = captured.value
        text = parenthesized(self.source.code(captured), captured, ups)
        _check_in_string(text, ups)
        return text

    def _several(self, captured: tuple[cst.CSTNode, ...], ups: Sequence[Up]) -> str:
        """Return what `$$$` took: one stretch of the file where it is one there."""
        first, last = captured[0], captured[-1]
        if isinstance(first, Statement):
            return self._statements(captured, ups[0][1])
        _check_holder(ups[0][0], captured)
        if isinstance(first, cst.Arg) and isinstance(first.value, cst.GeneratorExp) and len(captured) == 1:
            return parenthesized(self.source.code(first), first.value, ups)
        around = self.source.parent(first)
        siblings = list(children(around)) if around is not None else []
        at = siblings.index(first)
        if tuple(siblings[at : at + len(captured)]) == captured:
            return self.source.slice(self.source.outer(first)[0], self.source.outer(last)[1])
        return ", ".join(map(self.source.code, captured))

    def _statements(self, captured: tuple[cst.CSTNode, ...], below: cst.CSTNode) -> str:
        if self.start is None:
            return self.source.slice(self.source.outer(captured[0])[0], self.source.outer(captured[-1])[1])
        position = self.code.spans[below][0]
        line = self.code.source_text.rfind(b"\n", 0, position) + 1
        indent = reindent("\n" + " " * (position - line) + ".", self.source, self.start, self._unit).strip("\r\n.")
        return shifted(self.source, captured[0], captured[-1], indent)

    def _emptied(self, node: cst.CSTNode) -> Iterator[Piece]:
        """Yield what goes, commas and all, because `$$$` took nothing there."""
        for name in LISTS:
            items = getattr(node, name, ())
            items = items if isinstance(items, (list, tuple)) else ()
            kept = [item for item in items if not self._is_empty(item)]
            if len(kept) == len(items) or isinstance(node, (cst.Module, cst.IndentedBlock)):
                continue
            spans = [self.code.outer(item) for item in items]
            if not kept:
                comma = getattr(items[-1], "comma", None)
                end = self.code.spans[comma][1] if isinstance(comma, cst.Comma) else spans[-1][1]
                lead = isinstance(node, cst.Parameters) and self.code.source_text[: spans[0][0]].endswith(b"lambda ")
                yield Piece(spans[0][0] - lead, end, "")
                continue
            last = items.index(kept[-1])
            for index, item in enumerate(items[:last]):
                if item not in kept:
                    yield Piece(spans[index][0], spans[index + 1][0], "")
            if last + 1 < len(items):
                yield Piece(spans[last][1], spans[-1][1], "")

    def _is_empty(self, item: cst.CSTNode) -> bool:
        hole = hole_of(item)
        return hole is not None and hole.many and self.match.captures.get(hole.name or "") == ()

    # --- checks -----------------------------------------------------------------------------------------------------

    def _check_order(self, call: cst.Call) -> None:
        """Raise SiteError where what `$$$` took would put a positional argument behind a keyword."""
        before = ""
        for arg in call.args:
            hole = hole_of(arg)
            captured = self.match.captures.get(hole.name or "") if hole and hole.many else None
            for one in captured if isinstance(captured, tuple) else (arg,):
                kind = ("**" if one.star == "**" else "=") if isinstance(one, cst.Arg) and is_named(one) else ""
                starred = isinstance(one, cst.Arg) and one.star == "*"
                if before and not kind and not (starred and before == "="):
                    raise SiteError("an argument would stand behind a keyword; put the keywords of this call last")
                before = max(before, kind, key=("", "=", "**").index)

    def _check_variables(self, below: cst.CSTNode, captured: Captured) -> None:
        """Raise SiteError where a variable of the replacement would take over a name of the captured code."""
        own = {name for scope in self._scopes(below) for name in self._own(scope)}
        nodes = captured if isinstance(captured, tuple) else (captured,)
        names = (inner.value for node in nodes for inner in (walk(node) if own else ()) if isinstance(inner, cst.Name))
        taken = sorted(own.intersection(names))
        if taken:
            raise SiteError(f"`{taken[0]}` is a variable of the replacement and a name of the code there")

    def _check_moved(self, below: cst.CSTNode, captured: Captured) -> None:
        """Raise SiteError where a name of the captured code would mean something else, for a hole that binds none."""
        if below in self.code.targets:
            return
        scopes = list(self._scopes(below))
        around: dict[str, Scope | None] = {}
        for scope in reversed(scopes):
            around.update(self._bound_by(scope))
        written = any(isinstance(scope, (cst.FunctionDef, cst.ClassDef)) for scope in scopes)
        nodes = captured if isinstance(captured, tuple) else (captured,)
        place = self.place or self.match.node
        keep_meaning(self.source, nodes, place, around, self.match.nodes if written else ())
        depth = sum(isinstance(scope, FunctionLike) for scope in scopes)
        keep_function(self.source, nodes, self.match.nodes, place, depth)

    def _spelled(self, below: cst.CSTNode) -> str:
        """Return a dotted name as the file spells it.

        Raises:
            SiteError: it does not, or a variable of the replacement hides it.
        """
        target = self.code.dotted[below]
        spelled = self.spell(target)
        root = spelled.partition(".")[0]
        if any(root in self._bound_by(scope) or root in self._own(scope) for scope in self._scopes(below)):
            raise SiteError(f"`{root}` is bound to something else there, and the replacement needs {target}")
        return spelled

    def _scopes(self, below: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield the scopes of the replacement around one of its nodes, innermost first."""
        child, grandchild = below, below
        for above, _ in way_up(below, self.code.parents.get):
            scope = entered_scope(above, child, grandchild)
            if scope is not None:
                yield scope
            child, grandchild = above, child

    def _own(self, scope: cst.CSTNode) -> set[str]:
        """Return the variables of a comprehension or lambda that are the replacement's own."""
        return {name for name in variables_of(scope) if f"@{name}" not in self.match.captures}

    def _bound_by(self, scope: cst.CSTNode) -> dict[str, Scope | None]:
        """Return the variables of the match that a comprehension or lambda of the replacement binds."""
        holes = [(hole_of(node), node.value) for node in targets_of(scope)]
        taken = [self.match.captures.get((hole.name if hole else f"@{name}") or "", ()) for hole, name in holes]
        nodes = [node for one in taken for node in (one if isinstance(one, tuple) else (one,))]
        return {one.value: self.source.names.scopes.of_variable(one) for one in variables_in(self.source, *nodes)}

    # --- text -------------------------------------------------------------------------------------------------------

    def _way(self, below: cst.CSTNode, node: cst.CSTNode) -> Iterator[Up]:
        """Yield the way up from a node of the replacement to `node`, which is replaced as a whole."""
        for up in way_up(below, self.code.parents.get):
            if up[1] is node:
                return
            yield up

    def _laid_out(self, text: str) -> str:
        return text if self.start is None else reindent(text, self.source, self.start, self._unit)

    @cached_property
    def _unit(self) -> int:
        return len(self.code.module.default_indent)


def _check_holder(holder: cst.CSTNode, captured: tuple[cst.CSTNode, ...]) -> None:
    """Raise SiteError where keywords would stand outside of a call, or slices outside of a subscript."""
    for one in captured:
        if isinstance(one, cst.Arg) and is_named(one) and not isinstance(holder, cst.Arg):
            raise SiteError("a keyword of the call there has no place in the replacement, which is no call")
        sliced = isinstance(one, cst.SubscriptElement) and isinstance(one.slice, cst.Slice)
        if sliced and not isinstance(holder, cst.Index):
            raise SiteError("a slice there has no place in the replacement, which is no subscript")


def _check_in_string(text: str, ups: Sequence[Up]) -> None:
    """Raise SiteError where text that goes into an f-string would end it, for a Python before 3.12."""
    for above, _ in ups:
        if isinstance(above, cst.FormattedString):
            for sign in (above.end, "\\", "\n", "#"):
                if sign in text:
                    raise SiteError(f"it goes into an f-string, which cannot hold {sign!r}; take it out of there first")
