"""Verdicts as text for a person: how far the numbers are off, what each step does to them, which errors are seen."""

from __future__ import annotations

import io
import math
import shlex
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from patcher.report.text import Paint
from patcher.verify.ablate import Entry
from patcher.verify.compare import Difference, Finding, Verdict, differences
from patcher.verify.readings import Run
from patcher.verify.sensitivity import How, Seen
from patcher.verify.session import Checked

__all__ = ["checked_report", "extent"]

BARS = "▁▂▃▄▅▆▇█"
LONGEST = 60
# How a finding looks, in the roles of a report.
ROLES = {Finding.SAME: "applied", Finding.CLOSE: "warn", Finding.DRIFTED: "drifted", Finding.FAILED: "drifted"}
SEEN = {How.SEEN: "yes", How.CRASHED: "yes", How.IDLE: "idle", How.UNFIT: "does not apply", How.MISSED: "NO"}
ROWS_AROUND = 2
GAP = 2


def checked_report(checked: Checked, paint: Paint, width: int) -> str:
    """Return what became of a check: its verdict, the ledger of the steps, and which wrong attentions it sees."""
    parts = [f"Recorded {checked.written}\n"] if checked.written else []
    parts.append(_verdict(checked.verdict, paint, width))
    if checked.ledger:
        parts.append(_ledger(checked.verdict.check, checked.ledger, paint))
    if checked.seen:
        parts.append(_sensitivity(checked.verdict.check, checked.seen, paint, width))
    return "".join(parts)


def _verdict(verdict: Verdict, paint: Paint, width: int) -> str:
    run = verdict.run
    head = f"{verdict.check}: {verdict.finding}."
    if run is not None and run.trained:
        head = f"{verdict.check}: {verdict.finding}; {extent(run)} in {run.seconds:.1f} s."
    lines = [paint(head, ROLES.get(verdict.finding, "warn"))]
    lines += [verdict.reason] if verdict.reason else []
    if run is not None and not run.trained:
        lines += _last_lines(run)
    elif run is not None and verdict.golden is not None:
        lines += [_readings(verdict, width), *_parting(verdict, width)]
    elif run is not None:
        lines += [_plain(run, width)]
    return "\n".join((*(line.rstrip("\n") for line in lines), *verdict.notes)) + "\n"


def extent(run: Run) -> str:
    """Return how much a run did: its steps, else its losses, else the values that its check reads."""
    if run.steps or run.losses:
        return (
            _count(run.steps, "step") if run.steps else f"{len(run.losses)} loss{'es' if len(run.losses) > 1 else ''}"
        )
    return _count(max(len(run.readings.get(name, ())) for name in run.wanted), "value")


def _last_lines(run: Run) -> Iterator[str]:
    yield f"It ran: {shlex.join(run.command)}"
    yield "Its last lines:" if run.output else "It printed nothing."
    yield from (f"  {line}" for line in run.output.splitlines())


def _readings(verdict: Verdict, width: int) -> str:
    """Return a line a reading: how many values, the furthest off and where, what is allowed there, and its course."""
    assert verdict.run is not None and verdict.golden is not None
    rows = []
    for name, expected in verdict.golden.readings.items():
        got = verdict.run.readings.get(name, ())
        worst = verdict.worst.get(name)
        told = ("", "", "") if worst is None else (_off(worst), str(worst.step), f"{worst.allowed:.0e}")
        rows.append((name, str(len(expected)), *told, sparkline(got)))
    return table(("reading", "values", "off by", "at", "allowed", ""), rows, width, ("", "values", "allowed", "at"))


def _parting(verdict: Verdict, width: int) -> Iterator[str]:
    """Show the values around the first that is off by more than is allowed."""
    first = verdict.first
    if first is None or verdict.run is None or verdict.golden is None:
        return
    near = [
        row
        for row in differences({first.reading: verdict.run.readings[first.reading]}, verdict.golden)
        if abs(row.step - first.step) <= ROWS_AROUND
    ]
    rows = [
        (str(row.step), f"{row.got:.12g}", f"{row.expected:.12g}", _off(row), f"{row.allowed:.0e}", _mark(row, first))
        for row in near
    ]
    yield table((first.reading, "got", "expected", "off by", "allowed", ""), rows, width, ("", "allowed", "off by"))


def _mark(row: Difference, first: Difference) -> str:
    return "<- the first" if row.step == first.step else ""


def _off(row: Difference) -> str:
    return f"{row.off:.1e}" if row.off else "0"


