"""What a recipe finds on each commit that it was tried on: exact counts, kept beside it, so that a change is seen.

A recipe says how many places it counts on; a snapshot says how many there were. `patcher test --tree` compares the two
trees of numbers, and `-u` writes the new ones.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.model import Plan, Recipe
from patcher.plan import plan

__all__ = ["Snapshot", "snapshots"]

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of one tested commit as they are kept (None: not yet) and as they are found now."""

    commit: str
    file: Path
    kept: Counts | None
    found: Counts

    def differences(self) -> Iterator[str]:
        """Yield a sentence for each step whose counts are not those that are kept."""
        kept = self.kept or {}
        for step in dict.fromkeys((*kept, *self.found)):
            if kept.get(step) != self.found.get(step):
                yield f"{step}: {_said(kept.get(step))} kept, {_said(self.found.get(step))} found"

    def write(self) -> None:
        """Keep what was found.

        Raises:
            TargetError: the file cannot be written.
        """
        try:
            self.file.parent.mkdir(exist_ok=True)
            self.file.write_text(json.dumps(self.found, indent=2) + "\n")
        except OSError as error:
            raise TargetError(
                f"{self.file} cannot be written ({error.strerror}); is the recipe's folder yours?"
            ) from None


def snapshots(recipe: Recipe, upstream: Checkout, shims: Path) -> Iterator[Snapshot]:
    """Yield the snapshot of each tested commit; the tree at `upstream` is only read, through git."""
    for commit in recipe.upstream.tested if recipe.upstream else ():
        file = Path(recipe.folder, "snapshots", f"{commit[:12]}.json")
        kept = _kept(file)
        with tempfile.TemporaryDirectory(prefix="patcher-") as folder:
            upstream.export(commit, Path(folder))
            yield Snapshot(commit, file, kept, _counts(plan(recipe, Checkout.open(folder), shims)))


def _kept(file: Path) -> Counts | None:
    try:
        kept: Counts | None = json.loads(file.read_text()) if file.exists() else None
    except (OSError, ValueError) as error:
        raise TargetError(f"{file} cannot be read ({error}); delete it, and make it anew with -u.") from None
    return kept


def _counts(made: Plan) -> Counts:
    counts: Counts = {}
    for outcome in made.outcomes:
        own = counts[outcome.step.id] = {} if outcome.places else {outcome.status.value: 0}
        for place in outcome.places:
            own[place.status.value] = own.get(place.status.value, 0) + 1
    return counts


def _said(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(counts.items())) if counts else "nothing"
