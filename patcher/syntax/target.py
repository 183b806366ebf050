"""The symbol that takes over in a rename: how each file of the tree reaches its module, and whether it is there.

A relative import stays relative where the new module is in the same package; a shim is put where the file reaches it.
"""

from __future__ import annotations

from pathlib import PurePosixPath

import libcst as cst

from patcher.errors import SiteError
from patcher.syntax.draft import Draft
from patcher.syntax.project import may_have, module_file, module_files, search_folders
from patcher.syntax.shim_files import provides, refuse_unknown
from patcher.syntax.shims import Placed, place
from patcher.syntax.source import Source

__all__ = ["Target"]


class Target:
    """The new symbol of one rename over one tree. `where` is the folder for a shim, if the recipe says one."""

    def __init__(self, draft: Draft, new: str, where: str | None = None) -> None:
        self.draft, self.where = draft, where
        self.module, _, self.name = new.rpartition(".")
        self.copies: dict[str, bytes] = {}

    def reach(self, source: Source, statement: cst.CSTNode | None, module: str) -> Placed:
        """Return the new module as an import of a file writes it, and the files that must be there for that.

        `module` is how far an import can lead to the new symbol: its module, one above that, or a class in it.

        Raises:
            SiteError: there is no such symbol, or the file cannot reach it.
        """
        if not self.module.startswith("shim."):
            relative = self._relative(source, statement, module) if isinstance(statement, cst.ImportFrom) else None
            return Placed(relative or module, {})
        shim = self.module.removeprefix("shim.")
        refuse_unknown(self.draft.shims, shim)
        if self.name not in provides(self.draft.shims, shim):
            raise SiteError(f"the shim {shim} has no {self.name}; name another one in the recipe")
        placed = place(self.draft, source, shim, self.where, self.copies, names=[self.name])
        self.copies.update(placed.files)
        return placed

    # --- relatively -------------------------------------------------------------------------------------------------

    def _relative(self, source: Source, statement: cst.ImportFrom, module: str) -> str | None:
        """Return the module with the dots of a relative import, or with more; None where it is in another package."""
        folder: tuple[str, ...] = PurePosixPath(source.path).parent.parts
        own = len(folder) + 1 - len(statement.relative)
        target = self._parts(source, module)
        if not statement.relative or own < 0 or target is None:
            return None
        outer = [count for count in range(len(folder)) if self._is_package(folder, count)] or [len(folder)]
        for kept in (own, *range(own - 1, outer[0], -1)):
            if len(target) > kept and target[:kept] == folder[:kept]:
                dots = "." * (len(folder) + 1 - kept)
                return f"{dots}{'.'.join(target[kept:])}"
        return None

    def _parts(self, source: Source, module: str) -> tuple[str, ...] | None:
        """Return the folders and the name of a module in the tree, or of a class in one; None if it is not there."""
        top = source.path.partition("/")[0]
        for root in ("", *([top] if top in self.draft.tops else ())):
            known = (module_file(self.draft, PurePosixPath(root), one) for one in (module, module.rpartition(".")[0]))
            if any(known):
                return (*PurePosixPath(root).parts, *module.split("."))
        return None

    def _is_package(self, folder: tuple[str, ...], count: int) -> bool:
        """Tell whether the folder at an index of a path is a package."""
        return str(PurePosixPath(*folder[: count + 1], "__init__.py")) in self.draft.files

    # --- in the tree ------------------------------------------------------------------------------------------------

    def check(self, source: Source) -> None:
        """Refuse where the file is the new module itself, or the tree has that module without the symbol.

        Raises:
            SiteError: it is.
        """
        parts = [*self.module.split("."), self.name]
        for count in range(len(parts) - 1, 0, -1):
            paths = self._files(source, ".".join(parts[:count]))
            if count == len(parts) - 1 and source.path in paths:
                raise SiteError(f"this file is {self.module} itself; leave it out with `not_in`")
            if any(may_have(self.draft, path, parts[count]) for path in paths):
                return
            if paths:
                lack = f"{paths[0]} of this tree has no `{parts[count]}`"
                raise SiteError(f"{lack}; define it there first, by hand or in an earlier step")

    def _files(self, source: Source, module: str) -> list[str]:
        """Return the files of a module; what stands beside a file in a package is not imported absolutely."""
        barred = {
            module_file(self.draft, folder, module)
            for folder in search_folders(source.path)
            if str(folder / "__init__.py") in self.draft.files
        }
        return [path for path in module_files(self.draft, source.path, module) if path not in barred]
