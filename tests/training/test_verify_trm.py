"""The patched miniature of Tiny Recursive Models trains to its golden numbers, with each optimizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.verify.golden import read_golden
from tests.helpers import ROOT, Patcher
from tests.training.fixtures import patched, verified

pytest.importorskip("torch")
pytest.importorskip("numpy")
pytestmark = [pytest.mark.train, pytest.mark.slow]

OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")


def made(patcher: Patcher, folder: Path, optimizer: str) -> Path:
    if optimizer == "adam-atan2-pytorch":
        pytest.importorskip("adam_atan2_pytorch")
    return patched(patcher, folder / "trm", "trm", optimizer=optimizer)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_trains_to_its_golden_numbers(patcher: Patcher, tmp_path: Path, optimizer: str) -> None:
    tree = made(patcher, tmp_path, optimizer)
    found = verified(patcher, tree, "trm", optimizer, optimizer=optimizer)
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    assert {len(values) for values in found["run"]["readings"].values()} == {10}


def test_without_puzzle_embeddings_there_is_one_optimizer(patcher: Patcher, tmp_path: Path) -> None:
    tree = made(patcher, tmp_path, "faithful")
    found = verified(patcher, tree, "trm", "faithful", check="no-embedding", optimizer="faithful")
    assert found["finding"] == "failed", "the golden is of the other branch, with the values of two optimizers"
    readings = dict.fromkeys(("loss", "lr", "grad_norm", "parameters"), 10)
    assert {name: len(values) for name, values in found["run"]["readings"].items()} == readings


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_golden_comes_from_the_reference_and_allows_little(optimizer: str) -> None:
    golden = read_golden(ROOT / "fixtures" / "golden" / "trm" / f"{optimizer}.json")
    assert golden.reference == (("attention", "adam_atan2") if optimizer == "faithful" else ("attention",))
    assert golden.allowed("loss") < 1e-5
    assert len(golden.seen) == 6
    assert all(how["times"] >= 10 for how in golden.seen.values())


@pytest.mark.full
def test_no_claim_of_a_step_is_false(patcher: Patcher, tmp_path: Path) -> None:
    tree = made(patcher, tmp_path, "faithful")
    found = verified(patcher, tree, "trm", "faithful", "--ablate", optimizer="faithful")
    assert found["exit_code"] == 0, found["ledger"]
