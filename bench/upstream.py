"""Run the recipes on the real upstream trees and print the table that is kept in bench/upstream.md.

    PATCHER_UPSTREAMS=FOLDER make upstream

FOLDER has a clone of each upstream under its own name (HRM, SEDD, TRM,
protein_lig_sedd). Without it nothing runs.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET  # the file that is read is written here
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "bench" / "upstream.md"
PACKAGES = ("libcst", "torch", "numpy", "einops", "hydra-core", "wandb", "adam-atan2-pytorch")


def main() -> int:
    """Run the tests, write the table, return pytest's exit code."""
    if not os.environ.get("PATCHER_UPSTREAMS"):
        print(
            "PATCHER_UPSTREAMS must name a folder with the upstream repositories, as FOLDER/HRM, FOLDER/SEDD,"
            " FOLDER/TRM and FOLDER/protein_lig_sedd.",
            file=sys.stderr,
        )
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-m",
            "upstream",
            "tests/upstream",
            f"--junitxml={report}",
            "-q",
            "-o",
            "junit_family=legacy",
        ]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        table = _table(report)
    TABLE.write_text(table)
    print(table)
    return code


def _table(report: Path) -> str:
    rows = ["| upstream | what was seen | result | seconds | figures |", "|---|---|---|---|---|"]
    for case in ET.parse(report).iter("testcase"):  # noqa: S314
        upstream = case.get("classname", "").rpartition("test_")[2]
        figures = "; ".join(f"{one.get('name')} {_number(one.get('value', ''))}" for one in case.iter("property"))
        name = case.get("name", "").removeprefix("test_").replace("_", " ")
        rows.append(f"| {upstream} | {name} | {_result(case)} | {float(case.get('time', 0)):.1f} | {figures} |")
    return f"# On the real trees\n\n{_environment()}\n\n" + "\n".join(rows) + "\n"


def _result(case: ET.Element) -> str:
    for word in ("failure", "error", "skipped"):
        if case.find(word) is not None:
            return word
    return "passed"


def _number(text: str) -> str:
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def _environment() -> str:
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return f"Made by `make upstream` with {', '.join(versions)}; {platform.system()} {platform.machine()}, CPU."


if __name__ == "__main__":
    sys.exit(main())
