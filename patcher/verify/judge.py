"""A check from beginning to end: whether it can be run here, whether it trains, and its verdict beside its golden."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable
from dataclasses import dataclass

from patcher.checkout import Checkout
from patcher.model import Check, Condition, Recipe
from patcher.verify.compare import Finding, Verdict, compare
from patcher.verify.environment import elsewhere, environment, lacking, packages
from patcher.verify.golden import Golden, golden_file, read_golden, step_digests
from patcher.verify.run import Bench, Run

__all__ = ["Judge", "Progress", "failure", "strayed"]

Progress = Callable[[str], None]

MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
# What torch and its libraries say where a GPU is asked for and none is there.
NO_GPU = re.compile(
    r"Torch not compiled with CUDA|Found no NVIDIA|No CUDA GPUs|CUDA driver|cuda runtime|_cuda_|NCCL|CUDA_HOME",
    re.IGNORECASE,
)


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
        return lacking(check, self.python, packages(self.python, check.packages), self.device)

    def bench(self, check: Check) -> Bench:
        """Return where the check is run."""
        return Bench(self.recipe, check, self.python, self.device)

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
        if golden is None:
            file = golden_file(self.recipe, check, self.device)
            why = (
                f"there is no {file.name} for {self.device}; --record makes one"
                if file
                else "the check names no golden"
            )
            return Verdict(check.id, Finding.NOT_JUDGED, f"The numbers were not judged: {why}.", run)
        verdict = compare(check, run, golden, elsewhere(golden, self.environment(check, run)))
        return verdict.noting(*self._stale(golden))

    def _stale(self, golden: Golden) -> list[str]:
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
        other += ["no reference"] if not golden.reference else []
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


def strayed(run: Run, checkout: Checkout) -> str:
    """Say that a run did not train the copy."""
    return (
        f"It trained {checkout.root} and not its copy: {run.strayed[0]} was imported from there. An editable install, "
        "a PYTHONPATH or a link leads there; take it out of the environment that trains."
    )


def failure(run: Run, python: str, checkout: Checkout) -> str:
    """Say how a run failed, and what that may come from."""
    told = [f"{_end(run)} after {run.steps} step{'' if run.steps == 1 else 's'}."]
    if run.returncode == 0 and run.steps and not run.losses:
        told.append("No loss was seen: nothing called .backward() on a tensor of one element.")
    if run.returncode == 0 and run.lost is not None:
        told.append(f"Loss {run.lost} is {run.losses[run.lost - 1]}; what is trained from there on is lost.")
    missing = MISSING.findall(run.output)
    if missing:
        told.append(_install(missing[-1], python, checkout))
    elif "ImportError" in run.output:
        told.append(f"{python} lacks what the tree imports: install its requirements there, or name another --python.")
    elif run.returncode != 0 and NO_GPU.search(run.output):
        told.append("It asks for a GPU, and ran without one; a step has to make that depend on the machine.")
    return " ".join(told)


def _install(module: str, python: str, checkout: Checkout) -> str:
    """Say what an interpreter lacks, and how it gets it; what the tree has itself is never to be installed."""
    root = module.partition(".")[0]
    own = next((path for path in checkout.paths if f"/{path}".endswith((f"/{root}.py", f"/{root}/__init__.py"))), None)
    if own is not None:
        return (
            f"It found no {module}, which the tree has itself, in {own}: the run needs the folder of that on its path, "
            "as a PYTHONPATH in the check's `environment` makes it."
        )
    requirements = checkout.root / "requirements.txt"
    what = ["-r", str(requirements)] if requirements.is_file() else [module.partition(".")[0]]
    command = shlex.join([python, "-m", "pip", "install", *what])
    return f"{python} has no {module}, which the tree imports. Install it there, or name another --python: {command}"


def _end(run: Run) -> str:
    if run.returncode is None:
        return "The time limit ended it"
    if run.returncode < 0:
        return f"{_signal(-run.returncode)} ended it"
    trained = ", yet did not train," if run.returncode == 0 and run.lost is None else ""
    return f"It ended with exit code {run.returncode}{trained}"


def _signal(number: int) -> str:
    known = {one.value for one in signal.Signals}
    return signal.Signals(number).name if number in known else f"signal {number}"
