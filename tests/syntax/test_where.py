"""Constraints on holes: what a hole must be, must not be, and must come from."""

from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.syntax.matching import match_at
from patcher.syntax.pattern import compile_code
from patcher.syntax.where import compile_where
from tests.syntax.python import found, missed

SDPA = "torch.nn.functional.scaled_dot_product_attention($$$)"
FLASH: dict[str, Any] = {"O": {"from": ["flash_attn.flash_attn_func($$$)", SDPA]}}


# --- what it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "texts", "others"),
    [
        (
            {"D": '"cuda"'},
            ['"cuda"', "'cuda'", '("cuda")', '"cu" "da"'],
            ['"cpu"', "cuda", 'f"cuda"', 'b"cuda"', '"cuda", 1'],
        ),
        ({"D": ['"cuda"', '"cuda:0"']}, ['"cuda:0"'], ['"cuda:1"']),
        ({"D": 'f"cuda:{$_}"'}, ["f'cuda:{rank}'", "f'cuda:{a.b()}'"], ["f'cuda'", "f'cuda:{a!r}'", "f'cpu:{a}'"]),
        ({"D": "0"}, ["0", "0x0", "(0)"], ["0.0", "False", "-0", "1"]),
        ({"D": ["0", "0.0"]}, ["0", "0.0", "0e5"], ["1e-8", "None"]),
        ({"D": "True"}, ["True"], ["1", "not False", "true"]),
        ({"D": "$X.device"}, ["self.device", "a.b.device"], ["device", "self.devices"]),
        ({"D": {"not": "None"}}, ["1", "x.None_"], ["None", "(None)"]),
        ({"D": {"not": ['"cpu"', "torch.cpu"]}}, ['"cuda"', "cpu"], ['"cpu"', "t.cpu"]),
        ({"D": "torch.cpu"}, ["t.cpu"], ["torch.cpu", "cpu"]),
        ({"D": "[$$$]"}, ["[]", "[1, 2]"], ["()", "x[1]"]),
    ],
)
def test_what_a_hole_must_be(where: dict[str, Any], texts: list[str], others: list[str]) -> None:
    for text in texts:
        assert found("f($D)", f"import torch as t\nf({text})\n", "f", where=where) == [f"f({text})"], text
    for text in others:
        assert found("f($D)", f"import torch as t\nf({text})\n", "f", where=where) == [], text


def test_constraints_of_several_holes_all_hold() -> None:
    where = {"A": "1", "B": {"not": "1"}}
    assert found("f($A, $B)", "f(1, 2)\nf(1, 1)\nf(2, 2)\n", "f", where=where) == ["f(1, 2)"]


def test_a_constraint_may_name_another_hole() -> None:
    assert found("f($A, $B)", "f(x, x.y)\nf(x, z.y)\n", "f", where={"B": "$A.y"}) == ["f(x, x.y)"]


def test_of_a_hole_that_took_nothing_nothing_is_asked() -> None:
    assert found("f($A)", "f(1)\n", "f", where={"B": "2"}) == ["f(1)"]
    assert found("f($$$A)", "f()\n", "f", where={"A": "2"}) == ["f()"]


def test_of_several_arguments_each_is_asked() -> None:
    text = "f(2, 2)\nf(2, k=2)\nf(2, 3)\nf(*x)\n"
    assert found("f($$$A)", text, "f", where={"A": "2"}) == ["f(2, 2)", "f(2, k=2)"]
    assert found("f($$$A)", text, "f", where={"A": {"not": "3"}}) == ["f(2, 2)", "f(2, k=2)", "f(*x)"]


def test_the_division_of_the_arguments_is_the_one_that_fits() -> None:
    assert found("f($$$, $D, $$$)", "f(1, 2, 3)\nf(1, 3)\n", "f", where={"D": "2"}) == ["f(1, 2, 3)"]


# --- what it comes from ----------------------------------------------------------------------------------------------

