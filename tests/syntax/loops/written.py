"""The corpus: loops as people write them, each with what is known of it in the comment above; and how to batch one."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.syntax.loops import Code, Files, Place, Refused, places, rewritten

__all__ = ["BATCHED", "MAPPED", "REFUSED", "Example", "batched", "one_batched"]

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Example:
    """A function or class of the corpus, and the comment above it: the axes of its inputs, or a part of the reason."""

    file: str
    name: str
    comment: str

    def __str__(self) -> str:
        return self.name

    @property
    def text(self) -> str:
        return (CORPUS / f"{self.file}.py").read_text()

    def batched(self) -> tuple[str, list[str], list[str]]:
        return batched(self.text, self.name)


def _examples(file: str) -> list[Example]:
    text = (CORPUS / f"{file}.py").read_text()
    lines = text.splitlines()
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    above = [(node.name, lines[node.lineno - 2]) for node in found]
    return [Example(file, name, line.removeprefix("# ")) for name, line in above if line.startswith("# ")]


BATCHED, MAPPED, REFUSED = (_examples(file) for file in ("batched", "mapped", "refused"))


def batched(text: str, name: str, files: Mapping[str, str] | None = None) -> tuple[str, list[str], list[str]]:
    """Batch every loop of a function or class, the inner ones first: the text, the forms, and why others must stay."""
    forms: list[str] = []
    reasons: list[str] = []
    while True:
        found = [place for place in places(Code("a.py", text)) if _within(place) == name]
        if len(reasons) >= len(found):
            return text, forms, reasons
        try:
            result = rewritten(found[len(reasons)], _files(text, files or {}))
        except Refused as refused:
            reasons.append(refused.reason)
            continue
        forms.append(result.form)
        text = result.text


def one_batched(text: str, files: Mapping[str, str] | None = None) -> str:
    """Batch the loops of a file's only function, or give the reason of the last that must stay."""
    name = next(node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef))
    result, forms, reasons = batched(text, name, files)
    return result if forms else reasons[-1]


def _within(place: Place) -> str:
    return "" if place.function.name == "__init__" else place.qualname.partition(".")[0]


def _files(text: str, files: Mapping[str, str]) -> Files:
    known = {**files, "a.py": text}

    def find(path: str, module: str) -> list[str]:
        file = f"{module.lstrip('.').replace('.', '/')}.py"
        return [file] if file in known else []

    return Files(find, lambda path: known[path])
