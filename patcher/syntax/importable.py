"""What of a dotted name an import can have: a name in a module, and never the attribute of a class.

Where an import has what is to be renamed as a module, that is no name in one, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.syntax.names import dotted
from patcher.syntax.source import Source

__all__ = ["Importable", "as_modules", "importable", "may_be_class", "needs_from", "no_module"]


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


def needs_from(module: str) -> bool:
    """Tell whether `import module` may be wrong: it is reached relatively, or may be a class of a module."""
    return module.startswith(".") or ("." in module and may_be_class(module.rpartition(".")[2]))


def as_modules(source: Source, names: Sequence[str]) -> Iterator[tuple[cst.CSTNode, str]]:
    """Yield the imports of a file that have one of some names as a module, or something in it, and say so.

    `import a.b as c` binds that one name, as `from a import b as c` does.
    """
    found: list[tuple[cst.CSTNode, str]] = []
    plain = ((alias, dotted(alias.name) or "") for one in source.of(cst.Import) for alias in one.names)
    found += [(alias, module) for alias, module in plain if alias.asname is None or module not in names]
    # What is relative to the root of the tree is a file there, and not the package of that name.
    known = (one for one in source.of(cst.ImportFrom) if len(one.relative) <= source.path.count("/"))
    found += [(one, source.names.module_of(one)) for one in known]
    for node, module in found:
        name = next((name for name in names if f"{module}.".startswith(f"{name}.")), None)
        if name:
            yield node, no_module(source, node, name)


def no_module(source: Source, node: cst.CSTNode, name: str) -> str:
    """Return the reason where an import has a name as a module."""
    line, _ = source.line_column(source.span(node)[0])
    return f"`{name}` is imported as a module in line {line}, and not a name in one; change it by hand"
