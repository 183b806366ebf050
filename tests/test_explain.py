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
    lines = [line.split(None, 2) for line in result.out.splitlines() if not line.startswith(" ")]
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
    assert told(tiny, "a.py:2") == {"set": "-: `1` is none of `0`."}


def test_a_keyword_that_is_not_given(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\na.f(lr=0)\n").recipe(edit("a.f($$$, lr=$L)", {"L": "2"}))
    assert told(tiny, "a.py:2") == {"set": "-: It comes close here, but lr= is not given here by name."}


def test_the_scope_of_files(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1)\n").recipe({**SWAP, "in": "b.py"})
    assert told(tiny, "a.py:2") == {"swap": "-: a.py is none of b.py."}


def test_the_scope_of_functions(tiny: Tiny) -> None:
    tiny.one("import a\ndef g():\n    a.f(1)\n").recipe({**SWAP, "in": "a.py::h"})
    said = told(tiny, "a.py:3")["swap"]
    assert said == "-: It stands in g."


def test_a_word_that_the_file_does_not_have(tiny: Tiny) -> None:
    tiny.one("import a\na.e(1)\n").recipe(SWAP)
    said = told(tiny, "a.py:2")["swap"]
    assert said == "-: The file does not mention `f`."


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


# --- the chain of what a step asks ----------------------------------------------------------------------------------


def chain(tiny: Tiny, place: str, *options: str) -> list[str]:
    """Return what is said of all that the only step asks, with single spaces."""
    result = tiny.patcher("explain", f"{tiny.tree}/{place}", "-r", tiny.file, *options)
    assert result.code == 0, result.stderr
    return [" ".join(line.split()) for line in result.out.splitlines() if line.startswith(" ")]


def test_everything_that_a_step_asks_of_a_place_that_it_changes(tiny: Tiny) -> None:
    code = "import a\nclass C:\n    def g(self):\n        for i in x:\n            a.f(i, lr=0)\n"
    asks = {"in": "a.py::C.g", "when": {"import": ["a"]}, "inside": "for $_ in $_"}
    tiny.one(code).recipe({**edit("a.f($X, lr=$L)", {"L": "1"}, where={"L": ["0", "2"]}), **asks})
    assert chain(tiny, "a.py:5") == [
        "ok when a file imports a.",
        "ok in a.py is one of a.py::C.g.",
        "ok words The file mentions `a` and `f` and `lr`.",
        "ok pattern `a.f(i, lr=0)` is `a.f($X, lr=$L)`; $X is `i`, $L is `0`.",
        "ok where $L $L is `0` or `2`.",
        "ok inside It stands inside of `for $_ in $_`.",
        "ok in It stands in C.g.",
        "ok edit The step changes this place.",
    ]


def test_only_behind_the_first_that_fails_it_is_said_what_is_wanted(tiny: Tiny) -> None:
    asks = {"in": "a.py::h", "inside": "while $_"}
    tiny.one("import a\ndef g():\n    a.f(1)\n").recipe({**replace("a.f($X)", "a.g($X)", where={"X": "2"}), **asks})
    assert chain(tiny, "a.py:3")[2:] == [
        "ok pattern `a.f(1)` is `a.f($X)`; $X is `1`.",
        "no where $X `1` is none of `2`.",
        "wanted: $X is `2`.",
        "no inside It does not stand inside of `while $_`.",
        "no in It stands in g.",
    ]


def test_what_is_not_there_is_asked_nothing_more(tiny: Tiny) -> None:
    tiny.one("import a\na.e(1)\na.f(1)\n").recipe({**replace("a.f($X)", "a.g($X)", where={"X": "2"}), "in": "a.py::g"})
    assert chain(tiny, "a.py:2")[2:] == [
        "no pattern It comes close here, but `a.e` is something else, and a.f is wanted.",
        "wanted: `a.f($X)`.",
        "where $X $X is `2`.",
        "in It stands in a.py::g.",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"from": "a.h()"}, "no where $X `a.y` does not come from `a.h()`."),
        ({"not": "a.y"}, "no where $X `a.y` is `a.y`, which $X must not be."),
        ({"from": "a.y"}, "ok where $X $X comes from `a.y`."),
        ({"not": "z"}, "ok where $X $X is not `z`."),
    ],
)
def test_each_form_of_a_constraint(tiny: Tiny, asked: dict[str, str], said: str) -> None:
    tiny.one("import a\n# h\na.f(a.y)\n").recipe(replace("a.f($X)", "a.g($X)", where={"X": asked}))
    assert said in chain(tiny, "a.py:3")


def test_a_constraint_on_a_hole_of_the_header(tiny: Tiny) -> None:
    asks = {"inside": "for $I in $_", "where": {"I": "j"}}
    tiny.one("import a\nfor i in x:\n    a.f(1)\n").recipe({**SWAP, **asks})
    assert "no where $I `i` is none of `j`." in chain(tiny, "a.py:3")


def test_of_two_places_in_a_line_the_one_that_comes_further_is_told(tiny: Tiny) -> None:
    tiny.one("import a\na.f(1), a.f(2)\n").recipe({**replace("a.f($X)", "a.g($X)", where={"X": "2"}), "in": "a.py::g"})
    assert "ok where $X $X is `2`." in chain(tiny, "a.py:2")


