"""What a verb may be given: whether a value has the shape that its key wants, and none of its code was lost to YAML."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from patcher.recipe.nodes import Items, Node, Reader, Table, Text

if TYPE_CHECKING:
    from patcher.verbs.base import Shape

__all__ = ["LEVELS", "fits", "is_expression"]

# What may stand in a value, level by level; the last level repeats, and a list holds text. By name, so that listing
# recipes does not import the verbs, and with them libcst.
LEVELS: Mapping[str, tuple[tuple[type, ...], ...]] = {
    "TEXT": ((Text,),),
    "TEXTS": ((Text, Items),),
    "PAIRS": ((Table,), (Text,)),
    "CODE_OR_PAIRS": ((Text, Items, Table), (Text,)),
    "WHERE": ((Table,), (Text, Items, Table)),
    "LISTS": ((Table,), (Items, Table), (Text,)),
}

# Where nothing could only be a slip; the words of a verb that takes lists tell of themselves.
FILLED = ("TEXTS", "CODE_OR_PAIRS", "WHERE")


def fits(node: Node, key: str, shape: Shape, reader: Reader) -> bool:
    """Whether a value has the wanted shape, and none of its code was lost to YAML; tell what is wrong."""
    return _fits(node, key, shape, LEVELS[shape.name], reader)


def _fits(node: Node, key: str, shape: Shape, levels: tuple[tuple[type, ...], ...], reader: Reader) -> bool:
    taken = isinstance(node, Items) and shape.name != "LISTS" and _is_code(node)
    if taken or not isinstance(node, levels[0]):
        reader.refuse(node, key, shape.value, code=Text in levels[0])
        return False
    several = node if isinstance(node, (Items, Table)) and shape.name in FILLED else None
    if several and not reader.filled(several, key, code=Text in levels[0]):
        return False
    if isinstance(node, Items):
        parts = [_fits(item, key, shape, ((Text,),), reader) for item in node.items]
    elif isinstance(node, Table):
        parts = [_fits(value, key, shape, levels[1:] or levels, reader) for _, value in node.entries]
        parts.append(node.whole)
    else:
        parts = [shape.name == "LISTS" or reader.uncut(node)]
    return all(parts)


def _is_code(node: Items) -> bool:
    """Whether YAML took a comprehension or the like for a list: its parts are no Python, and the whole is."""
    bare = [item.value for item in node.items if isinstance(item, Text) and item.bare]
    if not node.source or len(bare) < len(node.items):
        return False
    return not all(map(_is_python, bare)) and _is_python(node.source)


def _is_python(pattern: str) -> bool:
    return _tree(re.sub(r"\$+\w*", "_", pattern)) is not None


def _tree(code: str, mode: str = "exec") -> Any:
    """Return the tree of Python code, or None if it is not Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def is_expression(text: str) -> bool:
    """Whether text is one expression wherever it is filled in: no comment, tuple or stray bracket."""
    call = _tree(f"_({text})", "eval")
    return _tree(text, "eval") is not None and call is not None and len(call.body.args) == 1
