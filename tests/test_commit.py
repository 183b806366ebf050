"""Commits of what patcher writes: of its own paths alone, all or none, and back without rewriting history."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.helpers import Patcher, Result, commit_all, git, write_tree
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", name="round")
INT = replace("len($X)", "int($X)", name="int")
RENAME = step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")


def log(tree: Path, form: str = "%s") -> list[str]:
    return git(tree, "log", f"--format={form}").splitlines()


def trailers(tree: Path) -> dict[str, str]:
    told = git(tree, "log", "-1", "--format=%(trailers:only)").splitlines()
    return dict(line.split(": ", 1) for line in told if line)


def status(tree: Path) -> str:
    return git(tree, "status", "--porcelain", "--untracked-files=all")


def hook(tree: Path, text: str, name: str = "pre-commit") -> None:
    path = tree / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def two(tiny: Tiny) -> Tiny:
    """A tree with work for two steps in one file, and for one of them in another."""
    return tiny.files({"a.py": "abs(len(1))\n", "b.py": "abs(2)\n", "c.py": "x = 1\n"}).recipe(ROUND, INT)


def mine(tiny: Tiny) -> tuple[bytes, str]:
    """Stage some work and leave other work unstaged, beside what the recipe edits; return what git says of it."""
    (tiny.tree / "c.py").write_text("x = 2\n")
    git(tiny.tree, "add", "c.py")
    (tiny.tree / "c.py").write_text("x = 3\n")
    (tiny.tree / "notes.txt").write_text("mine\n")
    return git(tiny.tree, "show", ":c.py").encode(), status(tiny.tree)


class TestOneCommit:
    def test_all_of_a_recipe_is_one_commit_with_the_lock(self, two: Tiny) -> None:
        assert two.apply("--commit").code == 0
        assert log(two.tree) == ["Apply patcher recipe tiny", "as it is"]
        assert git(two.tree, "show", "--name-only", "--format=").split() == [".patcher/lock.yaml", "a.py", "b.py"]
        assert status(two.tree) == ""

    def test_its_message_says_why_and_of_what_it_is(self, two: Tiny) -> None:
        head = git(two.tree, "rev-parse", "HEAD").strip()
        two.apply("--commit")
        body = git(two.tree, "log", "-1", "--format=%b")
        assert body.startswith("A tiny recipe\n\nround: because\n\nint: because\n\nPatcher-Recipe: ../tiny.yaml\n")
        told = trailers(two.tree)
        assert list(told) == [f"Patcher-{name}" for name in ("Recipe", "Version", "Digest", "Upstream", "Plan")]
        assert told["Patcher-Upstream"] == head

    def test_parameters_stand_in_it(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, parameters={"kind": {"type": "text", "default": "a"}})
        tiny.apply("--commit", "-p", "kind=b")
        assert trailers(tiny.tree)["Patcher-Parameters"] == "kind=b"

    def test_what_the_user_staged_and_changed_stays_his(self, two: Tiny) -> None:
        staged, before = mine(two)
        assert two.apply("--commit").code == 0
        assert git(two.tree, "show", ":c.py").encode() == staged
        assert status(two.tree) == before
        assert git(two.tree, "show", "HEAD:c.py") == "x = 1\n"

    def test_a_second_time_there_is_nothing_to_commit(self, two: Tiny) -> None:
        two.apply("--commit")
        result = two.apply("--commit", "--branch", "more")
        assert result.code == 0
        assert "Nothing was to be written, so there is no commit and no branch." in result.stderr
        assert len(log(two.tree)) == 2
        assert "more" not in git(two.tree, "branch")

    def test_a_drifted_step_commits_nothing(self, two: Tiny) -> None:
        two.recipe(ROUND, replace("bytes($X)", "int($X)", expect="1"))
        assert two.apply("--commit", "--branch", "x").code == 3
        assert (len(log(two.tree)), status(two.tree)) == (1, "")
        assert "x" not in git(two.tree, "branch")

    def test_a_file_keeps_its_mode_and_its_line_ends(self, tiny: Tiny) -> None:
        tiny.files({"a.py": b"abs(1)\r\n"}, git=False).recipe(ROUND)
        (tiny.tree / "a.py").chmod(0o755)
        commit_all(tiny.tree)
        tiny.apply("--commit")
        assert git(tiny.tree, "ls-tree", "HEAD", "a.py").startswith("100755")
        assert subprocess.check_output(["git", "-C", tiny.tree, "show", "HEAD:a.py"]) == b"round(1)\r\n"
        assert status(tiny.tree) == ""

    def test_the_filters_of_git_are_used(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\r\n", ".gitattributes": "*.py text eol=crlf\n"}).recipe(ROUND)
        assert tiny.apply("--commit").code == 0
        assert subprocess.check_output(["git", "-C", tiny.tree, "show", "HEAD:a.py"]) == b"round(1)\n"
        assert tiny.read() == "round(1)\r\n"
        assert status(tiny.tree) == ""

    def test_a_shim_is_committed_although_git_ignores_its_folder(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "from adam_atan2 import AdamATan2\nAdamATan2()\n", ".gitignore": "*_torch.py\n"})
        assert tiny.recipe(RENAME).apply("--commit").code == 0
        assert "adam_atan2_torch.py" in git(tiny.tree, "ls-tree", "--name-only", "HEAD")

    def test_names_that_git_quotes(self, tiny: Tiny) -> None:
        names = ["ä b.py", ":(glob)*.py", 'q"t.py']
        tiny.files(dict.fromkeys(names, "abs(1)\n")).recipe(ROUND)
        assert tiny.apply("--commit").code == 0
        assert status(tiny.tree) == ""
        tiny.patcher("undo", tiny.tree)
        assert (status(tiny.tree), tiny.read(names[0])) == ("", "abs(1)\n")


class TestCommitPerStep:
    def test_each_step_is_a_commit(self, two: Tiny) -> None:
        assert two.apply("--commit-per", "step").code == 0
        assert log(two.tree) == ["tiny: int", "tiny: round", "as it is"]
        assert git(two.tree, "show", "HEAD~1:a.py") == "round(len(1))\n"
        assert git(two.tree, "show", "--name-only", "--format=", "HEAD~1").split() == ["a.py", "b.py"]
        assert git(two.tree, "show", "--name-only", "--format=").split() == [".patcher/lock.yaml", "a.py"]
        assert trailers(two.tree)["Patcher-Step"] == "int"
        assert status(two.tree) == ""

    def test_a_new_file_comes_with_the_step_that_made_it(self, tiny: Tiny) -> None:
        tiny.one("from adam_atan2 import AdamATan2\nAdamATan2(abs(1))\n").recipe(RENAME, ROUND)
        tiny.apply("--commit-per", "step")
        assert git(tiny.tree, "show", "--name-only", "--format=", "HEAD~1").split() == ["a.py", "adam_atan2_torch.py"]

    def test_undo_is_one_commit(self, two: Tiny) -> None:
        two.apply("--commit-per", "step")
        assert two.patcher("undo", two.tree).code == 0
        assert log(two.tree)[0] == 'Revert "Apply patcher recipe tiny"'
        assert git(two.tree, "diff", "HEAD", "HEAD~3") == ""


class TestHooks:
    def test_a_hook_that_fails_leaves_the_tree_as_it_was(self, two: Tiny) -> None:
        mine(two)
        before, said = two.snapshot(), status(two.tree)
        hook(two.tree, "echo no tabs please; echo really >&2; exit 1")
        result = two.apply("--commit", "--branch", "x")
        assert result.code == 5
        assert "`git commit` ended with 1, and said:\n  no tabs please\n  really\n" in result.stderr.replace("\r", "")
        assert (two.snapshot(), status(two.tree), len(log(two.tree))) == (before, said, 1)
        assert git(two.tree, "branch").split() == ["*", git(two.tree, "branch", "--show-current").strip()]
        assert two.patcher("undo", two.tree).code == 2

    def test_one_that_fails_at_the_second_commit_takes_the_first_back(self, two: Tiny) -> None:
        before, head = two.snapshot(), git(two.tree, "rev-parse", "HEAD")
        hook(two.tree, 'if grep -q "tiny: int" "$1"; then exit 1; fi', name="commit-msg")
        assert two.apply("--commit-per", "step").code == 5
        assert (two.snapshot(), git(two.tree, "rev-parse", "HEAD"), status(two.tree)) == (before, head, "")

    def test_one_that_edits_the_files_and_fails(self, two: Tiny) -> None:
        before = two.snapshot()
        hook(two.tree, "echo '# formatted' >> a.py; exit 1")
        assert two.apply("--commit").code == 5
        assert (two.snapshot(), status(two.tree)) == (before, "")

    def test_it_sees_what_is_committed_and_nothing_else(self, two: Tiny) -> None:
        mine(two)
        hook(two.tree, f"git diff --cached --name-only > {two.folder / 'seen'}")
        two.apply("--commit")
        assert (two.folder / "seen").read_text().split() == [".patcher/lock.yaml", "a.py", "b.py"]

    def test_the_signing_program_is_asked(self, two: Tiny) -> None:
        git(two.tree, "config", "commit.gpgSign", "true")
        git(two.tree, "config", "gpg.program", "/bin/false")
        before = two.snapshot()
        result = two.apply("--commit")
        assert result.code == 5
        assert "gpg failed to sign the data" in result.stderr
        assert two.snapshot() == before

    def test_undo_that_a_hook_refuses_leaves_the_patched_tree(self, two: Tiny) -> None:
        two.apply("--commit")
        before = two.snapshot()
        hook(two.tree, "exit 1")
        assert two.patcher("undo", two.tree).code == 5
        assert (two.snapshot(), status(two.tree)) == (before, "")
        hook(two.tree, "exit 0")
        assert two.patcher("undo", two.tree).code == 0


class TestBranch:
    def test_it_is_made_and_switched_to(self, two: Tiny) -> None:
        old = git(two.tree, "branch", "--show-current").strip()
        assert two.apply("--commit", "--branch", "patched").code == 0
        assert git(two.tree, "branch", "--show-current") == "patched\n"
        assert git(two.tree, "log", "--format=%s", old) == "as it is\n"

    def test_without_a_commit_too(self, two: Tiny) -> None:
        assert two.apply("--branch", "patched").code == 0
        assert git(two.tree, "branch", "--show-current") == "patched\n"
        assert len(log(two.tree)) == 1

    @pytest.mark.parametrize("name", ["taken", "a..b", "-x"])
    def test_one_that_cannot_be(self, two: Tiny, name: str) -> None:
        git(two.tree, "branch", "taken")
        before = two.snapshot()
        result = two.apply(f"--branch={name}")
        assert result.code == 2
        assert f"There can be no branch {name}: " in result.stderr
        assert two.snapshot() == before

    def test_a_failed_apply_goes_back_to_a_detached_head(self, two: Tiny) -> None:
        git(two.tree, "checkout", "--quiet", "--detach")
        hook(two.tree, "exit 1")
        assert two.apply("--commit", "--branch", "x").code == 5
        assert git(two.tree, "branch", "--show-current") == ""
        assert "x" not in git(two.tree, "branch", "--format=%(refname:short)").split()

    def test_a_detached_head_is_told(self, two: Tiny) -> None:
        git(two.tree, "checkout", "--quiet", "--detach")
        assert "HEAD is detached, so no branch has this" in two.apply("--commit").stderr


def conflict(tree: Path) -> None:
    """Make two branches that do not go together."""
    base = git(tree, "branch", "--show-current").strip()
    git(tree, "switch", "--quiet", "--create", "theirs")
    write_tree(tree, {"c.py": "x = 8\n"})
    git(tree, "commit", "--quiet", "--all", "--message", "theirs")
    git(tree, "switch", "--quiet", base)
    write_tree(tree, {"c.py": "x = 9\n"})
    git(tree, "commit", "--quiet", "--all", "--message", "ours")


class TestUnderWay:
    @pytest.mark.parametrize(
        ("words", "what"),
        [
            (("merge", "theirs"), "merge"),
            (("rebase", "theirs"), "rebase"),
            (("cherry-pick", "theirs"), "cherry-pick"),
            (("revert", "--no-edit", "HEAD~1", "--no-commit"), "revert"),
            (("bisect", "start"), "bisect"),
        ],
    )
    def test_nothing_is_committed_in_the_middle(self, two: Tiny, words: tuple[str, ...], what: str) -> None:
        conflict(two.tree)
        subprocess.run(["git", "-C", two.tree, *words], capture_output=True, check=False)
        before, head = two.snapshot(), git(two.tree, "rev-parse", "HEAD")
        result = two.apply("--commit")
        assert result.code == 2
        assert f"is in the middle of a {what}; finish it or abort it, then run this again." in result.stderr
        assert (two.snapshot(), git(two.tree, "rev-parse", "HEAD")) == (before, head)

    def test_without_a_commit_it_may_be_applied(self, two: Tiny) -> None:
        git(two.tree, "bisect", "start")
        assert two.apply().code == 0


class TestRefused:
    def test_without_git(self, tiny: Tiny) -> None:
        result = tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND).apply("--commit")
        assert result.code == 2
        assert "has no git, and --commit needs it" in result.stderr
        assert tiny.read() == "abs(1)\n"

    def test_before_the_first_commit(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND)
        git(tiny.tree, "init", "--quiet")
        assert "has no commit yet" in tiny.apply("--commit").stderr

    def test_nobody_who_commits(self, two: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
            monkeypatch.delenv(name)
        git(two.tree, "config", "user.useConfigOnly", "true")
        result = two.apply("--commit")
        assert result.code == 2
        assert "git does not know in whose name to commit" in result.stderr
        assert status(two.tree) == ""

    @pytest.mark.parametrize(
        "options", [("--commit", "--allow-dirty"), ("--commit", "--staged"), ("--lock", "--staged")]
    )
    def test_options_that_contradict_each_other(self, two: Tiny, options: tuple[str, ...]) -> None:
        assert two.apply(*options).code == 2
        assert status(two.tree) == ""

    def test_work_in_a_file_of_the_plan(self, two: Tiny) -> None:
        (two.tree / "a.py").write_text("abs(3)\n")
        assert "a.py (modified)" in two.apply("--commit").stderr
        assert len(log(two.tree)) == 1

    def test_what_an_earlier_apply_wrote_and_nobody_committed(self, two: Tiny) -> None:
        two.apply()
        result = two.apply("--commit")
        assert result.code == 2
        assert "an earlier apply wrote these files and nobody committed them:\n  a.py\n  b.py\n" in result.stderr
        assert len(log(two.tree)) == 1


class TestPlaces:
    def test_a_subfolder_of_a_larger_repository(self, tiny: Tiny) -> None:
        tiny.files({"sub/a.py": "abs(1)\n", "a.py": "abs(1)\n"}).recipe(ROUND)
        assert tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file, "--commit").code == 0
        assert git(tiny.tree, "show", "--name-only", "--format=").split() == ["sub/.patcher/lock.yaml", "sub/a.py"]
        assert status(tiny.tree) == ""
        assert tiny.patcher("undo", tiny.tree / "sub").code == 0
        assert (status(tiny.tree), tiny.read("sub/a.py")) == ("", "abs(1)\n")

    def test_a_worktree(self, two: Tiny) -> None:
        git(two.tree, "worktree", "add", "--quiet", "-b", "other", str(two.folder / "other"))
        assert two.patcher("apply", two.folder / "other", "-r", two.file, "--commit").code == 0
        assert git(two.folder / "other", "log", "-1", "--format=%s") == "Apply patcher recipe tiny\n"
        assert (status(two.folder / "other"), len(log(two.tree))) == ("", 1)

    def test_a_submodule(self, two: Tiny) -> None:
        outer = commit_all(write_tree(two.folder / "outer", {"x.txt": "x\n"}))
        git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(two.tree), "inner")
        assert two.patcher("apply", outer / "inner", "-r", two.file, "--commit").code == 0
        assert git(outer / "inner", "log", "-1", "--format=%s") == "Apply patcher recipe tiny\n"
        assert status(outer / "inner") == ""


class TestUndo:
    def undo(self, tiny: Tiny) -> Result:
        return tiny.patcher("undo", tiny.tree)

    def test_a_commit_takes_it_back_and_history_stays(self, two: Tiny) -> None:
        before = two.snapshot()
        two.apply("--commit")
        first = git(two.tree, "rev-parse", "HEAD").strip()
        result = self.undo(two)
        assert result.code == 0
        assert two.snapshot() == before
        assert log(two.tree) == ['Revert "Apply patcher recipe tiny"', "Apply patcher recipe tiny", "as it is"]
        assert f"This reverts commit {first}." in git(two.tree, "log", "-1", "--format=%b")
        assert (git(two.tree, "rev-parse", "HEAD~1").strip(), status(two.tree)) == (first, "")

    def test_what_the_user_staged_stays_his(self, two: Tiny) -> None:
        two.apply("--commit")
        staged, before = mine(two)
        assert self.undo(two).code == 0
        assert (git(two.tree, "show", ":c.py").encode(), status(two.tree)) == (staged, before)

    def test_a_branch_that_does_not_have_it(self, two: Tiny) -> None:
        base = git(two.tree, "branch", "--show-current").strip()
        two.apply("--commit", "--branch", "patched")
        git(two.tree, "switch", "--quiet", base)
        result = self.undo(two)
        assert result.code == 5
        assert "what is checked out does not have the commit that applied tiny; switch to the branch" in result.stderr
        assert (len(log(two.tree)), status(two.tree)) == (1, "")

    def test_a_commit_that_was_reverted_by_hand_needs_no_other(self, two: Tiny) -> None:
        two.apply("--commit")
        git(two.tree, "revert", "--no-edit", "HEAD")
        assert self.undo(two).code == 0
        assert len(log(two.tree)) == 3

    def test_work_beside_it_is_not_committed(self, two: Tiny) -> None:
        two.apply("--commit")
        git(two.tree, "reset", "--quiet", "--soft", "HEAD~1")
        assert self.undo(two).code == 5
        assert len(log(two.tree)) == 1


class TestSeveral:
    @pytest.fixture
    def fork(self, two: Tiny) -> Tiny:
        """A tree whose lock names two recipes, of which nothing is left in it."""
        other = two.folder / "other.yaml"
        two.recipe(ROUND).apply("--lock")
        other.write_text(two.file.read_text())
        two.recipe(INT)
        two.file.replace(other)
        two.recipe(ROUND)
        assert two.patcher("apply", two.tree, "-r", other, "--lock").code == 0
        write_tree(two.tree, {"a.py": "abs(len(1))\n", "b.py": "abs(2)\n"})
        git(two.tree, "add", "--all")
        git(two.tree, "commit", "--quiet", "--message", "lost")
        two.patcher("undo", two.tree)
        git(two.tree, "checkout", "--quiet", "HEAD", "--", ".")
        return two

    def test_each_is_a_commit_in_their_order(self, fork: Tiny) -> None:
        result = fork.patcher("apply", fork.tree, "--commit")
        assert result.code == 0, result.stderr
        assert fork.read() == "round(int(1))\n"
        recipes = log(fork.tree, "%(trailers:key=Patcher-Recipe,valueonly,separator=%x2C)")
        assert recipes[:2] == ["../other.yaml", "../tiny.yaml"]
        assert len(yaml.safe_load(fork.read(".patcher/lock.yaml"))["recipes"]) == 2

    def test_one_that_fails_takes_those_before_it_back(self, fork: Tiny) -> None:
        before, head = fork.snapshot(), git(fork.tree, "rev-parse", "HEAD")
        hook(fork.tree, 'if grep -q "other.yaml" "$1"; then exit 1; fi', name="commit-msg")
        assert fork.patcher("apply", fork.tree, "--commit").code == 5
        assert (fork.snapshot(), git(fork.tree, "rev-parse", "HEAD"), status(fork.tree)) == (before, head, "")

    def test_one_that_drifts_holds_all_back(self, fork: Tiny) -> None:
        kept = fork.file.read_text()
        fork.recipe(replace("bytes($X)", "hash($X)", expect="1"))
        (fork.folder / "other.yaml").write_text(fork.file.read_text())
        fork.file.write_text(kept)
        before = fork.snapshot()
        assert fork.patcher("apply", fork.tree).code == 3
        assert fork.snapshot() == before

    def test_the_patch_is_one_and_git_takes_it(self, fork: Tiny, patcher: Patcher) -> None:
        result = patcher("apply", fork.tree, "--diff")
        assert (result.code, result.out.count("diff --git a/a.py")) == (1, 1)
        patch = fork.folder / "both.patch"
        patch.write_bytes(result.stdout)
        git(fork.tree, "apply", str(patch))
        assert fork.read() == "round(int(1))\n"
        assert patcher("apply", fork.tree, "--check").code == 0
