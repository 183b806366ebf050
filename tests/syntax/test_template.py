"""What replaces a match: the smallest edits, laid out as the file is, or a sentence that says why not."""

from __future__ import annotations

import libcst as cst
import pytest

from patcher.model import Edit
from patcher.syntax.matching import Match, find
from patcher.syntax.pattern import compile_code
from patcher.syntax.template import render, replaced, smallest
from tests.syntax.python import check_changed, check_refused, parsed, rewritten

TORCH = "import torch\n"
CUDA = '$X.to("cuda" if torch.cuda.is_available() else "cpu")'
TO = '.to("cuda" if torch.cuda.is_available() else "cpu")'


def edits(pattern: str, template: str, text: str, *local: str) -> list[Edit]:
    source = parsed(text)
    old = compile_code(pattern, local)
    new = compile_code(template, local, statement=old.kind == "statements")
    (match,) = find(old, source)
    return smallest(old, new, match, source, lambda name: source.names.spell(name, match.node) or name)


# --- the smallest edits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "template", "text"),
    [
        ("f($X)", "f($X)", "f(a)\n"),
        ("f($X, k=1)", "f($X, k = 0x1)", "f(a, k=1)\n"),
        ("f('a')", 'f("a")', "f('a')\n"),
        ("f($X)", "(f)(($X))", "f(a)\n"),
        ("x.f(torch.cat($X))", "x.f(torch.cat($X))", "import torch\nx.f(torch.cat(a))\n"),
        ("if $X:\n    $$$B", "if $X: $$$B", "if a:\n    b\n"),
    ],
)
def test_what_is_the_same_code_is_not_edited(pattern: str, template: str, text: str) -> None:
    assert edits(pattern, template, text, "f", "x") == []


def test_a_variable_that_only_the_recipe_renames() -> None:
    check_changed("[y for y in $X]", "[z for z in $X]", "[w for w in a]\n", "[z for z in a]\n")


@pytest.mark.parametrize(
    ("pattern", "template", "text", "count"),
    [
        ("f($X)", "f($X, 1)", "f(  # one\n    a,  # two\n)\n", 1),
        ("$X.cuda()", "$X.to(1)", "(a  # one\n  .b).cuda()\n", 2),
        ("f($X)", "g(f($X))", "f(a  # one\n)\n", 2),
        ("f($X).y", "f($X).z", "f(a  # one\n).y\n", 1),
        ("$X if f else $Y", "$X if not f else $Y", "(a  # one\n if f else b  # two\n)\n", 1),
        ("$X = f($Y)", "$X = g($Y)", "a = f(b  # one\n)\n", 1),
        ("f($X) + 1", "f($X) + 2", "(f(a)  # one\n + 1)\n", 1),
        ("for $X in f($Y)", "for $X in f(g($Y))", "for a in f(b):  # one\n    c  # two\n", 1),
        ("if $X", "if not $X", "if a:  # one\n    b\nelse:\n    c  # two\n", 1),
        ("with f($X) as $Y:\n    $$$B", "with g($X) as $Y:\n    $$$B", "with f(a) as b:  # one\n    c  # two\n", 1),
        (
            "try:\n    $$$B\nexcept f:\n    $$$C",
            "try:\n    $$$B\nexcept g:\n    $$$C",
            "try:  # a\n    b\nexcept f:  # c\n    d\n",
            1,
        ),
        ("$X: f = $Y", "$X: g = $Y", "a : f  =  b\n", 1),
        ("lambda y: f(y)", "lambda y: g(y)", "lambda  a :  f( a )\n", 1),
        ("{'a': $X}", "{'b': $X}", "{'a' : c}\n", 1),
        ("f'{$X}a'", "f'{$X}b'", 'f"{ c }a"\n', 1),
        ("x[$I, 1]", "x[$I, 2]", "x[a,  1]\n", 1),
        ("import f as $X", "import g as $X", "import f  as  a\n", 1),
        ("from f import a, $X", "from f import b, $X", "from f import (a,  # one\n  c)\n", 1),
        ("$A = 1\n$B = 2", "$A = 1\n$B = 3", "a = 1  # one\nb = 2  # two\n", 1),
        ("class $C(f):\n    $$$B", "class $C(g):\n    $$$B", "class A(f):  # one\n    b\n", 1),
    ],
)
def test_what_both_sides_share_keeps_its_bytes(pattern: str, template: str, text: str, count: int) -> None:
    local = ["f", "g", "x"]
    made = edits(pattern, template, text, *local)
    assert len(made) <= count
    result = rewritten(pattern, template, text, *local)
    assert result.count("#") == text.count("#")
    assert sum(len(edit.text) for edit in made) <= 12


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("m.cuda()", f"m{TO}"),
        ("m . cuda ( )", 'm . to ("cuda" if torch.cuda.is_available() else "cpu" )'),
        ("m.cuda(\n)", f"m{TO[:-1]}\n)"),
        ("(a + b).cuda()", f"(a + b){TO}"),
        ("m.cuda().cuda()", f"m.cuda(){TO}"),
        ("m.x[0].cuda().half()", f"m.x[0]{TO}.half()"),
        ("f(m.cuda(), 1)", f"f(m{TO}, 1)"),
        ("m.cuda() ** 2", f"m{TO} ** 2"),
        ("not m.cuda()", f"not m{TO}"),
    ],
)
def test_a_method_call(before: str, after: str) -> None:
    check_changed("$X.cuda()", CUDA, f"{TORCH}x = {before}\n", f"{TORCH}x = {after}\n")


