"""PyTorch's functions by what they do to the axes of one turn: nothing, or something to those that they name.

An axis that is named is written anew where it is another one in the batched tensor.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from patcher.syntax.loops.axes import LEFT, RIGHT, found_at, inserted_at, multiplied, swapped, with_one_more, without
from patcher.syntax.loops.given import Given, dim_node, dims_named, keeps_axis, sizes_given
from patcher.syntax.loops.reading import Reading, integer
from patcher.syntax.loops.values import Axis, Count, Unproved, Value, aligned, number, tensor

__all__ = ["OWN", "SAME", "along", "axes_counted", "placewise", "reduced"]


# What may give back the very tensor that it is given.
SAME = frozenset(
    [
        "to",
        "type",
        "type_as",
        "contiguous",
        "detach",
        "double",
        "float",
        "half",
        "long",
        "int",
        "bool",
        "bfloat16",
        "cpu",
        "cuda",
        "positive",
        "conj",
    ]
)


def placewise(given: Given, name: str) -> Value:
    """Return what is computed place by place."""
    if name in SAME or name in ("clone", "full_like", "zeros_like", "ones_like"):
        fresh = name not in SAME
        if any(one.moves for one in given.all[1:]) and not given.values[0].moves:
            raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
        value = given.values[0]
        return replace(value, fresh=fresh, text="", view=value.view and not fresh, outside=value.outside and not fresh)
    return replace(aligned(given.all, given.node), fresh=True, text="")


def _turned(reading: Reading, given: Given, node: ast.expr, dims: list[int]) -> list[tuple[int, str]]:
    """Write the axes of the batched tensor for those of one turn; return each with its side."""
    axis = given.values[0].axis
    assert axis is not None
    found = [found_at(axis, dim, given.node) for dim in dims]
    written = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    for one, (dim, _) in zip(written, found, strict=True):
        reading.put(one, str(dim))
    return [(dim, side) for dim, (_, side) in zip(dims, found, strict=True)]


def reduced(reading: Reading, given: Given, name: str) -> Value:
    """Return a value without the axes that are summed up, or the like."""
    value, node = given.values[0], dim_node(given, name)
    if value.axis is None or value.items is not None:
        raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
    if node is None:
        return _whole_reduced(reading, given, name)
    dims = dims_named(given, name)
    if dims is None:
        raise Unproved(f"calls `{name}` over axes that are not written as numbers", given.node)
    found = _turned(reading, given, node, dims)
    if keeps_axis(given, name):
        sizes = value.sizes
        if sizes is not None:
            kept = {dim % len(sizes) for dim in dims}
            sizes = tuple("1" if at in kept else size for at, size in enumerate(sizes))
        return tensor(sizes, value.axis, rank=value.rank, fresh=True)
    return replace(without(value, found, given.node), fresh=True, view=False, outside=False)


def _whole_reduced(reading: Reading, given: Given, name: str) -> Value:
    """Sum up all axes of one turn: in the batched code all but the loop's."""
    value = given.values[0]
    axis = value.axis
    assert axis is not None
    if not (axis.left.known and axis.right.known) or axis.merged or name in ("argmax", "argmin") or given.named:
        raise Unproved(f"calls `{name}` over all axes, where not all are known", given.node)
    left, right = axis.left.extra, axis.right.extra
    dims = [*range(left), *range(left + 1, left + right + 1)]
    if name in ("prod", "any", "all", "norm") and len(dims) > 1:
        raise Unproved(f"calls `{name}` over all axes", given.node)
    start, end = reading.code.span(given.node)
    if not dims and name in ("mean", "sum", "amax", "amin"):
        inner = reading.text(given.nodes[0])
        reading.edits[:] = [one for one in reading.edits if not (start <= one[0] and one[1] <= end)]
        reading.edit(start, end, inner, given.node)
    elif not dims:
        raise Unproved(f"calls `{name}` of a single number", given.node)
    else:
        written = f"dim={dims[0]}" if len(dims) == 1 else f"dim=({', '.join(map(str, dims))})"
        plain = len(given.node.args) + len(given.node.keywords)
        reading.edit(end - 1, end - 1, f"{', ' if plain else ''}{written}", given.node)
    return Value((), Count(0), Axis(Count(0), Count(0)), is_tensor=True, fresh=True)


