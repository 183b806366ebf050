"""What a step needs: names that must be in scope, and statements that give names of its replacements a meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import libcst as cst

from patcher.errors import PatternError, TargetError
from patcher.syntax.pattern import Code, statements
from patcher.syntax.source import Source

__all__ = ["Needs", "compile_needs", "known_by"]


@dataclass(frozen=True, slots=True)
class Needs:
    """The `needs` of a step: bare names that must be in scope, and statements that are put in where missing.

    `provided` is dotted name -> (name that the statement binds, statement). `asked` are those of them that a name of
    the replacement leads to: they are put in where it is written so, the others always. `place` is the folder for the
    shims that the replacement names, where the recipe says it.
    """

    bare: frozenset[str]
    provided: Mapping[str, tuple[str, str]]
    asked: frozenset[str]
    place: str | None = None

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the statements import."""
        imports = (origin for origin, (_, text) in self.provided.items() if text.startswith(("import ", "from ")))
        return frozenset(origin.partition(".")[0] for origin in imports)


def compile_needs(texts: Iterable[str], results: Iterable[Code] = (), place: str | None = None) -> Needs:
    """Compile a step's `needs`, for a step that writes these results; `place` is the folder for shims.

    Raises:
        PatternError: an entry is neither a name nor an import or assignment.
    """
    bare: set[str] = set()
    provided: dict[str, tuple[str, str]] = {}
    for index, text in enumerate(texts):
        if text.isidentifier():
            bare.add(text)
            continue
        bound = _bound_by(text)
        if len(bound) != 1:
            raise PatternError(
                f"`{text}` is neither a name nor one import or assignment of one name.", ("needs", index)
            )
        provided.update({origin: (name, text) for origin, name in bound.items()})
    targets = [target for code in results for target in code.dotted.values()]
    asked = (origin for origin in provided if any(f"{target}.".startswith(f"{origin}.") for target in targets))
    return Needs(frozenset(bare), provided, frozenset(asked), place)


def known_by(texts: Iterable[str]) -> dict[str, str]:
    """Return name -> dotted name for what the imports of a step's `needs` bind, relative imports aside."""
    imports = (text for text in texts if text.startswith(("import ", "from ")))
    return {name: origin for text in imports for origin, name in _bound_by(text).items() if origin[:1] != "."}


def _bound_by(text: str) -> dict[str, str]:
    """Return dotted name -> name for what a statement binds."""
    try:
        source = Source("<needs>", text.encode())
    except TargetError:
        return {}
    bound = {binding.origin or "": binding.name for binding in source.names.imports}
    for statement in statements(source.module):
        if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Name):
            bound[statement.targets[0].target.value] = statement.targets[0].target.value
    return bound if len(statements(source.module)) == 1 else {}
