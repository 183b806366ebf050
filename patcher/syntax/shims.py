"""Torch-only modules that are copied into the tree: where they go, and how they are imported.

A copy begins with one stamp line that names the shim and its hash, so that the tree itself says what stands in it. A
stamped copy counts as `shim.NAME` when the tree is read again; one that was edited by hand is never written over.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import SiteError, TargetError
from patcher.syntax.modules import module_name
from patcher.syntax.project import imported_modules, module_file, module_files, python_files, search_folders
from patcher.syntax.shim_files import needed, refuse_unknown
from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["STAMP", "Placed", "place", "stamp", "stamped_modules"]

STAMP = re.compile(rb"# patcher: copy of shim (?P<name>[\w./]+), sha256 (?P<hash>[0-9a-f]{64})[^\n]*\n")
FIRST_BYTES = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A shim as one importer reaches it: `module` as written behind `from`, and the files that must be there."""

    module: str
    files: dict[str, bytes]


def stamp(name: str, text: bytes) -> bytes:
    """Return the text of a shim's file as it is copied."""
    digest = hashlib.sha256(text).hexdigest()
    return f"# patcher: copy of shim {name}, sha256 {digest}\n".encode() + text


def stamped_modules(draft: Draft) -> dict[str, str]:
    """Return, for each copied shim, every dotted name under which an absolute import may reach it -> `shim.NAME`."""
    found: dict[str, str] = {}
    for path in draft.paths:
        name = _stamped(draft, path)
        if name is not None:
            parts, own = module_name(path).split("."), module_name(name)
            for start in range(max(1, len(parts) - own.count("."))):
                found[".".join(parts[start:])] = f"shim.{own}"
    return found


def _stamped(draft: Draft, path: str) -> str | None:
    """Return the name that a file's stamp gives it, or None for a file that is no copy."""
    if not path.endswith(".py"):
        return None
    try:
        match = STAMP.match(draft.read(path)[:FIRST_BYTES])
    except TargetError:
        return None
    return match["name"].decode() if match else None


# --- what is copied -------------------------------------------------------------------------------------------------


def place(
    draft: Draft,
    importer: Source,
    name: str,
    where: str | None = None,
    copies: Mapping[str, bytes] | None = None,
    *,
    names: Iterable[str] = (),
) -> Placed:
    """Decide how a file reaches a shim (`flash_attn_torch` or a module of it), and what must be copied for that.

    `where` is a folder that the recipe names instead; `copies` are files that the same step puts into the tree already;
    `names` are those that are imported from the module.

    Raises:
        SiteError: something else stands in the place, or the file imports its project in two ways at once.
    """
    shim = name.partition(".")[0]
    refuse_unknown(draft.shims, shim)
    folder, prefix = _folder(draft, importer, shim, where, copies or {})
    files: dict[str, bytes] = {}
    for path, text in needed(draft.shims, name, names).items():
        target = str(PurePosixPath(folder, path))
        _refuse_other_form(draft, target)
        there = _there(draft, target)
        if there is None or _outdated(target, path, there, text):
            files[target] = stamp(path, text)
    return Placed(f"{prefix}{name}", files)


def _there(draft: Draft, target: str) -> bytes | None:
    try:
        return draft.read(target) if draft.exists(target) else None
    except TargetError:
        raise SiteError(f"{target} is no file that can be read; move it away, or say `place:` in the recipe") from None


def _refuse_other_form(draft: Draft, target: str) -> None:
    """Refuse where a package would hide the copied module, or the copied package a module of that name."""
    path = PurePosixPath(target)
    other = path.parent.with_suffix(".py") if path.name == "__init__.py" else path.with_suffix("") / "__init__.py"
    if other.name != ".py" and draft.exists(str(other)):
        raise SiteError(f"{other} exists and has the name of the shim; move it away, or say `place:` in the recipe")


def _outdated(target: str, name: str, there: bytes, text: bytes) -> bool:
    """Tell whether a copy may be brought up to date; what a person wrote is never written over."""
    match = STAMP.match(there)
    if match is None or match["name"].decode() != name:
        raise SiteError(f"{target} exists and is no copy of the shim; move it away, or say `place:` in the recipe")
    body = there[match.end() :]
    pristine = hashlib.sha256(body).hexdigest() == match["hash"].decode()
    return pristine and body != text


