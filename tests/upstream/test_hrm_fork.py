"""A fork of the real sapientinc/HRM: commits, lock, hooks, review, update to a later upstream, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
import yaml

from tests.helpers import ROOT, Patcher, commit_all, git, snapshot

COMMIT = "42410daaaf6ac8b266536d105a6e2362ffe40929"
EARLIER = "171e2fcde636bcb7e6c0073a9983ed5252f04753"
LOCK = ".patcher/lock.yaml"

Upstream = Callable[[str, str], Path]


@pytest.fixture
def fork(upstream: Upstream) -> Path:
    return made(upstream("HRM", COMMIT))


def made(tree: Path) -> Path:
    """Give a clone a branch of its own and somebody who commits."""
    git(tree, "switch", "--quiet", "--create", "fork")
    git(tree, "config", "user.name", "A Keeper")
    git(tree, "config", "user.email", "keeper@example.org")
    return tree


def test_one_commit_with_its_trailers_and_undo_as_a_revert(patcher: Patcher, fork: Path) -> None:
    before = snapshot(fork)
    assert patcher("apply", fork, "-r", "hrm", "--commit").code == 0
    assert git(fork, "rev-list", "--count", f"{COMMIT}..HEAD").strip() == "1"
    trailers = git(fork, "log", "-1", "--format=%(trailers)")
    assert all(f"Patcher-{one}:" in trailers for one in ("Recipe", "Version", "Digest", "Upstream", "Plan"))
    assert COMMIT in trailers
    (entry,) = yaml.safe_load((fork / LOCK).read_text())["recipes"]
    assert (entry["recipe"], entry["upstream"], list(entry["proofs"])) == ("hrm", COMMIT, ["contiguous"])
    assert git(fork, "status", "--porcelain") == ""
    assert patcher("apply", fork).code == 0
    assert patcher("undo", fork).code == 0
    assert git(fork, "rev-list", "--count", f"{COMMIT}..HEAD").strip() == "2"
    assert snapshot(fork) == before


def test_a_commit_a_step_on_a_branch(patcher: Patcher, fork: Path) -> None:
    report = patcher("apply", fork, "-r", "hrm", "--check", "--format", "json").json
    applied = [one["id"] for one in report["steps"] if one["status"] == "applied"]
    assert patcher("apply", fork, "-r", "hrm", "--commit-per", "step", "--branch", "patched").code == 0
    assert git(fork, "branch", "--show-current").strip() == "patched"
    subjects = git(fork, "log", "--format=%s", f"{COMMIT}..HEAD").splitlines()
    assert len(subjects) >= len(applied)
    assert patcher("apply", fork, "-r", "hrm", "--check").code == 0


def test_the_mail_is_what_git_am_takes(patcher: Patcher, fork: Path, tmp_path: Path) -> None:
    result = patcher("apply", fork, "-r", "hrm", "--format", "patch")
    (tmp_path / "hrm.mbox").write_bytes(result.stdout)
    git(fork, "am", "--quiet", str(tmp_path / "hrm.mbox"))
    assert patcher("apply", fork, "-r", "hrm", "--check").code == 0


def test_sarif_is_valid_and_names_the_lines(patcher: Patcher, fork: Path, tmp_path: Path) -> None:
    result = patcher("apply", fork, "-r", "hrm", "--check", "--format", "sarif")
    found = json.loads(result.stdout)
    lines = {
        place["physicalLocation"]["artifactLocation"]["uri"]
        for one in found["runs"][0]["results"]
        for place in one["locations"]
    }
    assert {"pretrain.py", "evaluate.py", "models/layers.py"} <= lines
    annotations = patcher("apply", fork, "-r", "hrm", "--check", "--format", "github").out
    assert "file=models/layers.py,line=134" in annotations


def test_the_hooks_hold_the_patches(patcher: Patcher, fork: Path, tmp_path: Path) -> None:
    pytest.importorskip("pre_commit")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("patcher", "recipes"):
        shutil.copytree(ROOT / name, hooks / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, hooks)
    commit_all(hooks)
    assert patcher("apply", fork, "-r", "hrm", "--commit").code == 0
    repo = {"repo": str(hooks), "rev": git(hooks, "rev-parse", "HEAD").strip(), "hooks": [{"id": "patcher-check"}]}
    (fork / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
    git(fork, "add", "--all")
    environment = {**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")}

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(command, cwd=fork, env=environment, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    layers = fork / "models/layers.py"
    layers.write_text(layers.read_text().replace(".contiguous().view(", ".view("))
    git(fork, "add", "--all")
    lost = run()
    assert lost.returncode == 1
    assert "models/layers.py:137: contiguous:" in lost.stdout, lost.stdout
    assert "the strides of an attention output" in " ".join(lost.stdout.split())
    repo["hooks"] = [{"id": "patcher-apply"}]
    (fork / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
    git(fork, "add", "--all")
    assert run().returncode == 1 and ".contiguous().view(" in layers.read_text()
    git(fork, "add", "--all")
    assert run().returncode == 0


def test_update_to_the_next_commit_of_the_upstream(patcher: Patcher, upstream: Upstream) -> None:
    fork = made(upstream("HRM", EARLIER))
    assert patcher("apply", fork, "-r", "hrm", "--commit").code == 0
    readme = fork / "README.md"
    readme.write_text(f"# Our fork\n\n{readme.read_text()}")
    git(fork, "commit", "--quiet", "--all", "--message", "Our own words")
    before = snapshot(fork)
    seen = patcher("update", fork, "--onto", COMMIT)
    assert seen.code in (0, 1), seen.stderr
    assert snapshot(fork) == before and git(fork, "status", "--porcelain") == ""
    result = patcher("update", fork, "--onto", COMMIT, "--commit")
    assert result.code == 0, result.out + result.stderr
    assert git(fork, "merge-base", "HEAD", COMMIT).strip() == COMMIT
    assert patcher("apply", fork, "--check").code == 0
    assert readme.read_text().startswith("# Our fork\n")
    assert git(fork, "diff", "--stat", COMMIT, "--", "utils", "dataset/build_sudoku_dataset.py") == ""


def test_a_review_of_the_real_tree_in_a_terminal(patcher: Patcher, fork: Path) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "patcher", "apply", str(fork), "-r", "hrm", "-i", "--lock"],
        encoding="utf-8",
        dimensions=(40, 80),
        timeout=60,
    )
    for key in "nyq":
        child.expect("Take this")
        child.sendline(key)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    (entry,) = yaml.safe_load((fork / LOCK).read_text())["recipes"]
    assert len(entry["declined"]) == 1
    (again,) = patcher("apply", fork, "--check", "--format", "json").json["plans"]
    declined = [place for step in again["steps"] for place in step["places"] if "declined" in place["reason"]]
    assert declined
    assert patcher("undo", fork).code == 0
    assert git(fork, "status", "--porcelain", "--ignored") == ""


def test_clone_brings_the_upstream_at_its_tested_commit(
    patcher: Patcher, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = upstream("HRM", COMMIT)
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{origin}.insteadOf"}
    settings["GIT_CONFIG_VALUE_0"] = "https://github.com/sapientinc/HRM"
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    target = tmp_path / "cloned"
    result = patcher("clone", "hrm", target)
    assert result.code == 0, result.stderr
    assert git(target, "rev-parse", "HEAD").strip() == COMMIT
    assert patcher("apply", target, "-r", "hrm", "--check").code == 0
