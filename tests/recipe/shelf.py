"""A shelf of recipes made for one test, with verbs that do nothing, and short ways to load one step of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from patcher.errors import PatternError, RecipeError, UsageError
from patcher.model import Recipe, Step
from patcher.recipe import load
from patcher.verbs.base import Shape


class Fake:
    """A verb that compiles to its arguments, and calls whatever says `oops` no pattern."""

    def __init__(self, tree_wide: bool = False, **keys: Shape) -> None:
        self.KEYS, self.TREE_WIDE = keys, tree_wide

    def compile(self, arguments: Mapping[str, Any]) -> Any:
        for at in _oops(arguments, ()):
            raise PatternError("`oops` is no pattern.", at)
        return dict(arguments)


def _oops(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _oops(below, (*at, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _oops(below, (*at, index))
    elif "oops" in value:
        # A verb takes one text for a list of one, and so leads one level too deep.
        yield (*at, 0) if at == ("edit",) else at


VERBS: Any = {
    "edit": Fake(edit=Shape.TEXTS, to=Shape.PAIRS, where=Shape.WHERE, local=Shape.TEXTS),
    "replace": Fake(replace=Shape.CODE_OR_PAIRS, **{"with": Shape.TEXT}),
    "requirements": Fake(tree_wide=True, requirements=Shape.LISTS),
}
HEAD = "recipe: {name}\nsummary: A demonstration\n"
STEP = "  - id: one\n    why: because\n    effect: exact\n    edit: f($X)\n"


class Shelf:
    """A folder of bundled recipes, made for one test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, name: str, body: str) -> Path:
        """Write a recipe of this name; its body starts on line 3."""
        path = self.root / name / "recipe.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(name=name) + body)
        return path

    def load(self, spec: str = "demo", **values: str) -> Recipe:
        return load(spec, values, library=self.root, verbs=VERBS)

    def problems(self, spec: str = "demo", **values: str) -> list[str]:
        with pytest.raises(RecipeError) as caught:
            self.load(spec, **values)
        return [str(told).removeprefix(f"{self.root}/") for told in caught.value.problems]

    def complaint(self, spec: str = "demo", **values: str) -> str:
        with pytest.raises(UsageError) as caught:
            self.load(spec, **values)
        return str(caught.value).replace(f"{self.root}/", "")


def step_of(shelf: Shelf, text: str, body: str = "", **values: str) -> Step:
    """Load a recipe of one step, which has these lines beside its id and why."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    effect = "" if "effect:" in text else "    effect: exact\n"
    shelf.add("demo", f"{body}steps:\n  - id: one\n    why: because\n{effect}{lines}")
    return shelf.load(**values).steps[0]


def wrong(shelf: Shelf, text: str) -> list[str]:
    """Return what is told of a step, whose own lines start on line 7; without the file's name."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    effect = "" if "effect:" in text else "    effect: exact\n"
    body = f"steps:\n  - id: one\n    why: because\n{lines}{effect}"
    shelf.add("demo", "parameters: {size: {type: int, default: 4}, kind: {choices: [a, b], default: a}}\n" + body)
    return [told.removeprefix("demo/recipe.yaml:") for told in shelf.problems()]


def use(shelf: Shelf, text: str, used: str = "steps:\n" + STEP, **values: str) -> Recipe:
    """Load a recipe that uses another with these lines, which start on line 8."""
    shelf.add("used", used)
    shelf.add(
        "demo",
        "parameters:\n  kind: {choices: [a, b, c], default: a}\nleave: {x: outer}\nsteps:\n  - use: used\n"
        + "".join(f"    {line}\n" for line in text.splitlines()),
    )
    return shelf.load(**values)
