"""A program is run to its end or its limit, and no process of it stays behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from patcher.errors import TargetError
from patcher.verify.process import run_process, tail


def run(folder: Path, program: str, limit: float = 20.0) -> int | None:
    return run_process([sys.executable, "-c", program], folder, dict(os.environ), limit, folder / "printed.txt")


def still_there(folder: Path) -> bool:
    """Whether the process that wrote its number there is alive."""
    number = int((folder / "pid").read_text())
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


SLEEPS = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"


def test_the_exit_code_is_returned(tmp_path: Path) -> None:
    assert run(tmp_path, "raise SystemExit(7)") == 7


def test_the_limit_ends_it(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert run(tmp_path, SLEEPS, limit=0.5) is None
    assert time.monotonic() - begun < 10
    assert not still_there(tmp_path)


def test_one_that_ignores_every_signal_that_it_can_is_ended(tmp_path: Path) -> None:
    deaf = (
        "import signal\nfor one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(one, signal.SIG_IGN)\n"
    )
    assert run(tmp_path, deaf + SLEEPS, limit=1) is None
    assert not still_there(tmp_path)


@pytest.mark.parametrize(
    "leave",
    [
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n",
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}], start_new_session=True)\n",
        f"import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        exec({SLEEPS!r})\n    os._exit(0)\n",
        f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}], env={{}}, start_new_session=True)\n",
    ],
    ids=["a child", "a child in a session of its own", "a daemon", "a child without an environment"],
)
def test_what_it_leaves_running_is_ended_with_it(tmp_path: Path, leave: str) -> None:
    waits = "import os, time\nwhile not os.path.exists('pid') or not open('pid').read(): time.sleep(0.01)\n"
    assert run(tmp_path, leave + waits) == 0
    assert not still_there(tmp_path)


def test_one_that_forks_on_and_on_is_ended(tmp_path: Path) -> None:
    chain = (
        "import os, time\n"
        "for _ in range(30):\n"
        "    if os.fork():\n        os._exit(0)\n"
        "    os.setsid()\n    open('new', 'w').write(str(os.getpid()))\n    os.rename('new', 'pid')\n    time.sleep(0.02)\n"
        "time.sleep(60)\n"
    )
    run(tmp_path, f"import os\nif os.fork() == 0:\n    exec({chain!r})\nimport time; time.sleep(0.3)\n", limit=10)
    assert not still_there(tmp_path)


def test_somebody_elses_process_is_left(tmp_path: Path) -> None:
    with psutil.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        run(tmp_path, "pass")
        assert other.is_running()
        other.kill()


def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"no-such-trainer could not be started \(No such file or directory\)"):
        run_process(["no-such-trainer"], tmp_path, {}, 1.0, tmp_path / "printed.txt")


class TestTail:
    @pytest.mark.parametrize(
        ("printed", "lines"),
        [
            (b"a\nb\n", ["a", "b"]),
            (b"caf\xe9\n", ["caf\ufffd"]),
            (b"\x1b[31mred\x07\n", ["\ufffd[31mred\ufffd"]),
            (b"\x00\x01\x02", ["\ufffd\ufffd\ufffd"]),
            (b"", []),
            (b"a\tb\r\n", ["a\tb"]),
        ],
    )
    def test_is_what_a_terminal_can_show(self, tmp_path: Path, printed: bytes, lines: list[str]) -> None:
        (tmp_path / "printed.txt").write_bytes(printed)
        assert tail(tmp_path / "printed.txt") == lines

    def test_is_the_end_of_much(self, tmp_path: Path) -> None:
        (tmp_path / "printed.txt").write_bytes(b"".join(b"%d\n" % number for number in range(100_000)))
        assert tail(tmp_path / "printed.txt")[-1] == "99999"
        assert len(tail(tmp_path / "printed.txt")) == 15
