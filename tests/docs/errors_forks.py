"""What can be wrong with a fork: its lock, its commits, its hooks, and recipes from elsewhere. Scenes by their row."""

from __future__ import annotations

import os
import subprocess

from tests.docs.scenes import HEAD, Play, Scene
from tests.helpers import Result, commit_all, git, write_tree

__all__ = ["COMMIT", "ELSEWHERE", "LOCK", "STAGED"]

ROUND = "replace: abs($X)\nwith: round($X)"


def apply(*options: str, git: bool = True) -> Play:
    return lambda scene: scene.tree("abs(1)\n", git=git).steps(ROUND).apply(*options)


def _text(text: str) -> Play:
    """Apply what a lock says that somebody wrote by hand."""
    return lambda scene: scene.tree({"a.py": "abs(1)\n", ".patcher/lock.yaml": text}).run("apply", "tree")


def _changed(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--lock")
    scene.steps(ROUND.replace("round", "hash"))
    return scene.run("apply", "tree")


def _others(scene: Scene) -> Result:
    head = "parameters: {rate: {type: int, default: 1}}\n"
    scene.tree("abs(1)\n", git=True).steps(ROUND, head=head).apply("--lock", "-p", "rate=2")
    return scene.apply()


LOCK: dict[str, Play] = {
    "no recipe, and no lock": lambda scene: scene.tree("").run("apply", "tree"),
    "a parameter of the lock's recipes": lambda scene: scene.tree("").run("apply", "tree", "-p", "rate=1"),
    "a lock that is none": _text("a: b\n"),
    "a lock of another format": _text("format: 9\nrecipes: []\n"),
    "a recipe that was changed since it was locked": _changed,
    "other parameters than the lock has": _others,
}


def _hooked(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    hook = scene.root / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no\nexit 1\n")
    hook.chmod(0o755)
    return scene.apply("--commit")


def _nobody(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    git(scene.root, "config", "user.useConfigOnly", "true")
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        scene.monkeypatch.delenv(name)
    return scene.apply("--commit")


def _unborn(scene: Scene) -> Result:
    git(scene.tree("abs(1)\n").steps(ROUND).root, "init", "--quiet")
    return scene.apply("--commit")


def _bisecting(scene: Scene) -> Result:
    git(scene.tree("abs(1)\n", git=True).steps(ROUND).root, "bisect", "start")
    return scene.apply("--commit")


def _taken(scene: Scene) -> Result:
    git(scene.tree("abs(1)\n", git=True).steps(ROUND).root, "branch", "patched")
    return scene.apply("--branch", "patched")


def _waiting(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply()
    return scene.apply("--commit")


def _twice(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--commit")
    return scene.apply("--commit")


def _detached(scene: Scene) -> Result:
    git(scene.tree("abs(1)\n", git=True).steps(ROUND).root, "checkout", "--quiet", "--detach")
    return scene.apply("--commit")


def _elsewhere(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--commit", "--branch", "patched")
    git(scene.root, "switch", "--quiet", "-")
    return scene.run("undo", "tree")


def _reset(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--commit")
    (scene.root / ".patcher" / "lock.yaml").touch()
    git(scene.root, "rm", "--quiet", "--cached", "a.py")
    return scene.run("undo", "tree")


COMMIT: dict[str, Play] = {
    "a commit without git": apply("--commit", git=False),
    "a commit before the first": _unborn,
    "a commit in the middle of something": _bisecting,
    "a commit by nobody": _nobody,
    "a commit that a hook refuses": _hooked,
    "a commit of your own work": apply("--commit", "--allow-dirty"),
    "a commit beside what was not committed": _waiting,
    "a commit of nothing": _twice,
    "a commit on no branch": _detached,
    "a branch that there is": _taken,
    "--format patch with --diff": apply("--format", "patch", "--diff"),
    "an undo on another branch": _elsewhere,
    "an undo beside other work": _reset,
}


def _staged(scene: Scene) -> Scene:
    scene.tree("x = 1\n", git=True).steps(ROUND)
    write_tree(scene.root, {"a.py": "abs(1)\n"})
    git(scene.root, "add", "a.py")
    return scene


def _beside(scene: Scene) -> Result:
    write_tree(_staged(scene).root, {"a.py": "abs(2)\n"})
    return scene.apply("--staged")


def _conflict(scene: Scene) -> Result:
    scene.tree("x = 1\n", git=True).steps(ROUND)
    for words, text in ((["--create", "theirs"], "abs(2)\n"), (["-"], "abs(3)\n")):
        git(scene.root, "switch", "--quiet", *words)
        write_tree(scene.root, {"a.py": text})
        git(scene.root, "commit", "--quiet", "--all", "--message", "one")
    subprocess.run(["git", "-C", scene.root, "merge", "--quiet", "theirs"], capture_output=True, check=False)
    return scene.apply("--staged", "--check")


STAGED: dict[str, Play] = {
    "a lost patch in a commit": lambda scene: _staged(scene).apply("--staged", "--check"),
    "a lost patch, and how to mend it": lambda scene: _staged(scene).apply("--staged", "--check"),
    "a lost patch that was put back": lambda scene: _staged(scene).apply("--staged"),
    "other work than is staged": _beside,
    "a conflict in what is staged": _conflict,
    "nothing that could be staged": apply("--staged", git=False),
    "--staged with --commit": apply("--staged", "--commit"),
}


def _host(scene: Scene, recipe: str = "") -> Scene:
    """Put a recipe into a repository of its own."""
    scene.monkeypatch.setenv("XDG_CACHE_HOME", str(scene.folder / "cache"))
    step = "  - {id: swap, why: w, effect: exact, replace: abs($X), with: round($X)}\n"
    commit_all(write_tree(scene.folder / "host", {"mine/recipe.yaml": f"{HEAD}steps:\n{step}{recipe}"}))
    return scene.tree("abs(1)\n", git=True)


def _from(scene: Scene, spec: str) -> Result:
    return scene.run("apply", "tree", "-r", spec.replace("HOST", f"file://{scene.folder}/host"))


def _linked(scene: Scene) -> Result:
    _host(scene)
    (scene.folder / "host" / "mine" / "more").symlink_to("/etc")
    commit_all(scene.folder / "host")
    return _from(scene, "git+HOST#mine")


def _tampered(scene: Scene) -> Result:
    _host(scene)
    scene.run("apply", "tree", "-r", f"git+file://{scene.folder}/host#mine", "--lock")
    next((scene.folder / "cache").rglob("recipe.yaml")).write_text("recipe: mine\n")
    return scene.run("apply", "tree")


def upstream(repository: str = "host", tested: str = "") -> Play:
    """Clone the upstream of a recipe."""

    def play(scene: Scene) -> Result:
        _host(scene)
        commit = tested or git(scene.folder / "host", "rev-parse", "HEAD").strip()
        head = f"upstream: {{repository: {scene.folder}/{repository}, tested: ['{commit}']}}\n"
        return scene.steps(ROUND, head=head).run("clone", "./mine.yaml", "tree" if repository == "full" else "new")

    return play


def _link_beside(scene: Scene) -> Result:
    (scene.folder / "link.json").symlink_to("other.json")
    check = "checks: [{id: train, why: w, run: [python], golden: link.json}]\n"
    return scene.steps(ROUND, head=check).show()


ELSEWHERE: dict[str, Play] = {
    "a recipe's URL that is none": lambda scene: _from(_host(scene), "git+/home/you/host"),
    "a recipe's repository that is not there": lambda scene: _from(_host(scene), "git+HOST2"),
    "a recipe's branch that is not there": lambda scene: _from(_host(scene), "git+HOST@v9#mine"),
    "a recipe from elsewhere with a link": _linked,
    "a recipe from elsewhere that uses another": lambda scene: _from(
        _host(scene.files({"other.yaml": HEAD}), f"  - use: {scene.folder}/other.yaml\n"), "git+HOST#mine"
    ),
    "a recipe that is not what the lock has": _tampered,
    "a check's file elsewhere": lambda scene: scene.steps(
        ROUND, head="checks: [{id: train, why: w, run: [python], prepare: ../data.py}]\n"
    ).show(),
    "a file of a recipe behind a link": _link_beside,
    "an upstream without a commit": lambda scene: scene.steps(ROUND).run("clone", "./mine.yaml"),
    "an upstream that is not there": upstream("none"),
    "an upstream that lost its commit": upstream(tested="1" * 40),
    "a clone into a folder that is full": upstream("full"),
}
