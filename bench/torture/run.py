"""Run every tool over a copy of every check's tree, score all of them alike, and write bench/torture.md.

    python -m bench.torture.run                  # the tools on PATH, or in the folder that PEERS_BIN names
    python -m bench.torture.run --tool ast-grep --check keyword-plain --show

`pip install ast-grep-cli semgrep` brings the peers. A tool that is missing is left out by name.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.torture.cases import CHECKS
from bench.torture.check import REQUIREMENTS, Check
from bench.torture.judge import Entry, Report, build, judge, snapshot
from bench.torture.tools import TOOLS, Tool

__all__ = ["Attempt", "attempt", "main", "score", "verdict"]

TABLE = Path(__file__).parents[1] / "torture.md"
KINDS = ("no change", "change", "either")


def main() -> int:
    """Print the table, and keep it where every tool was run over every check."""
    options = _options()
    checks = [check for check in CHECKS if not options.check or check.name in options.check]
    tools = [tool for tool in TOOLS if not options.tool or tool.name in options.tool]
    there = [tool for tool in tools if tool.version() is not None]
    scores = {tool.name: score(tool, checks, show=options.show) for tool in there}
    if options.tool or options.check:
        for name, results in scores.items():
            failed = [f"{name}: {check}: {reason}" for check, reason in results.items() if reason]
            print(*failed, f"{name}: {len(results) - len(failed)} of {len(results)}", sep="\n")
        return 0
    text = _report(checks, there, [tool for tool in tools if tool not in there], scores)
    TABLE.write_text(text)
    print(text)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", action="append", choices=[tool.name for tool in TOOLS], help="only this tool")
    parser.add_argument("--check", action="append", help="only this check")
    parser.add_argument("--show", action="store_true", help="print what a tool made of each file")
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Attempt:
    """A check's tree before and after a tool, after its second run, and what it told in the first."""

    before: Mapping[str, Entry]
    after: Mapping[str, Entry]
    again: Mapping[str, Entry]
    reports: Sequence[Report]


def attempt(tool: Tool, checks: Sequence[Check]) -> dict[str, Attempt]:
    """Run a tool twice over a copy of each check's tree."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for check in checks:
            (root / check.name).mkdir()
            build(check, root / check.name)
        names = [check.name for check in checks]
        before = {name: snapshot(root / name) for name in names}
        reports = tool.run(root, names)
        after = {name: snapshot(root / name) for name in names}
        tool.run(root, names)
        return {
            name: Attempt(before[name], after[name], snapshot(root / name), reports.get(name, [])) for name in names
        }


def score(tool: Tool, checks: Sequence[Check], *, show: bool = False) -> dict[str, str]:
    """Return what is wrong with a tool's result of each check, or nothing."""
    made = attempt(tool, checks)
    if show:
        _show(made)
    return {check.name: verdict(check, made[check.name]) for check in checks}


def verdict(check: Check, made: Attempt) -> str:
    """Return what is wrong with one result, or nothing."""
    return judge(check, made.before, made.after, made.reports, made.again)


def _show(made: Mapping[str, Attempt]) -> None:
    for name, one in made.items():
        for path, entry in one.after.items():
            if one.before.get(path) != entry:
                print(f"--- {name}/{path}", entry.data.decode("utf-8", "replace"), sep="\n")
        print(*(f"told: {name}/{report.path}:{report.line}: {report.text}" for report in one.reports), sep="\n")


# --- the table ------------------------------------------------------------------------------------------------------


def _report(
    checks: Sequence[Check], tools: Sequence[Tool], missing: Sequence[Tool], scores: Mapping[str, Mapping[str, str]]
) -> str:
    versions = ", ".join(f"{tool.name} {tool.version()}" for tool in tools)
    counts = ", ".join(f"{sum(check.kind == kind for check in checks)} {kind}" for kind in KINDS)
    parts = [
        "# The torture tree",
        f"Made by `python -m bench.torture.run` with {versions}; Python {platform.python_version()}, {platform.system()}."
        + (f" Left out, because missing: {', '.join(tool.name for tool in missing)}." if missing else ""),
        f"{len(checks)} checks ({counts}: where *either*, a place may be left if it is told). A result passes if it leaves "
        "alone what the reference leaves alone, keeps the comments, parses and behaves as the reference does "
        "([torture/judge.py](torture/judge.py)); its formatting does not matter. The rules of each tool: "
        "[recipe.yaml](torture/recipe.yaml), [peers](torture/peers).",
        _table(["", *(tool.name for tool in tools)], _totals(checks, tools, scores)),
        "How to read it. The rules of the peers were written with the checks at hand, form by form, and the recipe was not; but "
        "eleven faults of patcher that the checks found were mended, and with them `delete` learned to name a module, which "
        "the recipe's step `unused` now does: before that it passed 312. The checks named later-… came when all rules were "
        "finished and were kept out of that: they show how far each tool reaches beyond what it was prepared for. ast-grep and "
        "LibCST do not edit requirements.txt, so the total is given without requirements too.",
        "## Check by check",
        "An empty cell is a pass.",
        _table(["check", "hazard", *(tool.name for tool in tools)], _rows(checks, tools, scores)),
    ]
    return "\n\n".join(parts) + "\n"


def _totals(checks: Sequence[Check], tools: Sequence[Tool], scores: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    groups = {"all": list(checks), "without requirements": [check for check in checks if check.jobs != (REQUIREMENTS,)]}
    groups |= {kind: [check for check in checks if check.kind == kind] for kind in KINDS}
    for check in checks:
        groups.setdefault(f"{check.name.partition('-')[0]}-…", []).append(check)
    rows = []
    for name, group in groups.items():
        passed = (sum(not scores[tool.name][check.name] for check in group) for tool in tools)
        rows.append([f"{name} ({len(group)})", *(str(count) for count in passed)])
    return [*rows, ["lines of rules", *(str(tool.length()) for tool in tools)]]


def _rows(checks: Sequence[Check], tools: Sequence[Tool], scores: Mapping[str, Mapping[str, str]]) -> list[list[str]]:
    return [[check.name, check.hazard, *(_cell(scores[tool.name][check.name]) for tool in tools)] for check in checks]


def _cell(reason: str) -> str:
    text = " ".join(reason.split()).replace("|", "\\|").replace("<", "&lt;")
    return text if len(text) <= 70 else text[:69] + "…"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
