"""Goldens made: read from the reference path, with the noise that the same path has when it is shaken.

The reference path is the tree with other code in the place of what is judged: an attention and an optimizer of the
probe, and the upstream's own where steps are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import UsageError
from patcher.model import Check, Status
from patcher.verify.compare import uneven
from patcher.verify.copies import Overlay
from patcher.verify.failure import failure, refusal, strayed
from patcher.verify.golden import Golden, relative, step_digests
from patcher.verify.judge import Judge
from patcher.verify.leave_out import leave_out
from patcher.verify.pristine import pristine
from patcher.verify.readings import Readings, Run, too_few, wanted
from patcher.verify.run import Ask, Bench
from patcher.verify.sensitivity import How, Seen, Trial, blind

__all__ = ["record"]

# What wavers by more than this between runs of the same is not seeded: no rounding makes so much.
WAVERING = 0.01
# The same run with other threads and with the instructions of an old processor: what it differs by is noise.
SHAKEN: Mapping[str, Mapping[str, str]] = {
    "one thread": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "old instructions": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}


@dataclass(frozen=True, slots=True)
class _Path:
    """The reference path: where it is run, on which tree, and which steps that tree is without."""

    judge: Judge
    bench: Bench
    tree: Checkout
    overlay: Overlay
    without: tuple[str, ...]

    @property
    def name(self) -> str:
        left_out = [f"without {' and '.join(self.without)}"] if self.without else []
        return ", ".join([*self.bench.check.reference, *left_out])


def record(judge: Judge, check: Check, shims: Path) -> Golden:
    """Return a golden for a check, read from the reference path.

    Raises:
        UsageError: the check names no reference, cannot be run here, or is blind to a planted error; or the tree from
            before the recipe is not known, and a step is to be left out.
        TargetError: the reference does not train.
    """
    if not (check.reference or check.without):
        raise UsageError(
            f"{check.origin}: the check {check.id} names no `reference`, so a golden would come from the code that it "
            "judges; write reference: [attention], or what else is to be held."
        )
    if why := judge.lacking(check):
        raise UsageError(f"{check.id} cannot be recorded here: {why}")
    with judge.bench(check) as bench, _path(judge, bench, shims) as path:
        judge.say(f"{check.id}: training with the reference ({path.name})")
        run = _reference_run(path, {})
        golden = _recorded(path, run)
        if "attention" not in check.reference:
            return golden
        seen = list(Trial(judge, bench, golden, path.tree, path.overlay, check.reference, run).seen())
    if unseen := blind(seen):
        raise UsageError(
            f"The golden of {check.id} was not written, because the check is blind: with the wrong attention "
            f"{unseen[0].name}, {unseen[0].why}. Train more steps, in fp32, with a `seed`, a rate that is not zero and "
            "a batch of several sequences and heads; say `perturb: yes` where gates begin as zero."
        )
    return replace(golden, seen={one.name: _first(one) for one in seen})


def _first(one: Seen) -> dict[str, str | float]:
    """Return where a wrong attention shows, and by how many times what is allowed."""
    if one.first is not None:
        return {"first": f"{one.first.reading} {one.first.step}", "times": round(one.first.times, 1)}
    return {"first": "" if one.how is How.IDLE else one.why if one.seen else str(one.how), "times": 0.0}


@contextmanager
def _path(judge: Judge, bench: Bench, shims: Path) -> Iterator[_Path]:
    """Give the tree of the reference path: the checkout, or that without the steps that are left out.

    Raises:
        UsageError: no earlier state of the tree is known, or it has none of these steps.
    """
    check = bench.check
    if not check.without:
        yield _Path(judge, bench, judge.checkout, {}, ())
        return
    with pristine(judge.recipe, judge.checkout, shims) as (base, whole):
        applied = {one.step.id for one in whole.outcomes if one.count(Status.APPLIED)}
        if not (applied.intersection(check.without) or check.reference):
            raise UsageError(
                f"The golden of {check.id} was not written: {judge.checkout.root} has none of the steps that its "
                f"`reference` leaves out ({', '.join(check.without)}), so it would come from the code that it judges."
            )
        changes, together = leave_out(judge.recipe, check.without, base, shims)
        without = (*check.without, *(one for one in together if one in applied))
        yield _Path(judge, bench, base, {change.path: change.after for change in changes}, without)


def _recorded(path: _Path, run: Run) -> Golden:
    judge, check = path.judge, path.bench.check
    readings = wanted(check, run.readings)
    if short := too_few(check, readings):
        raise UsageError(f"The golden of {check.id} was not written. {short}")
    lost = next(
        (f"{name} {at}" for name, all_of in readings.items() for at, one in enumerate(all_of, 1) if one != one), ""
    )
    if lost:
        raise UsageError(f"The golden of {check.id} was not written: {lost} is no number; leave it out of `readings`.")
    shaken: list[Readings] = []
    for name, environment in SHAKEN.items():
        judge.say(f"{check.id}: the same with {name}")
        shaken.append(wanted(check, _reference_run(path, environment).readings))
        if other := uneven(shaken[-1], readings, "the run before"):
            raise UsageError(
                f"The golden of {check.id} was not written: with {name} the reference wavers too much. {other}"
            )
    noise = {name: _noise(values, [one.get(name, ()) for one in shaken]) for name, values in readings.items()}
    loudest = max(noise, key=lambda name: max(noise[name], default=0.0), default="")
    if loudest and max(noise[loudest], default=0.0) > WAVERING:
        raise UsageError(
            f"The golden of {check.id} was not written: from run to run {loudest} wavers by "
            f"{max(noise[loudest]):.1e} of itself, so that anything would pass; let the check seed all that is random, "
            "as `seed: 0` does."
        )
    return Golden(
        recipe=judge.recipe.name,
        check=check.id,
        digest=judge.recipe.digest,
        device=judge.device,
        readings=readings,
        noise=noise,
        parameters=dict(judge.recipe.values),
        environment=judge.environment(check, run),
        steps=step_digests(judge.recipe),
        reference=tuple(one for one in check.reference if one in run.stood_in),
        without=path.without,
        seed=check.seed,
    )


def _reference_run(path: _Path, environment: Mapping[str, str]) -> Run:
    judge, check = path.judge, path.bench.check
    run = path.bench.run(path.tree, path.overlay, Ask(reference=check.reference, environment=environment))
    if run.refused is not None:
        raise UsageError(f"The golden of {check.id} was not written: {refusal(run)}")
    if not run.trained:
        why = failure(run, judge.python, judge.checkout)
        raise UsageError(f"The reference of {check.id} does not train. {why}\n{run.output}")
    if run.strayed:
        raise UsageError(strayed(run, judge.checkout))
    if not (path.without or set(run.stood_in) & set(check.reference)):
        raise UsageError(f"The tree calls nothing that {' and '.join(check.reference)} could stand in for.")
    return run


def _noise(values: tuple[float, ...], shaken: list[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(
        max((relative(other[index], value, values) for other in shaken if index < len(other)), default=0.0)
        for index, value in enumerate(values)
    )
