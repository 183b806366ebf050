"""What an expression of a loop's body is in one turn, and the smallest edits after which it is that of all turns.

The edits are bytes of the file that the expression stands in. Where the code of the tree is opened (a module that is
called), the same reading asks that no edit is needed: then the call itself takes all turns at once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from patcher.syntax.loops.files import Code, Defined, Files, dotted_name
from patcher.syntax.loops.names import PURE_BUILTINS
from patcher.syntax.loops.values import UNKNOWN, Count, Refused, Unproved, Value, aligned, number, tensor

__all__ = ["Loop", "Reading", "Source", "integer"]

DEPTH = 12


@dataclass(frozen=True, slots=True)
class Loop:
    """The header: its variable, the number of turns and the first index as text, and the size that this number is."""

    variable: str
    turns: str
    first: str = "0"
    size: str = ""

    @property
    def last(self) -> str:
        """The index behind the last one."""
        return self.turns if self.first == "0" else f"{self.first} + {self.turns}"


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor that is read at the loop's variable: its bytes, the text of all of it, and the axis of the turns."""

    span: tuple[int, int]
    whole: str
    axis: int
    base: str


@dataclass
class Reading:
    """Reads the expressions of one function. `self_class` is the class of `self`.

    `loose`: what is pure moves, wherever its axis is. `strict`: nothing may have to be edited. `assigned` is what a turn
    writes to; `many` are the names that the function binds more than once, which are no sizes. `unsure`: what is read
    at the loop's variable may be an array of another library. `may_be_empty`: without turns the loop does nothing, and does not fail.
    """

    code: Code
    files: Files
    env: dict[str, Value]
    loop: Loop | None = None
    self_class: Defined | None = None
    loose: bool = False
    strict: bool = False
    depth: int = 0
    alias: dict[str, str] = field(default_factory=dict)
    assigned: frozenset[str] = frozenset()
    many: frozenset[str] = frozenset()
    edits: list[tuple[int, int, str]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    unsure: bool = False
    may_be_empty: bool = False

    # --- edits --------------------------------------------------------------------------------------------------------

    def edit(self, start: int, end: int, text: str, node: ast.AST) -> None:
        """Put other text in place of some bytes."""
        if self.loose or self.code.data[start:end].decode() == text:
            return
        if self.strict:
            raise Unproved(f"counts axes where {self.code.path}:{node.lineno} does", node)  # type: ignore[attr-defined]
        if (start, end, text) not in self.edits:
            self.edits.append((start, end, text))

    def put(self, node: ast.AST, text: str) -> None:
        """Put other text in place of a node."""
        self.edit(*self.code.span(node), text, node)

    def text(self, node: ast.AST) -> str:
        """Return the text of a node as it is after the edits."""
        start, end = self.code.span(node)
        inside = sorted((one for one in self.edits if start <= one[0] and one[1] <= end), key=lambda one: one[:2])
        parts, at = [], start
        for first, last, text in inside:
            if first >= at:
                parts += [self.code.data[at:first].decode(), text]
                at = last
        return "".join((*parts, self.code.data[at:end].decode()))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Take back the edits if the way through does not succeed."""
        before = list(self.edits)
        try:
            yield
        except Unproved:
            self.edits = before
            raise

    # --- expressions --------------------------------------------------------------------------------------------------

    def read(self, node: ast.expr) -> Value:
        """Return what an expression is in one turn.

        Raises:
            Refused: the loop must not be batched because of it.
        """
        reader: Callable[[Any], Value] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reader is not None:
            try:
                with self.kept():
                    return reader(node)
            except Unproved:
                if not self.loose:
                    raise
                return Value(anywhere=True, is_tensor=True)
        return self._anything(node)

    def _anything(self, node: ast.expr) -> Value:
        """Read what has no reading of its own: it may stand if nothing in it moves."""
        if isinstance(node, ast.Yield | ast.YieldFrom | ast.Await | ast.NamedExpr):
            raise Refused(
                "has a place that is left in the middle of a turn, or binds a name inside an expression", node
            )
        bound = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        for one in ast.walk(node):
            if isinstance(one, ast.Name) and one.id not in bound and self.named(one).moves:
                raise Refused(f"has a {_kind(node)} over what differs from turn to turn", node)
            if isinstance(one, ast.Call):
                self.check_pure(one)
        return Value()

    def check_pure(self, node: ast.Call) -> None:
        """Refuse a call that is not known to leave everything as it was."""
        name = dotted_name(node.func)
        meant = self.code.meaning(node.func)
        if meant.startswith(("torch.", "math.")) or (name in PURE_BUILTINS and name not in self.code.top):
            return
        raise Refused(f"calls `{self.code.of(node.func)}`, which is not known", node)

    def _constant(self, node: ast.Constant) -> Value:
        plain = isinstance(node.value, bool | int | float | complex)
        return number(node.value, self.code.of(node)) if plain else Value(is_tensor=False, constant=node.value)

    def own(self, text: str) -> str:
        """Return a text by which the function of the loop knows a value; opened code has names of its own."""
        return text if not self.depth else ""

    def rank_of(self, name: str) -> Count | None:
        """Return the number of axes of what a name is, if it is a tensor: not known, yet always the same."""
        return Count(0, name) if not self.depth and name not in self.many else None

    def size(self, node: ast.expr, value: Value) -> str:
        """Return the text of a size that is given as an argument."""
        if value.text or isinstance(value.constant, int):
            return value.text or str(value.constant)
        again = any(isinstance(one, ast.Name) and one.id in self.many for one in ast.walk(node))
        return "" if again else self.own(ast.unparse(node))

    def named(self, node: ast.Name) -> Value:
        """Return what a name is, and put in its place what it stands for."""
        if self.loop is not None and node.id == self.loop.variable:
            return Value((), Count(0), is_tensor=False, index=0)
        if node.id in self.env:
            return self.env[node.id]
        if node.id in self.assigned:
            raise Refused(f"carries `{node.id}` from turn to turn", node)
        return Value(text=self.own(node.id), rank=self.rank_of(node.id))

    def _name(self, node: ast.Name) -> Value:
        found = self.named(node)
        if node.id in self.alias:
            self.put(node, self.alias[node.id])
        return found

    def _attribute(self, node: ast.Attribute) -> Value:
        name = dotted_name(node)
        if name in self.env:
            return self.env[name]
        if name in self.assigned:
            raise Refused(f"carries `{name}` from turn to turn", node)
        if self.code.meaning(node):
            return Value(text=self.own(name))
        if name.startswith("self.") and name.count(".") == 1 and self.self_class is not None:
            from patcher.syntax.loops.opened import attribute

            return attribute(self, node.attr)
        base = self.read(node.value)
        if node.attr == "shape":
            return Value(is_tensor=False, shape_of=base)
        if not base.moves:
            transposed = node.attr in ("T", "mT") and base.sizes is not None and len(base.sizes) >= 2
            if transposed and base.sizes is not None:
                return tensor((*base.sizes[:-2], base.sizes[-1], base.sizes[-2]))
            return Value(text=self.own(name))
        if node.attr in ("dtype", "device", "requires_grad", "is_cuda"):
            return Value(is_tensor=False)
        if node.attr == "mT" and base.axis is not None and base.axis.at_right(2):
            sizes = base.sizes and (*base.sizes[:-2], base.sizes[-1], base.sizes[-2])
            return replace(base, sizes=sizes)
        if node.attr in ("T", "mT", "H", "mH", "real", "imag") and base.is_tensor:
            raise Unproved(f"takes `.{node.attr}` of what differs from turn to turn", node)
        raise Refused(f"takes `.{node.attr}` of what differs from turn to turn", node)

    def _tuple(self, node: ast.Tuple) -> Value:
        return Value(is_tensor=False, items=tuple(self.read(one) for one in node.elts))

    def _list(self, node: ast.List) -> Value:
        if any(isinstance(one, ast.Starred) for one in node.elts):
            return self._anything(node)
        return Value(is_tensor=False, items=tuple(self.read(one) for one in node.elts), fresh=True)

    def _listcomp(self, node: ast.ListComp) -> Value:
        """Read a list over a range, whose items are all alike."""
        only = node.generators[0]
        ranged = isinstance(only.iter, ast.Call) and dotted_name(only.iter.func) == "range" and not only.ifs
        if len(node.generators) > 1 or not ranged or not isinstance(only.target, ast.Name):
            return self._anything(node)
        if any(self.read(one).moves for one in only.iter.args):  # type: ignore[attr-defined]
            return self._anything(node)
        before = self.env.get(only.target.id)
        self.env[only.target.id] = number()
        try:
            value = self.read(node.elt)
        finally:
            self.env.pop(only.target.id)
            if before is not None:
                self.env[only.target.id] = before
        return self._anything(node) if value.moves else Value(is_tensor=False, items=(value,), fresh=True)

    def _unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.read(node.operand)
        if isinstance(node.op, ast.Not):
            self.check_truth(value, node)
            known = value.constant is not UNKNOWN
            return Value(is_tensor=False, constant=not value.constant if known else UNKNOWN)
        if isinstance(node.op, ast.USub) and isinstance(value.constant, int | float):
            return number(-value.constant, self.code.of(node))
        return aligned([value], node)

    def _binop(self, node: ast.BinOp) -> Value:
        left, right = self.read(node.left), self.read(node.right)
        shifted = _shifted(left, right, node.op)
        if shifted is not None:
            return Value((), Count(0), is_tensor=False, index=shifted)
        if isinstance(node.op, ast.MatMult):
            from patcher.syntax.loops.axes import multiplied

            return multiplied(left, right, node)
        if left.items is not None and right.items is not None:
            return replace(left, items=None, sizes=None, rank=None)
        found = aligned([left, right], node)
        return replace(found, text="") if found.is_tensor is not False else number(_folded(node.op, left, right), "")

    def check_truth(self, value: Value, node: ast.AST) -> None:
        """Refuse to take a value that moves for true or false."""
        if value.index is not None or any(one.index is not None for one in value.items or ()):
            raise Refused(f"branches on `{self.loop.variable if self.loop else ''}`", node)
        if value.moves:
            raise Refused("branches on a tensor", node)

    def _boolop(self, node: ast.BoolOp) -> Value:
        values = [self.read(one) for one in node.values]
        for one in values:
            self.check_truth(one, node)
        known = [one.constant for one in values]
        if UNKNOWN in known:
            return Value(is_tensor=False)
        return Value(is_tensor=False, constant=all(known) if isinstance(node.op, ast.And) else any(known))

    def _compare(self, node: ast.Compare) -> Value:
        values = [self.read(one) for one in (node.left, *node.comparators)]
        identity = any(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops)
        if identity and any(one.moves for one in values):
            if all(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):  # a tensor at every turn, or at none
                return Value(is_tensor=False)
            raise Refused("asks whether a tensor is in something", node)
        if any(one.index is not None for one in values):
            return Value((), Count(0), is_tensor=False, index=0)  # a truth that moves; who takes it is refused
        if len(node.ops) == 1 and all(isinstance(one.constant, int | float | bool) for one in values):
            return number(_COMPARED[type(node.ops[0])](values[0].constant, values[1].constant))
        if len(node.ops) > 1 and any(one.moves for one in values):
            raise Refused("branches on a tensor", node)
        return aligned(values, node)

    def _ifexp(self, node: ast.IfExp) -> Value:
        test = self.read(node.test)
        self.check_truth(test, node.test)
        if test.constant is not UNKNOWN:
            return self.read(node.body if test.constant else node.orelse)
        return joined(self.read(node.body), self.read(node.orelse), node)

    def _subscript(self, node: ast.Subscript) -> Value:
        from patcher.syntax.loops.indexing import taken

        return taken(self, node)

    def _call(self, node: ast.Call) -> Value:
        from patcher.syntax.loops.calls import called

        return called(self, node)

    def _lambda(self, node: ast.Lambda) -> Value:
        raise Refused("makes a function in every turn", node)


def joined(one: Value, other: Value, node: ast.AST) -> Value:
    """Return what a value is that comes from either of two branches.

    Raises:
        Unproved: their axes lie at different places.
    """
    if one == other:
        return one
    if one.anywhere or other.anywhere:
        return Value(anywhere=True, is_tensor=True)
    if one.moves != other.moves or one.axis != other.axis or one.index != other.index:
        raise Unproved("has branches whose results have other axes", node)
    if one.rank == other.rank and one.rank is not None and one.items is None and other.items is None:
        sizes = None
        if one.sizes is not None and other.sizes is not None:
            sizes = tuple(a if a == b else "" for a, b in zip(one.sizes, other.sizes, strict=True))
        plain = one.is_tensor if one.is_tensor == other.is_tensor else None
        return Value(sizes, one.rank, one.axis, is_tensor=plain, fresh=one.fresh and other.fresh)
    if one.items is not None and other.items is not None and len(one.items) == len(other.items):
        pairs = zip(one.items, other.items, strict=True)
        return Value(is_tensor=False, items=tuple(joined(a, b, node) for a, b in pairs))
    if one.moves:
        raise Unproved("has branches whose results have other axes", node)
    return Value()


def integer(node: ast.expr) -> int | None:
    """Return the number that is written, or None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = integer(node.operand)
        return None if inner is None else -inner
    plain = isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)
    return node.value if plain else None  # type: ignore[attr-defined, no-any-return]


