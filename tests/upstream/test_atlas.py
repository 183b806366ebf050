"""The atlas recipe on the real davidbasilefilho/atlas: its life, its numbers, its claims, and every path that it mends."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patcher.recipe import load
from tests.helpers import Patcher
from tests.upstream.conftest import Upstream
from tests.upstream.trees import Property, claims, lives, same, verified

FIRST = "248beb3e1c6148fcdca4fdae078c832e6614492b"
SECOND = "07f9e710e6a7732d3a6f94e5fff950c746bb8e05"
PATHS = Path(__file__).with_name("atlas_paths.py")

# What a tree must have to be built and to have a tokenizer; each path fails in a tree with these steps alone.
BASE = {"factorial/arange", "feature-shape", "constant-term", "tokenizer/bytes"}
MENDED = {  # by upstream in its second commit
    "e4", "e5", "e7", "e10b", "e14", "e20", "e28", "weighted",
}  # fmt: skip


@pytest.fixture(params=[FIRST, SECOND], ids=["first", "second"])
def tree(request: pytest.FixtureRequest, upstream: Upstream) -> Path:
    for package in ("torch", "numpy", "hydra", "omegaconf", "tqdm"):
        pytest.importorskip(package)
    return upstream("atlas", request.param)


def is_first(tree: Path) -> bool:
    return not (tree / "LICENSE").exists()


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Return the folder of the packages that stand in for what would be downloaded, or draw."""
    recipe = load("atlas", {})
    subprocess.run([sys.executable, Path(recipe.folder, str(recipe.checks[0].prepare)), tmp_path / "data"], check=True)
    return tmp_path / "data" / "packages"


def program(tree: Path, packages: Path, *words: object) -> str:
    """Run Python on some words in a tree, and return what it prints."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "WANDB_MODE": "disabled"}
    environment["PYTHONPATH"] = os.pathsep.join([str(packages), str(tree)])
    command = [sys.executable, *map(str, words)]
    done = subprocess.run(command, cwd=packages, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- the tree ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [(), ("stability=as-is", "warmup=fixed", "wandb=account")])
def test_the_diff_apply_twice_and_undo(
    patcher: Patcher, tree: Path, tmp_path: Path, parameters: tuple[str, ...]
) -> None:
    lives(patcher, tree, tmp_path, "atlas", *parameters)


def test_what_upstream_has_is_told_as_already(patcher: Patcher, tree: Path) -> None:
    found = patcher("apply", tree, "-r", "atlas", "--check", "--format", "json").steps()
    assert found["clipping"] == "already"
    mended = {name for name, status in found.items() if status == "already"}
    own = {"factorial/arange", "feature-shape", "constant-term", "offline", "no-folder", "empty-batch"}
    own |= {"matplotlib/agg", "clamp/gradients", "value-width", "unused", "no-gradient", "detach/buffer"}
    assert mended & own == (set() if is_first(tree) else own)
    assert "drifted" not in found.values() and "refused" not in found.values()


def test_no_try_is_put_in_but_around_an_import(patcher: Patcher, tree: Path) -> None:
    before = sum(path.read_text().count("except") for path in tree.glob("*.py"))
    patcher("apply", tree, "-r", "atlas")
    after = sum(path.read_text().count("except") for path in tree.glob("*.py") if path.stem not in SHIMS)
    assert after == before + 2 - (0 if is_first(tree) else 1)  # upstream's second commit hides what fails in the memory


SHIMS = ("tokenizer_bytes", "wandb_off")


def test_the_bounds_stay_out_where_they_are_not_wanted(patcher: Patcher, tree: Path) -> None:
    before = (tree / "model.py").read_text().count("clamp(")
    patcher("apply", tree, "-r", "atlas", "-p", "stability=as-is")
    added = 0 if is_first(tree) else 1  # an index
    assert (tree / "model.py").read_text().count("clamp(") == before + added


# --- the numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.train
def test_ten_steps_are_those_of_the_golden(patcher: Patcher, tree: Path, record_property: Property) -> None:
    patcher("apply", tree, "-r", "atlas")
    same(verified(patcher, tree, "atlas", "train"), record_property)


@pytest.mark.train
def test_ten_steps_without_the_bounds_are_the_same(patcher: Patcher, tree: Path, record_property: Property) -> None:
    patcher("apply", tree, "-r", "atlas", "-p", "stability=as-is")
    same(verified(patcher, tree, "atlas", "train", "-p", "stability=as-is"), record_property)


@pytest.mark.train
@pytest.mark.full
def test_no_claim_of_a_step_is_false(patcher: Patcher, tree: Path, record_property: Property) -> None:
    patcher("apply", tree, "-r", "atlas")
    measured = claims(verified(patcher, tree, "atlas", "train", "--ablate"), record_property)
    if is_first(tree):
        enabling = {"window", "short-window", "haystack", "scaling", "long-prompt", *BASE}
        assert {step for step, how in measured.items() if how == "enables"} == enabling
        assert measured["clamp/powers"] == measured["detach/buffer"] == "exact"


# --- the paths --------------------------------------------------------------------------------------------------------


def walked(tree: Path, packages: Path, found: Path) -> dict[str, str]:
    program(tree, packages, PATHS, tree, found)
    result: dict[str, str] = json.loads(found.read_text())
    return result


@pytest.mark.train
def test_every_path_fails_before_and_works_afterwards(
    patcher: Patcher, tree: Path, packages: Path, tmp_path: Path, record_property: Property
) -> None:
    skipped = [step.id for step in load("atlas", {}).steps if step.id not in BASE]
    lines = ["recipe: base", "summary: What it is built with", "steps:", "  - use: atlas", "    skip:"]
    (tmp_path / "base.yaml").write_text("\n".join([*lines, *(f"      - {name}" for name in skipped), ""]))
    assert patcher("apply", tree, "-r", str(tmp_path / "base.yaml")).code == 0
    before = walked(tree, packages, tmp_path / "before.json")
    for name, what in before.items():
        record_property(name, what)
    works = {name for name, what in before.items() if what == "works"}
    assert works == (set() if is_first(tree) else MENDED)

    assert patcher("undo", tree).code == 0
    assert patcher("apply", tree, "-r", "atlas").code == 0
    after = walked(tree, packages, tmp_path / "after.json")
    assert {name: what for name, what in after.items() if what != "works"} == {}
    assert len(after) == 29


RATES = """
import sys, types
wandb = types.ModuleType("wandb")
wandb.init = wandb.log = lambda *arguments, **options: None
sys.modules["wandb"] = wandb
import torch
from model import AtlasConfig, AtlasModel
from train import AtlasTrainer
config = AtlasConfig(vocab_size=9, hidden_size=8, num_layers=1, num_heads=2, max_seq_length=8, memory_hidden_size=4,
                     context_window_size=4, learning_rate=1.0, warmup_steps=4, max_steps=1000)
