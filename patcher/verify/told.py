"""What the probe told of a run: a file for each process, of which one is read.

Read is the process that has most of the check's readings; of such the first rank where there are ranks, else the first
that has as many values as the check wants.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from patcher.model import Check
from patcher.verify.readings import Run, asked, series, too_few

__all__ = ["Ending", "told"]

OF_A_STEP = ("grad_norm", "parameters", "seconds", "memory")
SHOWN = 60
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended, and what it printed last; `returncode` None: the time limit ended it."""

    command: tuple[str, ...]
    returncode: int | None
    seconds: float
    output: str


@dataclass(frozen=True)
class _Process:
    """What one process wrote."""

    lines: Sequence[Line]
    optimizers: dict[int, str] = field(default_factory=dict)

    @cached_property
    def readings(self) -> dict[str, tuple[float, ...]]:
        found: dict[str, list[float]] = {}
        for line in self.lines:
            for name, value in self._values(line):
                found.setdefault(name, []).append(value)
        return {name: tuple(values) for name, values in found.items()}

    def _values(self, line: Line) -> Iterator[tuple[str, float]]:
        if "loss" in line:
            yield "loss", line["loss"]
        if "step" in line:
            number = line.get("optimizer", 1 + len(self.optimizers))
            if "optimizer" not in line:
                number = next((known for known, name in self.optimizers.items() if name == line["step"]), number)
            self.optimizers.setdefault(number, line["step"])
            for group, rate in enumerate(line["lr"] or [math.nan], 1):
                yield series("lr", number, group), rate
            yield from ((series(name, number), line[name]) for name in OF_A_STEP if name in line)
        yield from ((f"wandb.{name}", value) for name, value in line.get("wandb", {}).items())

    @property
    def about(self) -> Mapping[str, Any]:
        return next((line["process"] for line in self.lines if "process" in line), {})

    @property
    def rank(self) -> int:
        """The rank, and of one that has none a number behind all of them."""
        told = str(self.about.get("rank"))
        return int(told) if told.isdecimal() else sys.maxsize


def told(ending: Ending, probe: Path, tree: Path, check: Check) -> Run:
    """Return the run by what the probe wrote into its folder, and by how the process ended."""
    files = sorted(probe.glob("*.jsonl"), key=_number)
    sound, damaged = [], ""
    for file in files:
        lines = _lines(file)
        odd = next((line for line in lines if not _is_sound(line, tree)), None)
        if odd is not None and not damaged:
            damaged = f"process {file.stem} has {json.dumps(odd)[:SHOWN]}"
        sound.append(_Process([line for line in lines if _is_sound(line, tree)]))
    names = asked(check)
    read = min((one for one in sound if one.readings), key=lambda one: _order(one, check), default=_Process([]))
    every = [line for one in sound for line in one.lines]
    planted = any("planted" in line for line in every)
    reached: dict[str, list[int]] = {}
    for path, number in (line["line"] for line in every if "line" in line):
        reached.setdefault(Path(path).relative_to(tree).as_posix(), []).append(number)
    return Run(
        command=ending.command,
        readings=read.readings,
        optimizers=tuple(read.optimizers.values()),
        returncode=ending.returncode,
        seconds=ending.seconds,
        output=ending.output,
        wanted=tuple(names),
        process=read.about,
        processes=sum(any(name in one.readings for name in names) for one in sound),
        damaged=damaged,
        loaded=not probe.is_dir() or any(probe.glob("*.loaded")),
        started=tuple(dict.fromkeys((line["started"][0], line["started"][1]) for line in every if "started" in line)),
        entries=tuple(dict.fromkeys(line["attention"] for line in every if "attention" in line)),
        planted=planted,
        misfit=next((line["misfit"] for line in every if "misfit" in line), ""),
        refused=next((tuple(line["refused"]) for line in every if "refused" in line), None),
        stood_in=(
            *(["attention"] if planted else []),
            *(["adam_atan2"] if any("reference" in one for one in every) else []),
        ),
        strayed=tuple(dict.fromkeys(name for line in every for name in line.get("original", ()))),
        reached={path: tuple(sorted(set(numbers))) for path, numbers in reached.items()},
        opened=frozenset(Path(line["opened"]).relative_to(tree).as_posix() for line in every if "opened" in line),
    )


def _order(process: _Process, check: Check) -> tuple[int, int, bool]:
    """Order processes: the least is read, and of equals the first that was started."""
    having = sum(name in process.readings for name in asked(check))
    return -having, process.rank, bool(too_few(check, process.readings))


def _number(file: Path) -> tuple[int, str]:
    """Order the files of processes as the processes were started."""
    return (int(file.stem), "") if file.stem.isdecimal() else (sys.maxsize, file.stem)


def _lines(file: Path) -> list[Line]:
    """Return what a process wrote; one that was killed may have left half a line, and a program anything."""
    found: list[Line] = []
    for line in file.read_bytes().splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        found += [told] if isinstance(told, dict) else []
    return found


def _is_sound(line: Line, tree: Path) -> bool:
    """Tell whether a line may be the probe's, as far as it is read here."""
    return ("lr" in line or "step" not in line) and all(_fits(key, value, tree) for key, value in line.items())


def _fits(key: str, value: Any, tree: Path) -> bool:
    match key, value:
        case (("loss" | "grad_norm" | "parameters" | "seconds" | "memory"), _):
            return _is_number(value)
        case "lr", [*rates]:
            return all(map(_is_number, rates))
        case (("process" | "wandb"), {**entries}):
            return key == "process" or all(map(_is_number, entries.values()))
        case "optimizer", int():
            return value > 0
        case (("step" | "attention" | "misfit" | "reference"), str()):
            return True
        case "opened", str(path):
            return Path(path).is_relative_to(tree)
        case "line", [str(path), int()]:
            return Path(path).is_relative_to(tree)
        case (("original" | "perturbed" | "refused"), [*words]):
            return all(isinstance(word, str) for word in words) and (key != "refused" or len(words) == 3)
        case "started", [str(), bool()]:
            return True
    return key == "planted"


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and value.bit_length() < sys.float_info.max_exp)
