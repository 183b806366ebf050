"""Spans are those of LibCST's own provider, on every kind of source."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import libcst as cst
import pytest
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from patcher.syntax.spans import spans_of

SOURCES = [
    "",
    "x = 1",
    "# only\n",
    '"""é"""\nü = "😀"  # ö\n',
    "@d\n@e(1)\nasync def f(a, /, b=(1), *, c: int = 2, **k) -> None:\n\treturn (yield (a + b) * c)\n",
    "if x: y=1; z = (2)\nelif (w): pass\nelse:\n    pass\n",
    "try:\r\n    pass\r\nexcept (A, B) as e:\r\n    raise\r\nfinally:\r\n    x = [\r\n        1,  # a\r\n    ]\r\n",
    "from a import (b, c as d)\nimport e.f as g\nwith (a as b, c): pass\n",
    "match x:\n    case {'a': [1, *_], **r} if r: pass\n",
    "f'{x!r:>{w}}' 'b'\nlambda *a, k=1: (a := k)\nx[1:2, ..., ::3]\n",
    "class A[T](B, metaclass=M):\n    x: int\n\n    def f(self): ...\n",
]


def check(source: bytes) -> None:
    module = cst.parse_module(source)
    text, spans = spans_of(module)
    provided = MetadataWrapper(module, unsafe_skip_copy=True).resolve(ByteSpanPositionProvider)
    assert text == module.code.encode()
    assert spans == {node: (span.start, span.start + span.length) for node, span in provided.items()}


@pytest.mark.parametrize("source", SOURCES)
def test_spans_are_those_of_libcst(source: str) -> None:
    check(source.encode())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["argparse", "ast", "decimal", "enum", "locale", "tokenize", "typing"])
def test_spans_of_the_standard_library(name: str) -> None:
    check(Path(sysconfig.get_path("stdlib"), f"{name}.py").read_bytes())


def test_a_mark_in_front_counts_for_nothing() -> None:
    module = cst.parse_module(b"\xef\xbb\xbfx = 1\n")
    text, spans = spans_of(module)
    assert (text, spans[module.body[0]]) == (b"x = 1\n", (0, 5))
