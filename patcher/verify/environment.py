"""What a run depends on beside its tree: the interpreter's packages, the programs on PATH, the machine."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from patcher.errors import TargetError
from patcher.model import Check
from patcher.verify.golden import Golden
from patcher.verify.readings import Run

__all__ = ["elsewhere", "environment", "lacking", "packages"]

ASK = """
import json, sys, platform
from importlib import metadata
found = {"python": platform.python_version(), "machine": platform.machine()}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""
PATIENCE = 60
# What the noise of a golden covers already, or what the numbers do not depend on.
WITHIN_NOISE = ("cpu", "python")


def packages(python: str, names: Sequence[str]) -> dict[str, str]:
    """Return the versions that an interpreter has of some packages, with its own and the kind of machine.

    Raises:
        TargetError: it is no Python that runs.
    """
    command = [python, "-c", ASK, *names]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)  # noqa: S603
        found: dict[str, str] = json.loads(told.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        raise TargetError(f"{python} could not be asked for its packages; is it a Python? See --python.") from None
    return found


def lacking(check: Check, python: str, there: Mapping[str, str], device: str) -> str:
    """Say why a check cannot be run here, and what to do, or nothing if it can."""
    if device != check.device and check.device != "cpu":
        return f"It is a check for {check.device}, and --device is {device}."
    missing = [name for name in check.packages if name not in there]
    if missing:
        return (
            f"{python} has no {' and no '.join(missing)}. Install it there, or name another --python: "
            f"{shlex.join([python, '-m', 'pip', 'install', *missing])}"
        )
    if device == "cuda" and not _sees_cuda(python):
        return (
            f"{python} sees no CUDA device, and --device is cuda; run it where there is one, with a torch built for it."
        )
    absent = [name for name in check.programs if shutil.which(name) is None]
    return f"There is no {' and no '.join(absent)} on PATH, which it needs." if absent else ""


def _sees_cuda(python: str) -> bool:
    """Tell whether an interpreter's torch has a CUDA device."""
    command = [python, "-c", "import sys, torch; sys.exit(not torch.cuda.is_available())"]
    try:
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode == 0  # noqa: S603
    except subprocess.SubprocessError:
        return False


def environment(there: Mapping[str, str], run: Run) -> dict[str, str]:
    """Return what the numbers of a run may depend on: versions, the machine, the instructions that torch uses."""
    process = {key: str(run.process[key]) for key in ("cpu", "device") if key in run.process}
    return {**there, **process}


def elsewhere(golden: Golden, here: Mapping[str, str]) -> str:
    """Say what is other here than where a golden was made, or nothing."""
    return "; ".join(
        f"{name} {here.get(name, 'is missing')}, and there {value}"
        for name, value in golden.environment.items()
        if name not in WITHIN_NOISE and here.get(name) != value
    )
