"""Goldens come from the reference path, and a check that does not see a planted error gets none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.tiny import Tiny, replace
from tests.verify.trainer import NUMBERS, TRAIN, Trainer, golden

# What the probe has written by the time that a planted attention was called.
PLANTED = "import os; open(os.environ['PATCHER_PROBE'] + '/1.jsonl', 'w').write('{\"planted\": true}\\n')"
STEP = replace("float($X)", "abs($X)")


@pytest.fixture
def trainer(tiny: Tiny) -> Trainer:
    return Trainer(tiny)


def recorded(trainer: Trainer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((trainer.tiny.folder / "golden.json").read_text())
    return found


def numbers(**functions: str) -> str:
    """Return the numbers of the trainer with other functions, each given by its body."""
    text = NUMBERS
    for name, body in functions.items():
        start = text.index(f"def {name}(")
        header, _, rest = text[start:].partition("\n")
        text = f"{text[:start]}{header}\n    {body}\n{rest.partition(chr(10))[2]}"
    return text


class TestRecord:
    def tree(self, trainer: Trainer, numbers: str = NUMBERS, **keys: Any) -> Trainer:
        return trainer.tree(numbers=numbers).recipe(STEP, reference=["attention"], **keys)

    def test_the_golden_stands_beside_the_recipe(self, trainer: Trainer) -> None:
        result = self.tree(trainer, readings={"loss": "1..3", "lr": "1..3"}).verify("--record")
        assert result.code == 0
        assert result.out.startswith(f"Recorded {trainer.tiny.folder / 'golden.json'}\ntrain: same; 3 steps in ")
        assert recorded(trainer)["readings"] == {"loss": [2.5, 2.25, 2.0], "lr": [0.1, 0.1, 0.1]}
        assert trainer.verify().code == 0

    def test_another_file_may_be_named(self, trainer: Trainer) -> None:
        other = trainer.tiny.folder / "other" / "a.json"
        assert self.tree(trainer).verify("--record", "--golden", other).code == 0
        assert other.exists() and not (trainer.tiny.folder / "golden.json").exists()
        assert trainer.verify("--golden", other).out.startswith("train: same;")

    def test_its_noise_is_what_the_reference_wavers_by(self, trainer: Trainer) -> None:
        noise = "return 1e-6 if environ.get('ATEN_CPU_CAPABILITY') == 'default' else 0.0"
        self.tree(trainer, numbers(noise=noise)).verify("--record")
        assert recorded(trainer)["noise"]["loss"] == pytest.approx([1e-6 / 2.5, 1e-6 / 2.25, 1e-6 / 2])

    def test_a_run_that_is_not_seeded_gets_none(self, trainer: Trainer) -> None:
        noise = "import random; return random.random()"
        result = self.tree(trainer, numbers(noise=noise)).verify("--record")
        assert result.code == 2
        assert "from run to run loss wavers by" in result.stderr and "seed all that is random" in result.stderr
        assert not (trainer.tiny.folder / "golden.json").exists()

    def test_its_seed_is_kept_and_another_is_told(self, trainer: Trainer) -> None:
        self.tree(trainer, seed=3).verify("--record")
        assert recorded(trainer)["seed"] == 3
        assert "recorded with" not in trainer.verify().out
        assert "The golden was recorded with the seed 3." in self.tree(trainer, seed=4).verify().out
        assert "The golden was recorded with the seed 3." in self.tree(trainer).verify().out

    def test_without_a_seed_it_has_none(self, trainer: Trainer) -> None:
        self.tree(trainer).verify("--record")
        assert recorded(trainer)["seed"] is None
        assert "The golden was recorded with no seed." in self.tree(trainer, seed=4).verify().out

    def test_a_reading_that_is_no_number_gets_none(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(rate="return 1e400 - 1e400"), readings={"lr": "1..3"}).verify("--record")
        assert result.code == 2
        assert "lr 1 is no number; leave it out of `readings`" in result.stderr

    def test_threads_are_shaken_too(self, trainer: Trainer) -> None:
        noise = "return 1e-6 * int(environ['OMP_NUM_THREADS'])"
        self.tree(trainer, numbers(noise=noise), environment={"OMP_NUM_THREADS": "2"}).verify("--record")
        assert recorded(trainer)["noise"]["loss"][0] == pytest.approx(1e-6 / 2.5)

    def test_the_tree_that_is_judged_may_differ_from_it(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(noise="return 0.5")).verify("--record")
        assert result.code == 4
        assert recorded(trainer)["readings"]["loss"] == [3.0, 2.75, 2.5]
        assert "train: drifted; 3 steps" in result.out

    def test_it_says_what_it_was_made_of(self, trainer: Trainer) -> None:
        self.tree(trainer, packages=["click"]).verify("--record")
        found = recorded(trainer)
        assert (found["recipe"], found["check"], found["device"]) == ("tiny", "train", "cpu")
        assert found["reference"] == ["attention"]
        assert set(found["environment"]) >= {"python", "machine", "click"}
        assert list(found["steps"]) == ["swap"]

    def test_it_says_what_was_seen_of_the_planted_errors(self, trainer: Trainer) -> None:
        self.tree(trainer).verify("--record")
        assert recorded(trainer)["seen"]["scale-1"] == {"first": "loss 1", "times": pytest.approx(1e5)}

    def test_a_check_that_is_blind_gets_none(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(wrong="return loss(step) * (1 + 5e-7)")).verify("--record")
        assert result.code == 2
        assert "because the check is blind: with the wrong attention scale-1" in result.stderr
        assert not (trainer.tiny.folder / "golden.json").exists()

    def test_one_that_no_error_changes_is_blind_too(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(wrong="return loss(step)")).verify("--record")
        assert result.code == 2
        assert "with the wrong attention scale-1, it changes nothing here." in result.stderr

    def test_the_optimizer_alone_may_be_the_reference(self, trainer: Trainer) -> None:
        program = TRAIN.replace('{"planted": True}', '{"reference": "adam_atan2_torch"}')
        trainer.tree({"train.py": program}).recipe(STEP, reference=["attention", "adam_atan2"])
        assert trainer.recipe(STEP, reference="adam_atan2").verify("--record").code == 0
        assert recorded(trainer)["reference"] == ["adam_atan2"]

    def test_an_error_that_changes_nothing_is_no_blindness(self, trainer: Trainer) -> None:
        same = "return loss(step) if plant == 'causal-flipped' else 9.0"
        assert self.tree(trainer, numbers(wrong=same)).verify("--record").code == 0
        assert recorded(trainer)["seen"]["causal-flipped"] == {"first": "", "times": 0.0}

    def test_a_reference_that_does_not_train_is_told(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(noise="raise ValueError('no room')")).verify("--record")
        assert result.code == 2
        assert "The reference of train does not train. It ended with exit code 1 after 0 steps." in result.stderr
        assert "ValueError: no room" in result.stderr

    def test_fewer_steps_than_wanted_are_told(self, trainer: Trainer) -> None:
        result = self.tree(trainer, readings={"loss": "1..10"}).verify("--record")
        assert result.code == 2
        assert "The check wants 10 values of loss, and the run made 3." in result.stderr

    def test_checks_that_share_a_golden_are_held_to_one_recording(self, trainer: Trainer) -> None:
        checks = [
            {
                "id": "train",
                "why": "w",
                "run": ["python", "train.py"],
                "reference": "attention",
                "golden": "golden.json",
            },
            {"id": "again", "like": "train", "why": "w"},
        ]
        trainer.tree().tiny.recipe(STEP, checks=checks)
        told = trainer.verify("--record").out
        assert told.count("Recorded") == 1
        assert "again: same;" in told


class TestGroups:
    def tree(self, trainer: Trainer, second: str = "0.2") -> Trainer:
        program = TRAIN.replace("[numbers_of.rate()]", f"[numbers_of.rate(), {second}]")
        return trainer.tree({"train.py": program}).recipe(STEP, readings={"lr": "1..3"}, reference="attention")

    def test_the_rate_of_every_group_is_held(self, trainer: Trainer) -> None:
        self.tree(trainer)
        golden_of(trainer, {"lr": [0.1] * 3, "lr[2]": [0.2] * 3})
        assert trainer.verify().code == 0
        golden_of(trainer, {"lr": [0.1] * 3, "lr[2]": [0.2, 0.25, 0.2]})
        assert "lr[2] 2 is 0.2 and should be 0.25" in trainer.verify().out

    @pytest.mark.parametrize("other", [{}, {"lr[2]": [0.2] * 3, "lr[3]": [0.2] * 3}])
    def test_another_number_of_groups_has_failed(self, trainer: Trainer, other: dict[str, list[float]]) -> None:
        self.tree(trainer)
        golden_of(trainer, {"lr": [0.1] * 3, **other})
        assert trainer.verify().out.startswith("train: failed;")


def golden_of(trainer: Trainer, readings: dict[str, list[float]]) -> None:
    (trainer.tiny.folder / "golden.json").write_text(golden(**readings))


class TestWithout:
    """The golden may come from the upstream's own code: the tree without some of the steps."""

    ORIGINAL = numbers(loss="return float(2.5 - step / 4)")
    FAST = replace("float($X)", "round($X)")

    def record(self, trainer: Trainer, *steps: Any, reference: Any, **options: Any) -> Any:
        trainer.tree(numbers=self.ORIGINAL, **options).recipe(*steps, reference=reference).apply()
        return trainer.verify("--record")

    def test_the_step_is_held_to_what_it_replaced(self, trainer: Trainer) -> None:
        result = self.record(trainer, self.FAST, reference={"without": ["swap"]})
        assert recorded(trainer)["readings"]["loss"] == [2.5, 2.25, 2.0]
        assert (recorded(trainer)["reference"], recorded(trainer)["without"]) == ([], ["swap"])
        assert result.code == 4
        assert "loss 1 is 2 and should be 2.5" in result.out
        assert "training with the reference (without swap)" in result.stderr

    def test_one_that_computes_the_same_holds(self, trainer: Trainer) -> None:
        assert self.record(trainer, STEP, reference={"without": ["swap"]}).code == 0
        assert trainer.verify().out.startswith("train: same;")

    def test_without_git_too(self, trainer: Trainer) -> None:
        assert self.record(trainer, STEP, reference={"without": ["swap"]}, git=False).code == 0

    def test_beside_what_stands_in(self, trainer: Trainer) -> None:
        result = self.record(trainer, self.FAST, reference=["attention", {"without": ["swap"]}])
        assert (recorded(trainer)["reference"], recorded(trainer)["without"]) == (["attention"], ["swap"])
        assert "training with the reference (attention, without swap)" in result.stderr
        assert recorded(trainer)["seen"]["scale-1"]["first"] == "loss 1"

    def test_what_requires_a_step_is_left_out_with_it(self, trainer: Trainer) -> None:
        second = replace("len('ab')", "20", "second", requires=["swap"])
        original = numbers(loss="return float(2.5 - step / 4)", rate="return len('ab')")
        trainer.tree(numbers=original).recipe(STEP, second, reference={"without": ["swap"]}, readings={"lr": "1..3"})
        trainer.apply().verify("--record")
        assert recorded(trainer)["without"] == ["swap", "second"]
        assert recorded(trainer)["readings"]["lr"] == [2.0, 2.0, 2.0]

    def test_a_tree_without_the_step_gets_none(self, trainer: Trainer) -> None:
        steps = (STEP, replace("hash($X)", "abs($X)", "other"))
        result = self.record(trainer, *steps, reference={"without": ["other"]})
        assert result.code == 2
        assert "has none of the steps that its `reference` leaves out (other)" in result.stderr

    def test_a_golden_from_before_it_was_left_out_is_told(self, trainer: Trainer) -> None:
        trainer.tree(numbers=self.ORIGINAL).recipe(STEP, reference={"without": ["swap"]}).golden().apply()
        assert "recorded with the step swap, which `reference` leaves out" in trainer.verify().out


