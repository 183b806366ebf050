"""`patcher verify` as a user meets it; what it runs is in tests/verify."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import Patcher, fixture_tree
from tests.tiny import Tiny, replace

ROUND = replace("abs($X)", "round($X)")


@pytest.fixture
def checked(tiny: Tiny) -> Tiny:
    """A recipe of one's own, whose check leaves a mark."""
    program = f"open({str(tiny.folder / 'mark')!r}, 'w')\n"
    check = {"id": "train", "why": "because", "run": ["python", "train.py"]}
    return tiny.files({"train.py": program}).recipe(ROUND, checks=[check])


def test_a_recipe_that_did_not_come_with_patcher_is_not_run_unasked(checked: Tiny) -> None:
    result = checked.patcher("verify", checked.tree, "-r", checked.file, "--python", sys.executable)
    assert result.code == 2
    assert "tiny did not come with patcher; read its checks, then give --allow-run to run them." in result.stderr
    assert not (checked.folder / "mark").exists()


def test_it_is_run_where_that_is_allowed(checked: Tiny) -> None:
    checked.patcher("verify", checked.tree, "-r", checked.file, "--python", sys.executable, "--allow-run")
    assert (checked.folder / "mark").exists()


def test_a_bundled_recipe_needs_no_leave(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    patcher("apply", tree, "-r", "hrm")
    result = patcher("verify", tree, "-r", "hrm", "--python", "/bin/false")
    assert result.code == 5
    assert "/bin/false could not be asked for its packages" in result.stderr


def test_a_recipe_without_checks(tiny: Tiny) -> None:
    tiny.one("abs(1)\n").recipe(ROUND)
    result = tiny.patcher("verify", tiny.tree, "-r", tiny.file)
    assert result.code == 2
    assert "tiny has no checks, so there is nothing to run." in result.stderr


def test_a_python_that_is_not_there(checked: Tiny) -> None:
    result = checked.patcher("verify", checked.tree, "-r", checked.file, "--allow-run", "--python", "nowhere")
    assert result.code == 2
    assert "--python nowhere is no program that can be run" in result.stderr


def test_a_folder_that_is_not_there(checked: Tiny) -> None:
    result = checked.patcher("verify", checked.folder / "nowhere", "-r", checked.file, "--allow-run")
    assert result.code == 5
    assert "There is no folder" in result.stderr


def test_a_check_of_a_file_that_the_tree_has_not_is_not_run_and_the_others_are(tiny: Tiny) -> None:
    check = {"why": "because", "run": ["python", "train.py"], "readings": {"parameters": 0}}
    other = {**check, "id": "other", "files": ["other.py"]}
    tiny.files({"train.py": "1 + 1\n"}).recipe(ROUND, checks=[{**check, "id": "train"}, other])
    result = tiny.patcher("verify", tiny.tree, "-r", tiny.file, "--python", sys.executable, "--allow-run")
    assert "other: not run.\nThe tree has no other.py, which it is about." in result.out
    assert "train: failed" in result.out and result.code == 4


def test_a_tree_is_not_patched_on_the_way(checked: Tiny) -> None:
    checked.files({"a.py": "abs(1)\n"})
    checked.patcher("verify", checked.tree, "-r", checked.file, "--python", sys.executable, "--allow-run")
    assert checked.read() == "abs(1)\n"


def test_a_tree_that_is_not_patched_is_not_trained(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    result = patcher("verify", tree, "-r", "hrm")
    assert result.code == 2
    assert f"hrm is not applied in {tree}; first run `patcher apply {tree} -r hrm`." in result.stderr


def test_a_tree_that_is_patched_otherwise_is_not_trained(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    patcher("apply", tree, "-r", "hrm", "-p", "optimizer=adam")
    result = patcher("verify", tree, "-r", "hrm")
    assert result.code == 3
    assert (
        "adam-atan2/rename drifted" in result.stderr and "Give the parameters that it was applied with" in result.stderr
    )
