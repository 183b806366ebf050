"""Where two versions of a program differ: statements that came, went or changed, and in those the expressions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

__all__ = ["Difference", "Leaf", "blocks_of", "differences", "equal"]

ALIKE = 0.55  # from here on one statement is taken for the other's new form
MOST_LEAVES = 4
HEAD = 400


@dataclass(frozen=True)
class Leaf:
    """The smallest expression that differs, and the pairs of nodes around it, outermost first."""

    old: ast.expr
    new: ast.expr
    around: tuple[tuple[ast.AST, ast.AST], ...]


@dataclass(frozen=True)
class Difference:
    """`old` statements at `index` of a block became `new` ones; `owner` is the statement whose block it is.

    `leaves` are said where one statement became another of its kind, `under` where the old ones went under a header.
    """

    scope: str
    owner: ast.AST
    block: Sequence[ast.stmt]
    index: int
    old: tuple[ast.stmt, ...] = ()
    new: tuple[ast.stmt, ...] = ()
    leaves: tuple[Leaf, ...] = ()
    under: ast.If | None = None

    @property
    def line(self) -> int:
        """The line before the patch, for the order of the steps."""
        here = self.old or self.block[max(0, self.index - 1) : self.index] or self.block[:1]
        return here[0].lineno if here else getattr(self.owner, "lineno", 0)


def equal(one: ast.AST, other: ast.AST) -> bool:
    """Tell whether two nodes are the same code."""
    return ast.dump(one) == ast.dump(other)


def differences(before: ast.Module, after: ast.Module) -> list[Difference]:
    """Return what leads from one program to the other, in the order of the text."""
    return sorted(_block(before, before.body, after.body, ""), key=lambda one: one.line)


def blocks_of(node: ast.AST) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the blocks of a statement, each with the field that holds it."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and all(isinstance(one, ast.stmt) for one in block):
            yield name, block
    for name in ("handlers", "cases"):
        for number, one in enumerate(getattr(node, name, ())):
            yield f"{name}{number}", one.body


def _block(owner: ast.AST, old: Sequence[ast.stmt], new: Sequence[ast.stmt], scope: str) -> Iterator[Difference]:
    left, right = ([ast.dump(one) for one in side] for side in (old, new))
    for tag, first, last, start, end in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag != "equal":
            yield from _region(owner, old, range(first, last), list(new[start:end]), scope)


def _region(
    owner: ast.AST, block: Sequence[ast.stmt], where: range, new: list[ast.stmt], scope: str
) -> Iterator[Difference]:
    """Yield what became of a run of statements: pairs that are alike split it, the rest is swapped."""
    old = [block[index] for index in where]
    at_old = at_new = 0
    for left, right in [*_pairs(old, new), (len(old), len(new))]:
        gone, come = tuple(old[at_old:left]), tuple(new[at_new:right])
        if gone or come:
            yield Difference(scope, owner, block, where.start + at_old, gone, come)
        if left < len(old):
            yield from _pair(owner, block, where.start + left, new[right], scope)
        at_old, at_new = left + 1, right + 1


def _pairs(old: list[ast.stmt], new: list[ast.stmt]) -> list[tuple[int, int]]:
    """Return which statements are each other's old and new form, in order and as alike as can be."""
    best: list[list[tuple[float, list[tuple[int, int]]]]] = [[(0.0, [])] * (len(new) + 1) for _ in range(len(old) + 1)]
    for left in range(len(old) - 1, -1, -1):
        for right in range(len(new) - 1, -1, -1):
            likeness = _likeness(old[left], new[right])
            paired = best[left + 1][right + 1]
            both = (likeness + paired[0], [(left, right), *paired[1]]) if likeness >= ALIKE else (0.0, [])
            best[left][right] = max(both, best[left + 1][right], best[left][right + 1], key=lambda one: one[0])
    return best[0][0][1]


def _likeness(old: ast.stmt, new: ast.stmt) -> float:
    if isinstance(new, ast.If) and not new.orelse and len(new.body) == 1 and equal(old, new.body[0]):
        return 1.0
    if type(old) is not type(new):
        return 0.0
    if isinstance(old, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return 1.0 if old.name == new.name else 0.0  # type: ignore[attr-defined]
    one, other = (ast.unparse(node)[:HEAD] for node in (old, new))
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _pair(owner: ast.AST, block: Sequence[ast.stmt], index: int, new: ast.stmt, scope: str) -> Iterator[Difference]:
    old = block[index]
    if isinstance(new, ast.If) and not equal(old, new) and len(new.body) == 1 and equal(old, new.body[0]):
        yield Difference(scope, owner, block, index, (old,), (new,), under=new)
        return
    sides = [dict(blocks_of(one)) for one in (old, new)]
    if sides[0].keys() != sides[1].keys() or not all(bool(sides[0][name]) == bool(sides[1][name]) for name in sides[0]):
        yield Difference(scope, owner, block, index, (old,), (new,))
        return
    leaves = _leaves(old, new, ())
    if leaves is None or (len(leaves) > MOST_LEAVES and not sides[0]):
        yield Difference(scope, owner, block, index, (old,), (new,))
        return
    if leaves:
        yield Difference(scope, owner, block, index, (old,), (new,), tuple(leaves))
    named = isinstance(old, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    inner = f"{scope}.{old.name}".lstrip(".") if named else scope  # type: ignore[attr-defined]
    for name, body in sides[0].items():
        yield from _block(old, body, sides[1][name], inner)


def _leaves(old: ast.AST, new: ast.AST, around: tuple[tuple[ast.AST, ast.AST], ...]) -> list[Leaf] | None:
    """Return the smallest expressions that differ; None where something other than an expression does."""
    if equal(old, new):
        return []
    found: list[Leaf] = []
    whole = type(old) is type(new) and not isinstance(old, ast.JoinedStr)
    for name, value in ast.iter_fields(old) if whole else ():
        other = getattr(new, name)
        if isinstance(old, ast.stmt) and name in ("body", "orelse", "finalbody", "handlers", "cases"):
            continue
        pairs = _children(value, other)
        if pairs is None:
            whole = False
            break
        for one, two in pairs:
            below = _leaves(one, two, (*around, (old, new)))
            if below is None:
                whole = False
                break
            found += below
    if whole and (found or isinstance(old, ast.stmt)):
        return found
    if isinstance(old, ast.expr) and isinstance(new, ast.expr):
        return [Leaf(old, new, around)]
    return None


def _children(one: object, other: object) -> list[tuple[ast.AST, ast.AST]] | None:
    """Return the nodes of a field, pair by pair; None if they do not pair or are no nodes and differ."""
    if isinstance(one, ast.AST) and isinstance(other, ast.AST):
        return [] if isinstance(one, ast.expr_context) else [(one, other)]
    if isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return None
        below = [_children(*pair) for pair in zip(one, other, strict=True)]
        return None if None in below else [pair for pairs in below for pair in pairs or ()]
    return [] if one == other else None
