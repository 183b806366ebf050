"""The patched miniature of SEDD, which seeds nothing, trains to its golden numbers and is sampled from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patcher.verify.golden import read_golden
from tests.helpers import ROOT, Patcher
from tests.training.fixtures import patched, verified

for package in ("torch", "numpy", "einops", "hydra", "hydra_plugins.hydra_submitit_launcher", "huggingface_hub"):
    pytest.importorskip(package)
pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.fixture
def tree(tmp_path: Path, patcher: Patcher) -> Path:
    return patched(patcher, tmp_path / "sedd", "sedd")


def judged(found: dict[str, Any]) -> dict[str, str]:
    assert found["exit_code"] == 0, found["ledger"]
    return {entry["step"]: entry["measured"] for entry in found["ledger"] if entry["holds"] is not None}


def test_it_trains_to_its_golden_numbers(patcher: Patcher, tree: Path) -> None:
    found = verified(patcher, tree, "sedd", "train")
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    readings = dict.fromkeys(("loss", "lr", "grad_norm", "parameters"), 10)
    assert {name: len(values) for name, values in found["run"]["readings"].items()} == readings


def test_a_golden_comes_from_the_reference_and_allows_little() -> None:
    golden = read_golden(ROOT / "fixtures" / "golden" / "sedd" / "train.json")
    assert (golden.reference, golden.seed) == (("attention",), 0)
    assert golden.allowed("loss") < 1e-5
    assert len(golden.seen) == 6
    assert all(how["times"] >= 10 for how in golden.seen.values())


@pytest.mark.full
def test_every_wrong_attention_is_seen_at_the_first_step(patcher: Patcher, tree: Path) -> None:
    found = verified(patcher, tree, "sedd", "train", "--sensitivity")
    assert found["exit_code"] == 0
    seen = {one["attention"]: (one["first"]["reading"], one["first"]["step"]) for one in found["sensitivity"]}
    assert len(seen) == 6
    assert set(seen.values()) == {("loss", 1)}


@pytest.mark.full
def test_modernize_changes_no_number(patcher: Patcher, tmp_path: Path) -> None:
    tree = patched(patcher, tmp_path / "sedd", "sedd", modernize="yes")
    found = verified(patcher, tree, "sedd", "train", modernize="yes")
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]


@pytest.mark.full
def test_no_claim_of_a_step_is_false(patcher: Patcher, tree: Path) -> None:
    measured = judged(verified(patcher, tree, "sedd", "train", "--ablate"))
    enabling = {"flash-attn/guard", "device/literal", "plain-rate"}
    enabling |= {f"distributed/{name}" for name in ("backend", "set-device", "ddp")}
    assert {step for step, how in measured.items() if how == "enables"} == enabling
    assert measured["distributed/cleanup"] == measured["device/pin-memory"] == "exact"
