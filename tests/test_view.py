"""A checkout as it would be: with a plan's changes, or as git has it staged."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.model import Change
from patcher.view import changed, staged
from tests.helpers import commit_all, git, write_tree
from tests.tiny import Tiny, replace

ROUND = replace("abs($X)", "round($X)")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return commit_all(write_tree(tmp_path / "tree", {"a.py": "a\n", "sub/b.py": "b\n"}))


class TestChanged:
    def test_changes_stand_before_what_is_on_the_disk(self, tree: Path) -> None:
        view = changed(Checkout.open(tree), [Change("a.py", b"a\n", b"A\n"), Change("new/c.py", None, b"c\n")])
        assert view.paths == ("a.py", "new/c.py", "sub/b.py")
        assert [view.read(path) for path in view.paths] == [b"A\n", b"c\n", b"b\n"]
        assert view.exists("new") and view.exists("sub") and not view.exists("none.py")
        assert (tree / "a.py").read_text() == "a\n"

    def test_without_changes_it_is_the_checkout(self, tree: Path) -> None:
        checkout = Checkout.open(tree)
        assert changed(checkout, []) is checkout


class TestStaged:
    def test_the_index_is_looked_at_and_not_the_work_tree(self, tree: Path) -> None:
        write_tree(tree, {"a.py": "staged\n", "new.py": "new\n", "untracked.py": "u\n"})
        git(tree, "add", "a.py", "new.py")
        write_tree(tree, {"a.py": "later\n"})
        (tree / "sub" / "b.py").unlink()
        view = staged(Checkout.open(tree))
        assert view.paths == ("a.py", "new.py", "sub/b.py")
        assert [view.read(path) for path in view.paths] == [b"staged\n", b"new\n", b"b\n"]
        assert not view.exists("untracked.py")
        with pytest.raises(TargetError, match="git's index does not have it"):
            view.read("untracked.py")

    def test_what_was_taken_out_of_the_index_is_not_there(self, tree: Path) -> None:
        git(tree, "rm", "--quiet", "--cached", "a.py")
        assert staged(Checkout.open(tree)).paths == ("sub/b.py",)

    def test_a_subfolder(self, tree: Path) -> None:
        write_tree(tree, {"sub/b.py": "staged\n"})
        git(tree, "add", "sub/b.py")
        write_tree(tree, {"sub/b.py": "later\n"})
        view = staged(Checkout.open(tree / "sub"))
        assert (view.paths, view.read("b.py")) == (("b.py",), b"staged\n")

    def test_links_and_modes(self, tree: Path) -> None:
        (tree / "link.py").symlink_to("a.py")
        (tree / "a.py").chmod(0o755)
        git(tree, "add", "--all")
        view = staged(Checkout.open(tree))
        assert (view.links, view.mode("a.py"), view.mode("sub/b.py")) == (("link.py",), 0o100755, 0o100644)

    def test_the_index_that_git_gives_a_hook(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write_tree(tree, {"a.py": "staged\n"})
        other = tree / ".git" / "other-index"
        monkeypatch.setenv("GIT_INDEX_FILE", str(other))
        git(tree, "add", "--all")
        assert staged(Checkout.open(tree)).read("a.py") == b"staged\n"
        monkeypatch.delenv("GIT_INDEX_FILE")
        write_tree(tree, {"a.py": "later\n"})
        assert staged(Checkout.open(tree)).read("a.py") == b"a\n"

    def test_one_of_another_repository_is_not_taken(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GIT_INDEX_FILE", str(tree.parent / "index"))
        assert staged(Checkout.open(tree)).paths == ("a.py", "sub/b.py")


class TestCommand:
    def test_exit_codes(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        (tiny.tree / "a.py").write_text("abs(1)\n")
        assert tiny.apply("--staged", "--check").code == 0
        git(tiny.tree, "add", "a.py")
        result = tiny.apply("--staged", "--check")
        assert (result.code, result.out) == (1, "a.py:1: swap: because\n")

    def test_it_writes_what_is_staged_and_says_how_to_stage_it(self, tiny: Tiny) -> None:
        tiny.one("x = 1\n").recipe(ROUND)
        (tiny.tree / "a.py").write_text("abs(1)\n")
        git(tiny.tree, "add", "a.py")
        result = tiny.apply("--staged")
        assert (result.code, tiny.read()) == (1, "round(1)\n")
        assert result.stderr.endswith(f"Stage what was written:  git -C {tiny.tree} add a.py\n")
        assert tiny.patcher("undo", tiny.tree).code == 2, "git has what was there, in its index"
        again = tiny.apply("--staged")
        assert (again.code, tiny.read()) == (1, "round(1)\n")
        git(tiny.tree, "add", "a.py")
        assert tiny.apply("--staged").code == 0

    def test_other_work_in_the_file_is_not_written_over(self, tiny: Tiny) -> None:
        tiny.one("x = 1\n").recipe(ROUND)
        (tiny.tree / "a.py").write_text("abs(1)\n")
        git(tiny.tree, "add", "a.py")
        (tiny.tree / "a.py").write_text("abs(2)\n")
        result = tiny.apply("--staged")
        assert result.code == 2
        assert "these files are not as they are staged:\n  a.py\n" in result.stderr
        assert tiny.read() == "abs(2)\n"

    def test_a_conflict(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        for branch, text in (("theirs", "abs(2)\n"), ("-", "abs(3)\n")):
            git(tiny.tree, "switch", "--quiet", *(["--create", branch] if branch != "-" else [branch]))
            (tiny.tree / "a.py").write_text(text)
            git(tiny.tree, "commit", "--quiet", "--all", "--message", branch)
        with pytest.raises(Exception, match="merge"):
            git(tiny.tree, "merge", "theirs")
        result = tiny.apply("--staged", "--check")
        assert result.code == 5
        assert "a.py is in conflict" in result.stderr

    def test_without_git(self, tiny: Tiny) -> None:
        result = tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND).apply("--staged")
        assert result.code == 5
        assert "has no git, so nothing is staged there; leave --staged out." in result.stderr