# --- where it goes --------------------------------------------------------------------------------------------------


def _folder(
    draft: Draft, importer: Source, shim: str, where: str | None, copies: Mapping[str, bytes]
) -> tuple[PurePosixPath, str]:
    """Return the folder for a shim and what stands before its name in an import of this file."""
    own = PurePosixPath(importer.path).parent
    absolute = _absolute_imports(draft, importer)
    relative = _imports_relatively(draft, importer)
    packaged = relative or draft.exists(str(own / "__init__.py")) or _imported_dotted(draft, importer.path)
    if where is not None:
        folder = PurePosixPath(where)
        beside = "." if packaged and not absolute else ""
        return folder, beside if folder == own and not absolute else _prefix(folder, [root for root, _ in absolute])
    if relative and absolute:
        raise SiteError("it imports its project both relatively and absolutely; say `place:` in the recipe")
    if absolute:
        root, shared = max(absolute, key=lambda one: len(one[1].parts))
        existing = _existing(draft, shim, root, copies)
        shared = existing if existing is not None else shared
        return shared, _prefix(shared, [root])
    return own, "." if packaged else ""


def _prefix(folder: PurePosixPath, roots: list[PurePosixPath]) -> str:
    """Return a folder as a package under the innermost of the roots that holds it, else under the tree's root."""
    above = [root for root in roots if folder.is_relative_to(root)]
    root = max(above, key=lambda one: len(one.parts), default=PurePosixPath())
    return "".join(f"{part}." for part in folder.relative_to(root).parts)


def _imports_relatively(draft: Draft, importer: Source) -> bool:
    names = importer.names
    own_imports = (one for one in importer.of(cst.ImportFrom) if names.module_of(one) not in draft.stand_ins)
    return any(one.relative for one in own_imports)


def _existing(draft: Draft, shim: str, root: PurePosixPath, copies: Mapping[str, bytes]) -> PurePosixPath | None:
    """Return the folder below a root in which a copy of the shim stands already, or will."""
    for path in sorted({*copies, *(path for path in draft.paths if shim in path)}):
        match = STAMP.match(copies[path]) if path in copies else None
        name = match["name"].decode() if match else _stamped(draft, path)
        if name is not None and name.split("/")[0].removesuffix(".py") == shim:
            folder = PurePosixPath(path).parents[name.count("/")]
            if folder.is_relative_to(root):
                return folder
    return None


def _absolute_imports(draft: Draft, importer: Source) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """Return, for each absolute import of a module of the tree, its root and the folder that both files share."""
    own = PurePosixPath(importer.path).parent
    found: list[tuple[PurePosixPath, PurePosixPath]] = []
    for module in imported_modules(importer):
        if module in draft.stand_ins:
            continue
        # The root is a folder above the importer (its own among them), as sys.path has it: the outermost that fits.
        for root in search_folders(importer.path):
            path = module_file(draft, root, module)
            if path is not None:
                found.append((root, _shared(own, PurePosixPath(path), module)))
                break
    return found


def _shared(own: PurePosixPath, path: PurePosixPath, module: str) -> PurePosixPath:
    """Return the deepest folder that holds both a file and a module that it imports."""
    whole = path.name == "__init__.py" and "." in module
    other = path.parent.parent if whole else path.parent
    return next(folder for folder in (own, *own.parents) if folder == other or folder in other.parents)


def _imported_dotted(draft: Draft, path: str) -> bool:
    """Tell whether another file of the tree imports this one as a part of a package."""
    name = PurePosixPath(path).stem
    if "/" not in path or name == "__init__":
        return False
    for source in python_files(draft, name):
        if source.path == path:
            continue
        modules = imported_modules(source) + [one.origin for one in source.names.imports if one.origin]
        dotted = (module for module in modules if name in module.split(".")[1:])
        if any(path in _leading(draft, source.path, module) for module in dotted):
            return True
    return False


def _leading(draft: Draft, importer: str, module: str) -> list[str]:
    """Return the files that a dotted name of two parts or more, or a beginning of it, may mean."""
    parts = module.split(".")
    names = [".".join(parts[:count]) for count in range(2, len(parts) + 1)]
    return [path for name in names for path in module_files(draft, importer, name)]
