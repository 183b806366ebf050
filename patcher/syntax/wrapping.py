"""Statements under a header: whether one stands there already, and the edits that put it there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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
        elif child is getattr(above, "body", None) and _is_header(source, above, header, match):
            return True
        child = above
    return False


def _is_header(source: Source, above: cst.CSTNode, header: Code, match: Match) -> bool:
    """Tell whether a compound statement has the header; a with may have other items beside it."""
    if type(above) is not type(header.root):
        return False
    if isinstance(above, cst.With) and isinstance(header.root, cst.With) and len(header.root.items) == 1:
        wanted = _part(header, header.root.items[0])
        return any(_matches(source, item, wanted, match) for item in above.items)
    return _matches(source, above, header, match)


def _conjuncts(test: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(test, cst.BooleanOperation) and isinstance(test.operator, cst.And):
        yield from _conjuncts(test.left)
        yield from _conjuncts(test.right)
    else:
        yield test


def _is(source: Source, test: cst.BaseExpression, header: Code, match: Match) -> bool:
    assert isinstance(header.root, cst.If)
    return _matches(source, test, _part(header, header.root.test), match)


def _part(header: Code, node: cst.CSTNode) -> Code:
    return replace(header, kind="expression", roots=(node,))


def _matches(source: Source, node: cst.CSTNode, wanted: Code, match: Match) -> bool:
    return match_at(wanted, source, node, captures=match.captures) is not None


def wrap_edits(source: Source, match: Match, header: Code, spell: Speller) -> list[Edit]:
    """Return the edits that put the matched statements under the header.

    Raises:
        SiteError: they share a line with something else, or a name of the header is not in scope.
    """
    first, last = line_of(source, match.nodes[0]), line_of(source, match.nodes[-1])
    text = render(header, header.root, source, match, spell).removesuffix(": pass")
    return block_edits(source, first, last, text)
