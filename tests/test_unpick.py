"""`undo --merge`: what apply wrote goes, every edit since stays, or nothing changes and the places are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.apply import apply, undo
from patcher.checkout import Checkout
from patcher.errors import TargetError, UndoError
from patcher.journal import Journal
from patcher.model import Change, Plan, Recipe
from tests.helpers import Patcher, commit_all, git, snapshot, write_tree

LINES = [f"line{number} = {number}" for number in range(12)]
BEFORE = "\n".join(LINES) + "\n"
AFTER = BEFORE.replace("line5 = 5", "line5 = five()")
EDIT = "line11 = 11", "line11 = 11  # mine"
A = Change("a.py", BEFORE.encode(), AFTER.encode())
NEW = Change("sub/new.py", None, b"new = 1\n")


@pytest.fixture(params=["git", "plain"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = write_tree(tmp_path / "tree", {"a.py": BEFORE, "b.py": "b = 1\n"})
    return commit_all(root) if request.param == "git" else root


def write(root: Path, *changes: Change) -> None:
    apply(Plan(Recipe("hrm", "", "", "d", ()), str(root), (), changes), Checkout.open(root))


def put(root: Path, old: str, new: str, name: str = "a.py") -> None:
    text = (root / name).read_bytes().decode()
    assert old in text
    (root / name).write_bytes(text.replace(old, new).encode())


def refused(root: Path) -> str:
    before = snapshot(root)
    with pytest.raises(UndoError) as told:
        undo(Checkout.open(root), merge=True)
    assert snapshot(root) == before
    assert Journal(Checkout.open(root)).records()
    return str(told.value)


def test_the_edit_stays_and_the_rest_is_as_before(tree: Path) -> None:
    write(tree, A, NEW)
    put(tree, *EDIT)
    undone = undo(Checkout.open(tree), merge=True)
    assert (tree / "a.py").read_text() == BEFORE.replace(*EDIT)
    assert not (tree / "sub").exists()
    assert (undone.merged, undone.restored, undone.removed) == (("a.py",), (), ("sub/new.py",))


def test_without_merge_it_is_refused_as_before(tree: Path) -> None:
    write(tree, A)
    put(tree, *EDIT)
    with pytest.raises(UndoError, match="--merge"):
        undo(Checkout.open(tree))


def test_where_nothing_was_edited_it_is_an_undo(tree: Path) -> None:
    before = snapshot(tree)
    write(tree, A, NEW)
    assert undo(Checkout.open(tree), merge=True).merged == ()
    assert {path: data for path, data in snapshot(tree).items() if not path.startswith(".patcher")} == before


def test_an_edit_of_the_same_line_is_a_conflict_with_its_place(tree: Path) -> None:
    write(tree, A)
    put(tree, "line5 = five()", "line5 = six()")
    assert "\n  a.py:6, where `line5 = 5` stood before\nGive these lines back" in refused(tree)


@pytest.mark.parametrize("given", ["line5 = 5", "line5 = five()"])
def test_lines_that_are_given_back_can_be_undone(tree: Path, given: str) -> None:
    write(tree, A)
    put(tree, *EDIT)
    put(tree, "line5 = five()", "line5 = six()")
    refused(tree)
    put(tree, "line5 = six()", given)
    undo(Checkout.open(tree), merge=True)
    assert (tree / "a.py").read_text() == BEFORE.replace(*EDIT)


@pytest.mark.parametrize(
    ("after", "mine", "told"),
    [
        (AFTER, AFTER.replace("line6 = 6", "line6 = six()"), "a.py:6, where `line5 = 5 ⏎ line6 = 6` stood before"),
        (
            BEFORE.replace("line5 = 5\n", "line5 = 5\nfive()\n"),
            BEFORE.replace("line5 = 5\n", "line5 = 5\nsix()\n"),
            "a.py:7, where nothing stood before",
        ),
        (
            "\n".join([*LINES[:2], "all()", *LINES[7:]]),
            "\n".join([*LINES[:2], "none()", *LINES[7:]]),
            "a.py:3, where `line2 = 2 ⏎ line3 = 3 ⏎ line4 = 4 …` stood before",
        ),
    ],
)
def test_what_stood_there_before_is_told(tree: Path, after: str, mine: str, told: str) -> None:
    write(tree, Change("a.py", BEFORE.encode(), after.encode()))
    (tree / "a.py").write_text(mine)
    assert f"\n  {told}\nGive these lines back" in refused(tree)


def test_one_conflict_keeps_the_other_files_too(tree: Path) -> None:
    write(tree, A, Change("b.py", b"b = 1\n", b"b = 2\n"))
    put(tree, *EDIT)
    put(tree, "b = 2", "b = 3", "b.py")
    assert "\n  b.py:1, where `b = 1` stood before\n" in refused(tree)


def test_what_was_taken_out_by_hand_already_is_out(tree: Path) -> None:
    write(tree, A)
    put(tree, "line5 = five()", "line5 = 5")
    put(tree, *EDIT)
    undo(Checkout.open(tree), merge=True)
    assert (tree / "a.py").read_text() == BEFORE.replace(*EDIT)


def test_a_file_that_apply_added_and_that_was_edited_is_not_removed(tree: Path) -> None:
    write(tree, A, NEW)
    put(tree, "new = 1", "new = 2", "sub/new.py")
    assert "sub/new.py: it was added by patcher and edited since" in refused(tree)


def test_a_file_that_was_removed_is_not_made_again(tree: Path) -> None:
    write(tree, A)
    (tree / "a.py").unlink()
    assert "a.py: it was removed since: bring it back, for instance with git\nMend these by hand" in refused(tree)


def test_a_file_that_an_update_removed_and_that_is_there_again_stays(tree: Path) -> None:
    write(tree, Change("b.py", b"b = 1\n", b"", gone=True))
    (tree / "b.py").write_text("mine = 1\n")
    assert "b.py: it was removed by patcher, and somebody made it anew" in refused(tree)


def test_a_result_that_does_not_parse_is_refused(tree: Path) -> None:
    between = "".join(f"# {number}\n" for number in range(9))
    before, after = f"x = 1\n{between}y = 2\n", f"x = {{1: 2,\n{between}}}\n"
    (tree / "c.py").write_text(before)
    if (tree / ".git").exists():
        commit_all(tree)
    write(tree, Change("c.py", before.encode(), after.encode()))
    put(tree, "# 4\n", "3: 4,\n", "c.py")
    assert "c.py: without what patcher wrote, c.py:" in refused(tree)


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_and_encodings_stay(tree: Path, ending: str) -> None:
    before = "# coding: latin-1\n" + BEFORE + "last = 'ü'"
    before_data, after_data = (
        text.replace("\n", ending).encode("latin-1") for text in (before, before.replace("= 5\n", "= five()\n"))
    )
    (tree / "c.py").write_bytes(before_data)
    if (tree / ".git").exists():
        commit_all(tree)
    write(tree, Change("c.py", before_data, after_data))
    (tree / "c.py").write_bytes(after_data.replace(b"line0 = 0", b"line0 = 0  # mine"))
    undo(Checkout.open(tree), merge=True)
    assert (tree / "c.py").read_bytes() == before_data.replace(b"line0 = 0", b"line0 = 0  # mine")


def test_a_binary_file_that_was_edited_is_a_conflict(tree: Path) -> None:
    (tree / "c.bin").write_bytes(b"\0a")
    if (tree / ".git").exists():
        commit_all(tree)
    write(tree, Change("c.bin", b"\0a", b"\0b"))
    (tree / "c.bin").write_bytes(b"\0c")
    assert "c.bin: it cannot be merged" in refused(tree)


def test_a_journal_of_an_older_patcher_has_no_copy(tree: Path) -> None:
    write(tree, A)
    journal = Journal(Checkout.open(tree))
    (entry,) = journal.records()[0].entries
    (journal.folder / str(entry.after)).unlink()
    put(tree, *EDIT)
    assert "the journal has no copy of what was written" in refused(tree)


def test_a_copy_that_is_damaged_is_refused(tree: Path) -> None:
    write(tree, A)
    journal = Journal(Checkout.open(tree))
    (entry,) = journal.records()[0].entries
    (journal.folder / str(entry.after)).write_bytes(b"x")
    put(tree, *EDIT)
    before = snapshot(tree)
    with pytest.raises(TargetError, match="is damaged"):
        undo(Checkout.open(tree), merge=True)
    assert snapshot(tree) == before


def test_the_command_line_says_what_stays(patcher: Patcher, tree: Path) -> None:
    write(tree, A)
    put(tree, *EDIT)
    assert patcher("undo", tree).code == 5
    result = patcher("undo", tree, "--merge")
    assert result.code == 0
    assert "  a.py: edited since; the edits stay, what was applied is out\n" in result.out


def test_a_commit_is_taken_back_with_the_edit_kept(patcher: Patcher, tmp_path: Path) -> None:
    root = commit_all(write_tree(tmp_path / "tree", {"a.py": "abs(1)\n\n\n\nlast = 1\n"}))
    recipe = "{recipe: tiny, summary: s, steps: [{id: s, why: w, effect: exact, replace: abs($X), with: round($X)}]}"
    (tmp_path / "tiny.yaml").write_text(recipe)
    assert patcher("apply", root, "-r", tmp_path / "tiny.yaml", "--commit").code == 0
    put(root, "last = 1", "last = 2")
    git(root, "commit", "-qam", "mine")
    assert patcher("undo", root).code == 5
    assert patcher("undo", root, "--merge").code == 0
    assert (root / "a.py").read_text() == "abs(1)\n\n\n\nlast = 2\n"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "log", "-1", "--format=%s").startswith("Revert ")
