"""Goldens made, and checks tried on attentions that are known to be wrong.

The golden is read from the reference path, its noise from the same path shaken. A check is worth what it sees: a
planted error has to be far outside of what is allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from patcher.errors import UsageError
from patcher.model import Check
from patcher.verify.compare import Difference, differences, too_few, uneven, wanted
from patcher.verify.golden import Golden, relative, step_digests
from patcher.verify.judge import Judge, failure, strayed
from patcher.verify.run import Ask, Bench, Readings, Run

__all__ = ["CLEAR", "Seen", "record", "sensitivity", "wrong_attentions"]

# The names stand where the wrong attentions are made, in a file that runs in the trained process.
PLANTS = Path(__file__).parent / "probe" / "_patcher_plants.py"

# What wavers by more than this between runs of the same is not seeded: no rounding makes so much.
WAVERING = 0.01
# The same run with other threads and with the instructions of an old processor: what it differs by is noise.
SHAKEN: Mapping[str, Mapping[str, str]] = {
    "one thread": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
    "old instructions": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
}
# An error is seen if it is so many times what is allowed.
CLEAR = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check makes of one wrong attention: the first value that is off by far, or why there is none.

    `idle`: planted, it changed nothing at all, so there is nothing to see.
    """

    name: str
    first: Difference | None = None
    why: str = ""
    idle: bool = False

    @property
    def missed(self) -> bool:
        """Whether the numbers moved, or could not be read, and the check does not see it."""
        return self.first is None and not self.idle


def wrong_attentions() -> tuple[str, ...]:
    """Return the names of the wrong attentions that the probe can plant."""
    for node in ast.parse(PLANTS.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WRONG":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError(f"{PLANTS} has no WRONG")


def sensitivity(judge: Judge, bench: Bench, golden: Golden, usual: Run) -> Iterator[Seen]:
    """Yield, for each wrong attention, whether the check sees it; `usual` is the run without it."""
    for name in wrong_attentions():
        judge.say(f"{bench.check.id}: with the wrong attention {name}")
        yield _seen(name, bench.check, bench.run(judge.checkout, {}, Ask(plant=name)), usual, golden)


def _seen(name: str, check: Check, run: Run, usual: Run, golden: Golden) -> Seen:
    if not run.planted:
        called = ", ".join(run.entries) or "none that the probe knows"
        return Seen(name, why=f"it was not called: of attentions, the tree calls {called}")
    if not run.trained:
        return Seen(name, why="with it the run did not train, which is no difference of numbers")
    readings = wanted(check, run)
    if other := uneven(readings, golden.readings, "the golden"):
        return Seen(name, why=f"with it the numbers are others: {other}")
    rows = list(differences(readings, golden))
    first = next((row for row in rows if row.times >= CLEAR), None)
    if first is None and run.readings == usual.readings:
        return Seen(name, idle=True, why="it changes nothing here")
    largest = max((row.times for row in rows), default=0.0)
    return Seen(name, first, "" if first else f"no value is off by more than {largest:.1f} times what is allowed")


def record(judge: Judge, check: Check) -> Golden:
    """Return a golden for a check, read from the reference path.

    Raises:
        UsageError: the check names no reference, cannot be run here, or is blind to a planted error.
        TargetError: the reference does not train.
    """
    if not check.reference:
        raise UsageError(
            f"{check.origin}: the check {check.id} names no `reference`, so a golden would come from the code that it "
            "judges; write reference: [attention], or what else is to be held."
        )
    if why := judge.lacking(check):
        raise UsageError(f"{check.id} cannot be recorded here: {why}")
    with judge.bench(check) as bench:
        judge.say(f"{check.id}: training with the reference ({', '.join(check.reference)})")
        run = _reference_run(judge, bench, {})
        golden = _recorded(judge, bench, run)
        if "attention" not in check.reference:
            return golden
        seen = list(sensitivity(judge, bench, golden, run))
    blind = [one for one in seen if one.missed] or ([] if any(one.first for one in seen) else seen)
    if blind:
        raise UsageError(
            f"The golden of {check.id} was not written, because the check is blind: with the wrong attention "
            f"{blind[0].name}, {blind[0].why}. Train more steps, in fp32, with a seed, a rate that is not zero and a "
            "batch of several sequences and heads; say `perturb: yes` where gates begin as zero."
        )
    told = {
        one.name: {"first": f"{one.first.reading} {one.first.step}", "times": round(one.first.times, 1)}
        if one.first
        else {"first": "", "times": 0.0}
        for one in seen
    }
    return replace(golden, seen=told)


def _recorded(judge: Judge, bench: Bench, run: Run) -> Golden:
    check = bench.check
    readings = wanted(check, run)
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
        shaken.append(wanted(check, _reference_run(judge, bench, environment)))
        if other := uneven(shaken[-1], readings, "the run before"):
            raise UsageError(
                f"The golden of {check.id} was not written: with {name} the reference wavers too much. {other}"
            )
    noise = {name: _noise(values, [one.get(name, ()) for one in shaken]) for name, values in readings.items()}
    loudest = max(noise, key=lambda name: max(noise[name], default=0.0), default="")
    if loudest and max(noise[loudest], default=0.0) > WAVERING:
        raise UsageError(
            f"The golden of {check.id} was not written: from run to run {loudest} wavers by "
            f"{max(noise[loudest]):.1e} of itself, so that anything would pass; let the check seed all that is random."
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
    )


def _reference_run(judge: Judge, bench: Bench, environment: Mapping[str, str]) -> Run:
    run = bench.run(judge.checkout, {}, Ask(reference=bench.check.reference, environment=environment))
    if not run.trained:
        why = failure(run, judge.python, judge.checkout)
        raise UsageError(f"The reference of {bench.check.id} does not train. {why}\n{run.output}")
    if run.strayed:
        raise UsageError(strayed(run, judge.checkout))
    if not set(run.stood_in) & set(bench.check.reference):
        raise UsageError(f"The tree calls nothing that {' and '.join(bench.check.reference)} could stand in for.")
    return run


def _noise(values: tuple[float, ...], shaken: list[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(
        max((relative(other[index], value, values) for other in shaken if index < len(other)), default=0.0)
        for index, value in enumerate(values)
    )
