"""recipe.yaml to Recipe: finds recipe files, reads their keys, and has their steps expanded and compiled.

Everything wrong with a recipe and with those it uses is told at once, each with its file, line and column.
Nothing here reads a checkout or writes a file, and no recipe ever takes a bundled one's place.
"""

from __future__ import annotations

from patcher.recipe.library import SHIMS, Description, bundled_names, bundled_root, describe
from patcher.recipe.loader import load

__all__ = ["SHIMS", "Description", "bundled_names", "bundled_root", "describe", "load"]
