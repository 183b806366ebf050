"""Where a pattern matches, and where it nearly did.

Matching is structural and ignores layout, comments, quotes and parentheses; names are compared by what they mean. A
match is found by trying, in a fixed order, every way in which `$$$` can be divided; the first that satisfies the
constraints counts. Nothing here edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.syntax.attempt import Attempt, Captured, Miss
from patcher.syntax.holes import hole_of
from patcher.syntax.names import dotted
from patcher.syntax.pattern import Code, statements
from patcher.syntax.scopes import identifier_of
from patcher.syntax.source import Source

__all__ = ["ALL_BUT_ONE", "Captured", "Match", "Miss", "candidates", "find", "match_at"]

# Failures rank by their kind first, and only then by how much of the pattern held: no pattern has a million parts.
# A constraint that fails says more than any part of the pattern, and one that fails alone, behind all others, the most.
CONSTRAINED = 1_000_000
ALL_BUT_ONE = 2 * CONSTRAINED


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


Constraint = Callable[[Match], tuple[cst.CSTNode, str] | None]


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
    attempt = Attempt(code, subject, excluded, result, miss if miss is not None else Miss(), dict(captures or {}))
    given = (nodes,) if isinstance(nodes, cst.CSTNode) else tuple(nodes)
    for _ in attempt.sequence(code.roots, given, given[0]):
        match = Match(given, dict(attempt.captures), dict(attempt.pairs))
        failed = constraint(match) if constraint else None
        if failed is None:
            return match
        attempt.miss.note(CONSTRAINED + attempt.depth, *failed)
    return None


def candidates(code: Code, source: Source) -> Iterator[tuple[cst.CSTNode, ...]]:
    """Yield the nodes of a file at which a pattern could match, in the order of the text."""
    root, count = code.root, len(code.roots)
    if code.kind == "statements" and not (count == 1 and isinstance(root, cst.BaseCompoundStatement)):
        blocks = [statements(block) for block in source.of(cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)]
        found = [tuple(lines[at : at + count]) for lines in blocks for at in range(len(lines) - count + 1)]
        found = [nodes for nodes in found if source.together(nodes)]
        yield from sorted(found, key=lambda nodes: source.span(nodes[0])[0])
    elif root in code.dotted:
        yield from _sorted(source, _mentions(source, code.dotted[root]))
    else:
        kinds: list[type[cst.CSTNode]] = [type(root)]
        if hole_of(root) is not None:
            kinds = [kind for kind in source.kinds if issubclass(kind, cst.BaseExpression)]
        elif isinstance(root, (cst.SimpleString, cst.ConcatenatedString)):
            kinds = [cst.SimpleString, cst.ConcatenatedString]
        nodes = (node for node in source.of(*kinds) if _is_whole(code, node, source.parent(node)))
        yield from _sorted(source, nodes) if len(kinds) > 1 else ((node,) for node in nodes)


def _is_whole(code: Code, node: cst.CSTNode, above: cst.CSTNode | None) -> bool:
    """Tell whether a node is an expression or statement of its own, and no part of what only looks like several."""
    if isinstance(node, cst.If) and code.kind == "statements":
        return not isinstance(above, cst.If)  # an elif
    return not isinstance(above, cst.ConcatenatedString) and identifier_of(above) is not node


def _mentions(source: Source, target: str) -> Iterator[cst.CSTNode]:
    """Yield the names and attributes that may mean a dotted name, or are spelled like it."""
    first, last = source.names.leading_to(target), target.rpartition(".")[2]
    for node in source.of(cst.Name, cst.Attribute):
        parts = (dotted(node) or "").split(".")
        if parts[0] in first or parts[-1] == last:
            yield node


def _sorted(source: Source, nodes: Iterable[cst.CSTNode]) -> list[tuple[cst.CSTNode, ...]]:
    spans = {node: source.span(node) for node in nodes}
    return [(node,) for node in sorted(spans, key=lambda one: (spans[one][0], -spans[one][1]))]


def find(code: Code, source: Source, constraint: Constraint | None = None, miss: Miss | None = None) -> Iterator[Match]:
    """Yield every match in a file, in the order of the text."""
    for nodes in candidates(code, source):
        match = match_at(code, source, nodes, constraint=constraint, miss=miss)
        if match is not None:
            yield match
