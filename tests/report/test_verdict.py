"""A verdict as a person reads it."""

from __future__ import annotations

import pytest

from patcher.model import Check, Range
from patcher.report.verdict import checked_report, sparkline, table
from patcher.verify.compare import Finding, Verdict, compare
from patcher.verify.golden import Golden
from patcher.verify.readings import Run
from patcher.verify.session import Checked, exit_code

LOSSES = (2.5, 2.25, 2.0, 1.75, 1.5)
GOLDEN = Golden("tiny", "train", "", "cpu", {"loss": LOSSES, "lr": (0.1,) * 5}, {})
CHECK = Check("train", "because", readings={"loss": Range(1), "lr": Range(1)})


def run(losses: tuple[float, ...] = LOSSES, **keys: object) -> Run:
    readings = {"loss": losses, "lr": (0.1,) * 5}
    told = {"command": ("python", "train.py"), "returncode": 0, "seconds": 1.25, "output": "", **keys}
    return Run(readings=readings, optimizers=("SGD",), **told)  # type: ignore[arg-type]


def report(verdict: Verdict, width: int = 100) -> list[str]:
    return checked_report(Checked(verdict), lambda text, _: text, width).splitlines()


class TestVerdict:
    def test_the_same_has_a_line_a_reading_with_its_course(self) -> None:
        assert report(compare(CHECK, run(), GOLDEN)) == [
            "train: same; 5 steps in 1.2 s.",
            "  reading  values  off by  at  allowed",
            "  loss     5       0       1   1e-07    █▆▅▃▁",
            "  lr       5       0       1   1e-07    ▁▁▁▁▁",
        ]

    def test_drift_shows_the_values_around_the_first(self) -> None:
        told = report(compare(CHECK, run((2.5, 2.25, 2.02, 1.75, 1.5)), GOLDEN))
        assert told[:2] == [
            "train: drifted; 5 steps in 1.2 s.",
            "loss 3 is 2.02 and should be 2: off by 1.0e-02 of it, and 1.0e-07 is allowed.",
        ]
        assert told[-6:] == [
            "  loss  got   expected  off by   allowed",
            "  1     2.5   2.5       0        1e-07",
            "  2     2.25  2.25      0        1e-07",
            "  3     2.02  2         1.0e-02  1e-07    <- the first",
            "  4     1.75  1.75      0        1e-07",
            "  5     1.5   1.5       0        1e-07",
        ]

    def test_notes_come_last(self) -> None:
        assert report(compare(CHECK, run(), GOLDEN).noting("By the way."))[-1] == "By the way."

    def test_a_failed_run_shows_what_it_ran_and_its_last_lines(self) -> None:
        failed = run((), returncode=1, output="Traceback\nValueError: no room")
        assert report(Verdict("train", Finding.FAILED, "It ended.", failed)) == [
            "train: failed.",
            "It ended.",
            "It ran: python train.py",
            "Its last lines:",
            "  Traceback",
            "  ValueError: no room",
        ]

    def test_one_that_was_not_run_says_why(self) -> None:
        assert report(Verdict("train", Finding.NOT_RUN, "No torch.")) == ["train: not run.", "No torch."]

    @pytest.mark.parametrize("width", [40, 20, 1])
    def test_no_line_is_lost_on_a_narrow_terminal(self, width: int) -> None:
        told = "".join(report(compare(CHECK, run((2.5, 2.25, 2.02, 1.75, 1.5)), GOLDEN), width))
        assert "drifted" in told
        assert max(map(len, report(compare(CHECK, run(), GOLDEN), width)[1:])) <= max(width, 22)


