"""What each step does to the numbers, measured: the tree without it is trained too, and its claim is judged.

The tree without a step is planned anew from the tree as it was before the recipe, with every step but that one and
those that cannot stand without it. Two steps whose absence gives the same tree share one run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import PatcherError
from patcher.model import Change, EffectKind, Plan, Recipe, Status, Step
from patcher.plan import blocked, plan
from patcher.verify.compare import Difference, differences, wanted
from patcher.verify.golden import Golden
from patcher.verify.judge import Judge
from patcher.verify.lines import lines_of
from patcher.verify.run import Ask, Bench, Run

__all__ = ["Ablation", "Entry", "Measured"]


class Measured(StrEnum):
    """What a step is found to do."""

    ENABLES = "enables"
    EXACT = "exact"
    CHANGES = "changes"
    UNREACHED = "unreached"
    ABSENT = "absent"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: a step, what it claims and what was measured.

    `holds` None: not judged. `together` are the steps that fell with it. `first` is where the numbers part, and `worst`
    where they are furthest apart.
    """

    step: Step
    measured: Measured
    holds: bool | None
    reason: str
    together: tuple[str, ...] = ()
    first: Difference | None = None
    worst: Difference | None = None


@dataclass(slots=True)
class Ablation:
    """The trainings of one check over one tree: with every step, and without one of them.

    `base` is the tree before the recipe and `whole` the plan over it. `golden` says what is allowed. `other` loads the
    recipe with other values of its parameters.
    """

    judge: Judge
    bench: Bench
    base: Checkout
    whole: Plan
    shims: Path
    golden: Golden
    other: Callable[[Mapping[str, str]], Recipe]
    _runs: dict[str, Run] = field(default_factory=dict)

    @property
    def usual(self) -> Run:
        """The tree with every step, trained."""
        return self._run(self.whole.changes, "with every step", _edited(self.whole))

    def ledger(self) -> Iterator[Entry]:
        """Yield a line for each step of the recipe, as it is measured."""
        usual = self.usual
        applied = [one for one in self.whole.outcomes if one.count(Status.APPLIED)]
        for outcome in self.whole.outcomes:
            if outcome in applied:
                yield self._entry(outcome.step, usual, f"{applied.index(outcome) + 1} of {len(applied)}")
            else:
                reason = outcome.reason or "It finds nothing to change in this tree."
                yield Entry(outcome.step, Measured.ABSENT, None, reason)

    def _run(self, changes: Iterable[Change], what: str, lines: Mapping[str, tuple[int, ...]] | None = None) -> Run:
        """Train a tree, or return what came of the same tree before."""
        overlay = {change.path: change.after for change in changes}
        key = _digest(overlay)
        if key not in self._runs:
            self.judge.say(f"{self.bench.check.id}: training {what}")
            self._runs[key] = self.bench.run(self.base, overlay, Ask(lines=lines or {}))
        return self._runs[key]

    def _entry(self, step: Step, usual: Run, which: str) -> Entry:
        try:
            changes, together = self._without(step)
        except PatcherError as error:
            return Entry(step, Measured.NOT_JUDGED, None, f"The tree without it cannot be made: {error}")
        run = self._run(changes, f"without {step.id} ({which})")
        if not run.trained:
            return replace(self._fallen(step, run, usual), together=together)
        first, worst = self._parted(run, usual)
        reached = _is_reached(self.whole, step, usual)
        measured = Measured.CHANGES if first else Measured.EXACT if reached else Measured.UNREACHED
        lines = "" if reached else "The check runs none of its lines. "
        reason = f"{lines}Without it, {_said(first, worst)}"
        return Entry(step, measured, measured.value == step.effect.kind.value, reason, together, first, worst)

    def _without(self, step: Step) -> tuple[tuple[Change, ...], tuple[str, ...]]:
        """Return the changes without a step, and the ids of those that cannot stand without it.

        Raises:
            PatcherError: the rest of the recipe has no sound result.
        """
        recipe = self.judge.recipe
        gone = {step.id}
        while True:
            gone |= {one.id for one in recipe.steps if gone.intersection(one.requires)}
            kept = tuple(one for one in recipe.steps if one.id not in gone)
            made = plan(replace(recipe, steps=kept), self.base, self.shims)
            drifted = {one.step.id for one in blocked(made)}
            if not drifted and not any(gone.intersection(one.requires) for one in kept):
                return made.changes, tuple(one.id for one in recipe.steps if one.id in gone - {step.id})
            gone |= drifted

    def _fallen(self, step: Step, run: Run, usual: Run) -> Entry:
        """Judge a step without which the check does not train; what it changes shows beside what avoids the change."""
        last = run.output.splitlines()[-1:] or ["it said nothing"]
        reason = f"Without it the check does not train ({last[0].strip()})."
        kind = step.effect.kind
        if kind is not EffectKind.CHANGES:
            return Entry(step, Measured.ENABLES, kind is EffectKind.ENABLES, reason)
        if not step.effect.avoid:
            return Entry(
                step, Measured.ENABLES, None, f"{reason} Nothing is named that avoids the change, to compare with."
            )
        values = dict(step.effect.avoid)
        try:
            avoided = plan(self.other(values), self.base, self.shims)
        except PatcherError as error:
            return Entry(step, Measured.ENABLES, None, f"{reason} {error}")
        named = ", ".join(f"{name}={value}" for name, value in values.items())
        other = self._run(avoided.changes, f"with {named}")
        if not other.trained:
            return Entry(step, Measured.ENABLES, None, f"{reason} With {named} it does not train either.")
        first, worst = self._parted(usual, other)
        measured = Measured.CHANGES if first else Measured.EXACT
        return Entry(
            step, measured, first is not None, f"{reason} Beside {named}, {_said(first, worst)}", (), first, worst
        )

    def _parted(self, run: Run, usual: Run) -> tuple[Difference | None, Difference | None]:
        """Return the first value that is off from another run's by more than is allowed, and the one most off."""
        check = self.bench.check
        rows = list(differences(wanted(check, run), replace(self.golden, readings=wanted(check, usual))))
        first = next((row for row in rows if not row.off <= row.allowed), None)
        return first, max(rows, key=lambda row: row.off, default=None)


def _said(first: Difference | None, worst: Difference | None) -> str:
    if worst is None:
        return "nothing was read."
    if first is None:
        return f"the numbers stay within {worst.off:.1e}." if worst.off else "the numbers are the same to the last bit."
    return (
        f"{first.reading} {first.step} is off by {first.off:.1e}, and {first.allowed:.1e} is allowed; "
        f"at most {worst.off:.1e}, at {worst.reading} {worst.step}."
    )


def _edited(whole: Plan) -> dict[str, tuple[int, ...]]:
    """Return the lines of the result that steps wrote."""
    return {
        change.path: tuple(sorted({line for step in change.steps for line in lines_of(change, step)}))
        for change in whole.changes
        if change.path.endswith(".py")
    }


def _is_reached(whole: Plan, step: Step, usual: Run) -> bool:
    return any(
        set(lines_of(change, step.id)).intersection(usual.reached.get(change.path, ()))
        for change in whole.changes
        if step.id in change.steps
    )


def _digest(overlay: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, data in sorted(overlay.items()):
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
