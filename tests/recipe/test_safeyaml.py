"""YAML text to located values: what is read, what is refused, and where."""

from __future__ import annotations

import pytest
import yaml

from patcher.recipe.nodes import Items, Mark, Table
from tests.recipe.yaml_text import problems, read, value


@pytest.mark.parametrize("scalar", ["1", "1e-8", "yes", "null", "~", "2024-01-01", "0x10", "1_000", ".inf", "=", "on"])
def test_every_scalar_is_text(scalar: str) -> None:
    assert value(f"a: {scalar}") == {"a": scalar}


def test_empty_text_in_quotes_is_empty_text() -> None:
    assert value("a: ''\nb: \"\"") == {"a": "", "b": ""}


def test_a_block_keeps_its_lines() -> None:
    assert value("a: |\n  if x:\n      y # not lost\nb: c\n") == {"a": "if x:\n    y # not lost\n", "b": "c"}


def test_lists_and_maps_keep_their_order() -> None:
    assert value("b: [z, y]\na:\n- {d: 1, c: 2}\n") == {"b": ["z", "y"], "a": [{"d": "1", "c": "2"}]}


def test_holes_need_no_quotes() -> None:
    assert value("a: $X.view($$$)\nb: {O: $O, P: $$$XS}") == {"a": "$X.view($$$)", "b": {"O": "$O", "P": "$$$XS"}}


@pytest.mark.parametrize("start", ["", "\ufeff", "# a comment\n", "---\n", "%YAML 1.1\n---\n"])
def test_what_may_stand_before_the_first_key(start: str) -> None:
    assert value(f"{start}a: b\r\nc: d\r\n") == {"a": "b", "c": "d"}


def test_marks_count_characters_from_one() -> None:
    node, _ = read("\ufeffé: {ü: 😀 x, b: y}\r\nc: z\r\n")
    assert isinstance(node, Table)
    inner = node.get("é")
    assert isinstance(inner, Table)
    assert [entry.mark for pair in inner.entries for entry in pair] == [
        Mark("f", 1, 5),
        Mark("f", 1, 8),
        Mark("f", 1, 13),
        Mark("f", 1, 16),
    ]
    assert str(node.entries[1][1].mark) == "f:2:4"


ANCHOR = "is an anchor, alias or tag of YAML; put it in quotes if it is text, else write it out at each place."
FOREIGN = "is refused; remove it, or escape it in double quotes."
STRUCTURE = {
    "anchor and alias": ("a: &x 1\nb: *x\n", ["1:4 `&x` " + ANCHOR, "2:4 `*x` " + ANCHOR]),
    "code that reads as an alias": ("a: f\nb: *args\n", ["2:4 `*args` " + ANCHOR]),
    "an anchor without a value": ("a: &x\n", ["1:4 `&x` " + ANCHOR]),
    "a tag": ("a: !x 1\n", ["1:4 `!x` " + ANCHOR]),
    "a typing tag": ("a: [!!int 1]\n", ["1:5 `!!int` " + ANCHOR]),
    "a merge key": ("<<: {a: b}\nc: d\n", ["1:1 `<<` is no key; write keys out, each with its value."]),
    "a duplicate key": (
        "a: 1\nb: 2\na: 3\n",
        ["3:1 The key `a` stands here a second time, first on line 1; a new entry of a list starts with `- `."],
    ),
    "a duplicate key in quotes": (
        "a: {b: 1, 'b': 2}\n",
        ["1:11 The key `b` stands here a second time, first on line 1; a new entry of a list starts with `- `."],
    ),
    "two entries in one are told once": (
        "- id: a\n  why: b\n  id: c\n  why: d\n",
        ["3:3 The key `id` stands here a second time, first on line 1; a new entry of a list starts with `- `."],
    ),
    "a key without a value": ("a:\nb: c\n", ["1:1 `a` has no value; write it behind `: `, or '' for empty text."]),
    "a key in brackets without a value": (
        "{a:1}\n",
        ["1:2 `a:1` has no value; write it behind `: `, or '' for empty text."],
    ),
    "an entry without a value": (
        "- a\n-\n",
        ["2:2 This entry has no value; write it behind `- `, or take the dash away."],
    ),
    "a list as a key": ("[$X for $Y in $Z]: b\n", ["1:1 A key is text; if it is code, write: '[$X for $Y in $Z]': b"]),
    "a comma inside a call": (
        "a: [f($A, $B), c]\n",
        ["1:5 This reads as `f($A`, because inside [ ] and { } a comma ends text; put it in quotes."],
    ),
    "a comma inside a call in a map": (
        "a: {LR: f(x, y)}\n",
        ["1:9 This reads as `f(x`, because inside [ ] and { } a comma ends text; put it in quotes."],
    ),
    "two documents": ("a: b\n---\nc: d\n", ["2:1 A second document starts here; a file holds one."]),
    "an empty file": ("", ["1:1 This file is empty."]),
    "comments alone": ("# a\n", ["1:1 This file is empty."]),
    "an empty document": ("---\n", ["1:1 This file is empty."]),
    "a tab for indentation": (
        "a:\n\tb: c\n",
        ["2:1 Tabs are refused; indent with spaces, and where a tab is meant write \\t in double quotes."],
    ),
    "a tab anywhere": (
        "a: |\n  x\ty\n",
        ["2:4 Tabs are refused; indent with spaces, and where a tab is meant write \\t in double quotes."],
    ),
    "a control character": ("a: b\x07\n", ["1:5 The character U+0007 " + FOREIGN]),
    "a line break of YAML alone": ("a: b\u2028c\n", ["1:5 The character U+2028 " + FOREIGN]),
    "no end to the nesting": (
        "[" * 50 + "]" * 50,
        ["1:41 This is nested too deeply; a recipe needs no more than a few levels."],
    ),
}


