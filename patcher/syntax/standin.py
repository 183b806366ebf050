"""What an import of a package asks of the shim that stands in for it: modules, names, and what the shim lacks.

`import package` asks for all that the file reads through it, as far as the text shows; what is reached by `getattr` is
found by the shim when it is asked, or not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from patcher.syntax.imports import Imported, imported_names
from patcher.syntax.names import dotted
from patcher.syntax.shim_files import has_module, provides
from patcher.syntax.source import Source

__all__ = ["Wanted", "faster", "others_of", "wanted_of", "written"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one name of `import`, or one from-import, asks for.

    `module` is the shim's, dotted; `names` those of a from-import that the shim has; `local` what `import` binds, empty
    for a from-import; `needs` the modules that must be in the tree, each with what is read from it. `other` is the
    import of another package that stands in the same statement.
    """

    module: str
    names: tuple[Imported, ...]
    missing: tuple[Imported, ...]
    needs: tuple[tuple[str, tuple[str, ...]], ...]
    local: str = ""
    other: str = ""


def wanted_of(
    source: Source,
    statement: cst.Import | cst.ImportFrom,
    roots: Collection[str],
    shims: Path,
    stands_for: Callable[[str], str],
) -> list[Wanted]:
    """Return what a statement asks for; `stands_for` gives the shim's module for one of the packages `roots`.

    Raises:
        SiteError: the statement imports everything.
    """
    if isinstance(statement, cst.Import):
        others = others_of(source, [statement], roots)
        return [
            Wanted("", (), (), (), other=others[alias]) if alias in others else _whole(source, alias, shims, stands_for)
            for alias in statement.names
        ]
    package, names = imported_names(source, statement)
    module = stands_for(package)
    below = {one.name: f"{module}.{one.name}" for one in names if has_module(shims, f"{module}.{one.name}")}
    there = provides(shims, module).union(below)
    kept = tuple(one for one in names if one.name in there)
    read = tuple(one.name for one in kept)
    needs = tuple((needed, read) for needed in (module, *(below[one.name] for one in kept if one.name in below)))
    return [Wanted(module, kept, tuple(one for one in names if one not in kept), needs if kept else ())]


def _whole(source: Source, alias: cst.ImportAlias, shims: Path, stands_for: Callable[[str], str]) -> Wanted:
    package = dotted(alias.name) or ""
    bound = package if alias.asname else package.partition(".")[0]
    local = source.code(alias.asname.name) if alias.asname else bound
    module = stands_for(bound)
    read = sorted(set(_read_through(source, local, alias)))
    if not has_module(shims, module):
        used = bool(source.names.uses(local, alias) or source.names.exported(local))
        return Wanted(module, (), (Imported(package, local, package, used),), (), local)
    needs: dict[str, list[str]] = {module: []}
    missing: list[Imported] = []
    for parts in read:
        lacking = _needed(shims, module, parts, needs)
        if lacking:
            name = f"{bound}.{lacking}"
            missing.append(Imported(name, local, name, used=True))
    if not alias.asname and has_module(shims, stands_for(package)):
        needs.setdefault(stands_for(package), [])
    found = tuple((name, tuple(names)) for name, names in needs.items())
    return Wanted(module, (), tuple(dict.fromkeys(missing)), found, local)


def _read_through(source: Source, local: str, alias: cst.ImportAlias) -> Iterator[tuple[str, ...]]:
    """Yield what a file reads through the name of a module, part by part: `("layers", "rotary", "RotaryEmbedding")`."""
    for use in source.names.uses(local, alias):
        parts: list[str] = []
        node: cst.CSTNode = use
        for above in source.ancestors(use):
            if not isinstance(above, cst.Attribute) or above.value is not node:
                break
            parts.append(above.attr.value)
            node = above
        if parts:
            yield tuple(parts)


def _needed(shims: Path, module: str, parts: tuple[str, ...], needs: dict[str, list[str]]) -> str:
    """Add to `needs` what an access below a module reads; return the part of it that the shim lacks, or nothing."""
    for count, part in enumerate(parts, start=1):
        if has_module(shims, f"{module}.{part}"):
            module = f"{module}.{part}"
            needs.setdefault(module, [])
        elif part in provides(shims, module):
            needs[module].append(part)
            return ""
        else:
            return ".".join(parts[:count])
    return ""


def others_of(
    source: Source, statements: Iterable[cst.Import | cst.ImportFrom], roots: Collection[str]
) -> dict[cst.ImportAlias, str]:
    """Return the names of `import` that are of other packages than `roots` -> the import of each alone."""
    aliases = [alias for one in statements if isinstance(one, cst.Import) for alias in one.names]
    return {
        alias: f"import {source.code(alias).partition(',')[0].strip()}"
        for alias in aliases
        if (dotted(alias.name) or "").partition(".")[0] not in roots
    }


def faster(source: Source, shims: Path, shim: str) -> Iterator[str]:
    """Yield the modules that a shim works without, and that make fast what one of their words in the file asks for.

    They stand in `_FASTER`, a map from modules to words, of the shim's package.
    """
    package = shims / shim / "__init__.py"
    for node in ast.parse(package.read_bytes()).body if package.is_file() else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_FASTER":
            for module, words in ast.literal_eval(node.value).items():
                if re.search(rf"\b({'|'.join(words)})\b".encode(), source.text):
                    yield f"{shim}.{module}"


def written(wanted: Wanted, module: str) -> str:
    """Return the import of the shim, whose module the file writes as `module`; that of another package as it is."""
    if wanted.other:
        return wanted.other
    if not wanted.local:
        return f"from {module} import {', '.join(one.written for one in wanted.names)}"
    parent, dot, leaf = module.rpartition(".")
    name = leaf if leaf == wanted.local else f"{leaf} as {wanted.local}"
    return f"from {parent or dot} import {name}" if dot else f"import {name}"
