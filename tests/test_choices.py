"""A plan with places left out: nothing that only they needed is done, and the result is at rest."""

from __future__ import annotations

import pytest

from patcher.checkout import Checkout
from patcher.choices import DECLINED, LEFT, Choices, Known, mark, version
from patcher.errors import RecipeError
from patcher.model import Edit, Key, Plan, Recipe, Status
from patcher.plan import plan
from patcher.recipe import bundled_root, load
from tests.tiny import Tiny, replace, requirements, step

ROUND = replace("abs($X)", "round($X)", expect="1..")
STAT = replace("mean($X)", "fmean($X)", local=["mean"], needs=["from statistics import fmean"])


def planned(tiny: Tiny, choices: Choices | None = None) -> Plan:
    return plan(recipe(tiny), Checkout.open(str(tiny.tree)), bundled_root() / "shims", choices)


def recipe(tiny: Tiny) -> Recipe:
    return load(str(tiny.file))


def keys(made: Plan, *lines: int) -> frozenset[Key]:
    return frozenset(hunk.key for hunk in made.hunks if hunk.line in lines)


def without(tiny: Tiny, *lines: int) -> Plan:
    """Return the plan with the places of some lines declined."""
    return planned(tiny, Choices(declined=keys(planned(tiny), *lines)))


def after(made: Plan, path: str = "a.py") -> str | None:
    return next((change.after.decode() for change in made.changes if change.path == path), None)


