"""`known`: what is wrong in the upstream and is not this recipe's to mend, by the lines that show it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from patcher.errors import PatternError
from patcher.model import Flaw
from patcher.recipe.nodes import Reader, Table
from patcher.recipe.scopes import read_scopes

__all__ = ["KEYS", "read_known"]

KEYS = ("why", "in", "text")


def read_known(tables: Iterable[Table], reader: Reader) -> Iterator[Flaw]:
    """Yield what a recipe knows of its upstream; what is wrong with it is told to the reader."""
    from patcher.verbs.text import expression  # here, so that recipes are listed without libcst

    for table in tables:
        fields = reader.fields(table, KEYS, KEYS)
        why, text = (reader.text(fields.get(key), key) for key in ("why", "text"))
        scopes = read_scopes(fields, "in", reader)
        for scope in scopes:
            if scope.qualname is not None:
                reader.tell(
                    fields["in"].mark, f"`{scope}` names a class or function, and in `known` only files are named."
                )
        if text:
            try:
                yield Flaw(why, tuple(scope.path for scope in scopes), expression(text, "text"))
            except PatternError as error:
                reader.tell(fields["text"].mark, str(error))
