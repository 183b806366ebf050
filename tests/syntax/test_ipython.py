"""What only IPython reads in a cell: what stands in for it, and that Python is never taken for it."""

from __future__ import annotations

import ast

import pytest

from patcher.syntax.ipython import readable

COMMANDS = {
    "a magic": ("%matplotlib inline\nx", "#matplotlib inline\nx"),
    "a line for the shell": ("!ls\nx", "#ls\nx"),
    "a question in front": ("?x\nx", "#x\nx"),
    "a question behind": ("x.y?\nx", "#.y?\nx"),
    "two questions behind a line of a block": ("if x:\n    y??\n    x", "if x:\n    #??\n    x"),
    "a call without brackets": ("/f x\nx", "#f x\nx"),
    "an apostrophe in a line for the shell": ("!echo it's\nx", "#echo it's\nx"),
    "what a shell gives": ("w = !ls -l\nx", "w = 0j# -l\nx"),
    "what a magic gives": ("x = %env A\nx", "x = 0j#v A\nx"),
    "a line that goes on": ("!ls \\\n  -l\nx", "#ls \\\n# -l\nx"),
    "an assignment that goes on": ("w = !ls \\\n  -l\nx", "w = 0j# \\\n# -l\nx"),
    "a block of nothing else": ("if x:\n    !ls\nelse:\n    y", "if x:\n    0j#\nelse:\n    y"),
    "the last line of a block": ("for i in x:\n    y\n    %time z\n", "for i in x:\n    y\n    #time z\n"),
    "a magic that runs the cell": ("%%time\nx", "#%time\nx"),
    "blank lines in front of it": ("\n\n%%capture out\nx", "\n\n#%capture out\nx"),
    "a magic in a magic": ("%%time\n%%prun\n!ls\nx", "#%time\n#%prun\n#ls\nx"),
    "line ends of Windows": ("%%time\r\nw = !ls\r\nx\r\n", "#%time\r\nw = 0j#\r\nx\r\n"),
    "a string over lines beside a magic": ('"""\n%d\n!x\n"""\n%time', '"""\n%d\n!x\n"""\n#time'),
    "brackets beside a magic": ("(a\n % b)\n%time", "(a\n % b)\n#time"),
    "a backslash beside a magic": ("a \\\n % b\n%time", "a \\\n % b\n#time"),
    "a comment that asks, beside a magic": ("x  # why?\n# why?\n%time", "x  # why?\n# why?\n#time"),
    "a quote in a comment beside a magic": ("# it's\n%time", "# it's\n#time"),
    "comparisons beside a magic": ("x = a != b == c\n%time", "x = a != b == c\n#time"),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_is_stood_in_for(what: str) -> None:
    code, text = COMMANDS[what]
    assert readable(code).text == text
    ast.parse(text)


@pytest.mark.parametrize("what", COMMANDS)
def test_passages_hold_what_was_stood_in_for(what: str) -> None:
    code, text = COMMANDS[what]
    reading = readable(code)
    kept = {at for one in reading.passages for at in range(one.start, one.end)}
    assert [text[at] for at in range(len(code)) if at not in kept] == [
        code[at] for at in range(len(code)) if at not in kept
    ]
    assert all(code[one.start : one.end] == one.text for one in reading.passages)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "\n",
        "x = 1",
        's = ("a %s"\n     % x)\ny.cuda()',
        'f("""\n%d items\n!important\n?\n""", k)',
        "x = [\n  a,\n  -b\n  % c]",
        "x = y \\\n  % z",
        "'''\n%%time\n'''",
        "f'{x!r}'",
        "a != b",
        "await x\nasync with y: pass",
        "# %time\n# !ls",
        "a\rb",
    ],
)
def test_python_is_taken_as_it_is(code: str) -> None:
    reading = readable(code)
    assert reading.text == code
    assert reading.passages == ()


@pytest.mark.parametrize(
    "code",
    [
        "def f(:",
        "%%bash\nls",
        "%%writefile a.py\nimport x",
        "%%timeit\ndef f(:",
        "x = 1\n%%time\ny",
        "pip install wandb",
        ">>> x",
        "  x\n  y",
        "x = 1 \\",
        "if x: !ls",
        "f(a, b=!ls)",
        "x = 1; !ls",
        "x = '",
        "\ud800",
        "x = " + "[" * 1200 + "]" * 1200,
        "x = " + "[" * 300 + "]" * 300,
    ],
)
def test_a_cell_that_is_no_python_becomes_comments(code: str) -> None:
    reading = readable(code)
    assert len(reading.text) == len(code)
    assert set(reading.text) <= {"#", "\n"}
    assert [(one.text, one.whole) for one in reading.passages] == [(code, True)]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("%timeit b(3)", "b"),
        ("%%timeit x = np.zeros(1)\nx", "x np zeros"),
        ("np.zeros?", "np zeros"),
        ("!python train.py --lr {lr * 2} $name ${other}", "lr name other"),
        ("%pip install {pkg}", "pkg"),
        ("x = %run_it a", "a"),
        ("%%bash -s {x}\necho $y", "x"),
        ("%%sql\nselect a", "select a"),
        ("b(", "b"),
        ("file = open(", "file open"),
    ],
)
def test_names_that_a_command_may_read(code: str, names: str) -> None:
    assert readable(code).passages[0].names == frozenset(names.split())


def test_a_long_line_is_told_by_its_beginning() -> None:
    reason = readable(f"%%html\n{'x' * 99}").passages[0].reason
    assert reason == "begins a cell that no step sees (`%%html`); change it by hand where it must follow."
    assert f"(`%time {'x' * 53}…`)" in readable(f"%time {'x' * 99}").passages[0].reason


@pytest.mark.parametrize(
    "code",
    [
        "!pip install wandb",
        "%pip install wandb",
        "pip install wandb",
        "x = !pip show wandb",
        "%%bash\nwandb login",
        "%%html\n<b>wandb</b>",
        "%wandb",
    ],
)
def test_a_shell_reads_no_name_of_the_notebook(code: str) -> None:
    assert "wandb" not in readable(code).passages[0].names
