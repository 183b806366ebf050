"""Packages that are missing, that install but do not import, or that are something else; and torch above all."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from patcher.detect import Verdict
from patcher.doctor.machine import Imported, Machine
from patcher.doctor.seen import Finding, Seen, State
from patcher.files.requirements import canonical

__all__ = ["packages", "torch"]

# Distributions that are not called as the package that they bring.
DISTRIBUTIONS = {
    "Bio": "biopython",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "hydra": "hydra-core",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
# Packages that are known to be what is meant by their names, though a tree lists them nowhere.
KNOWN = {
    "datasets", "einops", "huggingface_hub", "matplotlib", "numpy", "omegaconf", "pandas", "pydantic", "rdkit",
    "requests", "scipy", "seaborn", "torch", "torchvision", "tqdm", "transformers", "wandb",
}  # fmt: skip


def torch(seen: Seen) -> Iterator[Finding]:
    """Yield whether torch is there, and what it is built for."""
    machine = seen.machine
    if machine.torch:
        build = f"for CUDA {machine.built}" if machine.built else "for the CPU"
        yield Finding("torch", State.OK, f"torch {machine.torch}, built {build}, in Python {machine.version}.")
    elif any(one.package == "torch" for one in seen.wants.modules):
        broken = next(
            (one.error for one in machine.imports if one.wanted.module == "torch" and one.absent != "torch"), ""
        )
        what = f"is installed and does not import ({broken})" if broken else "is not installed"
        yield Finding("torch", State.MISSING, f"torch {what} in {machine.python}.", _pip(machine, "torch"))


def packages(seen: Seen) -> Iterator[Finding]:
    """Yield each package that cannot be imported as the tree imports it, and how many modules can."""
    told: set[str] = set()
    fine = 0
    for one in seen.machine.imports:
        package = one.wanted.package
        if package == "torch" and not seen.machine.torch:
            continue
        if one.works:
            fine += 1
        elif (one.absent or package) not in told:
            told.add(one.absent or package)
            yield Finding(package, State.MISSING, _amiss(one), _mended(seen, one))
    yield from _unimported(seen)
    if fine:
        yield Finding(
            "packages", State.OK, f"{fine} module{'s' if fine > 1 else ''} that the tree imports can be imported."
        )


def _unimported(seen: Seen) -> Iterator[Finding]:
    """Yield what the tree lists and its runs need, and no file imports: a plugin, say."""
    told = {canonical(_distribution(one.absent)) for one in seen.machine.imports if one.absent}
    for name, place in seen.machine.absent:
        if canonical(name) not in told:
            yield Finding(
                name, State.MISSING, f"{name} is not installed, and {place} lists it.", _pip(seen.machine, name)
            )


def _distribution(module: str) -> str:
    """Return what a module's package is called by pip, as far as its name tells."""
    package = module.partition(".")[0]
    return DISTRIBUTIONS.get(package, package.replace("_", "-"))


def _amiss(one: Imported) -> str:
    place, module = one.wanted.place, one.wanted.module
    installed = " and ".join(f"{name} {version}" for name, version in one.versions)
    if one.missing:
        names = ", ".join(one.missing)
        brings = f"what {installed} brings" if installed else "what is there"
        return f"{module} imports, and {brings} has no {names}, which {place} asks for: it is something else."
    if one.absent and one.absent.partition(".")[0] == one.wanted.package and not installed:
        return f"{one.wanted.package} is not installed, and {place} imports it."
    if installed:
        lacks = f"it lacks {one.absent}" if one.absent else one.error
        return f"{installed} is installed and does not import, as {place} does: {lacks}."
    return f"{module} does not import, as {place} does: {one.error}."


def _mended(seen: Seen, one: Imported) -> str:
    """Return what to do about a package: apply the recipe that is about it, else install what is missing."""
    package = one.wanted.package
    for fit in seen.fits:
        if fit.verdict is Verdict.FITS and any(_is_about(step.arguments, package) for step in fit.recipe.steps):
            return seen.apply(fit.recipe)
    if one.missing:
        brought = " and ".join(name for name, _ in one.versions) or package
        return f"Uninstall {brought}, and install what has {', '.join(one.missing)}."
    missing = (one.absent or package).partition(".")[0]
    if one.versions and missing.startswith(f"{package}_"):
        return _anew(seen.machine, *(name for name, _ in one.versions))
    name = _distribution(missing)
    if missing in DISTRIBUTIONS or missing in KNOWN or canonical(name) in seen.wants.listed:
        return _pip(seen.machine, name)
    return f"The tree's requirements do not list it; if PyPI's {name} is what is meant: {_pip(seen.machine, name)}"


def _anew(machine: Machine, *names: str) -> str:
    """Return how to compile a package whose own compiled part is not there."""
    words = ("--no-build-isolation", "--no-cache-dir", "--no-deps", "--force-reinstall")
    return f"With nvcc, compile it here: {_pip(machine, *words, *names)}"


def _is_about(arguments: Mapping[str, Any], package: str) -> bool:
    """Tell whether a step takes the place of a package's names."""
    given = [arguments.get(key, ()) for key in ("guard_import", "rename")]
    names = [name for one in given for name in ([one] if isinstance(one, str) else one)]
    return any(str(name).partition(".")[0] == package for name in names)


def _pip(machine: Machine, *names: str) -> str:
    return shlex.join([machine.python, "-m", "pip", "install", *names])
