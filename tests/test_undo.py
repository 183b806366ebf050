"""Taking an apply back: exactly the bytes, modes and folders from before, or nothing at all."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from patcher.apply import apply, undo
from patcher.checkout import Checkout
from patcher.errors import TargetError, UndoError, UsageError
from patcher.journal import Journal
from patcher.model import Change, Plan, Recipe

A = Change("a.py", b"a\n", b"A\n")
B = Change("sub/b.py", b"b\n", b"B\n")
NEW = Change("shims/x/new.py", None, b"new\n")


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A tree without git."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.py").write_text("a\n")
    (root / "sub" / "b.py").write_text("b\n")
    return root


@pytest.fixture
def tree(plain: Path) -> Path:
    git(plain, "init", "-q")
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "all")
    return plain


def write(root: Path, *changes: Change, recipe: str = "hrm", allow_dirty: bool = False) -> None:
    made = Plan(Recipe(recipe, "", "", "d", ()), str(root), (), changes)
    apply(made, Checkout.open(root), allow_dirty=allow_dirty)


def snapshot(root: Path) -> dict[str, tuple[int, bytes | None]]:
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(root.rglob("*"))
        if ".git" not in path.parts
    }


class TestTakingBack:
    @pytest.mark.parametrize("bits", [0o644, 0o755, 0o600])
    @pytest.mark.parametrize("kind", ["plain", "tree"])
    def test_bytes_modes_and_names_are_as_before(self, kind: str, bits: int, request: pytest.FixtureRequest) -> None:
        root: Path = request.getfixturevalue(kind)
        (root / "a.py").chmod(bits)
        before = snapshot(root)
        write(root, A, B, NEW)
        undo(Checkout.open(root))
        assert snapshot(root) == before

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbfx\r\ny\n\xff", b"x" * 3_000_000])
    def test_every_byte_comes_back(self, tree: Path, data: bytes) -> None:
        (tree / "a.py").write_bytes(data)
        git(tree, "commit", "-qam", "data")
        write(tree, Change("a.py", data, b"A\n"))
        undo(Checkout.open(tree))
        assert (tree / "a.py").read_bytes() == data
        assert git(tree, "status", "--porcelain") == ""

    def test_it_says_what_it_did(self, tree: Path) -> None:
        write(tree, A, B, NEW)
        undone = undo(Checkout.open(tree))
        assert (undone.recipe, undone.interrupted) == ("hrm", False)
        assert (undone.restored, undone.removed) == (("a.py", "sub/b.py"), ("shims/x/new.py",))
        assert (undone.already, undone.kept) == ((), ())

    def test_the_last_apply_goes_first(self, tree: Path) -> None:
        write(tree, A, recipe="first")
        write(tree, Change("a.py", b"A\n", b"AA\n"), B, recipe="second")
        assert undo(Checkout.open(tree)).recipe == "second"
        assert git(tree, "status", "--porcelain") == "M a.py"
        assert undo(Checkout.open(tree)).recipe == "first"
        assert git(tree, "status", "--porcelain") == ""

    def test_no_record_and_no_copy_is_left(self, tree: Path) -> None:
        write(tree, A, NEW)
        undo(Checkout.open(tree))
        assert not (tree / ".git" / "patcher").exists()

    def test_a_copy_that_another_record_needs_stays(self, tree: Path) -> None:
        write(tree, A)
        write(tree, Change("a.py", b"A\n", b"a\n"))
        write(tree, A)
        for text in ("a\n", "A\n", "a\n"):
            undo(Checkout.open(tree))
            assert (tree / "a.py").read_text() == text

    def test_apply_and_undo_can_be_repeated(self, tree: Path) -> None:
        before = snapshot(tree)
        for _ in range(3):
            write(tree, A, NEW)
            undo(Checkout.open(tree))
        assert snapshot(tree) == before

    def test_staged_changes_are_taken_back_in_the_work_tree(self, tree: Path) -> None:
        write(tree, A)
        git(tree, "add", "-A")
        undo(Checkout.open(tree))
        assert (tree / "a.py").read_text() == "a\n"

    def test_a_folder_of_apply_that_holds_something_else_stays_and_is_named(self, tree: Path) -> None:
        write(tree, NEW)
        (tree / "shims" / "x" / "__pycache__").mkdir()
        (tree / "shims" / "x" / "__pycache__" / "new.pyc").touch()
        assert undo(Checkout.open(tree)).kept == ("shims", "shims/x")
        assert (tree / "shims" / "x" / "__pycache__" / "new.pyc").exists()

    def test_a_folder_that_was_there_before_stays_although_it_is_empty(self, tree: Path) -> None:
        (tree / "shims").mkdir()
        write(tree, NEW)
        undo(Checkout.open(tree))
        assert (tree / "shims").exists()
        assert not (tree / "shims" / "x").exists()

    def test_a_worktree_has_its_own(self, tree: Path, tmp_path: Path) -> None:
        git(tree, "worktree", "add", "-q", str(tmp_path / "second"))
        write(tmp_path / "second", A)
        with pytest.raises(UsageError):
            undo(Checkout.open(tree))
        undo(Checkout.open(tmp_path / "second"))
        assert git(tmp_path / "second", "status", "--porcelain") == ""

    def test_a_committed_lock_stays_where_the_journal_was(self, plain: Path) -> None:
        (plain / ".patcher").mkdir()
        (plain / ".patcher" / "lock.yaml").write_text("recipe: hrm\n")
        before = snapshot(plain)
        write(plain, A)
        undo(Checkout.open(plain))
        assert snapshot(plain) == before


class TestNothingToUndo:
    @pytest.mark.parametrize("kind", ["plain", "tree"])
    def test_it_says_so_and_leaves_no_trace(self, kind: str, request: pytest.FixtureRequest) -> None:
        root: Path = request.getfixturevalue(kind)
        before = snapshot(root)
        with pytest.raises(UsageError, match=r"Nothing is left to undo: patcher has no record .*tree\."):
            undo(Checkout.open(root))
        assert snapshot(root) == before
        assert not (root / ".git" / "patcher").exists()

    def test_a_second_undo(self, tree: Path) -> None:
        write(tree, A)
        undo(Checkout.open(tree))
        with pytest.raises(UsageError, match="Nothing is left"):
            undo(Checkout.open(tree))


class TestEditedSince:
    def test_every_edited_file_is_named_and_nothing_changes(self, tree: Path) -> None:
        write(tree, A, B, NEW)
        (tree / "a.py").write_text("A and mine\n")
        (tree / "shims/x/new.py").write_text("new and mine\n")
        before = snapshot(tree)
        with pytest.raises(UndoError) as told:
            undo(Checkout.open(tree))
        assert "a.py\n  shims/x/new.py\n" in str(told.value)
        assert "b.py" not in str(told.value)
        assert snapshot(tree) == before

    def test_the_sentence_says_how_to_go_on(self, tree: Path) -> None:
        write(tree, A)
        (tree / "a.py").write_text("mine\n")
        with pytest.raises(UndoError, match=r"Run it with --merge, .*; or .* deleting .*/000001\.json\.$"):
            undo(Checkout.open(tree))
        (tree / ".git/patcher/000001.json").unlink()
        with pytest.raises(UsageError, match="Nothing is left"):
            undo(Checkout.open(tree))

    def test_taking_the_edit_out_makes_undo_possible(self, tree: Path) -> None:
        write(tree, A)
        (tree / "a.py").write_text("mine\n")
        with pytest.raises(UndoError):
            undo(Checkout.open(tree))
        (tree / "a.py").write_text("A\n")
        undo(Checkout.open(tree))
        assert (tree / "a.py").read_text() == "a\n"

    @pytest.mark.parametrize("become", ["gone", "folder", "link"])
    def test_a_file_that_is_no_longer_one(self, tree: Path, become: str) -> None:
        write(tree, A, B)
        (tree / "a.py").unlink()
        if become == "folder":
            (tree / "a.py").mkdir()
        elif become == "link":
            (tree / "a.py").symlink_to("nowhere")
        with pytest.raises(UndoError, match=r"\n  a\.py\n"):
            undo(Checkout.open(tree))
        assert (tree / "sub" / "b.py").read_text() == "B\n"

    def test_a_file_that_moved_behind_a_link_is_not_written_through_it(self, tree: Path) -> None:
        write(tree, A)
        (tree / "a.py").rename(tree.parent / "elsewhere.py")
        (tree / "a.py").symlink_to(tree.parent / "elsewhere.py")
        with pytest.raises(TargetError, match=r"a\.py is a symbolic link"):
            undo(Checkout.open(tree))
        assert (tree.parent / "elsewhere.py").read_text() == "A\n"

    def test_a_read_only_file(self, tree: Path) -> None:
        write(tree, A, B)
        (tree / "a.py").chmod(0o444)
        with pytest.raises(TargetError, match=r"a\.py is read-only"):
            undo(Checkout.open(tree))
        assert (tree / "sub" / "b.py").read_text() == "B\n"
        assert len(Journal(Checkout.open(tree)).records()) == 1

    def test_a_damaged_copy_is_not_put_back(self, tree: Path) -> None:
        write(tree, A)
        copy = next(file for file in (tree / ".git/patcher").iterdir() if len(file.name) == 64)
        copy.write_text("damaged")
        with pytest.raises(TargetError, match=r"a\.py cannot be put back: the journal's copy"):
            undo(Checkout.open(tree))
        assert (tree / "a.py").read_text() == "A\n"


class TestAfterGitPutFilesBack:
    def test_files_that_hold_what_was_before_are_passed_over(self, tree: Path) -> None:
        write(tree, A, B, NEW)
        git(tree, "checkout", "-q", "a.py")
        undone = undo(Checkout.open(tree))
        assert (undone.restored, undone.removed, undone.already) == (("sub/b.py",), ("shims/x/new.py",), ("a.py",))
        assert git(tree, "status", "--porcelain") == ""

    def test_a_record_of_which_nothing_is_left_is_dropped(self, tree: Path) -> None:
        write(tree, A, B)
        git(tree, "checkout", "-q", ".")
        undone = undo(Checkout.open(tree))
        assert (undone.restored, undone.removed, undone.already) == ((), (), ("a.py", "sub/b.py"))
        with pytest.raises(UsageError, match="Nothing is left"):
            undo(Checkout.open(tree))

    def test_git_may_have_gone_back_past_several_applies(self, tree: Path) -> None:
        write(tree, A, recipe="first")
        write(tree, Change("a.py", b"A\n", b"AA\n"), recipe="second")
        git(tree, "checkout", "-q", ".")
        assert undo(Checkout.open(tree)).already == ("a.py",)
        assert undo(Checkout.open(tree)).already == ("a.py",)

    def test_it_never_stops_the_next_apply(self, tree: Path) -> None:
        write(tree, A, B)
        git(tree, "checkout", "-q", ".")
        write(tree, A)
        assert undo(Checkout.open(tree)).restored == ("a.py",)

    def test_a_stash_that_comes_back_can_still_be_undone(self, tree: Path) -> None:
        write(tree, A, NEW)
        git(tree, "stash", "-q", "-u")
        git(tree, "stash", "pop", "-q")
        undo(Checkout.open(tree))
        assert git(tree, "status", "--porcelain") == ""


class TestInterrupted:
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
    def test_undo_that_breaks_off_changes_nothing_and_can_be_repeated(
        self, tree: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        write(tree, A, NEW, B)
        before = snapshot(tree)
        real = os.replace

        def replace(source: object, target: object) -> None:
            if str(target).endswith("b.py"):
                raise error
            real(source, target)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            with pytest.raises((KeyboardInterrupt, TargetError)):
                undo(Checkout.open(tree))
        assert snapshot(tree) == before
        undo(Checkout.open(tree))
        assert git(tree, "status", "--porcelain", "-uall") == ""
