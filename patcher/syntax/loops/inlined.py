"""A loop as the statements of one turn, made those of all turns."""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops.axes import found_at
from patcher.syntax.loops.body import block
from patcher.syntax.loops.form import Form, asks_for_views, postfix, turns_axis
from patcher.syntax.loops.gathered import Consumer
from patcher.syntax.loops.keys import keys_written
from patcher.syntax.loops.sinks import Sink
from patcher.syntax.loops.values import Count, Refused, Unproved, Value, aligned

__all__ = ["Inlined"]


class Inlined(Form):
    """The statements of a turn, made those of all turns."""

    def text(self) -> str:
        """Return the file's text."""
        by_node = {id(sink.node): sink for sink in self.roles.sinks}
        for node in self.roles.live:
            sink = by_node.get(id(node))
            if sink is not None:
                self.sink(sink)
            else:
                self.statement(node)
        return self.written()

    def edited(self, node: ast.AST) -> str:
        """Return the text of a node after the edits."""
        return self.reading.text(node)

    def statement(self, node: ast.stmt) -> None:
        block(self.reading, [node], [])
        names = keys_written(node)
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name, text = node.targets[0].id, self.edited(node.value)
            value = self.reading.env[name]
            if value.moves and self._is_alias(name, text):
                self.reading.alias[name] = text
                return
            self.reading.alias.pop(name, None)
            self.lines.own(node, self.edited(node), shape=(self.head.loop.turns, value))
            return
        for name in names:
            self.reading.alias.pop(name, None)
        self.lines.own(node, self.edited(node))

    def _is_alias(self, name: str, text: str) -> bool:
        """Tell whether a name of the loop is another one for what stays the same."""
        root = text.partition(".")[0]
        plain = all(part.isidentifier() for part in text.split("."))
        times = sum(name in keys_written(one) for one in self.place.loop.body)
        key = ".".join(text.split(".")[:2]) if root == "self" else root
        return plain and times == 1 and key not in self.roles.written

    def sink(self, sink: Sink) -> None:
        if sink.kind == "count":
            self.lines.own(sink.node, self.counted(sink))
        elif sink.kind == "place":
            if any(one.kind == "ring" and one.place == sink.place for one in self.roles.sinks):
                self.lines.own(sink.node, f"\n{' ' * 0}".join(self._indented(sink, self.ring(sink))))
        else:
            getattr(self, f"_{sink.kind}")(sink, self.value(sink))

    def _indented(self, sink: Sink, lines: list[str]) -> list[str]:
        step = " " * (self.code.span(sink.node)[0] - self.code.line_start(sink.node.lineno))
        return [line if not at else step + line for at, line in enumerate(lines)]

    def _ring(self, sink: Sink, value: Value) -> None:
        lines = self.ring(sink)
        self.lines.lines += [self.lines.indent + line for line in lines]
        self.lines.own(sink.node, self.ringed(sink, self.edited(sink.value), value))

    def _append(self, sink: Sink, value: Value) -> None:
        use, text = self.use(sink), self.edited(sink.value)
        if value.axis is None:
            raise Unproved("gathers along an axis that is not known", sink.node)
        if not value.is_tensor:
            raise Refused("gathers what is no tensor", sink.node)
        shown = self._joined(use, value, sink.target) if use.call is not None else None
        if use.call is None and self.reading.unsure:
            raise Refused("keeps a list of what need not be tensors", sink.node)
        if shown is not None and value.outside:  # what is stacked is a copy
            text = f"{postfix(text)}.clone()"
        if shown is not None and asks_for_views(self.place):
            shown = f"{shown}.contiguous()"
        if use.call is None or shown is None:
            if value.axis.merged:
                raise Unproved("gathers slices in a list", sink.node)
            text = f"list({postfix(text)}.unbind({turns_axis(value)}))"
        else:
            self.outside.append((*self.code.span(use.call), shown))
        self.lines.own(sink.node, f"{sink.target} = {text}")

    def _joined(self, use: Consumer, value: Value, name: str) -> str | None:
        """Return what takes the place of `torch.stack(x, dim)` or `torch.cat(x, dim)`; None for a list of the turns."""
        axis, dim = value.axis, use.dim
        assert axis is not None
        if use.is_stack:
            if axis.merged:
                raise Unproved("stacks slices", use.call)
            at = turns_axis(value)
            there = axis.left == Count(dim) if dim >= 0 else axis.right == Count(-dim - 1)
            return name if there else f"{name}.movedim({at}, {dim})"
        if axis.merged:
            there = axis.left == Count(dim) if dim >= 0 else axis.right == Count(-dim - 1)
            if not there:
                raise Unproved("joins slices along another axis than the loop's", use.call)
            return name
        if dim >= 0 and axis.left == Count(dim):
            return f"{name}.flatten({dim}, {dim + 1})"
        if dim < 0 and axis.right == Count(-dim):
            return f"{name}.flatten({dim - 1}, {dim})"
        found_at(axis, dim, use.call or self.place.loop)
        return None

    def _write(self, sink: Sink, value: Value) -> None:
        node, target = self.target(sink)
        moved = self._moved(target, value)
        if moved:
            start, end = self.code.span(sink.value)
            text = f"{postfix(self.edited(sink.value))}.movedim({moved[0]}, {moved[1]})"
            self.reading.edits[:] = [one for one in self.reading.edits if not (start <= one[0] and one[1] <= end)]
            self.reading.edit(start, end, text, sink.node)
            value = replace(value, axis=target.axis)
        meeting = aligned([target, value], sink.node)
        if meeting.axis is None or target.axis is None or meeting.axis.left != target.axis.left:
            raise Unproved("writes what has more axes than its place", sink.node)
        if value.axis is not None and value.axis.merged != target.axis.merged:
            raise Unproved("writes a slice", sink.node)
        if "[" not in self.edited(node):
            start, end = self.code.span(node)
            self.reading.edits[:] = [one for one in self.reading.edits if not (start <= one[0] and one[1] <= end)]
            self.reading.edit(start, end, f"{self.code.of(node.value)}[:]", node)
        self.lines.own(sink.node, self.edited(sink.node), shape=(self.head.loop.turns, target))

    @staticmethod
    def _moved(target: Value, value: Value) -> tuple[int, int] | None:
        """Return where the axis of the turns is and where it is wanted, if these are two places."""
        known = target.rank is not None and target.rank.known and target.rank == value.rank
        if not known or value.axis is None or target.axis is None or value.axis.merged or target.axis.merged:
            return None
        return (turns_axis(value), turns_axis(target)) if value.axis.left != target.axis.left else None

    def _sum(self, sink: Sink, value: Value) -> None:
        if value.axis is None or value.axis.merged:
            raise Unproved("adds up along an axis that is not known", sink.node)
        start, end = self.code.span(sink.value)
        text = f"{postfix(self.edited(sink.value))}.sum({turns_axis(value)})"
        self.reading.edits[:] = [one for one in self.reading.edits if not (start <= one[0] and one[1] <= end)]
        self.reading.edit(start, end, text, sink.node)
        self.lines.own(sink.node, self.edited(sink.node))
