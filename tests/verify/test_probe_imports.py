"""A hook runs behind a module's loading, however the module is come by, and the module is what it was."""

from __future__ import annotations

import importlib
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from patcher.verify.run import PROBE
from tests.helpers import write_tree


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the names of the modules for which a hook ran; awaited is what begins with `awaited`."""
    monkeypatch.syspath_prepend(str(PROBE))
    finder = importlib.import_module("_patcher_imports").Awaited()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    found: list[Any] = []
    finder.add(lambda name: name.split(".")[-1].startswith("awaited"), found.append)
    yield found
    for name in [name for name in sys.modules if "awaited" in name or name == "_patcher_imports"]:
        del sys.modules[name]


def test_a_module_a_package_and_what_lies_in_it(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(tmp_path, {"awaited.py": "a = 1\n", "awaited_pack/__init__.py": "", "awaited_pack/awaited_in.py": ""})
    awaited = importlib.import_module("awaited")
    importlib.import_module("awaited_pack.awaited_in")

    assert [one.__name__ for one in loaded] == ["awaited", "awaited_pack", "awaited_pack.awaited_in"]
    assert loaded[0] is awaited is sys.modules["awaited"]
    assert awaited.a == 1
    assert awaited.__spec__.loader is awaited.__loader__


def test_what_is_bound_while_a_package_loads_is_already_hooked(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(
        tmp_path, {"awaited_pack/__init__.py": "from .awaited_in import a\n", "awaited_pack/awaited_in.py": "a = 1\n"}
    )
    importlib.import_module("awaited_pack")
    assert [one.__name__ for one in loaded] == ["awaited_pack.awaited_in", "awaited_pack"]


def test_a_reload_runs_the_hook_again(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(tmp_path, {"awaited.py": "a = 1\n"})
    importlib.reload(importlib.import_module("awaited"))
    assert len(loaded) == 2


def test_asking_whether_there_is_one_runs_nothing(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(tmp_path, {"awaited.py": "a = 1\n"})
    assert importlib.util.find_spec("awaited") is not None
    assert importlib.util.find_spec("awaited_not") is None
    assert loaded == []


def test_a_module_that_fails_is_not_hooked(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(tmp_path, {"awaited.py": "raise ValueError('own')\n"})
    with pytest.raises(ValueError, match="own"):
        importlib.import_module("awaited")
    assert loaded == []


def test_a_loader_of_many_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: list[Any]) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("awaited.py", "")
        archive.writestr("not_awaited_.py", "")
    monkeypatch.syspath_prepend(str(tmp_path / "all.zip"))
    importlib.import_module("awaited")
    importlib.import_module("not_awaited_")
    assert [one.__name__ for one in loaded] == ["awaited"]


def test_a_module_that_is_there_already_is_hooked_at_once(tmp_path: Path, loaded: list[Any]) -> None:
    write_tree(tmp_path, {"awaited.py": "a = 1\n"})
    module = importlib.import_module("awaited")
    found: list[Any] = []
    sys.meta_path[0].add("awaited".__eq__, found.append)
    assert found == [module]
