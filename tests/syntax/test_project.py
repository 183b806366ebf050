"""Which file of the tree an import means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.syntax.draft import Draft
from patcher.syntax.project import imported_modules, may_have, module_files, python_files, search_folders
from patcher.syntax.source import Source
from tests.helpers import write_tree


def draft_of(root: Path, files: Mapping[str, str]) -> Draft:
    return Draft(Checkout.open(write_tree(root, files)), root / "no-shims")


def test_folders_from_the_root_down() -> None:
    assert [str(folder) for folder in search_folders("a/b/c.py")] == [".", "a", "a/b"]
    assert [str(folder) for folder in search_folders("c.py")] == ["."]


TREE = {
    "util.py": "",
    "net/__init__.py": "",
    "net/util.py": "",
    "net/deep/__init__.py": "",
    "net/deep/a.py": "",
    "src/pkg/mod.py": "",
    "tests/test_mod.py": "",
    "both.py": "",
    "both/__init__.py": "",
}


@pytest.mark.parametrize(
    ("importer", "module", "files"),
    [
        ("train.py", "util", ["util.py"]),
        ("net/a.py", "util", ["util.py", "net/util.py"]),
        ("net/deep/a.py", "net.util", ["net/util.py"]),
        ("net/deep/a.py", "deep.a", ["net/deep/a.py"]),
        ("net/deep/a.py", "a", ["net/deep/a.py"]),
        ("train.py", "net", ["net/__init__.py"]),
        ("train.py", "net.deep", ["net/deep/__init__.py"]),
        ("train.py", "both", ["both/__init__.py"]),
        ("tests/test_mod.py", "pkg.mod", ["src/pkg/mod.py"]),
        ("train.py", "pkg.mod", ["src/pkg/mod.py"]),
        ("train.py", "deep.a", []),
        ("train.py", "torch", []),
        ("train.py", "net.none", []),
        ("train.py", "", []),
        ("train.py", ".util", ["util.py"]),
        ("train.py", "..util", []),
        ("train.py", ".", []),
    ],
)
def test_the_files_of_a_module(tmp_path: Path, importer: str, module: str, files: list[str]) -> None:
    assert module_files(draft_of(tmp_path, TREE), importer, module) == files


def test_the_modules_that_a_file_imports() -> None:
    source = Source(
        "a.py", b"import a.b as c, d\nfrom e.f import g\nfrom . import h\nfrom .i import j\ndef k(): import l\n"
    )
    assert imported_modules(source) == ["a.b", "d", "l", "e.f"]


def test_the_files_that_mention_a_word(tmp_path: Path) -> None:
    files = {"a.py": "word\n", "b.py": "print 'word'\n", "c.py": "x\n", "d.txt": "word", "e.pyi": "word\n"}
    assert [source.path for source in python_files(draft_of(tmp_path, files), "word")] == ["a.py", "e.pyi"]


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("def x(): ...\n", True),
        ("from a import y as x\n", True),
        ("from a import *\n", True),
        ("def __getattr__(name): ...\n", True),
        ("def f():\n    x = 1\n", False),
        ("y = 1\n", False),
        ("print 'x'\n", True),
    ],
    ids=["defined", "imported", "a star", "asked for", "in a function", "another", "not Python 3"],
)
def test_what_a_module_may_have(tmp_path: Path, text: str, has: bool) -> None:
    assert may_have(draft_of(tmp_path, {"net/__init__.py": text}), "net/__init__.py", "x") is has


def test_a_package_has_its_modules(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"net/__init__.py": "", "net/x.py": "", "net/a.py": ""})
    assert may_have(draft, "net/__init__.py", "x")
    assert not may_have(draft, "net/a.py", "x")
