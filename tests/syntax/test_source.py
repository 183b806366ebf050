"""A file as a Source: what is refused, where things stand, and that an edit leaves every other byte alone."""

from __future__ import annotations

import warnings
from itertools import pairwise

import libcst as cst
import pytest

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.nodes import fields
from patcher.syntax.source import Source, splice
from tests.syntax.python import found, parsed

BOM = b"\xef\xbb\xbf"

FAITHFUL = {
    "empty": b"",
    "one line end": b"\n",
    "comment only": b"# nothing",
    "no final newline": b"x = 1",
    "crlf": b"if x:\r\n    y\r\n",
    "mixed line ends": b"x = 1\r\ny = 2\nz = 3\r\n",
    "tabs": b"if x:\n\ty\n\tif z:\n\t\tw\n",
    "bom": BOM + b"x = 1\n",
    "bom and crlf": BOM + b"x = 1\r\n",
    "latin-1 by cookie": "# -*- coding: latin-1 -*-\nx = 'M\xfcnster'\n".encode("latin-1"),
    "cp1252 by vim's cookie": "# vim: set fileencoding=cp1252 :\nx = '\u20ac'\n".encode("cp1252"),
    "shift_jis": "# coding: shift_jis\nx = '\u8868\u793a'\n".encode("shift_jis"),
    "many-byte utf-8": "x = '\U0001f600 \u00e9'\n\u03b1 = 1\n".encode(),
    "form feed on a line of its own": b"x = 1\n\x0c\ndef f():\n    pass\n",
    "form feed inside a line": b"x = 1 \x0c + 2\n",
    "carriage return in a string": b"x = '''a\r\nb\rc'''\r\n",
    "line separators that are none to Python": "x = '\u2028\x85'  # \u2029\ny = 1\n".encode(),
    "backslash continuation": b"x = 1 + \\\n    2\n",
    "semicolons and one-line suites": b"x = 1; y = 2;\nif x: y; z\nelse: w\n",
    "trailing white space and blank lines": b"x = 1   \n   \n\n\ny = 2\t\n",
    "comments at odd depths": b"if x:\n    y\n  # less\n        # more\n    z\n",
    "odd spacing": b"f ( a ,b\n  , c = 1 , )\n",
    "new syntax": b"type A[T] = list[T]\nmatch x:\n    case [1, *r] if r: pass\nasync def f[**P](): await x\n",
}


@pytest.mark.parametrize("data", FAITHFUL.values(), ids=FAITHFUL.keys())
def test_without_edits_every_byte_comes_back(data: bytes) -> None:
    assert parsed(data).splice([]) == data


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"print 'two'\n", "a.py:1 does not parse as Python 3"),
        (b"x = 1\nexcept ValueError, e:\n", "a.py:2 does not parse"),
        (b"x = '\0'\n\0", "does not parse"),
        (b"\xff\xfe\x00", "cannot be decoded"),
        (b"# coding: latin-one\nx\n", "cannot be decoded .*latin-one"),
        (b"# coding: rot13\nx = 1\n", "cannot be decoded"),
        (b"# coding: utf-16\nx = 1\n", "cannot be decoded"),
        (BOM + b"# coding: latin-1\nx = 1\n", "cannot be decoded"),
        (b"x = '\xfc'\n", "cannot be decoded"),
        (b"x = 1\ry = 2\r", "a lone carriage return"),
        (b"x = 1\n\x0cdef f():\n    pass\n", "a form feed"),
        (b"x = 1\\\n", "does not parse"),
        (b"if x:\n\ty\n        z\n", "does not parse"),
    ],
)
def test_what_cannot_be_given_back_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(TargetError, match=reason):
        parsed(data)


