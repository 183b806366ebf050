"""A loop as batched code, or the reason why it must stay a loop.

The statements of one turn stay as they are written, with the axes that they count moved past the loop's; what gathered
the turns takes the whole. Where the text does not show how the axis travels, the turn becomes a function that
torch.func.vmap takes over all turns. Nothing here is believed: what it writes is proved by running it beside the loop.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from patcher.syntax.loops.axes import found_at
from patcher.syntax.loops.body import block
from patcher.syntax.loops.files import Code, Files, dotted_name
from patcher.syntax.loops.gathered import Consumer, consumer, emptied
from patcher.syntax.loops.header import Header, Place, before, header
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.roles import Roles, Sink, carries, independent, joined_parts, keys_written, roles, stays
from patcher.syntax.loops.rest import known_calls
from patcher.syntax.loops.tidy import spare, tidied
from patcher.syntax.loops.values import Count, Refused, Unproved, Value, aligned

__all__ = ["BATCHED", "VMAP", "Rewritten", "rewritten"]

BATCHED, VMAP = "batched", "vmap"
WIDTH = 120


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The text of a file with a loop batched, and the form: inlined code, or torch.func.vmap."""

    text: str
    form: str


def rewritten(place: Place, files: Files) -> Rewritten:
    """Return the file with a loop batched.

    Raises:
        Refused: the loop must stay.
    """
    reading = before(place, files)
    head = header(place, reading)
    _check_text(place)
    try:
        found = roles(place.loop, head.variables)
        text, form = _formed(place, reading, head, found)
        _check_behind(place, found.written | head.variables, found.sinks)
    except Refused as refused:
        split = _split(place, reading, head)
        if split is None:
            raise refused from None
        text, form = split
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise Refused(f"cannot be written as batched code ({error.msg})", place.loop) from None
    return Rewritten(tidied(text, place), form)


def _formed(place: Place, reading: Reading, head: Header, found: Roles, rest: str = "") -> tuple[str, str]:
    """Return the file with what some sinks gather batched, and the form; `rest` is what stays of the loop."""
    try:
        return _Inlined(place, reading, head, found, rest).text(), BATCHED
    except Unproved as unproved:
        try:
            return _Mapped(place, reading, head, found, rest).text(), VMAP
        except Unproved:
            raise unproved from None


def _split(place: Place, reading: Reading, head: Header) -> tuple[str, str] | None:
    """Return the file with the loop split: what is independent is batched, and the rest stays a loop; None if none is."""
    parts = independent(place.loop, head.variables)
    kept: list[Roles] = []
    for part in parts:
        try:
            _formed(place, reading, head, part)
        except Refused:
            continue
        kept.append(part)
    together = joined_parts(place.loop, kept)
    if together is None:
        return None
    rest = stays(place, together)
    if not rest or not carries(place.loop, rest, head.variables) or not all(known_calls(one, reading) for one in rest):
        return None
    try:
        _check_behind(place, _lost(together, rest) | frozenset(), together.sinks)
        return _formed(place, reading, head, together, _loop_of(place, rest))
    except Refused:
        return None


def _lost(together: Roles, rest: list[ast.stmt]) -> frozenset[str]:
    """Return the names that only what is batched has written."""
    left = {key for one in rest for key in keys_written(one)}
    return frozenset(key for one in together.live for key in keys_written(one)) - left


def _loop_of(place: Place, rest: list[ast.stmt]) -> str:
    """Return the text of the loop with some of its statements."""
    code, loop = place.code, place.loop
    first = code.line_start(loop.lineno)
    parts = [code.data[first : code.line_start(loop.lineno + _header_lines(loop))].decode()]
    for at, one in enumerate(loop.body):
        if one in rest:
            start = (loop.body[at - 1].end_lineno or 0) + 1 if at else one.lineno
            parts.append(code.data[code.line_start(start) : code.line_start((one.end_lineno or 0) + 1)].decode())
    return "".join(parts)


