"""Steps over notebooks: cells stay apart, what only IPython reads is kept and told, every other byte stays."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from patcher.checkout import Checkout
from patcher.errors import RecipeError
from patcher.model import Edit
from patcher.syntax.draft import Draft
from patcher.syntax.soundness import check_sources
from tests.helpers import write_tree
from tests.verbs.checks import SHIMS, check_noop, check_transformed, step_of, tree_plan

INIT: dict[str, Any] = {"delete": "wandb.init($$$)", "in": "a.ipynb"}
UNUSED: dict[str, Any] = {"delete": "import $$$N", "where": {"N": {"unused": "yes"}}, "in": "a.ipynb"}
EVAL: dict[str, Any] = {"insert": "$M.eval()", "after": "$M.load_state_dict($$$)"}
CUDA: dict[str, Any] = {"replace": "$X.cuda()", "with": '$X.to("cuda")'}
TWO: dict[str, Any] = {"replace": "$M = f($X)\n$M.eval()", "with": "$M = f($X)\n$M.train()", "local": ["f"]}
SWAP: dict[str, Any] = {"replace": "f($A, $B)", "with": "g($B, $A)", "local": ["f", "g"]}
NEEDS: dict[str, Any] = {"edit": "f($X)", "to": {"X": "torch.g($X)"}, "local": ["f"], "needs": ["import torch"]}
RENAME_OLD: dict[str, Any] = {"rename": "a.old", "to": "b.new"}
LOADED = "net.load_state_dict(x)"


def cells(*sources: str, listed: bool = False) -> bytes:
    """Return a notebook; a source behind `MD:` is a markdown cell."""
    written: list[dict[str, Any]] = []
    for number, source in enumerate(sources):
        text = source.removeprefix("MD:")
        keys: dict[str, Any] = {"cell_type": "markdown", "attachments": {"a": {"image/png": "x"}}}
        if text == source:
            keys = {"cell_type": "code", "execution_count": number, "outputs": [{"text": ["x.cuda()\n", "é"]}]}
        written.append({**keys, "metadata": {"id": number}, "source": text.splitlines(True) if listed else text})
    tree = {"cells": written, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(tree, indent=1, ensure_ascii=False).encode()


def becomes(keys: dict[str, Any], before: list[str], after: list[str], *places: str, partly: bool = False) -> None:
    """Hold what a step makes of the cells of a notebook, their sources as texts and as lists."""
    for listed in (False, True):
        check_transformed(
            keys,
            {"a.ipynb": cells(*before, listed=listed)},
            {"a.ipynb": cells(*after, listed=listed)},
            *places,
            partly=partly,
        )


def made(keys: dict[str, Any], *sources: str) -> list[str]:
    """Return the sources that a step makes of these."""
    with tempfile.TemporaryDirectory() as folder:
        planned = tree_plan(keys, write_tree(Path(folder), {"a.ipynb": cells(*sources)}))
    return [cell["source"] for cell in json.loads(planned.changes[0].after)["cells"]]


def stays(keys: dict[str, Any], *sources: str) -> None:
    """Hold that a step finds nothing in a notebook."""
    for listed in (False, True):
        check_noop(keys, {"a.ipynb": cells(*sources, listed=listed)})


def refuses(keys: dict[str, Any], reason: str, *sources: str) -> None:
    """Hold that a step leaves its one place, in the first cell, and why; LINE is where the last cell begins."""
    written = cells(*sources).decode().split("\n")
    lines = [number for number, line in enumerate(written, 1) if line.lstrip().startswith('"source"')]
    said = f"{lines[0]}: refused: {reason.replace('LINE', str(lines[-1]))}"
    check_noop(keys, {"a.ipynb": cells(*sources)}, said)


def told(keys: dict[str, Any], *sources: str) -> list[str]:
    """Return what a plan says it passed over, without the file, and the line counted from the first of a source."""
    with tempfile.TemporaryDirectory() as folder:
        made = tree_plan(keys, write_tree(Path(folder), {"a.ipynb": cells(*sources, listed=True)}))
    return [one.reason.partition(" ")[2] for one in made.skipped]


def left_over(keys: dict[str, Any], *sources: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        made = tree_plan(keys, write_tree(Path(folder), {"a.ipynb": cells(*sources)}))
    return [one.reason for one in made.leftovers]


# --- the border of two cells ----------------------------------------------------------------------------------------


def test_the_last_statement_of_a_cell_goes_alone() -> None:
    rest = ["MD:# text", "model = Net()\ntrain(model)", "MD:# more", "plot()\nshow()", "a = 1\nb = 2"]
    becomes(INIT, ["import wandb, os\nwandb.init()", *rest], ["import os", *rest])


def test_an_only_statement_leaves_an_empty_cell() -> None:
    becomes(UNUSED, ["import os", "MD:# text", "x = 1", "y = 2\nz = 3"], ["", "MD:# text", "x = 1", "y = 2\nz = 3"])


def test_places_in_many_cells_at_once() -> None:
    before = ["import wandb\nwandb.init()", "wandb.init()", "if x:\n    wandb.init()", "wandb.init(); z = 1"]
    assert made(INIT, *before) == ["", "", "if x:\n    pass", "z = 1"]


@pytest.mark.parametrize("behind", [[], ["y = 1"], ["MD:# text", "y = 1"], ["", "y = 1"], ["%%bash\nls"]])
def test_a_line_behind_the_last_statement_stays_in_its_cell(behind: list[str]) -> None:
    becomes(EVAL, [LOADED, *behind], [f"{LOADED}\nnet.eval()", *behind])
    becomes(EVAL, [f"{LOADED}\n", *behind], [f"{LOADED}\nnet.eval()\n", *behind])
    becomes(EVAL, [f"if x:\n    {LOADED}", *behind], [f"if x:\n    {LOADED}\n    net.eval()", *behind])


def test_a_line_last_in_a_function_stays_in_its_cell() -> None:
    keys = {"insert": "x.eval()", "last_in": "def f()", "local": ["x"]}
    becomes(
        keys, ["def f():\n    x = 1", "MD:# text", "y = 1"], ["def f():\n    x = 1\n    x.eval()", "MD:# text", "y = 1"]
    )


def test_a_line_in_front_of_the_first_statement_stays_in_its_cell() -> None:
    keys = {"insert": "import torch", "before": "import os"}
    becomes(keys, ["x = 1", "import os"], ["x = 1", "import torch\nimport os"])
    becomes(keys, ["x = 1", "%%capture\nimport os"], ["x = 1", "%%capture\nimport torch\nimport os"])


def test_statements_of_one_cell_are_adjacent() -> None:
    becomes(TWO, ["m = f(2)\nm.eval()", "x"], ["m = f(2)\nm.train()", "x"])


@pytest.mark.parametrize("border", [["m = f(2)", "m.eval()"], ["m = f(2)", "MD:# text", "m.eval()"]])
def test_statements_of_two_cells_are_not_adjacent(border: list[str]) -> None:
    stays(TWO, *border)


def test_a_magic_stands_between_two_statements() -> None:
    stays(TWO, "m = f(2)\n!ls\nm.eval()")


def test_what_was_inserted_is_not_taken_for_there_across_two_cells() -> None:
    keys = {**EVAL, "insert": "$M.eval()\n$M.half()"}
    becomes(
        keys, [LOADED, "net.eval()", "net.half()"], [f"{LOADED}\nnet.eval()\nnet.half()", "net.eval()", "net.half()"]
    )


def test_a_cell_that_was_python_and_is_none_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_tree(Path(folder), {"a.ipynb": cells("x = 1", "y = 2")})
        draft, step = Draft(Checkout.open(root), SHIMS), step_of(CUDA)
        draft.edit("a.ipynb", step.id, [Edit(7, 8, "y(")])
        with pytest.raises(RecipeError, match=r"a\.ipynb:\d+ would not parse"):
            check_sources([step], draft)


# --- what only IPython reads ----------------------------------------------------------------------------------------


def test_a_percent_sign_in_a_string_is_no_magic() -> None:
    long = '"""\n%d items\n!important\n"""'
    becomes(SWAP, [f"g\nf({long}, k)"], [f"g\ng(k, {long})"])
    becomes(SWAP, [f"%time x\ng\nf({long}, k)"], [f"%time x\ng\ng(k, {long})"])


def test_a_percent_sign_in_an_expression_is_no_magic() -> None:
    becomes(CUDA, ['s = ("a %s"\n     % x)\ny.cuda()'], ['s = ("a %s"\n     % x)\ny.to("cuda")'])


@pytest.mark.parametrize(
    "cell",
    [
        "w = !ls\n{}",
        "x = %env A\n{}",
        "files = %sx ls\n{}",
        "q.cuda?\n{}",
        "!ls \\\n  -l\n{}",
        "if x:\n    !pip install y\nelse:\n    {}",
        "for i in x:\n    %time f()\n    {}",
        "%%time\n{}",
        "%%timeit -n 3\n{}",
        "%%capture out\n!ls\n{}",
        "await {}",
    ],
)
def test_python_beside_a_line_for_ipython_is_edited(cell: str) -> None:
    becomes(CUDA, [cell.format("y.cuda()"), "x"], [cell.format('y.to("cuda")'), "x"])


@pytest.mark.parametrize(
    "cell", ["%time y.cuda()", "y.cuda?", "!y.cuda()", "%%bash\ny.cuda()", "x.cuda(", "if x: !y.cuda()"]
)
def test_no_line_for_ipython_is_edited(cell: str) -> None:
    stays(CUDA, cell, "MD:y.cuda()")


def test_a_line_for_ipython_is_not_called_lost_where_its_block_gets_another_line() -> None:
    keys = {"insert": "z = 1", "last_in": "if $_"}
    becomes(keys, ["if x:\n    !ls\nelse:\n    y"], ["if x:\n    !ls\n    z = 1\nelse:\n    y"])


def test_a_line_for_ipython_that_holds_the_words_of_a_step_is_told() -> None:
    said = "is read by IPython alone (`%time y.cuda()`); change it by hand where it must follow."
    assert told(CUDA, "x = 1\n%time y.cuda()", "%time f()") == [said]


def test_a_cell_of_another_language_that_holds_the_words_of_a_step_is_told() -> None:
    said = "begins a cell that no step sees (`%%bash`); change it by hand where it must follow."
    assert told(CUDA, "%%bash\nx.cuda()", "%%bash\nls") == [said]


@pytest.mark.parametrize("cell", ["x.cuda(\n", "if x: !y.cuda()"])
def test_a_cell_that_is_no_python_and_holds_the_words_of_a_step_is_told(cell: str) -> None:
    first = cell.partition("\n")[0]
    said = f"begins a cell that is no Python (`{first}`); mend the cell, or change it by hand."
    assert told(CUDA, cell, "def f(:") == [said]


def test_what_the_imports_say_need_not_stand_in_a_passage() -> None:
    keys = {"replace": "torch.device($D)", "with": "torch.Device($D)"}
    assert len(told(keys, "from torch import device", "%time device('cuda')", "%time torch.ones(1)")) == 1


@pytest.mark.parametrize("cell", ["!pip install cuda", "%time f()", "%load_ext autoreload", "def f(:"])
def test_what_has_nothing_to_do_with_a_step_is_not_told(cell: str) -> None:
    assert told(CUDA, "y.cuda()", cell) == []


def test_a_step_without_words_tells_nothing() -> None:
    assert told(UNUSED, "import os\nos", "%time f()", "def f(:") == []


def test_a_line_for_ipython_is_not_lost() -> None:
    reason = "the comment `!ls` would be lost; move it out of the way first"
    check_noop({"delete": "w = $_", "local": ["w"]}, {"a.ipynb": cells("w = !ls")}, f"17: refused: {reason}")


def test_an_old_name_in_a_line_for_the_shell_is_left_over() -> None:
    assert left_over(RENAME_OLD, "from a import old\nold(1)", "!grep old x.py") == ["a line for IPython mentions old"]


@pytest.mark.parametrize("cell", ["!grep other x.py", "!grep old_one x.py", "%time old(1)", "MD:old"])
def test_what_is_no_old_name_or_is_told_already_is_not_left_over(cell: str) -> None:
    assert left_over(RENAME_OLD, "from a import old as o\no(1)", cell) == []


# --- names that only IPython reads ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\nx = np.zeros(1)",
        "%timeit np.zeros(1)",
        "np.zeros?",
        "!echo {np.zeros(1)}",
        "np.zeros(",
        "%%sql\nnp",
        "%run x np",
    ],
)
def test_an_import_that_only_ipython_reads_is_used(cell: str) -> None:
    becomes(UNUSED, ["import numpy as np\nimport os", cell], ["import numpy as np", cell])


@pytest.mark.parametrize(
    "cell", ["!pip install wandb", "%pip install wandb", "%%bash\nwandb login", "MD:wandb", "# wandb"]
)
def test_an_import_that_only_a_shell_names_is_unused(cell: str) -> None:
    becomes(UNUSED, ["import wandb\nx = 1", cell], ["x = 1", cell])


# --- imports that are needed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["%load_ext a", "f(1)"], ["%load_ext a", "import torch\nf(torch.g(1))"]),
        (["!pip install torch\nf(1)"], ["!pip install torch\nimport torch\nf(torch.g(1))"]),
        (
            ["!pip install a\n\n!pip install torch\nf(1)"],
            ["!pip install a\n\n!pip install torch\nimport torch\nf(torch.g(1))"],
        ),
        (["# text", "%%time\nf(1)"], ["# text", "%%time\nimport torch\nf(torch.g(1))"]),
        (["%%html\n<b>", "f(1)"], ["%%html\n<b>", "import torch\nf(torch.g(1))"]),
        (["", "f(1)"], ["", "import torch\nf(torch.g(1))"]),
        (["import os\n%time x", "f(1)"], ["import os\nimport torch\n%time x", "f(torch.g(1))"]),
    ],
)
def test_an_import_goes_into_a_cell_that_is_python(before: list[str], after: list[str]) -> None:
    becomes(NEEDS, before, after)


# --- rename ---------------------------------------------------------------------------------------------------------

RENAME: dict[str, Any] = {"rename": "a.b", "to": "c.d"}


@pytest.mark.parametrize("magic", ["%%time", "%%timeit -n 3", "%%capture out", "%%prun"])
def test_a_name_below_a_magic_follows(magic: str) -> None:
    becomes(RENAME, ["from a import b", f"{magic}\nb(1)", "b(2)"], ["from c import d", f"{magic}\nd(1)", "d(2)"])


@pytest.mark.parametrize("cell", ["%timeit b(3)", "x = %run_it b", "!echo {b(3)}", "%%sql\nb", "b(", "b?"])
def test_a_name_that_ipython_alone_reads_is_not_renamed(cell: str) -> None:
    reason = "`b` may be read in line LINE too, where no step sees it; change it there first"
    refuses(RENAME, reason, "from a import b", "b(2)", cell)


def test_a_name_that_keeps_its_spelling_may_be_read_by_ipython() -> None:
    becomes({**RENAME, "to": "c.b"}, ["from a import b\n%timeit b(1)"], ["from c import b\n%timeit b(1)"])
    becomes(RENAME, ["from a import b as e\n%timeit e(1)"], ["from c import d as e\n%timeit e(1)"])


def test_a_module_that_ipython_alone_reads_stays_imported() -> None:
    before, after = ["import a\na.b(1)", "%timeit a.b(2)"], ["import a\nimport c\nc.d(1)", "%timeit a.b(2)"]
    becomes(RENAME, before, after)
    assert len(told(RENAME, *before)) == 1


@pytest.mark.parametrize("cell", ["!pip install b", "%%bash\nb", "%%html\n<b>", "# b", "MD:b", "%time x.c"])
def test_what_only_looks_like_the_name_keeps_nothing_back(cell: str) -> None:
    becomes(RENAME, ["from a import b\nb(1)", cell], ["from c import d\nd(1)", cell])
