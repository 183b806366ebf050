"""What goes wrong with a new recipe. Scenes by their row, as the other groups."""

from __future__ import annotations

from pathlib import Path

from tests.docs.scenes import Play, Scene
from tests.helpers import Result

__all__ = ["NEW"]

EDIT = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-abs(1)\n+abs(2)\n"
ADDED = "diff --git a/b.txt b/b.txt\nnew file mode 100644\n--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1 @@\n+b\n"


def patch(text: str, tree: str = "abs(1)\n") -> Play:
    """A patch of a tree of one file, and a recipe from it."""
    return lambda scene: (
        scene.tree(tree).files({"my.patch": text}).run("new", "ours", "tree", "--from-diff", "my.patch")
    )


def _unwritable(scene: Scene) -> Result:
    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    scene.monkeypatch.setattr("tempfile.mkdtemp", refuse)
    return scene.run("new", "ours")


NEW: dict[str, Play] = {
    "a new recipe that is no name": lambda scene: scene.run("new", "My Recipe"),
    "a new recipe that is bundled": lambda scene: scene.run("new", "hrm"),
    "a new recipe where something is": lambda scene: scene.tree("").run("new", "tree"),
    "a new recipe of a tree without a patch": lambda scene: scene.tree("").run("new", "ours", "tree"),
    "a new recipe that cannot be written": _unwritable,
    "a patch that is not there": lambda scene: scene.tree("").run(
        "new", "ours", "tree", "--from-diff", Path("my.patch")
    ),
    "a patch that is none": patch("hello\n"),
    "a patch of another tree": patch(EDIT, "round(1)\n"),
    "a patch with a binary file": patch("diff --git a/a b/a\nGIT binary patch\nliteral 0\n"),
    "a patch that removes a file": patch("diff --git a/a.py b/a.py\ndeleted file mode 100644\n"),
    "a patch that changes a mode": patch("diff --git a/a.py b/a.py\nold mode 100644\nnew mode 100755\n"),
    "a patch that renames a file": patch("diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n"),
    "a patch that no steps make": patch(ADDED),
}
