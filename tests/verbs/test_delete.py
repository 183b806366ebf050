"""delete: statements that must go, and import names that nothing reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.errors import PatternError
from patcher.verbs.delete import Delete
from tests.helpers import write_tree
from tests.tiny import Tiny, step
from tests.verbs.checks import SHAPES, check_noop, check_transformed, notebook, shaped, tree_plan

SHAPE = {"delete": "$_, $_, $_ = $X.shape", "in": "a.py"}
UNUSED = {
    "delete": "from flash_attn.ops.fused_dense import $$$NAMES",
    "where": {"NAMES": {"unused": "yes"}},
    "in": "a.py",
}


def test_a_statement_goes_with_its_line() -> None:
    check_transformed(SHAPE, "def f(x):\n    a, b, c = x.shape\n    return x\n", "def f(x):\n    return x\n")


def test_the_only_statement_of_a_block_leaves_a_pass() -> None:
    check_transformed(SHAPE, "def f(x):\n    a, b, c = x.shape\n", "def f(x):\n    pass\n")


def test_one_of_several_on_a_line() -> None:
    check_transformed(SHAPE, "x = 1; a, b, c = x.shape; y = 2\n", "x = 1; y = 2\n")
    check_transformed(SHAPE, "x = 1; a, b, c = x.shape\n", "x = 1\n")


def test_on_the_line_of_a_header() -> None:
    check_transformed(SHAPE, "if x: a, b, c = x.shape\n", "if x: pass\n")


def test_a_comment_above_stays() -> None:
    check_transformed(SHAPE, "# shapes\na, b, c = x.shape\ny = 1\n", "# shapes\ny = 1\n")


def test_several_lines() -> None:
    check_transformed(SHAPE, "y = 1\na, b, c = (\n    x\n).shape\nz = 1\n", "y = 1\nz = 1\n")


def test_a_comment_goes_where_the_step_says_so() -> None:
    check_transformed({**SHAPE, "comments": "drop"}, "y = 1\na, b, c = x.shape  # sizes\n", "y = 1\n")


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_shape(shape: str) -> None:
    before = "def f(x):\n    a, b, c = x.shape\n    return x\n"
    check_transformed(SHAPE, shaped(before, shape), shaped("def f(x):\n    return x\n", shape))


def test_an_import_that_nothing_reads() -> None:
    check_transformed(
        UNUSED,
        "import torch\nfrom flash_attn.ops.fused_dense import FusedMLP, FusedDense\n\nx = torch.ones(1)\n",
        "import torch\n\nx = torch.ones(1)\n",
    )


def test_the_names_that_are_read_stay() -> None:
    for names, kept in (
        ("A, B", "A"),
        ("B, A", "A"),
        ("B, A, C", "A"),
        ("A, B, C", "A"),
        ("(\n    B,\n    A,\n)", "(\n    A,\n)"),
    ):
        check_transformed(
            UNUSED,
            f"from flash_attn.ops.fused_dense import {names}\nx = A()\n",
            f"from flash_attn.ops.fused_dense import {kept}\nx = A()\n",
        )


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ("A, \\\n    B", "A"),
        ("B, \\\n    A", "A"),
        ("\\\n    A, B, C", "\\\n    A"),
        ("B, \\\n    A, \\\n    C", "A"),
        ("A, \\\n    B, \\\n    C  # why", "A  # why"),
        ("A \\\n    , B", "A"),
    ],
)
def test_names_behind_a_backslash_go_with_it(names: str, kept: str) -> None:
    module = UNUSED["delete"].removesuffix("$$$NAMES")  # type: ignore[attr-defined]
    for end in ("\n", "\r\n"):
        before, after = (f"{module}{text}\nx = A()\n".replace("\n", end) for text in (names, kept))
        check_transformed(UNUSED, before.encode(), after.encode())


def test_a_module_behind_a_backslash_goes_with_it() -> None:
    keys = {"delete": "import $$$N", "where": {"N": {"unused": "yes"}}, "in": "a.py"}
    check_transformed(keys, "import sys, \\\n    re\nprint(sys)\n", "import sys\nprint(sys)\n")


ANY = {"delete": ["from $_ import $$$N", "import $$$N"], "where": {"N": {"unused": "yes"}}, "in": "a.py"}
FUTURE = "from __future__ import annotations"


def test_a_future_import_stays_though_all_others_go() -> None:
    check_transformed(ANY, f"{FUTURE}\nfrom a import b\n", f"{FUTURE}\n")


def test_a_future_import_goes_where_it_is_named() -> None:
    check_transformed({"delete": FUTURE, "in": "a.py"}, f"{FUTURE}\nx = 1\n", "x = 1\n")


def test_without_a_scope_nothing_tells_that_it_is_done() -> None:
    keys = {key: value for key, value in SHAPE.items() if key != "in"}
    check_noop(keys, "y = 1\n")


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_a_scope_without_the_statement_is_there_already() -> None:
    check_noop(SHAPE, "def f(x):\n    return x\n", "1: already: it stands nowhere in scope")


def test_a_glob_of_files_is_done_as_a_whole() -> None:
    files = {"m/a.py": "x = 1\n", "m/b.py": "y = 1\n"}
    check_noop({**SHAPE, "in": "m/*.py"}, files, "m/a.py:1: already: it stands nowhere in scope")


def test_a_scope_that_is_gone_has_no_place() -> None:
    check_noop({**SHAPE, "in": "a.py::Gone.forward"}, "class Here:\n    pass\n")


def test_a_file_that_is_gone_has_no_place() -> None:
    check_noop({**SHAPE, "in": "b.py"}, "x = 1\n")


def test_another_count_of_names_stays() -> None:
    check_noop(SHAPE, "a, b = x.shape\n", "1: already: it stands nowhere in scope")


def test_a_comment_beside_it_is_not_lost() -> None:
    check_noop(
        SHAPE,
        "y = 1\na, b, c = x.shape  # sizes\n",
        "2: refused: the comment `# sizes` would be lost; move it out of the way first",
    )


def test_an_import_that_is_read_or_exported_stays() -> None:
    for text in ("x = A()", "__all__ = ['A']", "def f(a: A): ..."):
        found = check_noop(
            UNUSED, f"from flash_attn.ops.fused_dense import A\n{text}\n", "1: already: it stands nowhere in scope"
        )
        assert found.step.verb == "delete"


def test_an_import_of_the_same_names_from_elsewhere_stays() -> None:
    check_noop(UNUSED, "from other.fused_dense import A\n", "1: already: it stands nowhere in scope")


HEADERS = ["with f()", "with f() as $X", "if $X", "for $X in f()", "while f()", "async with f()", "async for $X in f()"]
NO_NAMES = ["f($N)", "$N = $Y", "def $N($$$)", "from $N import $$$X", "import $N.a", "import a as $N", "import $N\nf()"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"delete": "x ="}, "is not Python"),
        ({"delete": "from a import $$$N", "where": {"N": {"unused": "no"}}}, "`unused` stands alone"),
        ({"delete": "from a import $$$N", "where": {"M": {"unused": "yes"}}}, "bound by no pattern"),
        ({"delete": "f()", "comments": "lose"}, "neither keep nor drop"),
        *(({"delete": head}, "its block would go with it") for head in HEADERS),
        ({"delete": ["f()", "if f()"]}, "`if f\\(\\)` is a header"),
        *(({"delete": text, "where": {"N": {"unused": "yes"}}}, "\\$N is none in") for text in NO_NAMES),
        ({"delete": ["import $N", "f($N)"], "where": {"N": {"unused": "yes"}}}, "\\$N is none in `f"),
    ],
)
def test_a_step_that_cannot_work_does_not_load(keys: dict[str, object], message: str) -> None:
    with pytest.raises(PatternError, match=message):
        Delete.compile({"local": ["f"], **keys})


def test_a_step_names_the_entry_that_cannot_work() -> None:
    with pytest.raises(PatternError) as caught:
        Delete.compile({"delete": ["f()", "if f()"], "local": ["f"]})
    assert caught.value.at == ("delete", 1)


@pytest.mark.parametrize("head", HEADERS)
def test_a_block_goes_where_the_step_says_so(head: str) -> None:
    keys = {"delete": f"{head}:\n    $$$", "local": ["f"], "in": "a.py"}
    given = head.replace("$X", "x")
    text = f"async def g():\n    y\n    {given}:\n        a\n        b\n"
    check_transformed(keys, text, "async def g():\n    y\n")


def test_a_block_with_an_else_is_another_one() -> None:
    keys = {"delete": "if f():\n    $$$", "local": ["f"]}
    check_noop(keys, "if f():\n    a\nelse:\n    b\n")


@pytest.mark.parametrize("head", ["def g($$$)", "class g", "class g(h)"])
def test_a_definition_goes_with_its_block(head: str) -> None:
    text = f"{head.replace('$$$', 'x')}:\n    a\n    b\n"
    check_transformed({"delete": head, "local": ["h"], "in": "a.py"}, f"x = 1\n@d\n{text}y = 1\n", "x = 1\ny = 1\n")


def test_one_name_of_an_import() -> None:
    for pattern in ("from a import b, $N", "import b, $N"):
        keys = {"delete": pattern, "where": {"N": {"unused": "yes"}}, "in": "a.py"}
        text = pattern.replace("$N", "c")
        check_transformed(keys, f"{text}\nb()\n", text.replace(", c", "\nb()\n"))
        check_noop(keys, f"{text}\nc()\n", "1: already: it stands nowhere in scope")


MODULES = {
    "delete": ["from apex import $$$N", "import apex", "import apex.$_ as $_"],
    "where": {"N": {"unused": "yes"}},
    "in": "a.py",
}


@pytest.mark.parametrize("statement", ["import apex", "import apex.parallel as ap", "from apex import amp, parallel"])
def test_a_whole_module_that_nothing_reads(statement: str) -> None:
    check_transformed(MODULES, f"import torch\n{statement}\nx = torch\n", "import torch\nx = torch\n")


def test_a_name_on_a_line_of_its_own_leaves_the_comments_beside_the_others() -> None:
    check_transformed(
        MODULES,
        "from apex import (\n    amp,  # mixed\n    parallel,\n)\namp()\n",
        "from apex import (\n    amp,  # mixed\n)\namp()\n",
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("if x:\n    a, b, c = x.shape\n    d, e, f = y.shape\nz = 1\n", "if x:\n    pass\nz = 1\n"),
        ("y = 1; a, b, c = x.shape; d, e, f = y.shape\n", "y = 1\n"),
        ("a, b, c = x.shape; d, e, f = y.shape\ny = 1\n", "y = 1\n"),
        ("a, b, c = x.shape; y = 1; d, e, f = y.shape; z = 2\n", "y = 1; z = 2\n"),
    ],
)
def test_several_that_stand_together(tmp_path: Path, before: str, after: str) -> None:
    tree = write_tree(tmp_path, {"a.py": before})
    (change,) = tree_plan(SHAPE, tree).changes
    assert change.after.decode() == after


@pytest.mark.parametrize("names", ["annotations", "annotations, division", "(\n    annotations,\n    division\n)"])
def test_a_future_import_is_never_unused(names: str) -> None:
    check_noop(ANY, f"from __future__ import {names}\nx = 1\n", "1: already: it stands nowhere in scope")


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    from apex import amp\nexcept ImportError:\n    raise SystemExit('install apex')\n",
        "class A:\n    from apex import amp\n",
        "from apex import amp\ndef f(a: 'amp.Group'): ...\n",
        "from apex import amp\nx = cast('list[amp.Group]', y)\n",
        "from apex import amp\ndel amp\n",
    ],
)
def test_an_import_that_may_matter_stays(text: str) -> None:
    check_noop(MODULES, text, "1: already: it stands nowhere in scope")


def test_an_import_that_another_file_takes_from_here_stays() -> None:
    files = {"a.py": "from apex import amp\n", "b.py": "from a import amp\namp()\n"}
    check_noop(MODULES, files, "a.py:1: already: it stands nowhere in scope")


@pytest.mark.parametrize(
    "text",
    [
        "import a\na.amp.init()\n",
        "import a as A\nA.amp\n",
        "from a import *\namp.init()\n",
        "from hub import A\nA.amp.init()\n",
        "import a\ndef f(x: 'a.amp.Group'): ...\n",
        "from .a import amp as mixed\n",
    ],
)
def test_an_import_that_another_file_reads_through_here_stays(text: str) -> None:
    files = {"a.py": "from apex import amp\n", "b.py": text, "hub.py": "import a as A\n"}
    check_noop(MODULES, files, "a.py:1: already: it stands nowhere in scope")


def test_an_import_that_a_notebook_reads_through_here_stays() -> None:
    files = {"a.py": "from apex import amp\n", "b.ipynb": notebook("import a", "a.amp.init()")}
    check_noop(MODULES, files, "a.py:1: already: it stands nowhere in scope")


@pytest.mark.parametrize(
    "text",
    [
        "import a\na.x\nself.amp\n",
        "import c as a\na.amp\n",
        "from a import *\namp = 1\namp\n",
        "def f(a):\n    return a.amp\n",
    ],
)
def test_an_import_of_which_others_have_but_the_word_goes(text: str) -> None:
    files = {"a.py": "from apex import amp\nx = 1\n", "b.py": text, "c.py": "amp = 1\n"}
    check_transformed(MODULES, files, {"a.py": "x = 1\n"})


def test_a_name_that_is_read_is_nearer_than_a_long_pattern_that_does_not_match(tiny: Tiny) -> None:
    many = ", ".join(f"n{number}" for number in range(60))
    keys = {"delete": [f"from lib import {many}, $N", "from apex import $N"], "where": {"N": {"unused": "yes"}}}
    text = f"from lib import {many}x, y\nfrom apex import amp\namp()\n"
    tiny.one(text).recipe(step("swap", expect="1", **keys))
    assert "The nearest is a.py:2, where every name that is imported there is used." in str(
        tiny.plan().step("swap")["reason"]
    )


@pytest.mark.parametrize("literal", [r"'C:\Users'", "b'é'", "'a\0b'"])
def test_a_literal_that_python_could_not_run_has_no_value(tmp_path: Path, literal: str) -> None:
    text = f"{{}}p = {literal}\n__all__ = ['a', {literal}]\n"
    root = write_tree(tmp_path, {"a.py": text.format("import os\n")})
    (change,) = tree_plan({"delete": "import $$$N", "where": {"N": {"unused": "yes"}}, "in": "a.py"}, root).changes
    assert change.after.decode() == text.format("")
