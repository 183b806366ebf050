"""The names of an import, and where an import that a file lacks goes: behind those at its top; nothing is hoisted."""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.layout import lines_after
from patcher.syntax.source import Source

__all__ = ["Imported", "add_statement", "imported_names"]


@dataclass(frozen=True, slots=True)
class Imported:
    """One name of a from-import: as the module has it, as the file has it, as the statement has both; is it read."""

    name: str
    local: str
    written: str
    used: bool


def imported_names(source: Source, statement: cst.ImportFrom) -> tuple[str, list[Imported]]:
    """Return module and names of a from-import.

    Raises:
        SiteError: the statement imports everything.
    """
    if isinstance(statement.names, cst.ImportStar):
        raise SiteError("it imports everything (*), so it cannot be told which names are meant; import them by name")
    found: list[Imported] = []
    for alias in statement.names:
        name = source.code(alias.name)
        local = source.code(alias.asname.name) if alias.asname else name
        written = f"{name} as {local}" if alias.asname else name
        used = bool(source.names.uses(local, alias) or source.names.exported(local) or source.mentioned(local))
        found.append(Imported(name, local, written, used))
    return source.names.module_of(statement), found


# --- where a statement goes -----------------------------------------------------------------------------------------


def add_statement(source: Source, statement: str) -> Edit:
    """Return the edit that puts a statement behind the imports at the top of the file."""
    last = _last_of_top(source, "__future__" if statement.startswith("from __future__ ") else "")
    if last is None:
        start = _header_end(source)
        return Edit(start, start, f"{statement}{source.newline}")
    return lines_after(source, last, ["", statement] if _is_docstring(last) else [statement])


def _last_of_top(source: Source, module: str) -> cst.CSTNode | None:
    """Return the last line of the docstring and the imports (those from one module) that begin a file."""
    last: cst.CSTNode | None = None
    for line in source.module.body:
        if not (_imports_only(source, line, module) or (last is None and _is_docstring(line))):
            return last
        last = line
    return last


def _imports_only(source: Source, line: cst.CSTNode, module: str) -> bool:
    if not isinstance(line, cst.SimpleStatementLine):
        return False
    if module:
        return all(isinstance(one, cst.ImportFrom) and source.names.module_of(one) == module for one in line.body)
    return all(isinstance(one, (cst.Import, cst.ImportFrom)) for one in line.body)


def _is_docstring(line: cst.CSTNode) -> bool:
    body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    return (
        bool(body)
        and isinstance(body[0], cst.Expr)
        and isinstance(body[0].value, (cst.SimpleString, cst.ConcatenatedString))
    )


def _header_end(source: Source) -> int:
    """Return the offset behind the comments that begin a file, less those that touch its first statement."""
    header = list(source.module.header)
    blank = [index for index, line in enumerate(header) if line.comment is None]
    if blank:
        # The encoding is read from the first two lines only.
        cookie = [index for index, line in enumerate(header[:2]) if line.comment and "coding" in line.comment.value]
        header = header[: max(*blank, *cookie, 0) + 1]
    end = source.span(header[-1])[1] if header else 0
    first = source.span(source.module.body[0])[0] if source.module.body else 0
    return max(end, *(one.behind for one in source.unseen if one.end <= first), 0)
