"""Where an expression needs parentheses: by its operators, by the statement it stands in, and by its line ends.

A place is told by its way up: the node above and the child there, then the node above that one, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import libcst as cst

__all__ = ["Up", "parenthesized", "way_up"]

Up = tuple[cst.CSTNode, cst.CSTNode]
"""A node and the child of it through which the way leads."""

ATOM, AWAIT, UNARY, ADDED, COMPARED, NEGATED, TESTED, CHOSEN, EXPRESSION = 16, 15, 13, 7, 6, 5, 3, 2, 1
OPERATORS: dict[type[cst.CSTNode], int] = {
    cst.Or: TESTED, cst.And: 4, cst.Not: NEGATED, cst.BitOr: ADDED, cst.BitXor: 8, cst.BitAnd: 9, cst.LeftShift: 10,
    cst.RightShift: 10, cst.Add: 11, cst.Subtract: 11, cst.Multiply: 12, cst.MatrixMultiply: 12, cst.Divide: 12,
    cst.FloorDivide: 12, cst.Modulo: 12, cst.Plus: UNARY, cst.Minus: UNARY, cst.BitInvert: UNARY, cst.Power: 14,
}  # fmt: skip

# How tightly an expression must bind to stand in a field without parentheses; EXPRESSION where nothing is said.
ASKED: dict[tuple[type[cst.CSTNode], str], int] = {
    (cst.Attribute, "value"): ATOM, (cst.Call, "func"): ATOM, (cst.Subscript, "value"): ATOM,
    (cst.Await, "expression"): ATOM, (cst.Decorator, "decorator"): ATOM, (cst.AugAssign, "target"): ATOM,
    (cst.AnnAssign, "target"): ATOM, (cst.NamedExpr, "target"): ATOM, (cst.Comparison, "left"): ADDED,
    (cst.ComparisonTarget, "comparator"): ADDED, (cst.StarredElement, "value"): ADDED,
    (cst.StarredDictElement, "value"): ADDED, (cst.IfExp, "body"): TESTED, (cst.IfExp, "test"): TESTED,
    (cst.CompFor, "iter"): TESTED, (cst.CompIf, "test"): TESTED,
}  # fmt: skip

# The fields in which these stand bare.
BARE: dict[type[cst.CSTNode], frozenset[tuple[type[cst.CSTNode], str]]] = {
    cst.Yield: frozenset({
        (cst.Assign, "value"), (cst.AugAssign, "value"), (cst.AnnAssign, "value"), (cst.Expr, "value"),
    }),
    cst.Tuple: frozenset({
        (cst.Assign, "value"), (cst.AugAssign, "value"), (cst.AnnAssign, "value"), (cst.Expr, "value"),
        (cst.AssignTarget, "target"), (cst.Return, "value"), (cst.Yield, "value"), (cst.For, "target"),
        (cst.For, "iter"), (cst.CompFor, "target"), (cst.Index, "value"), (cst.Match, "subject"), (cst.Del, "target"),
    }),
    cst.NamedExpr: frozenset({(cst.If, "test"), (cst.While, "test"), (cst.Arg, "value")}),
}  # fmt: skip

Bracketed = (cst.Arg, cst.SubscriptElement, cst.List, cst.Set, cst.Dict, cst.ListComp, cst.SetComp, cst.DictComp)


def way_up(node: cst.CSTNode, parent: Callable[[cst.CSTNode], cst.CSTNode | None]) -> Iterator[Up]:
    """Yield the way from a node to the top of its tree."""
    while (above := parent(node)) is not None:
        yield above, node
        node = above


def parenthesized(text: str, node: cst.CSTNode, ups: Sequence[Up]) -> str:
    """Return the text of an expression, in parentheses where it would fall apart without them."""
    if not isinstance(node, cst.BaseExpression) or node.lpar:
        return text
    return f"({text})" if _falls_apart(node, ups) or (_is_broken(text, node) and not _in_brackets(ups)) else text


def _falls_apart(node: cst.BaseExpression, ups: Sequence[Up]) -> bool:
    if not ups:
        return False
    above, child = ups[0]
    field = next((name for name in above.__dataclass_fields__ if getattr(above, name) is child), "")
    if isinstance(node, cst.GeneratorExp):
        return not _is_only_argument(ups)
    if type(node) in BARE and (type(above), field) not in BARE[type(node)]:
        return True
    match node, above:
        case cst.NamedExpr(), cst.Arg():
            return bool(above.star or above.keyword)
        case cst.Tuple(), cst.Index() | cst.For():
            # A starred one is newer than the Python of research code.
            starred = any(isinstance(one, cst.StarredElement) for one in node.elements)
            return starred or (isinstance(above, cst.Index) and not _is_only_element(ups))
        case cst.Integer(), cst.Attribute():  # `1.real` is a broken number
            return True
        case _, cst.FormattedStringExpression():  # the colon of a lambda would begin a format
            return _strength(node) < CHOSEN or _ends_in_lambda(node)
    return type(node) not in BARE and _strength(node) < _asked(above, field)


def _is_only_element(ups: Sequence[Up]) -> bool:
    """Tell whether a place is the whole of a subscript, where a tuple needs no parentheses."""
    subscript = ups[2][0] if len(ups) > 2 else None
    return isinstance(subscript, cst.Subscript) and len(subscript.slice) == 1


def _ends_in_lambda(node: cst.BaseExpression) -> bool:
    while isinstance(node, cst.IfExp) and not node.lpar:
        node = node.orelse
    return isinstance(node, cst.Lambda) and not node.lpar


def _strength(node: cst.BaseExpression) -> int:
    match node:
        case cst.Lambda():
            return EXPRESSION
        case cst.IfExp():
            return CHOSEN
        case cst.BooleanOperation() | cst.BinaryOperation() | cst.UnaryOperation():
            return OPERATORS[type(node.operator)]
        case cst.Comparison():
            return COMPARED
        case cst.Await():
            return AWAIT
    return ATOM


def _asked(above: cst.CSTNode, field: str) -> int:
    match above:
        case cst.BinaryOperation() | cst.BooleanOperation():
            level = OPERATORS[type(above.operator)]
            if isinstance(above.operator, cst.Power):
                return AWAIT if field == "left" else UNARY
            return level if field == "left" else level + 1
        case cst.UnaryOperation():
            return OPERATORS[type(above.operator)]
    return ASKED.get((type(above), field), EXPRESSION)


def _is_only_argument(ups: Sequence[Up]) -> bool:
    """Tell whether a place is the whole of a call's arguments, where a generator needs no parentheses of its own."""
    (above, _), *further = ups
    if not isinstance(above, cst.Arg) or above.star or above.keyword or not further:
        return False
    call = further[0][0]
    return isinstance(call, cst.Call) and len(call.args) == 1 and not isinstance(call.args[0].comma, cst.Comma)


def _is_broken(text: str, node: cst.BaseExpression) -> bool:
    """Tell whether a line ends where only brackets around the expression allow it."""
    if "\n" not in text:
        return False
    statement = f"if {text}: pass" if isinstance(node, cst.NamedExpr) else f"_ = {text}"
    try:
        return len(cst.parse_module(statement).body) > 1
    except cst.ParserSyntaxError:
        return True


def _in_brackets(ups: Sequence[Up]) -> bool:
    """Tell whether a line may end at a place, because brackets are open around it."""
    return any(
        isinstance(above, Bracketed)
        or (isinstance(above, cst.BaseExpression) and bool(above.lpar))
        or (isinstance(above, cst.FunctionDef) and child is above.params)
        for above, child in ups
    )
