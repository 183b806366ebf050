"""The miniatures patched, and what verify says of them beside their goldens."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.helpers import ROOT, Patcher, fixture_tree

__all__ = ["patched", "verified"]


def patched(patcher: Patcher, target: Path, recipe: str, **parameters: str) -> Path:
    """Return a copy of a miniature with the recipe of its name applied."""
    tree = fixture_tree(recipe, target)
    assert patcher("apply", tree, "-r", recipe, *_given(parameters)).code == 0
    return tree


def verified(
    patcher: Patcher, tree: Path, recipe: str, golden: str, *options: str, check: str = "train", **parameters: str
) -> dict[str, Any]:
    """Return what verify says of one check beside a golden of the miniature, with its exit code."""
    file = ROOT / "fixtures" / "golden" / recipe / f"{golden}.json"
    given = (*_given(parameters), "--check", check, "--golden", file, "--python", sys.executable, "--format", "json")
    result = patcher("verify", tree, "-r", recipe, *given, *options)
    (found,) = json.loads(result.out)["checks"]
    return {**found, "exit_code": result.code}


def _given(parameters: dict[str, str]) -> tuple[str, ...]:
    return tuple(word for name, value in parameters.items() for word in ("-p", f"{name}={value}"))
