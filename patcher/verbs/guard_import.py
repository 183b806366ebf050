"""`guard_import`: an import that may be missing gets a second arm, nested where a handler's own import can fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Status, Step
from patcher.syntax.draft import Draft
from patcher.syntax.guards import ImportStatement, guard
from patcher.syntax.imports import imported_names
from patcher.syntax.pattern import compile_code
from patcher.syntax.shims import place, provides
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import texts

__all__ = ["GuardImport"]


@dataclass(frozen=True, slots=True)
class GuardImport:
    """The compiled verb: packages, and what stands in: a shim by name, or lines of code."""

    roots: tuple[str, ...]
    shim: str | None
    code: tuple[str, ...]
    flag: str | None = None
    place: str | None = None

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "guard_import": Shape.TEXTS,
        "otherwise": Shape.TEXT,
        "flag": Shape.TEXT,
        "place": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check the packages, the flag, and that the second arm is a shim or compiles."""
        roots = tuple(texts(arguments["guard_import"]))
        for root in roots:
            if not root.isidentifier():
                raise PatternError(f"`{root}` is no top-level package; guard_import takes those.", ("guard_import",))
        flag = arguments.get("flag")
        if flag is not None and not flag.isidentifier():
            raise PatternError(f"`{flag}` is no name for a flag.", ("flag",))
        if "otherwise" not in arguments:
            raise PatternError(
                "guard_import needs `otherwise`: a shim (shim.NAME) or code (X = None).", ("guard_import",)
            )
        otherwise = arguments["otherwise"].strip()
        if otherwise.startswith("shim."):
            return cls(roots, otherwise.removeprefix("shim."), (), flag, arguments.get("place"))
        try:
            compile_code(otherwise, [otherwise.partition(" ")[0]], statement=True)
        except PatternError as error:
            raise PatternError(str(error), ("otherwise",)) from None
        return cls(roots, None, tuple(otherwise.splitlines()), flag)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return [frozenset({root.encode()}) for root in self.roots]

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        for source in draft.sources(step, self.words):
            files: dict[str, bytes] = {}
            arm = partial(self._arm, draft, source, files)
            sites = guard(source, self.roots, arm, self.flag)
            if sites:
                applied = any(site.status is Status.APPLIED for site in sites)
                yield Findings(source.path, tuple(sites), files=files if applied else {})

    def _arm(self, draft: Draft, source: Source, files: dict[str, bytes], group: list[ImportStatement]) -> list[str]:
        if self.shim is None:
            return list(self.code)
        lines: list[str] = []
        for statement in group:
            lines += self._second(draft, source, statement, files)
        return lines or ["pass"]

    def _second(self, draft: Draft, source: Source, statement: ImportStatement, files: dict[str, bytes]) -> list[str]:
        assert self.shim is not None
        module, names = imported_names(source, statement)
        name = ".".join((self.shim, *module.split(".")[1:]))
        there = provides(draft.shims, name)
        kept: list[str] = []
        for imported in names:
            if imported.name in there:
                kept.append(imported.written)
            elif imported.used:
                raise SiteError(
                    f"the shim has no {imported.name}, and it is used here; write it by hand, or remove its use"
                )
        if not kept:
            return []
        placed = place(draft, source, name, self.place)
        files.update(placed.files)
        return [f"from {placed.module} import {', '.join(kept)}"]
