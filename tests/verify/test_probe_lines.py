"""A line is told when its statement is executed, once, wherever that is; what is not executed is not told."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import write_tree
from tests.verify.test_probe import readings, run

PROGRAM = '''"""Text."""
import os
import functools


@functools.lru_cache(
    maxsize=None)
def cached(x,
           y=1):
    """Text
    of two lines."""
    # a remark
    if x and (
        y
    ):
        return dict(
            a=1,
            b=2,
        )
    elif x:
        return 3
    else:
        y = 4
    return y


def never():
    return 1


class Kind:
    """Text."""

    value = 5

    def method(self):
        try:
            raise ValueError
        except KeyError:
            return 6
        except ValueError:
            return [
                n
                for n in range(3)
            ]
        finally:
            pass


def count(n):
    while n:
        n -= 1
        yield n


cached(1)
Kind().method()
list(count(1000))
never if os.environ.get("NEVER") else None
print("done")
# the end
'''


def number(text: str, program: str = PROGRAM) -> int:
    """Return the line on which a text stands alone in its line, or begins it."""
    (only,) = [at for at, line in enumerate(program.splitlines(), 1) if line.strip().startswith(text)]
    return only


def told(folder: Path, *command: str, wanted: list[int], **environment: str) -> list[int]:
    path = str(folder / "train.py")
    done = run(folder, *command, config={"lines": {path: wanted}}, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    found = [one["line"] for written in readings(folder) for one in written]
    assert {name for name, _ in found} <= {path}
    return sorted(at for _, at in found)


def executed(folder: Path) -> set[int]:
    write_tree(folder, {"train.py": PROGRAM})
    every = list(range(1, PROGRAM.count("\n") + 1))
    found = told(folder, "train.py", wanted=every)
    assert len(found) == len(set(found))
    return set(found)


def test_what_is_executed_and_what_is_not(tmp_path: Path) -> None:
    found = executed(tmp_path)
    never = {"elif x", "return 3", "y = 4", "return y", "return 1", "return 6", "else:"}
    assert set(range(1, PROGRAM.count("\n") + 1)) - found == {number(text) for text in never}


def test_a_statement_of_many_lines_is_told_by_any_of_them(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": PROGRAM})
    wanted = [number(text) for text in ("maxsize", "y=1", "b=2", "for n in", "of two lines", "# a remark", "return 3")]
    assert told(tmp_path, "train.py", wanted=wanted) == sorted(wanted[:-1])


@pytest.mark.parametrize(
    ("command", "files"),
    [
        (["-m", "train"], {}),
        (["go.py"], {"go.py": "import runpy\nrunpy.run_path('train.py', run_name='__main__')\n"}),
        (["go.py"], {"go.py": "import sys\nsys.path.insert(0, '.')\nimport train\n"}),
        (["go.py"], {"go.py": "import threading\nt = threading.Thread(target=__import__, args=['train'])\nt.start()\n"}),
        (["go.py"], {"go.py": "import subprocess, sys\nsubprocess.run([sys.executable, 'train.py'])\n"}),
        (["go.py"], {"go.py": "import os\nif os.fork() == 0:\n    import train\n    os._exit(0)\nos.wait()\n"}),
        (["go.py"], {"go.py": "import multiprocessing as m\nif __name__ == '__main__':\n    import train\n"
         "    child = m.get_context('spawn').Process(target=train.never)\n    child.start()\n    child.join()\n"}),
    ],
)  # fmt: skip
def test_wherever_it_runs(tmp_path: Path, command: list[str], files: dict[str, str]) -> None:
    write_tree(tmp_path, {"train.py": PROGRAM, **files})
    wanted = [number(text) for text in ("value = 5", "n -= 1", "return 1", "return 6")]
    expected = wanted[:3] if "train.never" in str(files) else wanted[:2]
    # Once in each process: the spawned one imports the file again.
    assert sorted(set(told(tmp_path, *command, wanted=wanted, PYTHONDONTWRITEBYTECODE="1"))) == sorted(expected)


def test_a_link_to_the_folder_is_the_folder(tmp_path: Path) -> None:
    write_tree(tmp_path / "real", {"train.py": PROGRAM})
    (tmp_path / "link").symlink_to("real")
    path, config = str(tmp_path / "link" / "train.py"), {}
    config = {"lines": {path: [number("value = 5")]}}
    assert run(tmp_path, "real/train.py", config=config).stdout == "done\n"
    assert readings(tmp_path) == [[{"line": [path, number("value = 5")]}]]


def test_other_functions_run_untraced(tmp_path: Path) -> None:
    text = "import sys\n\n\ndef asked():\n    return sys._getframe().f_trace\n\n\ndef other():\n    return sys._getframe().f_trace\n\n\n"
    write_tree(tmp_path, {"train.py": text + "print(asked() is None, asked() is None, other() is None)\n"})
    done = run(tmp_path, "train.py", config={"lines": {str(tmp_path / "train.py"): [5]}})
    assert done.stdout == "False True True\n"


def test_a_file_that_is_not_there_or_has_nothing_to_execute(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": "# nothing\n"})
    config = {"lines": {str(tmp_path / "train.py"): [1], str(tmp_path / "gone.py"): [1]}}
    done = run(tmp_path, "train.py", config=config)
    assert (done.returncode, done.stderr, readings(tmp_path)) == (0, "", [])


@pytest.mark.skipif(sys.version_info < (3, 10), reason="there is no match before")
def test_cases_of_a_match(tmp_path: Path) -> None:
    program = "def f(x):\n    match x:\n        case 1:\n            return 2\n        case [\n            a,\n        ]:\n            return a\n\n\nf([3])\n"
    write_tree(tmp_path, {"train.py": program})
    assert told(tmp_path, "train.py", wanted=list(range(1, 9))) == [1, 2, 3, 5, 6, 7, 8]


COMPILED = """
import torch


def inner(x):
    return x * 2


def outer(x):
    y = inner(x)
    return y + 1


print(torch.compile(outer, backend="eager")(torch.ones(2)).tolist())
"""


@pytest.mark.train
@pytest.mark.slow
def test_what_is_compiled_is_seen_where_that_is_off(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    write_tree(tmp_path, {"train.py": COMPILED})
    wanted = [number(text, COMPILED) for text in ("return x * 2", "y = inner", "print")]
    assert told(tmp_path, "train.py", wanted=wanted, TORCHDYNAMO_DISABLE="1") == wanted
    config: dict[str, Any] = {"lines": {str(tmp_path / "train.py"): wanted}}
    assert run(tmp_path, "train.py", config=config).stdout == "[3.0, 3.0]\n"
