"""How long patcher takes, beside what cannot be avoided; kept in bench/speed.md.

    python bench/speed.py FOLDER/HRM

Every row is the best of several runs, because a busy machine only ever makes a run slower, and the ratios are within
one run of this script: starting Python, and parsing the files that the recipe changes once with LibCST.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROUNDS = 7
PARSE = "import libcst, sys\nfor name in sys.argv[1:]: libcst.parse_module(open(name, 'rb').read())"


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    origin = parser.parse_args().tree
    patcher = [sys.executable, "-m", "patcher"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "HRM")
        subprocess.run(["git", "clone", "--quiet", origin, tree], check=True)
        changed = [str(tree / name) for name in ("pretrain.py", "evaluate.py", "models/layers.py")]
        rows = [
            ("python -c pass", _best([sys.executable, "-c", "pass"])),
            ("LibCST parses the three files once", _best([sys.executable, "-c", PARSE, *changed])),
            ("patcher --help", _best([*patcher, "--help"])),
            ("patcher apply HRM --recipe hrm --check", _best([*patcher, "apply", str(tree), "-r", "hrm", "--check"])),
            ("patcher apply HRM --recipe hrm", _applied(patcher, tree)),
            ("the same on the patched tree", _best([*patcher, "apply", str(tree), "-r", "hrm"])),
        ]
    text = _table(rows)
    (ROOT / "bench" / "speed.md").write_text(text)
    print(text)


def _best(command: Sequence[str]) -> float:
    return min(_seconds(command) for _ in range(ROUNDS))


def _applied(patcher: list[str], tree: Path) -> float:
    times = []
    for _ in range(ROUNDS):
        times.append(_seconds([*patcher, "apply", str(tree), "-r", "hrm"]))
        _seconds([*patcher, "undo", str(tree)])
    _seconds([*patcher, "apply", str(tree), "-r", "hrm"])
    return min(times)


def _seconds(command: Sequence[str]) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return time.perf_counter() - begun


def _table(rows: list[tuple[str, float]]) -> str:
    start, parse = rows[0][1], rows[1][1]
    lines = ["| command | seconds | times Python's start | times one parse |", "|---|---|---|---|"]
    lines += [f"| {name} | {taken:.3f} | {taken / start:.1f} | {taken / parse:.1f} |" for name, taken in rows]
    head = f"Made by `python bench/speed.py` on Python {platform.python_version()}; the best of {ROUNDS} runs each."
    return f"# Speed\n\n{head}\n\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
