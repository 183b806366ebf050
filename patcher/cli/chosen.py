"""The recipes of one apply: the one that the user names, else those of the tree's lock in their order."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.cli.common import load_recipe
from patcher.errors import UsageError
from patcher.lock import LOCK, Lock, Locked, read_lock
from patcher.model import Recipe

__all__ = ["Chosen", "chosen", "named_in_lock", "only", "out_of_reach"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A recipe, what the user would type behind --recipe, what the lock calls it, and what the lock says of it."""

    recipe: Recipe
    spec: str
    name: str
    locked: Locked | None

    def notes(self, tree: str, *, from_lock: bool) -> Iterator[str]:
        """Yield what differs between the recipe and its entry in the lock."""
        if self.locked is None:
            return
        name, given = self.recipe.name, dict(self.recipe.values)
        if self.locked.digest != self.recipe.digest:
            yield (
                f"Note: the recipe {name} was changed since {LOCK} was written (by patcher {self.locked.version}); "
                f"`patcher apply {shlex.quote(tree)} --lock` takes note of it."
            )
        if not from_lock and given != dict(self.locked.parameters):
            values = ", ".join(f"{one}={value}" for one, value in self.locked.parameters.items())
            yield f"Note: {LOCK} has {name} with {values}; `patcher apply {shlex.quote(tree)}` applies it so."


def chosen(tree: str, checkout: Checkout, lock: Lock, recipe: str | None, params: tuple[str, ...]) -> list[Chosen]:
    """Return the recipes to apply.

    Raises:
        UsageError: none is named, neither here nor in the lock.
    """
    if recipe is not None:
        loaded = load_recipe(recipe, params)
        name = named_in_lock(recipe, loaded, checkout)
        return [Chosen(loaded, recipe, name, lock.of(name))]
    if params:
        raise UsageError(f"`-p {params[0]}` sets a parameter of a recipe; name that with --recipe.")
    if not lock.recipes:
        raise UsageError(
            f"{tree} has no {LOCK} that names a recipe; name one with --recipe (see `patcher list`), "
            "and --lock keeps it there."
        )
    return [_locked(entry, tree) for entry in lock.recipes]


def only(tree: str, recipe: str | None, params: tuple[str, ...]) -> Chosen:
    """Return the one recipe to look at.

    Raises:
        UsageError: none is named, neither here nor in the tree's lock, or the lock names several.
    """
    if recipe is not None:
        return Chosen(load_recipe(recipe, params), recipe, recipe, None)
    checkout = Checkout.open(tree)
    found = chosen(tree, checkout, read_lock(checkout), None, params)
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise UsageError(f"{Path(tree, LOCK)} names several recipes ({names}); name one of them with --recipe.")
    return found[0]


def _locked(entry: Locked, tree: str) -> Chosen:
    spec = entry.recipe
    if spec.startswith((".", "/")):
        spec = os.path.normpath(Path(tree, spec))
        spec = spec if spec.startswith((".", "/")) else f"./{spec}"
    params = tuple(f"{name}={value}" for name, value in entry.parameters.items())
    if spec.startswith((".", "/")) and not Path(spec).exists():
        raise UsageError(
            f"{Path(tree, LOCK)} names the recipe {entry.recipe}, and nothing is at {spec}; put the recipe there, or "
            "name it with --recipe and --lock."
        )
    return Chosen(load_recipe(spec, params, entry.source), spec, entry.recipe, entry)


def out_of_reach(one: Chosen, checkout: Checkout) -> Iterator[str]:
    """Say so if a clone of the fork would not have the recipe that its lock names."""
    if not one.name.startswith("."):
        return
    path = os.path.normpath(Path(checkout.prefix, one.name))
    if path.startswith(".."):
        yield f"Note: {LOCK} names the recipe {one.name}, which a clone will not have; put the recipe into the fork."
    elif checkout.is_git and checkout.repository.status([one.name.removeprefix("./")]):
        yield f"Note: {LOCK} names the recipe {one.name}, which is not committed as it is; commit it too."


def named_in_lock(spec: str, recipe: Recipe, checkout: Checkout) -> str:
    """Return what the lock calls a recipe: its name, its URL without the commit, or its path from the tree's root."""
    if recipe.source:
        return recipe.source["recipe"]
    if recipe.bundled or not ("/" in spec or spec.endswith(".yaml") or spec in (".", "..")):
        return recipe.name
    path = Path(os.path.relpath(Path(spec).resolve(), checkout.root)).as_posix()
    return path if path.startswith("..") else f"./{path}"
