"""What a step needs: names that must be in scope, and statements that give names of its replacements a meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import libcst as cst

from patcher.errors import PatternError, TargetError
from patcher.syntax.names import Binding, dotted, leads
from patcher.syntax.pattern import Code, statements
from patcher.syntax.source import Source

__all__ = ["Needs", "Provided", "compile_needs", "known_by"]


@dataclass(frozen=True, slots=True)
class Provided:
    """A statement that is put in where it is missing: the name that it binds, and the dotted name that this means.

    `module` is what an import loads: `import a.b` binds `a`, which means `a`, and loads `a.b`. What a relative import
    means depends on the file: here it means its own name.
    """

    statement: str
    name: str
    origin: str
    module: str = ""
    relative: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it binds the first part of what it loads: any spelling of that will do then."""
        return self.statement.startswith("import ") and self.origin == self.name

    @property
    def meant(self) -> str:
        """The dotted name that the recipe wants to be there."""
        return self.module if self.is_plain else self.origin

    def loads(self, target: str) -> str:
        """Return the module that must be loaded where a name below what it binds is spelled in another way."""
        may_be_module = target != self.origin and not self.is_plain
        return self.origin if self.module and may_be_module else self.module

    def spelled(self, target: str) -> str:
        """Return how a name below what it binds is written behind it."""
        return self.name + target[len(self.origin) :]


@dataclass(frozen=True, slots=True)
class Needs:
    """The `needs` of a step: bare names that must be in scope, and statements that are put in where missing.

    `asked` are the statements that a name of the replacement leads to: they are put in where it is written so, the
    others always. `place` is the folder for the shims that the replacement names, where the recipe says it.
    """

    bare: frozenset[str]
    provided: tuple[Provided, ...]
    asked: frozenset[Provided]
    place: str | None = None

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the statements import."""
        return frozenset(
            one.origin.partition(".")[0] for one in self.provided if _imports(one.statement) and not one.relative
        )

    def leading_to(self, target: str) -> Provided | None:
        """Return the statement that a dotted name asks for: of several, the one that names most of it."""
        return _leading(self.provided, target)


def compile_needs(texts: Iterable[str], results: Iterable[Code] = (), place: str | None = None) -> Needs:
    """Compile a step's `needs`, for a step that writes these results; `place` is the folder for shims.

    Raises:
        PatternError: an entry is neither a name nor an import or assignment.
    """
    bare: set[str] = set()
    provided: list[Provided] = []
    for index, text in enumerate(texts):
        if text.isidentifier():
            bare.add(text)
            continue
        bound = _bound_by(text)
        if len(bound) != 1:
            raise PatternError(
                f"`{text}` is neither a name nor one import or assignment of one name.", ("needs", index)
            )
        provided += bound
    asked = {_leading(provided, target) for code in results for target in code.dotted.values()}
    return Needs(frozenset(bare), tuple(provided), frozenset(one for one in asked if one), place)


def known_by(texts: Iterable[str]) -> dict[str, str]:
    """Return name -> dotted name for what the imports of a step's `needs` bind, relative imports aside."""
    bound = (one for text in texts if _imports(text) for one in _bound_by(text))
    return {one.name: one.origin for one in bound if not one.relative}


def _imports(statement: str) -> bool:
    return statement.startswith(("import ", "from "))


def _leading(provided: Iterable[Provided], target: str) -> Provided | None:
    leading = [one for one in provided if leads(one.origin, target)]
    return max(leading, key=lambda one: len(one.meant if leads(one.meant, target) else one.origin), default=None)


def _bound_by(text: str) -> list[Provided]:
    """Return what a statement binds, as what is put in for it."""
    try:
        source = Source("<needs>", text.encode())
    except TargetError:
        return []
    bound = [_imported(text, source, one) for one in source.names.imports]
    for statement in statements(source.module):
        if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Name):
            name = statement.targets[0].target.value
            bound.append(Provided(text, name, name))
    return bound if len(statements(source.module)) == 1 else []


def _imported(text: str, source: Source, one: Binding) -> Provided:
    if isinstance(one.statement, cst.ImportFrom) and one.statement.relative:
        return Provided(text, one.name, one.name, relative=True)
    return Provided(text, one.name, one.origin or "", _module(source, one.alias))


def _module(source: Source, alias: cst.ImportAlias | None) -> str:
    """Return the module that an import names; nothing for a shim."""
    statement = source.parent(alias) if alias is not None else None
    if isinstance(statement, cst.ImportFrom):
        module = source.names.module_of(statement)
        return "" if leads("shim", module) else module
    return (dotted(alias.name) or "") if alias is not None else ""
