"""The claim of each step is judged by training the tree without it."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from tests.tiny import Tiny, replace
from tests.verify.trainer import NUMBERS, TRAIN, Trainer, golden


@pytest.fixture
def trainer(tiny: Tiny) -> Trainer:
    return Trainer(tiny)


def ledger(trainer: Trainer, *options: str) -> dict[str, tuple[str, str, bool | None]]:
    found = trainer.data("--ablate", *options)["ledger"]
    return {entry["step"]: (entry["claim"], entry["measured"], entry["holds"]) for entry in found}


def swap(old: str, new: str, effect: Any, name: str = "swap", **keys: Any) -> dict[str, Any]:
    return {**replace(old, new, name, **keys), "effect": effect}


def numbers(loss: str = "2.5 - step / 4", rate: str = "0.1", above: str = "") -> str:
    return above + NUMBERS.replace("2.5 - step / 4", loss).replace("0.1", rate, 1)


class TestClaims:
    def tree(self, trainer: Trainer, loss: str, effect: Any) -> Trainer:
        trainer.tree(numbers=numbers(loss=loss)).recipe(swap("float($X)", "abs($X)", effect)).golden()
        return trainer.apply()

    def test_a_step_without_which_the_numbers_stay_is_exact(self, trainer: Trainer) -> None:
        assert ledger(self.tree(trainer, "float(2.5 - step / 4)", "exact")) == {"swap": ("exact", "exact", True)}

    def test_a_step_without_which_they_do_not_changes_them(self, trainer: Trainer) -> None:
        self.tree(trainer, "float(step / 4 - 2.5)", {"changes": "the sign"})
        assert ledger(trainer) == {"swap": ("changes", "changes", True)}

    def test_a_step_without_which_it_does_not_train_enables(self, trainer: Trainer) -> None:
        trainer.tree(numbers=numbers(loss="nothing.at_all(2.5) - step / 4", above="import math as nothing\n"))
        trainer.recipe(swap("math.at_all($X)", "abs($X)", "enables")).golden().apply()
        assert ledger(trainer) == {"swap": ("enables", "enables", True)}

    def test_a_step_in_lines_that_are_never_run_is_unreached(self, trainer: Trainer) -> None:
        trainer.tree({"other.py": "x = float(1)\n"}).recipe(swap("float($X)", "abs($X)", "unreached")).golden().apply()
        assert ledger(trainer) == {"swap": ("unreached", "unreached", True)}

    def test_a_function_that_is_defined_and_not_called_is_unreached(self, trainer: Trainer) -> None:
        above = "def never():\n    return float(1)\n"
        trainer.tree(numbers=numbers(above=above)).recipe(swap("float($X)", "abs($X)", "unreached")).golden().apply()
        assert ledger(trainer) == {"swap": ("unreached", "unreached", True)}

    @pytest.mark.parametrize(
        ("claim", "loss", "measured"),
        [
            ("exact", "float(step / 4 - 2.5)", "changes"),
            ("enables", "float(2.5 - step / 4)", "exact"),
            ("unreached", "float(2.5 - step / 4)", "exact"),
            ({"changes": "a lot"}, "float(2.5 - step / 4)", "exact"),
        ],
    )
    def test_a_false_claim_is_exit_4(self, trainer: Trainer, claim: Any, loss: str, measured: str) -> None:
        self.tree(trainer, loss, claim)
        found = trainer.data("--ablate")
        assert found["exit_code"] == 4
        assert found["finding"] == "same"
        assert [(entry["measured"], entry["holds"]) for entry in found["ledger"]] == [(measured, False)]

    def test_an_exact_step_of_which_no_line_is_run_claims_too_much(self, trainer: Trainer) -> None:
        trainer.tree({"other.py": "x = float(1)\n"}).recipe(swap("float($X)", "abs($X)", "exact")).golden().apply()
        assert ledger(trainer) == {"swap": ("exact", "unreached", False)}

    def test_a_step_that_found_nothing_is_not_judged(self, trainer: Trainer) -> None:
        steps = (swap("float($X)", "abs($X)", "unreached"), swap("len($X)", "hash($X)", "exact", "none"))
        trainer.tree({"other.py": "x = float(1)\n"}).recipe(*steps).golden().apply()
        assert ledger(trainer)["none"] == ("exact", "absent", None)


class TestChanges:
    """A step that changes the numbers, and without which nothing runs, is held beside what it says avoids the change."""

    STEPS = (
        swap("gone.rate()", "0.25", {"changes": "twice as far", "avoid": {"way": "exact"}}, when={"way": "package"}),
        swap("gone.rate()", "2.5 / 10", "enables", "local", when={"way": "exact"}),
    )
    WAY: ClassVar = {"way": {"type": "choice", "choices": ["package", "exact"], "default": "package", "help": "how"}}

    def test_how_far_it_is_from_there_is_measured(self, trainer: Trainer) -> None:
        steps = (dict(self.STEPS[0], **{"with": "0.5"}), self.STEPS[1])
        trainer.tree(numbers=numbers(loss="2.75 - gone.rate() - step / 4", above="import math as gone\n"))
        renamed = [{**step, "replace": "math.rate()"} for step in steps]
        trainer.recipe(*renamed, parameters=self.WAY).golden(2.25, 2.0, 1.75).apply()
        entry = trainer.data("--ablate")["ledger"][0]
        assert (entry["measured"], entry["holds"], entry["first"]["step"]) == ("changes", True, 1)
        assert "Beside way=exact, loss 1 is off by 1.0e-01" in entry["reason"]

    def test_where_nothing_differs_the_claim_is_false(self, trainer: Trainer) -> None:
        trainer.tree(numbers=numbers(loss="2.75 - gone.rate() - step / 4", above="import math as gone\n"))
        renamed = [{**step, "replace": "math.rate()"} for step in self.STEPS]
        trainer.recipe(*renamed, parameters=self.WAY).golden().apply()
        assert ledger(trainer)["swap"] == ("changes", "exact", False)


class TestHardToSee:
    """What is judged where a tracer sees nothing, or where the numbers are not beside each other."""

    def test_a_run_with_another_number_of_values_is_another_one(self, trainer: Trainer) -> None:
        program = TRAIN.replace("range(3)", "range(numbers_of.steps())")
        trainer.tree({"train.py": program}, numbers=numbers(above="def steps():\n    return round(2.4)\n"))
        trainer.recipe(swap("round(2.4)", "len('abc')", "exact")).golden().apply()
        entry = trainer.data("--ablate")["ledger"][0]
        assert (entry["measured"], entry["holds"]) == ("changes", False)
        assert "Of loss it made 2 values, and the other run has 3." in entry["reason"]

    def test_a_step_in_a_file_that_is_no_python_and_is_read_may_be_exact(self, trainer: Trainer) -> None:
        trainer.tree({"c.yaml": "workers: 8\n", "train.py": f"open('c.yaml').read()\n{TRAIN}"})
        step = {
            "id": "workers",
            "why": "w",
            "text": "workers: 8",
            "with": "workers: 0",
            "in": "c.yaml",
            "effect": "exact",
        }
        trainer.recipe(step).golden().apply()
        assert ledger(trainer) == {"workers": ("exact", "exact", True)}

    @pytest.mark.parametrize(
        ("read", "holds"),
        [
            ("", True),
            ("open('c.yaml', 'a').close()", True),
            ("open('other.yaml').close()", True),
            ("open('c.yaml').read()", False),
            ("import pathlib; pathlib.Path('./sub/../c.yaml').read_bytes()", False),
            ("import os; os.read(os.open(b'c.yaml', os.O_RDONLY), 9)", False),
            ("import subprocess, sys; subprocess.run([sys.executable, '-c', 'open(\"c.yaml\")'])", False),
        ],
    )
    def test_that_such_a_file_is_not_read_is_measured(self, trainer: Trainer, read: str, holds: bool) -> None:
        files = {"c.yaml": "workers: 8\n", "other.yaml": "", "sub/a.txt": "", "train.py": f"{read}\n{TRAIN}"}
        step = {"id": "workers", "why": "w", "text": "workers: 8", "with": "workers: 0", "in": "c.yaml"}
        trainer.tree(files).recipe({**step, "effect": "unreached"}).golden().apply()
        (entry,) = trainer.data("--ablate")["ledger"]
        assert (entry["measured"], entry["holds"]) == ("unreached" if holds else "exact", holds)
        assert entry["reason"].startswith("The check does not open c.yaml. ") == holds

    def test_such_a_step_may_be_unreached(self, trainer: Trainer) -> None:
        trainer.tree({"c.yaml": "workers: 8\n"})
        step = {
            "id": "workers",
            "why": "w",
            "text": "workers: 8",
            "with": "workers: 0",
            "in": "c.yaml",
            "effect": "unreached",
        }
        trainer.recipe(step).golden().apply()
        assert ledger(trainer) == {"workers": ("unreached", "unreached", True)}

    def test_a_step_is_judged_without_what_requires_it(self, trainer: Trainer) -> None:
        trainer.tree(numbers=numbers(loss="float(2.5 - step / 4)", rate="len('a') / 10"))
        steps = (
            swap("float($X)", "abs($X)", "exact", "first"),
            swap("len('a')", "2", {"changes": "twice the rate"}, "second", requires=["first"]),
        )
        trainer.recipe(*steps, readings={"loss": "1..3", "lr": "1..3"})
        (trainer.tiny.folder / "golden.json").write_text(golden(loss=[2.5, 2.25, 2.0], lr=[0.2, 0.2, 0.2]))
        trainer.apply()
        assert ledger(trainer) == {"first": ("exact", "exact", True), "second": ("changes", "changes", True)}


class TestTogether:
    def test_steps_that_require_it_fall_with_it(self, trainer: Trainer) -> None:
        trainer.tree({"other.py": "x = float(1)\ny = len('a')\n"})
        steps = (
            swap("float($X)", "abs($X)", "unreached", "first"),
            swap("len($X)", "hash($X)", "unreached", "second", requires=["first"]),
        )
        trainer.recipe(*steps).golden().apply()
        found = {entry["step"]: entry["together"] for entry in trainer.data("--ablate")["ledger"]}
        assert found == {"first": ["second"], "second": []}

    def test_steps_that_find_nothing_without_it_fall_too(self, trainer: Trainer) -> None:
        trainer.tree({"other.py": "x = float(1)\n"})
        steps = (
            swap("float($X)", "abs($X)", "unreached", "first"),
            swap("abs($X)", "round($X)", "unreached", "second", expect="1"),
        )
        trainer.recipe(*steps).golden().apply()
        found = {entry["step"]: entry["together"] for entry in trainer.data("--ablate")["ledger"]}
        assert found["first"] == ["second"]

    def test_the_same_tree_is_trained_once(self, trainer: Trainer) -> None:
        trainer.tree({"other.py": "x = float(1)\n"})
        steps = (
            swap("float($X)", "abs($X)", "unreached", "first"),
            swap("abs($X)", "round($X)", "unreached", "second", requires=["first"], expect="1"),
        )
        trainer.recipe(*steps).golden().apply()
        told = trainer.verify("--ablate").stderr
        assert told.count("training without") == 2
        assert told.count("training with every step") == 1


class TestTheTreeBefore:
    """The tree from before the recipe is found where there is one, and nothing is guessed."""

    def tree(self, trainer: Trainer, **options: Any) -> Trainer:
        trainer.tree({"other.py": "x = float(1)\n"}, **options)
        return trainer.recipe(swap("float($X)", "abs($X)", "unreached")).golden()

    def test_a_tree_that_is_not_patched_yet(self, trainer: Trainer) -> None:
        assert ledger(self.tree(trainer)) == {"swap": ("unreached", "unreached", True)}
        assert "float(1)" in trainer.tiny.read("other.py")

    def test_without_git_the_journal_has_it(self, trainer: Trainer) -> None:
        assert ledger(self.tree(trainer, git=False).apply()) == {"swap": ("unreached", "unreached", True)}

    def test_a_tree_with_other_edits_is_refused(self, trainer: Trainer) -> None:
        self.tree(trainer).apply()
        (trainer.tiny.tree / "other.py").write_text("x = abs(1)\ny = 2\n")
        result = trainer.verify("--ablate")
        assert result.code == 2
        assert "is not what tiny makes of any earlier state that is known" in result.stderr

    def test_the_rest_of_the_tree_is_the_checkouts(self, trainer: Trainer) -> None:
        self.tree(trainer).apply()
        path = trainer.tiny.tree / "numbers_of.py"
        path.write_text(path.read_text().replace("2.5 - step / 4", "3.5 - step / 4"))
        assert trainer.verify().code == trainer.verify("--ablate").code == 4

    def test_nothing_is_written_there(self, trainer: Trainer) -> None:
        before = self.tree(trainer).apply().tiny.snapshot()
        trainer.verify("--ablate")
        assert trainer.tiny.snapshot() == before


def test_a_tree_that_does_not_train_has_no_ledger(trainer: Trainer) -> None:
    trainer.tree({"other.py": "x = float(1)\n"}, numbers="raise SystemExit(3)\n")
    trainer.recipe(swap("float($X)", "abs($X)", "unreached")).golden().apply()
    found = trainer.data("--ablate")
    assert (found["finding"], found["ledger"], found["exit_code"]) == ("failed", [], 4)


def test_the_report_names_claim_and_measure(trainer: Trainer) -> None:
    trainer.tree({"other.py": "x = float(1)\n"}).recipe(swap("float($X)", "abs($X)", "exact")).golden().apply()
    told = trainer.verify("--ablate").out
    assert "  FALSE  swap: claims exact, measured unreached\n" in told
    assert told.endswith("1 claim judged, 1 false.\n")
