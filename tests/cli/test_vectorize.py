"""A loop goes only where its batched code was proved: apply, the hook, explain and update say so alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.helpers import Result, git, write_tree
from tests.tiny import Tiny, step

pytest.importorskip("torch")
pytestmark = pytest.mark.train

LOOP = """import torch

DTYPE = torch.float32


def f(x):
    outs = []
    for t in range(x.shape[1]):
        outs.append(x[:, t].tanh() * 2)
    return torch.stack(outs, dim=1)
"""
BATCHED = """import torch

DTYPE = torch.float32


def f(x):
    outs = x.tanh() * 2
    return outs
"""
CASES = """
import torch


def cases(of):
    for length in (1, 4):
        yield {"name": f"T {length}", "call": (torch.randn(2, length, 3),)}
"""
PROOF = {"of": "a.py::f", "cases": "proofs/lengths.py"}
STEP = step("loop", vectorize="for $T in range($N)", already="$_ = $X.tanh() * $_", proof=PROOF)


@pytest.fixture
def loop(tiny: Tiny) -> Tiny:
    tiny.one(LOOP).recipe(STEP)
    write_tree(tiny.folder, {"proofs/lengths.py": CASES})
    return tiny


def prove(tiny: Tiny, *options: object) -> Result:
    return tiny.patcher("prove", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable, *options)


def refusal(tiny: Tiny, reason: str = "This was not proved yet") -> str:
    command = f"patcher prove {tiny.tree} -r {tiny.folder} --step loop --record --allow-run"
    return f"{reason}, and without that the loop stays; prove it with: {command}"


def explained(tiny: Tiny) -> str:
    return tiny.patcher("explain", f"{tiny.tree / 'a.py'}:8", "-r", tiny.file, "--tree", tiny.tree).out


def test_without_a_record_it_is_refused_and_the_command_is_named(loop: Tiny) -> None:
    before = loop.snapshot()
    told = loop.plan()
    assert told.code == 3
    (place,) = told.step("loop")["places"]
    assert (place["line"], place["status"], place["reason"]) == (8, "refused", refusal(loop))
    assert loop.apply().code == 3 and loop.snapshot() == before
    hook = loop.apply("--staged", "--check")
    assert hook.code == 3 and refusal(loop) in hook.stderr
    assert f"The step leaves this place: {refusal(loop)}." in explained(loop)


def test_with_a_record_of_this_very_code_it_goes(loop: Tiny) -> None:
    assert prove(loop, "--record").code == 0
    (loop.tree / "a.py").write_text(LOOP.replace("* 2", "* 3"))
    (place,) = loop.plan().step("loop")["places"]
    assert place["reason"] == refusal(loop, "This code is not the one that was proved")
    (loop.tree / "a.py").write_text(LOOP)
    assert "The step changes this place." in explained(loop)
    before = loop.snapshot()
    assert loop.apply("--staged", "--check").code == 1
    assert loop.apply().code == 0 and loop.read() == BATCHED
    again = loop.plan()
    assert (again.code, again.steps()) == (0, {"loop": "already"})
    assert loop.patcher("undo", loop.tree).code == 0 and loop.snapshot() == before


def test_a_proof_that_does_not_hold_is_no_record(loop: Tiny) -> None:
    write_tree(loop.folder, {"proofs/lengths.py": CASES.replace("torch.randn(2, length, 3)", "'x'")})
    assert prove(loop, "--record").code != 0
    assert loop.plan().code == 3


class TestUpdate:
    """A fork with the batched loop, and an upstream that moved."""

    @pytest.fixture
    def fork(self, loop: Tiny) -> Tiny:
        assert prove(loop, "--record").code == 0
        git(loop.tree, "branch", "-m", "old")
        git(loop.tree, "switch", "-q", "-c", "fork")
        assert loop.apply().code == 0
        git(loop.tree, "commit", "-qam", "the fork")
        return loop

    def upstream(self, fork: Tiny, old: str, new: str) -> None:
        git(fork.tree, "switch", "-q", "-c", "new", "old")
        text = fork.read()
        assert old in text
        (fork.tree / "a.py").write_text(text.replace(old, new))
        git(fork.tree, "commit", "-qam", "new")
        git(fork.tree, "switch", "-q", "fork")

    def update(self, fork: Tiny) -> Result:
        return fork.patcher("update", fork.tree, "--onto", "new", "-r", fork.file, "--write")

    def test_where_its_code_is_the_same_it_goes_on(self, fork: Tiny) -> None:
        self.upstream(fork, "import torch\n", "import torch  # of 2026\n")
        result = self.update(fork)
        assert result.code == 0, result.out + result.stderr
        assert "outs = x.tanh() * 2" in fork.read() and "# of 2026" in fork.read()

    def test_where_it_is_another_it_is_refused_with_the_same_sentence(self, fork: Tiny) -> None:
        self.upstream(fork, "* 2", "* 3")
        before = fork.snapshot()
        result = self.update(fork)
        assert result.code == 3
        assert refusal(fork, "This code is not the one that was proved") in result.out + result.stderr
        assert fork.snapshot() == before


def test_a_path_with_a_blank_is_quoted_in_the_command(tmp_path: Path, loop: Tiny) -> None:
    moved = Tiny(tmp_path / "a folder", loop.patcher)
    moved.folder.mkdir()
    moved.one(loop.read()).recipe(STEP)
    write_tree(moved.folder, {"proofs/lengths.py": CASES})
    (place,) = moved.plan().step("loop")["places"]
    assert f"patcher prove '{moved.tree}' -r '{moved.folder}'" in place["reason"]