def along(reading: Reading, given: Given, name: str) -> Value:
    """Return what is computed along an axis that stays."""
    value, node = given.values[0], dim_node(given, name)
    if value.axis is None:
        raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
    if name == "normalize":
        node = given.argument(2, "dim")
    dims = [integer(node)] if node is not None else [1] if name == "normalize" else [None]
    if dims[0] is None:
        raise Unproved(f"calls `{name}` without an axis that is written as a number", given.node)
    if node is None:
        new, _ = found_at(value.axis, 1, given.node)
        if new != 1:
            end = reading.code.span(given.node)[1] - 1
            reading.edit(end, end, f", dim={new}", given.node)
    else:
        _turned(reading, given, node, [dims[0]])
    return tensor(value.sizes, value.axis, rank=value.rank, fresh=True)


def _unsqueezed(reading: Reading, given: Given) -> Value:
    value, node = given.values[0], given.argument(1, "dim")
    dim = integer(node) if node is not None else None
    if value.axis is None or node is None or dim is None:
        raise Unproved("adds an axis that is not written as a number", given.node)
    new, side = inserted_at(value.axis, dim, given.node)
    reading.put(node, str(new))
    return with_one_more(value, dim, side)


def _squeezed(reading: Reading, given: Given) -> Value:
    value, node = given.values[0], given.argument(1, "dim")
    dim = integer(node) if node is not None else None
    one_long = dim is not None and value.size(dim) == "1"
    if value.axis is None or node is None or dim is None or not one_long:
        raise Unproved("squeezes an axis whose size is not known", given.node)
    return without(value, _turned(reading, given, node, [dim]), given.node)


def _swapped(reading: Reading, given: Given) -> Value:
    value = given.values[0]
    nodes = [given.argument(1, "dim0"), given.argument(2, "dim1")]
    dims = [integer(one) if one is not None else None for one in nodes]
    if value.axis is None or value.axis.merged or None in dims:
        raise Unproved("swaps axes that are not written as numbers", given.node)
    found = [found_at(value.axis, dim, given.node) for dim in dims if dim is not None]
    if found[0][1] != found[1][1]:
        raise Unproved("swaps axes on both sides of the loop's axis", given.node)
    for one, (dim, _) in zip(nodes, found, strict=True):
        if one is not None:
            reading.put(one, str(dim))
    return swapped(value, dims[0] or 0, dims[1] or 0)


def _viewed(reading: Reading, given: Given) -> Value:
    """Give one turn other axes: in the batched code with the loop's axis in front of them, where it is in front now."""
    value = given.values[0]
    nodes = list(given.nodes[1:])
    tupled = len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List)
    inner = list(nodes[0].elts) if tupled else nodes  # type: ignore[attr-defined]
    sizes = sizes_given(reading, nodes, list(given.values[1:]))
    if value.axis is None or sizes is None or not inner or given.named or value.axis.merged or reading.loop is None:
        raise Unproved("changes the axes of one turn to what is not written one by one", given.node)
    if "-1" in sizes and reading.may_be_empty:
        raise Unproved("leaves a size to be found, which cannot be where there are no turns", given.node)
    left = value.axis.left
    kept = value.sizes is not None and left.known and value.sizes[: left.extra] == sizes[: left.extra]
    if not left.known or (left.extra and not (kept and all(sizes[: left.extra]))) or left.extra >= len(inner):
        raise Unproved("changes the axes of one turn across the loop's axis", given.node)
    start = reading.code.span(inner[left.extra])[0]
    reading.edit(start, start, f"{reading.loop.turns}, ", given.node)
    plain = tuple("" if one == "-1" else one for one in sizes)
    right = len(sizes) - left.extra
    return tensor(plain, Axis(left, Count(right), right), view=True, outside=value.outside)


