"""A recipe's own LibCST transformer, run over one file; what it changed comes back as edits of whole lines.

The transformer is Python that a person wrote for this recipe: it runs with all rights, so the caller asks first.
"""

from __future__ import annotations

import difflib
import importlib.util
from functools import cache
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper

from patcher.errors import UsageError
from patcher.model import Edit
from patcher.syntax.source import Source

__all__ = ["transformed"]


def transformed(source: Source, file: Path, name: str) -> list[Edit]:
    """Return what the transformer `name` of a Python file changes.

    Raises:
        UsageError: the file has no such transformer, or ends the program.
    """
    try:
        after = rewritten(source, file, name)
    except SystemExit as error:
        raise UsageError(
            f"The codemod {file} ends the program (exit {error.code or 0}); take that out, as it only gives back nodes."
        ) from None
    return _line_edits(source.text, after)


def rewritten(source: Source, file: Path, name: str) -> bytes:
    """Return a program as a transformer leaves it; what fails in here is the recipe's, and told as such."""
    module = MetadataWrapper(source.module).visit(_transformer(file, name)())
    return module.code.encode("utf-8")


@cache
def _transformer(file: Path, name: str) -> type[cst.CSTTransformer]:
    spec = importlib.util.spec_from_file_location(f"patcher_codemod_{file.stem}", file) if file.is_file() else None
    if spec is None or spec.loader is None:
        raise UsageError(f"The codemod {file} does not exist; `codemod` names a file beside the recipe.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(f"The codemod {file} is not Python: {error.msg} in line {error.lineno}.") from None
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, cst.CSTTransformer)):
        raise UsageError(f"{file} has no class {name} that is a libcst.CSTTransformer.")
    return found


def _line_edits(before: bytes, after: bytes) -> list[Edit]:
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    edits = []
    for tag, first, last, new_first, new_last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            edits.append(Edit(starts[first], starts[last], b"".join(new[new_first:new_last]).decode("utf-8")))
    return edits
