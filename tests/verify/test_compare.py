"""The verdict on a run: every value is held, and the first that is off is named."""

from __future__ import annotations

import math

import pytest

from patcher.model import Check, Range
from patcher.verify.compare import Finding, Verdict, apart, compare
from patcher.verify.golden import Golden
from patcher.verify.readings import Run, too_few, wanted

LOSSES = (2.5, 2.25, 2.0)


def run(**readings: tuple[float, ...]) -> Run:
    return Run(("python",), readings, ("SGD",), 0, 1.0, "")


def verdict(got: tuple[float, ...], elsewhere: str = "", **noise: tuple[float, ...]) -> Verdict:
    golden = Golden("tiny", "train", "", "cpu", {"loss": LOSSES}, noise)
    return compare(Check("train", "because"), run(loss=got), golden, elsewhere)


class TestFinding:
    def test_the_same_bits_are_the_same(self) -> None:
        found = verdict(LOSSES)
        assert (found.finding, found.first, found.reason) == (Finding.SAME, None, "")

    def test_within_what_is_allowed_is_the_same(self) -> None:
        assert verdict((2.5, 2.25 * (1 + 9e-8), 2.0)).finding is Finding.SAME

    def test_beyond_it_has_drifted_and_the_first_such_value_is_named(self) -> None:
        found = verdict((2.5, 2.25 * (1 + 2e-7), 3.0))
        assert found.finding is Finding.DRIFTED
        assert found.first is not None and (found.first.reading, found.first.step) == ("loss", 2)
        assert found.reason == "loss 2 is 2.25000045 and should be 2.25: off by 2.0e-07 of it, and 1.0e-07 is allowed."
        assert found.worst["loss"].step == 3

    def test_what_is_off_by_hardly_more_is_told_with_the_digits_that_say_so(self) -> None:
        assert verdict((2.5, 2.25 * (1 + 1.003e-7), 2.0)).reason.endswith(
            "off by 1.003e-07 of it, and 1.000e-07 is allowed."
        )

    @pytest.mark.parametrize(
        ("one", "other", "told"),
        [
            (2e-7, 1e-7, ("2.0e-07", "1.0e-07")),
            (1.04e-7, 1e-7, ("1.04e-07", "1.00e-07")),
            (math.nextafter(1e-7, 1), 1e-7, ("1.0000000000000001e-07", "9.9999999999999995e-08")),
            (1e-7, 1e-7, ("1.0e-07", "1.0e-07")),
            (math.inf, 1e-7, ("inf", "1.0e-07")),
        ],
    )
    def test_two_numbers_have_as_many_digits_as_tell_them_apart(
        self, one: float, other: float, told: tuple[str, str]
    ) -> None:
        assert apart(one, other) == told

    def test_noise_allows_more(self) -> None:
        assert verdict((2.5, 2.25 * (1 + 2e-7), 2.0), loss=(0.0, 0.0, 1e-7)).finding is Finding.SAME

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_no_number_has_drifted(self, value: float) -> None:
        assert verdict((2.5, value, 2.0)).finding is Finding.DRIFTED

    @pytest.mark.parametrize("got", [(2.5, 2.25), (2.5, 2.25, 2.0, 1.75), ()])
    def test_another_number_of_values_has_failed(self, got: tuple[float, ...]) -> None:
        assert verdict(got).finding is Finding.FAILED

    def test_a_reading_that_the_golden_has_not_is_one_too_many(self) -> None:
        golden = Golden("tiny", "train", "", "cpu", {"loss": LOSSES}, {})
        check = Check("train", "because", readings={"loss": Range(1), "lr": Range(1)})
        found = compare(check, run(loss=LOSSES, lr=(0.1,)), golden)
        assert (found.finding, found.reason) == (Finding.FAILED, "Of lr it made 1 value, and the golden has 0.")


class TestElsewhere:
    def test_a_little_beyond_is_close_where_other_versions_run(self) -> None:
        found = verdict((2.5 * (1 + 5e-7), 2.25, 2.0), "torch 2.9.0, and there 2.13.0")
        assert found.finding is Finding.CLOSE
        assert found.notes == ("Here is other than where the golden was made: torch 2.9.0, and there 2.13.0.",)

    def test_as_far_as_a_planted_error_is_never_close(self) -> None:
        assert verdict((2.5 * (1 + 2e-6), 2.25, 2.0), "torch 2.9.0, and there 2.13.0").finding is Finding.DRIFTED

    def test_the_same_stays_the_same(self) -> None:
        assert verdict(LOSSES, "torch 2.9.0, and there 2.13.0").finding is Finding.SAME


class TestWanted:
    def test_only_the_readings_that_are_asked_for_of_every_optimizer(self) -> None:
        check = Check("train", "because", readings={"lr": Range(1, 2)})
        made = run(loss=LOSSES, lr=(0.1, 0.2, 0.3), **{"lr.2": (0.5, 0.5)}, lrx=(1.0,))
        assert wanted(check, made.readings) == {"lr": (0.1, 0.2), "lr.2": (0.5, 0.5)}

    def test_every_parameter_group_is_one_of_them(self) -> None:
        check = Check("train", "because", readings={"lr": Range(1)})
        made = {"lr": (0.1,), "lr[2]": (0.2,), "lr.2": (0.3,), "lr.2[11]": (0.4,), "lr[x]": (0.5,)}
        assert list(wanted(check, made)) == ["lr", "lr[2]", "lr.2", "lr.2[11]"]

    def test_of_wandb_there_is_one_of_each_name(self) -> None:
        check = Check("train", "because", readings={"wandb.a": Range(1)})
        assert list(wanted(check, {"wandb.a": (1.0,), "wandb.a.2": (2.0,)})) == ["wandb.a"]

    def test_the_losses_where_nothing_is_said(self) -> None:
        assert wanted(Check("train", "because"), {"loss": LOSSES, "lr": (0.1,)}) == {"loss": LOSSES}

    @pytest.mark.parametrize(
        ("count", "said"),
        [
            (Range(1, 3), ""),
            (Range(1), ""),
            (Range(4), "The check wants at least 4 values of loss, and the run made 3."),
            (Range(1, 10), "The check wants 10 values of loss, and the run made 3."),
        ],
    )
    def test_fewer_than_wanted_are_told(self, count: Range, said: str) -> None:
        assert too_few(Check("train", "because", readings={"loss": count}), {"loss": LOSSES}) == said
