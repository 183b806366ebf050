"""Notebooks: the program in the code cells, and edits of it as edits of the file's bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.notebook import Notebook, NotebookSource
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


def edited(data: bytes, start: int, end: int, text: str) -> list[Any]:
    """Make one edit of the program, and return the sources that it leads to."""
    return sources(Notebook("a.ipynb", data).apply([Edit(start, end, text)]))


def test_the_program_is_the_code_cells_with_a_blank_line_between_two() -> None:
    data = notebook(cell("# text", "markdown"), cell(["import torch\n", "x = 1"]), cell([]), cell("y = x\n"))
    assert Notebook("a.ipynb", data).program == "import torch\nx = 1\n\n\ny = x\n"


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


@pytest.mark.parametrize("source", ["a\nb", ["a\n", "b"]])
def test_a_line_behind_the_last_one_of_a_cell_stays_in_it(source: str | list[str]) -> None:
    data = notebook(cell(source), cell("# é", "markdown"), cell("c"))
    assert edited(data, 4, 4, "x\n")[0] == ("a\nb\nx" if isinstance(source, str) else ["a\n", "b\n", "x"])


def test_a_line_in_front_of_the_first_one_of_a_cell_stays_in_it() -> None:
    assert edited(notebook(cell("a"), cell("b")), 3, 3, "x\n") == ["a", "x\nb"]


@pytest.mark.parametrize("source", ["a\nb", ["a\n", "b"]])
def test_the_last_line_of_a_cell_goes_alone(source: str | list[str]) -> None:
    assert edited(notebook(cell(source), cell("c")), 2, 4, "") == [["a"] if isinstance(source, list) else "a", "c"]


def test_the_last_line_of_a_cell_that_ends_in_a_line_end() -> None:
    assert edited(notebook(cell(["a\n", "b\n"]), cell("c")), 2, 4, "") == [["a\n"], "c"]


def test_a_line_in_the_middle_leaves_no_empty_string() -> None:
    assert edited(notebook(cell(["a\n", "b\n", "c"])), 2, 4, "") == [["a\n", "c"]]


@pytest.mark.parametrize("source", ["a", ["a"]])
def test_a_cell_that_becomes_empty_stays(source: str | list[str]) -> None:
    assert edited(notebook(cell(source), cell("c")), 0, 2, "") == [type(source)(), "c"]


def test_line_ends_of_windows_in_a_cell() -> None:
    assert edited(notebook(cell("a\r\nb")), 3, 5, "") == ["a"]


def test_a_line_end_of_a_new_last_line_is_not_put_in_twice() -> None:
    data = notebook(cell(["a\n", "b"]))
    once = Notebook("a.ipynb", data).apply([Edit(4, 4, "x\n")])
    assert Notebook("a.ipynb", once).program == "a\nb\nx\n"


def test_new_lines_take_the_layout_of_the_list() -> None:
    data = b'{"cells": [{"cell_type": "code", "source": [ "a\\n" ,\r\n\t"b" ]}]}'
    assert Notebook("n", data).apply([Edit(2, 2, "x\n")]) == data.replace(b'"b"', b'"x\\n" ,\r\n\t"b"')


def test_a_list_of_one_line_gets_another_in_its_indentation() -> None:
    data = notebook(cell(["a"]), indent=2)
    assert Notebook("n", data).apply([Edit(2, 2, "x\n")]) == data.replace(b'"a"', b'"a\\n",\n        "x"')


def test_strings_of_a_list_that_are_no_lines_stay() -> None:
    data = notebook(cell(["a =", "", " 1\nb", " = 2\n", ""]))
    assert swap(data, "2", "3") == data.replace(b" = 2", b" = 3")


def test_escapes_as_another_editor_spells_them_stay() -> None:
    data = (
        b'{"cells": [{"cell_type": "code", "source": ["s = \\"\\/\\u00E9\\ud83d\\ude00\\"; d = 1\\n", "\\u0065 = 2"]}]}'
    )
    assert swap(data, "1", "3") == data.replace(b"1", b"3", 1)
    assert swap(data, "2", "3") == data.replace(b"2", b"3", 1)


def test_a_line_of_the_file_is_told_for_each_place() -> None:
    data = notebook(cell("text", "markdown"), cell(["a\n", "# \\u\n", "b"]))
    line = data.decode().partition('"b"')[0].count("\n") + 1
    read = Notebook("a.ipynb", data)
    assert [read.line_column(at) for at in (read.program.index("b"), read.program.index("b") + 1)] == [
        (line, 6),
        (line, 7),
    ]


def test_an_encoding_line_in_a_cell_says_nothing_of_the_notebook() -> None:
    source = NotebookSource("a.ipynb", notebook(cell("# coding: latin-1\ns = 'é'; d = 1"), ascii_only=False))
    at = source.text.index(b"1", 20)
    assert sources(source.splice([Edit(at, at + 1, "2")])) == ["# coding: latin-1\ns = 'é'; d = 2"]


def test_statements_of_two_cells_do_not_stand_together() -> None:
    source = NotebookSource("a.ipynb", notebook(cell("a\nb\n!ls\nc"), cell("d")))
    a, b, c, d = source.module.body
    assert [source.together(two) for two in ([a], [a, b], [b, c], [c, d])] == [True, True, False, False]


def test_a_line_for_ipython_is_not_written_anew() -> None:
    source = NotebookSource("a.ipynb", notebook(cell("if x:\n    !ls\n    a")))
    assert source.lost_comment([Edit(0, len(source.text), source.slice(0, len(source.text)))]) == "!ls"
    assert source.lost_comment([Edit(0, 0, "y\n")]) is None


# --- nothing changes ------------------------------------------------------------------------------------------------


def test_no_edit_changes_no_byte() -> None:
    data = notebook(cell(["a\n", "b"]), cell("# é", "markdown"))
    assert Notebook("a.ipynb", data).apply([]) == data


@pytest.mark.parametrize("source", ["%%bash\nls", "def f(:", "    x", "x = 1 \\", "\ud800"])
def test_a_cell_that_is_no_python_is_left_out(source: str) -> None:
    read = Notebook("a.ipynb", notebook(cell(source), cell("y = 1")))
    assert [line for line in read.program.splitlines() if line.strip("#")] == ["y = 1"]
    assert [one.text for one in read.unseen] == [source]


def test_markdown_outputs_and_metadata_are_no_program() -> None:
    data = notebook(cell("torch.device('cuda')", "markdown"), cell("torch.device('cuda')", "raw"))
    assert Notebook("a.ipynb", data).program == ""


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"cells": 1}', b"\xff", b'{"cells": [', b'{"worksheets": []}'])
def test_what_is_no_notebook_is_refused(data: bytes) -> None:
    with pytest.raises(TargetError, match=r"a\.ipynb"):
        Notebook("a.ipynb", data)


def test_a_key_that_stands_twice_is_refused() -> None:
    data = b'{"cells": [{"cell_type": "code", "source": "a", "source": "b"}]}'
    with pytest.raises(TargetError, match="source stands twice"):
        Notebook("a.ipynb", data)


@pytest.mark.parametrize("key", ["kernelspec", "language_info"])
def test_a_notebook_of_another_language_is_refused(key: str) -> None:
    said = {"kernelspec": {"language": "R"}, "language_info": {"name": "R"}}[key]
    data = json.dumps({"cells": [cell("library(torch)")], "metadata": {key: said}}).encode()
    with pytest.raises(TargetError, match="its cells are in R"):
        Notebook("a.ipynb", data)


@pytest.mark.parametrize("source", [None, 1, [1], {"a": "b"}])
def test_a_cell_without_a_text_is_no_program(source: Any) -> None:
    assert Notebook("a.ipynb", notebook(cell(source), cell("y"))).program == "y\n"


def test_attachments_are_no_program() -> None:
    data = notebook(cell("![a](attachment:a)", "markdown", attachments={"a": {"source": "torch"}}), cell("y"))
    assert swap(data, "y", "z") == data.replace(b'"y"', b'"z"')


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
