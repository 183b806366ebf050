"""What `use` makes of other recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.errors import RecipeError
from patcher.model import Condition, Effect, EffectKind, Expect, Range
from tests.recipe.shelf import HEAD, STEP, Shelf, use


def test_used_steps_stand_in_place_under_their_recipe(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP)
    shelf.add("outer", "steps:\n  - use: inner\n" + STEP.replace("one", "two") + "    requires: [inner/one]\n")
    shelf.add("demo", "steps:\n" + STEP + "  - use: outer\n" + STEP.replace("one", "three"))
    steps = shelf.load().steps
    assert [step.id for step in steps] == ["one", "outer/inner/one", "outer/two", "three"]
    assert steps[2].requires == ("outer/inner/one",)
    assert [step.origin.removeprefix(f"{shelf.root}/") for step in steps] == [
        "demo/recipe.yaml:4:5",
        "inner/recipe.yaml:4:5",
        "outer/recipe.yaml:5:5",
        "demo/recipe.yaml:9:5",
    ]


def test_steps_of_steps_are_named_by_their_way(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP + STEP.replace("one", "two"))
    recipe = use(shelf, "expect: {inner/one: 7}\nskip: inner/two", "steps:\n  - use: inner\n")
    assert [(step.id, step.expect.total) for step in recipe.steps] == [("used/inner/one", Range(7, 7))]


def test_a_path_in_use_leads_from_the_recipe_that_says_it(shelf: Shelf, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    mine.write_text(HEAD.format(name="mine") + "steps:\n  - use: ./other.yaml\n")
    other.write_text(HEAD.format(name="other") + "steps:\n" + STEP)
    assert [step.id for step in shelf.load(str(mine)).steps] == ["other/one"]


USED = """\
parameters:
  way: {choices: [a, b, c], default: b}
  rate: {type: expr, default: "0"}
steps:
  - id: one
    why: "${way}"
    edit: f(${rate})
    effect: {changes: much, avoid: {way: b}}
    when: {way: a}
