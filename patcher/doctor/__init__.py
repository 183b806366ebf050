"""What a machine lacks for a tree: read the tree, ask the interpreter, and say what is missing and how it is mended.

Nothing of the tree is run or imported unless it is to be measured, and nothing is written. Packages are imported, each
in a process of its own.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher.checkout import Checkout
from patcher.detect import Fit, Verdict, detect
from patcher.doctor.findings import findings, worst
from patcher.doctor.machine import machine
from patcher.doctor.measured import free_memory, measured, told
from patcher.doctor.seen import Finding, Seen, State, own
from patcher.doctor.wants import Wants, wants
from patcher.files.requirements import canonical
from patcher.model import Recipe
from patcher.syntax.draft import glob_match

__all__ = ["Finding", "State", "examine", "worst"]


def examine(
    checkout: Checkout, recipes: Iterable[Recipe], shims: Path, *, python: str, tree: str, measure: bool = False
) -> tuple[Finding, ...]:
    """Return what the machine has and lacks for a checkout; `tree` is what the user calls it.

    With `measure` a copy of the tree is trained for some steps, to say what batch fits and how long a run takes.

    Raises:
        TargetError: the checkout cannot be read, or `python` is no Python that runs.
    """
    fits = detect(recipes, checkout, shims)
    wanted = wants(checkout, _read(checkout, fits))
    asked = machine(python, wanted.modules, _needed(wanted, fits), "wandb" if wanted.logs else "")
    seen = Seen(tree, checkout, wanted, asked, fits, os.environ, Path.home())
    return (*findings(seen), *_sized(seen, measure))


def _read(checkout: Checkout, fits: Iterable[Fit]) -> Iterator[str]:
    """Yield the files that count: what the recipe for this upstream leaves alone is vendored, or used by nobody."""
    mine = own(fits)
    left = mine.recipe.leave if mine else ()
    return (path for path in checkout.paths if not any(glob_match(path, glob) for glob in left))


def _needed(wanted: Wants, fits: Iterable[Fit]) -> dict[str, str]:
    """Return what the recipe's runs need and the tree's requirements list: what only the first says may be a choice."""
    mine = own(fits)
    names = {name for check in mine.recipe.checks for name in check.packages} if mine else set()
    return {name: path for name in sorted(names) if (path := wanted.listed.get(canonical(name)))}


def _sized(seen: Seen, measure: bool) -> Iterator[Finding]:
    mine = seen.own
    if measure and mine and mine.recipe.sizes and mine.verdict is not Verdict.APPLIED:
        what = (
            f"Nothing was measured: that is done on a copy of the patched tree, and {mine.recipe.name} is not applied."
        )
        yield Finding("batch", State.ADVICE, what, seen.apply(mine.recipe))
    applied = [fit.recipe for fit in seen.fits if fit.verdict is Verdict.APPLIED and fit.recipe in seen.recipes]
    for recipe, sizing in ((one, sizing) for one in applied for sizing in one.sizes):
        if not measure:
            what = f"How large a batch fits, and how long {sizing.check.why} takes, was not measured."
            yield Finding("batch", State.ADVICE, what, f"patcher doctor {shlex.quote(seen.tree)} --measure")
            continue
        device = "cuda" if seen.machine.devices else "cpu"
        found = measured(recipe, sizing, seen.checkout, seen.machine.python, device)
        yield from told(found, seen.machine.memory or free_memory())
