"""Where recipes are: bundled ones by name, then those of installed packages by name, and any at a path.

A bundled recipe has its name for itself: a folder of that name is reached by its path alone, and so is the recipe of
an installed package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from patcher.errors import UsageError
from patcher.recipe.installed import FILE, Offer, offers
from patcher.recipe.nodes import Reader, Text, did_you_mean
from patcher.recipe.safeyaml import parse

__all__ = ["SHIMS", "Description", "bundled_names", "bundled_root", "describe", "locate", "read_bytes"]

# The folder beside the bundled recipes that holds what they copy into a tree; it is no recipe.
SHIMS = "shims"


@dataclass(frozen=True, slots=True)
class Description:
    """A recipe in a list; `trouble` says why it would not load. `package` offers it, if it is not bundled."""

    name: str
    summary: str
    trouble: str = ""
    package: str = ""


def bundled_root() -> Path:
    """Return the folder of the bundled recipes: in the installed package, else beside it in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_recipes"
    return installed if installed.is_dir() else package.parent / "recipes"


def bundled_names(library: Path | None = None) -> tuple[str, ...]:
    """Return the names of the bundled recipes, sorted."""
    found = (library or bundled_root()).glob(f"*/{FILE}")
    return tuple(sorted(path.parent.name for path in found if path.parent.name != SHIMS))


def describe(library: Path | None = None) -> tuple[Description, ...]:
    """Return name and summary of every recipe that has a name, reading each file and compiling none.

    Behind the bundled ones stand those of installed packages, those too whose name a bundled one has.
    """
    root = library or bundled_root()
    names = bundled_names(root)
    bundled = (_describe(name, root / name / FILE) for name in names)
    return (*bundled, *(_describe_offer(offer, names) for offer in offers()))


def _describe_offer(offer: Offer, bundled: tuple[str, ...]) -> Description:
    trouble = offer.trouble
    if offer.name in bundled and not trouble:
        trouble = f"The bundled recipe has this name; to use this one give its path, `{offer.path}`."
    if trouble:
        return Description(offer.name, "", trouble, offer.package)
    return _describe(offer.name, offer.path, offer.package)


def _describe(name: str, path: Path, package: str = "") -> Description:
    reader = Reader()
    try:
        root = reader.table(parse(read_bytes(path), str(path), reader), "A recipe")
    except UsageError as error:
        return Description(name, "", str(error), package)
    summary = root.get("summary")
    trouble = str(reader.problems[0]) if reader.problems else ""
    return Description(name, summary.value if isinstance(summary, Text) else "", trouble, package)


def locate(spec: str, library: Path, base: Path) -> tuple[Path, Offer | None]:
    """Return the file of a recipe, given a name or a path from `base`, and whose offer the name is if not bundled.

    Raises:
        UsageError: there is none, or an installed package offers one that cannot be used.

    """
    if "/" in spec or "\\" in spec or spec.endswith(".yaml") or spec in (".", ".."):
        return _on_disk(spec, base / spec), None
    names = bundled_names(library)
    if spec in names:
        return library / spec / FILE, None
    found = offers()
    for offer in found:
        if offer.name == spec:
            if offer.trouble:
                raise UsageError(f"The recipe `{spec}` cannot be used. {offer.trouble}")
            return offer.path, offer
    known = did_you_mean(spec, {*names, *(offer.name for offer in found if not offer.trouble)})
    beside = f" For the one here write `./{spec}`." if (base / spec).exists() else ""
    raise UsageError(f"There is no recipe `{spec}`{known} See `patcher list`.{beside}")


def _on_disk(spec: str, path: Path) -> Path:
    if path.is_dir() and not (path / FILE).exists():
        raise UsageError(f"The folder `{spec}` has no {FILE}; name the folder of a recipe, or its YAML file.")
    if not path.exists():
        raise UsageError(f"There is no file or folder `{spec}`; name a recipe, or see `patcher list`.")
    return path / FILE if path.is_dir() else path


def read_bytes(path: Path) -> bytes:
    """Return what a recipe file holds, or raise UsageError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The recipe `{path}` cannot be read: {error.strerror}.") from None
