"""What each step does to the numbers, measured: the tree without it is trained too, and its claim is judged.

The tree without a step is planned anew from the tree as it was before the recipe, with every step but that one and
those that cannot stand without it. Two steps whose absence gives the same tree share one run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import PatcherError
from patcher.model import Change, EffectKind, Plan, Recipe, Status, Step
from patcher.plan import plan
from patcher.verify.compare import Difference, apart, differences, uneven
from patcher.verify.failure import failure
from patcher.verify.golden import Golden
from patcher.verify.judge import Judge
from patcher.verify.leave_out import leave_out
from patcher.verify.lines import lines_of
from patcher.verify.readings import Run, wanted
from patcher.verify.run import Ask, Bench

__all__ = ["Ablation", "Entry", "Measured"]


class Measured(StrEnum):
    """What a step is found to do."""

    ENABLES = "enables"
    EXACT = "exact"
    CHANGES = "changes"
    UNREACHED = "unreached"
    ABSENT = "absent"
    NOT_JUDGED = "not judged"


# The last line of a traceback, which progress bars and hints may follow.
RAISED = re.compile(r"^(?:\w+\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Failure)\b(?::.*)?$", re.MULTILINE)


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
        return self._run(self.whole.changes, "with every step", self._asked())

    def ledger(self) -> Iterator[Entry]:
        """Yield a line for each step of the recipe, as it is measured."""
        applied = [one for one in self.whole.outcomes if one.count(Status.APPLIED)]
        for outcome in self.whole.outcomes:
            if outcome in applied:
                yield self._entry(outcome.step, f"{applied.index(outcome) + 1} of {len(applied)}")
            elif outcome.count(Status.ALREADY):
                reason = "There is nothing to leave out: this tree has it already, or a step before makes it."
                yield Entry(outcome.step, Measured.NOT_JUDGED, None, reason)
            else:
                reason = outcome.reason or "It finds nothing to change in this tree."
                yield Entry(outcome.step, Measured.ABSENT, None, reason)

    def _asked(self, **environment: str) -> Ask:
        """Return what a run is asked for that tells what it reaches of what the steps wrote."""
        files = tuple(one.path for one in self.whole.changes if not (one.gone or one.path.endswith(".py")))
        return Ask(lines=_edited(self.whole), files=files, environment=environment)

    def _run(self, changes: Iterable[Change], what: str, ask: Ask | None = None) -> Run:
        """Train a tree, or return what came of the same tree before."""
        overlay = {change.path: change.after for change in changes}
        key = _digest(overlay)
        if key not in self._runs:
            self.judge.say(f"{self.bench.check.id}: training {what}")
            self._runs[key] = self.bench.run(self.base, overlay, ask)
        return self._runs[key]

    def _is_reached(self, step: Step) -> bool | None:
        """Tell whether a line that a step wrote was executed, or another file of it read; None where neither is."""
        changes = [one for one in self.whole.changes if step.id in one.steps and not one.gone]
        wrote = {one.path: set(lines_of(one, step.id)) for one in changes if one.path.endswith(".py")}
        files = {one.path for one in changes if not one.path.endswith(".py")}
        if files & self.usual.opened:
            return True
        if not any(wrote.values()):
            return False if files else None

        def in_run(run: Run) -> bool:
            return any(lines.intersection(run.reached.get(path, ())) for path, lines in wrote.items())

        # What torch.compile has compiled, no tracer sees.
        return in_run(self.usual) or in_run(self._uncompiled())

    def _unreached(self, step: Step) -> str:
        """Say what the check does nothing with."""
        paths = [one.path for one in self.whole.changes if step.id in one.steps]
        lines = ["runs none of its lines"] if any(path.endswith(".py") for path in paths) else []
        files = [f"does not open {path}" for path in paths if not path.endswith(".py")]
        return f"The check {' and '.join(lines + files)}."

    def _uncompiled(self) -> Run:
        """Return the run with every step in which nothing is compiled; only its lines count."""
        if "uncompiled" not in self._runs:
            self.judge.say(f"{self.bench.check.id}: training with nothing compiled, to see its lines")
            overlay = {change.path: change.after for change in self.whole.changes}
            self._runs["uncompiled"] = self.bench.run(self.base, overlay, self._asked(TORCHDYNAMO_DISABLE="1"))
        return self._runs["uncompiled"]

    def _entry(self, step: Step, which: str) -> Entry:
        try:
            changes, together = leave_out(self.judge.recipe, [step.id], self.base, self.shims)
            usual = self._beside(together)
        except PatcherError as error:
            return Entry(step, Measured.NOT_JUDGED, None, f"The tree without it cannot be made: {error}")
        run = self._run(changes, f"without {step.id} ({which})")
        if not run.trained:
            return replace(self._fallen(step, run), together=together)
        parted = self._parted(run, usual)
        reached = self._is_reached(step)
        if parted.differ:
            measured = Measured.CHANGES
        elif reached is False or (reached is None and step.effect.kind is EffectKind.UNREACHED):
            measured = Measured.UNREACHED
        else:
            measured = Measured.EXACT
        lines = f"{self._unreached(step)} " if measured is Measured.UNREACHED else ""
        holds = measured.value == step.effect.kind.value
        return Entry(step, measured, holds, f"{lines}Without it, {parted}", together, parted.first, parted.worst)

    def _beside(self, together: tuple[str, ...]) -> Run:
        """Return the run that shows what a step does: the one without those that fall with it, if that trains."""
        if not together:
            return self.usual
        changes, _ = leave_out(self.judge.recipe, together, self.base, self.shims)
        run = self._run(changes, f"without {' and '.join(together)}")
        return run if run.trained else self.usual

    def _fallen(self, step: Step, run: Run) -> Entry:
        """Judge a step without which the check does not train; what it changes shows beside what avoids the change."""
        raised = RAISED.findall(run.output) if run.returncode else []
        told = raised[-1].strip() if raised else failure(run, self.judge.python, self.judge.checkout)
        reason = f"Without it the check does not train ({told.rstrip('.')})."
        if run.returncode is None:
            return Entry(step, Measured.NOT_JUDGED, None, f"{reason} That it takes long says nothing of it.")
        if step.effect.kind is not EffectKind.CHANGES:
            return Entry(step, Measured.ENABLES, step.effect.kind is EffectKind.ENABLES, reason)
        if not step.effect.avoid:
            why = f"{reason} Nothing is named that avoids the change, to compare with."
            return Entry(step, Measured.ENABLES, None, why)
        values = dict(step.effect.avoid)
        try:
            avoided = plan(self.other(values), self.base, self.shims)
        except PatcherError as error:
            return Entry(step, Measured.ENABLES, None, f"{reason} {error}")
        named = ", ".join(f"{name}={value}" for name, value in values.items())
        other = self._run(avoided.changes, f"with {named}")
        if not other.trained:
            return Entry(step, Measured.ENABLES, None, f"{reason} With {named} it does not train either.")
        parted = self._parted(self.usual, other)
        measured = Measured.CHANGES if parted.differ else Measured.EXACT
        said = f"{reason} Beside {named}, {parted}"
        return Entry(step, measured, parted.differ, said, (), parted.first, parted.worst)

    def _parted(self, run: Run, usual: Run) -> _Parted:
        """Return how a run differs from another one."""
        check = self.bench.check
        ours, theirs = wanted(check, run.readings), wanted(check, usual.readings)
        rows = list(differences(ours, replace(self.golden, readings=theirs)))
        first = next((row for row in rows if not row.off <= row.allowed), None)
        return _Parted(uneven(ours, theirs, "the other run"), first, max(rows, key=lambda row: row.off, default=None))


@dataclass(frozen=True, slots=True)
class _Parted:
    """How two runs differ: in how many values they made, where they part first, and where they are furthest apart."""

    uneven: str
    first: Difference | None
    worst: Difference | None

    @property
    def differ(self) -> bool:
        return bool(self.uneven) or self.first is not None

    def __str__(self) -> str:
        if self.uneven:
            return f"the numbers are others. {self.uneven}"
        if self.worst is None:
            return "nothing was read."
        if self.first is None:
            off = self.worst.off
            return f"the numbers stay within {off:.1e}." if off else "the numbers are the same to the last bit."
        off_by, allowed = apart(self.first.off, self.first.allowed)
        return (
            f"{self.first.reading} {self.first.step} is off by {off_by}, and {allowed} is allowed; at most "
            f"{self.worst.off:.1e}, at {self.worst.reading} {self.worst.step}."
        )


def _edited(whole: Plan) -> dict[str, tuple[int, ...]]:
    """Return the lines of the result that steps wrote."""
    return {
        change.path: tuple(sorted({line for step in change.steps for line in lines_of(change, step)}))
        for change in whole.changes
        if change.path.endswith(".py")
    }


def _digest(overlay: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for path, data in sorted(overlay.items()):
        digest.update(f"{path}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()
