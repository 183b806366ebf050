"""Files that name a package and are no list of requirements that the verb edits: told, never edited."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from patcher.errors import TargetError
from patcher.files import requirements_txt, setup_py
from patcher.model import Place, Status
from patcher.syntax.draft import Draft

__all__ = ["named"]

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
            try:
                data = draft.read(path)
            except TargetError:
                continue
            lines = data.decode("utf-8", "replace").splitlines() if len(data) <= LARGEST else []
            for name, pattern in spelled.items():
                yield from _first(path, lines, pattern, name, known)


def _first(
    path: str, lines: list[str], pattern: re.Pattern[str], name: str, known: Collection[tuple[str, int]]
) -> Iterator[Place]:
    found = [(number, one.start() + 1) for number, line in enumerate(lines, 1) if (one := pattern.search(line))]
    places = [(number, column) for number, column in found if (path, number) not in known]
    if places:
        more = len(places) - 1
        others = f", as {more} more {'line does' if more == 1 else 'lines do'}" if more else ""
        yield Place(path, *places[0], Status.REFUSED, f"it names {name}{others}")


def _spelled(name: str) -> re.Pattern[str]:
    """Return an expression for a package in every spelling that pip takes for the same."""
    parts = "[-_.]+".join(map(re.escape, name.split("-")))
    return re.compile(rf"(?<![\w.-]){parts}(?![\w-])", re.IGNORECASE)
