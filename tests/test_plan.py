"""What planning finds, what it expects, and what it refuses to give out; planning itself never writes."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from patcher.checkout import Checkout
from patcher.errors import RecipeError
from patcher.model import Plan, Site, Status, Step
from patcher.plan import plan
from patcher.recipe import load
from patcher.syntax.draft import Draft
from patcher.verbs.base import Findings
from tests.helpers import ROOT
from tests.tiny import Tiny, edit, replace, requirements, step

APPLIED = Status.APPLIED
ROUND = ("abs($X)", "round($X)")
# A result whose edits reach over the hole, so that a match in a match has to wait for a second round.
METHOD = ("abs($X)", "$X.bit_length()")
NESTED = "n = 1\ny = abs(abs(n))\n"
UNNESTED = "n = 1\ny = n.bit_length().bit_length()\n"
# A statement that cannot go, because its comment would go with it.
COMMENTED = "y = 1  # why\n"
REFUSED = {"delete": "y = 1", "local": ["y"]}


def statuses(tiny: Tiny, name: str = "swap") -> list[str]:
    return [place["status"] for place in tiny.plan().step(name)["places"]]


def reason(tiny: Tiny, name: str = "swap") -> str:
    found = tiny.plan().step(name)
    assert found["status"] == "drifted"
    return str(found["reason"])


class TestOutcomes:
    def test_a_place_that_is_found_is_applied(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND))
        assert tiny.apply().code == 0
        assert tiny.read() == "y = round(1)\n"

    def test_a_place_that_is_done_is_already_there(self, tiny: Tiny) -> None:
        tiny.one("y = round(1)\n").recipe(replace(*ROUND))
        result = tiny.plan()
        assert (result.code, result.steps()) == (0, {"swap": "already"})
        assert result.json["changes"] == []

    def test_what_nobody_asks_for_is_absent(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace(*ROUND))
        result = tiny.plan()
        assert (result.code, result.steps()) == (0, {"swap": "absent"})

    @pytest.mark.parametrize(
        ("within", "told"),
        [
            ("a.py::gone", "No gone is in a.py."),
            ("gone.py", "No file is at gone.py."),
            (["gone.py", "a.py::gone"], "No file is at gone.py. No gone is in a.py."),
            (["gone.py", "a.py"], ""),
            ("a.py::there", ""),
        ],
    )
    def test_a_scope_that_is_gone_is_absent_and_told(self, tiny: Tiny, within: Any, told: str) -> None:
        tiny.one("def there(): pass\n").recipe(replace(*ROUND, within=within))
        result = tiny.plan()
        assert (result.code, result.steps()) == (0, {"swap": "absent"})
        assert (result.step("swap").get("reason") or "") == told

    def test_a_delete_in_a_scope_that_is_gone_drifts_where_it_is_expected(self, tiny: Tiny) -> None:
        gone = {"delete": "abs($X)", "within": "a.py::gone"}
        tiny.one("abs(1)\n").recipe(step("swap", **gone))
        assert tiny.plan().steps() == {"swap": "absent"}
        tiny.recipe(step("swap", expect="1", **gone))
        assert "No gone is in a.py." in reason(tiny)

    def test_a_place_that_is_expected_and_missing_has_drifted(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace(*ROUND, expect="1"))
        result = tiny.apply()
        assert result.code == 3
        assert tiny.read() == "y = 1\n"

    def test_a_place_whose_comment_would_be_lost_is_refused_and_the_rest_is_written(self, tiny: Tiny) -> None:
        tiny.one(f"{COMMENTED}z = abs(2)\n").recipe(step("first", **REFUSED), replace(*ROUND))
        assert tiny.apply().code == 3
        assert tiny.read() == f"{COMMENTED}z = round(2)\n"

    def test_places_of_one_step_are_told_one_by_one(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = round(2)\n").recipe(replace(*ROUND))
        assert sorted(statuses(tiny)) == ["already", "applied"]

    def test_one_place_applied_and_one_there_make_an_applied_step(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = round(2)\n").recipe(replace(*ROUND))
        assert tiny.plan().steps() == {"swap": "applied"}

    def test_a_place_is_told_with_file_line_column_and_text(self, tiny: Tiny) -> None:
        tiny.files({"b/c.py": "# first\nif 1:\n    y = [abs(1)]\n"}).recipe(replace(*ROUND))
        (place,) = tiny.plan().step("swap")["places"]
        assert (place["path"], place["line"], place["column"]) == ("b/c.py", 3, 10)
        assert place["text"] == "y = [abs(1)]"

    def test_a_long_line_is_told_by_its_beginning(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1) + " + "1 + " * 60 + "1\n").recipe(replace(*ROUND))
        (place,) = tiny.plan().step("swap")["places"]
        assert len(place["text"]) == 80 and place["text"].endswith("…")

    def test_another_name_of_the_same_spelling_stays(self, tiny: Tiny) -> None:
        text = "def abs(x):\n    return x\n\n\ny = abs(1)\n"
        tiny.one(text).recipe(replace(*ROUND))
        assert tiny.apply().code == 0
        assert tiny.read() == text

    def test_planning_writes_nothing(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND))
        before = tiny.snapshot()
        tiny.plan()
        assert tiny.snapshot() == before and not (tiny.tree / ".git/patcher").exists()


class TestExpect:
    @pytest.mark.parametrize("expect", ["2", "1..3", "2..", "1..2", "any", {"files": "1"}, {"each": "2"}])
    def test_two_places_are_what_is_expected(self, tiny: Tiny, expect: Any) -> None:
        tiny.one("y = abs(1) + abs(2)\n").recipe(replace(*ROUND, expect=expect))
        assert tiny.plan().steps() == {"swap": "applied"}

    @pytest.mark.parametrize(
        ("expect", "complaint"),
        [
            ("3", "Expected 3 places, 2 found: a.py:1."),
            ("3..", "Expected at least 3 places, 2 found: a.py:1."),
            ("11", "Expected 11 places, 2 found: a.py:1."),
            ("3..5", "Expected 3 to 5 places, 2 found: a.py:1."),
            ({"files": "2"}, "Expected 2 files, 1 found: a.py:1."),
            ({"files": "2.."}, "Expected at least 2 files, 1 found: a.py:1."),
            ({"each": "3"}, "Expected 3 places in a.py, 2 found: a.py:1."),
        ],
    )
    def test_too_few_places(self, tiny: Tiny, expect: Any, complaint: str) -> None:
        tiny.one("y = abs(1) + abs(2)\n").recipe(replace(*ROUND, expect=expect))
        assert reason(tiny).startswith(complaint)

    @pytest.mark.parametrize(
        ("expect", "complaint"),
        [
            ("1", "Expected 1 place, 2 new ones found: a.py:1 and a.py:2."),
            ("0..1", "Expected 0 to 1 places, 2 new ones found: a.py:1 and a.py:2."),
            ("0", "Expected 0 places, 2 new ones found: a.py:1 and a.py:2."),
            ({"each": "1"}, "Expected 1 place in a.py, 2 new ones found: a.py:1 and a.py:2."),
            ({"files": "0"}, "Expected 0 files, 1 new one found: a.py:1 and a.py:2."),
        ],
    )
    def test_too_many_new_places(self, tiny: Tiny, expect: Any, complaint: str) -> None:
        tiny.one("y = abs(1)\nz = abs(2)\n").recipe(replace(*ROUND, expect=expect))
        assert reason(tiny) == complaint

    def test_the_places_of_too_many_are_told_up_to_a_few(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n" * 9).recipe(replace(*ROUND, expect="1"))
        assert reason(tiny) == ("Expected 1 place, 9 new ones found: a.py:1, a.py:2, a.py:3, a.py:4 and 5 more.")

    def test_one_place_is_said_in_the_singular(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace(*ROUND, expect="1.."))
        assert reason(tiny).startswith("Expected at least 1 place, none found.")

    def test_places_that_are_there_count_for_the_lower_bound(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = round(2)\n").recipe(replace(*ROUND, expect="2"))
        assert tiny.plan().steps() == {"swap": "applied"}

    def test_places_that_are_there_do_not_count_for_the_upper_bound(self, tiny: Tiny) -> None:
        tiny.one("y = round(1)\nz = round(2)\nw = abs(3)\n").recipe(replace(*ROUND, expect="1"))
        assert tiny.plan().steps() == {"swap": "applied"}

    def test_files_where_it_is_done_do_not_count_for_the_upper_bound(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "round(1)\n"}).recipe(replace(*ROUND, expect={"files": "1"}))
        assert tiny.plan().steps() == {"swap": "applied"}

    def test_a_refused_place_counts_as_found(self, tiny: Tiny) -> None:
        tiny.one(COMMENTED).recipe(step("swap", expect="1", **REFUSED))
        assert tiny.plan().steps() == {"swap": "refused"}

    def test_a_recipe_for_an_upstream_expects_at_least_one(self, tiny: Tiny) -> None:
        upstream = {"repository": "https://github.com/nobody/nothing"}
        tiny.one("y = 1\n").recipe(replace(*ROUND), upstream=upstream)
        assert reason(tiny).startswith("Expected at least 1 place, none found.")

    def test_a_match_in_a_match_counts_as_two(self, tiny: Tiny) -> None:
        tiny.one(NESTED).recipe(replace(*METHOD, expect="2"))
        assert tiny.apply().code == 0
        assert tiny.read() == UNNESTED

    def test_a_match_in_a_match_is_one_too_many(self, tiny: Tiny) -> None:
        tiny.one(NESTED).recipe(replace(*METHOD, expect="1"))
        assert reason(tiny) == "Expected 1 place, 2 new ones found: a.py:2."
        assert tiny.plan().json["changes"] == []

    def test_the_places_in_each_file_are_told_of_that_file(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "abs(1)\nabs(2)\n"}).recipe(replace(*ROUND, expect={"each": "1"}))
        assert reason(tiny) == "Expected 1 place in b.py, 2 new ones found: b.py:1 and b.py:2."

    def test_too_few_places_in_a_file_are_told_of_that_file(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\nabs(2)\n", "b.py": "abs(1)\n"}).recipe(replace(*ROUND, expect={"each": "2"}))
        assert reason(tiny).startswith("Expected 2 places in b.py, 1 found: b.py:1.")


class TestDrift:
    def test_the_nearest_candidate_is_named_with_what_is_wrong_there(self, tiny: Tiny) -> None:
        tiny.one("import os\n\n\ny = open('a', mode='r')\n").recipe(
            edit("open($$$, mode=$M)", {"M": "'rb'"}, where={"M": "'w'"}, expect="1")
        )
        told = "Expected 1 place, none found. The nearest is a.py:4, where `'r'` is none of `'w'`."
        assert reason(tiny, "set") == told

    def test_a_word_that_stands_in_no_file_is_named(self, tiny: Tiny) -> None:
        tiny.one("y = 1\n").recipe(replace("torch.zeros($X)", "torch.ones($X)", expect="1"))
        assert "No file in scope mentions `torch` or `zeros`." in reason(tiny)

    def test_a_file_that_has_another_folder_now_is_suggested(self, tiny: Tiny) -> None:
        tiny.files({"src/net.py": "y = abs(1)\n"}).recipe(replace(*ROUND, within="net.py", expect="1"))
        assert reason(tiny).endswith("No file is at net.py; is it src/net.py now?")

    def test_a_file_that_has_another_name_now_is_suggested(self, tiny: Tiny) -> None:
        tiny.files({"networks.py": "y = abs(1)\n"}).recipe(replace(*ROUND, within="network.py", expect="1"))
        assert reason(tiny).endswith("No file is at network.py; is it networks.py now?")

    def test_a_file_that_is_gone_without_a_trace_is_named(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND, within="elsewhere/net.py", expect="1"))
        assert reason(tiny).endswith("No file is at elsewhere/net.py.")

    def test_one_of_two_files_that_is_gone_is_named(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND, within=["a.py", "elsewhere/net.py"], expect="2"))
        assert reason(tiny) == "Expected 2 places, 1 found: a.py:1. No file is at elsewhere/net.py."

    def test_a_function_that_is_gone_is_named(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND, within="a.py::gone", expect="1"))
        assert "none found. No gone is in a.py. The nearest is" in reason(tiny)

    def test_a_function_that_has_another_name_now_is_suggested(self, tiny: Tiny) -> None:
        tiny.one("class Net:\n    def forwards(self): abs(1)\n").recipe(
            replace(*ROUND, within="*.py::Net.forward", expect="1")
        )
        assert "No Net.forward is in *.py; is it Net.forwards now?" in reason(tiny)

    def test_a_function_that_is_there_is_not_called_gone(self, tiny: Tiny) -> None:
        tiny.one("def there(): pass\ny = abs(1)\n").recipe(replace(*ROUND, within="a.py::there", expect="1"))
        assert "No there" not in reason(tiny)

    def test_a_tree_without_python_says_so(self, tiny: Tiny) -> None:
        tiny.files({"README": "abs(1)\n"}).recipe(replace(*ROUND, expect="1"))
        assert reason(tiny).endswith("The tree has no Python file.")

    def test_a_requirement_that_is_missing_is_not_a_file_that_is_missing(self, tiny: Tiny) -> None:
        files = {"requirements.txt": "torch\n"}
        tiny.files(files).recipe(requirements(drop=["triton"]) | {"within": "requirements.txt"})
        wanted = step("packages", requirements={"loosen": ["numpy"]}, within="requirements.txt", expect="1")
        tiny.recipe(wanted)
        assert reason(tiny, "packages") == "Expected 1 place, none found."

    def test_nothing_of_a_drifted_step_is_in_the_draft(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = abs(2)\n").recipe(
            replace(*ROUND, expect="1"), replace("abs($X)", "int($X)", name="later", expect="2")
        )
        steps = tiny.plan().steps()
        assert steps == {"swap": "drifted", "later": "applied"}
        assert tiny.apply("--partial").code == 3
        assert tiny.read() == "y = int(1)\nz = int(2)\n"

    def test_the_places_of_a_drifted_step_are_not_called_applied(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = round(2)\n").recipe(replace(*ROUND, expect="3"))
        assert sorted(statuses(tiny)) == ["already", "drifted"]

    def test_an_optional_step_drifts_alone(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(
            replace("len($X)", "int($X)", name="maybe", optional="yes", expect="1"), replace(*ROUND)
        )
        result = tiny.apply("--format", "json")
        assert (result.code, result.steps()) == (0, {"maybe": "drifted", "swap": "applied"})
        assert tiny.read() == "y = round(1)\n"

    def test_too_many_have_no_nearest_candidate(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\nz = abs(2)\nabs(1, 2)\n").recipe(replace(*ROUND, expect="1"))
        assert "nearest" not in reason(tiny)


class TestRequires:
    FIRST = ("len($X)", "int($X)")

    def pair(self, tiny: Tiny, text: str, **keys: Any) -> Tiny:
        return tiny.one(text).recipe(
            replace(*self.FIRST, name="first", **keys), replace(*ROUND, name="second", requires=["first"])
        )

    def test_an_applied_requirement_holds(self, tiny: Tiny) -> None:
        assert self.pair(tiny, "len(1) + abs(1)\n").plan().steps() == {"first": "applied", "second": "applied"}

    def test_a_requirement_that_is_there_holds(self, tiny: Tiny) -> None:
        assert self.pair(tiny, "int(1) + abs(1)\n").plan().steps() == {"first": "already", "second": "applied"}

    def test_what_requires_a_drifted_step_drifts_with_it(self, tiny: Tiny) -> None:
        result = self.pair(tiny, "abs(1)\n", expect="1").plan()
        assert result.steps() == {"first": "drifted", "second": "drifted"}
        assert result.step("second")["reason"] == "It requires the step first, which drifted."
        assert result.json["changes"] == []

    def test_what_requires_an_optional_step_that_drifted_keeps_the_plan_from_being_written(self, tiny: Tiny) -> None:
        tiny = self.pair(tiny, "abs(1)\n", expect="1", optional="yes")
        assert tiny.apply().code == 3
        assert tiny.read() == "abs(1)\n"

    def test_what_requires_a_refused_step_is_refused_with_its_reason(self, tiny: Tiny) -> None:
        tiny.one(f"{COMMENTED}abs(2)\n").recipe(
            step("first", **REFUSED), replace(*ROUND, name="second", requires=["first"])
        )
        result = tiny.plan()
        assert (result.code, result.steps()) == (3, {"first": "refused", "second": "refused"})
        assert result.step("second")["reason"] == "It requires the step first, which was refused."
        assert "which was refused" in tiny.apply().out
        assert tiny.read() == f"{COMMENTED}abs(2)\n"

    def test_what_requires_an_absent_step_is_absent(self, tiny: Tiny) -> None:
        result = self.pair(tiny, "abs(1)\n").plan()
        assert (result.code, result.steps()) == (0, {"first": "absent", "second": "absent"})
        assert result.step("second")["reason"] == "It requires the step first, which is absent."

    def test_a_step_that_is_not_asked_for_takes_those_that_require_it_along(self, tiny: Tiny) -> None:
        tiny = self.pair(tiny, "len(1) + abs(1)\n", when={"import": ["torch"]})
        assert tiny.plan().steps() == {"first": "absent", "second": "absent"}


PARAMETERS = {"kind": {"type": "choice", "choices": ["a", "b", "c"], "default": "a"}}


class TestWhen:
    def absent(self, tiny: Tiny, when: Any, text: str = "import os\nabs(1)\n", *options: str) -> str:
        """Return why the step is absent, or nothing if it is applied."""
        tiny.one(text).recipe(replace(*ROUND, when=when), parameters=PARAMETERS)
        found = tiny.plan(*options).step("swap")
        assert (found["status"] == "applied") is (found["reason"] == "")
        return str(found["reason"])

    def test_a_parameter_that_has_the_value(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"kind": "a"}) == ""

    def test_a_parameter_that_has_another_value(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"kind": "b"}) == "kind is not b."

    def test_a_parameter_that_has_none_of_several_values(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"kind": ["b", "c"]}) == "kind is not b or c."

    def test_a_parameter_of_the_command_line(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"kind": ["b", "c"]}, "abs(1)\n", "-p", "kind=c") == ""

    @pytest.mark.parametrize(
        "line", ["import os", "import os.path as p", "from os import path", "from os.path import join"]
    )
    def test_an_import_in_any_form(self, tiny: Tiny, line: str) -> None:
        assert self.absent(tiny, {"import": "os"}, f"{line}\nabs(1)\n") == ""

    @pytest.mark.parametrize("line", ["import osmium", "# import os", "'import os'", "os = 1"])
    def test_what_is_no_import_of_it(self, tiny: Tiny, line: str) -> None:
        assert self.absent(tiny, {"import": "os"}, f"{line}\nabs(1)\n") == "Nothing imports os."

    def test_an_import_in_another_file(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "import os\n"}).recipe(replace(*ROUND, when={"import": ["os"]}))
        assert tiny.plan().steps() == {"swap": "applied"}

    def test_a_file_that_hides_its_imports_is_listed(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "import os\nprint 1\n"}).recipe(replace(*ROUND, when={"import": "os"}))
        result = tiny.plan()
        assert result.steps() == {"swap": "absent"}
        assert [one["path"] for one in result.json["skipped"]] == ["b.py"]

    def test_not(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"not": {"kind": "b"}}) == ""

    def test_not_says_which_parameter_forbids_it(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"not": {"kind": ["a", "b"]}}) == "kind is a."

    def test_not_says_which_import_forbids_it(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"not": {"import": ["os", "torch"]}}) == "Something imports os or torch."

    def test_any(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"any": [{"kind": "b"}, {"import": "os"}]}) == ""

    def test_any_of_which_none_holds(self, tiny: Tiny) -> None:
        said = self.absent(tiny, {"any": [{"kind": "b"}, {"import": "torch"}]})
        assert said == "kind is not b. Nothing imports torch."

    def test_several_tests_hold_all_or_not(self, tiny: Tiny) -> None:
        assert self.absent(tiny, {"kind": "a", "import": "torch"}) == "Nothing imports torch."

    def test_it_is_tested_as_the_step_is_reached(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(
            replace("abs($X)", "os.fspath($X)", needs=["import os"], name="first"),
            replace("os.fspath($X)", "os.fsencode($X)", name="second", when={"import": "os"}),
        )
        assert tiny.plan().steps() == {"first": "applied", "second": "applied"}


class TestScope:
    def test_a_file_outside_of_the_scope_stays(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b/a.py": "abs(1)\n"}).recipe(replace(*ROUND, within="a.py"))
        tiny.apply()
        assert (tiny.read("a.py"), tiny.read("b/a.py")) == ("round(1)\n", "abs(1)\n")

    def test_what_is_left_alone_is_not_looked_at(self, tiny: Tiny) -> None:
        files = {"a.py": "abs(1)\n", "vendored/b.py": "abs(1)\n", "vendored/c.py": "print 1\n"}
        tiny.files(files).recipe(replace(*ROUND, expect="1"), leave={"vendored/**": "imported by nobody"})
        result = tiny.plan()
        assert result.steps() == {"swap": "applied"}
        assert result.json["skipped"] == []

    def test_what_is_left_alone_is_told_with_its_reason(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "v/b.py": "abs(1)\n"})
        tiny.recipe(replace(*ROUND), leave={"v/**": "imported by nobody", "w/**": "there is none"})
        assert tiny.plan().json["leave"] == {"v/**": "imported by nobody", "w/**": "there is none"}
        assert tiny.plan().json["left"] == [{"path": "v/b.py", "reason": "imported by nobody"}]
        assert "Left alone: v/b.py: imported by nobody.\n" in tiny.apply().out

    def test_a_file_that_is_not_python_stays(self, tiny: Tiny) -> None:
        tiny.files({"a.txt": "abs(1)\n", "a.py.orig": "abs(1)\n", "a": "abs(1)\n"}).recipe(replace(*ROUND))
        before = tiny.snapshot()
        assert (tiny.apply().code, tiny.snapshot()) == (0, before)

    def test_a_stub_is_python(self, tiny: Tiny) -> None:
        tiny.files({"a.pyi": "y = abs(1)\n"}).recipe(replace(*ROUND))
        tiny.apply()
        assert tiny.read("a.pyi") == "y = round(1)\n"

    def test_a_symbolic_link_stays(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND, expect="1"))
        (tiny.tree / "link.py").symlink_to("a.py")
        tiny.files({})
        assert tiny.apply().code == 0
        assert (tiny.tree / "link.py").is_symlink()


class TestUnreadable:
    def test_a_file_that_does_not_parse_is_passed_over_and_listed(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old.py": "print abs(1)\n"}).recipe(replace(*ROUND))
        result = tiny.apply()
        assert result.code == 0
        assert "Passed over: old.py:1 does not parse as Python 3" in result.out
        assert (tiny.read("a.py"), tiny.read("old.py")) == ("round(1)\n", "print abs(1)\n")

    def test_a_file_that_does_not_parse_and_holds_no_word_of_the_step_is_not_listed(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old.py": "print 1\n"}).recipe(replace(*ROUND))
        assert tiny.plan().json["skipped"] == []

    def test_a_file_that_the_step_names_must_parse(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old.py": "print abs(1)\n"}).recipe(replace(*ROUND, within=["a.py", "old.py"]))
        result = tiny.apply()
        assert result.code == 5
        assert "old.py:1 does not parse as Python 3" in result.stderr
        assert tiny.read() == "abs(1)\n"

    def test_a_file_that_a_glob_of_the_step_finds_is_not_named(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "old.py": "print abs(1)\n"}).recipe(replace(*ROUND, within="*.py"))
        assert tiny.apply().code == 0

    def test_a_file_with_lone_carriage_returns_is_passed_over(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "mac.py": "abs(1)\rabs(2)\r"}).recipe(replace(*ROUND))
        result = tiny.plan()
        assert [one["path"] for one in result.json["skipped"]] == ["mac.py"]

    @pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses a name that is not UTF-8")
    def test_a_file_whose_name_is_not_utf8_is_listed(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        (tiny.tree / os.fsdecode(b"caf\xe9.py")).write_text("abs(1)\n")
        tiny.files({})
        (listed,) = tiny.plan().json["skipped"]
        assert listed["path"] == "caf\\xe9.py"
        assert listed["reason"].startswith("caf\\xe9.py")


class TestChains:
    def test_two_steps_on_one_file_work_one_on_the_other(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(replace(*ROUND), replace("round($X)", "int($X)", name="next"))
        assert tiny.apply().code == 0
        assert tiny.read() == "y = int(1)\n"

    def test_a_place_is_told_in_the_text_on_disk(self, tiny: Tiny) -> None:
        tiny.one('"""Doc."""\n\ny = abs(1); z = len(2)\n').recipe(
            replace(*ROUND, needs=["import os", "import sys"]), replace("len($X)", "int($X)", name="next")
        )
        result = tiny.plan()
        (first,), (second,) = (result.step(name)["places"] for name in ("swap", "next"))
        assert (first["line"], first["column"]) == (3, 5)
        assert (second["line"], second["column"]) == (3, 17)

    def test_a_place_in_inserted_text_is_told_where_it_was_inserted(self, tiny: Tiny) -> None:
        tiny.one("x = 1\ny = abs(2)\n").recipe(
            replace("abs($X)", "max($X, min($X))"), edit("min($A)", {"A": "[3]"}, name="next")
        )
        (place,) = tiny.plan().step("next")["places"]
        assert (place["line"], place["text"]) == (2, "y = max(2, min(2))")

    def test_places_in_a_file_that_a_step_created_are_told_in_that_file(self, tiny: Tiny) -> None:
        tiny.one("from adam_atan2 import AdamATan2\n\nAdamATan2()\n").recipe(
            step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")
        )
        changes = {one["path"]: one for one in tiny.plan().json["changes"]}
        assert {path: one["kind"] for path, one in changes.items()} == {
            "a.py": "modified",
            "adam_atan2_torch.py": "added",
        }
        assert changes["adam_atan2_torch.py"]["steps"] == ["rename"]

    def test_each_file_says_which_steps_changed_it(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(len(1))\n", "b.py": "len(1)\n"}).recipe(
            replace(*ROUND), replace("len($X)", "int($X)", name="next")
        )
        changes = {one["path"]: one["steps"] for one in tiny.plan().json["changes"]}
        assert changes == {"a.py": ["swap", "next"], "b.py": ["next"]}

    @pytest.mark.parametrize(
        ("coding", "mark"),
        [("latin-1", b""), ("utf-8", b""), ("utf-8", b"\xef\xbb\xbf")],
        ids=["latin-1", "utf-8", "bom"],
    )
    def test_a_place_behind_letters_of_two_bytes(self, tiny: Tiny, coding: str, mark: bytes) -> None:
        text = f"# coding: {coding}\ns = 'é' * 2 + 'éééééé'\nt = 'é'; y = abs(1)\n"
        tiny.one(mark + text.encode(coding)).recipe(replace(*ROUND))
        (place,) = tiny.plan().step("swap")["places"]
        assert (place["line"], place["column"]) == (3, 14)
        assert place["text"] == "t = 'é'; y = abs(1)"


class Rounds:
    """A verb that finds, at each run, what it is told to find."""

    words = ()

    def __init__(self, *found: list[Findings]) -> None:
        self.found = [*found]

    def run(self, step: Step, draft: Draft) -> list[Findings]:
        return self.found.pop(0) if self.found else []


def rounds(tiny: Tiny, *found: list[Findings]) -> Plan:
    tiny.one("y = abs(1)\n").recipe(replace(*ROUND))
    recipe = load(str(tiny.file))
    steps = (dataclasses.replace(recipe.steps[0], action=Rounds(*found)),)
    return plan(dataclasses.replace(recipe, steps=steps), Checkout.open(tiny.tree), ROOT / "recipes" / "shims")


class TestMatchInMatch:
    def test_both_are_changed(self, tiny: Tiny) -> None:
        tiny.one(NESTED).recipe(replace(*METHOD))
        assert tiny.apply().code == 0
        assert tiny.read() == UNNESTED

    def test_both_places_are_told(self, tiny: Tiny) -> None:
        tiny.one(NESTED).recipe(replace(*METHOD))
        places = tiny.plan().step("swap")["places"]
        assert [(one["line"], one["status"]) for one in places] == [(2, "applied")] * 2

    @pytest.mark.parametrize("depth", [3, 25])
    def test_many_levels(self, tiny: Tiny, depth: int) -> None:
        tiny.one(f"n = 1\ny = {'abs(' * depth}n{')' * depth}\n").recipe(replace(*METHOD))
        assert tiny.apply().code == 0
        assert tiny.read() == f"n = 1\ny = n{'.bit_length()' * depth}\n"

    def test_a_place_that_a_later_round_refuses_is_told(self, tiny: Tiny) -> None:
        (inner, outer), refused = (Site(4, APPLIED), Site(0, APPLIED)), Site(0, Status.REFUSED, "it has a comment")
        (outcome,) = rounds(tiny, [Findings("a.py", (inner,), more=(outer,))], [Findings("a.py", (refused,))]).outcomes
        assert outcome.status is Status.REFUSED
        assert [(place.column, place.reason) for place in outcome.places] == [(5, ""), (1, "it has a comment")]

    def test_a_place_that_every_round_refuses_is_told_once(self, tiny: Tiny) -> None:
        refused = Site(0, Status.REFUSED, "it has a comment")
        first = Findings("a.py", (Site(4, APPLIED), refused), more=(Site(2, APPLIED),))
        (outcome,) = rounds(tiny, [first], [Findings("a.py", (Site(2, APPLIED), refused))]).outcomes
        assert [place.column for place in outcome.places] == [5, 1, 3]

    def test_a_place_that_is_already_there_is_told_once(self, tiny: Tiny) -> None:
        done = Site(0, Status.ALREADY)
        first = Findings("a.py", (Site(4, APPLIED), done), more=(Site(2, APPLIED),))
        (outcome,) = rounds(tiny, [first], [Findings("a.py", (Site(2, APPLIED), done))]).outcomes
        assert [place.column for place in outcome.places] == [5, 1, 3]

    def test_a_step_that_feeds_itself_is_refused_with_a_sentence(self, tiny: Tiny) -> None:
        endless = [Findings("a.py", (Site(4, APPLIED),), more=(Site(0, APPLIED),))]
        with pytest.raises(RecipeError) as caught:
            rounds(tiny, *[endless] * 9)
        told = str(caught.value)
        assert told.startswith(f"{origin(tiny)}: The step swap finds new work in its own result at a.py:1, without end")


def origin(tiny: Tiny, name: str = "swap") -> str:
    """Return file, line and column of a step in the recipe, which is one line of JSON."""
    start = '{"id": "' + name + '"'
    return f"{tiny.file}:1:{tiny.file.read_text().index(start) + 1}"


def refused_as_mistake(tiny: Tiny, name: str = "swap") -> str:
    """Return what is said of a step that is wrong; the recipe is invalid, and nothing of it is written."""
    before = tiny.snapshot()
    result = tiny.apply()
    assert (result.code, tiny.snapshot()) == (2, before)
    start = f"patcher: {origin(tiny, name)}: "
    assert result.stderr.startswith(start)
    return result.stderr.removeprefix(start)


BREAK = step("break", text="= abs", **{"with": "== = abs"}, within="a.py")


class TestSoundness:
    def test_a_file_that_would_not_parse(self, tiny: Tiny) -> None:
        tiny.one("x = 1\ny = abs(1)\n").recipe(BREAK)
        assert refused_as_mistake(tiny, "break") == (
            "After the step break a.py:2 would not parse; nothing was written. "
            "Narrow its pattern, or mend what it writes.\n"
        )

    def test_a_file_that_a_step_broke_and_a_later_one_names(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(BREAK, replace(*ROUND, within="a.py"))
        assert refused_as_mistake(tiny, "break").startswith("After the step break a.py:1 would not parse;")

    def test_verify_blames_the_same_step(self, tiny: Tiny) -> None:
        check = {"id": "train", "why": "because", "run": ["true"]}
        tiny.one("y = abs(1)\n").recipe(BREAK, checks=[check])
        result = tiny.patcher("verify", tiny.tree, "-r", tiny.file, "--allow-run")
        assert result.code == 2
        assert f"{origin(tiny, 'break')}: After the step break a.py:1 would not parse;" in result.stderr

    def test_the_step_that_does_the_damage_is_named_and_not_the_last_one(self, tiny: Tiny) -> None:
        tiny.one("import os\n\nz = len([])\nos.getcwd()\n").recipe(
            replace("len($X)", "max($X)", name="first"),
            step("second", delete="import os"),
            replace("max($X)", "min($X)", name="third"),
        )
        assert refused_as_mistake(tiny, "second").startswith(
            "After the step second nothing would bind the name `os` in a.py:4;"
        )

    def test_what_a_later_step_mends_is_no_mistake(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)\n").recipe(BREAK, step("mend", text="== = abs", **{"with": "= int"}, within="a.py"))
        assert (tiny.apply().code, tiny.read()) == (0, "y = int(1)\n")

    def test_a_file_that_a_step_names_and_that_did_not_parse_before_is_no_mistake_of_the_recipe(
        self, tiny: Tiny
    ) -> None:
        tiny.files({"a.py": "y = abs(1)\n", "b.py": "print abs(1)\n"}).recipe(
            replace(*ROUND), replace(*ROUND, name="named", within="b.py")
        )
        result = tiny.apply()
        assert (result.code, tiny.read()) == (5, "y = abs(1)\n")
        assert "b.py:1 does not parse as Python 3" in result.stderr

    def test_a_file_that_did_not_parse_may_be_mended(self, tiny: Tiny) -> None:
        tiny.one("print abs(1)\n").recipe(
            step("mend", text="print abs\\(1\\)", **{"with": "print(abs(1))"}, within="a.py"), replace(*ROUND)
        )
        assert tiny.apply().code == 0
        assert tiny.read() == "print(round(1))\n"

    def test_a_comment_that_would_be_lost(self, tiny: Tiny) -> None:
        tiny.one("y = abs(1)  # same\nz = 1  # same\n").recipe(
            step("cut", text="\\(1\\)  # same", **{"with": "(1)"}, within="a.py", already="never")
        )
        assert refused_as_mistake(tiny, "cut").startswith(
            "After the step cut the comment `# same` of a.py:1 would be lost; nothing was written."
        )

    def test_a_comment_that_the_recipe_gives_up(self, tiny: Tiny) -> None:
        tiny.one(f"{COMMENTED}z = 1  # kept\n").recipe(step("cut", comments="drop", **REFUSED))
        assert tiny.apply().code == 0
        assert tiny.read() == "z = 1  # kept\n"

    def test_a_name_that_nothing_binds(self, tiny: Tiny) -> None:
        tiny.one("import os\nos.sep\n").recipe(step("swap", delete="import os"))
        assert refused_as_mistake(tiny) == (
            "After the step swap nothing would bind the name `os` in a.py:2; nothing was written. "
            "Leave what binds it, or write under `needs` what does.\n"
        )

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("from a import amp\n", 1),
            ("import a\n\na.amp.init()\n", 3),
            ("from a import *\namp.init()\n", 1),
            ("def f():\n    from a import amp as mixed\n", 2),
        ],
    )
    @pytest.mark.parametrize("delete", ["from apex import amp", "def amp($$$)"])
    def test_a_name_that_another_file_reads_here(self, tiny: Tiny, delete: str, text: str, line: int) -> None:
        tiny.files({"a.py": "def amp(): ...\nfrom apex import amp\n", "b.py": text}).recipe(
            step("other", delete="def amp($$$)" if "import" in delete else "from apex import amp"),
            step("swap", delete=delete),
        )
        assert refused_as_mistake(tiny) == (
            f"After the step swap nothing would bind the name `amp` of a.py:1, which b.py:{line} reads there; "
            "nothing was written. Leave what binds it, or change b.py in the same recipe.\n"
        )

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("from a import amp\n", 1),
            ("from a import amp as mixed, lib\n", 1),
            ("import a\n\na.amp.init()\n", 3),
            ("from a import *\namp.init()\n", 1),
        ],
    )
    @pytest.mark.parametrize("star", ["from apex import *", "from net import *", "from hub import *"])
    def test_a_name_that_a_star_import_brings_for_another_file(
        self, tiny: Tiny, star: str, text: str, line: int
    ) -> None:
        files = {"net.py": "amp = 1\n", "hub.py": "from net import *\n", "more.py": "x = 1\n"}
        tiny.files({"a.py": f"{star}\nfrom more import *\nlib = 1\n", "b.py": text, **files})
        tiny.recipe(step("swap", delete=star))
        assert refused_as_mistake(tiny) == (
            f"After the step swap nothing would bind the name `amp` of a.py:1, which b.py:{line} reads there; "
            "nothing was written. Leave what binds it, or change b.py in the same recipe.\n"
        )

    @pytest.mark.parametrize(
        "text",
        [
            "from a import lib\nlib.amp()\n",
            "from net import amp\n",
            "import a\na.lib.amp\n",
            "try:\n    from a import amp\nexcept ImportError:\n    amp = None\n",
            "from a import more\n",
        ],
    )
    def test_a_star_import_whose_names_nobody_reads_here(self, tiny: Tiny, text: str) -> None:
        tiny.files({"a.py": "from net import *\nlib = 1\n", "net.py": "amp = 1\n", "b.py": text})
        tiny.recipe(step("swap", delete="from net import *"))
        assert tiny.apply().code == 0 and tiny.read("a.py") == "lib = 1\n"

    def test_a_name_that_the_file_itself_has_by_a_star_import(self, tiny: Tiny) -> None:
        tiny.files(
            {"a.py": "from net import *\nfrom more import *\namp()\n", "net.py": "amp = 1\n", "more.py": "x = 1\n"}
        )
        tiny.recipe(step("swap", delete="from net import *"))
        assert refused_as_mistake(tiny).startswith("After the step swap nothing would bind the name `amp` in a.py:3;")

    def test_a_name_that_the_file_exports_by_a_star_import(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "from apex import *\n__all__ = ['amp']\n"}).recipe(
            step("swap", delete="from apex import *")
        )
        assert refused_as_mistake(tiny).startswith("After the step swap nothing would bind the name `amp` in a.py:2;")

    def test_a_star_import_that_brings_nothing_of_what_is_exported(self, tiny: Tiny) -> None:
        files = {"p/__init__.py": "from apex import *\n__all__ = ['f', 'sub']\ndef f(): ...\n", "p/sub.py": ""}
        tiny.files(files).recipe(step("swap", delete="from apex import *"))
        assert tiny.apply().code == 0

    def test_a_star_import_beside_another_that_may_bring_its_names(self, tiny: Tiny) -> None:
        tiny.files(
            {"a.py": "from net import *\nfrom apex import *\n", "net.py": "amp = 1\n", "b.py": "from a import amp\n"}
        )
        tiny.recipe(step("swap", delete="from net import *"))
        assert tiny.apply().code == 0

    def test_a_name_that_another_file_reads_through_a_third(self, tiny: Tiny) -> None:
        files = {"a.py": "def f(): ...\n", "b.py": "from a import *\n", "c.py": "import b\nb.f()\n"}
        tiny.files(files).recipe(step("swap", delete="def f($$$)"))
        assert "the name `f` of a.py:1, which c.py:2 reads there" in refused_as_mistake(tiny)

    @pytest.mark.parametrize(
        "text",
        [
            "import a\na.x()\nself.amp()\n",
            "try:\n    from a import amp\nexcept ImportError:\n    amp = None\n",
            "from apex import amp\namp()\n",
            "from a import *\namp = 1\namp\n",
            "import a\ndef f(x: 'a.amp'): ...\n",
        ],
        ids=["the word", "in a try", "from elsewhere", "its own", "in a quote"],
    )
    def test_a_name_that_no_other_file_needs_here(self, tiny: Tiny, text: str) -> None:
        tiny.files({"a.py": "from apex import amp\nx = 1\n", "b.py": text}).recipe(
            step("swap", delete="from apex import amp", within="a.py")
        )
        assert (tiny.apply().code, tiny.read()) == (0, "x = 1\n")

    def test_a_module_of_a_package_is_there_without_its_import(self, tiny: Tiny) -> None:
        files = {"p/__init__.py": "from . import m\nx = 1\n", "p/m.py": "", "b.py": "from p import m\n"}
        tiny.files(files).recipe(step("swap", delete="from . import m", within="p/__init__.py"))
        assert (tiny.apply().code, tiny.read("p/__init__.py")) == (0, "x = 1\n")

    @pytest.mark.parametrize("apart", [False, True], ids=["in one step", "in a later step"])
    def test_a_name_whose_readers_go_too(self, tiny: Tiny, apart: bool) -> None:
        gone = ["from apex import amp", "from a import amp", "a.amp.init($$$)"]
        steps = [[one] for one in gone] if apart else [gone]
        tiny.files({"a.py": "from apex import amp\nx = 1\n", "b.py": "import a\nfrom a import amp\na.amp.init()\n"})
        tiny.recipe(*(step(f"swap-{number}", delete=one) for number, one in enumerate(steps)))
        if apart:  # its calls are known by the import, so they go first
            tiny.recipe(*(step(f"swap-{number}", delete=one) for number, one in enumerate(reversed(steps))))
        assert tiny.apply().code == 0
        assert (tiny.read(), tiny.read("b.py")) == ("x = 1\n", "")

    def test_a_name_that_nothing_bound_before_either(self, tiny: Tiny) -> None:
        tiny.one("y = abs(nowhere)\n").recipe(replace(*ROUND))
        assert tiny.apply().code == 0

    def test_a_recipe_whose_steps_feed_each_other(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nlen(2)\n").recipe(
            replace("round($X)", "int($X)", name="one"), replace("abs($X)", "round($X)", name="two")
        )
        assert refused_as_mistake(tiny, "one").startswith(
            "A second run of the step one would change a.py:1 again; nothing was written."
        )

    def test_two_steps_that_undo_each_other_in_the_same_run(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(
            replace("abs($X)", "round($X)", name="there"), replace("round($X)", "abs($X)", name="back")
        )
        assert refused_as_mistake(tiny, "there").startswith(
            "A second run of the step there would change a.py:1 again; nothing was written. Two steps undo each other"
        )

    def test_a_step_that_another_one_has_overtaken(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(
            replace("abs($X)", "round($X)", name="there"), replace("round($X)", "abs($X)", name="back")
        )
        assert "A second run of the step there would change a.py:1 again" in refused_as_mistake(tiny, "there")

    def test_a_step_behind_a_condition_that_a_later_step_makes_true(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nlen(2)\n").recipe(
            replace("len($X)", "int($X)", name="one", when={"import": "os"}),
            replace("abs($X)", "os.fspath($X)", name="two", needs=["import os"]),
        )
        assert "A second run of the step one would change a.py:2 again" in refused_as_mistake(tiny, "one")

    def test_a_step_behind_a_condition_that_a_later_step_makes_false(self, tiny: Tiny) -> None:
        tiny.one("import os\n\nabs(os.getpid())\n").recipe(
            replace("abs($X)", "int($X)", name="one", when={"import": "os"}),
            replace("int($X)", "abs($X)", name="two", when={"not": {"import": "os"}}),
        )
        assert tiny.apply().code == 0

    def test_requirements_that_two_steps_turn_back_and_forth(self, tiny: Tiny) -> None:
        tiny.files({"requirements.txt": "numpy\n"}).recipe(
            requirements("one", replace={"scipy": "pandas"}), requirements("two", replace={"numpy": "scipy"})
        )
        assert "A second run of the step one would change requirements.txt:1 again" in refused_as_mistake(tiny, "one")

    def test_a_second_apply_finds_nothing(self, tiny: Tiny) -> None:
        tiny.one(NESTED).recipe(replace(*METHOD))
        tiny.apply()
        once = tiny.read()
        assert tiny.plan().json["changes"] == []
        assert tiny.apply().code == 0
        assert tiny.read() == once


# --- the digest -----------------------------------------------------------------------------------------------------


def planned(tiny: Tiny, **values: str) -> Plan:
    return plan(load(str(tiny.file), values), Checkout.open(tiny.tree), ROOT / "recipes" / "shims")


class TestDigest:
    def test_it_is_the_same_in_every_run(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        assert planned(tiny).digest == planned(tiny).digest

    def test_it_is_the_same_wherever_the_tree_stands(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        first = planned(tiny).digest
        tiny.tree = tiny.tree.rename(tiny.folder / "moved")
        assert planned(tiny).digest == first

    @pytest.mark.parametrize("other", ["abs(2)\n", "abs(1)", "abs(1)\nabs(1)\n"])
    def test_another_text_has_another_digest(self, tiny: Tiny, other: str) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        first = planned(tiny).digest
        tiny.one(other)
        assert planned(tiny).digest != first

    def test_another_recipe_has_another_digest(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace(*ROUND))
        first = planned(tiny).digest
        tiny.recipe(replace(*ROUND, why="of another reason"))
        assert planned(tiny).digest != first

    def test_it_does_not_hang_on_the_hash_seed(self, tiny: Tiny) -> None:
        tiny.files(
            {
                "a.py": "import os, sys\nabs(len(1))\nabs(2)\n",
                "b/c.py": "try:\n    import x\nexcept ImportError:\n    x = 1\nabs(x)\n",
            }
        )
        tiny.recipe(replace(*ROUND, needs=["import re", "import json"]), replace("len($X)", "int($X)", name="next"))
        command = [sys.executable, "-m", "patcher", "apply", tiny.tree, "-r", tiny.file, "--check", "--format", "json"]
        found = set()
        for seed in ("0", "1", "2"):
            environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
            assert done.returncode == 1, done.stderr
            found.add(done.stdout)
        assert len(found) == 1
        assert json.loads(found.pop())["plan_digest"] == planned(tiny).digest


def test_planning_reads_a_tree_without_git_too(tiny: Tiny, tmp_path: Path) -> None:
    tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(replace(*ROUND))
    assert tiny.plan().steps() == {"swap": "applied"}
    assert sorted(tiny.snapshot()) == ["a.py"]


def test_a_chain_whose_second_run_would_drift_is_a_mistake_in_the_recipe(tiny: Tiny) -> None:
    tiny.one("y = abs(1)\n").recipe(
        replace("abs($X)", "round($X)", name="first", expect="1"), replace("round($X)", "int($X)", name="second")
    )
    told = refused_as_mistake(tiny, "first")
    assert told.startswith("A second run of the step first, which is about a.py:1, would drift: Expected 1 place")
    assert "Nothing was written." in told


def test_the_file_that_lacks_the_fewest_words_is_named(tiny: Tiny) -> None:
    files = {
        "data.py": "def points(n): ...\n",
        "other.py": "seed = 1\n",
        "train.py": "import data\ndata.points(8, None)\n",
    }
    tiny.files(files).recipe(replace("data.points($$$A, seed=$S)", "data.points($$$A, rng=$S)", expect="1"))
    assert reason(tiny).endswith("none found. The nearest file is train.py, which does not mention `seed`.")