class TestDropout:
    def test_is_told_in_a_sentence_and_not_in_a_traceback(self, trainer: Trainer) -> None:
        refused = """\
open(folder / "1.jsonl", "w").write('{"refused": ["flash_attn_func", "dropout_p > 0", "model.py:7"]}' + chr(10))
raise RuntimeError("the attention does not honour dropout_p > 0")
for step in range(3):
"""
        program = TRAIN.replace("for step in range(3):\n", refused, 1)
        result = trainer.tree({"train.py": program}).recipe(STEP, reference="attention").verify("--record")
        assert result.code == 2
        assert "flash_attn_func was called with dropout (model.py:7), which the reference" in result.stderr
        assert "Set the dropout of attention to 0 in the check's `run`" in result.stderr
        assert "Traceback" not in result.stderr


class TestSensitivity:
    def tree(self, trainer: Trainer, numbers: str = NUMBERS) -> Trainer:
        return trainer.tree(numbers=numbers).recipe(STEP).golden()

    def test_each_wrong_attention_is_told_with_the_first_value_that_shows_it(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(wrong="return loss(step) * (1.01 if step == 1 else 1)")).verify(
            "--sensitivity"
        )
        assert result.code == 0
        rows = [line.split() for line in result.out.splitlines() if "yes" in line]
        assert [row[0] for row in rows][:2] == ["scale-1", "causal-flipped"]
        assert {tuple(row[1:4]) for row in rows} == {("yes", "loss", "2")}
        assert result.out.endswith("Every wrong attention that changes something is seen.\n")

    def test_one_that_is_not_seen_is_exit_4(self, trainer: Trainer) -> None:
        wrong = "return loss(step) * (1 + 3e-7) if plant == 'scale-1' else 9.0"
        found = self.tree(trainer, numbers(wrong=wrong)).data("--sensitivity")
        assert found["exit_code"] == 4
        blind = [one for one in found["sensitivity"] if not one["seen"]]
        assert [(one["attention"], one["reason"]) for one in blind] == [
            ("scale-1", "no value is off by more than 3.0 times what is allowed")
        ]

    def test_one_that_the_tree_does_not_call_is_told_so(self, trainer: Trainer) -> None:
        self.tree(trainer)
        program = (trainer.tiny.tree / "train.py").read_text().replace('{"planted": True}', "{}")
        (trainer.tiny.tree / "train.py").write_text(program)
        found = trainer.data("--sensitivity")
        assert found["exit_code"] == 4
        why = "it was not called: of attentions, the tree calls flash_attn_func"
        assert {one["reason"] for one in found["sensitivity"]} == {why}

    def test_one_with_which_it_crashes_is_seen(self, trainer: Trainer) -> None:
        result = self.tree(trainer, numbers(wrong=f"{PLANTED}; raise ValueError(plant)")).verify("--sensitivity")
        told = next(line for line in result.out.splitlines() if "scale-1" in line)
        assert told.split()[1:] == ["yes", "crash", "at", "step", "1"]
        assert result.code == 0

    @pytest.mark.parametrize("end", ["import os; os.kill(os.getpid(), 9)", "raise SystemExit(0)"])
    def test_one_that_is_killed_or_only_ends_says_nothing(self, trainer: Trainer, end: str) -> None:
        found = self.tree(trainer, numbers(wrong=f"{PLANTED}; {end}")).data("--sensitivity")
        assert found["exit_code"] == 4
        assert all("did not train" in one["reason"] for one in found["sensitivity"])

    def test_a_loss_that_is_no_number_is_seen(self, trainer: Trainer) -> None:
        found = self.tree(trainer, numbers(wrong="return 1e400")).data("--sensitivity")
        assert {(one["seen"], one["reason"]) for one in found["sensitivity"]} == {(True, "loss 1 is inf")}

    def unfit(self, trainer: Trainer, *names: str) -> Trainer:
        """A tree no call of which can have some wrong attentions."""
        program = TRAIN.replace(
            '{"planted": True}', f'{{"misfit": "why"}} if asked["plant"] in {names} else {{"planted": True}}'
        )
        program = program.replace(
            "numbers_of.wrong(", f"numbers_of.loss(step) if asked['plant'] in {names} else numbers_of.wrong("
        )
        trainer.tree({"train.py": program}, numbers=NUMBERS).recipe(STEP, reference="attention").golden()
        return trainer

    def test_one_that_no_call_can_have_does_not_apply_and_is_no_blindness(self, trainer: Trainer) -> None:
        result = self.unfit(trainer, "no-transpose", "across-batch").verify("--sensitivity")
        assert result.code == 0
        told = [" ".join(line.split()) for line in result.out.splitlines() if "does not apply" in line]
        assert told == ["no-transpose does not apply why", "across-batch does not apply why"]

    def test_so_a_golden_is_recorded(self, trainer: Trainer) -> None:
        assert self.unfit(trainer, "no-transpose", "across-batch").verify("--record").code == 0
        assert recorded(trainer)["seen"]["no-transpose"] == {"first": "does not apply", "times": 0.0}

    def test_where_none_applies_nothing_is_seen(self, trainer: Trainer) -> None:
        names = ("scale-1", "causal-flipped", "no-transpose", "values-only", "heads-mixed", "across-batch")
        assert self.unfit(trainer, *names).verify("--sensitivity").code == 4

    def test_what_changes_nothing_beside_the_right_attention_is_idle(self, trainer: Trainer) -> None:
        """The tree's own attention rounds otherwise than the one that is planted."""
        wrong = "return loss(step) * (1 + 1e-9) if plant in ('float64', 'causal-flipped') else 9.0"
        found = self.tree(trainer, numbers(wrong=wrong)).data("--sensitivity")
        assert found["exit_code"] == 0
        assert [one["attention"] for one in found["sensitivity"] if one["idle"]] == ["causal-flipped"]

    def test_without_a_golden_nothing_says_what_is_the_same(self, trainer: Trainer) -> None:
        result = trainer.tree().recipe(STEP, golden=None).verify("--sensitivity")
        assert result.code == 2
        assert "has no golden for cpu" in result.stderr
