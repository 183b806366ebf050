"""What holds for every program: bytes that no edit covers stay, names and matches are found without a complaint."""

from __future__ import annotations

import ast
import symtable
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path

import libcst as cst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher.errors import SiteError, TargetError
from patcher.model import Edit
from patcher.syntax.matching import Miss, candidates, find, match_at
from patcher.syntax.pattern import compile_code
from patcher.syntax.source import Source, splice
from patcher.syntax.template import smallest
from tests.syntax.python import parsed

# --- generated programs ----------------------------------------------------------------------------------------------

NAMES = ["a", "b", "f", "old", "m.old", "x1"]
SPACE = st.sampled_from(["", " ", "  ", "\t", " \\\n  "])
INNER = st.sampled_from(["", " ", "\n    ", "  # \xe9 why\n    ", "\n\n  # old(\n"])


def expressions(depth: int = 2) -> st.SearchStrategy[str]:
    atoms = st.sampled_from(
        [*NAMES, "1", "0x1F", "'s'", '"""l\n#1"""', "'a' 'b'", "f'{a!r:>{b}}'", "None", "(yield)", "..."]
    )
    if not depth:
        return atoms
    inner = expressions(depth - 1)
    return st.one_of(
        atoms,
        st.tuples(st.sampled_from(NAMES), INNER, inner, INNER, inner).map(
            lambda t: f"{t[0]}({t[1]}{t[2]},{t[3]}k={t[4]})"
        ),
        st.tuples(INNER, inner, INNER, inner, INNER).map(lambda t: f"f({t[0]}{t[1]},{t[2]}k={t[3]}{t[4]})"),
        st.tuples(INNER, inner, INNER).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(inner, SPACE, st.sampled_from(["+", "*", "@", "and", "if old else"]), inner).map(
            lambda t: f"(({t[0]}){t[1]} {t[2]} ({t[3]}))"
        ),
        st.tuples(INNER, inner, inner).map(lambda t: f"[{t[0]}{t[1]}, *{t[2]},]"),
        st.tuples(inner, inner).map(lambda t: f"{{{t[0]}: 1, **({t[1]})}}"),
        st.tuples(inner, inner).map(lambda t: f"[{t[0]} for old in ({t[1]}) if b]"),
        inner.map(lambda text: f"(lambda old, *b: {text})"),
        inner.map(lambda text: f"a.b[{text}:1].old"),
    )


def blocks(depth: int = 1) -> st.SearchStrategy[list[str]]:
    """Lines of a block, one level in; a line may hold line ends of its own."""
    small = st.one_of(
        expressions().map(str),
        st.tuples(st.sampled_from(["a", "old", "a, *b", "a.b"]), SPACE, expressions()).map(
            lambda t: f"{t[0]}{t[1]}={t[2]}"
        ),
        st.sampled_from(["pass", "import old", "from m import old as b, f", "global a", "a: int = 1", "a += b"]),
        st.tuples(expressions(1), SPACE).map(lambda t: f"a;{t[1]}{t[0]};"),
    )
    line = st.tuples(small, st.sampled_from(["", "  # \xe4 old", " #"])).map(lambda t: ["".join(t)])
    empty = st.sampled_from([[""], ["# old \xf6"], ["   "]])
    if not depth:
        return st.lists(st.one_of(line, empty), max_size=2).map(
            lambda found: [one for part in found for one in part] + ["pass"]
        )
    heads = st.sampled_from([
        "if old:", "while a :", "for old in b:", "with a as old:", "def f(old, b=old):", "class A(m.old):",
        "async def f(*old):", "@old\ndef b():",
    ])  # fmt: skip
    nested = st.tuples(heads, blocks(depth - 1)).map(lambda t: [*t[0].split("\n"), *(_deeper(one) for one in t[1])])
    attempt = st.tuples(blocks(depth - 1), blocks(depth - 1)).map(
        lambda t: ["try:", *map(_deeper, t[0]), "except old as b:", *map(_deeper, t[1])]
    )
    return st.lists(st.one_of(line, empty, nested, attempt), max_size=3).map(
        lambda found: [one for part in found for one in part] + ["pass"]
    )


def _deeper(line: str) -> str:
    return f"\0{line}" if line.strip() else line


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """A program that Python parses, in any layout and encoding."""
    lines = draw(blocks())
    text = "\n".join(lines).replace("\0", draw(st.sampled_from(["    ", "\t", "  "])))
    text += draw(st.sampled_from(["\n", "", "\n\n# end", "\n\n\n"]))
    ends = draw(st.sampled_from(["\n", "\n", "\r\n", "mixed"]))
    if ends == "mixed":
        first, *rest = text.split("\n")
        text = first + "".join(("\r\n" if at % 2 else "\n") + line for at, line in enumerate(rest))
    else:
        text = text.replace("\n", ends)
    shape = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252"]))
    cookie = f"# -*- coding: {shape} -*-\n" if shape in ("latin-1", "cp1252") else ""
    return (cookie + text).encode(shape)


