"""Code of a recipe: where holes may stand, what its names mean, and what does not load."""

from __future__ import annotations

import pytest

from patcher.errors import PatternError
from patcher.syntax.holes import fill, short, unfill
from patcher.syntax.pattern import compile_code


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("f($X)", "f(__hole_X)"),
        ("f($X_1, $_, $$$, $$$XS)", "f(__hole_X_1, __hole__, __rest__, __rest_XS)"),
        ("self.$_", "self.__hole_" + "_"),
        ("$X.$Y", "__hole_X.__hole_Y"),
        ("-$X", "-__hole_X"),
        ("f'{$X}{{$X}}$X'", "f'{__hole_X}{{$X}}$X'"),
        ("rf'{$X!r:>{$W}}'", "rf'{__hole_X!r:>{__hole_W}}'"),
        ("f'{a + f($X)}}}{$Y}'", "f'{a + f(__hole_X)}}}{__hole_Y}'"),
        ("f'''{\n$X}'''", "f'''{\n__hole_X}'''"),
        ("# $X\n$Y # $Z", "# $X\n__hole_Y # $Z"),
        ("g( '#', $X )", "g( '#', __hole_X )"),
    ],
)
def test_holes_become_identifiers(text: str, filled: str) -> None:
    assert fill(text) == filled
    assert unfill(filled) == text


@pytest.mark.parametrize(
    "text",
    [
        "'$X'", '"$X"', "( '$X' )", "'''$X\n$Y'''", "b'$X'", "Rb'$X'", "u'$'", "'\\'$X'", "'a' '$X'", "f'$X'", "f'{{$X}}'",
        "f'{d[\"$X\"]}'", "'it''s $5'", "return'$X'", "# $ and $lower", "x = '#' '$X'",
    ],
)  # fmt: skip
def test_a_dollar_in_a_string_or_comment_is_a_dollar(text: str) -> None:
    assert fill(text) == text


@pytest.mark.parametrize(
    "text", ["$x", "$", "$$X", "$$$$", "$Xy", "$X$Y", "a$X", "$1", "$$$x", "$$$_", "$$$Ab", "x.$", "f'{$x}'"]
)
def test_a_dollar_that_starts_no_hole_is_told(text: str) -> None:
    with pytest.raises(PatternError, match=r"has a `\$` that starts no hole"):
        compile_code(text)


@pytest.mark.parametrize(
    ("text", "kind", "count"),
    [
        ("f($X)", "expression", 1),
        ("  f($X)  \n".strip(), "expression", 1),
        ("$X", "expression", 1),
        ("a + b  # why", "expression", 1),
        ("f(\n    $X,\n)", "expression", 1),
        ("torch.cat($X)\n.view($$$)\n.sum()", "expression", 1),
        ("$X if $C\nelse $Y  # so", "expression", 1),
        ("yield $X", "expression", 1),
        ("await $X", "expression", 1),
        ("lambda $X: $Y", "expression", 1),
        ("{$K: $V for $K, $V in $X}", "expression", 1),
        ("f(k=$K, $$$A)", "expression", 1),
        ("f(k=$K, $$$A, **$B)", "expression", 1),
        ("[$$$A, f(k=$K, $$$B)]", "expression", 1),
        ("x = f(k=1, $$$)", "statements", 1),
        ("with f(k=1, $$$):\n    $$$B", "statements", 1),
        ("$X = $Y", "statements", 1),
        ("$X: int = $Y", "statements", 1),
        ("return $X", "statements", 1),
        ("import a.b as $C", "statements", 1),
        ("from a import $$$N", "statements", 1),
        ("assert $X, $Y", "statements", 1),
        ("$X = 1\n$Y = 2", "statements", 2),
        ("$X = 1; $Y = 2", "statements", 2),
        ("if $X:\n    $$$B", "statements", 1),
        ("with $X: $$$B", "statements", 1),
        ("@$D\ndef $F($$$): $$$B", "statements", 1),
        ("if $X", "header", 1),
        ("while $X", "header", 1),
        ("for $P, $G in zip($$$)", "header", 1),
        ("async for $P in $X", "header", 1),
        ("with $X as $Y", "header", 1),
        ("def $F($$$, device=$D)", "header", 1),
        ("class $C($$$, torch.nn.Module)", "header", 1),
    ],
)
def test_kinds_of_code(text: str, kind: str, count: int) -> None:
    code = compile_code(text, ["x"])
    assert (code.kind, len(code.roots)) == (kind, count)


