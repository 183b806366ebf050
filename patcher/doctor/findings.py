"""What a machine lacks for a tree, each with its remedy. Every rule is one function from what was seen to findings."""

from __future__ import annotations

import netrc
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from patcher.detect import Verdict
from patcher.doctor.packages import packages, torch
from patcher.doctor.seen import Finding, Seen, State
from patcher.model import Recipe
from patcher.syntax.draft import glob_match

__all__ = ["findings", "worst"]

LOGGER = "api.wandb.ai"
SILENT = ("disabled", "offline", "dryrun")


def findings(seen: Seen) -> tuple[Finding, ...]:
    """Return what every rule finds, in the order in which a person would mend it."""
    rules = (_recipe, torch, _cuda, _toolkit, packages, _data, _compiler, _logger, _threads)
    return tuple(finding for rule in rules for finding in rule(seen))


# --- the tree -------------------------------------------------------------------------------------------------------


def _recipe(seen: Seen) -> Iterator[Finding]:
    if seen.own is None:
        return
    recipe = seen.own.recipe
    if seen.own.verdict is Verdict.APPLIED:
        yield Finding("recipe", State.OK, f"{recipe.name} is applied.")
    else:
        what = f"{recipe.name} fits and is not applied: {recipe.summary}."
        yield Finding("recipe", State.MISSING, what, seen.apply(recipe))


def _data(seen: Seen) -> Iterator[Finding]:
    for recipe in seen.recipes:
        for hint in recipe.next:
            if hint.makes is None:
                continue
            there = next((path for path in _files(seen.checkout.root) if glob_match(path, hint.makes)), None)
            if there is not None:
                yield Finding("data", State.OK, f"{there} is there.")
            else:
                run = f"cd {shlex.quote(seen.tree)} && {hint.run.replace('{tree}', '.')}"
                yield Finding("data", State.MISSING, f"Nothing in the tree is {hint.makes}: {hint.why}.", run)


