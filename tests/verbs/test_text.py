"""text: a regular expression over a file's text, known by its result."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.errors import PatternError, TargetError
from patcher.verbs.text import Text
from tests.helpers import write_tree
from tests.tiny import Tiny, step
from tests.verbs.checks import check_noop, check_transformed, notebook, tree_plan

WORKERS = {"text": r"num_workers: \d+", "with": "num_workers: 0", "in": "*.yaml"}


def test_a_line_of_a_file_that_is_not_python() -> None:
    before = {"c.yaml": "# c\nnum_workers: 8  # many\r\nx: é\n"}
    check_transformed(WORKERS, before, {"c.yaml": "# c\nnum_workers: 0  # many\r\nx: é\n"}, "2: applied")


def test_groups_with_what_the_result_looks_like() -> None:
    keys = {"text": r"^lr: (\d+)$", "with": r"lr: \g<1>.0", "already": r"^lr: \d+\.0$", "in": "c.yaml"}
    check_transformed(keys, {"c.yaml": "lr: 3\nlr2: 3\n"}, {"c.yaml": "lr: 3.0\nlr2: 3\n"})


def test_a_byte_order_mark_stays() -> None:
    check_transformed(WORKERS, {"c.yaml": b"\xef\xbb\xbfnum_workers: 8"}, {"c.yaml": b"\xef\xbb\xbfnum_workers: 0"})


def one(pattern: str, new: str, **more: str) -> dict[str, str]:
    return {"text": pattern, "with": new, "in": "c.yaml", **more}


@pytest.mark.parametrize(
    ("pattern", "new"),
    [("device: cuda:0", "device: cuda"), ("use_cuda: true", "cuda: true"), (r"device: cuda:\d", "device: cuda")],
)
def test_a_result_that_stands_in_the_match_is_less_than_the_match(pattern: str, new: str) -> None:
    before = "device: cuda:0\nuse_cuda: true\n"
    after = before.replace(pattern.replace(r"\d", "0"), new)
    check_transformed(one(pattern, new), {"c.yaml": before}, {"c.yaml": after})


def test_a_match_that_stands_in_the_result_is_less_than_the_result() -> None:
    keys = one("cuda", "cuda if ok else cpu")
    check_transformed(
        keys,
        {"c.yaml": "cuda\nd: cuda if ok else cpu\n"},
        {"c.yaml": "cuda if ok else cpu\nd: cuda if ok else cpu\n"},
        "1: applied",
        "2: already",
    )


def test_a_number_that_begins_like_the_result() -> None:
    check_transformed(WORKERS, {"c.yaml": "num_workers: 08\n"}, {"c.yaml": "num_workers: 0\n"}, "1: applied")


def test_a_text_that_is_taken_out(tiny: Tiny) -> None:
    tiny.files({"c.yaml": "debug: 1\r\nx: 2\r\ndebug: 3"}).recipe(step("out", **one("debug: .*\n?", "")))
    assert tiny.apply()
    assert tiny.read("c.yaml") == "x: 2\r\n"
    assert tiny.plan().step("out")["status"] == "absent"


def test_the_ends_of_a_line_are_those_of_windows_too() -> None:
    keys = one("device: cuda$", "device: cpu")
    before = b"device: cuda\r\nx: 1\r\ndevice: cuda"
    check_transformed(keys, {"c.yaml": before}, {"c.yaml": before.replace(b"cuda", b"cpu")}, "1: applied", "3: applied")


def test_lines_are_matched_and_written_with_the_line_ends_of_the_file() -> None:
    keys = one("a: 1\nb: 1$", "a: 1\nc: 1\nb: 2")
    check_transformed(keys, {"c.yaml": b"a: 1\r\nb: 1\r\n"}, {"c.yaml": b"a: 1\r\nc: 1\r\nb: 2\r\n"})
    check_transformed(keys, {"c.yaml": b"a: 1\nb: 1\n"}, {"c.yaml": b"a: 1\nc: 1\nb: 2\n"})


def test_line_ends_that_the_match_shares_with_the_result_keep_their_bytes() -> None:
    keys = one("a: 1\nb: 1\nc: 1$", "a: 2\nb: 1\nc: 1")
    before = {"c.yaml": b"x: 1\r\na: 1\nb: 1\r\nc: 1\n"}
    check_transformed(keys, before, {"c.yaml": b"x: 1\r\na: 2\nb: 1\r\nc: 1\n"})


def test_characters_of_several_bytes_beside_windows_line_ends() -> None:
    before = "# é 😀\r\nnum_workers: 8  # é\r\n"
    check_transformed(WORKERS, {"c.yaml": before}, {"c.yaml": before.replace("8", "0")}, "2: applied")


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


def test_a_match_that_is_written_as_it_stands_is_known() -> None:
    keys = one(r"^lr: *(\d)", r"lr: \1", already=r"^lr: \d\.0")
    check_noop(keys, {"c.yaml": "lr: 3\nlr: 4.0\r\n"}, "1: already", "2: already")


def test_a_text_that_was_taken_out_leaves_nothing_to_know_it_by() -> None:
    check_noop(one("debug: .*\n", ""), {"c.yaml": "x: 1\n\ny: 2\n"})


def test_what_else_is_the_goal_is_left_though_it_is_less_than_the_match() -> None:
    check_noop(one("device: cuda:0", "device: cpu", already="cuda"), {"c.yaml": "device: cuda:0\n"}, "1: already")


def test_a_return_that_ends_no_line_is_none() -> None:
    check_noop(one("device: cuda$", "device: cpu"), {"c.yaml": b"device: cuda\rx: 1\r\n"})


def test_line_ends_of_windows_are_no_difference() -> None:
    check_noop(one("a\n\nb", "a\nb"), {"c.yaml": b"a\r\nb\r\n"}, "1: already")


def test_a_file_that_only_a_glob_names_is_passed_over(tiny: Tiny) -> None:
    tiny.files({"a.yaml": b"num_workers: 8 \xff", "b.ipynb": notebook("num_workers: 8\n"), "c.yaml": "x: 1\n"})
    tiny.recipe(step("swap", **{**WORKERS, "in": "*"}))
    assert [one["path"] for one in tiny.plan().json["skipped"]] == ["a.yaml", "b.ipynb"]


def test_a_notebook_that_is_named_is_an_error(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"a.ipynb": notebook("num_workers: 8\n")})
    with pytest.raises(TargetError, match="is a notebook, which a text step cannot edit"):
        tree_plan({**WORKERS, "in": "a.ipynb"}, tree)


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
