"""A training run in a process of its own, on a copy of the tree; the tree itself is never written to.

Everything that runs comes from the recipe: `prepare` makes the data once, `run` is the upstream's own entry point. What
the run computes is observed by the probe, not asked of the program.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Check, Recipe

__all__ = ["Run", "interpreter", "run_check", "words"]

PROBE = Path(__file__).parent / "probe"
LIMIT = "600s"
TAIL = 15

Readings = tuple[tuple[float, ...], dict[str, tuple[float, ...]]]
"""The losses of a process, and the rates of each of its optimizers."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did: the loss of each backward pass, the steps of each optimizer, and how the process ended.

    `rates` are the first learning rate of each optimizer at each of its steps. `returncode` is None if the time limit
    ended it. `output` are the last lines that it printed.
    """

    command: tuple[str, ...]
    losses: tuple[float, ...]
    rates: Mapping[str, tuple[float, ...]]
    returncode: int | None
    seconds: float
    output: str

    @property
    def trained(self) -> bool:
        """Whether it ended well, took a step, and every loss is a number; exiting 0 without a step is failing."""
        return self.returncode == 0 and bool(self.rates) and bool(self.losses) and self.lost is None

    @property
    def lost(self) -> int | None:
        """The first loss (from one) that is infinite or no number, or None."""
        return next((number for number, loss in enumerate(self.losses, 1) if not math.isfinite(loss)), None)


def interpreter(checkout: Checkout, named: str | None = None) -> str:
    """Return the Python that runs the tree: the named one, the active environment's, the tree's own, or PATH's.

    Raises:
        UsageError: there is none, or the named one does not exist.
    """
    if named is not None:
        found = shutil.which(named)
        if found is None:
            raise UsageError(f"--python {named} is no program that can be run; give the path of a Python.")
        return os.path.abspath(found)  # noqa: PTH100  (resolving the link would leave the virtual environment)
    folders = [os.environ.get("VIRTUAL_ENV"), os.environ.get("CONDA_PREFIX"), str(checkout.root / ".venv")]
    for folder in folders:
        python = Path(folder, "bin", "python") if folder else None
        if python is not None and python.exists():
            return os.path.abspath(python)  # noqa: PTH100
    found = shutil.which("python") or shutil.which("python3")
    if found is None:
        raise UsageError("There is no Python to run the tree with; activate its environment, or give --python.")
    return os.path.abspath(found)  # noqa: PTH100


def run_check(
    recipe: Recipe, check: Check, checkout: Checkout, python: str, overlay: Mapping[str, bytes] | None = None
) -> Run:
    """Run a check on a copy of the tree; `overlay` are files that stand there instead of the tree's.

    Raises:
        TargetError: the tree could not be copied, the data not prepared, or the command not started.
        UsageError: the check does not say what to run, or in words that mean nothing.
    """
    command, limit, own = words(check), _seconds(check), _environment(check)
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        places = {part: folder / part for part in ("tree", "data", "out", "probe")}
        for place in places.values():
            place.mkdir()
        _copy(checkout, places["tree"], overlay or {})
        _prepare(recipe, check, python, places, limit)
        filled = tuple(python if word == "python" else _filled(word, places) for word in command)
        return _run(filled, own, places, limit)


# --- what the check says --------------------------------------------------------------------------------------------


def words(check: Check) -> list[str]:
    """Return the command of a check as the recipe has it.

    Raises:
        UsageError: it has none.
    """
    found = check.arguments.get("run")
    if not isinstance(found, (list, tuple)) or not found:
        raise UsageError(f"The check {check.id} has no `run` that is a list of words; write run: [python, train.py].")
    return [str(word) for word in found]


def _seconds(check: Check) -> float:
    text = str(check.arguments.get("limit", LIMIT))
    found = re.fullmatch(r"(\d+)\s*(s|m|)", text)
    if found is None:
        raise UsageError(f"The check {check.id} has the limit `{text}`; write seconds or minutes, as in 300s or 5m.")
    return float(found[1]) * (60 if found[2] == "m" else 1)


def _environment(check: Check) -> dict[str, str]:
    found = check.arguments.get("environment", {})
    if not isinstance(found, Mapping) or not all(isinstance(value, str) for value in found.values()):
        raise UsageError(
            f"The check {check.id} has an `environment` that is no map of names to text; write {{NAME: '1'}}."
        )
    return dict(found)


def _filled(word: str, places: Mapping[str, Path]) -> str:
    unknown = next((name for name in re.findall(r"\{(\w+)\}", word) if name not in places), None)
    if unknown is not None:
        known = ", ".join(f"{{{name}}}" for name in places)
        raise UsageError(f"The check's word `{word}` has {{{unknown}}}, which stands for nothing; known: {known}.")
    for name, place in places.items():
        word = word.replace(f"{{{name}}}", str(place))
    return word


# --- before the run -------------------------------------------------------------------------------------------------


def _copy(checkout: Checkout, target: Path, overlay: Mapping[str, bytes]) -> None:
    try:
        for path in (*checkout.paths, *checkout.links, *overlay):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
        for path in checkout.paths:
            shutil.copy2(checkout.root / path, target / path)
        for path in checkout.links:
            (target / path).symlink_to(_led_to(checkout, path))
        for path, data in overlay.items():
            (target / path).write_bytes(data)
    except OSError as error:
        named = f"{error.filename} could not be copied" if error.filename else "it could not be copied"
        raise TargetError(f"{checkout.root} cannot be run: {named} ({error.strerror}).") from None


def _led_to(checkout: Checkout, path: str) -> Path:
    """Return what a link of the copy points at: the copy where the tree's own points into the tree."""
    link = checkout.root / path
    inside = link.resolve().is_relative_to(checkout.root) and not link.readlink().is_absolute()
    return link.readlink() if inside else link.resolve()


