"""Optional imports: which imports of a package can end the program, and the nested arm that keeps them from it.

A chain is what one reader sees as one import: the arms of a try, or neighbours that import from one package. The first
arm keeps its bytes; what a handler raises is caught only by a try inside that handler, so a fallback that can fail
itself gets a nested one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit, Site, Status
from patcher.syntax.flags import check_free, in_guards
from patcher.syntax.layout import block_edits, indent_of, level_of, line_of, lines_after
from patcher.syntax.names import dotted
from patcher.syntax.pattern import statements
from patcher.syntax.source import Source, walk

__all__ = [
    "ENDING",
    "Arm",
    "ImportStatement",
    "guard",
    "imports_of",
    "is_optional",
    "refuse_unnamed",
    "roots_of",
    "suppresses",
]

ImportStatement = cst.Import | cst.ImportFrom
CATCHING = ("ImportError", "Exception", "BaseException")
# What a handler may call to end the program.
ENDING = ("sys.exit", "exit", "quit", "os._exit", "os.abort")
NARROW = (
    "its handler catches ModuleNotFoundError only, and a package built for another torch raises ImportError; "
    "catch ImportError there"
)

# What an `if` asks that imports a package only where it is.
ASKS = re.compile(r"(?i)^(has|have)_|available$|^find_spec$|installed$")

Arm = Callable[[list[ImportStatement]], list[str]]
"""Gives the lines of the second arm for imports that stand together, or raises SiteError."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """How one import statement stands: whether an ImportError there ends the program, or what forbids to tell."""

    statement: ImportStatement
    fatal: bool
    problem: str = ""


def guard(
    source: Source,
    roots: Iterable[str],
    arm: Arm,
    flag: str | None = None,
    inside: Callable[[cst.CSTNode], bool] = lambda _: True,
    *,
    lazy: bool = False,
    whole: bool = False,
) -> list[Site]:
    """Return one site for each chain of imports of `roots` that runs when the file is imported and is `inside` a scope.

    Imports inside functions or under `if` are returned as absent, with the reason: they are left as they are, but with
    `lazy`. `whole`: the second arm has all that the first one has, so that a handler around both keeps its purpose.
    """
    wanted = frozenset(roots)
    sites: list[Site] = []
    chains: dict[cst.CSTNode, list[ImportStatement]] = {}
    for statement in filter(inside, imports_of(source, wanted)):
        offset = source.span(statement)[0]
        conditional = (_asked_for if lazy else _conditional)(source, statement)
        if conditional:
            sites.append(Site(offset, Status.ABSENT, conditional))
        else:
            chains.setdefault(_chain_key(source, statement), []).append(statement)
    for chain in chains.values():
        sites.append(_site(source, chain, arm, flag, whole=whole))
    return sorted(sites, key=lambda site: site.offset)


def roots_of(source: Source, statement: ImportStatement) -> list[str]:
    """Return the packages that a statement imports from."""
    if isinstance(statement, cst.Import):
        return [(dotted(alias.name) or "").partition(".")[0] for alias in statement.names]
    return [] if statement.relative else [source.names.module_of(statement).partition(".")[0]]


def imports_of(source: Source, roots: frozenset[str]) -> Iterator[ImportStatement]:
    """Yield the imports of packages, in the order of the text."""
    found: list[ImportStatement] = [*source.of(cst.Import), *source.of(cst.ImportFrom)]
    for statement in sorted(found, key=lambda one: source.span(one)[0]):
        if roots.intersection(roots_of(source, statement)):
            yield statement


def _conditional(source: Source, statement: ImportStatement) -> str:
    for above in source.ancestors(statement):
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return "it runs only when its function is called, and is left"
        if isinstance(above, (cst.If, cst.Match)):
            kind = "an if" if isinstance(above, cst.If) else "a case"
            return f"it stands under {kind}, and is left"
    return ""


def _asked_for(source: Source, statement: ImportStatement) -> str:
    """Say why an import in a function or under an `if` is left all the same."""
    for above in source.ancestors(statement):
        if isinstance(above, cst.If):
            names = {node.value for node in walk(above.test) if isinstance(node, cst.Name)}
            if "TYPE_CHECKING" in names:
                return "it is for type checkers alone, and is left"
            if any(ASKS.search(name) for name in names):
                return "it stands under an if that asks whether the package is there, and is left"
    return ""


def _around(source: Source, statement: ImportStatement) -> Iterator[cst.CSTNode]:
    """Yield what stands around a statement and runs together with it: up to its function."""
    return takewhile(lambda above: not isinstance(above, (cst.FunctionDef, cst.Lambda)), source.ancestors(statement))


def _chain_key(source: Source, statement: ImportStatement) -> cst.CSTNode:
    """Return the outermost try around a statement, or the first of the neighbours that import the same package."""
    tries = [above for above in _around(source, statement) if isinstance(above, cst.Try)]
    return tries[-1] if tries else _neighbours(source, statement)[0]


def _neighbours(source: Source, statement: ImportStatement) -> list[cst.CSTNode]:
    """Return the imports of the same package that stand directly beside a statement, and the statement."""
    line = source.parent(statement)
    block = source.parent(line) if line is not None else None
    # In a notebook, what stands next to it may stand in another cell.
    if block is None or source.path.endswith(".ipynb"):
        return [statement]
    lines = statements(block)
    own = set(roots_of(source, statement))
    first = last = lines.index(statement) if statement in lines else 0
    while first > 0 and _imports_only(source, lines[first - 1], own):
        first -= 1
    while last + 1 < len(lines) and _imports_only(source, lines[last + 1], own):
        last += 1
    return lines[first : last + 1] if statement in lines else [statement]


def _imports_only(source: Source, node: cst.CSTNode, roots: set[str]) -> bool:
    return isinstance(node, (cst.Import, cst.ImportFrom)) and set(roots_of(source, node)) == roots


# --- the edits of one chain -----------------------------------------------------------------------------------------


def _site(source: Source, chain: list[ImportStatement], arm: Arm, flag: str | None, *, whole: bool) -> Site:
    standings = [_standing(source, statement, whole=whole) for statement in chain]
    offset = source.span(chain[0])[0]
    problem = next((one for one in standings if one.problem), None)
    if problem is not None:
        return Site(source.span(problem.statement)[0], Status.REFUSED, problem.problem)
    fatal = [one.statement for one in standings if one.fatal]
    edits: list[Edit] = []
    try:
        for group in _groups(source, fatal):
            edits += _guarded(source, group, arm, flag)
        edits += in_guards(source, chain, flag, fatal) if flag else []
    except SiteError as error:
        return Site(offset, Status.REFUSED, str(error))
    if not edits:
        return Site(offset, Status.ALREADY)
    return Site(source.span(fatal[0])[0] if fatal else offset, Status.APPLIED, edits=tuple(edits))


def _groups(source: Source, fatal: list[ImportStatement]) -> list[list[ImportStatement]]:
    groups: dict[cst.CSTNode, list[ImportStatement]] = {}
    for statement in fatal:
        groups.setdefault(_neighbours(source, statement)[0], []).append(statement)
    return list(groups.values())


def _guarded(source: Source, group: list[ImportStatement], arm: Arm, flag: str | None) -> list[Edit]:
    for statement in group:
        refuse_unnamed(source, statement)
    first, last = line_of(source, group[0]), line_of(source, group[-1])
    if flag:
        check_free(source, group[0], flag)
    start = source.span(first)[0]
    indent = indent_of(source, start)
    deeper = indent + level_of(source, start)
    behind = [f"{deeper}{flag} = True"] if flag else []
    behind.append(f"{indent}except ImportError:")
    behind += [deeper + line if line else "" for line in arm(group)]
    behind += [f"{deeper}{flag} = False"] if flag else []
    return [*block_edits(source, first, last, "try"), lines_after(source, last, behind)]


def refuse_unnamed(source: Source, statement: ImportStatement) -> None:
    """Refuse an import of which nothing else can bind the names.

    Raises:
        SiteError: it imports everything.
    """
    if isinstance(statement, cst.ImportFrom) and isinstance(statement.names, cst.ImportStar):
        raise SiteError("it imports everything (*), so it cannot be told which names are meant; import them by name")


# --- can it end the program? ----------------------------------------------------------------------------------------


def is_optional(source: Source, statement: ImportStatement) -> bool:
    """Tell whether the program goes on where an import fails."""
    return not _standing(source, statement, whole=True).fatal


def _standing(source: Source, statement: ImportStatement, *, whole: bool) -> _Standing:
    child: cst.CSTNode = statement
    for above in _around(source, statement):
        if isinstance(above, cst.With) and any(suppresses(source, item.item) for item in above.items):
            return _Standing(statement, fatal=False)
        if isinstance(above, cst.Try) and child is above.body:
            reached = _reached(source, above)
            problem = next((why for handler in reached if (why := _ends(source, handler))), "")
            if problem:
                return _Standing(statement, fatal=True, problem="" if whole else problem)
            if any(_catches(handler.type) for handler in reached):
                return _Standing(statement, fatal=False)
            if reached:
                return _Standing(statement, fatal=True, problem="" if whole else NARROW)
        child = above
    return _Standing(statement, fatal=True)


def _reached(source: Source, attempt: cst.Try) -> list[cst.ExceptHandler]:
    """Return the handlers that an ImportError, or its narrower kind, may reach."""
    reached: list[cst.ExceptHandler] = []
    for handler in attempt.handlers:
        if _catches(handler.type) or "ModuleNotFoundError" in _caught_names(handler.type):
            reached.append(handler)
        if _catches(handler.type):
            break
    return reached


def _catches(kinds: cst.BaseExpression | None) -> bool:
    return kinds is None or any(name in CATCHING for name in _caught_names(kinds))


def _caught_names(kinds: cst.BaseExpression | None) -> list[str]:
    if kinds is None:
        return []
    elements = kinds.elements if isinstance(kinds, cst.Tuple) else [cst.Element(kinds)]
    return [(dotted(element.value) or "?").removeprefix("builtins.") for element in elements]


def suppresses(source: Source, item: cst.BaseExpression) -> bool:
    """Tell whether a with-item is contextlib.suppress of an ImportError."""
    if not isinstance(item, cst.Call) or "contextlib.suppress" not in source.names.origins(item.func):
        return False
    return any(_catches(arg.value) for arg in item.args)


def _ends(source: Source, handler: cst.ExceptHandler) -> str:
    """Say why a handler may end the program on purpose; that is not patcher's to change."""
    for node in walk(handler.body):
        if _deferred(source, node, handler):
            continue
        line = source.line_column(source.span(node)[0])[0] if isinstance(node, (cst.Raise, cst.Call)) else 0
        if isinstance(node, cst.Raise):
            return f"its handler raises in line {line} on purpose; decide there what should happen instead"
        if isinstance(node, cst.Call) and set(ENDING).intersection(source.names.origins(node.func)):
            return f"its handler ends the program in line {line} on purpose; decide there what should happen instead"
    return ""


def _deferred(source: Source, node: cst.CSTNode, handler: cst.ExceptHandler) -> bool:
    """Tell whether a node runs only later, in a function that the handler defines."""
    for above in source.ancestors(node):
        if above is handler:
            return False
        if isinstance(above, (cst.FunctionDef, cst.Lambda)):
            return True
    return False
