"""explain: for each step, the first constraint that fails at a line, and what would satisfy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, fixture_tree
from tests.tiny import Tiny, edit, replace, requirements, step
from tests.verbs.checks import notebook


def told(tiny: Tiny, place: str, *options: str) -> dict[str, str]:
    """Return what is said of each step: its status, and the sentence."""
    result = tiny.patcher("explain", f"{tiny.tree}/{place}", "-r", tiny.file, *options)
    assert result.code == 0, result.stderr
    lines = [line.split(None, 2) for line in result.out.splitlines()]
    return {name: f"{status}: {sentence}" for status, name, sentence in lines}


SWAP = replace("a.f($X)", "a.g($X)")


def test_a_place_that_the_step_changes(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\n").recipe(SWAP)
    assert told(tiny, "a.py:2") == {"swap": "applied: The step changes this place."}


def test_a_place_that_is_there_already(tiny: Tiny) -> None:
    tiny.one("import a\na.f(2)\na.g(1)\n").recipe(SWAP)
    assert told(tiny, "a.py:3") == {"swap": "already: It is already as the step wants it."}


def test_a_place_that_is_refused(tiny: Tiny) -> None:
    tiny.one("import a\ndef f():\n    a.f(1)\n").recipe(replace("a.f($X)", "a.g($X, config.lr)"))
    said = told(tiny, "a.py:3")["swap"]
    assert said.startswith("refused: The step leaves this place: `config` is not in scope there")


def test_a_name_that_comes_from_elsewhere(tiny: Tiny) -> None:
    tiny.one("from b import f\nimport a\nf(1)\na.f(2)\n").recipe(SWAP)
    assert told(tiny, "a.py:3") == {"swap": "-: It comes close here, but `f` comes from b.f, and a.f is wanted."}


def test_a_callee_of_another_name_on_a_line_inside_of_the_call(tiny: Tiny) -> None:
    tiny.one("import a\nx = a.other(\n    lr=0,\n)\na.f(lr=0)\n").recipe(edit("a.f($$$, lr=$L)", {"L": "1"}))
    said = told(tiny, "a.py:3")["set"]
    assert said == "-: It comes close here, but `a.other` is something else, and a.f is wanted."


def test_a_constraint_on_a_hole(tiny: Tiny) -> None:
    tiny.one("import a\na.f(lr=1)\na.f(lr=0)\n").recipe(edit("a.f($$$, lr=$L)", {"L": "2"}, where={"L": "0"}))
    assert told(tiny, "a.py:2") == {"set": "-: It comes close here, but `1` is none of `0`."}


def test_a_keyword_that_is_not_given(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\na.f(lr=0)\n").recipe(edit("a.f($$$, lr=$L)", {"L": "2"}))
    assert told(tiny, "a.py:2") == {"set": "-: It comes close here, but lr= is not given here by name."}


def test_the_scope_of_files(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\n").recipe({**SWAP, "in": "b.py"})
    assert told(tiny, "a.py:2") == {"swap": "-: The step looks in b.py, and a.py is not among them."}


def test_the_scope_of_functions(tiny: Tiny) -> None:
    tiny.one("import a\ndef g():\n    a.f(1)\n").recipe({**SWAP, "in": "a.py::h"})
    said = told(tiny, "a.py:3")["swap"]
    assert said == "-: It comes close here, but it stands in g, and the step looks in a.py::h."


def test_a_word_that_the_file_does_not_have(tiny: Tiny) -> None:
    tiny.one("import a\na.e(1)\n").recipe(SWAP)
    said = told(tiny, "a.py:2")["swap"]
    assert said == "-: The file does not mention `f`, which every place of the step holds."


def test_a_condition_that_does_not_hold(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\n").recipe({**SWAP, "when": {"import": ["c"]}})
    assert told(tiny, "a.py:2") == {"swap": "-: Nothing imports c."}


def test_a_line_of_another_kind(tiny: Tiny) -> None:
    tiny.one("import a\nx = 1\na.f(1)\n").recipe(SWAP)
    assert told(tiny, "a.py:2") == {"swap": "-: Nothing in this line is `a.f($X)`."}


def test_a_step_sees_what_the_one_before_it_left(tiny: Tiny) -> None:
    second = replace("a.g($X)", "a.h($X)", "again")
    tiny.one("# 1\nimport a\na.f(1)\n").recipe(step("lines", insert="import b", before="import a"), SWAP, second)
    assert told(tiny, "a.py:3")["again"] == "applied: The step changes this place."


def test_a_line_of_a_notebook(tiny: Tiny) -> None:
    tiny.files({"a.ipynb": notebook("import a", "a.f(1)\n%time a.f(2)")}).recipe(SWAP)
    lines = (tiny.tree / "a.ipynb").read_text().splitlines()
    first = next(number for number, line in enumerate(lines, 1) if "a.f(1)" in line)
    assert told(tiny, f"a.ipynb:{first}") == {"swap": "applied: The step changes this place."}
    assert "is read by IPython alone" in told(tiny, f"a.ipynb:{first + 1}")["swap"]


def test_a_requirement(tiny: Tiny) -> None:
    tiny.files({"requirements.txt": "torch\nnumpy\n"}).recipe(requirements(drop=["numpy"]))
    assert told(tiny, "requirements.txt:2")["packages"].startswith("applied")
    assert told(tiny, "requirements.txt:1")["packages"] == "-: Nothing in this line is a place of the step."


def test_the_decoy_of_the_miniature(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    lines = (tree / "pretrain.py").read_text().splitlines()
    decoy, real = [number for number, line in enumerate(lines, 1) if "lr=0," in line]
    said = [
        patcher("explain", f"{tree}/pretrain.py:{n}", "-r", "hrm", "--step", "adam-atan2/first-lr").out
        for n in (decoy, real)
    ]
    assert "adam_atan2_pytorch.AdamAtan2 is wanted" in said[0]
    assert said[1].startswith("applied")


# --- what goes along with a place ------------------------------------------------------------------------------------


RENAME = step("name", rename="a.F", to="b.G")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (1, "-: Nothing in this line is `a.F`."),
        (2, "applied: The step changes this line because of the place in line 4."),
        (3, "-: Nothing in this line is `a.F`."),
        (4, "applied: The step changes this place."),
        (5, "-: Nothing in this line is `a.F`."),
    ],
)
def test_an_import_changes_because_of_its_use(tiny: Tiny, line: int, sentence: str) -> None:
    tiny.one("import c\nfrom a import F\n\nF(1)\nc.F(1)\n").recipe(RENAME)
    assert told(tiny, f"a.py:{line}") == {"name": sentence}


def test_a_line_of_an_import_in_brackets(tiny: Tiny) -> None:
    tiny.one("from a import (\n    E,\n    F,\n)\n\nF(1)\nF(2)\n").recipe(RENAME)
    assert told(tiny, "a.py:3") == {"name": "applied: The step changes this line because of the place in line 6."}


def test_an_import_that_is_put_in(tiny: Tiny) -> None:
    tiny.one("import a\nimport os\na.f(1)\n").recipe(replace("a.f($X)", "c.f($X)", needs=["import c"]))
    beside = "applied: The step puts lines in beside this one because of the place in line 3."
    assert told(tiny, "a.py:2") == {"swap": beside}
    assert told(tiny, "a.py:1") == {"swap": "-: Nothing in this line is `a.f($X)`."}


def test_another_line_of_a_place(tiny: Tiny) -> None:
    tiny.one("import a\na.f(\n    1, y=1\n)\n").recipe(replace("a.f($X, y=1)", "a.f($X, y=2)"))
    assert told(tiny, "a.py:3") == {"swap": "applied: The step changes this line because of the place in line 2."}


def test_a_place_that_is_refused_changes_no_line(tiny: Tiny) -> None:
    tiny.one("from a import F\nG = 1\nF(1)\n").recipe(RENAME)
    assert told(tiny, "a.py:1")["name"].startswith("refused: The step leaves this place")
    assert told(tiny, "a.py:3") == {"name": "-: Nothing in this line is `a.F`."}


@pytest.mark.parametrize("place", ["{tree}/b/a.py:2", "b/a.py:2", "./b/a.py:2", "b/../b/a.py:2"])
def test_a_file_of_a_tree_that_is_named(tiny: Tiny, place: str) -> None:
    tiny.files({"b/a.py": "import a\na.f(1)\n"}).recipe(SWAP)
    result = tiny.patcher("explain", place.format(tree=tiny.tree), "-r", tiny.file, "--tree", tiny.tree)
    assert result.out.split(None, 2) == ["applied", "swap", "The step changes this place.\n"]


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "options", "sentence"),
    [
        ("a.py", (), "is not of the form PATH:LINE"),
        ("a.py:x", (), "is not of the form PATH:LINE"),
        ("a.py:9", (), "a.py has 2 lines; there is no line 9."),
        ("b.py:1", (), "b.py is not a file of"),
        ("a.py:1", ("--step", "other"), "has no step other"),
    ],
)
def test_a_place_that_is_none(tiny: Tiny, place: str, options: tuple[str, ...], sentence: str) -> None:
    tiny.one("import a\na.f(1)\n").recipe(SWAP)
    result = tiny.patcher("explain", f"{tiny.tree}/{place}", "-r", tiny.file, *options)
    assert (result.code, result.stdout) == (2, b"")
    assert sentence in result.stderr


def test_a_file_outside_of_the_tree_that_is_named(tiny: Tiny) -> None:
    tiny.one("import a\n").recipe(SWAP)
    (tiny.folder / "c.py").write_text("import a\n")
    result = tiny.patcher("explain", f"{tiny.folder}/c.py:1", "-r", tiny.file, "--tree", tiny.tree)
    assert (result.code, "c.py is not a file of" in result.stderr) == (2, True)


def test_nothing_is_written(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\n").recipe(SWAP)
    before = tiny.snapshot()
    told(tiny, "a.py:2")
    assert tiny.snapshot() == before