def test_an_expression_can_be_a_statement() -> None:
    assert compile_code("f($X)", statement=True).kind == "statements"
    assert compile_code("$$$B", statement=True).holes == {"B"}
    assert compile_code("if $X", statement=True).kind == "header"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it holds no code"),
        ("   \n", "it holds no code"),
        ("# only a comment", "it holds no code"),
        ("f(", "is not Python, not even with its holes filled"),
        ("f(\n  $X\n  $Y\n)", r"is not Python, .* \(line \d\)"),
        ("a) + (b", "is not Python"),
        ("a), (b", "is not Python"),
        ("a) if (b) else (c", "is not Python"),
        ("else", "is not Python"),
        ("except $E", "is not Python"),
        ("try", "is not Python"),
        ("$X $Y", "is not Python"),
        ("f(k=$K, $$$A, $X)", "is not Python"),
        ("def f(x=1, $$$)", r"\$\$\$ cannot stand there"),
        ("f($K=$V)", "a hole for a keyword; name the keyword"),
        ("f(*$$$A)", r"has a `\$` that starts no hole"),
        ("f(a=$$$A)", "cannot stand there"),
        ("$$$A + 1", "cannot stand there"),
        ("x.$$$A", "cannot stand there"),
        ("$$$F()", "cannot stand there"),
        ("f'{$$$A}'", "cannot stand there"),
        ("$$$", "cannot stand there"),
        ("$$$A", "cannot stand there"),
        ("x[1:$$$A]", "cannot stand there"),
        ("$X = 1\n$$$\n$Y = 2", "statements of a block under its header"),
        ("return $$$A", "cannot stand there"),
        ("x = $X", r"assigns to x, .* local: \[x\]"),
        ("x, $Y = $X", "assigns to x"),
        ("[$Y, *x] = $X", "assigns to x"),
        ("x: int = 1", "assigns to x"),
        ("x += 1", "assigns to x"),
        ("for x in $Y", "assigns to x"),
        ("with $X as x", "assigns to x"),
        ("f(x := $X)", "assigns to x"),
        ("try:\n    $$$\nexcept E as x:\n    $$$", "assigns to x"),
        ("match $X:\n    case [x, *_]: $$$", "assigns to x"),
    ],
)
def test_code_that_does_not_load(text: str, message: str) -> None:
    with pytest.raises(PatternError, match=message):
        compile_code(text)


@pytest.mark.parametrize("text", ["x = $X", "for x in $Y", "with $X as x", "x, $Y = $X", "x += 1"])
def test_a_declared_local_may_be_assigned(text: str) -> None:
    assert compile_code(text, ["x"]).local == {"x"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("torch.device($D)", ["torch.device"]),
        ("torch.$F($$$)", ["torch"]),
        ("torch.nn.$F.$G", ["torch.nn"]),
        ("$X.cuda()", []),
        ("self.x, cls.y", []),
        ("len(x)", ["len"]),
        ("len(x.y)", ["len"]),
        ("f(a=b.c, *d, **e)", ["b.c", "d", "e", "f"]),
        ("(a.b)[c].d", ["a.b", "c"]),
        ("[f(y) for y in z if y.w]", ["f", "z"]),
        ("lambda y: y + w", ["w"]),
        ("import a.b as c", []),
        ("from a import b", []),
        ("def $_(device=None)", ["None"]),
        ("class $C(a.B, metaclass=c.D)", ["a.B", "c.D"]),
        ("@a.b\ndef $F($$$): $$$B", ["a.b"]),
        ("f'{a.b}{$X}'", ["a.b"]),
    ],
)
def test_what_names_mean(text: str, names: list[str]) -> None:
    assert sorted(compile_code(text, ["x"]).dotted.values()) == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("torch.device($D)", {"torch", "device"}),
        ("$_($$$, device=$D)", {"device"}),
        ("[y for y in $X]", set()),
        ("shim.flash.f($X)", {"flash", "f"}),
        ("self.x('word')", {"self", "x"}),
        ("from a.b import c as d", {"a", "b", "c", "d"}),
    ],
)
def test_words_that_a_file_must_hold(text: str, words: set[str]) -> None:
    assert compile_code(text).literals == {word.encode() for word in words}


def test_code_is_shown_with_its_holes() -> None:
    code = compile_code("f($X, $$$A, $_, $$$, y='$')")
    assert code.code(code.root) == "f($X, $$$A, $_, $$$, y='$')"
    assert code.holes == {"X", "A"}


def test_a_hole_behind_a_keyword_is_a_hole_like_any_other() -> None:
    code = compile_code("f(k=1, $$$A)")
    assert code.holes == {"A"}
    assert code.code(code.root) == "f($$$A, k=1)"


def test_long_code_is_shown_short() -> None:
    assert short("f(\n    a,\n    b)") == "f( a, b)"
    assert short("x" * 61) == "x" * 59 + "\u2026"
    assert short("x" * 60) == "x" * 60
