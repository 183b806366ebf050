"""insert: lines beside an anchor or in a body, once a block, known as their own."""

from __future__ import annotations

from typing import Any

import pytest

from patcher.errors import PatternError
from patcher.verbs.insert import Insert
from tests.verbs.checks import SHAPES, check_noop, check_transformed, shaped

SEED = {"insert": "random.seed(0)", "after": "torch.manual_seed($$$)", "needs": ["import random"]}
AGG = {"insert": 'matplotlib.use("Agg")', "before": "import matplotlib.pyplot as $_", "needs": ["import matplotlib"]}


def test_behind_the_anchor() -> None:
    check_transformed(
        SEED,
        "import torch\n\ntorch.manual_seed(1)  # all of it\nrun()\n",
        "import torch\nimport random\n\ntorch.manual_seed(1)  # all of it\nrandom.seed(0)\nrun()\n",
    )


def test_what_the_anchor_binds_in_a_class_is_there_behind_it() -> None:
    step = {"insert": "$M.eval()", "after": "$M = Net()", "local": ["Net"]}
    before = "class K:\n    model = Net()\n"
    check_transformed(step, before, f"{before}    model.eval()\n")


def test_in_front_of_the_anchor_keeps_the_comment_above_it() -> None:
    check_transformed(
        {"insert": "check($X)", "before": "$_ = torch.cat($X)", "local": ["check"], "needs": ["check"]},
        "import torch\nfrom a import check\n\ndef f(xs):\n    # joined\n    y = torch.cat(xs)\n    return y\n",
        "import torch\nfrom a import check\n\ndef f(xs):\n    # joined\n    check(xs)\n    y = torch.cat(xs)\n    return y\n",
    )


def test_first_in_a_function_stands_behind_its_docstring() -> None:
    check_transformed(
        {"insert": "assert x is not None", "first_in": "def forward(x)", "local": ["x"]},
        'def forward(self, x):\n    """Go."""\n    return x\n',
        'def forward(self, x):\n    """Go."""\n    assert x is not None\n    return x\n',
    )


def test_what_is_listed_as_already_there_counts_however_deep_in_the_block() -> None:
    step = {**SEED, "already": ["numpy.random.seed($$$)", "transformers.set_seed($$$)"]}
    text = "import torch\nfrom numpy import random\n\ndef f(s):\n    torch.manual_seed(s)\n    if s:\n        random.seed(s)\n"
    check_noop(step, text, "7: already")


def test_what_stands_in_another_block_is_not_already_there() -> None:
    step = {**SEED, "already": ["numpy.random.seed($$$)"]}
    check_transformed(
        step,
        "import numpy\nimport torch\nimport random\n\nnumpy.random.seed(0)\n\ndef f(s):\n    torch.manual_seed(s)\n",
        "import numpy\nimport torch\nimport random\n\nnumpy.random.seed(0)\n\ndef f(s):\n    torch.manual_seed(s)\n"
        "    random.seed(0)\n",
    )


def test_what_is_already_there_may_use_what_the_anchor_binds() -> None:
    step = {"insert": "$G = $G.clamp(-1, 1)", "first_in": "for $P, $G in zip($$$)", "already": ["torch.clamp($G, $$$)"]}
    other = "import torch\n\nfor p, g in zip(a, b):\n    p -= torch.clamp(p, 0)\n"
    check_noop(step, other.replace("torch.clamp(p", "torch.clamp(g"), "4: already")
    check_transformed(step, other, other.replace("    p", "    g = g.clamp(-1, 1)\n    p"))


def test_last_in_a_loop() -> None:
    check_transformed(
        {"insert": "done.append($I)", "last_in": "for $I in $_", "local": ["done"]},
        "done = []\nfor i in range(3):\n    print(i)\n\nprint(done)\n",
        "done = []\nfor i in range(3):\n    print(i)\n    done.append(i)\n\nprint(done)\n",
    )


def test_several_lines_take_the_indentation_of_the_place() -> None:
    check_transformed(
        {"insert": "if n == 0:\n    raise ValueError(n)", "first_in": "def f($N)", "local": ["n"]},
        "class A:\n  def f(n):\n    return 1 / n\n",
        "class A:\n  def f(n):\n    if n == 0:\n      raise ValueError(n)\n    return 1 / n\n",
    )


def test_once_a_block_though_the_anchor_stands_twice() -> None:
    check_transformed(
        {"insert": "log()", "after": "step()", "local": ["log", "step"]},
        "from a import log, step\nstep()\nstep()\n",
        "from a import log, step\nstep()\nlog()\nstep()\n",
    )


