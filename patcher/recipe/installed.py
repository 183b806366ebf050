"""The recipes that installed packages offer, through the entry points of the group `patcher.recipes`.

    [project.entry-points."patcher.recipes"]
    our-cluster = "our_recipes.cluster"

The name is the recipe's name, the value the package in whose folder recipe.yaml lies. The package is found and never
imported: looking for a recipe runs nobody's code.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

__all__ = ["FILE", "GROUP", "Offer", "offers"]

FILE = "recipe.yaml"
GROUP = "patcher.recipes"


@dataclass(frozen=True, slots=True)
class Offer:
    """A recipe that an installed package offers; `trouble` says why its name cannot stand for `path`."""

    name: str
    package: str
    path: Path = Path()
    trouble: str = ""


def offers() -> tuple[Offer, ...]:
    """Return what the installed packages offer, by name; where several offer one name, none of them has it."""
    from importlib.metadata import entry_points  # not at the top: a bundled recipe needs nothing of it

    pairs = sorted({(point.name, point.value) for point in entry_points(group=GROUP)})
    names = [name for name, _ in pairs]
    found = (_offer(name, value) for name, value in pairs)
    return tuple(offer if names.count(offer.name) == 1 else _contested(offer) for offer in found)


def _contested(offer: Offer) -> Offer:
    trouble = f"Several installed packages offer a recipe `{offer.name}`; give the path of the one you want."
    return replace(offer, trouble=offer.trouble or trouble)


def _offer(name: str, package: str) -> Offer:
    if not all(part.isidentifier() for part in package.split(".")):
        trouble = f"Its entry point says `{package}`, where the package stands in whose folder {FILE} lies."
        return Offer(name, package, trouble=trouble)
    folders = list(_folders(package))
    if not folders:
        return Offer(name, package, trouble=f"Its entry point names the package `{package}`, which is not installed.")
    path = next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)
    if path is None:
        trouble = f"Its entry point names the package `{package}`, which has no {FILE}; "
        return Offer(name, package, trouble=trouble + "whoever made the package must add it.")
    return Offer(name, package, path)


def _folders(package: str) -> Iterator[Path]:
    """Yield the folders of a package. One inside another is found by its path, because `find_spec` imports parents."""
    root, *below = package.split(".")
    try:
        spec = find_spec(root)
    except ValueError:  # a module without a spec, as `__main__` is
        return
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location, *below)
        if folder.is_dir():
            yield folder
