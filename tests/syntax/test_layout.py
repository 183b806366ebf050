"""Statements as lines: the indentation and line ends of the place, and strings that are left alone."""

from __future__ import annotations

import ast

import libcst as cst
import pytest

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.layout import block_edits, indent_of, level_of, line_of, lines_after, reindent, shifted
from patcher.syntax.pattern import statements
from patcher.syntax.source import Source
from tests.syntax.python import parsed


def first(source: Source, kind: type[cst.CSTNode]) -> cst.CSTNode:
    return source.of(kind)[0]


def under(text: str, kind: type[cst.CSTNode] = cst.Expr, header: str = "if t") -> str:
    """The program with its first statement of a kind put under a header."""
    source = parsed(text)
    line = line_of(source, first(source, kind))
    after = source.splice(block_edits(source, line, line, header)).decode()
    ast.parse(after)
    return after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()\n", "if t:\n    f()\n"),
        ("f()", "if t:\n    f()"),
        ("f()  # why\n", "if t:\n    f()  # why\n"),
        ("# above\nf()\n# below\n", "# above\nif t:\n    f()\n# below\n"),
        ("if a:\n\tf()\n", "if a:\n\tif t:\n\t\tf()\n"),
        ("if a:\n  f()\n", "if a:\n  if t:\n    f()\n"),
        ("if a:\r\n  f()\r\n", "if a:\r\n  if t:\r\n    f()\r\n"),
        ("f(\n    a,\n\n    b,\n)\n", "if t:\n    f(\n        a,\n\n        b,\n    )\n"),
        ("f('''a\n b\n''')\n", "if t:\n    f('''a\n b\n''')\n"),
        ("f(f'''{a}\n b''',\n  c)\n", "if t:\n    f(f'''{a}\n b''',\n      c)\n"),
        ("f('a'\n  'b')\n", "if t:\n    f('a'\n      'b')\n"),
        ("f(a,  # one\n  b)\n", "if t:\n    f(a,  # one\n      b)\n"),
        ("f(a + \\\n  b)\n", "if t:\n    f(a + \\\n      b)\n"),
    ],
)
def test_a_statement_goes_deeper_with_all_its_lines(before: str, after: str) -> None:
    assert under(before) == after


def test_a_compound_statement_goes_deeper_with_its_body_and_decorators() -> None:
    before = "@a\n# why\n@b\ndef f():\n    '''Doc.\n\n    More.'''\n    if c:\n        d  # e\n\n    return 1\nx = 1\n"
    after = (
        "if t:\n    @a\n    # why\n    @b\n    def f():\n        '''Doc.\n\n    More.'''\n        if c:\n            d  # e\n\n"
        "        return 1\nx = 1\n"
    )
    assert under(before, cst.FunctionDef) == after


def test_several_lines_go_under_one_header() -> None:
    source = parsed("a()\n\n# why\nb()\nc()\n")
    one, two, _ = source.module.body
    assert source.splice(block_edits(source, one, two, "try")) == b"try:\n    a()\n\n    # why\n    b()\nc()\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("if a: f()\n", "it stands on the line of its header"),
        ("class A: f()\n", "it stands on the line of its header"),
        ("f(); a\n", "it shares its line with another statement"),
        ("a; f()\n", "it shares its line with another statement"),
    ],
)
def test_a_statement_without_a_line_of_its_own(text: str, reason: str) -> None:
    source = parsed(text)
    call = next(node.value for node in source.of(cst.Expr) if isinstance(node.value, cst.Call))
    with pytest.raises(SiteError, match=reason):
        line_of(source, source.parent(call) or call)


def test_a_statement_with_a_semicolon_behind_it_has_its_line() -> None:
    source = parsed("f();\n")
    assert line_of(source, first(source, cst.Expr)) is source.module.body[0]


