"""Statements as lines: indentation, blocks and the edits that put statements under or behind others.

Every edit here is an insertion, so the statement that is moved deeper keeps its bytes, its comments and its place.
"""

from __future__ import annotations

import re

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.source import Source

__all__ = ["block_edits", "indent_of", "level_of", "line_of", "lines_after", "reindent", "shifted"]

RECIPE_INDENT = 4
LINE = re.compile(r"\n( *)(?=(\n)?)")


def indent_of(source: Source, offset: int) -> str:
    """Return the white space that begins the line of an offset."""
    line = source.slice(source.line_start(offset), offset)
    return line[: len(line) - len(line.lstrip(" \t\f"))]


def level_of(source: Source, offset: int) -> str:
    """Return one level of indentation as the block around a line has it, or as the file has it."""
    blocks = {source.outer(block.body[0])[0]: block for block in source.of(cst.IndentedBlock)}
    around = [start for start, block in blocks.items() if start <= offset <= source.span(block)[1]]
    return (blocks[max(around)].indent if around else None) or source.indent


def reindent(text: str, source: Source, start: int, unit: int = RECIPE_INDENT) -> str:
    """Return several lines of recipe code as they stand at an offset: the indentation and line ends of the place.

    `unit` is one level of indentation in the recipe's code. No line of the text begins inside a string.
    """
    if "\n" not in text:
        return text
    indent, level = indent_of(source, start), level_of(source, start)

    def laid_out(found: re.Match[str]) -> str:
        if found[2]:  # an empty line
            return source.newline
        levels, rest = divmod(len(found[1]), unit)
        return source.newline + indent + level * levels + " " * rest

    return LINE.sub(laid_out, text)


def shifted(source: Source, first: cst.CSTNode, last: cst.CSTNode, indent: str) -> str:
    """Return statements of the file, from `first` to `last`, as they stand under another indentation."""
    start, end = source.outer(first)[0], source.outer(last)[1]
    own = indent_of(source, start).encode()
    parts: list[str] = []
    position = start
    while (line := source.line_end(position)) < end:
        parts.append(source.slice(position, line))
        position = line
        if source.text.startswith(own, line) and not _in_string(source, line):
            parts.append(indent)
            position += len(own)
    return "".join((*parts, source.slice(position, end)))


def line_of(source: Source, statement: cst.CSTNode) -> cst.CSTNode:
    """Return the whole line or compound statement that a statement is, alone.

    Raises:
        SiteError: it shares its line with another statement or with the header of a block.
    """
    if isinstance(statement, cst.BaseCompoundStatement):
        return statement
    line = source.parent(statement)
    if isinstance(line, cst.SimpleStatementSuite):
        raise SiteError("it stands on the line of its header; give it a line of its own first")
    if not isinstance(line, cst.SimpleStatementLine) or len(line.body) > 1:
        raise SiteError("it shares its line with another statement; give it a line of its own first")
    return line


def block_edits(source: Source, first: cst.CSTNode, last: cst.CSTNode, header: str) -> list[Edit]:
    """Return the edits that put the lines from `first` to `last` one level deeper, under `header` (`if x`, `try`)."""
    start, end = source.outer(first)[0], source.outer(last)[1]
    indent, level = indent_of(source, start), level_of(source, start)
    edits = [Edit(start, start, f"{header}:{source.newline}{indent}{level}")]
    position = source.line_end(start)
    while position < end:
        if source.text[position : source.line_end(position)].strip() and not _in_string(source, position):
            # Behind the indentation of the block: tabs and blanks keep the order that its other lines have.
            at = position + len(indent) * source.text.startswith(indent.encode(), position)
            edits.append(Edit(at, at, level))
        position = source.line_end(position)
    return edits


def lines_after(source: Source, statement: cst.CSTNode, lines: list[str]) -> Edit:
    """Return the edit that puts lines behind a statement's last line; each line brings its own indentation.

    They go in front of that line's end and take its form, so that they stay in the cell of a notebook.
    """
    end = source.line_end(max(source.span(statement)[1] - 1, source.span(statement)[0]))
    at = end - len(source.text[:end]) + len(source.text[:end].rstrip(b"\r\n"))
    newline = source.slice(at, end) or source.newline
    return Edit(at, at, "".join(newline + line for line in lines))


def _in_string(source: Source, offset: int) -> bool:
    """Tell whether a line begins inside a string, where white space is part of the program."""
    return any(start < offset < end for start, end in source.long_strings)
