"""The protlig recipe on the real architvasan/protein_lig_sedd, in both of its layouts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import Patcher, git, snapshot
from tests.upstream import trees
from tests.upstream.trees import Property, claims

MAIN = "b2af38121a4b4acd53aa3519cd80e332af779a80"
BEFORE = "073fa1a912fc4b745bc882a4eff4676333b2471b"  # the last one before any replacement by hand
FLAT = "3574e23d5120f560cb60d632236989c03b18568a"
COMMITS = (MAIN, BEFORE, FLAT)
# Commits of other branches, with transformer_v100.py, and the lines where it is told to be no copy of transformer.py.
BY_HAND = {
    "eec46c2": {"otherwise": {79, 80, 367, 433}, "no bias": {368}, "GELU": {81}, "SiLU": {445}, "scatter": {481}},
    "77e81a2": {"otherwise": {79, 80, 465, 531}, "no bias": {466}, "GELU": {81}, "SiLU": {569}, "scatter": {605}},
    "61ef1be": {"otherwise": {79, 80, 465, 531}, "no bias": {466}, "GELU": {81}, "SiLU": {569}},
}
for later in ("77e81a2", "61ef1be"):
    BY_HAND[later]["`causal`"] = {277}
LAYOUTS = ("in-place", "separate-file")

PACKAGE = "protlig_dd/model/"
MODELS = {
    MAIN: {f"{PACKAGE}transformer.py", f"{PACKAGE}_transformer.py", f"{PACKAGE}transformers_protlig_cross_flash.py"},
    BEFORE: {f"{PACKAGE}transformer.py", f"{PACKAGE}_transformer.py"},
    FLAT: {"model/transformer.py"},
}
CHECKS = {MAIN: {"transformer", "plain"}, BEFORE: {"transformer", "plain"}, FLAT: {"flat"}}
# The module of each class, and what has the other's numbers.
CLASSES = [(MAIN, "protlig_dd.model.transformer"), (MAIN, "protlig_dd.model._transformer")]
CLASSES += [(BEFORE, "protlig_dd.model.transformer"), (BEFORE, "protlig_dd.model._transformer")]
CLASSES += [(FLAT, "model.transformer")]

# flash_attn as far as these files import it, which is enough to make the original's modules and save them.
STUB = {
    "flash_attn/__init__.py": "",
    "flash_attn/flash_attn_interface.py": "flash_attn_varlen_qkvpacked_func = None\n",
    "flash_attn/ops/__init__.py": "",
    "flash_attn/ops/fused_dense.py": "FusedMLP = FusedDense = None\n",
}
SAVE = """
import importlib, runpy, sys
sys.path.insert(0, ".")
import torch
driver, module, path = sys.argv[1:]
config = runpy.run_path(driver)["CONFIG"]
torch.manual_seed(int(path.endswith("original.pt")))
net = importlib.import_module(module).SEDD(config)
torch.save(net.state_dict(), path)
"""
LOAD = """
import importlib, runpy, sys
sys.path.insert(0, ".")
import torch
driver, module, path = sys.argv[1:]
config = runpy.run_path(driver)["CONFIG"]
net = importlib.import_module(module).SEDD(config)
saved = torch.load(path)
net.load_state_dict(saved, strict=True)
assert all(torch.equal(saved[name], tensor) for name, tensor in net.state_dict().items())
print([(name, list(tensor.shape), str(tensor.dtype)) for name, tensor in net.state_dict().items()])
"""

Upstream = Callable[[str, str], Path]


@pytest.fixture
def clone(upstream: Upstream) -> Callable[[str], Path]:
    return lambda commit: upstream("protein_lig_sedd", commit)


def needs_packages() -> None:
    for package in ("torch", "einops", "omegaconf", "huggingface_hub"):
        pytest.importorskip(package)


def options(layout: str) -> tuple[str, ...]:
    return "-r", "protlig", "-p", f"layout={layout}"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("commit", COMMITS)
class TestTheWholeLife:
    def test_the_diff_is_a_patch_that_git_takes_and_behind_it_all_is_there(
        self, patcher: Patcher, clone: Callable[[str], Path], tmp_path: Path, commit: str, layout: str
    ) -> None:
        tree = clone(commit)
        before = snapshot(tree)
        (tmp_path / "a.patch").write_bytes(patcher("apply", tree, *options(layout), "--diff").stdout)
        assert snapshot(tree) == before and git(tree, "status", "--porcelain") == ""
        git(tree, "apply", str(tmp_path / "a.patch"))
        again = patcher("apply", tree, *options(layout), "--check", "--format", "json")
        assert (again.code, again.json["changes"]) == (0, [])

    def test_apply_then_apply_again_then_undo(
        self, patcher: Patcher, clone: Callable[[str], Path], commit: str, layout: str
    ) -> None:
        tree = clone(commit)
        assert patcher("apply", tree, *options(layout)).code == 0
        once = snapshot(tree)
        again = patcher("apply", tree, *options(layout), "--format", "json")
        assert (again.code, again.json["changes"]) == (0, [])
        assert snapshot(tree) == once
        assert patcher("undo", tree).code == 0
        assert git(tree, "status", "--porcelain", "--ignored") == ""

    def test_every_model_file_is_patched_or_has_a_patched_copy(
        self, patcher: Patcher, clone: Callable[[str], Path], commit: str, layout: str
    ) -> None:
        tree = clone(commit)
        patcher("apply", tree, *options(layout))
        changed = set(git(tree, "diff", "--name-only").split())
        copies = {path.replace(".py", "_torch.py") for path in MODELS[commit]}
        if layout == "in-place":
            assert changed >= MODELS[commit] and not any((tree / path).exists() for path in copies)
        else:
            assert not changed & MODELS[commit]
        for path in copies if layout == "separate-file" else MODELS[commit]:
            text = (tree / path).read_text()
            assert "    from .flash_attn_torch.flash_attn_interface import flash_attn_varlen_qkvpacked_func\n" in text
            assert not re.search(r"^from flash_attn", text, re.MULTILINE)


@pytest.mark.parametrize("commit", [BEFORE, FLAT])
def test_a_separate_file_differs_from_the_patch_in_place_by_who_imports_it_alone(
    patcher: Patcher, clone: Callable[[str], Path], commit: str
) -> None:
    tree = clone(commit)
    patcher("apply", tree, *options("in-place"))
    patched = {path: (tree / path).read_bytes() for path in MODELS[commit]}
    patcher("undo", tree)
    patcher("apply", tree, *options("separate-file"))
    for path, data in patched.items():
        assert (tree / path.replace(".py", "_torch.py")).read_bytes() == data
    package = "protlig_dd/model" if commit == BEFORE else "model"
    assert (tree / package / "__init__.py").read_text() == "from .transformer_torch import SEDD"


class TestWhatIsToldAndLeft:
    def told(self, patcher: Patcher, tree: Path) -> tuple[set[str], set[str]]:
        """Return the flaws by place, and the files that are left alone."""
        data = patcher("apply", tree, "-r", "protlig", "--check", "--format", "json").json
        assert not {one["path"] for one in data["left"]} & {one["path"] for one in data["changes"]}
        places = {f"{one['path'].removeprefix(PACKAGE)}:{one['line']}" for one in data["known"]}
        return places, {one["path"].removeprefix(PACKAGE) for one in data["left"]}

    def test_at_main(self, patcher: Patcher, clone: Callable[[str], Path]) -> None:
        known, left = self.told(patcher, clone(MAIN))
        assert known == {
            "__init__.py:1",
            "utils.py:36",
            "utils.py:48",
            "protlig_dd/utils/param_optimization.py:11",
            "transformers_protlig_cross_flash.py:291",
            "transformers_prot_lig.py:378",
            "transformers_protlig_cross.py:301",
            "transformers_protlig_cross_improved.py:320",
        }
        assert left == {"flash_attn_interface.py", "fused_dense.py", "rotary_flash.py"}

    def test_before_it_and_in_the_flat_tree(self, patcher: Patcher, clone: Callable[[str], Path]) -> None:
        tree = clone(BEFORE)
        vendored = {"flash_attn_interface.py", "fused_dense.py", "rotary_flash.py"}
        assert self.told(patcher, tree) == ({"protlig_dd/utils/param_optimization.py:11"}, vendored)
        git(tree, "checkout", "--quiet", FLAT)
        assert self.told(patcher, tree) == (set(), set())

    @pytest.mark.parametrize("commit", BY_HAND)
    def test_the_copy_that_was_made_by_hand(self, patcher: Patcher, clone: Callable[[str], Path], commit: str) -> None:
        tree = clone(commit)
        data = patcher("apply", tree, "-r", "protlig", "--check", "--format", "json").json
        told = [(one["line"], one["reason"]) for one in data["known"] if one["path"].endswith("/transformer_v100.py")]
        lines = {word: {line for line, why in told if word in why} for word in BY_HAND[commit]}
        assert (lines, len(told)) == (BY_HAND[commit], sum(map(len, lines.values())))
        assert patcher("apply", tree, "-r", "protlig").code == 0
        assert git(tree, "status", "--porcelain", "--", "*v100*") == ""


# --- numbers ----------------------------------------------------------------------------------------------------------


def python(tree: Path, program: str, *words: object, path: Path | None = None) -> str:
    command = [sys.executable, "-c", program, *map(str, words)]
    done = subprocess.run(
        command, cwd=tree, env={"PYTHONPATH": str(path or ""), "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


@pytest.mark.train
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("commit", "module"), CLASSES, ids=[f"{one[:7]}-{two}" for one, two in CLASSES])
def test_checkpoints_go_from_the_original_to_the_patched_tree_and_back(
    patcher: Patcher, clone: Callable[[str], Path], tmp_path: Path, commit: str, module: str, layout: str
) -> None:
    needs_packages()
    tree, stub, driver = clone(commit), tmp_path / "stub", tmp_path / "train_sedd.py"
    for name, text in STUB.items():
        (stub / name).parent.mkdir(parents=True, exist_ok=True)
        (stub / name).write_text(text)
    script = Path(__file__).parents[2] / "recipes" / "protlig" / "checks" / "driver.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    python(tree, SAVE, driver, module, tmp_path / "original.pt", path=stub)
    patcher("apply", tree, *options(layout))
    patched = module if layout == "in-place" else f"{module}_torch"
    there = python(tree, LOAD, driver, patched, tmp_path / "original.pt")
    python(tree, SAVE, driver, patched, tmp_path / "patched.pt")
    patcher("undo", tree)
    assert python(tree, LOAD, driver, module, tmp_path / "patched.pt", path=stub) == there


def verified(patcher: Patcher, tree: Path, layout: str, *more: object) -> dict[str, Any]:
    result = patcher("verify", tree, *options(layout), "--python", sys.executable, "--format", "json", *more)
    return {check["id"]: check for check in json.loads(result.out)["checks"]}


@pytest.mark.train
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("commit", COMMITS)
def test_ten_steps_are_those_of_a_float64_attention(
    patcher: Patcher,
    clone: Callable[[str], Path],
    commit: str,
    layout: str,
    record_property: Callable[[str, object], None],
) -> None:
    needs_packages()
    tree = clone(commit)
    patcher("apply", tree, *options(layout))
    found = verified(patcher, tree, layout)
    assert {name for name, check in found.items() if check["finding"] == "same"} == CHECKS[commit]
    assert {check["finding"] for check in found.values()} == {"same", "not run"}
    for name in CHECKS[commit]:
        assert len(found[name]["run"]["readings"]["loss"]) == 10
        record_property(name, found[name]["worst"]["loss"]["off"])


@pytest.mark.train
@pytest.mark.parametrize("commit", COMMITS)
def test_every_planted_attention_is_seen_at_the_first_step(
    patcher: Patcher, clone: Callable[[str], Path], commit: str, record_property: Property
) -> None:
    needs_packages()
    tree = clone(commit)
    patcher("apply", tree, "-r", "protlig")
    for name in sorted(CHECKS[commit]):
        found = trees.verified(patcher, tree, "protlig", name, "--sensitivity")
        assert (found["exit_code"], len(found["sensitivity"])) == (0, 6), found["sensitivity"]
        for one in found["sensitivity"]:
            # The class with an nn.Embedding begins with large features, beside which an attention weighs little in the
            # loss: one of the wrong ones shows in what the first step makes of the parameters.
            assert one["seen"] and one["first"]["step"] == 1
            assert one["first"]["reading"] == "loss" or name == "transformer"
            record_property(f"{name}: {one['attention']}", one["first"]["off"])


@pytest.mark.train
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("commit", "check"), [(one, check) for one in COMMITS for check in sorted(CHECKS[one])])
def test_no_claim_of_a_step_is_false(
    patcher: Patcher, clone: Callable[[str], Path], commit: str, layout: str, check: str, record_property: Property
) -> None:
    needs_packages()
    tree = clone(commit)
    patcher("apply", tree, *options(layout))
    found = trees.verified(patcher, tree, "protlig", check, "-p", f"layout={layout}", "--ablate")
    measured = claims(found, record_property)
    switched = {"switch"} if layout == "separate-file" and commit != MAIN else set()
    assert {step for step, how in measured.items() if how == "enables"} == {"flash-attn/guard"} | switched


@pytest.mark.train
def test_the_losses_are_the_same_at_every_commit(patcher: Patcher, clone: Callable[[str], Path]) -> None:
    needs_packages()
    tree = clone(MAIN)
    losses: dict[str, list[list[float]]] = {}
    for commit in COMMITS:
        git(tree, "checkout", "--quiet", commit)
        patcher("apply", tree, "-r", "protlig")
        for name, check in verified(patcher, tree, "in-place").items():
            if name in CHECKS[commit]:
                losses.setdefault(name.replace("flat", "plain"), []).append(check["run"]["readings"]["loss"])
        patcher("undo", tree)
    assert {name: len(runs) for name, runs in losses.items()} == {"transformer": 2, "plain": 3}
    for runs in losses.values():
        assert all(run == runs[0] for run in runs)