class TestSparkline:
    @pytest.mark.parametrize(
        ("values", "bars"), [((), ""), ((1.0,), "▁"), ((1.0, 1.0), "▁▁"), ((0.0, 1.0), "▁█"), ((3.0, 2.0, 1.0), "█▅▁")]
    )
    def test_is_the_course_of_the_values(self, values: tuple[float, ...], bars: str) -> None:
        assert sparkline(values) == bars

    def test_of_many_values_keeps_the_first_and_the_last(self) -> None:
        line = sparkline(tuple(float(number) for number in range(1000)))
        assert len(line) == 60 and (line[0], line[-1]) == ("▁", "█")

    @pytest.mark.parametrize("odd", [float("nan"), float("inf")])
    def test_what_is_no_number_is_a_gap(self, odd: float) -> None:
        assert sparkline((1.0, odd, 2.0)) == "▁ █"


def test_a_table_keeps_what_looks_like_markup() -> None:
    assert table(("a",), [("[red]x[/red]",), ("\\[b]",)], 80) == "  a\n  [red]x[/red]\n  \\[b]\n"


class TestTable:
    HEADS = ("reading", "off by", "")
    ROWS = (("grad_norm", "1.0e-07", "▁▂▃▄▅▆▇█▁▂"), ("loss", "0", "█▇▆▅▄▃▂▁▁▁"))
    WHOLE = ("  reading    off by", "  grad_norm  1.0e-07  ▁▂▃▄▅▆▇█▁▂", "  loss       0        █▇▆▅▄▃▂▁▁▁")

    def lines(self, width: int, *spare: str) -> list[str]:
        return table(self.HEADS, self.ROWS, width, spare).splitlines()

    def test_has_all_that_fits(self) -> None:
        assert self.lines(32, "", "off by") == list(self.WHOLE)

    def test_spares_a_column_that_does_not_fit(self) -> None:
        assert self.lines(31, "", "off by") == ["  reading    off by", "  grad_norm  1.0e-07", "  loss       0"]

    def test_spares_the_next_one_only_where_it_must(self) -> None:
        rows = [("a" * 15, "b" * 15, "c")]
        assert table(("x", "y", "z"), rows, 30, ("z", "y")) == f"  x\n  {'a' * 15}\n"

    def test_keeps_what_is_not_spare(self) -> None:
        told = "".join(self.lines(24)).replace(" ", "")
        assert all(sum(told.count(sign) for sign in set(word)) >= len(word) for row in self.ROWS for word in row)

    def test_of_no_rows_has_its_heads(self) -> None:
        assert table(("a", "b"), [], 80, ("b",)) == "  a  b\n"


@pytest.mark.parametrize("width", [50, 40, 30])
def test_a_narrow_report_keeps_names_and_numbers_whole(width: int) -> None:
    readings = {"loss": LOSSES * 2, "grad_norm": LOSSES * 2, "lr": (0.1,) * 10}
    golden = Golden("tiny", "train", "", "cpu", readings, {})
    made = Run(("python",), golden.readings, ("SGD",), 0, 1.0, "")
    check = Check("train", "because", readings=dict.fromkeys(readings, Range(1)))
    told = report(compare(check, made, golden), width)
    assert [line.split()[0] for line in told[2:]] == list(readings)
    assert max(map(len, told[1:])) <= width and all("▁" not in line for line in told)


class TestExitCode:
    def test_the_gravest_wins(self) -> None:
        same, drifted = Checked(Verdict("a", Finding.SAME)), Checked(Verdict("b", Finding.DRIFTED))
        assert exit_code([same, drifted]) == 4
        assert exit_code([same]) == exit_code([]) == 0

    @pytest.mark.parametrize("finding", [Finding.CLOSE, Finding.NOT_JUDGED, Finding.SAME])
    def test_what_is_no_difference_is_0(self, finding: Finding) -> None:
        assert exit_code([Checked(Verdict("a", finding))]) == 0

    def test_nothing_that_could_be_run_is_5(self) -> None:
        skipped = Checked(Verdict("a", Finding.NOT_RUN))
        assert exit_code([skipped, skipped]) == 5
        assert exit_code([skipped, Checked(Verdict("b", Finding.SAME))]) == 0
