"""A program of somebody else's, run to its end or to its limit; no process of it stays behind.

What it starts is found again by a mark in its environment, also where it went into a session of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from patcher.errors import TargetError

__all__ = ["run_process", "tail"]

MARK = "PATCHER_RUN"
TAIL = 15
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
        _end_marked(mark)


def _end_marked(mark: str) -> None:
    for _ in range(ROUNDS):
        left = [process for process in psutil.process_iter() if _is_marked(process, mark)]
        if not left:
            return
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False  # somebody else's, or gone


def tail(printed: Path) -> list[str]:
    """Return the last lines that a program printed, as a terminal can show them."""
    lines = printed.read_bytes()[-100_000:].decode("utf-8", "replace").strip().splitlines()[-TAIL:]
    return ["".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in line) for line in lines]
