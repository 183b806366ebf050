"""inside: a header around the place, whose holes the step may use."""

from __future__ import annotations

import pytest

from patcher.errors import PatternError
from patcher.verbs.replace import Replace
from tests.verbs.checks import check_noop, check_transformed

LOOP = {"replace": "step($X)", "with": "step($X, $I)", "inside": "for $I in range($$$)", "local": ["step"]}


def test_a_hole_of_the_header_in_the_replacement() -> None:
    check_transformed(
        LOOP,
        "step(0)\nfor i in range(3):\n    if i:\n        step(1)\n",
        "step(0)\nfor i in range(3):\n    if i:\n        step(1, i)\n",
    )


def test_the_innermost_header_counts() -> None:
    check_transformed(
        LOOP,
        "for i in range(3):\n    for j in range(2):\n        step(1)\n    step(2)\n",
        "for i in range(3):\n    for j in range(2):\n        step(1, j)\n    step(2, i)\n",
    )


def test_a_hole_that_both_name_is_the_same_code() -> None:
    keys = {"delete": "assert $P is not None", "inside": "for $P in $_", "in": "a.py"}
    check_transformed(
        keys,
        "for p in ps:\n    assert p is not None\n    assert q is not None\n    use(p)\n",
        "for p in ps:\n    assert q is not None\n    use(p)\n",
    )


def test_a_wrapped_statement() -> None:
    keys = {"wrap": "save($M)", "under": "if $R == 0", "inside": "def $_(rank=$_)", "local": ["save", "rank"]}
    with pytest.raises(PatternError, match=r"\$R is bound by no pattern"):
        check_noop(keys, "def f(rank=0):\n    save(m)\n")


def test_an_edit_inside_of_a_with_block() -> None:
    keys = {"edit": "build(kind=$K)", "to": {"K": "$D"}, "inside": "with torch.device($D)", "local": ["build"]}
    check_transformed(
        keys,
        "import torch\nwith torch.device(name):\n    build(kind='a')\nbuild(kind='a')\n",
        "import torch\nwith torch.device(name):\n    build(kind=name)\nbuild(kind='a')\n",
    )


def test_a_parameters_default_is_reached_by_its_header() -> None:
    keys = {"edit": "def $_(device=$D)", "where": {"D": "'cuda'"}, "to": {"D": "None"}}
    check_transformed(
        keys,
        "def f(x, device='cuda', *, y=1): ...\ndef g(device='cpu'): ...\n",
        "def f(x, device=None, *, y=1): ...\ndef g(device='cpu'): ...\n",
    )


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_another_header_is_not_the_wanted_one() -> None:
    check_noop(LOOP, "for i in things:\n    step(1)\nwhile x:\n    step(2)\n")


def test_its_own_result_is_known() -> None:
    check_noop(LOOP, "for i in range(3):\n    step(1, i)\n", "2: already")


def test_no_header_around_it() -> None:
    check_noop(LOOP, "step(1)\nfor i in range(3):\n    pass\nstep(2)\n")


@pytest.mark.parametrize("inside", ["f(x)", "for x"])
def test_what_is_no_header_does_not_load(inside: str) -> None:
    with pytest.raises(PatternError, match=r"header|not Python"):
        Replace.compile({"replace": "f($X)", "with": "g($X)", "inside": inside})
