"""The sedd recipe on the real louaaron/Score-Entropy-Discrete-Diffusion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.recipe import load
from tests.helpers import Patcher, commit_all
from tests.upstream.conftest import Upstream
from tests.upstream.trees import Property, claims, lives, planted, same, verified

COMMIT = "0605786da5ccb5747545e26d66fdf477187598b6"


@pytest.fixture
def tree(upstream: Upstream) -> Path:
    for package in ("torch", "numpy", "einops", "hydra", "hydra_plugins.hydra_submitit_launcher", "huggingface_hub"):
        pytest.importorskip(package)
    return upstream("SEDD", COMMIT)


def program(tree: Path, text: str, *words: object) -> str:
    """Run a program in a tree and return what it prints."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", text, *map(str, words)]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("parameters", [(), ("modernize=yes", "resume=trusted"), ("attention=torch",)])
def test_the_diff_apply_twice_and_undo(
    patcher: Patcher, tree: Path, tmp_path: Path, parameters: tuple[str, ...]
) -> None:
    lives(patcher, tree, tmp_path, "sedd", *parameters)


@pytest.mark.train
@pytest.mark.parametrize("check", ["train", "two-processes"])
def test_ten_steps_and_samples_are_those_of_the_golden(
    patcher: Patcher, tree: Path, check: str, record_property: Property
) -> None:
    patcher("apply", tree, "-r", "sedd")
    same(verified(patcher, tree, "sedd", check), record_property)


@pytest.mark.train
def test_modernize_changes_no_number(patcher: Patcher, tree: Path, record_property: Property) -> None:
    patcher("apply", tree, "-r", "sedd", "-p", "modernize=yes")
    same(verified(patcher, tree, "sedd", "train", "-p", "modernize=yes"), record_property)


