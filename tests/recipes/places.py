"""Where a tree differs from its commit."""

from __future__ import annotations

import re
from pathlib import Path

from tests.helpers import git

__all__ = ["touched"]


def touched(tree: Path) -> dict[str, set[int]]:
    """Return the lines of the commit that are no longer there, and those before what was inserted, by file."""
    found: dict[str, set[int]] = {}
    for file in re.split(r"^diff --git ", git(tree, "diff", "--unified=0"), flags=re.MULTILINE)[1:]:
        name = file.partition(" b/")[2].partition("\n")[0]
        for start, count in re.findall(r"^@@ -(\d+)(?:,(\d+))? ", file, flags=re.MULTILINE):
            found.setdefault(name, set()).update(range(int(start), int(start) + int(count or 1)))
    return found
