"""A key to know a definition again: of its code, and of all code of the tree that it may lead to.

A key is of the whole file of the definition and of every file of the tree that this may import, without comments,
docstrings and layout. An import may mean every file that fits, in any folder that Python may search; what may import by
a name that is made at run time, or moves the search, may mean every file. Nothing here runs anybody's code.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from patcher.errors import TargetError
from patcher.syntax.shims import STAMP
from patcher.verify.definitions import SCOPES, Definition, Tree, decoded, parsed, statements

__all__ = ["key", "mentioned", "reached"]

# What Python versions write differently, and what says where code is and not what it does.
IGNORED = {"kind", "type_comment", "type_ignores", "ctx"}
# What may import any file, or run any text: modules and names of builtins, and attributes of `sys`.
ANYWHERE = {
    *("importlib", "imp", "runpy", "pkgutil", "site", "builtins"),
    *("__import__", "__builtins__", "__path__", "exec", "eval"),
}
OF_SYS = {"path", "modules", "meta_path", "path_hooks", "*"}


@dataclass(frozen=True, slots=True)
class Import:
    """A module as an import writes it, and the names that are taken from it."""

    level: int
    module: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """The hash of a file's code, and what it imports; None: it may be anything."""

    digest: str
    imports: tuple[Import, ...] | None


def key(definition: Definition, tree: Tree) -> str:
    """Return the SHA-256 of a definition's name and of all code of the tree that it may lead to.

    Raises:
        TargetError: a file of it cannot be read.
    """
    told = (definition.path, definition.name, sorted(reached(definition, tree).items()))
    return hashlib.sha256(repr(told).encode()).hexdigest()


def reached(definition: Definition, tree: Tree) -> dict[str, str]:
    """Return the file of a definition and every file that it may import, each with the SHA-256 of its code.

    Copies of shims do not count: their stamp tells which they are, and their own tests judge them.

    Raises:
        TargetError: one cannot be read, or is a link.
    """
    found: dict[str, str] = {}
    tops = sorted({path.partition("/")[0] for path in tree.paths if "/" in path})
    folders = [PurePosixPath(top) for top in tops if f"{top}/__init__.py" not in tree.paths]
    folders += PurePosixPath(definition.path).parents
    waiting, seen = [definition.path], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        if tree.links and not tree.links.isdisjoint((path, *map(str, PurePosixPath(path).parents))):
            raise TargetError(f"{definition} may import {path}, a link, and nothing is proved of what is behind one.")
        if path not in tree.paths:
            continue
        data = tree.read(path)
        if _is_shim(data):
            continue
        code = _code(data)
        found[path] = code.digest
        above = PurePosixPath(path).parents
        waiting += [str(folder / "__init__.py") for folder in above]
        if code.imports is None:
            waiting += [one for one in tree.paths if one.endswith(".py")]
        for one in code.imports or ():
            searched = [*above, *folders] if not one.level else list(above)[one.level - 1 : one.level]
            for folder in dict.fromkeys(searched):
                waiting += _files(folder, one, tree)
    return found


def _is_shim(data: bytes) -> bool:
    """Tell whether a file is the copy of a shim, and as it was copied."""
    match = STAMP.match(data)
    return match is not None and hashlib.sha256(data[match.end() :]).hexdigest() == match["hash"].decode()


def _files(folder: PurePosixPath, one: Import, tree: Tree) -> Iterator[str]:
    """Yield the files that an import runs if it is searched for in a folder, whether they exist or not."""
    place = folder
    for part in one.module.split(".") if one.module else ():
        place = place / part
        yield from _module(place)
    for name in one.names:
        if name == "*":
            yield from (path for path in tree.paths if path.endswith(".py") and PurePosixPath(path).parent == place)
        else:
            yield from _module(place / name)


def _module(place: PurePosixPath) -> tuple[str, str]:
    return f"{place}.py", f"{place}/__init__.py"


@lru_cache(maxsize=1024)
def _code(data: bytes) -> Code:
    """Return the hash of a file's code and its imports; of what does not parse the hash of its bytes."""
    try:
        module = parsed("", decoded("", data))
        digest = hashlib.sha256(repr(_canonical(module)).encode()).hexdigest()
        return Code(digest, _imports(module))
    except (TargetError, RecursionError, ValueError):  # ValueError: a number too long to write
        return Code(hashlib.sha256(data).hexdigest(), None)


def _imports(module: ast.Module) -> tuple[Import, ...] | None:
    """Return all imports of a file, wherever they stand; None if it may import anything."""
    found: list[Import] = []
    words, of_sys, called_sys = set(), set(), set()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found += [Import(0, alias.name, ()) for alias in node.names]
            called_sys |= {alias.asname or "sys" for alias in node.names if alias.name == "sys"}
        elif isinstance(node, ast.ImportFrom):
            found.append(Import(node.level, node.module or "", tuple(alias.name for alias in node.names)))
            of_sys |= {alias.name for alias in node.names if node.module == "sys"}
        elif isinstance(node, ast.Name):
            words.add(node.id)
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in called_sys:
            of_sys.add(node.attr)
    words |= {one.module.partition(".")[0] for one in found if not one.level}
    return None if words & ANYWHERE or of_sys & OF_SYS else tuple(dict.fromkeys(found))


def mentioned(definition: Definition) -> str:
    """Return the SHA-256 of a definition and of all in its own file that it names, however far it leads."""
    bound = _bound(parsed(definition.path, definition.text))
    top = definition.name.partition(".")[0]
    known, waiting = {top}, [top]
    while waiting:
        for node in bound[waiting.pop()]:
            words = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            waiting += [word for word in sorted(words & bound.keys()) if word not in known]
            known |= words & bound.keys()
    try:
        told = [(name, [_canonical(node) for node in bound[name]]) for name in sorted(known)]
    except RecursionError:
        raise TargetError(f"{definition.path} does not parse: it is nested too deeply.") from None
    return hashlib.sha256(repr((definition.name, told)).encode()).hexdigest()


def _bound(module: ast.Module) -> dict[str, list[ast.AST]]:
    """Return what binds each name of a module, all of it where it is bound more than once."""
    found: dict[str, list[ast.AST]] = {}
    for node in statements(module.body):
        if isinstance(node, SCOPES):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                # One name alone, so that what is imported beside it does not count.
                alone = ast.Import([alias])
                if isinstance(node, ast.ImportFrom):
                    alone = ast.ImportFrom(node.module, [alias], node.level)  # type: ignore[assignment]
                found.setdefault(alias.asname or alias.name.partition(".")[0], []).append(alone)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}:
                found.setdefault(name, []).append(node)
    return found


def _canonical(value: Any) -> Any:
    """Return a tree of code as plain tuples that are the same in every version of Python."""
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = dict(ast.iter_fields(value))
    if isinstance(value, (*SCOPES, ast.Module)) and ast.get_docstring(value) is not None:
        fields["body"] = value.body[1:]
    kept = {name: one for name, one in fields.items() if name not in IGNORED and one is not None and one != []}
    return type(value).__name__, [(name, _canonical(one)) for name, one in sorted(kept.items())]
