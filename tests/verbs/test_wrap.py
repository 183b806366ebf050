"""The verb `wrap`, as a specification: a statement gets a header above it and keeps every byte of its own."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs.wrap import Wrap
from tests.verbs.checks import SHAPES, check_noop, check_transformed, shaped

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
