"""The files of a tree as `ast` has them, and what a dotted name means in one: a definition, or a library's."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Code", "Defined", "Files", "Function", "dotted_name"]

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Defined:
    """A function or class, the file that has it, and the class that a method is of."""

    code: Code
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    within: ast.ClassDef | None = None


class Code:
    """One file: its text, what it binds at its top level, and what its imports mean.

    Raises:
        SyntaxError, ValueError, RecursionError: it does not parse.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text, self.data = path, text, text.encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.module = ast.parse(text)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for line in self.data.split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        return starts

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the bytes of a node."""
        start = self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def line_start(self, line: int) -> int:
        """Return the offset at which a line begins, counted from one; behind the last one the end of the text."""
        return min(self._starts[line - 1], len(self.data))

    def of(self, node: ast.AST) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    @cached_property
    def imports(self) -> dict[str, str]:
        """What each imported name means, dotted; a relative import begins with its dots."""
        found: dict[str, str] = {}
        for node in ast.walk(self.module):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    found[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                base = "." * node.level + (node.module or "")
                for alias in node.names:
                    found[alias.asname or alias.name] = f"{base}{'' if base.endswith('.') else '.'}{alias.name}"
        return found

    @cached_property
    def top(self) -> dict[str, list[ast.stmt]]:
        """What binds each name of the top level by a definition or an assignment."""
        found: dict[str, list[ast.stmt]] = {}
        waiting: list[ast.AST] = [self.module]
        while waiting:
            node = waiting.pop()
            for one in (*getattr(node, "body", ()), *getattr(node, "orelse", ()), *getattr(node, "handlers", ())):
                if isinstance(one, ast.If | ast.Try | ast.With | ast.ExceptHandler):
                    waiting.append(one)
                elif isinstance(one, (*Function, ast.ClassDef)):
                    found.setdefault(one.name, []).append(one)
                elif isinstance(one, ast.Assign | ast.AnnAssign):
                    for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                        for name in ast.walk(target):
                            if isinstance(name, ast.Name):
                                found.setdefault(name.id, []).append(one)
        return found

    def meaning(self, node: ast.expr) -> str:
        """Return the dotted name that an expression is through the imports, or nothing."""
        name = dotted_name(node)
        root, _, rest = name.partition(".")
        if not name or root in self.top or root not in self.imports:
            return ""
        return self.imports[root] + (f".{rest}" if rest else "")


def dotted_name(node: ast.AST) -> str:
    """Return `a.b.c` of names and attributes alone, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted_name(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


class Files:
    """The files of a tree. `find` gives the paths that a module may be for a file, `read` the text of a file."""

    def __init__(self, find: Callable[[str, str], list[str]], read: Callable[[str], str]) -> None:
        self._find, self._read = find, read
        self._known: dict[str, Code | None] = {}

    def code(self, path: str) -> Code | None:
        """Return a file, or None if it cannot be read or does not parse."""
        if path not in self._known:
            try:
                self._known[path] = Code(path, self._read(path))
            except (SyntaxError, ValueError, RecursionError, OSError):
                self._known[path] = None
        return self._known[path]

    def definition(self, code: Code, name: str) -> Defined | None:
        """Return the one function or class of the tree that a dotted name means in a file, or None."""
        root, _, rest = name.partition(".")
        if not rest and root in code.top:
            found = code.top[root]
            one = found[0]
            single = len(found) == 1 and isinstance(one, (*Function, ast.ClassDef))
            return Defined(code, one) if single else None  # type: ignore[arg-type]
        if root not in code.imports:
            return None
        whole = code.imports[root] + (f".{rest}" if rest else "")
        module, _, last = whole.rpartition(".")
        for path in self._find(code.path, module) if module else ():
            other = self.code(path)
            if other is not None and other is not code:
                return self.definition(other, last)
        return None
