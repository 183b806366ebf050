"""Where a pattern matches, and where it nearly did.

Matching is structural and ignores layout, comments, quotes and parentheses; names are compared by what they mean. A
match is found by trying, in a fixed order, every way in which `$$$` can be divided; the first that satisfies the
constraints counts. Nothing here edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import libcst as cst

from patcher.syntax.names import dotted
from patcher.syntax.pattern import Code, Hole, hole_of, statements
from patcher.syntax.source import Source, fields

__all__ = ["Captured", "Match", "Miss", "candidates", "find", "match_at", "same"]

Captured = cst.CSTNode | tuple[cst.CSTNode, ...]

# What a header says nothing about.
UNSAID = ("body", "orelse", "handlers", "finalbody")
IGNORED = {cst.FormattedString: ("start", "end"), cst.NotEqual: ("value",), cst.ImportFrom: ("names",)}


class Subject(Protocol):
    """What can be matched against: a file, or another piece of a recipe's code."""

    def code(self, node: cst.CSTNode) -> str:
        """Return the text of a node."""


@dataclass(frozen=True, slots=True)
class Match:
    """A place that a pattern found: its nodes, what the holes took, and which node each pattern node met."""

    nodes: tuple[cst.CSTNode, ...]
    captures: Mapping[str, Captured]
    pairs: Mapping[cst.CSTNode, Captured]

    @property
    def node(self) -> cst.CSTNode:
        """The first node."""
        return self.nodes[0]


@dataclass(slots=True)
class Miss:
    """The deepest failure so far: how much of the pattern held there, where, and a clause that says what did not."""

    depth: int = 0
    node: cst.CSTNode | None = None
    reason: str = ""

    def note(self, depth: int, node: cst.CSTNode, reason: str) -> None:
        """Remember a failure if it is deeper than the one known."""
        if depth > self.depth:
            self.depth, self.node, self.reason = depth, node, reason


Constraint = Callable[[Match], tuple[cst.CSTNode, str] | None]