def _check_text(place: Place) -> None:
    """Refuse text that cannot be moved line by line."""
    lines = [one.lineno for one in place.loop.body]
    if len(set(lines)) != len(lines):
        raise Refused("has several statements on one line", place.loop)
    if any(isinstance(one, ast.Try) for one in place.above):
        raise Refused("stands in a `try`, whose handler may read what the turns before have left", place.loop)
    for node in ast.walk(place.loop):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno:
            raise Refused("has a text over several lines", node)


def _check_behind(place: Place, written: frozenset[str], sinks: Iterable[Sink]) -> None:
    """Refuse to take away what is read behind the loop: the value of the last turn."""
    local = written - {sink.target for sink in sinks if sink.kind != "place"}
    end = place.loop.end_lineno or 0
    inside = {id(one) for one in ast.walk(place.loop)}
    outer = [one for one in place.above if isinstance(one, ast.For | ast.While)]
    bound = {name for one in ast.walk(place.function) for name in _bound_behind(one, inside, end, outer)}
    for one in ast.walk(place.function):
        if not isinstance(one, ast.Name) or id(one) in inside or not isinstance(one.ctx, ast.Load):
            continue
        later = one.lineno > end or (outer and one.lineno >= outer[0].lineno)
        if one.id in local and later and (one.id, one.lineno) not in bound:
            raise Refused(f"leaves `{one.id}` of its last turn, which is read behind it", one)
    if place.loop.orelse:
        raise Refused("has an `else`", place.loop)


