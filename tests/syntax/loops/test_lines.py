"""The batched code reads as the loop did: comments stay with their statements, and lists of axes get one more."""

from __future__ import annotations

import pytest

from tests.syntax.loops.written import batched, one_batched

HEAD = "import torch\n\n\ndef f(x):\n    batch, length, size = x.shape\n"


def function(*lines: str) -> str:
    return HEAD + "".join(f"    {line}\n" if line else "\n" for line in lines)


def loop(*body: str, last: str = "return torch.stack(outs, 1)") -> str:
    return function("outs = []", "for t in range(length):", *(f"    {line}" if line else "" for line in body), last)


@pytest.mark.parametrize(
    ("comment", "told"),
    [
        ("# [batch, size]", "# [batch, length, size]"),
        ("# (batch, size)", "# (batch, length, size)"),
        ("# shape: [B, D], in float", "# shape: [B, length, D], in float"),
        ("# [size]", "# [size]"),
        ("# of the batch", "# of the batch"),
    ],
)
def test_axes_in_a_comment_get_the_loops_one(comment: str, told: str) -> None:
    before = loop(f"now = x[:, t].exp()  {comment}", "outs.append(now * now)")
    assert one_batched(before) == function(f"now = x.exp()  {told}", "outs = now * now", "return outs")


def test_comments_stay_above_and_behind_their_statements() -> None:
    before = loop("# first", "now = x[:, t].exp()", "", "# then", "outs.append(now * 2)  # twice")
    assert one_batched(before) == function(
        "# first", "now = x.exp()", "", "# then", "outs = now * 2  # twice", "return outs"
    )


def test_comments_of_lines_that_go_go_with_them() -> None:
    before = loop("# read by nobody", "spare = x[:, t].sum()  # at all", "# read", "outs.append(x[:, t] * 2)")
    assert one_batched(before) == function("# read", "outs = x * 2", "return outs")


def test_a_statement_over_several_lines_keeps_them() -> None:
    before = loop("outs.append(", "    x[:, t]", "    * 2", ")")
    assert "for t in" not in one_batched(before)


def test_nothing_else_in_the_file_changes() -> None:
    around = "\n\n# between\nclass  K :\n    x = ( 1 )\n"
    before = around.join(["# head\n", loop("outs.append(x[:, t] * 2)"), "# tail\n"])
    after = around.join(["# head\n", function("outs = x * 2", "return outs"), "# tail\n"])
    assert batched(before, "f")[0] == after


def test_tabs_stay_tabs() -> None:
    before = loop("now = x[:, t].exp()", "outs.append(now * now)").replace("    ", "\t")
    after = function("now = x.exp()", "outs = now * now", "return outs").replace("    ", "\t")
    assert one_batched(before) == after


def test_what_is_not_ascii_stays() -> None:
    before = loop("now = x[:, t].exp()  # größer", "outs.append(now * now)  # 二乗")
    assert one_batched(before) == function("now = x.exp()  # größer", "outs = now * now  # 二乗", "return outs")


def test_the_inner_of_two_functions() -> None:
    before = "import torch\n\n\ndef f(y):\n    def inner(x):\n        outs = []\n        for t in range(x.shape[1]):\n            outs.append(x[:, t].exp())\n        return torch.stack(outs, 1)\n\n    return inner(y)\n"
    text, forms, _ = batched(before, "inner")
    assert forms == ["batched"]
    assert (
        text
        == "import torch\n\n\ndef f(y):\n    def inner(x):\n        outs = x.exp()\n        return outs\n\n    return inner(y)\n"
    )
