"""`patcher apply -i`, driven in a pseudo-terminal as a person does: every key, and every way to leave."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import pexpect
import pytest

from patcher.lock import locked
from tests.helpers import ROOT, git, write_tree
from tests.tiny import Tiny, replace, requirements, step

ROUND = replace("abs($X)", "round($X)")
INT = replace("len($X)", "int($X)", name="next")
PROMPT = "Take this? [y,n,a,d,q,e,?] "
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
STOPPED = "patcher: The review was stopped; nothing was written."


class Terminal:
    """One run of `patcher apply -i` in a terminal of 80 columns."""

    def __init__(self, tiny: Tiny, *options: str, environment: dict[str, str] | None = None, width: int = 80) -> None:
        words = ["-m", "patcher", "apply", str(tiny.tree), "-r", str(tiny.file), "-i", *options]
        given = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **(environment or {})}
        self.child = pexpect.spawn(
            sys.executable, words, env=given, encoding="utf-8", dimensions=(24, width), timeout=60
        )
        self.seen: list[str] = []

    def ask(self) -> str:
        """Wait for the next question, and return what came before it."""
        self.child.expect_exact(PROMPT)
        self.seen.append(self.child.before.replace("\r\n", "\n"))
        return self.seen[-1]

    def say(self, *keys: str) -> Terminal:
        """Answer the next questions."""
        for key in keys:
            self.ask()
            self.child.sendline(key)
        return self

    def press(self, key: str) -> Terminal:
        """Press Ctrl and a key at the next question."""
        self.ask()
        self.child.sendcontrol(key)
        return self

    def end(self) -> tuple[int | None, str]:
        """Return the exit code, and what came behind the last answer."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus, COLOURS.sub("", self.child.before.replace("\r\n", "\n"))


@pytest.fixture
def three(tiny: Tiny) -> Tiny:
    """Three places of one step, and one of another."""
    return tiny.files({"a.py": "abs(1)\n\n\n\n\n\n\nabs(2)\n", "b.py": "abs(3)\nlen(4)\n"}).recipe(ROUND, INT)


def state(tiny: Tiny) -> str:
    """Return what became of each call."""
    return " ".join(re.findall(r"\w+\(\d\)", tiny.read("a.py") + tiny.read("b.py")))


class TestKeys:
    @pytest.mark.parametrize(
        ("keys", "calls"),
        [
            ("yyyy", "round(1) round(2) round(3) int(4)"),
            ("nyyn", "abs(1) round(2) round(3) len(4)"),
            ("nnny", "abs(1) abs(2) abs(3) int(4)"),
            ("nan", "abs(1) round(2) round(3) len(4)"),
            ("ydy", "round(1) abs(2) abs(3) int(4)"),
            ("da", "abs(1) abs(2) abs(3) int(4)"),
            ("yq", "round(1) abs(2) abs(3) len(4)"),
            ("ynyq", "round(1) abs(2) round(3) len(4)"),
            (" YzNyy", "round(1) abs(2) round(3) int(4)"),
        ],
    )
    def test_what_each_does(self, three: Tiny, keys: str, calls: str) -> None:
        code, _ = Terminal(three).say(*keys).end()
        assert (code, state(three)) == (0, calls)

    @pytest.mark.parametrize("keys", ["q", "dd", "nnnn", "nq"])
    def test_where_nothing_is_taken_nothing_is_written(self, three: Tiny, keys: str) -> None:
        before = three.snapshot()
        code, said = Terminal(three).say(*keys).end()
        assert (code, three.snapshot()) == (0, before)
        assert not (three.tree / ".git" / "patcher").exists()
        assert re.search(r"Nothing is written; \d places are left as they are\.", said)
        assert "right tree" not in said

    def test_help_names_every_key_and_asks_again(self, three: Tiny) -> None:
        terminal = Terminal(three).say("?", "q")
        assert re.findall(r"^(.) - ", terminal.seen[1], re.MULTILINE) == ["y", "n", "a", "d", "q", "e", "?"]
        assert terminal.end()[0] == 0

    def test_what_was_taken_is_taken_back_by_undo(self, three: Tiny) -> None:
        before = three.snapshot()
        Terminal(three).say("y", "n", "y", "y").end()
        assert three.patcher("undo", three.tree).code == 0
        assert three.snapshot() == before

    def test_a_second_run_asks_for_the_rest(self, three: Tiny) -> None:
        Terminal(three).say("y", "q").end()
        Terminal(three).say("a", "y").end()
        assert state(three) == "round(1) round(2) round(3) int(4)"


