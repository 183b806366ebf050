"""A program of somebody else's, run to its end or to its limit; no process of it stays behind.

What it starts is found again: by a mark in its environment, also where it went into a session of its own; and on Linux,
where what loses its parent becomes ours, as a child of this process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from patcher.errors import TargetError

__all__ = ["run_process", "tail"]

MARK = "PATCHER_RUN"
PR_SET_CHILD_SUBREAPER = 36
TAIL = 15
KEPT, LONGEST = 100_000, 400
# One that forks as fast as it is killed is given up after so many rounds.
ROUNDS = 20


def run_process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], limit: float, printed: Path
) -> int | None:
    """Run a command and return its exit code, None if the limit (seconds) ended it; `printed` receives its output.

    Raises:
        TargetError: it cannot be started.
    """
    mark = uuid.uuid4().hex
    _adopt()
    others = set(psutil.Process().children())
    try:
        with printed.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603  (the recipe's own command)
                command,
                cwd=folder,
                env={**environment, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise TargetError(f"{command[0]} could not be started ({reason}); is it installed?") from None
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _end_left(mark, others)


def _adopt() -> None:
    """Have processes that lose their parent become children of this one, where the system can."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _end_left(mark: str, others: set[psutil.Process]) -> None:
    for _ in range(ROUNDS):
        left = [process for process in psutil.process_iter() if _is_marked(process, mark)]
        for child in set(psutil.Process().children()) - others:
            left += [child, *_below(child)]
        if not left:
            return
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _below(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False  # somebody else's, or gone


def tail(printed: Path) -> list[str]:
    """Return the last lines that a program printed, as a terminal can show them; of a long one its beginning."""
    try:
        with printed.open("rb") as stream:
            stream.seek(max(0, printed.stat().st_size - KEPT))
            data = stream.read()
    except OSError:  # the program took the folder away
        return []
    lines = data.decode("utf-8", "replace").strip().splitlines()[-TAIL:]
    shown = [line if len(line) <= LONGEST else f"{line[:LONGEST]}…" for line in lines]
    return ["".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line) for line in shown]
