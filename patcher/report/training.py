"""A training run as text."""

from __future__ import annotations

from collections.abc import Iterator

from patcher.model import Check
from patcher.report.text import Paint
from patcher.verify.run import Run

__all__ = ["run_report"]


def run_report(check: Check, run: Run, paint: Paint) -> str:
    """Return what a run did: a table of its steps, or why it failed."""
    return "\n".join(_lines(check, run, paint)) + "\n"


def _lines(check: Check, run: Run, paint: Paint) -> Iterator[str]:
    steps = max((len(rates) for rates in run.rates.values()), default=0)
    if not run.trained:
        yield paint(f"{check.id}: failed; {_end(run)} after {steps} steps.", "drifted")
        yield f"It ran: {' '.join(run.command)}"
        yield "Its last lines:"
        yield from (f"  {line}" for line in run.output.splitlines())
        return
    yield paint(f"{check.id}: trained {steps} steps in {run.seconds:.1f} s.", "applied")
    names = list(run.rates)
    yield "  step  loss                  " + "  ".join(f"lr of {name}" for name in names)
    for step, loss in enumerate(run.losses):
        rates = (run.rates[name] for name in names)
        shown = "  ".join(f"{rate[step]:<{len(name) + 6}.3g}" for name, rate in zip(names, rates, strict=True))
        yield f"  {step + 1:4}  {loss:<20.15g}  {shown}".rstrip()
    yield "The numbers were not judged: this recipe has no golden outputs yet."


def _end(run: Run) -> str:
    if run.returncode is None:
        return "the time limit ended it"
    return f"it ended with exit code {run.returncode}" + (", yet trained nothing," if run.returncode == 0 else "")