"""


def test_with_sets_the_parameters_of_the_used_recipe(shelf: Shelf) -> None:
    step = use(shelf, 'with: {way: "${kind}", rate: config.lr}', USED, kind="c").steps[0]
    assert (step.why, step.arguments["edit"]) == ("c", "f(config.lr)")
    assert step.when == Condition("parameter", ("way", "a"), holds=False)


def test_without_with_the_defaults_hold(shelf: Shelf) -> None:
    step = use(shelf, "", USED).steps[0]
    assert (step.why, step.arguments["edit"]) == ("b", "f(0)")


def test_avoid_is_in_the_parameters_that_the_user_has(shelf: Shelf) -> None:
    assert use(shelf, 'with: {way: "${kind}"}', USED).steps[0].effect.avoid == (("kind", "b"),)
    assert use(shelf, "with: {way: a}", USED).steps[0].effect.avoid == ()
    assert use(shelf, "", USED).steps[0].effect.avoid == ()


def test_avoid_goes_through_every_use(shelf: Shelf) -> None:
    shelf.add("inner", USED)
    between = (
        'parameters: {mode: {choices: [a, b, c], default: a}}\nsteps:\n  - use: inner\n    with: {way: "${mode}"}\n'
    )
    assert use(shelf, 'with: {mode: "${kind}"}', between).steps[0].effect.avoid == (("kind", "b"),)


def test_when_of_both_must_hold(shelf: Shelf) -> None:
    outer, inner = Condition("import", ("torch",)), Condition("parameter", ("way", "a"))
    assert use(shelf, "when: {import: torch}", USED).steps[0].when == Condition("all", inner=(outer, inner))
    assert use(shelf, "when: {import: torch}").steps[0].when == outer


def test_expect_of_the_use_overrides(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + "    expect: 1\n" + STEP.replace("one", "two") + "    expect: 2\n"
    assert [step.expect for step in use(shelf, "expect: {two: any}", two).steps] == [
        Expect(Range(1, 1)),
        Expect(Range(0)),
    ]


def test_effect_of_the_use_overrides(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + STEP.replace("one", "two")
    said = use(shelf, "effect: {two: enables}", two).steps
    assert [step.effect for step in said] == [Effect(EffectKind.EXACT), Effect(EffectKind.ENABLES)]


def test_effect_of_the_use_is_in_the_words_of_the_user(shelf: Shelf) -> None:
    (step,) = use(shelf, "effect: {one: {changes: less, avoid: {kind: b}}}", USED).steps
    assert step.effect == Effect(EffectKind.CHANGES, "less", (("kind", "b"),))


def test_skip_leaves_steps_out(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + STEP.replace("one", "two")
    assert [step.id for step in use(shelf, "skip: [one]", two).steps] == ["used/two"]


def test_leave_of_both_holds_and_the_outer_has_the_last_word(shelf: Shelf) -> None:
    assert use(shelf, "", "leave: {x: inner, y: inner}\nsteps:\n" + STEP).leave == {"x": "outer", "y": "inner"}


def test_what_is_left_of_a_used_recipe_but_its_steps_is_not_taken(shelf: Shelf) -> None:
    recipe = use(shelf, "", "upstream: {repository: r}\nnext: [{run: a, why: b}]\nsteps:\n" + STEP)
    assert (recipe.upstream, recipe.next, recipe.steps[0].expect) == (None, (), Expect(Range(0)))


USES = {
    "an unknown step in expect": ("expect: {ome: 1}", ["8:14: `used` has no step `ome`; did you mean `one`?"]),
    "an unknown step in skip": ("skip: [ome]", ["8:12: `used` has no step `ome`; did you mean `one`?"]),
    "a skipped step in expect": (
        "skip: [one]\nexpect: {one: 1}",
        ["9:14: The step `one` is skipped; expect nothing of it."],
    ),
    "an unknown step in effect": ("effect: {ome: exact}", ["8:14: `used` has no step `ome`; did you mean `one`?"]),
    "a skipped step in effect": (
        "skip: [one]\neffect: {one: exact}",
        ["9:14: The step `one` is skipped; claim nothing of it."],
    ),
    "an effect that there is not": (
        "effect: {one: enable}",
        ["8:19: `enable` is no effect; did you mean `enables`?"],
    ),
    "an unknown parameter": ("with: {wy: a}", ["8:12: There is no parameter `wy`; did you mean `way`?"]),
    "a value of another type": (
        "with: {rate: 'a, b'}",
        ["8:18: `a, b` is not one Python expression, as `rate` wants."],
    ),
    "a value that is no choice": ("with: {way: d}", ["8:17: `d` is no choice of `way`; known: a, b, c."]),
    "a value that is no text": (
        "with: {way: [a]}",
        ["8:17: `way` wants text, and YAML reads this as a list; if it is code, write: with: {way: '[a]'}"],
    ),
    "a value that a comment cuts": (
        "with:\n  rate: a # b",
        [
            "9:13: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: rate: 'a # b'",
        ],
    ),
    "an unknown parameter of the outer recipe": (
        'with: {way: "${knid}"}',
        [
            "8:17: There is no parameter `knid`; did you mean `kind`? "
            "If `${knid}` is meant as it stands, write `$${knid}`.",
        ],
    ),
    "a key of a verb step": (
        "why: because",
        ["8:5: The key `why` is not known here; known: effect, expect, in, not_in, skip, use, when, with."],
    ),
}


@pytest.mark.parametrize(("text", "told"), USES.values(), ids=USES.keys())
def test_a_use_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        use(shelf, text, USED)
    assert [f"{told.line}:{told.column}: {told.message}" for told in caught.value.problems] == told


def test_the_same_recipe_is_not_used_twice(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP)
    shelf.add("demo", "steps:\n  - use: used\n    in: a.py\n  - use: used\n    in: b.py\n")
    assert shelf.problems() == [
        "demo/recipe.yaml:6:10: `used` is used above already; put both scopes in one `in`.",
    ]


def test_a_step_that_another_needs_is_not_skipped_alone(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + STEP.replace("one", "two") + "    requires: [one]\n"
    with pytest.raises(RecipeError, match=r":8:12: The step `two` requires `one`; skip both or none\.$"):
        use(shelf, "skip: [one]", two)
    assert use(shelf, "skip: [one, two]", two).steps == ()


def test_a_recipe_that_uses_itself(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n  - use: demo\n")
    shelf.add("demo", "steps:\n  - use: used\n")
    assert shelf.problems() == ["used/recipe.yaml:4:10: With this step `demo` uses itself; take the step out."]


def test_steps_of_a_used_recipe_that_is_wrong_are_not_unknown_too(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP.replace("one", "One"))
    shelf.add("demo", "steps:\n  - use: used\n    expect: {one: 1}\n    skip: [two]\n")
    assert shelf.problems() == [
        "used/recipe.yaml:4:9: `One` is not lower-case words joined by `-`, as `id` wants.",
    ]


def test_a_mistake_in_a_recipe_that_is_used_twice_is_told_once(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP.replace("f($X)", "oops"))
    shelf.add("outer", "steps:\n  - use: inner\n")
    shelf.add("demo", "steps:\n  - use: inner\n  - use: outer\n")
    assert shelf.problems() == ["inner/recipe.yaml:7:11: `oops` is no pattern."]
