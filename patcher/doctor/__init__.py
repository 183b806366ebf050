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
from patcher.detect import Verdict, detect
from patcher.doctor.findings import findings, worst
from patcher.doctor.machine import machine
from patcher.doctor.measured import free_memory, measured, told
from patcher.doctor.seen import Finding, Seen, State
from patcher.doctor.wants import wants
from patcher.model import Recipe

__all__ = ["Finding", "State", "examine", "worst"]


def examine(
    checkout: Checkout, recipes: Iterable[Recipe], shims: Path, *, python: str, tree: str, measure: bool = False
) -> tuple[Finding, ...]:
    """Return what the machine has and lacks for a checkout; `tree` is what the user calls it.

    With `measure` a copy of the tree is trained for some steps, to say what batch fits and how long a run takes.

    Raises:
        TargetError: the checkout cannot be read, or `python` is no Python that runs.
    """
    wanted = wants(checkout)
    asked = machine(python, wanted.modules)
    seen = Seen(tree, checkout, wanted, asked, detect(recipes, checkout, shims), os.environ, Path.home())
    return (*findings(seen), *_sized(seen, measure))


def _sized(seen: Seen, measure: bool) -> Iterator[Finding]:
    sizings = [(fit.recipe, one) for fit in seen.fits if fit.verdict is Verdict.APPLIED for one in fit.recipe.sizes]
    for recipe, sizing in sizings:
        if not measure:
            what = f"How large a batch fits, and how long {sizing.check.why} takes, was not measured."
            yield Finding("batch", State.ADVICE, what, f"patcher doctor {shlex.quote(seen.tree)} --measure")
            continue
        device = "cuda" if seen.machine.devices else "cpu"
        found = measured(recipe, sizing, seen.checkout, seen.machine.python, device)
        yield from told(found, seen.machine.memory or free_memory())
