"""`patcher loops` as a user meets it: every loop over a tensor's places with its class, and why the others must stay."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.helpers import Patcher, snapshot, write_tree

GOOD = """import torch


def f(x):
    outs = []
    for t in range(x.shape[1]):
        outs.append(x[:, t].tanh())
    return torch.stack(outs, dim=1)
"""
MAPPED = GOOD.replace("x[:, t].tanh()", "x[:, t].cumsum(0).sort(0)[0]")
CARRIES = GOOD.replace("outs.append(x[:, t].tanh())", "h = torch.tanh(x[:, t] + h)\n        outs.append(h)")
MODULE = """import torch


class Net(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.map = torch.nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        outs = []
        for t in range(length):
            outs.append(self.map(x[:, t]))
        return torch.stack(outs, dim=1)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def test_each_loop_is_told_with_its_class(patcher: Patcher, tree: Path) -> None:
    write_tree(tree, {"a.py": GOOD, "b.py": CARRIES})
    before = snapshot(tree)
    result = patcher("loops", tree)
    assert result.code == 0
    assert result.out.splitlines() == [
        "a.py:6  f  for t in range(x.shape[1]):",
        "    may be batched (batched): not proved yet.",
        "b.py:6  f  for t in range(x.shape[1]):",
        "    stays: it carries `h` from turn to turn (line 7).",
        "",
        "Loops: 1 may be batched, 1 must stay.  Run them beside the loops with --prove.",
    ]
    assert snapshot(tree) == before


def test_the_batched_code_is_shown(patcher: Patcher, tree: Path) -> None:
    write_tree(tree, {"a.py": GOOD})
    lines = patcher("loops", tree, "--show").out.splitlines()
    assert [line[4:] for line in lines if line.startswith(("    -", "    +"))] == [
        "-    outs = []",
        "-    for t in range(x.shape[1]):",
        "-        outs.append(x[:, t].tanh())",
        "-    return torch.stack(outs, dim=1)",
        "+    outs = x.tanh()",
        "+    return outs",
    ]


def test_a_tree_without_loops(patcher: Patcher, tree: Path) -> None:
    write_tree(tree, {"a.py": "import torch\n\nfor name in ('a', 'b'):\n    print(name)\n"})
    result = patcher("loops", tree)
    assert (result.code, result.out) == (0, f"No loop in {tree} goes over the places of a tensor.\n")


@pytest.mark.parametrize("other", ["import torch\nfor (\n", b"import torch\n# \xff\nfor t in x:\n    pass\n", ""])
def test_a_file_that_cannot_be_read_is_passed_over(patcher: Patcher, tree: Path, other: str | bytes) -> None:
    write_tree(tree, {"a.py": GOOD, "b.py": other})
    result = patcher("loops", tree)
    assert result.code == 0
    assert "Loops: 1 may be batched, 0 must stay." in result.out


def test_everything_as_data(patcher: Patcher, tree: Path) -> None:
    write_tree(tree, {"a.py": GOOD, "b.py": CARRIES})
    told = patcher("loops", tree, "--format", "json").json
    assert (told["format"], told["root"], told["proved"]) == (1, str(tree), False)
    one, other = told["loops"]
    assert (one["path"], one["line"], one["function"], one["class"], one["offered"]) == (
        "a.py",
        6,
        "f",
        "batched",
        False,
    )
    assert (other["class"], other["reason"]) == ("refused", "carries `h` from turn to turn")


def test_the_report_may_go_into_a_file(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    write_tree(tree, {"a.py": GOOD})
    result = patcher("loops", tree, "--format", "json", "--output", tmp_path / "loops.json")
    assert (result.code, result.out) == (0, "")
    assert len(json.loads((tmp_path / "loops.json").read_text())["loops"]) == 1


def test_a_python_that_would_run_nothing(patcher: Patcher, tree: Path) -> None:
    write_tree(tree, {"a.py": GOOD})
    result = patcher("loops", tree, "--python", sys.executable)
    assert result.code == 2
    assert "--python is for --prove, which is what runs anything; give both or none." in result.stderr


@pytest.mark.train
class TestProve:
    """Each loop that could be batched is run beside its batched code."""

    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch")

    def test_what_is_equal_is_offered(self, patcher: Patcher, tree: Path) -> None:
        write_tree(tree, {"a.py": GOOD, "b.py": CARRIES})
        result = patcher("loops", tree, "--prove", "--python", sys.executable)
        assert result.code == 0
        assert "    can be batched (batched): equal to 0e+00 in float64." in result.out
        assert result.out.endswith("Loops: 1 can be batched, 1 must stay.\n")
        assert result.stderr == f"Running 1 loop beside their batched code, with {sys.executable}\n"

    def test_so_is_what_torch_maps(self, patcher: Patcher, tree: Path) -> None:
        write_tree(tree, {"a.py": MAPPED})
        told = patcher("loops", tree, "--prove", "--python", sys.executable, "--format", "json").json["loops"][0]
        assert (told["class"], told["offered"], told["error"]) == ("vmap", True, 0.0)

    def test_what_cannot_be_run_by_itself_is_not_offered(self, patcher: Patcher, tree: Path) -> None:
        write_tree(tree, {"a.py": MODULE})
        result = patcher("loops", tree, "--prove", "--python", sys.executable)
        assert "    not offered (batched): it could not be run by itself: `self.map` is a module" in result.out
        assert result.out.endswith("Loops: 0 can be batched, 1 could not be run, 0 must stay.\n")

    def test_the_tree_is_not_imported(self, patcher: Patcher, tree: Path, tmp_path: Path) -> None:
        write_tree(tree, {"a.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n" + GOOD})
        assert patcher("loops", tree, "--prove", "--python", sys.executable).code == 0
        assert not (tmp_path / "ran").exists()

    def test_a_python_without_torch(self, patcher: Patcher, tree: Path, tmp_path: Path) -> None:
        write_tree(tree, {"a.py": GOOD})
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
        python.chmod(0o755)
        result = patcher("loops", tree, "--prove", "--python", python)
        assert result.code == 5
        assert f"{python} has no torch (" in result.stderr
