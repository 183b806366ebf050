"""inside: a header around the place, whose holes the step may use."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs.replace import Replace
from tests.tiny import Tiny, step
from tests.verbs.checks import check_noop, check_transformed

LOOP = {"replace": "step($X)", "with": "step($X, $I)", "inside": "for $I in range($$$)", "local": ["step"]}
GUARDED = {"replace": "step($X)", "with": "step($X, 1)", "inside": "if ready", "local": ["step", "ready"]}


def test_a_hole_of_the_header_in_the_replacement() -> None:
    check_transformed(
        LOOP,
        "step(0)\nfor i in range(3):\n    if i:\n        step(1)\n",
        "step(0)\nfor i in range(3):\n    if i:\n        step(1, i)\n",
    )


def test_the_innermost_header_counts() -> None:
    check_transformed(
        LOOP,
        "for i in range(3):\n    for j in range(2):\n        step(1)\n    step(2)\n",
        "for i in range(3):\n    for j in range(2):\n        step(1, j)\n    step(2, i)\n",
    )


def test_a_hole_that_both_name_is_the_same_code() -> None:
    keys = {"delete": "assert $P is not None", "inside": "for $P in $_", "in": "a.py"}
    check_transformed(
        keys,
        "for p in ps:\n    assert p is not None\n    assert q is not None\n    use(p)\n",
        "for p in ps:\n    assert q is not None\n    use(p)\n",
    )


def test_a_wrapped_statement() -> None:
    keys = {"wrap": "save($M)", "under": "if $R == 0", "inside": "def $_(rank=$_)", "local": ["save", "rank"]}
    with pytest.raises(PatternError, match=r"\$R is bound by no pattern"):
        check_noop(keys, "def f(rank=0):\n    save(m)\n")


def test_an_edit_inside_of_a_with_block() -> None:
    keys = {"edit": "build(kind=$K)", "to": {"K": "$D"}, "inside": "with torch.device($D)", "local": ["build"]}
    check_transformed(
        keys,
        "import torch\nwith torch.device(name):\n    build(kind='a')\nbuild(kind='a')\n",
        "import torch\nwith torch.device(name):\n    build(kind=name)\nbuild(kind='a')\n",
    )


def test_a_parameters_default_is_reached_by_its_header() -> None:
    keys = {"edit": "def $_(device=$D)", "where": {"D": "'cuda'"}, "to": {"D": "None"}}
    check_transformed(
        keys,
        "def f(x, device='cuda', *, y=1): ...\ndef g(device='cpu'): ...\n",
        "def f(x, device=None, *, y=1): ...\ndef g(device='cpu'): ...\n",
    )


def test_the_body_of_an_elif_stands_inside_of_its_own_test() -> None:
    check_transformed(
        GUARDED,
        "if a:\n    step(1)\nelif ready:\n    step(2)\nelse:\n    step(3)\n",
        "if a:\n    step(1)\nelif ready:\n    step(2, 1)\nelse:\n    step(3)\n",
    )


def test_a_body_on_the_line_of_its_header() -> None:
    check_transformed(GUARDED, "if ready: step(1)\nelse: step(2)\n", "if ready: step(1, 1)\nelse: step(2)\n")


def test_a_block_in_the_else_of_its_own_kind() -> None:
    check_transformed(
        LOOP,
        "for i in range(3):\n    pass\nelse:\n    for j in range(2):\n        step(1)\n",
        "for i in range(3):\n    pass\nelse:\n    for j in range(2):\n        step(1, j)\n",
    )


def test_the_else_of_a_loop_stands_inside_of_the_loop_around_it() -> None:
    check_transformed(
        LOOP,
        "for i in range(3):\n    for j in range(2):\n        pass\n    else:\n        step(1)\n",
        "for i in range(3):\n    for j in range(2):\n        pass\n    else:\n        step(1, i)\n",
    )


def test_a_parameter_that_the_header_names_is_not_taken_for_its_hole_too() -> None:
    check_transformed(
        {"insert": "$X = $X.float()", "first_in": "def forward(self, $X)"},
        "class A:\n    def forward(self, x, dim=1):\n        return x\n\n    def f(self): ...\n",
        "class A:\n    def forward(self, x, dim=1):\n        x = x.float()\n        return x\n\n    def f(self): ...\n",
    )


def test_a_header_with_more_parameters_than_there_are_is_none() -> None:
    keys = {"insert": "$X = $X.float()", "first_in": "def forward(self, $X)"}
    check_noop(keys, "class A:\n    def forward(self):\n        return 1\n")


def test_the_default_of_a_parameter_that_the_header_names() -> None:
    check_transformed(
        {"replace": "step($X)", "with": "step($X, 1)", "inside": "def $_($$$, device=$_)", "local": ["step"]},
        "def f(x=step(1), *, device=lambda: step(2)) -> step(3): ...\n",
        "def f(x=step(1), *, device=lambda: step(2, 1)) -> step(3): ...\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():\n        step(1)", "def f():\n        step(1, i)"),
        ("[y for y in step(1)]", "[y for y in step(1, i)]"),
        ("(lambda i=step(1): i)()", "(lambda i=step(1, i): i)()"),
        ("i += 1\n    step(1)", "i += 1\n    step(1, i)"),
        ("i = i % n\n    step(1)", "i = i % n\n    step(1, i)"),
        ("step(1)\n    for i in y: pass", "step(1, i)\n    for i in y: pass"),
        ("def g(): step(1)\nfor i in y: pass", "def g(): step(1, i)\nfor i in y: pass"),
    ],
)
def test_the_variable_of_a_header_is_seen_there(before: str, after: str) -> None:
    check_transformed(LOOP, f"for i in range(3):\n    {before}\n", f"for i in range(3):\n    {after}\n")


def test_a_parameter_stays_the_same_variable() -> None:
    check_transformed(
        {"replace": "step($X)", "with": "step($X, $D)", "inside": "def $_($D=None)", "local": ["step"]},
        "def f(d=None):\n    if d is None:\n        d = make()\n    step(1)\n",
        "def f(d=None):\n    if d is None:\n        d = make()\n    step(1, d)\n",
    )


HANDLED = """\
try:
    step(1)