@pytest.mark.parametrize(
    ("text", "laid_out"),
    [
        ("a", "a"),
        ("a\nb", "a\n\tb"),
        ("if a:\n    b\n    if c:\n        d", "if a:\n\t\tb\n\t\tif c:\n\t\t\td"),
        ("f(\n  a)", "f(\n\t  a)"),
        ("a\n\n    b", "a\n\n\t\tb"),
        ("a\n   \nb", "a\n\n\tb"),
        ("a\n    ", "a\n\t\t"),
    ],
)
def test_the_lines_of_a_recipe_stand_as_the_file_has_them(text: str, laid_out: str) -> None:
    source = parsed("if x:\n\tf()\n")
    assert reindent(text, source, source.span(first(source, cst.Expr))[0]) == laid_out
    crlf = parsed("if x:\r\n\tf()\r\n")
    assert reindent(text, crlf, crlf.span(first(crlf, cst.Expr))[0]) == laid_out.replace("\n", "\r\n")


def test_a_level_is_that_of_the_block_around_it() -> None:
    source = parsed("def f():\n\ta\n\tif b:\n\t  c\n\n@d\ndef g():\n   @e\n   class H:\n     i\n   j\nk\n")
    levels = {
        name: level_of(source, source.text.index(name.encode())) for name in ("a\n", "c\n", "@e", "i\n", "j\n", "k\n")
    }
    assert levels == {"a\n": "\t", "c\n": "  ", "@e": "   ", "i\n": "  ", "j\n": "   ", "k\n": source.indent}


def test_lines_go_deeper_behind_the_indentation_of_their_block() -> None:
    source = parsed("if a:\n\tb\nif c:\n    d()\n    e()\nf\n")
    one, two = statements(source.of(cst.If)[1].body)
    after = source.splice(block_edits(source, line_of(source, one), line_of(source, two), "try"))
    assert after == b"if a:\n\tb\nif c:\n    try:\n        d()\n        e()\nf\n"


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("if x:\n    a\n    b\n", "a\n\tb"),
        ("if x:\n    a  # one\n\n    # two\n    b  # three\n", "a  # one\n\n\t# two\n\tb"),
        ("if x:\n    if y:\n        a\n    b\n", "if y:\n\t    a\n\tb"),
        ("if x:\n    a = '''\n    b'''\n    c\n", "a = '''\n    b'''\n\tc"),
        ("if x:\n    f(\n  a)\n    b\n", "f(\n  a)\n\tb"),
        ("if x:\n    @a\n    def f():\n        pass\n", "@a\n\tdef f():\n\t    pass"),
        ("if x: a; b\n", "a; b"),
    ],
)
def test_statements_stand_under_another_indentation(text: str, moved: str) -> None:
    source = parsed(text)
    lines = statements(first(source, cst.If).body)  # type: ignore[attr-defined]
    assert shifted(source, lines[0], lines[-1], "\t") == moved


@pytest.mark.parametrize(
    ("text", "offset", "indent"),
    [("a", 0, ""), ("if x:\n\ty\n", 8, "\t"), ("x = 1\n", 4, ""), ("if x:\n  y = 1\n", 12, "  ")],
)
def test_the_indentation_of_a_line(text: str, offset: int, indent: str) -> None:
    assert indent_of(parsed(text), offset) == indent


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("f()\ng()\n", "f()\nx\n  y\ng()\n"),
        ("f()", "f()\nx\n  y"),
        ("f()  # why\n", "f()  # why\nx\n  y\n"),
        ("f()\r\n", "f()\r\nx\r\n  y\r\n"),
        ("f(\n  1)\ng()\n", "f(\n  1)\nx\n  y\ng()\n"),
        ("f(); g()\n", "f(); g()\nx\n  y\n"),
        ("if f():\n  g()\nh()\n", "if f():\n  g()\nx\n  y\nh()\n"),
    ],
)
def test_lines_go_behind_a_statement(text: str, after: str) -> None:
    source = parsed(text)
    edit = lines_after(source, source.module.body[0], ["x", "  y"])
    assert isinstance(edit, Edit)
    assert source.splice([edit]).decode() == after
