"""YAML text to located values: what is read, what is refused, and where."""

from __future__ import annotations

import pytest
import yaml

from patcher.safeyaml import Broken, Items, Mark, Reader, Table, Text, did_you_mean, parse, plain


def read(text: str | bytes) -> tuple[object, list[str]]:
    reader = Reader()
    node = parse(text if isinstance(text, bytes) else text.encode(), "f", reader)
    return node, [f"{told.line}:{told.column} {told.message}" for told in reader.problems]


def value(text: str | bytes) -> object:
    node, problems = read(text)
    assert problems == []
    assert isinstance(node, Text | Items | Table)
    return plain(node)


def problems(text: str | bytes) -> list[str]:
    return read(text)[1]


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
    "an entry without a value": ("- a\n-\n", ["2:2 This entry has no value."]),
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
    "no end to the nesting": ("[" * 50 + "]" * 50, ["1:41 This is nested too deeply."]),
}


@pytest.mark.parametrize(("text", "told"), STRUCTURE.values(), ids=STRUCTURE.keys())
def test_refused(text: str, told: list[str]) -> None:
    assert problems(text) == told


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


# --- Reader


def test_did_you_mean_names_the_nearest_word_or_all() -> None:
    assert did_you_mean("wyh", ["why", "id"]) == "; did you mean `why`?"
    assert did_you_mean("zzz", ["why", "id"]) == "; known: id, why."
    assert did_you_mean("zzz", []) == "; known: none."


def fields(text: str, known: str, required: str = "") -> list[str]:
    reader = Reader()
    reader.fields(reader.table(parse(text.encode(), "f", reader), "x"), known.split(), required.split())
    return [f"{told.line}:{told.column} {told.message}" for told in reader.problems]


def test_unknown_and_missing_keys() -> None:
    assert fields("a: b\nsumary: c\n", "a summary recipe why", "recipe why") == [
        "2:1 The key `sumary` is not known here; did you mean `summary`?",
        "1:1 `recipe`, `why` are missing here.",
    ]


def test_a_misspelt_key_is_not_missing_too() -> None:
    assert fields("wyh: b\n", "why id", "why") == ["1:1 The key `wyh` is not known here; did you mean `why`?"]


def test_of_two_entries_in_one_no_key_is_called_unknown() -> None:
    assert len(fields("id: a\nx: b\nid: c\nx: d\n", "id", "id why")) == 1


def test_a_value_of_another_kind() -> None:
    reader = Reader()
    node = parse(b"a: [b for c in d]\ne: {f: g}\nh: i\nj: ''\n", "f", reader)
    assert isinstance(node, Table)
    assert reader.text(node.get("a"), "a") == ""
    assert reader.texts(node.get("e"), "e") == ()
    assert reader.table(node.get("h"), "h").entries == ()
    assert reader.items(node.get("h"), "h") == ()
    assert reader.text(node.get("j"), "j") == ""
    assert reader.text(node.get("j"), "j", empty=True) == ""
    assert reader.text(node.get("none"), "none") == ""
    assert [str(told) for told in reader.problems] == [
        "f:1:4: `a` wants text, and YAML reads this as a list; if it is code, write: a: '[b for c in d]'",
        "f:2:4: `e` wants text or a list of text, and YAML reads this as a map; if it is code, write: e: '{f: g}'",
        "f:3:4: `h` wants a map, and YAML reads this as text.",
        "f:3:4: `h` wants a list, and YAML reads this as text.",
        "f:4:4: `j` is empty.",
    ]


def test_what_is_broken_is_not_told_again() -> None:
    reader = Reader()
    broken = Broken(Mark("f", 1, 1))
    assert (reader.text(broken, "a"), reader.texts(broken, "a"), reader.items(broken, "a")) == ("", (), ())
    assert not reader.table(broken, "a").whole
    assert reader.problems == []
