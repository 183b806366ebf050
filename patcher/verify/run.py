"""A training run in a process of its own, on a copy of the tree; the tree itself is never written to.

Everything that runs comes from the recipe: `prepare` makes the data once, `run` is the upstream's own entry point. What
the run computes is observed by the probe, not asked of the program.
"""

from __future__ import annotations

import json
import os
import shutil
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
from patcher.repository import STRAY
from patcher.verify.copies import Overlay, copy_submodules, copy_tree, give_git
from patcher.verify.process import run_process, tail
from patcher.verify.readings import Run, asked
from patcher.verify.told import Ending, told

__all__ = ["PROBE", "Ask", "Bench", "interpreter", "run_check"]

PROBE = Path(__file__).parent / "probe"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a run is asked for beside what its check says; the keys are the probe's.

    `plant` is the name of a wrong attention, `reference` what stands in for the code to be judged, `lines` are those of
    the tree of which it is asked whether they were executed, `files` those of which it is whether they were read.
    `environment` goes over the check's, and `places` are words in braces besides those of a run. With `steps` the clock
    and the memory are read at each step of an optimizer, and the run ends with that many.
    """

    plant: str | None = None
    reference: tuple[str, ...] = ()
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    steps: int | None = None


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
    with Bench(recipe, check, python, checkout) as bench:
        return bench.run(checkout, overlay or {})


class Bench:
    """Where a check is run, as often as is asked, each time on a fresh copy of a tree and of the data.

    `home` is the checkout whose submodules and commit the copies have.

    Raises:
        TargetError: the data could not be prepared.
    """

    def __init__(self, recipe: Recipe, check: Check, python: str, home: Checkout, device: str = "cpu") -> None:
        self.recipe, self.check, self.python, self.home, self.device = recipe, check, python, home, device

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
            copy_submodules(self.home, places["tree"])
            give_git(self.home, places["tree"])
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
        return {
            "readings": sorted(
                {"loss", "lr"}
                | {name.partition(".")[0] for name in asked(self.check)}
                | ({"seconds", "memory"} if ask.steps else set())
            ),
            "steps": ask.steps,
            "plant": ask.plant,
            "reference": list(ask.reference),
            "perturb": self.check.perturb,
            "seed": self.check.seed,
            "original": str(checkout.root),
            "lines": {str(tree / path): list(lines) for path, lines in ask.lines.items()},
            "files": [str(tree / path) for path in ask.files],
        }

    def _run(self, folders: Mapping[str, Path], probe: Path, ask: Ask) -> Run:
        places: dict[str, str | Path] = {**folders, **ask.places}
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
            "PWD": str(folders["tree"]),  # that of the caller may be the tree itself
        }
        temporary.mkdir()
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.device == "cpu" else {}
        environment = {**self._around(), "WANDB_MODE": "disabled", **hidden, **filled, **fixed}
        printed = probe.with_name("printed.txt")
        begun = time.monotonic()
        code = run_process(command, folders["tree"], environment, self.check.limit, printed)
        seconds = time.monotonic() - begun
        return told(Ending(command, code, seconds, "\n".join(tail(printed))), probe, folders["tree"], self.check)

    def _around(self) -> dict[str, str]:
        """Return the caller's environment without what would make another run of it.

        What any check of the recipe sets is the recipe's to say, and a script finds the interpreter as `python`.
        """
        theirs = {"OLDPWD", "TORCHDYNAMO_DISABLE", *STRAY}.union(*(check.environment for check in self.recipe.checks))
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


def _filled(word: str, places: Mapping[str, str | Path]) -> str:
    for name, place in places.items():
        word = word.replace(f"{{{name}}}", str(place))
    return word
