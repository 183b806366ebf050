"""One Python file as the drafter reads it: its tree, its text by node, and what its names are imported from."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from patcher.drafting.same import tree_of

__all__ = ["Program", "program"]

BUILTIN = frozenset(dir(builtins))


@dataclass(frozen=True)
class Program:
    """A file's text and tree. `origins` are the dotted names that imports bind, by the name in the file."""

    path: str
    data: bytes
    tree: ast.Module
    origins: Mapping[str, str] = field(default_factory=dict)
    stamped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        starts = [0]
        for line in self.data.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        object.__setattr__(self, "starts", starts)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return the bytes of a node, those of its decorators with it."""
        first = min([node, *getattr(node, "decorator_list", ())], key=lambda one: one.lineno)
        at = first.col_offset - (first is not node)
        starts = self.starts  # type: ignore[attr-defined]
        return starts[first.lineno - 1] + at, starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]

    def text(self, node: ast.AST, instead: Mapping[ast.AST, str] | None = None) -> str:
        """Return a node as it is written, names as their imports have them, and some nodes written otherwise."""
        return self._written(*self.span(node), self._edits(node, instead or {}))

    def _written(self, start: int, end: int, edits: Iterable[tuple[int, int, str]]) -> str:
        out, at = b"", start
        for left, right, new in sorted(edits):
            out += self.data[at:left] + new.encode()
            at = right
        return (out + self.data[at:end]).decode("utf-8", "replace").replace("\r\n", "\n")

    def _edits(self, node: ast.AST, instead: Mapping[ast.AST, str]) -> Iterator[tuple[int, int, str]]:
        if node in instead:
            yield (*self.span(node), instead[node])
            return
        if isinstance(node, ast.JoinedStr):  # its parts have no places of their own before Python 3.12
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            origin = self.origins.get(node.id, node.id)
            if origin != node.id:
                yield (*self.span(node), origin)
            return
        for child in ast.iter_child_nodes(node):
            yield from self._edits(child, instead)

    def lines(self, nodes: Sequence[ast.stmt]) -> str:
        """Return adjacent statements as `text` does, from the first column on, with the comment behind the last."""
        start, end = self.span(nodes[0])[0], self.span(nodes[-1])[1]
        tail = self.data[end:].partition(b"\n")[0]
        if tail.strip().startswith(b"#"):
            end += len(tail.rstrip())
        column = start - self.data.rfind(b"\n", 0, start) - 1
        lines = self._written(start, end, (one for node in nodes for one in self._edits(node, {}))).split("\n")
        return "\n".join([lines[0], *(line[column:] if not line[:column].strip() else line for line in lines[1:])])

    def header(self, node: ast.stmt) -> str:
        """Return the first line of a compound statement without its colon, any other statement as `text` does."""
        body = getattr(node, "body", None)
        if not body or isinstance(node, ast.Try):
            return "try" if isinstance(node, ast.Try) else self.text(node)
        if isinstance(node, ast.ClassDef):
            return f"class {node.name}"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return f"def {node.name}($$$)"
        start, end = self.span(node)[0], self.span(body[0])[0]
        edits = (one for child in ast.iter_child_nodes(node) if child not in body for one in self._edits(child, {}))
        head = self._written(start, end, (one for one in edits if one[1] <= end))
        return head.partition("#")[0].rstrip().removesuffix(":")

    def dotted(self, node: ast.AST) -> str:
        """Return the dotted name that a chain of attributes means through an import, else nothing."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.origins:
            return ""
        return ".".join([self.origins[node.id], *reversed(parts)])

    def meant(self, node: ast.Import | ast.ImportFrom) -> list[str]:
        """Return the dotted names that an import binds."""
        return [_as_shim(origin, self.stamped) for _, origin in _bound(node, self.path)]

    def local(self, *nodes: ast.AST) -> list[str]:
        """Return the names in some nodes that are no import's and none of Python's own."""
        found = (one for node in nodes for one in ast.walk(node))
        names = (one.id for one in found if isinstance(one, ast.Name))
        known = BUILTIN | set(self.origins) | {"self", "cls"}
        return list(dict.fromkeys(name for name in names if name not in known))


def program(path: str, data: bytes, stamped: Mapping[str, str]) -> Program | None:
    """Return a program, or None if it does not parse. `stamped` are copied shims by module."""
    tree = tree_of(data)
    if tree is None:
        return None
    origins: dict[str, str] = {}
    for node in ast.walk(tree):
        for name, origin in _bound(node, path):
            origins.setdefault(name, _as_shim(origin, stamped))
    return Program(path, data, tree, origins, stamped)


def _as_shim(origin: str, stamped: Mapping[str, str]) -> str:
    """Return a dotted name as a recipe writes it where it leads into a copied shim."""
    module = next((one for one in stamped if origin == one or origin.startswith(f"{one}.")), "")
    return stamped[module] + origin.removeprefix(module) if module else origin


def _bound(node: ast.AST, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for one in node.names:
            yield (one.asname, one.name) if one.asname else (one.name.partition(".")[0],) * 2
    if isinstance(node, ast.ImportFrom):
        folders = path.split("/")[:-1]
        above = folders[: len(folders) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        for one in node.names:
            yield one.asname or one.name, f"{module}.{one.name}"
