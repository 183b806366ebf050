"""Whether a statement stands under a header; the verb's own tests say it in whole files."""

from __future__ import annotations

from textwrap import dedent

import pytest

from patcher.errors import SiteError
from patcher.syntax.matching import find
from patcher.syntax.pattern import compile_code
from patcher.syntax.source import Source
from patcher.syntax.wrapping import stands_under, wrap_edits


def source_of(text: str) -> Source:
    return Source("a.py", f"import lib\n{dedent(text).lstrip()}".encode())


def under(text: str, header: str = "if lib.ok($X)") -> bool:
    source = source_of(text)
    (match,) = find(compile_code("lib.run($X)", statement=True), source)
    return stands_under(source, match, compile_code(header, statement=True))


@pytest.mark.parametrize(
    "text",
    [
        "if lib.ok(1): lib.run(1)",
        "if lib.ok(1) and x:\n    lib.run(1)",
        "if x and (y and lib.ok(1)):\n    lib.run(1)",
        "if (\n    # why\n    lib.ok(1)\n):\n    lib.run(1)",
        "if a: pass\nelif lib.ok(1): lib.run(1)",
        "if lib.ok(1):\n    with x:\n        try:\n            lib.run(1)\n        finally: pass",
        "from lib import ok\nif ok(1): lib.run(1)",
    ],
)
def test_a_test_that_holds_guards(text: str) -> None:
    assert under(text)


@pytest.mark.parametrize(
    "text",
    [
        "lib.run(1)",
        "if lib.ok(2): lib.run(1)",
        "if lib.ok(1) or x: lib.run(1)",
        "if not lib.ok(1): lib.run(1)",
        "if lib.ok(1): pass\nelse: lib.run(1)",
        "if lib.ok(1): pass\nelif x: lib.run(1)",
        "if lib.ok(1):\n    def f(): lib.run(1)",
        "if lib.ok(1):\n    class A: lib.run(1)",
        "while lib.ok(1): lib.run(1)",
        "assert lib.ok(1)\nlib.run(1)",
        "if lib.ok(1): pass\nlib.run(1)",
        "def f(ok):\n    if ok(1): lib.run(1)",
    ],
)
def test_anything_else_does_not(text: str) -> None:
    assert not under(text)


@pytest.mark.parametrize(
    ("header", "text", "expected"),
    [
        ("with lib.off()", "with lib.off(): lib.run(1)", True),
        ("with lib.off()", "with x as y, lib.off(): lib.run(1)", True),
        ("with lib.off()", "with x: lib.run(1)", False),
        ("with lib.off(), lib.on()", "with lib.off(), lib.on(): lib.run(1)", True),
        ("with lib.off(), lib.on()", "with lib.off(): lib.run(1)", False),
        ("while lib.busy()", "while lib.busy(): lib.run(1)", True),
        ("while lib.busy()", "while lib.busy(): pass\nelse: lib.run(1)", False),
        ("for $_ in lib.all($X)", "for i in lib.all(1): lib.run(1)", True),
        ("for $_ in lib.all($X)", "for i in lib.all(2): lib.run(1)", False),
        ("for $_ in lib.all($X)", "async def f():\n    with x: lib.run(1)", False),
    ],
)
def test_headers_of_other_kinds(header: str, text: str, expected: bool) -> None:
    assert under(text, header) is expected


def test_the_edits_are_insertions_only() -> None:
    source = source_of("lib.run(\n    1,\n)  # x\n")
    (match,) = find(compile_code("lib.run($X)", statement=True), source)
    edits = wrap_edits(source, match, compile_code("if lib.ok($X)", statement=True), lambda name: name)
    assert all(edit.start == edit.end for edit in edits)
    assert source.splice(edits) == b"import lib\nif lib.ok(1):\n    lib.run(\n        1,\n    )  # x\n"


def test_a_name_that_cannot_be_spelled_is_refused() -> None:
    def no(name: str) -> str:
        raise SiteError(f"no {name}")

    source = source_of("lib.run(1)\n")
    (match,) = find(compile_code("lib.run($X)", statement=True), source)
    with pytest.raises(SiteError, match=r"no lib\.ok"):
        wrap_edits(source, match, compile_code("if lib.ok()", statement=True), no)
