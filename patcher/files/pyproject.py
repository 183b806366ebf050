"""pyproject.toml: the requirements of PEP 621, PEP 735, the build system, uv, PDM, Hatch and Poetry.

What is edited are bytes of the text, never a document that is written anew. A requirement in a string is edited between
its quotes; a line of Poetry's is edited as a line.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import tomllib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from patcher.files import bracketed
from patcher.files.requirement_line import parse
from patcher.files.requirements import (
    Cut,
    Entry,
    Include,
    Listing,
    Span,
    canonical,
    line_of,
    mentions,
    newline_of,
)
from patcher.files.toml_spans import Leaf, leaves

__all__ = ["claims", "cuts", "extend", "read", "spell"]

_MAIN = "project.dependencies"
_BUILD = "build-system.requires"
_ARRAYS = (
    _MAIN,
    "project.optional-dependencies.*",
    "dependency-groups.*",
    _BUILD,
    "tool.uv.dev-dependencies",
    "tool.pdm.dev-dependencies.*",
    "tool.hatch.envs.*.dependencies",
    "tool.hatch.envs.*.extra-dependencies",
)
_POETRY = "tool.poetry.dependencies"
_TABLES = (_POETRY, "tool.poetry.dev-dependencies", "tool.poetry.group.*.dependencies")
_FILES = "tool.setuptools.dynamic.*dependencies*.file"
_WORDS = ("replace", "drop", "loosen")
_PIECES = "It is written with escapes or over several lines."
_TABLE = "It is a table of Poetry's with more than a version."


def claims(path: str) -> bool:
    """Tell whether a path is pyproject.toml."""
    return posixpath.basename(path) == "pyproject.toml"


def read(text: str) -> Listing | None:
    """Return what a pyproject.toml lists, and the requirements files that setuptools reads for it."""
    try:
        found = leaves(text)
    except tomllib.TOMLDecodeError:
        return mentions(text, "This file is not TOML that can be read, so it is not edited.")
    groups = {_group(leaf) for leaf in found if isinstance(leaf.path[-1], int)}
    unusual = {group for group in groups if not bracketed.usual(text, _items(found, group))}
    entries = [entry for leaf in found if (entry := _array_entry(text, leaf, unusual)) is not None]
    entries += _poetry_entries(text, found)
    includes = tuple(Include(text[leaf.start + 1 : leaf.end - 1]) for leaf in found if _is_file(text, leaf))
    accepts = any(_dotted(leaf) == _MAIN for leaf in found) or any(entry.group == _POETRY for entry in entries)
    return Listing(tuple(entries), includes, accepts=accepts) if entries or includes or accepts else None


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the items of arrays with their commas or lines, and the lines of Poetry's."""
    found = leaves(text)
    lines = {entry.line for entry in gone}
    spans: dict[Span, Span] = {}
    for group in {entry.group for entry in gone}:
        spans |= bracketed.removed(text, _items(found, group), lines)
    return [(spans.get(entry.line, entry.line),) for entry in gone]


def spell(text: str, entry: Entry, requirement: str) -> str | None:
    """Return a requirement as it stands between these quotes, or as a line of Poetry's."""
    if _is_poetry(entry.group):
        return _poetry_line(requirement)
    quote = text[entry.span[0] - 1]
    return None if quote in requirement or "\\" in requirement else requirement


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return the insertions into the dependencies of the project, or of Poetry's."""
    found = leaves(text)
    array = next((leaf for leaf in found if _dotted(leaf) == _MAIN), None)
    if array is None:
        return _extend_poetry(text, found, requirements)
    items = _items(found, _MAIN)
    away = [item for item in items if any(start <= item[0] and item[1] <= end for start, end in gone)]
    quoted = [_quoted(requirement) for requirement in requirements]
    if not bracketed.usual(text, items):
        return bracketed.UNUSUAL
    return bracketed.added(text, items, away, array.start + 1, quoted)


def _dotted(leaf: Leaf) -> str:
    """Return the path of a value as one text; a number is the place in an array."""
    return ".".join(str(step) for step in leaf.path)


def _group(leaf: Leaf) -> str:
    """Return the path of the array or table that holds a value."""
    return ".".join(str(step) for step in leaf.path[:-1])


def _items(found: Sequence[Leaf], group: str) -> list[Span]:
    """Return the values of one array, in their order."""
    return [(leaf.start, leaf.end) for leaf in found if isinstance(leaf.path[-1], int) and _group(leaf) == group]


def _array_entry(text: str, leaf: Leaf, unusual: Collection[str]) -> Entry | None:
    """Return the requirement that a value is, if it is one in an array of requirements."""
    group = _group(leaf)
    if not isinstance(leaf.path[-1], int) or not any(fnmatch.fnmatchcase(group, one) for one in _ARRAYS):
        return None
    written = text[leaf.start : leaf.end]
    if written[0] not in "'\"":
        return None
    value = tomllib.loads(f"v = {written}")["v"]
    entry = parse(value)
    if not isinstance(entry, Entry):
        return None
    plain = written[1:-1] == value
    cannot = dict(entry.cannot) if plain else dict.fromkeys(_WORDS, _PIECES)
    if group in unusual:
        cannot["drop"] = bracketed.UNUSUAL
    places = range(leaf.start + 1, leaf.end - 1) if plain else [leaf.start] * len(value)
    placed = entry.moved(places, (leaf.start, leaf.end))
    return replace(placed, group=group, installs=group != _BUILD, cannot=cannot)


