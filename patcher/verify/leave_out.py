"""A recipe without some of its steps, planned anew on the tree as it was before the recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.model import Change, Recipe
from patcher.plan import blocked, plan

__all__ = ["leave_out"]


def leave_out(
    recipe: Recipe, steps: Iterable[str], base: Checkout, shims: Path
) -> tuple[tuple[Change, ...], tuple[str, ...]]:
    """Return the changes without some steps, and the ids of those that cannot stand without them.

    Raises:
        PatcherError: the rest of the recipe has no sound result.
    """
    asked = set(steps)
    gone = set(asked)
    while True:
        gone |= {one.id for one in recipe.steps if gone.intersection(one.requires)}
        kept = tuple(one for one in recipe.steps if one.id not in gone)
        made = plan(replace(recipe, steps=kept), base, shims)
        drifted = {one.step.id for one in blocked(made)}
        if not drifted and not any(gone.intersection(one.requires) for one in kept):
            return made.changes, tuple(one.id for one in recipe.steps if one.id in gone - asked)
        gone |= drifted
