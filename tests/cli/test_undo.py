"""`patcher undo` as a user meets it."""

from __future__ import annotations

import pytest

from tests.helpers import git
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)")
INT = replace("len($X)", "int($X)", name="next")
RENAME = step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")


@pytest.fixture
def applied(tiny: Tiny) -> Tiny:
    """A tree in which a file was changed and another one added."""
    tiny.files({"a.py": "from adam_atan2 import AdamATan2\n\nAdamATan2()\n", "b.py": "x = 1\n"}).recipe(RENAME)
    assert tiny.apply().code == 0
    return tiny


@pytest.mark.parametrize("with_git", [True, False])
def test_every_byte_is_back(tiny: Tiny, with_git: bool) -> None:
    tiny.files({"a.py": "abs(1)\r\n"}, git=with_git).recipe(ROUND)
    before = tiny.snapshot()
    tiny.apply()
    assert tiny.patcher("undo", tiny.tree).code == 0
    assert tiny.snapshot() == before


def test_what_was_done_is_told_by_file(applied: Tiny) -> None:
    result = applied.patcher("undo", applied.tree)
    first, *files = result.out.splitlines()
    assert first.startswith("Took back the apply of tiny (")
    assert files == ["  a.py: as it was", "  adam_atan2_torch.py: removed"]
    assert git(applied.tree, "status", "--porcelain") == ""


def test_nothing_is_left_to_undo(tiny: Tiny) -> None:
    tiny.one("abs(1)\n")
    result = tiny.patcher("undo", tiny.tree)
    assert result.code == 2
    assert "Nothing is left to undo: patcher has no record of an apply in" in result.stderr


def test_a_file_that_was_edited_since_keeps_everything(applied: Tiny) -> None:
    (applied.tree / "a.py").write_text("mine\n")
    before = applied.snapshot()
    result = applied.patcher("undo", applied.tree)
    assert result.code == 5
    assert "Nothing was undone, because these files were edited since tiny was applied:\n  a.py\n" in result.stderr
    assert applied.snapshot() == before


def test_a_file_that_patcher_did_not_write_stays(applied: Tiny) -> None:
    (applied.tree / "b.py").write_text("x = 2\n")
    assert applied.patcher("undo", applied.tree).code == 0
    assert applied.read("b.py") == "x = 2\n"


def test_a_file_that_is_as_it_was_already_is_told(applied: Tiny) -> None:
    git(applied.tree, "checkout", "--", "a.py")
    result = applied.patcher("undo", applied.tree)
    assert result.code == 0
    assert "  a.py: was so already" in result.out


def test_applies_are_taken_back_one_by_one(tiny: Tiny) -> None:
    tiny.one("abs(len(1))\n").recipe(ROUND).apply()
    tiny.recipe(INT).apply()
    tiny.patcher("undo", tiny.tree)
    assert tiny.read() == "round(len(1))\n"
    tiny.patcher("undo", tiny.tree)
    assert tiny.read() == "abs(len(1))\n"
    assert tiny.patcher("undo", tiny.tree).code == 2


def test_an_apply_without_changes_is_none_to_take_back(tiny: Tiny) -> None:
    tiny.one("round(1)\n").recipe(ROUND).apply()
    assert tiny.patcher("undo", tiny.tree).code == 2


def test_a_folder_that_is_not_there(tiny: Tiny) -> None:
    result = tiny.patcher("undo", tiny.tree)
    assert result.code == 5
    assert "There is no folder" in result.stderr
