"""Verdicts as plain data for JSON; the keys are a promise to the scripts that read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from patcher import __version__
from patcher.verify.ablate import Entry
from patcher.verify.compare import Difference
from patcher.verify.judge import Judge
from patcher.verify.readings import Run
from patcher.verify.sensitivity import How, Seen
from patcher.verify.session import Checked

__all__ = ["verdicts_data"]

FORMAT = 1


def verdicts_data(judge: Judge, checked: Sequence[Checked], exit_code: int) -> dict[str, Any]:
    """Return what a verify found."""
    recipe = judge.recipe
    return {
        "format": FORMAT,
        "patcher": __version__,
        "recipe": recipe.name,
        "recipe_digest": recipe.digest,
        "parameters": dict(recipe.values),
        "root": str(judge.checkout.root),
        "python": judge.python,
        "device": judge.device,
        "exit_code": exit_code,
        "checks": [_check(one) for one in checked],
    }


def _check(checked: Checked) -> dict[str, Any]:
    verdict = checked.verdict
    run, golden = verdict.run, verdict.golden
    return {
        "id": verdict.check,
        "finding": verdict.finding.value,
        "reason": verdict.reason,
        "notes": list(verdict.notes),
        "run": _run(run) if run else None,
        "expected": {name: [*map(_number, values)] for name, values in golden.readings.items()} if golden else {},
        "allowed": {name: golden.allowed(name) for name in golden.readings} if golden else {},
        "first": _difference(verdict.first),
        "worst": {name: _difference(row) for name, row in verdict.worst.items()},
        "ledger": [_entry(entry) for entry in checked.ledger],
        "sensitivity": [_seen(one) for one in checked.seen],
        "recorded": str(checked.written) if checked.written else None,
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "command": list(run.command),
        "returncode": run.returncode,
        "seconds": run.seconds,
        "output": run.output,
        "optimizers": list(run.optimizers),
        "process": dict(run.process),
        "processes": run.processes,
        # What is no finite number has no place in JSON.
        "readings": {name: [_number(value) for value in values] for name, values in run.readings.items()},
    }


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else repr(value)


def _difference(row: Difference | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "reading": row.reading,
        "step": row.step,
        "got": _number(row.got),
        "expected": _number(row.expected),
        "off": _number(row.off),
        "allowed": row.allowed,
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "step": entry.step.id,
        "claim": entry.step.effect.kind.value,
        "measured": entry.measured.value,
        "holds": entry.holds,
        "reason": entry.reason,
        "together": list(entry.together),
        "first": _difference(entry.first),
        "worst": _difference(entry.worst),
    }


def _seen(one: Seen) -> dict[str, Any]:
    return {
        "attention": one.name,
        "seen": one.seen,
        "idle": one.how is How.IDLE,
        "applies": one.how is not How.UNFIT,
        "reason": one.why,
        "first": _difference(one.first),
    }
