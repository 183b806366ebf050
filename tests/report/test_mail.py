"""Plans as mails: the real `git am` takes them, and what it makes is what apply writes, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import git, snapshot
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)", name="round")
INT = replace("len($X)", "int($X)", name="int")
RENAME = step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2")


def am(tiny: Tiny, mails: bytes, *options: str) -> Path:
    """Take mails in a clone of the tree."""
    clone, box = tiny.folder / "clone", tiny.folder / "mails"
    git(tiny.folder, "clone", "--quiet", str(tiny.tree), "clone")
    box.write_bytes(mails)
    git(clone, "am", "--quiet", *options, str(box))
    return clone


@pytest.mark.parametrize(
    "text",
    [
        "x = abs(len(1))\n",
        "x = abs(len(1))",
        "x = abs(len(1))\r\ny = abs(2)\r\n",
        "\ufeffx = abs(len(1))\n",
        "x = abs(len(1))  # ümläut = \u2028 =3D\n",
        b"# -*- coding: latin-1 -*-\nx = abs(len(1))  # \xfc\n",
        b"# -*- coding: latin-1 -*-\r\nx = abs(len(1))  # \xfc\r\n",
        "x = abs(len(1))\n\f\nz = '''\n-- \nFrom me\n---\n'''\n",
        f"x = abs(len(1)); y = '{'a' * 2000}'\r\n",
    ],
)
@pytest.mark.parametrize("options", [(), ("--commit-per", "step")])
def test_git_takes_it(tiny: Tiny, text: str | bytes, options: tuple[str, ...]) -> None:
    tiny.one(text).recipe(ROUND, INT)
    result = tiny.apply("--format", "patch", *options)
    assert (result.code, git(tiny.tree, "status", "--porcelain")) == (1, "")
    clone = am(tiny, result.stdout)
    tiny.apply(*(("--lock",) if options else ()))
    wanted = tiny.snapshot()
    for name in ("a.py",):
        assert (clone / name).read_bytes() == wanted[name]
    assert git(clone, "status", "--porcelain") == ""


def test_a_message_a_step(tiny: Tiny) -> None:
    tiny.one("abs(len(1))\n").recipe(ROUND, INT)
    clone = am(tiny, tiny.apply("--format", "patch", "--commit-per", "step").stdout)
    assert git(clone, "log", "--format=%s").splitlines() == ["tiny: int", "tiny: round", "as it is"]
    tiny.apply("--commit-per", "step")
    for form in ("%B", "%an <%ae>"):
        assert git(clone, "log", f"--format={form}") == git(tiny.tree, "log", f"--format={form}")
    assert {**snapshot(clone)} == tiny.snapshot()


def test_a_new_file_and_an_empty_one(tiny: Tiny) -> None:
    tiny.one("from adam_atan2 import AdamATan2\nAdamATan2()\n").recipe(RENAME)
    clone = am(tiny, tiny.apply("--format", "patch").stdout)
    tiny.apply()
    assert snapshot(clone) == tiny.snapshot()


def test_the_lock_comes_where_it_is_asked_for(tiny: Tiny) -> None:
    tiny.one("abs(1)\n").recipe(ROUND)
    assert b"lock.yaml" not in tiny.apply("--format", "patch").stdout
    assert b"lock.yaml" in tiny.apply("--format", "patch", "--lock").stdout


def test_words_that_look_like_a_patch(tiny: Tiny) -> None:
    whys = ["diff --git a/a b/a", "--- a/a", "Index: a", "From me Mon Sep 17 00:00:00 2001", "[PATCH] ünd so"]
    pairs = [("abs", "round"), ("len", "int"), ("bin", "str"), ("hex", "repr"), ("oct", "hash")]
    words = list(zip(pairs, whys, strict=True))
    tiny.one("".join(f"{old}(1)\n" for old, _ in pairs))
    tiny.recipe(*(replace(f"{old}($X)", f"{new}($X)", name=new, why=why) for (old, new), why in words))
    clone = am(tiny, tiny.apply("--format", "patch", "--commit-per", "step").stdout)
    assert len(git(clone, "log", "--format=%s").splitlines()) == 1 + len(whys)


def test_a_subfolder(tiny: Tiny) -> None:
    tiny.files({"sub/a.py": "abs(1)\n"}).recipe(ROUND)
    mails = tiny.patcher("apply", tiny.tree / "sub", "-r", tiny.file, "--format", "patch").stdout
    assert (am(tiny, mails) / "sub" / "a.py").read_text() == "round(1)\n"


def test_a_tree_without_git(tiny: Tiny) -> None:
    tiny.files({"a.py": "abs(1)\n"}, git=False).recipe(ROUND)
    result = tiny.apply("--format", "patch")
    assert (result.code, tiny.read()) == (1, "abs(1)\n")
    assert b"\nFrom: patcher <patcher@localhost>\n" in result.stdout


def test_nothing_to_do_is_nothing_to_print(tiny: Tiny) -> None:
    result = tiny.one("x = 1\n").recipe(ROUND).apply("--format", "patch")
    assert (result.code, result.stdout) == (0, b"")


@pytest.mark.parametrize("option", ["--diff", "--check"])
def test_two_ways_to_look(tiny: Tiny, option: str) -> None:
    result = tiny.one("abs(1)\n").recipe(ROUND).apply("--format", "patch", option)
    assert result.code == 2
    assert "--format patch is a way to look at a plan" in result.stderr