def _flat(reading: Reading, given: Given) -> Value:
    value = given.values[0]
    first, last = given.argument(1, "start_dim"), given.argument(2, "end_dim")
    start = integer(first) if first is not None else None
    end = integer(last) if last is not None else -1
    if value.axis is None or first is None or start is None or end != -1 or value.axis.merged:
        raise Unproved("flattens axes that are not written as numbers", given.node)
    new, side = found_at(value.axis, start, given.node)
    if side == LEFT:
        raise Unproved("flattens axes across the loop's axis", given.node)
    reading.put(first, str(new))
    left = value.axis.left
    right = Count(-start) if start < 0 else None
    if start >= 0 and left.known:
        right = Count(start - left.extra + 1)
    elif value.axis.right.known or start < 0:
        right = value.axis.right.plus(start + 1) if start < 0 else right
    if right is None:
        raise Unproved("flattens axes whose number is not known", given.node)
    rank = Count(left.extra + right.extra) if left.known and right.known else None
    sizes = ("",) * rank.extra if rank is not None else None
    least = right.extra if right.known else max(1, value.axis.least + start + 1)
    return Value(sizes, rank or value.rank, Axis(left, right, least), is_tensor=True, view=True, outside=value.outside)


def _joined(reading: Reading, given: Given, *, stacked: bool) -> Value:
    """Join tensors of one turn along an axis, or stack them."""
    parts = given.values[0].items
    node = given.argument(1, "dim", "axis")
    dim = integer(node) if node is not None else 0
    if not parts or dim is None or not all(one.axis is not None for one in parts):
        raise Unproved("joins tensors whose axes are not all known", given.node)
    value = aligned([*parts], given.node)
    if any(one.rank != value.rank for one in parts) or value.axis is None:
        raise Unproved("joins tensors of other numbers of axes", given.node)
    new, side = (inserted_at if stacked else found_at)(value.axis, dim, given.node)
    if node is not None:
        reading.put(node, str(new))
    elif new != 0:
        end = reading.code.span(given.node)[1] - 1
        reading.edit(end, end, f", dim={new}", given.node)
    if stacked:
        return with_one_more(value, dim, side, str(len(parts)))
    sizes = value.sizes
    if sizes is not None:
        sizes = tuple("" if at == dim % len(sizes) else size for at, size in enumerate(sizes))
    return tensor(sizes, value.axis, rank=value.rank, fresh=True)


def _size(reading: Reading, given: Given) -> Value:
    value, node = given.values[0], given.argument(1, "dim")
    if node is None:
        return Value(is_tensor=False, shape_of=value)
    dim = integer(node)
    if value.axis is None or dim is None:
        return number()
    reading.put(node, str(found_at(value.axis, dim, given.node)[0]))
    return number(text=value.size(dim))


def _matmul(reading: Reading, given: Given) -> Value:
    if len(given.values) != 2:
        raise Unproved("multiplies matrices that are given by name", given.node)
    return multiplied(given.values[0], given.values[1], given.node)


def _padded(reading: Reading, given: Given) -> Value:
    node = given.argument(1, "pad")
    value = given.values[0]
    if value.axis is None or not isinstance(node, ast.Tuple | ast.List) or len(node.elts) % 2:
        raise Unproved("pads axes that are not written one by one", given.node)
    count = len(node.elts) // 2
    if value.axis.at_right(count) is not True:
        raise Unproved("pads axes from the last one, where not all are known", given.node)
    sizes = (*value.sizes[:-count], *([""] * count)) if value.sizes is not None else None
    return tensor(sizes, value.axis, rank=value.rank, fresh=True)


def axes_counted(reading: Reading, node: ast.AST) -> Value:
    """Return how many axes one turn has, which only a turn by itself can tell."""
    if not reading.loose:
        raise Unproved("asks how many axes one turn has", node)
    return number()


def _hot(reading: Reading, given: Given) -> Value:
    value = given.values[0]
    return with_one_more(value, -1, RIGHT, "")


OWN: dict[str, Callable[[Reading, Given], Value]] = {
    "unsqueeze": _unsqueezed,
    "squeeze": _squeezed,
    "transpose": _swapped,
    "swapaxes": _swapped,
    "swapdims": _swapped,
    "view": _viewed,
    "reshape": _viewed,
    "flatten": _flat,
    "cat": lambda reading, given: _joined(reading, given, stacked=False),
    "concat": lambda reading, given: _joined(reading, given, stacked=False),
    "stack": lambda reading, given: _joined(reading, given, stacked=True),
    "size": _size,
    "matmul": _matmul,
    "pad": _padded,
    "one_hot": _hot,
}
