"""The patched miniature of HRM trains to its golden numbers, and every known-wrong attention is seen at the first step."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from patcher.verify.golden import read_golden
from tests.helpers import ROOT, Patcher, commit_all

pytest.importorskip("torch")
pytest.importorskip("numpy")
pytestmark = [pytest.mark.train, pytest.mark.slow]

OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")
GOLDEN = ROOT / "fixtures" / "golden" / "hrm"


@pytest.fixture
def patched(tmp_path: Path, patcher: Patcher) -> Any:
    """Return what copies the miniature and applies the recipe to it."""

    def made(optimizer: str) -> Path:
        if optimizer == "adam-atan2-pytorch":
            pytest.importorskip("adam_atan2_pytorch")
        tree = tmp_path / optimizer
        shutil.copytree(ROOT / "fixtures" / "hrm", tree)
        commit_all(tree)
        assert patcher("apply", tree, "-r", "hrm", "-p", f"optimizer={optimizer}").code == 0
        return tree

    return made


def verify(patcher: Patcher, tree: Path, golden: str, *options: str) -> dict[str, Any]:
    given = ("-p", f"optimizer={tree.name}", "--check", "train", "--golden", GOLDEN / f"{golden}.json")
    result = patcher("verify", tree, "-r", "hrm", *given, "--python", sys.executable, "--format", "json", *options)
    (check,) = json.loads(result.out)["checks"]
    return {**check, "exit_code": result.code}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_it_trains_to_its_golden_numbers(patcher: Patcher, patched: Any, optimizer: str) -> None:
    found = verify(patcher, patched(optimizer), optimizer)
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    assert {name: len(values) for name, values in found["run"]["readings"].items()} == dict.fromkeys(
        ("loss", "lr", "lr.2", "grad_norm", "grad_norm.2", "parameters", "parameters.2"), 10
    )


def test_two_runs_in_a_row_read_the_same_numbers(patcher: Patcher, patched: Any) -> None:
    tree = patched("faithful")
    first, second = (verify(patcher, tree, "faithful")["run"]["readings"] for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("optimizer", "other", "step"), [("faithful", "adam", 2), ("adam", "faithful", 2)])
def test_beside_the_golden_of_another_optimizer_it_has_drifted(
    patcher: Patcher, patched: Any, optimizer: str, other: str, step: int
) -> None:
    found = verify(patcher, patched(optimizer), other)
    assert (found["finding"], found["exit_code"]) == ("drifted", 4)
    losses = found["worst"]["loss"]
    assert losses["off"] > 1e-4
    assert found["run"]["readings"]["loss"][0] == pytest.approx(found["expected"]["loss"][0], rel=1e-6)
    assert abs(found["run"]["readings"]["loss"][step - 1] / found["expected"]["loss"][step - 1] - 1) > 1e-5


def test_every_wrong_attention_is_seen_at_the_first_step(patcher: Patcher, patched: Any) -> None:
    found = verify(patcher, patched("faithful"), "faithful", "--sensitivity")
    assert found["exit_code"] == 0
    seen = {one["attention"]: (one["first"]["reading"], one["first"]["step"]) for one in found["sensitivity"]}
    assert len(seen) == 6
    assert set(seen.values()) == {("loss", 1)}


@pytest.mark.full
def test_no_claim_of_a_step_is_false(patcher: Patcher, patched: Any) -> None:
    found = verify(patcher, patched("adam"), "adam", "--ablate")
    judged = {
        entry["step"]: (entry["measured"], entry["holds"]) for entry in found["ledger"] if entry["holds"] is not None
    }
    assert found["exit_code"] == 0, found["ledger"]
    assert judged["contiguous"] == judged["device/pin-memory"] == ("exact", True)
    assert judged["flash-attn/guard"] == judged["device/literal"] == ("enables", True)
    assert judged["distributed/backend"] == ("unreached", True)
    assert judged["adam-atan2/adam"] == ("changes", True)
    assert all(holds for _, holds in judged.values())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_golden_comes_from_the_reference_and_allows_little(optimizer: str) -> None:
    golden = read_golden(GOLDEN / f"{optimizer}.json")
    stood_in = ("attention", "adam_atan2") if optimizer == "faithful" else ("attention",)
    assert golden.reference == stood_in, "a package that is not patcher's has no reference of patcher's"
    assert golden.parameters == {"optimizer": optimizer, "attention": "flash-or-torch"}
    assert golden.allowed("loss") < 1e-5
    assert all(how["times"] >= 10 for how in golden.seen.values())
    assert len(golden.seen) == 6
