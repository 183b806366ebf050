"""A training run in a process of its own, on a copy of the tree; the tree itself is never written to.

Everything that runs comes from the recipe: `prepare` makes the data once, `run` is the upstream's own entry point. What
the run computes is observed by the probe, not asked of the program.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Check, Recipe
from patcher.verify.process import run_process, tail

__all__ = ["Ask", "Bench", "Overlay", "Readings", "Run", "copy_tree", "interpreter", "run_check"]

PROBE = Path(__file__).parent / "probe"
# Of what lies behind a link out of the tree, what is larger is left out of the copy.
SMALL = 64 * 2**20

Readings = Mapping[str, tuple[float, ...]]
"""The values of each reading in their order: `loss`, `lr` and `lr.2` of two optimizers, `wandb.train/loss`."""

Overlay = Mapping[str, bytes | None]
"""Files that stand in a copy instead of the tree's; None: the copy has none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a run is asked for beside what its check says; the keys are the probe's.

    `plant` is the name of a wrong attention, `reference` what stands in for the code to be judged, `lines` are those of
    the tree of which it is asked whether they were executed. `environment` goes over the check's.
    """

    plant: str | None = None
    reference: tuple[str, ...] = ()
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run did, and how the process ended.

    `optimizers` are the classes of the optimizers that made a step, in the order of their first. `returncode` is None
    if the time limit ended it. `output` are the last lines that it printed. `process` is what the probe knows of the
    process that trained; `entries` are the attentions that the tree called; `planted` whether a planted one was used;
    `stood_in` are the references that were; `reached` are the lines asked for that were executed; `strayed` are modules
    that came from the tree itself and not from its copy.
    """

    command: tuple[str, ...]
    readings: Readings
    optimizers: tuple[str, ...]
    returncode: int | None
    seconds: float
    output: str
    process: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    planted: bool = False
    stood_in: tuple[str, ...] = ()
    reached: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    strayed: tuple[str, ...] = ()

    @property
    def losses(self) -> tuple[float, ...]:
        """What `.backward()` was called on."""
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
        """Whether it ended well, took a step, and every loss is a number; exiting 0 without a step is failing."""
        return self.returncode == 0 and bool(self.steps) and bool(self.losses) and self.lost is None

    @property
    def lost(self) -> int | None:
        """The first loss (from one) that is infinite or no number, or None."""
        return next((number for number, loss in enumerate(self.losses, 1) if not math.isfinite(loss)), None)


def series(reading: str, optimizer: int) -> str:
    """Return the name of a reading of the first, second, ... optimizer (from one)."""
    return reading if optimizer == 1 else f"{reading}.{optimizer}"


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


def run_check(recipe: Recipe, check: Check, checkout: Checkout, python: str, overlay: Overlay | None = None) -> Run:
    """Run a check once on a copy of the tree.

    Raises:
        TargetError: the tree could not be copied, the data not prepared, or the command not started.
    """
    with Bench(recipe, check, python) as bench:
        return bench.run(checkout, overlay or {})


