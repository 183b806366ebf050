"""The hooks for forks, with the real pre-commit and the real git, on a fork of the miniature of HRM."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.helpers import ROOT, Patcher, commit_all, fixture_tree, git

pytestmark = pytest.mark.slow

WHY = "the strides of an attention output depend on the backend that made it"
PATCHED, LOST = ".contiguous().view(", ".view("


@pytest.fixture(scope="session")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what pre-commit installs, as it is here and not as it was committed last."""
    pytest.importorskip("pre_commit", reason="pre-commit is not installed")
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "hooks"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "patcher").exists():
            probe = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder / "probe", "hatchling"]
            if subprocess.run(probe, capture_output=True, check=False).returncode:
                pytest.skip("the package index cannot be reached, and pre-commit installs patcher with what it needs")
            _copy(folder / "new")
            (folder / "new").rename(folder / "patcher")
    return folder


def _copy(target: Path) -> None:
    target.mkdir()
    for name in ("patcher", "recipes"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, target)
    commit_all(target)


class Fork:
    """A fork of the miniature, patched and committed, with the hooks installed."""

    def __init__(self, root: Path, hooks: Path) -> None:
        self.root, self.hooks = root, hooks
        self.layers = root / "models" / "layers.py"

    def configure(self, *ids: str, **keys: object) -> None:
        revision = git(self.hooks / "patcher", "rev-parse", "HEAD").strip()
        repo = {"repo": str(self.hooks / "patcher"), "rev": revision, "hooks": [{"id": one, **keys} for one in ids]}
        (self.root / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [repo]}))
        git(self.root, "add", ".pre-commit-config.yaml")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PRE_COMMIT_HOME": str(self.hooks / "home"), "PRE_COMMIT_COLOR": "never"}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    def pre_commit(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "pre_commit", "run", *options)

    def commit(self, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("git", "commit", "--message", "a commit", *options)

    def lose(self) -> None:
        """Take the patched line out, as a careless merge would."""
        text = self.layers.read_text()
        assert PATCHED in text
        self.layers.write_text(text.replace(PATCHED, LOST))


@pytest.fixture
def fork(tmp_path: Path, hooks: Path, patcher: Patcher) -> Fork:
    root = fixture_tree("hrm", tmp_path / "HRM")
    assert patcher("apply", root, "-r", "hrm", "-p", "optimizer=faithful", "--commit").code == 0
    found = Fork(root, hooks)
    found.configure("patcher-check")
    git(root, "commit", "--quiet", "--message", "hooks")
    installed = found.run(sys.executable, "-m", "pre_commit", "install")
    assert installed.returncode == 0, installed.stderr
    return found


def test_a_fork_that_holds_its_patches_passes(fork: Fork) -> None:
    done = fork.pre_commit("--all-files")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Passed" in done.stdout


def test_a_lost_line_stops_the_commit_and_says_why(fork: Fork) -> None:
    fork.lose()
    before = git(fork.root, "rev-parse", "HEAD")
    done = fork.commit("--all")
    assert done.returncode != 0
    assert f"models/layers.py:48: contiguous: {WHY}" in done.stderr
    assert "To mend it:  patcher apply . --staged; git add models/layers.py" in done.stderr
    assert git(fork.root, "rev-parse", "HEAD") == before


def test_the_apply_hook_mends_it_and_the_second_run_passes(fork: Fork) -> None:
    patched = fork.layers.read_bytes()
    fork.configure("patcher-apply", "patcher-check")
    fork.lose()
    git(fork.root, "add", "--update")
    first = fork.pre_commit()
    assert first.returncode != 0
    assert "files were modified by this hook" in first.stdout
    assert fork.layers.read_bytes() == patched
    git(fork.root, "add", "--update")
    assert fork.pre_commit().returncode == 0


def test_a_new_file_is_named_for_the_commit(fork: Fork) -> None:
    fork.configure("patcher-apply")
    shim = fork.root / "models" / "flash_attn_torch" / "__init__.py"
    data = shim.read_bytes()
    git(fork.root, "rm", "--quiet", "-r", "models/flash_attn_torch")
    git(fork.root, "checkout", "HEAD~2", "--", "models/layers.py")
    done = fork.pre_commit()
    assert done.returncode != 0
    assert "git add models/flash_attn_torch/__init__.py models/layers.py" in done.stdout
    assert shim.read_bytes() == data


def test_a_fresh_clone_has_no_journal_and_needs_none(fork: Fork, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(fork.root), "ci")
    clone = Fork(tmp_path / "ci", fork.hooks)
    assert clone.pre_commit("--all-files").returncode == 0
    assert not (clone.root / ".git" / "patcher").exists()


def test_what_is_not_staged_is_not_judged(fork: Fork) -> None:
    (fork.root / "README.md").write_text("more\n")
    git(fork.root, "add", "README.md")
    fork.lose()
    lost = fork.layers.read_bytes()
    done = fork.commit()
    assert done.returncode == 0, done.stderr
    assert fork.layers.read_bytes() == lost


def test_what_is_staged_is_judged_although_the_work_tree_is_whole(fork: Fork) -> None:
    patched = fork.layers.read_bytes()
    fork.lose()
    git(fork.root, "add", "--update")
    fork.layers.write_bytes(patched)
    assert WHY in fork.commit().stderr
    assert fork.layers.read_bytes() == patched


def test_a_commit_of_some_paths_is_judged_by_these(fork: Fork) -> None:
    (fork.root / "README.md").write_text("more\n")
    fork.lose()
    assert fork.commit("--only", "--", "README.md").returncode == 0
    assert WHY in fork.commit("--only", "--", "models/layers.py").stderr


def test_a_merge_that_loses_the_line_is_stopped(fork: Fork) -> None:
    git(fork.root, "switch", "--quiet", "--create", "theirs")
    fork.lose()
    git(fork.root, "commit", "--quiet", "--all", "--no-verify", "--message", "theirs")
    git(fork.root, "switch", "--quiet", "-")
    (fork.root / "README.md").write_text("more\n")
    git(fork.root, "commit", "--quiet", "--all", "--no-verify", "--message", "ours")
    git(fork.root, "merge", "--quiet", "--no-commit", "theirs")
    assert WHY in fork.commit().stderr


def test_the_recipe_may_stand_in_args(fork: Fork) -> None:
    git(fork.root, "rm", "--quiet", ".patcher/lock.yaml")
    assert "has no .patcher/lock.yaml" in fork.pre_commit().stdout
    fork.configure("patcher-check", args=["-r", "hrm", "-p", "optimizer=faithful"])
    done = fork.pre_commit()
    assert done.returncode == 0, done.stdout


def test_a_recipe_is_applied_with_the_hooks_in_place(
    fork: Fork, patcher: Patcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRE_COMMIT_HOME", str(fork.hooks / "home"))
    (fork.root / "more.py").write_text("import torch\n\ntorch.zeros(1).cuda()\n")
    recipe = fork.root.parent / "mine.yaml"
    recipe.write_text(
        "recipe: mine\nsummary: s\nsteps: [{id: zeros, why: w, effect: exact, replace: torch.zeros($X), "
        "with: torch.ones($X)}]\n"
    )
    git(fork.root, "add", "more.py")
    git(fork.root, "commit", "--quiet", "--no-verify", "--message", "more")
    result = patcher("apply", fork.root, "-r", recipe, "--commit")
    assert result.code == 0, result.stderr
    assert git(fork.root, "log", "-1", "--format=%s") == "Apply patcher recipe mine\n"