COMES = {
    "directly": "flash(q).view(1)",
    "through a variable": "o = flash(q)\no.view(1)",
    "through another name": "renamed = flash(q)\nrenamed.view(1)",
    "through two variables": "a = flash(q)\nb = a\nb.view(1)",
    "through a call on it": "o = flash(q)\np = rearrange(o.transpose(1, 2))\np.view(1)",
    "of a tuple": "o, lse = flash(q)\no.view(1)",
    "second of a tuple": "o, p = f(q), flash(q)\np.view(1)",
    "nested tuple": "(a, (b, c)) = (1, (2, flash(q)))\nc.view(1)",
    "starred tuple": "a, *b = flash(q), 1\nb.view(1)",
    "chained assignment": "a = b = flash(q)\na.view(1)",
    "annotated": "o: T = flash(q)\no.view(1)",
    "augmented": "o = flash(q)\no += 1\no.view(1)",
    "by augmentation": "o = 1\no += flash(q)\no.view(1)",
    "walrus": "if (o := flash(q)) is not None:\n    o.view(1)",
    "walrus in the same expression": "f(o := flash(q), o.view(1))",
    "made anew of itself": "o = flash(q)\no = o[0]\no.view(1)",
    "one branch": "if a:\n    o = flash(q)\nelse:\n    o = other(q)\no.view(1)",
    "other branch": "if a:\n    o = other(q)\nelse:\n    o = flash(q)\no.view(1)",
    "only one branch": "o = other(q)\nif a:\n    o = flash(q)\no.view(1)",
    "kept in one branch": "o = flash(q)\nif a:\n    o = other(q)\no.view(1)",
    "in the branch": "if a:\n    o = flash(q)\n    o.view(1)",
    "in a try": "try:\n    o = flash(q)\nexcept E:\n    o = other(q)\no.view(1)",
    "before a try": "o = flash(q)\ntry:\n    o = other(q)\nexcept E:\n    pass\no.view(1)",
    "in a with": "with a:\n    o = flash(q)\no.view(1)",
    "with as": "with flash(q) as o:\n    o.view(1)",
    "loop": "for x in y:\n    o = flash(x)\n    o.view(1)",
    "after a loop": "o = None\nfor x in y:\n    o = flash(x)\no.view(1)",
    "from the round before": "o = None\nfor x in y:\n    if o:\n        o.view(1)\n    o = flash(x)",
    "from the round before, of a while": "o = None\nwhile o is None or o.view(1):\n    o = flash(x)",
    "of its own statement in a loop": "for x in y:\n    o = f(o.view(1), flash(q))",
    "settled before an inner loop": "for x in y:\n    o = 1\n    for z in x:\n        o.view(1)\n        o = flash(z)",
    "loop variable": "for o in flash(q):\n    o.view(1)",
    "after the loop of a loop variable": "for o in flash(q):\n    pass\no.view(1)",
    "loop with two variables": "for i, o in enumerate(flash(q)):\n    o.view(1)",
    "comprehension": "[o.view(1) for o in flash(q)]",
    "inside a comprehension": "o = flash(q)\n[o.view(i) for i in y]",
    "through a comprehension": "o = [flash(x) for x in y]\no.view(1)",
    "mentioned in an argument": "o = concat([1, flash(q)])\no.view(1)",
    "in one line": "o = flash(q); o.view(1)",
    "in one suite": "if a: o = flash(q); o.view(1)",
    "by a match": "match a:\n    case 1:\n        o = flash(q)\n    case _:\n        o = 1\no.view(1)",
    "a cycle": "a = flash(q)\nfor x in y:\n    b = a\n    a = b\nb.view(1)",
    "left before it is made anew": "for x in y:\n    o = flash(x)\n    if x: break\n    o = other(x)\no.view(1)",
    "another name for the function": "o = fa.flash_attn_func(q)\no.view(1)",
    "declared and then assigned": "o: T\no = flash(q)\nif a:\n    o: T\no.view(1)",
}

