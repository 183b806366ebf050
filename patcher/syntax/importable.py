"""What of a dotted name an import can have: a name in a module, and never the attribute of a class."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Importable", "importable", "may_be_class"]


@dataclass(frozen=True, slots=True)
class Importable:
    """A name in a module, and what stands behind it where it is read (`.LANCZOS`, or nothing)."""

    module: str
    name: str
    rest: str

    @property
    def whole(self) -> str:
        """The dotted name of what is imported."""
        return f"{self.module}.{self.name}"


def importable(target: str, module: str = "") -> Importable:
    """Divide a dotted name where a class may begin in it; `module` is known to be one, if it leads there."""
    parts = target.split(".")
    count = module.count(".") + 1 if target.startswith(f"{module}.") else 1
    while count < len(parts) - 1 and not may_be_class(parts[count]):
        count += 1
    return Importable(".".join(parts[:count]), parts[count], "".join(f".{part}" for part in parts[count + 1 :]))


def may_be_class(name: str) -> bool:
    """Tell whether a part of a dotted name may be a class, and not a module."""
    return name[:1].isupper()