def _plain(run: Run, width: int) -> str:
    """Return the values of a run that nothing is held against: a line a step where each step had one loss."""
    rates = run.rates
    if "loss" not in run.wanted or not rates:
        return _courses(run, width)
    if {len(values) for values in rates.values()} != {len(run.losses)}:
        return _apart(run, width)
    rows = [
        (str(step + 1), f"{loss:.15g}", *(f"{values[step]:.3g}" for values in rates.values()))
        for step, loss in enumerate(run.losses)
    ]
    optimizers = [f"lr of {name}" for name in rates]
    return table(("step", "loss", *optimizers), rows, width, optimizers[::-1])


def _courses(run: Run, width: int) -> str:
    """Return a line a reading, of a run whose losses or steps say little."""
    rows = [(name, str(len(values)), f"{values[-1]:.9g}", sparkline(values)) for name, values in run.readings.items()]
    return table(("reading", "values", "last", ""), rows, width, ("",))


def _apart(run: Run, width: int) -> str:
    """Return losses and steps apart, where several losses made one step, or optimizers took turns."""
    losses = table(("backward", "loss"), [(str(at), f"{loss:.15g}") for at, loss in enumerate(run.losses, 1)], width)
    return losses + "\n".join(
        f"  {name}: {_count(len(values), 'step')}, {_span(values)}" for name, values in run.rates.items()
    )


def _span(rates: Sequence[float]) -> str:
    return f"lr {rates[0]:.3g}" if len(set(rates)) == 1 else f"lr {rates[0]:.3g} to {rates[-1]:.3g}"


# --- what each step does --------------------------------------------------------------------------------------------


def _ledger(check: str, found: Sequence[Entry], paint: Paint) -> str:
    lines = [paint(f"{check}: what each step does to the numbers", "head")]
    for entry in found:
        role, word = {True: ("applied", "holds"), False: ("drifted", "FALSE"), None: ("absent", "-")}[entry.holds]
        lines.append(
            f"  {paint(f'{word:6}', role)} {entry.step.id}: claims {entry.step.effect.kind}, measured {entry.measured}"
            + (f" (with {', '.join(entry.together)})" if entry.together else "")
        )
        lines.append(f"         {entry.reason}")
    judged = [entry for entry in found if entry.holds is not None]
    false = sum(entry.holds is False for entry in judged)
    lines.append(f"{_count(len(judged), 'claim')} judged, {false or 'none'} false.")
    return "\n".join(lines) + "\n"


def _sensitivity(check: str, found: Sequence[Seen], paint: Paint, width: int) -> str:
    rows = [(one.name, SEEN[one.how], *_where(one)) for one in found]
    missed = sum(one.how is How.MISSED for one in found)
    last = (
        f"{_count(missed, 'wrong attention')} not seen."
        if missed
        else "Every wrong attention that changes something is seen."
    )
    head = paint(f"{check}: wrong attentions, planted", "head")
    return f"{head}\n{table(('attention', 'seen', 'first', 'off by', 'times allowed'), rows, width)}{last}\n"


def _where(one: Seen) -> tuple[str, str, str]:
    if one.first is None:
        return one.why, "", ""
    return f"{one.first.reading} {one.first.step}", _off(one.first), f"{one.first.times:.0f}"


# --- shapes ---------------------------------------------------------------------------------------------------------


def sparkline(values: Sequence[float]) -> str:
    """Return the course of some values as a line of bars; of many, as many as fit are shown, evenly chosen."""
    if len(values) > LONGEST:
        values = [values[index * (len(values) - 1) // (LONGEST - 1)] for index in range(LONGEST)]
    known = [value for value in values if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    span = (high - low) or 1.0
    return "".join(BARS[round((one - low) / span * (len(BARS) - 1))] if math.isfinite(one) else " " for one in values)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], width: int, spare: Sequence[str] = ()) -> str:
    """Return a table without lines, indented by two; columns of `spare` go, in that order, where they do not fit."""
    lines, room = [tuple(heads), *map(tuple, rows)], max(20, width - 2)
    kept = _fitting(lines, room, spare)
    made = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for column in kept:
        made.add_column(heads[column], overflow="fold")
    for line in lines[1:]:
        made.add_row(*(line[column] for column in kept))
    console = Console(file=io.StringIO(), width=room, color_system=None, legacy_windows=False)
    console.print(made, markup=False, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"  {line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def _fitting(lines: Sequence[Sequence[str]], room: int, spare: Sequence[str]) -> list[int]:
    """Return the columns that there is room for, those that cannot be spared in any case."""
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    kept = list(range(len(widths)))
    for head in spare:
        if sum(widths[column] + GAP for column in kept) - GAP <= room:
            break
        kept.remove(lines[0].index(head))
    return kept


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
