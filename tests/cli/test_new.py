"""`patcher new`: a folder that loads and whose cases pass; what is there is never written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, snapshot


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_recipe_loads_and_its_cases_pass(patcher: Patcher, folder: Path) -> None:
    made = patcher("new", "ours")
    assert (made.code, made.stderr) == (0, "")
    assert sorted(snapshot(folder)) == ["ours/cases/example.yaml", "ours/recipe.yaml"]
    assert patcher("show", "./ours").code == 0
    tested = patcher("test", "./ours")
    assert tested.code == 0, tested.out + tested.stderr


def test_what_is_there_is_left_as_it_is(patcher: Patcher, folder: Path) -> None:
    patcher("new", "ours")
    (folder / "ours" / "recipe.yaml").write_text("mine")
    before = snapshot(folder)
    assert patcher("new", "ours").code == 2
    assert snapshot(folder) == before


def test_a_link_that_leads_nowhere_is_left_too(patcher: Patcher, folder: Path) -> None:
    (folder / "ours").symlink_to("nowhere")
    assert patcher("new", "ours").code == 2
    assert (folder / "ours").is_symlink()


def test_a_folder_that_cannot_be_written_whole_is_not_there(
    patcher: Patcher, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", refuse)
    assert patcher("new", "ours").code == 5
    assert list(folder.iterdir()) == []


def test_a_patch_that_cannot_be_drafted_leaves_nothing(patcher: Patcher, folder: Path) -> None:
    (folder / "tree").mkdir()
    (folder / "my.patch").write_text("no patch")
    assert patcher("new", "ours", "tree", "--from-diff", "my.patch").code == 2
    assert not (folder / "ours").exists()