@pytest.mark.parametrize(
    ("text", "start"),
    [("return(f(x))", "return x"), ("return(f(x)),y", "return x,y"), ("a=1 if(f(b))else 2", "a=1 if b else 2")],
)
def test_what_is_put_in_does_not_run_into_its_neighbours(text: str, start: str) -> None:
    assert rewritten("f($X)", "$X", f"def g():\n    {text}\n", "f") == f"def g():\n    {start}\n"


def test_a_dictionary_in_the_braces_of_an_f_string_stands_apart() -> None:
    check_changed("f($X)", "f'{$X}'", "y = f({1: 2})\n", "y = f'{ {1: 2}}'\n", "f")
    check_changed("f($X)", "$X", "y = f'{f({1: 2})}'\n", "y = f'{ {1: 2}}'\n", "f")


@pytest.mark.parametrize("expression", ["'a'", "x['a']", "'\\n'", "(\n  1)"])
def test_what_an_f_string_cannot_hold_is_refused(expression: str) -> None:
    check_refused("f($X)", "f'{$X}'", f"y = f({expression})\n", "goes into an f-string", "f")


def test_names_are_written_as_the_file_does() -> None:
    text = "import torch.nn.functional as F\nfrom torch import nn\ny = F.relu(nn.Linear(1))\n"
    after = "import torch.nn.functional as F\nfrom torch import nn\ny = F.gelu(nn.Linear(1), nn.GELU())\n"
    check_changed("torch.nn.functional.relu($X)", "torch.nn.functional.gelu($X, torch.nn.GELU())", text, after)


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("$A + $B", "$A * $B", "a + b - c", "a * b - c"),
        ("$A * $B", "$A + $B", "a * b", "a + b"),
        ("$A - $B", "$A / $B", "x = (a + b) - c", "x = (a + b) / c"),
        ("f($A) + $B", "f($A) * $B", "f(a) + b * c", "f(a) * (b * c)"),
        ("f($A) + $B", "f($A) * $B", "f(a) + -c", "f(a) * -c"),
        ("$A + f($B)", "$A * f($B)", "a - b + f(c)", "(a - b) * f(c)"),
        ("not f($A)", "-f($A)", "not f(a)", "-f(a)"),
        ("$A == f", "$A is f", "x = not a == f", "x = not a is f"),
        ("$A or f", "$A and f", "a or b or f", "(a or b) and f"),
        ("$A and f", "$A or f", "a and f and b", "(a or f) and b"),
        ("f * $A", "f + $A", "x = f * a ** b * c", "x = (f + a ** b) * c"),
    ],
)
def test_another_operator_takes_its_own_parentheses(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before + "\n", after + "\n", "f")


