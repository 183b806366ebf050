"""What planning finds: places, edits, outcomes, and the changes that they come to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from patcher.model.recipe import Recipe, Step

__all__ = [
    "Change",
    "Edit",
    "Hunk",
    "Key",
    "Layer",
    "Outcome",
    "Place",
    "Plan",
    "Site",
    "Skipped",
    "Status",
]


class Status(StrEnum):
    """What became of a step, or of one place of it."""

    APPLIED = "applied"
    ALREADY = "already"
    ABSENT = "absent"
    DRIFTED = "drifted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Edit:
    """The bytes from `start` to `end` become `text`; start == end inserts."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    """One place of a step in one file: its offset in the text that the step saw, and what became of it."""

    offset: int
    status: Status
    reason: str = ""
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """One site of a step: where it stands in the tree as it is on disk, what became of it, and why."""

    path: str
    line: int
    column: int
    status: Status
    reason: str = ""
    text: str = ""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step, in all files together. `reason` is a whole sentence where the status needs one."""

    step: Step
    status: Status
    places: tuple[Place, ...] = ()
    reason: str = ""

    def count(self, status: Status) -> int:
        """Return how many places ended as `status`."""
        return sum(place.status is status for place in self.places)


@dataclass(frozen=True, slots=True)
class Layer:
    """What one step did to one file: its edits, in the text that the step saw, and the bytes that it left."""

    step: str
    edits: tuple[Edit, ...]
    after: bytes | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after. `before` None: the plan creates it. `layers` lead from one to the other.

    `mode` is what git calls the file's mode (100644 or 100755). A file that is `gone` has nothing after it; no recipe
    asks for that, a newer upstream may.
    """

    path: str
    before: bytes | None
    after: bytes
    layers: tuple[Layer, ...] = ()
    mode: int = 0o100644
    gone: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """The ids of the steps that had a part in it, in their order."""
        return tuple(dict.fromkeys(layer.step for layer in self.layers))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that was passed over, and why; no step counted on it."""

    path: str
    reason: str


Key = tuple[str, str, int, int]
"""A step's id, a path, and line and column before the plan: one place, in every plan of one tree."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """What a step does at one of its places, in the text that it saw: what a person can be asked about.

    `beside` are edits of the file that no one place owns (an import that is put in once), `files` the new files that
    it counts on; the first place of a file has them. `tied` are the files whose places stand or fall with this one;
    None: it stands for itself. `origin` are all these edits in the file on disk, None if not there.
    """

    step: str
    path: str
    line: int
    column: int
    text: bytes = field(repr=False)
    edits: tuple[Edit, ...] = ()
    beside: tuple[Edit, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    tied: tuple[str, ...] | None = None
    origin: tuple[Edit, ...] | None = None

    @property
    def key(self) -> Key:
        """What this place is called in every plan of one tree."""
        return self.step, self.path, self.line, self.column


@dataclass(frozen=True, slots=True)
class Plan:
    """All Changes and Outcomes, before anything is written.

    `leftovers` are places that mention what a step replaced and that no step could prove, `known` those that are wrong
    in the upstream and not the recipe's to mend, `left` the files that it leaves alone. `hunks` are all that is done,
    place by place, and `declined` what was said no to, as it stands in the result.
    """

    recipe: Recipe
    root: str
    outcomes: tuple[Outcome, ...]
    changes: tuple[Change, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    leftovers: tuple[Place, ...] = ()
    known: tuple[Place, ...] = ()
    left: tuple[Skipped, ...] = ()
    hunks: tuple[Hunk, ...] = field(default=(), repr=False)
    declined: tuple[Hunk, ...] = field(default=(), repr=False)
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Hash the recipe and every file before and after, so that two equal plans have one digest."""
        digest = hashlib.sha256(self.recipe.digest.encode())
        for change in self.changes:
            kind = b"removed" if change.gone else b"added" if change.before is None else b"modified"
            for part in (change.path.encode(), kind, change.before or b"", change.after):
                digest.update(len(part).to_bytes(8, "big") + part)
        object.__setattr__(self, "digest", digest.hexdigest())

    def of(self, status: Status) -> tuple[Outcome, ...]:
        """Return the outcomes with this status."""
        return tuple(outcome for outcome in self.outcomes if outcome.status is status)
