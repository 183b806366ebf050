"""Places that would break their file are refused alone, whichever verb it is, and the others are written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tiny import Tiny, step
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped

LOCAL = {"local": ["f", "g", "x"]}
AWAITED: dict[str, Any] = {"replace": "f($X)", "with": "await g($X)", **LOCAL, "needs": ["from lib import g"]}
LAZY: dict[str, Any] = {"replace": "f($X)", "with": "g(lambda: $X)", **LOCAL}
DETACHED: dict[str, Any] = {"replace": "$X.data", "with": "$X.detach()"}
ASSIGNED = "refused: it is assigned to there, which the replacement cannot be; change that statement by hand"
AWAIT = "'await' outside async function"
DELETED = ASSIGNED.replace("assigned to", "deleted")


def uncompiled(reason: str) -> str:
    return f"refused: the result would not compile: {reason}"


def moved(code: str) -> str:
    return f"refused: `{code}` would belong to another function there; move it out first"


# --- what does not compile ------------------------------------------------------------------------------------------


def test_only_the_place_that_does_not_compile_is_refused() -> None:
    check_transformed(
        AWAITED,
        "from lib import g\ndef a():\n    return f(1)\nasync def b():\n    return f(2)\n",
        "from lib import g\ndef a():\n    return f(1)\nasync def b():\n    return await g(2)\n",
        f"3: {uncompiled(AWAIT)}",
        "5: applied",
        partly=True,
    )


def test_what_a_refused_place_needs_is_not_put_in() -> None:
    check_noop(
        AWAITED,
        "import os\ndef a(): f(1)\n",
        f"2: {uncompiled(AWAIT)}",
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = "from lib import g\ndef a():\n    f(1)\nasync def b():\n    f(2)\n"
    check_transformed(AWAITED, shaped(before, shape), shaped(before.replace("f(2)", "await g(2)"), shape), partly=True)


@pytest.mark.parametrize(
    ("keys", "text", "after", "reason"),
    [
        ({"insert": "continue", "after": "f($$$)"}, "f(1)\nfor i in y:\n    f(2)\n", "    f(2)\n    continue\n", "'continue' not properly in loop"),
        ({"insert": "return", "after": "f($$$)"}, "f(1)\ndef h():\n    f(2)\n", "    f(2)\n    return\n", "'return' outside function"),
        ({"replace": "g($X)", "with": "(yield $X)"}, "g(1)\ndef h():\n    g(2)\n", "    (yield 2)\n", "'yield' outside function"),
        ({"edit": "f($X)", "to": {"X": "await $X"}}, "f(1)\nasync def h():\n    f(2)\n", "    f(await 2)\n", "'await' outside function"),
    ],
)  # fmt: skip
def test_every_verb_is_asked(keys: dict[str, Any], text: str, after: str, reason: str) -> None:
    head = text.rpartition("    ")[0]
    check_transformed({**LOCAL, **keys}, text, head + after, f"1: {uncompiled(reason)}", "3: applied", partly=True)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("return", "'return' outside function"),
        ("if x:\n    return x", "'return' outside function"),
        ("class A:\n    return", "'return' outside function"),
        ("break", "'break' outside loop"),
        ("continue", "'continue' not properly in loop"),
        ("x = yield", "'yield' outside function"),
        ("await x", "'await' outside function"),
        ("async with x: pass", "'async with' outside async function"),
        ("async for x in x: pass", "'async for' outside async function"),
        ("x = *x", "can't use starred expression here"),
        ("def h(x, x): ...", "duplicate argument 'x' in function definition"),
    ],
)
def test_lines_that_cannot_stand_at_the_top(code: str, reason: str) -> None:
    check_noop({"insert": code, "after": "f($X)", **LOCAL}, "x = 1\nf(x)\n", f"2: {uncompiled(reason)}")


def test_a_name_that_is_global_further_down() -> None:
    keys = {"insert": "x = y", "first_in": "def $_($$$)", "local": ["x", "y"]}
    check_transformed(
        keys,
        "y = 1\ndef a():\n    global x\n    return x\ndef b():\n    return x\n",
        "y = 1\ndef a():\n    global x\n    return x\ndef b():\n    x = y\n    return x\n",
        f"2: {uncompiled('name ' + repr('x') + ' is assigned to before global declaration')}",
        "5: applied",
        partly=True,
    )


def test_what_a_nonlocal_leads_to_is_not_deleted() -> None:
    text = "def a():\n    x = 1\n    def b():\n        nonlocal x\n        x = 2\n    return b\n"
    check_noop(
        {"delete": "x = 1", "local": ["x"]}, text, f"2: {uncompiled('no binding for nonlocal ' + repr('x') + ' found')}"
    )


def test_a_file_that_did_not_compile_before_is_edited() -> None:
    text = "x = f(1)\nreturn x\n"
    keys = {"replace": "f($X)", "with": "g($X)", "local": ["f", "g"], "needs": ["from lib import g"]}
    after = "from lib import g\nx = g(1)\nreturn x\n"
    check_transformed(keys, text, after)
    check_transformed(
        {**AWAITED, "needs": []}, "from lib import g\nf(1)\nreturn\n", "from lib import g\nawait g(1)\nreturn\n"
    )


def test_a_match_around_a_refused_one_is_not_put_off_for_it() -> None:
    keys = {"replace": "f($X)", "with": "g(lambda: $X, 1)", "local": ["f", "g"], "needs": ["g"]}
    check_transformed(
        keys,
        "from lib import g\nasync def a():\n    f(f(await x))\n    f(f(1))\n",
        "from lib import g\nasync def a():\n    f(f(await x))\n    g(lambda: g(lambda: 1, 1), 1)\n",
        partly=True,
    )
    check_noop(
        {"replace": "f($X)", "with": "[await g($X)]", "local": ["f", "g"], "needs": ["g"]},
        "from lib import g\ndef a():\n    f(f(1))\n",
        f"3: {uncompiled(AWAIT)}",
        f"3: {uncompiled(AWAIT)}",
    )


def test_two_places_that_break_the_file_together() -> None:
    keys = {"insert": "from __future__ import annotations", "before": "f($X)", "each": "yes", "local": ["f"]}
    told = uncompiled("from __future__ imports must occur at the beginning of the file")
    check_transformed(
        keys,
        "f(1)\nif a:\n    f(2)\n",
        "from __future__ import annotations\nf(1)\nif a:\n    f(2)\n",
        "1: applied",
        f"3: {told}",
        partly=True,
    )


def test_a_notebook_awaits_at_its_top() -> None:
    keys = {**AWAITED, "needs": ["g"]}
    check_transformed(
        keys,
        {"a.ipynb": notebook("from lib import g", "f(1)", "def h(): return f(2)", "%time f(3)")},
        {"a.ipynb": notebook("from lib import g", "await g(1)", "def h(): return f(2)", "%time f(3)")},
        partly=True,
    )


def test_a_plan_that_does_not_compile_is_a_mistake(tiny: Tiny) -> None:
    before = "def f():\n    x = 1\n    return x\n"
    tiny.one(before).recipe(step("swap", text="def f\\(\\)", **{"with": "class F"}, within="a.py"))
    result = tiny.apply()
    assert (result.code, tiny.read()) == (2, before)
    assert (
        "After the step swap a.py:3 would not compile ('return' outside function); nothing was written."
        in result.stderr
    )


# --- what is stored to ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("p.data = q", ASSIGNED),
        ("a = p.data = q", ASSIGNED),
        ("p.data += q", ASSIGNED),
        ("p.data: int = q", ASSIGNED),
        ("a, (b, *p.data) = q", ASSIGNED),
        ("[a, p.data] = q", ASSIGNED),
        ("for p.data in q: pass", ASSIGNED),
        ("with q as (a, p.data): pass", ASSIGNED),
        ("[a for p.data in q]", ASSIGNED),
        ("del p.data", DELETED),
        ("del a, (p.data, b)", DELETED),
    ],
)
def test_a_place_that_is_stored_to_is_refused(line: str, told: str) -> None:
    check_noop(DETACHED, f"{line}\n", f"1: {told}")


def test_beside_it_the_others_are_written() -> None:
    before = "loss = out.data.sum()\nfor p in params:\n    p.data = p.data - lr * p.grad.data\n"
    after = "loss = out.detach().sum()\nfor p in params:\n    p.data = p.detach() - lr * p.grad.detach()\n"
    told = ("1: applied", f"3: {ASSIGNED}", "3: applied", "3: applied")
    check_transformed(DETACHED, before, after, *told, partly=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("p.data[0] = 1", "p.detach()[0] = 1"),
        ("p.data.x = 1", "p.detach().x = 1"),
        ("x[p.data] = 1", "x[p.detach()] = 1"),
        ("x[p.data:1] = 1", "x[p.detach():1] = 1"),
        ("del p.data[0]", "del p.detach()[0]"),
        ("for x in p.data: pass", "for x in p.detach(): pass"),
        ("with p.data as x: pass", "with p.detach() as x: pass"),
        ("a, b = p.data, p.data", "a, b = p.detach(), p.detach()"),
        ("x: p.data = 1", "x: p.detach() = 1"),
    ],
)
def test_beside_a_target_it_is_written(before: str, after: str) -> None:
    check_transformed(DETACHED, f"{before}\n", f"{after}\n")


@pytest.mark.parametrize("line", ["p.data = q", "del p.data", "p.data += 1", "for p.data in q: pass", "a, p.data = q"])
def test_what_can_be_stored_to_is_written(line: str) -> None:
    keys = {"replace": "$X.data", "with": "$X.value"}
    check_transformed(keys, f"{line}\n", f"{line.replace('data', 'value')}\n")
    keys = {"replace": "$X.data", "with": "$X['data']"}
    check_transformed(keys, f"{line}\n", f"{line.replace('.data', '[' + repr('data') + ']')}\n")


def test_an_item_that_is_stored_to_and_a_slice() -> None:
    keys = {"replace": "$X[$I]", "with": "get($X, $I)", "needs": ["get"], "local": ["get"]}
    check_transformed(
        keys,
        "from lib import get\nt[0]\nt[1:2]\nt[1] = 3\ndel t[2]\nt[a, b]\n",
        "from lib import get\nget(t, 0)\nt[1:2]\nt[1] = 3\ndel t[2]\nt[a, b]\n",
        "2: applied",
        f"4: {ASSIGNED}",
        f"5: {DELETED}",
        partly=True,
    )


def test_an_edited_target_is_refused() -> None:
    keys = {"edit": "$A = f($B)", "to": {"A": "g($A)"}, "local": ["f", "g"]}
    check_noop(keys, "from lib import g\nx = f(1)\n", f"2: {ASSIGNED}")


# --- what belongs to a function -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("def h(): f((yield 1))", "(yield 1)"),
        ("def h(): f([(yield)])", "(yield)"),
        ("def h(): f((yield from y))", "(yield from y)"),
        ("async def h(): f(await y)", "await y"),
        ("async def h(): f([z async for z in y])", "async for z in y"),
        ("f(y := 1)", "y := 1"),
        ("f([y := z for z in a])", "y := z"),
        ("lambda: f((yield))", "(yield)"),
    ],
)
def test_what_belongs_to_the_function_is_not_moved_into_another(line: str, code: str) -> None:
    check_noop(LAZY, f"from lib import g\n{line}\n", f"2: {moved(code)}")


@pytest.mark.parametrize(
    "held",
    ["lambda: (yield)", "[z for z in y]", "h(lambda a: (b := a))", "(z for z in y)"],
)
def test_what_has_a_function_of_its_own_comes_along(held: str) -> None:
    check_transformed(LAZY, f"from lib import g\nf({held})\n", f"from lib import g\ng(lambda: {held})\n")


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        (
            {"replace": "f(lambda: $X)", "with": "g(lambda: ($X, 1))"},
            "f(lambda: (yield))",
            "g(lambda: ((yield), 1))",
        ),
        (
            {"replace": "f(lambda: h($X))", "with": "f(lambda: g($X, 0))", "local": ["f", "g", "h"]},
            "f(lambda: h((yield)))",
            "f(lambda: g((yield), 0))",
        ),
        ({"replace": "f($X)", "with": "g($X, lambda: 1)"}, "def h(): f((yield))", "def h(): g((yield), lambda: 1)"),
        ({"replace": "f($X)", "with": "g(lambda a=$X: a)"}, "async def h(): f(await y)", "async def h(): g(lambda a=await y: a)"),
        ({"replace": "f($X)", "with": "[g($X)]"}, "async def h(): f(await y)", "async def h(): [g(await y)]"),
        ({"edit": "f(lambda: $X)", "to": {"X": "g($X)"}}, "f(lambda: (yield))", "f(lambda: g((yield)))"),
        (
            {"replace": "def h($$$A):\n    $$$B", "with": "def h($$$A):\n    with g():\n        $$$B", "local": ["f", "g", "h"]},
            "def h(a):\n    yield a\n    return",
            "def h(a):\n    with g():\n        yield a\n        return",
        ),
    ],
)  # fmt: skip
def test_what_stays_in_its_function_is_written(keys: dict[str, Any], before: str, after: str) -> None:
    check_transformed({**LOCAL, **keys}, f"from lib import g\n{before}\n", f"from lib import g\n{after}\n")


@pytest.mark.parametrize(
    ("keys", "text", "code"),
    [
        ({"replace": "f(lambda: $X)", "with": "g($X, 1)"}, "def h(): f(lambda: (yield))", "(yield)"),
        ({"replace": "f(lambda: $X)", "with": "f(lambda: g(lambda: $X))"}, "f(lambda: (yield))", "(yield)"),
        ({"edit": "f($Y, lambda: $X)", "to": {"X": "$Y"}}, "def h(): f((yield), lambda: 1)", "(yield)"),
        ({"insert": "g($Y)", "after": "f(lambda: $Y)"}, "def h():\n    f(lambda: (yield))", "(yield)"),
        ({"replace": "x = 1\n$S", "with": "def h():\n    $S\nh()", "local": ["x", "h"]}, "def a():\n    x = 1\n    return 2", "return 2"),
    ],
)  # fmt: skip
def test_what_leaves_its_function_is_refused(keys: dict[str, Any], text: str, code: str) -> None:
    lines = text.splitlines()
    number = next(at for at, line in enumerate(lines, 2) if "f(" in line or "x = 1" in line)
    check_noop({**LOCAL, **keys}, f"from lib import g\n{text}\n", f"{number}: {moved(code)}")
