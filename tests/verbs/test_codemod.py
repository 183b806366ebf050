"""codemod: a transformer beside the recipe, run only where the user allows it."""

from __future__ import annotations

import pytest

from patcher.errors import PatternError
from patcher.verbs.codemod import Codemod
from tests.tiny import Tiny, step
from tests.verbs.checks import notebook

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
# What is wrong with each shows only in LibCST, or ends the program.
WRONG = """
import sys
import libcst as cst

class Nothing(cst.CSTTransformer):
    def leave_Integer(self, original, updated):
        return None

class Wants(cst.CSTTransformer):
    def __init__(self, more):
        super().__init__()

class Removes(cst.CSTTransformer):
    def leave_Integer(self, original, updated):
        return cst.RemoveFromParent()

class Short(cst.CSTTransformer):
    def leave_Integer(self, original):
        return original

class NoModule(cst.CSTTransformer):
    def leave_Module(self, original, updated):
        return cst.Pass()

class Ends(cst.CSTTransformer):
    def leave_Integer(self, original, updated):
        sys.exit(3)

class EndsWell(cst.CSTTransformer):
    def visit_Module(self, node):
        raise SystemExit
"""
OWN = step("swap", codemod="own.py:Swap", within="a.py")


@pytest.fixture
def own(tiny: Tiny) -> Tiny:
    (tiny.folder / "own.py").write_text(SWAP)
    (tiny.folder / "wrong.py").write_text(WRONG)
    (tiny.folder / "exits.py").write_text("raise SystemExit('no')")
    return tiny.one("# one\nx = [1,  # first\n     3]\r\ny = 1")


def test_whole_lines_change_and_the_others_stay(own: Tiny) -> None:
    result = own.recipe(OWN).apply("--allow-python")
    assert result.code == 0, result.stderr
    assert own.read() == "# one\nx = [2,  # first\n     3]\r\ny = 2"


def test_a_second_apply_finds_nothing(own: Tiny) -> None:
    own.recipe(OWN).apply("--allow-python")
    result = own.plan("--allow-python")
    assert (result.code, result.steps()) == (0, {"swap": "already"})


# --- notebooks ------------------------------------------------------------------------------------------------------


def test_the_code_cells_of_a_notebook_change(own: Tiny) -> None:
    own.files({"a.ipynb": notebook("x = 1\ny = 3", "%time z = 1", "!pip install 1", "w = 1")})
    assert own.recipe({**OWN, "in": "a.ipynb"}).apply("--allow-python").code == 0
    assert own.read("a.ipynb") == notebook("x = 2\ny = 3", "%time z = 1", "!pip install 1", "w = 2")
    assert own.plan("--allow-python").steps() == {"swap": "already"}


def test_without_a_scope_notebooks_change_too(own: Tiny) -> None:
    own.files({"n/a.ipynb": notebook("x = 1")})
    own.recipe(step("swap", codemod="own.py:Swap")).apply("--allow-python")
    assert (own.read("n/a.ipynb"), own.read()) == (notebook("x = 2"), "# one\nx = [2,  # first\n     3]\r\ny = 2")


GATHER = """
import libcst as cst

class Gather(cst.CSTTransformer):
    def leave_Module(self, original, updated):
        lines = [line.with_changes(leading_lines=()) for line in updated.body]
        return updated.with_changes(body=[cst.SimpleStatementLine([one for line in lines for one in line.body])])

class Comments(cst.CSTTransformer):
    def leave_Comment(self, original, updated):
        return updated.with_changes(value="# none")
"""


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("Gather", ("x = 1", "y = 2"), "the codemod writes lines of two cells as one"),
        ("Comments", ("%time x", "y = 2"), "the comment `%time x` would be lost"),
    ],
)
def test_a_notebook_that_would_not_keep_its_cells_is_refused(
    own: Tiny, name: str, cells: tuple[str, ...], reason: str
) -> None:
    (own.folder / "gather.py").write_text(GATHER)
    own.files({"a.ipynb": notebook(*cells)}).recipe(step("swap", codemod=f"gather.py:{name}", within="a.ipynb"))
    before = own.snapshot()
    result = own.apply("--allow-python")
    assert (result.code, own.snapshot()) == (3, before)
    assert reason in result.out + result.stderr


def test_the_codemod_changes_its_own_copy_of_a_program(own: Tiny) -> None:
    """A step behind it sees what is written, also where the first one is refused."""
    own.one("x = 1\n").recipe(OWN, step("again", replace="x = 2", **{"with": "x = 3"}, local=["x"]))
    own.apply("--allow-python")
    assert own.read() == "x = 3\n"


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
        ("own.py:Fails", "own.py:12: ValueError: no such number"),
        ("wrong.py:Nothing", "wrong.py:Nothing: CSTValidationError: Expected a node"),
        ("wrong.py:Wants", "wrong.py:Wants: TypeError: Wants.__init__() missing 1 required positional argument"),
        ("wrong.py:Removes", "wrong.py:Removes: TypeError: We got a RemovalSentinel"),
        ("wrong.py:Short", "wrong.py:Short: TypeError: Short.leave_Integer() takes 2 positional arguments"),
        ("wrong.py:NoModule", "wrong.py:NoModule: AttributeError"),
        ("wrong.py:Ends", "wrong.py ends the program (exit 3); take that out"),
        ("wrong.py:EndsWell", "wrong.py ends the program (exit 0); take that out"),
        ("exits.py:Any", "exits.py ends the program (exit no); take that out"),
    ],
)
def test_a_codemod_that_cannot_run_is_told_and_nothing_is_written(own: Tiny, name: str, sentence: str) -> None:
    before = own.snapshot()
    result = own.recipe(step("swap", codemod=name, within="a.py")).apply("--allow-python")
    assert result.code == 2
    assert sentence in result.stderr and "Traceback" not in result.stderr
    assert own.snapshot() == before


def test_a_notebook_in_which_nothing_changes_stays(own: Tiny) -> None:
    own.files({"a.ipynb": notebook("x = 3", "%magic 1"), "b.ipynb": "{}"})
    before = own.snapshot()
    result = own.recipe({**OWN, "in": "a.ipynb"}).apply("--allow-python")
    assert (result.code, own.snapshot()) == (0, before)


@pytest.mark.parametrize("name", ["own.py", "own:Swap", "/etc/own.py:Swap", "../own.py:Swap", "own.py:not a name"])
def test_a_name_that_leads_elsewhere_does_not_load(name: str) -> None:
    with pytest.raises(PatternError):
        Codemod.compile({"codemod": name})
