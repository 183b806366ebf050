"""The keys that every step may have: `expect`, `effect` and `when`."""

from __future__ import annotations

import pytest

from patcher.model import Condition, Effect, EffectKind, Expect, Range
from tests.recipe.shelf import STEP, Shelf, step_of, wrong


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("1", Expect(Range(1, 1))),
        ("0", Expect(Range(0, 0))),
        ("1..3", Expect(Range(1, 3))),
        ("2..", Expect(Range(2, None))),
        ("any", Expect(Range(0, None))),
        ("{total: 4, each: 1, files: 1..3}", Expect(Range(4, 4), Range(1, 1), Range(1, 3))),
        ("{each: 1}", Expect(Range(0, None), Range(1, 1))),
    ],
)
def test_expect(shelf: Shelf, text: str, expect: Expect) -> None:
    assert step_of(shelf, f"edit: f\nexpect: {text}").expect == expect


def test_a_recipe_that_names_an_upstream_expects_at_least_one(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP)
    shelf.add("demo", "upstream: {repository: r}\nsteps:\n  - use: used\n" + STEP + "    expect: {each: 1}\n")
    assert [step.expect for step in shelf.load().steps] == [Expect(Range(1)), Expect(Range(1), Range(1, 1))]
    assert shelf.load("used").steps[0].expect == Expect(Range(0))


@pytest.mark.parametrize("text", ["..3", "-1", "3..1", "x", "1...2", "1.5"])
def test_a_count_that_is_none(shelf: Shelf, text: str) -> None:
    assert wrong(shelf, f"edit: f\nexpect: {text}") == [f"8:13: `{text}` is no count; write 1, 1..3, 2.. or any."]


@pytest.mark.parametrize("word", ["enables", "exact", "changes", "unreached"])
def test_effect_is_a_word_or_a_map(shelf: Shelf, word: str) -> None:
    if word != "changes":  # which must say what changes
        assert step_of(shelf, f"edit: f\neffect: {word}").effect == Effect(EffectKind(word))
    assert step_of(shelf, f"edit: f\neffect: {{{word}: why}}").effect == Effect(EffectKind(word), "why")


EFFECTS = {
    "changes": ["Say what changes and by how much, as in effect: {changes: steps twice as far}."],
    "exakt": ["`exakt` is no effect; did you mean `exact`?"],
    "{exakt: a}": ["The key `exakt` is not known here; did you mean `exact`?"],
    "{exact: a, changes: b}": ["An effect is one of enables, exact, changes, unreached, and here are 2 of them."],
    "{avoid: {kind: b}}": ["An effect is one of enables, exact, changes, unreached, and here are 0 of them."],
    "{exact: a, avoid: {knid: b}}": ["There is no parameter `knid`; did you mean `kind`?"],
    "{exact: a, avoid: {kind: c}}": ["`c` is no choice of `kind`; known: a, b."],
}


@pytest.mark.parametrize(("text", "told"), EFFECTS.items(), ids=EFFECTS.keys())
def test_an_effect_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    assert [line.partition(": ")[2] for line in wrong(shelf, f"edit: f\neffect: {text}")] == told


KIND_A, KIND_B = Condition("parameter", ("kind", "a")), Condition("parameter", ("kind", "b"), holds=True)
TORCH = Condition("import", ("torch", "flash_attn.ops"))
KINDS = "parameters: {kind: {choices: [a, b], default: a}}\n"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("{kind: b}", KIND_B),
        ("{kind: [a, b]}", Condition("any", inner=(KIND_A, KIND_B))),
        ("{import: [torch, flash_attn.ops]}", TORCH),
        ("{import: torch}", Condition("import", ("torch",))),
        ("{not: {kind: a}}", Condition("not", inner=(KIND_A,))),
        ("{any: [{kind: a}, {kind: b}]}", Condition("any", inner=(KIND_A, KIND_B))),
        (
            "{import: [torch, flash_attn.ops], not: {kind: a}}",
            Condition("all", inner=(TORCH, Condition("not", inner=(KIND_A,)))),
        ),
    ],
)
def test_when(shelf: Shelf, text: str, condition: Condition) -> None:
    assert step_of(shelf, f"edit: f\nwhen: {text}", KINDS, kind="b").when == condition


WHENS = {
    "{knid: a}": "8:12: There is no parameter `knid`; did you mean `kind`?",
    "{kind: c}": "8:18: `c` is no choice of `kind`; known: a, b.",
    "{size: x}": "8:18: `x` is not a whole number, as `size` wants.",
    "{import: [a b]}": "8:21: `a b` is no name of a module; write it as an import does, as in flash_attn.layers.",
    "{}": "8:11: This `when` tests nothing; name a parameter, `import`, `not` or `any`.",
    "{not: x}": "8:17: `when` wants a map, and YAML reads this as text.",
    "{any: {kind: a}}": "8:17: `any` wants a list, and YAML reads this as a map.",
}


@pytest.mark.parametrize(("text", "told"), WHENS.items(), ids=WHENS.keys())
def test_a_when_refused(shelf: Shelf, text: str, told: str) -> None:
    assert wrong(shelf, f"edit: f\nwhen: {text}") == [told]
