"""`patcher apply` as a user meets it: what is looked at, what is written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, commit_all, git
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)")
INT = replace("len($X)", "int($X)", name="next")
DRIFTED = replace("bytes($X)", "int($X)", name="drifted", expect="1")


@pytest.fixture
def ready(tiny: Tiny) -> Tiny:
    """A tree with something to do."""
    return tiny.one("y = abs(1)\n").recipe(ROUND)


@pytest.fixture
def done(tiny: Tiny) -> Tiny:
    """A tree with nothing to do."""
    return tiny.one("y = round(1)\n").recipe(ROUND)


class TestLooking:
    @pytest.mark.parametrize("option", ["--diff", "--dry-run"])
    def test_a_patch_and_nothing_else_is_on_stdout(self, ready: Tiny, option: str) -> None:
        result = ready.apply(option)
        assert (result.code, result.stderr) == (1, "")
        assert result.out == (
            "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-y = abs(1)\n+y = round(1)\n"
        )

    @pytest.mark.parametrize("option", ["--diff", "--dry-run", "--check"])
    def test_nothing_to_do_is_nothing_to_print(self, done: Tiny, option: str) -> None:
        result = done.apply(option)
        assert (result.code, result.stdout, result.stderr) == (0, b"", "")

    @pytest.mark.parametrize("option", ["--diff", "--dry-run", "--check"])
    def test_looking_writes_nothing(self, ready: Tiny, option: str) -> None:
        before = ready.snapshot()
        ready.apply(option)
        assert ready.snapshot() == before
        assert git(ready.tree, "status", "--porcelain", "--ignored") == ""
        assert not (ready.tree / ".git" / "patcher").exists()

    def test_notes_go_to_stderr(self, tiny: Tiny) -> None:
        files = {"a.py": "abs(1)\ny = 1  # why\n", "old.py": "print abs(1)\n"}
        tiny.files(files).recipe(ROUND, DRIFTED, step("refused", delete="y = 1", local=["y"]))
        result = tiny.diff()
        assert result.code == 3
        assert result.out == "", "what is not written is no patch to take"
        assert [line.partition(":")[0] for line in result.stderr.splitlines()] == [
            "drifted drifted",
            "refused refused a.py",
            "Passed over",
            "Without --partial nothing of this would be written, because a step drifted; --diff --partial shows what holds.",
        ]

    def test_what_partial_would_write_has_no_note_about_it(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, DRIFTED)
        result = tiny.diff("--partial")
        assert result.out.startswith("diff --git a/a.py") and result.out.count("diff --git") == 1
        assert "Without --partial" not in result.stderr

    def test_two_ways_to_look_are_one_too_many(self, ready: Tiny) -> None:
        result = ready.apply("--diff", "--check")
        assert result.code == 2
        assert "give one of them" in result.stderr

    def test_looking_is_never_refused_for_dirt(self, ready: Tiny) -> None:
        (ready.tree / "a.py").write_text("y = abs(2)\n")
        assert ready.diff().code == 1


class TestWriting:
    def test_it_ends_with_how_to_take_it_back(self, ready: Tiny) -> None:
        result = ready.apply()
        assert (result.code, result.stderr) == (0, "")
        assert result.out.endswith(f"\nTake it back:  patcher undo {ready.tree}\n")

    def test_only_what_the_plan_names_is_written(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "len(1)\n", "c.txt": "abs(1)\n"}).recipe(ROUND)
        before = {name: (tiny.tree / name).stat() for name in ("b.py", "c.txt")}
        assert tiny.apply().code == 0
        assert {name: (tiny.tree / name).stat() for name in before} == before
        assert git(tiny.tree, "status", "--porcelain") == " M a.py\n"

    def test_a_second_apply_writes_nothing(self, ready: Tiny) -> None:
        ready.apply()
        before = (ready.tree / "a.py").stat()
        result = ready.apply()
        assert (result.code, (ready.tree / "a.py").stat()) == (0, before)
        assert "No file needs a change." in result.out

    def test_a_drifted_step_holds_everything_back(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, DRIFTED)
        result = tiny.apply()
        assert result.code == 3
        assert "Nothing was written, because a step drifted. --partial writes the steps that hold." in result.stderr
        assert tiny.read() == "abs(1)\n"
        assert not (tiny.tree / ".git" / "patcher").exists()

    def test_partial_writes_what_holds(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, DRIFTED)
        result = tiny.apply("--partial")
        assert result.code == 3
        assert "Nothing was written" not in result.stderr
        assert tiny.read() == "round(1)\n"

    def test_partial_changes_nothing_where_every_step_holds(self, ready: Tiny) -> None:
        assert ready.apply("--partial").code == 0

    @pytest.mark.parametrize("options", [(), ("--partial",), ("--allow-dirty",), ("--format", "json")])
    def test_the_same_is_written_whatever_is_shown(self, ready: Tiny, options: tuple[str, ...]) -> None:
        ready.apply(*options)
        assert ready.read() == "y = round(1)\n"

    def test_what_drifted_is_told_as_data_in_each_way_to_look(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, replace("len($X)", "int($X)", name="other", expect="1"))
        for options in ((), ("--diff",), ("--check",)):
            result = tiny.apply("--format", "json", *options)
            assert (result.code, result.steps()["other"]) == (3, "drifted"), options


class TestDirty:
    def test_work_that_git_does_not_have_is_not_written_over(self, ready: Tiny) -> None:
        (ready.tree / "a.py").write_text("y = abs(2)\n")
        result = ready.apply()
        assert result.code == 2
        assert result.stderr == (
            "patcher: Nothing was written, because these files hold work that git does not have:\n"
            "  a.py (modified)\n"
            "Commit or stash it, or pass --allow-dirty to edit them all the same.\n"
        )
        assert ready.read() == "y = abs(2)\n"

    def test_unless_that_is_allowed(self, ready: Tiny) -> None:
        (ready.tree / "a.py").write_text("y = abs(2)\n")
        assert ready.apply("--allow-dirty").code == 0
        assert ready.read() == "y = round(2)\n"

    def test_staged_work_is_work(self, ready: Tiny) -> None:
        (ready.tree / "a.py").write_text("y = abs(2)\n")
        git(ready.tree, "add", "a.py")
        assert "a.py (staged)" in ready.apply().stderr

    def test_a_file_that_git_does_not_know(self, ready: Tiny) -> None:
        (ready.tree / "new.py").write_text("abs(1)\n")
        result = ready.apply()
        assert result.code == 2
        assert "new.py (not tracked)" in result.stderr
        assert ready.read() == "y = abs(1)\n"

    def test_dirt_in_a_file_that_the_plan_leaves_alone(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "x = 1\n"}).recipe(ROUND)
        (tiny.tree / "b.py").write_text("x = 2\n")
        (tiny.tree / "notes.txt").write_text("mine\n")
        assert tiny.apply().code == 0
        assert tiny.read("b.py") == "x = 2\n"

    def test_a_plan_without_changes_is_never_refused(self, done: Tiny) -> None:
        (done.tree / "a.py").write_text("y = round(2)  # mine\n")
        assert done.apply().code == 0

    def test_what_patcher_wrote_is_not_dirt_for_the_next_recipe(self, tiny: Tiny) -> None:
        tiny.one("abs(len(1))\n").recipe(ROUND)
        assert tiny.apply().code == 0
        assert tiny.recipe(INT).apply().code == 0
        assert tiny.read() == "round(int(1))\n"

    def test_what_was_edited_since_is(self, tiny: Tiny) -> None:
        tiny.one("abs(len(1))\n").recipe(ROUND).apply()
        (tiny.tree / "a.py").write_text("round(len(2))\n")
        assert tiny.recipe(INT).apply().code == 2
        assert tiny.read() == "round(len(2))\n"

    def test_before_the_first_commit_nothing_is_dirty(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND)
        git(tiny.tree, "init", "--quiet")
        assert tiny.apply().code == 0


class TestParameters:
    @pytest.fixture
    def chosen(self, tiny: Tiny) -> Tiny:
        kinds = {"kind": {"type": "choice", "choices": ["a", "b"], "default": "a"}}
        return tiny.one("abs(1)\n").recipe({**ROUND, "when": {"kind": "b"}}, parameters=kinds)

    def test_a_value_is_taken(self, chosen: Tiny) -> None:
        assert chosen.plan("-p", "kind=b").steps() == {"swap": "applied"}

    def test_the_default_stands(self, chosen: Tiny) -> None:
        assert chosen.plan().steps() == {"swap": "absent"}

    @pytest.mark.parametrize("wrong", ["kind", "=b", ""])
    def test_a_value_without_its_form(self, chosen: Tiny, wrong: str) -> None:
        result = chosen.apply("-p", wrong)
        assert result.code == 2
        assert f"`-p {wrong}` is not of the form NAME=VALUE" in result.stderr

    def test_a_value_given_twice(self, chosen: Tiny) -> None:
        result = chosen.apply("-p", "kind=a", "-p", "kind=b")
        assert result.code == 2
        assert "`-p kind=...` is given twice; leave one out." in result.stderr

    def test_a_value_that_is_no_choice(self, chosen: Tiny) -> None:
        result = chosen.apply("-p", "kind=c")
        assert result.code == 2
        assert "`c` is no choice of `kind`" in result.stderr

    def test_a_parameter_that_there_is_not(self, chosen: Tiny) -> None:
        result = chosen.apply("-p", "kinds=b")
        assert result.code == 2
        assert "There is no parameter `kinds`; did you mean `kind`?" in result.stderr

    def test_a_value_may_hold_the_sign(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, parameters={"text": {"type": "text", "default": "a"}})
        assert tiny.plan("-p", "text=a=b=").json["parameters"] == {"text": "a=b="}


class TestPath:
    def test_a_folder_that_is_not_there(self, tiny: Tiny) -> None:
        result = tiny.recipe(ROUND).apply()
        assert result.code == 5
        assert (
            f"There is no folder {tiny.tree}: name that of a checkout, or clone the upstream there first."
            in result.stderr
        )

    def test_a_file(self, ready: Tiny) -> None:
        result = ready.patcher("apply", ready.tree / "a.py", "-r", ready.file)
        assert result.code == 5
        assert "a.py is a file: name the folder of the checkout instead." in result.stderr
        assert ready.read() == "y = abs(1)\n"

    def test_an_empty_folder(self, tiny: Tiny) -> None:
        result = tiny.files({}, git=False).recipe(ROUND).apply()
        assert result.code == 0
        assert "is it the right tree?" in result.stderr
        assert list(tiny.tree.iterdir()) == []

    def test_a_tree_with_nothing_but_leftovers(self, tiny: Tiny) -> None:
        rename = step("swap", rename="speed.Fast", to="slow.Slow")
        result = tiny.files({"a.yaml": "use: speed.Fast\n"}).recipe(rename).apply()
        assert result.code == 0
        assert "a.yaml:1: it mentions speed.Fast" in result.out
        assert "found its place in" in result.stderr and "what is left over is for you to look at." in result.stderr
        assert "right tree" not in result.stderr

    def test_a_folder_without_git(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND)
        assert tiny.apply().code == 0
        assert tiny.read() == "round(1)\n"
        assert (tiny.tree / ".patcher" / ".gitignore").read_text() == "*\n!lock.yaml\n"

    def test_the_folder_where_one_stands(self, ready: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(ready.tree)
        result = ready.patcher("apply", ".", "-r", "../tiny.yaml")
        assert result.code == 0
        assert result.out.endswith("Take it back:  patcher undo .\n")

    def test_a_folder_behind_a_link(self, ready: Tiny) -> None:
        (ready.folder / "link").symlink_to("tree")
        assert ready.patcher("apply", ready.folder / "link", "-r", ready.file).code == 0
        assert ready.read() == "y = round(1)\n"

    def test_a_subfolder_of_a_larger_repository(self, tiny: Tiny) -> None:
        tiny.files({"sub/a.py": "abs(1)\n", "b.py": "abs(1)\n"}).recipe(ROUND)
        assert tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file).code == 0
        assert git(tiny.tree, "status", "--porcelain") == " M sub/a.py\n"

    def test_dirt_in_a_subfolder_of_a_larger_repository(self, tiny: Tiny) -> None:
        tiny.files({"sub/a.py": "abs(1)\n"}).recipe(ROUND)
        (tiny.tree / "sub" / "a.py").write_text("abs(2)\n")
        assert "  a.py (modified)" in tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file).stderr

    def test_a_folder_that_a_larger_repository_ignores(self, tiny: Tiny) -> None:
        tiny.files({".gitignore": "out\n", "b.py": "abs(1)\n", "out/a.py": "abs(1)\n"}).recipe(ROUND)
        assert tiny.patcher("apply", tiny.tree / "out", "-r", tiny.file).code == 0
        assert tiny.read("out/a.py") == "round(1)\n"
        assert git(tiny.tree, "status", "--porcelain") == ""

    def test_a_file_that_git_ignores_is_not_looked_at(self, tiny: Tiny) -> None:
        tiny.files({".gitignore": "b.py\n", "a.py": "abs(1)\n", "b.py": "abs(1)\n"}).recipe(ROUND)
        tiny.apply()
        assert (tiny.read("a.py"), tiny.read("b.py")) == ("round(1)\n", "abs(1)\n")

    def test_a_read_only_file(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "abs(1)\n"}).recipe(ROUND)
        (tiny.tree / "b.py").chmod(0o444)
        result = tiny.apply()
        assert result.code == 5
        assert "b.py is read-only: make it writable with `chmod u+w`" in result.stderr
        assert tiny.read("a.py") == "abs(1)\n"

    def test_a_path_that_the_shell_would_split(self, ready: Tiny) -> None:
        moved = ready.tree.rename(ready.folder / "my tree")
        result = ready.patcher("apply", moved, "-r", ready.file)
        assert result.out.startswith(f"tiny on {moved}\n")
        assert result.out.endswith(f"patcher undo '{moved}'\n")


class TestCode:
    """A recipe that brings Python of its own."""

    CODEMOD = "import libcst\nclass Mod(libcst.CSTTransformer):\n    def leave_Integer(self, old, new):\n"
    CODEMOD += "        return new.with_changes(value='2')\n"

    @pytest.fixture
    def brought(self, tiny: Tiny) -> Tiny:
        (tiny.folder / "mod.py").write_text(f"open({str(tiny.folder / 'mark')!r}, 'w')\n{self.CODEMOD}")
        return tiny.one("y = 1\n").recipe(step("mod", codemod="mod.py:Mod", mentions=["y"]))

    @pytest.mark.parametrize("options", [(), ("--diff",), ("--check",)])
    def test_it_is_not_run_unasked(self, brought: Tiny, options: tuple[str, ...]) -> None:
        result = brought.apply(*options)
        assert result.code == 2
        assert "The step mod runs Python that did not come with patcher (mod.py:Mod)" in result.stderr
        assert "--allow-python" in result.stderr
        assert not (brought.folder / "mark").exists()

    def test_it_is_run_where_that_is_allowed(self, brought: Tiny) -> None:
        assert brought.apply("--allow-python").code == 0
        assert brought.read() == "y = 2\n"

    def test_a_recipe_without_any_needs_no_leave(self, ready: Tiny) -> None:
        assert ready.apply().code == 0


def test_a_tree_from_a_commit_is_what_an_archive_of_it_is(tiny: Tiny, patcher: Patcher, tmp_path: Path) -> None:
    tiny.files({"a.py": "abs(1)\n", "b/c.py": "abs(2)\n"}).recipe(ROUND)
    archive = tmp_path / "archive"
    archive.mkdir()
    for name, data in tiny.snapshot().items():
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).write_bytes(data)
    assert patcher("apply", archive, "-r", tiny.file).code == tiny.apply().code == 0
    commit_all(tiny.tree)
    wanted = tiny.snapshot()
    assert {name: (archive / name).read_bytes() for name in wanted} == wanted