class Bench:
    """Where a check is run, as often as is asked, each time on a fresh copy of a tree and of the data.

    Raises:
        TargetError: the data could not be prepared.
    """

    def __init__(self, recipe: Recipe, check: Check, python: str, device: str = "cpu") -> None:
        self.recipe, self.check, self.python, self.device = recipe, check, python, device

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True))
            self.folder = Path(name).resolve()
            (self.folder / "prepared").mkdir()
            self._prepare()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, checkout: Checkout, overlay: Overlay, ask: Ask | None = None) -> Run:
        """Run the check on a copy of a tree.

        Raises:
            TargetError: the tree could not be copied, or the command not started.
        """
        asked = ask or Ask()
        with tempfile.TemporaryDirectory(prefix="run-", dir=self.folder, ignore_cleanup_errors=True) as name:
            places = {part: Path(name, part) for part in ("tree", "data", "out")}
            for place in places.values():
                place.mkdir()
            copy_tree(checkout, places["tree"], overlay)
            self._copy_data(places["data"])
            probe = Path(name, "probe")
            probe.mkdir()
            (probe / "config.json").write_text(json.dumps(self._config(asked, checkout, places["tree"])))
            return self._run(places, probe, asked)

    def _copy_data(self, target: Path) -> None:
        try:
            shutil.copytree(self.folder / "prepared", target, symlinks=True, dirs_exist_ok=True)
        except (OSError, shutil.Error) as error:
            raise TargetError(
                f"What {self.check.prepare} prepared for the check {self.check.id} cannot be copied ({error}); it may "
                "hold files and folders only."
            ) from None

    def _config(self, ask: Ask, checkout: Checkout, tree: Path) -> dict[str, Any]:
        wanted = {name.partition(".")[0] for name in self.check.readings}
        return {
            "readings": sorted({"loss", "lr"} | wanted),
            "plant": ask.plant,
            "reference": list(ask.reference),
            "perturb": self.check.perturb,
            "original": str(checkout.root),
            "lines": {str(tree / path): list(lines) for path, lines in ask.lines.items()},
        }

    def _run(self, places: Mapping[str, Path], probe: Path, ask: Ask) -> Run:
        command = tuple(self.python if word == "python" else _filled(word, places) for word in self.check.run)
        command = (self._program(command[0]), *command[1:])
        own = {**self.check.environment, **ask.environment}
        filled = {name: _filled(value, places) for name, value in own.items()}
        temporary = probe.with_name("temporary")
        paths = (str(PROBE), filled.get("PYTHONPATH", os.environ.get("PYTHONPATH")))
        fixed = {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",  # what a run that is killed has printed shows why
            "PATCHER_PROBE": str(probe),
            # What a killed run leaves there goes too; what torch.compile made is for the other runs of this check.
            "TMPDIR": str(temporary),
            "TORCHINDUCTOR_CACHE_DIR": str(self.folder / "compiled"),
            "PWD": str(places["tree"]),  # that of the caller may be the tree itself
        }
        temporary.mkdir()
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.device == "cpu" else {}
        environment = {**self._around(), "WANDB_MODE": "disabled", **hidden, **filled, **fixed}
        printed = probe.with_name("printed.txt")
        begun = time.monotonic()
        code = run_process(command, places["tree"], environment, self.check.limit, printed)
        seconds = time.monotonic() - begun
        return _told(_Told(command, code, seconds, "\n".join(tail(printed))), probe, places["tree"])

    def _around(self) -> dict[str, str]:
        """Return the caller's environment without what would make another run of it.

        What any check of the recipe sets is the recipe's to say, and a script finds the interpreter as `python`.
        """
        theirs = {"OLDPWD", "TORCHDYNAMO_DISABLE"}.union(*(check.environment for check in self.recipe.checks))
        path = os.pathsep.join(filter(None, (str(Path(self.python).parent), os.environ.get("PATH"))))
        return {**{name: value for name, value in os.environ.items() if name not in theirs}, "PATH": path}

    def _program(self, name: str) -> str:
        """Return a program that stands beside the interpreter, as torchrun does; else its name, for PATH."""
        beside = Path(self.python).parent / name
        return str(beside) if os.sep not in name and os.access(beside, os.X_OK) else name

    def _prepare(self) -> None:
        """Make the data of the check."""
        script, check = self.check.prepare, self.check
        if script is None:
            return
        data = self.folder / "prepared"
        command = (self.python, str(Path(self.recipe.folder, script).resolve()), str(data))
        printed = self.folder / "prepared.txt"
        environment = {**self._around(), "PYTHONDONTWRITEBYTECODE": "1", "PWD": str(data)}
        code = run_process(command, data, environment, check.limit, printed)
        if code != 0:
            last = (
                (tail(printed) or ["it said nothing"])[-1]
                if code is not None
                else f"it took more than {check.limit:.0f} s"
            )
            raise TargetError(f"{script} could not prepare the data of the check {check.id} with {self.python}: {last}")


def _filled(word: str, places: Mapping[str, Path]) -> str:
    for name, place in places.items():
        word = word.replace(f"{{{name}}}", str(place))
    return word


# --- before the run -------------------------------------------------------------------------------------------------


def copy_tree(checkout: Checkout, target: Path, overlay: Overlay) -> None:
    """Copy the files of a tree into an empty folder, with others in their place.

    A link into the tree leads into the copy. What a link out of the tree leads to is copied, so that nobody can write
    through it; what is large is left out.

    Raises:
        TargetError: one cannot be copied.
    """
    try:
        for path in (*checkout.paths, *checkout.links, *overlay):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
        for path in checkout.paths:
            shutil.copy2(checkout.root / path, target / path)
        for path in checkout.links:
            _copy_link(checkout.root, path, target)
        for path, data in overlay.items():
            (target / path).unlink(missing_ok=True)
            if data is not None:
                (target / path).write_bytes(data)
    except (OSError, shutil.Error) as error:
        named = f"{error.filename} could not be copied" if error.filename else "it could not be copied"
        raise TargetError(f"{checkout.root} cannot be run: {named} ({error.strerror or error}).") from None