# --- holes in the replacement ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("f($$$A)", "g(h($$$A))", "f()", "g(h())"),
        ("f($$$A)", "g(h($$$A, 1))", "f()", "g(h(1))"),
        ("f($$$A)", "g(h(1, $$$A))", "f()", "g(h(1))"),
        ("f($$$A)", "g(h(1, $$$A, 2))", "f()", "g(h(1, 2))"),
        ("f($$$A)", "g(h($$$A,))", "f()", "g(h())"),
        ("f($$$A)", "g(h($$$A, $$$A))", "f()", "g(h())"),
        ("f($$$A)", "[$$$A, 1]", "f()", "[1]"),
        ("f($$$A)", "x[$$$A, 1]", "f()", "x[1]"),
        ("f($$$A)", "g(h($$$A, 1))", "f(a,  b)", "g(h(a,  b, 1))"),
        ("f($$$A)", "g(h($$$A))", "f(\n  a,  # one\n  b)", "g(\n  h(a,  # one\n  b))"),
        ("f($$$A)", "[h($$$A)]", "f(\n  a,  # one\n  b)", "[h(a,  # one\n  b)]"),
        ("f($$$A, k=$K)", "g(h($$$A))", "f(a, k=1, b=2)", "g(h(a, b=2))"),
        ("f(k=$K, $$$A)", "g(h($K, $$$A))", "f(a, k=1)", "g(h(1, a))"),
        ("f($$$A, $X)", "g($$$A)", "f(a, b, k=1)", "g(a, k=1)"),
        ("f($$$A, $X)", "g(h($$$A))", "f(a, b, k=1)", "g(h(a, k=1))"),
        ("f($$$A)", "g(h($$$A))", "f(y for y in z)", "g(h(y for y in z))"),
        ("f($$$A)", "g(h($$$A, 1))", "f(y for y in z)", "g(h((y for y in z), 1))"),
        ("f($$$A)", "g(h($$$A, *x))", "f(a, k=1)", "g(h(a, k=1, *x))"),
        ("f($$$A)", "g(h($$$A, **x))", "f(a, k=1)", "g(h(a, k=1, **x))"),
        ("[$$$A]", "f($$$A)", "[a, *b]", "f(a, *b)"),
        ("f($X)", "g($X, $X)", "f(a)", "g(a, a)"),
        ("f($X)", "$X + $X", "f(a)", "a + a"),
        ("[$$$A]", "($$$A,)", "[a]", "(a,)"),
        ("[$$$A]", "($$$A,)", "[]", "()"),
        ("f($X)", "f'{$X}'", "f(a)", "f'{a}'"),
        ("x[$$$I]", "x[0, $$$I]", "x[1:2, ...]", "x[0, 1:2, ...]"),
        ("f($X)", "'$X' % $X", "f(a)", "'$X' % a"),
    ],
)
def test_holes_of_a_replacement(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, f"v = {before}\n", f"v = {after}\n", "f", "g", "h", "x")


@pytest.mark.parametrize(
    ("pattern", "template", "text", "reason"),
    [
        ("f($$$A)", "[$$$A]", "f(a, k=1)", "a keyword of the call"),
        ("f($$$A)", "g($$$A)[$$$A]", "f(**a)", "a keyword of the call"),
        ("x[$$$I]", "f($$$I)", "x[1:2]", "a slice there has no place"),
        ("f($$$A)", "g(h($$$A, 1))", "f(a, k=1)", "would stand behind a keyword"),
        ("f($$$A)", "g(h($$$A, *x))", "f(**a)", "would stand behind a keyword"),
        ("f($$$A)", "g(h($$$A, $$$A))", "f(a, k=1)", "would stand behind a keyword"),
    ],
)
def test_what_has_no_place_in_the_replacement_is_refused(pattern: str, template: str, text: str, reason: str) -> None:
    check_refused(pattern, template, text + "\n", reason, *"fghx")


@pytest.mark.parametrize("template", ["g($_)", "g($$$)", "[$_ for y in $X]"])
def test_a_hole_without_a_name_stands_for_nothing(template: str) -> None:
    check_refused("f($X)", template, "f(a)\n", "in the replacement stands for nothing", "f", "g")


def test_a_hole_without_a_name_may_stay_where_it_is() -> None:
    check_changed("f($_, 1)", "f($_, 2)", "f(a, 1)\n", "f(a, 2)\n", "f")


