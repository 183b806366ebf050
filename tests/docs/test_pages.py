"""The page of each bundled recipe is what its recipe and cases say: `make docs` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.recipe import bundled_names
from tests.helpers import ROOT, Patcher

PAGES = ROOT / "docs" / "recipes"


@pytest.mark.parametrize("name", bundled_names())
def test_a_page_is_fresh(patcher: Patcher, name: str) -> None:
    told = patcher("show", name, "--format", "markdown")
    assert told.code == 0
    assert (PAGES / f"{name}.md").read_text() == told.out, "run `make docs`"


def test_no_page_of_a_recipe_that_is_gone() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md")) == list(bundled_names())


def test_a_page_has_every_step_with_its_reason_and_effect(patcher: Patcher) -> None:
    page = patcher("show", "device", "--format", "markdown").out
    assert "### pin-memory\n\nPinned memory is for copies to a CUDA device; without one it only warns.\n" in page
    assert "**edit**; effect: exact." in page
    assert "-loader = Loader(data, pin_memory=True, num_workers=1)\n" in page


def test_a_page_is_written_to_a_file(patcher: Patcher, tmp_path: Path) -> None:
    told = patcher("show", "wandb", "--format", "markdown", "--output", tmp_path / "page.md")
    assert (told.code, told.out) == (0, "")
    assert (tmp_path / "page.md").read_text().startswith("# wandb\n")


def test_a_file_for_text_is_refused(patcher: Patcher, tmp_path: Path) -> None:
    told = patcher("show", "wandb", "--output", tmp_path / "page.md")
    assert (told.code, "say --format markdown too" in told.stderr) == (2, True)
