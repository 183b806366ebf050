"""Try every verb and clause of the recipe language on real trees and print the table that is kept in bench/language.md.

    PATCHER_UPSTREAMS=FOLDER python bench/language.py

FOLDER has a clone of each tree under its own name (HRM, mdlm, ...); a tree that it lacks is skipped and counted so.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET  # the file that is read is written here
from collections import Counter
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "bench" / "language.md"
ABOUT = """\
Each row is a recipe on a real tree, beside an oracle that knows nothing of patcher: regular expressions, Python's `ast`
or its tokenizer say every byte of every file as it must be (`tests/upstream/cases`). A row passes if the tree is that,
each changed program compiles, a second apply finds nothing, and undo gives back the tree. *Lines* are those of the tree
that the oracle changes; *applied* and *refused* are the places that patcher tells.
"""


def main() -> int:
    """Run the tests, write the table, return pytest's exit code."""
    if not os.environ.get("PATCHER_UPSTREAMS"):
        print("PATCHER_UPSTREAMS must name a folder with the trees, as FOLDER/HRM.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = (
            f"-m pytest -q -n 2 -m upstream tests/upstream/test_language.py -o junit_family=legacy --junitxml={report}"
        )
        code = subprocess.run([sys.executable, *command.split()], cwd=ROOT, check=False).returncode
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314
    TABLE.write_text(_table(cases))
    print(TABLE.read_text())
    return code


def _table(cases: list[ET.Element]) -> str:
    rows = ["| tried | tree | files | lines | applied | refused | result |", "|---|---|---|---|---|---|---|"]
    counted: Counter[str] = Counter()
    for case in sorted(cases, key=lambda one: one.get("name", "").partition(": ")[2]):
        tree, _, tried = case.get("name", "").partition("[")[2].removesuffix("]").partition(": ")
        figures = {one.get("name"): one.get("value") for one in case.iter("property")}
        numbers = " | ".join(str(figures.get(name, "")) for name in ("files", "lines", "applied", "refused"))
        counted[result := _result(case)] += 1
        rows.append(f"| {tried.replace('|', chr(92) + '|')} | {tree} | {numbers} | {result} |")
    made = f"Made by `python bench/language.py` with Python {platform.python_version()}, libcst {version('libcst')}."
    told = ", ".join(f"{number} {result}" for result, number in sorted(counted.items()))
    return f"# The language on real trees\n\n{ABOUT}\n{made} {told}.\n\n" + "\n".join(rows) + "\n"


def _result(case: ET.Element) -> str:
    for word in ("failure", "error", "skipped"):
        if case.find(word) is not None:
            return word
    return "passed"


if __name__ == "__main__":
    sys.exit(main())
