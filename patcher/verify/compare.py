"""A run against its golden: the verdict, and where the numbers first part.

Every value is held, not the last one. A value that is missing has failed; one that is there twice has too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from patcher.model import Check
from patcher.verify.golden import Golden, relative
from patcher.verify.readings import Readings, Run, wanted

__all__ = ["CLOSE", "Difference", "Finding", "Verdict", "apart", "compare", "differences", "uneven"]

# Where a golden was made elsewhere: so many times what is allowed is still close. A planted error is further off.
CLOSE = 10.0
DIGITS = 17  # of a float at most


class Finding(StrEnum):
    """What became of a check."""

    SAME = "same"
    CLOSE = "close"
    DRIFTED = "drifted"
    FAILED = "failed"
    NOT_RUN = "not run"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value beside what was expected: of which reading, which of its values (from one), and how far it is off.

    `off` and `allowed` are relative to what was expected.
    """

    reading: str
    step: int
    got: float
    expected: float
    off: float
    allowed: float

    @property
    def times(self) -> float:
        """How many times what is allowed."""
        return self.off / self.allowed if self.allowed else math.inf


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a check: a word and a sentence.

    `first` is where the numbers part, `worst` the value of each reading that is most off.
    """

    check: str
    finding: Finding
    reason: str = ""
    run: Run | None = None
    golden: Golden | None = None
    first: Difference | None = None
    worst: Mapping[str, Difference] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def noting(self, *notes: str) -> Verdict:
        """Return the verdict with something more to say."""
        return replace(self, notes=(*self.notes, *notes))


def differences(got: Readings, golden: Golden) -> Iterator[Difference]:
    """Yield every value of a golden's readings beside what a run has there, in the order of the steps."""
    rows: list[Difference] = []
    for name, expected in golden.readings.items():
        allowed = golden.allowed(name)
        for step, (value, other) in enumerate(zip(got.get(name, ()), expected, strict=False), 1):
            rows.append(Difference(name, step, value, other, relative(value, other, expected), allowed))
    order = {name: index for index, name in enumerate(golden.readings)}
    yield from sorted(rows, key=lambda row: (row.step, order[row.reading]))


def compare(check: Check, run: Run, golden: Golden, elsewhere: str = "") -> Verdict:
    """Hold a run against a golden; `elsewhere` says what is other than where the golden was made, or nothing."""
    readings = wanted(check, run.readings)
    rows = list(differences(readings, golden))
    worst: dict[str, Difference] = {}
    for row in rows:
        if row.reading not in worst or row.times > worst[row.reading].times:
            worst[row.reading] = row
    first = next((row for row in rows if not row.off <= row.allowed), None)
    notes = (f"Here is other than where the golden was made: {elsewhere}.",) if elsewhere else ()
    finding, reason = Finding.SAME, ""
    if lacking := uneven(readings, golden.readings, "the golden"):
        finding, reason = Finding.FAILED, lacking
    elif first is not None:
        near = bool(elsewhere) and all(row.times <= CLOSE for row in rows)
        finding, reason = Finding.CLOSE if near else Finding.DRIFTED, _said(first)
    return Verdict(check.id, finding, reason, run, golden, first, worst, notes)


def uneven(readings: Readings, others: Readings, whose: str) -> str:
    """Say which reading is not there in the same number as in others, or nothing."""
    for name in dict.fromkeys((*others, *readings)):
        there, wanted = len(readings.get(name, ())), len(others.get(name, ()))
        if there != wanted:
            return f"Of {name} it made {there} value{'' if there == 1 else 's'}, and {whose} has {wanted}."
    return ""


def apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers with as many digits as it takes to tell them apart, and two at least."""
    told = ((f"{one:.{digits}e}", f"{other:.{digits}e}") for digits in range(1, DIGITS))
    return next((pair for pair in told if pair[0] != pair[1] or one == other), (repr(one), repr(other)))


def _said(first: Difference) -> str:
    off, allowed = apart(first.off, first.allowed)
    return (
        f"{first.reading} {first.step} is {first.got:.9g} and should be {first.expected:.9g}: "
        f"off by {off} of it, and {allowed} is allowed."
    )