@pytest.mark.parametrize(
    ("template", "before", "after"),
    [
        ("[g(y, 1) for y in $X]", "[f(w) for w in a]", "[g(w, 1) for w in a]"),
        ("[f(y) for y in $X if y]", "[f(w) for w in a]", "[f(w) for w in a if w]"),
        ("g(f(y) for y in $X)", "[f(w) for w in a]", "g(f(w) for w in a)"),
    ],
)
def test_variables_keep_the_names_of_the_file(template: str, before: str, after: str) -> None:
    check_changed("[f(y) for y in $X]", template, f"v = {before}\n", f"v = {after}\n", "f", "g")


@pytest.mark.parametrize("template", ["[$X for y in z]", "lambda y: $X", "{y: $X for y in z}"])
def test_a_variable_of_the_replacement_takes_over_no_name(template: str) -> None:
    check_refused("f($X)", template, "v = f(y + 1)\n", "`y` is a variable of the replacement", "f", "z")
    assert rewritten("f($X)", template, "v = f(u + 1)\n", "f", "z")


@pytest.mark.parametrize("template", ["[y for y in $X]", "lambda y=$X: y"])
def test_what_is_evaluated_outside_takes_over_nothing(template: str) -> None:
    assert rewritten("f($X)", template, "v = f(y)\n", "f") == f"v = {template.replace('$X', 'y')}\n"


# --- statements ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("f($X)", "g($X)\nh($X)", "if a:\n    f(1)  # why\n", "if a:\n    g(1)\n    h(1)  # why\n"),
        ("f($X)", "g($X)\nh($X)", "if a:\n\tf(1)\n", "if a:\n\tg(1)\n\th(1)\n"),
        ("f($X)", "if $X:\n    g($X)\nelse:\n    pass", "while a:\n  f(1)\n", "while a:\n  if 1:\n    g(1)\n  else:\n    pass\n"),
        ("f($X)", "if $X:\n    g($X)", "if a:\r\n\tf(1)\r\n", "if a:\r\n\tif 1:\r\n\t\tg(1)\r\n"),
        ("f($X)\ng($Y)", "h($X, $Y)", "if a:\n    f(1)\n    g(2)\n", "if a:\n    h(1, 2)\n"),
        ("f($X)\ng($Y)", "h($X, $Y)", "if a: f(1); g(2); x\n", "if a: h(1, 2); x\n"),
        ("f($X)", "y = $X", "f(1)", "y = 1"),
        ("f($X)", "g($X)", "a; f(1); b\n", "a; g(1); b\n"),
        ("f($X)", "return g($X)", "def w(): f(1)\n", "def w(): return g(1)\n"),
        ("return f($X)", "y = f($X)\nreturn y", "def w():\n    return f(a(\n        1,\n    ))\n", "def w():\n    y = f(a(\n        1,\n    ))\n    return y\n"),
        ("f($X)", "with g:\n    f($X)", "f('''a\n  b''')\n", "with g:\n    f('''a\n  b''')\n"),
        ("f($X)", "g(h(\n    $X,\n))", "if a:\n  f(1)\n", "if a:\n  g(h(\n    1,\n  ))\n"),
        ("f($X)", "x = g(\n    $X,\n)", "if a:\r\n\tf(1)\r\n", "if a:\r\n\tx = g(\r\n\t\t1,\r\n\t)\r\n"),
        ("f($X)", "x = '''\n    a\n'''", "if b:\n\tf(1)\n", "if b:\n\tx = '''\n    a\n'''\n"),
        ("f($X)", "if $X:\n\n    # why\n    g($X)", "if a:\n  f(1)\n", "if a:\n  if 1:\n\n    # why\n    g(1)\n"),
        ("if f:\n    $$$B", "$$$B", "if a:\n    if f:\n        b\n        # why\n        c\n", "if a:\n    b\n    # why\n    c\n"),
        ("if f:\n    $$$B", "with g:\n    $$$B", "if f:\n\tb\n\tif c:\n\t\td\n", "with g:\n\tb\n\tif c:\n\t\td\n"),
        ("f($X)\n$S", "if $X:\n    $S", "f(1)\nfor a in b:\n    c\n", "if 1:\n    for a in b:\n        c\n"),
        ("f($X)\n$S", "if $X:\n    $S", "f(1)\nx = '''\nb'''\n", "if 1:\n    x = '''\nb'''\n"),
        ("@f\ndef $F($$$A):\n    $$$B", "def $F($$$A):\n    $$$B", "@f\ndef w(a): b\n", "def w(a):\n    b\n"),
        ("if f:\n    $$$A\nelse:\n    $$$B", "$$$A", "if f:\n    a\nelse:\n    b\n", "a\n"),
    ],
)  # fmt: skip
def test_statements(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before, after, *"fghxy")


