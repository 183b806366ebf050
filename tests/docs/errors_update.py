"""What can be wrong with an update. Scenes by their row."""

from __future__ import annotations

from collections.abc import Callable

from tests.docs.scenes import Play, Scene
from tests.helpers import Result, git

__all__ = ["UPDATE"]

SWAP = "replace: abs($X)\nwith: round($X)"
OLD = "abs(1)\n" + "x = 1\n" * 9 + "last = 1\n"
Edit = tuple[str, str]


def update(new: Edit, own: Edit = ("last", "last"), *options: str, steps: str = SWAP) -> Play:
    """Update a fork, which edited its upstream and was patched, to what the upstream then edited."""

    def play(scene: Scene) -> Result:
        fork(scene, new, own, steps)
        return scene.run("update", "tree", "-r", "./mine.yaml", "--onto", "new", *options)

    return play


def fork(scene: Scene, new: Edit = ("x", "y"), own: Edit = ("last", "last"), steps: str = SWAP) -> Scene:
    scene.tree(OLD, git=True).steps(steps)
    git(scene.root, "switch", "-q", "-c", "new")
    (scene.root / "a.py").write_text(OLD.replace(*new))
    git(scene.root, "commit", "-q", "--allow-empty", "-a", "-m", "new")
    git(scene.root, "switch", "-q", "-c", "fork", "HEAD^")
    assert scene.apply().code == 0
    (scene.root / "a.py").write_text((scene.root / "a.py").read_text().replace(*own))
    git(scene.root, "commit", "-q", "-a", "-m", "fork")
    return scene


def after(change: Callable[[Scene], object], *options: str) -> Play:
    """Update a fork to which something happened."""

    def play(scene: Scene) -> Result:
        change(fork(scene))
        return scene.run("update", "tree", "-r", "./mine.yaml", *options)

    return play


def _lost(scene: Scene) -> Result:
    fork(scene)
    (scene.root / ".patcher").mkdir()
    path = scene.folder / "mine.yaml"
    (scene.root / ".patcher/lock.yaml").write_text(
        f"format: 1\nrecipes: [{{recipe: {path}, version: '1', digest: d, upstream: {'1' * 40}}}]\n"
    )
    return scene.run("update", "tree", "--onto", "new")


def _dated(scene: Scene) -> Scene:
    """Fix the time, so that the commits are called the same on every machine."""
    for who in ("AUTHOR", "COMMITTER"):
        scene.monkeypatch.setenv(f"GIT_{who}_DATE", "2026-01-02T03:04:05Z")
    return fork(scene)


def _there(scene: Scene) -> Result:
    return _dated(scene).run("update", "tree", "-r", "./mine.yaml", "--onto", "fork^")


def _alone(scene: Scene) -> Result:
    _dated(scene)
    git(scene.root, "checkout", "-q", "--orphan", "alone")
    git(scene.root, "commit", "-q", "-m", "unpacked")
    return scene.run("update", "tree", "-r", "./mine.yaml", "--onto", "new")


REPOSITORY = "upstream:\n  repository: https://host/a\n"

UPDATE: dict[str, Play] = {
    "an update without git": lambda scene: (
        scene.tree(OLD).steps(SWAP).run("update", "tree", "-r", "./mine.yaml", "--onto", "new")
    ),
    "no upstream in the recipe": after(lambda scene: None),
    "no remote that is the upstream": after(lambda scene: scene.steps(SWAP, head=REPOSITORY)),
    "a new upstream that is not there": after(lambda scene: None, "--onto", "nowhere"),
    "an upstream of the lock that is not there": _lost,
    "a tree in which the recipe is not applied": after(
        lambda scene: git(scene.root, "switch", "-q", "--detach", "fork^"), "--onto", "new"
    ),
    "an update to what is there": _there,
    "a history that is not the upstream's": _alone,
    "--commit with --markers": update(("x", "y"), ("last", "last"), "--commit", "--markers"),
    "--branch without --write": update(("x", "y"), ("last", "last"), "--branch", "newer"),
    "a conflict": update(("last", "first"), ("last", "mine"), "--write"),
    "a conflict, seen first": update(("last", "first"), ("last", "mine")),
    "an update in which a step drifted": update(
        ("abs(1)", "sum([1])"), ("x", "x"), "--write", steps=f"{SWAP}\nexpect: 1"
    ),
    "an edit that the recipe would make again": update(
        ("abs(1)\n", "abs(1)\ny = 1\n"), ("last = 1", "last = abs(1)"), "--write"
    ),
}
