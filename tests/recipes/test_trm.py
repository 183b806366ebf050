"""The trm recipe on the miniature: what it does to it, and what it leaves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.recipe import load
from patcher.verify.golden import read_golden, step_digests
from tests.helpers import ROOT, Patcher, Result, fixture_tree, git, snapshot
from tests.recipes.places import touched

OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")
# The lines of the miniature that fail, by file; nothing else may change.
LINES = {
    "models/layers.py": {42},
    "pretrain.py": {13, 90, 98, 107, 111, 113, 134, 136, 154, 156, 183, 184, 191, 213, 215},
    "requirements.txt": {2},
}
# Of these, what the choice of the optimizer leaves as it is.
KEPT = {"adam-atan2-pytorch": set(), "faithful": {111, 113, 134, 136}, "adam": {113, 136}}
ADDED = {"adam-atan2-pytorch": set(), "faithful": {"adam_atan2_torch.py"}, "adam": set()}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return fixture_tree("trm", tmp_path / "trm")


def plan(patcher: Patcher, tree: Path, optimizer: str) -> Result:
    return patcher("apply", tree, "-r", "trm", "-p", f"optimizer={optimizer}", "--check", "--format", "json")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_step_is_applied_or_not_asked_for(patcher: Patcher, tree: Path, optimizer: str) -> None:
    result = plan(patcher, tree, optimizer)
    assert result.code == 1
    left = {name: status for name, status in result.steps().items() if status not in ("applied", "absent")}
    assert left == {"distributed/cleanup": "already"}


def test_the_diff_is_a_patch_that_git_takes(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    result = patcher("apply", tree, "-r", "trm", "--diff")
    (tmp_path / "a.patch").write_bytes(result.stdout)
    assert (result.code, git(tree, "apply", "--check", str(tmp_path / "a.patch"))) == (1, "")
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_only_the_named_lines_change(patcher: Patcher, tree: Path, optimizer: str) -> None:
    assert patcher("apply", tree, "-r", "trm", "-p", f"optimizer={optimizer}").code == 0
    assert touched(tree) == {**LINES, "pretrain.py": LINES["pretrain.py"] - KEPT[optimizer]}
    assert set(git(tree, "ls-files", "--others", "--exclude-standard").split()) == ADDED[optimizer]


def test_the_rates_of_the_trees_own_optimizer_stay_zero(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "trm")
    rates = re.findall(r"(\w+)\(\n[^()]*(?:\(\))?[^()]*?lr=(0|config\.lr),", (tree / "pretrain.py").read_text())
    assert rates == [
        ("AdamAtan2", "config.lr"), ("RowwiseSignSGD", "0"), ("RowwiseSignSGD", "0"), ("AdamAtan2", "config.lr")
    ]  # fmt: skip


def test_an_import_that_is_commented_out_stays(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "trm")
    assert "#    from flash_attn import flash_attn_func\n" in (tree / "models/layers.py").read_text()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_second_apply_finds_nothing_and_undo_gives_every_byte_back(
    patcher: Patcher, tree: Path, optimizer: str
) -> None:
    before = snapshot(tree)
    options = ("-r", "trm", "-p", f"optimizer={optimizer}")
    assert patcher("apply", tree, *options).code == 0
    once = snapshot(tree)
    assert patcher("apply", tree, *options).code == 0
    assert snapshot(tree) == once
    assert set(plan(patcher, tree, optimizer).steps().values()) <= {"already", "absent"}
    assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before
    assert git(tree, "status", "--porcelain") == ""


def goldens() -> list[tuple[str, str]]:
    """Return every golden of the recipe and of the miniature, each with its optimizer."""
    kept = [("recipes/trm/golden", f"{check}-{one}", one) for check in ("train", "no-embedding") for one in OPTIMIZERS]
    kept += [("fixtures/golden/trm", one, one) for one in OPTIMIZERS]
    return [(f"{folder}/{name}.json", optimizer) for folder, name, optimizer in kept]


@pytest.mark.parametrize(("golden", "optimizer"), goldens())
def test_the_goldens_are_of_the_steps_as_they_are(golden: str, optimizer: str) -> None:
    found = read_golden(ROOT / golden)
    assert found.steps == step_digests(load("trm", {"optimizer": optimizer})), "record it anew: verify --record"


SHAPES = """
import sys, types
from types import SimpleNamespace
from models.recursive import RecursiveModel
for ndim in (0, 8):
    arch = SimpleNamespace(hidden_size=8, num_heads=2, expansion=2.0, L_layers=2, H_cycles=1, L_cycles=1,
                           halt_max_steps=1, puzzle_emb_ndim=ndim, puzzle_emb_len=0, forward_dtype="float32")
    model = RecursiveModel(arch, SimpleNamespace(vocab_size=5, seq_len=4, num_puzzle_identifiers=3))
    print([(name, tuple(one.shape)) for name, one in model.state_dict().items()])
"""


@pytest.mark.train
def test_parameters_and_shapes_are_what_they_were(patcher: Patcher, tree: Path) -> None:
    pytest.importorskip("torch")

    def shapes() -> str:
        command = [sys.executable, "-B", "-c", SHAPES]
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True).stdout

    before = shapes()
    patcher("apply", tree, "-r", "trm")
    assert shapes() == before != ""