@pytest.mark.parametrize(
    ("template", "text", "reason"),
    [
        ("g($X)\nh($X)", "a = 1; f(1)\n", "it shares its line with another statement"),
        ("g($X)\nh($X)", "if a: f(1)\n", "it stands on the line of its header"),
        ("if $X: g($X)", "f(1); a = 1\n", "it shares its line"),
        ("if $X:\n    g($X)", "class A: f(1)\n", "it stands on the line of its header"),
    ],
)
def test_lines_that_need_a_line_of_their_own(template: str, text: str, reason: str) -> None:
    check_refused("f($X)", template, text, reason, *"fgh")


def test_a_statement_is_no_expression() -> None:
    check_refused("f\n$S", "g($S)", "f\na = 1\n", "`a = 1` is a statement", "f", "g")
    check_changed("f\n$S", "g($S)", "f\na + 1\n", "g(a + 1)\n", "f", "g")


def test_a_comment_between_two_statements_would_be_lost() -> None:
    with pytest.raises(AssertionError, match="# why would be lost"):
        rewritten("f()\ng()", "h()", "f()\n# why\ng()\n", *"fgh")


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("if f($X)", "if g($X)", "if f(1):  # why\n    a\nelif b: c\nelse:\n    d\n", "if g(1):  # why\n    a\nelif b: c\nelse:\n    d\n"),
        ("if f($X)", "if g($X)", "if a: b\nelif f(1): c\n", "if a: b\nelif g(1): c\n"),
        ("if $X", "while $X", "if f: # a:b\n    a\n", "while f: # a:b\n    a\n"),
        ("for $X in f($Y)", "for $X in g($Y)", "for a in f(b): c; d\nelse: e\n", "for a in g(b): c; d\nelse: e\n"),
        ("for $X in f($Y)", "while g($Y)", "for a in f({1: 2}):\n    c\n", "while g({1: 2}):\n    c\n"),
        ("with f", "with f, g", "with f:\n    a\n", "with f, g:\n    a\n"),
        ("with f as $X", "with g($X)", "with (f as a):\n    b\n", "with (g(a)):\n    b\n"),
        ("def $F(x=$D)", "def $F(x=None)", "@d\ndef h(a, x: int = 1, *b):  # why\n    return x\n", "@d\ndef h(a, x: int = None, *b):  # why\n    return x\n"),
        ("def f(x)", "def g(x)", "async def f(x, y=1) -> z: return x\n", "async def g(x, y=1) -> z: return x\n"),
        ("def f($$$A, x=$D)", "def f($$$A, x=not $D)", "def f(a, x=b): pass\n", "def f(a, x=not b): pass\n"),
        ("class $C(f)", "class $C(g)", "@d\nclass A( f ):\n    a\n", "@d\nclass A( g ):\n    a\n"),
        ("class $C(f)", "class $C(f, g)", "@d\nclass A(f):\n    a  # why\n", "@d\nclass A(f, g):\n    a  # why\n"),
        ("class f", "class g", "@d\nclass f(a, *b, m=c):\n    x\n", "@d\nclass g(a, *b, m=c):\n    x\n"),
        ("class $C", "class $C(f)", "class A:\n    a\n", "class A(f):\n    a\n"),
        ("class $C($$$B)", "class $C(f, $$$B)", "class A(a):\n    a\n", "class A(f, a):\n    a\n"),
        ("while $X", "while not $X", "while (a and  # one\n  b):\n    c\n", "while not (a and  # one\n  b):\n    c\n"),
    ],
)  # fmt: skip
def test_a_header_changes_without_its_body(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before, after, *"fgx")


