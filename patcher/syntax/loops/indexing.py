"""Subscripts: `x[:, t]` is all of `x` in the batched code, and what is taken of one turn is taken behind its axis."""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.reading import Reading, Source, integer
from patcher.syntax.loops.values import Axis, Count, Refused, Unproved, Value, number, tensor

__all__ = ["Place", "element", "place_of", "taken"]


def taken(reading: Reading, node: ast.Subscript) -> Value:
    """Return what a subscript takes in one turn."""
    base = reading.read(node.value)
    if base.shape_of is not None:
        return _size(reading, base.shape_of, node)
    if base.items is not None:
        return _item(reading, base, node)
    elements = [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]
    if any(_moves(reading, one) for one in elements):
        return _turns(reading, base, node, elements)
    if base.axis is not None:
        return _of_one_turn(reading, base, node, elements)
    for one in elements:
        reading.read(one) if not isinstance(one, ast.Slice) else _bounds(reading, one)
    if base.anywhere:
        return Value(anywhere=True, is_tensor=True)
    return _fixed(reading, base, node, elements)


def _moves(reading: Reading, node: ast.expr) -> bool:
    """Tell whether an element of a subscript differs from turn to turn."""
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    return any(reading.named(one).moves for one in names)


def _bounds(reading: Reading, node: ast.Slice) -> None:
    for one in (node.lower, node.upper, node.step):
        if one is not None:
            reading.read(one)


def _item(reading: Reading, base: Value, node: ast.Subscript) -> Value:
    """Return one item of a list or tuple."""
    at = integer(node.slice)
    assert base.items is not None
    if at is not None and -len(base.items) <= at < len(base.items):
        return base.items[at]
    value = reading.read(node.slice) if not isinstance(node.slice, ast.Slice) else Value()
    if value.moves:
        raise Refused(f"takes items of the list `{reading.code.of(node.value)}`, and not of a tensor", node)
    if base.moves:
        raise Unproved("takes an item of a list of what differs from turn to turn", node)
    return Value()


def _size(reading: Reading, of: Value, node: ast.Subscript) -> Value:
    """Return one size of a tensor."""
    at = integer(node.slice)
    if at is None and of.moves:
        raise Unproved("takes part of the shape of what differs from turn to turn", node)
    if at is None:
        return Value()
    if of.axis is not None:
        from patcher.syntax.loops.axes import found_at

        new, _ = found_at(of.axis, at, node)
        reading.put(node.slice, str(new))
    if of.anywhere:
        return number()
    known = of.sizes is not None and -len(of.sizes) <= at < len(of.sizes)
    text = of.sizes[at] if known and of.sizes else f"{of.text}.shape[{at}]" if of.text and of.axis is None else ""
    return number(text=text)


# --- what does not move ---------------------------------------------------------------------------------------------


def element(reading: Reading, node: ast.expr) -> str:
    """Return what an element of a subscript does with an axis: 'keep', 'drop', 'add', 'rest', 'all' or 'other'."""
    if isinstance(node, ast.Slice):
        return "all" if node.lower is node.upper is node.step is None else "keep"
    if isinstance(node, ast.Constant) and node.value is None:
        return "add"
    if isinstance(node, ast.Constant) and node.value is Ellipsis:
        return "rest"
    value = reading.read(node)
    return "drop" if value.is_tensor is False and value.items is None and not value.moves else "other"


