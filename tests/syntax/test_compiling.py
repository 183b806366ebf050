"""Whether a program is one: what Python says of it, and what is not asked of Python."""

from __future__ import annotations

import ast

import pytest

from patcher.model import Edit
from patcher.syntax.compiling import broken, torn, uncompiled, unread
from patcher.syntax.notebook import NotebookSource
from patcher.syntax.source import Source
from tests.syntax.python import parsed
from tests.verbs.checks import SHAPES, notebook, shaped

# What LibCST parses and the Python that runs this may not.
NEWER = ["type X = int", "def f[T](x: T): ...", "f'{x['a']}'", "try: x\nexcept A, B: y", "t'{x}'"]


def because(before: str, after: str) -> str:
    """What is wrong when a program becomes another by one edit."""
    source = parsed(before)
    return broken(source, [Edit(0, len(source.text), after)])


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("return", "'return' outside function"),
        ("class A:\n    return", "'return' outside function"),
        ("continue", "'continue' not properly in loop"),
        ("for x in y:\n    def f(): break", "'break' outside loop"),
        ("def f(): return await x", "'await' outside async function"),
        ("async def f(): return lambda: await x", "'await' outside async function"),
        ("yield 1", "'yield' outside function"),
        ("x = await y", "'await' outside function"),
        ("def f():\n    x = 1\n    global x", "name 'x' is assigned to before global declaration"),
        ("def f():\n    nonlocal x", "no binding for nonlocal 'x' found"),
        ("def f(x, x): ...", "duplicate argument 'x' in function definition"),
        ("x = *y", "can't use starred expression here"),
        (
            "import a\nfrom __future__ import annotations",
            "from __future__ imports must occur at the beginning of the file",
        ),
    ],
)
def test_what_parses_and_does_not_compile(after: str, reason: str) -> None:
    assert because("x = 1\n", f"{after}\n") == f"the result would not compile: {reason}"


@pytest.mark.parametrize("after", ["f() = 1", "x[1:2", "f(1:2)", "f(a for a in b, c)", "if x:", "f(a=1, 2)"])
def test_what_does_not_parse(after: str) -> None:
    assert because("x = 1\n", f"{after}\n") == "the result would not parse"


@pytest.mark.parametrize(
    "after", ["x = 2", "def f(): return 1", "async def f(): await x", "assert (x, 1)", "'\\d'", "x is 1"]
)
def test_what_is_a_program(after: str) -> None:
    assert because("x = 1\n", f"{after}\n") == ""


@pytest.mark.parametrize("before", ["return\n", "await x\n", "def f(a, a): ...\n", "x = *y\n"])
def test_what_did_not_compile_before_need_not(before: str) -> None:
    assert because(before, f"{before}continue\n") == ""
    assert because(before, f"{before}f(\n") == "the result would not parse"


@pytest.mark.parametrize("newer", NEWER)
def test_of_a_newer_grammar_this_python_is_no_judge(newer: str) -> None:
    assert because("x = 1\n", f"{newer}\n") == ""
    try:
        ast.parse(newer)
    except SyntaxError:
        assert because("x = 1\n", f"{newer}\ncontinue\n") == ""
        assert because(f"{newer}\n", f"{newer}\ncontinue\n") == ""


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    source = parsed(shaped("def f():\n    x = 'Münster'.lower()\n".replace("ü", "u"), shape))
    start = source.text.index(b"def")
    assert broken(source, [Edit(start, start, "x = 1\n")]) == ""
    assert broken(source, [Edit(start, start, "return\n")]) == "the result would not compile: 'return' outside function"
    assert broken(source, [Edit(start, start, "x = (\n")]) == "the result would not parse"


def test_what_python_warns_of_is_a_program(recwarn: pytest.WarningsRecorder) -> None:
    assert because("x = '\\d'\n", "x = '\\d' is 1\n") == ""
    assert not recwarn.list


def test_too_many_brackets_are_not_judged() -> None:
    assert because("x = 1\n", f"x = {'(' * 150}1{')' * 150}\n") == ""


def test_the_line_that_does_not_compile() -> None:
    flaw = uncompiled(parsed("x = 1\n"), parsed("x = 'ü'\ny = 2\n\nreturn\n"))
    assert flaw is not None
    assert parsed("x = 'ü'\ny = 2\n\nreturn\n").line_column(flaw.offset) == (4, 1)


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"x = 1\n", None),
        (b"x = 1\ny = (]\n", 6),
        (b"\xef\xbb\xbfx = 1\ny = (]\n", 6),
        ("# coding: latin-1\nx = 'ü'\ny = (]\n".encode("latin-1"), 27),
        (b"# coding: latin-9000\nx = (]\n", None),
        (b"x = '\xff'\n", None),
        (b"return\n", None),
    ],
)
def test_the_line_at_which_a_program_cannot_be_read_on(data: bytes, offset: int | None) -> None:
    assert unread(data) == offset


# --- notebooks ------------------------------------------------------------------------------------------------------


def changed(*cells: str, to: str, number: int = 0) -> tuple[NotebookSource, str]:
    """A notebook, and what is wrong when one of its cells becomes another."""
    source = NotebookSource("a.ipynb", notebook(*cells).encode())
    start = source.programs[number].start
    return source, broken(source, [Edit(start, start + len(cells[number].encode()), to)])


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("y = 2", ""),
        ("y = await x", ""),
        ("[y async for y in x]", ""),
        ("return", "the result would not compile: 'return' outside function"),
        ("def f(): await x", "the result would not compile: 'await' outside async function"),
        ("y = (", "the result would not parse"),
    ],
)
def test_a_cell_is_compiled_by_itself(to: str, reason: str) -> None:
    assert changed("x = 1", "%time y = x", "ü = 1", to=to, number=2)[1] == reason


def test_a_cell_that_is_no_program_does_not_spare_the_others() -> None:
    assert changed("return", "x = 1", to="continue")[1] == ""
    assert changed("return", "x = 1", to="continue", number=1)[1].endswith("'continue' not properly in loop")


def test_a_line_for_ipython_stays_one() -> None:
    assert changed("x = 1\n!ls", to="x = 2\n!ls")[1] == ""
    before = NotebookSource("a.ipynb", notebook("x = 1", "!ls").encode())
    after = NotebookSource("a.ipynb", notebook("x = (", "!ls").encode())
    assert torn(before, before) is None
    assert (found := torn(before, after)) is not None
    assert found.text == "x = ("


def test_a_program_is_the_text_of_its_file() -> None:
    source = Source("a.py", b"\xef\xbb\xbfx = 1\r\n")
    assert [tuple(one) for one in source.programs] == [("x = 1\r\n", 0)]
