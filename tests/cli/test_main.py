"""The command line as a whole: what it is called with, how it ends, and what no user ever sees."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from patcher import __version__
from patcher.cli.main import COMMANDS
from patcher.errors import PatcherError, RecipeError, SiteError, TargetError, UndoError, UsageError
from tests.helpers import ROOT, Patcher
from tests.tiny import Tiny, replace, step

PATCHER = (sys.executable, "-m", "patcher")
ROUND = replace("abs($X)", "round($X)")


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def run(*command: object, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run patcher in a process of its own."""
    words = [str(word) for word in (*PATCHER, *command)]
    return subprocess.run(words, env=environment(**more), capture_output=True, check=False)


def loaded(*arguments: object) -> set[str]:
    """Return which of the large modules a command imports."""
    program = (
        "import sys, json; from patcher.cli.main import _run; sys.argv[0] = 'patcher'; _run()\n"
        "print(json.dumps([name for name in ('libcst', 'git', 'yaml', 'torch', 'packaging', 'jinja2', 'pygments') if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], env=environment(), capture_output=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


class TestHelp:
    @pytest.mark.parametrize("option", ["--help", "-h"])
    def test_help_names_every_command_and_every_exit_code(self, patcher: Patcher, option: str) -> None:
        result = patcher(option)
        assert result.code == 0
        assert all(f"  {name} " in result.out for name in COMMANDS)
        said = " ".join(result.out.split())
        assert all(f" {code} " in said for code in (0, 1, 2, 3, 4, 5, 70, 130))

    def test_without_a_command_there_is_help(self, patcher: Patcher) -> None:
        result = patcher()
        assert result.code == 2
        assert "Usage: patcher" in result.stderr

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_help(self, patcher: Patcher, name: str) -> None:
        result = patcher(name, "--help")
        assert result.code == 0
        assert result.out.startswith(f"Usage: patcher {name} ")

    def test_the_version(self, patcher: Patcher) -> None:
        result = patcher("--version")
        assert (result.code, result.out) == (0, f"patcher, version {__version__}\n")

    @pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("apply", "--help"), ("verify", "--help")])
    def test_help_imports_nothing_large(self, arguments: tuple[str, ...]) -> None:
        assert loaded(*arguments) == set()

    def test_listing_imports_neither_a_parser_of_python_nor_git(self) -> None:
        assert loaded("list") & {"libcst", "git", "torch"} == set()

    def test_a_report_as_text_imports_nothing_that_makes_pages(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        assert loaded("apply", tiny.tree, "-r", tiny.file, "--check") & {"jinja2", "pygments"} == set()
        assert loaded("apply", tiny.tree, "-r", tiny.file, "--check", "--format", "html") >= {"jinja2", "pygments"}

    def test_applying_never_imports_torch(self, tiny: Tiny) -> None:
        text = "import torch\nfrom flash_attn import flash_attn_func\n\nflash_attn_func(abs(1))\n"
        guard = step("guard", guard_import=["flash_attn"], otherwise="shim.flash_attn_torch")
        tiny.files({"a.py": text, "requirements.txt": "flash-attn\n"}).recipe(
            ROUND, guard, step("packages", requirements={"drop": ["flash-attn"]})
        )
        assert "torch" not in loaded("apply", tiny.tree, "-r", tiny.file)
        assert "except ImportError" in tiny.read()


class TestUsage:
    def test_an_unknown_command_is_answered_with_the_nearest(self, patcher: Patcher) -> None:
        result = patcher("aply")
        assert result.code == 2
        assert "There is no command 'aply'. Did you mean `patcher apply`?" in result.stderr

    def test_a_command_like_no_other(self, patcher: Patcher) -> None:
        result = patcher("xyz")
        assert result.code == 2
        assert "There is no command 'xyz'." in result.stderr and "mean" not in result.stderr

    def test_an_unknown_option_is_answered_with_the_nearest(self, patcher: Patcher, tmp_path: Path) -> None:
        result = patcher("apply", tmp_path, "-r", "hrm", "--dif")
        assert result.code == 2
        assert "--dif" in result.stderr and "--diff" in result.stderr

    @pytest.mark.parametrize("arguments", [("apply",), ("undo",), ("show",), ("verify",)])
    def test_what_is_missing_is_named(self, patcher: Patcher, arguments: tuple[str, ...]) -> None:
        result = patcher(*arguments)
        assert result.code == 2
        assert "Missing" in result.stderr and "Usage: patcher" in result.stderr

    def test_one_word_too_many(self, patcher: Patcher, tmp_path: Path) -> None:
        assert patcher("undo", tmp_path, "more").code == 2

    def test_an_unknown_recipe_is_answered_with_the_nearest(self, patcher: Patcher, tmp_path: Path) -> None:
        result = patcher("apply", tmp_path, "-r", "hrn")
        assert result.code == 2
        assert "There is no recipe `hrn`; did you mean `hrm`?" in result.stderr
        assert "patcher list" in result.stderr

    def test_a_recipe_that_is_beside_is_told_how_to_name(self, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
        (tiny.folder / "mine").mkdir()
        monkeypatch.chdir(tiny.folder)
        assert "write `./mine`" in tiny.patcher("show", "mine").stderr

    def test_an_invalid_recipe_tells_every_problem_with_its_place(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe({**ROUND, "effekt": "exact"}, {**ROUND, "id": "two", "effect": "exakt"})
        result = tiny.apply()
        assert result.code == 2
        assert result.stderr.count(f"{tiny.file}:1:") == 2
        assert "effekt" in result.stderr and "exakt" in result.stderr


# --- exit codes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("It cannot be."), 2),
        (RecipeError(), 2),
        (SiteError("It cannot be."), 3),
        (TargetError("It cannot be."), 5),
        (UndoError("It cannot be."), 5),
        (KeyboardInterrupt(), 130),
        (ValueError("boom"), 70),
        (RecursionError("boom"), 70),
        (MemoryError(), 70),
        (OSError(28, "No space left on device"), 5),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_whatever_is_raised_has_its_exit_code(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    def fail(*_: Any) -> None:
        raise error

    tiny.one("abs(1)\n").recipe(ROUND)
    monkeypatch.setattr("patcher.plan.plan", fail)
    result = tiny.apply()
    assert (result.code, result.stdout) == (code, b"")
    assert "Traceback" not in result.stderr
    assert tiny.read() == "abs(1)\n"
    if isinstance(error, PatcherError):
        assert result.stderr == f"patcher: {error}\n"


class TestBug:
    @pytest.fixture
    def broken(self, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
        def fail(*_: Any) -> None:
            raise ValueError("boom")

        monkeypatch.setattr("patcher.plan.plan", fail)
        return tiny.one("abs(1)\n").recipe(ROUND)

    def test_a_bug_is_called_one(self, broken: Tiny) -> None:
        assert broken.apply().stderr.splitlines() == [
            "patcher: this is a bug in patcher: ValueError: boom",
            "Set PATCHER_TRACEBACK=1, run it again, and report what it prints.",
        ]

    def test_its_traceback_is_shown_to_who_asks(self, broken: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATCHER_TRACEBACK", "1")
        result = broken.apply()
        assert result.code == 70
        assert "Traceback (most recent call last)" in result.stderr and result.stderr.endswith("ValueError: boom\n")


class TestGravest:
    """The gravest of several exit codes wins: 70, 130, 2, 5, 3, 4, 1, 0."""

    REFUSED = step("refused", delete="y = 1", local=["y"])
    DRIFTED = replace("len($X)", "int($X)", name="drifted", expect="1")

    def test_nothing_to_do_is_0(self, tiny: Tiny) -> None:
        assert tiny.one("round(1)\n").recipe(ROUND).apply("--check").code == 0

    def test_changes_are_1(self, tiny: Tiny) -> None:
        assert tiny.one("abs(1)\n").recipe(ROUND).apply("--check").code == 1

    @pytest.mark.parametrize("options", [("--check",), ("--diff",), ("--check", "--format", "json"), ()])
    def test_a_refused_place_is_graver_than_changes(self, tiny: Tiny, options: tuple[str, ...]) -> None:
        assert tiny.one("y = 1  # why\nabs(1)\n").recipe(self.REFUSED, ROUND).apply(*options).code == 3

    @pytest.mark.parametrize("options", [("--check",), ("--diff",), ("--partial",), ()])
    def test_drift_is_graver_than_changes(self, tiny: Tiny, options: tuple[str, ...]) -> None:
        assert tiny.one("abs(1)\n").recipe(self.DRIFTED, ROUND).apply(*options).code == 3

    def test_a_named_file_that_does_not_parse_is_graver_than_drift(self, tiny: Tiny) -> None:
        named = {**ROUND, "in": ["a.py"]}
        assert tiny.one("print abs(1)\n").recipe(self.DRIFTED, named).apply().code == 5

    def test_an_invalid_recipe_is_graver_than_a_tree_that_is_not_there(self, tiny: Tiny) -> None:
        assert tiny.recipe({**ROUND, "effekt": "exact"}).apply().code == 2

    def test_a_dirty_file_is_graver_than_drift(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(self.DRIFTED, ROUND)
        (tiny.tree / "a.py").write_text("abs(2)\n")
        assert tiny.apply("--partial").code == 2
        assert tiny.read() == "abs(2)\n"


# --- how a process ends ---------------------------------------------------------------------------------------------

SLOW = """
import sys, time
import patcher.swap as swap
commit = swap._commit
count = 0


def slow(root, one):
    global count
    count += 1
    if count == 2:
        print("half", flush=True)
        time.sleep(30)
    commit(root, one)


swap._commit = slow
sys.argv[0] = "patcher"
from patcher.cli.main import entry
entry()
"""


def interrupted(*command: object) -> tuple[int, str]:
    """Start a program, send it an interrupt as soon as it says something, and return how it ended."""
    words = [str(word) for word in command]
    process = subprocess.Popen(words, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() != b""
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    return process.returncode, told.decode()


class TestInterrupt:
    def test_in_the_middle_of_writing(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\n", "b.py": "abs(1)\n", "c.py": "abs(1)\n"}).recipe(ROUND)
        before = tiny.snapshot()
        code, told = interrupted(sys.executable, "-c", SLOW, "apply", tiny.tree, "-r", tiny.file)
        assert code == 130
        assert told.strip() == "patcher: interrupted; nothing is half written."
        assert tiny.snapshot() == before
        assert tiny.apply().code == 0

    def test_in_the_middle_of_planning(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(step("slow", codemod="slow.py:Slow", mentions=["abs"]))
        slow = "import time, libcst\nclass Slow(libcst.CSTTransformer):\n"
        slow += "    def visit_Module(self, node):\n        print('half', flush=True)\n        time.sleep(30)\n"
        (tiny.folder / "slow.py").write_text(slow)
        code, told = interrupted(*PATCHER, "apply", tiny.tree, "-r", tiny.file, "--allow-python")
        assert code == 130
        assert "Traceback" not in told and "nothing is half written" in told
        assert tiny.read() == "abs(1)\n"

    def test_in_the_middle_of_training(self, tiny: Tiny) -> None:
        mark = tiny.folder / "pid"
        program = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
        check = {"id": "train", "why": "because", "run": ["python", "train.py"]}
        tiny.files({"train.py": program}).recipe(ROUND, checks=[check])
        command = (*PATCHER, "verify", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable)
        process = subprocess.Popen([str(word) for word in command], env=environment(), stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130
        assert b"Traceback" not in told
        with pytest.raises(ProcessLookupError):
            os.kill(int(mark.read_text()), 0)


class TestPipe:
    @pytest.fixture
    def large(self, tiny: Tiny) -> Tiny:
        """A tree whose patch is larger than what a pipe takes at once."""
        return tiny.one(f"y = abs(1), '{'x' * 200_000}'\n").recipe(ROUND)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-o", "pipefail", "-c", script]
        return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)

    @pytest.mark.parametrize("options", ["--diff", "--check --format json"])
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_reader_that_leaves_early(self, large: Tiny, options: str, unbuffered: str) -> None:
        words = shlex.join(map(str, (*PATCHER, "apply", large.tree, "-r", large.file)))
        done = self.shell(f"PYTHONUNBUFFERED={unbuffered} {words} {options} | head -c 1")
        assert done.stdout in ("d", "{")
        assert done.stderr == ""
        assert done.returncode == 141

    def test_a_reader_that_reads_all_of_it(self, large: Tiny) -> None:
        words = shlex.join(map(str, (*PATCHER, "apply", large.tree, "-r", large.file)))
        done = self.shell(f"{words} --diff | cat")
        assert (done.stdout, done.returncode) == (large.diff().out, 1)

    @pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
    def test_a_stream_that_was_closed_before(self, tiny: Tiny, closed: str) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        done = self.shell(f"{shlex.join(map(str, (*PATCHER, 'apply', tiny.tree, '-r', tiny.file)))} {closed}")
        assert (done.returncode, done.stderr) == (0, "")
        assert tiny.read() == "round(1)\n"

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
    @pytest.mark.parametrize("command", ["list", "show hrm", "apply {tree} -r {file} --diff"])
    def test_a_disk_that_is_full(self, tiny: Tiny, command: str) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        words = f"{shlex.join(PATCHER)} {command.format(tree=tiny.tree, file=tiny.file)}"
        done = self.shell(f"{words} > /dev/full")
        assert done.returncode == 5
        assert "No space left on device" in done.stderr and "bug" not in done.stderr


PLAIN = {"LC_ALL": "C", "PYTHONIOENCODING": ""}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


class TestLocale:
    @pytest.fixture
    def foreign(self, tiny: Tiny) -> Tiny:
        tiny.files({"a.py": "s = 'ü', abs(1)\n"})
        return tiny.recipe({**ROUND, "why": "naïve – “quoted” 日本"})

    @pytest.mark.parametrize("more", [PLAIN, ASCII], ids=["utf-8 mode", "ascii"])
    @pytest.mark.parametrize("options", [(), ("--check",), ("--diff",), ("--format", "json")])
    def test_no_character_is_too_strange(self, foreign: Tiny, options: tuple[str, ...], more: dict[str, str]) -> None:
        done = run("apply", foreign.tree, "-r", foreign.file, *options, **more)
        assert done.returncode in (0, 1), done.stderr
        assert b"bug" not in done.stderr

    def test_a_patch_is_the_same_in_every_locale(self, foreign: Tiny) -> None:
        assert run("apply", foreign.tree, "-r", foreign.file, "--diff", **ASCII).stdout == foreign.diff().stdout

    @pytest.mark.parametrize("more", [PLAIN, ASCII], ids=["utf-8 mode", "ascii"])
    def test_a_message_of_an_error(self, foreign: Tiny, more: dict[str, str]) -> None:
        done = run("apply", foreign.folder / "ñowhere", "-r", foreign.file, **more)
        assert done.returncode == 5
        assert b"There is no folder" in done.stderr

    def test_a_path_that_is_no_utf8(self, tiny: Tiny) -> None:
        folder = tiny.folder / os.fsdecode(b"caf\xe9")
        try:
            folder.mkdir()
        except OSError:
            pytest.skip("this file system refuses a name that is not UTF-8")
        tiny.tree = folder / "tree"
        tiny.one("abs(1)\n").recipe(ROUND)
        done = run("apply", tiny.tree, "-r", tiny.file)
        assert (done.returncode, done.stderr) == (0, b"")
        assert tiny.read() == "round(1)\n"