DEEP = {
    "parentheses": lambda n: "(" * n + "x" + ")" * n,
    "lists": lambda n: "[" * n + "]" * n,
    "calls": lambda n: "f(" * n + ")" * n,
    "sums": lambda n: "+".join("x" * n),
    "attributes": lambda n: "x" + ".a" * n,
    "joined strings": lambda n: "(" + " 'a'" * n + ")",
    "negations": lambda n: "not " * n + "x",
    "elifs": lambda n: "if x: y\n" + "elif x: y\n" * n,
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("levels", [30, 80, 150, 500])
def test_deep_nesting_is_read_or_refused(kind: str, levels: int) -> None:
    text = DEEP[kind](levels) + "\n"
    try:
        source = parsed(text)
    except TargetError as error:
        assert levels > 100
        assert str(error) == "a.py is nested too deeply to be parsed; leave it out with not_in."
        return
    assert source.splice([]) == text.encode()
    assert source.names.unbound() <= {"x", "f", "y"}
    assert bool(found("$X + x", text, "x")) == (kind == "sums")
    repeated = (
        found("g($X, $X)", f"g({text.strip()}, {text.strip()})\n", "g") if levels < 100 and kind != "elifs" else []
    )
    assert len(repeated) == (levels < 100 and kind != "elifs")


@pytest.mark.parametrize("bracket", ["(", "[", "{", "f("])
def test_brackets_that_would_crash_the_parser_are_refused(bracket: str) -> None:
    with pytest.raises(TargetError, match="nested too deeply"):
        parsed(bracket * 20000)


def test_many_brackets_are_not_deep_ones() -> None:
    assert parsed("x = [" + "(1), " * 3000 + "]\n").of(cst.Integer)


# --- where things stand ----------------------------------------------------------------------------------------------

ORDERED = '''\
@first
@second(a=b)
def f(p: int, /, q: str = "d", *args: T, k=1, **kw) -> R:
    """Doc."""
    x = a if b else c
    try:
        y = [i for j in k if j for i in j]
    except (A, B) as e:
        pass
    except C: pass
    else: z
    finally:
        del w
    with open(m) as n, o: pass
    lambda u, v=1: u
    g(*aa, bb=cc, **dd)
    {ee: ff, **gg, hh: [jj for jj in kk]}
    ll[mm:nn:oo, pp] = qq = rr
    match ss:
        case D(tt, uu=vv) if ww: xx
        case {"k": yy, **zz} | [ab, *ac]: ad
    f"{ae!r:>{af}}{ag=}" "b"
    ah: ai = aj
    not ak < al in am

class G(H, metaclass=I):
    pass

async def as_():
    async for at in au:
        async with av: aw
    [ax async for ax in ay for az in ba]
    async with bb as bc: async_ = await bd

from . import an as ao
from .ap import (aq, ar)
'''


def test_nodes_of_one_class_are_in_the_order_of_the_text() -> None:
    source = parsed(ORDERED)
    for kind in source.kinds:
        starts = [source.span(node)[0] for node in source.of(kind)]
        assert starts == sorted(starts), kind


def test_every_field_of_every_class_has_one_place() -> None:
    for kind in vars(cst).values():
        if isinstance(kind, type) and issubclass(kind, cst.CSTNode):
            assert len(set(fields(kind))) == len(fields(kind))


@pytest.mark.parametrize("data", [ORDERED.encode(), BOM + ORDERED.encode(), ORDERED.replace("\n", "\r\n").encode()])
def test_every_span_holds_the_text_of_its_node(data: bytes) -> None:
    source = parsed(data)
    for name in source.of(cst.Name):
        assert source.slice(*source.span(name)) == name.value


def test_offsets_count_bytes_behind_the_mark_and_columns_count_characters() -> None:
    source = parsed(BOM + "\u00e4 = '\U0001f600'; x = 1\r\ny = 2\n".encode())
    (x,) = (node for node in source.of(cst.Name) if node.value == "x")
    assert source.span(x) == (len("\u00e4 = '\U0001f600'; ".encode()), len("\u00e4 = '\U0001f600'; x".encode()))
    assert source.line_column(source.span(x)[0]) == (1, 10)
    assert source.line_column(len(source.text)) == (3, 1)
    assert source.line_column(0) == (1, 1)


def test_lines_begin_and_end_behind_any_line_end() -> None:
    source = parsed(b"x = 1\r\ny = 2\nz = 3")
    assert [source.line_start(at) for at in (0, 5, 7, 13, 17)] == [0, 0, 7, 13, 13]
    assert [source.line_end(at) for at in (0, 7, 13, 18)] == [7, 13, 18, 18]


def test_an_empty_file_has_one_line() -> None:
    assert parsed(b"").line_column(0) == (1, 1)
    assert parsed(b"").line_end(0) == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("y = ( ( x ) )\n", "( ( x ) )"),
        ("y = (a, b)\n", "(a, b)"),
        ("y = a, b\n", "a, b"),
        ("y = (  # why\n    x\n)\n", "(  # why\n    x\n)"),
    ],
)
def test_an_expression_is_given_with_its_own_parentheses(text: str, code: str) -> None:
    source = parsed(text)
    (assign,) = source.of(cst.Assign)
    assert source.code(assign.value) == code


def test_a_definition_is_given_with_its_decorators() -> None:
    source = parsed("x = 1\n@a\n# why\n@b\ndef f(): pass\n")
    assert source.code(source.of(cst.FunctionDef)[0]) == "@a\n# why\n@b\ndef f(): pass"


@pytest.mark.parametrize(
    ("data", "newline", "indent"),
    [
        (b"x\r\ny\n", "\r\n", "    "),
        (b"if x:\n\ty\n", "\n", "\t"),
        (b"if x:\n  y\n", "\n", "  "),
        (b"x", "\n", "    "),
    ],
)
def test_line_end_and_indentation_are_those_of_the_file(data: bytes, newline: str, indent: str) -> None:
    assert (parsed(data).newline, parsed(data).indent) == (newline, indent)


