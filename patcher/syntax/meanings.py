"""The nouns of a rename: a name that a file imports, an access through a module, and what either means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import libcst as cst

from patcher.syntax.names import Binding
from patcher.syntax.source import Source
from patcher.syntax.through import Access

__all__ = ["Chain", "Meaning", "Symbol"]


class Meaning(Enum):
    """What a name means for the rename."""

    OLD = auto()
    NEW = auto()
    MIXED = auto()
    BEHIND = auto()
    NEITHER = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Symbol:
    """A name that one scope of one file imports, with everything that binds it there, in the order of the text."""

    source: Source
    bindings: tuple[Binding, ...]

    @property
    def local(self) -> str:
        """The name as the file has it."""
        return self.bindings[0].name

    @property
    def uses(self) -> list[cst.Name]:
        """All that reads it."""
        return self.source.names.uses(self.local, self.bindings[0].node)


@dataclass(frozen=True, slots=True)
class Chain:
    """An access `m.symbol`: its node, what binds `m`, what it means, and the symbols of other files that it reads.

    Where nothing but quoted annotations has it, the node is the first of their strings. `written` is without layout.

    `access` is there where it means the old symbol by the file's own imports; `own` is the file of the tree that a
    relative import leads to, where the old symbol may be meant by that.
    """

    node: cst.Attribute | cst.SimpleString
    written: str
    root: Symbol
    meaning: Meaning
    exporters: tuple[Symbol, ...] = ()
    access: Access | None = None
    own: str = ""

    @property
    def quoted(self) -> str:
        """What the string has, where that is the node."""
        return self.written if isinstance(self.node, cst.SimpleString) else ""
