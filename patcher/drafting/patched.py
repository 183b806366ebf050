"""A patch and the tree that it was made against: the files that it touches, before and after."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.repository import Repository

__all__ = ["Patched", "patched"]

BINARY = re.compile(rb"^(GIT binary patch|Binary files )", re.MULTILINE)
MODE = re.compile(rb"^(old mode|rename from|copy from|deleted file mode) ?(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Patched:
    """The files of a patch by path, before and after; one that it adds was empty before."""

    before: Mapping[str, bytes]
    after: Mapping[str, bytes]

    @property
    def added(self) -> tuple[str, ...]:
        """The paths of the files that were not there before."""
        return tuple(path for path in self.after if path not in self.before)


def patched(file: Path, checkout: Checkout) -> Patched:
    """Return what a patch makes of a tree.

    Raises:
        UsageError: it is no patch, or asks for what no recipe can do.
        TargetError: it cannot be read, or does not fit the tree.
    """
    try:
        patch = file.read_bytes()
    except OSError as error:
        raise TargetError(f"The patch {file} could not be read: {error.strerror}.") from None
    _refuse(patch, file)
    with tempfile.TemporaryDirectory(prefix="patcher-") as name:
        folder = Path(name).resolve()
        git = Repository(folder)
        ceiling = {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
        strip = f"-p{1 + checkout.prefix.count('/')}"
        code, out, told = git.run("apply --numstat -z", strip, "-", env=ceiling, data=patch)
        paths = [entry.split("\t", 2)[2] for entry in out.decode("utf-8", "surrogateescape").split("\0") if entry]
        if code or not paths:
            raise UsageError(
                f"{file} is no patch that git reads ({told or 'it changes nothing'}); make it with git diff."
            )
        before = {path: checkout.read(path) for path in paths if checkout.exists(path)}
        for path, data in before.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        code, _, told = git.run("apply --whitespace=nowarn", strip, "-", env=ceiling, data=patch)
        if code:
            raise TargetError(
                f"{file} does not fit {checkout.root} ({told.removeprefix('error: ')}); name the tree that it was "
                "made against, without the patch."
            )
        return Patched(before, {path: (folder / path).read_bytes() for path in paths})


def _refuse(patch: bytes, file: Path) -> None:
    if BINARY.search(patch):
        raise UsageError(f"{file} changes a binary file, which no step of a recipe can; take that file out of it.")
    for found in MODE.finditer(patch):
        what = {b"old mode": "changes the mode of a file", b"deleted file mode": "removes a file"}
        told = what.get(found[1], "renames or copies a file")
        raise UsageError(f"{file} {told}, which no step of a recipe does; take that out of it.")
