"""What every verb is: compiled once from a recipe, then run over the draft of the tree.

A verb is one class in one file. The loader finds it in `patcher.verbs.VERBS` under the key that names it in a recipe,
checks the shapes of the other keys against `KEYS`, and calls `compile`. The planner calls `run`. A verb never writes
and never decides the outcome of its step: it says which sites there are and what becomes of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from patcher.model import Edit, Site, Step

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Findings", "Near", "Shape", "Site", "Verb"]


class Shape(Enum):
    """What may stand behind a key of a verb, in words that a message can use."""

    TEXT = "text"
    TEXTS = "text or a list of text"
    PAIRS = "a map from text to text"
    CODE_OR_PAIRS = "text, a list of text, or a map from text to text"
    WHERE = "a map from holes to text, a list of text, or a map"
    LISTS = "a map from words to lists or maps of text"


@dataclass(frozen=True, slots=True)
class Near:
    """A place that is no site but comes close, for the message of a drifted step.

    `depth` tells how much of the pattern held; the deepest of all files is told.
    """

    offset: int
    reason: str
    depth: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a step found in one file.

    `edits` belong to the file and not to one site (an import that is put in once). `files` are new files that the
    edits count on, by path. `more` are sites around others that were put off: the step is run again on the new text.
    What becomes of the file may count on what becomes of those in `tied`. One that is put `aside` is not looked at by
    the steps that follow.
    """

    path: str
    sites: tuple[Site, ...] = ()
    edits: tuple[Edit, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    near: Near | None = None
    more: tuple[Site, ...] = ()
    tied: frozenset[str] = frozenset()
    aside: bool = False


class Verb(Protocol):
    """The interface that the loader and the planner know."""

    KEYS: ClassVar[Mapping[str, Shape]]
    """The keys in a step that belong to the verb, its own name among them."""

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Return the verb made ready, or raise PatternError with the key at fault in `at`."""

    @property
    def words(self) -> list[frozenset[bytes]]:
        """Sets of words; a file in which none of the sets stands whole cannot hold a site."""

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """Yield what stands in each file of the step's scope, in the order of their paths."""
