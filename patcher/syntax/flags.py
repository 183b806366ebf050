"""The flag of an optional import: a name that tells whether the package is there, bound in both arms of a guard.

Nothing is guessed: where a guard has more arms than two, or one that the import has no part in, it is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.layout import indent_of, lines_after
from patcher.syntax.source import Source

__all__ = ["check_free", "in_guards"]


def check_free(source: Source, place: cst.CSTNode, flag: str) -> None:
    """Refuse a flag that is bound already as seen from a place.

    Raises:
        SiteError: it is.
    """
    there = source.names.bindings(flag, place)
    if there:
        line = source.line_column(source.span(there[0].node)[0])[0]
        raise SiteError(f"`{flag}` is bound in line {line} already; choose another flag in the recipe")


def in_guards(source: Source, chain: Sequence[cst.CSTNode], flag: str, fatal: Collection[cst.CSTNode]) -> list[Edit]:
    """Return the edits that bind a flag in the guards around imports that lack it.

    `fatal` are those of the imports that get a guard, with the flag, of their own.

    Raises:
        SiteError: it cannot be told where it belongs there, or its name is taken.
    """
    bound = [one.node for one in source.names.bindings(flag, chain[0])]
    guards = list(dict.fromkeys(guard for one in chain for guard in _guards(source, one)))
    if not guards and not fatal and not bound:
        raise SiteError(f"no try guards it, so there is no second arm for `{flag}`; write one, or set it there by hand")
    edits: list[Edit] = []
    for guard in guards:
        settled = [*fatal, *(other for other in guards if other is not guard)]
        lacking = _lacking(source, guard, flag, bound, settled)
        if lacking and (len(guard.handlers) != 1 or not _holds(source, guard.body, chain)):
            raise SiteError(f"it cannot be told where `{flag}` belongs in its guard; set it in each arm by hand")
        edits += [_put(source, arm, f"{flag} = {arm is guard.body}") for arm in lacking]
    return edits


def _guards(source: Source, statement: cst.CSTNode) -> Iterator[cst.Try]:
    """Yield the innermost try that a statement is tried in, and those in whose handlers it stands."""
    child, tried = statement, False
    for above in source.ancestors(statement):
        if isinstance(above, cst.Try) and (isinstance(child, cst.ExceptHandler) or (child is above.body and not tried)):
            tried = tried or child is above.body
            yield above
        child = above


def _lacking(
    source: Source, guard: cst.Try, flag: str, bound: Sequence[cst.CSTNode], settled: Sequence[cst.CSTNode]
) -> list[cst.BaseSuite]:
    """Return the arms of a guard in which a flag has to be bound still; what is `settled` has its own."""
    arms = _arms(guard)
    lacking = [arm for arm in arms if not _holds(source, arm, bound)]
    earlier = any(source.span(node)[0] < source.span(guard)[0] for node in bound)
    told = any(_told(source, node, bound) for node in bound)
    if earlier and (told or len(lacking) < len(arms)):
        return []
    left = [arm for arm in lacking if not _holds(source, arm, settled)]
    if left and len(lacking) == len(arms) and not told:
        check_free(source, guard, flag)
    return left


def _told(source: Source, node: cst.CSTNode, bound: Sequence[cst.CSTNode]) -> bool:
    """Tell whether what binds a flag stands in a guard that binds it in every arm."""
    guards = (above for above in source.ancestors(node) if isinstance(above, cst.Try))
    return any(guard.handlers and all(_holds(source, arm, bound) for arm in _arms(guard)) for guard in guards)


def _arms(guard: cst.Try) -> list[cst.BaseSuite]:
    return [guard.body, *(handler.body for handler in guard.handlers)]


def _holds(source: Source, arm: cst.BaseSuite, nodes: Sequence[cst.CSTNode]) -> bool:
    return any(above is arm for node in nodes for above in source.ancestors(node))


def _put(source: Source, arm: cst.BaseSuite, line: str) -> Edit:
    """Return the edit that puts a line last in an arm, on the line of its header if that is where the arm stands."""
    if isinstance(arm, cst.SimpleStatementSuite):
        end = source.span(arm.body[-1])[1]
        return Edit(end, end, f"; {line}")
    start = source.outer(arm.body[0])[0]
    return lines_after(source, arm.body[-1], [indent_of(source, start) + line])
