"""Which files of the tree read a name of another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from patcher.syntax.readers import Readers
from tests.syntax.test_project import draft_of
from tests.verbs.checks import notebook

OWN = {"net/a.py": "from lib import x\nx()\nfrom net.a import x\n", "net/b.py": "", "other/a.py": "x = 1\n"}


def read(root: Path, files: Mapping[str, str], name: str = "x") -> list[str]:
    """Return the lines of other files that read a name of net/a.py."""
    found = Readers(draft_of(root, {**OWN, **files})).of("net/a.py", name)
    places = {(one.source.path, one.source.line_column(one.source.span(one.node)[0])[0]) for one in found}
    return [f"{path}:{line}" for path, line in sorted(places)]


@pytest.mark.parametrize(
    "text",
    [
        "from net.a import x\n",
        "from net.a import x as y\n",
        "from .net.a import x\n",
        "import net.a; net.a.x()\n",
        "import net.a as n; n.x.y()\n",
        "from net import a; a.x\n",
        "from net.a import *; x()\n",
        "import net.a as n; v: 'n.x'\n",
        "def f(): import net.a as n; return n.x\n",
        "import net.a as n; del n.x\n",
    ],
)
def test_a_file_that_reads_it(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, {"train.py": text}) == ["train.py:1"]


@pytest.mark.parametrize(
    "text",
    [
        "from net import x\n",
        "from net.b import x\n",
        "from net.a import y  # x\n",
        "import net.a\nnet.a.y  # x\n",
        "import net.a\nnet.x\n",
        "import net.a\nself.x = net.a\n",
        "import other.a as a\na.x()\n",
        "from net.a import *\nx = 1\nx\n",
        "from net.a import *\nv.x()\n",
        "from other.a import *\nx()\n",
        "def f(net):\n    return net.a.x\n",
        "import net.a as n\nf('n.x')\n",
        "print 'net.a.x'\n",
    ],
)
def test_a_file_that_does_not_read_it(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, {"train.py": text}) == []


@pytest.mark.parametrize(
    ("between", "text"),
    [
        ("import net.a as n\n", "from hub import n\nn.x()\n"),
        ("import net.a as n\n", "import hub\nhub.n.x()\n"),
        ("from net import a as n\n", "from hub import *\nn.x()\n"),
        ("from net.a import *\n", "from hub import *\nx()\n"),
        ("from net.a import *\n", "import hub as h\nh.x()\n"),
        ("from net.a import *\n", "from hub import x\n"),
    ],
)
def test_a_file_that_reads_it_through_another(tmp_path: Path, between: str, text: str) -> None:
    assert read(tmp_path, {"hub.py": between, "train.py": text})[0].startswith("train.py:")


def test_a_module_is_found_from_where_it_is_handed_on(tmp_path: Path) -> None:
    files = {"net/hub.py": "import a as n\n", "train.py": "from net.hub import n\nn.x()\n"}
    assert read(tmp_path, files) == ["train.py:2"]


def test_a_name_that_a_file_between_defines_is_its_own(tmp_path: Path) -> None:
    files = {"hub.py": "from net.a import *\ndef x(): ...\n", "train.py": "from hub import x\n"}
    assert read(tmp_path, files) == []


def test_a_name_of_a_package(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"net/__init__.py": "import json as js\n", "net/b.py": "from . import js\njs\n"})
    found = Readers(draft).first("net/__init__.py", "js")
    assert found is not None and found.source.path == "net/b.py"


def test_a_notebook_reads_too(tmp_path: Path) -> None:
    assert len(read(tmp_path, {"n.ipynb": notebook("import net.a as n", "n.x()")})) == 1


def test_imports_that_go_round_in_a_circle(tmp_path: Path) -> None:
    files = {"hub.py": "from train import *\n", "train.py": "from hub import *\nx()\n"}
    assert read(tmp_path, files) == []


def test_only_what_may_lead_there_is_parsed(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {**OWN, "far.py": "from torch import x\nx()\n", "near.py": "import net.a\nx = net.a\n"})
    assert Readers(draft).first("net/a.py", "x") is None
    assert "far.py" not in draft._sources


# --- what a name that is gone leaves broken -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "files",
    [{}, {"net/c.py": "y = 1\n"}, {"c.py": "def z(): ...\n"}, {"net/hub.py": "from c import z\n", "net/t.py": ""}],
    ids=["nothing", "another name", "out of reach", "in another file"],
)
def test_a_name_that_is_gone_is_read(tmp_path: Path, files: Mapping[str, str]) -> None:
    tree = {"net/c.py": "", "net/t.py": "from net.c import z\n", **files}
    assert Readers(draft_of(tmp_path, tree)).left("net/c.py", "z") is not None


@pytest.mark.parametrize(
    "files",
    [
        {"net/c.py": "def z(): ...\n"},
        {"net/c.py": "from more import *\n"},
        {"net/c.py": "def __getattr__(name): ...\n"},
        {"c.py": "z = 1\n"},
        {"net/t.py": "from net.c import y\n"},
        {"net/t.py": "print 'z'\nfrom net.c import z\n"},
    ],
    ids=["it is there", "a star", "asked for", "from elsewhere", "another name", "not Python 3"],
)
def test_nothing_reads_a_name_that_is_gone(tmp_path: Path, files: Mapping[str, str]) -> None:
    tree = {"net/c.py": "", "net/t.py": "from c import z\n", **files}
    assert Readers(draft_of(tmp_path, tree)).left("net/c.py", "z") is None


def test_a_module_of_a_package_is_no_name_that_is_gone(tmp_path: Path) -> None:
    files = {"net/__init__.py": "", "net/z.py": "", "t.py": "from net import z\n"}
    assert Readers(draft_of(tmp_path, files)).left("net/__init__.py", "z") is None
