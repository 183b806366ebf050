"""Files that name a package and are no list of requirements that the verb edits: told, never edited."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from patcher.files import requirements_txt, setup_py
from patcher.model import Place, Status
from patcher.syntax.draft import Draft

__all__ = ["LARGEST", "lines", "mention", "named"]

# Where people write what to install beside the lists themselves.
TELLING = re.compile(
    r"(?i)(^|/)(pipfile|(.*[.-])?dockerfile[^/]*|makefile|readme[^/]*|pyproject\.toml|setup\.cfg)$|\.(md|rst|sh)$"
    r"|^\.github/.*\.ya?ml$"
)
LARGEST = 1_000_000


def named(draft: Draft, packages: Collection[str], known: Collection[tuple[str, int]]) -> Iterator[Place]:
    """Yield the first line of each file that names one of some packages, by canonical name; `known` lines are told."""
    spelled = {name: _spelled(name) for name in sorted(packages)}
    for path in draft.paths if spelled else ():
        if TELLING.search(path) and not (requirements_txt.claims(path) or setup_py.claims(path)):
            for name, pattern in spelled.items():
                yield from _first(draft, path, pattern, name, known)


def _first(
    draft: Draft, path: str, pattern: re.Pattern[str], name: str, known: Collection[tuple[str, int]]
) -> Iterator[Place]:
    found = [mention(draft, path, start, one, f"it names {name}") for start, one in lines(draft, path, pattern.search)]
    places = [place for place in found if (path, place.line) not in known]
    if places:
        more = len(places) - 1
        others = f", as {more} more {'line does' if more == 1 else 'lines do'}" if more else ""
        yield replace(places[0], reason=places[0].reason + others)


def lines(draft: Draft, path: str, find: Callable[[str], re.Match[str] | None]) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the offset of each line of a file, as the steps leave it, in which something is found, with that."""
    data = draft.peek(path).removeprefix(codecs.BOM_UTF8)
    start = 0
    for line in data.split(b"\n") if len(data) <= LARGEST else ():
        # Whatever the encoding, each byte counts in an offset.
        found = find(line.decode("utf-8", "surrogateescape"))
        if found:
            yield start, found
        start += len(line) + 1


def mention(draft: Draft, path: str, start: int, found: re.Match[str], reason: str) -> Place:
    """Return the place of a match in a line that begins at an offset, where it stands in the tree as it is on disk."""
    before = found.string[: found.start()].encode("utf-8", "surrogateescape")
    return Place(path, *draft.origin(path, start + len(before)), Status.REFUSED, reason)


def _spelled(name: str) -> re.Pattern[str]:
    """Return an expression for a package in every spelling that pip takes for the same."""
    parts = "[-_.]+".join(map(re.escape, name.split("-")))
    return re.compile(rf"(?<![\w.-]){parts}(?![\w-])", re.IGNORECASE)
