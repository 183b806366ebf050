"""Which files of a tree list requirements, in what format, and how they include each other.

A file is found by its name, because another one reads it in with `-r` or `-c`, or because the recipe's scope names it.
Nothing outside the given paths is ever looked at, and no file is written.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from patcher.files import environment_yml, pyproject, requirements_txt, setup_cfg, setup_py
from patcher.files.requirements import Format, Listing, decode
from patcher.syntax.draft import PROGRAMS

__all__ = ["FORMATS", "File", "find"]

FORMATS: tuple[Format, ...] = (pyproject, environment_yml, setup_cfg, setup_py, requirements_txt)
"""The formats, in the order in which `add` prefers them."""


@dataclass(frozen=True, slots=True)
class File:
    """One file that lists requirements. `constraint`: it installs nothing. `unread`: why its text is but a guess."""

    path: str
    format: Format
    text: str
    listing: Listing
    constraint: bool = False
    unread: str = ""

    @property
    def problem(self) -> str:
        """The sentence that says why the file is not edited, or ""."""
        return self.unread or self.listing.problem

    @property
    def lists(self) -> bool:
        """Whether it is there to list requirements, and does not only mention packages."""
        listed = any(not entry.mention for entry in self.listing.entries)
        return listed or not self.listing.entries or self.listing.accepts

    @property
    def depth(self) -> int:
        """How many folders it lies in."""
        return self.path.count("/")

    @property
    def main(self) -> bool:
        """Whether it has the name that everybody looks for first."""
        return posixpath.basename(self.path).lower() == "requirements.txt"


def find(paths: Collection[str], read: Callable[[str], bytes | None], named: Collection[str] = ()) -> tuple[File, ...]:
    """Return the files that list requirements, the top-most first.

    `read` gives the bytes of a path, or None for one that is to be passed over. `named` are paths that the recipe
    itself names: what is a list of requirements among them is one whatever it is called.
    """
    formats = {path: form for path in paths if (form := _format(path, path in named)) is not None}
    files = {path: file for path, form in formats.items() if (file := _load(path, form, read)) is not None}
    others = {path for path in named if path not in formats and path in paths and not path.endswith(PROGRAMS)}
    loaded = ((path, _load(path, requirements_txt, read)) for path in sorted(others))
    files |= {path: file for path, file in loaded if file is not None and requirements_txt.is_list(file.text)}
    installs = {path for path in files if not requirements_txt.constrains(path)}
    waiting = list(files.values())
    while waiting:
        for path, constraint in _included(waiting.pop(), frozenset(paths)):
            if not constraint:
                installs.add(path)
            if path not in files and (file := _load(path, requirements_txt, read)) is not None:
                files[path] = file
                waiting.append(file)
    return tuple(
        File(file.path, file.format, file.text, file.listing, file.path not in installs, file.unread)
        for file in sorted(files.values(), key=lambda file: (file.depth, not file.main, file.path))
    )


def _format(path: str, named: bool) -> Format | None:
    """Return the format of a path, if its name or the recipe tells one."""
    for form in FORMATS:
        if form.claims(path):
            return form
    return requirements_txt if named and path.lower().endswith((".txt", ".in")) else None


def _load(path: str, form: Format, read: Callable[[str], bytes | None]) -> File | None:
    data = read(path)
    if data is None:
        return None
    text, unread = decode(data)
    listing = form.read(text)
    return None if listing is None else File(path, form, text, listing, unread=unread)


def _included(file: File, paths: Collection[str]) -> Iterator[tuple[str, bool]]:
    """Yield the paths of the tree that a file reads in, and whether each only constrains."""
    for include in file.listing.includes:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), include.path))
        if path in paths:
            yield path, include.constraint
