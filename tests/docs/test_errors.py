"""Every row of docs/errors.md is brought about, and the sentence and the exit code are what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs import (
    errors_forks,
    errors_loops,
    errors_new,
    errors_rare,
    errors_recipes,
    errors_review,
    errors_trees,
    errors_update,
)
from tests.docs.scenes import Play, Scene, said
from tests.helpers import ROOT, Patcher

PAGE = ROOT / "docs" / "errors.md"
ROW = re.compile(r"^\| (?P<wrong>.+?) \| `` (?P<sentence>.+?) `` \| (?P<code>\d+) \|$")


@dataclass(frozen=True)
class Row:
    """One line of a table: what is wrong, the sentence, and the exit code."""

    wrong: str
    sentence: str
    code: int


def rows() -> list[Row]:
    """Return the rows of the page, in their order."""
    lines = (line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "exit |" not in line)
    found = [ROW.match(line) or pytest.fail(f"this is no row: {line}") for line in lines]
    return [Row(one["wrong"], one["sentence"].replace("\\|", "|"), int(one["code"])) for one in found]


MODULES = (
    errors_recipes,
    errors_trees,
    errors_forks,
    errors_update,
    errors_review,
    errors_loops,
    errors_rare,
    errors_new,
)


def plays() -> list[tuple[str, Play]]:
    """Return the scenes of all groups, in their order."""
    groups = (getattr(module, name) for module in MODULES for name in module.__all__)
    return [(wrong, play) for group in groups for wrong, play in group.items()]


def test_each_row_has_a_scene_and_each_scene_a_row() -> None:
    assert sorted(row.wrong for row in rows()) == sorted(wrong for wrong, _ in plays())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.wrong)
def test_a_row_says_what_patcher_says(
    row: Row, tmp_path: Path, patcher: Patcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = dict(plays())[row.wrong](Scene(tmp_path, patcher, monkeypatch))
    sentences = said(result, tmp_path)
    assert row.sentence in sentences, f"what was said: {sorted(sentences, key=len)}"
    assert result.code == row.code
