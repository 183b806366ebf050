"""The functions and classes of a tree that a scope names. Nothing here runs anybody's code."""

from __future__ import annotations

import ast
import fnmatch
import io
import tokenize
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from patcher.errors import TargetError
from patcher.model import Scope
from patcher.syntax.draft import glob_match

__all__ = ["SCOPES", "Definition", "Tree", "decoded", "encoding_of", "find", "parsed", "statements"]

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


@dataclass(frozen=True, slots=True)
class Tree:
    """One state of a tree: its files, what reads them, and its links, behind which nothing is read."""

    paths: frozenset[str]
    read: Read
    links: frozenset[str] = frozenset()


def encoding_of(path: str, data: bytes) -> str:
    """Return the encoding that a Python file says, or what Python takes without one.

    Raises:
        TargetError: there is no such encoding.
    """
    try:
        return tokenize.detect_encoding(io.BytesIO(data).readline)[0]
    except SyntaxError as error:
        raise TargetError(f"{path} could not be read: {error}.") from None


def decoded(path: str, data: bytes) -> str:
    """Return the text of a Python file without a byte-order mark.

    Raises:
        TargetError: it is not in the encoding that it says.
    """
    try:
        return data.decode(encoding_of(path, data))
    except UnicodeDecodeError as error:
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
    for name in dict.fromkeys(_names(parsed(path, text).body)):
        if fnmatch.fnmatchcase(name, pattern):
            yield Definition(path, name, text)


def parsed(path: str, text: str) -> ast.Module:
    """Return the code of a file.

    Raises:
        TargetError: it does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise TargetError(f"{path} does not parse: {error.msg} in line {error.lineno}.") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise TargetError(f"{path} does not parse: {str(error) or 'it is nested too deeply'}.") from None


def _names(body: Sequence[ast.stmt], above: str = "") -> Iterator[str]:
    for node in statements(body):
        if isinstance(node, ast.ClassDef):
            yield f"{above}{node.name}"
            yield from _names(node.body, f"{above}{node.name}.")
        elif isinstance(node, SCOPES) and not above:
            yield node.name


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a block and of the blocks in it that make no scope of their own."""
    for node in body:
        yield node
        if not isinstance(node, SCOPES):
            handlers = [one.body for one in getattr(node, "handlers", [])]
            for block in (*(getattr(node, name, []) for name in ("body", "orelse", "finalbody")), *handlers):
                yield from statements(block)
