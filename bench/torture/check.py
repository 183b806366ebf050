"""What a check is: a small tree, the hazard it stands for, and every way in which a tool may leave it.

A way is `Same` (no byte may change, and where it says so the tool must tell the place) or `Becomes` (a reference
result). The reference is no exact text to be met: `judge.py` takes any result that leaves the lines alone which the
reference leaves alone, keeps the comments and behaves as the reference does.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = [
    "CONTIGUOUS",
    "CPU",
    "DEVICE",
    "GUARD",
    "KEYWORD",
    "NO_FLASH",
    "NO_NEW",
    "NO_OLD",
    "PLAIN",
    "RENAME",
    "REQUIREMENTS",
    "SET_DEVICE",
    "UNUSED",
    "Becomes",
    "Check",
    "Same",
    "World",
    "change",
    "same",
]

RENAME = "rename"  # adam_atan2.AdamATan2 -> adam_atan2_pytorch.AdamAtan2, with its imports
KEYWORD = "keyword"  # the rate 0 -> 1e-8, in calls of the renamed class only
GUARD = "guard"  # import flash_attn where it is there, else bind its names to something else
DEVICE = "device"  # .cuda() and device literals -> CUDA where there is one, else the CPU
CONTIGUOUS = "contiguous"  # .contiguous() before the .view of an attention's output
UNUSED = "unused"  # imports of apex that nothing uses go
SET_DEVICE = "set-device"  # torch.cuda.set_device(...) only where there is CUDA
REQUIREMENTS = "requirements"  # adam-atan2 -> adam-atan2-pytorch>=0.1.18, and flash-attn goes

Edits = Sequence[tuple[str, str]]
Text = str | bytes
Files = Text | Mapping[str, Text]


@dataclass(frozen=True, slots=True)
class World:
    """A machine that a result is run on: with CUDA or without, and which packages it lacks."""

    name: str
    cuda: bool = True
    missing: tuple[str, ...] = ()


PLAIN = World("everything is there")
CPU = World("no CUDA", cuda=False)
NO_FLASH = World("no flash-attn", missing=("flash_attn", "flash_attn_interface"))
NO_OLD = World("no adam-atan2", missing=("adam_atan2",))
NO_NEW = World("no adam-atan2-pytorch", missing=("adam_atan2_pytorch",))


@dataclass(frozen=True, slots=True)
class Same:
    """Every byte, mode and link stays; `told` is a file, or `file:line`, that the tool must speak of."""

    told: str = ""


@dataclass(frozen=True, slots=True)
class Becomes:
    """The reference results by path; files that it does not name stay.

    `drive` is run on the reference and on a tool's result in each of the worlds, and what it records must be equal.
    `together` are pairs of texts that must stand on one line. `fresh` allows new Python files. `exact` asks for the
    reference's very bytes, where a file has one right result; `run` is False where it cannot be run. `told` as in Same.
    """

    files: Mapping[str, bytes]
    drive: str = "import train"
    worlds: tuple[World, ...] = (PLAIN,)
    together: tuple[tuple[str, str], ...] = ()
    fresh: bool = False
    exact: bool = False
    run: bool = True
    told: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A small tree and the ways in which it may end; `twice` runs the tool a second time, which must change nothing."""

    name: str
    hazard: str
    jobs: tuple[str, ...]
    before: Mapping[str, bytes]
    ways: tuple[Same | Becomes, ...]
    links: Mapping[str, str] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    twice: bool = False

    @property
    def kind(self) -> str:
        """`no change`, `change`, or `either` where a place may be left if it is told."""
        kinds = {type(way) for way in self.ways}
        return "either" if len(kinds) > 1 else "no change" if kinds == {Same} else "change"


def same(name: str, hazard: str, jobs: str | Sequence[str], before: Files, told: str = "", **more: object) -> Check:
    """Return a check in which nothing may change."""
    return Check(name, hazard, _jobs(jobs), _files(before), (Same(told),), **more)


def change(
    name: str,
    hazard: str,
    jobs: str | Sequence[str],
    before: Files,
    *afters: Edits | Mapping[str, Edits | bytes],
    partly: Sequence[tuple[Edits | Mapping[str, Edits | bytes], str]] = (),
    left: str | None = None,
    links: Mapping[str, str] | None = None,
    modes: Mapping[str, int] | None = None,
    twice: bool = False,
    **more: object,
) -> Check:
    """Return a check with references made by exact substitutions, each of which fits at one place.

    Several `afters` are alternatives. `partly` are lesser results that will do where the tool tells the place that it
    left. `left` allows to leave the tree as it is: told at that place, or silently if "".
    """
    files = _files(before)
    ways: list[Same | Becomes] = [Becomes(_after(files, after), **more) for after in afters]
    ways += [Becomes(_after(files, after), told=told, **more) for after, told in partly]
    if left is not None:
        ways.append(Same(left))
    return Check(name, hazard, _jobs(jobs), files, tuple(ways), links or {}, modes or {}, twice)


def _jobs(jobs: str | Sequence[str]) -> tuple[str, ...]:
    return (jobs,) if isinstance(jobs, str) else tuple(jobs)


def _files(files: Files) -> dict[str, bytes]:
    if not isinstance(files, Mapping):
        files = {"train.py": files}
    return {path: _bytes(text) for path, text in files.items()}


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n").encode()


def _after(files: Mapping[str, bytes], after: Edits | Mapping[str, Edits | bytes]) -> dict[str, bytes]:
    if not isinstance(after, Mapping):
        after = {next(iter(files)): after}
    return {path: edits if isinstance(edits, bytes) else _edited(files[path], edits) for path, edits in after.items()}


def _edited(data: bytes, edits: Edits) -> bytes:
    for old, new in edits:
        found = data.count(old.encode())
        if found != 1:
            raise ValueError(f"`{old}` stands {found} times in\n{data.decode('latin-1')}")
        data = data.replace(old.encode(), new.encode())
    return data
