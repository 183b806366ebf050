"""A tensor that is read at the loop's variable: `x[:, t]` is all of `x` in the batched code."""

from __future__ import annotations

import ast

from patcher.syntax.loops.elements import element, element_moves
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.reading import Reading, Source
from patcher.syntax.loops.values import Axis, Count, Refused, Unproved, Value

__all__ = ["turns"]


class Spot:
    """Where a subscript has the loop's variable: the element, how many axes lie before it, and what it takes."""

    def __init__(self, reading: Reading, node: ast.Subscript, elements: list[ast.expr]) -> None:
        moving = [one for one in elements if element_moves(reading, one)]
        if len(moving) > 1:
            raise Refused("has the loop's variable in a subscript twice", node)
        self.element = moving[0]
        self.at = elements.index(self.element)
        self.before = [element(reading, one) for one in elements[: self.at]]
        self.behind = [element(reading, one) for one in elements[self.at + 1 :]]
        if "other" in self.before + self.behind:
            raise Unproved("has a tensor as an index beside the loop's variable", node)
        self.offset, self.block = _offset(reading, self.element, node)
        self.merged = isinstance(self.element, ast.Slice) and self.block is None


def _offset(reading: Reading, one: ast.expr, node: ast.Subscript) -> tuple[int, str | None]:
    """Return the offset of an index or of a slice of one, or the size of a slice that is one block a turn."""
    assert reading.loop is not None
    variable = reading.loop.variable
    if not isinstance(one, ast.Slice):
        value = reading.read(one)
        if value.index is None:
            if value.axis is not None or value.anywhere:
                raise Unproved("indexes with a tensor that differs from turn to turn", node)
            raise Refused(f"computes an index from `{variable}`", node)
        return value.index, None
    if one.step is not None or one.lower is None or one.upper is None:
        raise Refused(f"takes a part whose length depends on `{variable}`", node)
    low, high = _index_of(reading, one.lower), _index_of(reading, one.upper)
    if low is not None and high is not None and high == low + 1:
        return low, None
    size = _block(one, variable)
    if size is not None:
        return 0, size
    raise Refused(f"takes a part whose length or place depends on `{variable}`", node)


def _index_of(reading: Reading, node: ast.expr) -> int | None:
    try:
        return reading.read(node).index
    except Refused:
        return None


