"""Which file of the tree an import means.

An import names a module from a folder that Python searches, and the text does not say which: the folder of the script,
one above it, or a source folder. Every file that fits is taken for one that may be meant. Nothing is guessed from names
that are built at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import libcst as cst

from patcher.errors import TargetError
from patcher.syntax.modules import folders_of
from patcher.syntax.names import dotted
from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = [
    "from_root",
    "handed_on",
    "imported_modules",
    "may_have",
    "module_at_top",
    "module_file",
    "module_files",
    "python_files",
    "search_folders",
]


def search_folders(path: str) -> list[PurePosixPath]:
    """Return the folders from which a file may import absolutely: the tree's root, and all down to its own."""
    own = PurePosixPath(path).parent
    return [*reversed(own.parents), own]


def module_file(draft: Draft, folder: PurePosixPath, module: str) -> str | None:
    """Return the file of a module (dotted) as seen from a folder, or None if there is none in the tree.

    A dot in front stands for the tree's root, as `Names` has it for what is imported relatively from there.
    """
    key = (str(folder), module)
    if key not in draft.modules:  # every import of every file asks, and most of them for the same few
        draft.modules[key] = _module_file(draft, folder, folders_of(module.removeprefix(".")))
    return draft.modules[key]


def _module_file(draft: Draft, folder: PurePosixPath, parts: list[str]) -> str | None:
    if not all(parts):  # a folder need not be called as a name is: what lies in it is imported relatively
        return None
    base = folder.joinpath(*parts)
    paths = (str(base / "__init__.py"), str(base.with_name(f"{base.name}.py")))
    return next((path for path in paths if path in draft.files), None)


def module_files(draft: Draft, importer: str, module: str) -> list[str]:
    """Return the files of the tree that a module may be for a file that imports it.

    A folder at the top that is no package (`src`) is searched only where nothing nearer has the module.
    """
    if not module:
        return []
    near = [module_file(draft, folder, module) for folder in search_folders(importer)]
    tops = draft.tops if not any(near) else ()
    far = [module_file(draft, PurePosixPath(top), module) for top in tops]
    return list(dict.fromkeys(path for path in (*near, *far) if path is not None))


def handed_on(draft: Draft, importer: str, origin: str, seen: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return what a dotted name means that a file imports from the tree, if the file that has it imports it too."""
    parts = origin.split(".")
    found: list[str] = []
    for count in range(len(parts) - 1, 0, -1):
        module, name, rest = ".".join(parts[:count]), parts[count], parts[count + 1 :]
        for path in module_files(draft, importer, module):
            for meant in draft.handed_on(path, name) if path not in (*seen, importer) else ():
                whole = ".".join((meant, *rest))
                found += (whole, *handed_on(draft, path, whole, seen | {importer}))
    return tuple(dict.fromkeys(found))


def without_top(draft: Draft, origin: str) -> str:
    """Return a name of the tree without a folder at the top that is no package (`src`), or nothing.

    Nor has it the dot for the root of the tree, if that is a package itself and the name is in a package of it.
    """
    top, _, rest = origin.partition(".")
    parts = rest.split(".")
    if not top:
        module = ".".join(parts[:-1])
        return rest if "." in module and module_file(draft, PurePosixPath(), module) is not None else ""
    modules = [".".join(parts[:count]) for count in range(1, len(parts))] if top in draft.tops else []
    own, nearer = ([module_file(draft, PurePosixPath(folder), one) for one in modules] for folder in (top, ""))
    return rest if any(own) and not any(nearer) else ""


def from_root(draft: Draft, origins: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return what names behind a relative import are called from the root of the tree, and what they may be called.

    A single module (`x.y`) is rather a package from elsewhere than a file that happens to be called so.
    """
    names = frozenset(origins)
    # A dot in front: from the root of the tree, which is then a package itself.
    modules = {name: module_file(draft, PurePosixPath(), name.rpartition(".")[0]) for name in names}
    shorter = {name.removeprefix(".") for name, path in modules.items() if path is not None}
    shorter |= {name for name in (without_top(draft, one) for one in names) if name}
    certain = names | {name for name in shorter if name.count(".") > 1 or module_at_top(draft, name) is not None}
    return certain, frozenset(shorter) - certain


def module_at_top(draft: Draft, module: str) -> str | None:
    """Return the file of a module that is named from the root of the tree, or from a folder there, no package."""
    found = (module_file(draft, PurePosixPath(top), module) for top in ("", *draft.tops))
    return next((path for path in found if path is not None), None)


def imported_modules(source: Source) -> list[str]:
    """Return the modules that a file imports absolutely, as it writes them."""
    modules = [dotted(alias.name) for one in source.of(cst.Import) for alias in one.names]
    modules += [dotted(one.module) for one in source.of(cst.ImportFrom) if one.module and not one.relative]
    return [module for module in modules if module]


def python_files(draft: Draft, word: str, kinds: tuple[str, ...] = (".py", ".pyi")) -> Iterator[Source]:
    """Yield the files of the tree that mention a word and can be parsed."""
    for path in draft.paths:
        if path.endswith(kinds):
            try:
                if word.encode() in draft.read(path):
                    yield draft.source(path)
            except TargetError:
                continue


def may_have(draft: Draft, path: str, name: str, seen: frozenset[str] = frozenset()) -> bool:
    """Tell whether a module has a name, or may have it, also by `import *` from a file that may."""
    inside = PurePosixPath(path).parent
    if PurePosixPath(path).name == "__init__.py" and module_file(draft, inside, name) is not None:
        return True
    try:
        source = draft.source(path)
    except TargetError:
        return True
    names = source.names
    if any(names.bindings(one, source.module) for one in (name, "__getattr__")):
        return True
    modules = [module_files(draft, path, names.module_of(star)) for star in names.stars]
    return not all(modules) or any(
        may_have(draft, one, name, seen | {path}) for files in modules for one in files if one not in (path, *seen)
    )
