"""What the rules of the doctor look at, and what they find."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from patcher.checkout import Checkout
from patcher.detect import Fit
from patcher.doctor.machine import Machine
from patcher.doctor.wants import Wants
from patcher.model import Recipe

__all__ = ["Finding", "Seen", "State", "own"]


class State(StrEnum):
    """Whether something is there, is missing, or is worth a thought."""

    OK = "ok"
    MISSING = "missing"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a tree wants: whether it is there, and what to do if it is not."""

    about: str
    state: State
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the rules look at. `tree` is what the user calls the checkout, `variables` the environment's."""

    tree: str
    checkout: Checkout
    wants: Wants
    machine: Machine
    fits: tuple[Fit, ...]
    variables: Mapping[str, str]
    home: Path

    @property
    def own(self) -> Fit | None:
        """The recipe for this very upstream, if there is one."""
        return own(self.fits)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipe for this very upstream; where there is none, the general ones that fit or are applied."""
        return (self.own.recipe,) if self.own else tuple(fit.recipe for fit in self.fits if fit.whole)

    def apply(self, recipe: Recipe) -> str:
        """Return the command that applies a recipe, by its name, or by its path where no name leads to it."""
        named = recipe.name if recipe.bundled else str(Path(recipe.folder).resolve())
        return f"patcher apply {shlex.quote(self.tree)} --recipe {shlex.quote(named)}"


def own(fits: Iterable[Fit]) -> Fit | None:
    """Return the recipe for this very upstream that fits, or is applied; the best of them where a fork's does too."""
    return next((fit for fit in fits if fit.recipe.upstream and fit.whole), None)
