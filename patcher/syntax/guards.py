"""Optional imports: which imports of a package can end the program, and the nested arm that keeps them from it.

A chain is what one reader sees as one import: the arms of a try, or neighbours that import from one package. The first
arm keeps its bytes; what a handler raises is caught only by a try inside that handler, so a fallback that can fail
itself gets a nested one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit, Site, Status
from patcher.syntax.layout import block_edits, indent_of, line_of, lines_after
from patcher.syntax.names import dotted
from patcher.syntax.pattern import statements
from patcher.syntax.source import Source, walk

__all__ = ["Arm", "ImportStatement", "guard", "roots_of"]

ImportStatement = cst.Import | cst.ImportFrom
CATCHING = ("ImportError", "Exception", "BaseException")

Arm = Callable[[list[ImportStatement]], list[str]]
"""Gives the lines of the second arm for imports that stand together, or raises SiteError."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How one import statement stands: whether an ImportError there ends the program, or what forbids to tell."""

    statement: ImportStatement
    fatal: bool
    problem: str = ""


def guard(source: Source, roots: Iterable[str], arm: Arm, flag: str | None = None) -> list[Site]:
    """Return one site for each chain of imports of `roots` that runs when the file is imported.

    Imports inside functions or under `if` are returned as absent, with the reason: they are left as they are.
    """
    wanted = frozenset(roots)
    sites: list[Site] = []
    chains: dict[cst.CSTNode, list[ImportStatement]] = {}
    for statement in _imports(source, wanted):
        offset = source.span(statement)[0]
        conditional = _conditional(source, statement)
        if conditional:
            sites.append(Site(offset, Status.ABSENT, conditional))
        else:
            chains.setdefault(_chain_key(source, statement, wanted), []).append(statement)
    for chain in chains.values():
        sites.append(_site(source, chain, arm, flag))
    return sorted(sites, key=lambda site: site.offset)


def roots_of(source: Source, statement: ImportStatement) -> list[str]:
    """Return the packages that a statement imports from."""
    if isinstance(statement, cst.Import):
        return [(dotted(alias.name) or "").partition(".")[0] for alias in statement.names]
    return [] if statement.relative else [source.names.module_of(statement).partition(".")[0]]


def _imports(source: Source, roots: frozenset[str]) -> Iterator[ImportStatement]:
    found: list[ImportStatement] = [*source.of(cst.Import), *source.of(cst.ImportFrom)]
    for statement in sorted(found, key=lambda one: source.span(one)[0]):
        if roots.intersection(roots_of(source, statement)):
            yield statement


def _conditional(source: Source, statement: ImportStatement) -> str:
    for above in source.ancestors(statement):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return "it runs only when its function is called, and is left"
        if isinstance(above, cst.If):
            return "it stands under an if, and is left"
    return ""


def _chain_key(source: Source, statement: ImportStatement, roots: frozenset[str]) -> cst.CSTNode:
    """Return the outermost try around a statement, or the first of the neighbours that import the same package."""
    tries = [above for above in source.ancestors(statement) if isinstance(above, cst.Try)]
    return tries[-1] if tries else _neighbours(source, statement)[0]


def _neighbours(source: Source, statement: ImportStatement) -> list[cst.CSTNode]:
    """Return the imports of the same package that stand directly beside a statement, and the statement."""
    line = source.parent(statement)
    block = source.parent(line) if line is not None else None
    if block is None:
        return [statement]
    lines = statements(block)
    own = set(roots_of(source, statement))
    first = last = lines.index(statement)
    while first > 0 and _imports_only(source, lines[first - 1], own):
        first -= 1
    while last + 1 < len(lines) and _imports_only(source, lines[last + 1], own):
        last += 1
    return lines[first : last + 1]


def _imports_only(source: Source, node: cst.CSTNode, roots: set[str]) -> bool:
    return isinstance(node, (cst.Import, cst.ImportFrom)) and set(roots_of(source, node)) == roots


