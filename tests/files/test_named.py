"""Files beside the lists of requirements that name what a step takes out: told, never edited."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import write_tree
from tests.verbs.checks import tree_plan

REPLACE = {"replace": {"adam-atan2": "adam-atan2-pytorch>=0.1.18"}}
LISTED = {"requirements.txt": "adam-atan2==1\n"}


def told(folder: Path, files: Mapping[str, str], words: Mapping[str, Any] = REPLACE) -> list[str]:
    made = tree_plan({"requirements": words}, write_tree(folder, files))
    return [f"{place}: {place.reason}" for place in made.leftovers]


@pytest.mark.parametrize(
    "path", ["Pipfile", "Dockerfile", "docker/gpu.Dockerfile", "README.md", "docs/a.rst", "run.sh"]
)
@pytest.mark.parametrize("listed", [LISTED, {}])
def test_a_file_that_names_a_package_is_told(tmp_path: Path, path: str, listed: dict[str, str]) -> None:
    text = "x\npip install Adam_Atan2==1\nadam.atan2\nadam-atan2\n"
    assert told(tmp_path, {**listed, path: text}) == [f"{path}:2: it names adam-atan2, as 2 more lines do"]


def test_the_sources_of_a_pyproject_are_told(tmp_path: Path) -> None:
    text = "[project]\ndependencies = ['adam-atan2']\n[tool.uv.sources]\nadam-atan2 = {git = 'x'}\n"
    assert told(tmp_path, {"pyproject.toml": text}) == ["pyproject.toml:4: it names adam-atan2"]


POETRY = '[tool.poetry.dependencies]\n{}[tool.poetry.extras]\ngpu = ["flash-attn"]\n'


@pytest.mark.parametrize("lines", ['flash-attn = "*"\n', 'flash-attn = "*"\nflash_attn = "1"\n'])
def test_a_line_is_told_where_it_stands_before_others_go(tmp_path: Path, lines: str) -> None:
    said = told(tmp_path, {"pyproject.toml": POETRY.format(lines)}, {"drop": ["flash-attn"]})
    assert said == [f"pyproject.toml:{3 + lines.count(chr(10))}: it names flash-attn"]


def test_an_umlaut_and_a_mark_move_no_place(tmp_path: Path) -> None:
    text = "\ufeff# für\n" + POETRY.format('flash-attn = "*"\n')
    assert told(tmp_path, {"pyproject.toml": text}, {"drop": ["flash-attn"]}) == [
        "pyproject.toml:5: it names flash-attn"
    ]


# --- nothing is told ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "adam-atan2-pytorch, my-adam-atan2 and adam-atan23\n"),
        ("config.yaml", "adam-atan2: 1\n"),
        ("a.py", "x = 'adam-atan2'\n"),
        ("requirements-dev.txt", "# adam-atan2\n"),
        ("README.md", "a" * 1_000_001 + " adam-atan2\n"),
    ],
)
def test_what_is_another_name_or_no_place_for_it_is_not_told(tmp_path: Path, path: str, text: str) -> None:
    assert told(tmp_path, {**LISTED, path: text}) == []


@pytest.mark.parametrize(
    "words", [{"loosen": ["torch"]}, {"replace": {"torch": "torch>=2"}}, {"drop": ["tor*"]}, {"add": ["torch"]}]
)
def test_what_stays_in_the_tree_is_not_told(tmp_path: Path, words: dict[str, Any]) -> None:
    assert told(tmp_path, {"requirements.txt": "torch==1\n", "README.md": "torch\n"}, words) == []


def test_a_line_that_is_refused_is_not_told_twice(tmp_path: Path) -> None:
    assert told(tmp_path, {"setup.cfg": "[options]\ninstall_requires = adam-atan2\n"}) == []


def test_a_refused_line_below_one_that_goes_is_not_told_twice(tmp_path: Path) -> None:
    text = "[options]\ninstall_requires =\n    flash-attn\n[options.extras_require]\ngpu = flash-attn\n"
    assert told(tmp_path, {"setup.cfg": text}, {"drop": ["flash-attn"]}) == []
