"""The real upstream trees, from the folder that PATCHER_UPSTREAMS names: one git repository each, bare or not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import git

Upstream = Callable[[str, str], Path]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.upstream)


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """Return a function that gives a clone of an upstream at a commit."""

    def clone(name: str, commit: str) -> Path:
        folder = os.environ.get("PATCHER_UPSTREAMS")
        if not folder:
            pytest.skip("PATCHER_UPSTREAMS does not name the folder of the real trees")
        origin = Path(folder, name)
        if not origin.exists():
            pytest.skip(f"there is no {name} in PATCHER_UPSTREAMS")
        target = tmp_path / name
        subprocess.run(["git", "clone", "--quiet", origin, target], check=True)
        git(target, "checkout", "--quiet", commit)
        return target

    return clone
