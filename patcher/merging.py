"""Trees and files merged three-way, by git, in a folder of its own: nothing of a checkout is read or written here.

No configuration and no attribute has a say, so that bytes stay as they are: line ends, filters and merge drivers belong
to work trees, and what is merged is already as it stands in one.
"""

from __future__ import annotations

import difflib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from patcher.errors import TargetError
from patcher.repository import Repository

__all__ = ["Conflict", "File", "Files", "Merged", "merge_files", "merge_trees"]

MINE, MIDDLE, THEIRS = b"<<<<<<< ", b"=======", b">>>>>>> "
ATTRIBUTES = "* -text -filter -ident -working-tree-encoding !merge !diff !conflict-marker-size\n"
SIGNED = b"committer patcher <patcher@localhost> 0 +0000\n"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a tree: its bytes, and what git calls its mode."""

    data: bytes
    mode: int = 0o100644


Files = Mapping[str, File]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A place that two sides changed, each in its own way: the line in our file, and what each has there.

    `reason` is a clause in place of the lines where there are none to show.
    """

    path: str
    line: int = 0
    mine: tuple[str, ...] = ()
    theirs: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged tree, less what stands in all three as it is, and where the sides meet; there it has git's markers.

    None is a file that goes.
    """

    files: Mapping[str, File | None]
    conflicts: tuple[Conflict, ...] = ()


def merge_files(base: bytes, mine: bytes, theirs: bytes, path: str) -> tuple[bytes, tuple[Conflict, ...]]:
    """Merge one file, and return it with its conflicts."""
    with tempfile.TemporaryDirectory(prefix="patcher-") as name:
        for side, data in (("mine", mine), ("base", base), ("theirs", theirs)):
            Path(name, side).write_bytes(data)
        code, out, told = Repository(Path(name)).run("merge-file -p -L mine -L base -L theirs mine base theirs")
    if code > 127:
        return mine, (Conflict(path, reason=f"it cannot be merged ({told.removeprefix('error: ')})"),)
    return out, tuple(_meetings(path, out, mine)) if code else ()


def merge_trees(base: Files, mine: Files, theirs: Files) -> Merged:
    """Merge two trees that come from a third; a file that one side moved takes the other side's edits along."""
    trees = {"base": base, "mine": mine, "theirs": theirs}
    paths = sorted({path for tree in trees.values() for path in tree})
    moving = [path for path in paths if not base.get(path) == mine.get(path) == theirs.get(path)]
    if not moving:
        return Merged({})
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as name:
        git = _Bench(Path(name))
        git.run("init -q --template=")
        Path(name, ".git", "info").mkdir(exist_ok=True)
        Path(name, ".git", "info", "attributes").write_text(ATTRIBUTES)
        git.run("fast-import --quiet", data=b"".join(_commits(trees, moving)))
        git.run("checkout -q mine --")
        git.run("merge -q --no-commit --no-ff theirs", may_fail=True)
        found = _result(git, mine)
    return Merged({**dict.fromkeys(moving), **found.files}, found.conflicts)