def test_a_step_that_requires_one_that_did_nothing(tiny: Tiny) -> None:
    second = {**replace("a.g($X)", "a.h($X)", "again"), "requires": ["swap"]}
    tiny.one("import a\na.g(1)\n").recipe({**replace("a.f($X)", "a.k($X)"), "expect": "any"}, second)
    said = chain(tiny, "a.py:2", "--step", "again")
    assert said[:2] == ["no requires swap is absent.", "wanted: swap is applied or already."]
    assert told(tiny, "a.py:2")["again"] == "-: swap is absent."


@pytest.mark.parametrize(
    ("when", "asked"),
    [
        ({"import": ["c"]}, "a file imports c."),
        ({"not": {"import": ["a"]}}, "nothing imports a."),
        ({"any": [{"import": ["c"]}, {"import": ["d"]}]}, "a file imports c or a file imports d."),
        ({"not": {"any": [{"import": ["a"]}, {"import": ["d"]}]}}, "nothing imports a and nothing imports d."),
    ],
)
def test_what_a_condition_would_be_satisfied_by(tiny: Tiny, when: dict[str, object], asked: str) -> None:
    tiny.one("import a\na.f(1)\n").recipe({**SWAP, "when": when})
    said = chain(tiny, "a.py:2")
    assert (said[0][:7], said[1]) == ("no when", f"wanted: {asked}")


def test_a_place_that_the_verb_refuses_satisfies_all_else(tiny: Tiny) -> None:
    tiny.one("import a\ndef f():\n    a.f(1)\n").recipe(replace("a.f($X)", "a.g($X, config.lr)"))
    said = chain(tiny, "a.py:3")
    assert [line[:2] for line in said] == ["ok", "ok", "no"]
    assert "`config` is not in scope there" in said[-1]


def test_a_verb_without_a_pattern_says_what_it_looks_for(tiny: Tiny) -> None:
    tiny.files({"requirements.txt": "torch\nnumpy\n"}).recipe(requirements(drop=["numpy"]))
    assert chain(tiny, "requirements.txt:1") == [
        "no requirements Nothing in this line is a place of the step.",
        "wanted: `requirements: drop numpy` finds a place there.",
    ]


def test_a_name_of_an_import_that_something_reads(tiny: Tiny) -> None:
    tiny.one("from a import F\nF\n").recipe(step("gone", delete="from a import $F", where={"F": {"unused": "yes"}}))
    assert chain(tiny, "a.py:1")[-2:] == [
        "ok pattern `from a import F` is `from a import $F`; $F is `F`.",
        "no delete It comes close here, but every name that is imported there is used.",
    ]


# --- what goes along with a place ------------------------------------------------------------------------------------


RENAME = step("name", rename="a.F", to="b.G")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (1, "-: Nothing in this line is `a.F`."),
        (2, "applied: The step changes this line because of the place in line 4."),
        (3, "-: Nothing in this line is `a.F`."),
        (4, "applied: The step changes this place."),
        (5, "-: It comes close here, but `c.F` is something else, and a.F is wanted."),
    ],
)
def test_an_import_changes_because_of_its_use(tiny: Tiny, line: int, sentence: str) -> None:
    tiny.one("import c\nfrom a import F\n\nF(1)\nc.F(1)\n").recipe(RENAME)
    assert told(tiny, f"a.py:{line}") == {"name": sentence}


def test_a_line_of_an_import_in_brackets(tiny: Tiny) -> None:
    tiny.one("from a import (\n    E,\n    F,\n)\n\nF(1)\nF(2)\n").recipe(RENAME)
    assert told(tiny, "a.py:3") == {"name": "applied: The step changes this line because of the place in line 6."}


def test_an_import_that_is_put_in(tiny: Tiny) -> None:
    tiny.one("import a\nimport os\na.f(a)\n").recipe(replace("a.f($X)", "c.f($X)", needs=["import c"]))
    beside = "applied: The step puts lines in beside this one because of the place in line 3."
    assert told(tiny, "a.py:2") == {"swap": beside}
    assert told(tiny, "a.py:1") == {"swap": "-: Nothing in this line is `a.f($X)`."}


def test_another_line_of_a_place(tiny: Tiny) -> None:
    tiny.one("import a\na.f(\n    1, y=1\n)\n").recipe(replace("a.f($X, y=1)", "a.f($X, y=2)"))
    assert told(tiny, "a.py:3") == {"swap": "applied: The step changes this line because of the place in line 2."}


def test_a_place_that_is_refused_changes_no_line(tiny: Tiny) -> None:
    tiny.one("from a import F\nG = 1\nF(1)\n").recipe(RENAME)
    assert told(tiny, "a.py:1")["name"].startswith("refused: The step leaves this place")
    assert told(tiny, "a.py:3") == {"name": "-: Nothing in this line is a place of the step."}


@pytest.mark.parametrize("place", ["{tree}/b/a.py:2", "b/a.py:2", "./b/a.py:2", "b/../b/a.py:2"])
def test_a_file_of_a_tree_that_is_named(tiny: Tiny, place: str) -> None:
    tiny.files({"b/a.py": "import a\na.f(1)\n"}).recipe(SWAP)
    result = tiny.patcher("explain", place.format(tree=tiny.tree), "-r", tiny.file, "--tree", tiny.tree)
    assert result.out.splitlines()[0].split(None, 2) == ["applied", "swap", "The step changes this place."]


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
