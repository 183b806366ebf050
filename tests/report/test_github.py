"""`--format github`: the lines that a runner reads, and the summary of its job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from patcher.report.github import verdict_annotations, verdict_summary
from patcher.verify.compare import Difference, Finding, Verdict
from patcher.verify.sensitivity import How, Seen
from patcher.verify.session import Checked
from tests.helpers import write_tree
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", why="round is better")
LINE = re.compile(r"^::(error|warning|notice) ((?:\w+=[^,:\n]+,?)+)::(.+)$")


def github(tiny: Tiny, *options: str) -> list[str]:
    lines = tiny.apply("--check", "--format", "github", *options).out.splitlines()
    assert all(LINE.match(line) for line in lines), lines
    return lines


class TestAPlan:
    def test_an_error_for_each_place(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "if x:\n    abs(2)\n"}).recipe(ROUND)
        assert github(tiny) == [
            "::error file=a.py,line=1,col=1,title=swap::round is better",
            "::error file=b.py,line=2,col=5,title=swap::round is better",
        ]

    def test_nothing_to_do_is_nothing_to_say(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        assert github(tiny) == []

    def test_what_would_end_a_field_or_a_line_is_escaped(self, tiny: Tiny) -> None:
        tiny.files({"a,b:c%.py": "abs(1)\n"}).recipe({**ROUND, "why": "100%: this,\nand that"})
        assert github(tiny) == ["::error file=a%2Cb%3Ac%25.py,line=1,col=1,title=swap::100%25: this,%0Aand that"]

    def test_warnings_for_what_drifted_was_refused_or_is_left_over(self, tiny: Tiny) -> None:
        files = {
            "a.py": "import lib\nlib.Old()\ny = 1  # why\n",
            "README.md": "Use lib.Old here.\n",
            "old.py": "print abs\n",
        }
        tiny.files(files).recipe(
            step("name", rename="lib.Old", to="lib.New"),
            step("out", delete="y = 1", local=["y"]),
            {**ROUND, "expect": "1"},
        )
        told = [(line.split(" ")[0], re.findall("title=([^:]+)::", line)[0]) for line in github(tiny)]
        assert told == [
            ("::error", "name"),
            ("::warning", "out refused this place"),
            ("::warning", "swap drifted"),
            ("::warning", "left over"),
            ("::notice", "passed over"),
        ]

    def test_a_path_begins_at_the_top_of_the_repository(self, tiny: Tiny) -> None:
        tiny.files({"sub/a.py": "abs(1)\n"}).recipe(ROUND)
        result = tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file, "--check", "--format", "github")
        assert result.out.startswith("::error file=sub/a.py,line=1,")

    def test_it_goes_with_check_alone(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        result = tiny.apply("--format", "github")
        assert (result.code, tiny.read()) == (2, "abs(1)\n")
        assert "--format github tells what is to be done; give it with --check." in result.stderr


class TestSummary:
    @pytest.fixture
    def summary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        return tmp_path / "summary.md"

    def test_a_row_for_each_step_that_the_tree_has_anything_for(self, tiny: Tiny, summary: Path) -> None:
        summary.write_text("before\n")
        tiny.one("abs(1)\nabs(2)\n").recipe({**ROUND, "why": "a | b <b>"}, replace("len($X)", "int($X)", name="next"))
        github(tiny)
        assert summary.read_text() == (
            "before\n### patcher: tiny\n\n1 file would change; steps: 1 applied, 1 absent.\n\n"
            "| step | outcome | places | why |\n|---|---|---|---|\n"
            "| swap | applied | `a.py:1`, `a.py:2` | a \\| b &lt;b> |\n\n"
        )

    def test_nothing_to_do_is_said(self, tiny: Tiny, summary: Path) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        github(tiny)
        assert "Nothing is to be done: 1 already." in summary.read_text()

    def test_other_formats_leave_it(self, tiny: Tiny, summary: Path) -> None:
        tiny.one("abs(1)\n").recipe(ROUND).apply("--check")
        assert not summary.exists()

    def test_one_that_cannot_be_written_is_told(self, tiny: Tiny, summary: Path) -> None:
        write_tree(summary, {"in/the/way": ""})
        result = tiny.one("abs(1)\n").recipe(ROUND).apply("--check", "--format", "github")
        assert (result.code, "unset GITHUB_STEP_SUMMARY" in result.stderr) == (5, True)


class TestVerdicts:
    @pytest.mark.parametrize(
        ("finding", "level"),
        [
            (Finding.SAME, "notice"),
            (Finding.CLOSE, "notice"),
            (Finding.DRIFTED, "error"),
            (Finding.FAILED, "error"),
            (Finding.NOT_RUN, "warning"),
        ],
    )
    def test_a_line_for_each_check(self, finding: Finding, level: str) -> None:
        checked = Checked(Verdict("train", finding, "So it was."))
        assert verdict_annotations([checked]) == f"::{level} title=train%3A {finding}::So it was.\n"

    def test_where_the_numbers_part(self) -> None:
        first = Difference("loss", 3, 2.5, 2.0, 0.25, 1e-7)
        told = verdict_annotations([Checked(Verdict("train", Finding.DRIFTED, "They differ.", first=first))])
        assert told.endswith("::They differ. The first to differ is loss at 3: 2.5, expected 2.\n")

    def test_a_wrong_attention_that_is_not_seen(self) -> None:
        seen = Seen("causal", How.MISSED)
        assert not seen.seen
        told = verdict_annotations([Checked(Verdict("train", Finding.SAME, "Same."), seen=(seen,))])
        assert told.splitlines()[1] == "::error title=train%3A causal::The check does not see this wrong attention."

    def test_the_summary_has_a_row_for_each(self) -> None:
        checks = [Checked(Verdict("train", Finding.SAME, "Same.")), Checked(Verdict("eval", Finding.FAILED, "a | b"))]
        assert verdict_summary(checks).splitlines()[2:] == [
            "| check | finding | |",
            "|---|---|---|",
            "| train | same | Same. |",
            "| eval | failed | a \\| b |",
            "",
        ]
