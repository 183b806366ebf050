"""A plan as data: the keys are a promise to scripts, and nothing that the text report says is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from patcher import __version__
from patcher.model import Status
from tests.helpers import ROOT
from tests.tiny import Tiny, replace, step

ROUND = ("abs($X)", "round($X)")
COMMENTED = "y = 1  # why\n"
REFUSED = {"delete": "y = 1", "local": ["y"]}

STATUSES = ("applied", "already", "absent", "drifted", "refused")


def one_of(*wanted: str) -> Callable[[Any], bool]:
    return lambda value: value in wanted


def count(value: Any) -> bool:
    return type(value) is int and value >= 0


def position(value: Any) -> bool:
    return type(value) is int and value >= 1


def digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


def proof(value: Any) -> bool:
    wanted = {"of": str, "proved": bool, "reason": str, "run": str}
    return value is None or not complaints(value, wanted)


# A type, a test, a list of one schema, or a map of schemas by key; every key is there and no other.
PLACE = {"path": str, "line": position, "column": position, "status": one_of(*STATUSES), "reason": str, "text": str}
STEP = {
    "id": str,
    "verb": str,
    "why": str,
    "effect": {"kind": one_of("enables", "exact", "changes", "unreached"), "detail": str, "avoid": texts},
    "expect": str,
    "status": one_of(*STATUSES),
    "reason": str,
    "proof": proof,
    "places": [PLACE],
}
SCHEMA: Mapping[str, Any] = {
    "format": lambda value: value == 1,
    "patcher": lambda value: value == __version__,
    "recipe": str,
    "recipe_digest": digest,
    "parameters": texts,
    "root": str,
    "plan_digest": digest,
    "written": bool,
    "exit_code": one_of(0, 1, 3),  # type: ignore[arg-type]
    "counts": dict.fromkeys(STATUSES, count),
    "steps": [STEP],
    "changes": [{"path": str, "kind": one_of("added", "modified"), "steps": [str], "diff": str}],
    "leave": texts,
    "left": [{"path": str, "reason": str}],
    "skipped": [{"path": str, "reason": str}],
    "leftovers": [{"path": str, "line": int, "reason": str}],
    "known": [{"path": str, "line": int, "reason": str}],
    "next": [{"run": str, "why": str}],
}


def complaints(value: Any, schema: Any, at: str = "") -> list[str]:
    """Return where a value is not what the schema says."""
    if isinstance(schema, list):
        if not isinstance(value, list):
            return [f"{at} is no list"]
        return [told for number, item in enumerate(value) for told in complaints(item, schema[0], f"{at}[{number}]")]
    if isinstance(schema, Mapping):
        if not isinstance(value, dict) or set(value) != set(schema):
            return [f"{at} has the keys {sorted(value)}, and {sorted(schema)} are wanted"]
        return [told for key, inner in schema.items() for told in complaints(value[key], inner, f"{at}.{key}")]
    fits = type(value) is schema if isinstance(schema, type) else schema(value)
    return [] if fits else [f"{at} is {value!r}"]


@pytest.fixture
def busy(tiny: Tiny) -> Tiny:
    """A recipe with a step for each outcome."""
    tiny.files(
        {
            "a.py": f"from adam_atan2 import AdamATan2\n\nAdamATan2()\nabs(1)\nround(2)\n{COMMENTED}",
            "v/b.py": "abs(1)\n",
            "old.py": "print abs(1)\n",
        }
    )
    return tiny.recipe(
        step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"),
        replace(*ROUND, name="applied", effect={"changes": "much", "avoid": {"kind": "b"}}),
        replace("len($X)", "sum($X)", name="drifted", optional="yes", expect="1"),
        replace("bytes($X)", "bool($X)", name="absent"),
        replace("int($X)", "round($X)", name="already"),
        step("refused", **REFUSED),
        parameters={"kind": {"type": "text", "default": "a"}},
        leave={"v/**": "imported by nobody"},
        known=[{"why": "it is Python 2", "in": "old.py", "text": "^print "}],
        next=[{"run": "cd {tree}", "why": "to be there"}],
    )


@pytest.mark.parametrize("options", [("--check",), ("--diff",), ()])
def test_it_is_what_the_schema_says(busy: Tiny, options: tuple[str, ...]) -> None:
    data = busy.apply("--format", "json", *options).json
    assert complaints(data, SCHEMA) == []
    assert set(data["counts"]) == {status.value for status in Status}


def test_the_schema_refuses_what_it_must(busy: Tiny) -> None:
    data = busy.plan().json
    data["steps"][0]["places"][0]["line"] = 0
    assert complaints(data, SCHEMA) == [".steps[0].places[0].line is 0"]
    assert complaints({**data, "more": 1}, SCHEMA) != []


def test_every_outcome_is_there(busy: Tiny) -> None:
    result = busy.plan()
    assert result.steps() == {
        "rename": "applied",
        "applied": "applied",
        "drifted": "drifted",
        "absent": "absent",
        "already": "already",
        "refused": "refused",
    }
    assert result.json["counts"] == {"applied": 2, "already": 1, "absent": 1, "drifted": 1, "refused": 1}


def test_places_carry_line_column_status_and_reason(busy: Tiny) -> None:
    result = busy.plan()
    first = {"path": "a.py", "line": 4, "column": 1, "status": "applied", "reason": "", "text": "abs(1)"}
    assert result.step("applied")["places"][0] == first
    (refused,) = result.step("refused")["places"]
    assert refused["reason"].startswith("the comment `# why` would be lost")


def test_a_drifted_step_carries_its_reason(busy: Tiny) -> None:
    told = busy.plan().step("drifted")
    assert told["reason"] == "Expected 1 place, none found. No file in scope mentions `len`."
    assert (told["expect"], told["places"]) == ("1", [])


def test_the_effect_says_how_to_avoid_it(busy: Tiny) -> None:
    assert busy.plan().step("applied")["effect"] == {"kind": "changes", "detail": "much", "avoid": {"kind": "b"}}


def test_changes_carry_their_diff(busy: Tiny) -> None:
    changes = busy.plan().json["changes"]
    assert [(one["path"], one["kind"]) for one in changes] == [("a.py", "modified"), ("adam_atan2_torch.py", "added")]
    assert "".join(one["diff"] for one in changes) == busy.diff().out


def test_what_is_passed_over_or_left_alone_is_there(busy: Tiny) -> None:
    data = busy.plan().json
    assert [one["path"] for one in data["skipped"]] == ["old.py"]
    assert data["leave"] == {"v/**": "imported by nobody"}


def test_the_tree_is_filled_into_what_to_run_next(busy: Tiny) -> None:
    assert busy.plan().json["next"] == [{"run": f"cd {busy.tree}", "why": "to be there"}]


def test_parameters_are_there_as_given(busy: Tiny) -> None:
    assert busy.plan("-p", "kind=c").json["parameters"] == {"kind": "c"}


def test_looking_is_not_writing(busy: Tiny) -> None:
    data = busy.plan().json
    assert (data["written"], data["exit_code"]) == (False, 3)


def test_writing_is_told(busy: Tiny) -> None:
    result = busy.apply("--format", "json")
    assert result.json["written"] is True
    assert result.code == result.json["exit_code"] == 3


def test_a_plan_that_is_held_back_was_not_written(tiny: Tiny) -> None:
    tiny.one("abs(1)\n").recipe(replace(*ROUND), replace("len($X)", "int($X)", name="other", expect="1"))
    result = tiny.apply("--format", "json")
    assert (result.code, result.json["written"]) == (3, False)
    assert tiny.read() == "abs(1)\n"


def test_there_is_nothing_but_data_on_stdout_and_nothing_beside_it(busy: Tiny) -> None:
    result = busy.plan()
    assert result.stderr == ""
    assert result.out.startswith("{\n") and result.out.endswith("}\n")


def test_it_is_ascii_whatever_the_tree_holds(tiny: Tiny) -> None:
    tiny.files({"é.py": "s = 'ü', abs(1)\n"}).recipe(replace(*ROUND))
    assert tiny.plan().stdout.isascii()
    assert tiny.plan().json["changes"][0]["path"] == "é.py"


def test_it_is_the_same_whatever_the_hash_seed(busy: Tiny) -> None:
    command = [sys.executable, "-m", "patcher", "apply", busy.tree, "-r", busy.file, "--check", "--format", "json"]
    outputs = set()
    for seed in ("0", "7"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        outputs.add(subprocess.run(command, env=environment, capture_output=True, check=False).stdout)
    assert outputs == {busy.plan().stdout}
