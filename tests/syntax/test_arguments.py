"""Arguments and elements put in, taken out and changed; what stays keeps its bytes, its comments and its line."""

from __future__ import annotations

import ast

import pytest

from tests.syntax.python import check_changed, check_refused, found, rewritten

ONE_A_LINE = """\
f(
    a,  # first
    b,
)
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(k=1)"),
        ("f( )", "f(k=1 )"),
        ("f(\n)", "f(k=1\n)"),
        ("f(  # why\n)", "f(k=1  # why\n)"),
        ("f(a)", "f(a, k=1)"),
        ("f(a,)", "f(a, k=1,)"),
        ("f( a )", "f( a, k=1 )"),
        ("f(a, b=2)", "f(a, b=2, k=1)"),
        ("f(*a)", "f(*a, k=1)"),
        ("f(**a)", "f(**a, k=1)"),
        ("f(a  # why\n  )", "f(a, k=1  # why\n  )"),
        ("f(a,\n  b)", "f(a,\n  b, k=1)"),
        ("f(\n    a,\n    b)", "f(\n    a,\n    b, k=1)"),
        ("f(\n    a,\n    b\n)", "f(\n    a,\n    b,\n    k=1\n)"),
        ("f(\n    a,\n    b,\n)", "f(\n    a,\n    b,\n    k=1,\n)"),
        ("f(\n    a,  # one\n    b,  # two\n)", "f(\n    a,  # one\n    b,  # two\n    k=1,\n)"),
        ("f(\n    a,\n    b  # two\n)", "f(\n    a,\n    b,  # two\n    k=1\n)"),
        ("f(\n\ta,\n)", "f(\n\ta,\n\tk=1,\n)"),
        ("f(\r\n    a,\r\n)", "f(\r\n    a,\r\n    k=1,\r\n)"),
        ("f(\n    g(\n        a,\n    ),\n)", "f(\n    g(\n        a,\n    ),\n    k=1,\n)"),
        ("f(\n    a\n    ,\n)", "f(\n    a, k=1\n    ,\n)"),
        ("f(\n    a, b,\n)", "f(\n    a, b, k=1,\n)"),
        ("f(\n    a\n    + b,\n)", "f(\n    a\n    + b,\n    k=1,\n)"),
        ("f(x for x in y)", "f((x for x in y), k=1)"),
        ("f((x for x in y))", "f((x for x in y), k=1)"),
        ("f(a) (b)", "f(a, k=1) (b)"),
        ("(f)(a)", "(f)(a, k=1)"),
        ("f(\\\n  a)", "f(\\\n  a, k=1)"),
        ("f(a, lambda: (1, 2))", "f(a, lambda: (1, 2), k=1)"),
        ('f("""a\nb""")', 'f("""a\nb""", k=1)'),
    ],
)
def test_a_keyword_behind_all(before: str, after: str) -> None:
    check_changed("f($$$A)", "f($$$A, k=1)", before + "\n", after + "\n", "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(1)"),
        ("f(a)", "f(a, 1)"),
        ("f(a, k=2)", "f(a, 1, k=2)"),
        ("f(k=2)", "f(1, k=2)"),
        ("f(**k)", "f(1, **k)"),
        ("f(a, *b, c=2, **d)", "f(a, *b, 1, c=2, **d)"),
        ("f(\n    a,\n    k=2,\n)", "f(\n    a,\n    1,\n    k=2,\n)"),
        ("f(\n    a,  # why\n    k=2,\n)", "f(\n    a,  # why\n    1,\n    k=2,\n)"),
    ],
)
def test_a_positional_argument_behind_the_positional_ones(before: str, after: str) -> None:
    check_changed("f($$$A)", "f($$$A, 1)", before + "\n", after + "\n", "f")


@pytest.mark.parametrize("text", ["f(k=2, *a)", "f(a, k=2, *b, c=3)"])
def test_a_positional_argument_that_python_would_not_take_there_is_refused(text: str) -> None:
    check_refused("f($$$A)", "f($$$A, 1)", text + "\n", "stand behind a keyword", "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(1)"),
        ("f(a)", "f(1, a)"),
        ("f(k=2)", "f(1, k=2)"),
        ("f(*a)", "f(1, *a)"),
        ("f( a)", "f( 1, a)"),
        ("f(x for x in y)", "f(1, (x for x in y))"),
        ("f(\n    a,\n)", "f(\n    1,\n    a,\n)"),
        ("f(  # why\n    a,  # one\n)", "f(  # why\n    1,\n    a,  # one\n)"),
        ("f(a,\n  b)", "f(1, a,\n  b)"),
    ],
)
def test_a_positional_argument_in_front(before: str, after: str) -> None:
    check_changed("f($$$A)", "f(1, $$$A)", before + "\n", after + "\n", "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, b)", "f(a, 1, b)"),
        ("f(a)", "f(a, 1)"),
        ("f(a, k=2)", "f(a, 1, k=2)"),
        ("f(a, # why\n  b)", "f(a, 1, # why\n  b)"),
        ("f(\n    a,  # why\n    b,\n)", "f(\n    a,  # why\n    1,\n    b,\n)"),
    ],
)
def test_a_positional_argument_in_between(before: str, after: str) -> None:
    check_changed("f($X, $$$R)", "f($X, 1, $$$R)", before + "\n", after + "\n", "f")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(k=1)", "f()"),
        ("f(k=1,)", "f()"),
        ("f(a, k=1)", "f(a)"),
        ("f(a, k=1,)", "f(a,)"),
        ("f(a, k=1, b=2)", "f(a, b=2)"),
        ("f(k=1, b=2)", "f(b=2)"),
        ("f(a,\n  k=1,\n  b=2)", "f(a,\n  b=2)"),
        ("f(a,\n  k=1)", "f(a)"),
        ("f(\n    a,\n    k=1,\n)", "f(\n    a,\n)"),
        ("f(\n    a,\n    k=1\n)", "f(\n    a,\n)"),
        ("f(\n    a,  # one\n    k=1,\n)", "f(\n    a,  # one\n)"),
        ("f(\n    k=1,\n    b=2,  # two\n)", "f(\n    b=2,  # two\n)"),
        ("f(\n    k=1,\n)", "f()"),
        ("f(a, k=1, *b)", "f(a, *b)"),
    ],
)
def test_a_keyword_taken_out(before: str, after: str) -> None:
    check_changed("f($$$A, k=1)", "f($$$A)", before + "\n", after + "\n", "f")


@pytest.mark.parametrize(
    "text",
    [
        "f(\n    a,\n    k=1,  # why\n)\n",
        "f(\n    k=1,  # why\n    b=2,\n)\n",
        "f(  # why\n    k=1,\n)\n",
        "f(a,  # why\n  k=1)\n",
    ],
)
def test_a_comment_beside_what_goes_would_be_lost(text: str) -> None:
    with pytest.raises(AssertionError, match="# why would be lost"):
        rewritten("f($$$A, k=1)", "f($$$A)", text, "f")


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("f($A, $B)", "f($B, $A)", "f(a, b)", "f(b, a)"),
        ("f($A, $B)", "f($B, $A)", "f(\n    a,\n    b,\n)", "f(\n    b,\n    a,\n)"),
        ("f($A, $B, $C)", "f($C, $A, $B)", "f(a, b, c)", "f(c, a, b)"),
        ("f($A, $$$R)", "f($$$R, $A)", "f(a, b, c)", "f(b, c, a)"),
        ("f($A, $$$R)", "f($$$R, $A)", "f(a, b, k=1)", "f(b, a, k=1)"),
        ("f($A, $B)", "f($A)", "f(a, b)", "f(a)"),
        ("f($A, $B)", "f($B)", "f(a, b)", "f(b)"),
        ("f($A, $B)", "f()", "f(a, b,)", "f()"),
        ("f($A)", "f($A, $A)", "f(a)", "f(a, a)"),
        ("f($$$A)", "f($$$A, $$$A)", "f(a, b)", "f(a, b, a, b)"),
        ("f($A)", "f(x=$A)", "f( a )", "f( x=a )"),
        ("f(x=$A)", "f($A)", "f(x=a)", "f(a)"),
        ("f(x=$A)", "f(y=$A)", "f(x=a)", "f(y=a)"),
        ("f($A, k=$K)", "f($A, k=not $K)", "f(a,  # one\n  k = b)", "f(a,  # one\n  k = not b)"),
        ("f(k=$K, j=$J)", "f(j=$J + 1, k=$K)", "f(k=a, j=b)", "f(k=a, j=b + 1)"),
        ("f($E, $$$K)", 'f("cuda", $$$K, enabled=$E)', "f(use, dtype=x)", 'f("cuda", dtype=x, enabled=use)'),
        (
            "f($E, $$$K)",
            'f("cuda", $$$K, enabled=$E)',
            "f(\n    use,  # u\n    dtype=x,  # d\n)",
            'f(\n    "cuda",  # u\n    dtype=x,  # d\n    enabled=use,\n)',
        ),
        ("f(*$A)", "f(*$A, 1)", "f(*a)", "f(*a, 1)"),
        ("f(**$A)", "f(**$A, k=1)", "f(**a)", "f(**a, k=1)"),
        ("f($$$A)", "f($$$A, *x, **y)", "f(a, k=1)", "f(a, *x, k=1, **y)"),
        ("f($$$A)", "f(k=1, $$$A)", "f(a, b=2)", "f(a, b=2, k=1)"),
        ("f(k=1, $$$A)", "f($$$A)", "f(a, k=1, b=2)", "f(a, b=2)"),
        ("f(k=1, $$$A)", "f(j=1, $$$A)", "f(a, k=1, b=2)", "f(a, j=1, b=2)"),
        ("f($$$A)", "f(k=1, $$$A)", "f(a, *b)", "f(a, *b, k=1)"),
        ("f($$$A, k=$K)", "f($$$A, j=$K)", "f(a, k=1, l=2)", "f(a, j=1, l=2)"),
        ("f($X, $Y)", "f(x, $X)", "f(a, b)", "f(x, a)"),
        ("f($X, $Y)", "f($Y, x)", "f(a, b)", "f(b, x)"),
        (
            "f($X, $Y, k=$K)",
            "f(x, $Y, j=y)",
            "f(\n    a,  # one\n    b,\n    k=1,  # k\n)",
            "f(\n    x,  # one\n    b,\n    j=y,  # k\n)",
        ),
    ],
)
def test_arguments_that_change_places(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before + "\n", after + "\n", "f", "x", "y")


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("[$$$A]", "[$$$A, 1]", "[]", "[1]"),
        ("[$$$A]", "[$$$A, 1]", "[a]", "[a, 1]"),
        ("[$$$A]", "[$$$A, 1]", "[*a, b,]", "[*a, b, 1,]"),
        ("[$$$A]", "[$$$A, 1]", "[\n    a,  # one\n]", "[\n    a,  # one\n    1,\n]"),
        ("[$$$A, 2]", "[$$$A]", "[\n    a,  # one\n    2,\n]", "[\n    a,  # one\n]"),
        ("[$$$A, 2]", "[$$$A, 3]", "[a,  # one\n 2]", "[a,  # one\n 3]"),
        ("[$A, $B]", "[$B, $A]", "[a, b]", "[b, a]"),
        ("[$$$A]", "[0, $$$A]", "[\n    a,\n]", "[\n    0,\n    a,\n]"),
    ],
)
def test_elements_of_a_list(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, f"x = {before}\n", f"x = {after}\n")


LAYOUTS = ["f({})", "f( {} )", "f(\n    {}\n)", "f(\n    {},\n)", "f({},)", "f({}  # end\n)"]
LISTS = [["a"], ["a", "b"], ["*a"], ["a", "k=b"], ["a", "*b", "k=c", "**d"], ["k=a", "**b"], ["(a, b)", "c[0]"]]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("args", LISTS, ids=str)
def test_in_every_layout_the_arguments_are_those_of_the_recipe(layout: str, args: list[str]) -> None:
    """Python's own parser says which arguments there are, whatever the layout."""
    for separator in (", ", ",\n    ", ",  # one\n    "):
        text = layout.format(separator.join(args)) + "\n"
        for template, positional, keywords in (("f($$$A, z)", 1, 0), ("f(z, $$$A)", 1, 0), ("f($$$A, z=1)", 0, 1)):
            call = ast.parse(rewritten("f($$$A)", template, text, "f", "z")).body[0].value
            before = ast.parse(text).body[0].value
            assert len(call.args) == len(before.args) + positional
            assert len(call.keywords) == len(before.keywords) + keywords
            assert (
                found(template, rewritten("f($$$A)", template, text, "f", "z"), "f", "z")
                or "k=" in text
                or "**" in text
            )
        assert rewritten("f($$$A)", "f($$$A)", text, "f") == text
