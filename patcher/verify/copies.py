"""Copies of a tree to be run: what git does not ignore, and nothing through which the tree could be written to.

A copy has a git of its own, for programs that ask for their commit: the same HEAD, branches and tags, and no remotes.
What it lacks it reads from the tree's; what is written to it goes with the copy.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError

__all__ = ["Overlay", "copy_submodules", "copy_tree", "give_git"]

# Of what lies behind a link out of the tree, what is larger is left out of the copy.
SMALL = 64 * 2**20
SHA1 = 40  # digits of a commit, where they are not those of SHA-256

Overlay = Mapping[str, bytes | None]
"""Files that stand in a copy instead of the tree's; None: the copy has none."""


def copy_tree(checkout: Checkout, target: Path, overlay: Overlay) -> None:
    """Copy the files of a tree into an empty folder, with others in their place.

    A link into the tree leads into the copy. What a link out of the tree leads to is copied, so that nobody can write
    through it; what is large is left out.

    Raises:
        TargetError: one cannot be copied.
    """
    try:
        for path in (*checkout.paths, *checkout.links, *overlay):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
        for path in checkout.paths:
            shutil.copy2(checkout.root / path, target / path)
        for path in checkout.links:
            _copy_link(checkout.root, path, target)
        for path, data in overlay.items():
            (target / path).unlink(missing_ok=True)
            if data is not None:
                (target / path).write_bytes(data)
    except (OSError, shutil.Error) as error:
        named = f"{error.filename} could not be copied" if error.filename else "it could not be copied"
        raise TargetError(f"{checkout.root} cannot be run: {named} ({error.strerror or error}).") from None


def _copy_link(root: Path, path: str, target: Path) -> None:
    behind = (root / path).resolve()
    if behind.is_relative_to(root):
        inside = target / behind.relative_to(root)
        (target / path).symlink_to(os.path.relpath(inside, (target / path).parent))
    elif behind.is_file() and behind.stat().st_size <= SMALL:
        shutil.copy2(behind, target / path)
    elif behind.is_dir() and _size(behind) <= SMALL:
        shutil.copytree(behind, target / path, symlinks=True, ignore_dangling_symlinks=True)


def _size(folder: Path) -> int:
    """Return how many bytes a folder holds, or as many as are too many."""
    total = 0
    for above, _, files in os.walk(folder):
        total += sum(os.lstat(Path(above, name)).st_size for name in files)
        if total > SMALL:
            break
    return total


def copy_submodules(home: Checkout, target: Path) -> None:
    """Put the files of the submodules of a checkout, and of repositories inside of it, into a copy of it.

    Raises:
        TargetError: one cannot be copied.
    """
    for name in home.repository.files if home.is_git else ():
        inside = home.root / name
        if inside.is_dir() and not inside.is_symlink():
            (target / name).mkdir(parents=True, exist_ok=True)
            if os.path.lexists(inside / ".git"):
                inner = Checkout.open(inside)
                copy_tree(inner, target / name, {})
                copy_submodules(inner, target / name)


def give_git(home: Checkout, target: Path) -> None:
    """Give a copy of a checkout a git that knows its commit; nothing where the checkout has none.

    Raises:
        TargetError: git could not be asked.
    """
    if home.head is None:
        return
    ask, own = home.repository.ask, target / ".git"
    objects, shallow = (home.root / line for line in _lines(ask("rev-parse --git-path objects --git-path shallow")))
    for folder in ("objects/info", "refs/heads"):
        (own / folder).mkdir(parents=True, exist_ok=True)
    long = "\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n"
    version = "\trepositoryformatversion = 0\n" if len(home.head) == SHA1 else long
    branch = home.repository.run("symbolic-ref -q HEAD")[1].decode().strip()
    written = {
        "HEAD": f"ref: {branch}\n" if branch else f"{home.head}\n",
        "config": f"[core]\n\tbare = false\n{version}",
        "objects/info/alternates": f"{objects.resolve()}\n",
        "packed-refs": "".join(ask("for-each-ref", "--format=%(objectname) %(refname)")),
    }
    for name, text in written.items():
        (own / name).write_text(text)
    if shallow.is_file():
        shutil.copy2(shallow, own / "shallow")
    # A partial clone may lack what the index needs; HEAD is known without one.
    tree = f"{home.head}:{home.prefix}" if home.prefix else home.head
    home.repository.run("read-tree", tree, env={"GIT_DIR": str(own)})


def _lines(told: list[str]) -> list[str]:
    return "".join(told).splitlines()
