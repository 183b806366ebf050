"""What may stay in a loop from which a part is taken: nothing that could write to what the part reads."""

from __future__ import annotations

import ast

from patcher.syntax.loops import names
from patcher.syntax.loops.files import dotted_name
from patcher.syntax.loops.opened import Module, attribute
from patcher.syntax.loops.reading import Reading

__all__ = ["known_calls"]


def known_calls(node: ast.stmt, reading: Reading) -> bool:
    """Tell whether all that a statement calls is known to write to nothing but lists of its own."""
    return all(_is_known(one, reading) for one in ast.walk(node) if isinstance(one, ast.Call))


def _is_known(node: ast.Call, reading: Reading) -> bool:
    name = dotted_name(node.func)
    last = name.rpartition(".")[2] or (node.func.attr if isinstance(node.func, ast.Attribute) else "")
    if name.startswith("self.") and name.count(".") == 1 and reading.self_class is not None:
        module = attribute(reading, last).module
        return isinstance(module, Module) and _of_torch(module)
    pure = names.PLACEWISE | names.REDUCES | names.ALONG | names.PLAIN | names.LOSSES | names.CREATES | names.OF_CHANCE
    meant = reading.code.meaning(node.func)
    if meant:
        return meant.startswith(("torch.", "math.")) and last in pure
    return last in pure | names.SYNCS | names.PURE_BUILTINS | {"append", "size", "dim"}


def _of_torch(module: Module) -> bool:
    return module.kind == "torch" or (module.kind in ("row", "either") and all(map(_of_torch, module.parts)))
