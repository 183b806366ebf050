"""Files that a recipe names: below its own folder, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import Patcher, write_tree

CHECK = {"id": "train", "why": "w", "run": ["python", "train.py"]}
STEP = {"id": "swap", "why": "w", "effect": "exact", "replace": "abs($X)", "with": "round($X)"}


def show(folder: Path, patcher: Patcher, kind: str, file: str) -> str:
    """Load a recipe that names a file, and return what is said of it."""
    check, step = dict(CHECK), dict(STEP)
    if kind in ("prepare", "golden"):
        check[kind] = file  # type: ignore[assignment]
    elif kind == "proof":
        step["proof"] = {"of": "a.py::f", "cases": file}  # type: ignore[assignment]
    else:
        step = {"id": "mod", "why": "w", "effect": "exact", "codemod": f"{file}:Mod", "mentions": "x"}
    recipe = {"recipe": "mine", "summary": "s", "steps": [step], "checks": [check]}
    write_tree(folder / "mine", {"recipe.yaml": json.dumps(recipe)})
    return patcher("show", f"{folder}/mine").stderr


KINDS = ["prepare", "golden", "proof", "codemod"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["../x.py", "/etc/x.py", "a/../../x.py"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, patcher: Patcher, kind: str, file: str) -> None:
    assert f"`{file}` leads out of the recipe's folder; keep the " in show(tmp_path, patcher, kind, file)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["link.py", "links/x.py"])
def test_a_path_through_a_link_is_refused(tmp_path: Path, patcher: Patcher, kind: str, file: str) -> None:
    write_tree(tmp_path, {"out/x.py": "", "mine/more/y.py": ""})
    (tmp_path / "mine" / "link.py").symlink_to("../out/x.py")
    (tmp_path / "mine" / "links").symlink_to("../out")
    assert f"`{file}` leads through the link {file.partition('/')[0]};" in show(tmp_path, patcher, kind, file)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", ["x.py", "more/x.py", "..x.py"])
def test_a_path_below_it_is_taken(tmp_path: Path, patcher: Patcher, kind: str, file: str) -> None:
    assert show(tmp_path, patcher, kind, file) == ""


def test_the_recipe_itself_may_be_reached_through_a_link(tmp_path: Path, patcher: Patcher) -> None:
    show(tmp_path, patcher, "golden", "x.json")
    (tmp_path / "link").symlink_to("mine")
    assert patcher("show", tmp_path / "link").code == 0
