"""detect: which recipes fit a tree, and what in it says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.helpers import Patcher, commit_all, fixture_tree, git, write_tree


def fits(patcher: Patcher, tree: Path) -> dict[str, dict[str, Any]]:
    """Return what is told of each recipe."""
    result = patcher("detect", tree, "--format", "json")
    told = json.loads(result.stdout)
    assert told["exit_code"] == result.code
    return {one["recipe"]: one for one in told["recipes"]}


def test_the_recipe_of_an_upstream_and_the_general_ones_that_it_uses(patcher: Patcher, tmp_path: Path) -> None:
    found = fits(patcher, fixture_tree("hrm", tmp_path / "hrm"))
    assert {name for name, one in found.items() if one["verdict"] == "fits"} == {
        "hrm", "flash-attn", "adam-atan2", "device", "distributed", "loader", "seed",
    }  # fmt: skip
    assert found["device"]["part_of"] == ["hrm"]
    assert found["amp"]["verdict"] == "not"


def test_a_general_recipe_fits_where_it_finds_something_to_do(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "import torch\n\nx = torch.zeros(1, device='cuda')\n"})
    found = fits(patcher, tree)
    assert [name for name, one in found.items() if one["verdict"] != "not"] == ["device"]
    assert found["device"]["places"] == [{"step": "literal", "path": "a.py", "line": 3, "status": "applied"}]


def test_the_evidence_is_code_with_its_place(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "import wandb\n\nwandb.log({})\n"})
    told = patcher("detect", tree)
    assert told.code == 0
    assert "fits             wandb" in told.out
    assert "    a.py:1  import wandb  [guard]" in told.out
    assert f"patcher apply {tree} --recipe wandb --diff" in told.out


def test_what_is_applied_already(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "import wandb\n\nwandb.log({})\n"})
    assert patcher("apply", tree, "-r", "wandb").code == 0
    told = patcher("detect", tree)
    assert (told.code, told.out.split("\n")[0]) == (0, "applied already  wandb")
    assert "patcher apply" not in told.out


def test_a_recipe_that_fits_in_part_says_what_the_tree_lacks(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    path = tree / "pretrain.py"
    path.write_text(path.read_text().replace("lr=0,", "lr=1,"))
    found = fits(patcher, tree)
    assert found["hrm"]["verdict"] == "partly"
    assert any(reason.startswith("adam-atan2/first-lr: ") for reason in found["hrm"]["lacking"])
    told = patcher("detect", tree).out
    assert "fits in part     hrm" in told
    assert "    not adam-atan2/first-lr: " in told


def test_a_remote_that_is_the_upstream(patcher: Patcher, tmp_path: Path) -> None:
    tree = commit_all(fixture_tree("hrm", tmp_path / "hrm"))
    git(tree, "remote", "add", "origin", "git@github.com:sapientinc/HRM.git")
    assert fits(patcher, tree)["hrm"]["origin"] == "git@github.com:sapientinc/HRM.git"
    assert "its upstream is a remote of this checkout" in patcher("detect", tree).out


def test_a_tree_that_no_recipe_fits(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "print(1)\n", "requirements.txt": "torch\n"})
    told = patcher("detect", tree)
    assert (told.code, told.out.startswith("No recipe fits")) == (1, True)


def test_files_that_do_not_parse_do_not_end_it(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "import wandb\nprint 1\n", "b.py": "import wandb\nwandb.log({})\n"})
    assert fits(patcher, tree)["wandb"]["verdict"] == "fits"


def test_nothing_is_written(patcher: Patcher, tmp_path: Path) -> None:
    tree = commit_all(fixture_tree("hrm", tmp_path / "hrm"))
    patcher("detect", tree)
    assert git(tree, "status", "--porcelain", "--ignored") == ""


def test_a_folder_that_is_not_there(patcher: Patcher, tmp_path: Path) -> None:
    told = patcher("detect", tmp_path / "none")
    assert told.code == 5
    assert "There is no folder" in told.stderr


def test_of_two_upstreams_the_one_of_which_more_steps_find_something_comes_first(
    patcher: Patcher, tmp_path: Path
) -> None:
    tree = fixture_tree("sedd", tmp_path / "sedd")
    whole = [name for name, one in fits(patcher, tree).items() if one["verdict"] == "fits" and one["upstream"]]
    assert whole == ["sedd", "protlig"]
    assert f"patcher apply {tree} --recipe sedd --diff" in patcher("detect", tree).out
    assert patcher("apply", tree, "-r", "sedd").code == 0
    assert next(iter(fits(patcher, tree))) == "sedd"


def test_that_nothing_is_there_to_be_deleted_is_no_evidence(patcher: Patcher, tmp_path: Path) -> None:
    places = fits(patcher, fixture_tree("sedd", tmp_path / "sedd"))["protlig"]["places"]
    assert "unused-fused" not in {place["step"] for place in places}
