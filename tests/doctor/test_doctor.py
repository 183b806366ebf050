"""doctor, from the command line, on real interpreters."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.helpers import Patcher, commit_all, fixture_tree, git, write_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return commit_all(write_tree(tmp_path / "tree", {"a.py": "import torch\nimport no_such_package\n"}))


def test_what_is_missing_and_its_remedy(patcher: Patcher, tree: Path) -> None:
    told = patcher("doctor", tree, "--python", sys.executable)
    assert told.code == 1
    assert "missing  no_such_package  no_such_package is not installed, and a.py:2 imports it." in told.out
    assert f"{sys.executable} -m pip install no-such-package" in told.out
    assert told.out.endswith("1 thing is missing.\n")


def test_nothing_is_missing(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", {"a.py": "import yaml\nfrom click import echo\n"})
    told = patcher("doctor", tree, "--python", sys.executable)
    assert (told.code, told.out.splitlines()[-1]) == (0, "Nothing is missing.")


def test_what_the_recipe_of_the_upstream_leaves_alone_is_not_asked_for(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("sedd", tmp_path / "tree")
    write_tree(tree, {"model/fused_dense.py": "import no_such_package\n"})
    step = {"id": "a", "why": "w", "replace": "numpy.minimum($A, $B)", "with": "min($A, $B)", "effect": "exact"}
    recipe = {"recipe": "mine", "summary": "s", "upstream": {"repository": "x"}, "steps": [step]}
    found = {}
    for name, left in (("all", {}), ("less", {"leave": {"**/fused_dense.py": "vendored"}})):
        path = write_tree(tmp_path / name, {"recipe.yaml": json.dumps({**recipe, **left})}) / "recipe.yaml"
        found[name] = "no_such_package" in patcher("doctor", tree, "-r", path, "--python", sys.executable).out
    assert found == {"all": True, "less": False}


def test_what_the_upstream_lists_and_its_runs_need_is_asked_for_though_no_file_imports_it(
    patcher: Patcher, tmp_path: Path
) -> None:
    tree = write_tree(
        tmp_path / "tree", {"a.py": "import json\njson.loads(x)\n", "requirements.txt": "No_such.plugin\nno-other\n"}
    )
    check = {"id": "t", "why": "w", "run": ["python", "a.py"], "packages": ["no-such-plugin", "no-choice"]}
    step = {"id": "s", "why": "w", "replace": "json.loads($A)", "with": "json.load($A)", "effect": "exact"}
    text = {"recipe": "mine", "summary": "s", "upstream": {"repository": "x"}, "steps": [step], "checks": [check]}
    path = write_tree(tmp_path / "mine", {"recipe.yaml": json.dumps(text)}) / "recipe.yaml"
    told = patcher("doctor", tree, "-r", path, "--python", sys.executable).out
    assert "no-such-plugin is not installed, and requirements.txt lists it." in told
    assert "no-other" not in told
    assert "no-choice" not in told


def test_as_json(patcher: Patcher, tree: Path) -> None:
    told = patcher("doctor", tree, "--python", sys.executable, "--format", "json")
    data = json.loads(told.stdout)
    assert (data["exit_code"], data["python"]) == (1, sys.executable)
    assert [one["about"] for one in data["findings"] if one["state"] == "missing"] == ["no_such_package"]


def test_a_package_that_ends_its_process(patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = write_tree(
        tmp_path / "packages", {"abrupt.py": "import os\nos._exit(3)\n", "loud.py": "print('hello')\n"}
    )
    monkeypatch.setenv("PYTHONPATH", str(packages))
    tree = write_tree(tmp_path / "tree", {"a.py": "import abrupt\nimport loud\n"})
    told = patcher("doctor", tree, "--python", sys.executable)
    assert "abrupt does not import, as a.py:1 does: it ended the process that imported it." in told.out
    assert "loud" not in told.out


def test_what_a_package_says_stays_on_its_line(
    patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "raise RuntimeError('one\\ntwo \\x1b[31mred')\n"
    monkeypatch.setenv("PYTHONPATH", str(write_tree(tmp_path / "packages", {"odd.py": text})))
    tree = write_tree(tmp_path / "tree", {"a.py": "import odd\n"})
    told = patcher("doctor", tree, "--python", sys.executable).out
    (line,) = [line for line in told.splitlines() if "RuntimeError" in line]
    assert "one" in line
    assert "two" in line
    assert "\x1b" not in told


def test_a_stub_of_a_package_that_lacks_the_names(
    patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_tree(tmp_path / "packages", {"flash_attn_interface.py": ""})))
    tree = write_tree(tmp_path / "tree", {"a.py": "from flash_attn_interface import flash_attn_func\n"})
    told = patcher("doctor", tree, "--python", sys.executable)
    assert (told.code, "has no flash_attn_func, which a.py:1 asks for" in told.out) == (1, True)


EITHER = "try:\n    from fa3 import f\nexcept ImportError:\n    from fa2 import f\n"


@pytest.mark.parametrize(
    ("packages", "told"),
    [
        ({"fa3.py": "f = 1\n"}, set()),
        ({"fa3.py": "", "fa2.py": "f = 1\n"}, set()),
        ({"fa3.py": ""}, {"fa2", "fa3"}),
        ({"fa3.py": "import no_such_part\n"}, {"fa2"}),
    ],
    ids=["first", "second", "placeholder", "broken"],
)
def test_one_of_two_ways_is_enough(
    patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str], told: set[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_tree(tmp_path / "packages", packages)))
    tree = write_tree(tmp_path / "tree", {"a.py": EITHER})
    result = patcher("doctor", tree, "-r", "flash-attn", "--python", sys.executable, "--format", "json")
    found = json.loads(result.stdout)["findings"]
    assert {one["about"] for one in found if one["state"] == "missing"} == told


def test_a_program_that_is_no_python(patcher: Patcher, tree: Path) -> None:
    told = patcher("doctor", tree, "--python", "true")
    assert told.code == 5
    assert "could not be asked for its packages; is it a Python?" in told.stderr


def test_nothing_is_written(patcher: Patcher, tree: Path) -> None:
    patcher("doctor", tree, "--python", sys.executable)
    assert git(tree, "status", "--porcelain", "--ignored") == ""
