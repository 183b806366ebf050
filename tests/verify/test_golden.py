"""A golden keeps what was read and how far it wavered; what is allowed follows from that alone."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from patcher.errors import TargetError
from patcher.verify.golden import Golden, read_golden, relative, write_golden

GOLDEN = Golden(
    recipe="tiny",
    check="train",
    digest="d" * 64,
    device="cpu",
    readings={"loss": (2.5, 2.25, 2.0, 1.75)},
    noise={"loss": (0.0, 3e-8, 1e-8, 2e-7)},
    parameters={"optimizer": "adam"},
    environment={"torch": "2.13.0"},
    steps={"swap": "0123"},
    reference=("attention",),
    seen={"scale-1": {"first": "loss 1", "times": 23.0}},
)


class TestAllowed:
    def test_is_ten_times_the_noise_of_the_whole_run(self) -> None:
        assert GOLDEN.allowed("loss") == pytest.approx(2e-6)

    @pytest.mark.parametrize("noise", [(), (0.0, 0.0), (0.0, 9e-9)])
    def test_is_at_least_a_little(self, noise: tuple[float, ...]) -> None:
        assert Golden("a", "b", "", "cpu", {"lr": (0.1, 0.2)}, {"lr": noise}).allowed("lr") == 1e-7

    def test_of_a_reading_without_noise(self) -> None:
        assert Golden("a", "b", "", "cpu", {"lr": (0.1, 0.2)}, {}).allowed("lr") == 1e-7


class TestRelative:
    @pytest.mark.parametrize(
        ("got", "expected", "off"), [(2.0, 2.0, 0.0), (2.2, 2.0, 0.1), (-2.0, 2.0, 2.0), (0.5, 0.0, 0.125)]
    )
    def test_to_what_was_expected_or_else_to_the_largest_beside_it(
        self, got: float, expected: float, off: float
    ) -> None:
        assert relative(got, expected, (0.0, 4.0)) == pytest.approx(off)

    def test_to_nothing_is_infinite(self) -> None:
        assert relative(1e-9, 0.0, (0.0, 0.0)) == math.inf

    def test_no_number_is_never_near(self) -> None:
        assert not relative(math.nan, 1.0, (1.0,)) <= 1.0


class TestFile:
    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        write_golden(tmp_path / "golden" / "a.json", GOLDEN)
        assert read_golden(tmp_path / "golden" / "a.json") == GOLDEN

    def test_every_digit_is_kept(self, tmp_path: Path) -> None:
        values = (0.1 + 0.2, 1e-300, 2.6858041334414375)
        write_golden(tmp_path / "a.json", Golden("a", "b", "", "cpu", {"loss": values}, {}))
        assert read_golden(tmp_path / "a.json").readings["loss"] == values

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", "null", '{"format": 1}', '{"format": 2}', '{"format": 1, "readings": 3}', "\0"]
    )
    def test_anything_else_is_refused_with_its_name(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(TargetError, match=r"a\.json.*record it anew"):
            read_golden(tmp_path / "a.json")

    def test_a_value_that_is_no_number_is_refused(self, tmp_path: Path) -> None:
        write_golden(tmp_path / "a.json", GOLDEN)
        found = json.loads((tmp_path / "a.json").read_text())
        found["readings"]["loss"][0] = "two"
        (tmp_path / "a.json").write_text(json.dumps(found))
        with pytest.raises(TargetError, match="record it anew"):
            read_golden(tmp_path / "a.json")

    def test_a_folder_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "golden").write_text("")
        with pytest.raises(TargetError, match="could not be written"):
            write_golden(tmp_path / "golden" / "a.json", GOLDEN)

    @pytest.mark.parametrize("noise", ["Infinity", "NaN", "-1.0"])
    def test_noise_that_would_allow_anything_is_refused(self, tmp_path: Path, noise: str) -> None:
        write_golden(tmp_path / "a.json", GOLDEN)
        text = (tmp_path / "a.json").read_text().replace("3e-08", noise)
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(TargetError, match="record it anew"):
            read_golden(tmp_path / "a.json")