def _site(source: Source, chain: list[ImportStatement], arm: Arm, flag: str | None) -> Site:
    standings = [_standing(source, statement) for statement in chain]
    offset = source.span(chain[0])[0]
    problem = next((one for one in standings if one.problem), None)
    if problem is not None:
        return Site(source.span(problem.statement)[0], Status.REFUSED, problem.problem)
    fatal = [one.statement for one in standings if one.fatal]
    if not fatal:
        return Site(offset, Status.ALREADY)
    edits: list[Edit] = []
    try:
        for group in _groups(source, fatal):
            edits += _guarded(source, group, arm, flag)
    except SiteError as error:
        return Site(offset, Status.REFUSED, str(error))
    return Site(source.span(fatal[0])[0], Status.APPLIED, edits=tuple(edits))


def _groups(source: Source, fatal: list[ImportStatement]) -> list[list[ImportStatement]]:
    groups: dict[cst.CSTNode, list[ImportStatement]] = {}
    for statement in fatal:
        groups.setdefault(_neighbours(source, statement)[0], []).append(statement)
    return list(groups.values())


def _guarded(source: Source, group: list[ImportStatement], arm: Arm, flag: str | None) -> list[Edit]:
    first, last = line_of(source, group[0]), line_of(source, group[-1])
    indent = indent_of(source, source.span(first)[0])
    deeper = indent + source.indent
    behind = [f"{deeper}{flag} = True"] if flag else []
    behind.append(f"{indent}except ImportError:")
    behind += [deeper + line for line in arm(group)]
    behind += [f"{deeper}{flag} = False"] if flag else []
    return [*block_edits(source, first, last, "try"), lines_after(source, last, behind)]


# --- can it end the program? ----------------------------------------------------------------------------------------


def _standing(source: Source, statement: ImportStatement) -> _Standing:
    child: cst.CSTNode = statement
    for above in source.ancestors(statement):
        if isinstance(above, cst.Try) and child is above.body:
            handler, narrow = _catcher(source, above)
            if handler is not None:
                return _caught(source, statement, handler)
            if narrow:
                return _Standing(statement, fatal=True, problem=narrow)
        child = above
    return _Standing(statement, fatal=True)


def _catcher(source: Source, attempt: cst.Try) -> tuple[cst.ExceptHandler | None, str]:
    """Return the handler that an ImportError reaches, or a sentence where only its narrower kind is caught."""
    narrow = ""
    for handler in attempt.handlers:
        names = _caught_names(handler)
        if not names or any(name in CATCHING for name in names):
            return handler, ""
        if "ModuleNotFoundError" in names:
            narrow = (
                "its handler catches ModuleNotFoundError only, and a package built for another torch raises "
                "ImportError; catch ImportError there"
            )
    return None, narrow


def _caught_names(handler: cst.ExceptHandler) -> list[str]:
    if handler.type is None:
        return []
    elements = handler.type.elements if isinstance(handler.type, cst.Tuple) else [cst.Element(handler.type)]
    return [(dotted(element.value) or "?").removeprefix("builtins.") for element in elements]


def _caught(source: Source, statement: ImportStatement, handler: cst.ExceptHandler) -> _Standing:
    """Tell what becomes of a caught ImportError: a handler that raises on purpose is not patcher's to change."""
    for node in walk(handler.body):
        if isinstance(node, cst.Raise) and not _deferred(source, node, handler):
            line = source.line_column(source.span(node)[0])[0]
            reason = f"its handler raises in line {line} on purpose; decide there what should happen instead"
            return _Standing(statement, fatal=True, problem=reason)
    return _Standing(statement, fatal=False)


def _deferred(source: Source, node: cst.CSTNode, handler: cst.ExceptHandler) -> bool:
    """Tell whether a raise runs only later, in a function that the handler defines."""
    for above in source.ancestors(node):
        if above is handler:
            return False
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return True
    return False
