"""`guard_import`: an import that may be missing gets a second arm, nested where a handler's own import can fail."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from keyword import iskeyword
from symtable import symtable
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Site, Status, Step
from patcher.syntax.blocks import imported_aliases, local_name
from patcher.syntax.draft import Draft
from patcher.syntax.guards import ImportStatement, guard, lead_to
from patcher.syntax.imports import Imported, imported_names
from patcher.syntax.layout import level_of
from patcher.syntax.names import module_name
from patcher.syntax.project import importer_of
from patcher.syntax.shims import has_module, place, provides
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import checked_place, texts

__all__ = ["GuardImport"]


@dataclass(frozen=True, slots=True)
class GuardImport:
    """The compiled verb: packages, and what stands in: a shim by name, or lines of code.

    `bound` are the names that the code binds, None where none has to be. `always`: the shim takes the package's place.
    """

    roots: tuple[str, ...]
    shim: str | None
    code: tuple[str, ...]
    flag: str | None = None
    place: str | None = None
    bound: frozenset[str] | None = None
    always: bool = False

    KEYS: ClassVar[Mapping[str, Shape]] = {
        "guard_import": Shape.TEXTS,
        "otherwise": Shape.TEXT,
        "always": Shape.TEXT,
        "flag": Shape.TEXT,
        "place": Shape.TEXT,
    }

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check the packages, the flag, and that the second arm is a shim or compiles."""
        roots = tuple(texts(arguments["guard_import"]))
        for root in roots:
            if not root.isidentifier() or iskeyword(root):
                raise PatternError(f"`{root}` is no top-level package; guard_import takes those.", ("guard_import",))
        flag = arguments.get("flag")
        if flag is not None and (not flag.isidentifier() or iskeyword(flag)):
            raise PatternError(f"`{flag}` is no name for a flag.", ("flag",))
        if "otherwise" not in arguments:
            raise PatternError(
                "guard_import needs `otherwise`: a shim (shim.NAME) or code (X = None).", ("guard_import",)
            )
        where = checked_place(arguments)
        otherwise = arguments["otherwise"].strip()
        always = arguments.get("always", "no")
        if always not in ("yes", "no"):
            raise PatternError(f"`{always}` is neither yes nor no.", ("always",))
        if always == "yes" and (flag is not None or not otherwise.startswith("shim.")):
            raise PatternError(
                "`always` needs a shim as `otherwise`, and no flag: nothing is left to tell.", ("always",)
            )
        if otherwise.startswith("shim."):
            return cls(roots, otherwise.removeprefix("shim."), (), flag, where, always=always == "yes")
        try:
            body = ast.parse(otherwise).body
        except SyntaxError:
            body = []
        if not body:
            raise PatternError(f"`{otherwise}` is neither a shim (shim.NAME) nor Python.", ("otherwise",))
        return cls(roots, None, tuple(_lines(otherwise, body)), flag, bound=_bound(otherwise, body))

    @property
    def forms(self) -> tuple[str, ...]:
        """What the step looks for, as its recipe writes it."""
        return tuple(f"import {root}" for root in self.roots)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return [frozenset({root.encode()}) for root in self.roots]

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        copies: dict[str, bytes] = {}
        for source in draft.sources(step, self.words):
            if source.path.endswith(".pyi") or module_name(source.path) in draft.stand_ins:
                continue  # nothing in a stub is run, and a copied shim imports itself
            files: dict[str, bytes] = {}
            left: list[Site] = []
            inside = partial(_in_scope, draft, step, source)
            if self.always:
                other = partial(self._other, draft, source, dict(copies), files)
                sites = lead_to(source, self.roots, other, f"shim.{self.shim}", inside)
            else:
                arm = partial(self._arm, draft, source, dict(copies), files, left)
                sites = guard(source, self.roots, arm, self.flag, inside)
            applied = any(site.status is Status.APPLIED for site in sites)
            if applied:
                copies |= files
            if sites:
                told = tuple(sorted((*sites, *(left if applied else ())), key=lambda site: site.offset))
                yield Findings(source.path, told, files=files if applied else {})

    def _arm(
        self,
        draft: Draft,
        source: Source,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        left: list[Site],
        group: list[ImportStatement],
    ) -> list[str]:
        if self.shim is None:
            self._check_bound(draft, source, group, left)
            return _indented(self.code, source, level_of(source, source.span(group[0])[0]))
        lines: list[str] = []
        for statement in group:
            lines += self._second(draft, source, statement, copies, files, left)
        return lines or ["pass"]

    def _check_bound(self, draft: Draft, source: Source, group: list[ImportStatement], left: list[Site]) -> None:
        """Refuse code that leaves a name unbound which is read; what nobody reads is added to `left`."""
        names = {local_name(source, alias): alias for one in group for alias in imported_aliases(one)}
        missing = [] if self.bound is None else [name for name in names if name not in (*self.bound, self.flag)]
        for name in missing:
            used = bool(source.names.uses(name, names[name])) or source.names.exported(name)
            if reader := _reader(draft, source, name, used=used):
                raise SiteError(f"`otherwise` does not bind {name}, and it is used {reader}; bind it there too")
            reason = f"{name} is left out of the second arm: `otherwise` lacks it, and nothing in the tree reads it"
            left.append(Site(source.span(group[0])[0], Status.ABSENT, reason))

    def _second(
        self,
        draft: Draft,
        source: Source,
        statement: ImportStatement,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        left: list[Site],
    ) -> list[str]:
        """Return the import of the shim that stands in for one statement, without the names that nobody reads.

        What is left out is added to `left`: nothing in the tree reads it, but what is outside of the tree might.
        """
        name, modules, names = self._found(draft, source, statement)
        there = provides(draft.shims, name)
        kept = [one for one in names if one.name in there or f"{name}.{one.name}" in modules]
        for one in names:
            if one not in kept and (reader := _reader(draft, source, one.local, used=one.used)):
                raise SiteError(
                    f"the shim has no {one.name}, and it is used {reader}; write it by hand, or remove its use"
                )
            if one not in kept:
                reason = (
                    f"{one.name} is left out of the second arm: the shim lacks it, and nothing in the tree reads it"
                )
                left.append(Site(source.span(statement)[0], Status.ABSENT, reason))
        if not kept:
            return []
        module = self._placed(draft, source, (name, modules, kept), copies, files)
        return [f"from {module} import {', '.join(one.written for one in kept)}"]

    def _other(
        self,
        draft: Draft,
        source: Source,
        copies: dict[str, bytes],
        files: dict[str, bytes],
        statement: ImportStatement,
    ) -> str:
        """Return the module of the shim that takes the place of a statement's own, if it has all of the names."""
        name, modules, names = self._found(draft, source, statement)
        for one in names:
            if one.name not in provides(draft.shims, name) and f"{name}.{one.name}" not in modules:
                raise SiteError(f"the shim has no {one.name}; write it by hand, or remove its import")
        return self._placed(draft, source, (name, modules, names), copies, files)

    def _found(self, draft: Draft, source: Source, statement: ImportStatement) -> tuple[str, list[str], list[Imported]]:
        """Return the shim's module for a statement, which of the names are modules themselves, and the names."""
        assert self.shim is not None
        module, names = imported_names(source, statement)
        root, *parts = module.split(".")
        # A shim stands in for a second package with a module that is called like a shim of it.
        own = [f"{root}_torch"] if has_module(draft.shims, f"{self.shim}.{root}_torch") else []
        name = ".".join((self.shim, *own, *parts))
        return name, [f"{name}.{one.name}" for one in names if has_module(draft.shims, f"{name}.{one.name}")], names

    def _placed(
        self,
        draft: Draft,
        source: Source,
        found: tuple[str, list[str], list[Imported]],
        copies: dict[str, bytes],
        files: dict[str, bytes],
    ) -> str:
        """Put what is imported into `files`, and return the module as the file writes it."""
        name, modules, names = found
        read = [one.name for one in names]
        placed = place(draft, source, name, self.place, copies)
        for needed in (name, *modules):
            files.update(place(draft, source, needed, self.place, copies, names=read).files)
        return placed.module


