"""setup.cfg: the requirements that setuptools reads from its options, one on each line below a key.

Only the lines of those keys are looked at. A value on the line of its key is told and left, because setuptools splits
it at semicolons, which markers have too.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from patcher.files.requirement_line import parse
from patcher.files.requirements import Cut, Entry, Include, Listing, Span, line_of, newline_of

__all__ = ["claims", "cuts", "extend", "read", "spell"]

_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_KEY = re.compile(r"(?P<key>[^\s=:#;\[][^=:]*?)\s*[=:][ \t]*(?P<value>.*)")
_MAIN = "install_requires"
_KEYS = (_MAIN, "setup_requires", "tests_require")
_CANNOT = dict.fromkeys(("replace", "drop", "loosen"), "It stands on the line of its key.")


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a value: its key, where its text stands, and whether the key stands on it too."""

    key: str
    span: Span
    beside_key: bool


def claims(path: str) -> bool:
    """Tell whether a path is setup.cfg."""
    return posixpath.basename(path) == "setup.cfg"


def read(text: str) -> Listing | None:
    """Return what a setup.cfg lists, and the requirements files that it names."""
    entries: list[Entry] = []
    includes: list[Include] = []
    for line in _lines(text):
        written = text[slice(*line.span)]
        if written.startswith("file:"):
            includes += [Include(path.strip()) for path in written[len("file:") :].split(",")]
            continue
        found = parse(written)
        if isinstance(found, Entry):
            placed = found.moved(range(*line.span), line_of(text, *line.span))
            cannot = _CANNOT if line.beside_key else found.cannot
            installs = line.key != "setup_requires"
            entries.append(replace(placed, group=line.key, installs=installs, cannot=cannot))
    accepts = any(entry.group == _MAIN and "drop" not in entry.cannot for entry in entries)
    return Listing(tuple(entries), tuple(includes), accepts=accepts) if entries or includes else None


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the whole lines."""
    return [(entry.line,) for entry in gone]


def spell(text: str, entry: Entry, requirement: str) -> str:
    """Return the requirement itself; behind a URL a marker needs a space."""
    return requirement + " " if "@" in requirement and text.startswith(";", entry.span[1]) else requirement


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return one line for each requirement, below the last one of `install_requires` that stays."""
    below = [line.span for line in _lines(text) if line.key == _MAIN and not line.beside_key]
    left = [span for span in below if line_of(text, *span) not in gone]
    if not left:
        return f"It has no lines below `{_MAIN}` to which one could be added."
    start, end = line_of(text, *left[-1])
    indent, newline, ended = text[start : left[-1][0]], newline_of(text), text[start:end].endswith(("\n", "\r"))
    lines = [indent + requirement for requirement in requirements]
    return [((end, end, line + newline if ended else newline + line),) for line in lines]


def _lines(text: str) -> Iterator[_Line]:
    """Yield the lines of every value that holds requirements, without comments and blank lines."""
    section = key = ""
    offset = 0
    for whole in text.splitlines(keepends=True):
        start, offset = offset, offset + len(whole)
        line = whole.rstrip()
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        if line[0].isspace():
            if _holds(section, key):
                yield _Line(key, (start + len(line) - len(line.lstrip()), start + len(line)), False)
        elif found := _SECTION.match(line):
            section, key = found["name"], ""
        elif found := _KEY.fullmatch(line):
            key = found["key"].lower().replace("-", "_")
            if found["value"] and _holds(section, key):
                yield _Line(key, (start + found.start("value"), start + len(line)), True)


def _holds(section: str, key: str) -> bool:
    """Tell whether the value of a key is a list of requirements."""
    return bool(key) and (section == "options.extras_require" or (section == "options" and key in _KEYS))
