"""A loop as one turn in a function, over which torch.func.vmap goes."""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops import names
from patcher.syntax.loops.along import SAME
from patcher.syntax.loops.body import block
from patcher.syntax.loops.files import Code, dotted_name
from patcher.syntax.loops.form import Form, asks_for_views, turns_axis
from patcher.syntax.loops.gathered import consumer
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.sinks import Sink
from patcher.syntax.loops.values import Refused, Value

__all__ = ["Mapped"]


class Mapped(Form):
    """One turn as a function, over which torch.func.vmap goes."""

    loose = True

    def text(self) -> str:
        """Return the file's text."""
        if self.code.meaning(ast.Name("torch", ast.Load())) != "torch":
            raise Refused("needs `torch`, which the file does not import by this name", self.place.loop)
        if any("jit" in ast.unparse(one) for one in self.place.function.decorator_list):
            raise Refused("stands in TorchScript, which has no torch.func.vmap", self.place.loop)
        gathered = [sink for sink in self.roles.sinks if sink.kind not in ("count", "place")]
        by_node = {id(sink.node): sink for sink in self.roles.sinks}
        inside = [node for node in self.roles.live if id(node) not in by_node]
        if not gathered:
            raise Refused("gathers nothing that could be computed at once", self.place.loop)
        for node in self.roles.live:
            sink = by_node.get(id(node))
            if sink is None:
                block(self.reading, [node], [])
            elif sink in gathered:
                value = self.value(sink)
                if not value.moves or value.is_tensor is False:
                    raise Refused("gathers what is no tensor", sink.node)
        parameters = self._parameters()
        # vmap over no turns fails in some functions, where the loop does nothing; what stacks no turns fails as well.
        guard = "" if all(sink.kind == "append" for sink in gathered) else f"if {self.head.loop.turns}:"
        if guard:
            self.lines.lines.append(self.lines.indent + guard)
            self.lines.more = self._step()
        name = self.fresh("one_turn", f"at_{self.head.loop.variable}")
        self._function(name, parameters, inside, gathered)
        results = [self.fresh(f"{_word(sink.target)}_turns") for sink in gathered]
        self._call(name, parameters, gathered, results)
        self._gather(by_node, dict(zip((id(one) for one in gathered), results, strict=True)))
        return self.written()

    def _parameters(self) -> dict[str, tuple[str, int]]:
        """Return the arguments of a turn, each with the tensor of all turns and its axis."""
        found: dict[str, tuple[str, int]] = {name: (self.head.alias[name], 0) for name in self.head.parts}
        known: dict[tuple[str, int], str] = {}
        for source in self.reading.sources:
            key = (source.whole, source.axis)
            if key not in known:
                known[key] = self.fresh(f"{source.base}_{self.head.loop.variable}")
                found[known[key]] = key
            self.reading.edits.append((*source.span, known[key]))
        if not found:
            raise Refused("reads no tensor turn by turn", self.place.loop)
        return found

    def _function(
        self, name: str, parameters: dict[str, tuple[str, int]], inside: list[ast.stmt], gathered: list[Sink]
    ) -> None:
        step = self._step()
        self.lines.lines.append(f"{self.lines.indent}def {name}({', '.join(parameters)}):")
        for node in inside:
            self.lines.own(node, self.reading.text(node), deeper=step)
        values = ", ".join(self.reading.text(sink.value) for sink in gathered)
        self.lines.lines += [f"{self.lines.indent}{step}return {values}", ""]

    def _step(self) -> str:
        first = self.place.loop.body[0]
        line = self.code.data[self.code.line_start(first.lineno) : self.code.span(first)[0]].decode()
        return line[len(self.lines.plain) :] if not line.strip() and line != self.lines.plain else "    "

    def _call(
        self, name: str, parameters: dict[str, tuple[str, int]], gathered: list[Sink], results: list[str]
    ) -> None:
        ins = [axis for _, axis in parameters.values()]
        outs = [self._out(sink) for sink in gathered]
        words = [name]
        if set(ins) != {0}:
            words.append(f"in_dims={ins[0] if len(ins) == 1 else tuple(ins)}")
        if set(outs) != {0}:
            words.append(f"out_dims={outs[0] if len(outs) == 1 else tuple(outs)}")
        wholes = ", ".join(whole for whole, _ in parameters.values())
        self.lines.lines.append(
            f"{self.lines.indent}{', '.join(results)} = torch.func.vmap({', '.join(words)})({wholes})"
        )

    def _out(self, sink: Sink) -> int:
        if sink.kind == "append":
            use = consumer(self.place, sink.target)
            return use.dim if use.call is not None and use.is_stack else 0
        if sink.kind == "write":
            _, target = self.target(sink)
            return turns_axis(target)
        return 0

    def _gather(self, by_node: dict[int, Sink], results: dict[int, str]) -> None:
        for node in self.roles.live:
            sink = by_node.get(id(node))
            if sink is None:
                continue
            name = results.get(id(sink), "")
            match sink.kind:
                case "count":
                    text = self.counted(sink)
                case "place":
                    continue
                case "append":
                    text = self._appended(sink, name)
                case "ring":
                    self.lines.lines += [self.lines.indent + line for line in self.ring(sink)]
                    text = self.ringed(sink, name, Value(anywhere=True))
                case "write":
                    text = self._placed(sink, name)
                case _:
                    start, end = self.code.span(sink.value)
                    text = self.reading.text(sink.node)
                    whole = self.code.of(sink.node)
                    own = self.code.span(sink.node)
                    text = f"{whole[: start - own[0]]}{name}.sum(0){whole[end - own[0] :]}"
            self.lines.lines.append(self.lines.indent + text)

    def _appended(self, sink: Sink, name: str) -> str:
        use = self.use(sink)
        if use.call is None:
            raise Refused("keeps a list of what is not followed", sink.node)
        if not use.is_stack:
            raise Refused("joins parts whose axes are not known", sink.node)
        layout = ".contiguous()" if asks_for_views(self.place) else ""
        self.outside.append((*self.code.span(use.call), f"{sink.target}{layout}"))
        return f"{sink.target} = {name}" if _computes(sink.value) else f"{sink.target} = {name}.clone()"

    def _placed(self, sink: Sink, name: str) -> str:
        node, target = self.target(sink)
        if target.axis is None or target.axis.merged:
            raise Refused("writes a slice", sink.node)
        written = self.reading.text(node)
        reading = _placed_for_all(self, sink)
        written = reading.text(node)
        if "[" not in written:
            written = f"{self.code.of(node.value)}[:]"
        op = "=" if isinstance(sink.node, ast.Assign) else _operator(sink.node, self.code)
        return f"{written} {op} {name}"


def _placed_for_all(form: Form, sink: Sink) -> Reading:
    """Return a reading in which the place that a sink writes to stands for all turns."""
    reading = replace(form.reading, loose=False, edits=[], sources=[], env=dict(form.reading.env))
    form_reading, form.reading = form.reading, reading
    try:
        form.target(sink)
    finally:
        form.reading = form_reading
    return reading


def _computes(node: ast.expr) -> bool:
    """Tell whether an expression surely gives a new tensor, and no view of what a turn reads, as a stack never is."""
    if isinstance(node, ast.BinOp):
        return True
    name = dotted_name(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    name = name or (node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else "")
    new = names.PLACEWISE - SAME | names.REDUCES | names.ALONG | names.LAST | names.LOSSES
    return name in new | {"matmul", "bmm", "mm", "mv", "einsum", "outer", "cat", "stack", "inv", "where"}


def _operator(node: ast.stmt, code: Code) -> str:
    assert isinstance(node, ast.AugAssign)
    between = code.data[code.span(node.target)[1] : code.span(node.value)[0]].decode()
    return between.strip()


def _word(key: str) -> str:
    return key.rpartition(".")[2]
