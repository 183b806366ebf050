"""The `proof` of a step: what it leaves equal, and the Python beside the recipe that runs it."""

from __future__ import annotations

from patcher.model import Proof, Scope
from patcher.recipe.beside import check_beside
from patcher.recipe.nodes import Node, Reader
from patcher.recipe.scopes import read_scopes

__all__ = ["KEYS", "read_proof"]

KEYS = ("of", "cases")


def read_proof(node: Node, reader: Reader) -> Proof:
    """Return a proof; what is wrong with it is told to the reader."""
    fields = reader.fields(reader.table(node, "proof"), KEYS, KEYS)
    return Proof(_of(fields.get("of"), reader), _cases(fields.get("cases"), reader))


def _of(node: Node | None, reader: Reader) -> Scope:
    scopes = read_scopes({"of": node}, "of", reader) if node and reader.text(node, "of") else ()
    if node and scopes and scopes[0].qualname is None:
        reader.tell(node.mark, "`of` is one function or class of a file, as in models/layers.py::Attention.")
    return scopes[0] if scopes else Scope("")


def _cases(node: Node | None, reader: Reader) -> str:
    file = reader.text(node, "cases")
    if node and file and not file.endswith(".py"):
        reader.tell(node.mark, f"`{file}` is no Python file; `cases` names one beside the recipe, as in proofs/x.py.")
    else:
        check_beside(node, file, reader)
    return file