def test_in_every_block_that_has_the_anchor() -> None:
    check_transformed(
        {"insert": "log()", "after": "step()", "local": ["log", "step"]},
        "from a import log, step\nif log:\n    step()\nelse:\n    step()\n",
        "from a import log, step\nif log:\n    step()\n    log()\nelse:\n    step()\n    log()\n",
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = "import torch\n\n\ndef f():\n    torch.manual_seed(1)\n"
    after = "import torch\nimport random\n\n\ndef f():\n    torch.manual_seed(1)\n    random.seed(0)\n"
    check_transformed(SEED, shaped(before, shape), shaped(after, shape))


def test_a_decorated_anchor_stays_with_its_decorator() -> None:
    check_transformed(
        {"insert": "X = 1", "before": "def main($$$)"},
        "@wraps\ndef main():\n    pass\n",
        "X = 1\n@wraps\ndef main():\n    pass\n",
    )


WHY = {"insert": "x = 1  # why\n\n# between\ny = 2\n# end", "first_in": "def f($$$)"}


@pytest.mark.parametrize("shape", SHAPES)
def test_comments_and_empty_lines_stand_as_the_recipe_has_them(shape: str) -> None:
    before = "def f(self):\n    pass\n"
    after = "def f(self):\n    x = 1  # why\n\n    # between\n    y = 2\n    # end\n    pass\n"
    check_transformed(WHY, shaped(before, shape), shaped(after, shape))


def test_comments_go_behind_the_last_line_of_a_file() -> None:
    keys = {"insert": "# a\nx = 1  # b", "after": "run()", "local": ["run"]}
    check_transformed(keys, "from a import run\nrun()", "from a import run\nrun()\n# a\nx = 1  # b")


def test_the_inside_of_a_string_is_put_in_unchanged() -> None:
    keys = {"insert": "x = \"\"\"a\n  b\n\n    c\"\"\"\nif x:\n    y = f'''{x}\n  d'''", "first_in": "def f($$$)"}
    check_transformed(
        keys,
        "class A:\n    def f(self):\n        pass\n",
        'class A:\n    def f(self):\n        x = """a\n  b\n\n    c"""\n        if x:\n'
        "            y = f'''{x}\n  d'''\n        pass\n",
    )


NESTED = {"insert": "if n:\n    if n > 1:\n        g()", "first_in": "def f(n)", "local": ["n", "g"]}


@pytest.mark.parametrize("own", ["  ", "   ", "    ", "\t"])
@pytest.mark.parametrize("other", ["  ", "    ", "\t"])
def test_the_indentation_is_that_of_the_block(own: str, other: str) -> None:
    head = f"def g():\n{other}pass\n\n\ndef h():\n{other}pass\n\n\n"
    body = "def f(n):\n    if n:\n        if n > 1:\n            g()\n    return n\n".replace("    ", own)
    check_transformed(NESTED, f"{head}def f(n):\n{own}return n\n", head + body)


def test_a_recipe_may_indent_its_code_by_two() -> None:
    keys = {**NESTED, "insert": "if n:\n  if n > 1:\n    g()"}
    after = "def g(): ...\ndef f(n):\n\tif n:\n\t\tif n > 1:\n\t\t\tg()\n\treturn n\n"
    check_transformed(keys, "def g(): ...\ndef f(n):\n\treturn n\n", after)


def test_lines_that_are_joined_stay_joined() -> None:
    keys = {"insert": "x = 1; y = 2", "first_in": "def f($$$)"}
    check_transformed(keys, "def f():\n    pass\n", "def f():\n    x = 1; y = 2\n    pass\n")


LAST = {"insert": "x = 1", "last_in": "def f($$$)"}


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    for i in y:\n        pass\n        # deep\n",
        "def f():\n    for i in y:\n                pass\n                # deep\n",
        "def f():\n    for i in y:\n                pass\n        # deep\n",
        "def f():\n    if y:\n        if z: # why\n            pass\n            # deepest\n\n        # deep\n",
        "def f():\n    if y:\n        pass\n        # deep\n    else:\n        pass\n",
        "def f():\n    try:\n        pass\n    finally:\n        pass\n\n        # deep\n",
    ],
)
@pytest.mark.parametrize(
    "below", ["", "    # of f\n", "# below\n", "\n\n# below\nz = 1\n", "    # of f\n# below\nz = 1\n"]
)
def test_a_comment_at_the_end_of_an_inner_block_stays_in_it(text: str, below: str) -> None:
    check_transformed(LAST, text + below, f"{text}    x = 1\n{below}")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_comment_at_the_end_of_an_inner_block_in_every_shape(shape: str) -> None:
    before = "def f():\n    for i in y:\n        pass\n        # deep\n"
    check_transformed(LAST, shaped(before, shape), shaped(before + "    x = 1\n", shape))