@pytest.mark.parametrize(
    ("pattern", "template", "text", "reason"),
    [
        ("if f", "while f", "if a: b\nelif f: d\n", "it is an elif"),
        ("def $F(x)", "def $F(x, y)", "def f(x): pass\n", "parameters are neither added nor removed"),
        ("def $F(x)", "def $F(x=1)", "def f(x): pass\n", "a default on one side only"),
        ("with f", "with f, g", "with (f, # a: b\n ):\n    c\n", "a comment stands at the end of its header"),
        ("class $C", "class $C(f)", "class A(x): pass\n", "its header has more than the pattern names"),
        ("class $C", "class $C(f)", "class A(m=x): pass\n", "its header has more than the pattern names"),
    ],
)
def test_a_header_that_cannot_change(pattern: str, template: str, text: str, reason: str) -> None:
    check_refused(pattern, template, text, reason, *"fgxy")


# --- one captured node, as `edit` changes it -------------------------------------------------------------------------


def held(pattern: str, to: str, text: str, *local: str) -> tuple[list[Edit], str]:
    """Replace what the hole $D took, as the verb edit does."""
    source = parsed(text)
    (match,) = find(compile_code(pattern, local), source)
    node = match.captures["D"]
    assert isinstance(node, cst.CSTNode)
    made = replaced(compile_code(to, local), source, match, node, lambda name: source.names.spell(name, node) or name)
    return made, source.splice(made).decode()


@pytest.mark.parametrize(
    ("to", "before", "after"),
    [
        ("$D if t else 1", 'f("cuda")', 'f("cuda" if t else 1)'),
        ("$D if t else 1", "f(a or b)", "f(a or b if t else 1)"),
        ("$D if t else 1", "f(a if b else c)", "f((a if b else c) if t else 1)"),
        ("$D.x", "f(a + b)", "f((a + b).x)"),
        ("$D.x", "f((a + b))", "f((a + b).x)"),
        ("$D.x", "f( a )", "f( a.x )"),
        ("g($D)", "f(a  # why\n)", "f(g(a)  # why\n)"),
        ("-$D", "f(a ** b)", "f(-a ** b)"),
        ("t", "f(a  # why\n)", "f(t  # why\n)"),
        ("$D[0]", "f(a +\n  b)", "f((a +\n  b)[0])"),
        ("not $D", "f(g(  # why\n  a))", "f(not g(  # why\n  a))"),
    ],
)
def test_a_captured_node_keeps_its_bytes(to: str, before: str, after: str) -> None:
    assert held("f($D)", to, before, "f", "t", "g")[1] == after


def test_only_what_stands_around_it_is_put_in() -> None:
    made, _ = held("f($D)", "max($D, 1)", "f(m)", "f")
    assert made == [Edit(2, 2, "max("), Edit(3, 3, ", 1)")]
    made, _ = held("f($D)", "$D or 1", "f(m)", "f")
    assert made == [Edit(3, 3, " or 1")]
    made, _ = held("f($D)", "max(1)", "f(m)", "f")
    assert made == [Edit(2, 3, "max(1)")]
    made, _ = held("f($D)", "$D * $D", "f(m)", "f")
    assert made == [Edit(2, 3, "m * m")]


# --- the pieces ------------------------------------------------------------------------------------------------------


def test_a_replacement_as_text_keeps_the_lines_of_the_recipe() -> None:
    source = parsed("if a:\n\tx = f(1)\n")
    (match,) = find(compile_code("f($X)", ["f"]), source)
    code = compile_code("if $X:\n    g($X)", ["g"])
    assert render(code, code.root, source, match, str) == "if 1:\n    g(1)"


def test_the_keywords_of_a_piece_of_code() -> None:
    assert compile_code("f(a=1, **x)(g(b=2), $$$A)").keywords == {"a", "b"}
    assert compile_code("[1]").keywords == frozenset()


