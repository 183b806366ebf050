"""What every test may use, and the rule that nothing is skipped where everything must run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.helpers import Patcher
from tests.tiny import Tiny

ROOT = Path(__file__).parents[1]


@pytest.fixture
def root() -> Path:
    """The folder of the project."""
    return ROOT


@pytest.fixture(autouse=True)
def _own_git_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits in tests are made by nobody in particular, with nobody's configuration."""
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@localhost")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """Turn a skip into a failure where PATCHER_NO_SKIP says so; upstream trees are not there on every machine."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("PATCHER_NO_SKIP") and not item.get_closest_marker("upstream"):
        if hasattr(report, "wasxfail"):
            return
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"


@pytest.fixture
def patcher(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Patcher:
    """The command line, run in this process."""
    return Patcher(monkeypatch, capfdbinary)


@pytest.fixture
def tiny(tmp_path: Path, patcher: Patcher) -> Tiny:
    """A tree and a recipe of a few lines."""
    return Tiny(tmp_path, patcher)