def test_behind_a_loop_is_behind_its_comments() -> None:
    keys = {"insert": "x = 1", "after": "for $_ in $_"}
    before = "for i in y:\n    if i:\n        pass\n        # deep\n    # loop\n"
    check_transformed(keys, f"{before}# below\n", f"{before}x = 1\n# below\n")


@pytest.mark.parametrize("text", ["def f():\n    y = 1\n", "def f():\n    y = [\n        1,\n        # in\n    ]\n"])
def test_a_comment_below_a_plain_statement_stays_below(text: str) -> None:
    check_transformed(LAST, f"{text}    # below\n", f"{text}    x = 1\n    # below\n")


def test_last_in_a_body_that_is_not_left_on_every_way() -> None:
    for last in (
        "if a: return 1",
        "if a:\n        return 1\n    elif b:\n        return 2",
        "for i in a:\n        break",
        "try:\n        return a\n    except E:\n        pass",
        "try:\n        a()\n    except E:\n        return b",
        "try:\n        a()\n    finally:\n        b()",
    ):
        check_transformed(LAST, f"def f(a, b):\n    {last}\n", f"def f(a, b):\n    {last}\n    x = 1\n")


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_lines_that_stand_there_are_known() -> None:
    check_noop(SEED, "import random, torch\ntorch.manual_seed(1)\nprint()\nrandom.seed(0)\n", "4: already")


def test_lines_that_stand_there_under_an_alias_are_known() -> None:
    check_noop(SEED, "import random as r, torch\ntorch.manual_seed(1)\nr.seed(0)\n", "3: already")


def test_a_local_of_the_same_spelling_is_no_anchor() -> None:
    check_noop(SEED, "class torch:\n    pass\n\ntorch.manual_seed(1)\n")


def test_an_anchor_in_a_string_or_comment_is_none() -> None:
    check_noop(SEED, "import torch\n# torch.manual_seed(1)\nx = 'torch.manual_seed(1)'\n")


def test_an_anchor_out_of_scope_is_none() -> None:
    check_noop({**SEED, "in": "a.py::main"}, "import torch\n\ndef other():\n    torch.manual_seed(1)\n")


def test_an_anchor_that_shares_its_line_is_refused() -> None:
    reason = "it shares its line with another statement; give it a line of its own first"
    check_noop(SEED, "import torch\nx = 1; torch.manual_seed(1)\n", f"2: refused: {reason}")


def test_a_body_on_the_line_of_its_header_is_refused() -> None:
    reason = "its body stands on the line of its header; give it lines of its own first"
    keys = {"insert": "x = 1", "first_in": "def f($$$)", "local": ["x"]}
    check_noop(keys, "def f(): return 1\n", f"1: refused: {reason}")


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ("return a", "return a"),
        ("raise a", "raise a"),
        ("a = 1; return", "a = 1; return"),
        ("if a:\n        return 1\n    else:\n        raise a", "if a: return 1 else: raise a"),
        ("if a: return 1\n    elif b: return 2\n    else: return 3", "if a: return 1 elif b: return 2 else: return 3"),
        ("try: return a\n    except E: return b", "try: return a except E: return b"),
        ("try: a\n    except E: raise\n    else: return b", "try: a except E: raise else: return b"),
        ("try: a\n    finally: return b", "try: a finally: return b"),
    ],
)
def test_lines_behind_the_end_of_a_function_would_never_run(last: str, told: str) -> None:
    reason = f"`{told}` leaves the block, so lines behind it would never run; put them `before` it"
    check_noop(LAST, f"def f(a, b):\n    {last}\n", f"1: refused: {reason}")


@pytest.mark.parametrize("last", ["continue", "break"])
def test_lines_behind_the_end_of_a_round_would_never_run(last: str) -> None:
    reason = f"`{last}` leaves the block, so lines behind it would never run; put them `before` it"
    keys = {"insert": "x = 1", "last_in": "for $_ in $_"}
    check_noop(keys, f"for i in range(3):\n    print(i)\n    {last}\n", f"1: refused: {reason}")


def test_lines_behind_a_return_would_never_run() -> None:
    reason = "`return torch.manual_seed(1)` leaves the block, so lines behind it would never run; put them `before` it"
    check_noop(SEED, "import torch\ndef f():\n    return torch.manual_seed(1)\n", f"3: refused: {reason}")


def test_lines_that_stand_in_front_of_a_return_are_known() -> None:
    check_noop(LAST, "def f():\n    x = 1\n    return x\n", "2: already")


