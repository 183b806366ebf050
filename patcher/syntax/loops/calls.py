"""Calls: what PyTorch's functions, methods and modules make of a value that differs from turn to turn.

A call that is not known is refused: it may do anything.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from patcher.syntax.loops import names
from patcher.syntax.loops.axes import LEFT, RIGHT, found_at, inserted_at, multiplied, with_one_more, without
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.reading import Reading, integer
from patcher.syntax.loops.values import Axis, Count, Refused, Unproved, Value, aligned, number, tensor

__all__ = ["Given", "called", "over_last"]

# What may give back the very tensor that it is given.
SAME = frozenset(
    "to type type_as contiguous detach double float half long int bool bfloat16 cpu cuda positive conj".split()
)


@dataclass(frozen=True, slots=True)
class Given:
    """A call with its arguments read; of a method the first one is what it is called on."""

    node: ast.Call
    nodes: tuple[ast.expr, ...]
    values: tuple[Value, ...]
    named: dict[str, tuple[ast.expr, Value]]
    is_method: bool

    @property
    def all(self) -> list[Value]:
        """All values that are given."""
        return [*self.values, *(value for _, value in self.named.values())]

    def argument(self, at: int, *words: str) -> ast.expr | None:
        """Return the argument at a position or of a name."""
        for word in words:
            if word in self.named:
                return self.named[word][0]
        return self.nodes[at] if len(self.nodes) > at else None


def called(reading: Reading, node: ast.Call) -> Value:
    """Return what a call gives in one turn."""
    if any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords):
        return reading._anything(node)
    meant = reading.code.meaning(node.func)
    name = dotted_name(node.func)
    if meant.startswith("torch.") and meant not in ("torch.no_grad", "torch.enable_grad"):
        return _of_torch(reading, node, meant)
    if meant.startswith("einops."):
        return _plain(_given(reading, node), meant)
    if meant.startswith("math."):
        return _number(_given(reading, node), meant)
    if not meant and name in names.PURE_BUILTINS and name not in reading.code.top and name not in reading.env:
        return _builtin(reading, node, name)
    from patcher.syntax.loops.opened import call_of_tree

    found = call_of_tree(reading, node)
    if found is not None:
        return found
    if isinstance(node.func, ast.Attribute) and not meant:
        base = reading.read(node.func.value)
        if base.items is None and (base.is_tensor or base.moves or _is_method_of_tensor(node.func.attr)):
            return _of_torch(reading, node, f"torch.Tensor.{node.func.attr}", base)
    raise Refused(f"calls `{name or reading.code.of(node.func)}`, which is not known", node)


def _is_method_of_tensor(name: str) -> bool:
    known = names.PLACEWISE | names.REDUCES | names.ALONG | names.SYNCS | {"view", "reshape", "size", "dim", "permute"}
    return name in known | {"unsqueeze", "transpose", "squeeze", "expand", "matmul", "flatten", "repeat", "chunk"}


def _given(reading: Reading, node: ast.Call, base: Value | None = None) -> Given:
    nodes, values = list(node.args), [reading.read(one) for one in node.args]
    if base is not None and isinstance(node.func, ast.Attribute):
        nodes, values = [node.func.value, *nodes], [base, *values]
    named = {one.arg: (one.value, reading.read(one.value)) for one in node.keywords if one.arg}
    return Given(node, tuple(nodes), tuple(values), named, base is not None)


def _number(given: Given, name: str) -> Value:
    if any(one.moves for one in given.all):
        raise Refused(f"computes `{name}` of what differs from turn to turn", given.node)
    return number()


def _builtin(reading: Reading, node: ast.Call, name: str) -> Value:
    given = _given(reading, node)
    moving = [one for one in given.all if one.moves]
    if not moving:
        if name == "len" and given.values and given.values[0].shape_of is not None:
            rank = given.values[0].shape_of.rank
            return number(rank.extra) if rank is not None and rank.known else number()
        if name == "len" and given.values:
            of = given.values[0]
            return number(text=(of.sizes or ("",))[0] or (f"{of.text}.shape[0]" if of.is_tensor and of.text else ""))
        if name in ("tuple", "list") and given.values and given.values[0].items is not None:
            return given.values[0]
        plain = name in ("len", "float", "int", "bool", "isinstance", "str", "abs", "round")
        small = name in ("min", "max", "sum") and all(one.is_number for one in given.values)
        return number() if plain or small else Value(is_tensor=None if name != "slice" else False)
    if any(one.index is not None for one in moving):
        raise Refused("uses the loop's variable as a number, not only as an index", node)
    if name == "len" and given.values[0].shape_of is not None:
        raise Unproved("asks how many axes one turn has", node)
    if name in ("float", "int", "bool"):
        raise Refused(f"makes a plain number of a tensor (`{name}`)", node)
    if name == "abs":
        return aligned(moving, node)
    if name == "isinstance":
        return Value(is_tensor=False)
    if name in ("tuple", "list") and given.values[0].items is not None:
        return given.values[0]
    raise Refused(f"takes `{name}` of what differs from turn to turn", node)


# --- PyTorch ----------------------------------------------------------------------------------------------------------


def _of_torch(reading: Reading, node: ast.Call, meant: str, base: Value | None = None) -> Value:
    name = meant.rpartition(".")[2]
    given = _given(reading, node, base)
    if name in names.SYNCS and any(one.moves for one in given.all):
        raise Refused(f"reads a tensor as a plain number in every turn (`.{name}()`)", node)
    if name in names.OF_CHANCE and not _is_off(given):
        raise Refused(f"draws random numbers in every turn (`{name}`)", node)
    if name.endswith("_") and not name.endswith("__"):
        raise Refused(f"writes in place (`{name}`)", node)
    _check_arguments(given, name)
    if not any(one.moves for one in given.all):
        return _still(reading, given, name, meant)
    if name in names.OF_CHANCE:
        return given.values[0]
    if any(one.anywhere for one in given.all):
        return _plain(given, meant)
    if name in names.LOSSES and _reduction(given) == "none":
        return replace(aligned(list(given.values[:2]), node), fresh=True)
    own = _OWN.get(name)
    if own is not None:
        return own(reading, given)
    if name in names.PLACEWISE:
        return _placewise(given, name)
    if name in names.REDUCES:
        return _reduced(reading, given, name)
    if name in names.ALONG:
        return _along(reading, given, name)
    if name in names.LAST:
        return over_last(given.values[0], node)
    return _plain(given, meant)


def _is_off(given: Given) -> bool:
    """Tell whether a dropout is one that does nothing."""
    p, training = given.argument(1, "p"), given.argument(2, "training")
    off = isinstance(training, ast.Constant) and training.value is False
    return off or (isinstance(p, ast.Constant) and p.value in (0, 0.0))


def _check_arguments(given: Given, name: str) -> None:
    if any(one.index is not None for one in given.all):
        raise Refused("uses the loop's variable as a number, not only as an index", given.node)
    for word in ("out", "inplace", "generator"):
        argument = given.argument(99, word)
        if argument is not None and not (isinstance(argument, ast.Constant) and argument.value in (False, None)):
            raise Refused(f"calls `{name}` with `{word}`, which writes or draws in place", given.node)


def _reduction(given: Given) -> str:
    node = given.argument(99, "reduction")
    return str(node.value) if isinstance(node, ast.Constant) else "mean"


def _plain(given: Given, meant: str) -> Value:
    """Return the result of what is pure, wherever its axes are."""
    name = meant.rpartition(".")[2]
    pure = (
        name in names.PLAIN | names.PLACEWISE | names.REDUCES | names.ALONG | names.LAST | names.LOSSES
        or name in _OWN
        or meant.startswith(("torch.linalg.", "torch.fft.", "torch.special.", "einops."))
    )
    if not pure:
        raise Refused(f"calls `{name}`, which is not known", given.node)
    if not any(one.moves for one in given.all):
        return Value(is_tensor=True)
    raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)


def _still(reading: Reading, given: Given, name: str, meant: str) -> Value:
    """Return the result where nothing that is given differs from turn to turn."""
    if name in names.SYNCS | {"dim", "ndimension", "numel", "element_size"}:
        return number()
    if name == "size":
        return _size_of(given)
    if name in names.CREATES and meant.startswith("torch.") and not given.is_method:
        return _created(reading, given)
    if name == "Size":
        return given.values[0] if given.values else Value()
    if name == "Parameter" and given.values:
        return replace(given.values[0], is_tensor=True, fresh=False)
    if name in ("view", "reshape", "expand"):
        return _still_view(reading, given)
    if name in _SHAPED:
        return _SHAPED[name](given)
    if name in names.PLACEWISE | names.ALONG:
        found = _placewise(given, name) if name in names.PLACEWISE else given.values[0]
        return replace(found, is_tensor=True, fresh=name.endswith("_like") or name == "clone", text="")
    if name in names.REDUCES:
        return _still_reduced(given, name)
    if name in names.LAST:
        return over_last(given.values[0], given.node)
    if name in ("arange", "linspace", "hann_window"):
        return tensor(("",))
    if name == "tensor" and given.values and given.values[0].is_number:
        return tensor((), fresh=True)
    if (
        name == "tensor"
        and given.values
        and given.values[0].items
        and all(one.is_number for one in given.values[0].items)
    ):
        return tensor(("",), fresh=True)
    known = name in names.PLAIN | names.LOSSES | names.OF_CHANCE
    if known or meant.startswith(("torch.linalg.", "torch.fft.", "torch.special.")):
        return Value(is_tensor=True)
    if meant.startswith("torch.") and not given.is_method and name[:1].islower() and "." not in meant[6:]:
        return Value()
    raise Refused(f"calls `{name}`, which is not known", given.node)


def _size_of(given: Given) -> Value:
    of = given.values[0]
    at = given.argument(1, "dim")
    if at is None:
        return Value(is_tensor=False, shape_of=of)
    dim = integer(at)
    if dim is not None and of.sizes is not None and -len(of.sizes) <= dim < len(of.sizes):
        return number(text=of.sizes[dim])
    return number(text=f"{of.text}.shape[{dim}]" if of.text and dim is not None and dim >= 0 else "")


def _sizes(reading: Reading, nodes: Sequence[ast.expr], values: Sequence[Value]) -> tuple[str, ...] | None:
    """Return the sizes that are given one by one, or in one tuple."""
    if len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List):
        if any(isinstance(one, ast.Starred) for one in nodes[0].elts):
            return None
        return tuple(reading.size(one, reading.read(one)) for one in nodes[0].elts)
    if len(nodes) == 1 and values[0].shape_of is not None:
        return values[0].shape_of.sizes
    if len(nodes) == 1 and values[0].is_tensor is not False and not isinstance(nodes[0], ast.Constant):
        return None  # it may be a tuple
    return tuple(reading.size(one, value) for one, value in zip(nodes, values, strict=True))


def _created(reading: Reading, given: Given) -> Value:
    if "size" in given.named:
        node, value = given.named["size"]
        sizes = _sizes(reading, [node], [value])
    else:
        count = 1 if given.nodes and isinstance(given.nodes[0], ast.Tuple | ast.List) else len(given.nodes)
        shape = bool(given.values) and given.values[0].shape_of is not None
        count = 1 if shape else count
        sizes = _sizes(reading, given.nodes[:count], given.values[:count])
        if count == 1 and sizes is None and len(given.nodes) == 1 and given.values[0].is_tensor is None:
            sizes = None
    return tensor(sizes, fresh=True) if sizes is not None else Value(is_tensor=True, fresh=True)


def _still_reduced(given: Given, name: str) -> Value:
    dims = _dims(given, name)
    of = given.values[0]
    if dims is None:
        return tensor(()) if given.argument(99, "dim") is None and len(given.nodes) == 1 else Value(is_tensor=True)
    if of.sizes is None or _keeps(given, name):
        return of if _keeps(given, name) else Value(is_tensor=True)
    return without(of, [(dim, RIGHT) for dim in dims], given.node)


def _placewise(given: Given, name: str) -> Value:
    if name in SAME or name in ("clone", "full_like", "zeros_like", "ones_like"):
        fresh = name not in SAME
        if any(one.moves for one in given.all[1:]) and not given.values[0].moves:
            raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
        value = given.values[0]
        return replace(value, fresh=fresh, text="", view=value.view and not fresh, outside=value.outside and not fresh)
    return replace(aligned(given.all, given.node), fresh=True, text="")


# --- functions that name an axis ----------------------------------------------------------------------------------------


def _dim_node(given: Given, name: str) -> ast.expr | None:
    at = 2 if name == "norm" else 1
    return given.argument(at, "dim", "axis")


def _dims(given: Given, name: str) -> list[int] | None:
    """Return the axes that a call names as numbers, or None where it names none or not so."""
    node = _dim_node(given, name)
    if node is None:
        return None
    many = isinstance(node, ast.Tuple | ast.List)
    found = [integer(one) for one in node.elts] if many else [integer(node)]  # type: ignore[attr-defined]
    return None if None in found else [one for one in found if one is not None]


def _keepdim(given: Given, name: str) -> ast.expr | None:
    """Return the argument that tells whether the axis stays.

    Raises:
        Unproved: an argument stands where it is not known for it.
    """
    at = 3 if name == "norm" else 2
    if name in ("std", "var") and len(given.nodes) > 2:
        raise Unproved(f"calls `{name}` with arguments that are not read", given.node)
    node = given.argument(at, "keepdim", "keepdims")
    if node is not None and not (isinstance(node, ast.Constant) and isinstance(node.value, bool)):
        raise Unproved(f"calls `{name}` with arguments that are not read", given.node)
    return node


def _keeps(given: Given, name: str) -> bool:
    node = _keepdim(given, name)
    return isinstance(node, ast.Constant) and node.value is True


def _turned(reading: Reading, given: Given, node: ast.expr, dims: list[int]) -> list[tuple[int, str]]:
    """Write the axes of the batched tensor for those of one turn; return each with its side."""
    axis = given.values[0].axis
    assert axis is not None
    found = [found_at(axis, dim, given.node) for dim in dims]
    written = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    for one, (dim, _) in zip(written, found, strict=True):
        reading.put(one, str(dim))
    return [(dim, side) for dim, (_, side) in zip(dims, found, strict=True)]


def _reduced(reading: Reading, given: Given, name: str) -> Value:
    """Return a value without the axes that are summed up, or the like."""
    value, node = given.values[0], _dim_node(given, name)
    if value.axis is None or value.items is not None:
        raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
    if node is None:
        return _whole_reduced(reading, given, name)
    dims = _dims(given, name)
    if dims is None:
        raise Unproved(f"calls `{name}` over axes that are not written as numbers", given.node)
    found = _turned(reading, given, node, dims)
    if _keeps(given, name):
        sizes = value.sizes
        if sizes is not None:
            kept = {dim % len(sizes) for dim in dims}
            sizes = tuple("1" if at in kept else size for at, size in enumerate(sizes))
        return tensor(sizes, value.axis, rank=value.rank, fresh=True)
    return replace(without(value, found, given.node), fresh=True)


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


def _along(reading: Reading, given: Given, name: str) -> Value:
    value, node = given.values[0], _dim_node(given, name)
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


def over_last(value: Value, node: ast.AST, size: str = "") -> Value:
    """Return what a linear map of the last axis gives.

    Raises:
        Unproved: the last axis need not be one of a turn.
    """
    if value.anywhere:
        return value
    if value.axis is not None and value.axis.at_right(1) is not True:
        raise Unproved("works on the last axis, where not all axes are known", node)
    sizes = (*value.sizes[:-1], size) if value.sizes else None
    return Value(sizes, value.rank, value.axis, is_tensor=True, fresh=True)


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
    one_long = value.sizes is not None and dim is not None and value.sizes[dim] == "1"
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
    return _swap(value, dims[0] or 0, dims[1] or 0)


def _swap(value: Value, one: int, other: int) -> Value:
    sizes = value.sizes
    if sizes is not None:
        found = list(sizes)
        found[one], found[other] = found[other], found[one]
        sizes = tuple(found)
    return replace(value, sizes=sizes, view=True, fresh=False, text="")


def _viewed(reading: Reading, given: Given) -> Value:
    """Give one turn other axes: in the batched code with the loop's axis in front of them, where it is in front now."""
    value = given.values[0]
    nodes = list(given.nodes[1:])
    tupled = len(nodes) == 1 and isinstance(nodes[0], ast.Tuple | ast.List)
    inner = list(nodes[0].elts) if tupled else nodes  # type: ignore[attr-defined]
    sizes = _sizes(reading, nodes, list(given.values[1:]))
    if value.axis is None or sizes is None or not inner or given.named or value.axis.merged or reading.loop is None:
        raise Unproved("changes the axes of one turn to what is not written one by one", given.node)
    if "-1" in sizes and reading.may_be_empty:
        raise Unproved("leaves a size to be found, which cannot be where there are no turns", given.node)
    left = value.axis.left
    kept = value.sizes is not None and left.known and value.sizes[: left.extra] == sizes[: left.extra]
    if not left.known or (left.extra and not (kept and all(sizes[: left.extra]))) or left.extra >= len(inner):
        raise Unproved("changes the axes of one turn across the loop's axis", given.node)
    start = reading.code.span(inner[left.extra])[0]
    reading.edit(start, start, f"{_sized(reading.loop.turns)}, ", given.node)
    plain = tuple("" if one == "-1" else one for one in sizes)
    right = len(sizes) - left.extra
    return tensor(plain, Axis(left, Count(right), right), view=True, outside=value.outside)


