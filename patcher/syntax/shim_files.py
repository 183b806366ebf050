"""What a shim has, read from its text and never by importing it: modules, public names, and the files they need."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from patcher.errors import SiteError

__all__ = ["has_module", "needed", "provides", "refuse_unknown", "split"]

VERSION = "__version__"


@cache
def provides(root: Path, name: str) -> frozenset[str]:
    """Return the public names that a shim's module has, read from its text: its `__all__` if it says one.

    `name` is dotted: `flash_attn_torch` or `flash_attn_torch.bert_padding`. An unknown module provides nothing.
    What the module finds `_ELSEWHERE` when it is asked for counts too.
    """
    path = _module_file(root, name)
    return _own_names(path).union(_elsewhere(root, name)) if path is not None else frozenset()


def _own_names(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if targets == ["__all__"]:
                return frozenset(ast.literal_eval(node.value)).union(names & {VERSION})
            names.update(targets)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return frozenset(name for name in names if not name.startswith("_") or name == VERSION)


@cache
def _elsewhere(root: Path, name: str) -> dict[str, str]:
    """Return the names that a module gets from others when it is asked for them -> the module that has them.

    They stand in `_ELSEWHERE`, a map from modules to names, of the module or of the package whose `__getattr__` it has.
    """
    path = _module_file(root, name)
    if path is None:
        return {}
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "__getattr__" for alias in node.names):
            return _elsewhere(root, package)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_ELSEWHERE":
            modules = ast.literal_eval(node.value).items()
            return {one: f"{package}.{module}" for module, names in modules for one in names}
    return {}


def has_module(root: Path, name: str) -> bool:
    """Tell whether a shim (dotted: itself, or a module below it) exists."""
    return _module_file(root, name) is not None


def refuse_unknown(root: Path, name: str) -> None:
    """Refuse a shim (dotted: itself, or a module below it) that does not exist.

    Raises:
        SiteError: it does not.
    """
    if not has_module(root, name):
        raise SiteError(f"there is no shim called {name}; name another one in the recipe")


def split(root: Path, target: str) -> tuple[str, str, str]:
    """Divide `shim.NAME.attr.more` into the shim's module, what is imported from it, and the rest.

    Raises:
        SiteError: the shim does not exist, or has no such name.
    """
    parts = target.split(".")[1:]
    count = len(parts)
    while count and _module_file(root, ".".join(parts[:count])) is None:
        count -= 1
    module = ".".join(parts[:count])
    if not count or count == len(parts):
        raise SiteError(f"there is no {target}; name something that a shim defines")
    if parts[count] not in provides(root, module):
        raise SiteError(f"the shim {module} has no {parts[count]}; name another one in the recipe")
    return module, parts[count], "".join(f".{part}" for part in parts[count + 1 :])


def needed(root: Path, name: str, names: Iterable[str]) -> dict[str, bytes]:
    """Return the shim's files for names of a module: it, the packages above it, and what they import relatively."""
    elsewhere = _elsewhere(root, name)
    pending = [name, *(elsewhere[one] for one in names if one in elsewhere)]
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
        pending += [module.rpartition(".")[0]] if "." in module else []
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(found[relative])):
            if isinstance(node, ast.ImportFrom) and node.level:
                pending += _imported(root, package, node)
    return found


def _imported(root: Path, package: str, node: ast.ImportFrom) -> list[str]:
    """Return the modules of a shim that a relative import in a package of it reads."""
    base = ".".join(package.split(".")[: package.count(".") + 2 - node.level] + ([node.module] if node.module else []))
    return [base, *(one for alias in node.names if has_module(root, one := f"{base}.{alias.name}"))]


def _module_file(root: Path, name: str) -> Path | None:
    base = root.joinpath(*name.split("."))
    for path in (base.with_name(base.name + ".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None
