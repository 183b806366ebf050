"""Holes in code: `$NAME` in a recipe's text, placeholder identifiers in the tree that is parsed from it, and back.

A `$` inside a string is a dollar sign. Inside the braces of an f-string it is a hole again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import libcst as cst

from patcher.errors import PatternError

__all__ = ["Hole", "fill", "hole_of", "is_placeholder", "short", "unfill"]

ONE, MANY = "__hole_", "__rest_"
NOBODY = "_"  # what stands behind the prefix of a hole that does not bind

TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
  | (?P<string>
        (?P<prefix> (?<!\w) [rRbBuUfFtT]{1,2} )?  (?P<quote> '''|\"\"\"|'|" )
        (?P<body> (?: \\. | (?!(?P=quote)) . )* )  (?P=quote) )
  | (?P<hole> (?<![\w$]) \$ (?: \$\$ (?P<many> [A-Z][A-Z0-9_]* )? | (?P<one> [A-Z][A-Z0-9_]*|_ ) ) (?![\w$]) )
  | (?P<stray> \$+\w* )
    """,
    re.S | re.X,
)
PLACEHOLDER = re.compile(rf"\b(?:{ONE}|(?P<many>{MANY}))(?P<name>\w+)")


class Hole(NamedTuple):
    """A hole: its name (None where it does not bind) and whether it takes any number of nodes."""

    name: str | None
    many: bool


def fill(text: str) -> str:
    """Put a placeholder identifier in each hole's place.

    Raises:
        PatternError: a `$` outside of strings starts no hole.
    """

    def filled(token: re.Match[str]) -> str:
        if token["stray"]:
            raise PatternError(
                f"`{short(text)}` has a `$` that starts no hole; "
                "a hole is $NAME or $_ for one, $$$NAMES or $$$ for any number."
            )
        if token["hole"]:
            return ONE + token["one"] if token["one"] else MANY + (token["many"] or NOBODY)
        if token["string"] and {"f", "t"} & set((token["prefix"] or "").lower()):
            return f"{token['prefix']}{token['quote']}{''.join(_fields_filled(token['body']))}{token['quote']}"
        return token[0]

    return TOKEN.sub(filled, text)


def _fields_filled(body: str) -> Iterator[str]:
    """Yield the inside of an f-string piece by piece, with the holes in its braces filled."""
    position = depth = 0
    for brace in re.finditer(r"\{\{|\}\}|[{}]", body):
        if brace.start() < position or (depth == 0 and len(brace[0]) == 2):
            continue
        # Inside a field `}}` ends two of them, or a field and a format.
        change = 1 if brace[0][0] == "{" else -1
        if depth == 0:
            yield body[position : brace.start()]
            position = brace.start()
        depth = max(depth + change * len(brace[0]), 0)
        if depth == 0:
            yield fill(body[position : brace.end()])
            position = brace.end()
    yield body[position:]


def unfill(text: str) -> str:
    """Write the holes of a recipe's code as the recipe does."""
    return PLACEHOLDER.sub(
        lambda found: (
            ("$$$" if found["many"] else "$") + ("" if found["many"] and found["name"] == NOBODY else found["name"])
        ),
        text,
    )


def is_placeholder(name: str) -> bool:
    """Tell whether an identifier stands for a hole."""
    return name.startswith((ONE, MANY))


def hole_of(node: cst.CSTNode) -> Hole | None:
    """Return the hole that a pattern node stands for, also through the argument, element or statement around it."""
    match node:
        case cst.Name():
            for prefix, many in ((ONE, False), (MANY, True)):
                if node.value.startswith(prefix):
                    name = node.value.removeprefix(prefix)
                    return Hole(None if name == NOBODY else name, many)
        case cst.Element() | cst.Expr():
            return hole_of(node.value)
        case cst.Arg() if node.keyword is None and not node.star:
            return hole_of(node.value)
        case cst.Param() if node.default is None and node.annotation is None and not node.star:
            return hole_of(node.name)
        case cst.ImportAlias() if node.asname is None:
            return hole_of(node.name)
        case cst.SubscriptElement() if isinstance(node.slice, cst.Index) and not node.slice.star:
            hole = hole_of(node.slice.value)
            return hole if hole is not None and hole.many else None
    return None


def short(text: str, limit: int = 60) -> str:
    """Return code on one line, cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
