"""`.patcher/lock.yaml`: what a fork says of the recipes that are applied in it; meant to be committed, read by hooks.

It is written only where somebody asks for it. Whether a step is already done is never read from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from patcher import __version__
from patcher.checkout import OWN, Checkout
from patcher.errors import TargetError
from patcher.model import Change, Plan

__all__ = ["LOCK", "Declined", "Lock", "Locked", "lock_change", "lock_data", "lock_entry", "locked", "read_lock"]

LOCK = f"{OWN}/lock.yaml"
FORMAT = 1
HEAD = "# Written by patcher: the recipes that are applied in this tree. Commit it; `patcher apply .` reads it.\n"


@dataclass(frozen=True, slots=True)
class Declined:
    """An edit that a person said no to. `digest` is of what it would have changed, `version` of the step that asked."""

    step: str
    path: str
    digest: str
    version: str


@dataclass(frozen=True, slots=True)
class Locked:
    """One recipe as it is applied: its name, path or URL, and what tells this version of it from another.

    `upstream` is the commit that it was applied to. `source` is where a recipe from elsewhere was taken from: `url`,
    `commit` and `sha256`. `proofs` are the keys of the records of equality that held.
    """

    recipe: str
    version: str
    digest: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    upstream: str = ""
    plan: str = ""
    source: Mapping[str, str] = field(default_factory=dict)
    declined: tuple[Declined, ...] = ()
    proofs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lock:
    """The recipes of a tree, in the order in which they are applied."""

    recipes: tuple[Locked, ...] = ()

    def of(self, recipe: str) -> Locked | None:
        """Return what is said of a recipe."""
        return next((one for one in self.recipes if one.recipe == recipe), None)

    def having(self, entry: Locked) -> Lock:
        """Return the lock with an entry, in the place of the one of the same recipe, else as the last."""
        there = [entry if one.recipe == entry.recipe else one for one in self.recipes]
        return Lock(tuple(there if self.of(entry.recipe) else (*there, entry)))


def read_lock(checkout: Checkout) -> Lock:
    """Return the lock of a tree; one without any has no recipes.

    Raises:
        TargetError: it cannot be read, or is none that this version knows.
    """
    if not checkout.exists(LOCK):
        return Lock()
    return locked(checkout.read(LOCK))


def locked(data: bytes) -> Lock:
    """Return the lock that a file holds.

    Raises:
        TargetError: it is none that this version knows.
    """
    try:
        found = yaml.safe_load(data.decode("utf-8")) or {}
        if found["format"] != FORMAT:
            raise TargetError(
                f"{LOCK} has the format {found['format']}: use the patcher that wrote it, or a newer one."
            )
        return Lock(tuple(_entry(one) for one in found["recipes"]))
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise TargetError(
            f"{LOCK} is no lock of patcher's: take it from git, or delete it and apply the recipe with --lock."
        ) from None


def lock_entry(
    plan: Plan,
    name: str,
    head: str | None,
    old: Locked | None,
    declined: Iterable[Declined] | None = None,
    proofs: Mapping[str, str] | None = None,
) -> Locked:
    """Return what a lock says of a recipe that is applied by a plan; `name` is how the tree names it.

    What the entry before it said stays where the plan says nothing new: the commit that the recipe was applied to is
    not the one of a fork that has it already.
    """
    recipe = plan.recipe
    same = old is not None and not plan.changes and (old.digest, old.parameters) == (recipe.digest, dict(recipe.values))
    return Locked(
        recipe=name,
        version=old.version if same and old else __version__,
        digest=recipe.digest,
        parameters=dict(recipe.values),
        upstream=(old.upstream if old else "") or head or "",
        plan=plan.digest if plan.changes or old is None else old.plan,
        source=dict(recipe.source),
        declined=tuple(declined) if declined is not None else old.declined if old else (),
        proofs=dict(proofs) if proofs is not None else old.proofs if old else {},
    )


def lock_change(checkout: Checkout, lock: Lock) -> Change | None:
    """Return the change that writes a lock into a tree, or nothing where it stands there already."""
    before = checkout.read(LOCK) if checkout.exists(LOCK) else None
    after = lock_data(lock)
    return Change(LOCK, before, after) if before != after else None


def _entry(found: Mapping[str, Any]) -> Locked:
    return Locked(
        recipe=str(found["recipe"]),
        version=str(found["version"]),
        digest=str(found["digest"]),
        parameters=_texts(found.get("parameters")),
        upstream=str(found.get("upstream", "")),
        plan=str(found.get("plan", "")),
        source=_texts(found.get("source")),
        declined=tuple(Declined(**_texts(one)) for one in found.get("declined") or ()),
        proofs=_texts(found.get("proofs")),
    )


def _texts(found: Mapping[str, Any] | None) -> dict[str, str]:
    return {str(name): str(value) for name, value in (found or {}).items()}


def lock_data(lock: Lock) -> bytes:
    """Return a lock as it stands in its file; what is empty is left out."""
    recipes = [
        {name: _plain(getattr(one, name)) for name in one.__dataclass_fields__ if getattr(one, name)}
        for one in lock.recipes
    ]
    text = yaml.safe_dump({"format": FORMAT, "recipes": recipes}, sort_keys=False, allow_unicode=True, width=120)
    return (HEAD + text).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [{name: getattr(one, name) for name in one.__dataclass_fields__} for one in value]
    return value
