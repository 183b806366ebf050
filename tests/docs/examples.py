"""The examples of a page: its fenced blocks, and what each kind of block says.

Whatever stands in the line above a fence as `<!-- key: value -->` belongs to it.

    file      write the block there, below the folder of the section
    example   the file of the tree that a diff is about (default: example.py)
    refused   a part of the sentence with which the step of a diff leaves a place

A block of YAML is a recipe, the steps of one, or some keys of one; a diff behind it is what these steps do: the lines
with `-` become those with `+`. A block `console` is typed as it stands, line for line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Block", "Section", "sections", "sides"]

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOTE = re.compile(r"<!-- (\w+): (.*?) -->")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, its line in the page, and the notes above it."""

    language: str
    text: str
    line: int
    notes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Section:
    """What stands under one heading."""

    title: str
    blocks: tuple[Block, ...]


def sections(page: Path, *, whole: bool = False) -> list[Section]:
    """Return the sections of a page that have an example; `whole`: all of the page is one."""
    text = page.read_text()
    fenced = [found.span() for found in FENCE.finditer(text)]
    heads = [one for one in HEADING.finditer(text) if not any(start < one.start() < end for start, end in fenced)]
    heads = heads[:1] if whole else heads
    ends = [*(one.start() for one in heads[1:]), len(text)]
    found = [Section(one[1], tuple(_blocks(text, one.end(), end))) for one, end in zip(heads, ends, strict=True)]
    return [section for section in found if section.blocks]


def _blocks(text: str, start: int, end: int) -> Iterator[Block]:
    for found in FENCE.finditer(text, start, end):
        above = text[: found.start()].rstrip("\n").rpartition("\n")[2]
        touches = text[: found.start()].endswith(f"{above}\n")
        notes = dict(NOTE.findall(above)) if touches else {}
        yield Block(found[1], found[2], text.count("\n", 0, found.start()) + 1, notes)


def sides(diff: str) -> tuple[str, str]:
    """Return what a diff's lines were and what they become."""
    lines = diff.splitlines(keepends=True)
    assert all(line[0] in " +-\n" for line in lines), f"a line of a diff begins with ` `, `-` or `+`:\n{diff}"
    before, after = ("".join(line[1:] or "\n" for line in lines if line[0] != other) for other in "+-")
    return before, after
