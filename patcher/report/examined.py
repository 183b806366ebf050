"""What a machine lacks for a tree, as text and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from patcher.doctor import Finding, State, worst
from patcher.report.text import Paint

__all__ = ["examined_data", "examined_text"]

ROLES = {State.OK: "applied", State.MISSING: "drifted", State.ADVICE: "warn"}


def examined_text(found: Sequence[Finding], tree: str, python: str, paint: Paint) -> str:
    """Return a line for each finding, with its remedy below, then how many there are."""
    width = max((len(one.about) for one in found), default=0)
    lines = [paint(f"{tree}, run by {python}", "head")]
    for one in found:
        lines.append(f"  {paint(f'{one.state:7}', ROLES[one.state])}  {one.about:{width}}  {one.text}")
        if one.remedy:
            lines.append(f"  {'':7}  {'':{width}}  {paint(one.remedy, 'head')}")
    missing = sum(one.state is State.MISSING for one in found)
    lines += [
        "",
        f"{missing} {'thing is' if missing == 1 else 'things are'} missing." if missing else "Nothing is missing.",
    ]
    return "\n".join(lines) + "\n"


def examined_data(found: Sequence[Finding], tree: str, python: str) -> dict[str, Any]:
    """Return the same for --format json."""
    return {
        "tree": tree,
        "python": python,
        "exit_code": worst(found),
        "findings": [
            {"about": one.about, "state": str(one.state), "text": one.text, "remedy": one.remedy or None}
            for one in found
        ],
    }
