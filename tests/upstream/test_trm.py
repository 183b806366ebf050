"""The trm recipe on the real SamsungSAILMontreal/TinyRecursiveModels."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher
from tests.upstream.conftest import Upstream
from tests.upstream.trees import Property, claims, lives, planted, same, verified

COMMIT = "e7b68717f0a6c4cbb4ce6fbef787b14f42083bd9"
OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")
CHECKS = ("train", "no-embedding")


@pytest.fixture
def tree(upstream: Upstream) -> Path:
    return upstream("TRM", COMMIT)


def patched(patcher: Patcher, tree: Path, optimizer: str) -> Path:
    for package in ("torch", "numpy", "hydra", "wandb", "pydantic", "coolname", "tqdm", "einops", "adam_atan2_pytorch"):
        pytest.importorskip(package)
    assert patcher("apply", tree, "-r", "trm", "-p", f"optimizer={optimizer}").code == 0
    return tree


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_diff_apply_twice_and_undo(patcher: Patcher, tree: Path, tmp_path: Path, optimizer: str) -> None:
    lives(patcher, tree, tmp_path, "trm", f"optimizer={optimizer}")


@pytest.mark.train
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_ten_steps_are_those_of_the_golden(
    patcher: Patcher, tree: Path, optimizer: str, check: str, record_property: Property
) -> None:
    patched(patcher, tree, optimizer)
    same(verified(patcher, tree, "trm", check, "-p", f"optimizer={optimizer}"), record_property)


@pytest.mark.train
@pytest.mark.parametrize("check", CHECKS)
def test_every_planted_attention_is_seen_at_the_first_step(
    patcher: Patcher, tree: Path, check: str, record_property: Property
) -> None:
    patched(patcher, tree, "faithful")
    found = verified(patcher, tree, "trm", check, "-p", "optimizer=faithful", "--sensitivity")
    planted(found, record_property)


@pytest.mark.train
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_claim_of_a_step_is_false(patcher: Patcher, tree: Path, optimizer: str, record_property: Property) -> None:
    patched(patcher, tree, optimizer)
    found = verified(patcher, tree, "trm", "train", "-p", f"optimizer={optimizer}", "--ablate")
    measured = claims(found, record_property)
    assert measured["contiguous"] == measured["device/pin-memory"] == "exact"
    assert measured["device/literal"] == measured["device/dot-cuda"] == "enables"
