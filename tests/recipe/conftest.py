"""The shelf that every test of recipes may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    root = tmp_path / "library"
    root.mkdir()
    return Shelf(root)
