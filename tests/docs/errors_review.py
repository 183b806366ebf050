"""What can be wrong with a review and with the formats for machines; a review is driven in a pseudo-terminal."""

from __future__ import annotations

import os
import re
import shlex
import sys

import pexpect

from tests.docs.scenes import Play, Scene
from tests.helpers import ROOT, Result

__all__ = ["FORMATS", "REVIEW"]

ROUND = "replace: abs($X)\nwith: round($X)"
INT = "id: next\nwhy: w\neffect: exact\nreplace: len($X)\nwith: int($X)\nrequires: [swap]"


def asked(
    *answers: str, tree: str | bytes = "abs(1)\n", steps: tuple[str, ...] = (ROUND,), edit: tuple[str, str] = ("", "")
) -> Play:
    """Answer questions; `edit` is what an editor replaces, and by what."""

    def play(scene: Scene) -> Result:
        scene.tree(tree).steps(*steps)
        scene.files({"editor.py": EDITOR.format(*edit)})
        given = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            "NO_COLOR": "1",
            "VISUAL": shlex.join([sys.executable, "editor.py"]),
        }
        words = ["-m", "patcher", "apply", "tree", "-r", "./mine.yaml", "-i"]
        child = pexpect.spawn(sys.executable, words, env=given, encoding="utf-8", timeout=60, dimensions=(24, 500))
        heard = ""
        for answer in answers:
            child.expect_exact(",?] ")
            heard += child.before
            child.sendcontrol(answer[1]) if answer.startswith("^") else child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        return Result(child.exitstatus, re.sub(r"\r\n", "\n", heard + child.before).encode(), "")

    return play


EDITOR = """\
import os, pathlib, sys, time
file = pathlib.Path(sys.argv[1])
file.write_text(file.read_text().replace({0!r}, {1!r}))
os.utime(file, (time.time() + 5,) * 2)
"""

REVIEW: dict[str, Play] = {
    "`-i` with `--diff`": lambda scene: scene.tree("abs(1)\n").steps(ROUND).apply("-i", "--diff"),
    "`-i` without a terminal": lambda scene: scene.tree("abs(1)\n").steps(ROUND).apply("-i"),
    "a review that is left by Ctrl-C or Ctrl-D": asked("^c"),
    "an edit of steps that need each other": asked("e", "q", tree="abs(1)\nlen(1)\n", steps=(ROUND, INT)),
    "an edit of lines that stand in the file": asked("e", "q", edit=("-abs(1)", "-abs(2)")),
    "an edited line without a sign": asked("e", "q", edit=("+round(1)", "round(1)")),
    "an edited patch that lacks a part": asked("e", "q", edit=("@@\n", "")),
}

FORMATS: dict[str, Play] = {
    "`--format sarif` without `--check`": lambda scene: scene.tree("abs(1)\n").steps(ROUND).apply("--format", "sarif"),
    "a job's summary that cannot be written": lambda scene: _no_summary(scene),
}


def _no_summary(scene: Scene) -> Result:
    scene.monkeypatch.setenv("GITHUB_STEP_SUMMARY", "tree")
    return scene.tree("abs(1)\n").steps(ROUND).check("--format", "github")
