"""What PyTorch's functions give where nothing differs from turn to turn: how many axes it has, and their sizes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace

from patcher.syntax.loops import names
from patcher.syntax.loops.along import placewise
from patcher.syntax.loops.axes import RIGHT, multiplied, over_last, swapped, with_one_more, without
from patcher.syntax.loops.given import Given, dims_named, keeps_axis, sizes_given
from patcher.syntax.loops.reading import Reading, integer
from patcher.syntax.loops.values import Refused, Value, number, tensor

__all__ = ["still"]


def still(reading: Reading, given: Given, name: str, meant: str) -> Value:
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
        found = placewise(given, name) if name in names.PLACEWISE else given.values[0]
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


def _created(reading: Reading, given: Given) -> Value:
    if "size" in given.named:
        node, value = given.named["size"]
        sizes = sizes_given(reading, [node], [value])
    else:
        count = 1 if given.nodes and isinstance(given.nodes[0], ast.Tuple | ast.List) else len(given.nodes)
        shape = bool(given.values) and given.values[0].shape_of is not None
        count = 1 if shape else count
        sizes = sizes_given(reading, given.nodes[:count], given.values[:count])
        if count == 1 and sizes is None and len(given.nodes) == 1 and given.values[0].is_tensor is None:
            sizes = None
    return tensor(sizes, fresh=True) if sizes is not None else Value(is_tensor=True, fresh=True)


def _still_reduced(given: Given, name: str) -> Value:
    dims = dims_named(given, name)
    of = given.values[0]
    if dims is None:
        return tensor(()) if given.argument(99, "dim") is None and len(given.nodes) == 1 else Value(is_tensor=True)
    if of.sizes is None or keeps_axis(given, name):
        return of if keeps_axis(given, name) else Value(is_tensor=True)
    return without(of, [(dim, RIGHT) for dim in dims], given.node)


def _still_view(reading: Reading, given: Given) -> Value:
    sizes = sizes_given(reading, given.nodes[1:], given.values[1:])
    return tensor(tuple("" if one == "-1" else one for one in sizes)) if sizes is not None else Value(is_tensor=True)


def _still_swap(given: Given) -> Value:
    value = given.values[0]
    dims = [integer(one) if one is not None else None for one in (given.argument(1), given.argument(2))]
    known = value.sizes is not None and all(
        one is not None and -len(value.sizes) <= one < len(value.sizes) for one in dims
    )
    return swapped(value, dims[0] or 0, dims[1] or 0) if known else Value(is_tensor=True)


def _still_permute(given: Given) -> Value:
    value, dims = given.values[0], [integer(one) for one in given.nodes[1:]]
    known = value.sizes is not None and len(dims) == len(value.sizes) and None not in dims
    if not known or value.sizes is None:
        return Value(is_tensor=True) if len(dims) < 2 else tensor(("",) * len(dims))
    return tensor(tuple(value.size(one or 0) for one in dims))


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
    two = len(given.values) == 2
    return multiplied(given.values[0], given.values[1], given.node) if two else Value(is_tensor=True)


def _still_unbind(given: Given) -> Value:
    """Return the parts along an axis whose size is written as a number; they are parts of what is given."""
    value, node = given.values[0], given.argument(1, "dim")
    dim = integer(node) if node is not None else 0
    if dim is None or value.sizes is None or not -len(value.sizes) <= dim < len(value.sizes):
        return Value(is_tensor=False)
    count = value.sizes[dim]
    part = tensor(tuple(size for at, size in enumerate(value.sizes) if at != dim % len(value.sizes)), view=True)
    return Value(is_tensor=False, items=(part,) * int(count)) if count.isdigit() else Value(is_tensor=False)


def _still_chunk(given: Given) -> Value:
    """Return so many parts along an axis, whose sizes are not told; they are parts of what is given."""
    value, number_, node = given.values[0], given.argument(1, "chunks"), given.argument(2, "dim")
    count, dim = integer(number_) if number_ is not None else None, integer(node) if node is not None else 0
    known = value.sizes is not None and dim is not None and -len(value.sizes) <= dim < len(value.sizes)
    if count is None or not known or value.sizes is None or dim is None:
        return Value(is_tensor=False)
    sizes = tuple("" if at == dim % len(value.sizes) else size for at, size in enumerate(value.sizes))
    return Value(is_tensor=False, items=(tensor(sizes, view=True),) * count)


_SHAPED: dict[str, Callable[[Given], Value]] = {
    "transpose": _still_swap,
    "swapaxes": _still_swap,
    "permute": _still_permute,
    "unsqueeze": _still_unsqueeze,
    "cat": _still_join,
    "concat": _still_join,
    "stack": _still_stack,
    "unbind": _still_unbind,
    "chunk": _still_chunk,
    "matmul": _still_matmul,
    "bmm": _still_matmul,
}
