"""What the machine and its interpreter have: packages, each imported in a process of its own, and torch's build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patcher.doctor.wants import Wanted
from patcher.errors import TargetError
from patcher.verify.environment import packages

__all__ = ["Imported", "Machine", "machine"]

# The last line that a child prints is its answer; a package may print while it is imported.
IMPORT = """
import importlib, json, sys
module, names = sys.argv[1], sys.argv[2:]
try:
    found = importlib.import_module(module)
    def has(name):
        try:
            return hasattr(found, name) or bool(importlib.import_module(module + "." + name))
        except ImportError:
            return False
    told = {"missing": [name for name in names if not has(name)]}
except BaseException as error:
    told = {"error": "%s: %s" % (type(error).__name__, error), "name": getattr(error, "name", None)}
try:
    from importlib import metadata
    owners = getattr(metadata, "packages_distributions", dict)().get(module.split(".")[0], [])
    told["versions"] = {name: metadata.version(name) for name in owners}
except Exception:
    pass
print()
print(json.dumps(told))
"""
TORCH = """
import json, os, platform
cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
told = {"python": platform.python_version(), "cpus": cpus}
try:
    import torch
    told.update(torch=torch.__version__, built=torch.version.cuda)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    told["devices"] = [torch.cuda.get_device_name(index) for index in range(count)]
    told["memory"] = torch.cuda.get_device_properties(0).total_memory if count else None
except BaseException as error:
    told["error"] = "%s: %s" % (type(error).__name__, error)
print()
print(json.dumps(told))
"""
PATIENCE = 120
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of importing one module: an error, or the names that it lacks. `versions` by distribution."""

    wanted: Wanted
    error: str = ""
    absent: str = ""
    missing: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()

    @property
    def works(self) -> bool:
        """Whether it can be imported, with every name."""
        return not self.error and not self.missing


@dataclass(frozen=True, slots=True)
class Machine:
    """The interpreter and what is around it.

    `driver` is the newest CUDA that the driver runs, `toolkit` nvcc's; `memory` are the bytes of the first GPU;
    `absent` are distributions that are listed and not installed, each with where; `logger`: it can be imported.
    """

    python: str
    version: str
    cpus: int
    imports: tuple[Imported, ...]
    torch: str = ""
    built: str = ""
    devices: tuple[str, ...] = ()
    memory: int | None = None
    driver: str = ""
    toolkit: str = ""
    compiler: str = ""
    absent: tuple[tuple[str, str], ...] = ()
    logger: bool = False


def machine(
    python: str, wanted: Iterable[Wanted], listed: Mapping[str, str] | None = None, logger: str = ""
) -> Machine:
    """Ask an interpreter for all that is wanted, for distributions that are `listed` somewhere, and for a logger.

    Raises:
        TargetError: it is no Python that runs.
    """
    told = _ask(python, TORCH)
    if "python" not in told:
        raise TargetError(f"{python} could not be asked for its packages; is it a Python? See --python.")
    imports = _all_imported(python, [*wanted])
    return Machine(
        python=python,
        version=told["python"],
        cpus=told["cpus"],
        imports=imports,
        torch=told.get("torch", ""),
        built=told.get("built") or "",
        devices=tuple(told.get("devices", ())),
        memory=told.get("memory"),
        driver=_word_behind("CUDA Version:", ["nvidia-smi"]),
        toolkit=_word_behind("release", ["nvcc", "--version"]),
        compiler=_compiler(),
        absent=_absent(python, listed or {}),
        logger=bool(logger) and _imported(python, Wanted(logger, "")).works,
    )


def _absent(python: str, listed: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return those of the distributions that are not installed."""
    there = packages(python, [*listed]) if listed else {}
    return tuple((name, where) for name, where in listed.items() if name not in there)


def _all_imported(python: str, every: Sequence[Wanted]) -> tuple[Imported, ...]:
    """Import all that is wanted, but for what stands in for a module that can be imported.

    Where that cannot be either, what is installed under its name, a placeholder or a broken build, is told too.
    """
    tried = dict.fromkeys(first for one in every for first in one.unless)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        known = dict(zip(tried, pool.map(lambda one: _imported(python, one), tried), strict=True))
        needed = [one for one in every if not any(known[first].works for first in one.unless)]
        found = [*pool.map(lambda one: _imported(python, one), needed)]
    failed = [one for one in found if not one.works]
    hollow = {known[first].wanted.module: known[first] for one in failed for first in one.wanted.unless}
    return (*found, *(one for one in hollow.values() if one.missing or one.versions))


def _imported(python: str, wanted: Wanted) -> Imported:
    told = _ask(python, IMPORT, wanted.module, *sorted(wanted.names))
    error = told.get("error", "" if "missing" in told else "it ended the process that imported it")
    error = " ".join("".join(one if one.isprintable() else " " for one in error).split())  # a table has one line for it
    absent = told.get("name") if error.startswith("ModuleNotFoundError") else ""
    return Imported(
        wanted, error, absent or "", tuple(told.get("missing", ())), tuple(sorted(told.get("versions", {}).items()))
    )


def _ask(python: str, program: str, *words: str) -> dict[str, Any]:
    """Run a program away from the tree, and return what its last line says."""
    try:
        done = subprocess.run(  # noqa: S603
            [python, "-c", program, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            cwd=Path(python).anchor or "/",
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        told: dict[str, Any] = json.loads(done.stdout.rstrip("\n").rpartition("\n")[2])
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return told


def _word_behind(mark: str, command: Sequence[str]) -> str:
    """Return the word behind a mark in what a program prints, or nothing where there is no such program."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    words = done.stdout.partition(mark)[2].split()
    return words[0].strip(",|V") if words else ""


def _compiler() -> str:
    """Return the C++ compiler that torch.compile would use, or nothing."""
    names = [os.environ.get("CXX", ""), "g++", "clang++", "c++"]
    return next((found for name in names if name and (found := shutil.which(name))), "")
