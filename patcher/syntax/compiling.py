"""Whether a program is still one after edits: it parses, and Python compiles it if it did so before.

What the grammar lets pass, Python may refuse all the same: a `return` outside of a function, an `await` in one that is
not `async`. The Python that runs patcher is the judge, and it is none of a grammar newer than its own.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.ipython import Passage
from patcher.syntax.notebook import NotebookSource
from patcher.syntax.source import Source, splice

__all__ = ["Flaw", "broken", "torn", "uncompiled", "unread"]


class Flaw(NamedTuple):
    """What Python says against a program, and the offset of the line of which it says so."""

    reason: str
    offset: int


def broken(source: Source, edits: Sequence[Edit]) -> str:
    """Return a clause that says why a file would be no program any more with some edits, or nothing."""
    notebook = isinstance(source, NotebookSource)
    if not notebook and _complaint(splice(source.path, source.text, edits).decode()) is None:
        return ""
    data = source.splice(edits)
    try:
        after = type(source)(source.path, data)
    except TargetError:
        return "the result would not parse"
    flaw = uncompiled(source, after)
    if torn(source, after):
        return "the result would not parse"
    return f"the result would not compile: {flaw.reason}" if flaw else ""


def torn(before: Source, after: Source) -> Passage | None:
    """Return what of a notebook was Python, or another line for IPython, before."""
    known = Counter(one.text for one in before.unseen)
    known.subtract(one.text for one in after.unseen)
    return next((one for one in after.unseen if known[one.text] < 0), None)


def uncompiled(before: Source, after: Source) -> Flaw | None:
    """Return what Python says against a program that parses, if it said nothing before."""
    for old, new in zip(before.programs, after.programs, strict=False):
        error = _complaint(new.text, after.FLAGS)
        # What LibCST has parsed, and this Python cannot, is of a newer one.
        if error and not _complaint(new.text, ast.PyCF_ONLY_AST) and not _complaint(old.text, before.FLAGS):
            return Flaw(error.msg.partition(". ")[0], new.start + _line(new.text, error))
    return None


def unread(data: bytes) -> int | None:
    """Return the offset, as a Source counts, of the line at which Python cannot read a program on; None if it can."""
    try:
        text = data.decode(tokenize.detect_encoding(io.BytesIO(data).readline)[0])
    except (SyntaxError, UnicodeError):
        return None
    error = _complaint(text, ast.PyCF_ONLY_AST)
    return _line(text, error) if error else None


def _complaint(text: str, flags: int = 0) -> SyntaxError | None:
    """Return what Python says against a program; nothing also where it could not tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "program", "exec", flags, dont_inherit=True)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):  # a null byte, or too many brackets
            return None
    return None


def _line(text: str, error: SyntaxError) -> int:
    """Return the offset of the line that an error speaks of."""
    lines = text.split("\n")[: (error.lineno or 1) - 1]
    return sum(len(line.encode()) + 1 for line in lines)
