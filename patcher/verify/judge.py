"""A check from beginning to end: whether it can be run here, whether it trains, and its verdict beside its golden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from patcher.checkout import Checkout
from patcher.model import Check, Condition, Recipe
from patcher.verify.compare import Finding, Verdict, compare
from patcher.verify.environment import elsewhere, environment, lacking, packages
from patcher.verify.failure import failure, strayed
from patcher.verify.golden import Golden, golden_file, read_golden, step_digests
from patcher.verify.readings import Run, too_few
from patcher.verify.run import Bench

__all__ = ["Judge", "Progress"]

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Judge:
    """The checks of a recipe over one checkout, one interpreter and one class of device; `say` tells of progress."""

    recipe: Recipe
    checkout: Checkout
    python: str
    device: str = "cpu"
    say: Progress = lambda _: None

    def lacking(self, check: Check) -> str:
        """Say why a check cannot be run here, and what to do, or nothing if it can."""
        if absent := [path for path in check.files if not self.checkout.exists(path)]:
            return f"The tree has no {' and no '.join(absent)}, which it is about."
        return lacking(check, self.python, packages(self.python, check.packages), self.device)

    def bench(self, check: Check) -> Bench:
        """Return where the check is run."""
        return Bench(self.recipe, check, self.python, self.checkout, self.device)

    def verdict(self, check: Check, golden: Golden | None = None) -> Verdict:
        """Run a check and hold it against its golden, or against another one.

        Raises:
            TargetError: the data could not be prepared, the tree not copied, or the golden not read.
        """
        if why := self.lacking(check):
            return Verdict(check.id, Finding.NOT_RUN, why)
        with self.bench(check) as bench:
            self.say(f"{check.id}: training")
            run = bench.run(self.checkout, {})
        return self.held(check, run, golden or self.golden(check))

    def golden(self, check: Check) -> Golden | None:
        """Return the golden of a check for this class of device, or None if there is none."""
        file = golden_file(self.recipe, check, self.device)
        return read_golden(file) if file is not None and file.exists() else None

    def environment(self, check: Check, run: Run) -> dict[str, str]:
        """Return what the numbers of a run may depend on."""
        return environment(packages(self.python, check.packages), run)

    def held(self, check: Check, run: Run, golden: Golden | None) -> Verdict:
        """Return the verdict on a run."""
        if not run.trained:
            return Verdict(check.id, Finding.FAILED, failure(run, self.python, self.checkout), run, golden)
        if run.strayed:
            return Verdict(check.id, Finding.FAILED, strayed(run, self.checkout), run, golden)
        return self._judged(check, run, golden).noting(*_which(run))

    def _judged(self, check: Check, run: Run, golden: Golden | None) -> Verdict:
        """Return the verdict on a run that trained."""
        if lacking := too_few(check, run.readings):
            return Verdict(check.id, Finding.FAILED, lacking, run, golden)
        if golden is None:
            file = golden_file(self.recipe, check, self.device)
            why = (
                f"there is no {file.name} for {self.device}; --record makes one"
                if file
                else "the check names no golden"
            )
            return Verdict(check.id, Finding.NOT_JUDGED, f"The numbers were not judged: {why}.", run)
        verdict = compare(check, run, golden, elsewhere(golden, self.environment(check, run)))
        return verdict.noting(*self._stale(check, golden))

    def _stale(self, check: Check, golden: Golden) -> list[str]:
        """Say what of the recipe is other than when a golden was recorded."""
        now = step_digests(self.recipe)
        asked = [step.id for step in self.recipe.steps if step.when is None or _may_hold(step.when)]
        changed = [step for step in golden.steps if step not in now]
        changed += [step for step in asked if golden.steps.get(step) != now[step]]
        other = [
            f"{name}={value}" for name, value in golden.parameters.items() if self.recipe.values.get(name) != value
        ]
        other += [f"the recipe {golden.recipe}"] if golden.recipe != self.recipe.name else []
        other += [f"the device {golden.device}"] if golden.device != self.device else []
        other += [
            f"the step {step}, which `reference` leaves out" for step in check.without if step not in golden.without
        ]
        if golden.seed != check.seed:
            other += ["no seed" if golden.seed is None else f"the seed {golden.seed}"]
        other += ["no reference"] if not (golden.reference or golden.without) else []
        told = (
            [f"The golden is from before these steps were changed: {', '.join(changed)}; --record makes a new one."]
            if changed
            else []
        )
        return [*told, *([f"The golden was recorded with {', '.join(other)}."] if other else [])]


def _may_hold(condition: Condition) -> bool:
    """Tell whether a condition holds as far as the parameters go."""
    match condition.kind:
        case "parameter":
            return condition.holds
        case "not":
            return condition.inner[0].kind != "parameter" or not condition.inner[0].holds
        case "any":
            return any(map(_may_hold, condition.inner))
    return all(map(_may_hold, condition.inner))


def _which(run: Run) -> list[str]:
    """Say which of several processes was read."""
    if run.processes < 2:
        return []
    rank = run.process.get("rank")
    which = f"rank {rank}" if rank is not None else "the first of them"
    words = run.process.get("argv")
    named = f", {' '.join(map(str, words))}" if isinstance(words, list) else ""
    return [f"Of {run.processes} processes with readings of the check, {which} was read{named}."]
