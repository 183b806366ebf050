"""Reading YAML text as patcher does, for a test."""

from __future__ import annotations

from patcher.recipe.nodes import Items, Reader, Table, Text, plain
from patcher.recipe.safeyaml import parse


def read(text: str | bytes) -> tuple[object, list[str]]:
    reader = Reader()
    node = parse(text if isinstance(text, bytes) else text.encode(), "f", reader)
    return node, [f"{told.line}:{told.column} {told.message}" for told in reader.problems]


def value(text: str | bytes) -> object:
    node, problems = read(text)
    assert problems == []
    assert isinstance(node, Text | Items | Table)
    return plain(node)


def problems(text: str | bytes) -> list[str]:
    return read(text)[1]
