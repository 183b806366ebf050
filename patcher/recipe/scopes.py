"""`in` and `not_in`: reading scopes, and what is in both of two."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import product
from typing import Any

from patcher.model import Scope
from patcher.recipe.nodes import Node, Reader, Text

__all__ = ["joined", "read_scopes"]


def read_scopes(fields: Mapping[str, Node], key: str, reader: Reader) -> tuple[Scope, ...]:
    """Return the entries of an `in` or a `not_in`."""
    return tuple(_scope(text, reader) for text in reader.texts(fields.get(key), key))


def _scope(text: Text, reader: Reader) -> Scope:
    path, found, qualname = text.value.removeprefix("./").partition("::")
    if re.match(r"/|[A-Za-z]:|$", path) or "\\" in path or ".." in path.split("/"):
        wanted = "a path relative to the checkout's root, with `/`, and behind `::` a name"
        reader.tell(text.mark, f"`{text.value}` is no scope; write {wanted}.")
    elif path.endswith("/"):
        reader.tell(text.mark, f"`{text.value}` is a folder; write `{path}**` for the files in it.")
    elif found and not qualname:
        reader.tell(text.mark, f"`{text.value}` names nothing behind `::`; write a class or function.")
    return Scope(path, qualname or None)


def joined(inner: tuple[Scope, ...], outer: tuple[Scope, ...]) -> tuple[Scope, ...] | str:
    """Return the scopes that are in both, or a sentence if nothing can be."""
    if not inner or not outer:
        return inner or outer
    pairs = (_both(left, right) for left, right in product(inner, outer))
    both = " and ".join(", ".join(f"`{scope}`" for scope in side) for side in (inner, outer))
    return tuple(dict.fromkeys(filter(None, pairs))) or f"{both} have nothing in common; skip the step."


def _both(left: Scope, right: Scope) -> Scope | None:
    """Return what is in two scopes, each part that says no more than another taken out; None if nothing can be."""
    parts: tuple[Scope, ...] | None = left.parts
    for part in right.parts:
        parts = _with_part(parts, part) if parts else None
    return _chained(parts) if parts else None


def _with_part(parts: tuple[Scope, ...], part: Scope) -> tuple[Scope, ...] | None:
    """Return the parts of a scope with one more, which takes up those that it can be one with; None if nothing is left.

    What one part says for certain goes into the others, so that either all parts have a qualified name or none, and
    either all have a path without wildcards or none.
    """
    kept = []
    for one in parts:
        paths, names = _meet(one.path, part.path, _path_covers), _meet(one.qualname, part.qualname, _name_covers)
        if not paths or not names:
            return None
        part = Scope(paths[-1], names[-1])
        if len(paths) + len(names) > 2:
            kept.append(Scope(paths[0], names[0]))
    return *kept, part


def _chained(parts: tuple[Scope, ...]) -> Scope:
    first, *others = parts
    return replace(first, also=_chained(tuple(others))) if others else first


def _meet(left: Any, right: Any, covers: Callable[[Any, Any], bool | None]) -> tuple[Any, ...]:
    """Return the narrower of two, nothing if nothing is in both, and both where that cannot be told."""
    one, other = covers(left, right), covers(right, left)
    if one or other:
        return (right if one else left,)
    unsure = one is None or other is None
    return (left, right) if unsure and not _apart(left, right) else ()


def _apart(left: str, right: str) -> bool:
    """Whether two globs start with different text, so that nothing matches both."""
    heads = [re.split(r"[*?[]", text, maxsplit=1)[0] for text in (left, right)]
    return not heads[0].startswith(heads[1]) and not heads[1].startswith(heads[0])


def _path_covers(wide: str, narrow: str) -> bool | None:
    """Whether every path of a glob is one of another; None for two globs, of which that cannot be told."""
    from patcher.syntax.draft import glob_match  # not at the top: it imports libcst

    if wide in (narrow, "**"):
        return True
    if _is_glob(narrow):
        return None if _is_glob(wide) else False
    return glob_match(narrow, wide)


def _name_covers(wide: str | None, narrow: str | None) -> bool | None:
    """Whether a qualified name, with all that is defined inside it, holds another; None if that cannot be told."""
    if wide is None or narrow is None or wide == narrow:
        return wide is None or wide == narrow
    parts = narrow.split(".")
    around = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    if not _is_glob(narrow) and any(fnmatchcase(name, wide) for name in around):
        return True
    return None if _is_glob(wide + narrow) else False


def _is_glob(text: str) -> bool:
    return bool(set("*?[") & set(text))
