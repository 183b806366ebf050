"""`codemod`: Python beside the recipe, for what no pattern can say; it needs `--allow-python` unless bundled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, SiteError
from patcher.model import Edit, Site, Status, Step
from patcher.syntax.codemod import transformed
from patcher.syntax.draft import Draft
from patcher.syntax.source import Source
from patcher.verbs.base import Findings, Shape
from patcher.verbs.common import edited, texts

__all__ = ["Codemod"]


@dataclass(frozen=True, slots=True)
class Codemod:
    """The compiled verb: a file beside the recipe, a class in it, and words that a file must hold to be tried."""

    file: str
    name: str
    mentions: tuple[str, ...]

    KEYS: ClassVar[Mapping[str, Shape]] = {"codemod": Shape.TEXT, "mentions": Shape.TEXTS}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Check that the key is FILE.py:Class, with a file that stays in the recipe's folder."""
        file, _, name = arguments["codemod"].partition(":")
        if not file.endswith(".py") or not name.isidentifier():
            raise PatternError(f"`{arguments['codemod']}` is not of the form FILE.py:Class.", ("codemod",))
        if file.startswith("/") or ".." in file.split("/"):
            raise PatternError(f"`{file}` leads out of the recipe's folder; keep the codemod beside it.", ("codemod",))
        return cls(file, name, tuple(texts(arguments.get("mentions"))))

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb."""
        return [frozenset(word.encode() for word in self.mentions)]

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb: a file of the scope in which the transformer changes nothing is already there."""
        file = Path(step.origin.rsplit(":", 2)[0]).parent.absolute() / self.file
        for source in draft.sources(step, self.words):
            edits = transformed(source, file, self.name)
            if edits:
                yield Findings(source.path, (edited(source, edits[0].start, partial(_in_cells, source, edits)),))
            elif step.within:
                yield Findings(source.path, (Site(0, Status.ALREADY),))


def _in_cells(source: Source, edits: list[Edit]) -> list[Edit]:
    """Return the edits of a program, each of them in one cell of a notebook.

    Raises:
        SiteError: one goes over the border of two cells.
    """
    if not all(map(source.together_in, edits)):
        raise SiteError("the codemod writes lines of two cells as one; let it leave a line between them as it is")
    return edits
