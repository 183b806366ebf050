"""Torch-only modules that are copied into the tree: which files a name needs, where they go, how they are imported.

A copy begins with one stamp line that names the shim and its hash, so that the tree itself says what stands in it. A
stamped copy counts as `shim.NAME` when the tree is read again; one that was edited by hand is never written over.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import SiteError, TargetError
from patcher.syntax.names import dotted, module_name
from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Placed", "place", "provides", "stamp", "stamped_modules"]

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
        match = STAMP.match(draft.read(path)[:FIRST_BYTES]) if path.endswith(".py") else None
        if match is None:
            continue
        parts = module_name(path).split(".")
        shim = "shim." + module_name(match["name"].decode())
        for start in range(len(parts)):
            found[".".join(parts[start:])] = shim
    return found


@cache
def provides(root: Path, name: str) -> frozenset[str]:
    """Return the public names that a shim's module defines, read from its text.

    `name` is dotted: `flash_attn_torch` or `flash_attn_torch.bert_padding`. An unknown module provides nothing.
    """
    path = _module_file(root, name)
    if path is None:
        return frozenset()
    names: set[str] = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(name for name in names if not name.startswith("_"))


def place(draft: Draft, importer: Source, name: str, where: str | None = None) -> Placed:
    """Decide how a file reaches a shim (`flash_attn_torch` or a module of it), and what must be copied for that.

    `where` is a folder that the recipe names instead.

    Raises:
        SiteError: something else stands in the place, or the file imports its project in two ways at once.
    """
    shim = name.partition(".")[0]
    if not (_module_file(draft.shims, shim)):
        raise SiteError(f"there is no shim called {shim}")
    folder, prefix = _folder(draft, importer, shim, where)
    module = f"{prefix}{name}"
    files: dict[str, bytes] = {}
    for path, text in _needed(draft.shims, name).items():
        target = str(PurePosixPath(folder, path))
        there = draft.read(target) if draft.exists(target) else None
        if there is None or _outdated(target, there, text):
            files[target] = stamp(path, text)
    return Placed(module, files)


def _outdated(target: str, there: bytes, text: bytes) -> bool:
    """Tell whether a copy may be brought up to date; what a person wrote is never written over."""
    match = STAMP.match(there)
    if match is None:
        raise SiteError(f"{target} exists and is no copy of the shim; move it away, or say `place:` in the recipe")
    body = there[match.end() :]
    pristine = hashlib.sha256(body).hexdigest() == match["hash"].decode()
    return pristine and body != text


def _needed(root: Path, name: str) -> dict[str, bytes]:
    """Return the shim's files for a module: it, the packages above it, and what they import relatively."""
    pending = [".".join(name.split(".")[: count + 1]) for count in range(name.count(".") + 1)]
    found: dict[str, bytes] = {}
    while pending:
        module = pending.pop()
        path = _module_file(root, module)
        if path is None:
            raise SiteError(f"the shim has no module {module}")
        relative = path.relative_to(root).as_posix()
        if relative in found:
            continue
        found[relative] = path.read_bytes()
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(found[relative])):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                tails = [node.module] if node.module else [alias.name for alias in node.names]
                pending += [f"{package}.{tail}" for tail in tails]
    return found


def _module_file(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


# --- where it goes --------------------------------------------------------------------------------------------------


def _folder(draft: Draft, importer: Source, shim: str, where: str | None) -> tuple[str, str]:
    """Return the folder for a shim and what stands before its name in an import of this file."""
    own = PurePosixPath(importer.path).parent
    if where is not None:
        return where.strip("/"), "".join(f"{part}." for part in PurePosixPath(where).parts)
    names = importer.names
    own_imports = (one for one in importer.of(cst.ImportFrom) if names.module_of(one) not in draft.stand_ins)
    relative = any(one.relative for one in own_imports)
    absolute = _absolute_imports(draft, importer)
    if relative and absolute:
        raise SiteError("it imports its project both relatively and absolutely; say `place:` in the recipe")
    if absolute:
        root, shared = max(absolute, key=lambda one: len(one[1].parts))
        existing = _existing(draft, shim, root)
        shared = existing if existing is not None else shared
        return str(shared), "".join(f"{part}." for part in shared.relative_to(root).parts)
    if relative or draft.exists(str(own / "__init__.py")) or _imported_dotted(draft, importer.path):
        return str(own), "."
    return str(own), ""


def _existing(draft: Draft, shim: str, root: PurePosixPath) -> PurePosixPath | None:
    """Return the folder below a root in which a stamped copy of the shim stands already."""
    for path in draft.paths:
        match = STAMP.match(draft.read(path)[:FIRST_BYTES]) if path.endswith(".py") and shim in path else None
        if match and match["name"].decode().split("/")[0].removesuffix(".py") == shim:
            depth = match["name"].count(b"/") + 1
            folder = PurePosixPath(path).parents[depth - 1]
            if folder.is_relative_to(root):
                return folder
    return None


def _absolute_imports(draft: Draft, importer: Source) -> list[tuple[PurePosixPath, PurePosixPath]]:
    """Return, for each absolute import of a module of the tree, its root and the folder that both files share."""
    own = PurePosixPath(importer.path).parent
    found: list[tuple[PurePosixPath, PurePosixPath]] = []
    for module in _imported_modules(importer):
        if module in draft.stand_ins:
            continue
        # The root is a folder above the importer (its own among them), as sys.path has it: the outermost that fits.
        for root in (*reversed(own.parents), own):
            folder = _module_folder(draft, root, module)
            if folder is not None:
                found.append((root, _shared(own, folder)))
                break
    return found


def _imported_modules(importer: Source) -> list[str]:
    modules = [dotted(alias.name) for one in importer.of(cst.Import) for alias in one.names]
    modules += [dotted(one.module) for one in importer.of(cst.ImportFrom) if one.module and not one.relative]
    return [module for module in modules if module]


def _module_folder(draft: Draft, root: PurePosixPath, module: str) -> PurePosixPath | None:
    """Return the folder of a module of the tree under a root, or None if the tree has none of that name."""
    base = root.joinpath(*module.split("."))
    if draft.exists(str(base.with_name(base.name + ".py"))):
        return base.parent
    if draft.exists(str(base / "__init__.py")):
        return base.parent if "." in module else base
    return None


def _shared(one: PurePosixPath, other: PurePosixPath) -> PurePosixPath:
    return next(folder for folder in (one, *one.parents) if folder == other or folder in other.parents)


def _imported_dotted(draft: Draft, path: str) -> bool:
    """Tell whether another file of the tree imports this one as a part of a package."""
    module = module_name(path)
    if "." not in module:
        return False
    word = module.rpartition(".")[2].encode()
    for other in draft.paths:
        if other == path or not other.endswith(".py") or word not in draft.read(other):
            continue
        try:
            names = draft.source(other).names
        except TargetError:
            continue
        if any(f"{binding.origin}.".startswith(f"{module}.") for binding in names.imports):
            return True
    return False