def _block(one: ast.Slice, variable: str) -> str | None:
    """Return `d` of `t * d:(t + 1) * d`, or None."""
    low = one.lower
    if not (isinstance(low, ast.BinOp) and isinstance(low.op, ast.Mult)):
        return None
    for index, size in ((low.left, low.right), (low.right, low.left)):
        if isinstance(index, ast.Name) and index.id == variable and variable not in _names(size):
            text = ast.unparse(size)
            ends: tuple[str, ...] = (
                f"({variable} + 1) * {text}",
                f"{text} * ({variable} + 1)",
                f"(1 + {variable}) * {text}",
            )
            ends += (f"{ast.unparse(low)} + {text}", f"{text} + {ast.unparse(low)}")
            if one.upper is not None and ast.unparse(one.upper) in ends:
                return text
    return None


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def turns(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return one turn of a tensor that is read at the loop's variable; in the batched code all of it."""
    if base.moves:
        raise Unproved("reads what differs from turn to turn at the loop's variable again", node)
    _check_tensor(reading, base, node, elements)
    spot = Spot(reading, node, elements)
    _check_inside(reading, spot, node)
    if not base.is_tensor:
        reading.unsure = True
    axis, rank, sizes = _axis(reading, base, spot, node)
    whole = _whole(reading, base, node, elements, spot, axis)
    if reading.loose:
        start, end = reading.code.span(node)
        if spot.block is not None or spot.merged:
            raise Refused("takes a part of a tensor in each turn where the axes are not known", node)
        at = axis.left.extra if axis.left.known else -axis.right.extra - 1 if axis.right.known else None
        if at is None:
            raise Refused("reads a tensor at an axis that is not known", node)
        base_name = dotted_name(node.value).rpartition(".")[2] or "part"
        reading.sources.append(Source((start, end), whole, at, base_name))
    else:
        reading.put(node, whole)
    return Value(sizes, rank, axis, is_tensor=True, view=True, outside=True)


def _check_tensor(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> None:
    """Refuse to read what need not be a tensor: a list of modules has other things at each spot."""
    asked = (
        reading.loop is not None and base.text and f"{base.text}.shape[" in f"{reading.loop.size} {reading.loop.turns}"
    )
    if base.is_tensor or len(elements) > 1 or base.sizes is not None or asked:
        return
    name = reading.code.of(node.value)
    if base.module is not None:
        raise Refused(f"takes another module of `{name}` in every turn", node)
    known = base.is_tensor is False
    raise Refused(f"takes items of `{name}`, {'which is no tensor' if known else 'which need not be a tensor'}", node)


def _check_inside(reading: Reading, spot: Spot, node: ast.Subscript) -> None:
    """Refuse an index that Python would count from the end."""
    assert reading.loop is not None
    first = reading.loop.first
    lowest = int(first) + spot.offset if first.isdigit() else None
    if spot.offset < 0 and (lowest is None or lowest < 0):
        raise Refused(f"reads at `{reading.loop.variable} - {-spot.offset}`, which at first counts from the end", node)


def _axis(
    reading: Reading, base: Value, spot: Spot, node: ast.Subscript
) -> tuple[Axis, Count | None, tuple[str, ...] | None]:
    """Return where the axis of the turns lies, and the rank and sizes of one turn."""
    kinds = spot.before
    dropped = sum(kind == "drop" for kind in (*kinds, *spot.behind))
    added = sum(kind == "add" for kind in (*kinds, *spot.behind))
    own = 0 if spot.merged or spot.block is not None else 1
    rank = base.rank.plus(added - dropped - own) if base.rank is not None else None
    if base.rank is None:
        token = base.text or f"#{reading.code.span(node)[0]}"
        rank = Count(added - dropped - own, token)
    assert rank is not None
    count = rank if not spot.merged else rank.plus(-1)
    right_kept = sum(kind in ("keep", "all", "add") for kind in spot.behind)
    if "rest" in kinds:  # counted from the right
        if "rest" in spot.behind:
            raise Refused("has two `...`", node)
        right = Count(right_kept + (1 if spot.block is not None else 0))
        left = count.less(right)
        assert left is not None
    else:
        left = Count(sum(kind in ("keep", "all", "add") for kind in kinds))
        right = count.less(left) or count
    least = right_kept + (1 if spot.block is not None else 0)
    if right.known:
        least = right.extra
    sizes = None
    if base.sizes is not None:
        sizes = _sizes(base.sizes, spot)
    return Axis(left, right, least, spot.merged), rank, sizes


def _sizes(sizes: tuple[str, ...], spot: Spot) -> tuple[str, ...] | None:
    """Return the sizes of one turn."""
    found: list[str] = []
    rest = list(sizes)
    room = len(rest) - 1 - sum(kind in ("keep", "drop", "all") for kind in (*spot.before, *spot.behind))
    if room < 0:
        return None
    for kind in (*spot.before, "turn", *spot.behind):
        if kind == "rest":
            found += rest[:room]
            rest = rest[room:]
        elif kind == "add":
            found.append("1")
        else:
            size = rest.pop(0)
            if kind == "turn":
                found += ["1"] if spot.merged else [spot.block] if spot.block is not None else []
            else:
                found += [size] if kind == "all" else [""] if kind == "keep" else []
    return (*found, *rest)


def _whole(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr], spot: Spot, axis: Axis) -> str:
    """Return the text of all turns."""
    loop = reading.loop
    assert loop is not None
    texts = [reading.text(one) for one in elements]
    is_all = _is_all(reading, base, spot, axis)
    if spot.block is not None:
        at = axis.left.extra if axis.left.known else -axis.right.extra
        count = loop.turns if loop.turns.isidentifier() else f"({loop.turns})"
        size = spot.block if spot.block.replace(".", "").isidentifier() or spot.block.isdigit() else f"({spot.block})"
        if loop.first != "0":
            raise Refused("takes blocks from another place than the first", node)
        texts[spot.at] = f":{count} * {size}"
        inner = reading.text(node.value)
        return f"{inner}[{', '.join(texts)}].unflatten({at}, ({loop.turns}, {spot.block}))"
    if is_all:
        texts[spot.at] = ":"
    else:
        _check_end(reading, base, spot, node)
        texts[spot.at] = _range(loop.first, loop.turns, spot.offset)
    while len(texts) > 1 and texts[-1] == ":" and "..." not in texts:
        texts.pop()
    if texts == [":"]:
        return reading.text(node.value)
    if texts[-1] == ":" and texts[0] == "..." and len(texts) == 2:
        return reading.text(node.value)
    return f"{reading.text(node.value)}[{', '.join(texts)}]"


def _check_end(reading: Reading, base: Value, spot: Spot, node: ast.Subscript) -> None:
    """Refuse a slice that could end at -1, which counts from the end, but of a tensor that has just one spot more."""
    loop = reading.loop
    assert loop is not None
    end = _plus(loop.turns, int(loop.first) + spot.offset) if loop.first.isdigit() else loop.turns
    if " - 1" not in end:
        return
    sizes, at = base.sizes, len(spot.before)
    if _same_shape_text(base, spot, end.rpartition(" - 1")[0]):
        return
    if sizes is None or "rest" in spot.before or at >= len(sizes) or sizes[at] != end.rpartition(" - 1")[0]:
        raise Refused("has a range that may end before it begins, of a tensor whose size is not known", node)


def _range(first: str, turns: str, offset: int) -> str:
    """Return the slice of all indices, `first + offset` and those behind it."""
    if first.isdigit():
        start = int(first) + offset
        end = int(turns) + start if turns.isdigit() else None
        if end is not None:
            return f"{start or ''}:{end}"
        # `turns` is what the range ends at less its first.
        return f"{start or ''}:{_plus(turns, start)}"
    return f"{_plus(first, offset)}:{_plus(f'{first} + {turns}', offset)}"


def _plus(text: str, more: int) -> str:
    if more == 0:
        return text
    head, _, tail = text.rpartition(" ")
    if tail.isdigit() and head.endswith((" -", " +")):
        known = int(tail) if head.endswith("+") else -int(tail)
        text, more = head[:-2], known + more
    return text if more == 0 else f"{text} {'+' if more > 0 else '-'} {abs(more)}"


def _is_all(reading: Reading, base: Value, spot: Spot, axis: Axis) -> bool:
    """Tell whether the turns take all of the axis that they read."""
    loop = reading.loop
    assert loop is not None
    if loop.first != "0" or spot.offset != 0 or base.sizes is None or "drop" in spot.before or "add" in spot.before:
        return _same_shape_text(base, spot, loop.turns) and loop.first == "0" and spot.offset == 0
    behind = sum(kind in ("keep", "drop", "all") for kind in spot.behind)
    at = len(base.sizes) - 1 - behind if "rest" in spot.before else len(spot.before)
    if "rest" in spot.behind and "rest" in spot.before:
        return False
    return at < len(base.sizes) and base.sizes[at] in (loop.turns, loop.size)


def _same_shape_text(base: Value, spot: Spot, turns: str) -> bool:
    """Tell whether the number of turns is written as the size of this very axis."""
    if not base.text or any(kind in ("drop", "add", "rest") for kind in spot.before):
        return False
    at = len(spot.before)
    written = [f"{base.text}.shape[{at}]", f"{base.text}.size({at})"] + ([f"len({base.text})"] if at == 0 else [])
    return turns in written
