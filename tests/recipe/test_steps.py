"""One step with a verb: its keys and its verb, and where code that does not compile is told."""

from __future__ import annotations

import pytest

from tests.recipe.shelf import STEP, Shelf, wrong

STEPS = {
    "no verb": ("", ["5:5: A step has one of the verbs edit, replace, requirements."]),
    "a misspelt verb": (
        "relpace: f\nwith: g",
        ["7:5: A step has one of the verbs edit, replace, requirements. `relpace` is none; did you mean `replace`?"],
    ),
    "two verbs": (
        "edit: f\nreplace: g\nwith: h",
        ["8:5: A step has one verb, and this has `edit` and `replace`; make two steps."],
    ),
    "a use and a verb": (
        "use: demo\nedit: f",
        [
            "7:10: With this step `demo` uses itself; take the step out.",
            "8:5: A step is a `use` or has a verb, and this has both; make two steps.",
        ],
    ),
    "a key of another verb": (
        "edit: f\nwith: g",
        [
            "8:5: The key `with` is not known here; known: edit, effect, expect, id, in, local, not_in, optional, "
            "proof, requires, to, when, where, why.",
        ],
    ),
    "a misspelt key": ("edit: f\nexpct: 1", ["8:5: The key `expct` is not known here; did you mean `expect`?"]),
    "an unknown parameter": (
        "edit: [f, 'g(${sise})']",
        [
            "7:15: There is no parameter `sise`; did you mean `size`? "
            "If `${sise}` is meant as it stands, write `$${sise}`.",
        ],
    ),
    "two keys that become one": (
        "edit: f\nto: {'${size}': a, '4': b}",
        ["8:9: Two keys of this map are the same once the parameters are filled in."],
    ),
    "optional": ("edit: f\noptional: true", ["8:15: `optional` is yes or no."]),
    "requires": ("edit: f\nrequires: [tow]", ["8:16: `demo` has no step `tow`; known: one."]),
    "requires itself": ("edit: f\nrequires: [one]", ["8:16: The step `one` requires itself; name a step above it."]),
}


@pytest.mark.parametrize(("text", "told"), STEPS.values(), ids=STEPS.keys())
def test_a_step_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    assert wrong(shelf, text) == told


def test_id_why_and_effect_are_needed(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n  - edit: f\n  - {id: a, why: b, edit: f, efect: exact}\n")
    assert shelf.problems() == [
        "demo/recipe.yaml:4:5: `id`, `why`, `effect` are missing here.",
        "demo/recipe.yaml:5:30: The key `efect` is not known here; did you mean `effect`?",
    ]


def test_ids_are_kebab_case_and_unique(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n" + STEP + STEP + STEP.replace("one", "a_b"))
    assert shelf.problems() == [
        "demo/recipe.yaml:8:9: The id `one` is taken above; give each its own.",
        "demo/recipe.yaml:12:9: `a_b` is not lower-case words joined by `-`, as `id` wants.",
    ]


def test_a_forgotten_dash_is_one_mistake(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n" + STEP + STEP.replace("  - id: one", "    id: two").replace("edit", "replace"))
    assert shelf.problems() == [
        "demo/recipe.yaml:8:5: The key `id` stands here a second time, first on line 4; "
        "a new entry of a list starts with `- `.",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("edit: oops", "7:11"),
        ("edit: [f, oops]", "7:15"),
        ("edit: |\n  f\n  oops", "7:11"),
        ("edit: f\nwhere: {D: [a, oops]}", "8:20"),
        ("edit: f\nwhere: {D: {not: oops}}", "8:22"),
        ("replace:\n  f: g\n  h: oops", "9:10"),
    ],
)
def test_code_that_does_not_compile_is_told_where_it_stands(shelf: Shelf, text: str, place: str) -> None:
    assert wrong(shelf, text) == [f"{place}: `oops` is no pattern."]


FOLDED = " YAML joins these lines by spaces; several lines of code go in a `|` block."


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("edit:\n  f\n  oops", FOLDED),
        ("edit: f\n  oops", FOLDED),
        ("edit: 'f\n  oops'", FOLDED),
        ("edit: >\n  f\n  oops", FOLDED),
        ("edit: [f, g\n  oops]", FOLDED),
        ("replace: f\nwith:\n  ${size}\n  oops", FOLDED),
        ("edit: >\n  oops\nlocal: a", ""),
        ("edit:\n  oops\nlocal: a", ""),
        ("edit: |\n  f\n  oops", ""),
        ("edit: [f,\n  oops]", ""),
    ],
)
def test_code_whose_lines_yaml_joins_says_how_to_keep_them(shelf: Shelf, text: str, hint: str) -> None:
    (told,) = wrong(shelf, text)
    assert told.partition(": ")[2] == f"`oops` is no pattern.{hint}"


def test_a_verb_is_not_compiled_from_what_is_wrong_already(shelf: Shelf) -> None:
    assert wrong(shelf, "edit: oops\nto: g") == [
        "8:9: `to` wants a map from text to text, and YAML reads this as text.",
    ]