@dataclass(slots=True)
class _Matcher:
    """One attempt of one pattern; `excluded` are keywords that no `$$$` may swallow."""

    code: Code
    subject: Source | Code
    excluded: frozenset[str] = frozenset()
    result: bool = False
    miss: Miss = field(default_factory=Miss)
    captures: dict[str, Captured] = field(default_factory=dict)
    pairs: dict[cst.CSTNode, Captured] = field(default_factory=dict)
    depth: int = 0

    def origins(self, node: cst.CSTNode) -> tuple[str, ...]:
        return self.subject.names.origins(node) if isinstance(self.subject, Source) else self.subject.origins(node)

    def fail(self, node: cst.CSTNode, reason: Callable[[], str]) -> None:
        """Note a failure; the clause is made only where it counts, since most failures are nobody's business."""
        if self.depth > self.miss.depth:
            self.miss.note(self.depth, node, reason())

    # --- one node ---------------------------------------------------------------------------------------------------

    def node(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        hole = hole_of(want)
        if hole is not None and not hole.many:
            inner = isinstance(want, (cst.Arg, cst.Element)) and type(want) is type(got)
            yield from self.bind(want, hole, got.value if inner else got)  # type: ignore[attr-defined]
            return
        self.pairs[want] = got
        if want in self.code.dotted:
            yield from self.name(want, got)
        elif isinstance(want, cst.Name) and want.value in self.code.bound:
            if isinstance(got, cst.Name):
                yield from self.bind(want, Hole(f"@{want.value}", many=False), got)
        elif (text := _constant(want)) is not None:
            if text == _constant(got):
                yield from self.step()
            else:
                self.fail(
                    got, lambda: f"{self.code.code(want)} is wanted, and this is {_short(self.subject.code(got))}"
                )
        elif type(want) is type(got):
            yield from self.shape(want, got)
        else:
            self.fail(
                got,
                lambda: f"`{_short(self.code.code(want))}` is wanted, and this is `{_short(self.subject.code(got))}`",
            )

    def step(self) -> Iterator[None]:
        self.depth += 1
        yield
        self.depth -= 1

    def name(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        target = self.code.dotted[want]
        origins = self.origins(got) if isinstance(got, (cst.Name, cst.Attribute)) else ()
        # In a replacement, `config.lr` may also mean a variable that is in scope (see Spelling): its own result is
        # known by how it is spelled.
        if target in origins or (self.result and not origins and dotted(got) == target):
            yield from self.step()
        elif _last(got) == target.rpartition(".")[2]:
            # Spelled the same and something else: the most telling near miss there is.
            self.depth += 1
            known = f"comes from {origins[0]}" if origins else "is not imported"
            self.fail(got, lambda: f"`{self.subject.code(got)}` {known}, and {target} is wanted")
            self.depth -= 1

    def bind(self, want: cst.CSTNode, hole: Hole, got: Captured) -> Iterator[None]:
        self.pairs[want] = got
        if hole.name is None:
            yield
        elif hole.name not in self.captures:
            self.captures[hole.name] = got
            yield
            del self.captures[hole.name]
        elif same_all(self.captures[hole.name], got):
            yield

    def shape(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        match want:
            case cst.Call():
                yield from self.both(
                    (self.node(want.func, got.func), lambda: self.arguments(got, want.args, got.args))  # type: ignore[attr-defined]
                )
            case cst.FunctionDef() if self.code.kind == "header":
                yield from self.both((self.node(want.name, got.name), lambda: self.parameters(want, got)))  # type: ignore[attr-defined]
            case _:
                skipped = IGNORED.get(type(want), ())
                if self.code.kind == "header" and want in self.code.roots:
                    skipped += UNSAID
                if isinstance(want, cst.ImportFrom):
                    yield from self.both((self.each(want, got, skipped), lambda: self.imported(want, got)))
                else:
                    yield from self.each(want, got, skipped)

    def both(self, parts: tuple[Iterator[None], Callable[[], Iterator[None]]]) -> Iterator[None]:
        first, second = parts
        for _ in first:
            yield from second()

    def each(self, want: cst.CSTNode, got: cst.CSTNode, skipped: tuple[str, ...]) -> Iterator[None]:
        names = [name for name in fields(type(want)) if name not in skipped]
        self.depth += 1
        yield from self.fields(names, want, got)
        self.depth -= 1

    def fields(self, names: list[str], want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        if not names:
            yield
            return
        mine, theirs = getattr(want, names[0]), getattr(got, names[0])
        for _ in self.value(mine, theirs, got):
            yield from self.fields(names[1:], want, got)

    def value(self, mine: object, theirs: object, at: cst.CSTNode) -> Iterator[None]:
        if isinstance(mine, cst.BaseSuite) and isinstance(theirs, cst.BaseSuite):
            yield from self.sequence(statements(mine), statements(theirs), at)
        elif isinstance(mine, cst.CSTNode):
            if isinstance(theirs, cst.CSTNode):
                yield from self.node(mine, theirs)
        elif isinstance(mine, (list, tuple)):
            if isinstance(theirs, (list, tuple)):
                yield from self.sequence(mine, theirs, at)
        elif mine == theirs or (not isinstance(mine, str) and not isinstance(theirs, (str, cst.CSTNode))):
            yield  # equal text, or two ways in which LibCST says "not there"

    # --- sequences --------------------------------------------------------------------------------------------------

    def sequence(self, wants: Sequence[cst.CSTNode], gots: Sequence[cst.CSTNode], at: cst.CSTNode) -> Iterator[None]:
        if not wants:
            if not gots:
                yield
            else:
                self.fail(gots[0], lambda: f"`{_short(self.subject.code(gots[0]))}` is more than the pattern has")
            return
        hole = hole_of(wants[0])
        if hole is not None and hole.many:
            for count in range(len(gots) + 1):
                for _ in self.bind(wants[0], hole, tuple(gots[:count])):
                    yield from self.sequence(wants[1:], gots[count:], at)
        elif gots:
            for _ in self.node(wants[0], gots[0]):
                yield from self.sequence(wants[1:], gots[1:], at)
        else:
            self.fail(at, lambda: f"`{_short(self.code.code(wants[0]))}` is missing")

    def arguments(self, call: cst.CSTNode, wants: Sequence[cst.Arg], gots: Sequence[cst.Arg]) -> Iterator[None]:
        """Match keywords by name, the rest by position; one `$$$` takes what is left."""
        by_name = {got.keyword.value: got for got in gots if got.keyword}
        pairs: list[tuple[cst.Arg, cst.Arg | None]] = []
        for want in wants:
            if want.keyword is not None:
                name = want.keyword.value
                pairs.append((want, by_name.get(name)))
                if name not in by_name:
                    self.depth += 1
                    self.fail(call, lambda name=name: f"{name}= is not given here by name")
                    self.depth -= 1
                    return
        taken = {got for _, got in pairs}
        rest = [got for got in gots if got not in taken]
        positional = [want for want in wants if not want.keyword]
        for _ in self.sequence([want.value for want, _ in pairs], [got.value for _, got in pairs if got], call):
            for want, got in pairs:
                if got is not None:
                    self.pairs[want] = got
            yield from self.positional(call, positional, rest)

    def positional(self, call: cst.CSTNode, wants: list[cst.Arg], gots: list[cst.Arg]) -> Iterator[None]:
        """Match what no keyword took; the last `$$$` also takes the keywords and stars behind."""
        plain = [got for got in gots if not got.keyword and not got.star]
        extra = [got for got in gots if got.keyword or got.star]
        many = [want for want in wants if (hole := hole_of(want)) and hole.many]
        named = next((got for got in extra if got.keyword and got.keyword.value in self.excluded), None)
        if extra and (not many or named is not None):
            self.depth += 1
            self.fail(
                call,
                lambda: f"there is an argument `{_short(self.subject.code(named or extra[0]))}` more than the pattern has",
            )
            self.depth -= 1
            return
        yield from self.spread(wants, plain, extra, many[-1] if many else None)

    def spread(
        self, wants: list[cst.Arg], plain: list[cst.Arg], extra: list[cst.Arg], last: cst.Arg | None
    ) -> Iterator[None]:
        if not wants:
            if not plain:
                yield
            return
        want, hole = wants[0], hole_of(wants[0])
        if hole is not None and hole.many:
            for count in range(len(plain) + 1):
                taken = plain[:count] + (extra if want is last else [])
                for _ in self.bind(want, hole, tuple(taken)):
                    yield from self.spread(wants[1:], plain[count:], extra, last)
        elif plain:
            self.pairs[want] = plain[0]
            for _ in self.node(want.value, plain[0].value):
                yield from self.spread(wants[1:], plain[1:], extra, last)

    def parameters(self, want: cst.CSTNode, got: cst.CSTNode) -> Iterator[None]:
        """Match the parameters that a header names, wherever they stand; it says nothing of the others."""
        wanted = [one for one in _params(want) if not ((hole := hole_of(one)) and hole.many)]
        yield from self.some(wanted, _params(got))

    def some(self, wants: list[cst.Param], gots: list[cst.Param]) -> Iterator[None]:
        if not wants:
            yield
            return
        for got in gots:
            for _ in self.node(wants[0].name, got.name):
                for _ in self.value(wants[0].default, got.default, got):
                    yield from self.some(wants[1:], gots)

    def imported(self, want: cst.ImportFrom, got: cst.CSTNode) -> Iterator[None]:
        theirs = got.names  # type: ignore[attr-defined]
        if isinstance(want.names, cst.ImportStar) or isinstance(theirs, cst.ImportStar):
            if type(want.names) is type(theirs):
                yield
            return
        yield from self.sequence(want.names, theirs, got)


def match_at(
    code: Code,
    subject: Source | Code,
    nodes: cst.CSTNode | Sequence[cst.CSTNode],
    *,
    captures: Mapping[str, Captured] | None = None,
    excluded: frozenset[str] = frozenset(),
    constraint: Constraint | None = None,
    miss: Miss | None = None,
    result: bool = False,
) -> Match | None:
    """Match a pattern against exactly these nodes and return the first match that the constraint lets pass.

    `result`: the code is a replacement, looked for where it may have been made already.
    """
    matcher = _Matcher(code, subject, excluded, result, miss if miss is not None else Miss(), dict(captures or {}))
    given = (nodes,) if isinstance(nodes, cst.CSTNode) else tuple(nodes)
    for _ in matcher.sequence(code.roots, given, given[0]):
        match = Match(given, dict(matcher.captures), dict(matcher.pairs))
        failed = constraint(match) if constraint else None
        if failed is None:
            return match
        matcher.miss.note(100 + matcher.depth, *failed)
    return None


def candidates(code: Code, source: Source) -> Iterator[tuple[cst.CSTNode, ...]]:
    """Yield the nodes of a file at which a pattern could match, in the order of the text."""
    root, count = code.root, len(code.roots)
    if code.kind == "statements" and not (count == 1 and isinstance(root, cst.BaseCompoundStatement)):
        for block in source.of(cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite):
            lines = statements(block)
            # A leading `$$$` may take any number, which no caller needs: statements are adjacent and counted.
            yield from (tuple(lines[at : at + count]) for at in range(len(lines) - count + 1))
        return
    hole = hole_of(root)
    kinds: tuple[type[cst.CSTNode], ...]
    if root in code.dotted:
        kinds = (cst.Name, cst.Attribute)
    elif hole is not None:
        kinds = tuple(kind for kind in source.kinds if issubclass(kind, cst.BaseExpression))
    else:
        kinds = (type(root),)
    found = sorted(source.of(*kinds), key=lambda node: source.span(node)[0]) if len(kinds) > 1 else source.of(*kinds)
    yield from ((node,) for node in found)


def find(code: Code, source: Source, constraint: Constraint | None = None, miss: Miss | None = None) -> Iterator[Match]:
    """Yield every match in a file, in the order of the text."""
    for nodes in candidates(code, source):
        match = match_at(code, source, nodes, constraint=constraint, miss=miss)
        if match is not None:
            yield match


def same(one: cst.CSTNode, other: cst.CSTNode) -> bool:
    """Tell whether two nodes are the same code, layout aside."""
    if (text := _constant(one)) is not None:
        return text == _constant(other)
    if type(one) is not type(other):
        return False
    return all(_same_value(getattr(one, name), getattr(other, name)) for name in fields(type(one)))


def same_all(one: Captured, other: Captured) -> bool:
    """Tell whether two captures are the same code."""
    return _same_value(one, other)


def _same_value(one: object, other: object) -> bool:
    if isinstance(one, cst.CSTNode) and isinstance(other, cst.CSTNode):
        return same(one, other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same_value, one, other))
    return one == other or not (isinstance(one, (str, cst.CSTNode)) or isinstance(other, (str, cst.CSTNode)))


def _constant(node: cst.CSTNode) -> object | None:
    """Return a literal's type and value, so that quotes, joined strings and spellings of a number do not matter."""
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        value = node.evaluated_value
        return (type(value), value) if value is not None else None
    if isinstance(node, (cst.Integer, cst.Float, cst.Imaginary)):
        return (type(node), node.evaluated_value)
    return None


def _params(function: cst.CSTNode) -> list[cst.Param]:
    assert isinstance(function, cst.FunctionDef)
    params = function.params
    return [*params.posonly_params, *params.params, *params.kwonly_params]


def _last(node: cst.CSTNode) -> str | None:
    name = dotted(node)
    return name.rpartition(".")[2] if name else None


def _short(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
