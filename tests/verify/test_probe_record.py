"""What is recorded is on the disk at once, in a file of each process, whatever the program does to its own files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.verify.test_probe import lines, run, write_tree

PROGRAM = """
import json, os, sys
from _patcher_record import Recorder
recorder = Recorder(os.environ["PATCHER_PROBE"])
recorder.once(attention="a")
recorder.write(loss=1 / 3)
os.closerange(3, 100)
os.chdir("/")
recorder.write(loss=float("nan"))
recorder.once(attention="a")
if os.fork() == 0:
    recorder.once(attention="a")
    recorder.write(loss=2.0)
    os._exit(9)
os.wait()
recorder.write(step="SGD", lr=[1e-300, float("-inf")])
os.kill(os.getpid(), 9)
"""


def test_it_keeps_what_it_had(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": PROGRAM})
    assert run(tmp_path, "train.py", RANK="1").returncode == -9
    first, second = lines(tmp_path)
    assert first[1]["process"] == {
        "pid": first[1]["process"]["pid"],
        "rank": "1",
        "argv": ["train.py"],
        "torch": None,
        "cpu": None,
        "threads": None,
        "device": "cpu",
    }
    text = json.dumps([first[0], *first[2:]])
    assert text == '[{"attention": "a"}, {"loss": 0.3333333333333333}, {"loss": NaN}, ' + (
        '{"step": "SGD", "lr": [1e-300, -Infinity]}]'
    )
    assert [list(one) for one in second] == [["attention"], ["process"], ["loss"]]
    assert second[1]["process"]["pid"] != first[1]["process"]["pid"]