COMES_NOT = {
    "something else": "o = other(q)\no.view(1)",
    "a parameter": "q.view(1)",
    "only below": "o = other(q)\no.view(1)\no = flash(q)",
    "made anew": "o = flash(q)\no = other(q)\no.view(1)",
    "made anew by a tuple": "o = flash(q)\no, p = other(q)\no.view(1)",
    "a cycle": "a = flash(q)\nfor x in y:\n    a = b\n    b = a\nb.view(1)",
    "made anew by with": "o = flash(q)\nwith a as o:\n    o.view(1)",
    "made anew by the loop": "o = flash(q)\nfor o in y:\n    o.view(1)",
    "made anew in the same suite": "if a: o = flash(q); o = 1; o.view(1)",
    "settled in each round": "for x in y:\n    o = other(x)\n    o.view(1)\n    o = flash(x)",
    "the other of a tuple": "o, p = flash(q), other(q)\np.view(1)",
    "another variable": "o = flash(q)\np.view(1)",
    "an attribute of that name": "o = flash(q)\nx.o.view(1)",
    "a keyword of that name": "o = flash(q)\nf(o=1).view(1)",
    "an attribute in what it is made of": "o = flash(q)\np = x.o\np.view(1)",
    "shadowed by a comprehension": "o = flash(q)\n[o.view(1) for o in y]",
    "shadowed by a lambda": "o = flash(q)\nlambda o: o.view(1)",
    "another function": "def g():\n    o = flash(q)\nq.view(1)",
    "an inner function": "o = flash(q)\ndef g():\n    o.view(1)",
    "an inner function's own": "o = other(q)\ndef g():\n    o = flash(q)\no.view(1)",
    "of its own statement": "o = other(q)\no = f(o.view(1), flash(q))",
    "the function alone": "o = flash\no.view(1)",
    "a local of that name": "flash = other\no = flash(q)\no.view(1)",
    "a method of that name": "o = self.flash_attn_func(q)\no.view(1)",
    "a comment": "o = other(q)  # flash(q)\no.view(1)",
    "a string": "o = 'flash(q)'\no.view(1)",
    "deleted below": "o = other(q)\ndel o\no.view(1)",
    "a definition": "o = flash(q)\ndef o(): pass\no.view(1)",
    "the condition of an if": "if flash(q):\n    o = 1\n    o.view(1)",
    "an import": "o = flash(q)\nimport o\no.view(1)",
}

IMPORTS = "import flash_attn as fa\nfrom flash_attn import flash_attn_func as flash\n"


def program(body: str, *, function: bool) -> str:
    text = dedent(body)
    return f"{IMPORTS}def run(self, q, y):\n{indent(text, '    ')}\n" if function else f"{IMPORTS}{text}\n"


@pytest.mark.parametrize("function", [True, False], ids=["function", "module"])
@pytest.mark.parametrize("body", COMES.values(), ids=COMES.keys())
def test_what_comes_from_it_is_found(body: str, function: bool) -> None:
    assert len(found("$O.view($$$)", program(body, function=function), where=FLASH)) == 1


@pytest.mark.parametrize("function", [True, False], ids=["function", "module"])
@pytest.mark.parametrize("body", COMES_NOT.values(), ids=COMES_NOT.keys())
def test_what_does_not_come_from_it_is_not(body: str, function: bool) -> None:
    assert found("$O.view($$$)", program(body, function=function), where=FLASH) == []


def test_a_module_does_not_lead_into_its_functions() -> None:
    text = f"{IMPORTS}o = flash(q)\ndef f():\n    o.view(1)\nclass A:\n    o.view(2)\n"
    assert found("$O.view($$$)", text, where=FLASH) == ["o.view(2)"]


def test_renaming_the_variable_changes_nothing() -> None:
    text = program(
        "attn = flash(q)\nif isinstance(attn, tuple):\n    attn = attn[0]\nreturn attn.view(1)", function=True
    )
    for name in ("attn", "out", "view", "flash_out"):
        assert (
            len(found("$O.view($$$)", text.replace("attn", name).replace(f"flash_{name}", "flash_attn"), where=FLASH))
            == 1
        )


def test_many_assignments_to_each_other_come_to_an_end() -> None:
    lines = [f"v{n} = v{(n * 7 + 3) % 40} + v{(n + 1) % 40}" for n in range(40)]
    body = "while a:\n" + indent("\n".join(lines), "    ") + "\n    v5.view(1)"
    assert found("$O.view($$$)", program(body, function=True), where=FLASH) == []