except ValueError as e:
    step(2)
except (ValueError, KeyError) as e:
    step(3)
except ValueError:
    step(4)
else:
    step(5)
finally:
    step(6)
"""
MATCHED = """\
match step(1):
    case [x, y] if step(2):
        step(3)
    case Point(x=0) | None:
        step(4)
    case _:
        step(5)
"""


@pytest.mark.parametrize(
    ("inside", "text", "changed"),
    [
        ("try", HANDLED, [1]),
        ("except ValueError as $_", HANDLED, [2]),
        ("except $_ as $E", HANDLED, [2, 3]),
        ("except $_", HANDLED, [4]),
        ("except* ValueError", HANDLED.replace("except", "except*"), [4]),
        ("match step(1)", MATCHED, [2, 3, 4, 5]),
        ("case $_ if $_", MATCHED, [3]),
        ("case Point(x=$_) | None", MATCHED, [4]),
        ("case $_", MATCHED, [4, 5]),
        ("async with $_ as $_", "async def f():\n    async with x as y: step(1)\n    with x as y: step(2)\n", [1]),
        ("with $_ as $_", "async def f():\n    async with x as y: step(1)\n    with x as y: step(2)\n", [2]),
        ("for $_ in $_", "async def f():\n    async for x in y: step(1)\n    for x in y: step(2)\n", [2]),
        ("def f($$$)", "async def f():\n    step(1)\n", [1]),
    ],
)
def test_every_header_of_a_block(inside: str, text: str, changed: list[int]) -> None:
    keys = {"replace": "step($X)", "with": "step($X, 0)", "inside": inside, "local": ["step", "Point"]}
    after = text
    for number in changed:
        after = after.replace(f"step({number})", f"step({number}, 0)")
    check_transformed(keys, text, after)


# --- where, of a hole that only the header binds --------------------------------------------------------------------

TESTED: dict[str, Any] = {
    "replace": "step($X)",
    "with": "step($X, 1)",
    "inside": "if $C",
    "local": ["step", "rank", "a"],
}
TESTS = "if rank == 0:\n    step(1)\nif a:\n    step(2)\nelif rank == 1:\n    step(3)\nstep(4)\n"


def taken(text: str, *numbers: int) -> str:
    """The text with the result of the step in place of some calls."""
    for number in numbers:
        text = text.replace(f"step({number})", f"step({number}, 1)")
    return text


@pytest.mark.parametrize(
    ("wanted", "changed"),
    [
        ("rank == 0", [1]),
        (["rank == 0", "a"], [1, 2]),
        ("rank == $_", [1, 3]),
        ({"not": "rank == 0"}, [2, 3]),
        ({"not": ["rank == 0", "a"]}, [3]),
        ({"not": "rank == 0", "from": "rank"}, [3]),
    ],
)
def test_a_constraint_of_the_headers_hole(wanted: Any, changed: list[int]) -> None:
    check_transformed({**TESTED, "where": {"C": wanted}}, TESTS, taken(TESTS, *changed))


@pytest.mark.parametrize(
    ("keys", "after"),
    [
        ({"delete": "step($X)", "in": "a.py"}, "pass"),
        ({"insert": "print($C)", "before": "step($X)"}, "print(a)\n    step(2)"),
        ({"wrap": "step($X)", "under": "if $X"}, "if 2:\n        step(2)"),
        ({"edit": "step($X)", "to": {"X": "9"}}, "step(9)"),
        ({"edit": "step($X)", "to": {"X": "$C"}}, "step(a)"),
    ],
)
def test_every_verb_asks_it(keys: dict[str, Any], after: str) -> None:
    keys = {**keys, "inside": "if $C", "where": {"C": "a"}, "local": ["step", "a"]}
    check_transformed(keys, TESTS, TESTS.replace("step(2)", after))


def test_what_a_header_is_made_of() -> None:
    keys = {**TESTED, "where": {"C": {"from": "lib.ok()"}}}
    text = "import lib\nok = lib.ok()\nif ok:\n    step(1)\nif a:\n    step(2)\n"
    check_transformed(keys, text, taken(text, 1))


def test_the_innermost_block_that_is_as_wanted_counts() -> None:
    keys = {**LOOP, "inside": "for $I in $S", "where": {"S": "range($$$)"}}
    check_transformed(
        keys,
        "for i in range(3):\n    for j in things:\n        step(1)\n",
        "for i in range(3):\n    for j in things:\n        step(1, i)\n",
    )


def test_one_of_several_parameters_that_is_as_wanted() -> None:
    keys = {**TESTED, "inside": "def $_($P=$D)", "where": {"D": "'cuda'"}, "with": "step($X, $P)"}
    check_transformed(
        keys,
        "def f(a=1, b='cuda', c=2):\n    step(1)\ndef g(a=1):\n    step(2)\n",
        "def f(a=1, b='cuda', c=2):\n    step(1, b)\ndef g(a=1):\n    step(2)\n",
    )


def test_a_hole_of_the_pattern_that_is_one_of_the_header() -> None:
    text = "for i in x:\n    for j in y:\n        step(i)\n        step(j)\n        step(k)\n"
    keys = {**LOOP, "inside": "for $I in $_", "where": {"X": "$I"}}
    check_transformed(keys, text, text.replace("(i)", "(i, i)").replace("(j)", "(j, j)"))
    unlike = {**keys, "where": {"X": {"not": "$I"}}, "with": "step($X, 0)"}
    one = "for i in x:\n    step(i)\n    step(k)\n"
    check_transformed(unlike, one, one.replace("(k)", "(k, 0)"))
    some = {**keys, "where": {"X": {"from": "$I"}}, "with": "step($X, 0)"}
    check_transformed(
        some, "for i in x:\n    step(i + 1)\n    step(k)\n", "for i in x:\n    step(i + 1, 0)\n    step(k)\n"
    )


def test_an_edited_hole_that_is_one_of_the_header() -> None:
    text = "for i in x:\n    for j in y:\n        step(i)\n        step(k)\n"
    keys = {"edit": "step($X)", "to": {"X": "-$I"}, "where": {"X": "$I"}, "inside": "for $I in $_", "local": ["step"]}
    check_transformed({**keys, "already": "step(-i)", "local": ["step", "i"]}, text, text.replace("(i)", "(-i)"))


# --- nothing changes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "if ready:\n    pass\nelse:\n    step(1)\n",
        "if ready:\n    pass\nelif x:\n    step(1)\n",
        "if ready:\n    pass\nelif step(1):\n    pass\n",
        "if ready: pass\nelse: step(1)\n",
        "if a:\n    step(1)\nelif ready:\n    pass\nelif b:\n    step(2)\nelse:\n    step(3)\n",
        "while ready:\n    pass\nelse:\n    step(1)\n",
    ],
)
def test_an_else_does_not_stand_inside_of_its_header(text: str) -> None:
    check_noop(GUARDED, text)


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("for $_ in $_", "for i in step(1):\n    pass\nelse:\n    step(2)\n"),
        ("for $_ in $_", "for x[step(1)] in y: pass\n"),
        ("while $_", "while step(1):\n    pass\nelse:\n    step(2)\n"),
        ("with $_ as $_", "with step(1) as w: pass\n"),
        ("class $_($$$)", "@step(1)\nclass A(step(2)): pass\n"),
        ("def $_($$$)", "@step(1)\ndef f(x: step(2) = step(3)) -> step(4): ...\n"),
        ("def $_(device=$_)", "@step(1)\ndef f(x=step(2), device: step(3) = None, *y: step(4)) -> step(5): ...\n"),
        ("def $_(device=$_)", "def f(device=1):\n    pass\nlambda device=step(1): step(2)\n"),
    ],
)
def test_the_header_itself_is_not_inside(inside: str, text: str) -> None:
    check_noop({"replace": "step($X)", "with": "step($X, 1)", "inside": inside, "local": ["step"]}, text)


def test_what_a_header_binds_is_not_written_into_the_header() -> None:
    check_noop(LOOP, "for i in range(step(1)): pass\n")


def test_an_else_is_not_deleted_or_filled_for_its_header() -> None:
    text = "if ready:\n    pass\nelse:\n    step(1)\n"
    check_noop({"delete": "step($X)", "inside": "if ready", "local": ["step", "ready"]}, text)
    check_noop({"insert": "print($X)", "after": "step($X)", "inside": "if ready", "local": ["step", "ready"]}, text)
    check_noop({"wrap": "step($X)", "under": "if $X", "inside": "if ready", "local": ["step", "ready"]}, text)
    check_noop({"edit": "step($X)", "to": {"X": "-$X"}, "inside": "if ready", "local": ["step", "ready"]}, text)


def test_another_header_is_not_the_wanted_one() -> None:
    check_noop(LOOP, "for i in things:\n    step(1)\nwhile x:\n    step(2)\n")


def test_its_own_result_is_known() -> None:
    check_noop(LOOP, "for i in range(3):\n    step(1, i)\n", "2: already")


@pytest.mark.parametrize("wanted", ["b", ["b", "c"], {"not": ["rank == $_", "a"]}, {"from": "b"}])
def test_no_header_is_as_wanted(wanted: Any) -> None:
    check_noop({**TESTED, "where": {"C": wanted}, "local": ["step", "rank", "a", "b", "c"]}, TESTS)


def test_a_result_in_another_block_is_not_known() -> None:
    keys = {**TESTED, "where": {"C": "a"}}
    check_noop(keys, "if a:\n    step(1, 1)\nif b:\n    step(2, 1)\n", "2: already")


def test_an_edit_in_another_block_is_none() -> None:
    keys = {"edit": "step($X)", "to": {"X": "9"}, "inside": "for $I in $_", "where": {"I": "c"}, "local": ["step", "c"]}
    check_noop(keys, "for i in x:\n    step(1)\n    step(9)\n")


def test_what_the_header_fails_is_told(tiny: Tiny) -> None:
    tiny.one("if rank == 0:\n    step(1)\n").recipe(
        step("swap", **{**TESTED, "where": {"C": {"not": "$_ == 0"}}}, expect="1")
    )
    told = str(tiny.plan().step("swap")["reason"])
    assert "The nearest is a.py:2, where `rank == 0` is `$_ == 0`, which $C must not be." in told
    result = tiny.patcher("explain", f"{tiny.tree}/a.py:2", "-r", tiny.file)
    assert "`rank == 0` is `$_ == 0`, which $C must not be." in result.out


@pytest.mark.parametrize("wanted", ["$Z", "$_", "$X", {"not": "$Z"}, {"from": "$Z"}, ["a", "$Z"]])
def test_a_hole_that_says_nothing_of_another_does_not_load(wanted: Any) -> None:
    with pytest.raises(PatternError, match="alone matches everything") as caught:
        Replace.compile({**TESTED, "where": {"X": wanted}})
    assert caught.value.at == ("where", "X")


def test_no_header_around_it() -> None:
    check_noop(LOOP, "step(1)\nfor i in range(3):\n    pass\nstep(2)\n")


@pytest.mark.parametrize("inside", ["f(x)", "for x", "else", "finally", "try except", "case", "except X: pass"])
def test_what_is_no_header_does_not_load(inside: str) -> None:
    with pytest.raises(PatternError, match=r"header|not Python"):
        Replace.compile({"replace": "f($X)", "with": "g($X)", "inside": inside})


ELSE = "2: refused: `i` is bound to something else there, and the replacement needs that of line 1; rename one of the two first"


@pytest.mark.parametrize(
    "line",
    [
        "def g(i): step(1)",
        "(lambda i: step(1))(1)",
        "[step(1) for i in x]",
        "{k: step(1) for k, (*i, _) in x}",
        "[[step(1) for j in i] for i in x]",
        "class A: i = step(1)",
        "def g(): i = step(1)",
    ],
)
def test_what_hides_the_variable_of_a_header(line: str) -> None:
    check_noop(LOOP, f"for i in range(3):\n    {line}\n", ELSE)


@pytest.mark.parametrize(
    ("lines", "bound", "at"),
    [
        ("for i in x: step(1)", 2, 2),
        ("for i in x: pass\n    step(1)", 2, 3),
        ("with x as i: step(1)", 2, 2),
        ("i = 5\n    step(1)", 2, 3),
        ("import i\n    step(1)", 2, 3),
        ("while x:\n        step(1)\n        i = 0", 4, 3),
        ("try: pass\n    except x as i: step(1)", 3, 3),
        ("def g(): step(1)\n    with x as i: pass", 3, 2),
        ("def i(): step(1)", 2, 2),
    ],
)
def test_what_binds_the_variable_of_a_header_anew(lines: str, bound: int, at: int) -> None:
    reason = f"`i` is bound anew in line {bound}, and the replacement needs that of line 1; rename one of the two first"
    check_noop(LOOP, f"for i in range(3):\n    {lines}\n", f"{at}: refused: {reason}")


def test_a_name_of_a_default_that_a_parameter_hides() -> None:
    check_noop(
        {"replace": "step($X)", "with": "step($X, $D)", "inside": "def $_(device=$D)", "local": ["step"]},
        "def f(kind, device=kind):\n    step(1)\n",
        "2: refused: `kind` is bound to something else there, and the replacement needs that of line 1; rename one of the two first",
    )


def test_a_variable_of_a_class_is_not_seen_in_its_methods() -> None:
    check_noop(
        LOOP,
        "class A:\n    for i in range(3):\n        def g(self): step(1)\n",
        "3: refused: `i` is not in scope there, and the replacement needs that of line 2",
    )


@pytest.mark.parametrize("key", ["first_in", "last_in"])
def test_a_clause_is_only_asked_for(key: str) -> None:
    with pytest.raises(PatternError, match="not Python"):
        check_noop({"insert": "print(1)", key: "except ValueError"}, HANDLED)
    with pytest.raises(PatternError, match="not Python"):
        check_noop({"wrap": "step($X)", "under": "try", "local": ["step"]}, HANDLED)


def test_what_an_except_binds_is_not_written_where_another_name_hides_it() -> None:
    keys = {"replace": "step($X)", "with": "step($X, $E)", "inside": "except $_ as $E", "local": ["step"]}
    check_noop(
        keys,
        "try: pass\nexcept ValueError as e:\n    def g(e): step(1)\nelse:\n    step(2)\n",
        "3: refused: `e` is bound to something else there, and the replacement needs that of line 2; rename one of the two first",
    )
