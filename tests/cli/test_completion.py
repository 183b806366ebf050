"""What a shell completes, asked through click as a shell asks, and of a real bash."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from patcher.cli.main import COMMANDS, patcher
from patcher.recipe import bundled_names
from tests.helpers import ROOT, Patcher, fixture_tree
from tests.tiny import Tiny, replace


def complete(*words: object) -> list[str]:
    """Return what the last word may become."""
    *before, last = map(str, words)
    shell = ShellComplete(patcher, {}, "patcher", "_PATCHER_COMPLETE")
    return [item.value for item in shell.get_completions(before, last)]


# --- commands, options, formats -----------------------------------------------------------------------------------


def test_a_command() -> None:
    assert complete("") == list(COMMANDS)
    assert complete("ex") == ["explain"]


def test_a_command_that_does_not_exist() -> None:
    assert complete("frob") == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command(name: str) -> None:
    command = patcher.get_command(click.Context(patcher), name)
    assert command is not None
    options = {word for one in command.params if isinstance(one, click.Option) for word in one.opts if "--" in word}
    assert options <= set(complete(name, "--"))


def test_a_format() -> None:
    known = ["text", "json", "patch", "sarif", "github", "html", "markdown"]
    assert complete("apply", "tree", "--format", "") == known
    assert complete("verify", "tree", "--format=j") == ["json"]


# --- recipes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before",
    [
        ("apply", "tree", "-r"),
        ("apply", "tree", "--recipe"),
        ("verify", "tree", "-r"),
        ("prove", "tree", "-r"),
        ("explain", "a.py:1", "-r"),
        ("update", "tree", "-r"),
        ("doctor", "tree", "-r"),
        ("show",),
        ("test",),
        ("clone",),
    ],
    ids=" ".join,
)
def test_a_recipe(before: tuple[str, ...]) -> None:
    assert set(bundled_names()) <= set(complete(*before, ""))
    assert complete(*before, "hr") == ["hrm"]


@pytest.mark.parametrize("begun", ["./", "/home/x", "recipes/h"])
def test_a_recipe_at_a_path_is_left_to_the_shell(begun: str) -> None:
    shell = ShellComplete(patcher, {}, "patcher", "_PATCHER_COMPLETE")
    (item,) = shell.get_completions(["apply", "tree", "-r"], begun)
    assert (item.type, item.value) == ("file", begun)


# --- parameters, steps, checks ----------------------------------------------------------------------------------------


def test_a_parameter_with_its_choices() -> None:
    assert complete("apply", "tree", "-r", "hrm", "-p", "opt") == [
        "optimizer=adam-atan2-pytorch",
        "optimizer=faithful",
        "optimizer=adam",
    ]
    assert complete("apply", "tree", "-r", "hrm", "-p", "optimizer=f") == ["optimizer=faithful"]


def test_a_parameter_that_is_given_is_not_offered_again() -> None:
    found = complete("apply", "tree", "-r", "hrm", "-p", "optimizer=adam", "-p", "")
    assert found == ["attention=flash-or-torch", "attention=torch"]


def test_a_flag_and_a_number(tiny: Tiny) -> None:
    kinds = {"fast": {"type": "flag", "default": "no"}, "rate": {"type": "float", "default": "0.5"}}
    tiny.recipe(replace("a()", "b()"), parameters=kinds)
    assert complete("apply", tiny.tree, "-r", tiny.file, "-p", "") == ["fast=yes", "fast=no", "rate="]


@pytest.mark.parametrize("before", [("explain", "a.py:1"), ("prove", "tree")], ids=" ".join)
def test_a_step(before: tuple[str, ...]) -> None:
    assert complete(*before, "-r", "trm", "--step", "adam-atan2/f") == ["adam-atan2/first-lr", "adam-atan2/faithful"]


def test_a_check() -> None:
    assert complete("verify", "tree", "-r", "hrm", "--check", "") == ["train", "compiled"]


def test_a_step_of_the_recipe_that_the_lock_names(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "HRM")
    assert patcher("apply", tree, "-r", "hrm", "--lock").code == 0
    assert complete("prove", tree, "--step", "conti") == ["contiguous"]


@pytest.mark.parametrize("recipe", ["hrmm", "./nowhere.yaml", "git+https://example.invalid/a@main#b"])
def test_of_a_recipe_that_cannot_be_read_nothing_is_offered(recipe: str) -> None:
    assert complete("apply", "tree", "-r", recipe, "-p", "") == []


def test_without_a_recipe_nothing_is_offered(tmp_path: Path) -> None:
    assert complete("prove", tmp_path, "--step", "") == []
    assert complete("prove", tmp_path / "nowhere", "--step", "") == []


def test_of_a_recipe_that_does_not_load_nothing_is_offered(tiny: Tiny) -> None:
    tiny.recipe({"id": "x"})
    assert complete("apply", tiny.tree, "-r", tiny.file, "-p", "") == []


# --- shells -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_lines(patcher: Patcher, shell: str) -> None:
    result = patcher("completion", shell)
    assert (result.code, result.stderr) == (0, "")
    assert f"_PATCHER_COMPLETE={shell}_complete" in result.out


def test_a_shell_that_is_not_known(patcher: Patcher) -> None:
    assert patcher("completion", "csh").code == 2


class TestBash:
    """A real bash, with the lines that it is given: what its COMPREPLY holds for words as bash splits them."""

    @pytest.fixture
    def bash(self, tmp_path: Path) -> Path:
        command = tmp_path / "bin" / "patcher"
        command.parent.mkdir()
        command.write_text(
            f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c \"import sys; sys.argv[0] = 'patcher'; "
            'from patcher.cli.main import entry; entry()" "$@"\n'
        )
        command.chmod(0o755)
        return command.parent

    def offered(self, folder: Path, *words: str) -> list[str]:
        told = " ".join(map(shlex.quote, ("patcher", *words)))
        program = (
            'eval "$(patcher completion bash)" || exit 1\n'
            f"COMP_WORDS=({told}); COMP_CWORD={len(words)}\n"
            "$(complete -p patcher | sed 's/.*-F \\([^ ]*\\).*/\\1/') patcher\n"
            'printf "%s\\n" "${COMPREPLY[@]}"\n'
        )
        environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.split()

    def test_a_command(self, bash: Path) -> None:
        assert self.offered(bash, "un") == ["undo"]

    def test_a_recipe(self, bash: Path) -> None:
        assert self.offered(bash, "apply", "HRM", "-r", "hr") == ["hrm"]

    def test_a_value_behind_the_sign_that_splits_words(self, bash: Path) -> None:
        before = ("apply", "HRM", "-r", "hrm", "-p", "optimizer", "=")
        assert self.offered(bash, *before) == ["adam-atan2-pytorch", "faithful", "adam"]
        assert self.offered(bash, *before, "f") == ["faithful"]

    def test_an_option_with_such_a_sign(self, bash: Path) -> None:
        assert self.offered(bash, "apply", "HRM", "--recipe", "=", "hr") == ["hrm"]
