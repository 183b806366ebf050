"""How far two texts are from each other: for Python by token, for all else by line.

Comments and layout are no tokens, and how a string or a number is written is none of their business.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Hashable, Sequence
from functools import lru_cache

__all__ = ["distance", "same", "tree_of"]

LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER)
BY_KIND = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
FURTHEST = 1_000_000


def same(path: str, left: bytes, right: bytes) -> bool:
    """Tell whether two texts of a file are the same: by token where it is Python, else by byte."""
    return left == right or (path.endswith(".py") and distance(path, left, right) == 0)


def distance(path: str, left: bytes, right: bytes, most: int = FURTHEST) -> int:
    """Return how many parts must go or come to lead from one text to the other; above `most`, any number above it."""
    if left == right:
        return 0
    one, other = parts(path, left), parts(path, right)
    return _steps(one, other, most) if one and other else len(one) + len(other)


@lru_cache(maxsize=256)
def parts(path: str, data: bytes) -> tuple[Hashable, ...]:
    """Return the tokens of a program, or the lines of what is none."""
    if path.endswith(".py"):
        try:
            return tuple(_tokens(data))
        except (tokenize.TokenError, SyntaxError):
            pass
    return tuple(data.splitlines(keepends=True))


def _tokens(data: bytes) -> list[Hashable]:
    found: list[Hashable] = []
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        if token.type not in LAYOUT:
            found.append((token.type, "" if token.type in BY_KIND else _value(token)))
    return found


def _value(token: tokenize.TokenInfo) -> str:
    if token.type not in (tokenize.STRING, tokenize.NUMBER):
        return token.string
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return repr(ast.literal_eval(token.string))
        except (SyntaxError, ValueError):  # an f-string
            return token.string


def _steps(one: Sequence[Hashable], other: Sequence[Hashable], most: int) -> int:
    """Return the length of the shortest way from one sequence to the other (Myers), or more than `most`."""
    head = 0
    while head < min(len(one), len(other)) and one[head] == other[head]:
        head += 1
    tail = 0
    while tail < min(len(one), len(other)) - head and one[-1 - tail] == other[-1 - tail]:
        tail += 1
    one, other = one[head : len(one) - tail], other[head : len(other) - tail]
    width, height = len(one), len(other)
    furthest = {1: 0}
    for step in range(min(width + height, most) + 1):
        for diagonal in range(-step, step + 1, 2):
            down = diagonal == -step or (
                diagonal != step and furthest.get(diagonal - 1, -1) < furthest.get(diagonal + 1, -1)
            )
            x = furthest[diagonal + 1] if down else furthest[diagonal - 1] + 1
            y = x - diagonal
            while x < width and y < height and one[x] == other[y]:
                x, y = x + 1, y + 1
            furthest[diagonal] = x
            if x >= width and y >= height:
                return step
    return most + 1


def tree_of(data: bytes) -> ast.Module | None:
    """Return the tree of a program, or None if it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(data)
        except (SyntaxError, ValueError, RecursionError):
            return None
