"""A training run in a process of its own, on a copy of the tree; the tree itself is never written to.

Everything that runs comes from the recipe: `prepare` makes the data once, `run` is the upstream's own entry point. What
the run computes is observed by the probe, not asked of the program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Check, Recipe

__all__ = ["Run", "interpreter", "run_check"]

PROBE = Path(__file__).parent / "probe"
LIMIT = "600s"
TAIL = 15


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
        """Whether it ended well and took a step; a trainer that exits 0 without a step has failed."""
        return self.returncode == 0 and bool(self.rates) and bool(self.losses)


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
    return found


def run_check(
    recipe: Recipe, check: Check, checkout: Checkout, python: str, overlay: Mapping[str, bytes] | None = None
) -> Run:
    """Run a check on a copy of the tree; `overlay` are files that stand there instead of the tree's.

    Raises:
        TargetError: the data could not be prepared.
    """
    with tempfile.TemporaryDirectory(prefix="patcher-") as name:
        folder = Path(name)
        places = {"tree": folder / "tree", "data": folder / "data", "out": folder / "out", "probe": folder / "probe"}
        for place in places.values():
            place.mkdir()
        _copy(checkout, places["tree"], overlay or {})
        _prepare(recipe, check, python, places)
        command = tuple(_filled(word, places, python) for word in _words(check))
        return _run(command, check, places)


def _copy(checkout: Checkout, target: Path, overlay: Mapping[str, bytes]) -> None:
    for path in checkout.paths:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout.root / path, target / path)
    for path, data in overlay.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_bytes(data)


def _prepare(recipe: Recipe, check: Check, python: str, places: Mapping[str, Path]) -> None:
    script = check.arguments.get("prepare")
    if script is None:
        return
    command = [python, str(Path(recipe.folder, script)), str(places["data"])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (the recipe's script)
    except OSError as error:
        raise TargetError(f"{python} could not be started ({error.strerror}); give another one with --python.") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise TargetError(f"{script} could not prepare the data of the check {check.id} with {python}: {last}")


def _words(check: Check) -> list[str]:
    words = check.arguments.get("run")
    if not isinstance(words, (list, tuple)) or not words:
        raise UsageError(f"The check {check.id} has no `run`; give the command as a list of words.")
    return [str(word) for word in words]


def _filled(word: str, places: Mapping[str, Path], python: str) -> str:
    if word == "python":
        return python
    for name, place in places.items():
        word = word.replace(f"{{{name}}}", str(place))
    return word


def _run(command: tuple[str, ...], check: Check, places: Mapping[str, Path]) -> Run:
    own = {name: str(value) for name, value in check.arguments.get("environment", {}).items()}
    path = os.pathsep.join(filter(None, (str(PROBE), os.environ.get("PYTHONPATH"))))
    fixed = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "PATCHER_PROBE": str(places["probe"])}
    begun = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603  (the recipe's own command)
            command,
            cwd=places["tree"],
            env={**os.environ, **own, **fixed},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_seconds(check),
            check=False,
        )
        code, printed = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, printed = None, error.stdout or b""
    except OSError as error:
        raise TargetError(f"{command[0]} could not be started ({error.strerror}); is it installed?") from None
    losses, rates = _readings(places["probe"])
    lines = printed.decode("utf-8", "replace").strip().splitlines()[-TAIL:]
    return Run(command, losses, rates, code, time.monotonic() - begun, "\n".join(lines))


def _seconds(check: Check) -> float:
    text = str(check.arguments.get("limit", LIMIT))
    found = re.fullmatch(r"(\d+)\s*(s|m|)", text)
    if found is None:
        raise UsageError(f"The check {check.id} has the limit `{text}`; write seconds or minutes, as in 300s or 5m.")
    return float(found[1]) * (60 if found[2] == "m" else 1)


def _readings(folder: Path) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Return the losses and rates of the process that made the most steps; helpers of a run load torch too."""
    best: tuple[tuple[float, ...], dict[str, tuple[float, ...]]] = ((), {})
    for file in sorted(folder.glob("*.jsonl")):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        losses = tuple(line["loss"] for line in lines if "loss" in line)
        rates: dict[str, list[float]] = {}
        for line in lines:
            if "step" in line:
                rates.setdefault(line["step"], []).append(line["lr"][0] if line["lr"] else float("nan"))
        if len(losses) > len(best[0]):
            best = losses, {name: tuple(values) for name, values in rates.items()}
    return best