def source_of(data: bytes) -> Source | None:
    """The program, if Python takes it: `global a` may stand behind a use, and a backslash where none can."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(data)
        except SyntaxError:
            return None
    return parsed(data)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.data())
def test_edits_leave_all_other_bytes_alone(data: bytes, draw: st.DataObject) -> None:
    source = source_of(data)
    if source is None:
        return
    assert source.splice([]) == data
    text = source.text.decode()
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(text)), max_size=8, unique=True)))
    spans = [
        (len(text[:start].encode()), len(text[:end].encode()))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    news = st.sampled_from(["", "x", "\xfc", "\n", "a\nb"])
    edits = [Edit(start, end, draw.draw(news)) for start, end in spans]
    after = source.splice(draw.draw(st.permutations(edits)))
    expected, position = b"", 0
    for edit in edits:
        expected += source.text[position : edit.start] + edit.text.encode()
        position = edit.end
    expected += source.text[position:]
    encoding = source.module.encoding
    assert after == expected.decode().encode(encoding)
    assert splice("a.py", source.text, edits) == expected


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_what_is_renamed_everywhere_can_be_renamed_back(data: bytes) -> None:
    source = source_of(data)
    if source is None:
        return
    places = [name for name in source.of(cst.Name) if name.value == "old"]
    there = source.splice([Edit(*source.span(name), "brand_new") for name in places])
    assert there.count(b"brand_new") == len(places)
    renamed = parsed(there)
    back = [name for name in renamed.of(cst.Name) if name.value == "brand_new"]
    assert len(back) == len(places)
    assert renamed.splice([Edit(*renamed.span(name), "old") for name in back]) == data


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_every_part_of_a_program_matches_itself(data: bytes) -> None:
    source = source_of(data)
    if source is None:
        return
    for node in source.of(cst.Call, cst.BinaryOperation, cst.ListComp, cst.Dict)[:5]:
        code = compile_code(source.code(node).replace("\r\n", "\n"), [*NAMES, "m", "old"])
        assert match_at(code, source, node) is not None
        assert any(nodes[0] is node for nodes in candidates(code, source))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs())
def test_names_agree_with_python_s_own_tables(data: bytes) -> None:
    """A name that nothing binds is, to Python's symbol table, a global that no scope assigns."""
    source = source_of(data)
    if source is None:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tables = [symtable.symtable(source.text.decode(), "a.py", "exec")]
    except SyntaxError:  # what only the compiler refuses
        return
    top = tables[0]
    bound, read = set(), set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or table is top):
                read.add(symbol.get_name())
            if (symbol.is_assigned() or symbol.is_imported()) and (table is top or symbol.is_declared_global()):
                bound.add(symbol.get_name())
    unbound = {name for name in read - bound if name in {"a", "b", "f", "old", "m", "x1"}}
    assert source.names.unbound() == unbound


class Call(ast.NodeTransformer):
    """Does to the first call `f(x, k=y)` of a tree what a replacement does to it in the text."""

    def __init__(self, place: tuple[int, int], change: Callable[[ast.Call], ast.expr]) -> None:
        self.place, self.change = place, change

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        return self.change(node) if (node.lineno, node.col_offset) == self.place else node


def with_keyword(call: ast.Call) -> ast.expr:
    return ast.Call(call.func, call.args, [*call.keywords, ast.keyword("new", ast.Constant(1))])


def chosen(call: ast.Call) -> ast.expr:
    return ast.IfExp(call.keywords[0].value, call.args[0], ast.Name("z", ast.Load()))


def squared(call: ast.Call) -> ast.expr:
    return ast.BinOp(call.args[0], ast.Pow(), ast.UnaryOp(ast.USub(), call.keywords[0].value))


CHANGES = {"f($$$A, new=1)": with_keyword, "$X if $K else z": chosen, "$X ** -$K": squared}
PATTERN_OF = {"f($$$A, new=1)": "f($$$A)", "$X if $K else z": "f($X, k=$K)", "$X ** -$K": "f($X, k=$K)"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs(), st.sampled_from(sorted(CHANGES)))
def test_a_replacement_does_to_the_text_what_it_says_of_the_tree(data: bytes, template: str) -> None:
    source = source_of(data)
    old, new = compile_code(PATTERN_OF[template], ["f"]), compile_code(template, ["f", "z"])
    match = next(find(old, source), None) if source is not None else None
    if source is None or match is None:
        return
    start = source.span(match.node)[0]
    place = source.line_column(start)[0], start - source.line_start(start)
    wanted = Call(place, CHANGES[template]).visit(ast.parse(source.text))
    try:
        after = splice("a.py", source.text, smallest(old, new, match, source, str))
    except SiteError:
        return
    assert ast.dump(ast.parse(after)) == ast.dump(wanted), after.decode()


# --- real sources ----------------------------------------------------------------------------------------------------

STDLIB = Path(sysconfig.get_path("stdlib"))
SAMPLE = [
    path
    for path in sorted(STDLIB.glob("*/*.py")) + sorted(STDLIB.glob("*.py"))
    if not {"site-packages", "test", "tests"} & set(path.parts)
]
PATTERNS = [
    "$X.$Y($$$)",
    "$F($X, $$$, k=$V)",
    "$X = $Y",
    "for $X in $Y",
    "def $F($$$)",
    "[$$$, $X]",
    "len($X)",
    "if $X:\n    $$$",
]
# Names that these files read and that only other versions of Python, or the interpreter, bind.
KNOWN = {"WindowsError", "unicode", "reveal_type", "__annotations__", "exit", "quit"}


def sample(part: int, parts: int = 4, size: int = 60) -> list[Path]:
    step = len(SAMPLE) // size
    return SAMPLE[part * step // parts :: step][part::parts]


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_the_standard_library_is_read_and_searched(part: int) -> None:
    """Every file is parsed or refused, nothing in it is found unbound, and no pattern fails on it."""
    read = 0
    codes = [compile_code(pattern) for pattern in PATTERNS]
    for path in sample(part):
        data = path.read_bytes()
        try:
            source = Source(path.name, data)
        except TargetError:
            continue
        read += 1
        assert source.splice([]) == data
        miss = Miss()
        for code in codes:
            for match in find(code, source, miss=miss):
                assert source.code(match.node)
        assert source.names.unbound() <= KNOWN, path
    assert read >= 10
