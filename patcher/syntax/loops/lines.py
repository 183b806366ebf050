"""The lines that take the place of a loop: each statement with the comments around it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from patcher.syntax.loops.files import Code
from patcher.syntax.loops.header import Place
from patcher.syntax.loops.values import Value

__all__ = ["Lines", "header_lines", "widened"]


@dataclass
class Lines:
    """The lines that take the place of a loop."""

    place: Place
    code: Code
    lines: list[str] = field(default_factory=list)
    more: str = ""

    @property
    def indent(self) -> str:
        return self.plain + self.more

    @property
    def plain(self) -> str:
        """The indentation of the loop."""
        line = self.code.data[self.code.line_start(self.place.loop.lineno) :].decode("utf-8", "replace")
        return line[: len(line) - len(line.lstrip(" \t"))]

    @property
    def step(self) -> int:
        """How much deeper the body stands than the loop."""
        first = self.place.loop.body[0]
        if first.lineno == self.place.loop.lineno:
            return 0
        return self.code.span(first)[0] - self.code.line_start(first.lineno) - len(self.plain)

    def own(self, node: ast.stmt, text: str, *, deeper: str = "", shape: tuple[str, Value] | None = None) -> None:
        """Add a statement of the body with the comments around it."""
        for line in self.leading(node):
            self.lines.append(
                f"{self.indent}{deeper}{line.strip()}" if line.strip() else line[self.step :][: len(self.plain)]
            )
        body = text.split("\n")
        first = self.code.line_start(node.lineno)
        step = self.code.span(node)[0] - first
        lines = [self.indent + deeper + body[0]]
        lines += [self.indent + deeper + line[step:] if not line[:step].strip() else line for line in body[1:]]
        lines[-1] += self.trailing(node, shape)
        self.lines += lines

    def leading(self, node: ast.stmt) -> list[str]:
        """Return the blank lines and comments in front of a statement of the body."""
        body = self.place.loop.body
        at = body.index(node)
        start = (body[at - 1].end_lineno or 0) + 1 if at else self.place.loop.lineno + header_lines(self.place.loop)
        if start >= node.lineno:
            return []
        text = self.code.data[self.code.line_start(start) : self.code.line_start(node.lineno)].decode()
        deep = len(self.plain) + self.step
        lines = text.removesuffix("\n").split("\n")
        # A comment that stands deeper is one of the block above, which has its own lines.
        lines = [line for line in lines if not line.strip() or len(line) - len(line.lstrip()) <= deep]
        kept: list[str] = []
        for line in lines:
            if line.strip() or (kept[-1:] or self.lines[-1:] or [""])[0].strip():
                kept.append(line)
        return kept

    def trailing(self, node: ast.stmt, shape: tuple[str, Value] | None) -> str:
        """Return the comment behind a statement; axes that it tells get the loop's one."""
        end = self.code.span(node)[1]
        line = self.code.data[end : self.code.line_start((node.end_lineno or 0) + 1)].decode().rstrip()
        return widened(line, shape) if shape is not None else line


def header_lines(loop: ast.For) -> int:
    """Return how many lines the header of a loop has."""
    return (loop.iter.end_lineno or loop.lineno) - loop.lineno + 1


def widened(comment: str, shape: tuple[str, Value]) -> str:
    """Return a comment with the loop's axis in a list of axes that it tells: `[batch, heads]`."""
    turns, value = shape
    axis = value.axis
    if axis is None or value.rank is None or not value.rank.known or not axis.left.known or axis.merged:
        return comment
    left, count = axis.left.extra, value.rank.extra

    def wider(match: re.Match[str]) -> str:
        words = [one.strip() for one in match[2].split(",")]
        if len(words) != count or not all(words):
            return match[0]
        return match[1] + ", ".join((*words[:left], turns.rpartition(".")[2], *words[left:])) + match[3]

    return re.sub(r"([\[(])([^\[\]()]*)([\])])", wider, comment) if "#" in comment else comment
