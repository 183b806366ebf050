"""Imports that a step leaves without a reader go with what read them; all others stay."""

from __future__ import annotations

from typing import Any

import pytest

from tests.verbs.checks import SHAPES, check_transformed, notebook, shaped

STEP: dict[str, Any] = {"replace": "lib.f($X)", "with": "abs($X)"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import lib\nlib.f(1)\n", "abs(1)\n"),
        ("import os\nimport lib as l\nl.f(1)\n", "import os\nabs(1)\n"),
        ("from lib import f\n\n\nf(1)\nf(2)\n", "abs(1)\nabs(2)\n"),
        ("from lib import e, f as g\ng(1)\n", "from lib import e\nabs(1)\n"),
        ("from lib import (\n    e,\n    f,\n    h,\n)\nf(1)\n", "from lib import (\n    e,\n    h,\n)\nabs(1)\n"),
        ("import os; import lib\nlib.f(1)\n", "import os\nabs(1)\n"),
        ("def g():\n    import lib\n    return lib.f(1)\n", "def g():\n    return abs(1)\n"),
        (
            "class A:\n    def g(self):\n        import lib\n        return lib.f(1)\n",
            "class A:\n    def g(self):\n        return abs(1)\n",
        ),
        ("def g():\n    from lib import f\ng()\n", "def g():\n    from lib import f\ng()\n"),
    ],
    ids=[
        "module",
        "alias",
        "twice",
        "one-of-two",
        "in-brackets",
        "semicolon",
        "in-a-function",
        "in-a-method",
        "never-read",
    ],
)
def test_an_import_that_nothing_reads_any_more(before: str, after: str) -> None:
    if before == after:
        before, after = (f"import lib\nlib.f(0)\n{before}", f"abs(0)\n{after}")
    check_transformed(STEP, before, after)


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_way_to_write_a_program(shape: str) -> None:
    before, after = "import os\nimport lib\nif os:\n    lib.f(1)\n", "import os\nif os:\n    abs(1)\n"
    check_transformed(STEP, shaped(before, shape), shaped(after, shape))


def test_what_is_put_in_takes_its_place() -> None:
    step = {"replace": "lib.f($X)", "with": "new.f($X)", "needs": ["import new"]}
    check_transformed(step, "import lib\nlib.f(1)\n", "import new\nnew.f(1)\n")
    check_transformed(step, '"""Doc."""\nimport lib\nlib.f(1)\n', '"""Doc."""\nimport new\nnew.f(1)\n')
    check_transformed(step, "import lib\r\nlib.f(1)", "import new\r\nnew.f(1)")
    check_transformed(step, "import lib\n# why\nlib.f(1)\n", "import new\n# why\nnew.f(1)\n")


@pytest.mark.parametrize(
    "text",
    [
        "import lib\n{}\nlib.g\n",
        "import lib  # noqa: F401\n{}\n",
        "# the library\nimport lib  # fast\n{}\n",
        "try:\n    import lib\nexcept ImportError:\n    pass\n{}\n",
        "if x:\n    import lib\nelse:\n    import lib\n{}\n",
        "import lib\nimport lib.sub\n{}\n",
        "import lib\n__all__ = ['lib']\n{}\n",
        "import lib\n{}\ngetattr(x, 'lib')\n",
        "class A:\n    import lib\n    {}\n",
        "import lib\n{}\ndef g(x: 'lib.T'): ...\n",
        "from lib import f as f\n{}\n",
        "with suppress(ImportError):\n    import lib\n{}\n",
        "if x:\n    import lib\n{}\n",
        "def g():\n    import lib\n    def h():\n        nonlocal lib\n        lib = 1\n    {}\n",
    ],
    ids=[
        *["read", "noqa", "comment", "try", "both-arms", "below", "exported", "in-a-text", "class", "annotation"],
        *["as-itself", "suppress", "alone-in-a-block", "nonlocal"],
    ],
)
def test_what_may_matter_without_a_reader_stays(text: str) -> None:
    read = "f(1)" if text.startswith("from") else "lib.f(1)"
    check_transformed(STEP, text.format(read), text.format("abs(1)"))


