"""`copy`: a file of the tree gets a copy beside it, which the steps after this one edit in its place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar, Self

from patcher.errors import PatternError, TargetError
from patcher.model import Site, Status, Step
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.verbs.base import Findings, Shape

__all__ = ["Copy"]

NAME = re.compile(r"[\w.-]*\*[\w.-]*")


@dataclass(frozen=True, slots=True)
class Copy:
    """The compiled verb. `name` is what a copy is called; `*` in it is the file's own name without its suffix."""

    name: str

    NEEDS_IN: ClassVar[bool] = True

    KEYS: ClassVar[Mapping[str, Shape]] = {"copy": Shape.TEXT}

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Refuse a name that is the file's own, or that leads out of its folder."""
        name = arguments["copy"]
        if not NAME.fullmatch(name) or name == "*":
            example = "`*` is the file's own without its suffix, and more tells the copy from it: copy: '*_torch'."
            raise PatternError(f"`{name}` is no name for a copy. In it {example}", ("copy",))
        return cls(name)

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb: any file may be copied."""
        return []

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """See Verb. What stands where the copy would be is never written over."""
        copies = {self._copied(path) for path in self._scope(step, draft)}
        for path in self._scope(step, draft):
            if path not in copies and not draft.is_left_out(path, 0):
                yield self._file(path, draft)

    @staticmethod
    def _scope(step: Step, draft: Draft) -> Iterator[str]:
        return (path for path in draft.paths if step.within and draft.is_named(step, path))

    def _copied(self, path: str) -> str:
        own = PurePosixPath(path)
        return str(own.with_name(self.name.replace("*", own.stem) + own.suffix))

    def _file(self, path: str, draft: Draft) -> Findings:
        copied = self._copied(path)
        if draft.exists(copied):
            return Findings(path, (Site(0, Status.ALREADY),), aside=True)
        if path.endswith(PROGRAMS) and not _parses(path, draft):
            reason = "it does not parse, so that no step could edit the copy; mend it first"
            return Findings(path, (Site(0, Status.REFUSED, reason),))
        return Findings(path, (Site(0, Status.APPLIED),), files={copied: draft.read(path)}, aside=True)


def _parses(path: str, draft: Draft) -> bool:
    try:
        draft.source(path)
    except TargetError:
        return False
    return True
