"""What inlined code and torch.func.vmap share: the loop, what gathers it, and the file around it."""

from __future__ import annotations

import ast

from patcher.syntax.loops.expressions import expression
from patcher.syntax.loops.files import Code, dotted_name
from patcher.syntax.loops.gathered import Consumer, consumer, emptied
from patcher.syntax.loops.header import Header, Place
from patcher.syntax.loops.lines import Lines
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.roles import Roles
from patcher.syntax.loops.sinks import Sink, target_of
from patcher.syntax.loops.tidy import spare
from patcher.syntax.loops.values import Count, Refused, Unproved, Value

__all__ = ["Form", "asks_for_views", "check_alone", "postfix", "turns_axis"]

WIDTH = 120


class Form:
    """What both forms share: the loop, what is known in front of it, and the file's edits outside of it."""

    loose = False

    def __init__(self, place: Place, reading: Reading, head: Header, found: Roles, rest: str) -> None:
        self.rest = rest
        self.place, self.code, self.head, self.roles = place, place.code, head, found
        self.before = reading
        self.lines = Lines(place, place.code)
        self.outside: list[tuple[int, int, str]] = []
        self.taken = {one.id for one in ast.walk(place.function) if isinstance(one, ast.Name)}
        env = {name: value for name, value in reading.env.items() if name not in found.written}
        self.reading = Reading(
            place.code,
            reading.files,
            env | head.parts,
            expression,
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

    # --- what gathers -------------------------------------------------------------------------------------------------

    def use(self, sink: Sink) -> Consumer:
        """Take away the empty list in front of the loop, and return what reads the list behind it."""
        self.outside.append(emptied(self.place, sink.target))
        return consumer(self.place, sink.target)

    def target(self, sink: Sink) -> tuple[ast.Subscript, Value]:
        """Return the place that a sink writes to, and what it is in one turn."""
        node = target_of(sink.node)
        held = self.held(sink.target, sink.node)
        owned = held.fresh or (sink.target.startswith("self.") and held.is_tensor)
        if not owned:
            raise Refused(f"writes to `{sink.target}`, which the function did not make", sink.node)
        check_alone(self.place, sink.target, sink.node)
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
        if sink.kind == "sum" and isinstance(sink.node, ast.AugAssign):
            self._check_own(sink)
        if not value.moves and sink.kind != "write":
            raise Refused("gathers what is the same at every turn", sink.node)
        return value

    def _check_own(self, sink: Sink) -> None:
        """Refuse to add in place to what may be a part of something that a turn reads."""
        held = self.held(sink.target, sink.node)
        if held.is_tensor is False and held.items is None:
            return
        if not held.fresh:
            raise Refused(f"adds in place to `{sink.target}`, which the function did not make", sink.node)
        check_alone(self.place, sink.target, sink.node)

    def counted(self, sink: Sink) -> str:
        """Return the statement that counts all turns at once."""
        step = self.code.of(sink.value)
        turns = self.head.loop.turns
        more = turns if step == "1" else f"{step} * {closed(turns)}"
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
        kept, turns = self.fresh("kept", "last"), closed(self.head.loop.turns)
        name = sink.place or self.fresh("slots", "places")
        self.rings[sink.counter] = (name, kept)
        held = self.held(sink.counter, sink.node)
        device = f", device={sink.counter}.device" if held.is_tensor else ""
        if held.is_tensor and not (held.rank is not None and held.rank.known and held.rank.extra <= 1):
            raise Unproved(f"counts with `{sink.counter}`, whose axes are not known", sink.node)
        lines = [f"{kept} = min({self.head.loop.turns}, {sink.size})"]
        turned = f"torch.arange({turns} - {kept}, {self.head.loop.turns}{device})"
        if len(line := f"{name} = ({sink.counter} + {turned}) % {closed(sink.size)}") <= WIDTH - len(self.lines.indent):
            return [*lines, line]
        steps = self.fresh("steps", "offsets")
        return [*lines, f"{steps} = {turned}", f"{name} = ({sink.counter} + {steps}) % {closed(sink.size)}"]

    def ringed(self, sink: Sink, text: str, value: Value) -> str:
        """Return the write of all turns that stay in a ring."""
        name, kept = self.rings[sink.counter]
        check_alone(self.place, sink.target, sink.node)
        held = self.held(sink.target, sink.node)
        if not value.anywhere:
            assert value.axis is not None
            if held.rank is None or value.rank is None or held.rank != value.rank.plus(1) or value.axis.merged:
                raise Unproved(f"writes to `{sink.target}`, whose axes are not known", sink.node)
            if value.axis.left != Count(0):
                text = f"{postfix(text)}.movedim({turns_axis(value)}, 0)"
        first = f"{closed(self.head.loop.turns)} - {kept}"
        # What is detached stays so to the end, for whoever asks whether what is stored is.
        inner = text.removesuffix(".detach()")
        detached = ".detach()" if inner != text else ""
        return f"{sink.target}[{name}] = {postfix(inner)}[{first}:].to({sink.target}){detached}"


def _line(code: Code, offset: int) -> int:
    return code.data.count(b"\n", 0, offset) + 1


def asks_for_views(place: Place) -> bool:
    """Tell whether `view` is called behind a loop, which asks for the layout that a stack has."""
    end = place.loop.end_lineno or 0
    calls = [one for one in ast.walk(place.function) if isinstance(one, ast.Call) and one.lineno > end]
    return any(isinstance(one.func, ast.Attribute) and one.func.attr == "view" for one in calls)


def check_alone(place: Place, key: str, node: ast.stmt) -> None:
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
            raise Refused(f"writes to `{key}`, which may have another name too, see line {one.lineno}", node)


def _reads_own(sink: Sink) -> bool:
    """Tell whether all that a write reads of its target is the very place that it writes to."""
    own = ast.unparse(target_of(sink.node))
    found = [one for one in ast.walk(sink.value) if isinstance(one, ast.Subscript) and ast.unparse(one) == own]
    reads = [one for one in ast.walk(sink.value) if dotted_name(one) == sink.target and isinstance(one, ast.expr)]
    return bool(found) and len(found) == len(reads)


def _parsed(text: str, node: ast.AST) -> ast.expr:
    found = ast.parse(text, mode="eval").body
    for one in ast.walk(found):
        ast.copy_location(one, node)
    return found


def closed(text: str) -> str:
    """Return an expression that may stand inside of another."""
    try:
        simple = not isinstance(ast.parse(text, mode="eval").body, ast.BinOp | ast.BoolOp | ast.IfExp | ast.Compare)
    except SyntaxError:
        return f"({text})"
    return text if simple else f"({text})"


def postfix(text: str) -> str:
    """Return an expression behind which a dot or a bracket may stand."""
    plain = ast.Name | ast.Attribute | ast.Call | ast.Subscript
    return text if isinstance(ast.parse(text, mode="eval").body, plain) else f"({text})"


def turns_axis(value: Value) -> int:
    """Return the axis of the turns in the batched tensor."""
    axis = value.axis
    if axis is not None and axis.left.known:
        return axis.left.extra
    if axis is not None and axis.right.known:
        return -axis.right.extra - 1
    raise Unproved("gathers along an axis that is not known")
