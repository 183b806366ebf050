"""Imports of a package that are led to a shim, wherever they stand: then nothing asks for the package any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit, Site, Status
from patcher.syntax.blocks import deletion, imported_aliases, local_name
from patcher.syntax.guards import ImportStatement, imports_of, refuse_unnamed
from patcher.syntax.layout import indent_of, line_of
from patcher.syntax.moved import Moved, taken_out
from patcher.syntax.source import Source

__all__ = ["Led", "lead_to"]

BLOCKS = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)


@dataclass(frozen=True, slots=True)
class Led:
    """What takes the place of an import: for a from-import the module, for `import` whole lines.

    `dropped` are names of the import, as the file has them, that go; `others` the names of other packages, each with
    its line.
    """

    module: str
    lines: tuple[str, ...]
    dropped: frozenset[str] = frozenset()
    others: Mapping[cst.ImportAlias, str] = field(default_factory=dict)


def lead_to(
    source: Source,
    roots: Iterable[str],
    other: Callable[[ImportStatement], Led],
    there: str,
    inside: Callable[[cst.CSTNode], bool] = lambda _: True,
) -> list[Site]:
    """Return one site for each import of `roots`, wherever it stands, with what takes its place.

    Imports of `there`, a shim as recipes name it, are there already. A line that stands above in the same block is not
    written twice: its import goes, and belongs to the site of the one above.
    """
    sites: dict[int, Site] = {}
    above: dict[tuple[cst.CSTNode, tuple[str, ...]], int] = {}
    for statement in filter(inside, imports_of(source, frozenset(roots))):
        offset = source.span(statement)[0]
        try:
            refuse_unnamed(source, statement)
            led = other(statement)
            block = next(one for one in source.ancestors(statement) if isinstance(one, BLOCKS))
            first = above.get((block, led.lines)) if isinstance(statement, cst.Import) else None
            if first is not None:
                gone = deletion(source, [statement], {statement})
                sites[first] = replace(sites[first], edits=(*sites[first].edits, *gone))
            else:
                sites[offset] = Site(offset, Status.APPLIED, edits=tuple(_led(source, statement, led)))
                above[block, led.lines] = offset
                own = [alias for alias in imported_aliases(statement) if alias not in led.others]
                new = len(set(led.lines).difference(led.others.values()))
                for alias in own[1:new]:  # each becomes an import of its own
                    sites[source.span(alias)[0]] = Site(source.span(alias)[0], Status.APPLIED)
        except SiteError as error:
            sites[offset] = Site(offset, Status.REFUSED, str(error))
    for binding in source.names.imports:
        if binding.statement is None or not inside(binding.statement):
            continue
        if any(f"{origin}.".startswith(f"{there}.") for origin in source.names.origins_of(binding)):
            offset = source.span(binding.statement)[0]
            sites.setdefault(offset, Site(offset, Status.ALREADY))
    return [sites[offset] for offset in sorted(sites)]


def _led(source: Source, statement: ImportStatement, led: Led) -> list[Edit]:
    if isinstance(statement, cst.Import) or not led.module:
        indent = indent_of(source, source.span(line_of(source, statement))[0]) if len(led.lines) > 1 else ""
        if led.lines:
            return [Edit(*source.span(statement), f"{source.newline}{indent}".join(led.lines))]
        return deletion(source, [statement], {statement})
    assert statement.module is not None
    gone = [alias for alias in imported_aliases(statement) if local_name(source, alias) in led.dropped]
    taken = taken_out(source, [Moved(statement, alias) for alias in gone]) if gone else []
    return [Edit(*source.span(statement.module), led.module), *taken]
