"""The atlas recipe on the miniature: what it does to it, and what it leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.recipe import load
from patcher.verify.golden import read_golden, step_digests
from tests.helpers import ROOT, Patcher, Result, fixture_tree, git, snapshot

COPIES = {"tokenizer_bytes.py", "wandb_off.py"}
ELSEWHERE = {"context-sum", "context-loops", "hidden-failure"}  # forms that only upstream's second commit has


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return fixture_tree("atlas", tmp_path / "atlas")


def plan(patcher: Patcher, tree: Path, *options: str) -> Result:
    return patcher("apply", tree, "-r", "atlas", "--check", "--format", "json", *options)


def test_every_step_is_applied_or_not_asked_for(patcher: Patcher, tree: Path) -> None:
    found = plan(patcher, tree, "-p", "warmup=fixed").steps()
    left = {name: status for name, status in found.items() if status != "applied"}
    assert left == {**dict.fromkeys(ELSEWHERE, "absent"), "clipping": "already"}


def test_the_diff_is_a_patch_that_git_takes(patcher: Patcher, tree: Path, tmp_path: Path) -> None:
    result = patcher("apply", tree, "-r", "atlas", "--diff")
    (tmp_path / "a.patch").write_bytes(result.stdout)
    assert (result.code, git(tree, "apply", "--check", str(tmp_path / "a.patch"))) == (1, "")
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.parametrize("options", [(), ("-p", "warmup=fixed", "-p", "stability=as-is", "-p", "wandb=account")])
def test_a_second_apply_finds_nothing_and_undo_gives_every_byte_back(
    patcher: Patcher, tree: Path, options: tuple[str, ...]
) -> None:
    before = snapshot(tree)
    assert patcher("apply", tree, "-r", "atlas", *options).code == 0
    once = snapshot(tree)
    assert set(once) - set(before) == COPIES
    assert patcher("apply", tree, "-r", "atlas", *options).code == 0
    assert snapshot(tree) == once
    assert set(plan(patcher, tree, *options).steps().values()) <= {"already", "absent"}
    assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before
    assert git(tree, "status", "--porcelain") == ""


def test_the_bounds_are_one_word_away(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "atlas", "-p", "stability=as-is")
    assert b"clamp" not in snapshot(tree)["model.py"]


def test_the_warmup_is_moved_on_request_alone(patcher: Patcher, tree: Path) -> None:
    as_it_is = plan(patcher, tree)
    assert {as_it_is.steps()[name] for name in ("warmup-before", "warmup-behind")} == {"absent"}
    assert "warmup" not in patcher("apply", tree, "-r", "atlas", "--check").out
    assert "warmup-before" in patcher("apply", tree, "-r", "atlas", "-p", "warmup=fixed").out


def test_what_changes_the_numbers_is_told(patcher: Patcher, tree: Path) -> None:
    said = patcher("apply", tree, "-r", "atlas").out
    assert [line for line in said.splitlines() if line.startswith("This changes")] == [
        "This changes the numbers: overlap: a next example of a text begins with other sentences."
    ]


def test_both_loops_are_one_call_of_the_memory_and_the_ring_keeps_its_last_turns(patcher: Patcher, tree: Path) -> None:
    patcher("apply", tree, "-r", "atlas")
    model = snapshot(tree)["model.py"].decode()
    assert "for t in range" not in model and "for h in range" not in model
    for line in (
        "kept = min(length, self.config.context_window_size)",
        "self.context_keys[slot] = known.mean(0)[length - kept:].to(self.context_keys).detach()  # of the batch",
        "self.context_pos += length",
    ):
        assert f"        {line}\n" in model
    assert snapshot(tree)["config.py"] == (ROOT / "fixtures" / "atlas" / "config.py").read_bytes()


def test_another_loop_stays_until_it_is_proved(patcher: Patcher, tree: Path) -> None:
    model = tree / "model.py"
    model.write_text(model.read_text().replace("known[:, t].mean(0)", "known[:, t].amax(0)"))
    result = patcher("apply", tree, "-r", "atlas", "--allow-dirty", "--format", "json")
    step = next(one for one in result.json["steps"] if one["id"] == "tokens")
    assert (result.code, step["status"]) == (3, "refused")
    assert "patcher prove" in step["places"][0]["reason"]
    assert "for t in range(length)" in model.read_text()


@pytest.mark.parametrize("golden", ["recipes/atlas/golden/train.json", "fixtures/golden/atlas/train.json"])
def test_the_goldens_are_of_the_steps_as_they_are_and_of_the_loop_alone(golden: str) -> None:
    recipe = load("atlas", {})
    found = read_golden(ROOT / golden)
    assert found.steps == step_digests(recipe), "record it anew: verify --record"
    assert found.seed == recipe.checks[0].seed
    assert {"clamp/powers", "detach/buffer", "loader/workers"} <= set(found.without)
    enabling = {step.id for step in recipe.steps if step.effect.kind.value == "enables"}
    assert not enabling & set(found.without)


def test_detect_knows_it(patcher: Patcher, tree: Path) -> None:
    assert "atlas" in patcher("detect", tree).out.split("\n\n")[0]


def test_nothing_of_it_is_for_other_trees(patcher: Patcher, tmp_path: Path) -> None:
    other = fixture_tree("hrm", tmp_path / "hrm")
    assert plan(patcher, other).code == 3
    assert git(other, "status", "--porcelain") == ""