@pytest.mark.train
def test_modernize_leaves_no_warning_of_what_it_is_about(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    about = re.compile(r"torch\.cuda\.amp\.\w+\(args\.\.\.\)` is deprecated|invalid escape")
    patcher("apply", tree, "-r", "sedd")
    before = trained(tree, tmp_path / "before", 1, PYTHONWARNINGS="always")
    assert len(set(about.findall(before))) == 3  # autocast, GradScaler and the escape
    patcher("apply", tree, "-r", "sedd", "-p", "modernize=yes")
    after = trained(tree, tmp_path / "after", 1, PYTHONWARNINGS="always")
    assert "step: 1, training_loss" in after
    assert about.findall(after) == []


@pytest.mark.train
@pytest.mark.parametrize("parameter", ["modernize=yes", "resume=trusted"])
def test_no_claim_of_a_step_that_is_asked_for_is_false(
    patcher: Patcher, tree: Path, parameter: str, record_property: Property
) -> None:
    patcher("apply", tree, "-r", "sedd", "-p", parameter)
    measured = claims(verified(patcher, tree, "sedd", "train", "-p", parameter, "--ablate"), record_property)
    exact = {"amp/autocast", "amp/scaler", "amp/unused"} if parameter == "modernize=yes" else {"trusted"}
    assert {step for step in measured if step.startswith("amp/") or step == "trusted"} == exact
    assert {measured[step] for step in exact} == {"exact"}


@pytest.mark.train
def test_every_planted_attention_is_seen_at_the_first_step(
    patcher: Patcher, tree: Path, record_property: Property
) -> None:
    patcher("apply", tree, "-r", "sedd")
    planted(verified(patcher, tree, "sedd", "train", "--sensitivity"), record_property)


@pytest.mark.train
def test_no_claim_of_a_step_is_false(patcher: Patcher, tree: Path, record_property: Property) -> None:
    patcher("apply", tree, "-r", "sedd")
    measured = claims(verified(patcher, tree, "sedd", "train", "--ablate"), record_property)
    enabling = {"flash-attn/guard", "device/literal", "plain-rate"}
    enabling |= {f"distributed/{name}" for name in ("backend", "set-device", "ddp")}
    assert {step for step, how in measured.items() if how == "enables"} == enabling


# --- parameters -------------------------------------------------------------------------------------------------------

STUB = """
import sys, types
flash, interface = types.ModuleType("flash_attn"), types.ModuleType("flash_attn.flash_attn_interface")
interface.flash_attn_varlen_qkvpacked_func = None
sys.modules.update({"flash_attn": flash, "flash_attn.flash_attn_interface": interface})
"""
BUILD = """
import sys, torch
from model import SEDD
torch.manual_seed(0)
model = SEDD({
    "tokens": 7, "graph": {"type": "absorb"},
    "model": {"hidden_size": 16, "cond_dim": 8, "length": 8, "n_blocks": 2, "n_heads": 2, "scale_by_sigma": True,
              "dropout": 0.1},
})
if len(sys.argv) == 3:
    print(model.load_state_dict(torch.load(sys.argv[2])))
torch.save(model.state_dict(), sys.argv[1])
print([(name, tuple(one.shape)) for name, one in model.named_parameters()])
print([(name, tuple(one.shape)) for name, one in model.state_dict().items()])
"""


@pytest.mark.train
def test_parameters_are_what_they_were_and_checkpoints_go_both_ways(
    patcher: Patcher, tree: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "old.pth", tmp_path / "new.pth"
    before = program(tree, STUB + BUILD, old)
    patcher("apply", tree, "-r", "sedd")
    assert program(tree, BUILD, new) == before
    assert program(tree, BUILD, tmp_path / "there.pth", old) == f"<All keys matched successfully>\n{before}"
    patcher("undo", tree)
    assert program(tree, STUB + BUILD, tmp_path / "back.pth", new) == f"<All keys matched successfully>\n{before}"


# --- attention --------------------------------------------------------------------------------------------------------

VARLEN = """
import torch
from model.transformer import flash_attn_varlen_qkvpacked_func
import model.transformer
assert "flash_attn_torch" in flash_attn_varlen_qkvpacked_func.__module__, flash_attn_varlen_qkvpacked_func.__module__
torch.manual_seed(0)
worst = 0.0
for lengths in ([8, 8, 8], [1, 9, 4, 17], [0, 5, 0, 0, 11, 0], [6], [0, 0]):
    qkv = torch.randn(sum(lengths), 3, 2, 16)
    ends = torch.tensor([0, *lengths]).cumsum(0).int()
    got = flash_attn_varlen_qkvpacked_func(qkv, ends, max(lengths), 0., causal=False)
    for start, length in zip(ends.tolist(), lengths):
        q, k, v = qkv[start:start + length].double().unbind(1)
        scores = torch.einsum("ihd,jhd->hij", q, k) / 4
        right = torch.einsum("hij,jhd->ihd", scores.softmax(-1), v)
        if length:
            worst = max(worst, (got[start:start + length] - right).abs().max().item())
    assert got.shape == (sum(lengths), 2, 16)
print(worst)
"""


@pytest.mark.train
def test_its_call_is_a_float64_softmax_whatever_the_lengths(
    patcher: Patcher, tree: Path, record_property: Property
) -> None:
    patcher("apply", tree, "-r", "sedd")
    worst = float(program(tree, VARLEN))
    record_property("off by at most", worst)
    assert worst < 1e-6


# --- resuming ---------------------------------------------------------------------------------------------------------


def trained(tree: Path, folder: Path, iterations: int, **variables: str) -> str:
    """Train in a folder, from its checkpoint if it has one, and return what was said."""
    recipe = load("sedd", {})
    check = recipe.checks[0]
    data = folder / "data"
    subprocess.run([sys.executable, Path(recipe.folder, str(check.prepare)), data], check=True)
    words = [word for word in check.run if "=" in word and "n_iters" not in word and "preemption" not in word]
    words += [f"training.n_iters={iterations}", "training.snapshot_freq_for_preemption=1"]
    command = [sys.executable, "-B", "train.py", *words, f"hydra.run.dir={folder / 'run'}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "PYTHONPATH": str(data / "packages"), **variables}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "train.py ends well, whatever became of the training"
    return done.stdout + done.stderr


@pytest.mark.train
def test_a_checkpoint_of_the_patched_tree_is_resumed_from(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    patcher("apply", tree, "-r", "sedd")
    assert "Starting training loop at step 0." in trained(tree, tmp_path, 1)
    said = trained(tree, tmp_path, 3)
    assert "Starting training loop at step 2." in said
    assert "step: 3, training_loss" in said


@pytest.mark.train
def test_a_checkpoint_from_before_is_resumed_from_only_by_who_trusts_it(
    patcher: Patcher, tree: Path, tmp_path: Path
) -> None:
    patcher("apply", tree, "-r", "sedd")
    losses = tree / "losses.py"
    mended = losses.read_text()
    losses.write_text("import numpy\n" + mended.replace(" min(", " numpy.minimum("))  # as it was before
    trained(tree, tmp_path, 1)
    losses.write_text(mended)
    said = trained(tree, tmp_path, 3)
    assert "Weights only load failed" in said and "Starting training loop" not in said

    commit_all(tree)
    assert patcher("apply", tree, "-r", "sedd", "-p", "resume=trusted").code == 0
    said = trained(tree, tmp_path, 3)
    assert "Starting training loop at step 2." in said
    assert "step: 3, training_loss" in said
