"""The errors: one tree, drawn in the module's docstring, each with its exit code."""

from __future__ import annotations

import inspect
import re

import pytest

from patcher import errors
from patcher.errors import PatcherError, PatternError, Problem, RecipeError

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, PatcherError)]


def drawn() -> dict[str, int]:
    """Return the classes below the root as the docstring draws them, with their exit codes."""
    assert errors.__doc__ is not None
    return {name: int(code) for name, code in re.findall(r"[├└]── (\w+) +\((\d+)\)", errors.__doc__)}


def test_the_tree_is_drawn_as_it_is() -> None:
    assert drawn() == {one.__name__: one.exit_code for one in CLASSES if one is not PatcherError}


def test_every_class_stands_right_below_the_root() -> None:
    assert {one.__bases__ for one in CLASSES if one is not PatcherError} == {(PatcherError,)}


def test_all_is_what_is_defined() -> None:
    defined = [name for name, value in vars(errors).items() if getattr(value, "__module__", "") == errors.__name__]
    assert sorted(errors.__all__) == sorted(defined)


def test_a_code_is_one_of_the_command_line() -> None:
    assert {one.exit_code for one in CLASSES} <= {2, 3, 5, 130}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_every_class_says_what_it_is_for(kind: type[PatcherError]) -> None:
    assert kind.__doc__ and kind.__doc__.rstrip().endswith(".")


def test_a_problem_is_told_with_its_place() -> None:
    assert str(Problem("a.yaml", 3, 7, "It is wrong.")) == "a.yaml:3:7: It is wrong."


def test_a_recipe_error_tells_every_problem_in_its_order() -> None:
    problems = (Problem("b.yaml", 9, 1, "It is wrong."), Problem("a.yaml", 1, 1, "So is this."))
    error = RecipeError(*problems)
    assert error.problems == problems
    assert str(error) == "b.yaml:9:1: It is wrong.\na.yaml:1:1: So is this."


def test_a_pattern_error_leads_to_the_culprit() -> None:
    error = PatternError("It is no pattern.", ("where", "D", 0))
    assert (str(error), error.at) == ("It is no pattern.", ("where", "D", 0))


def test_a_pattern_error_may_know_no_place() -> None:
    assert PatternError("It is no pattern.").at == ()
