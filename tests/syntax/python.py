"""Small programs under patterns: what is found in them, why not, and what a replacement makes of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pytest

from patcher.errors import PatternError, SiteError
from patcher.syntax.matching import Match, Miss, find
from patcher.syntax.pattern import Code, compile_code
from patcher.syntax.source import Source
from patcher.syntax.template import smallest
from patcher.syntax.where import compile_where

__all__ = ["captured", "check_changed", "check_refused", "found", "missed", "parsed", "rewritten"]


def parsed(text: str | bytes, path: str = "a.py", **stand_ins: str) -> Source:
    """A program as a Source."""
    return Source(path, text if isinstance(text, bytes) else text.encode(), stand_ins)


@cache
def compiled(text: str, local: frozenset[str] = frozenset(), statement: bool = False) -> Code:
    """Code of a recipe; compiled once, however many programs it is tried on."""
    return compile_code(text, local, statement=statement)


def _matches(
    pattern: str, source: Source, local: Iterable[str], where: Mapping[str, Any], miss: Miss | None = None
) -> list[Match]:
    constraint = compile_where(where, local)
    code = compiled(pattern, frozenset(local))
    return list(find(code, source, lambda match: constraint.failure(source, match), miss))


def found(
    pattern: str, text: str | bytes, *local: str, path: str = "a.py", where: Mapping[str, Any] | None = None
) -> list[str]:
    """The text of every match, in their order; several statements are joined by a line end."""
    source = parsed(text, path)
    matches = _matches(pattern, source, local, where or {})
    return ["\n".join(source.code(node) for node in match.nodes) for match in matches]


def captured(pattern: str, text: str | bytes, *local: str) -> dict[str, Any]:
    """What the holes of the only match took: a text, or a list of texts for a `$$$`."""
    source = parsed(text)
    (match,) = _matches(pattern, source, local, {})
    return {
        name: list(map(source.code, value)) if isinstance(value, tuple) else source.code(value)
        for name, value in match.captures.items()
        if not name.startswith("@")
    }


def missed(pattern: str, text: str, *local: str, where: Mapping[str, Any] | None = None) -> str:
    """The line of the nearest miss of a pattern that matches nowhere, and its clause."""
    source, miss = parsed(text), Miss()
    assert not _matches(pattern, source, local, where or {}, miss)
    return f"{source.line_column(source.span(miss.node)[0])[0]}: {miss.reason}" if miss.node else ""


def rewritten(pattern: str, template: str, text: str | bytes, *local: str) -> str:
    """The program with the first match of a pattern replaced, in the encoding that it has."""
    source = parsed(text)
    old, new = _pair(pattern, template, frozenset(local))
    match = _first(old, new, source)

    def spell(name: str) -> str:
        return source.names.spell(name, match.node) or name

    edits = smallest(old, new, match, source, spell)
    assert source.lost_comment(edits) is None, f"{source.lost_comment(edits)} would be lost"
    after = source.splice(edits)
    ast.parse(after)
    return after.decode(source.module.encoding.removesuffix("-sig")).removeprefix("\ufeff")


def _pair(pattern: str, template: str, local: frozenset[str]) -> tuple[Code, Code]:
    """Both sides of a replacement, as expressions where both are, else as statements or headers."""
    old = compiled(pattern, local)
    try:
        new = compiled(template, local)
    except PatternError:
        new = compiled(template, local, True)
    if old.kind == new.kind:
        return old, new
    return compiled(pattern, local, True), compiled(template, local, True)


def _first(old: Code, new: Code, source: Source) -> Match:
    from patcher.syntax.matching import candidates, match_at

    for nodes in candidates(old, source):
        match = match_at(old, source, nodes, excluded=new.keywords - old.keywords)
        if match is not None:
            return match
    raise AssertionError("the pattern matches nowhere")


def check_changed(pattern: str, template: str, before: str, after: str, *local: str) -> None:
    """Replace the first match and compare; what is parsed again must be what the recipe says."""
    result = rewritten(pattern, template, before, *local)
    assert result == after


def check_refused(pattern: str, template: str, text: str, reason: str, *local: str) -> None:
    """A replacement that must not be made."""
    with pytest.raises(SiteError, match=reason):
        rewritten(pattern, template, text, *local)
