"""What an apply was asked for, and what it planned: the records that pass between planning, writing and telling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from patcher.apply import Job
from patcher.cli.chosen import Chosen
from patcher.model import Change, Plan

__all__ = ["Asked", "Planned", "together"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of an apply; `commit` is what one commit holds, a `recipe` or a `step`, or nothing."""

    path: str
    recipe: str | None = None
    params: tuple[str, ...] = ()
    diff: bool = False
    check: bool = False
    interactive: bool = False
    staged: bool = False
    allow_dirty: bool = False
    allow_python: bool = False
    partial: bool = False
    lock: bool = False
    commit: str = ""
    branch: str | None = None
    form: str = "text"
    output: Path | None = None

    @property
    def looking(self) -> bool:
        """Whether nothing is to be written."""
        return self.diff or self.check or self.form == "patch"


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe, its plan, and what is written of it."""

    chosen: Chosen
    plan: Plan
    job: Job


def together(planned: Sequence[Planned]) -> list[Change]:
    """Return what all plans come to, one change a file."""
    found: dict[str, Change] = {}
    for change in (change for one in planned for change in one.job.changes):
        found[change.path] = replace(change, before=found.get(change.path, change).before)
    return [found[path] for path in sorted(found) if found[path].before != found[path].after]
