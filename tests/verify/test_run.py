"""A check is run on a copy, by the Python that was asked for, and what becomes of the run is told."""

from __future__ import annotations

import ast
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from patcher.checkout import Checkout
from patcher.errors import UsageError
from patcher.verify.run import interpreter
from tests.helpers import Result, commit_all, git, write_tree
from tests.tiny import Tiny, replace

# A program that says of itself what the probe would say of one that trains.
TRAINS = """
import json, os, pathlib, sys
readings = [{"loss": 2.5}, {"step": "SGD", "lr": [0.1]}, {"loss": 1.25}, {"step": "SGD", "lr": [0.05]}]
text = "".join(json.dumps(one) + chr(10) for one in readings)
pathlib.Path(os.environ["PATCHER_PROBE"], f"{os.getpid()}.jsonl").write_text(text)
"""


class Check:
    """A tree with a program in it, and a recipe whose check runs it."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny

    def __call__(self, program: str, *options: object, run: Any = None, **keys: Any) -> Result:
        if not (self.tiny.tree / "train.py").exists():
            self.tiny.files({"train.py": program})
        check = {"id": "train", "why": "because", "run": run or ["python", "train.py"], **keys}
        self.tiny.recipe(replace("abs($X)", "round($X)"), checks=[check])
        command = ("verify", self.tiny.tree, "-r", self.tiny.file, "--allow-run", "--python", sys.executable)
        return self.tiny.patcher(*command, *options)


@pytest.fixture
def check(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Check:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # else nothing is proved by its absence
    return Check(tiny)


def says(expression: str) -> str:
    """A program that trains and prints what an expression is; what a failed run prints is shown."""
    return f"{TRAINS}print('<' + str({expression}) + '>')\nsys.exit(1)\n"


def said(result: Result) -> str:
    assert result.code == 4
    return result.out.partition("<")[2].partition(">")[0]


class TestTelling:
    def test_losses_and_rates_are_shown_by_step(self, check: Check) -> None:
        result = check(TRAINS)
        assert result.code == 0
        told = result.out.splitlines()
        assert told[0].startswith("train: not judged; 2 steps in ")
        assert told[1] == "The numbers were not judged: the check names no golden."
        assert [line.split() for line in told[2:]] == [
            ["step", "loss", "lr", "of", "SGD"],
            ["1", "2.5", "0.1"],
            ["2", "1.25", "0.05"],
        ]

    def test_what_will_be_run_is_told_first(self, check: Check) -> None:
        result = check(TRAINS, run=["python", "train.py", "a b"])
        assert result.stderr == f"train: python train.py 'a b', with {sys.executable}\ntrain: training\n"

    def test_a_program_that_ends_well_without_a_step_has_failed(self, check: Check) -> None:
        result = check("print('all is well')\n")
        assert result.code == 4
        assert result.out.splitlines() == [
            "train: failed.",
            "It ended with exit code 0, yet did not train, after 0 steps.",
            f"It ran: {sys.executable} train.py",
            "Its last lines:",
            "  all is well",
        ]

    def test_a_check_that_reads_no_loss_needs_none(self, check: Check) -> None:
        steps = TRAINS.replace('{"loss": 2.5}, ', "").replace('{"loss": 1.25}, ', "")
        result = check(steps, readings={"lr": "1..2"})
        assert result.code == 0
        assert result.out.startswith("train: not judged; 2 steps in ")
        assert "lr       2       0.05" in result.out

    def test_a_check_of_what_is_logged_needs_no_training(self, check: Check) -> None:
        logs = TRAINS.replace('{"loss": 2.5}', '{"wandb": {"eval/acc": 0.5}}').partition("text =")
        program = logs[0].replace('{"loss": 1.25}, ', "").replace('{"step": "SGD", "lr": [0.1]}, ', "")
        program = program.replace(', {"step": "SGD", "lr": [0.05]}', "") + logs[1] + logs[2]
        result = check(program, readings={"wandb.eval/acc": "1"})
        assert result.code == 0
        assert result.out.startswith("train: not judged; 1 value in ")

    def test_losses_are_training_where_no_optimizer_is_known(self, check: Check) -> None:
        program = TRAINS.replace('{"step": "SGD", "lr": [0.1]}, ', "").replace(', {"step": "SGD", "lr": [0.05]}', "")
        result = check(program)
        assert result.code == 0
        assert result.out.startswith("train: not judged; 2 losses in ")

    @pytest.mark.parametrize(
        ("readings", "said"),
        [
            ({"loss": "1..9"}, "The check wants 9 values of loss, and the run made 2.\n"),
            ({"loss": "2", "wandb.x": "1..3"}, "The check wants 3 values of wandb.x, and the run made 0. Nothing gave"),
            (
                {"loss": "2", "grad_norm": "1"},
                "The check wants 1 value of grad_norm, and the run made 0. No step of an",
            ),
        ],
    )
    def test_without_a_golden_too_a_reading_that_is_not_there_has_failed(
        self, check: Check, readings: dict[str, str], said: str
    ) -> None:
        result = check(TRAINS, readings=readings)
        assert result.code == 4
        assert result.out.startswith("train: failed; 2 steps in ") and said in result.out

    @pytest.mark.parametrize(
        "line",
        [
            '{"loss": "abc"}',
            '{"step": "SGD"}',
            '{"step": 3, "lr": [0.1]}',
            '{"step": "SGD", "lr": 0.1}',
            '{"step": "SGD", "lr": [0.1], "optimizer": "first"}',
            '{"wandb": {"x": "y"}}',
            '{"wandb": 3}',
            '{"line": 5}',
            '{"line": ["/etc/passwd", 3]}',
            '{"opened": "/etc/passwd"}',
            '{"process": 5}',
            '{"refused": ["a"]}',
            f'{{"loss": 1{"0" * 400}}}',
            '{"other": 1}',
        ],
    )
    def test_a_line_that_the_probe_did_not_write_is_told(self, check: Check, line: str) -> None:
        result = check(f"{TRAINS}open(os.environ['PATCHER_PROBE'] + '/1.jsonl', 'w').write({line!r} + chr(10))\n")
        assert result.code == 4
        assert (
            "t ended with exit code 0 after 2 steps. What it did is not known, because the probe's file of"
            in result.out
        )
        assert "process 1 has {" in result.out

    def test_a_program_that_steps_without_a_loss_has_failed(self, check: Check) -> None:
        result = check(TRAINS.replace('{"loss": 2.5}, ', "").replace('{"loss": 1.25}, ', ""))
        assert result.code == 4
        assert "after 2 steps. No loss was seen: nothing called .backward()" in result.out

    def test_a_program_that_crashes_after_its_steps_has_failed(self, check: Check) -> None:
        result = check(TRAINS + "raise ValueError('on the way out')\n")
        assert result.code == 4
        assert result.out.startswith("train: failed.\nIt ended with exit code 1 after 2 steps.")
        assert result.out.endswith("  ValueError: on the way out\n")

    def test_a_program_that_a_signal_ended(self, check: Check) -> None:
        result = check("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
        assert result.code == 4
        assert "train: failed.\nSIGKILL ended it after 0 steps.\n" in result.out
        assert "It printed nothing." in result.out

    def test_the_last_lines_are_shown_and_no_more(self, check: Check) -> None:
        result = check("for number in range(100):\n    print(f'line {number}')\n")
        assert [line for line in result.out.splitlines() if "line" in line.split()] == [
            f"  line {number}" for number in range(85, 100)
        ]

    def test_lines_on_stderr_are_shown_in_their_place(self, check: Check) -> None:
        result = check("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n")
        assert result.out.endswith("Its last lines:\n  a\n  b\n  c\n")

    def test_bytes_that_are_no_text_are_shown(self, check: Check) -> None:
        result = check("import sys\nsys.stdout.buffer.write(b'caf\\xe9')\n")
        assert result.out.endswith("  caf\ufffd\n")

    def test_several_losses_a_step_are_told_apart(self, check: Check) -> None:
        result = check(TRAINS.replace('{"loss": 2.5}, ', '{"loss": 2.5}, {"loss": 2.25}, '))
        assert result.code == 0
        assert [line.split() for line in result.out.splitlines()[2:]] == [
            ["backward", "loss"],
            ["1", "2.5"],
            ["2", "2.25"],
            ["3", "1.25"],
            ["SGD:", "2", "steps,", "lr", "0.1", "to", "0.05"],
        ]

    def test_every_parameter_group_has_its_rate(self, check: Check) -> None:
        grouped = TRAINS.replace('"lr": [0.1]', '"lr": [0.1, 0.2]').replace('"lr": [0.05]', '"lr": [0.05, 0.3]')
        told = json.loads(check(grouped, "--format", "json").out)["checks"][0]["run"]["readings"]
        assert (told["lr"], told["lr[2]"]) == ([0.1, 0.05], [0.2, 0.3])

    def test_optimizers_that_take_turns_are_told_apart(self, check: Check) -> None:
        result = check(TRAINS.replace('{"step": "SGD", "lr": [0.05]}', '{"step": "Adam", "lr": [0.05]}'))
        assert result.out.splitlines()[-2:] == ["  SGD: 1 step, lr 0.1", "  Adam: 1 step, lr 0.05"]

    def test_the_process_that_trains_is_told_and_not_its_helper(self, check: Check) -> None:
        helper = "pathlib.Path(os.environ['PATCHER_PROBE'], '0.jsonl').write_text('{\"loss\": 9.0}' + chr(10))\n"
        assert "9" not in check(TRAINS + helper).out.splitlines()[2]

    @pytest.mark.parametrize(
        ("ranks", "read"),
        [
            ((None, None), "the first of them was read, train.py."),
            (("1", "0"), "rank 0 was read, other.py."),
            (("0", "1"), "rank 0 was read, train.py."),
            ((None, "0"), "rank 0 was read, other.py."),
            (("3", "x"), "rank 3 was read, train.py."),
        ],
    )
    def test_of_processes_that_train_the_first_rank_is_read_else_the_first(
        self, check: Check, ranks: tuple[str | None, str | None], read: str
    ) -> None:
        result = check(self.processes(ranks))
        assert result.out.endswith(f"Of 2 processes with readings of the check, {read}\n")

    def processes(self, ranks: tuple[str | None, str | None], of: str = "text * 5") -> str:
        heads = [
            json.dumps({"process": {"rank": rank, "argv": [f"{name}.py"]}})
            for rank, name in zip(ranks, ("train", "other"), strict=True)
        ]
        write = "".join(
            f"pathlib.Path(os.environ['PATCHER_PROBE'], '{at}.jsonl').write_text({head!r} + chr(10) + {text})\n"
            for at, head, text in zip((1, 2), heads, ("text", of), strict=True)
        )
        return TRAINS.replace(
            'pathlib.Path(os.environ["PATCHER_PROBE"], f"{os.getpid()}.jsonl").write_text(text)\n', write
        )

    def test_one_with_all_of_the_readings_goes_before_a_rank(self, check: Check) -> None:
        """The last stage of a pipeline has the losses."""
        lacking = "json.dumps(readings[1]) + chr(10)"
        result = check(self.processes(("1", "0"), of=lacking), readings={"loss": "2", "lr": "2"})
        assert result.code == 0
        assert "rank 1 was read, train.py." in result.out

    def test_a_helper_that_trains_less_than_the_check_wants_is_passed_over(self, check: Check) -> None:
        helper = "pathlib.Path(os.environ['PATCHER_PROBE'], '0.jsonl').write_text('{\"loss\": 9.0}' + chr(10))\n"
        result = check(TRAINS + helper, readings={"loss": "1..2"})
        assert result.code == 0 and " 2.5 " in result.out

    def test_half_a_line_of_a_process_that_was_killed_is_no_reading(self, check: Check) -> None:
        result = check(TRAINS.replace("write_text(text)", "write_text(text + '{\"lo')"))
        assert result.code == 0

    def test_a_loss_that_is_no_number_is_shown(self, check: Check) -> None:
        assert "nan" in check(TRAINS.replace('"loss": 1.25', '"loss": float("nan")')).out

    def test_every_check_is_run_and_one_that_fails_counts(self, tiny: Tiny) -> None:
        tiny.files({"train.py": TRAINS, "fail.py": ""})
        checks = [{"id": name, "why": "because", "run": ["python", f"{name}.py"]} for name in ("fail", "train")]
        tiny.recipe(replace("abs($X)", "round($X)"), checks=checks)
        result = tiny.patcher("verify", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable)
        assert result.code == 4
        assert "fail: failed." in result.out and "train: not judged; 2 steps" in result.out


class TestCopy:
    def test_the_tree_stays_as_it_is(self, check: Check) -> None:
        damage = "open('new.txt', 'w').close()\nos.remove('helper.py')\nopen('train.py', 'w').close()\n"
        program = f"{TRAINS}\nimport helper\n{damage}"
        check.tiny.files({"train.py": program, "helper.py": "x = 1\n"})
        before = check.tiny.snapshot()
        assert check(program).code == 0
        assert check.tiny.snapshot() == before

    def test_it_runs_where_the_copy_stands(self, check: Check) -> None:
        folder = said(check(says("os.getcwd()")))
        assert folder != str(check.tiny.tree) and not Path(folder).exists()

    def test_the_copy_has_no_bytecode_of_its_own(self, check: Check) -> None:
        check.tiny.files({"helper.py": "x = 1\n", "train.py": says("__import__('helper') and os.listdir()")})
        assert "__pycache__" not in said(check(""))

    def test_what_git_ignores_is_not_copied(self, check: Check) -> None:
        check.tiny.files({".gitignore": "*.log\n", "big.log": "x\n", "train.py": says("sorted(os.listdir())")})
        assert said(check("")) == "['.git', '.gitignore', 'train.py']"

    @pytest.mark.parametrize(
        ("command", "answer"),
        [
            ("rev-parse HEAD", None),
            ("branch --show-current", None),
            ("describe --tags", None),
            ("log -1 --format=%s", None),
            ("status --porcelain", None),
            ("rev-parse --show-toplevel", "COPY"),
            ("remote", ""),
        ],
    )
    def test_git_answers_there_as_in_the_tree(self, check: Check, command: str, answer: str | None) -> None:
        program = says(f"__import__('subprocess').check_output(['git', *{command.split()!r}], text=True).strip()")
        check.tiny.files({"train.py": program, "sub/a.txt": "a"})
        git(check.tiny.tree, "tag", "-am", "first", "v1")
        git(check.tiny.tree, "remote", "add", "origin", "https://host/x.git")
        expected = answer if answer is not None else git(check.tiny.tree, *command.split()).strip()
        got = said(check(""))
        assert got.endswith("/tree") and got != str(check.tiny.tree) if answer == "COPY" else got == expected

    def test_what_it_does_with_git_goes_with_the_copy(self, check: Check) -> None:
        act = ["config user.name x", "config user.email x", "commit -qam y", "tag t", "checkout -qb other", "gc -q"]
        program = f"{TRAINS}import subprocess\nopen('a.txt', 'w')\n" + "".join(
            f"subprocess.check_call(['git', *{one.split()!r}])\n" for one in act
        )
        check.tiny.files({"train.py": program, "a.txt": "a"})
        inside = {path: path.read_bytes() for path in (check.tiny.tree / ".git").rglob("*") if path.is_file()}
        assert check("").code == 0
        assert inside == {path: path.read_bytes() for path in (check.tiny.tree / ".git").rglob("*") if path.is_file()}

    def test_in_a_folder_of_a_repository_git_knows_the_commit(self, check: Check) -> None:
        program = says("__import__('subprocess').check_output(['git', 'rev-parse', 'HEAD'], text=True).strip()")
        check.tiny.files({"train.py": program}, git=False)
        commit_all(check.tiny.folder)
        assert said(check("")) == git(check.tiny.folder, "rev-parse", "HEAD").strip()

    def test_a_git_of_the_caller_is_none_of_the_runs(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        check.tiny.files({"train.py": says("'GIT_DIR' in os.environ")})
        monkeypatch.setenv("GIT_DIR", "/nowhere/.git")
        assert said(check("")) == "False"

    def test_the_files_of_submodules_are_copied(self, check: Check) -> None:
        inner = check.tiny.folder / "inner"
        write_tree(inner, {"part.py": "x = 'found'\n", ".gitignore": "*.log\n"})
        commit_all(inner)
        check.tiny.files(
            {"train.py": says("(__import__('third.inner.part').inner.part.x, sorted(os.listdir('third/inner')))")}
        )
        allow = ("-c", "protocol.file.allow=always")
        git(check.tiny.tree, *allow, "submodule", "add", "-q", str(inner), "third/inner")
        git(check.tiny.tree, *allow, "submodule", "add", "-q", str(inner), "empty")
        git(check.tiny.tree, "submodule", "deinit", "-q", "-f", "empty")
        (check.tiny.tree / "third" / "inner" / "big.log").write_text("")
        result = check("")
        assert said(result) == "('found', ['.gitignore', 'part.py'])", result.out

    def test_files_that_are_not_committed_are_copied(self, check: Check) -> None:
        check.tiny.files({"train.py": says("open('new.py').read()")})
        (check.tiny.tree / "new.py").write_text("fresh")
        assert said(check("")) == "fresh"

    def test_modes_are_kept(self, check: Check) -> None:
        check.tiny.files({"run.sh": "#!/bin/sh\n", "train.py": says("os.access('run.sh', os.X_OK)")}, git=False)
        (check.tiny.tree / "run.sh").chmod(0o755)
        check.tiny.files({})
        assert said(check("")) == "True"

    def test_a_link_within_the_tree_leads_to_the_copy(self, check: Check) -> None:
        text = says("os.path.realpath('link.py') == os.path.realpath('real/file.py')")
        check.tiny.files({"real/file.py": "x\n", "train.py": text}, git=False)
        (check.tiny.tree / "link.py").symlink_to("real/file.py")
        check.tiny.files({})
        assert said(check("")) == "True"

    def test_a_link_out_of_the_tree_still_leads_there(self, check: Check) -> None:
        check.tiny.files({"train.py": says("open('data/one.txt').read()")}, git=False)
        (check.tiny.folder / "elsewhere").mkdir()
        (check.tiny.folder / "elsewhere" / "one.txt").write_text("found")
        (check.tiny.tree / "data").symlink_to("../elsewhere")
        check.tiny.files({})
        assert said(check("")) == "found"

    def test_a_link_to_nowhere_is_no_hindrance(self, check: Check) -> None:
        check.tiny.files({"train.py": TRAINS}, git=False)
        (check.tiny.tree / "broken").symlink_to("nowhere")
        check.tiny.files({})
        assert check("").code == 0

    def test_a_tree_without_git(self, check: Check) -> None:
        check.tiny.files({"train.py": TRAINS}, git=False)
        assert check("").code == 0
        assert sorted(check.tiny.snapshot()) == ["train.py"]


class TestRunning:
    def test_the_places_are_filled_in(self, check: Check) -> None:
        result = check(says("sys.argv[1:]"), run=["python", "train.py", "at={tree}/x", "{data}", "{out}"])
        tree, data, out = ast.literal_eval(said(result))
        assert tree.endswith("/tree/x") and data.endswith("/data") and out.endswith("/out")

    def test_a_place_that_there_is_not(self, check: Check) -> None:
        result = check("", run=["python", "train.py", "{other}"])
        assert result.code == 2
        assert "{other} stands for nothing in a check; known: {tree}, {data}, {out}" in result.stderr

    def test_a_loss_that_is_no_number_is_a_failure(self, check: Check) -> None:
        result = check(TRAINS.replace("2.5", "float('nan')") + "\n")
        assert result.code == 4
        assert "Loss 1 is nan" in result.out

    def test_the_environment_of_the_check(self, check: Check) -> None:
        result = check(says("os.environ['A'] + os.environ['B']"), environment={"A": "1", "B": "{tree}"})
        assert said(result).startswith("1/") and said(result).endswith("/tree")

    def test_the_place_it_runs_in_is_that_of_the_copy_whatever_the_caller_has(
        self, check: Check, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PWD", str(check.tiny.tree))
        monkeypatch.setenv("OLDPWD", str(check.tiny.tree))
        assert said(check(says("(os.environ['PWD'] == os.getcwd(), 'OLDPWD' in os.environ)"))) == "(True, False)"

    def test_what_another_check_of_the_recipe_sets_is_not_the_callers_to_say(
        self, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FAST", "1")
        monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
        tiny.files({"train.py": says("[os.environ.get(one) for one in ('FAST', 'TORCHDYNAMO_DISABLE')]")})
        run = {"why": "because", "run": ["python", "train.py"]}
        checks = [{"id": "fast", **run, "environment": {"FAST": "yes"}}, {"id": "plain", **run}]
        tiny.recipe(replace("abs($X)", "round($X)"), checks=checks)
        command = ("verify", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable)
        assert said(tiny.patcher(*command, "--check", "fast")) == "['yes', None]"
        assert said(tiny.patcher(*command, "--check", "plain")) == "[None, None]"

    @pytest.mark.parametrize("flag", ["-I", "-E", "-S", "-uI"])
    def test_a_python_that_does_not_load_the_probe_is_told(self, check: Check, flag: str) -> None:
        result = check("x = 1\n", run=["python", flag, "train.py"])
        assert result.code == 4
        assert f"The probe was not loaded, because -{flag[-1]} keeps Python from the PYTHONPATH" in result.out
        assert "did not train" not in result.out

    @pytest.mark.parametrize(
        ("start", "said"),
        [
            ("[sys.executable, '-I', 'train.py']", "because -I keeps"),
            ("[sys.executable, '-c', '0'], env={}", "because that is started with another PYTHONPATH"),
            (
                "[sys.executable, '-c', '0'], env={'PYTHONPATH': 'src'}",
                "because that is started with another PYTHONPATH",
            ),
            ("'PYTHONPATH=src python train.py', shell=True", "because that is started with another PYTHONPATH"),
        ],
    )
    def test_one_that_a_launcher_starts_is_told_too(self, check: Check, start: str, said: str) -> None:
        check.tiny.files({"train.py": "x = 1\n", "go.py": f"import subprocess, sys\nsubprocess.check_call({start})\n"})
        result = check("", run=["python", "go.py"])
        assert result.code == 4
        assert "nothing is known of what it did. The probe was not loaded into `" in result.out and said in result.out

    def test_one_that_a_script_starts_is_told_as_far_as_it_is_known(self, check: Check) -> None:
        check.tiny.files({"train.py": "x = 1\n", "train.sh": "PYTHONPATH=src python train.py\n"})
        result = check("", run=["sh", "train.sh"])
        assert "The probe was not loaded, because no Python looked at the PYTHONPATH by which it comes" in result.out

    @pytest.mark.parametrize("path", ["$PYTHONPATH:src", "src:$PYTHONPATH", "src:${PYTHONPATH}"])
    def test_a_launcher_that_adds_to_the_path_is_no_hindrance(self, check: Check, path: str) -> None:
        go = f"import subprocess, sys\nsubprocess.check_call('PYTHONPATH={path} python train.py', shell=True)\n"
        check.tiny.files({"train.py": "x = 1\n", "go.py": go})
        assert "yet did not train, after 0 steps." in check("", run=["python", "go.py"]).out

    def test_a_script_finds_the_interpreter_as_python(self, check: Check) -> None:
        check.tiny.files({"train.py": says("sys.executable"), "train.sh": "exec python train.py\n"})
        assert Path(said(check("", run=["sh", "train.sh"]))).parent == Path(sys.executable).parent

    def test_a_module_that_the_tree_has_is_never_to_be_installed(self, check: Check) -> None:
        check.tiny.files({"scripts/train.py": "import helpers\n", "lib/helpers.py": "", "train.py": ""})
        result = check("", run=["python", "scripts/train.py"])
        assert result.code == 4 and "pip install" not in result.out
        assert "It found no helpers, which the tree has itself, in lib/helpers.py" in result.out

    def test_cuda_is_not_run_where_there_is_none(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        result = check(TRAINS, "--device", "cuda")
        assert result.code == 5
        assert "sees no CUDA device, and --device is cuda" in result.out

    def test_a_python_path_of_the_check_is_added_to_the_probe(self, check: Check) -> None:
        check.tiny.files({"src/helper.py": "x = 'found'\n", "train.py": says("__import__('helper').x")})
        assert said(check("", environment={"PYTHONPATH": "{tree}/src"})) == "found"

    def test_a_python_path_of_the_user_is_kept(self, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", str(check.tiny.folder / "mine"))
        assert str(check.tiny.folder / "mine") in said(check(says("os.environ['PYTHONPATH']")))

    def test_nothing_can_be_typed_into_it(self, check: Check) -> None:
        assert said(check(says("sys.stdin.read()"))) == ""

    def test_a_program_without_an_end(self, check: Check) -> None:
        begun = time.monotonic()
        result = check(f"{TRAINS}import time\nprint('waiting')\ntime.sleep(60)\n", limit="3s")
        assert time.monotonic() - begun < 30
        assert result.code == 4
        assert "train: failed.\nThe time limit ended it after 2 steps." in result.out
        assert result.out.endswith("  waiting\n")

    def test_what_a_program_leaves_running_is_ended_with_it(self, check: Check) -> None:
        mark = check.tiny.folder / "mark"
        child = f"import time, pathlib\\ntime.sleep(3)\\npathlib.Path({str(mark)!r}).touch()"
        program = f'{TRAINS}\nimport subprocess\nsubprocess.Popen([sys.executable, "-c", "{child}"])\n'
        begun = time.monotonic()
        assert check(program).code == 0
        assert time.monotonic() - begun < 3
        time.sleep(max(0, begun + 4 - time.monotonic()))
        assert not mark.exists()

    def test_a_command_that_is_not_there(self, check: Check) -> None:
        result = check("", run=["no-such-trainer", "--now"])
        assert result.code == 5
        assert "patcher: no-such-trainer could not be started (No such file or directory)" in result.stderr

    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({"run": "python train.py"}, "`run` is a list of words"),
            ({"limit": "soon"}, "`soon` is no limit of time; write seconds or minutes"),
            ({"environment": ["A=1"]}, "`environment` wants a map"),
        ],
    )
    def test_a_check_that_makes_no_sense_runs_nothing(self, check: Check, keys: dict[str, Any], said: str) -> None:
        mark = check.tiny.folder / "mark"
        check.tiny.files({"train.py": f"open({str(mark)!r}, 'w')\n"})
        (check.tiny.folder / "prepare.py").write_text(f"open({str(mark)!r}, 'w')\n")
        result = check("", prepare="prepare.py", **keys)
        assert result.code == 2
        assert said in result.stderr
        assert not mark.exists()


class TestPrepare:
    def prepared(self, check: Check, script: str, program: str = TRAINS, **keys: Any) -> Result:
        (check.tiny.folder / "prepare.py").write_text(script)
        return check(program, prepare="prepare.py", **keys)

    def test_it_makes_the_data(self, check: Check) -> None:
        script = "import sys, pathlib\npathlib.Path(sys.argv[1], 'x.txt').write_text('made')\n"
        run = ["python", "train.py", "{data}/x.txt"]
        assert said(self.prepared(check, script, says("open(sys.argv[1]).read()"), run=run)) == "made"

    def test_it_is_told_before_it_runs(self, check: Check) -> None:
        assert self.prepared(check, "").stderr.startswith("train: prepare.py, then python train.py, with ")

    def test_it_leaves_nothing_where_the_user_stands(
        self, check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        (check.tiny.folder / "beside.py").write_text("")
        assert self.prepared(check, "import beside\nopen('x', 'w').close()\n").code == 0
        assert list((tmp_path / "here").iterdir()) == []
        assert not (check.tiny.folder / "__pycache__").exists()

    def test_its_failure_is_told_by_its_last_line(self, check: Check) -> None:
        result = self.prepared(check, "raise ValueError('no room')\n")
        assert result.code == 5
        assert result.stderr.endswith(
            f"prepare.py could not prepare the data of the check train with {sys.executable}: ValueError: no room\n"
        )

    def test_its_failure_without_a_word(self, check: Check) -> None:
        assert "it said nothing" in self.prepared(check, "import sys\nsys.exit(1)\n").stderr

    def test_bytes_that_are_no_text(self, check: Check) -> None:
        result = self.prepared(check, "import sys\nsys.stderr.buffer.write(b'caf\\xe9')\nsys.exit(1)\n")
        assert result.code == 5 and "caf\ufffd" in result.stderr

    def test_a_script_without_an_end(self, check: Check) -> None:
        result = self.prepared(check, "import time\ntime.sleep(60)\n", limit="1s")
        assert result.code == 5 and "it took more than 1 s" in result.stderr

    def test_a_script_that_is_not_there(self, check: Check) -> None:
        result = check(TRAINS, prepare="nowhere.py")
        assert result.code == 5 and "nowhere.py" in result.stderr


# --- the interpreter ------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A Python in every place where one is looked for."""
    names = ("named", "venv", "conda", "tree/.venv", "path")
    found = {}
    for name in names:
        python = tmp_path / name / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
        found[name] = python
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "conda"))
    monkeypatch.setenv("PATH", str(found["path"].parent))
    return found


