"""At least four in ten of the cases that run a verb over a tree prove that nothing changes."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.helpers import ROOT

CASE = re.compile(r"(tests/verbs/\w+\.py)::(?:\w+::)?(\w+)")


def kind(function: ast.AST) -> str:
    called = {
        node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    return " and ".join(sorted(called & {"check_noop", "check_transformed"}))


def test_four_in_ten_cases_of_the_verbs_prove_that_nothing_changes() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests/verbs"]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kinds: Counter[str] = Counter()
    functions: dict[str, dict[str, str]] = {}
    for file, name in CASE.findall(collected):
        if file not in functions:
            tree = ast.walk(ast.parse(Path(ROOT, file).read_text()))
            functions[file] = {one.name: kind(one) for one in tree if isinstance(one, ast.FunctionDef)}
        kinds[functions[file][name]] += 1
    still, moved = kinds["check_noop"], kinds["check_transformed"] + kinds["check_noop and check_transformed"]
    assert still + moved > 500
    assert still / (still + moved) >= 0.4