def _sized(text: str) -> str:
    return text


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
    return number(text=value.sizes[dim] if value.sizes is not None and dim < len(value.sizes) else "")


def _matmul(reading: Reading, given: Given) -> Value:
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


def _dimension(reading: Reading, given: Given) -> Value:
    raise Unproved("asks how many axes one turn has", given.node)


def _hot(reading: Reading, given: Given) -> Value:
    value = given.values[0]
    return with_one_more(value, -1, RIGHT, "")


_OWN: dict[str, Callable[[Reading, Given], Value]] = {
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
    "dim": _dimension,
    "one_hot": _hot,
}


# --- what does not move: how many axes it has -------------------------------------------------------------------------


def _still_view(reading: Reading, given: Given) -> Value:
    sizes = _sizes(reading, given.nodes[1:], given.values[1:])
    return tensor(tuple("" if one == "-1" else one for one in sizes)) if sizes is not None else Value(is_tensor=True)


def _still_swap(given: Given) -> Value:
    value = given.values[0]
    dims = [integer(one) if one is not None else None for one in (given.argument(1), given.argument(2))]
    known = value.sizes is not None and all(
        one is not None and -len(value.sizes) <= one < len(value.sizes) for one in dims
    )
    return _swap(value, dims[0] or 0, dims[1] or 0) if known else Value(is_tensor=True)


