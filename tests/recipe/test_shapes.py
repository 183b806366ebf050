"""What a verb is given, and code that YAML takes for something else."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.recipe.shapes import LEVELS
from patcher.verbs.base import Shape
from tests.recipe.shelf import Shelf, step_of, wrong

EMPTY = "; write what belongs in it, or leave it out"
SHAPES = {
    "a list for text": (
        "replace: f\nwith: [$X for $Y in $Z]",
        [
            "8:11: `with` wants text, and YAML reads this as a list; if it is code, write: with: '[$X for $Y in $Z]'",
        ],
    ),
    "a map for text": (
        "replace: f\nwith: {k: v}",
        ["8:11: `with` wants text, and YAML reads this as a map; if it is code, write: with: '{k: v}'"],
    ),
    "a block list for text": (
        "replace: f\nwith:\n  - g",
        ["9:7: `with` wants text, and YAML reads this as a list."],
    ),
    "a comprehension for a list": (
        "edit: [$X for $Y in $Z]",
        [
            "7:11: `edit` wants text or a list of text, and YAML reads this as a list; if it is code, "
            "write: edit: '[$X for $Y in $Z]'",
        ],
    ),
    "a map for texts": (
        "edit: {k: v}",
        [
            "7:11: `edit` wants text or a list of text, and YAML reads this as a map; if it is code, "
            "write: edit: '{k: v}'",
        ],
    ),
    "text for pairs": ("edit: f\nto: g", ["8:9: `to` wants a map from text to text, and YAML reads this as text."]),
    "a list in pairs": (
        "edit: f\nto: {X: [$X for $Y in $Z]}",
        [
            "8:13: `to` wants a map from text to text, and YAML reads this as a list; if it is code, "
            "write: to: {X: '[$X for $Y in $Z]'}",
        ],
    ),
    "a map in a list": (
        "edit: [{a: b}]",
        [
            "7:12: `edit` wants text or a list of text, and YAML reads this as a map; if it is code, "
            "write: edit: ['{a: b}']",
        ],
    ),
    "an empty list of code": (
        "replace: []\nwith: f",
        [f"7:14: `replace` is an empty list{EMPTY}; if it is code, write: replace: '[]'"],
    ),
    "an empty map of code": (
        "replace: {}",
        [f"7:14: `replace` is an empty map{EMPTY}; if it is code, write: replace: '{{}}'"],
    ),
    "an empty list for another key": (
        "edit: f\nlocal: []",
        [f"8:12: `local` is an empty list{EMPTY}; if it is code, write: local: '[]'"],
    ),
    "an empty where": ("edit: f\nwhere: {}", [f"8:12: `where` is an empty map{EMPTY}."]),
    "a where of nothing": (
        "edit: f($X)\nwhere: {X: []}",
        [f"8:16: `where` is an empty list{EMPTY}; if it is code, write: where: {{X: '[]'}}"],
    ),
    "an empty scope": ("edit: f\nin: []", [f"8:9: `in` is an empty list{EMPTY}."]),
    "an empty requires": ("edit: f\nrequires: []", [f"8:15: `requires` is an empty list{EMPTY}."]),
    "a when of no import": ("edit: f\nwhen: {import: []}", [f"8:20: `import` is an empty list{EMPTY}."]),
    "a when of none": ("edit: f\nwhen: {any: []}", [f"8:17: `any` is an empty list{EMPTY}."]),
    "text for where": (
        "edit: f\nwhere: g",
        ["8:12: `where` wants a map from holes to text, a list of text, or a map, and YAML reads this as text."],
    ),
    "text for lists": (
        "requirements: x",
        ["7:19: `requirements` wants a map from words to lists or maps of text, and YAML reads this as text."],
    ),
    "text in lists": (
        "requirements: {drop: x}",
        ["7:26: `requirements` wants a map from words to lists or maps of text, and YAML reads this as text."],
    ),
    "a cut tail": (
        'edit: f("a # b")',
        [
            "7:11: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: edit: 'f(\"a # b\")'",
        ],
    ),
    "a cut tail in a list": (
        "edit:\n  - f\n  - g # h",
        [
            "9:9: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, write: - 'g # h'",
        ],
    ),
    "a cut tail in pairs": (
        "edit: f\nto:\n  X: g # h",
        [
            "9:10: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: X: 'g # h'",
        ],
    ),
}


@pytest.mark.parametrize(("text", "told"), SHAPES.values(), ids=SHAPES.keys())
def test_what_yaml_takes_for_something_else(shelf: Shelf, text: str, told: list[str]) -> None:
    assert wrong(shelf, text) == told


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("edit: [f, g]  # both", {"edit": ["f", "g"]}),
        ("edit: 'f'  # in quotes", {"edit": "f"}),
        ("edit: |\n  f  # of the code", {"edit": "f  # of the code\n"}),
        ("edit: ['for $X in $Y', 'def $_($$$)']", {"edit": ["for $X in $Y", "def $_($$$)"]}),
        ("edit: [$X if $Y else $Z]", {"edit": ["$X if $Y else $Z"]}),
        ("replace: {f: g, h: i}", {"replace": {"f": "g", "h": "i"}}),
        (
            "requirements:\n  drop:\n    - x # y\n  replace: {a: b}",
            {"requirements": {"drop": ["x"], "replace": {"a": "b"}}},
        ),
        (
            "edit: f\nwhere: {X: a, Y: [b], Z: {not: {from: c}}}",
            {"edit": "f", "where": {"X": "a", "Y": ["b"], "Z": {"not": {"from": "c"}}}},
        ),
    ],
)
def test_what_a_verb_is_given(shelf: Shelf, text: str, arguments: dict[str, Any]) -> None:
    step = step_of(shelf, text)
    assert step.arguments == arguments
    assert step.action == arguments


def test_every_shape_that_a_verb_may_want_is_known() -> None:
    assert set(LEVELS) == {shape.name for shape in Shape}