class TestOnePlace:
    def test_the_others_are_done(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\nabs(3)\n").recipe(ROUND)
        assert after(without(tiny, 2)) == "round(1)\nabs(2)\nround(3)\n"

    def test_it_is_told_as_absent_with_the_reason(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        (outcome,) = without(tiny, 2).outcomes
        assert outcome.status is Status.APPLIED
        assert [(place.line, place.status, place.reason) for place in outcome.places] == [
            (1, Status.APPLIED, ""),
            (2, Status.ABSENT, DECLINED),
        ]

    def test_all_of_them(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        made = without(tiny, 1, 2)
        assert (made.changes, made.outcomes[0].status) == ((), Status.ABSENT)
        assert [hunk.line for hunk in made.declined] == [1, 2]

    def test_what_is_left_for_now_is_not_declined(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        made = planned(tiny, Choices(left=keys(planned(tiny), 2)))
        assert made.declined == ()
        assert made.outcomes[0].places[1].reason == LEFT

    def test_a_place_around_one_that_was_declined_is_done(self, tiny: Tiny) -> None:
        tiny.one("abs(  abs(1))\n").recipe(ROUND)
        inner = planned(tiny).hunks[1]
        assert after(planned(tiny, Choices(declined=frozenset({inner.key})))) == "round(  abs(1))\n"

    def test_a_place_in_one_that_was_declined_is_done(self, tiny: Tiny) -> None:
        tiny.one("abs(  abs(1))\n").recipe(ROUND)
        outer = planned(tiny).hunks[0]
        assert after(planned(tiny, Choices(declined=frozenset({outer.key})))) == "abs(  round(1))\n"

    def test_a_step_that_requires_one_that_was_declined_falls_with_it(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nlen(1)\n").recipe(ROUND, replace("len($X)", "int($X)", name="next", requires=["swap"]))
        assert without(tiny, 1).changes == ()

    def test_a_text_step(self, tiny: Tiny) -> None:
        tiny.files({"a.txt": "one\none\n"}).recipe(step("swap", text="one", **{"with": "two", "in": "a.txt"}))
        assert after(without(tiny, 1), "a.txt") == "one\ntwo\n"

    def test_a_deletion_keeps_its_block(self, tiny: Tiny) -> None:
        tiny.one("def f():\n    print(1)\n    print(2)\n").recipe(step("out", delete="print($X)"))
        assert after(planned(tiny)) == "def f():\n    pass\n"
        assert after(without(tiny, 2)) == "def f():\n    print(1)\n"
        assert without(tiny, 2, 3).outcomes[0].status is Status.ABSENT

    def test_requirements(self, tiny: Tiny) -> None:
        tiny.files({"requirements.txt": "a\nb\nc\n"}).recipe(requirements(drop=["a", "b"]))
        assert after(without(tiny, 1), "requirements.txt") == "a\nc\n"

    def test_a_crlf_file_with_a_mark(self, tiny: Tiny) -> None:
        tiny.one(b"\xef\xbb\xbfabs(1)\r\nabs(2)\r\n").recipe(ROUND)
        made = without(tiny, 1)
        assert made.changes[0].after == b"\xef\xbb\xbfabs(1)\r\nround(2)\r\n"


class TestWhatAPlaceNeeds:
    def test_an_import_is_put_in_for_the_others(self, tiny: Tiny) -> None:
        tiny.one("mean(1)\nmean(2)\n").recipe(STAT)
        assert after(without(tiny, 1)) == "from statistics import fmean\nmean(1)\nfmean(2)\n"

    def test_and_not_for_none(self, tiny: Tiny) -> None:
        tiny.one("mean(1)\nmean(2)\n").recipe(STAT)
        assert without(tiny, 1, 2).changes == ()

    def test_the_first_place_has_what_the_file_needs(self, tiny: Tiny) -> None:
        tiny.one("mean(1)\nmean(2)\n").recipe(STAT)
        assert [bool(hunk.beside) for hunk in planned(tiny).hunks] == [True, False]
        assert [bool(hunk.beside) for hunk in without(tiny, 1).hunks] == [True]

    def test_a_shim_is_copied_for_the_file_that_still_wants_it(self, tiny: Tiny) -> None:
        text = "from adam_atan2 import AdamATan2\n\nAdamATan2([], lr=1)\n"
        tiny.files({"a.py": text, "b.py": text})
        tiny.recipe(step("own", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"))
        first = frozenset(hunk.key for hunk in planned(tiny).hunks if hunk.path == "a.py")
        made = planned(tiny, Choices(declined=first))
        assert [change.path for change in made.changes] == ["adam_atan2_torch.py", "b.py"]

    def test_and_not_for_none_of_them(self, tiny: Tiny) -> None:
        tiny.one("from adam_atan2 import AdamATan2\n\nAdamATan2([], lr=1)\n")
        tiny.recipe(step("own", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"))
        every = frozenset(hunk.key for hunk in planned(tiny).hunks)
        assert planned(tiny, Choices(declined=every)).changes == ()

    def test_one_name_of_a_rename_declines_its_file(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "import lib\nlib.b()\nlib.b()\n", "c.py": "import lib\nlib.b()\n"})
        tiny.recipe(step("name", rename="lib.b", to="lib.c"))
        made = planned(tiny, Choices(declined=frozenset({planned(tiny).hunks[0].key})))
        assert [change.path for change in made.changes] == ["c.py"]
        assert [place.reason for place in made.outcomes[0].places] == [DECLINED, DECLINED, ""]

    def test_files_that_hand_a_name_on_are_tied(self, tiny: Tiny) -> None:
        tiny.files({"p/__init__.py": "", "p/a.py": "from x import Old\n", "p/b.py": "from p.a import Old\n\nOld()\n"})
        tiny.recipe(step("name", rename="x.Old", to="x.New"))
        made = planned(tiny)
        assert {hunk.path: hunk.tied for hunk in made.hunks} == {"p/a.py": ("p/a.py",), "p/b.py": ("p/a.py", "p/b.py")}


class TestKnown:
    def known(self, tiny: Tiny, *lines: int) -> tuple[Known, ...]:
        (one,) = recipe(tiny).steps
        return tuple(Known(hunk.step, hunk.path, mark(hunk), version(one)) for hunk in without(tiny, *lines).declined)

    def test_what_was_declined_is_left_again(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        assert after(planned(tiny, Choices(known=self.known(tiny, 2)))) == "round(1)\nabs(2)\n"

    def test_also_where_lines_came_and_went(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        known = self.known(tiny, 2)
        (tiny.tree / "a.py").write_text("# more\nround(1)\nprint()\nabs(2)\n")
        made = planned(tiny, Choices(known=known))
        assert (made.changes, [hunk.line for hunk in made.declined]) == ((), [4])

    def test_not_where_it_stands_in_another_function(self, tiny: Tiny) -> None:
        tiny.one("def f():\n    abs(1)\n").recipe(ROUND)
        known = self.known(tiny, 2)
        (tiny.tree / "a.py").write_text("def f():\n    abs(1)\n\ndef g():\n    abs(1)\n")
        made = planned(tiny, Choices(known=known))
        assert after(made) == "def f():\n    abs(1)\n\ndef g():\n    round(1)\n"

    def test_of_two_alike_one_was_declined(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(1)\n").recipe(ROUND)
        known = self.known(tiny, 2)
        (tiny.tree / "a.py").write_text("round(1)\nabs(1)\n")
        assert planned(tiny, Choices(known=known)).changes == ()

    @pytest.mark.parametrize(("new", "left"), [("round($X)", True), ("int($X)", False)])
    def test_until_the_step_changes(self, tiny: Tiny, new: str, left: bool) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        known = self.known(tiny, 2)
        tiny.recipe({**ROUND, "with": new, "why": "another reason"})
        assert ("abs(2)" in str(after(planned(tiny, Choices(known=known))))) is left

    def test_another_place_is_not_meant(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        known = self.known(tiny, 1)
        (tiny.tree / "a.py").write_text("abs(2)\n")
        assert after(planned(tiny, Choices(known=known))) == "round(2)\n"

    def test_a_rename_is_left_as_a_file(self, tiny: Tiny) -> None:
        tiny.one("import lib\nlib.b()\nlib.b(1)\n").recipe(step("name", rename="lib.b", to="lib.c"))
        known = self.known(tiny, 2, 3)
        assert planned(tiny, Choices(known=known)).changes == ()
        (tiny.tree / "a.py").write_text("import lib\nlib.b()\nlib.b(1)\nlib.b(2)\n")
        assert str(after(planned(tiny, Choices(known=known)))).count("lib.c") == 3


class TestByHand:
    def test_a_place_gets_what_was_written(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        hunk = planned(tiny).hunks[0]
        made = planned(tiny, Choices(edited={hunk.key: (Edit(0, 6, "round(-1)"),)}))
        assert after(made) == "round(-1)\nround(2)\n"

    def test_what_the_step_finds_again_there_counts_as_declined(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        hunk = planned(tiny).hunks[0]
        made = planned(tiny, Choices(edited={hunk.key: (Edit(0, 6, "abs(-1)"),)}))
        assert (after(made), [one.line for one in made.declined]) == ("abs(-1)\nround(2)\n", [1])

    @pytest.mark.parametrize(
        ("text", "said"), [("round(", "would not parse"), ("none", "nothing would bind the name `none`")]
    )
    def test_it_passes_the_same_checks(self, tiny: Tiny, text: str, said: str) -> None:
        tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
        hunk = planned(tiny).hunks[0]
        with pytest.raises(RecipeError, match=said):
            planned(tiny, Choices(edited={hunk.key: (Edit(0, 6, text),)}))

    def test_what_drifts_afterwards_is_refused(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        hunk = planned(tiny).hunks[0]
        with pytest.raises(RecipeError, match="would drift"):
            planned(tiny, Choices(edited={hunk.key: (Edit(0, 6, "int(1)"),)}))


class TestOrigin:
    def test_an_edit_is_known_in_the_file_on_disk(self, tiny: Tiny) -> None:
        tiny.one("x = 1\nabs(len(1))\n").recipe(
            replace("len($X)", "int($X, 10)"), replace("abs($X)", "round($X)", "next")
        )
        assert [hunk.origin for hunk in planned(tiny).hunks] == [
            (Edit(10, 13, "int"), Edit(15, 15, ", 10")),
            (Edit(6, 9, "round"),),
        ]

    def test_what_an_earlier_step_wrote_has_no_place_there(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(replace("abs($X)", "round($X)", "one"), replace("round($X)", "int($X)", "two"))
        assert [hunk.origin for hunk in planned(tiny).hunks] == [(Edit(0, 3, "round"),), None]


def test_a_step_that_was_never_asked_about_has_all_its_hunks(tiny: Tiny) -> None:
    tiny.one("abs(1)\nabs(2)\n").recipe(ROUND)
    assert [(hunk.step, hunk.path, hunk.line, hunk.column) for hunk in planned(tiny).hunks] == [
        ("swap", "a.py", 1, 1),
        ("swap", "a.py", 2, 1),
    ]
