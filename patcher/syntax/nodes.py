"""What of a LibCST node carries meaning, in the order of the text."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Iterator
from functools import cache

import libcst as cst

__all__ = ["children", "fields", "literal", "statements", "walk"]

Blocks = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)

# Layout and punctuation: two programs that differ only here are the same program.
LAYOUT = (
    "whitespace", "leading", "lines_after", "header", "footer", "trailing", "lpar", "rpar", "comma", "semicolon",
    "lbracket", "rbracket", "lbrace", "rbrace", "newline", "dot", "colon", "separator", "indent", "first_colon",
    "second_colon", "posonly_ind", "encoding", "default_", "has_trailing", "equal",
)  # fmt: skip

# The fields that LibCST declares in another order than the text has them.
ORDER: dict[type[cst.CSTNode], tuple[str, ...]] = {
    cst.Arg: ("star", "keyword", "value"),
    cst.ClassDef: ("decorators", "name", "type_parameters", "bases", "keywords", "body"),
    cst.CompFor: ("asynchronous", "target", "iter", "ifs", "inner_for_in"),
    cst.ExceptHandler: ("type", "name", "body"),
    cst.ExceptStarHandler: ("type", "name", "body"),
    cst.For: ("asynchronous", "target", "iter", "body", "orelse"),
    cst.FunctionDef: ("decorators", "asynchronous", "name", "type_parameters", "params", "returns", "body"),
    cst.IfExp: ("body", "test", "orelse"),
    cst.ImportFrom: ("relative", "module", "names"),
    cst.MatchCase: ("pattern", "guard", "body"),
    cst.Parameters: ("posonly_params", "params", "star_arg", "kwonly_params", "star_kwarg"),
    cst.TypeAlias: ("name", "type_parameters", "value"),
    cst.With: ("asynchronous", "items", "body"),
}


@cache
def fields(kind: type[cst.CSTNode]) -> tuple[str, ...]:
    """Return the names of the fields of a node class that carry meaning, in the order of the text."""
    names = [field.name for field in dataclasses.fields(kind) if not field.name.startswith("_")]
    kept = [name for name in names if not name.startswith(LAYOUT)]
    if "conversion" in names:  # `{x=}` prints something else than `{x}`
        kept.append("equal")
    assert kind not in ORDER or set(ORDER[kind]) == set(kept), kind
    return ORDER.get(kind, tuple(kept))


def children(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the meaningful children of a node, in the order of the text."""
    for name in fields(type(node)):
        value = getattr(node, name)
        if isinstance(value, cst.CSTNode):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from value


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield a node and everything below it, parents first."""
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


def statements(body: cst.CSTNode) -> list[cst.CSTNode]:
    """Return the statements of a block, with those that are joined by `;` each on its own."""
    lines: Iterable[cst.CSTNode] = body.body if isinstance(body, Blocks) else [body]
    flat: list[cst.CSTNode] = []
    for line in lines:
        flat.extend(line.body if isinstance(line, cst.SimpleStatementLine) else [line])
    return flat


def literal(node: cst.CSTNode) -> object | None:
    r"""Return the value of a string or number; None for what has none, also where Python could not run it (`"\x"`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a `\d` in a file of the tree is not ours to complain about
        try:
            value: object | None = getattr(node, "evaluated_value", None)
        except (SyntaxError, ValueError):
            return None
    return value