def _fixed(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return a part of what is the same at every turn."""
    kinds = [element(reading, one) for one in elements]
    if base.rank is None or "other" in kinds:
        return Value(is_tensor=base.is_tensor or None, text="")
    if base.sizes is None:
        change = kinds.count("add") - kinds.count("drop")
        return tensor(None, rank=base.rank.plus(change))
    room = len(base.sizes) - sum(kind in ("keep", "drop", "all") for kind in kinds)
    if room < 0:
        return Value(is_tensor=True)
    sizes: list[str] = []
    left = list(base.sizes)
    for kind in kinds:
        if kind == "rest":
            sizes += left[:room]
            left = left[room:]
        elif kind == "add":
            sizes.append("1")
        else:
            size = left.pop(0)
            sizes += [size] if kind == "all" else [""] if kind == "keep" else []
    return tensor((*sizes, *left))


# --- one turn of what moves -----------------------------------------------------------------------------------------


def _of_one_turn(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return a part of one turn; in the batched code the same part of all turns."""
    assert base.axis is not None
    axis, at = base.axis, 0
    if axis.merged:
        raise Unproved("takes a part of a slice that keeps the loop's axis", node)
    left, right, least = axis.left, axis.right, axis.least
    insert_before: ast.expr | None = None
    behind_rest = False
    seen_right = 0
    kinds = [element(reading, one) for one in elements]
    if "other" in kinds:
        raise Unproved("indexes one turn with a tensor", node)
    if "rest" in kinds:
        behind = sum(kind in ("keep", "drop", "all") for kind in kinds[kinds.index("rest") + 1 :])
        if axis.at_right(behind) is not True:
            raise Unproved("counts axes from the right, where not all are known", node)
    for one, kind in zip(elements, kinds, strict=True):
        if kind == "rest":
            behind_rest = True
            continue
        if not behind_rest and not axis.left.known:
            raise Unproved("counts axes from the left, where not all are known", node)
        is_left = not behind_rest and at < axis.left.extra
        if not behind_rest and at == axis.left.extra and insert_before is None:
            insert_before = one
        if kind == "add":
            left, right = (left.plus(1), right) if is_left else (left, right.plus(1))
            continue
        if kind == "drop":
            left, right = (left.plus(-1), right) if is_left else (left, right.plus(-1))
        at += not behind_rest
        if not is_left:
            seen_right += 1
    gone = sum(kind == "drop" for kind in kinds)
    more = sum(kind == "add" for kind in kinds)
    least = max(least, seen_right) - (axis.right.extra - right.extra)
    if insert_before is not None and not _only_rest(elements, insert_before):
        start = reading.code.span(insert_before)[0]
        reading.edit(start, start, ":, ", node)
        _shorten(reading, node, elements, insert_before, base)
    sizes = _fixed(reading, replace(base, axis=None), node, elements).sizes if base.sizes is not None else None
    rank = base.rank.plus(more - gone) if base.rank else None
    return Value(sizes, rank, Axis(left, right, max(0, least)), is_tensor=True, view=True, outside=base.outside)


def _only_rest(elements: list[ast.expr], first: ast.expr) -> bool:
    """Tell whether all that is left of a subscript takes everything."""
    rest = elements[elements.index(first) :]
    return all(isinstance(one, ast.Slice) and one.lower is one.upper is one.step is None for one in rest)


def _shorten(reading: Reading, node: ast.Subscript, elements: list[ast.expr], first: ast.expr, base: Value) -> None:
    """Write `...` for all axes that are taken whole in front of the last one, where only that is cut."""
    cut = [one for one in elements if not (isinstance(one, ast.Slice) and one.lower is one.upper is one.step is None)]
    count = None if base.rank is None or not base.rank.known else base.rank.extra
    whole = count is not None and len(elements) == count
    if whole and len(elements) >= 2 and cut == [elements[-1]] and isinstance(elements[-1], ast.Slice):
        start, end = reading.code.span(elements[0])[0], reading.code.span(elements[-1])[0]
        at = reading.code.span(first)[0]
        reading.edits[:] = [one for one in reading.edits if one != (at, at, ":, ")]
        reading.edit(start, end, "..., ", node)


# --- all turns ------------------------------------------------------------------------------------------------------


class Place:
    """Where a subscript has the loop's variable: the element, how many axes lie before it, and what it takes."""

    def __init__(self, reading: Reading, node: ast.Subscript, elements: list[ast.expr]) -> None:
        moving = [one for one in elements if _moves(reading, one)]
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


def place_of(reading: Reading, node: ast.Subscript) -> Place:
    """Return where a subscript has the loop's variable."""
    elements = [*node.slice.elts] if isinstance(node.slice, ast.Tuple) else [node.slice]
    return Place(reading, node, elements)


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
            ends = (f"({variable} + 1) * {text}", f"{text} * ({variable} + 1)", f"(1 + {variable}) * {text}")
            ends += (f"{ast.unparse(low)} + {text}", f"{text} + {ast.unparse(low)}")
            if one.upper is not None and ast.unparse(one.upper) in ends:
                return text
    return None


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _turns(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> Value:
    """Return one turn of a tensor that is read at the loop's variable; in the batched code all of it."""
    if base.moves:
        raise Unproved("reads what differs from turn to turn at the loop's variable again", node)
    check_tensor(reading, base, node, elements)
    place = Place(reading, node, elements)
    check_inside(reading, place, node)
    if not base.is_tensor:
        reading.unsure = True
    axis, rank, sizes = _axis(reading, base, place, node)
    whole = _whole(reading, base, node, elements, place, axis)
    if reading.loose:
        start, end = reading.code.span(node)
        if place.block is not None or place.merged:
            raise Refused("takes a part of a tensor in each turn where the axes are not known", node)
        at = axis.left.extra if axis.left.known else -axis.right.extra - 1 if axis.right.known else None
        if at is None:
            raise Refused("reads a tensor at an axis that is not known", node)
        base_name = dotted_name(node.value).rpartition(".")[2] or "part"
        reading.sources.append(Source((start, end), whole, at, base_name))
    else:
        reading.put(node, whole)
    return Value(sizes, rank, axis, is_tensor=True, view=True, outside=True)


def check_tensor(reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr]) -> None:
    """Refuse to read what need not be a tensor: a list of modules has other things at each place."""
    if base.is_tensor or len(elements) > 1:
        return
    name = reading.code.of(node.value)
    if base.module is not None:
        raise Refused(f"takes another module of `{name}` in every turn", node)
    known = base.is_tensor is False
    raise Refused(f"takes items of `{name}`, {'which is no tensor' if known else 'which need not be a tensor'}", node)


def check_inside(reading: Reading, place: Place, node: ast.Subscript) -> None:
    """Refuse an index that Python would count from the end."""
    assert reading.loop is not None
    first = reading.loop.first
    lowest = int(first) + place.offset if first.isdigit() else None
    if place.offset < 0 and (lowest is None or lowest < 0):
        raise Refused(f"reads at `{reading.loop.variable} - {-place.offset}`, which at first counts from the end", node)


def _axis(
    reading: Reading, base: Value, place: Place, node: ast.Subscript
) -> tuple[Axis, Count | None, tuple[str, ...] | None]:
    """Return where the axis of the turns lies, and the rank and sizes of one turn."""
    kinds = place.before
    dropped = sum(kind == "drop" for kind in (*kinds, *place.behind))
    added = sum(kind == "add" for kind in (*kinds, *place.behind))
    own = 0 if place.merged or place.block is not None else 1
    rank = base.rank.plus(added - dropped - own) if base.rank is not None else None
    if base.rank is None:
        token = base.text or f"#{reading.code.span(node)[0]}"
        rank = Count(added - dropped - own, token)
    assert rank is not None
    count = rank if not place.merged else rank.plus(-1)
    right_kept = sum(kind in ("keep", "all", "add") for kind in place.behind)
    if "rest" in kinds:  # counted from the right
        if "rest" in place.behind:
            raise Refused("has two `...`", node)
        right = Count(right_kept + (1 if place.block is not None else 0))
        left = count.less(right)
        assert left is not None
    else:
        left = Count(sum(kind in ("keep", "all", "add") for kind in kinds))
        right = count.less(left) or count
    least = right_kept + (1 if place.block is not None else 0)
    if right.known:
        least = right.extra
    sizes = None
    if base.sizes is not None:
        sizes = _sizes(base.sizes, place)
    return Axis(left, right, least, place.merged), rank, sizes


def _sizes(sizes: tuple[str, ...], place: Place) -> tuple[str, ...] | None:
    """Return the sizes of one turn."""
    found: list[str] = []
    rest = list(sizes)
    room = len(rest) - 1 - sum(kind in ("keep", "drop", "all") for kind in (*place.before, *place.behind))
    if room < 0:
        return None
    for kind in (*place.before, "turn", *place.behind):
        if kind == "rest":
            found += rest[:room]
            rest = rest[room:]
        elif kind == "add":
            found.append("1")
        else:
            size = rest.pop(0)
            if kind == "turn":
                found += ["1"] if place.merged else [place.block] if place.block is not None else []
            else:
                found += [size] if kind == "all" else [""] if kind == "keep" else []
    return (*found, *rest)


def _whole(
    reading: Reading, base: Value, node: ast.Subscript, elements: list[ast.expr], place: Place, axis: Axis
) -> str:
    """Return the text of all turns."""
    loop = reading.loop
    assert loop is not None
    texts = [reading.text(one) for one in elements]
    is_all = _is_all(reading, base, place, axis)
    if place.block is not None:
        at = axis.left.extra if axis.left.known else -axis.right.extra
        count = loop.turns if loop.turns.isidentifier() else f"({loop.turns})"
        size = (
            place.block if place.block.replace(".", "").isidentifier() or place.block.isdigit() else f"({place.block})"
        )
        if loop.first != "0":
            raise Refused("takes blocks from another place than the first", node)
        texts[place.at] = f":{count} * {size}"
        inner = reading.text(node.value)
        return f"{inner}[{', '.join(texts)}].unflatten({at}, ({loop.turns}, {place.block}))"
    if is_all:
        texts[place.at] = ":"
    else:
        _check_end(reading, base, place, node)
        texts[place.at] = _range(loop.first, loop.turns, place.offset)
    while len(texts) > 1 and texts[-1] == ":" and "..." not in texts:
        texts.pop()
    if texts == [":"]:
        return reading.text(node.value)
    if texts[-1] == ":" and texts[0] == "..." and len(texts) == 2:
        return reading.text(node.value)
    return f"{reading.text(node.value)}[{', '.join(texts)}]"


def _check_end(reading: Reading, base: Value, place: Place, node: ast.Subscript) -> None:
    """Refuse a slice that could end at -1, which counts from the end, but of a tensor that has just one place more."""
    loop = reading.loop
    assert loop is not None
    end = _plus(loop.turns, int(loop.first) + place.offset) if loop.first.isdigit() else loop.turns
    if " - 1" not in end:
        return
    sizes, at = base.sizes, len(place.before)
    if _same_shape_text(base, place, end.rpartition(" - 1")[0]):
        return
    if sizes is None or "rest" in place.before or at >= len(sizes) or sizes[at] != end.rpartition(" - 1")[0]:
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


def _is_all(reading: Reading, base: Value, place: Place, axis: Axis) -> bool:
    """Tell whether the turns take all of the axis that they read."""
    loop = reading.loop
    assert loop is not None
    if loop.first != "0" or place.offset != 0 or base.sizes is None or "drop" in place.before or "add" in place.before:
        return _same_shape_text(base, place, loop.turns) and loop.first == "0" and place.offset == 0
    behind = sum(kind in ("keep", "drop", "all") for kind in place.behind)
    at = len(base.sizes) - 1 - behind if "rest" in place.before else len(place.before)
    if "rest" in place.behind and "rest" in place.before:
        return False
    return at < len(base.sizes) and base.sizes[at] in (loop.turns, loop.size)


def _same_shape_text(base: Value, place: Place, turns: str) -> bool:
    """Tell whether the number of turns is written as the size of this very axis."""
    if not base.text or any(kind in ("drop", "add", "rest") for kind in place.before):
        return False
    at = len(place.before)
    written = [f"{base.text}.shape[{at}]", f"{base.text}.size({at})"] + ([f"len({base.text})"] if at == 0 else [])
    return turns in written
