"""How a module of the tree is called from the tree's root, and where it lies: its dotted name, and its path.

A folder need not be called as a name is (`Flag-DiT-ImageNet`, `v1.2`): what lies in it is imported relatively.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

__all__ = ["folders_of", "joined", "module_name", "package_of"]

# Stands for a dot in the name of a folder, as dots divide the names of modules.
DOT_OF_FOLDER = "\N{ONE DOT LEADER}"


def module_name(path: str) -> str:
    """Return the dotted name under which a file of the tree is imported from the tree's root."""
    parts = PurePosixPath(path).with_suffix("").parts
    return joined(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(path: str) -> tuple[str, ...]:
    """Return the packages, from the root down, in which a file of the tree lies."""
    return tuple(part.replace(".", DOT_OF_FOLDER) for part in PurePosixPath(path).parent.parts)


def joined(parts: Iterable[str]) -> str:
    """Return the dotted name of a module in some folders."""
    return ".".join(part.replace(".", DOT_OF_FOLDER) for part in parts)


def folders_of(module: str) -> list[str]:
    """Return the folders, and at the end the file, in which a module (dotted) lies."""
    return [part.replace(DOT_OF_FOLDER, ".") for part in module.split(".")]
