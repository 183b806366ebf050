"""The nouns: frozen records with pure views; nothing in them reads, writes or parses."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from patcher import model
from patcher.model import (
    Change,
    Edit,
    Effect,
    EffectKind,
    Expect,
    Layer,
    Outcome,
    Place,
    Plan,
    Range,
    Recipe,
    Scope,
    Skipped,
    Status,
    Step,
)

RECORDS = [value for value in vars(model).values() if inspect.isclass(value) and dataclasses.is_dataclass(value)]
STEP = Step("one", "edit", "because", Effect(EffectKind.EXACT), Expect(), "recipe.yaml:1:1")
RECIPE = Recipe("tiny", "A tiny recipe", "/nowhere", "d" * 64, (STEP,))


def place(status: Status, line: int = 1) -> Place:
    return Place("a.py", line, 1, status)


class TestRecords:
    @pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.__name__)
    def test_a_record_is_frozen_and_has_slots(self, record: Any) -> None:
        assert record.__dataclass_params__.frozen
        assert hasattr(record, "__slots__")

    @pytest.mark.parametrize("record", RECORDS, ids=lambda one: one.__name__)
    def test_a_record_holds_nothing_that_can_be_changed(self, record: Any) -> None:
        assert not {"list", "dict", "set"} & {str(one.type).partition("[")[0] for one in dataclasses.fields(record)}

    def test_all_is_what_is_defined(self) -> None:
        public = {
            name
            for name, value in vars(model).items()
            if getattr(value, "__module__", "").startswith(f"{model.__name__}.") and not name.startswith("_")
        }
        assert set(model.__all__) == public | {"Key"}  # which is an alias of a tuple

    def test_a_default_mapping_can_not_be_filled(self) -> None:
        with pytest.raises(TypeError):
            STEP.arguments["one"] = 1  # type: ignore[index]

    def test_the_five_words_are_five(self) -> None:
        assert [status.value for status in Status] == ["applied", "already", "absent", "drifted", "refused"]


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Range(), "any number"),
        (Range(1), "at least 1"),
        (Range(1, 1), "1"),
        (Range(0, 0), "0"),
        (Range(0, 2), "0 to 2"),
        (Range(2, 3), "2 to 3"),
    ],
)
def test_a_range_is_said_in_words(bounds: Range, said: str) -> None:
    assert str(bounds) == said


def test_a_scope_is_written_as_in_a_recipe() -> None:
    assert str(Scope("a/*.py")) == "a/*.py"
    assert str(Scope("a.py", "Class.method")) == "a.py::Class.method"


def test_a_place_is_written_as_editors_take_it() -> None:
    assert str(Place("a b/c.py", 3, 9, Status.APPLIED)) == "a b/c.py:3"


def test_places_are_counted_by_status() -> None:
    places = (place(Status.APPLIED), place(Status.APPLIED, 2), place(Status.REFUSED, 3))
    outcome = Outcome(STEP, Status.REFUSED, places)
    assert [outcome.count(status) for status in Status] == [2, 0, 0, 0, 1]


class TestChange:
    def test_its_steps_are_told_once_and_in_their_order(self) -> None:
        layers = tuple(Layer(name, (Edit(0, 0, "x"),)) for name in ("two", "one", "two"))
        assert Change("a.py", b"", b"xxx", layers).steps == ("two", "one")

    def test_one_without_layers_has_no_steps(self) -> None:
        assert Change("a.py", b"", b"x").steps == ()


class TestPlan:
    def planned(self, *changes: Change, **keys: Any) -> Plan:
        return Plan(RECIPE, "/somewhere", keys.pop("outcomes", ()), changes, **keys)

    def test_outcomes_are_found_by_status(self) -> None:
        outcomes = (Outcome(STEP, Status.APPLIED), Outcome(STEP, Status.DRIFTED), Outcome(STEP, Status.APPLIED))
        plan = self.planned(outcomes=outcomes)
        assert plan.of(Status.APPLIED) == (outcomes[0], outcomes[2])
        assert plan.of(Status.ABSENT) == ()

    def test_equal_plans_have_one_digest(self) -> None:
        assert self.planned(Change("a", b"1", b"2")).digest == self.planned(Change("a", b"1", b"2")).digest

    def test_what_is_only_told_is_not_in_the_digest(self) -> None:
        plain = self.planned(Change("a", b"1", b"2"))
        told = self.planned(
            Change("a", b"1", b"2", (Layer("one", ()),)),
            outcomes=(Outcome(STEP, Status.APPLIED),),
            skipped=(Skipped("b", "It does not parse."),),
        )
        assert told.digest == plain.digest
        assert dataclasses.replace(plain, root="/elsewhere").digest == plain.digest

    @pytest.mark.parametrize(
        "changes",
        [
            (),
            (Change("b", b"1", b"2"),),
            (Change("a", b"0", b"2"),),
            (Change("a", b"1", b"3"),),
            (Change("a", b"12", b""),),
            (Change("a1", b"", b"2"),),
            (Change("a", b"1", b"2"), Change("b", b"1", b"2")),
        ],
    )
    def test_another_plan_has_another_digest(self, changes: tuple[Change, ...]) -> None:
        assert self.planned(*changes).digest != self.planned(Change("a", b"1", b"2")).digest

    def test_a_file_that_is_added_is_not_an_empty_one_that_is_changed(self) -> None:
        assert self.planned(Change("a", None, b"2")).digest != self.planned(Change("a", b"", b"2")).digest

    def test_another_recipe_has_another_digest(self) -> None:
        other = dataclasses.replace(RECIPE, digest="e" * 64)
        assert Plan(other, "/somewhere", ()).digest != Plan(RECIPE, "/somewhere", ()).digest
