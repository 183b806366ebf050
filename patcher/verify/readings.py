"""What a run did, and what a check wants of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from patcher.model import Check, Range

__all__ = ["Readings", "Run", "asked", "series", "too_few", "unseen", "wanted"]

Readings = Mapping[str, tuple[float, ...]]
"""The values of each reading in their order: `loss`, `lr` and `lr.2` of two optimizers, `lr[2]` of a second parameter
group, `wandb.train/loss`."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did, and how the process ended.

    `optimizers` are the classes of the optimizers that made a step, in the order of their first. `returncode` is None
    if the time limit ended it. `output` are the last lines that it printed. `wanted` are the readings that the check
    asks for. `process` is what the probe knows of the process that was read, one of `processes` that had any of them;
    `damaged` says what the probe did not write. `loaded`: whether the probe was loaded at all; `started` are the
    commands that started a Python, each with whether the probe could come with it.

    `entries` are the attentions that the tree called; `planted` whether a planted one was used, `misfit` why one was
    not in some call; `refused` is what no reference can stand in for: a function, what it was given, and where.
    `stood_in` are the references that were used; `reached` are the lines asked for that were executed, `opened` the
    files asked for that were read; `strayed` are modules that came from the tree itself and not from its copy.
    """

    command: tuple[str, ...]
    readings: Readings
    optimizers: tuple[str, ...]
    returncode: int | None
    seconds: float
    output: str
    wanted: tuple[str, ...] = ("loss",)
    process: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    damaged: str = ""
    loaded: bool = True
    started: tuple[tuple[str, bool], ...] = ()
    entries: tuple[str, ...] = ()
    planted: bool = False
    misfit: str = ""
    refused: tuple[str, str, str] | None = None
    stood_in: tuple[str, ...] = ()
    reached: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    strayed: tuple[str, ...] = ()

    @property
    def losses(self) -> tuple[float, ...]:
        """What was differentiated."""
        return self.readings.get("loss", ())

    @property
    def rates(self) -> Mapping[str, tuple[float, ...]]:
        """The first learning rate of each optimizer, by its class, at each of its steps."""
        return {name: self.readings[series("lr", number)] for number, name in enumerate(self.optimizers, 1)}

    @property
    def steps(self) -> int:
        """How many steps the optimizer made that made most."""
        return max(map(len, self.rates.values()), default=0)

    @property
    def trained(self) -> bool:
        """Whether it ended well, made any of the readings of its check, and every loss is a number."""
        read = not self.damaged and any(self.readings.get(name) for name in self.wanted)
        return self.returncode == 0 and read and self.lost is None

    @property
    def lost(self) -> int | None:
        """The first loss (from one) that is infinite or no number, or None."""
        return next((number for number, loss in enumerate(self.losses, 1) if not math.isfinite(loss)), None)


def series(reading: str, optimizer: int, group: int = 1) -> str:
    """Return the name of a reading of the first, second, ... optimizer and of its parameter group (from one)."""
    return reading + (f".{optimizer}" if optimizer > 1 else "") + (f"[{group}]" if group > 1 else "")


def asked(check: Check) -> Mapping[str, Range]:
    """Return how many of each reading a check asks for; one that names none wants losses."""
    return check.readings or {"loss": Range(1)}


def wanted(check: Check, readings: Readings) -> dict[str, tuple[float, ...]]:
    """Return the readings that a check asks for, of every optimizer and group, and no more of each than it wants."""
    found: dict[str, tuple[float, ...]] = {}
    for name, count in asked(check).items():
        of = re.compile(re.escape(name) + ("" if name.startswith("wandb.") else r"(\.\d+)?(\[\d+\])?"))
        found |= {one: values[: count.upper] for one, values in readings.items() if of.fullmatch(one)}
    return found


def too_few(check: Check, readings: Readings) -> str:
    """Say which reading is there less often than a check wants, or nothing."""
    for name, count in asked(check).items():
        there = len(readings.get(name, ()))
        if there < count.upper if count.upper is not None else there < max(1, count.lower):
            why = "" if there else f" {unseen(name)}"
            wants = count.upper if count.upper is not None else Range(max(1, count.lower))
            return f"The check wants {wants} value{'' if wants == 1 else 's'} of {name}, and the run made {there}.{why}"
    return ""


def unseen(reading: str) -> str:
    """Say what would have to be done for a reading to be seen."""
    if reading == "loss":
        return "No loss was seen: nothing called .backward(), or torch.autograd.grad with respect to parameters."
    if reading.startswith("wandb."):
        return f"Nothing gave wandb.log a {reading.partition('.')[2]}."
    return (
        "No step of an optimizer was seen: it is made from torch.optim.Optimizer, or the probe does not know it; of "
        "another one the losses alone can be read."
    )
