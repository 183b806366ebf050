"""The patched miniature of the protein-ligand SEDD trains to its golden numbers, in both layouts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.verify.golden import read_golden
from tests.helpers import ROOT, Patcher
from tests.training.fixtures import patched, verified

for package in ("torch", "einops", "omegaconf"):
    pytest.importorskip(package)
pytestmark = [pytest.mark.train, pytest.mark.slow]

CHECKS = ("transformer", "plain")
LAYOUTS = ("in-place", "separate-file")


def same(patcher: Patcher, folder: Path, check: str, layout: str) -> None:
    tree = patched(patcher, folder / "protlig", "protlig", layout=layout)
    found = verified(patcher, tree, "protlig", check, check=check, layout=layout)
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    readings = dict.fromkeys(("loss", "lr", "grad_norm", "parameters"), 10)
    assert {name: len(values) for name, values in found["run"]["readings"].items()} == readings


def test_in_place_it_trains_to_its_golden_numbers(patcher: Patcher, tmp_path: Path) -> None:
    same(patcher, tmp_path, "transformer", "in-place")


def test_copies_with_a_fused_mlp_of_the_shim_train_to_those_recorded_in_place(patcher: Patcher, tmp_path: Path) -> None:
    assert read_golden(ROOT / "fixtures" / "golden" / "protlig" / "plain.json").parameters["layout"] == "in-place"
    same(patcher, tmp_path, "plain", "separate-file")


@pytest.mark.full
@pytest.mark.parametrize(("check", "layout"), [("transformer", "separate-file"), ("plain", "in-place")])
def test_either_layout_has_the_numbers_of_the_other(patcher: Patcher, tmp_path: Path, check: str, layout: str) -> None:
    same(patcher, tmp_path, check, layout)


@pytest.mark.parametrize("check", CHECKS)
def test_a_golden_comes_from_the_reference_and_allows_little(check: str) -> None:
    golden = read_golden(ROOT / "fixtures" / "golden" / "protlig" / f"{check}.json")
    assert golden.reference == ("attention",)
    assert golden.allowed("loss") < 1e-5
    assert len(golden.seen) == 6
    assert all(how["times"] >= 10 for how in golden.seen.values())


@pytest.mark.full
@pytest.mark.parametrize("check", CHECKS)
def test_every_wrong_attention_is_seen_at_the_first_step(patcher: Patcher, tmp_path: Path, check: str) -> None:
    tree = patched(patcher, tmp_path / "protlig", "protlig")
    found = verified(patcher, tree, "protlig", check, "--sensitivity", check=check)
    assert found["exit_code"] == 0
    seen = {one["attention"]: (one["first"]["reading"], one["first"]["step"]) for one in found["sensitivity"]}
    assert len(seen) == 6
    assert set(seen.values()) == {("loss", 1)}


@pytest.mark.full
@pytest.mark.parametrize(("check", "layout"), [("transformer", "separate-file"), ("plain", "in-place")])
def test_no_claim_of_a_step_is_false(patcher: Patcher, tmp_path: Path, check: str, layout: str) -> None:
    tree = patched(patcher, tmp_path / "protlig", "protlig", layout=layout)
    found = verified(patcher, tree, "protlig", check, "--ablate", check=check, layout=layout)
    assert found["exit_code"] == 0, found["ledger"]
    measured = {entry["step"]: entry["measured"] for entry in found["ledger"] if entry["holds"] is not None}
    assert measured["flash-attn/guard"] == "enables"


@pytest.mark.full
def test_its_own_scripts_train_and_sample_without_cuda(patcher: Patcher, tmp_path: Path) -> None:
    tree = patched(patcher, tmp_path / "protlig", "protlig")

    def script(name: str, *words: object) -> list[str]:
        command = [sys.executable, "-B", f"protlig_dd/{name}.py", *map(str, words)]
        environment = {**os.environ, "PYTHONPATH": str(tree), "WANDB_MODE": "disabled", "MASTER_PORT": "29671"}
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    said = script("training/run_train_ddp", tmp_path / "run", 3)
    assert [line.partition(":")[2][:3] for line in said] == [" 0,", " 1,", " 2,"]
    (sample,) = script("sampling/run_sample", tmp_path / "run")
    assert len(sample.split()) == 24
