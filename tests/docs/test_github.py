"""docs/github.md and docs/review.md: the workflow is one that GitHub takes and does what it says; the keys are those."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Choice

from patcher.cli.apply_ import command
from patcher.cli.review_ import KEYS
from tests.helpers import ROOT
from tests.tiny import Tiny, replace

GITHUB, REVIEW = (ROOT / "docs" / name for name in ("github.md", "review.md"))
ROUND = replace("abs($X)", "round($X)")


def workflow() -> str:
    return re.findall(r"```yaml\n(.*?)```", GITHUB.read_text(), re.DOTALL)[0]


def steps() -> list[Any]:
    return yaml.safe_load(workflow())["jobs"]["check"]["steps"]


def test_the_workflow_is_one_by_githubs_schema(tmp_path: Path) -> None:
    file = tmp_path / "patches.yml"
    file.write_text(workflow())
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_key_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "patches.yml"
    file.write_text(workflow().replace("timeout-minutes", "timeout-hours"))
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1


@pytest.mark.parametrize(("text", "codes"), [("abs(1)\n", [1, 0]), ("round(1)\n", [0, 0]), ("len(1)\n", [3, 0])])
def test_its_commands_do_what_it_says(tiny: Tiny, text: str, codes: list[int]) -> None:
    tiny.one("abs(1)\n").recipe({**ROUND, "expect": "1"}).apply("--lock")
    (tiny.tree / "a.py").write_text(text)
    commands = [one["run"] for one in steps() if one.get("run", "").startswith("patcher")]
    patcher = f"{sys.executable} -m patcher"
    ran = [
        subprocess.run(
            ["bash", "-c", one.replace("patcher apply", f"{patcher} apply")], cwd=tiny.tree, capture_output=True
        )
        for one in commands
    ]
    assert [one.returncode for one in ran] == codes
    uploaded = next(one["with"]["sarif_file"] for one in steps() if "upload-sarif" in one.get("uses", ""))
    assert (tiny.tree / uploaded).read_text().startswith('{\n  "$schema"')


def test_the_page_has_every_format_of_a_check() -> None:
    (kind,) = [one.type for one in command.params if one.name == "form"]
    assert isinstance(kind, Choice)
    told = re.findall(r"^\| `(\w+)` \|", GITHUB.read_text(), re.MULTILINE)
    assert set(told) == set(kind.choices) - {"patch"}  # which is for `git am`


def test_the_page_has_every_key_as_the_help_says_it() -> None:
    rows = dict(re.findall(r"^\| `(.)` \| (.+?) \|$", REVIEW.read_text(), re.MULTILINE))
    assert list(rows) == list(KEYS)