def _files(root: Path) -> Iterator[str]:
    """Yield the files of a tree, those too that git ignores, as data mostly are."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            yield Path(folder, name).relative_to(root).as_posix()


# --- CUDA -----------------------------------------------------------------------------------------------------------


def _cuda(seen: Seen) -> Iterator[Finding]:
    machine = seen.machine
    if machine.devices:
        yield Finding("cuda", State.OK, f"torch sees {', '.join(dict.fromkeys(machine.devices))}.")
    elif machine.driver and machine.torch and not machine.built:
        yield Finding(
            "cuda",
            State.MISSING,
            f"There is a GPU, whose driver runs CUDA up to {machine.driver}, and torch is built for the CPU.",
            f"Install the build of torch for CUDA {machine.driver} or older.",
        )
    elif machine.driver and _newer(machine.built, machine.driver):
        yield Finding(
            "cuda",
            State.MISSING,
            f"torch is built for CUDA {machine.built}, and the driver runs CUDA up to {machine.driver}.",
            f"Install a newer driver, or the build of torch for CUDA {machine.driver} or older.",
        )
    elif machine.torch and seen.wants.literal and not _device_is_mended(seen):
        yield Finding(
            "cuda",
            State.MISSING,
            f"torch sees no CUDA device, and {seen.wants.literal} asks for one.",
            seen.apply(_with_device(seen)),
        )
    elif machine.torch:
        yield Finding("cuda", State.OK, "torch sees no CUDA device; the tree runs on the CPU.")


def _device_is_mended(seen: Seen) -> bool:
    return not any(fit.recipe.name == "device" and fit.verdict is Verdict.FITS for fit in seen.fits)


def _with_device(seen: Seen) -> Recipe:
    """Return the recipe for this upstream, if it uses the one that is about devices; else that."""
    fit = next(fit for fit in seen.fits if fit.recipe.name == "device")
    return seen.own.recipe if seen.own and seen.own.recipe.name in fit.part_of else fit.recipe


def _toolkit(seen: Seen) -> Iterator[Finding]:
    """Find a CUDA compiler that would build extensions which torch cannot load."""
    machine = seen.machine
    if machine.toolkit and machine.built and machine.toolkit.partition(".")[0] != machine.built.partition(".")[0]:
        yield Finding(
            "nvcc",
            State.MISSING,
            f"nvcc is of CUDA {machine.toolkit}, and torch is built for {machine.built}: extensions that are compiled "
            "here do not fit it.",
            f"Let CUDA_HOME name a CUDA {machine.built}, or install the build of torch for {machine.toolkit}.",
        )


def _newer(one: str, other: str) -> bool:
    return bool(one and other) and [*map(int, re.findall(r"\d+", one))] > [*map(int, re.findall(r"\d+", other))]


# --- around the tree ------------------------------------------------------------------------------------------------


def _compiler(seen: Seen) -> Iterator[Finding]:
    if not seen.wants.compiles:
        return
    if seen.machine.compiler:
        yield Finding("compiler", State.OK, f"torch.compile finds {seen.machine.compiler}.")
    else:
        yield Finding(
            "compiler",
            State.MISSING,
            f"{seen.wants.compiles} calls torch.compile, and there is no C++ compiler on PATH.",
            "Install g++ or clang++, or set TORCHDYNAMO_DISABLE=1, which leaves torch.compile without effect.",
        )


def _logger(seen: Seen) -> Iterator[Finding]:
    if not seen.wants.logs or not seen.machine.logger:
        return
    mode = seen.variables.get("WANDB_MODE", "")
    if mode in SILENT:
        yield Finding("wandb", State.OK, f"WANDB_MODE is {mode}, so that no key is needed.")
    elif seen.variables.get("WANDB_API_KEY") or _has_key(seen.home):
        yield Finding("wandb", State.OK, "wandb has a key.")
    else:
        yield Finding(
            "wandb",
            State.MISSING,
            f"wandb has no key, and {seen.wants.logs} logs to it: the run would stop and ask for one.",
            "wandb login, or set WANDB_MODE=offline",
        )


def _has_key(home: Path) -> bool:
    for name in (".netrc", "_netrc"):
        try:
            if netrc.netrc(str(home / name)).authenticators(LOGGER):
                return True
        except (OSError, netrc.NetrcParseError):
            continue
    return False


def _threads(seen: Seen) -> Iterator[Finding]:
    asked, cpus = seen.variables.get("OMP_NUM_THREADS", ""), seen.machine.cpus
    if asked and (not asked.isdigit() or int(asked) == 0):
        yield Finding(
            "threads",
            State.MISSING,
            f"OMP_NUM_THREADS is {asked!r}, which is no number of threads.",
            f"export OMP_NUM_THREADS={cpus}",
        )
    elif asked and int(asked) > cpus:
        yield Finding(
            "threads",
            State.ADVICE,
            f"OMP_NUM_THREADS is {asked}, and this process may use {cpus}: threads wait for each other.",
            f"export OMP_NUM_THREADS={cpus}",
        )
    elif asked:
        yield Finding("threads", State.OK, f"OMP_NUM_THREADS is {asked}, of {cpus}.")
    elif seen.wants.processes:
        yield Finding(
            "threads",
            State.ADVICE,
            f"OMP_NUM_THREADS is not set, and {seen.wants.processes} starts processes: torchrun gives each one thread, "
            f"anything else gives each all {cpus}.",
            f"export OMP_NUM_THREADS=N, so that N times the processes is {cpus}",
        )
    else:
        yield Finding("threads", State.OK, f"OMP_NUM_THREADS is not set: torch takes all {cpus}.")


def worst(found: Iterable[Finding]) -> int:
    """Return the exit code of some findings: 1 if something is missing."""
    return int(any(one.state is State.MISSING for one in found))
