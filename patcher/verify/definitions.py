"""The code of one function or class: where it is in a tree, a key to know it again, and what it was before a step.

A key is of the definition and of what else of its file it mentions, without comments, docstrings and layout. Nothing
here runs anybody's code.
"""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import io
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from patcher.errors import TargetError
from patcher.model import Change, Edit, Scope
from patcher.syntax.draft import glob_match
from patcher.syntax.source import splice

__all__ = ["Definition", "find", "key", "without"]

# What Python versions write differently, and what says where code is and not what it does.
IGNORED = {"kind", "type_comment", "type_ignores", "ctx"}
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Read = Callable[[str], bytes]


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition in a tree: its file, its qualified name, and the file's text."""

    path: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}::{self.name}"


def decoded(path: str, data: bytes) -> str:
    """Return the text of a Python file without a byte-order mark.

    Raises:
        TargetError: it is not in the encoding that it says.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise TargetError(f"{path} could not be read: {error}.") from None


def find(scope: Scope, paths: Iterable[str], read: Read) -> list[Definition]:
    """Return the functions and classes that a scope names in files; of a class no methods.

    Raises:
        TargetError: the file that is named, without wildcards, does not parse; any other is passed over.
    """
    found: list[Definition] = []
    for path in paths:
        if path.endswith(".py") and glob_match(path, scope.path):
            try:
                found += _named(path, read(path), scope.qualname or "*")
            except TargetError:
                if path == scope.path:
                    raise
    return found


def _named(path: str, data: bytes, pattern: str) -> Iterator[Definition]:
    word = pattern.rpartition(".")[2]
    if word.isidentifier() and word.encode() not in data:
        return
    text = decoded(path, data)
    for name in dict.fromkeys(_names(_parsed(path, text).body)):
        if fnmatch.fnmatchcase(name, pattern):
            yield Definition(path, name, text)


def _parsed(path: str, text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise TargetError(f"{path} does not parse: {error.msg} in line {error.lineno}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise TargetError(f"{path} does not parse: {str(error) or 'it is nested too deeply'}.") from None


def _names(body: Sequence[ast.stmt], above: str = "") -> Iterator[str]:
    for node in _statements(body):
        if isinstance(node, ast.ClassDef):
            yield f"{above}{node.name}"
            yield from _names(node.body, f"{above}{node.name}.")
        elif isinstance(node, SCOPES) and not above:
            yield node.name


def _statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block and of the blocks in it that make no scope of their own."""
    for node in body:
        yield node
        if not isinstance(node, SCOPES):
            handlers = [one.body for one in getattr(node, "handlers", [])]
            for block in (*(getattr(node, name, []) for name in ("body", "orelse", "finalbody")), *handlers):
                yield from _statements(block)


def key(definition: Definition) -> str:
    """Return the SHA-256 of a definition and of all in its file that it leads to."""
    bound = _bound(_parsed(definition.path, definition.text))
    top = definition.name.partition(".")[0]
    known, waiting = {top}, [top]
    while waiting:
        for node in bound[waiting.pop()]:
            words = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
            waiting += [word for word in sorted(words & bound.keys()) if word not in known]
            known |= words & bound.keys()
    try:
        told = [(name, [_canonical(node) for node in bound[name]]) for name in sorted(known)]
    except RecursionError:
        raise TargetError(f"{definition.path} does not parse: it is nested too deeply.") from None
    return hashlib.sha256(repr((definition.name, told)).encode()).hexdigest()


def _bound(module: ast.Module) -> dict[str, list[ast.AST]]:
    """Return what binds each name of a module, all of it where it is bound more than once."""
    found: dict[str, list[ast.AST]] = {}
    for node in _statements(module.body):
        if isinstance(node, SCOPES):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                # One name alone, so that what is imported beside it does not count.
                alone = ast.Import([alias])
                if isinstance(node, ast.ImportFrom):
                    alone = ast.ImportFrom(node.module, [alias], node.level)  # type: ignore[assignment]
                found.setdefault(alias.asname or alias.name.partition(".")[0], []).append(alone)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}:
                found.setdefault(name, []).append(node)
    return found


def _canonical(value: Any) -> Any:
    """Return a tree of code as plain tuples that are the same in every version of Python."""
    if isinstance(value, list):
        return [_canonical(one) for one in value]
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = dict(ast.iter_fields(value))
    if isinstance(value, SCOPES) and ast.get_docstring(value) is not None:
        fields["body"] = value.body[1:]
    kept = {name: one for name, one in fields.items() if name not in IGNORED and one is not None and one != []}
    return type(value).__name__, [(name, _canonical(one)) for name, one in sorted(kept.items())]


# --- before a step ---------------------------------------------------------------------------------------------------


def without(change: Change, steps: frozenset[str]) -> tuple[str, ...]:
    """Return what a changed file may be without the edits of some steps; nothing where others build on these.

    What these steps took out, and what a later one put in at the same place, may stand in either order.
    """
    found = (_without(change, steps, ahead) for ahead in (False, True))
    return tuple(dict.fromkeys(text for text in found if text is not None))


def _without(change: Change, steps: frozenset[str], ahead: bool) -> str | None:
    if change.before is None:
        return None
    text = decoded(change.path, change.before).encode()
    undo: list[Edit] = []
    for layer in change.layers:
        edits = sorted(dict.fromkeys(layer.edits), key=lambda one: (one.start, one.end))
        shifted = [_shifted(one, edits, ahead) for one in undo]
        if not edits or None in shifted:
            return None
        undo = [one for one in shifted if one is not None]
        undo += _inverse(text, edits) if layer.step in steps else []
        text = splice(change.path, text, edits)
    return splice(change.path, text, undo).decode()


def _shifted(edit: Edit, others: Iterable[Edit], ahead: bool) -> Edit | None:
    """Return an edit in the text that others lead to; None if one of them touches what it is about.

    `ahead`: what they insert where it inserts comes first.
    """
    shift = 0
    for one in others:
        meet = one.start == one.end == edit.start == edit.end
        if one.start >= edit.end and not (meet and ahead):
            break
        if one.end > edit.start:
            return None
        shift += len(one.text.encode()) - (one.end - one.start)
    return Edit(edit.start + shift, edit.end + shift, edit.text)


def _inverse(text: bytes, edits: Iterable[Edit]) -> list[Edit]:
    found, shift = [], 0
    for one in edits:
        new = len(one.text.encode())
        found.append(Edit(one.start + shift, one.start + shift + new, text[one.start : one.end].decode()))
        shift += new - (one.end - one.start)
    return found
