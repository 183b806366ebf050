"""Which attributes are buffers: tensors that a module keeps beside its parameters, by `self.register_buffer`."""

from __future__ import annotations

import libcst as cst

from patcher.syntax.source import Source

__all__ = ["is_buffer"]


def is_buffer(source: Source, node: cst.CSTNode) -> bool:
    """Tell whether `self.NAME` is registered under that name in its class; what a base class registers is not seen."""
    if not isinstance(node, cst.Attribute) or not _is_self(node.value):
        return False
    own = _class_of(source, node)
    return own is not None and any(
        _registers(call, node.attr.value) and _class_of(source, call) is own for call in source.of(cst.Call)
    )


def _registers(node: cst.CSTNode, name: str) -> bool:
    """Tell whether a call registers a buffer of this name."""
    if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute) or not _is_self(node.func.value):
        return False
    named = [arg.value for arg in node.args[:1] if arg.keyword is None]
    named += [arg.value for arg in node.args if arg.keyword is not None and arg.keyword.value == "name"]
    given = [one.evaluated_value for one in named if isinstance(one, (cst.SimpleString, cst.ConcatenatedString))]
    return node.func.attr.value == "register_buffer" and given == [name]


def _class_of(source: Source, node: cst.CSTNode) -> cst.CSTNode | None:
    return next((above for above in source.ancestors(node) if isinstance(above, cst.ClassDef)), None)


def _is_self(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value == "self"
