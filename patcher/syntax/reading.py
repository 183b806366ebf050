"""The text of a recipe, its holes filled, as nodes: an expression, statements, or the first line of a block."""

from __future__ import annotations

import re

import libcst as cst

from patcher.syntax.holes import unstarred
from patcher.syntax.nodes import statements

__all__ = ["parsed"]

Headed = (cst.For, cst.While, cst.With, cst.If, cst.FunctionDef, cst.ClassDef)

# What makes a whole of each kind. An expression over several lines is no module by itself; parentheses make it one.
FORMS = {
    "expression": ("{}", "({})", "({}\n)"),
    "statements": ("{}",),
    "header": ("{}: pass",),
}
CLAUSES = {
    "try": "{}: pass\nfinally: pass",
    "except": "try: pass\n{}: pass",
    "match": "{}:\n case _: pass",
    "case": "match _:\n {}: pass",
}


def parsed(kind: str, text: str) -> tuple[tuple[cst.CSTNode, ...], cst.Module] | None:
    """Return the nodes that a text is, and the module that they stand in, or None if it is nothing of this kind."""
    word = re.match(r"\s*(\w*)", text)
    clause = CLAUSES.get(word[1] if word else "")
    for form in FORMS.get(kind, (clause,) if clause else ()):
        try:
            module = unstarred(cst.parse_module(form.format(text)))
        except cst.ParserSyntaxError:
            continue
        found = tuple(statements(module))
        if kind == "statements" or len(found) != 1:
            return (found, module) if found and kind == "statements" else None
        roots = _roots(kind, found[0], bare=form == "{}")
        if roots:
            return roots, module
    return None


def _roots(kind: str, found: cst.CSTNode, *, bare: bool) -> tuple[cst.CSTNode, ...]:
    if kind == "header":
        return (found,) if isinstance(found, Headed) else ()
    if kind == "clause":
        return (_clause(found),)
    value = found.value if isinstance(found, cst.Expr) else None
    # The parentheses must be those of this expression: `a) + (b` and nothing at all are none.
    whole = value is not None and value.lpar and not (isinstance(value, cst.Tuple) and not value.elements)
    return (value,) if value is not None and (bare or whole) else ()


def _clause(found: cst.CSTNode) -> cst.CSTNode:
    match found:
        case cst.Try() | cst.TryStar() if found.handlers:
            return found.handlers[0]
        case cst.Match() if isinstance(found.subject, cst.Name) and found.subject.value == "_":
            return found.cases[0]
    return found
