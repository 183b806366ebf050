"""`patcher list`: the recipes that come with patcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.recipe import bundled_names
from tests.helpers import Patcher


def test_every_recipe_has_a_line_with_its_summary(patcher: Patcher) -> None:
    result = patcher("list")
    assert (result.code, result.stderr) == (0, "")
    listed = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert set(bundled_names()) <= set(listed)
    assert "does not load" not in result.out


def test_summaries_stand_in_a_column(patcher: Patcher) -> None:
    lines = patcher("list").out.splitlines()
    starts = {len(line) - len(line.split(maxsplit=1)[1]) for line in lines}
    assert len(starts) == 1


def test_what_recipes_copy_is_no_recipe(patcher: Patcher) -> None:
    assert "shims" not in [line.split()[0] for line in patcher("list").out.splitlines()]


def test_a_recipe_beside_is_not_listed(patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.yaml").write_text("recipe: mine\nsummary: Mine\n")
    monkeypatch.chdir(tmp_path)
    assert "mine" not in [line.split()[0] for line in patcher("list").out.splitlines()]


def test_it_needs_nothing_more(patcher: Patcher) -> None:
    assert patcher("list", "hrm").code == 2
