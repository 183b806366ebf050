"""Holes in code: `$NAME` in a recipe's text, placeholder identifiers in the tree that is parsed from it, and back.

A `$` inside a string is a dollar sign. Inside the braces of an f-string it is a hole again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import NamedTuple

import libcst as cst

from patcher.errors import PatternError

__all__ = ["Hole", "fill", "fillings", "hole_of", "is_placeholder", "many_of", "short", "unfill", "unstarred"]

ONE, MANY = "__hole_", "__rest_"
MOST_STARRED = 6
NOBODY = "_"  # what stands behind the prefix of a hole that does not bind

TOKEN = re.compile(
    r"""
    (?P<comment> \#[^\n]* )
  | (?P<string>
        (?P<prefix> (?<!\w) [rRbBuUfFtT]{1,2} )?  (?P<quote> '''|\"\"\"|'|" )
        (?P<body> (?: \\. | (?!(?P=quote)) . )* )  (?P=quote) )
  | (?P<hole> (?<![\w$]) \$ (?: (?<!\*\$) \$\$ (?P<many> [A-Z][A-Z0-9_]* )? | (?P<one> [A-Z][A-Z0-9_]*|_ ) ) (?![\w$]) )
  | (?P<stray> \$+\w* )
    """,
    re.S | re.X,
)
PLACEHOLDER = re.compile(rf"\b(?:{ONE}(?P<one>\w+)|{MANY}(?P<many>\w+))")


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

    def written(found: re.Match[str]) -> str:
        return f"${found['one']}" if found["one"] else f"$$${'' if found['many'] == NOBODY else found['many']}"

    return PLACEHOLDER.sub(written, text)


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
        case cst.MatchAs() if node.pattern is None and node.name is not None:
            return hole_of(node.name)
        case cst.SubscriptElement() if isinstance(node.slice, cst.Index) and not node.slice.star:
            hole = hole_of(node.slice.value)
            return hole if hole is not None and hole.many else None
    return None


def many_of(node: cst.CSTNode) -> Hole | None:
    """Return the hole that a pattern node stands for, if it takes any number of nodes."""
    hole = hole_of(node)
    return hole if hole is not None and hole.many else None


def fillings(text: str) -> Iterator[str]:
    """Yield a text with its holes filled: plainly, and then with ever more of its `$$$` as `*rest`.

    Behind a keyword Python takes nothing plain, and a recipe may well say `f(lr=$LR, $$$)`.

    Raises:
        PatternError: a `$` outside of strings starts no hole.
    """
    plain = fill(text)
    places = [found.start() for found in PLACEHOLDER.finditer(plain) if found["many"]][:MOST_STARRED]
    for count in range(len(places) + 1):
        for starred in combinations(places, count):
            bounds = (0, *starred, len(plain))
            yield "*".join(plain[start:end] for start, end in pairwise(bounds))


def unstarred(module: cst.Module) -> cst.Module:
    """Make the `*rest` of a filling the hole that it is, in front of the keywords, which have no order."""
    return module.visit(_Unstarred()) if f"*{MANY}" in module.code else module


class _Unstarred(cst.CSTTransformer):
    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:  # noqa: N802  (LibCST's name)
        args = [one.with_changes(star="") if _is_many(one.value) else one for one in updated_node.args]
        args.sort(key=lambda one: one.keyword is not None or one.star == "**")
        last = [one.with_changes(comma=cst.MaybeSentinel.DEFAULT) for one in args[-1:]]
        return updated_node.with_changes(args=[*args[:-1], *last])


def _is_many(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value.startswith(MANY)


def short(text: str, limit: int = 60) -> str:
    """Return code on one line, cut off where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
