"""Where recipes are found: by name, and at a path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import patcher
from patcher.recipe import SHIMS, bundled_names, bundled_root, describe
from tests.recipe.shelf import HEAD, STEP, Shelf


def test_a_path_is_a_folder_or_a_file(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.add("demo", "steps:\n" + STEP).rename(tmp_path / "mine.yaml")
    (tmp_path / "fork").mkdir()
    (tmp_path / "fork" / "recipe.yaml").write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path / "fork")
    for spec in ("../mine.yaml", "../fork", "./recipe.yaml", "recipe.yaml", "."):
        recipe = shelf.load(spec)
        assert (recipe.name, recipe.bundled) == ("demo", False)


def test_a_fork_never_shadows_a_bundled_name(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add("demo", "steps:\n" + STEP)
    fork = tmp_path / "here" / "demo" / "recipe.yaml"
    fork.parent.mkdir(parents=True)
    fork.write_text(HEAD.format(name="demo") + "steps:\n" + STEP.replace("one", "fork"))
    monkeypatch.chdir(tmp_path / "here")
    assert (shelf.load("demo").steps[0].id, shelf.load("demo").bundled) == ("one", True)
    assert (shelf.load("./demo").steps[0].id, shelf.load("./demo").bundled) == ("fork", False)


def test_an_unknown_name(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.add("demo", "steps:\n" + STEP)
    shelf.add(SHIMS, "steps:\n" + STEP)
    assert shelf.complaint("dmo") == "There is no recipe `dmo`; did you mean `demo`? See `patcher list`."
    assert shelf.complaint(SHIMS) == "There is no recipe `shims`; known: demo. See `patcher list`."
    (tmp_path / "mine").mkdir()
    assert shelf.complaint("mine").endswith(" For the one here write `./mine`.")


def test_a_path_that_leads_nowhere(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shelf.complaint("./x") == "There is no file or folder `./x`; name a recipe, or see `patcher list`."
    assert shelf.complaint("x.yaml") == "There is no file or folder `x.yaml`; name a recipe, or see `patcher list`."
    assert (
        shelf.complaint("./library")
        == "The folder `./library` has no recipe.yaml; name the folder of a recipe, or its YAML file."
    )


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that even root cannot read")
def test_a_file_that_cannot_be_read(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").symlink_to("/proc/self/mem")
    assert shelf.complaint("x.yaml") == f"The recipe `x.yaml` cannot be read: {os.strerror(5)}."


def test_bundled_names_are_the_folders_with_a_recipe(shelf: Shelf) -> None:
    shelf.add("b", "steps:\n" + STEP)
    shelf.add("a", "steps:\n" + STEP)
    (shelf.root / "empty").mkdir()
    (shelf.root / SHIMS).mkdir()
    assert bundled_names(shelf.root) == ("a", "b")


def test_a_broken_recipe_does_not_hide_the_others(shelf: Shelf) -> None:
    shelf.add("a", "steps: [nothing of this is looked at]\n")
    broken = shelf.add("b", "steps: [\n")
    found = describe(shelf.root)
    assert [(one.name, one.summary) for one in found] == [("a", "A demonstration"), ("b", "")]
    assert found[0].trouble == ""
    assert found[1].trouble == f"{broken}:3:9: A bracket that opens above is never closed."


@pytest.mark.parametrize(
    ("folders", "root"),
    [
        (["recipes"], "recipes"),
        (["patcher/_recipes"], "patcher/_recipes"),
        (["recipes", "patcher/_recipes"], "patcher/_recipes"),
    ],
    ids=["a source checkout", "a wheel", "both"],
)
def test_recipes_stand_in_the_package_or_beside_it(tmp_path: Path, root: str, folders: list[str]) -> None:
    """In an installed wheel `recipes` beside the package would be somebody else's."""
    shutil.copytree(Path(patcher.__file__).parent, tmp_path / "patcher", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in folders:
        (tmp_path / folder).mkdir()
    code = "from patcher.recipe import bundled_root; print(bundled_root())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / root)


def test_the_recipes_of_patcher_are_found() -> None:
    assert bundled_root().is_dir()
    assert "hrm" in bundled_names()
    assert SHIMS not in bundled_names()


def test_recipes_are_listed_without_importing_libcst() -> None:
    code = "import sys, patcher.recipe as r; r.describe(); sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