def test_lines_with_other_comments_are_known() -> None:
    check_noop(WHY, "def f():\n    x = 1\n    y = 2  # mine\n", "2: already")


def test_a_name_that_is_something_else_is_refused() -> None:
    reason = "`random` is bound to something else there, and the replacement needs `import random`"
    check_noop(SEED, "import torch\n\ndef f(random):\n    torch.manual_seed(1)\n", f"4: refused: {reason}")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"insert": "x = 1"}, "one of before, after, first_in and last_in"),
        ({"insert": "x = $X", "before": "f()"}, r"\$X is bound by no pattern"),
        ({"insert": "x = $_", "before": "f($_)"}, r"\$_ forgets what it takes, so nothing can stand in its place"),
        ({"insert": "f($$$)", "before": "f($$$)"}, r"\$\$\$ forgets what it takes"),
        ({"insert": "x = 1", "first_in": "f()"}, "is no header"),
        ({"insert": "x = 1", "before": "f()", "each": "maybe"}, "neither yes nor no"),
    ],
)
def test_a_step_that_cannot_work_does_not_load(keys: dict[str, str], message: str) -> None:
    with pytest.raises(PatternError, match=message):
        Insert.compile({**keys, "local": ["x", "f"]})


def test_what_a_hole_took_keeps_the_lines_it_has() -> None:
    step = {"insert": "check($T)", "after": "print($T)", "needs": ["from checks import check"]}
    before = 'from checks import check\n\n\ndef main():\n    if True:\n        print("""one\n  two\n\n""")\n'
    check_transformed(step, before, before + '        check("""one\n  two\n\n""")\n')


# --- names where the lines go -----------------------------------------------------------------------------------------

SHOW = {"insert": "print($X)", "local": ["run"]}


@pytest.mark.parametrize(
    ("keys", "before", "after"),
    [
        ({**SHOW, "after": "run($X)"}, "[run(x) for y in z]\n", "[run(x) for y in z]\nprint(x)\n"),
        ({**SHOW, "after": "$X = run($_)"}, "x = run(1)\n", "x = run(1)\nprint(x)\n"),
        ({**SHOW, "first_in": "def f($X)"}, "def f(x):\n    y\n", "def f(x):\n    print(x)\n    y\n"),
        ({**SHOW, "last_in": "for $X in $_"}, "for x in y:\n    y\n", "for x in y:\n    y\n    print(x)\n"),
        (
            {"insert": "print(y.shape)", "after": "run($_)", "local": ["run"]},
            "x, y = run(1)\n",
            "x, y = run(1)\nprint(y.shape)\n",
        ),
        (
            {"insert": "print(y)", "first_in": "def f($$$)", "needs": ["y"], "local": ["y"]},
            "def f(y):\n    return y\n",
            "def f(y):\n    print(y)\n    return y\n",
        ),
    ],
)
def test_what_is_seen_where_the_lines_go(keys: dict[str, Any], before: str, after: str) -> None:
    check_transformed(keys, before, after)


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        (
            {**SHOW, "after": "run($X)"},
            "[run(x) for x in y]\n",
            "1: refused: `x` is not in scope there, and the replacement needs that of line 1",
        ),
        (
            {**SHOW, "before": "run($X)"},
            "x = 1\nz = lambda x: run(x)\n",
            "2: refused: `x` is bound to something else there, and the replacement needs that of line 2; rename one of the two first",
        ),
        (
            {**SHOW, "last_in": "for $X in $_"},
            "for x in y:\n    with z as x: pass\n    w\n",
            "1: refused: `x` is bound anew in line 2, and the replacement needs that of line 1; rename one of the two first",
        ),
        (
            {"insert": "torch.init()", "first_in": "def f($$$)"},
            "import torch\ndef f(torch):\n    y\n",
            "2: refused: `torch` is bound to something else there, and the replacement needs torch.init",
        ),
        (
            {"insert": "print(x)", "after": "run($_)", "needs": ["x"], "local": ["run", "x"]},
            "[run(x) for x in y]\n",
            "1: refused: `x` is not in scope there, and the replacement needs it",
        ),
    ],
)
def test_what_is_not_seen_where_the_lines_go(keys: dict[str, Any], text: str, told: str) -> None:
    check_noop(keys, text, told)


def test_a_name_means_what_needs_make_of_it() -> None:
    check_transformed(
        {"insert": "seed(0)", "first_in": "def main($$$)", "needs": ["from torch import manual_seed as seed"]},
        "import torch\ndef main():\n    y\n",
        "import torch\ndef main():\n    torch.manual_seed(0)\n    y\n",
    )
