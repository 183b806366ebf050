"""Parameters: what may be declared, what a value must be, and filling in."""

from __future__ import annotations

import pytest

from patcher.model import Scope
from tests.recipe.shelf import STEP, Shelf, step_of

TYPES = {
    "flag": (["yes", "no"], ["true", "1", ""], "yes or no"),
    "int": (["0", "-12", "+3"], ["1.0", "x", "", "1_0"], "a whole number"),
    "float": (["1", "-.5", "1e-8", "2.E+3"], ["nan", "1e", "", "x"], "a number"),
    "text": (["", "${", "# x"], [], "text"),
    "name": (["x", "_y1"], ["1x", "a.b", "if", ""], "a Python name"),
    "expr": (
        ["config.lr", "1", "(a, b)", "a if b else c", "[x for x in y]"],
        ["a, b", "a = 1", "a # b", "1)(2", "*a", "", "if", "\0"],
        "one Python expression",
    ),
    "path": (["a/b", "../c d"], ["", " ", "a\nb"], "a path"),
}

KNOWN = "choice, flag, int, float, text, name, expr, path"


@pytest.mark.parametrize("kind", TYPES)
def test_values_have_the_type_of_their_parameter(shelf: Shelf, kind: str) -> None:
    good, bad, wanted = TYPES[kind]
    default = good[0]
    shelf.add("demo", f"parameters: {{p: {{type: {kind}, default: '{default}'}}}}\nsteps:\n" + STEP)
    assert shelf.load().values == {"p": default}
    for value in good:
        assert shelf.load(p=value).values == {"p": value}
    for value in bad:
        assert shelf.complaint(p=value) == f"-p p: `{value}` is not {wanted}, as `p` wants."


def test_all_that_is_wrong_with_the_values_is_told_at_once(shelf: Shelf) -> None:
    shelf.add(
        "demo",
        "parameters: {size: {type: int, default: 4}, kind: {choices: [fast, slow], default: fast}}\nsteps:\n" + STEP,
    )
    assert shelf.complaint(sise="3", size="x", kind="fats").splitlines() == [
        "-p sise: There is no parameter `sise`; did you mean `size`?",
        "-p size: `x` is not a whole number, as `size` wants.",
        "-p kind: `fats` is no choice of `kind`; did you mean `fast`?",
    ]


PARAMETERS = {
    "no default": ("p: {type: int}", ["4:6: `default` is missing here."]),
    "no type": ("p: {default: 1}", [f"4:3: `p` has no type; write one of {KNOWN}."]),
    "a type like one that there is": (
        "p: {type: itn, default: 1}",
        [f"4:13: `p` has the type `itn`, which is unknown; did you mean `int`? The types are {KNOWN}."],
    ),
    "a type like none": (
        "p: {type: zzz, default: 1}",
        [f"4:13: `p` has the type `zzz`, which is unknown. The types are {KNOWN}."],
    ),
    "a choice without choices": (
        "p: {type: choice, default: 1}",
        ["4:3: `p` has the type `choice`; `choice` and `choices` go together."],
    ),
    "choices of another type": (
        "p: {type: int, choices: [1], default: 1}",
        ["4:3: `p` has the type `int`; `choice` and `choices` go together."],
    ),
    "a default that is no choice": (
        "p: {choices: [fast, slow], default: fats}",
        ["4:39: `fats` is no choice of `p`; did you mean `fast`?"],
    ),
    "a default of another type": (
        "p: {type: expr, default: a =}",
        ["4:28: `a =` is not one Python expression, as `p` wants."],
    ),
    "a default that a comment cuts": (
        "p:\n    type: expr\n    default: a # b",
        [
            "6:14: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: default: 'a # b'",
        ],
    ),
    "a default from another parameter": (
        'p: {type: text, default: "${q}"}',
        ["4:28: A default is a value of its own and cannot use another parameter."],
    ),
    "a name that `when` needs": (
        "import: {type: int, default: 1}",
        ["4:3: `import` cannot name a parameter; use letters, digits, `_` and `-`."],
    ),
    "an unknown key": (
        "p: {type: int, default: 1, hepl: x}",
        ["4:30: The key `hepl` is not known here; did you mean `help`?"],
    ),
}


@pytest.mark.parametrize(("text", "told"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_a_parameter_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    """And where it is filled in, or given, nothing more is told."""
    name = text.partition(":")[0]
    shelf.add("demo", f"parameters:\n  {text}\nsteps:\n" + STEP.replace("because", f"${{{name}}}"))
    assert shelf.problems(**{name: "1"}) == [f"demo/recipe.yaml:{line}" for line in told]


def test_parameters_that_could_not_be_read_are_not_unknown_too(shelf: Shelf) -> None:
    shelf.add("demo", "paramters: {p: {type: int, default: 1}}\nsteps:\n" + STEP.replace("because", "${p}"))
    assert shelf.problems(p="1") == [
        "demo/recipe.yaml:3:1: The key `paramters` is not known here; did you mean `parameters`?",
    ]


TEXT_PARAMETER = "parameters: {p: {type: text, default: P}, q: {type: text, default: Q}}\n"


def test_parameters_are_filled_in_everywhere_in_a_step(shelf: Shelf) -> None:
    step = step_of(
        shelf,
        'edit: ["f(${p}, $X)", "${p}${q}"]\nto: {X: "${q}"}\nwhere: {"${p}": {not: ["${q}"]}}\nin: "${p}.py::${q}"\n'
        'effect: {changes: "${p}"}\n',
        TEXT_PARAMETER,
        q="$X",
    )
    assert step.arguments == {"edit": ["f(P, $X)", "P$X"], "to": {"X": "$X"}, "where": {"P": {"not": ["$X"]}}}
    assert (step.within, step.effect.detail) == ((Scope("P.py", "$X"),), "P")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$X", "$X"),
        ("$$$XS", "$$$XS"),
        ("$${p}", "${p}"),
        ("$${oc.env:HOME}", "${oc.env:HOME}"),
        ("$${p}${p}", "${p}P"),
        ("{p}", "{p}"),
        ("$ {p}", "$ {p}"),
    ],
)
def test_what_is_not_filled_in(shelf: Shelf, text: str, filled: str) -> None:
    assert step_of(shelf, f"edit: '{text}'", TEXT_PARAMETER).arguments["edit"] == filled


def test_what_is_filled_in_is_not_filled_in_again(shelf: Shelf) -> None:
    assert step_of(shelf, 'edit: "${p}"', TEXT_PARAMETER, p="${q}").arguments["edit"] == "${q}"
