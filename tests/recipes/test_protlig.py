"""The protlig recipe on the miniature, in both layouts: what it does to it, and what it leaves and tells."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.recipe import load
from patcher.verify.golden import read_golden, step_digests
from tests.helpers import ROOT, Patcher, Result, fixture_tree, git, snapshot, write_tree
from tests.recipes.places import touched

LAYOUTS = ("in-place", "separate-file")
MODEL = "protlig_dd/model/"
MODELS = {f"{MODEL}{name}.py" for name in ("transformer", "_transformer", "transformers_protlig_cross_flash")}
# The lines of the miniature that fail, by file; nothing else may change.
LINES = {
    "environment.yml": {4, 8, 9, 10},
    "protlig_dd/data/data.py": {11},
    "protlig_dd/data/get_embeddings.py": {7, 10},
    "protlig_dd/model/_transformer.py": {6, 7},
    "protlig_dd/model/transformer.py": {6, 7},
    "protlig_dd/model/transformers_protlig_cross_flash.py": {3},
    "protlig_dd/sampling/run_sample.py": {12, 14, 15},
    "protlig_dd/training/run_train_ddp.py": {7, 29, 30, 31, 35, 62},
}
# What the copies for the other layout come beside: these stay, and who imports them is switched.
SWITCHED = {path: lines for path, lines in LINES.items() if path not in MODELS} | {f"{MODEL}__init__.py": {1}}
KNOWN = {
    "model/transformer_v100.py": {10, 11, 12, 21, 30, 33, 35},
    "model/transformers_protlig_cross.py": {12},
    "model/transformers_protlig_cross_flash.py": {12},
    "model/utils.py": {7, 17},
    "utils/param_optimization.py": {5},
}
# What the recipe tells of the copy that was made by hand, by its line.
BY_HAND = {
    10: "parameters are called otherwise",
    11: "parameters are called otherwise",
    12: "exact GELU",
    21: "`causal` is ignored",
    30: "no bias",
    33: "no SiLU",
    35: "scatter is disabled",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return fixture_tree("protlig", tmp_path / "protlig")


def options(layout: str, *more: str) -> tuple[str, ...]:
    return ("-r", "protlig", "-p", f"layout={layout}", *(word for one in more for word in ("-p", one)))


def plan(patcher: Patcher, tree: Path, *given: str) -> Result:
    return patcher("apply", tree, *given, "--check", "--format", "json")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_step_is_applied_or_not_asked_for(patcher: Patcher, tree: Path, layout: str) -> None:
    result = plan(patcher, tree, *options(layout, "modernize=yes"))
    assert result.code == 1
    left = {name: status for name, status in result.steps().items() if status != "applied"}
    absent = {"flash-attn/torch", "flash-attn/requirements-torch", "amp/unused"}
    absent |= {"copy", "switch"} if layout == "in-place" else set()
    assert left == {**dict.fromkeys(absent, "absent"), "device/dot-cuda": "already"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_diff_is_a_patch_that_git_takes(patcher: Patcher, tree: Path, tmp_path: Path, layout: str) -> None:
    result = patcher("apply", tree, *options(layout), "--diff")
    (tmp_path / "a.patch").write_bytes(result.stdout)
    assert (result.code, git(tree, "apply", "--check", str(tmp_path / "a.patch"))) == (1, "")
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_named_lines_change(patcher: Patcher, tree: Path, layout: str) -> None:
    assert patcher("apply", tree, *options(layout)).code == 0
    assert touched(tree) == (LINES if layout == "in-place" else SWITCHED)
    added = git(tree, "ls-files", "--others", "--exclude-standard").split()
    own = {path for path in added if not path.startswith(f"{MODEL}flash_attn_torch/")}
    copies = {path.replace(".py", "_torch.py") for path in MODELS} if layout == "separate-file" else set()
    assert own == {"protlig_dd/wandb_off.py"} | copies


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_apply_finds_nothing_and_undo_gives_every_byte_back(patcher: Patcher, tree: Path, layout: str) -> None:
    before = snapshot(tree)
    assert patcher("apply", tree, *options(layout)).code == 0
    once = snapshot(tree)
    assert patcher("apply", tree, *options(layout)).code == 0
    assert snapshot(tree) == once
    assert set(plan(patcher, tree, *options(layout)).steps().values()) <= {"already", "absent"}
    assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before
    assert git(tree, "status", "--porcelain") == ""


def test_a_copy_beside_the_original_is_what_the_patch_in_place_makes_of_it(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, *options("in-place"))
    patched = {path: (tree / path).read_bytes() for path in MODELS}
    patcher("undo", tree)
    patcher("apply", tree, *options("separate-file"))
    assert {path: (tree / path.replace(".py", "_torch.py")).read_bytes() for path in MODELS} == patched
    assert (tree / MODEL / "__init__.py").read_text() == "from .transformer_torch import SEDD\n"


def test_an_unused_fused_layer_goes_and_a_used_one_is_served_by_the_shim(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, *options("in-place"))
    files = snapshot(tree)
    assert b"Fused" not in files[f"{MODEL}transformer.py"]
    used = files[f"{MODEL}_transformer.py"]
    assert b"    from .flash_attn_torch.ops.fused_dense import FusedMLP\n" in used and b"FusedDense" not in used
    assert b"self.mlp = FusedMLP(size, 4 * size)\n" in used


def test_what_is_wrong_upstream_is_told_with_its_place_and_left(patcher: Patcher, tree: Path) -> None:
    before = snapshot(tree)
    data = plan(patcher, tree, *options("in-place")).json
    told: dict[str, set[int]] = {}
    for one in data["known"]:
        told.setdefault(one["path"].removeprefix("protlig_dd/"), set()).add(one["line"])
    assert told == KNOWN
    by_hand = {one["line"]: one["reason"] for one in data["known"] if one["path"].endswith("_v100.py")}
    assert [line for line, why in BY_HAND.items() if why not in by_hand[line]] == []
    patcher("apply", tree, *options("in-place"))
    after = snapshot(tree)
    left = {f"protlig_dd/{path}" for path in KNOWN} - MODELS
    assert {path: after[path] for path in left} == {path: before[path] for path in left}


def test_a_vendored_file_is_left_and_one_that_does_not_parse_is_passed_over(patcher: Patcher, tree: Path) -> None:
    result = plan(patcher, tree, *options("in-place"))
    assert [one["path"] for one in result.json["left"]] == [f"{MODEL}fused_dense.py"]
    (skipped,) = result.json["skipped"]
    assert skipped["reason"].startswith("protlig_dd/utils/param_optimization.py:8 does not parse")


@pytest.mark.parametrize("name", ["transformer", "plain"])
@pytest.mark.parametrize("folder", ["recipes/protlig/golden", "fixtures/golden/protlig"])
def test_the_goldens_are_of_the_steps_as_they_are(folder: str, name: str) -> None:
    found = read_golden(ROOT / folder / f"{name}.json")
    assert found.steps == step_digests(load("protlig", {})), "record it anew: verify --record"


# --- parameters -------------------------------------------------------------------------------------------------------

# The fused MLP as flash-attn has it, as far as its parameters go.
STUB = {
    "flash_attn/__init__.py": "",
    "flash_attn/flash_attn_interface.py": "flash_attn_varlen_qkvpacked_func = None\n",
    "flash_attn/ops/__init__.py": "",
    "flash_attn/ops/fused_dense.py": """
