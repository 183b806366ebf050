"""The order in which a file's bindings are made: which of them hold at a place, as far as the text alone tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import libcst as cst

from patcher.syntax.source import Source

if TYPE_CHECKING:
    from patcher.syntax.scopes import Binding

__all__ = ["Order"]

Loops = (cst.For, cst.While)


class Order:
    """The order of the bindings of one file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def takes_effect(self, binding: Binding) -> int:
        """Return the offset behind which a binding holds, in the text of its own scope."""
        node = binding.node
        match node:
            case cst.AssignTarget():
                return self._source.span(self._source.parent(node) or node)[1]
            case cst.For():
                return self._source.outer(node.iter)[1]
            case cst.ExceptHandler() | cst.ExceptStarHandler():
                return self._source.span(node.name or node)[1]
        return self._source.span(node)[1]

    def arms(self, node: cst.CSTNode) -> dict[cst.CSTNode, cst.CSTNode]:
        """Return, for each try, if and match around a node, the arm in which the node stands."""
        arms: dict[cst.CSTNode, cst.CSTNode] = {}
        child = node
        for above in self._source.ancestors(node):
            match above:
                case cst.If() if child is not above.test:
                    arms[above] = child
                case cst.Match() if child is not above.subject:
                    arms[above] = child
                case cst.Try() | cst.TryStar() if child is not above.finalbody:
                    arms[above] = above.body if child is above.orelse else child
            child = above
        return arms

    def replaces(self, later: Binding, binding: Binding) -> bool:
        """Tell whether a binding is made after another one, and certainly made where that one is."""
        if self._source.span(later.node)[0] <= self._source.span(binding.node)[0]:
            return False
        return self.arms(later.node).items() <= self.arms(binding.node).items()

    # --- in the body of a class -------------------------------------------------------------------------------------

    def made(self, name: str, bindings: Sequence[Binding], at: cst.CSTNode, position: int | None = None) -> bool | None:
        """Tell whether a class has bound a name where its body reads it; None: perhaps.

        `at` is read at an offset, if not as it begins.
        """
        start = self._source.span(at)[0] if position is None else position
        values = [one for one in bindings if not (isinstance(one.node, cst.AnnAssign) and one.node.value is None)]
        before = [one for one in values if self.takes_effect(one) <= start]
        here = self.arms(at).items()
        if any(self.arms(one.node).items() <= here for one in before) and not self._deleted(name, at):
            return True
        perhaps = bool(before) or any(self._again(one, at) for one in values)
        return None if perhaps else False

    def _again(self, binding: Binding, at: cst.CSTNode) -> bool:
        """Tell whether a binding that stands further down may hold at a place all the same."""
        node, around = binding.node, self._around(at)
        if isinstance(node, (cst.AugAssign, cst.AnnAssign)):  # the annotation may be read before the value or after it
            either = node.annotation if isinstance(node, cst.AnnAssign) else node.target
            if either in around:
                return True
        return any(isinstance(above, Loops) and above in around for above in self._around(node)[1:])

    def _around(self, node: cst.CSTNode) -> list[cst.CSTNode]:
        """Return a node and what stands around it in the innermost class."""
        found = [node]
        for above in self._source.ancestors(node):
            if isinstance(above, cst.ClassDef):
                break
            found.append(above)
        return found

    def _deleted(self, name: str, at: cst.CSTNode) -> bool:
        """Tell whether the class around a place has a `del` of a name in its body."""
        body = self._around(at)[-1]
        ways = (self._around(one) for one in self._source.of(cst.Name) if one.value == name)
        return any(
            way[-1] is body and any(isinstance(above, cst.Del) for above in way)
            for way in ways
            if not any(isinstance(above, cst.FunctionDef) for above in way)
        )
