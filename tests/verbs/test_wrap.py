"""The verb `wrap`, as a specification: a statement gets a header above it and keeps every byte of its own."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs.wrap import Wrap
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped

SET: dict[str, Any] = {"wrap": "torch.cuda.set_device($$$)", "under": "if torch.cuda.is_available()"}
STEP: dict[str, Any] = {"wrap": "$O.step()", "under": "if config.train", "needs": ["config"]}
QUIET: dict[str, Any] = {"wrap": "lib.run($X)", "under": "with lib.off($X)"}
ALONE = "give it a line of its own first"


def transformed(keys: dict[str, Any], before: str, after: str, *places: str) -> None:
    check_transformed(keys, f"import lib, torch\n{before}\n", f"import lib, torch\n{after}\n", *places)


def noop(keys: dict[str, Any], text: str, *places: str) -> None:
    check_noop(keys, f"import lib, torch\n{text}\n", *places)


# --- the statement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.cuda.set_device(0)", "if torch.cuda.is_available():\n    torch.cuda.set_device(0)"),
        (
            "def f():\n  torch.cuda.set_device(0)",
            "def f():\n  if torch.cuda.is_available():\n    torch.cuda.set_device(0)",
        ),
        (
            "x = 1\n\n# above\ntorch.cuda.set_device(0)  # behind\n# below\n",
            "x = 1\n\n# above\nif torch.cuda.is_available():\n    torch.cuda.set_device(0)  # behind\n# below\n",
        ),
        (
            "torch.cuda.set_device(\n    # inside\n    0,\n\n    1)\nx = 1",
            "if torch.cuda.is_available():\n    torch.cuda.set_device(\n        # inside\n        0,\n\n"
            "        1)\nx = 1",
        ),
        (
            'torch.cuda.set_device("""\n  a\n    """, 1,\n  2)',
            'if torch.cuda.is_available():\n    torch.cuda.set_device("""\n  a\n    """, 1,\n      2)',
        ),
        (
            'torch.cuda.set_device(f"""\n{x}\n""" "b"\n  "c")',
            'if torch.cuda.is_available():\n    torch.cuda.set_device(f"""\n{x}\n""" "b"\n      "c")',
        ),
        (
            "torch.cuda.set_device( \\\n    0)",
            "if torch.cuda.is_available():\n    torch.cuda.set_device( \\\n        0)",
        ),
        ("torch.cuda.set_device(0);", "if torch.cuda.is_available():\n    torch.cuda.set_device(0);"),
        (
            "(torch.cuda.set_device(0))  # type: ignore",
            "if torch.cuda.is_available():\n    (torch.cuda.set_device(0))  # type: ignore",
        ),
        (
            "if a:\n    pass\nelse:\n    torch.cuda.set_device(0)\n    b()\nc()",
            "if a:\n    pass\nelse:\n    if torch.cuda.is_available():\n        torch.cuda.set_device(0)\n    b()\nc()",
        ),
        (
            "try:\n    a()\nfinally:\n    b()\n    torch.cuda.set_device(0)\n\n\nc()",
            "try:\n    a()\nfinally:\n    b()\n    if torch.cuda.is_available():\n"
            "        torch.cuda.set_device(0)\n\n\nc()",
        ),
    ],
)
def test_a_statement_goes_under_the_header(before: str, after: str) -> None:
    transformed(SET, before, after)


def test_a_statement_of_two_neighbours_each() -> None:
    transformed(
        SET,
        "torch.cuda.set_device(0)\ntorch.cuda.set_device(1)",
        "if torch.cuda.is_available():\n    torch.cuda.set_device(0)\n"
        "if torch.cuda.is_available():\n    torch.cuda.set_device(1)",
        "2: applied",
        "3: applied",
    )


def test_two_lines_go_under_one_header() -> None:
    step = {"wrap": "lib.a($X)\nlib.b($X)", "under": "if lib.ok($X)"}
    transformed(
        step,
        "lib.a(1)  # one\n# between\n\nlib.b(1)\nlib.a(2)\nlib.b(3)",
        "if lib.ok(1):\n    lib.a(1)  # one\n    # between\n\n    lib.b(1)\nlib.a(2)\nlib.b(3)",
        "2: applied",
    )


def test_a_loop_goes_under_a_header_as_a_whole() -> None:
    step = {"wrap": "for $I in lib.all($$$)", "under": "if lib.ok()"}
    transformed(
        step,
        "def f():\n    for i in lib.all():\n        # go\n        g(i)\n    else:\n        h()\n    return 1",
        "def f():\n    if lib.ok():\n        for i in lib.all():\n            # go\n            g(i)\n        else:\n"
        "            h()\n    return 1",
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("if x: torch.cuda.set_device(0)", "stands on the line of its header"),
        ("x = 1; torch.cuda.set_device(0)", "shares its line with another statement"),
        ("torch.cuda.set_device(0); x = 1", "shares its line with another statement"),
        ("with x: torch.cuda.set_device(0)", "stands on the line of its header"),
        ("class A: torch.cuda.set_device(0)", "stands on the line of its header"),
        ("def f(): torch.cuda.set_device(0)", "stands on the line of its header"),
    ],
)
def test_a_shared_line_is_refused(line: str, why: str) -> None:
    noop(SET, line, f"2: refused: it {why}; {ALONE}")


@pytest.mark.parametrize(
    "text",
    [
        "x = torch.cuda.set_device(0)",
        "return_ = [torch.cuda.set_device(0)]",
        "torch.cuda.set_device",
        "torch.cuda.set_device(0).x",
        "lambda: torch.cuda.set_device(0)",
        "lib.cuda.set_device(0)",
        "set_device(0)",
        "f(torch.cuda.set_device(0))",
        "partial(torch.cuda.set_device, 0)",
        "# torch.cuda.set_device(0)",
        "'torch.cuda.set_device(0)'",
        "def f(torch):\n    torch.cuda.set_device(0)",
        "def g():\n    class torch: ...\n    torch.cuda.set_device(0)",
    ],
)
def test_no_statement_of_that_kind(text: str) -> None:
    noop(SET, text)


@pytest.mark.parametrize(
    ("imports", "call", "test"),
    [
        ("import torch as t", "t.cuda.set_device", "t.cuda.is_available"),
        ("from torch import cuda", "cuda.set_device", "cuda.is_available"),
        ("import torch.cuda as c", "c.set_device", "c.is_available"),
        ("from torch.cuda import set_device as s, is_available", "s", "is_available"),
    ],
)
def test_the_header_is_written_as_the_file_imports_it(imports: str, call: str, test: str) -> None:
    check_transformed(SET, f"{imports}\n{call}(0)\n", f"{imports}\nif {test}():\n    {call}(0)\n")


def test_a_header_that_the_file_cannot_say_is_refused() -> None:
    reason = "`torch` is not imported there, and the replacement needs torch.cuda.is_available"
    text = "from torch.cuda import set_device\nset_device(0)\n"
    check_noop(SET, text, f"2: refused: {reason}")
    check_transformed(
        {**SET, "needs": ["import torch"]},
        text,
        "from torch.cuda import set_device\nimport torch\nif torch.cuda.is_available():\n    set_device(0)\n",
    )


# --- already --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "test",
    [
        "torch.cuda.is_available()",
        "(torch.cuda.is_available())",
        "torch.cuda.is_available() and rank == 0",
        "rank == 0 and (x or y) and torch.cuda.is_available()",
        "(rank == 0 and torch.cuda.is_available()) and z",
        "torch.cuda . is_available( )",
    ],
)
def test_under_that_test_it_is_there(test: str) -> None:
    noop(SET, f"if {test}:\n    torch.cuda.set_device(0)", "3: already")
    noop(SET, f"if {test}: torch.cuda.set_device(0)", "2: already")
    noop(SET, f"if {test}:\n    for x in y:\n        if z:\n            torch.cuda.set_device(0)", "5: already")
    noop(SET, f"if a: pass\nelif {test}:\n    torch.cuda.set_device(0)", "4: already")


@pytest.mark.parametrize(
    "test",
    [
        "not torch.cuda.is_available()",
        "torch.cuda.is_available() or rank == 0",
        "torch.cuda.is_available",
        "torch.cuda.is_available() == False",
        "lib.cuda.is_available()",
        "x",
    ],
)
def test_under_another_test_it_is_not(test: str) -> None:
    transformed(
        SET,
        f"if {test}:\n    torch.cuda.set_device(0)",
        f"if {test}:\n    if torch.cuda.is_available():\n        torch.cuda.set_device(0)",
    )


def test_the_other_branch_is_not_guarded() -> None:
    head = "if torch.cuda.is_available():\n    pass\n"
    transformed(
        SET,
        f"{head}else:\n    torch.cuda.set_device(0)",
        f"{head}else:\n    if torch.cuda.is_available():\n        torch.cuda.set_device(0)",
    )
    transformed(
        SET,
        f"{head}elif x:\n    torch.cuda.set_device(0)",
        f"{head}elif x:\n    if torch.cuda.is_available():\n        torch.cuda.set_device(0)",
    )


def test_a_test_around_the_function_does_not_guard_its_calls() -> None:
    transformed(
        SET,
        "if torch.cuda.is_available():\n    def f():\n        torch.cuda.set_device(0)",
        "if torch.cuda.is_available():\n    def f():\n        if torch.cuda.is_available():\n"
        "            torch.cuda.set_device(0)",
    )


def test_under_another_header_of_the_same_kind() -> None:
    noop(QUIET, "with lib.off(1):\n    lib.run(1)", "3: already")
    noop(QUIET, "with a, lib.off(1):\n    lib.run(1)", "3: already")
    transformed(QUIET, "with lib.off(2):\n    lib.run(1)", "with lib.off(2):\n    with lib.off(1):\n        lib.run(1)")
    transformed(
        QUIET,
        "try:\n    pass\nfinally:\n    lib.run(1)",
        "try:\n    pass\nfinally:\n    with lib.off(1):\n        lib.run(1)",
    )


def test_a_loop_over_that_is_there_and_its_else_is_not() -> None:
    step = {"wrap": "lib.run()", "under": "while lib.busy()"}
    noop(step, "while lib.busy():\n    lib.run()", "3: already")
    transformed(
        step,
        "while lib.busy():\n    pass\nelse:\n    lib.run()",
        "while lib.busy():\n    pass\nelse:\n    while lib.busy():\n        lib.run()",
    )


def test_a_local_name_in_the_header_is_known_again() -> None:
    transformed(
        STEP,
        "def f(config, o):\n    o.step()",
        "def f(config, o):\n    if config.train:\n        o.step()",
        "3: applied",
    )
    check_transformed(
        STEP, "from conf import config\no.step()\n", "from conf import config\nif config.train:\n    o.step()\n"
    )
    noop(STEP, "def f(config, o):\n    if config.train and x:\n        o.step()", "4: already")
    noop(STEP, "def f(o):\n    o.step()", "3: refused: `config` is not in scope there, and the replacement needs it")


# --- scope, constraints ---------------------------------------------------------------------------------------------


def test_only_the_scope() -> None:
    text = "torch.cuda.set_device(0)\n\n\ndef f():\n    torch.cuda.set_device(0)"
    head = "if torch.cuda.is_available():\n"
    inner = text.replace("    torch", f"    {head}        torch")
    transformed({**SET, "in": "a.py::f"}, text, inner, "6: applied")
    transformed({**SET, "not_in": "a.py::f"}, text, f"{head}    {text}", "2: applied")
    noop({**SET, "in": "a.py::g"}, text)


def test_a_constraint() -> None:
    step = {"wrap": "lib.run($X)", "under": "if lib.ok()", "where": {"X": {"not": "0"}}}
    transformed(step, "lib.run(0)\nlib.run(1)", "lib.run(0)\nif lib.ok():\n    lib.run(1)", "3: applied")


# --- what the statement binds ---------------------------------------------------------------------------------------

BIND: dict[str, Any] = {"wrap": "x = lib.f($$$)", "local": ["x"], "under": "if lib.ok()"}
HEAD = "import lib, torch\n"
GUARDED = "if lib.ok():\n    x = lib.f()"


def missing(line: int | str, name: str = "x", under: str = "if lib.ok()") -> str:
    reader = f"line {line}" if isinstance(line, int) else line
    return (
        f"refused: `{name}` would be bound only under `{under}`, and {reader} counts on it; bind it before that too, "
        "or guard what reads it first"
    )


@pytest.mark.parametrize(
    ("text", "line", "reader"),
    [
        ("x = lib.f()\nprint(x)", 2, 3),
        ("x = lib.f()\nx += 1", 2, 3),
        ("x = lib.f()\ndel x", 2, 3),
        ("x = lib.f()\ndef g(): return x", 2, 3),
        ("def g(): return x\nx = lib.f()", 3, 2),
        ("def g():\n    x = lib.f()\n    return x", 3, 4),
        ("def g():\n    x = lib.f()\n    return lambda: x", 3, 4),
        ("def g():\n    global x\n    x = lib.f()\nprint(x)", 4, 5),
        ("if a:\n    x = lib.f()\n    print(x)", 3, 4),
        ("if a:\n    x = 1\nelse:\n    x = lib.f()\nprint(x)", 5, 6),
        ("try:\n    x = lib.f()\nexcept E:\n    x = 1\nprint(x)", 3, 6),
        ("try:\n    pass\nexcept E as x:\n    pass\nx = lib.f()\nprint(x)", 6, 7),
        ("match a:\n    case x: pass\nx = lib.f()\nprint(x)", 4, 5),
        ("for x in a: pass\nx = lib.f()\nprint(x)", 3, 4),
        ("if (x := a) and b: pass\nx = lib.f()\nif c: x = 2\nprint(x)", 3, 5),
        ("for a in b:\n    if a: print(x)\n    x = lib.f()", 4, 3),
        ("x = lib.f()\nprint(x)\nx = 1", 2, 3),
        ("x = lib.f()\nif lib.ok(): pass\nelse: print(x)", 2, 4),
        ("x = lib.f()\nif lib.ok():\n    def g(): print(x)", 2, 4),
        ("x: int\nx = lib.f()\nprint(x)", 3, 4),
        ("x = lib.f()\ndef g(a: x): ...", 2, 3),
        ("x = lib.f()\n__all__ = ['x']", 2, "`__all__`"),
        ("class A:\n    x = lib.f()\n    y = x", 3, 4),
        ("class A:\n    x = lib.f()\n    def g(self): return self.x", 3, 4),
    ],
)
def test_what_a_statement_binds_must_not_be_missing(text: str, line: int, reader: int | str) -> None:
    check_noop(BIND, f"{HEAD}{text}\n", f"{line}: {missing(reader)}")


@pytest.mark.parametrize(
    "text",
    [
        "x = lib.f()",
        "x = None\nx = lib.f()\nprint(x)",
        "x = lib.f()\nx = 1\nprint(x)",
        "print(x)\nx = lib.f()",
        "x = lib.f()\nif lib.ok(): print(x)",
        "x = lib.f()\nif a and lib.ok():\n    for b in x: print(x)",
        "x = None\nx = lib.f()\ndef g(): return x",
        "x = lib.f()\ndef g(x): return x",
        "x = lib.f()\nprint([x for x in a])",
        "x = lib.f()\nprint(a.x)",
        "x = lib.f()\nx = 1\n__all__ = ['x']",
        "with a as x: pass\nx = lib.f()\nprint(x)",
        "def x(): ...\nx = lib.f()\nprint(x)",
        "import x\nx = lib.f()\nprint(x)",
        "class A:\n    x = 1\nx = lib.f()\nprint(A.x)",
    ],
)
def test_what_nothing_misses_may_be_bound_there_alone(text: str) -> None:
    transformed(BIND, text, text.replace("x = lib.f()", GUARDED))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def g(x):\n    x = lib.f()\n    return x", "def g(x):\n    if lib.ok():\n        x = lib.f()\n    return x"),
        (
            "class A:\n    x = 1\n    x = lib.f()\n    def g(self): return self.x",
            "class A:\n    x = 1\n    if lib.ok():\n        x = lib.f()\n    def g(self): return self.x",
        ),
    ],
)
def test_what_is_bound_before_may_be_bound_again(before: str, after: str) -> None:
    transformed(BIND, before, after)


def test_an_annotation_that_nothing_evaluates_misses_nothing() -> None:
    keys = {"wrap": "import apex", "under": "if typing.TYPE_CHECKING", "needs": ["import typing"]}
    text = "import apex\n\ndef f(x: apex.A) -> apex.B: ...\n"
    future = "from __future__ import annotations\nimport typing\n"
    guarded = text.replace("import apex\n", "if typing.TYPE_CHECKING:\n    import apex\n")
    check_transformed(keys, future + text, future + guarded)
    check_noop(keys, f"import typing\n{text}", f"2: {missing(4, 'apex', 'if typing.TYPE_CHECKING')}")


def test_a_with_always_runs_its_block() -> None:
    keys = {**BIND, "under": "with lib.off()"}
    transformed(keys, "x = lib.f()\nprint(x)", "with lib.off():\n    x = lib.f()\nprint(x)")


@pytest.mark.parametrize("under", ["while lib.ok()", "for y in lib.all()"])
def test_a_loop_may_run_its_block_never(under: str) -> None:
    keys = {**BIND, "under": under, "local": ["x", "y"]}
    check_noop(keys, f"{HEAD}x = lib.f()\nprint(x)\n", f"2: {missing(3, under=under)}")


@pytest.mark.parametrize(
    ("pattern", "text", "name"),
    [
        ("def f($$$)", "def f(): ...\nf()", "f"),
        ("class A", "class A(B): ...\nA()", "A"),
        ("import lib.sub", "import lib.sub as s, lib.sub\ns()", ""),
        ("from lib import $$$", "from lib import a, b\nb()", "b"),
        ("from lib import *", "from lib import *\nb()", "b"),
        ("for $I in lib.all()", "for i in lib.all(): ...\nprint(i)", "i"),
        ("with lib.a() as $X", "with lib.a() as y: z = 1\nprint(z)", "z"),
        ("lib.f($X)", "lib.f(y := 1)\nprint(y)", "y"),
        ("$A, $B = lib.f()", "a, (b, *c) = lib.f()\nprint(c)", "c"),
    ],
)
def test_every_kind_of_binding(pattern: str, text: str, name: str) -> None:
    keys = {"wrap": pattern, "under": "if lib.ok()"}
    check_noop(keys, f"{HEAD}{text}\n", *([f"2: {missing(3, name)}"] if name else []))


def test_what_is_only_made_larger_was_bound_before() -> None:
    keys = {"wrap": "$X += lib.f()", "under": "if lib.ok()"}
    transformed(keys, "if a: x = 1\nx += lib.f()\nprint(x)", "if a: x = 1\nif lib.ok():\n    x += lib.f()\nprint(x)")


def test_a_line_for_ipython_counts_on_it() -> None:
    cells = notebook("import lib\nx = lib.f()", "%time y = x")
    outcome = check_noop(BIND, {"a.ipynb": cells}, f"10: {missing(19)}")
    assert outcome.places[0].text == "x = lib.f()"


def test_a_file_that_imports_the_name_counts_on_it() -> None:
    text = "import lib\nx = lib.f()\n"
    guarded = text.replace("x = lib.f()", GUARDED)
    check_noop(BIND, {"a.py": text, "b.py": "from a import x\n"}, f"a.py:2: {missing('b.py')}")
    check_transformed(BIND, {"a.py": text, "b.py": "from c import x\n"}, {"a.py": guarded})
    check_transformed(BIND, {"a.py": f"x = 1\n{text}", "b.py": "from a import x\n"}, {"a.py": f"x = 1\n{guarded}"})


# --- layout ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = (
        "import torch\n\n\ndef f():\n    if 1:\n        # why\n        torch.cuda.set_device(\n"
        "            0,  # one\n        )\n"
    )
    after = (
        "import torch\n\n\ndef f():\n    if 1:\n        # why\n        if torch.cuda.is_available():\n"
        "            torch.cuda.set_device(\n                0,  # one\n            )\n"
    )
    check_transformed(SET, shaped(before, shape), shaped(after, shape))


# --- a recipe that cannot mean anything -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message", "at"),
    [
        ({"wrap": "f()"}, "wrap needs `under`", ("wrap",)),
        ({"wrap": "f()", "under": "x"}, "`x` is no header", ("under",)),
        ({"wrap": "f()", "under": "if $X"}, "$X is bound by no pattern of the step", ("under",)),
        ({"wrap": "f($_)", "under": "if $_"}, "$_ forgets what it takes", ("under",)),
        ({"wrap": "f(", "under": "if x"}, "`f(` is not Python", ("wrap",)),
        ({"wrap": "f()", "under": "if x:"}, "`if x:` is not Python", ("under",)),
    ],
)
def test_a_wrong_recipe(keys: dict[str, Any], message: str, at: tuple[object, ...]) -> None:
    with pytest.raises(PatternError) as caught:
        Wrap.compile(keys)
    assert str(caught.value).startswith(message)
    assert caught.value.at == at


def test_a_name_of_the_header_means_what_needs_make_of_it() -> None:
    keys = {"wrap": "f($X)", "under": "if np.any($X)", "needs": ["import numpy as np"], "local": ["f"]}
    check_transformed(keys, "import numpy\nf(1)\n", "import numpy\nif numpy.any(1):\n    f(1)\n")
    check_transformed(keys, "f(1)\n", "import numpy as np\nif np.any(1):\n    f(1)\n")
    check_noop(keys, "from numpy import any as some\nif x and some(1):\n    f(1)\n", "3: already")
