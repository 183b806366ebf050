"""The patched miniature of Atlas, without network, trains to the numbers of its loop with only what enables it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patcher.verify.golden import read_golden
from tests.helpers import ROOT, Patcher
from tests.training.fixtures import patched, verified

for package in ("torch", "numpy", "hydra", "omegaconf", "tqdm"):
    pytest.importorskip(package)
pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture
def tree(tmp_path: Path, patcher: Patcher) -> Path:
    return patched(patcher, tmp_path / "atlas", "atlas")


def judged(found: dict[str, Any]) -> dict[str, str]:
    assert found["exit_code"] == 0, found["ledger"]
    return {entry["step"]: entry["measured"] for entry in found["ledger"] if entry["holds"] is not None}


def test_it_trains_to_its_golden_numbers(patcher: Patcher, tree: Path) -> None:
    found = verified(patcher, tree, "atlas", "train")
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    assert len(found["run"]["readings"]["loss"][:10]) == 10


def test_a_golden_allows_little() -> None:
    golden = read_golden(ROOT / "fixtures" / "golden" / "atlas" / "train.json")
    assert golden.allowed("loss") < 1e-5


@pytest.mark.full
def test_the_warmup_in_its_right_order_is_another_training(patcher: Patcher, tmp_path: Path) -> None:
    tree = patched(patcher, tmp_path / "atlas", "atlas", warmup="fixed")
    found = verified(patcher, tree, "atlas", "train", warmup="fixed")
    assert (found["finding"], found["exit_code"]) == ("drifted", 4)
    rates = found["run"]["readings"]["lr"]
    assert rates[:4] == pytest.approx([1e-3 / 3, 2e-3 / 3, 1e-3, 1e-3])


@pytest.mark.full
def test_no_claim_of_a_step_is_false(patcher: Patcher, tree: Path) -> None:
    measured = judged(verified(patcher, tree, "atlas", "train", "--ablate"))
    enabling = {"factorial/arange", "feature-shape", "constant-term", "window", "tokenizer/bytes", "short-window"}
    enabling |= {"haystack", "scaling", "long-prompt"}
    assert {step for step, how in measured.items() if how == "enables"} == enabling
    assert measured["clamp/powers"] == measured["detach/buffer"] == measured["divisible/heads"] == "exact"
    assert measured["overlap"] == "changes"
    assert measured["momentum"] == measured["context-mean"] == measured["clamp/gradients"] == "unreached"
