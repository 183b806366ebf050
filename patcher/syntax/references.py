"""Mentions of a name that no step could prove: strings, star imports, and callees that are handed on, not called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import libcst as cst

from patcher.syntax.names import dotted
from patcher.syntax.source import Source

__all__ = ["handed_on", "is_annotation", "mentions", "starred", "word_pattern"]

# What a string in an annotation is not a quoted name for.
PLAIN_TEXT = ("Literal", "Annotated")


def word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return an expression for any of the words as a whole; `adam-atan2` is no part of `adam-atan2-pytorch`."""
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{alternatives})(?![\w-])")


def mentions(source: Source, old: str) -> Iterator[tuple[int, str]]:
    """Yield offset and reason for each place that may still mean the dotted name `old`."""
    module, _, name = old.rpartition(".")
    pattern = word_pattern({old, name, module})
    strings: list[cst.SimpleString | cst.FormattedStringText] = [*source.of(cst.SimpleString)]
    strings += source.of(cst.FormattedStringText)
    for string in strings:
        found = pattern.search(string.value)
        if found and not _is_docstring(source, string):
            yield source.span(string)[0], f"a string mentions {found[0]}"
    for star in source.names.stars:
        if source.names.module_of(star) == module:
            yield source.span(star)[0], f"a star import may bring {name}"
    for one in source.unseen:
        if found := pattern.search(one.text):
            yield one.start, f"{'a cell that is no Python' if one.whole else 'a line for IPython'} mentions {found[0]}"


def is_annotation(source: Source, string: cst.CSTNode) -> bool:
    """Tell whether a string is a quoted annotation, or a part of one."""
    for above in source.ancestors(string):
        if isinstance(above, cst.Subscript) and (dotted(above.value) or "").endswith(PLAIN_TEXT):
            return False
        if isinstance(above, cst.Annotation):
            return True
    return False


def starred(source: Source, name: str) -> Iterator[tuple[int, str]]:
    """Yield the star imports that bring what a file reads as `name` (dotted), also from another file of the tree."""
    read = source.names.unresolved() if source.names.stars else ()
    for star in source.names.stars:
        module = source.names.module_of(star)
        brought = {f"{module}.{local}": local for local in read}
        for origin, local in sorted(brought.items()):
            if name == origin or name in source.behind(origin):
                yield source.span(star)[0], f"a star import brings {local}, so what is done with it here is not seen"


def handed_on(source: Source, callee: str) -> Iterator[tuple[int, str]]:
    """Yield each place that mentions a callee without calling it, as `partial(callee, lr=0)` and registries do."""
    # Only what an import on the way to the callee binds can mean it; to ask every name of a file takes long.
    roots = {one.name for one in source.names.imports if f"{callee}.".startswith(f"{one.origin}.")}
    for node in [*source.of(cst.Name), *source.of(cst.Attribute)]:
        spelled = dotted(node) or ""
        if spelled.partition(".")[0] not in roots or not _is_handed_on(source, node):
            continue
        if callee in source.names.origins(node):
            yield source.span(node)[0], f"{callee} is handed on here, not called, so its arguments cannot be seen"


def _is_handed_on(source: Source, node: cst.CSTNode) -> bool:
    above = source.parent(node)
    if isinstance(above, cst.Call):
        return above.func is not node
    if isinstance(above, (cst.ImportAlias, cst.AsName, cst.ImportFrom, cst.Attribute, cst.Annotation, cst.Param)):
        return False
    if isinstance(above, cst.Arg):
        return above.keyword is not node and not isinstance(source.parent(above), cst.ClassDef)
    return True


def _is_docstring(source: Source, string: cst.CSTNode) -> bool:
    return isinstance(source.parent(string), cst.Expr)