# --- splicing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edits", "after"),
    [
        ([], b"abcdef"),
        ([Edit(0, 0, "x")], b"xabcdef"),
        ([Edit(6, 6, "x")], b"abcdefx"),
        ([Edit(2, 4, "")], b"abef"),
        ([Edit(0, 6, "")], b""),
        ([Edit(4, 5, "Y"), Edit(1, 2, "X")], b"aXcdYf"),
        ([Edit(2, 4, "X"), Edit(4, 6, "Y")], b"abXY"),
        ([Edit(2, 2, "1"), Edit(2, 2, "2")], b"ab12cdef"),
        ([Edit(2, 3, "X"), Edit(2, 2, "1")], b"ab1Xdef"),
        ([Edit(1, 2, "X"), Edit(2, 2, "1")], b"aX1cdef"),
        ([Edit(2, 2, "1"), Edit(2, 2, "1")], b"ab1cdef"),
        ([Edit(2, 3, "X"), Edit(2, 3, "X")], b"abXdef"),
    ],
)
def test_edits_are_made_in_the_order_of_the_text(edits: list[Edit], after: bytes) -> None:
    assert splice("a.py", b"abcdef", edits) == after


@pytest.mark.parametrize(
    "edits",
    [
        [Edit(1, 3, "X"), Edit(2, 4, "Y")],
        [Edit(1, 3, "X"), Edit(1, 3, "Y")],
        [Edit(1, 3, "X"), Edit(1, 2, "Y")],
        [Edit(1, 3, "X"), Edit(2, 2, "Y")],
        [Edit(0, 6, ""), Edit(2, 3, "")],
    ],
)
def test_edits_that_touch_the_same_bytes_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(TargetError, match="two edits of one step touch the same bytes"):
        splice("a.py", b"abcdef", edits)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (BOM + b"x = 1\r\n", BOM + b"y\xc3\xa9 = 1\r\n"),
        ("# coding: latin-1\nx = '\xfc'\n".encode("latin-1"), "# coding: latin-1\ny\xe9 = '\xfc'\n".encode("latin-1")),
        ("# \U0001f600\nx = 1".encode(), "# \U0001f600\ny\u00e9 = 1".encode()),
        (b"\tx\n" * 0 + b"if 1:\n\tx = 1", b"if 1:\n\ty\xc3\xa9 = 1"),
    ],
)
def test_an_edit_is_written_in_the_encoding_of_the_file(before: bytes, after: bytes) -> None:
    source = parsed(before)
    (x,) = (node for node in source.of(cst.Name) if node.value == "x")
    assert source.splice([Edit(*source.span(x), "y\u00e9")]) == after


def test_a_text_that_the_encoding_cannot_hold_is_refused() -> None:
    source = parsed("# coding: latin-1\nx = '\xfc'\n".encode("latin-1"))
    with pytest.raises(TargetError, match=r"written in iso-8859-1, which cannot hold '\u20ac'"):
        source.splice([Edit(18, 19, "\u20ac")])


def test_a_source_is_not_changed_by_its_edits() -> None:
    source = parsed(b"x = 1\n")
    source.splice([Edit(0, 1, "y")])
    assert source.splice([]) == source.data == b"x = 1\n"


# --- comments --------------------------------------------------------------------------------------------------------

COMMENTED = "f(a,  # one\n  b)  # two\n# one\ng()\n"


@pytest.mark.parametrize(
    ("start", "end", "text", "lost"),
    [
        (0, 0, "", None),
        (2, 3, "x", None),
        (2, 14, "x", "# one"),
        (2, 14, "x  # one", None),
        (0, len(COMMENTED), "f()  # one\n# two\n", "# one"),
        (0, len(COMMENTED), "# one # two # one", None),
        (15, 23, "", "# two"),
    ],
)
def test_a_comment_that_an_edit_would_delete_is_told(start: int, end: int, text: str, lost: str | None) -> None:
    assert parsed(COMMENTED).lost_comment([Edit(start, end, text)]) == lost


def test_a_sign_in_a_string_is_no_comment() -> None:
    source = parsed("x = '# no'  # yes\ny = f'{a}# no'\n")
    assert [text for text, _ in source.kept()] == ["# yes"]
    assert source.lost_comment([Edit(4, 10, "''")]) is None


def test_strings_of_several_lines_are_known() -> None:
    source = parsed("x = '''a\nb'''\ny = f'''{c}\n''' 'd'\nz = ('e'\n 'f')\n")
    assert [source.slice(*span) for span in source.long_strings] == ["'''a\nb'''", "f'''{c}\n'''"]


def test_reading_a_file_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed(b"x = '\\d' '\\e'\nif x is 1: pass\n")


def test_ancestors_lead_to_the_module() -> None:
    source = parsed("def f():\n    return g(x)\n")
    (x,) = (node for node in source.of(cst.Name) if node.value == "x")
    kinds = [type(node) for node in source.ancestors(x)]
    assert kinds[0] is cst.Arg and kinds[-1] is cst.Module
    assert all(source.parent(below) is above for below, above in pairwise([x, *source.ancestors(x)]))
    assert source.parent(source.module) is None


def test_two_sources_of_the_same_bytes_are_independent() -> None:
    one, two = Source("a.py", b"x = 1\n"), Source("b.py", b"x = 1\n")
    assert one.span(one.of(cst.Name)[0]) == two.span(two.of(cst.Name)[0])
    with pytest.raises(KeyError):
        one.span(two.of(cst.Name)[0])
