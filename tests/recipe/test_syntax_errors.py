"""Text that YAML cannot read: one sentence at the mistake, and a line to write that can be read."""

from __future__ import annotations

import pytest

from patcher.recipe.nodes import Broken
from tests.recipe.yaml_text import read, value

SYNTAX = {
    "an open quote": ("a: b\nc: 'x\nd: e\n", "2:4 This quote is never closed."),
    "an escape that is none": ('a: "\\d+"\n', "1:6 `\\d` means nothing in double quotes; use single."),
    "a character that starts nothing": ("a: @x\n", "1:4 Text that starts with `@` goes in quotes. Write: a: '@x'"),
    "in a list": ("a:\n  - `x`\n", "2:5 Text that starts with ``` goes in quotes. Write: - '`x`'"),
    "a star": ("a: *x.y\n", "1:4 YAML takes this for an alias; text that starts so goes in quotes. Write: a: '*x.y'"),
    "a header": (
        "a: if x:\n",
        "1:8 Text with a colon goes in quotes; keys of a map stand in one column. Write: a: 'if x:'",
    ),
    "a colon in code with quotes": (
        "a: f({'x': 1})\n",
        "1:10 Text with a colon goes in quotes; keys of a map stand in one column. Write: a: \"f({'x': 1})\"",
    ),
    "a key too far right": (
        "a: b\n  c: d\n",
        "2:4 Text with a colon goes in quotes; keys of a map stand in one column.",
    ),
    "an open bracket at the end": ("a: b\nc: [\n", "2:5 A bracket that opens above is never closed."),
    "an open bracket": ("a: [1, 2\nb: 3\n", "1:4 This bracket closes as no flow sequence; code goes in quotes."),
    "a parameter in a map": (
        "with: {a: ${b}, c: d}\n",
        '1:7 This bracket closes as no flow mapping; code goes in quotes. Write: with: {a: "${b}", c: d}',
    ),
    "text behind a quote": (
        'a: "cuda" if x else y\n',
        "1:11 Text goes on behind a closing quote or bracket; quote it all. Write: a: '\"cuda\" if x else y'",
    ),
    "text behind a list": (
        "- a: [$X for $Y in $Z][0]\n",
        "1:23 Text goes on behind a closing quote or bracket; quote it all. Write: - a: '[$X for $Y in $Z][0]'",
    ),
    "a line without a key": (
        "a: b\nfoo\nc: d\n",
        "2:1 This line is no `key: value`; several lines of text go in a `|` block.",
    ),
    "an entry between two columns": (
        "a:\n  b: c\n d: e\n",
        "3:2 This line's indentation fits none above; keys of a map stand in one column.",
    ),
    "anything else": ("a: - b\n", "1:4 YAML cannot read this: sequence entries are not allowed here."),
}


@pytest.mark.parametrize(("text", "told"), SYNTAX.values(), ids=SYNTAX.keys())
def test_a_syntax_error_is_one_sentence_at_the_mistake(text: str, told: str) -> None:
    node, problems = read(text)
    assert problems == [told]
    assert isinstance(node, Broken)


def test_the_line_to_write_is_read_as_what_was_meant() -> None:
    for text, told in SYNTAX.values():
        _, found, line = told.partition(" Write: ")
        if found:
            assert value(line), text