def _bound_behind(node: ast.AST, inside: set[int], end: int, outer: list[ast.stmt]) -> Iterable[tuple[str, int]]:
    """Yield the reads (name and line) that follow a new binding in the same block, behind the loop."""
    for body in (getattr(node, name, None) for name in ("body", "orelse", "finalbody")):
        known: set[str] = set()
        for one in body if isinstance(body, list) else ():
            if id(one) in inside or (one.lineno <= end and not outer):
                continue
            for name in ast.walk(one):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and name.id in known:
                    yield name.id, name.lineno
            if isinstance(one, ast.Assign):
                known |= {name.id for target in one.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
            elif isinstance(one, ast.For):
                targets = {name.id for name in ast.walk(one.target) if isinstance(name, ast.Name)}
                for name in ast.walk(one):
                    if isinstance(name, ast.Name) and name.id in targets:
                        yield name.id, name.lineno


# --- lines ------------------------------------------------------------------------------------------------------------


@dataclass
class _Lines:
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
        start = (body[at - 1].end_lineno or 0) + 1 if at else self.place.loop.lineno + _header_lines(self.place.loop)
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
        return _widened(line, shape) if shape is not None else line


def _header_lines(loop: ast.For) -> int:
    return (loop.iter.end_lineno or loop.lineno) - loop.lineno + 1


def _widened(comment: str, shape: tuple[str, Value]) -> str:
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


# --- both forms -------------------------------------------------------------------------------------------------------


class _Form:
    """What both forms share: the loop, what is known in front of it, and the file's edits outside of it."""

    loose = False

    def __init__(self, place: Place, reading: Reading, head: Header, found: Roles, rest: str) -> None:
        self.rest = rest
        self.place, self.code, self.head, self.roles = place, place.code, head, found
        self.before = reading
        self.lines = _Lines(place, place.code)
        self.outside: list[tuple[int, int, str]] = []
        self.taken = {one.id for one in ast.walk(place.function) if isinstance(one, ast.Name)}
        env = {name: value for name, value in reading.env.items() if name not in found.written}
        self.reading = Reading(
            place.code,
            reading.files,
            env | head.parts,
            loop=head.loop,
            self_class=place.owner,
            loose=self.loose,
            alias={} if self.loose else dict(head.alias),
            assigned=found.written,
            many=reading.many,
            may_be_empty=any(
                sink.kind != "append" or consumer(place, sink.target).call is None for sink in found.sinks
            ),
        )
        self.rings: dict[str, tuple[str, str]] = {}
        if head.first_line:
            name = head.first_line.partition(" ")[0]
            if name in self.taken:
                raise Refused(f"needs a name, and `{name}` is taken", place.loop)
            self.lines.lines.append(self.lines.indent + head.first_line)

    def fresh(self, *words: str) -> str:
        """Return a name that the function does not have."""
        for word in (*words, *(f"{words[0]}_{count}" for count in range(2, 99))):
            if word not in self.taken:
                self.taken.add(word)
                return word
        raise Refused("needs more names than can be found", self.place.loop)

    def written(self) -> str:
        """Return the file with the lines in place of the loop."""
        start = self.code.line_start(self.place.loop.lineno)
        end = self.code.line_start((self.place.loop.end_lineno or 0) + 1)
        text = "\n".join(self.lines.lines) + "\n" + self.rest
        if end == len(self.code.data) and not self.code.data.endswith(b"\n"):
            text = text.removesuffix("\n")
        parts, at = [], 0
        for first, last, new in sorted([*self.outside, (start, end, text)]):
            before, behind = self.code.data[at:first].decode(), self.code.data[last:].decode()
            parts += [before, new]
            at = last
            if not new and first == self.code.line_start(_line(self.code, first)):
                at += spare(before, behind)
        return "".join((*parts, self.code.data[at:].decode()))

    # --- what gathers ---------------------------------------------------------------------------------------------------

    def use(self, sink: Sink) -> Consumer:
        """Take away the empty list in front of the loop, and return what reads the list behind it."""
        self.outside.append(emptied(self.place, sink.target))
        return consumer(self.place, sink.target)

    def target(self, sink: Sink) -> tuple[ast.Subscript, Value]:
        """Return the place that a sink writes to, and what it is in one turn."""
        node = sink.node.targets[0] if isinstance(sink.node, ast.Assign) else sink.node.target  # type: ignore[attr-defined]
        held = self.held(sink.target, sink.node)
        owned = held.fresh or (sink.target.startswith("self.") and held.is_tensor)
        if not owned:
            raise Refused(f"writes to `{sink.target}`, which the function did not make", sink.node)
        _check_alone(self.place, sink.target, sink.node)
        self.reading.env[sink.target] = held
        loose, self.reading.loose = self.reading.loose, False
        try:
            value = self.reading.read(ast.copy_location(ast.Subscript(node.value, node.slice, ast.Load()), node))
        finally:
            self.reading.loose = loose
            del self.reading.env[sink.target]
        return node, value

    def held(self, key: str, node: ast.AST) -> Value:
        """Return what is written to, as it is in front of the loop."""
        if key.startswith("self."):
            return self.before.read(_parsed(key, node))
        return self.before.env.get(key, Value())

    def value(self, sink: Sink) -> Value:
        """Return what a sink gathers in one turn; the place that it writes to may be read there too."""
        again = sink.kind == "write" and _reads_own(sink)
        if again:
            self.reading.env[sink.target] = self.held(sink.target, sink.node)
        try:
            value = self.reading.read(sink.value)
        finally:
            if again:
                del self.reading.env[sink.target]
        if value.index is not None:
            raise Refused("uses the loop's variable as a number, not only as an index", sink.node)
        if value.items is not None:
            raise Refused("gathers several things at once", sink.node)
        if not value.moves and sink.kind != "write":
            raise Refused("gathers what is the same at every turn", sink.node)
        return value

    def counted(self, sink: Sink) -> str:
        """Return the statement that counts all turns at once."""
        step = self.code.of(sink.value)
        turns = self.head.loop.turns
        more = turns if step == "1" else f"{step} * {_closed(turns)}"
        if sink.size:
            return f"{sink.target} = ({sink.target} + {more}) % {sink.size}"
        return f"{sink.target} += {more}"

    def ring(self, sink: Sink) -> list[str]:
        """Return the lines that make the places of a ring; at most as many as it has, so that none comes twice."""
        if sink.counter in self.rings:
            return []
        counter = next(one for one in self.roles.sinks if one.kind == "count" and one.target == sink.counter)
        if self.code.of(counter.value) != "1":
            raise Refused(f"counts `{sink.counter}` by more than one", sink.node)
        if self.code.meaning(ast.Name("torch", ast.Load())) != "torch":
            raise Refused("needs `torch`, which the file does not import by this name", sink.node)
        kept, turns = self.fresh("kept", "last"), _closed(self.head.loop.turns)
        name = sink.place or self.fresh("slots", "places")
        self.rings[sink.counter] = (name, kept)
        held = self.held(sink.counter, sink.node)
        device = f", device={sink.counter}.device" if held.is_tensor else ""
        if held.is_tensor and not (held.rank is not None and held.rank.known and held.rank.extra <= 1):
            raise Unproved(f"counts with `{sink.counter}`, whose axes are not known", sink.node)
        lines = [f"{kept} = min({self.head.loop.turns}, {sink.size})"]
        turned = f"torch.arange({turns} - {kept}, {self.head.loop.turns}{device})"
        if len(line := f"{name} = ({sink.counter} + {turned}) % {_closed(sink.size)}") <= WIDTH - len(
            self.lines.indent
        ):
            return [*lines, line]
        steps = self.fresh("steps", "offsets")
        return [*lines, f"{steps} = {turned}", f"{name} = ({sink.counter} + {steps}) % {_closed(sink.size)}"]

    def ringed(self, sink: Sink, text: str, value: Value) -> str:
        """Return the write of all turns that stay in a ring."""
        name, kept = self.rings[sink.counter]
        _check_alone(self.place, sink.target, sink.node)
        held = self.held(sink.target, sink.node)
        if not value.anywhere:
            assert value.axis is not None
            if held.rank is None or value.rank is None or held.rank != value.rank.plus(1) or value.axis.merged:
                raise Unproved(f"writes to `{sink.target}`, whose axes are not known", sink.node)
            if value.axis.left != Count(0):
                text = f"{_postfix(text)}.movedim({_at(value)}, 0)"
        first = f"{_closed(self.head.loop.turns)} - {kept}"
        # What is detached stays so to the end, for whoever asks whether what is stored is.
        inner = text.removesuffix(".detach()")
        detached = ".detach()" if inner != text else ""
        return f"{sink.target}[{name}] = {_postfix(inner)}[{first}:].to({sink.target}){detached}"


def _line(code: Code, offset: int) -> int:
    return code.data.count(b"\n", 0, offset) + 1


def _viewed(place: Place, name: str) -> bool:
    """Tell whether `view` is called behind a loop, which asks for the layout that a stack has."""
    end = place.loop.end_lineno or 0
    calls = [one for one in ast.walk(place.function) if isinstance(one, ast.Call) and one.lineno > end]
    return any(isinstance(one.func, ast.Attribute) and one.func.attr == "view" for one in calls)


def _check_alone(place: Place, key: str, node: ast.stmt) -> None:
    """Refuse to write to what may be read under another name: only its own name is seen to be written to."""
    inside = {id(one) for one in ast.walk(place.loop)}
    above = {id(one): other for other in ast.walk(place.function) for one in ast.iter_child_nodes(other)}
    for one in ast.walk(place.function):
        if id(one) in inside or not isinstance(one, ast.Name | ast.Attribute) or dotted_name(one) != key:
            continue
        parent = above.get(id(one))
        asked = isinstance(parent, ast.Attribute) and parent.attr in ("shape", "size", "dtype", "device", "ndim", "dim")
        written = isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
        early = one.lineno < place.loop.lineno or any(isinstance(other, ast.For | ast.While) for other in place.above)
        if isinstance(one.ctx, ast.Load) and early and not (asked or written):
            raise Refused(f"writes to `{key}`, which may have another name too (line {one.lineno})", node)


def _reads_own(sink: Sink) -> bool:
    """Tell whether all that a write reads of its target is the very place that it writes to."""
    target = sink.node.targets[0] if isinstance(sink.node, ast.Assign) else sink.node.target  # type: ignore[attr-defined]
    own = ast.unparse(target)
    found = [one for one in ast.walk(sink.value) if isinstance(one, ast.Subscript) and ast.unparse(one) == own]
    reads = [one for one in ast.walk(sink.value) if dotted_name(one) == sink.target and isinstance(one, ast.expr)]
    return bool(found) and len(found) == len(reads)


def _parsed(text: str, node: ast.AST) -> ast.expr:
    found = ast.parse(text, mode="eval").body
    for one in ast.walk(found):
        ast.copy_location(one, node)
    return found


def _closed(text: str) -> str:
    """Return an expression that may stand inside of another."""
    try:
        simple = not isinstance(ast.parse(text, mode="eval").body, ast.BinOp | ast.BoolOp | ast.IfExp | ast.Compare)
    except SyntaxError:
        return f"({text})"
    return text if simple else f"({text})"


def _postfix(text: str) -> str:
    """Return an expression behind which a dot or a bracket may stand."""
    plain = ast.Name | ast.Attribute | ast.Call | ast.Subscript
    return text if isinstance(ast.parse(text, mode="eval").body, plain) else f"({text})"


def _at(value: Value) -> int:
    """Return the axis of the turns in the batched tensor."""
    axis = value.axis
    if axis is not None and axis.left.known:
        return axis.left.extra
    if axis is not None and axis.right.known:
        return -axis.right.extra - 1
    raise Unproved("gathers along an axis that is not known")


# --- inlined ----------------------------------------------------------------------------------------------------------


class _Inlined(_Form):
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
            text = f"{_postfix(text)}.clone()"
        if shown is not None and _viewed(self.place, sink.target) and not shown.endswith(")"):
            shown = f"{shown}.contiguous()"
        if use.call is None or shown is None:
            if value.axis.merged:
                raise Unproved("gathers slices in a list", sink.node)
            text = f"list({_postfix(text)}.unbind({_at(value)}))"
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
            at = _at(value)
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
            text = f"{_postfix(self.edited(sink.value))}.movedim({moved[0]}, {moved[1]})"
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
        return (_at(value), _at(target)) if value.axis.left != target.axis.left else None

    def _sum(self, sink: Sink, value: Value) -> None:
        if value.axis is None or value.axis.merged:
            raise Unproved("adds up along an axis that is not known", sink.node)
        start, end = self.code.span(sink.value)
        text = f"{_postfix(self.edited(sink.value))}.sum({_at(value)})"
        self.reading.edits[:] = [one for one in self.reading.edits if not (start <= one[0] and one[1] <= end)]
        self.reading.edit(start, end, text, sink.node)
        self.lines.own(sink.node, self.edited(sink.node))


# --- torch.func.vmap --------------------------------------------------------------------------------------------------


class _Mapped(_Form):
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
            return _at(target)
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
        self.outside.append((*self.code.span(use.call), sink.target))
        return f"{sink.target} = {name}"

    def _placed(self, sink: Sink, name: str) -> str:
        node, target = self.target(sink)
        if target.axis is None or target.axis.merged:
            raise Refused("writes a slice", sink.node)
        written = self.reading.text(node)
        reading = replace_loose(self, sink)
        written = reading.text(node)
        if "[" not in written:
            written = f"{self.code.of(node.value)}[:]"
        op = "=" if isinstance(sink.node, ast.Assign) else _operator(sink.node, self.code)
        return f"{written} {op} {name}"


def replace_loose(form: _Form, sink: Sink) -> Reading:
    """Return a reading in which the place that a sink writes to stands for all turns."""
    reading = replace(form.reading, loose=False, edits=[], sources=[], env=dict(form.reading.env))
    form_reading, form.reading = form.reading, reading
    try:
        form.target(sink)
    finally:
        form.reading = form_reading
    return reading


def _operator(node: ast.stmt, code: Code) -> str:
    assert isinstance(node, ast.AugAssign)
    between = code.data[code.span(node.target)[1] : code.span(node.value)[0]].decode()
    return between.strip()


def _word(key: str) -> str:
    return key.rpartition(".")[2]