def _copy_link(root: Path, path: str, target: Path) -> None:
    behind = (root / path).resolve()
    if behind.is_relative_to(root):
        inside = target / behind.relative_to(root)
        (target / path).symlink_to(os.path.relpath(inside, (target / path).parent))
    elif behind.is_file() and behind.stat().st_size <= SMALL:
        shutil.copy2(behind, target / path)
    elif behind.is_dir() and _size(behind) <= SMALL:
        shutil.copytree(behind, target / path, symlinks=True, ignore_dangling_symlinks=True)


def _size(folder: Path) -> int:
    """Return how many bytes a folder holds, or as many as are too many."""
    total = 0
    for above, _, files in os.walk(folder):
        total += sum(os.lstat(Path(above, name)).st_size for name in files)
        if total > SMALL:
            break
    return total


# --- what the probe saw ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What the process itself told."""

    command: tuple[str, ...]
    returncode: int | None
    seconds: float
    output: str


def _told(told: _Told, probe: Path, tree: Path) -> Run:
    """Return the run by what the probe wrote: of several processes, that which trained most, and the first rank."""
    processes = [_lines(file) for file in sorted(probe.glob("*.jsonl"), key=_number)]
    trained = max(processes, key=_most, default=[])
    every = [line for lines in processes for line in lines]
    optimizers: dict[int, str] = {}
    readings: dict[str, list[float]] = {}
    for line in trained:
        if "loss" in line:
            readings.setdefault("loss", []).append(line["loss"])
        if "step" in line:
            _step(line, optimizers, readings)
        for name, value in line.get("wandb", {}).items():
            readings.setdefault(f"wandb.{name}", []).append(value)
    planted = any("planted" in line for line in every)
    reached: dict[str, list[int]] = {}
    for path, number in (line["line"] for line in every if "line" in line):
        reached.setdefault(Path(path).relative_to(tree).as_posix(), []).append(number)
    return Run(
        command=told.command,
        readings={name: tuple(values) for name, values in readings.items()},
        optimizers=tuple(optimizers.values()),
        returncode=told.returncode,
        seconds=told.seconds,
        output=told.output,
        process=next((line["process"] for line in trained if "process" in line), {}),
        entries=tuple(dict.fromkeys(line["attention"] for line in every if "attention" in line)),
        planted=planted,
        stood_in=(
            *(["attention"] if planted else []),
            *(["adam_atan2"] if any("reference" in one for one in every) else []),
        ),
        strayed=tuple(dict.fromkeys(name for line in every for name in line.get("original", ()))),
        reached={path: tuple(sorted(set(numbers))) for path, numbers in reached.items()},
    )


def _number(file: Path) -> tuple[int, str]:
    """Order the files of processes as the processes were started."""
    return (int(file.stem), "") if file.stem.isdecimal() else (sys.maxsize, file.stem)


def _step(line: Mapping[str, Any], optimizers: dict[int, str], readings: dict[str, list[float]]) -> None:
    number = line.get("optimizer", 1 + len(optimizers))
    if "optimizer" not in line:
        number = next((known for known, name in optimizers.items() if name == line["step"]), number)
    optimizers.setdefault(number, line["step"])
    rates = line["lr"]
    readings.setdefault(series("lr", number), []).append(rates[0] if rates else math.nan)
    for name in ("grad_norm", "parameters"):
        if name in line:
            readings.setdefault(series(name, number), []).append(line[name])


def _most(lines: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Order processes: helpers of a run load torch too, and of equals the first rank counts."""
    told = next((str(line["process"].get("rank")) for line in lines if "process" in line), "")
    rank = int(told) if told.isdecimal() else 0
    return sum("loss" in line for line in lines), sum("step" in line for line in lines), -rank


def _lines(file: Path) -> list[dict[str, Any]]:
    """Return what a process wrote; one that was killed may have left half a line, and a program anything."""
    found = []
    for line in file.read_bytes().splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        found += [told] if isinstance(told, dict) else []
    return found