def _shifted(left: Value, right: Value, op: ast.operator) -> int | None:
    """Return the offset of `t + 1`, `t - 1` and `1 + t`, or None."""
    for one, other, minus in ((left, right, isinstance(op, ast.Sub)), (right, left, False)):
        if one.index is not None and isinstance(other.constant, int) and isinstance(op, ast.Add | ast.Sub):
            if one is right and isinstance(op, ast.Sub):
                continue
            return one.index - other.constant if minus else one.index + other.constant
    return None


def _folded(op: ast.operator, left: Value, right: Value) -> Any:
    a, b = left.constant, right.constant
    if not (isinstance(a, int) and isinstance(b, int)):
        return UNKNOWN
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
    return UNKNOWN


def _kind(node: ast.AST) -> str:
    kinds = {"listcomp": "comprehension", "setcomp": "comprehension", "dictcomp": "comprehension"}
    kinds |= {"generatorexp": "comprehension", "joinedstr": "formatted text", "dict": "map", "starred": "star"}
    return kinds.get(type(node).__name__.lower(), type(node).__name__.lower())


_COMPARED: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: lambda a, b: a == b,
    ast.NotEq: lambda a, b: a != b,
    ast.Lt: lambda a, b: a < b,
    ast.LtE: lambda a, b: a <= b,
    ast.Gt: lambda a, b: a > b,
    ast.GtE: lambda a, b: a >= b,
    ast.Is: lambda a, b: a is b,
    ast.IsNot: lambda a, b: a is not b,
}