def _in_scope(draft: Draft, step: Step, source: Source, statement: Any) -> bool:
    return draft.in_qualname(step, source.path, source.names.qualname(statement))


def _reader(draft: Draft, source: Source, name: str, *, used: bool) -> str:
    """Say where an imported name is read, or nothing; `used`: in its own file."""
    other = None if used else importer_of(draft, source.path, name)
    return "here" if used else f"in {other}" if other else ""


def _bound(text: str, body: Sequence[ast.stmt]) -> frozenset[str] | None:
    """Return the names that the recipe's code binds; None where it ends by raising, so that nothing follows it."""
    if isinstance(body[-1], ast.Raise):
        return None
    symbols = symtable(text, "otherwise", "exec").get_symbols()
    return frozenset(one.get_name() for one in symbols if one.is_assigned() or one.is_imported())


def _lines(text: str, body: Sequence[ast.stmt]) -> Iterator[str]:
    """Yield the lines of the recipe's code; one that begins inside a string stays with the line above it."""
    strings = [node for one in body for node in ast.walk(one) if isinstance(node, (ast.Constant, ast.JoinedStr))]
    inside = {line for one in strings for line in range(one.lineno, one.end_lineno or one.lineno)}
    lines = text.split("\n")
    first = 0
    for number in range(1, len(lines) + 1):
        if number not in inside:
            yield "\n".join(lines[first:number])
            first = number


def _indented(lines: Sequence[str], source: Source, level: str) -> list[str]:
    """Return lines of the recipe's code with the indentation and line ends of their place."""
    bare = [line.lstrip(" ") for line in lines]
    widths = [len(line) - len(text) for line, text in zip(lines, bare, strict=True)]
    unit = min(filter(None, widths), default=1)
    return [
        level * (width // unit) + " " * (width % unit) + text.replace("\n", source.newline)
        for width, text in zip(widths, bare, strict=True)
    ]
