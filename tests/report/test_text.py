"""What a person is told of a plan, for each status, and what is not told."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import ROOT, commit_all
from tests.tiny import Tiny, replace, requirements, step

ROUND = ("abs($X)", "round($X)")
COMMENTED = "y = 1  # why\n"
REFUSED = {"delete": "y = 1", "local": ["y"]}
CHANGES = {"changes": "rounding is not taking the sign away"}


def lines(tiny: Tiny, *options: str) -> list[str]:
    return tiny.apply(*options).out.splitlines()


def about(tiny: Tiny, name: str = "swap") -> list[str]:
    """Return the lines that tell of one step, less their indentation."""
    told = lines(tiny)
    start = next(number for number, line in enumerate(told) if f"  {name}" in line)
    rest = told[start + 1 :]
    end = next(number for number, line in enumerate(rest) if not line.startswith(" " * 12))
    return [line.strip() for line in told[start : start + 1 + end]]


class TestSteps:
    def test_the_first_line_names_recipe_and_tree(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        assert lines(tiny)[0] == f"tiny on {tiny.tree}"

    def test_an_applied_step_has_its_places_and_its_reason(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "\nabs(1)\n"}).recipe(replace(*ROUND))
        assert about(tiny) == ["applied   swap  a.py:1, b.py:2", "because"]

    def test_many_places_are_told_by_the_first_four(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n" * 7).recipe(replace(*ROUND))
        assert about(tiny)[0] == "applied   swap  a.py:1, a.py:2, a.py:3, a.py:4 and 3 more"

    def test_four_places_are_all_told(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n" * 4).recipe(replace(*ROUND))
        assert about(tiny)[0].endswith("a.py:3, a.py:4")

    def test_a_place_that_was_done_before_is_marked(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nround(1)\n").recipe(replace(*ROUND))
        assert about(tiny)[0] == "applied   swap  a.py:1, a.py:2 (already)"

    def test_a_step_that_is_there_needs_no_reason(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(replace(*ROUND))
        assert about(tiny) == ["already   swap  a.py:1"]

    def test_a_step_that_nobody_asks_for(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace(*ROUND))
        assert about(tiny) == ["absent    swap  nothing here asks for it"]

    def test_a_step_that_is_absent_for_a_reason(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND, when={"import": "os"}))
        assert about(tiny) == ["absent    swap  Nothing imports os."]

    def test_a_drifted_step_says_what_is_missing(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace("len($X)", "int($X)", expect="2"))
        told = about(tiny)
        assert told == [
            "drifted   swap",
            "because",
            "Expected 2 places, none found. No file in scope mentions `len`.",
        ]

    def test_a_refused_place_says_why(self, tiny: Tiny) -> None:
        tiny.one(COMMENTED).recipe(step("swap", **REFUSED))
        told = about(tiny)
        assert told[:2] == ["refused   swap  a.py:1", "because"]
        assert told[2] == "a.py:1: the comment `# why` would be lost; move it out of the way first."

    def test_what_is_said_of_several_places_of_a_line_is_said_once(self, tiny: Tiny) -> None:
        keys = {"replace": "f($X)", "with": "f($X, cfg)", "local": ["f", "cfg"]}
        tiny.one("f(1), f(2), f(3)\nf(4)\n").recipe(step("swap", **keys))
        lines = about(tiny)
        assert lines[2:] == [
            "a.py:1: `cfg` is not in scope there, and the replacement needs it.",
            "a.py:2: `cfg` is not in scope there, and the replacement needs it.",
        ]
        assert tiny.diff().stderr.count("a.py:1") == 1

    def test_a_step_that_is_refused_as_a_whole_says_why(self, tiny: Tiny) -> None:
        tiny.one(COMMENTED + "abs(1)\n").recipe(step("first", **REFUSED), replace(*ROUND, requires=["first"]))
        assert about(tiny) == ["refused   swap", "because", "It requires the step first, which was refused."]

    def test_a_place_that_is_left_is_told_with_the_step(self, tiny: Tiny) -> None:
        guard = step("guard", guard_import=["nowhere"], otherwise="nowhere = None")
        text = "import nowhere\n\n\ndef late():\n    import nowhere\n    return nowhere\n"
        tiny.one(text).recipe(guard)
        told = about(tiny, "guard")
        assert told[0] == "applied   guard  a.py:1"
        assert told[2] == "a.py:5: it runs only when its function is called, and is left."

    def test_names_of_steps_stand_in_a_column(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND, name="a"), replace("len($X)", "int($X)", name="longer"))
        assert lines(tiny)[1] == "  applied   a       a.py:1"


class TestCounts:
    @pytest.mark.parametrize(
        ("files", "said"),
        [
            ({"a.py": "abs(1)\n"}, "Steps: 1 applied. 1 file changed was written."),
            ({"a.py": "abs(1)\n", "b.py": "abs(1)\n"}, "Steps: 1 applied. 2 files changed were written."),
            ({"a.py": "round(1)\n"}, "Steps: 1 already. No file needs a change."),
            ({"a.py": "y = 1\n"}, "Steps: 1 absent. No file needs a change."),
        ],
    )
    def test_files_are_counted(self, tiny: Tiny, files: dict[str, str], said: str) -> None:
        tiny.files(files).recipe(replace(*ROUND))
        assert said in lines(tiny)

    def test_an_added_file_is_counted_apart(self, tiny: Tiny) -> None:
        rename = step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")
        tiny.one("from adam_atan2 import AdamATan2\n\nAdamATan2()\n").recipe(rename)
        assert "Steps: 1 applied. 1 file changed and 1 file added were written." in lines(tiny)

    def test_what_is_held_back_is_not_called_written(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND), replace("len($X)", "int($X)", name="other", expect="1"))
        assert "Steps: 1 applied, 1 drifted. 1 file changed would be written." in lines(tiny)

    def test_a_plan_that_was_held_back_has_nothing_to_run_next(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND), replace("len($X)", "int($X)", name="other", expect="1"))
        assert "Take it back" not in tiny.apply().out

    def test_a_plan_without_changes_has_nothing_to_take_back(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(replace(*ROUND))
        assert "Take it back" not in tiny.apply().out


class TestNumbers:
    def said(self, tiny: Tiny, text: str, effect: Any, *options: str) -> str:
        parameters = {"kind": {"type": "text", "default": "a"}}
        tiny.one(text).recipe(replace(*ROUND, effect=effect, when={"kind": "a"}), parameters=parameters)
        return "\n".join(line for line in lines(tiny, *options) if "numbers" in line)

    def test_a_step_that_changes_the_numbers_is_named(self, tiny: Tiny) -> None:
        told = "This changes the numbers: swap: rounding is not taking the sign away."
        assert self.said(tiny, "abs(1)\n", CHANGES) == told

    def test_the_parameter_that_keeps_them_is_named_as_the_shell_wants_it(self, tiny: Tiny) -> None:
        said = self.said(tiny, "abs(1)\n", {**CHANGES, "avoid": {"kind": "not this"}})
        assert said.endswith("away; -p 'kind=not this' keeps them.")

    def test_a_step_that_is_in_force_already_is_named_too(self, tiny: Tiny) -> None:
        assert "swap" in self.said(tiny, "round(1)\n", CHANGES)

    @pytest.mark.parametrize("effect", ["exact", "enables", "unreached"])
    def test_other_effects_are_not_named(self, tiny: Tiny, effect: str) -> None:
        assert self.said(tiny, "abs(1)\n", effect) == ""

    def test_a_step_that_is_absent_changes_nothing(self, tiny: Tiny) -> None:
        assert self.said(tiny, "abs(1)\n", CHANGES, "-p", "kind=b") == ""

    def test_a_step_of_which_every_place_is_refused_changes_nothing(self, tiny: Tiny) -> None:
        tiny.one(COMMENTED).recipe(step("swap", **{**REFUSED, "effect": CHANGES}))
        assert "numbers" not in tiny.apply().out


CHECK = {"id": "train", "why": "because", "run": ["python", "a.py"]}
PARAMETERS = {"kind": {"type": "text", "default": "a"}}


class TestNext:
    def test_what_to_run_next_is_run_in_the_tree(self, tiny: Tiny) -> None:
        tiny.tree = tiny.folder / "my tree"
        hint = {"run": "pip install -r {tree}/requirements.txt", "why": "it needs them"}
        tiny.one("abs(1)\n").recipe(replace(*ROUND), next=[hint])
        told = lines(tiny)
        start = told.index(f"Next, in '{tiny.tree}':")
        assert told[start + 1 : start + 3] == [
            "  pip install -r ./requirements.txt",
            "      it needs them",
        ]

    def test_the_check_is_run_with_the_recipe_as_it_was_named(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND), checks=[CHECK], parameters=PARAMETERS)
        said = tiny.apply("-p", "kind=b c").out
        assert f"patcher verify {tiny.tree} --recipe {tiny.file} -p 'kind=b c' --allow-run\n" in said

    def test_a_parameter_at_its_default_is_not_repeated(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND), checks=[CHECK], parameters=PARAMETERS)
        assert "-p" not in tiny.apply("-p", "kind=a").out

    def test_without_checks_there_is_nothing_to_train(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        assert lines(tiny)[-1] == f"Take it back:  patcher undo {tiny.tree}"
        assert "verify" not in tiny.apply().out


class TestCheck:
    def test_each_file_has_a_line(self, tiny: Tiny) -> None:
        rename = step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")
        files = {"a.py": "from adam_atan2 import AdamATan2\n\nAdamATan2()\n", "b.py": "abs(1)\n", "c.py": "abs\n"}
        result = tiny.files(files).recipe(rename, replace(*ROUND)).apply("--check")
        assert result.code == 1
        assert result.out.splitlines() == [
            "a.py: would be changed (rename)",
            "adam_atan2_torch.py: would be added (rename)",
            "b.py: would be changed (swap)",
        ]

    def test_a_file_that_two_steps_change_has_one_line(self, tiny: Tiny) -> None:
        tiny.one("abs(len(1))\n").recipe(replace(*ROUND), replace("len($X)", "int($X)", name="next"))
        assert tiny.apply("--check").out == "a.py: would be changed (swap, next)\n"

    def test_nothing_to_change_is_nothing_to_say(self, tiny: Tiny) -> None:
        result = tiny.one("round(1)\n").recipe(replace(*ROUND)).apply("--check")
        assert (result.code, result.out, result.stderr) == (0, "", "")

    def test_a_step_that_is_refused_as_a_whole_is_told_beside_it(self, tiny: Tiny) -> None:
        tiny.one(COMMENTED + "abs(1)\n").recipe(step("first", **REFUSED), replace(*ROUND, requires=["first"]))
        result = tiny.apply("--check")
        assert result.code == 3
        assert result.stderr.splitlines() == [
            "first refused a.py:1: the comment `# why` would be lost; move it out of the way first.",
            "swap was refused: It requires the step first, which was refused.",
        ]

    def test_a_file_that_was_passed_over_is_told_beside_it(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old.py": "print abs(1)\n"}).recipe(replace(*ROUND))
        assert tiny.apply("--check").stderr.startswith("Passed over: old.py:1 does not parse")


# --- where it is shown ----------------------------------------------------------------------------------------------


def on_terminal(tiny: Tiny, *options: str, **environment: str) -> str:
    """Run apply with a terminal as its stdout, and return what that shows."""
    leader, follower = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    command = [sys.executable, "-m", "patcher", "apply", tiny.tree, "-r", tiny.file, *options]
    process = subprocess.Popen(
        command, stdout=follower, stderr=subprocess.PIPE, env={**known, "PYTHONPATH": str(ROOT), **environment}
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:
            data = b""
        if not data:
            break
        shown += data
    assert process.stderr is not None
    process.stderr.close()
    process.wait()
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


class TestColour:
    @pytest.fixture
    def ready(self, tiny: Tiny) -> Tiny:
        return tiny.one("abs(1)\n").recipe(replace(*ROUND))

    def test_a_pipe_has_none(self, ready: Tiny) -> None:
        assert "\x1b" not in ready.apply().out

    @pytest.mark.parametrize("options", [(), ("--diff",)])
    def test_a_terminal_has_it(self, ready: Tiny, options: tuple[str, ...]) -> None:
        assert "\x1b[32m" in on_terminal(ready, *options)

    @pytest.mark.parametrize("options", [(), ("--diff",)])
    def test_a_terminal_whose_user_wants_none_has_none(self, ready: Tiny, options: tuple[str, ...]) -> None:
        assert "\x1b" not in on_terminal(ready, *options, NO_COLOR="1")

    def test_an_empty_wish_is_none(self, ready: Tiny) -> None:
        assert "\x1b[32m" in on_terminal(ready, NO_COLOR="")

    def test_colour_is_all_that_a_terminal_adds(self, ready: Tiny) -> None:
        shown = on_terminal(ready, "--diff")
        assert re.sub("\x1b\\[[0-9;]*m", "", shown) == ready.diff().out

    def test_data_has_none_on_a_terminal(self, ready: Tiny) -> None:
        assert "\x1b" not in on_terminal(ready, "--format", "json")

    def test_a_file_has_none_though_stdout_is_a_terminal(self, ready: Tiny) -> None:
        target = ready.folder / "report.txt"
        assert on_terminal(ready, "--output", str(target)) == ""
        assert "applied   swap" in target.read_text() and "\x1b" not in target.read_text()

    def test_a_narrow_terminal_breaks_no_line(self, ready: Tiny) -> None:
        shown = on_terminal(ready, "--diff", NO_COLOR="1", COLUMNS="20")
        assert shown == ready.diff().out


class TestOutput:
    @pytest.mark.parametrize("form", [(), ("--diff",), ("--check",), ("--check", "--format", "json")])
    def test_a_report_goes_to_a_file_as_it_would_to_stdout(self, tiny: Tiny, form: tuple[str, ...]) -> None:
        tiny.files({"a.py": b"# coding: latin-1\r\ns = '\xe9', abs(1)"}).recipe(replace(*ROUND))
        options = form or ("--diff",)
        wanted = tiny.apply(*options)
        target = tiny.folder / "report"
        result = tiny.apply(*options, "--output", target)
        assert (result.code, result.stdout, result.stderr) == (wanted.code, b"", wanted.stderr)
        assert target.read_bytes() == wanted.stdout

    def test_a_report_of_what_was_written(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        assert tiny.apply("--output", tiny.folder / "report").code == 0
        assert "1 file changed was written." in (tiny.folder / "report").read_text()

    @pytest.mark.parametrize("name", ["nowhere/report", "tiny.yaml/report"])
    def test_a_report_that_cannot_be_written_writes_nothing_at_all(self, tiny: Tiny, name: str) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        result = tiny.apply("--output", tiny.folder / name)
        assert result.code == 5
        assert "could not be written" in result.stderr and "choose another --output" in result.stderr
        assert tiny.read() == "abs(1)\n"

    def test_a_folder_is_no_file(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        assert tiny.apply("--output", tiny.folder).code == 2
        assert tiny.read() == "abs(1)\n"


def test_requirements_are_told_like_any_file(tiny: Tiny) -> None:
    tiny.files({"requirements.txt": "torch\ntriton==2\n"}).recipe(requirements(drop=["triton"]))
    assert about(tiny, "packages")[0] == "applied   packages  requirements.txt:2"


def test_a_tree_of_another_upstream_is_asked_about(tiny: Tiny) -> None:
    tiny.one("y = 1\n").recipe(replace(*ROUND))
    assert tiny.apply().stderr == f"No step of tiny found its place in {tiny.tree}; is it the right tree?\n"


def test_a_refused_place_is_a_place_that_was_found(tiny: Tiny) -> None:
    tiny.one(COMMENTED).recipe(step("swap", **REFUSED))
    assert "right tree" not in tiny.apply().stderr


@pytest.mark.parametrize("options", [(), ("--check",), ("--diff",)])
def test_a_commit_that_nobody_tried_is_noted(tiny: Tiny, options: tuple[str, ...]) -> None:
    upstream = {"repository": "https://github.com/nobody/nothing", "tested": ["a" * 40, "b" * 40]}
    tiny.one("abs(1)\n").recipe(replace(*ROUND), upstream=upstream)
    commit_all(tiny.tree)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tiny.tree, capture_output=True, text=True, check=True)
    note = f"Note: HEAD is {head.stdout[:7]}; tiny was tried on aaaaaaa, bbbbbbb.\n"
    assert tiny.apply(*options).stderr == note


def test_a_commit_that_was_tried_is_not_noted(tiny: Tiny) -> None:
    tiny.one("abs(1)\n")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tiny.tree, capture_output=True, text=True, check=True)
    upstream = {"repository": "https://github.com/nobody/nothing", "tested": [head.stdout.strip()]}
    assert tiny.recipe(replace(*ROUND), upstream=upstream).apply().stderr == ""


def test_the_report_of_a_tree_without_git_is_the_same(tiny: Tiny, tmp_path: Path) -> None:
    tiny.one("abs(1)\n").recipe(replace(*ROUND))
    with_git = tiny.apply("--check").stdout
    (tiny.tree / ".git").rename(tmp_path / "git")
    assert tiny.apply("--check").stdout == with_git
