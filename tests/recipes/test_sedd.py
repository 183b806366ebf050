"""The sedd recipe on the miniature: what it does to it, and what it leaves."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.recipe import load
from patcher.verify.golden import read_golden, step_digests
from tests.helpers import ROOT, Patcher, Result, fixture_tree, git, snapshot
from tests.recipes.places import touched

# The lines of the miniature that fail, by file; nothing else may change.
LINES = {
    "data.py": {38, 45},
    "environment.yml": {6, 7, 11, 13, 14},
    "losses.py": {1, 29},
    "model/transformer.py": {8},
    "run_sample.py": {17},
    "run_sample_cond.py": {12, 15},
    "run_train.py": {22, 26, 38, 42, 43},
}
COPIES = "model/flash_attn_torch/"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return fixture_tree("sedd", tmp_path / "sedd")


def plan(patcher: Patcher, tree: Path, *options: str) -> Result:
    return patcher("apply", tree, "-r", "sedd", "--check", "--format", "json", *options)


def test_every_step_is_applied_or_not_asked_for(patcher: Patcher, tree: Path) -> None:
    result = plan(patcher, tree, "-p", "resume=trusted", "-p", "modernize=yes")
    assert result.code == 1
    left = {name: status for name, status in result.steps().items() if status != "applied"}
    asked_for_elsewhere = {"flash-attn/torch", "flash-attn/requirements-torch", "device/dot-cuda"}
    assert left == dict.fromkeys(asked_for_elsewhere, "absent")


def test_the_diff_is_a_patch_that_git_takes(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    result = patcher("apply", tree, "-r", "sedd", "--diff")
    (tmp_path / "a.patch").write_bytes(result.stdout)
    assert (result.code, git(tree, "apply", "--check", str(tmp_path / "a.patch"))) == (1, "")
    assert git(tree, "status", "--porcelain") == ""


def test_only_the_named_lines_change(patcher: Patcher, tree: Path) -> None:
    assert patcher("apply", tree, "-r", "sedd").code == 0
    assert touched(tree) == LINES
    added = git(tree, "ls-files", "--others", "--exclude-standard").split()
    assert added and all(path.startswith(COPIES) for path in added)


def test_what_looks_alike_stays(patcher: Patcher, tree: Path) -> None:
    before = snapshot(tree)
    patcher("apply", tree, "-r", "sedd")
    after = snapshot(tree)
    for name in ("model/rotary.py", "model/utils.py", "graph_lib.py", "utils.py", "load_model.py", "train.py"):
        assert after[name] == before[name]
    assert b"# from flash_attn.ops.fused_dense import FusedMLP" in after["model/transformer.py"]


@pytest.mark.parametrize("options", [(), ("-p", "modernize=yes", "-p", "resume=trusted"), ("-p", "attention=torch")])
def test_a_second_apply_finds_nothing_and_undo_gives_every_byte_back(
    patcher: Patcher, tree: Path, options: tuple[str, ...]
) -> None:
    before = snapshot(tree)
    assert patcher("apply", tree, "-r", "sedd", *options).code == 0
    once = snapshot(tree)
    assert patcher("apply", tree, "-r", "sedd", *options).code == 0
    assert snapshot(tree) == once
    assert set(plan(patcher, tree, *options).steps().values()) <= {"already", "absent"}
    assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before
    assert git(tree, "status", "--porcelain") == ""


def test_modernize_leaves_no_torch_cuda_amp(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "sedd", "-p", "modernize=yes")
    assert not [name for name, data in snapshot(tree).items() if b"cuda.amp" in data and not name.startswith(COPIES)]


def test_trusted_reads_whatever_is_pickled_and_safe_does_not(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "sedd")
    assert not any(b"weights_only" in data for data in snapshot(tree).values())
    patcher("apply", tree, "-r", "sedd", "-p", "resume=trusted")
    found = [name for name, data in snapshot(tree).items() if b", weights_only=False)" in data]
    assert found == ["load_model.py", "utils.py"]


@pytest.mark.parametrize("golden", ["recipes/sedd/golden/train.json", "fixtures/golden/sedd/train.json"])
def test_the_goldens_are_of_the_steps_as_they_are(golden: str) -> None:
    recipe = load("sedd", {})
    found = read_golden(ROOT / golden)
    assert found.steps == step_digests(recipe), "record it anew: verify --record"
    assert found.seed == recipe.checks[0].seed


def test_both_checks_say_the_same_of_the_model() -> None:
    train, two = load("sedd", {}).checks
    assert [word for word in two.run if word not in train.run] == ["ngpus=2"]


# --- parameters ---------------------------------------------------------------------------------------------------

SHAPES = """
import json, sys, types
if "--stub" in sys.argv:
    flash, interface = types.ModuleType("flash_attn"), types.ModuleType("flash_attn.flash_attn_interface")
    interface.flash_attn_varlen_qkvpacked_func = None
    sys.modules.update({"flash_attn": flash, "flash_attn.flash_attn_interface": interface})
import utils
from model import SEDD
cfg, _ = utils.read_arguments("tokens=5 model.hidden_size=8 model.cond_dim=4 model.n_blocks=2 model.n_heads=2".split())
print(json.dumps({name: list(one.shape) for name, one in SEDD(cfg).state_dict().items()}))
"""


@pytest.mark.train
def test_parameters_and_shapes_are_what_they_were(patcher: Patcher, tree: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("einops")

    def shapes(*words: str) -> dict[str, list[int]]:
        command = [sys.executable, "-B", "-c", SHAPES, *words]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, list[int]] = json.loads(done.stdout)
        return found

    before = shapes("--stub")
    patcher("apply", tree, "-r", "sedd")
    assert shapes() == before
    assert len([name for name in before if re.match(r"blocks\.\d\.attn_qkv", name)]) == 2