trainer = AtlasTrainer(config, AtlasModel(config), "cpu")
rates = []
trainer.optimizer.register_step_pre_hook(lambda *_: rates.append(round(trainer.optimizer.param_groups[0]["lr"], 3)))
for _ in range(6):
    trainer.train_step({"input_ids": torch.ones(1, 4, dtype=torch.long), "labels": torch.ones(1, 4, dtype=torch.long)})
print(rates)
"""


@pytest.mark.train
@pytest.mark.parametrize(
    ("warmup", "rates"), [("as-is", [1.0, 0.0, 0.25, 0.5, 0.75, 0.75]), ("fixed", [0.25, 0.5, 0.75, 1.0, 1.0, 1.0])]
)
def test_the_rates_of_the_warmup(patcher: Patcher, tree: Path, packages: Path, warmup: str, rates: list[float]) -> None:
    patcher("apply", tree, "-r", "atlas", "-p", f"warmup={warmup}")
    assert json.loads(program(tree, packages, "-c", RATES)) == rates


BUILT = """
import torch
from model import AtlasConfig, AtlasModel
AtlasModel(AtlasConfig(vocab_size=9, hidden_size=8, num_layers=1, num_heads=2))(torch.ones(1, 4, dtype=torch.long))
"""


@pytest.mark.train
@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("factorial/arange", "TypeError"),
        ("feature-shape", "too many values to unpack"),
        ("constant-term", "must match the existing size"),
    ],
)
def test_without_these_no_model_is_built(
    patcher: Patcher, upstream: Upstream, packages: Path, tmp_path: Path, step: str, says: str
) -> None:
    pytest.importorskip("torch")
    tree = upstream("atlas", FIRST)
    text = f"recipe: part\nsummary: Without {step}\nsteps:\n  - use: atlas\n    skip: [{step}, tokens]\n"
    (tmp_path / "part.yaml").write_text(text)
    assert patcher("apply", tree, "-r", str(tmp_path / "part.yaml")).code == 0
    with pytest.raises(AssertionError, match=says):
        program(tree, packages, "-c", BUILT)


REAL = """
import sys, warnings
from transformers import GPT2Tokenizer
from tokenizer_bytes import load_tokenizer
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    found = load_tokenizer(GPT2Tokenizer, "gpt2")
print(found.vocab_size, any("tokenizer_bytes" in str(one.message) for one in told))
"""


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="transformers is not installed")
def test_the_real_transformers_without_network_has_no_tokens(
    patcher: Patcher, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "empty"))
    patcher("apply", tree, "-r", "atlas")
    assert program(tree, tmp_path, "-c", REAL).split() == ["257", "True"]
