"""Text and byte spans of a module in one walk.

LibCST's ByteSpanPositionProvider gives the same spans, and a test holds the two together; but it visits the module once
for nothing, walks it again for the text, and enters a generator for every node. This takes a fifth of the time, which
every step of a recipe pays for every file that changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import libcst as cst

__all__ = ["Spans", "behind_param", "spans_of"]

Spans = dict[cst.CSTNode, tuple[int, int]]


def spans_of(module: cst.Module) -> tuple[bytes, Spans]:
    """Return the module's text in UTF-8 without a byte-order mark, and start and end of every node in it.

    A span is without the node's own parentheses, and without white space and comments around it.
    """
    state = _State(module.default_indent, module.default_newline)
    module._codegen(state)  # type: ignore[arg-type]  # a state of our own, with the methods of LibCST's
    return "".join(state.tokens).encode("utf-8"), state.spans


def behind_param(param: cst.Param, span: Callable[[cst.CSTNode], tuple[int, int]]) -> int:
    """Return the end of a parameter with its annotation and default; the span of LibCST ends behind its name."""
    annotation = param.annotation.annotation if param.annotation else None
    return max(span(part)[1] for part in (param.name, annotation, param.default) if part is not None)


class _State:
    """What LibCST's nodes write themselves to: the tokens, and where each node begins and ends."""

    def __init__(self, default_indent: str, default_newline: str) -> None:
        self.default_indent, self.default_newline = default_indent, default_newline
        self.indent_tokens: list[str] = []
        self.tokens: list[str] = []
        self.position = 0
        self.spans: Spans = {}
        self._starts: list[int] = []

    def increase_indent(self, value: str) -> None:
        self.indent_tokens.append(value)

    def decrease_indent(self) -> None:
        self.indent_tokens.pop()

    def add_indent_tokens(self) -> None:
        for token in self.indent_tokens:
            self.add_token(token)

    def add_token(self, value: str) -> None:
        self.tokens.append(value)
        self.position += len(value) if value.isascii() else len(value.encode("utf-8"))

    def before_codegen(self, node: cst.CSTNode) -> None:
        self._starts.append(self.position)

    def after_codegen(self, node: cst.CSTNode) -> None:
        start = self._starts.pop()
        self.spans.setdefault(node, (start, self.position))

    def pop_trailing_newline(self) -> None:
        if self.tokens:
            self.tokens.pop()

    def record_syntactic_position(
        self, node: cst.CSTNode, *, start_node: cst.CSTNode | None = None, end_node: cst.CSTNode | None = None
    ) -> _Syntactic:
        return _Syntactic(self, node, start_node, end_node)


class _Syntactic:
    """The part of a node that is not white space around it."""

    __slots__ = ("_end_node", "_node", "_start", "_start_node", "_state")

    def __init__(
        self, state: _State, node: cst.CSTNode, start_node: cst.CSTNode | None, end_node: cst.CSTNode | None
    ) -> None:
        self._state, self._node, self._start_node, self._end_node = state, node, start_node, end_node
        self._start = 0

    def __enter__(self) -> Self:
        self._start = self._state.position
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed is not None:  # nested too deeply: what stands below was never written
            return
        spans = self._state.spans
        start = self._start if self._start_node is None else spans[self._start_node][0]
        end = self._state.position if self._end_node is None else spans[self._end_node][1]
        spans[self._node] = (start, end)
