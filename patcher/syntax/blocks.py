"""Statements put into a block or taken out of it; what stays keeps its bytes and its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.holes import short
from patcher.syntax.layout import indent_of, line_of
from patcher.syntax.matching import Match, candidates, match_at
from patcher.syntax.pattern import Code, statements
from patcher.syntax.source import Source

__all__ = [
    "block_of",
    "deletion",
    "holds",
    "imported_aliases",
    "insertion",
    "is_block",
    "is_definition",
    "is_read",
    "line_beside",
    "local_name",
    "stands_in",
    "why_kept",
    "without_names",
]

# What may read any name of a file by a text: these, and those where they are asked for everything.
BY_TEXT = frozenset({"eval", "exec", "globals", "locals"})
OF_ALL = frozenset({"dir", "vars"})
READING = re.compile(rb"\b(?:eval|exec|globals|locals|dir|vars)\b")
DOCTEST = re.compile(r"^[ \t]*(?:[rRuU]*['\"]+)?(?:>>>|\.\.\.) .*", re.MULTILINE)
TYPE = re.compile(r"#\s*type:(?!\s*ignore\b)")


def block_of(source: Source, match: Match, where: str) -> cst.CSTNode:
    """Return the block that an insertion goes into: around the anchor, or its own body for `first_in` and `last_in`."""
    if where in ("first_in", "last_in"):
        body = getattr(match.node, "body", None)
        assert isinstance(body, cst.CSTNode)
        return body
    return next(above for above in source.ancestors(match.node) if is_block(above))


def is_block(node: cst.CSTNode) -> bool:
    """Tell whether a node holds the statements of a block, the module's own included."""
    return isinstance(node, (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite))


def stands_in(source: Source, block: cst.CSTNode, code: Code, match: Match) -> cst.CSTNode | None:
    """Return the first statement of a block at which the code stands already, or None."""
    lines, count = statements(block), len(code.roots)
    for at in range(len(lines) - count + 1):
        found = lines[at : at + count]
        if source.together(found) and match_at(code, source, found, captures=match.captures):
            return lines[at]
    return None


def holds(source: Source, block: cst.CSTNode, codes: Iterable[Code], match: Match) -> cst.CSTNode | None:
    """Return where one of some patterns stands in a block or below it, with what an anchor captured, or None."""
    for code in codes:
        for nodes in candidates(code, source):
            found = match_at(code, source, nodes, captures=match.captures)
            if found is not None and any(above is block for above in source.ancestors(found.node)):
                return found.node
    return None


def insertion(source: Source, match: Match, where: str, write: Callable[[int], str]) -> Edit:
    """Return the edit that puts lines before or behind the anchor's statement, or first or last in its body.

    `write` gives the lines as they stand at an offset.

    Raises:
        SiteError: the anchor shares its line, so that a line cannot be put beside it.
    """
    if where in ("first_in", "last_in"):
        body = block_of(source, match, where)
        if not isinstance(body, cst.IndentedBlock):
            raise SiteError("its body stands on the line of its header; give it lines of its own first")
        lines = list(body.body)
        docstring = where == "first_in" and _is_docstring(lines[0]) and len(lines) > 0
        if where == "first_in" and not docstring:
            return _before(source, lines[0], write)
        return _behind(source, lines[0] if docstring else lines[-1], write)
    line = line_of(source, line_beside(source, match, where))
    return _before(source, line, write) if where == "before" else _behind(source, line, write)


def line_beside(source: Source, match: Match, where: str) -> cst.CSTNode:
    """Return the statement next to which an insertion goes: what is seen there is seen by its lines."""
    if where in ("first_in", "last_in"):
        return statements(block_of(source, match, where))[-1 if where == "last_in" else 0]
    return _statement(source, match.nodes[0] if where == "before" else match.nodes[-1])


def _statement(source: Source, node: cst.CSTNode) -> cst.CSTNode:
    """Return the statement that a node is or stands in."""
    kinds = (cst.BaseSmallStatement, cst.BaseCompoundStatement)
    return node if isinstance(node, kinds) else next(one for one in source.ancestors(node) if isinstance(one, kinds))


