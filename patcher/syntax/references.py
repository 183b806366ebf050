"""Mentions of a name that no step could prove: strings, star imports, and callees that are handed on, not called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

from patcher.syntax.names import BUILTINS, dotted
from patcher.syntax.source import Source

__all__ = [
    "Gone",
    "accesses",
    "brought_by",
    "handed_on",
    "is_annotation",
    "mentions",
    "starred",
    "strings_that",
    "word_pattern",
]

# What a string in an annotation is not a quoted name for.
PLAIN_TEXT = ("Literal", "Annotated")


def word_pattern(words: Iterable[str]) -> re.Pattern[str]:
    """Return an expression for any of the words as a whole; `adam-atan2` is no part of `adam-atan2-pytorch`."""
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{alternatives})(?![\w-])")


@dataclass(frozen=True, slots=True)
class Gone:
    """A dotted name that a step replaced, and the one that took over. `alone`: its parts may mean it by themselves."""

    old: str
    new: str = ""
    alone: bool = True

    @property
    def words(self) -> set[str]:
        """What people write for it: never a builtin's name alone, nor a module that has the new one too."""
        module, _, name = self.old.rpartition(".")
        parts = {name} - BUILTINS if self.alone else set()
        parts |= set() if not self.alone or f"{self.new}.".startswith(f"{module}.") else {module}
        return {self.old, *parts}


def mentions(source: Source, gone: Gone, before: Source) -> Iterator[tuple[int, str]]:
    """Yield offset and reason for each place that may still mean a name; `before` is the file before the plan."""
    module, _, name = gone.old.rpartition(".")
    spelled = _spellings(before, gone.old)
    words = gone.words | {one for one in spelled if "." in one}
    kept = ({gone.new} | _spellings(source, gone.new)) - words if gone.new else set()
    for string in _strings(source):
        annotates = is_annotation(source, string)
        wanted = words | spelled if annotates else words
        found = next((one[0] for one in word_pattern(wanted | kept).finditer(string.value) if one[0] in wanted), None)
        if found and not _is_right(source, string, found, gone.old):
            yield source.span(string)[0], f"a string mentions {found}"
    for star in source.names.stars if gone.alone else ():
        if source.names.module_of(star) == module:
            yield source.span(star)[0], f"a star import may bring {name}"
    for one in source.unseen:
        mentioned = (each[0] for each in word_pattern(words | kept).finditer(one.text))
        word = next((each for each in mentioned if each in words), None)
        if word:
            yield one.start, f"{'a cell that is no Python' if one.whole else 'a line for IPython'} mentions {word}"


def strings_that(source: Source, find: Callable[[str], re.Match[str] | None]) -> Iterator[tuple[int, str]]:
    """Yield offset and reason for each string in which something is found."""
    for string in _strings(source):
        found = find(string.value)
        if found:
            yield source.span(string)[0], f"a string mentions {found[0]}"


def _strings(source: Source) -> Iterator[cst.SimpleString | cst.FormattedStringText]:
    """Yield the strings of a file that are no docstrings."""
    strings: list[cst.SimpleString | cst.FormattedStringText] = [*source.of(cst.SimpleString)]
    strings += source.of(cst.FormattedStringText)
    return (string for string in strings if not isinstance(source.parent(string), cst.Expr))


def _spellings(source: Source, name: str) -> set[str]:
    """Return how a file's imports spell a dotted name."""
    leading = ((one.name, origin) for one in source.names.imports for origin in source.names.origins_of(one))
    return {local + name[len(origin) :] for local, origin in leading if f"{name}.".startswith(f"{origin}.")}


def _is_right(source: Source, string: cst.CSTNode, word: str, old: str) -> bool:
    """Tell whether a string that Python reads as a name, in `__all__` or an annotation, means something else by it."""
    listed = isinstance(string, cst.SimpleString) and source.names.in_all(string)
    if not listed and not is_annotation(source, string):
        return False
    root, _, rest = word.partition(".")
    bindings = source.names.read(root, source.module if listed else string)
    meant = {f"{origin}.{rest}".rstrip(".") for one in bindings for origin in source.names.origins_of(one)}
    return bool(bindings) and old not in meant


def is_annotation(source: Source, string: cst.CSTNode) -> bool:
    """Tell whether a string is a quoted annotation, or a part of one."""
    for above in source.ancestors(string):
        if isinstance(above, cst.Subscript) and (dotted(above.value) or "").endswith(PLAIN_TEXT):
            return False
        if isinstance(above, cst.Annotation):
            return True
    return False


def accesses(source: Source, leaf: str) -> Iterator[tuple[cst.Attribute | cst.SimpleString, str]]:
    """Yield what a file has of `m.leaf`, as written without layout: what code reads, then what annotations quote."""
    for node in source.chains(leaf):
        yield node, dotted(node) or ""
    word = re.compile(rf"(?<![\w.])(?:\w+\.)+{re.escape(leaf)}(?!\w)")
    for string in source.of(cst.SimpleString):
        found = sorted(set(word.findall(string.value))) if leaf in string.value else []
        if found and is_annotation(source, string):
            yield from ((string, written) for written in found)


def starred(source: Source, name: str) -> Iterator[tuple[int, str]]:
    """Yield the star imports that bring what a file reads as `name` (dotted), also from another file of the tree."""
    read = source.names.unresolved() if source.names.stars else ()
    for star in source.names.stars:
        module = source.names.module_of(star)
        brought = {f"{module}.{local}": local for local in read}
        for origin, local in sorted(brought.items()):
            if any(_reads(source, local, name, meant) for meant in (origin, *source.behind(origin))):
                yield source.span(star)[0], f"a star import brings {local}, so what is done with it here is not seen"


def brought_by(source: Source, star: cst.ImportFrom, name: str) -> str:
    """Return the module through which a file reads `name` (dotted), if a star import of the tree brings it."""
    for spelled in filter(None, map(dotted, source.chains(name.rpartition(".")[2]))):
        root = spelled.partition(".")[0]
        if root in source.names.unresolved() and name in source.behind(f"{source.names.module_of(star)}.{spelled}"):
            return root
    return ""


def _reads(source: Source, local: str, name: str, meant: str) -> bool:
    """Tell whether a file that calls `meant` (dotted) `local` reads `name` by that."""
    if name == meant or not name.startswith(f"{meant}."):
        return name == meant
    spelled = f"{local}{name[len(meant) :]}"
    return any(dotted(one) == spelled for one in source.chains(name.rpartition(".")[2]))


def handed_on(source: Source, callee: str) -> Iterator[tuple[int, str]]:
    """Yield each place that mentions a callee without calling it, as `partial(callee, lr=0)` and registries do."""
    # Only what an import on the way to the callee binds can mean it; to ask every name of a file takes long.
    roots = {one.name for one in source.names.imports if f"{callee}.".startswith(f"{one.origin}.")}
    for node in [*source.of(cst.Name), *source.of(cst.Attribute)]:
        spelled = dotted(node) or ""
        if spelled.partition(".")[0] not in roots or not _is_handed_on(source, node):
            continue
        if callee in source.names.origins(node):
            yield source.span(node)[0], f"{callee} is handed on here, not called, so its calls are not seen"


def _is_handed_on(source: Source, node: cst.CSTNode) -> bool:
    above = source.parent(node)
    if isinstance(above, cst.Call):
        return above.func is not node
    if isinstance(above, (cst.ImportAlias, cst.AsName, cst.ImportFrom, cst.Attribute, cst.Annotation, cst.Param)):
        return False
    if isinstance(above, cst.Arg):
        return above.keyword is not node and not isinstance(source.parent(above), cst.ClassDef)
    return True
