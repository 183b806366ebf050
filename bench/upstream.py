"""Run the recipes on the real upstream trees and print the tables that are kept in bench/upstream.md.

    PATCHER_UPSTREAMS=FOLDER make upstream
    PATCHER_UPSTREAMS=FOLDER python bench/upstream.py [NAME...]
    python bench/upstream.py --report REPORT.xml [REPORT.xml...]

FOLDER has a clone of each upstream under its own name (HRM, SEDD, TRM, protein_lig_sedd). NAME is a test file without
its test_ and .py (hrm, sedd, trm ...); without one all are run. --report runs nothing and takes what pytest wrote with
--junitxml, with the same Python; of a test that stands in several the last one counts. The tables of what is not run
stay as they are: each says by itself what it was made with.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET  # the files that are read are written here
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "bench" / "upstream.md"
PACKAGES = ("libcst", "torch", "numpy", "einops", "hydra-core", "wandb", "adam-atan2-pytorch")


def main() -> int:
    """Run the tests, write the tables, return pytest's exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--report", nargs="+", type=Path, metavar="REPORT.xml")
    asked = parser.parse_args()
    if asked.report:
        code, new = 0, _tables(asked.report)
    elif os.environ.get("PATCHER_UPSTREAMS"):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            code = _run(asked.names, report)
            new = _tables([report])
    else:
        print(
            "PATCHER_UPSTREAMS must name a folder with the upstream repositories, as FOLDER/HRM, FOLDER/SEDD, "
            "FOLDER/TRM and FOLDER/protein_lig_sedd.",
            file=sys.stderr,
        )
        return 2
    TABLE.write_text(_page({**_kept(TABLE.read_text()), **new}))
    print(_page(new))
    return code


def _run(names: Iterable[str], report: Path) -> int:
    files = [f"tests/upstream/test_{name}.py" for name in names] or ["tests/upstream"]
    command = [sys.executable, "-m", "pytest", "-m", "upstream", *files, f"--junitxml={report}", "-q"]
    return subprocess.run([*command, "-o", "junit_family=legacy"], cwd=ROOT, check=False).returncode


def _page(tables: Mapping[str, str]) -> str:
    return "# On the real trees\n\n" + "\n".join(f"## {name}\n\n{tables[name]}" for name in sorted(tables))


def _kept(page: str) -> dict[str, str]:
    """Return the tables of a page, by their headings."""
    parts = re.split(r"^## (\w+)\n\n", page, flags=re.MULTILINE)[1:]
    return {name: text.rstrip("\n") + "\n" for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _tables(reports: Iterable[Path]) -> dict[str, str]:
    rows: dict[str, dict[str, str]] = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase"):  # noqa: S314
            upstream = case.get("classname", "").partition("test_")[2]
            figures = "; ".join(f"{one.get('name')} {_number(one.get('value', ''))}" for one in case.iter("property"))
            name = case.get("name", "").removeprefix("test_").replace("_", " ")
            row = f"| {name} | {_result(case)} | {float(case.get('time', 0)):.1f} | {figures} |"
            rows.setdefault(upstream, {})[name] = row
    head = ["| what was seen | result | seconds | figures |", "|---|---|---|---|"]
    return {name: f"{_environment()}\n\n" + "\n".join([*head, *found.values()]) + "\n" for name, found in rows.items()}


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
    return f"Made with {', '.join(versions)}; {platform.system()} {platform.machine()}, CPU."


if __name__ == "__main__":
    sys.exit(main())
