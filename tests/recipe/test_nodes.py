"""The Reader: what it expects of values, and what it tells."""

from __future__ import annotations

from patcher.recipe.nodes import Broken, Mark, Reader, Table, did_you_mean
from patcher.recipe.safeyaml import parse


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