@pytest.mark.parametrize(("text", "told"), STRUCTURE.values(), ids=STRUCTURE.keys())
def test_refused(text: str, told: list[str]) -> None:
    assert problems(text) == told


def test_a_file_that_is_not_utf8() -> None:
    assert problems(b"a: b\nc: \xc3\xa9\xff\n") == ["2:5 This file is not UTF-8; save it as UTF-8."]


def test_everything_is_told_at_once() -> None:
    told = problems("a: &x b\nc:\nd: [e, f: ]\ng: !y h\na: i\n")
    assert sorted(line.split()[0] for line in told) == ["1:4", "2:1", "3:8", "4:4", "5:1"]


@pytest.mark.parametrize(
    ("text", "uncut"),
    [
        ("a: f(x) # y", "a: 'f(x) # y'"),
        ('- e: f("a # b")', "- e: 'f(\"a # b\")'"),
        ("a: it's # y", 'a: "it\'s # y"'),
        ("a: f(x,\n  z) # y", "it in a `|` block."),
        ("a: f(x)# y", ""),
        ("a: 'f(x)' # y", ""),
        ("a: |\n  x # y", ""),
        ("a: [f, g] # y", ""),
    ],
)
def test_text_that_a_comment_may_have_cut(text: str, uncut: str) -> None:
    node, _ = read(text)
    table = node.items[0] if isinstance(node, Items) else node
    assert isinstance(table, Table)
    found = table.entries[0][1]
    assert getattr(found, "uncut", "") == uncut


@pytest.mark.parametrize(
    ("text", "source", "quoted"),
    [
        ("- a: [$X for $Y in $Z]  # b", "[$X for $Y in $Z]", "- a: '[$X for $Y in $Z]'  # b"),
        ("- a: {k: v}", "{k: v}", "- a: '{k: v}'"),
        ("- a: [b,\n    c]", "[b,\n    c]", "it in a `|` block."),
        ("- a:\n  - b", "", ""),
    ],
)
def test_what_stands_in_brackets_is_known_as_it_is_written(text: str, source: str, quoted: str) -> None:
    node, _ = read(text)
    assert isinstance(node, Items)
    table = node.items[0]
    assert isinstance(table, Table)
    found = table.entries[0][1]
    assert isinstance(found, Items | Table)
    assert (found.source, found.quoted) == (source, quoted)


def test_both_parsers_of_pyyaml_see_the_same() -> None:
    if not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML without libyaml")

    def seen(loader: object) -> list[tuple[object, ...]]:
        events = [event for event in yaml.parse(text, Loader=loader) if isinstance(event, yaml.NodeEvent)]
        marks = [(event.start_mark.line, event.start_mark.column, event.start_mark.index) for event in events]
        scalars = [(e.value, e.style or None, e.end_mark.index) for e in events if isinstance(e, yaml.ScalarEvent)]
        return [*marks, *scalars]

    text = "é: {ü: 😀 x, b: [y, 'z']}\nc: |\n  d # e\n\n  f\ng: >-\n  h\n\n- i\n".replace("\n- i", "j: k # l")
    assert seen(yaml.CSafeLoader) == seen(yaml.SafeLoader)