def _is_file(text: str, leaf: Leaf) -> bool:
    """Tell whether a value is a requirements file that setuptools reads."""
    path = _dotted(leaf).rsplit(".", 1)[0] if isinstance(leaf.path[-1], int) else _dotted(leaf)
    return fnmatch.fnmatchcase(path, _FILES) and text[leaf.start] in "'\""


def _is_poetry(group: str) -> bool:
    return group.startswith("tool.poetry.")


def _poetry_entries(text: str, found: Sequence[Leaf]) -> Iterator[Entry]:
    """Yield the packages in Poetry's tables; `python` is none."""
    seen: dict[tuple[str, str], list[Leaf]] = {}
    for leaf in found:
        steps = [str(step) for step in leaf.path]
        for length in (3, 5):
            table = ".".join(steps[:length])
            if len(steps) > length and any(fnmatch.fnmatchcase(table, one) for one in _TABLES):
                seen.setdefault((table, steps[length]), []).append(leaf)
                break
    for (table, name), values in seen.items():
        if name != "python":
            yield _poetry_entry(text, table, name, values)


def _poetry_entry(text: str, table: str, name: str, values: Sequence[Leaf]) -> Entry:
    """Return one package of Poetry's: a line `name = "version"`, or a table of its own."""
    depth = table.count(".") + 2
    first, last = values[0], values[-1]
    start = (first.key or (first.start, first.end))[0]
    line = line_of(text, start, last.end)
    version = next((leaf for leaf in values if len(leaf.path) == depth or leaf.path[depth:] == ("version",)), None)
    plain = len(values) == 1 and len(first.path) == depth and text[first.start] in "'\"" and _one_line(text, line)
    pins: tuple[Cut, ...] = ()
    if version is not None and text[version.start] in "'\"" and text[version.start + 1 : version.end - 1] != "*":
        pins = ((version.start + 1, version.end - 1, "*"),)
    cannot = {} if plain else {"replace": _TABLE, "drop": _TABLE}
    if not plain and version is None:
        cannot["loosen"] = _TABLE
    told = _pep508(name, text[first.start + 1 : first.end - 1]) if plain else ""
    return Entry(canonical(name), (start, last.end), line, pins, text=told, group=table, cannot=cannot)


def _one_line(text: str, line: Span) -> bool:
    """Tell whether a span of lines is one line that begins with a key."""
    return len(text[slice(*line)].splitlines()) == 1 and not text[slice(*line)].lstrip().startswith("[")


def _pep508(name: str, version: str) -> str:
    """Return a line of Poetry's as PEP 508, or "" where PEP 440 has no such version."""
    if version == "*":
        return name
    try:
        return f"{name}{SpecifierSet(version if re.match(r'[<>=!~]', version) else f'=={version}')}"
    except InvalidSpecifier:
        return ""


def _poetry_line(requirement: str) -> str | None:
    """Return a requirement as a line of Poetry's, if it is no more than a name and a version."""
    read = Requirement(requirement)
    if read.marker or read.extras or read.url or "." in read.name:
        return None
    written = requirement[len(read.name) :].strip().strip("()").strip()
    return f'{read.name} = "{written or "*"}"'


def _extend_poetry(text: str, found: Sequence[Leaf], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return the lines below the last one of Poetry's dependencies."""
    below = [line for leaf in found if (line := _line_of_poetry(text, leaf)) is not None]
    if not below:
        return f"It has no `{_MAIN}` to which one could be added."
    lines = [_poetry_line(requirement) for requirement in requirements]
    if None in lines:
        return "It would need a table of its own here."
    start, end = below[-1]
    newline, ended = newline_of(text), text[start:end].endswith("\n")
    return [((end, end, f"{line}{newline}" if ended else f"{newline}{line}"),) for line in lines]


def _line_of_poetry(text: str, leaf: Leaf) -> Span | None:
    """Return the line of a value of Poetry's dependencies, if it is one line that begins with the package."""
    if leaf.key is None or not _dotted(leaf).startswith(f"{_POETRY}."):
        return None
    line = line_of(text, leaf.key[0], leaf.end)
    name = re.escape(str(leaf.path[3]))
    begins = rf"\s*[\"']?{name}[\"']?\s*" + ("=" if len(leaf.path) == 4 else r"(?:=\s*\{|\.)")
    return line if _one_line(text, line) and re.match(begins, text[slice(*line)]) else None


def _quoted(requirement: str) -> str:
    """Return a requirement as a TOML string."""
    quote = "'" if '"' in requirement else '"'
    return f"{quote}{requirement}{quote}"
