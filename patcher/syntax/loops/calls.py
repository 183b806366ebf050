"""Calls: what PyTorch's functions, methods and modules make of a value that differs from turn to turn.

A call that is not known is refused: it may do anything.
"""

from __future__ import annotations

import ast
from dataclasses import replace

from patcher.syntax.loops import names
from patcher.syntax.loops.along import OWN, along, axes_counted, placewise, reduced
from patcher.syntax.loops.axes import over_last
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.given import Given, read_call
from patcher.syntax.loops.opened import call_of_tree
from patcher.syntax.loops.reading import Reading
from patcher.syntax.loops.still import still
from patcher.syntax.loops.values import Refused, Unproved, Value, aligned, number

__all__ = ["called"]


def called(reading: Reading, node: ast.Call) -> Value:
    """Return what a call gives in one turn."""
    if any(isinstance(one, ast.Starred) for one in node.args) or any(one.arg is None for one in node.keywords):
        return reading.anything(node)
    meant = reading.code.meaning(node.func)
    name = dotted_name(node.func)
    if meant.startswith("torch.") and meant not in ("torch.no_grad", "torch.enable_grad"):
        return _of_torch(reading, node, meant)
    if meant.startswith("einops."):
        return _plain(read_call(reading, node), meant)
    if meant.startswith("math."):
        return _number(read_call(reading, node), meant)
    if not meant and name in names.PURE_BUILTINS and name not in reading.code.top and name not in reading.env:
        return _builtin(reading, node, name)
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


def _number(given: Given, name: str) -> Value:
    if any(one.moves for one in given.all):
        raise Refused(f"computes `{name}` of what differs from turn to turn", given.node)
    return number()


def _builtin(reading: Reading, node: ast.Call, name: str) -> Value:
    given = read_call(reading, node)
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
    if not given.values:
        raise Refused(f"takes `{name}` of what differs from turn to turn", node)
    if name == "len" and given.values[0].shape_of is not None:
        return axes_counted(reading, node)
    if name in ("float", "int", "bool"):
        raise Refused(f"makes a plain number of a tensor (`{name}`)", node)
    if name == "abs":
        return aligned(moving, node)
    if name == "isinstance":
        return Value(is_tensor=False)
    if name in ("tuple", "list") and given.values[0].items is not None:
        return given.values[0]
    raise Refused(f"takes `{name}` of what differs from turn to turn", node)


def _of_torch(reading: Reading, node: ast.Call, meant: str, base: Value | None = None) -> Value:
    name = meant.rpartition(".")[2]
    given = read_call(reading, node, base)
    if name in names.SYNCS and any(one.moves for one in given.all):
        raise Refused(f"reads a tensor as a plain number in every turn (`.{name}()`)", node)
    if name in names.OF_CHANCE and not _is_off(given):
        raise Refused(f"draws random numbers in every turn (`{name}`)", node)
    if name.endswith("_") and not name.endswith("__"):
        raise Refused(f"writes in place (`{name}`)", node)
    _check_arguments(given, name)
    if not given.values and name not in names.CREATES | {"tensor"}:  # all by name
        return _plain(given, meant) if any(one.moves for one in given.all) else Value()
    if not any(one.moves for one in given.all):
        return still(reading, given, name, meant)
    if name in names.OF_CHANCE:
        return given.values[0]
    if name in ("dim", "ndimension"):
        return axes_counted(reading, node)
    if any(one.anywhere for one in given.all):
        return _plain(given, meant)
    if name in names.LOSSES and _reduction(given) == "none":
        return replace(aligned(list(given.values[:2]), node), fresh=True)
    own = OWN.get(name)
    if own is not None:
        return own(reading, given)
    if name in names.PLACEWISE:
        return placewise(given, name)
    if name in names.REDUCES:
        return reduced(reading, given, name)
    if name in names.ALONG:
        return along(reading, given, name)
    if name in names.LAST and not any(one.moves for one in given.all[1:]):
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
        or name in OWN
        or meant.startswith(("torch.linalg.", "torch.fft.", "torch.special.", "einops."))
    )
    if not pure:
        raise Refused(f"calls `{name}`, which is not known", given.node)
    if not any(one.moves for one in given.all):
        return Value(is_tensor=True)
    raise Unproved(f"calls `{name}`, through which the axis is not followed", given.node)
