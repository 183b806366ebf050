"""vectorize: a loop becomes batched code as its file is written, and a loop that must stay is refused with its place."""

from __future__ import annotations

import re

import pytest

from patcher.errors import PatternError
from patcher.verbs.vectorize import Vectorize
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped

STACKED = {"vectorize": "for $T in range($N)", "already": ["$_ = $X.tanh()"]}
IMPORTS = "import torch\n\nDTYPE = torch.float32\n"
HEAD = f"{IMPORTS}\n\ndef f(x):\n"
TAIL = "    return torch.stack(outs, dim=1)\n"
BEFORE = f"{HEAD}    outs = []\n    for t in range(x.shape[1]):\n        outs.append(x[:, t].tanh())\n{TAIL}"
AFTER = f"{HEAD}    outs = x.tanh()\n    return outs\n"


def loop(*body: str, before: str = "    outs = []\n", header: str = "for t in range(x.shape[1])") -> str:
    """Return a function with a loop of these lines."""
    return f"{HEAD}{before}    {header}:\n" + "".join(f"        {line}\n" for line in body) + TAIL


def test_a_loop_becomes_batched_code() -> None:
    check_transformed(STACKED, BEFORE, AFTER, "8: applied")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_file_stays_what_it_is(shape: str) -> None:
    check_transformed(STACKED, shaped(BEFORE, shape), shaped(AFTER, shape))


def test_a_file_that_ends_with_the_loop_has_no_line_end_more() -> None:
    before = f"{HEAD}    y = torch.zeros_like(x)\n    for t in range(x.shape[1]):\n        y[:, t] = x[:, t].tanh()"
    step = {**STACKED, "already": ["y[:, :$N] = $_"], "local": ["y"]}
    check_transformed(step, before, f"{HEAD}    y = torch.zeros_like(x)\n    y[:, :x.shape[1]] = x.tanh()")


def test_another_loop_is_none_of_its_own() -> None:
    check_noop(STACKED, f"{HEAD}    for row in x:\n        print(row)\n")


def test_other_files_of_the_tree_are_left() -> None:
    check_transformed({**STACKED, "in": "a.py::f"}, {"a.py": BEFORE, "b.py": BEFORE}, {"a.py": AFTER})


def test_a_class_or_function_in_the_scope_alone() -> None:
    other = BEFORE.removeprefix(IMPORTS).replace("def f", "def g")
    check_transformed(
        {**STACKED, "in": "a.py::g"}, BEFORE + other, BEFORE + AFTER.removeprefix(IMPORTS).replace("def f", "def g")
    )


def test_where_says_which_loop() -> None:
    check_noop({**STACKED, "where": {"N": "len($_)"}}, BEFORE)


def test_what_is_already_batched() -> None:
    check_noop(STACKED, AFTER, "7: already: `$_ = $X.tanh()` stands there")


def test_an_inner_loop_goes_with_the_outer_one() -> None:
    before = loop(
        "now = x[:, t]",
        "parts = []",
        "for h in range(heads):",
        "    parts.append(now[:, h].tanh())",
        "outs.append(torch.stack(parts, dim=1))",
        before="    batch, length, heads, size = x.shape\n    outs = []\n",
        header="for t in range(length)",
    )
    after = f"{HEAD}    batch, length, heads, size = x.shape\n    outs = x.tanh()\n    return outs\n"
    check_transformed(STACKED, before, after, "9: applied")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (["outs.append(x[:, t] * t)"], "the loop uses the loop's variable as a number, not only as an index (line 9)"),
        (["h = x[:, t] + h", "outs.append(h)"], "the loop carries `h` from turn to turn (line 10)"),
        (["if x[0, t] > 0:", "    break", "outs.append(x[:, t])"], "the loop has a `break` in it (line 10)"),
        (["outs.append(x[:, t].relu_())"], "the loop writes in place (`relu_`) (line 9)"),
        (["outs.append(net(x[:, t]))"], "the loop calls `net`, which is not known (line 9)"),
        (["outs.append(x[:, t] * x[0, t].item())"],
         "the loop reads a tensor as a plain number in every turn (`.item()`) (line 9)"),
        (["outs.append(torch.dropout(x[:, t], 0.1, True))"],
         "the loop draws random numbers in every turn (`dropout`) (line 9)"),
    ],
)  # fmt: skip
def test_a_loop_that_must_stay_says_why_and_where(body: list[str], reason: str) -> None:
    check_noop(STACKED, loop(*body), f"8: refused: {reason}")


def test_of_two_loops_one_may_go_and_the_other_stay() -> None:
    both = BEFORE + loop("outs.append(x[:, t] * t)").removeprefix(IMPORTS).replace("def f", "def g")
    after = AFTER + loop("outs.append(x[:, t] * t)").removeprefix(IMPORTS).replace("def f", "def g")
    told = "15: refused: the loop uses the loop's variable as a number, not only as an index (line 16)"
    check_transformed(STACKED, both, after, "8: applied", told, partly=True)


def test_a_notebook_is_left() -> None:
    check_noop(STACKED, {"a.ipynb": notebook(BEFORE)})


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"vectorize": "x + 1"}, "`x + 1` is no loop; write its header without the colon, as in `for $T in range($N)`."),
        ({"vectorize": "while $X"}, "`while $X` is no loop; write its header"),
        ({"vectorize": "for $T in $X", "already": None}, "vectorize needs `already`, an expression of the batched code"),
    ],
)  # fmt: skip
def test_what_is_no_step(keys: dict[str, str], reason: str) -> None:
    with pytest.raises(PatternError, match=f"^{re.escape(reason)}"):
        Vectorize.compile({"already": ["y"], **keys})
