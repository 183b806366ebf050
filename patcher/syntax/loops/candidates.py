"""The loops of a tree that could be batched: each as batched code, or with the reason why it must stay."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from patcher.errors import TargetError
from patcher.syntax.loops.files import Code, Files
from patcher.syntax.loops.header import Place, before, header, places
from patcher.syntax.loops.rewrite import Rewritten, rewritten
from patcher.syntax.loops.values import Refused
from patcher.syntax.project import module_file, module_files

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Candidate", "batched", "candidates", "files_of"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A loop: its place, its header, and its file with it batched (`form` says how), or the reason and its line."""

    path: str
    line: int
    qualname: str
    header: str
    form: str = ""
    reason: str = ""
    at: int = 0
    text: str = ""


def files_of(draft: Draft, path: str = "", text: str = "") -> Files:
    """Return the files of a draft, one of them with another text."""

    def find(importer: str, module: str) -> list[str]:
        name = module.lstrip(".")
        level = len(module) - len(name)
        if not level:
            return module_files(draft, importer, module)
        folder = PurePosixPath(importer).parent
        for _ in range(level - 1):
            folder = folder.parent
        found = module_file(draft, folder, name) if name else None
        return [found] if found is not None else []

    def read(other: str) -> str:
        if other == path:
            return text
        try:
            return draft.source(other).text.decode()
        except TargetError as error:
            raise ValueError(str(error)) from None

    return Files(find, read)


def candidates(draft: Draft) -> Iterator[Candidate]:
    """Yield the loops of a tree that read or write a tensor at their variable, in the order of files and text."""
    for path in draft.paths:
        if path.endswith(".py"):
            yield from _of_file(draft, path)


def _of_file(draft: Draft, path: str) -> Iterator[Candidate]:
    try:
        if b"torch" not in draft.read(path) or b"for " not in draft.read(path):
            return
        text = draft.read(path).decode("utf-8-sig").replace("\r\n", "\n")
        code = Code(path, text)
    except (TargetError, SyntaxError, ValueError, RecursionError):
        return
    if not any(name == "torch" or name.startswith("torch.") for name in code.imports.values()):
        return
    for place in sorted(places(code), key=lambda one: (one.loop.lineno, one.loop.col_offset)):
        found = _judged(draft, place, text)
        if found is not None:
            yield found


def _judged(draft: Draft, place: Place, text: str) -> Candidate | None:
    loop, path = place.loop, place.code.path
    header = place.code.data[place.code.line_start(loop.lineno) :].split(b"\n", 1)[0].decode().strip()
    base = Candidate(path, loop.lineno, place.qualname, header)
    if not _reads_places(loop) or _is_kernel(place):
        return None
    if not _is_range(loop) and not _over_tensors(draft, place, text):
        return None
    try:
        result = batched(draft, path, text, loop.lineno)
    except Refused as refused:
        line = getattr(refused.node, "lineno", loop.lineno)
        return Candidate(path, base.line, base.qualname, header, reason=refused.reason, at=line)
    except RecursionError:
        return Candidate(path, base.line, base.qualname, header, reason="is nested too deeply to be read", at=base.line)
    return Candidate(path, base.line, base.qualname, header, form=result.form, text=result.text)


def _over_tensors(draft: Draft, place: Place, text: str) -> bool:
    """Tell whether a loop goes over what is known to be tensors."""
    files = files_of(draft, place.code.path, text)
    try:
        header(place, before(place, files))
    except Refused:
        return False
    return True


def _is_kernel(place: Place) -> bool:
    """Tell whether a function is one of Triton's, whose names are no tensors."""
    return any("triton" in place.code.meaning(_called(one)) for one in place.function.decorator_list)


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _is_range(loop: ast.For) -> bool:
    return isinstance(loop.iter, ast.Call) and isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range"


def _reads_places(loop: ast.For) -> bool:
    """Tell whether the body has a subscript with the loop's variable, or the loop goes over what may be tensors."""
    names = {one.id for one in ast.walk(loop.target) if isinstance(one, ast.Name)}
    if not _is_range(loop):
        return isinstance(loop.target, ast.Name | ast.Tuple)
    inside = [one for node in loop.body for one in ast.walk(node) if isinstance(one, ast.Subscript)]
    return any(isinstance(name, ast.Name) and name.id in names for one in inside for name in ast.walk(one.slice))


def batched(draft: Draft, path: str, text: str, line: int) -> Rewritten:
    """Return a file's text with the loop in a line batched, and the loops in it first.

    Raises:
        Refused: the loop must stay.
    """
    passed = 0
    while True:
        code = Code(path, text)
        files = files_of(draft, path, text)
        target = next(one for one in places(code) if one.loop.lineno == line)
        inner = [one for one in places(code) if one.loop is not target.loop and _inside(one.loop, target.loop)]
        if passed >= len(inner):
            return rewritten(target, files)
        try:
            text = rewritten(inner[passed], files).text
        except Refused:
            passed += 1


def _inside(one: ast.For, other: ast.For) -> bool:
    return other.lineno <= one.lineno and (one.end_lineno or 0) <= (other.end_lineno or 0)
