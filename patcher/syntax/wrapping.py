"""Statements under a header: whether one stands there already, and the edits that put it there."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from patcher.model import Edit
from patcher.syntax.layout import block_edits, line_of
from patcher.syntax.matching import Match, match_at
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source
from patcher.syntax.template import Speller, render

__all__ = ["stands_under", "wrap_edits"]


def stands_under(source: Source, match: Match, header: Code) -> bool:
    """Tell whether a statement is guarded by the header, or by an `and` that holds its test, inside its function."""
    child = match.node
    for above in source.ancestors(match.node):
        if isinstance(above, (cst.FunctionDef, cst.Lambda, cst.ClassDef)):
            return False
        if isinstance(above, cst.If) and isinstance(header.root, cst.If):
            tests = _conjuncts(above.test) if child is above.body else ()
            if any(_is(source, test, header, match) for test in tests):
                return True
        elif type(above) is type(header.root) and match_at(header, source, above, captures=match.captures):
            return True
        child = above
    return False


def _conjuncts(test: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        yield from _conjuncts(test.left)
        yield from _conjuncts(test.right)
    else:
        yield test


def _is(source: Source, test: cst.BaseExpression, header: Code, match: Match) -> bool:
    assert isinstance(header.root, cst.If)
    wanted = Code(header.text, "expression", (header.root.test,), header.module, header.local)
    return match_at(wanted, source, test, captures=match.captures) is not None


def wrap_edits(source: Source, match: Match, header: Code, spell: Speller) -> list[Edit]:
    """Return the edits that put the matched statements under the header.

    Raises:
        SiteError: they share a line with something else, or a name of the header is not in scope.
    """
    first, last = line_of(source, match.nodes[0]), line_of(source, match.nodes[-1])
    text = render(header, header.root, source, match, spell).partition(": pass")[0]
    return block_edits(source, first, last, text)
