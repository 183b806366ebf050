"""codemod: a transformer beside the recipe, run only where the user allows it."""

from __future__ import annotations

import pytest

from patcher.errors import PatternError
from patcher.verbs.codemod import Codemod
from tests.tiny import Tiny, step

SWAP = """
import libcst as cst

class Swap(cst.CSTTransformer):
    def leave_Integer(self, original, updated):
        return updated.with_changes(value="2") if updated.value == "1" else updated

class NotOne: ...

class Fails(cst.CSTTransformer):
    def leave_Integer(self, original, updated):
        raise ValueError("no such number")
"""
OWN = step("swap", codemod="own.py:Swap", within="a.py")


@pytest.fixture
def own(tiny: Tiny) -> Tiny:
    (tiny.folder / "own.py").write_text(SWAP)
    return tiny.one("# one\nx = [1,  # first\n     3]\r\ny = 1")


def test_whole_lines_change_and_the_others_stay(own: Tiny) -> None:
    result = own.recipe(OWN).apply("--allow-python")
    assert result.code == 0, result.stderr
    assert own.read() == "# one\nx = [2,  # first\n     3]\r\ny = 2"


def test_a_second_apply_finds_nothing(own: Tiny) -> None:
    own.recipe(OWN).apply("--allow-python")
    result = own.plan("--allow-python")
    assert (result.code, result.steps()) == (0, {"swap": "already"})


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_python_of_somebody_elses_recipe_is_not_run_unasked(own: Tiny) -> None:
    before = own.snapshot()
    result = own.recipe(OWN).apply()
    assert result.code == 2 and "--allow-python" in result.stderr
    assert own.snapshot() == before


def test_a_file_that_does_not_mention_the_words_stays(own: Tiny) -> None:
    result = own.recipe({**OWN, "mentions": "z"}).plan("--allow-python")
    assert (result.code, result.steps()) == (0, {"swap": "absent"})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("own.py:NotOne", "has no class NotOne that is a libcst.CSTTransformer"),
        ("own.py:Gone", "has no class Gone"),
        ("gone.py:Swap", "gone.py does not exist"),
        ("own.py:Fails", "the recipe's own codemod failed at"),
    ],
)
def test_a_codemod_that_cannot_run_is_told_and_nothing_is_written(own: Tiny, name: str, sentence: str) -> None:
    before = own.snapshot()
    result = own.recipe(step("swap", codemod=name, within="a.py")).apply("--allow-python")
    assert result.code == 2
    assert sentence in result.stderr and "Traceback" not in result.stderr
    assert own.snapshot() == before


@pytest.mark.parametrize("name", ["own.py", "own:Swap", "/etc/own.py:Swap", "../own.py:Swap", "own.py:not a name"])
def test_a_name_that_leads_elsewhere_does_not_load(name: str) -> None:
    with pytest.raises(PatternError):
        Codemod.compile({"codemod": name})