def _prepare(recipe: Recipe, check: Check, python: str, places: Mapping[str, Path], limit: float) -> None:
    script = check.arguments.get("prepare")
    if script is None:
        return
    command = (python, str(Path(recipe.folder, str(script)).resolve()), str(places["data"]))
    printed = places["data"].with_name("prepared.txt")
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    code = _process(command, places["data"], environment, limit, printed)
    if code != 0:
        last = (_tail(printed) or ["it said nothing"])[-1] if code is not None else f"it took more than {limit:.0f} s"
        raise TargetError(f"{script} could not prepare the data of the check {check.id} with {python}: {last}")


# --- the run --------------------------------------------------------------------------------------------------------


def _run(command: tuple[str, ...], own: Mapping[str, str], places: Mapping[str, Path], limit: float) -> Run:
    filled = {name: _filled(value, places) for name, value in own.items()}
    paths = (str(PROBE), filled.get("PYTHONPATH", os.environ.get("PYTHONPATH")))
    fixed = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",  # what a run that is killed has printed shows why
        "PATCHER_PROBE": str(places["probe"]),
    }
    printed = places["out"].with_name("printed.txt")
    begun = time.monotonic()
    code = _process(command, places["tree"], {**os.environ, **filled, **fixed}, limit, printed)
    losses, rates = _readings(places["probe"])
    return Run(command, losses, rates, code, time.monotonic() - begun, "\n".join(_tail(printed)))


def _process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float, printed: Path
) -> int | None:
    """Run a command and return its exit code, None if the limit ended it; no process of it is left behind.

    Raises:
        TargetError: it cannot be started.
    """
    try:
        with printed.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603  (the recipe's own command)
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TargetError(f"{command[0]} could not be started ({reason}); is it installed?") from None
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(printed: Path) -> list[str]:
    return printed.read_bytes().decode("utf-8", "replace").strip().splitlines()[-TAIL:]


def _readings(folder: Path) -> Readings:
    """Return what the process that trained most has done; helpers of a run load torch too."""
    found = [_reading(file) for file in sorted(folder.glob("*.jsonl"))]
    return max(found, key=lambda one: (len(one[0]), sum(map(len, one[1].values()))), default=((), {}))


def _reading(file: Path) -> Readings:
    # A process that was killed may have left half a line.
    lines = [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
    rates: dict[str, list[float]] = {}
    for line in lines:
        if "step" in line:
            rates.setdefault(line["step"], []).append(line["lr"][0] if line["lr"] else float("nan"))
    losses = tuple(line["loss"] for line in lines if "loss" in line)
    return losses, {name: tuple(values) for name, values in rates.items()}
