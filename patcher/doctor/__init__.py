"""What a machine lacks for a tree: read the tree, ask the interpreter, and say what is missing and how it is mended.

Nothing of the tree is run or imported, and nothing is written. Packages are imported, each in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from patcher.checkout import Checkout
from patcher.detect import detect
from patcher.doctor.findings import Finding, Seen, State, findings, worst
from patcher.doctor.machine import machine
from patcher.doctor.wants import wants
from patcher.model import Recipe

__all__ = ["Finding", "State", "examine", "worst"]


def examine(
    checkout: Checkout, recipes: Iterable[Recipe], shims: Path, *, python: str, tree: str
) -> tuple[Finding, ...]:
    """Return what the machine has and lacks for a checkout; `tree` is what the user calls it.

    Raises:
        TargetError: the checkout cannot be read, or `python` is no Python that runs.
    """
    wanted = wants(checkout)
    asked = machine(python, wanted.modules)
    fits = detect(recipes, checkout, shims)
    return findings(Seen(tree, checkout, wanted, asked, fits, os.environ, Path.home()))
