"""What a recipe knows to be wrong in its upstream: where it stands in this tree; told, never edited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patcher.errors import TargetError
from patcher.model import Flaw, Place, Status
from patcher.syntax.draft import Draft
from patcher.syntax.within import glob_match
from patcher.verbs.text import Lines, decoded

__all__ = ["known"]


def known(flaws: Iterable[Flaw], draft: Draft) -> Iterator[Place]:
    """Yield every line of the planned tree that shows a flaw, also in files that no step looks at."""
    paths = sorted({*draft.checkout.paths, *draft.paths})
    for flaw in flaws:
        for path in paths:
            if any(glob_match(path, one) for one in flaw.paths):
                yield from _places(flaw, path, draft)


def _places(flaw: Flaw, path: str, draft: Draft) -> Iterator[Place]:
    try:
        lines = Lines(decoded(path, draft.read(path)))
    except TargetError:  # a step that counts on it says so
        return
    for found in flaw.pattern.finditer(lines.text):
        line, column = draft.origin(path, lines.offset(found.start()))
        yield Place(path, line, column, Status.ABSENT, flaw.why, found[0].partition("\n")[0].strip())