def _still_permute(given: Given) -> Value:
    value, dims = given.values[0], [integer(one) for one in given.nodes[1:]]
    known = value.sizes is not None and len(dims) == len(value.sizes) and None not in dims
    if not known or value.sizes is None:
        return Value(is_tensor=True) if len(dims) < 2 else tensor(("",) * len(dims))
    return tensor(tuple(value.sizes[one or 0] for one in dims))


def _still_unsqueeze(given: Given) -> Value:
    node = given.argument(1, "dim")
    dim = integer(node) if node is not None else None
    value = given.values[0]
    if dim is None or value.sizes is None:
        return Value(is_tensor=True, rank=value.rank.plus(1) if value.rank else None)
    return with_one_more(value, dim, RIGHT)


def _still_join(given: Given) -> Value:
    parts = given.values[0].items
    if not parts or any(one.sizes is None for one in parts) or len({len(one.sizes or ()) for one in parts}) > 1:
        return Value(is_tensor=True)
    node = given.argument(1, "dim", "axis")
    dim = integer(node) if node is not None else 0
    sizes = list(parts[0].sizes or ())
    if dim is None or not -len(sizes) <= dim < len(sizes):
        return tensor(("",) * len(sizes))
    sizes[dim] = ""
    return tensor(tuple(sizes))


def _still_stack(given: Given) -> Value:
    parts = given.values[0].items
    if not parts or parts[0].sizes is None:
        return Value(is_tensor=True)
    node = given.argument(1, "dim", "axis")
    dim = integer(node) if node is not None else 0
    return with_one_more(parts[0], dim, RIGHT, "") if dim is not None else tensor(("",) * (len(parts[0].sizes) + 1))


def _still_matmul(given: Given) -> Value:
    return multiplied(given.values[0], given.values[1], given.node)


_SHAPED: dict[str, Callable[[Given], Value]] = {
    "transpose": _still_swap,
    "swapaxes": _still_swap,
    "permute": _still_permute,
    "unsqueeze": _still_unsqueeze,
    "cat": _still_join,
    "concat": _still_join,
    "stack": _still_stack,
    "matmul": _still_matmul,
    "bmm": _still_matmul,
}