class TestInterpreter:
    def chosen(self, places: dict[str, Path], named: str | None = None) -> str:
        return interpreter(Checkout(places["tree/.venv"].parents[2]), named)

    def test_the_named_one_is_first(self, places: dict[str, Path]) -> None:
        assert self.chosen(places, str(places["named"])) == str(places["named"])

    def test_then_the_active_virtual_environment(self, places: dict[str, Path]) -> None:
        assert self.chosen(places) == str(places["venv"])

    def test_then_conda(self, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VIRTUAL_ENV")
        assert self.chosen(places) == str(places["conda"])

    def test_then_the_tree_its_own(self, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VIRTUAL_ENV")
        monkeypatch.setenv("CONDA_PREFIX", "")
        assert self.chosen(places) == str(places["tree/.venv"])

    def test_then_the_path(self, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("VIRTUAL_ENV")
        monkeypatch.delenv("CONDA_PREFIX")
        places["tree/.venv"].unlink()
        assert self.chosen(places) == str(places["path"])

    def test_an_environment_that_is_gone_is_passed_over(self, places: dict[str, Path]) -> None:
        places["venv"].unlink()
        assert self.chosen(places) == str(places["conda"])

    def test_python3_on_the_path_will_do(self, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("venv", "conda", "tree/.venv"):
            places[name].unlink()
        places["path"].rename(places["path"].with_name("python3"))
        assert self.chosen(places) == str(places["path"].with_name("python3"))

    def test_a_name_is_looked_up_on_the_path(self, places: dict[str, Path]) -> None:
        assert self.chosen(places, "python") == str(places["path"])

    def test_a_relative_one_is_found_from_elsewhere_too(
        self, places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(places["named"].parents[1])
        assert self.chosen(places, "bin/python") == str(places["named"])

    def test_a_link_into_another_environment_is_not_followed(self, places: dict[str, Path]) -> None:
        places["venv"].unlink()
        places["venv"].symlink_to(places["named"])
        assert self.chosen(places) == str(places["venv"])

    def test_one_that_is_not_there_is_refused(self, places: dict[str, Path]) -> None:
        with pytest.raises(UsageError, match=r"--python nowhere is no program that can be run"):
            self.chosen(places, "nowhere")

    def test_none_at_all_is_told(self, places: dict[str, Path]) -> None:
        for name in ("venv", "conda", "tree/.venv", "path"):
            places[name].unlink()
        with pytest.raises(UsageError, match="There is no Python to run the tree with"):
            self.chosen(places)


def test_every_process_sees_the_probe(check: Check) -> None:
    assert said(check(says("sys.modules['sitecustomize'].__file__"))).endswith("verify/probe/sitecustomize.py")
