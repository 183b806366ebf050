"""One attempt to match a pattern at one place: every way in which it can match there, and what nearly did."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import libcst as cst

from patcher.syntax.equality import absent, alike, constant, meaning, same
from patcher.syntax.holes import Hole, hole_of, many_of, short
from patcher.syntax.names import dotted
from patcher.syntax.pattern import Code, parameters_of, statements
from patcher.syntax.source import Source

__all__ = ["Attempt", "Captured", "Miss"]

Captured = cst.CSTNode | tuple[cst.CSTNode, ...]

# What a header says nothing about; `async` is a part of a loop's and of a with's.
UNSAID = frozenset({"body", "orelse", "handlers", "finalbody", "cases", "decorators", "type_parameters", "returns"})
UNSAID_OF_FUNCTIONS = UNSAID | {"asynchronous"}
BASES = frozenset({"bases", "keywords"})  # of a class whose header names none of them

# How much deeper a failure is for each thing that held before it. A name that is spelled right and means something
# else lies between two.
HELD, SPELLED = 2, 1


@dataclass(slots=True)
class Miss:
    """The deepest failure so far: how much of the pattern held there, where, and a clause that says what did not."""

    depth: int = 0
    node: cst.CSTNode | None = None
    reason: str = ""
    only: Callable[[cst.CSTNode], bool] | None = None

    def note(self, depth: int, node: cst.CSTNode, reason: str) -> None:
        """Remember a failure if it is deeper than the one known, and where one asks for it (`only`)."""
        if depth > self.depth and (self.only is None or self.only(node)):
            self.depth, self.node, self.reason = depth, node, reason


@dataclass(slots=True)
class Attempt:
    """One pattern over one place.

    Each method yields once for every way in which what it was given matches, with the captures of that way in place.
    `excluded` are keywords that no `$$$` may swallow; `result` as in `match_at`.
    """

    code: Code
    subject: Source | Code
    excluded: frozenset[str] = frozenset()
    result: bool = False
    miss: Miss = field(default_factory=Miss)
    captures: dict[str, Captured] = field(default_factory=dict)
    pairs: dict[cst.CSTNode, Captured] = field(default_factory=dict)
    depth: int = 0

    # --- one node ---------------------------------------------------------------------------------------------------

    def node(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        self.pairs[want] = got
        hole = hole_of(want)
        if hole is not None and not hole.many:
            yield from self.hole(want, hole, got)
        elif want in self.code.dotted:
            yield from self.name(want, got)
        elif want in self.code.variables:
            if isinstance(got, cst.Name):
                yield from self.bind(Hole(f"@{self.code.variables[want]}", many=False), got)
        elif (value := constant(want)) is not None:
            if value == constant(got):
                yield from self.deeper()
            else:
                self.differs(want, got)
        elif alike(want, got):
            yield from self.deeper(self.fields(self.said(want), want, got))
        else:
            self.differs(want, got)

    def deeper(self, inner: Iterator[None] | None = None) -> Iterator[None]:
        self.depth += HELD
        if inner is None:
            yield
        else:
            yield from inner
        self.depth -= HELD

    def fail(self, node: cst.CSTNode, reason: Callable[[], str], *, more: int = 0) -> None:
        if self.depth + more > self.miss.depth:
            self.miss.note(self.depth + more, node, reason())

    def differs(self, want: cst.CSTNode, got: cst.CSTNode) -> None:
        self.fail(got, lambda: f"{self.wanted(want)} is wanted, and this is {self.shown(got)}")

    def wanted(self, node: cst.CSTNode) -> str:
        return f"`{short(self.code.code(node))}`"

    def shown(self, node: cst.CSTNode) -> str:
        return f"`{short(self.subject.code(node))}`"

    def hole(self, want: cst.CSTNode, hole: Hole, got: cst.CSTNode) -> Iterator[None]:
        """Bind a hole to one expression, name or statement; what is starred is none of them."""
        inner: object = got
        match want:
            case cst.Arg():
                inner = got.value if isinstance(got, cst.Arg) and not got.star and got.keyword is None else None
            case cst.Element():
                inner = got.value if isinstance(got, cst.Element) else None
            case cst.Name() if not isinstance(got, cst.BaseExpression) or isinstance(got, cst.StarredElement):
                inner = None
        if isinstance(inner, cst.CSTNode):
            yield from self.bind(hole, inner)
        else:
            self.differs(want, got)

    def bind(self, hole: Hole, got: Captured) -> Iterator[None]:
        if hole.name is None:
            yield
        elif hole.name not in self.captures:
            self.captures[hole.name] = got
            yield
            del self.captures[hole.name]
        elif same(self.captures[hole.name], got):
            yield

    def name(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        target = self.code.dotted[want]
        origins = self.subject.names.origins(got) if isinstance(self.subject, Source) else self.subject.origins(got)
        # In a replacement, `config.lr` may also mean a variable that is in scope (see Spelling): its own result is
        # known by how it is spelled.
        if target in origins or (self.result and not origins and dotted(got) == target):
            yield from self.deeper()
        elif dotted(got) is None:
            self.differs(want, got)
        else:
            # Spelled the same and something else: the most telling near miss there is.
            spelled = (dotted(got) or "").rpartition(".")[2] == target.rpartition(".")[2]
            told = f"and {target} is wanted"
            self.fail(got, lambda: f"{self.shown(got)} {self.meant(got, origins)}, {told}", more=SPELLED * spelled)

    def meant(self, got: cst.CSTNode, origins: tuple[str, ...]) -> str:
        root = (dotted(got) or "").partition(".")[0]
        if origins and isinstance(self.subject, Source) and not self.subject.names.read(root, got):
            return "is the builtin"
        if origins:
            return "is something else" if origins[0] == dotted(got) else f"comes from {origins[0]}"
        if isinstance(self.subject, Source):
            bindings = self.subject.names.read(root, got)
            places = [self.subject.span(one.node)[0] for one in bindings if one.origin is None]
            if places:
                return f"is bound to something else in line {self.subject.line_column(min(places))[0]}"
        return "is not imported"

    # --- what stands in a node ----------------------------------------------------------------------------------------

    def said(self, want: cst.CSTNode) -> tuple[str, ...]:
        """Return the fields of a node that a pattern speaks of."""
        if not self.is_header(want):
            return meaning(want)
        unsaid = UNSAID_OF_FUNCTIONS if isinstance(want, cst.FunctionDef) else UNSAID
        bare = isinstance(want, cst.ClassDef) and not (want.bases or want.keywords)
        return tuple(name for name in meaning(want) if name not in (unsaid | BASES if bare else unsaid))

    def is_header(self, want: cst.CSTNode) -> bool:
        return self.code.kind == "header" and want in self.code.roots

    def fields(self, names: tuple[str, ...], want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        if not names:
            yield
            return
        for _ in self.value(names[0], want, got):
            yield from self.fields(names[1:], want, got)

    def value(self, name: str, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        mine, theirs = getattr(want, name), getattr(got, name)
        if isinstance(mine, cst.BaseSuite) and isinstance(theirs, cst.BaseSuite):
            mine, theirs = statements(mine), statements(theirs)
        if isinstance(want, cst.Call) and name == "args":
            yield from self.arguments(got, mine, theirs)
        elif isinstance(mine, cst.Parameters) and self.is_header(want):
            yield from self.parameters(got, parameters_of(mine), parameters_of(theirs))
        elif isinstance(mine, (list, tuple)) and isinstance(theirs, (list, tuple)):
            yield from self.sequence(mine, theirs, got)
        elif isinstance(mine, cst.CSTNode) and isinstance(theirs, cst.CSTNode):
            yield from self.node(mine, theirs)
        elif mine == theirs or (absent(mine) and absent(theirs)):
            yield
        elif isinstance(mine, cst.CSTNode) and absent(theirs):
            self.fail(got, lambda: f"{self.wanted(mine)} is missing")
        elif isinstance(theirs, cst.CSTNode) and absent(mine):
            self.fail(theirs, lambda: f"{self.shown(theirs)} is more than the pattern has")
        else:
            self.differs(want, got)

    # --- sequences --------------------------------------------------------------------------------------------------

    def sequence(self, wants: Sequence[cst.CSTNode], gots: Sequence[cst.CSTNode], at: cst.CSTNode) -> Iterator[None]:
        if not wants:
            if not gots:
                yield
            else:
                self.fail(gots[0], lambda: f"{self.shown(gots[0])} is more than the pattern has")
        elif (hole := many_of(wants[0])) is not None:
            for count in range(len(gots) + 1):
                for _ in self.bind(hole, taken := tuple(gots[:count])):
                    self.pairs[wants[0]] = taken
                    yield from self.sequence(wants[1:], gots[count:], at)
        elif gots:
            for _ in self.node(wants[0], gots[0]):
                yield from self.sequence(wants[1:], gots[1:], at)
        else:
            self.fail(at, lambda: f"{self.wanted(wants[0])} is missing")

    def arguments(self, call: cst.CSTNode, wants: Sequence[cst.Arg], gots: Sequence[cst.Arg]) -> Iterator[None]:
        """Match keywords by name, the rest by position; the last `$$$` also takes the keywords that nothing names."""
        by_name = {got.keyword.value: got for got in gots if got.keyword}
        doubly = [got for got in gots if got.star == "**"]
        partners: list[tuple[cst.Arg, cst.Arg | None]] = []
        for want in wants:
            if want.keyword:
                partners.append((want, by_name.get(want.keyword.value)))
            elif want.star == "**":
                partners.append((want, doubly.pop(0) if doubly else None))
        lacking = next((want for want, got in partners if got is None), None)
        if lacking is not None:
            named = lacking.keyword
            self.fail(call, lambda: f"{named.value}= is not given here by name" if named else "there is no ** here")
            return
        fixed = {got for _, got in partners}
        loose = [got for got in gots if got not in fixed and (got.keyword or got.star == "**")]
        plain = [got for got in gots if not got.keyword and got.star != "**"]
        placed = [want for want in wants if not want.keyword and want.star != "**"]
        last = next((want for want in reversed(placed) if many_of(want)), None)
        barred = [got for got in loose if last is None or (got.keyword and got.keyword.value in self.excluded)]
        if barred:
            self.fail(call, lambda: f"there is an argument {self.shown(barred[0])} more than the pattern has")
            return
        for _ in self.placed(call, placed, plain, loose, last):
            yield from self.deeper(self.named(partners))

    def named(self, partners: Sequence[tuple[cst.Arg, cst.Arg | None]]) -> Iterator[None]:
        if not partners:
            yield
            return
        (want, got), *others = partners
        assert got is not None
        for _ in self.node(want.value, got.value):
            self.pairs[want] = got
            yield from self.named(others)

    def placed(
        self, call: cst.CSTNode, wants: Sequence[cst.Arg], gots: Sequence[cst.Arg], loose: list[cst.Arg], last: object
    ) -> Iterator[None]:
        if wants and (hole := many_of(wants[0])) is not None:
            for count in range(len(gots) + 1):
                taken = (*gots[:count], *(loose if wants[0] is last else ()))
                for _ in self.bind(hole, taken):
                    self.pairs[wants[0]] = taken
                    yield from self.placed(call, wants[1:], gots[count:], loose, last)
        elif wants and gots and wants[0].star == gots[0].star:
            for _ in self.node(wants[0].value, gots[0].value):
                self.pairs[wants[0]] = gots[0]
                yield from self.placed(call, wants[1:], gots[1:], loose, last)
        elif wants and gots:
            self.differs(wants[0], gots[0])
        else:
            yield from self.sequence(wants, gots, call)

    def parameters(self, at: cst.CSTNode, wants: Sequence[cst.Param], gots: Sequence[cst.Param]) -> Iterator[None]:
        """Match the parameters that a header names, each another, wherever they stand; it says nothing of the rest."""
        wants = [want for want in wants if not many_of(want)]
        if not wants:
            yield
            return
        for got in gots:
            for _ in self.node(wants[0].name, got.name):
                self.pairs[wants[0]] = got
                for _ in self.value("default", wants[0], got):
                    yield from self.parameters(at, wants[1:], [one for one in gots if one is not got])
        self.fail(at, lambda: f"{self.wanted(wants[0])} is no parameter")
