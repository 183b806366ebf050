"""A plan, and what a report of it has to know beside it."""

from __future__ import annotations

from dataclasses import dataclass

from patcher.model import Plan

__all__ = ["Told"]


@dataclass(frozen=True, slots=True)
class Told:
    """A plan, whether it was written, and what the user named, for the commands to run next: the tree, the recipe.

    `held`: nothing of it is written, because a step of it, or of another plan beside it, drifted.
    """

    plan: Plan
    written: bool
    tree: str
    recipe: str
    held: bool = False
