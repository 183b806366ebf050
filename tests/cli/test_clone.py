"""`patcher clone`: upstream at its first tested commit, with the recipe applied."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, commit_all, git, snapshot, write_tree
from tests.tiny import Tiny, replace

ROUND = replace("abs($X)", "round($X)")


@pytest.fixture
def upstream(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """A recipe whose upstream has moved on since it was tried."""
    monkeypatch.chdir(tiny.folder)
    tiny.one("abs(1)\n")
    tested = git(tiny.tree, "rev-parse", "HEAD").strip()
    commit_all(write_tree(tiny.tree, {"a.py": "len(1)\n"}))
    return tiny.recipe(ROUND, upstream={"repository": str(tiny.tree), "tested": [tested]})


def test_the_tested_commit_is_cloned_and_patched(upstream: Tiny, patcher: Patcher) -> None:
    result = patcher("clone", upstream.file, "mine")
    assert result.code == 0, result.stderr
    assert (upstream.folder / "mine" / "a.py").read_text() == "round(1)\n"
    assert len(git(upstream.folder / "mine", "log", "--all", "--format=%h").split()) == 2
    assert git(upstream.folder / "mine", "branch", "--show-current") == ""


def test_a_branch_with_a_commit(upstream: Tiny, patcher: Patcher) -> None:
    assert patcher("clone", upstream.file, "mine", "--branch", "patched", "--commit").code == 0
    assert git(upstream.folder / "mine", "branch", "--show-current") == "patched\n"
    assert git(upstream.folder / "mine", "status", "--porcelain") == ""


def test_a_head_without_a_branch_is_told(upstream: Tiny, patcher: Patcher) -> None:
    assert "HEAD is detached" in patcher("clone", upstream.file, "mine", "--commit").stderr


def test_the_folder_is_called_as_the_repository(
    upstream: Tiny, patcher: Patcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    (upstream.folder / "work").mkdir()
    monkeypatch.chdir(upstream.folder / "work")
    assert patcher("clone", upstream.file).code == 0
    assert (upstream.folder / "work" / "tree" / "a.py").read_text() == "round(1)\n"


def test_a_folder_with_something_in_it(upstream: Tiny, patcher: Patcher) -> None:
    before = upstream.snapshot()
    result = patcher("clone", upstream.file)
    assert result.code == 2
    assert "tree is there, and is not empty; name another folder, or apply the recipe there." in result.stderr
    assert upstream.snapshot() == before


def test_a_recipe_of_no_upstream(tiny: Tiny, patcher: Patcher) -> None:
    assert "names no commit of an upstream" in patcher("clone", tiny.recipe(ROUND).file).stderr


def test_a_repository_that_is_not_there(tiny: Tiny, patcher: Patcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.folder)
    tiny.recipe(ROUND, upstream={"repository": str(tiny.folder / "none"), "tested": ["1" * 40]})
    result = patcher("clone", tiny.file, "mine")
    assert result.code == 5
    assert "could not be cloned" in result.stderr
    assert not (tiny.folder / "mine").exists()


def test_a_commit_that_is_gone(upstream: Tiny, patcher: Patcher) -> None:
    upstream.recipe(ROUND, upstream={"repository": str(upstream.tree), "tested": ["1" * 40]})
    result = patcher("clone", upstream.file, "mine")
    assert result.code == 5
    assert "has no 111111111111 any more" in result.stderr


def test_a_recipe_that_does_not_load_clones_nothing(tiny: Tiny, patcher: Patcher, tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    assert patcher("clone", "no-such-recipe", tmp_path / "x").code == 2
    assert snapshot(tmp_path) == before
