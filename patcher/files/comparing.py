"""Two requirements side by side, as PEP 508 and PEP 440 read them: the same, or at odds."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

__all__ = ["excludes", "same"]


def same(one: str, other: str) -> bool:
    """Tell whether two requirements ask for the same, whatever their markers."""
    first, second = _read(one), _read(other)
    if first is None or second is None:
        return False
    first.marker = second.marker = None
    return first == second


def excludes(one: str, other: str) -> bool:
    """Tell whether no version meets two requirements of one package; what cannot be read excludes nothing."""
    first, second = _read(one), _read(other)
    if first is None or second is None or first.url or second.url:
        return False
    both = first.specifier & second.specifier
    return not any(both.contains(version, prereleases=True) for version in _near(both))


def _read(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _near(specifiers: SpecifierSet) -> Iterator[str]:
    """Yield versions at and around every bound: if any version meets them all, one of these does."""
    yield "0"
    for one in specifiers:
        text = one.version.removesuffix(".*")
        yield text
        try:
            bound = Version(text)
        except InvalidVersion:  # `===` takes any text
            continue
        *above, last = bound.release
        yield f"{bound.base_version}.0.0.1"
        yield ".".join(map(str, (*above, last + 1)))