def _before(source: Source, line: cst.CSTNode, write: Callable[[int], str]) -> Edit:
    start = source.span(line)[0]
    decorators = getattr(line, "decorators", ())
    if decorators:
        start = source.span(decorators[0])[0]
    return Edit(start, start, write(start) + source.newline + indent_of(source, start))


def _behind(source: Source, line: cst.CSTNode, write: Callable[[int], str]) -> Edit:
    if _leaves(line):
        raise SiteError(
            f"`{short(source.code(line))}` leaves the block, so lines behind it would never run; put them `before` it"
        )
    start, end = source.span(line)
    indent = indent_of(source, start)
    position = _with_comments(source, line, indent, source.line_end(max(end - 1, start)))
    lines = indent + write(start)
    unfinished = not source.text[:position].endswith((b"\n", b"\r"))
    return Edit(position, position, source.newline + lines if unfinished else lines + source.newline)


def _with_comments(source: Source, line: cst.CSTNode, indent: str, end: int) -> int:
    """Return the end of a statement, or of the comments below that belong to its blocks because they are deeper."""
    for start, _ in source.comments if isinstance(line, cst.BaseCompoundStatement) else ():
        if start >= end:
            own = indent_of(source, start)
            if source.slice(end, start).strip() or own == indent or not own.startswith(indent):
                break
            end = source.line_end(start)
    return end


def _leaves(node: cst.CSTNode | None) -> bool:
    """Tell whether nothing that stands behind a statement in its block runs."""
    if isinstance(node, cst.If):
        return _leaves(node.body) and _leaves(node.orelse)
    if isinstance(node, (cst.Try, cst.TryStar)):
        ways = [node.orelse if _leaves(node.orelse) else node.body, *node.handlers]
        return _leaves(node.finalbody) or all(map(_leaves, ways))
    if isinstance(node, (cst.Else, cst.Finally, cst.ExceptHandler, cst.ExceptStarHandler)):
        return _leaves(node.body)
    if isinstance(node, (cst.IndentedBlock, cst.SimpleStatementSuite, cst.SimpleStatementLine)):
        return _leaves(node.body[-1])
    return isinstance(node, (cst.Return, cst.Raise, cst.Continue, cst.Break))


def _is_docstring(line: cst.CSTNode) -> bool:
    body = line.body if isinstance(line, cst.SimpleStatementLine) else ()
    first = body[0] if body else None
    return isinstance(first, cst.Expr) and isinstance(first.value, (cst.SimpleString, cst.ConcatenatedString))


# --- taking out -----------------------------------------------------------------------------------------------------


def deletion(source: Source, nodes: Sequence[cst.CSTNode], going: set[cst.CSTNode]) -> list[Edit]:
    """Return the edits that take statements out; a block that would be empty keeps a `pass`.

    `going` are all statements that the step takes out of the file, these among them.
    """
    block = next(above for above in source.ancestors(nodes[0]) if is_block(above))
    lines = statements(block)
    emptied = not isinstance(block, cst.Module) and all(line in going for line in lines)
    edits: list[Edit] = []
    for node in nodes:
        if emptied and node is lines[0]:
            edits.append(Edit(*source.span(node), "pass"))
        else:
            edits += _without(source, node, going - {lines[0]} if emptied else going)
    return edits


def _without(source: Source, node: cst.CSTNode, going: set[cst.CSTNode]) -> list[Edit]:
    line = source.parent(node) if isinstance(node, cst.BaseSmallStatement) else node
    together = list(getattr(line, "body", ())) if isinstance(node, cst.BaseSmallStatement) else [node]
    if any(one not in going for one in together):  # one of several, joined by semicolons
        index = together.index(node)
        if any(one not in going for one in together[index + 1 :]):
            return [Edit(source.span(node)[0], source.span(together[index + 1])[0], "")]
        return [Edit(source.span(together[index - 1])[1], source.span(node)[1], "")]
    assert line is not None
    start, end = source.span(line)
    decorators = getattr(line, "decorators", ())
    if decorators:
        start = source.span(decorators[0])[0]
    if node is not together[0]:
        return []  # its line goes with the first one
    # From the beginning of its first line to the end of its last one, a comment behind it included.
    return [Edit(source.line_start(start), source.line_end(max(end - 1, start)), "")]


