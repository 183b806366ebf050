"""`--format html` and `--format markdown` as a user meets them; what they hold is in tests/report."""

from __future__ import annotations

import sys

import pytest

from tests.tiny import Tiny, replace

ROUND = replace("abs($X)", "round($X)")
DRIFTED = replace("len($X)", "int($X)", name="other", expect="1")
FORMS = pytest.mark.parametrize(("form", "begins"), [("html", "<!doctype html>"), ("markdown", "### patcher: tiny")])


@FORMS
class TestApply:
    def test_without_a_file_it_is_on_stdout(self, tiny: Tiny, form: str, begins: str) -> None:
        result = tiny.one("abs(1)\n").recipe(ROUND).apply("--check", "--format", form)
        assert (result.code, result.out.startswith(begins), tiny.read()) == (1, True, "abs(1)\n")

    def test_a_file_has_the_same_and_stdout_nothing(self, tiny: Tiny, form: str, begins: str) -> None:
        tiny.one("abs('\u00e4')\n").recipe(ROUND)
        shown = tiny.apply("--check", "--format", form)
        result = tiny.apply("--check", "--format", form, "--output", tiny.folder / "report")
        assert (result.code, result.stdout) == (1, b"")
        assert (tiny.folder / "report").read_bytes() == shown.stdout

    def test_diff_and_check_look_at_the_same_plan(self, tiny: Tiny, form: str, begins: str) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        told = [tiny.apply(option, "--format", form) for option in ("--check", "--diff")]
        assert told[0].stdout == told[1].stdout and {one.code for one in told} == {1}

    def test_it_writes_where_nobody_only_looks(self, tiny: Tiny, form: str, begins: str) -> None:
        result = tiny.one("abs(1)\n").recipe(ROUND).apply("--format", form)
        assert (result.code, tiny.read()) == (0, "round(1)\n")
        assert "1 file changed was written." in result.out

    @pytest.mark.parametrize("options", [(), ("--check",), ("--diff",)])
    def test_a_drifted_step_is_reported_and_nothing_is_written(
        self, tiny: Tiny, form: str, begins: str, options: tuple[str, ...]
    ) -> None:
        result = tiny.one("abs(1)\n").recipe(ROUND, DRIFTED).apply("--format", form, *options)
        assert (result.code, tiny.read()) == (3, "abs(1)\n")
        assert "without it nothing is, because a step drifted" in result.out

    def test_what_a_lock_names_is_one_report(self, tiny: Tiny, form: str, begins: str) -> None:
        tiny.one("abs(1)\nlen(2)\n").recipe(ROUND).apply("--lock")
        (tiny.tree / "a.py").write_text("abs(1)\n")
        result = tiny.patcher("apply", tiny.tree, "--check", "--format", form, "--allow-dirty")
        assert result.code == 1 and result.out.startswith(begins)

    def test_it_is_not_asked_for_with_questions(self, tiny: Tiny, form: str, begins: str) -> None:
        result = tiny.one("abs(1)\n").recipe(ROUND).apply("-i", "--format", form)
        assert result.code == 2
        assert f"-i asks about each change and writes what is taken; leave --format {form} out." in result.stderr

    def test_a_folder_that_is_not_there_is_told_before_anything_is_written(
        self, tiny: Tiny, form: str, begins: str
    ) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        result = tiny.apply("--format", form, "--output", tiny.folder / "nowhere" / "report")
        assert (result.code, tiny.read()) == (5, "abs(1)\n")


@FORMS
def test_verify_tells_what_failed_and_what_was_not_run(tiny: Tiny, form: str, begins: str) -> None:
    check = {"why": "because", "run": ["python", "train.py"], "readings": {"parameters": 0}}
    other = {**check, "id": "other", "files": ["other.py"]}
    tiny.files({"train.py": "raise SystemExit('no <b>room</b>')\n"}).recipe(
        ROUND, checks=[{**check, "id": "train"}, other]
    )
    words = ("verify", tiny.tree, "-r", tiny.file, "--python", sys.executable, "--allow-run", "--format", form)
    result = tiny.patcher(*words)
    assert result.code == 4 and result.out.startswith(begins)
    assert "failed" in result.out and "The tree has no other.py, which it is about." in result.out
    assert "<b>room" not in result.out
    assert tiny.patcher(*words, "--output", tiny.folder / "report").code == 4
    assert "not run" in (tiny.folder / "report").read_text()
