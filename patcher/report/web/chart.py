"""The course of a reading as the geometry of drawings: the run beside its golden, and how far off it is.

What is allowed is often thinner than a line, so a second drawing has the distance itself, in powers of ten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patcher.verify.compare import Difference, Verdict, differences

__all__ = ["Chart", "Tick", "charts"]

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
TICKS = 4
STROKE = 6  # of the golden
MANY = 60  # points, from which on they are not drawn one by one


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing: `lines` are points of an SVG polyline each, `band` those of a polygon around the golden.

    `rows` are the numbers behind it. `thin`: what is allowed cannot be told from the line of the golden.
    """

    name: str
    kind: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    run: tuple[str, ...] = ()
    golden: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    dots: tuple[tuple[float, float, str], ...] = ()
    limit: float | None = None
    first: float | None = None
    rows: tuple[Difference, ...] = ()
    says: str = ""
    thin: bool = False


@dataclass(frozen=True, slots=True)
class _Plane:
    """From numbers to the places of a drawing; every series begins at one."""

    count: int
    low: float
    high: float

    def x(self, step: float) -> float:
        share = 0.5 if self.count < 2 else (step - 1) / (self.count - 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)

    def y(self, value: float) -> float:
        share = 0.5 if self.high == self.low else (value - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)

    def of(self, height: float) -> float:
        """Return what a height in the drawing stands for."""
        return height / (HEIGHT - TOP - BOTTOM) * (self.high - self.low)

    def across(self) -> tuple[Tick, ...]:
        steps = sorted({1 + round(part * (self.count - 1) / TICKS) for part in range(TICKS + 1)})
        return tuple(Tick(self.x(step), str(step)) for step in steps)


def charts(verdict: Verdict) -> list[tuple[Chart, ...]]:
    """Return the drawings of each reading: its course, and where there is a golden, how far off it is."""
    run = verdict.run.readings if verdict.run else {}
    golden = verdict.golden.readings if verdict.golden else {}
    names = golden or {name: run[name] for name in (verdict.run.wanted if verdict.run else ()) if name in run}
    rows = list(differences(run, verdict.golden)) if verdict.golden else []
    found: list[tuple[Chart, ...]] = []
    for name in names:
        own = tuple(row for row in rows if row.reading == name)
        first = verdict.first.step if verdict.first and verdict.first.reading == name else None
        allowed = verdict.golden.allowed(name) if verdict.golden else 0.0
        course = _course(name, run.get(name, ()), golden.get(name, ()), allowed, first, own)
        found.append((course, _distance(name, own, allowed, first)) if own else (course,))
    return found


def _course(
    name: str,
    run: Sequence[float],
    golden: Sequence[float],
    allowed: float,
    first: int | None,
    rows: tuple[Difference, ...],
) -> Chart:
    known = [value for value in (*run, *golden) if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    room = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    plane = _Plane(max(len(run), len(golden), 1), low - room, high + room)
    up = tuple(Tick(plane.y(value), f"{value:.4g}") for value in (low, (low + high) / 2, high))
    return Chart(
        name,
        "course",
        plane.across(),
        tuple({tick.text: tick for tick in up}.values()),
        tuple(_lines(plane, run)),
        tuple(_lines(plane, golden)),
        tuple(_band(plane, golden, allowed)),
        _dots(plane, run, name) if len(run) <= MANY else (),
        first=plane.x(first) if first else None,
        rows=rows,
        says=_told(run, golden),
        thin=max((abs(value) for value in golden if math.isfinite(value)), default=0.0) * allowed * 2
        < plane.of(STROKE),
    )


def _told(run: Sequence[float], golden: Sequence[float]) -> str:
    parts = [
        f"{whose} from {series[0]:.6g} to {series[-1]:.6g}"
        for whose, series in (("the run", run), ("the golden", golden))
        if series
    ]
    return f"{max(len(run), len(golden))} values: {'; '.join(parts)}."


def _distance(name: str, rows: tuple[Difference, ...], allowed: float, first: int | None) -> Chart:
    """Return how far each value is off, in powers of ten; what is the same to the last bit lies on the ground."""
    known = [row.off for row in rows if row.off and math.isfinite(row.off)]
    low = math.floor(math.log10(min((*known, allowed)))) - 1
    high = math.ceil(math.log10(max((*known, allowed)))) + 1
    plane = _Plane(max(row.step for row in rows), low, high)

    def power(row: Difference) -> float:
        if math.isnan(row.off):
            return high
        return max(low, min(high, math.log10(row.off))) if row.off else low

    step = max(1, -(-(high - low) // TICKS))
    up = [Tick(plane.y(at), "0" if at == low else f"1e{at}") for at in range(low, high + 1, step)]
    dots = tuple((plane.x(row.step), plane.y(power(row)), f"{name} {row.step}: off by {row.off:.2g}") for row in rows)
    worst = max(rows, key=lambda row: row.times)
    says = f"off by at most {worst.off:.2g} of the value, at {worst.step}; {allowed:.0e} is allowed."
    limit = plane.y(math.log10(allowed))
    return Chart(
        name,
        "distance",
        plane.across(),
        tuple(up),
        dots=dots,
        limit=limit,
        first=plane.x(first) if first else None,
        says=says,
    )


def _lines(plane: _Plane, series: Sequence[float]) -> Iterator[str]:
    """Yield the points of a line; what is no number is a gap in it."""
    points: list[str] = []
    for step, value in enumerate(series, 1):
        if math.isfinite(value):
            points.append(f"{plane.x(step)},{plane.y(value)}")
        elif points:
            yield " ".join(points)
            points = []
    if points:
        yield " ".join(points)


def _band(plane: _Plane, golden: Sequence[float], allowed: float) -> Iterator[str]:
    """Yield what is allowed around a golden, as the points of a polygon."""
    known = [(step, value) for step, value in enumerate(golden, 1) if math.isfinite(value)]
    if known:
        above = [f"{plane.x(step)},{plane.y(value + abs(value) * allowed)}" for step, value in known]
        below = [f"{plane.x(step)},{plane.y(value - abs(value) * allowed)}" for step, value in reversed(known)]
        yield " ".join((*above, *below))


def _dots(plane: _Plane, series: Sequence[float], name: str) -> tuple[tuple[float, float, str], ...]:
    return tuple(
        (plane.x(step), plane.y(value), f"{name} {step}: {value:.9g}")
        for step, value in enumerate(series, 1)
        if math.isfinite(value)
    )
