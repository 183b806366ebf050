"""Golden outputs: the readings of a run by the reference path, with how far they waver and where they were made.

A golden never comes from the code that it judges: it is recorded with plain float64 attention, the original's formula,
or the loop that a step would replace. Its noise is what the same run differs by with other threads and with fewer
instructions of the processor, so that nobody chooses a tolerance by hand.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patcher.errors import TargetError
from patcher.model import Check, Recipe, Step
from patcher.verify.readings import Readings

__all__ = [
    "FACTOR",
    "LEAST",
    "Golden",
    "golden_data",
    "golden_file",
    "read_golden",
    "relative",
    "step_digests",
    "write_golden",
]

FORMAT = 1
# What is allowed is so many times the noise, and at least the least, relative to the value.
FACTOR = 10.0
LEAST = 1e-7


@dataclass(frozen=True, slots=True)
class Golden:
    """What a check must read. `noise` has, for each reading, how far the same run came from it at each place.

    `reference` names what stood in for the code to be judged, `without` the steps that were left out. `environment` are
    versions and the machine; `steps` are the digests of the recipe's steps; `seen` says, of each wrong attention that
    was planted, how many times more than is allowed it was off, and where first. `seed` is that of the check then.
    """

    recipe: str
    check: str
    digest: str
    device: str
    readings: Readings
    noise: Readings
    parameters: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, str] = field(default_factory=dict)
    reference: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    seen: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int | None = None

    def allowed(self, name: str) -> float:
        """Return how far the values of a reading may be off, relative to them.

        The floor is that of the whole run: where the shaken runs happened to round alike, another one need not.
        """
        return max(LEAST, FACTOR * max(self.noise.get(name, ()), default=0.0))


def golden_file(recipe: Recipe, check: Check, device: str) -> Path | None:
    """Return where the golden of a check is for a class of device, or None if the check names none."""
    if check.golden is None:
        return None
    file = Path(recipe.folder, check.golden)
    return file if device == check.device else file.with_suffix(f".{device}{file.suffix}")


def step_digests(recipe: Recipe) -> dict[str, str]:
    """Return what tells each step of a recipe from one that was changed."""
    return {step.id: step_digest(step) for step in recipe.steps}


def step_digest(step: Step) -> str:
    """Return a digest of what a step does and where, and nothing of why."""
    scopes = [list(map(str, scopes)) for scopes in (step.within, step.not_in)]
    said = json.dumps([step.verb, dict(step.arguments), *scopes], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def relative(got: float, expected: float, series: tuple[float, ...]) -> float:
    """Return how far a value is off, relative to what was expected; where that is zero, to the largest beside it."""
    if got == expected:
        return 0.0
    scale = abs(expected) or max(map(abs, series), default=0.0)
    return abs(got - expected) / scale if scale else float("inf")


def golden_data(golden: Golden) -> dict[str, Any]:
    """Return a golden as it stands in its file."""
    return {
        "format": FORMAT,
        "recipe": golden.recipe,
        "recipe_digest": golden.digest,
        "check": golden.check,
        "device": golden.device,
        "parameters": dict(golden.parameters),
        "reference": list(golden.reference),
        "without": list(golden.without),
        "seed": golden.seed,
        "environment": dict(golden.environment),
        "steps": dict(golden.steps),
        "readings": {name: list(values) for name, values in golden.readings.items()},
        "noise": {name: list(values) for name, values in golden.noise.items()},
        "seen": {name: dict(how) for name, how in golden.seen.items()},
    }


def write_golden(file: Path, golden: Golden) -> None:
    """Write a golden beside its recipe.

    Raises:
        TargetError: the file cannot be written.
    """
    text = json.dumps(golden_data(golden), indent=1) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise TargetError(f"The golden {file} could not be written ({error.strerror}).") from None


def read_golden(file: Path) -> Golden:
    """Return the golden in a file.

    Raises:
        TargetError: it cannot be read, or is no golden that this version knows.
    """
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            raise TargetError(f"The golden {file} has the format {found['format']}; record it anew with `--record`.")
        noise = _numbers(found["noise"])
        if any(not (math.isfinite(value) and value >= 0) for values in noise.values() for value in values):
            raise ValueError(noise)
        return Golden(
            recipe=found["recipe"],
            check=found["check"],
            digest=found["recipe_digest"],
            device=found["device"],
            readings=_numbers(found["readings"]),
            noise=noise,
            parameters=dict(found["parameters"]),
            environment=dict(found["environment"]),
            steps=dict(found["steps"]),
            reference=tuple(found["reference"]),
            without=tuple(found.get("without", ())),
            seen=dict(found["seen"]),
            seed=None if found.get("seed") is None else int(found["seed"]),
        )
    except OSError as error:
        raise TargetError(f"The golden {file} could not be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TargetError(f"{file} is no golden that `--record` wrote; record it anew.") from None


def _numbers(found: Mapping[str, Any]) -> Readings:
    return {str(name): tuple(float(value) for value in values) for name, values in found.items()}