import torch

FusedDense = torch.nn.Linear


class FusedMLP(torch.nn.Module):
    def __init__(self, size, hidden):
        super().__init__()
        self.fc1, self.fc2 = torch.nn.Linear(size, hidden), torch.nn.Linear(hidden, size)
""",
}
SHAPES = """
import importlib, json, sys
from omegaconf import OmegaConf
model = {"hidden_size": 8, "cond_dim": 4, "n_blocks": 2, "n_heads": 2, "dropout": 0.0, "esm_dim": 3, "molformer_dim": 5}
cfg = OmegaConf.create({"tokens": 5, "model": model})
nets = [importlib.import_module("protlig_dd.model." + one).SEDD(cfg) for one in sys.argv[1:]]
print(json.dumps([{name: list(one.shape) for name, one in net.state_dict().items()} for net in nets]))
"""


@pytest.mark.train
def test_parameters_and_shapes_are_what_they_were_in_both_layouts(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    for package in ("torch", "einops", "omegaconf"):
        pytest.importorskip(package)

    def shapes(*names: str, path: str = "") -> list[dict[str, list[int]]]:
        command = [sys.executable, "-B", "-c", SHAPES, *names]
        done = subprocess.run(command, cwd=tree, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        found: list[dict[str, list[int]]] = json.loads(done.stdout)
        return found

    before = shapes("transformer", "_transformer", path=str(write_tree(tmp_path / "stub", STUB)))
    assert before[1]["blocks.0.mlp.fc1.weight"] == [32, 8]
    patcher("apply", tree, *options("in-place"))
    assert shapes("transformer", "_transformer") == before
    patcher("undo", tree)
    patcher("apply", tree, *options("separate-file"))
    assert shapes("transformer_torch", "_transformer_torch") == before
