"""What a tree wants of a machine, read from its Python files: packages and names, a compiler, a logger, processes.

Nothing is imported and nothing is run. What a `try` catches, and what only a type checker reads, is not wanted.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.files.requirements_tree import find
from patcher.syntax.shims import STAMP

__all__ = ["Wanted", "Wants", "wants"]

CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
COMPILES = re.compile(rb"\btorch\.compile\(|\btorch\._dynamo\b")
LOGS = re.compile(rb"^\s*(?:import|from)\s+wandb\b")  # in a `try` too: where it can be imported, it asks for its key
PROCESSES = re.compile(rb"\bmp\.spawn\(|multiprocessing\.spawn\(|\bLOCAL_RANK\b|\binit_process_group\(")
LITERAL = re.compile(rb"""['"]cuda(?::\d+)?['"]|\.cuda\(|['"]nccl['"]""")
PATTERNS = (("compiles", COMPILES), ("logs", LOGS), ("processes", PROCESSES), ("literal", LITERAL))


@dataclass(frozen=True, slots=True)
class Wanted:
    """A module that the tree imports where nothing catches that it is not there: where, and which names of it.

    One that a handler imports is wanted only where none of those in its `unless` can be imported with its names.
    """

    module: str
    place: str
    names: frozenset[str] = frozenset()
    unless: frozenset[Wanted] = frozenset()

    @property
    def package(self) -> str:
        """The package at the top."""
        return self.module.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Wants:
    """All that a tree wants. `compiles`, `logs`, `processes` and `literal` are the first place of each, or nothing.

    `listed` is what its lists of requirements name, in pip's one spelling, each with its file.
    """

    modules: tuple[Wanted, ...]
    listed: Mapping[str, str] = field(default_factory=dict)
    compiles: str = ""
    logs: str = ""
    processes: str = ""
    literal: str = ""
    skipped: tuple[str, ...] = field(default=())


def wants(checkout: Checkout, paths: Iterable[str] | None = None) -> Wants:
    """Return what the Python files of a checkout want, or those of them that are named."""
    own = _own(checkout.paths)
    found: dict[str, Wanted] = {}
    first: dict[str, str] = {}
    skipped: list[str] = []
    for path in checkout.paths if paths is None else paths:
        if not path.endswith(".py"):
            continue
        try:
            data = checkout.read(path)
        except TargetError:
            skipped.append(path)
            continue
        if STAMP.match(data):
            continue  # a copied shim asks for no more than torch, and compiles on CUDA alone
        for name, pattern in PATTERNS:
            line = _first_line(data, pattern)
            if line:
                first.setdefault(name, f"{path}:{line}")
        tree = _parsed(data)
        if tree is None:
            skipped.append(path)
            continue
        for one in _imports(tree.body, path):
            if one.package not in own and one.package not in sys.stdlib_module_names:
                known = found.get(one.module)
                found[one.module] = _both(known, one) if known else one
    modules = tuple(found[name] for name in sorted(found))
    return Wants(modules, _listed(checkout), skipped=tuple(skipped), **first)


def _listed(checkout: Checkout) -> dict[str, str]:
    def read(path: str) -> bytes | None:
        try:
            return checkout.read(path)
        except TargetError:
            return None

    files = reversed(find(checkout.paths, read))  # of several, the top-most is told
    return {one.name: file.path for file in files for one in file.listing.entries if one.name and not one.mention}


def _both(one: Wanted, other: Wanted) -> Wanted:
    unless = one.unless | other.unless if one.unless and other.unless else frozenset[Wanted]()
    return Wanted(one.module, one.place, one.names | other.names, unless)


def _first_line(data: bytes, pattern: re.Pattern[bytes]) -> int:
    """Return the first line, from one, that holds a pattern and is no comment; 0 if there is none."""
    lines = enumerate(data.split(b"\n"), 1)
    return next((n for n, line in lines if pattern.search(line) and not line.lstrip().startswith(b"#")), 0)


def _own(paths: Iterable[str]) -> set[str]:
    """Return the names under which the tree's own modules and folders of modules may be imported."""
    own: set[str] = set()
    for path in paths:
        if path.endswith(".py"):
            *folders, file = path.split("/")
            own.update(folders)
            own.add(file.removesuffix(".py"))
    return own


def _parsed(data: bytes) -> ast.Module | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(data)
        except (SyntaxError, ValueError, RecursionError):
            return None


def _imports(nodes: Iterable[ast.AST], path: str) -> Iterator[Wanted]:
    """Yield the absolute imports that must work for a module to be imported, or for one of its functions to run."""
    for node in nodes:
        place = f"{path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Wanted(alias.name, place)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield Wanted(node.module, place, frozenset(alias.name for alias in node.names if alias.name != "*"))
        elif isinstance(node, ast.Try) and any(map(_catches, node.handlers)):
            tried = frozenset(_imports(node.body, path))
            for handler in node.handlers if tried else ():  # the other way; one of both is enough
                for one in _imports(handler.body, path):
                    yield Wanted(one.module, one.place, one.names, one.unless | tried)
            yield from _imports((*node.orelse, *node.finalbody), path)
        elif isinstance(node, ast.If) and _is_never(node.test):
            yield from _imports(node.orelse, path)
        else:
            yield from _imports(ast.iter_child_nodes(node), path)


def _catches(handler: ast.ExceptHandler) -> bool:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or getattr(one, "id", getattr(one, "attr", "")) in CATCHES for one in types)


def _is_never(test: ast.expr) -> bool:
    """Tell whether a test holds for type checkers alone."""
    return getattr(test, "id", getattr(test, "attr", "")) == "TYPE_CHECKING"
