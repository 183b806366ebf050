"""Trainers and trees that would lead a check astray: each a verdict with a sentence, and the user's files untouched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.tiny import Tiny, replace
from tests.verify.trainer import TRAIN, Trainer, golden

STEP = replace("float($X)", "abs($X)")


@pytest.fixture
def trainer(tiny: Tiny) -> Trainer:
    return Trainer(tiny)


class TestLinks:
    def run(self, trainer: Trainer, name: str, leads_to: Path, write: str) -> int:
        trainer.tree({"train.py": f"{write}\n{TRAIN}"}, git=False).recipe(STEP).golden()
        (trainer.tiny.tree / name).symlink_to(leads_to)
        return trainer.verify().code

    def test_an_absolute_one_into_the_tree_leads_into_the_copy(self, trainer: Trainer) -> None:
        (trainer.tiny.tree / "outputs").mkdir(parents=True)
        (trainer.tiny.tree / "outputs" / "kept.txt").write_text("")
        write = "open('log/x.txt', 'w').write('x')"
        assert self.run(trainer, "log", trainer.tiny.tree.resolve() / "outputs", write) == 0
        assert [path.name for path in (trainer.tiny.tree / "outputs").iterdir()] == ["kept.txt"]

    def test_nobody_writes_through_one_that_leads_out(self, trainer: Trainer, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        (scratch / "last.pt").write_text("weights")
        write = "assert open('ckpt/last.pt').read() == 'weights'; open('ckpt/last.pt', 'w').write('gone')"
        assert self.run(trainer, "ckpt", scratch, write) == 0
        assert (scratch / "last.pt").read_text() == "weights"

    def test_nor_through_one_to_a_file(self, trainer: Trainer, tmp_path: Path) -> None:
        (tmp_path / "run.log").write_text("before\n")
        assert self.run(trainer, "run.log", tmp_path / "run.log", "open('run.log', 'a').write('x')") == 0
        assert (tmp_path / "run.log").read_text() == "before\n"


class TestTheProcess:
    @pytest.mark.parametrize(
        "harm",
        [
            "import os, shutil; shutil.rmtree(os.path.dirname(os.getcwd()), ignore_errors=True); raise SystemExit",
            "import os; os.rmdir(os.environ['PATCHER_PROBE']) if False else None; raise SystemExit(3)",
            "import os; open(os.environ['PATCHER_PROBE'] + '/1.jsonl', 'wb').write(b'\\xff{\\n[]\\n3\\n'); raise SystemExit",
            "print('x' * 3_000_000, flush=True); raise SystemExit(1)",
        ],
        ids=["takes its folder away", "ends", "writes into the probe", "prints without an end"],
    )
    def test_is_a_failure_with_a_sentence(self, trainer: Trainer, harm: str) -> None:
        result = trainer.tree({"train.py": harm}).recipe(STEP).golden().verify()
        assert result.code == 4
        assert "train: failed.\nIt ended with exit code " in result.out
        assert max(map(len, result.out.splitlines())) < 600

    def test_a_rank_that_is_no_number_is_none(self, trainer: Trainer) -> None:
        odd = TRAIN.replace("lines = []", 'lines = [{"process": {"rank": "abc"}}]')
        assert trainer.tree({"train.py": odd}).recipe(STEP).golden().verify().code == 0

    def test_of_equal_processes_the_first_counts(self, trainer: Trainer) -> None:
        other = 'open(folder / "100000.jsonl", "w").write(chr(10).join(map(json.dumps, [{"loss": 9.0}] * 3 + [{"step": "SGD", "optimizer": 1, "lr": [9.0]}] * 3)) + chr(10))\n'
        named = TRAIN.replace('"%d.jsonl" % os.getpid()', '"9999.jsonl"') + other
        assert trainer.tree({"train.py": named}).recipe(STEP).golden().verify().code == 0

    def test_data_that_are_no_files_are_told(self, trainer: Trainer) -> None:
        trainer.tree().recipe(STEP, prepare="prepare.py").golden()
        (trainer.tiny.folder / "prepare.py").write_text("import os, sys\nos.mkfifo(sys.argv[1] + '/pipe')\n")
        result = trainer.verify()
        assert result.code == 5
        assert "What prepare.py prepared for the check train cannot be copied" in result.stderr

    def test_code_that_comes_from_the_tree_itself_is_told(
        self, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = "import sys, types; sys.modules['torch'] = types.ModuleType('torch')\n"
        program = f"import numbers_of\n{real}{TRAIN}".replace(
            "lines = []", 'from _patcher_record import strayed\nlines = [{"original": strayed(asked["original"])}]'
        )
        trainer.tree({"scripts/train.py": program}).recipe(STEP, run=["python", "{tree}/scripts/train.py"]).golden()
        monkeypatch.setenv("PYTHONPATH", str(trainer.tiny.tree))
        found = trainer.data()
        assert (found["finding"], found["exit_code"]) == ("failed", 4)
        assert f"It trained {trainer.tiny.tree.resolve()} and not its copy: numbers_of was imported" in found["reason"]

    def test_a_program_beside_the_interpreter_is_found_there(self, trainer: Trainer) -> None:
        beside = Path(sys.executable).parent / "patcher"
        if not beside.exists():
            pytest.skip("patcher is not installed beside this interpreter")
        result = trainer.tree().recipe(STEP, run=["patcher", "--version"]).golden().verify()
        assert f"It ran: {beside} --version" in result.out


class TestSeveralChecks:
    def two(self, trainer: Trainer, second: list[str]) -> Trainer:
        checks = [
            {"id": "train", "why": "w", "run": ["python", "train.py"], "golden": "golden.json"},
            {"id": "again", "why": "w", "run": second},
        ]
        trainer.tree().tiny.recipe(STEP, checks=checks)
        (trainer.tiny.folder / "golden.json").write_text(golden(loss=[9.0, 9.0, 9.0]))
        return trainer

    def test_what_was_found_is_told_although_the_next_cannot_be_run(self, trainer: Trainer) -> None:
        result = self.two(trainer, ["no-such-trainer"]).verify()
        assert result.code == 5
        assert "train: drifted; 3 steps" in result.out

    def test_as_data_too(self, trainer: Trainer) -> None:
        result = self.two(trainer, ["no-such-trainer"]).verify("--format", "json")
        assert result.code == 5
        assert [check["finding"] for check in json.loads(result.out)["checks"]] == ["drifted"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_patcher_ends_the_training_and_leaves_no_folder(
    trainer: Trainer, tmp_path: Path, ending: signal.Signals
) -> None:
    mark = tmp_path / "pid"
    program = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    trainer.tree({"train.py": program}).recipe(STEP).golden()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "patcher", "verify", trainer.tiny.tree, "-r", trainer.tiny.file, "--allow-run"]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [*command, "--python", sys.executable],
        env=environment,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),  # under nohup it is ignored, and would stay so
    )
    while not mark.exists() or not mark.read_text():
        time.sleep(0.02)
    process.send_signal(ending)
    assert process.wait(30) == (130 if ending is signal.SIGINT else 128 + ending)
    assert not psutil.pid_exists(int(mark.read_text()))
    assert list(temporary.iterdir()) == []
