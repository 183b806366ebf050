"""The real upstream trees, from the folder that PATCHER_UPSTREAMS names: one git repository each, bare or not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.helpers import git


class Upstream(Protocol):
    """What the fixture gives."""

    def __call__(self, name: str, commit: str, only: Sequence[str] = ()) -> Path: ...


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.upstream)


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """Return a function that gives a clone of an upstream at a commit; `only` narrows it to files of some globs."""

    def clone(name: str, commit: str, only: Sequence[str] = ()) -> Path:
        folder = os.environ.get("PATCHER_UPSTREAMS")
        if not folder:
            pytest.skip("PATCHER_UPSTREAMS does not name the folder of the real trees")
        origin = Path(folder, name)
        if not origin.exists():
            pytest.skip(f"there is no {name} in PATCHER_UPSTREAMS")
        target = tmp_path / name
        subprocess.run(["git", "clone", "--quiet", "--no-checkout", origin, target], check=True)
        if only:
            git(target, "sparse-checkout", "set", "--no-cone", *only)
        git(target, "checkout", "--quiet", commit)
        return target

    return clone