class _Bench:
    """git in a folder of its own, which nobody configured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        nobody = {f"GIT_{who}_{what}": "patcher" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        nothing = {f"GIT_CONFIG_{what}": os.devnull for what in ("GLOBAL", "SYSTEM")}
        self._env = {**nobody, **nothing, "GIT_CONFIG_NOSYSTEM": "1", "GIT_ATTR_NOSYSTEM": "1", "HOME": str(folder)}
        self._env |= {"XDG_CONFIG_HOME": str(folder), "GIT_CEILING_DIRECTORIES": str(folder.parent)}

    def run(self, command: str, *words: str, data: bytes = b"", may_fail: bool = False) -> bytes:
        """Run git in the folder.

        Raises:
            TargetError: it failed, where it may not.
        """
        options = "-c core.autocrlf=false -c merge.directoryRenames=false -c merge.renameLimit=5000"
        code, out, told = Repository(self.folder).run(f"{options} {command}", *words, env=self._env, data=data)
        if code and not (may_fail and code == 1):
            raise TargetError(f"git could not merge the trees ({command.split()[0]}: {told}); nothing was written.")
        return out


def _commits(trees: Mapping[str, Files], paths: list[str]) -> Iterator[bytes]:
    """Yield the three trees as `git fast-import` takes them, less the files that are the same in all."""
    for name, files in trees.items():
        yield b"commit refs/heads/" + name.encode() + b"\n" + SIGNED + b"data 0\n"
        yield b"" if name == "base" else b"from refs/heads/base\ndeleteall\n"
        for path in paths:
            if path in files:
                file = files[path]
                yield b"M %o inline %s\ndata %d\n" % (file.mode, _quoted(path), len(file.data)) + file.data + b"\n"
        yield b"\n"


def _quoted(path: str) -> bytes:
    raw = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + raw + b'"'


def _result(git: _Bench, mine: Files) -> Merged:
    files: dict[str, File] = {}
    unmerged: dict[str, set[int]] = {}
    for entry in os.fsdecode(git.run("ls-files -s -z")).split("\0")[:-1]:
        told, _, path = entry.partition("\t")
        mode, _, stage = told.split()
        if stage != "0":
            unmerged.setdefault(path, set()).add(int(stage))
        place = git.folder / path
        if place.is_file():
            files[path] = File(place.read_bytes(), int(mode, 8))
    conflicts: list[Conflict] = []
    for path, stages in unmerged.items():
        both = {2, 3} <= stages and path in files
        found = list(_meetings(path, files[path].data, git.run("cat-file blob", f":2:{path}"))) if both else []
        conflicts += found or [Conflict(path, reason=_reason(stages))]
        if not found:  # there is nothing to mark: what is ours stays
            files.pop(path, None)
            files |= {path: mine[path]} if path in mine else {}
    return Merged(files, tuple(conflicts))


def _reason(stages: set[int]) -> str:
    if {2, 3} <= stages:
        return "both sides changed it, and it is no text that could be merged"
    if 2 in stages:
        return "the new upstream removed or moved it, and here it was edited"
    if 3 in stages:
        return "it was removed or moved here, and the new upstream changed it"
    return "it was moved on both sides, to different places"


def _meetings(path: str, data: bytes, mine: bytes) -> Iterator[Conflict]:
    """Yield the marked places of a merged file."""
    lines = data.splitlines(keepends=True)
    sides: list[list[bytes]] = [[], []]
    kept: list[bytes] = []
    found: list[tuple[int, list[list[bytes]]]] = []
    side = -1
    for line in lines:
        if side < 0 and line.startswith(MINE):
            side, sides = 0, [[], []]
        elif side == 0 and line.rstrip() == MIDDLE:
            side = 1
        elif side == 1 and line.startswith(THEIRS):
            side = -1
            found.append((len(kept) - len(sides[0]), sides))
        elif side < 0:
            kept.append(line)
        else:
            sides[side].append(line)
            kept += [line] if side == 0 else []
    where = _mapped(kept, mine.splitlines(keepends=True))
    for start, (own, other) in found:
        yield Conflict(path, where(start) + 1, _told(own), _told(other))


def _mapped(lines: list[bytes], mine: list[bytes]) -> Callable[[int], int]:
    """Return what maps an index in the merged lines, with ours where the sides meet, to one in our own."""
    blocks = difflib.SequenceMatcher(None, lines, mine, autojunk=False).get_matching_blocks()

    def where(index: int) -> int:
        before = [block for block in blocks if block.a <= index]
        block = before[-1] if before else blocks[0]
        return min(block.b + max(0, index - block.a), len(mine))

    return where


def _told(lines: list[bytes]) -> tuple[str, ...]:
    return tuple(line.decode("utf-8", "replace").rstrip("\r\n") for line in lines)
