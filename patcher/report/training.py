"""A training run as text."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator

from patcher.model import Check
from patcher.report.text import Paint
from patcher.verify.run import Run

__all__ = ["run_report"]


def run_report(check: Check, run: Run, paint: Paint) -> str:
    """Return what a run did: a table of its steps, or why it failed."""
    lines = _trained(check, run, paint) if run.trained else _failed(check, run, paint)
    return "\n".join(lines) + "\n"


def _failed(check: Check, run: Run, paint: Paint) -> Iterator[str]:
    yield paint(f"{check.id}: failed; {_end(run)} after {_count(_steps(run), 'step')}.", "drifted")
    if run.returncode == 0 and run.rates:
        yield "No loss was seen: nothing called .backward() on a tensor of one element."
    if run.returncode == 0 and run.lost is not None:
        yield f"Loss {run.lost} is {run.losses[run.lost - 1]}; what is trained from there on is lost."
    if "ModuleNotFoundError" in run.output or "ImportError" in run.output:
        yield f"{run.command[0]} lacks what the tree imports: install its requirements there, or name another --python."
    yield f"It ran: {shlex.join(run.command)}"
    yield "Its last lines:" if run.output else "It printed nothing."
    yield from (f"  {line}" for line in run.output.splitlines())


def _end(run: Run) -> str:
    if run.returncode is None:
        return "the time limit ended it"
    if run.returncode < 0:
        return f"{_signal(-run.returncode)} ended it"
    return f"it ended with exit code {run.returncode}" + (
        ", yet did not train," if run.returncode == 0 and run.lost is None else ""
    )


def _signal(number: int) -> str:
    known = {one.value for one in signal.Signals}
    return signal.Signals(number).name if number in known else f"signal {number}"


def _trained(check: Check, run: Run, paint: Paint) -> Iterator[str]:
    yield paint(f"{check.id}: trained {_count(_steps(run), 'step')} in {run.seconds:.1f} s.", "applied")
    yield from _table(run) if {len(rates) for rates in run.rates.values()} == {len(run.losses)} else _apart(run)
    yield "The numbers were not judged: this recipe has no golden outputs yet."


def _table(run: Run) -> Iterator[str]:
    """Yield a line a step, where each step of each optimizer had one loss."""
    yield "  step  loss                  " + "  ".join(f"lr of {name}" for name in run.rates)
    for step, loss in enumerate(run.losses):
        shown = "  ".join(f"{rates[step]:<{len(name) + 6}.3g}" for name, rates in run.rates.items())
        yield f"  {step + 1:4}  {loss:<20.15g}  {shown}".rstrip()


def _apart(run: Run) -> Iterator[str]:
    """Yield losses and steps apart, where several losses made one step, or optimizers took turns."""
    yield "  backward  loss"
    yield from (f"  {number:8}  {loss:.15g}" for number, loss in enumerate(run.losses, 1))
    for name, rates in run.rates.items():
        span = f"{rates[0]:.3g}" if len(set(rates)) == 1 else f"{rates[0]:.3g} to {rates[-1]:.3g}"
        yield f"  {name}: {_count(len(rates), 'step')}, lr {span}"


def _steps(run: Run) -> int:
    return max((len(rates) for rates in run.rates.values()), default=0)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
