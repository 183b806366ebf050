"""`patcher show`: a recipe, step by step."""

from __future__ import annotations

import pytest

from patcher.recipe import bundled_names
from tests.helpers import Patcher
from tests.tiny import Tiny, replace

ROUND = ("abs($X)", "round($X)")


def shown(tiny: Tiny, *options: str) -> list[str]:
    result = tiny.patcher("show", tiny.file, *options)
    assert (result.code, result.stderr) == (0, "")
    return result.out.splitlines()


@pytest.mark.parametrize("name", bundled_names())
def test_every_bundled_recipe_is_shown(patcher: Patcher, name: str) -> None:
    result = patcher("show", name)
    assert (result.code, result.stderr) == (0, "")
    assert result.out.startswith(f"{name}: ")


def test_a_step_is_shown_with_its_verb_scope_expectation_reason_and_effect(tiny: Tiny) -> None:
    tiny.recipe(replace(*ROUND, within=["a.py", "b/**"], expect="1..2", effect={"changes": "much"}))
    assert shown(tiny) == [
        "tiny: A tiny recipe",
        "",
        "Steps",
        "  swap (replace in a.py, b/**; expects 1 to 2)",
        "      because",
        "      effect: changes: much",
    ]


def test_a_step_without_scope_and_expectation(tiny: Tiny) -> None:
    assert "  swap (replace; expects any number)" in shown(tiny.recipe(replace(*ROUND)))


def test_parameters_are_shown_with_their_choices_and_values(tiny: Tiny) -> None:
    kinds = {
        "kind": {"type": "choice", "choices": ["a", "b"], "default": "a", "help": "one of them"},
        "rate": {"type": "float", "default": "0.5"},
    }
    tiny.recipe(replace(*ROUND), parameters=kinds)
    told = shown(tiny, "-p", "rate=1.5")
    start = told.index("Parameters")
    assert told[start + 1 : start + 5] == ["  kind: a | b (now a)", "      one of them", "  rate: float (now 1.5)", ""]


def test_the_upstream_is_shown_with_the_commits_that_were_tried(tiny: Tiny) -> None:
    upstream = {"repository": "https://github.com/nobody/nothing", "tested": ["a" * 40]}
    assert shown(tiny.recipe(replace(*ROUND), upstream=upstream))[1] == (
        "For https://github.com/nobody/nothing, tried on aaaaaaa."
    )


def test_an_upstream_that_nobody_tried(tiny: Tiny) -> None:
    tiny.recipe(replace(*ROUND), upstream={"repository": "https://github.com/nobody/nothing"})
    assert shown(tiny)[1] == "For https://github.com/nobody/nothing."


def test_an_unknown_recipe_is_answered_with_the_nearest(patcher: Patcher) -> None:
    result = patcher("show", "devise")
    assert result.code == 2
    assert "did you mean `device`?" in result.stderr


def test_an_unknown_parameter_is_refused(patcher: Patcher) -> None:
    assert patcher("show", "hrm", "-p", "optimizr=adam").code == 2
