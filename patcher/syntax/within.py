"""Which files and places a scope names: globs of paths, and behind `::` functions and classes."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence

from patcher.model import Scope

__all__ = ["covers", "encloses", "glob_match", "prefixes", "within"]


def glob_match(path: str, pattern: str) -> bool:
    """Match a POSIX path against a glob in which `*` stays in its folder and `**` stands for any number of folders."""
    return _match(path.split("/"), pattern.split("/"))


def _match(parts: Sequence[str], globs: Sequence[str]) -> bool:
    if not globs or not parts:
        return not globs and not parts
    if globs[0] == "**":
        rest = globs[1:] or ["*"]
        return any(_match(parts[start:], rest) for start in range(len(parts)))
    return fnmatch.fnmatchcase(parts[0], globs[0]) and _match(parts[1:], globs[1:])


def prefixes(qualname: str) -> list[str]:
    """Return a dotted name of a function or class, behind the names of all that is around it."""
    parts = qualname.split(".") if qualname else []
    return [".".join(parts[: count + 1]) for count in range(len(parts))]


def covers(scope: Scope, path: str) -> bool:
    """Tell whether a scope names a file, or something in it."""
    return all(glob_match(path, part.path) for part in scope.parts)


def encloses(scope: Scope, path: str, enclosing: list[str]) -> bool:
    """Tell whether a scope names a file and one of the functions and classes around a place in it."""
    return all(glob_match(path, part.path) and within(part.qualname, enclosing) for part in scope.parts)


def within(wanted: str | None, enclosing: list[str]) -> bool:
    """Tell whether a glob names one of the functions and classes around a place; None: anything."""
    return wanted is None or any(fnmatch.fnmatchcase(one, wanted) for one in enclosing if one)
