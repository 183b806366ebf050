"""What is read of the expressions of a loop's body, and the smallest edits after which they are those of all turns.

The edits are bytes of the file that the expression stands in. Where the code of the tree is opened (a module that is
called), the same reading asks that no edit is needed: then the call itself takes all turns at once. How each kind of
expression is read is handed over as a function: an expression reads what stands inside of it, so both know each other.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from patcher.syntax.loops.files import Code, Defined, Files, dotted_name
from patcher.syntax.loops.names import OF_CHANCE, PURE_BUILTINS
from patcher.syntax.loops.values import Count, Refused, Unproved, Value

__all__ = ["DEPTH", "Loop", "Reading", "Source", "integer", "joined"]

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

    `reads` reads one expression. `loose`: what is pure moves, wherever its axis is. `strict`: nothing may have to be
    edited. `assigned` is what a turn writes to; `many` are the names that the function binds more than once, which are
    no sizes. `unsure`: what is read at the loop's variable may be an array of another library. `may_be_empty`: without
    turns the loop does nothing, and does not fail.
    """

    code: Code
    files: Files
    env: dict[str, Value]
    reads: Callable[[Reading, ast.expr], Value]
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

    # --- what is read -------------------------------------------------------------------------------------------------

    def read(self, node: ast.expr) -> Value:
        """Return what an expression is in one turn.

        Raises:
            Refused: the loop must not be batched because of it.
        """
        try:
            with self.kept():
                return self.reads(self, node)
        except Unproved:
            if not self.loose:
                raise
            return Value(anywhere=True, is_tensor=True)

    def inside(self, code: Code, env: dict[str, Value], owner: Defined | None, *, loose: bool = False) -> Reading:
        """Return a reading of code that is opened, which is never edited."""
        depth = self.depth + 1
        return Reading(code, self.files, env, self.reads, self_class=owner, loose=loose, strict=True, depth=depth)

    @property
    def written_to_self(self) -> frozenset[str]:
        """What a turn writes to of `self`, which its methods see."""
        return frozenset(key for key in self.assigned if key.startswith("self."))

    def anything(self, node: ast.expr) -> Value:
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
        last = meant.rpartition(".")[2]
        if last in OF_CHANCE:
            raise Refused(f"draws random numbers in every turn (`{last}`)", node)
        if meant.startswith(("torch.", "math.")) or (name in PURE_BUILTINS and name not in self.code.top):
            return
        raise Refused(f"calls `{self.code.of(node.func)}`, which is not known", node)

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

    def check_truth(self, value: Value, node: ast.AST) -> None:
        """Refuse to take a value that moves for true or false."""
        if value.index is not None or any(one.index is not None for one in value.items or ()):
            raise Refused(f"branches on `{self.loop.variable if self.loop else ''}`", node)
        if value.moves:
            raise Refused("branches on a tensor", node)


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
        return Value(
            sizes,
            one.rank,
            one.axis,
            is_tensor=plain,
            fresh=one.fresh and other.fresh,
            view=one.view or other.view,
            outside=one.outside or other.outside,
        )
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
    return node.value if plain else None  # type: ignore[attr-defined]


def _kind(node: ast.AST) -> str:
    kinds = {"listcomp": "comprehension", "setcomp": "comprehension", "dictcomp": "comprehension"}
    kinds |= {"generatorexp": "comprehension", "joinedstr": "formatted text", "dict": "map", "starred": "star"}
    return kinds.get(type(node).__name__.lower(), type(node).__name__.lower())
