"""text: a regular expression over a file's text, known by its result."""

from __future__ import annotations

import pytest

from patcher.errors import PatternError
from patcher.verbs.text import Text
from tests.verbs.checks import check_noop, check_transformed

WORKERS = {"text": r"num_workers: \d+", "with": "num_workers: 0", "in": "*.yaml"}


def test_a_line_of_a_file_that_is_not_python() -> None:
    before = {"c.yaml": "# c\nnum_workers: 8  # many\r\nx: é\n"}
    check_transformed(WORKERS, before, {"c.yaml": "# c\nnum_workers: 0  # many\r\nx: é\n"}, "2: applied")


def test_groups_with_what_the_result_looks_like() -> None:
    keys = {"text": r"^lr: (\d+)$", "with": r"lr: \g<1>.0", "already": r"^lr: \d+\.0$", "in": "c.yaml"}
    check_transformed(keys, {"c.yaml": "lr: 3\nlr2: 3\n"}, {"c.yaml": "lr: 3.0\nlr2: 3\n"})


def test_a_byte_order_mark_stays() -> None:
    check_transformed(WORKERS, {"c.yaml": b"\xef\xbb\xbfnum_workers: 8"}, {"c.yaml": b"\xef\xbb\xbfnum_workers: 0"})


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_its_own_result_is_known() -> None:
    check_noop(WORKERS, {"c.yaml": "num_workers: 0\n"}, "1: already")


def test_a_file_out_of_scope_stays() -> None:
    check_noop(WORKERS, {"c.yml": "num_workers: 8\n"})


def test_without_a_scope_no_file_is_touched() -> None:
    check_noop({"text": "a", "with": "b"}, {"c.yaml": "a\n"})


def test_an_empty_match_is_refused() -> None:
    reason = "the match is empty or spans 20 lines and more; narrow the expression"
    check_noop({**WORKERS, "text": "x?"}, {"c.yaml": "y"}, *[f"1: refused: {reason}"] * 2)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"text": "("}, "needs `with`"),
        ({"text": "(", "with": "x"}, "no regular expression"),
        ({"text": "(a+)+b", "with": "x"}, "can run without end"),
        ({"text": "(a)", "with": r"\1b"}, "needs `already`"),
    ],
)
def test_a_step_that_cannot_work_does_not_load(keys: dict[str, str], message: str) -> None:
    with pytest.raises(PatternError, match=message):
        Text.compile(keys)