def test_a_speller_that_refuses_is_heard() -> None:
    from patcher.errors import SiteError

    source = parsed("f(1)\n")
    (match,) = find(compile_code("f($X)", ["f"]), source)
    assert isinstance(match, Match)

    def spell(name: str) -> str:
        raise SiteError(f"no {name}")

    with pytest.raises(SiteError, match=r"no torch\.x"):
        smallest(compile_code("f($X)", ["f"]), compile_code("torch.x($X)"), match, source, spell)


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("lambda $$$A: f($X)", "lambda $$$A: $X", "y = lambda a, b=(1): f(a)\n", "y = lambda a, b=(1): a\n"),
        ("lambda $$$A: f($X)", "g(lambda $$$A: $X)", "y = lambda a, b=(1): f(a)\n", "y = g(lambda a, b=(1): a)\n"),
        ("lambda $$$A: f($X)", "g(lambda $$$A: $X)", "y = lambda: f(1)\n", "y = g(lambda: 1)\n"),
        ("lambda $A, $$$B: f($X)", "g(lambda $A, $$$B: $X)", "y = lambda a: f(1)\n", "y = g(lambda a: 1)\n"),
        (
            "def $F($$$A): f($X)",
            "@g\ndef $F($$$A): $X",
            "def h(a: int, b: int = 2): f(a)\n",
            "@g\ndef h(a: int, b: int = 2): a\n",
        ),
        ("def $F($$$A): f($X)", "@g\ndef $F($$$A): $X", "def h(): f(1)\n", "@g\ndef h(): 1\n"),
    ],
)
def test_parameters_keep_their_annotations_and_defaults(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before, after, "f", "g")


# --- names that would mean something else -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "template", "before", "after"),
    [
        ("[f($X) for $V in $S]", "[g($X) for $V in $S]", "[f(a) for a in b]\n", "[g(a) for a in b]\n"),
        ("[f($X) for $V in $S]", "list(g($X) for $V in $S)", "[f(a) for a in b]\n", "list(g(a) for a in b)\n"),
        ("[f($X) for v in $S]", "list(g($X) for v in $S)", "[f(a) for a in b]\n", "list(g(a) for a in b)\n"),
        ("lambda $V: f($X)", "g(lambda $V: $X)", "y = lambda a: f(a + b)\n", "y = g(lambda a: a + b)\n"),
        ("lambda $$$A: f($X)", "g(lambda $$$A: $X)", "y = lambda a, b=2: f(a)\n", "y = g(lambda a, b=2: a)\n"),
        ("f($X)", "[v for v in os.f($X)]", "import os as v\nf(1)\n", "import os as v\n[v for v in v.f(1)]\n"),
        ("f($X)", "g($X)", "f([a for a in b])\n", "g([a for a in b])\n"),
        ("f($X)", "[g($X) for v in w]", "f(a)\n", "[g(a) for v in w]\n"),
        (
            "def $F($$$A):\n    $$$B",
            "@g\ndef $F($$$A):\n    $$$B",
            "def h(a):\n    b = a\n",
            "@g\ndef h(a):\n    b = a\n",
        ),
    ],
)
def test_a_name_that_keeps_its_variable(pattern: str, template: str, before: str, after: str) -> None:
    check_changed(pattern, template, before, after, "f", "g", "w")


@pytest.mark.parametrize(
    ("pattern", "template", "text", "reason"),
    [
        ("[f($X) for $V in $S]", "g($X, $S)", "[f(a) for a in b]\n", "`a` is not in scope there"),
        ("[f($X) for $V in $S]", "g($X, $S)", "a = 1\n[f(a) for a in b]\n", "`a` is bound to something else there"),
        ("[f($X) for v in $S]", "[g($S) for v in $X]", "[f(a) for a in b]\n", "`a` is not in scope there"),
        ("lambda $V: f($X)", "g($X)", "y = lambda a: f(a)\n", "`a` is not in scope there"),
        (
            "lambda v: f($X)",
            "lambda v: os.f($X)",
            "import os\ny = lambda os: f(1)\n",
            "`os` is bound to something else there",
        ),
        (
            "lambda $V: f($X)",
            "lambda $V: os.f($X)",
            "import os\ny = lambda os: f(1)\n",
            "`os` is bound to something else",
        ),
        ("f($X)", "[os.f(v) for v in $X]", "import os as v\nf(1)\n", "`v` is bound to something else there"),
        ("lambda $V: f($X)", "g($V)", "y = lambda a: f(1)\n", "`a` is not in scope there"),
        ("def $F($A): f($X)", "@g($A)\ndef $F(): $X", "def h(a=2): f(1)\n", "`a` is not in scope there"),
        (
            "f($X, lambda $P: $B)",
            "g(lambda $P: h($X, $B))",
            "f(a, lambda a: b)\n",
            "`a` is bound to something else there",
        ),
    ],
)
def test_a_name_that_would_mean_something_else(pattern: str, template: str, text: str, reason: str) -> None:
    check_refused(pattern, template, text, reason, "f", "g", "h")
