"""Modules that are handed on (`f(torch.optim)`, `[numpy]`, `return apex`): what is read from them there, no step sees.

What Python's own functions do with a module (`hasattr(torch, "compile")`) is no matter; of a variable that holds
one tells `patcher.syntax.variables`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

import libcst as cst

from patcher.syntax.gate import Imported
from patcher.syntax.importable import may_be_class
from patcher.syntax.names import BUILTINS, dotted
from patcher.syntax.source import Source

__all__ = ["Matter", "above", "handed_on_modules", "may_hand_on"]

# Tells what may be read from a module (dotted), in words, or nothing where that is no matter.
Matter = Callable[[str], str]

HANDED = re.compile(rb"(?:[(\[{,=:]|\breturn|\byield)\s*(\w+(?:\.\w+)*)\s*(?=[,)\]}\n;#]|$)")


def above(names: Collection[str], unused: Collection[str] = ()) -> Matter:
    """Return what is said of the modules that some dotted names lie in; of `unused` ones, the very module alone."""

    def matter(module: str) -> str:
        inside = sorted(name for name in names if name.startswith(f"{module}."))
        inside += sorted(name for name in unused if name.rpartition(".")[0] == module)
        return f", as {inside[0]}," if inside and not may_be_class(module.rpartition(".")[2]) else ""

    return matter


def may_hand_on(data: bytes, imported: Iterable[Imported], matter: Matter) -> set[str]:
    """Return how a file spells the modules that it may hand on, told from its bytes."""
    modules: dict[str, set[str]] = {}
    for one in imported:
        modules.setdefault(one.local, set()).add(".".join(one.parts))
    found: set[str] = set()
    for spelled in {each[1].decode() for each in HANDED.finditer(data) if each[1].isascii()} if modules else ():
        root, dot, rest = spelled.partition(".")
        if any(matter(module + dot + rest) for module in modules.get(root, ())):
            found.add(spelled)
    return found


def handed_on_modules(source: Source, spelled: Collection[str], matter: Matter) -> Iterator[tuple[int, str]]:
    """Yield offset and reason for each place that hands a module on; `spelled` are the ways to write one there."""
    for node in [*source.of(cst.Name), *source.of(cst.Attribute)]:
        if dotted(node) not in spelled or not _is_handed_on(source, node):
            continue
        found = ((origin, matter(origin)) for origin in sorted(source.names.origins(node)))
        module, what = next(((one, said) for one, said in found if said), ("", ""))
        if module:
            yield (
                source.span(node)[0],
                f"the module {module} is handed on here, so what is read from it{what} is not seen",
            )


def _is_handed_on(source: Source, node: cst.CSTNode) -> bool:
    parent = source.parent(node)
    match parent:
        case cst.Arg() if parent.value is node:
            call = source.parent(parent)
            return isinstance(call, cst.Call) and BUILTINS.isdisjoint(source.names.origins(call.func))
        case cst.Element() | cst.DictElement() | cst.Return() | cst.Yield():
            return True
        case cst.Param():
            return parent.default is node
    return False