@pytest.mark.parametrize(
    "text",
    [
        "globals()[x]",
        "[n for n in dir()]",
        "vars()[x]",
        "eval(x)",
        "exec(open(x).read())",
        "import sys\ngetattr(sys.modules[__name__], x)",
        'def g():\n    """G.\n\n    >>> lib.g()\n    """',
        "x = []  # type: list[lib.T]",
    ],
)
def test_what_may_be_read_by_a_text_stays(text: str) -> None:
    check_transformed(STEP, f"import lib\nlib.f(1)\n{text}\n", f"import lib\nabs(1)\n{text}\n")


@pytest.mark.parametrize(
    "text",
    ["vars(args)", "dir(x)", "net.eval()", "def g():\n    'Lib and lib.'", "x = 1  # lib", "y = 1  # type: ignore"],
)
def test_what_reads_nothing_keeps_nothing(text: str) -> None:
    check_transformed(STEP, f"import lib\nlib.f(1)\n{text}\n", f"abs(1)\n{text}\n")


def test_what_another_file_speaks_of_stays() -> None:
    files = {"a.py": "import lib\nlib.f(1)\n", "test_a.py": "@patch('a.lib.g')\ndef test(): ...\n"}
    check_transformed(STEP, files, {"a.py": "import lib\nabs(1)\n"})


def test_what_another_file_reads_through_it_stays() -> None:
    files = {"a.py": "import lib\nlib.f(1)\n", "b.py": "from a import lib\nlib.g\n"}
    check_transformed(STEP, files, {"a.py": "import lib\nabs(1)\n"})


def test_the_names_of_a_package_stay() -> None:
    check_transformed(STEP, {"p/__init__.py": "import lib\nlib.f(1)\n"}, {"p/__init__.py": "import lib\nabs(1)\n"})


def test_an_import_that_nothing_read_before_stays() -> None:
    check_transformed(STEP, "import lib, math\nimport sys\nlib.f(1)\n", "import math\nimport sys\nabs(1)\n")


def test_a_place_that_is_refused_keeps_its_import() -> None:
    text = "from lib import f\nf(1)\nf(  # why\n    2)\n"
    step = {"replace": "lib.f($$$X)", "with": "abs"}
    check_transformed(step, text, text.replace("f(1)", "abs"), partly=True)


def test_in_a_notebook() -> None:
    check_transformed(
        STEP, {"a.ipynb": notebook("import os\nimport lib", "lib.f(1)")}, {"a.ipynb": notebook("import os", "abs(1)")}
    )


def test_in_a_notebook_that_has_it_in_a_cell_of_its_own() -> None:
    check_transformed(STEP, {"a.ipynb": notebook("import lib", "lib.f(1)")}, {"a.ipynb": notebook("", "abs(1)")})


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ({"edit": "g($X)", "to": {"X": "1"}, "local": ["g"]}, "import lib\ng(lib.a)\n", "g(1)\n"),
        ({"delete": "lib.f($$$)", "in": "a.py"}, "import os, lib\nlib.f(1)\n", "import os\n"),
        ({"delete": "lib.f($$$)", "in": "a.py"}, "from lib import f\nif x:\n    f(1)\n", "if x:\n    pass\n"),
        ({"delete": "lib.f($$$)", "in": "a.py"}, "def g():\n    import lib\n    lib.f(1)\n", "def g():\n    pass\n"),
    ],
    ids=["edit", "delete", "delete-of-a-block", "delete-of-all-but-the-import"],
)
def test_so_for_every_verb_that_takes_code_out(step: dict[str, Any], before: str, after: str) -> None:
    check_transformed(step, before, after)
