"""Parentheses only where they are needed: every kind of expression in every place that an expression can have.

What a replacement makes must be, to Python's own parser, what it would be with explicit parentheses; and where it is
that without any, none may be added.
"""

from __future__ import annotations

import ast
from functools import cache

import libcst as cst
import pytest

from patcher.syntax.holes import hole_of
from patcher.syntax.pattern import compile_code
from patcher.syntax.precedence import parenthesized, way_up
from tests.syntax.python import rewritten

ATOMS = [
    "x", "1.5", "'s'", "x.y", "x()", "x[y]", "[x]", "{x}", "{x: y}", "[x for x in y]", "...", "f'{x}'", "(x)", "(x, y)",
    "(yield x)",
]  # fmt: skip
LOOSE = [
    "1", "-x", "~x", "not x", "await x", "x + y", "x - y", "x * y", "x @ y", "x ** y", "x << y", "x & y", "x ^ y", "x | y",
    "x < y", "x in y", "x is not y", "x < y < z", "x and y", "x or y", "x if y else z", "lambda: x", "lambda y: x",
    "-x ** y", "not x in y", "x if y else lambda: z",
]  # fmt: skip
# Bare in a call's arguments, and bare behind an equals sign.
IN_CALL = ["x := y", "x for x in y"]
ASSIGNED = ["x, y", "x,", "*x, y", "yield", "yield x", "yield x, y", "yield from x"]

EXPRESSIONS = [
    "$X", "$X + a", "a + $X", "$X - a", "a - $X", "$X * a", "a * $X", "a / $X", "a % $X", "$X ** a", "a ** $X", "$X @ a",
    "$X << a", "a >> $X", "a & $X", "$X ^ a", "a | $X", "-$X", "+$X", "~$X", "not $X", "await $X", "$X.a", "$X(a)", "$X[a]",
    "a[$X]", "a[$X, b]", "a[$X:]", "a[b:$X:c]", "a($X)", "a(k=$X)", "a(*$X)", "a(**$X)", "a($X, b)", "a(b, $X)", "[$X]",
    "[$X, a]", "[*$X]", "{$X}", "{$X: a}", "{a: $X}", "{**$X}", "($X, a)", "$X < a", "a < $X", "a < $X < b", "a in $X",
    "$X is a", "$X and a", "a and $X", "a or $X", "$X or a", "$X if a else b", "a if $X else b", "a if b else $X",
    "lambda: $X", "lambda y=$X: y", "[$X for a in b]", "[a for a in $X]", "[a for a in b if $X]", "{$X: a for a in b}",
    "{a: $X for a in b}", "(a for a in b for c in $X)", "(a := $X)", "f'{$X}'", "f'{$X!r:>{a}}'", "f'{a:{$X}}'",
    "(yield $X)", "(yield from $X)", "(await $X).a", "a.b($X).c",
]  # fmt: skip
STATEMENTS = [
    "return $X", "assert $X", "assert a, $X", "raise $X", "raise a from $X", "for a in $X: pass", "while $X: pass",
    "if $X: pass", "with $X: pass", "with $X as b: pass", "a = b = $X", "a += $X", "a: b = $X", "a: $X = b", "a[$X] = b",
    "del a[$X]", "match $X:\n    case _: pass", "def g(a=$X): pass", "def g(a: $X): pass", "def g() -> $X: pass",
    "class A($X): pass", "class A(m=$X): pass", "async def g(): return $X",
]  # fmt: skip

# Parentheses that Python would not need, and that do no harm: a walrus where only new Pythons take it bare, or a reader
# would not look for it; and a tuple in an f-string.
ALLOWED = {
    *(("x := y", place) for place in ("a[$X]", "a[$X, b]", "[$X]", "[$X, a]", "{$X}", "($X, a)", "{$X: a for a in b}")),
    *(("x := y", place) for place in ("[$X for a in b]", "a[$X] = b", "del a[$X]", "match $X:\n    case _: pass")),
    *((bare, place) for bare in ASSIGNED for place in ("f'{$X}'", "f'{$X!r:>{a}}'", "f'{a:{$X}}'")),
    *(("*x, y", place) for place in ("a[$X]", "for a in $X: pass", "a[$X] = b", "del a[$X]")),
    *(("x for x in y", place) for place in ("f'{$X}'", "f'{$X!r:>{a}}'", "f'{a:{$X}}'")),
}


def inside(statement: str) -> str:
    """A statement in a function in which everything is allowed."""
    return "async def w():\n" + "".join(f"    {line}\n" for line in statement.split("\n"))


class _Flat(ast.NodeTransformer):
    """`a and (b and c)` and `a and b and c` are one program, and `(a and b) and c` is another way to write it."""

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.BoolOp:
        self.generic_visit(node)
        first = node.values[0]
        if isinstance(first, ast.BoolOp) and type(first.op) is type(node.op):
            node.values[:1] = first.values
        return node


@cache
def tree(program: str) -> str | None:
    try:
        return ast.dump(_Flat().visit(ast.parse(program)))
    except SyntaxError:
        return None


def check(result: str, place: str, expression: str) -> None:
    wanted = tree(inside(place.replace("$X", f"({expression})")))
    assert tree(result) == wanted, result
    plain = inside(place.replace("$X", expression))
    if tree(plain) == wanted and (expression, place.removeprefix("v = ")) not in ALLOWED:
        assert result == plain, "parentheses without need"


def possible(place: str, expression: str) -> bool:
    """What Python does not know at all cannot be asked for, nor quotes in an f-string, nor a tuple as what `with` enters."""
    if place.startswith("with") and expression in ("(x, y)", "x, y", "x,"):
        return False
    if "f'" in place and ("'" in expression or expression.startswith("{")):
        return False
    return tree(inside(place.replace("$X", f"({expression})"))) is not None


