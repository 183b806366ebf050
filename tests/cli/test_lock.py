"""`apply --lock`, and `apply` of what the lock says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.helpers import Patcher, git, snapshot, write_tree
from tests.tiny import Tiny, replace, requirements

ROUND = replace("abs($X)", "round($X)")
KIND = {"kind": {"type": "choice", "choices": ["a", "b"], "default": "a"}}
LOCK = ".patcher/lock.yaml"


@pytest.fixture
def ready(tiny: Tiny) -> Tiny:
    return tiny.one("abs(1)\n").recipe({**ROUND, "when": {"kind": "b"}}, parameters=KIND)


def entries(tree: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = yaml.safe_load((tree / LOCK).read_text())["recipes"]
    return found


class TestWritten:
    def test_nobody_asked_for_it(self, ready: Tiny) -> None:
        ready.apply("-p", "kind=b")
        assert not (ready.tree / ".patcher").exists()

    def test_it_says_what_was_applied(self, ready: Tiny) -> None:
        head = git(ready.tree, "rev-parse", "HEAD").strip()
        plan = ready.plan("-p", "kind=b").json
        assert ready.apply("--lock", "-p", "kind=b").code == 0
        (entry,) = entries(ready.tree)
        assert entry == {
            "recipe": "../tiny.yaml",
            "version": plan["patcher"],
            "digest": plan["recipe_digest"],
            "parameters": {"kind": "b"},
            "upstream": head,
            "plan": plan["plan_digest"],
        }

    def test_undo_takes_it_away(self, ready: Tiny) -> None:
        before = ready.snapshot()
        ready.apply("--lock", "-p", "kind=b")
        assert ready.patcher("undo", ready.tree).code == 0
        assert ready.snapshot() == before
        assert git(ready.tree, "status", "--porcelain") == ""

    def test_a_second_time_not_a_byte_changes(self, ready: Tiny) -> None:
        ready.apply("--lock", "-p", "kind=b")
        before = (ready.tree / LOCK).stat(), (ready.tree / LOCK).read_bytes()
        assert ready.apply("--lock", "-p", "kind=b").code == 0
        assert ((ready.tree / LOCK).stat(), (ready.tree / LOCK).read_bytes()) == before

    def test_a_tree_that_has_it_already_gets_the_lock_alone(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        assert tiny.apply("--lock").code == 0
        assert git(tiny.tree, "status", "--porcelain", "-uall") == f"?? {LOCK}\n"
        assert tiny.patcher("undo", tiny.tree).code == 0
        assert not (tiny.tree / ".patcher").exists()

    def test_the_commit_that_it_was_applied_to_stays(self, ready: Tiny) -> None:
        head = git(ready.tree, "rev-parse", "HEAD").strip()
        ready.apply("--commit", "-p", "kind=b")
        (ready.tree / "b.py").write_text("abs(2)\n")
        git(ready.tree, "add", "b.py")
        git(ready.tree, "commit", "--quiet", "--message", "more")
        assert ready.patcher("apply", ready.tree, "--lock").code == 0
        assert entries(ready.tree)[0]["upstream"] == head

    def test_all_or_nothing_with_the_changes(self, ready: Tiny) -> None:
        write_tree(ready.tree, {".patcher": "a file\n"})
        git(ready.tree, "add", ".patcher")
        git(ready.tree, "commit", "--quiet", "--message", "odd")
        before = ready.snapshot()
        assert ready.apply("--lock", "-p", "kind=b").code == 5
        assert ready.snapshot() == before

    def test_a_drifted_step_leaves_it_out(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, replace("bytes($X)", "int($X)", name="b", expect="1"))
        assert tiny.apply("--lock").code == 3
        assert not (tiny.tree / ".patcher").exists()

    def test_an_edit_of_the_user_is_not_written_over(self, ready: Tiny) -> None:
        ready.apply("--lock", "-p", "kind=b")
        (ready.tree / LOCK).write_bytes((ready.tree / LOCK).read_bytes() + b"# mine\n")
        before = ready.snapshot()
        result = ready.apply("--lock")
        assert result.code == 2
        assert f"{LOCK} (not tracked)" in result.stderr
        assert ready.snapshot() == before

    def test_without_git(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND)
        before = tiny.snapshot()
        assert tiny.apply("--lock").code == 0
        assert "upstream" not in entries(tiny.tree)[0]
        tiny.patcher("undo", tiny.tree)
        assert tiny.snapshot() == before

    def test_looking_shows_it_and_writes_nothing(self, ready: Tiny) -> None:
        before = ready.snapshot()
        assert f"+++ b/{LOCK}" in ready.diff("--lock", "-p", "kind=b").out
        assert ready.snapshot() == before


class TestRead:
    def test_the_recipe_and_its_parameters_are_taken_from_it(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        (ready.tree / "a.py").write_text("abs(2)\n")
        assert patcher("apply", ready.tree, "--allow-dirty").code == 0
        assert ready.read() == "round(2)\n"

    def test_it_needs_no_journal(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--commit", "-p", "kind=b")
        git(ready.folder, "clone", "--quiet", str(ready.tree), "ci")
        assert patcher("apply", ready.folder / "ci", "--check").code == 0
        write_tree(ready.folder / "ci", {"a.py": "abs(1)\n"})
        assert patcher("apply", ready.folder / "ci", "--check").code == 1

    def test_none_and_no_recipe(self, ready: Tiny, patcher: Patcher) -> None:
        result = patcher("apply", ready.tree)
        assert result.code == 2
        assert "that names a recipe; name one with --recipe" in result.stderr

    def test_a_parameter_without_its_recipe(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        assert "name that with --recipe" in patcher("apply", ready.tree, "-p", "kind=a").stderr

    def test_a_recipe_that_was_changed_since_is_told(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        assert "was changed since" not in patcher("apply", ready.tree).stderr
        ready.recipe({**ROUND, "when": {"kind": "b"}, "why": "another"}, parameters=KIND)
        assert f"the recipe tiny was changed since {LOCK} was written" in patcher("apply", ready.tree).stderr
        patcher("apply", ready.tree, "--lock")
        assert "was changed since" not in patcher("apply", ready.tree).stderr

    def test_other_parameters_than_it_has_are_told(self, ready: Tiny) -> None:
        ready.apply("--lock", "-p", "kind=b")
        assert f"{LOCK} has tiny with kind=b" in ready.apply("-p", "kind=a").stderr

    def test_a_recipe_that_is_gone(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        ready.file.unlink()
        result = patcher("apply", ready.tree)
        assert result.code == 2
        assert f"{ready.tree / LOCK} names the recipe ../tiny.yaml, and nothing is at {ready.file}" in result.stderr

    def test_a_recipe_in_the_tree_is_found_from_anywhere(
        self, tiny: Tiny, patcher: Patcher, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tiny.recipe(ROUND)
        tiny.files({"a.py": "abs(1)\n", "patches/mine.yaml": tiny.file.read_text()})
        assert patcher("apply", tiny.tree, "-r", tiny.tree / "patches" / "mine.yaml", "--lock").code == 0
        assert entries(tiny.tree)[0]["recipe"] == "./patches/mine.yaml"
        assert patcher("apply", tiny.tree, "--check").code == 0
        monkeypatch.chdir(tiny.tree)
        assert patcher("apply", ".", "--check").code == 0
        monkeypatch.chdir(tiny.tree / "patches")
        assert patcher("apply", "..", "--check").code == 0

    def test_json_is_a_list_of_plans(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        told = patcher("apply", ready.tree, "--check", "--format", "json").json
        assert [plan["parameters"] for plan in told["plans"]] == [{"kind": "b"}]


class TestLeftAlone:
    def test_no_step_looks_at_it(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", ".patcher/lock.yaml": "format: 1\nrecipes: []\n", ".patcher/b.py": "abs(2)\n"})
        tiny.recipe(ROUND, {"id": "t", "why": "w", "effect": "exact", "in": "**/*.yaml", "text": "format", "with": "x"})
        told = tiny.plan().json
        assert [change["path"] for change in told["changes"]] == ["a.py"]
        assert not [one for one in told["leftovers"] if one["path"].startswith(".patcher")]

    def test_it_is_no_leftover(self, tiny: Tiny) -> None:
        tiny.one("x = 1\n").recipe(requirements(drop=["numpy"]), parameters={"p": {"type": "text", "default": "numpy"}})
        tiny.apply("--lock")
        assert tiny.plan().json["leftovers"] == []


def test_a_lock_behind_a_link_is_not_written(tiny: Tiny) -> None:
    tiny.files({"a.py": "abs(1)\n"}).recipe(ROUND)
    (tiny.folder / "out").mkdir()
    (tiny.tree / ".patcher").symlink_to(tiny.folder / "out")
    assert tiny.apply("--lock").code == 5
    assert snapshot(tiny.folder / "out") == {}
    assert tiny.read() == "abs(1)\n"


def test_a_lock_from_before_git_is_seen_by_it(tiny: Tiny) -> None:
    tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND).apply("--lock")
    git(tiny.tree, "init", "--quiet")
    seen = git(tiny.tree, "status", "--porcelain", "--untracked-files=all").split()
    assert seen == ["??", LOCK, "??", "a.py"]


class TestOutOfReach:
    def test_a_recipe_beside_the_fork_is_told_as_a_clone_would_not_have_it(self, ready: Tiny) -> None:
        told = ready.apply("--lock", "-p", "kind=b").stderr
        assert f"{LOCK} names the recipe ../tiny.yaml, which a clone will not have" in told

    def test_one_in_the_fork_that_is_not_committed_is_told(self, tiny: Tiny, patcher: Patcher) -> None:
        tiny.recipe(ROUND)
        tiny.files({"a.py": "abs(1)\n", "patches/mine.yaml": tiny.file.read_text()})
        mine = tiny.tree / "patches" / "mine.yaml"
        assert "a clone" not in patcher("apply", tiny.tree, "-r", mine, "--lock", "--allow-dirty").stderr
        mine.write_text(mine.read_text() + "# more\n")
        told = patcher("apply", tiny.tree, "-r", mine, "--lock", "--allow-dirty").stderr
        assert "./patches/mine.yaml, which is not committed as it is; commit it too" in told

    @pytest.mark.parametrize("options", [(), ("--lock", "--check"), ("--lock", "--diff")])
    def test_nothing_is_told_where_no_lock_is_written(self, ready: Tiny, options: tuple[str, ...]) -> None:
        assert "a clone" not in ready.apply("-p", "kind=b", *options).stderr

    def test_the_steps_of_a_recipe_leave_its_own_files(self, tiny: Tiny, patcher: Patcher) -> None:
        tiny.recipe(ROUND)
        own = {"patches/recipe.yaml": tiny.file.read_text(), "patches/checks/data.py": "abs(2)\n"}
        tiny.files({"a.py": "abs(1)\n", **own})
        assert patcher("apply", tiny.tree, "-r", tiny.tree / "patches").code == 0
        assert (tiny.tree / "patches/checks/data.py").read_text() == "abs(2)\n"
        assert (tiny.tree / "a.py").read_text() == "round(1)\n"


class TestLookedAt:
    def test_explain_takes_the_recipe_of_the_lock(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        result = patcher("explain", f"{ready.tree}/a.py:1")
        assert result.code == 0 and result.out.startswith("already")

    def test_of_several_one_has_to_be_named(self, ready: Tiny, patcher: Patcher) -> None:
        ready.apply("--lock", "-p", "kind=b")
        lock = ready.tree / LOCK
        entry = lock.read_text().partition("recipes:\n")[2]
        lock.write_text(lock.read_text() + entry.replace("../tiny.yaml", "../other.yaml"))
        ready.file.with_name("other.yaml").write_text(ready.file.read_text().replace("tiny", "other"))
        for command in (("explain", f"{ready.tree}/a.py:1"), ("verify", ready.tree), ("prove", ready.tree)):
            result = patcher(*command)
            assert result.code == 2
            assert (
                "names several recipes (../tiny.yaml, ../other.yaml); name one of them with --recipe" in result.stderr
            )

    @pytest.mark.parametrize("command", ["verify", "prove"])
    def test_without_a_lock_a_recipe_has_to_be_named(self, ready: Tiny, patcher: Patcher, command: str) -> None:
        result = patcher(command, ready.tree)
        assert result.code == 2 and "name one with --recipe" in result.stderr
