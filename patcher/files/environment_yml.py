"""conda's environment files: the packages of conda and, below `pip:`, the requirements of pip.

The YAML is only read to know where a scalar stands; an edit covers bytes of the text and leaves every other one.
Replacing and adding happen below `pip:` alone, because what a recipe puts in is a requirement of pip's.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import yaml

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

__all__ = ["claims", "cuts", "extend", "read", "spell"]

_NAME = re.compile(r"(?:.*[-_.])?(?:environment|env|conda)(?:[-_.].*)?\.ya?ml", re.IGNORECASE)
# conda: `channel::name`, then a version and a build behind `=`, an operator, a space or in brackets.
_CONDA = re.compile(r"(?:[^\s:]+::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)(?P<rest>(?:[\s=<>!~\[].*)?)", re.DOTALL)
_CONDA_REPLACE = "It is a package of conda's here, and what is put in is a requirement of pip's."
_CROWDED = "It shares its line with something else, or is written in more than one piece."


def claims(path: str) -> bool:
    """Tell whether a path is one that conda users give to an environment file."""
    return bool(_NAME.fullmatch(posixpath.basename(path)))


def read(text: str) -> Listing | None:
    """Return what an environment file lists and includes."""
    try:
        sections = list(_sections(text))
    except (yaml.YAMLError, RecursionError):
        return mentions(text, "This file is not YAML that can be read, so it is not edited.")
    if not sections:
        return None
    entries: list[Entry] = []
    includes: list[Include] = []
    for header, items in sections:
        for item in items:
            if not isinstance(item, yaml.ScalarNode):
                continue
            found = _conda(text, item) if header is None else _pip(text, item, f"pip {header[0]}")
            if isinstance(found, Include):
                includes.append(found)
            elif found is not None:
                entries.append(found)
    accepts = any(header is not None and items for header, items in sections)
    return Listing(tuple(entries), tuple(includes), accepts=accepts)


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the whole lines; with the last one below `pip:`, which may not be empty, goes that line too."""
    lines = {entry.line for entry in gone}
    spans: list[list[Span]] = [[entry.line] for entry in gone]
    for header, items in _sections(text):
        first = line_of(text, *_mark(items[0])) if items else None
        if header is not None and first is not None and all(line_of(text, *_mark(one)) in lines for one in items):
            owner = next(number for number, entry in enumerate(gone) if entry.line == first)
            spans[owner].insert(0, header)
    return spans


def spell(text: str, entry: Entry, requirement: str) -> str | None:
    """Return the requirement itself, if it means the same between the quotes that stand there."""
    before = text[entry.span[0] - 1]
    quote = before if before in "'\"" else ""
    return requirement if _reads_back(f"{quote}{requirement}{quote}", requirement) else None


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return one line for each requirement, below the last one that stays below `pip:`."""
    pip = [item for header, items in _sections(text) if header is not None for item in items]
    left = [item for item in pip if line_of(text, *_mark(item)) not in gone and _alone(text, item)]
    if not left:
        return "It has no lines below `pip:` to which one could be added."
    if not all(_reads_back(requirement, requirement) for requirement in requirements):
        return "It would need quotes here."
    begin = _mark(left[-1])[0]
    start, end = line_of(text, *_mark(left[-1]))
    newline, ended = newline_of(text), text[start:end].endswith(("\n", "\r"))
    lines = [text[start:begin] + requirement for requirement in requirements]
    return [((end, end, line + newline if ended else newline + line),) for line in lines]


def _sections(text: str) -> Iterator[tuple[Span | None, Sequence[yaml.Node]]]:
    """Yield the lists of an environment file: conda's with None, pip's with the span of the line `- pip:`."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    listed = _value(root, "dependencies")
    if not isinstance(listed, yaml.SequenceNode):
        return
    yield None, listed.value
    for item in listed.value:
        below = _value(item, "pip")
        if isinstance(below, yaml.SequenceNode):
            yield line_of(text, item.start_mark.index, item.start_mark.index), below.value


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Return what stands behind a key of a map."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _pip(text: str, item: yaml.ScalarNode, group: str) -> Entry | Include | None:
    """Return what an item below `pip:` lists or includes; it is a line of a requirements file."""
    found = parse(item.value)
    if not isinstance(found, Entry):
        return found
    return _placed(text, item, found, group)


def _conda(text: str, item: yaml.ScalarNode) -> Entry | None:
    """Return the package of conda's that an item lists."""
    found = _CONDA.fullmatch(item.value)
    if found is None:
        return None
    pins = ((*found.span("rest"), ""),) if found["rest"].strip() else ()
    entry = Entry(
        canonical(found["name"]),
        span=(0, len(item.value)),
        line=(0, len(item.value)),
        pins=pins,
        cannot={"replace": _CONDA_REPLACE},
    )
    return _placed(text, item, entry, "conda")


def _placed(text: str, item: yaml.ScalarNode, entry: Entry, group: str) -> Entry:
    """Return an entry of a scalar with its spans counted in the text."""
    start, end = _mark(item)
    inner = (start + 1, end - 1) if item.style in ("'", '"') else (start, end)
    cannot = dict(entry.cannot)
    if text[slice(*inner)] != item.value or not _alone(text, item):
        cannot |= dict.fromkeys(("replace", "drop", "loosen"), _CROWDED)
        inner = (start, start + len(item.value))
    placed = entry.moved(range(inner[0], inner[0] + len(item.value)), line_of(text, start, end))
    return replace(placed, group=group, cannot=cannot)


def _alone(text: str, item: yaml.Node) -> bool:
    """Tell whether an item of a list has its lines to itself."""
    start, end = _mark(item)
    first, last = line_of(text, start, end)
    return bool(re.fullmatch(r"\s*-\s+", text[first:start]) and re.fullmatch(r"\s*(?:#.*\s*)?", text[end:last]))


def _mark(node: yaml.Node) -> Span:
    return node.start_mark.index, node.end_mark.index


def _reads_back(scalar: str, value: str) -> bool:
    """Tell whether YAML reads a scalar as this value."""
    try:
        return bool(yaml.safe_load(f"- {scalar}") == [value])
    except yaml.YAMLError:
        return False
