"""`rename`: a symbol with its imports, aliases, uses, quoted annotations and `__all__`, through the whole tree.

The site is the use; imports follow it. Where one arm of a try binds the target already, the use is already there; where
an arm binds something else, the use is refused, because renaming one arm would break the other. A file that imports the
symbol from another file of the tree follows that file; where it cannot, both are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, ClassVar, Self

from patcher.errors import PatternError
from patcher.model import Step
from patcher.syntax.draft import Draft
from patcher.syntax.importable import may_be_class
from patcher.syntax.pattern import Code, compile_code
from patcher.syntax.references import Gone
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import checked_place, texts
from patcher.verbs.renaming import Renaming

__all__ = ["Rename"]


@dataclass(frozen=True, slots=True)
class Rename:
    """The compiled verb: dotted names, the target possibly in the pseudo-package `shim`."""

    old: tuple[str, ...]
    new: str
    place: str | None = None

    KEYS: ClassVar[Mapping[str, Shape]] = {"rename": Shape.TEXTS, "to": Shape.TEXT, "place": Shape.TEXT}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check that both sides are dotted names of a symbol in a module."""
        if "to" not in arguments:
            raise PatternError("rename needs `to`, the dotted name that takes over.", ("rename",))
        old = tuple(texts(arguments["rename"]))
        for key, names in (("rename", old), ("to", (arguments["to"],))):
            for name in names:
                if "." not in name or not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
                    raise PatternError(f"`{name}` is no dotted name of a symbol, as package.module.Symbol is.", (key,))
        if arguments["to"] in old:
            raise PatternError(
                f"`{arguments['to']}` would become itself; this step can never change anything.", ("to",)
            )
        above = [name for name in old if arguments["to"].startswith(f"{name}.")]
        if above:
            raise PatternError(
                f"`{arguments['to']}` lies below `{above[0]}`, so that every second run would rename it again; "
                "rename to a name beside it.",
                ("to",),
            )
        return cls(old, arguments["to"], checked_place(arguments))

    @property
    def codes(self) -> tuple[Code, ...]:
        """The names that the step looks for, as patterns."""
        return tuple(compile_code(old) for old in self.old)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        leaves = {name.rpartition(".")[2] for name in (*self.old, self.new)}
        leaves |= {name for name in self.new.split(".")[1:] if may_be_class(name)}
        return [frozenset({leaf.encode()}) for leaf in sorted(leaves)]

    @property
    def gone(self) -> tuple[Gone, ...]:
        """The names that nothing should mention any more."""
        return tuple(Gone(old, self.new) for old in self.old)

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb."""
        return Renaming(self.old, self.new, self.place, step, draft).findings(self.words)