def is_definition(node: cst.CSTNode) -> bool:
    """Tell whether a statement defines a function or a class, which is one thing with its block."""
    return isinstance(node, (cst.FunctionDef, cst.ClassDef))


# --- imports that nothing reads -------------------------------------------------------------------------------------


def imported_aliases(node: cst.CSTNode) -> list[cst.ImportAlias]:
    """Return the names of an import statement."""
    names = node.names if isinstance(node, (cst.Import, cst.ImportFrom)) else ()
    return list(names) if isinstance(names, (list, tuple)) else []


def why_kept(source: Source, statement: cst.CSTNode) -> str:
    """Return why an import may matter although nothing reads its names, or nothing."""
    if isinstance(statement, cst.ImportFrom) and source.names.module_of(statement) == "__future__":
        return "it tells Python how to read the file"
    for above in source.ancestors(statement):
        if isinstance(above, cst.FunctionDef):
            break  # it runs with the function, whatever that stands in
        if isinstance(above, cst.Try):
            return "it stands in a try, which may ask whether the package is there"
        if isinstance(above, cst.With) and any("suppress" in source.code(item) for item in above.items):
            return "it stands under a suppress, which may ask whether the package is there"
        if isinstance(above, cst.ClassDef):
            return "it makes an attribute of a class"
    return ""


def local_name(source: Source, alias: cst.ImportAlias) -> str:
    """Return the name that an import binds."""
    return source.code(alias.asname.name) if alias.asname else source.code(alias.name).partition(".")[0]


def is_read(source: Source, name: str, at: cst.CSTNode) -> bool:
    """Tell whether a file reads an imported name, exports it, deletes it, says it in a text, or may do so unseen."""
    if source.names.uses(name, at) or source.names.exported(name) or source.mentioned(name):
        return True
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    return any(map(word.search, _texts(source))) or _reads_by_text(source)


def _texts(source: Source) -> Iterator[str]:
    """Yield what a file says in strings, in the doctests of its docstrings and in comments that are types."""
    for one in source.of(cst.SimpleString):
        docstring = isinstance(source.parent(one), cst.Expr)
        yield "\n".join(DOCTEST.findall(one.value)) if docstring else one.value
    for start, end in source.comments:
        if TYPE.match(source.slice(start, end)):
            yield source.slice(start, end)


def _reads_by_text(source: Source) -> bool:
    """Tell whether a file may read any of its names by a text that is made as it runs."""
    for call in source.of(cst.Call) if READING.search(source.text) else ():
        name = call.func.value if isinstance(call.func, cst.Name) else ""
        if (name in BY_TEXT or (name in OF_ALL and not call.args)) and source.names.origins(call.func) == (name,):
            return True
    return any("sys.modules" in source.names.origins(one) for one in source.chains("modules"))


def without_names(source: Source, statement: cst.CSTNode, gone: Sequence[cst.ImportAlias]) -> list[Edit]:
    """Return the edits that take some, not all, of the names out of an import."""
    names = imported_aliases(statement)
    bracketed = getattr(statement, "lpar", None) is not None  # else a backslash in front needs the line
    edits: list[Edit] = []
    for index, alias in enumerate(names):
        if alias not in gone:
            continue
        start, end = source.span(alias)
        behind = source.span(alias.comma)[1] if isinstance(alias.comma, cst.Comma) else end
        line, line_end = source.line_start(start), source.line_end(behind)
        if bracketed and not source.slice(line, start).strip() and not source.slice(behind, line_end).strip():
            edits.append(Edit(line, line_end, ""))  # it has a line of its own
        elif any(one not in gone for one in names[index + 1 :]):
            edits.append(Edit(start, source.span(names[index + 1])[0], ""))
        else:  # nothing that stays is behind it: with the comma in front
            edits.append(Edit(source.span(names[index - 1])[1], end, ""))
    return edits