# --- how it is told --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "text", "clause"),
    [
        ({"D": '"cuda"'}, 'f("cpu")', '1: `"cpu"` is none of `"cuda"`'),
        ({"D": ["1", "2"]}, "f(3)", "1: `3` is none of `1` or `2`"),
        ({"D": {"not": "None"}}, "f(None)", "1: `None` is `None`, which $D must not be"),
        ({"D": {"from": "g($$$)"}}, "d = h(1)\nf(d)", "2: `d` does not come from `g($$$)`"),
    ],
)
def test_what_a_hole_fails_is_told(where: dict[str, Any], text: str, clause: str) -> None:
    assert missed("f($D)", text + "\n", "f", "g", where=where) == clause


def test_a_constraint_that_fails_says_more_than_a_part_of_the_pattern() -> None:
    assert missed("f($D, k=1)", "f(2, k=1)\nf(1, k=2)\n", "f", where={"D": "1"}) == "1: `2` is none of `1`"


# --- loading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "message", "at"),
    [
        ({"D": {"form": "f()"}}, "`form` is no constraint", ("where", "D")),
        ({"D": "f("}, "is not Python", ("where", "D")),
        ({"D": ["1", "f("]}, "is not Python", ("where", "D", 1)),
        ({"D": {"from": ["f("]}}, "is not Python", ("where", "D", "from", 0)),
        ({"D": {"not": "$$$"}}, "cannot stand there", ("where", "D", "not")),
    ],
)
def test_constraints_that_do_not_load(where: dict[str, Any], message: str, at: tuple[str | int, ...]) -> None:
    with pytest.raises(PatternError, match=message) as error:
        compile_where(where, ())
    assert error.value.at == at


def test_words_that_a_file_must_hold() -> None:
    where = compile_where({"D": ["torch.cpu", "torch.cuda"], "E": {"from": "a.f()"}, "F": {"not": "b.g()"}}, ())
    assert where.literals == {b"torch", b"a", b"f"}


def test_in_a_recipe_s_own_code_a_hole_is_what_it_may_be() -> None:
    """A replacement is tested against its own pattern, and there `$D` is whatever its constraints allow."""
    where = compile_where({"D": {"from": "g()"}}, ())
    pattern, same, other = compile_code("f($D)"), compile_code("f($D)"), compile_code("f(1)")
    for result, fits in ((same, True), (other, False)):
        match = match_at(pattern, result, result.roots)
        assert match is not None
        assert (where.failure(result, match) is None) == fits


# --- what it does not come from, and buffers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("f(x)", True),
        ("f(max(1, x))", False),
        ("s = max(1, x)\nf(s)", False),
        ("s = max(1, x)\ns = x\nf(s)", True),
        ("s = x - 1\nt = s\nf(t)", True),
        ("s = max(1, x)\nt = s\nf(t)", False),
        ("s = max(1, x)\nf(s - 1)", True),
    ],
)
def test_what_a_hole_must_not_come_from(text: str, fits: bool) -> None:
    assert bool(found("f($D)", f"{text}\n", "f", where={"D": {"not_from": "max($$$)"}})) is fits


BUFFER = """
class K(Module):
    def __init__(self):
        self.register_buffer("ring", zeros(4))
        self.register_buffer(name='place', tensor=zeros(1))
        self.plain = zeros(4)

    def forward(self, v, other):
        {line} = v

class L(Module):
    def forward(self):
        self.ring = 1
"""


@pytest.mark.parametrize(
    ("line", "count"),
    [("self.ring", 1), ("self.place", 1), ("self.plain", 0), ("other.ring", 0), ("ring", 0), ("self.ring.data", 0)],
)
def test_a_buffer_is_what_its_own_class_registers(line: str, count: int) -> None:
    where = {"B": {"buffer": "yes"}}
    assert len(found("$B = v", BUFFER.format(line=line), "v", where=where)) == count


def test_a_flag_is_yes_or_left_out() -> None:
    with pytest.raises(PatternError, match="`buffer` is `yes`, or is left out"):
        compile_where({"B": {"buffer": "no"}}, ())


def test_what_is_asked_is_said() -> None:
    where = compile_where({"B": {"not_from": "max($$$)", "buffer": "yes"}}, ())
    assert [said for _, said, _ in where.asked()] == [
        "$B was not assigned `max($$$)` and is a buffer that its class registers."
    ]
