"""The JSON Schema: what the loader takes it takes too, and what an editor can see to be wrong it refuses."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from patcher.recipe import bundled_names, bundled_root
from patcher.recipe.schema import schema
from patcher.verbs import VERBS
from tests.helpers import ROOT, Patcher

STEP = {"id": "swap", "why": "because", "effect": "exact", "replace": "f($X)", "with": "g($X)"}
RECIPE = {"recipe": "mine", "summary": "An example", "steps": [STEP]}
CHECK = {"id": "train", "why": "because", "run": ["python", "train.py"]}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def recipe(**keys: Any) -> dict[str, Any]:
    return {**copy.deepcopy(RECIPE), **keys}


def step(*without: str, **keys: Any) -> dict[str, Any]:
    """Return a recipe of one step, with these keys and without those."""
    given = {key: value for key, value in STEP.items() if key not in without}
    return recipe(steps=[{**given, **{key.removesuffix("_"): value for key, value in keys.items()}}])


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_recipe_is_valid(validator: Draft202012Validator, name: str) -> None:
    text = (bundled_root() / name / "recipe.yaml").read_text()
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize("name", bundled_names())
def test_a_bundled_recipe_names_the_schema(name: str) -> None:
    file = bundled_root() / name / "recipe.yaml"
    first = file.read_text().splitlines()[0]
    hint, _, path = first.partition("=")
    assert hint == "# yaml-language-server: $schema"
    assert (file.parent / path).resolve() == ROOT / "docs" / "recipe.schema.json"


RIGHT = {
    "the smallest": recipe(),
    "text that looks like a number": step(with_=0),
    "text that looks like yes": step(optional=True),
    "a count": step(expect=1),
    "a count in words": step(expect="1..3"),
    "counts by file": step(expect={"total": "any", "each": 1}),
    "a count that a parameter gives": step(expect="${times}"),
    "a map of pairs": step("with", replace={"f($X)": "g($X)"}),
    "a hole that is not": step(where={"X": {"not": ["0", "1"]}}),
    "a hole that is unused": step(where={"X": {"unused": True}}),
    "a change of numbers": step(effect={"changes": "a little", "avoid": {"optimizer": "adam"}}),
    "a condition in a condition": step(when={"any": [{"import": "torch"}, {"not": {"optimizer": ["a", "b"]}}]}),
    "a recipe that is used": recipe(steps=[{"use": "device", "in": "a.py", "expect": {"literal": 1}}]),
    "a check": recipe(checks=[{**CHECK, "packages": ["torch", {"numpy": {"optimizer": "adam"}}], "seed": 0}]),
    "a reference without steps": recipe(checks=[{**CHECK, "reference": ["attention", {"without": ["swap"]}]}]),
}

WRONG = {
    "no steps": {key: value for key, value in RECIPE.items() if key != "steps"},
    "an empty list of steps": recipe(steps=[]),
    "an unknown key": recipe(step=[]),
    "a step with an unknown key": step(wiht="x"),
    "a step without a reason": step("why"),
    "a step without a verb": step("replace", "with"),
    "a step with two verbs": step(delete="f()"),
    "a key of another verb": step(under="if x"),
    "a list where text is meant": step(with_=["a"]),
    "a map where a list is meant": recipe(steps={"a": "b"}),
    "text where a map is meant": step(where="X"),
    "an effect that is none": step(effect="exakt"),
    "an effect that says nothing": step(effect={}),
    "changes that says nothing": step(effect="changes"),
    "a count that is none": step(expect="many"),
    "a negative count": step(expect=-1),
    "an id that is no name": step(id="Swap It"),
    "a yes that is none": step(optional="maybe"),
    "an empty list of scopes": step(in_=[]),
    "a text step without files": recipe(steps=[{**STEP, "text": "a"}]),
    "a use with a verb": recipe(steps=[{"use": "device", "replace": "a"}]),
    "a parameter without a default": recipe(parameters={"a": {"type": "int"}}),
    "a parameter of no type": recipe(parameters={"a": {"type": "integer", "default": 1}}),
    "a check with an unknown key": recipe(checks=[{**CHECK, "tolerance": 1}]),
    "a check whose run is a line": recipe(checks=[{**CHECK, "run": "python train.py"}]),
    "a device that is none": recipe(checks=[{**CHECK, "device": "tpu"}]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_valid(validator: Draft202012Validator, name: str) -> None:
    assert [error.message for error in validator.iter_errors(RIGHT[name])] == []


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_not_valid(validator: Draft202012Validator, name: str) -> None:
    assert not validator.is_valid(WRONG[name])


@pytest.mark.parametrize("verb", VERBS)
def test_every_key_of_every_verb_is_known(verb: str) -> None:
    properties = schema()["$defs"][f"verb-{verb}"]["properties"]
    assert set(VERBS[verb].KEYS) <= set(properties)


def test_the_command_prints_it(patcher: Patcher) -> None:
    result = patcher("schema")
    assert (result.code, result.stderr, result.json) == (0, "", schema())


def test_the_published_one_is_fresh(patcher: Patcher) -> None:
    """`patcher schema --output docs/recipe.schema.json` writes it."""
    assert (ROOT / "docs" / "recipe.schema.json").read_text() == patcher("schema").out