class TestLeaving:
    @pytest.mark.parametrize("key", ["c", "d"])
    def test_nothing_is_written_and_it_says_so(self, three: Tiny, key: str) -> None:
        before = three.snapshot()
        code, said = Terminal(three).say("y").press(key).end()
        assert (code, three.snapshot()) == (130, before)
        assert said.endswith(f"\n{STOPPED}\n")
        assert not (three.tree / ".git" / "patcher").exists()

    @pytest.mark.parametrize(("stream", "pipe"), [("stdin", "</dev/null"), ("stdout", "| cat")])
    def test_without_a_terminal_it_is_refused(self, three: Tiny, stream: str, pipe: str) -> None:
        words = shlex.join([sys.executable, "-m", "patcher", "apply", str(three.tree), "-r", str(three.file), "-i"])
        given = {**os.environ, "PYTHONPATH": str(ROOT)}
        said, code = pexpect.run(
            f"bash -o pipefail -c '{words} {pipe}'", env=given, encoding="utf-8", withexitstatus=True
        )
        assert said == f"patcher: -i asks in a terminal, and {stream} is none; leave -i out, or look with --diff.\r\n"
        assert (code, state(three)) == (2, "abs(1) abs(2) abs(3) len(4)")

    @pytest.mark.parametrize("option", ["--diff", "--check", "--staged", "--format=json", "--format=patch"])
    def test_it_does_not_go_with_looking(self, three: Tiny, option: str) -> None:
        result = three.apply("-i", option)
        assert (result.code, option.replace("=", " ") in result.stderr) == (2, True)

    def test_work_that_git_does_not_have_is_refused_before_anything_is_asked(self, three: Tiny) -> None:
        write_tree(three.tree, {"b.py": "abs(5)\n"})
        code, said = Terminal(three).end()
        assert (code, "b.py (modified)" in said) == (2, True)

    def test_a_drifted_step_is_told_before_anything_is_asked(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe(ROUND, {**INT, "expect": "1"})
        assert Terminal(tiny).end()[0] == 3

    def test_where_nothing_is_to_do_nothing_is_asked(self, tiny: Tiny) -> None:
        tiny.one("round(1)\n").recipe(ROUND)
        code, said = Terminal(tiny).end()
        assert (code, "No file needs a change." in said) == (0, True)


class TestOneQuestion:
    """What needs each other is asked once."""

    def asked(self, tiny: Tiny) -> int:
        terminal = Terminal(tiny)
        head = terminal.ask()
        terminal.child.sendline("q")
        terminal.end()
        return int(re.findall(r"\(1/(\d+)\)", head)[0])

    def test_an_import_comes_with_the_first_place(self, tiny: Tiny) -> None:
        tiny.one("mean(1)\n").recipe(
            replace("mean($X)", "fmean($X)", local=["mean"], needs=["from statistics import fmean"])
        )
        terminal = Terminal(tiny).say("y")
        assert "+from statistics import fmean" in COLOURS.sub("", terminal.seen[0])
        terminal.end()
        assert tiny.read() == "from statistics import fmean\nfmean(1)\n"

    def test_a_rename_with_its_import_and_all_its_uses(self, tiny: Tiny) -> None:
        tiny.one("from statistics import mean\n\nmean(1)\nmean(2)\n")
        tiny.recipe(step("name", rename="statistics.mean", to="statistics.fmean"))
        assert self.asked(tiny) == 1

    def test_a_shim_with_the_file_that_imports_it(self, tiny: Tiny) -> None:
        tiny.one("from adam_atan2 import AdamATan2\n\nAdamATan2([], lr=1)\n")
        tiny.recipe(step("own", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"))
        before = tiny.snapshot()
        terminal = Terminal(tiny).say("n")
        assert "and adds adam_atan2_torch.py" in terminal.seen[0]
        terminal.end()
        assert tiny.snapshot() == before

    def test_steps_that_require_each_other(self, tiny: Tiny) -> None:
        tiny.files({"a.py": "abs(1)\nlen(1)\nabs(2)\n", "requirements.txt": "x\n"})
        tiny.recipe(ROUND, {**INT, "requires": ["swap"]}, requirements(drop=["x"]))
        assert self.asked(tiny) == 2
        Terminal(tiny).say("n", "y").end()
        assert (tiny.read(), tiny.read("requirements.txt")) == ("abs(1)\nlen(1)\nabs(2)\n", "")

    def test_a_no_that_cannot_stand_is_told_and_asked_again(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nx = 1\nprint(x)\n").recipe(
            step("bind", text="^x = 1$", **{"with": "y = 1", "in": "a.py"}),
            step("read", text=r"print\(x\)", **{"with": "print(y)", "in": "a.py"}),
        )
        terminal = Terminal(tiny).say("n", "y", "y")
        assert "That cannot be: After the step read nothing would bind the name `y`" in " ".join(
            terminal.seen[1].split()
        )
        assert terminal.end()[0] == 0
        assert tiny.read() == "abs(1)\ny = 1\nprint(y)\n"


class TestLock:
    def declined(self, tiny: Tiny) -> list[tuple[str, str]]:
        (entry,) = locked((tiny.tree / ".patcher" / "lock.yaml").read_bytes()).recipes
        return [(one.step, one.path) for one in entry.declined]

    def test_what_was_declined_stands_there_and_is_not_asked_again(self, three: Tiny) -> None:
        Terminal(three, "--lock").say("y", "n", "y", "n").end()
        assert self.declined(three) == [("swap", "a.py"), ("next", "b.py")]
        assert Terminal(three).end()[0] == 0
        assert three.apply("--check").code == 0

    def test_what_was_not_asked_does_not(self, three: Tiny) -> None:
        Terminal(three, "--lock").say("n", "q").end()
        assert self.declined(three) == [("swap", "a.py")]
        assert Terminal(three).say("y", "y", "y").end()[0] == 0
        assert state(three) == "abs(1) round(2) round(3) int(4)"

    def test_a_lock_that_is_there_learns_of_it(self, three: Tiny) -> None:
        write_tree(three.tree, {"c.py": "abs(5)\n"})
        git(three.tree, "add", "-A")
        git(three.tree, "commit", "-qm", "more")
        Terminal(three, "--lock").say("n", "n", "n", "y", "y").end()
        git(three.tree, "commit", "-qam", "taken")
        write_tree(three.tree, {"d.py": "abs(6)\n"})
        git(three.tree, "add", "-A")
        git(three.tree, "commit", "-qm", "more")
        Terminal(three).say("n").end()
        assert self.declined(three)[-1] == ("swap", "d.py")
        assert three.apply("--check").code == 0

    def test_it_is_asked_again_once_the_step_has_changed(self, three: Tiny) -> None:
        Terminal(three, "--lock").say("d", "d").end()
        three.recipe({**ROUND, "with": "float($X)"}, INT)
        code, _ = Terminal(three).say("a").end()
        assert (code, state(three)) == (0, "float(1) float(2) float(3) len(4)")

    def test_without_a_lock_it_says_that_nothing_keeps_it(self, three: Tiny) -> None:
        _, said = Terminal(three).say("d", "y").end()
        assert "Note: 3 places were declined, and no lock says so; --lock keeps that." in said
        assert not (three.tree / ".patcher").exists()

    def test_a_commit_has_what_was_taken_and_the_lock(self, three: Tiny) -> None:
        Terminal(three, "--commit").say("y", "d", "y").end()
        assert git(three.tree, "status", "--porcelain") == ""
        assert set(git(three.tree, "show", "--format=", "--name-only").split()) == {
            ".patcher/lock.yaml",
            "a.py",
            "b.py",
        }
        assert self.declined(three) == [("swap", "a.py"), ("swap", "b.py")]


class TestEditing:
    def editor(self, folder: Path, old: str, new: str) -> dict[str, str]:
        """Return an environment whose editor replaces a text."""
        script = folder / "editor.py"
        script.write_text(
            "import pathlib, sys, time\nfile = pathlib.Path(sys.argv[1])\ntext = file.read_text()\n"
            f"assert {old!r} in text, text\nfile.write_text(text.replace({old!r}, {new!r}))\n"
            "import os\nos.utime(file, (time.time() + 5,) * 2)\n"
        )
        return {"VISUAL": f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"}

    def test_the_lines_that_are_put_in_are_changed(self, three: Tiny, tmp_path: Path) -> None:
        environment = self.editor(tmp_path, "+round(1)\n", "+round(1)  # mine\n+print()\n")
        code, _ = Terminal(three, environment=environment).say("e", "q").end()
        assert (code, three.read()) == (0, "round(1)  # mine\nprint()\n\n\n\n\n\n\nabs(2)\n")

    def test_a_line_that_was_to_go_is_kept(self, three: Tiny, tmp_path: Path) -> None:
        environment = self.editor(tmp_path, "-abs(1)\n", " abs(1)\n")
        Terminal(three, "--lock", environment=environment).say("e", "a", "y").end()
        assert three.read().startswith("abs(1)\nround(1)\n")
        assert three.apply("--check").code == 0

    def test_nothing_left_to_put_in_declines(self, three: Tiny, tmp_path: Path) -> None:
        environment = self.editor(tmp_path, "-abs(1)\n+round(1)\n", " abs(1)\n")
        Terminal(three, environment=environment).say("e", "a", "y").end()
        assert state(three) == "abs(1) round(2) round(3) int(4)"

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("+round(1)", "+round(", "a.py:1 would not parse"),
            ("+round(1)", "+rounds(1)", "nothing would bind the name `rounds`"),
            ("-abs(1)", "-abs(7)", "The lines that stand in the file were changed"),
            ("+round(1)", "round(1)", "begins with neither +, - nor a blank"),
            ("@@\n", "", "The patch has 0 parts"),
        ],
    )
    def test_what_cannot_stand_is_told_and_asked_again(
        self, three: Tiny, tmp_path: Path, old: str, new: str, said: str
    ) -> None:
        before = three.snapshot()
        terminal = Terminal(three, environment=self.editor(tmp_path, old, new)).say("e", "q")
        assert said in " ".join(terminal.seen[1].split())
        assert (terminal.end()[0], three.snapshot()) == (0, before)

    @pytest.mark.parametrize("editor", ["true", "false", "/nowhere/editor"])
    def test_an_editor_that_changes_nothing_or_fails(self, three: Tiny, editor: str) -> None:
        code, _ = Terminal(three, environment={"VISUAL": editor}).say("e", "y", "q").end()
        assert (code, state(three)) == (0, "round(1) abs(2) abs(3) len(4)")

    def test_line_ends_and_a_missing_last_one_stay(self, tiny: Tiny, tmp_path: Path) -> None:
        tiny.one(b"abs(1)\r\nabs(2)").recipe(ROUND)
        environment = self.editor(tmp_path, "+round(2)\n", "+round(-2)\n+print()\n")
        Terminal(tiny, environment=environment).say("y", "e").end()
        assert tiny.read() == "round(1)\r\nround(-2)\r\nprint()"

    def test_several_steps_are_not_edited_as_one(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\nlen(1)\n").recipe(ROUND, {**INT, "requires": ["swap"]})
        terminal = Terminal(tiny).say("e", "y")
        assert "This is about several steps" in terminal.seen[1]
        terminal.end()
        assert tiny.read() == "round(1)\nint(1)\n"


class TestLook:
    LONG = "The reason is long enough to need a second line, and a third one, in a terminal of eighty columns as in others."

    def shown(self, tiny: Tiny, environment: dict[str, str] | None = None, width: int = 80) -> str:
        terminal = Terminal(tiny, environment=environment, width=width)
        shown = terminal.ask()
        terminal.child.sendline("q")
        terminal.end()
        return shown

    def test_the_step_its_reason_and_its_effect(self, tiny: Tiny) -> None:
        tiny.one("abs(1)\n").recipe({**ROUND, "why": self.LONG, "effect": {"changes": "by a little"}})
        lines = COLOURS.sub("", self.shown(tiny)).split("\n")
        assert lines[0].endswith("(1/1) swap")
        assert max(len(line) for line in lines) <= 80
        assert " ".join(" ".join(lines).split()).startswith(
            f"(1/1) swap {self.LONG} effect: changes: by a little --- a.py:1"
        )

    def test_python_in_colours(self, tiny: Tiny) -> None:
        tiny.one("def f():\n    return abs(1)\n").recipe(ROUND)
        assert re.search(r"\x1b\[[0-9;]*m(def|return)\x1b", self.shown(tiny))

    @pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    def test_without_colour(self, tiny: Tiny, environment: dict[str, str]) -> None:
        tiny.one("abs(1)\n").recipe(ROUND)
        shown = self.shown(tiny, environment)
        assert "\x1b" not in shown
        assert shown.endswith("--- a.py:1\n-abs(1)\n+round(1)\n")

    @pytest.mark.parametrize("width", [20, 80, 200])
    def test_wide_letters_and_tabs(self, tiny: Tiny, width: int) -> None:
        tiny.one("if 1:\n\tabs(1)  # 漢字かな交じり文\n").recipe(ROUND)
        shown = self.shown(tiny, {"NO_COLOR": "1"}, width)
        assert "-       abs(1)  # 漢字かな交じり文\n" in shown

    def test_what_would_steer_the_terminal_is_shown_by_its_number(self, tiny: Tiny) -> None:
        tiny.one("abs('\x1b[2J\u202e')\n").recipe(ROUND)
        assert "-abs('<U+001B>[2J<U+202E>')" in self.shown(tiny, {"NO_COLOR": "1"})

    def test_a_file_that_does_not_end_in_a_line_end(self, tiny: Tiny) -> None:
        tiny.one("abs(1)").recipe(ROUND)
        assert "-abs(1)\n+round(1)\n \\ No newline" in self.shown(tiny, {"NO_COLOR": "1"})
