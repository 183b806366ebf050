"""What of a node carries meaning: the values of literals."""

from __future__ import annotations

import warnings

import libcst as cst
import pytest

from patcher.syntax.nodes import literal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'a'", "a"),
        ("'a' \"b\"", "ab"),
        (r"r'C:\Users'", "C:\\Users"),
        ("b'a'", b"a"),
        ("0x10", 16),
        ("1e3", 1000.0),
        (r"'C:\Users'", None),
        (r"'''C:\Users'''", None),
        (r"'\N{nope}'", None),
        (r"'\x4'", None),
        ("b'é'", None),
        ("'a\0b'", None),
        (r"'a' '\x4'", None),
        ("9" * 5000, None),
        ("f'a'", None),
        ("a", None),
    ],
)
def test_the_value_of_a_literal(text: str, value: object) -> None:
    assert literal(cst.parse_expression(text)) == value


def test_nothing_is_said_of_an_escape_that_means_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert literal(cst.parse_expression(r"'\d'")) == r"\d"
