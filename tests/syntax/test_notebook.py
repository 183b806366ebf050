"""Notebooks: the program in the code cells, and edits of it as edits of the file's bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.notebook import Notebook
from tests.verbs.checks import check_noop, check_transformed


def cell(source: str | list[str], kind: str = "code", **keys: Any) -> dict[str, Any]:
    extra = {"execution_count": 1, "outputs": [{"text": ["cuda\n"]}]} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {"source": "not this"}, **extra, "source": source, **keys}


def notebook(*cells: dict[str, Any], indent: int | None = 1, ascii_only: bool = True) -> bytes:
    tree = {"metadata": {"cells": []}, "cells": list(cells), "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(tree, indent=indent, ensure_ascii=ascii_only).encode()


def swap(data: bytes, old: str, new: str) -> bytes:
    """Replace a text in the program of a notebook."""
    read = Notebook("a.ipynb", data)
    start = read.program.encode().index(old.encode())
    return read.apply([Edit(start, start + len(old.encode()), new)])


def sources(data: bytes) -> list[Any]:
    return [one["source"] for one in json.loads(data)["cells"]]


def test_the_program_is_the_code_cells_one_behind_the_other() -> None:
    data = notebook(cell("# text", "markdown"), cell(["import torch\n", "x = 1"]), cell("y = x"), cell([]))
    assert Notebook("a.ipynb", data).program == "import torch\nx = 1\ny = x\n\n"


@pytest.mark.parametrize("indent", [None, 0, 1, 4])
def test_an_edit_changes_the_line_that_it_is_in_and_no_other_byte(indent: int | None) -> None:
    data = notebook(cell(["a = 1\n", 'd = "cuda"  # é\n', "b = 2"]), cell("c = 3"), indent=indent)
    after = swap(data, '"cuda"', '"cpu"')
    assert after == data.replace(rb"d = \"cuda\"", rb"d = \"cpu\"")


def test_a_source_that_is_one_string() -> None:
    assert sources(swap(notebook(cell("a = 1\nb = 2")), "2", "3")) == ["a = 1\nb = 3"]


def test_new_lines_become_strings_of_their_own_in_a_list() -> None:
    data = notebook(cell(["import torch\n", "f()\n", "g()"]))
    program = Notebook("a.ipynb", data).program
    at = program.index("f()")
    after = Notebook("a.ipynb", data).apply([Edit(at, at, "import os\n")])
    assert sources(after) == [["import torch\n", "import os\n", "f()\n", "g()"]]


def test_an_edit_across_lines() -> None:
    data = notebook(cell(["x = [\n", "    1,\n", "]\n", "y"]))
    assert sources(swap(data, "[\n    1,\n]", "[2]")) == [["x = [2]\n", "y"]]


def test_escapes_and_characters_beyond_the_basic_plane() -> None:
    for ascii_only in (True, False):
        data = notebook(cell(['s = "\\t\\\\😀é"; d = 1\n']), ascii_only=ascii_only)
        assert sources(swap(data, "d = 1", "d = 2")) == [['s = "\\t\\\\😀é"; d = 2\n']]


def test_two_edits_in_one_string() -> None:
    data = notebook(cell("a, b"))
    assert sources(Notebook("n", data).apply([Edit(0, 1, "long"), Edit(3, 4, "c")])) == ["long, c"]


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip install torch", "  !ls", "%time f()", "?help"])
def test_magics_are_read_as_comments_and_survive(line: str) -> None:
    data = notebook(cell([f"{line}\n", "x = 1"]))
    assert sources(swap(data, "x = 1", "x = 2")) == [[f"{line}\n", "x = 2"]]


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_no_edit_changes_no_byte() -> None:
    data = notebook(cell(["a\n", "b"]), cell("# é", "markdown"))
    assert Notebook("a.ipynb", data).apply([]) == data


@pytest.mark.parametrize("source", ["%%bash\nls", "x = !ls", "def f(:", "if x:\n    %time\n"])
def test_a_cell_that_is_no_python_is_left_out(source: str) -> None:
    assert Notebook("a.ipynb", notebook(cell(source), cell("y = 1"))).program == "y = 1\n"


def test_markdown_outputs_and_metadata_are_no_program() -> None:
    data = notebook(cell("torch.device('cuda')", "markdown"), cell("torch.device('cuda')", "raw"))
    assert Notebook("a.ipynb", data).program == ""


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"cells": 1}', b"\xff", b'{"cells": ['])
def test_what_is_no_notebook_is_refused(data: bytes) -> None:
    with pytest.raises(TargetError, match=r"a\.ipynb"):
        Notebook("a.ipynb", data)


def test_a_notebook_without_cells_has_an_empty_program() -> None:
    assert Notebook("a.ipynb", notebook()).program == ""


# --- through a plan -------------------------------------------------------------------------------------------------

DEVICE = {
    "edit": "torch.device($D)",
    "where": {"D": '"cuda"'},
    "to": {"D": '$D if torch.cuda.is_available() else "cpu"'},
}


def test_a_step_edits_the_code_cells_and_finds_nothing_again() -> None:
    before = notebook(
        cell("Use torch.device('cuda')", "markdown"),
        cell(["%matplotlib inline\n", "import torch as t\n"]),
        cell(["# put it there\n", "d = t.device('cuda')  # é"]),
    )
    after = before.replace(b"d = t.device('cuda')", b"d = t.device('cuda' if t.cuda.is_available() else \\\"cpu\\\")")
    line = before.decode()[: before.index(b"d = t.device")].count("\n") + 1
    check_transformed(DEVICE, {"a.ipynb": before}, {"a.ipynb": after}, f"{line}: applied")


def test_an_import_that_is_needed_goes_into_a_cell() -> None:
    before = notebook(cell(["from a import x\n", "\n", "y = x.cuda()"]))
    keys = {"replace": "$X.cuda()", "with": "torch.moved($X)", "needs": ["import torch"]}
    after = before.replace(b'"from a import x\\n",', b'"from a import x\\n",\n    "import torch\\n",')
    after = after.replace(b"x.cuda()", b"torch.moved(x)")
    check_transformed(keys, {"a.ipynb": before}, {"a.ipynb": after})


def test_a_notebook_that_asks_for_nothing_keeps_every_byte() -> None:
    check_noop(DEVICE, {"a.ipynb": notebook(cell("import torch\nd = torch.device('cpu')"), indent=3)})


def test_a_notebook_that_cannot_be_read_is_passed_over() -> None:
    check_noop(DEVICE, {"a.ipynb": b'{"cells": [torch device'})
