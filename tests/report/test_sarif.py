"""`--format sarif`: every log is held against the schema of the standard, and its fixes are what apply writes.

`sarif-2.1.0.json` is the schema as Microsoft's sarif-sdk 5.7.0 (MIT) carries it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.helpers import Patcher, fixture_tree, write_tree
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", why="round is better")
SCHEMA = Path(__file__).with_name("sarif-2.1.0.json")


@cache
def validator() -> jsonschema.Validator:
    schema = json.loads(SCHEMA.read_text())
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def log(tiny: Tiny, *options: str) -> Any:
    """Return a log that is valid, and whose rules are those of its results."""
    result = tiny.apply("--check", "--format", "sarif", *options)
    return checked(result.json, result.code)


def checked(found: Any, code: int) -> Any:
    assert [error.message for error in validator().iter_errors(found)] == []
    for run in found["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one["ruleId"] for one in run["results"]]
        assert run["invocations"][0]["exitCode"] == code
    return found


def results(found: Any) -> list[Any]:
    return found["runs"][0]["results"]


def fixed(found: Any, files: dict[str, str]) -> dict[str, str]:
    """Return files with all fixes of a log made."""
    edits: dict[str, list[Any]] = {}
    for result in results(found):
        for change in result["fixes"][0]["artifactChanges"]:
            edits.setdefault(change["artifactLocation"]["uri"], []).extend(change["replacements"])
    for path, replacements in edits.items():
        lines = files[path].splitlines(keepends=True)
        starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]
        text = files[path]
        for one in sorted(replacements, key=span, reverse=True):
            start, end = (
                starts[line - 1] + column - 1
                for line, column in (place(one["deletedRegion"], side) for side in ("start", "end"))
            )
            text = text[:start] + one["insertedContent"]["text"] + text[end:]
        files = {**files, path: text}
    return files


def span(replacement: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return place(replacement["deletedRegion"], "start"), place(replacement["deletedRegion"], "end")


def place(region: Any, side: str) -> tuple[int, int]:
    return region[f"{side}Line"], region[f"{side}Column"]


class TestPlaces:
    def test_a_result_for_each_place(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "x = 1\nabs(1)\n", "b.py": "if x:\n    abs(2)\n"}).recipe(ROUND)
        found = log(tiny)
        assert [(one["ruleId"], one["level"], one["message"]["text"]) for one in results(found)] == [
            ("swap", "error", "Round is better.")
        ] * 2
        assert [one["locations"][0]["physicalLocation"] for one in results(found)] == [
            {
                "artifactLocation": {"uri": "a.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 2, "startColumn": 1},
            },
            {
                "artifactLocation": {"uri": "b.py", "uriBaseId": "%SRCROOT%"},
                "region": {"startLine": 2, "startColumn": 5},
            },
        ]
        assert found["runs"][0]["invocations"][0]["executionSuccessful"] is True

    def test_a_rule_says_why_and_what_it_does_to_the_numbers(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe({**ROUND, "effect": {"changes": "by a little"}})
        (rule,) = log(tiny)["runs"][0]["tool"]["driver"]["rules"]
        assert (rule["id"], rule["shortDescription"]["text"]) == ("swap", "Round is better.")
        assert "changes: by a little" in rule["help"]["text"]

    def test_nothing_to_do_is_no_result(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        assert results(log(tiny)) == []

    def test_a_refused_place_is_a_warning_and_a_notification(self, tiny: Tiny) -> None:
        tiny.one("y = 1  # why\n").recipe(step("out", delete="y = 1", local=["y"]))
        found = log(tiny)
        (result,) = results(found)
        (told,) = found["runs"][0]["invocations"][0]["toolExecutionNotifications"]
        assert (result["level"], told["level"], told["associatedRule"]) == (
            "warning",
            "warning",
            {"id": "out", "index": 0},
        )
        assert "The comment `# why` would be lost" in result["message"]["text"]
        assert "fixes" not in result

    def test_drift_and_what_was_passed_over_are_notifications(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "len(1)\n", "old.py": "print abs(1)\n"}).recipe({**ROUND, "expect": "1"})
        run = log(tiny)["runs"][0]["invocations"][0]
        assert [one["level"] for one in run["toolExecutionNotifications"]] == ["error", "note"]
        assert run["executionSuccessful"] is False
        assert "Expected 1 place, none found." in run["toolExecutionNotifications"][0]["message"]["text"]

    def test_a_leftover_is_a_note(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "import lib\nlib.Old()\n", "README.md": "Use lib.Old here.\n"})
        tiny.recipe(step("name", rename="lib.Old", to="lib.New"))
        assert [(one["ruleId"], one["level"]) for one in results(log(tiny))][-1] == ("leftover", "note")

    def test_a_path_is_a_uri_from_the_top_of_the_repository(self, tiny: Tiny) -> None:
        tiny.files({"sub/dir/a b#é.py": "abs(1)\n"}).recipe(ROUND)
        result = tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file, "--check", "--format", "sarif")
        (one,) = results(checked(result.json, 1))
        location = one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert location == "sub/dir/a%20b%23%C3%A9.py"

    def test_each_recipe_of_a_lock_is_a_run(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nlen(1)\n").recipe(ROUND).apply("--lock")
        write_tree(tiny.tree, {"a.py": "abs(1)\n"})
        result = tiny.patcher("apply", tiny.tree, "--check", "--format", "sarif")
        assert [run["automationDetails"]["id"] for run in checked(result.json, 1)["runs"]] == ["patcher/tiny/"]

    def test_what_was_declined_is_suppressed(self, tiny: Tiny) -> None:
        from tests.cli.test_review import Terminal

        tiny.one("abs(1)\n").recipe(ROUND)
        Terminal(tiny, "--lock").say("n").end()
        (one,) = results(log(tiny))
        assert one["suppressions"][0]["status"] == "accepted"

    def test_it_goes_with_check_alone(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        result = tiny.apply("--format", "sarif")
        assert (result.code, tiny.read()) == (2, "abs(1)\n")


class TestFixes:
    @pytest.mark.parametrize(
        "text",
        [
            "abs(1)\nx = [abs(2), abs(abs(3))]\n",
            "abs(1)\r\nabs(2)\r\n",
            "s = '漢字😀'; abs(1)\nabs(2)",
            "mean(1)\n\n\ndef f():\n\tmean(2)\n",
        ],
    )
    def test_all_of_them_are_what_apply_writes(self, tiny: Tiny, text: str) -> None:
        named = replace("mean($X)", "fmean($X)", "mean", local=["mean"], needs=["from statistics import fmean"])
        tiny.one(text).recipe(ROUND, named)
        made = fixed(log(tiny), {"a.py": text})
        tiny.apply()
        assert made == {"a.py": tiny.read()}

    def test_a_mark_at_the_beginning_is_not_counted(self, tiny: Tiny) -> None:
        tiny.one(b"\xef\xbb\xbfabs(1)\n").recipe(ROUND)
        (change,) = results(log(tiny))[0]["fixes"][0]["artifactChanges"]
        assert change["replacements"] == [
            {
                "deletedRegion": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 4},
                "insertedContent": {"text": "round"},
            }
        ]

    def test_none_where_an_earlier_step_wrote_the_text(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace("abs($X)", "round($X)", "one"), replace("round($X)", "int($X)", "two"))
        assert ["fixes" in one for one in results(log(tiny))] == [True, False]

    def test_none_where_a_file_must_be_added(self, tiny: Tiny) -> None:
        tiny.one("from adam_atan2 import AdamATan2\n\nAdamATan2([], lr=1)\n")
        tiny.recipe(step("own", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"))
        assert not any("fixes" in one and "adam_atan2_torch" in str(one["fixes"]) for one in results(log(tiny)))


@pytest.mark.slow
def test_the_bundled_recipe_on_its_miniature(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    result = patcher("apply", tree, "-r", "hrm", "--check", "--format", "sarif")
    assert len(results(checked(result.json, result.code))) > 10