def node_of(expression: str) -> cst.BaseExpression:
    """An expression as it stands somewhere without parentheses of its own."""
    form = "f({})" if expression in IN_CALL else "v = {}"
    (statement,) = cst.parse_module(form.format(expression)).body
    value = statement.body[0].value
    return value.args[0].value if expression in IN_CALL else value


@pytest.mark.parametrize("place", [*(f"v = {place}" for place in EXPRESSIONS), *STATEMENTS])
def test_every_expression_in_every_place(place: str) -> None:
    code = compile_code(place, "abcgvA", statement=True)
    hole = next(node for node in code.nodes() if isinstance(node, cst.Name) and hole_of(node))
    ups = list(way_up(hole, code.parents.get))
    for expression in (*ATOMS, *LOOSE, *IN_CALL, *ASSIGNED):
        if possible(place, expression):
            text = parenthesized(expression, node_of(expression), ups)
            check(inside(place.replace("$X", text)), place, expression)


# The same through patterns and replacements, for a few of each kind.
FEW = ["x", "1", "-x", "x or y", "x if y else z", "x for x in y", "x := y"]


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_in_a_replacement(place: str) -> None:
    for expression in FEW:
        moved = place == "lambda: $X" and expression == "x := y"  # x would be the lambda's own: refused
        if possible(f"v = {place}", expression) and not moved:
            result = rewritten("m.f($X)", place, f"async def w():\n    v = m.f({expression})\n", *"abcm")
            check(result, f"v = {place}", expression)


@pytest.mark.parametrize("place", [*(f"v = {place}" for place in EXPRESSIONS), *STATEMENTS])
def test_in_a_file(place: str) -> None:
    for expression in FEW:
        if possible(place, expression):
            text = inside(place.replace("$X", f"m.f({expression})"))
            check(rewritten("m.f($X)", "$X", text, "m"), place, expression)


@pytest.mark.parametrize("place", STATEMENTS[:10])
def test_what_stood_bare_behind_an_equals_sign(place: str) -> None:
    for expression in ASSIGNED:
        if possible(place, expression):
            result = rewritten("v = $X", place, inside(f"v = {expression}").replace("async ", ""), *"abcmgv")
            assert tree(result) == tree(inside(place.replace("$X", f"({expression})")).replace("async ", "", 1))


@pytest.mark.parametrize("outer", [place for place in EXPRESSIONS if "'" not in place])
def test_a_replacement_in_its_place(outer: str) -> None:
    for inner in ("not $X", "$X + y", "y ** $X", "lambda: $X", "$X if y else $X", "await $X", "y or $X"):
        if possible(f"v = {outer}", inner.replace("$X", "x")):
            text = inside(f"v = {outer.replace('$X', 'm.f(x)')}")
            local = {*"abcmyz"}
            check(rewritten("m.f($X)", inner, text, *local), f"v = {outer}", inner.replace("$X", "x"))


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("$X", "y = m.f(a +\n  b)", "y = (a +\n  b)"),
        ("$X", "y = m.f(a\n  .b())", "y = (a\n  .b())"),
        ("$X", "y = m.f(a +  # why\n  b)", "y = (a +  # why\n  b)"),
        ("$X", "y = m.f(a(\n  b))", "y = a(\n  b)"),
        ("$X", "y = m.f([\n  b,\n])", "y = [\n  b,\n]"),
        ("$X", "y = m.f('''a\nb''')", "y = '''a\nb'''"),
        ("$X", "y = m.f('a'\n  'b')", "y = ('a'\n  'b')"),
        ("$X", "y = m.f(a + \\\n  b)", "y = a + \\\n  b"),
        ("$X", "y = m.f(not\n  a)", "y = (not\n  a)"),
        ("$X", "y = (m.f(a +\n  b))", "y = (a +\n  b)"),
        ("$X", "y = [m.f(a +\n  b)]", "y = [a +\n  b]"),
        ("$X", "y = z(1, k=m.f(a +\n  b))", "y = z(1, k=a +\n  b)"),
        ("$X", "y = z[m.f(a +\n  b)]", "y = z[a +\n  b]"),
        ("$X", "y = {1: m.f(a +\n  b)}", "y = {1: a +\n  b}"),
        ("$X", "y = [z for z in m.f(a +\n  b)]", "y = [z for z in a +\n  b]"),
        ("$X", "y = 1, m.f(a +\n  b)", "y = 1, (a +\n  b)"),
        ("$X", "def g(y=m.f(a +\n  b)): pass", "def g(y=a +\n  b): pass"),
        ("$X", "def g() -> m.f(a |\n  b): pass", "def g() -> (a |\n  b): pass"),
        ("[$X]", "y = m.f(a +\n  b)", "y = [a +\n  b]"),
        ("g($X)", "y = m.f(a +\n  b)", "y = g(a +\n  b)"),
        ("1 + $X", "y = m.f(a *\n  b)", "y = 1 + (a *\n  b)"),
        ("1 + $X", "y = [m.f(a *\n  b)]", "y = [1 + a *\n  b]"),
        ("$X.c", "y = m.f(a\n  .b)", "y = (a\n  .b).c"),
        ("$X or 1", "if m.f(a and\n  b): pass", "if (a and\n  b) or 1: pass"),
    ],
)
def test_a_line_end_needs_brackets_around_it(template: str, before: str, after: str) -> None:
    assert rewritten("m.f($X)", template, before + "\n", "m", "g") == after + "\n"
