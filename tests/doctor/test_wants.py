"""What a tree wants, read from its files."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.doctor.wants import Wants, wants
from patcher.syntax.shims import stamp
from tests.helpers import write_tree


def wanted(tmp_path: Path, files: dict[str, str] | str) -> Wants:
    return wants(Checkout.open(write_tree(tmp_path, {"a.py": files} if isinstance(files, str) else files)))


@pytest.mark.parametrize(
    ("text", "modules"),
    [
        ("import torch\n", ["torch"]),
        ("import torch.nn as nn, numpy\n", ["numpy", "torch.nn"]),
        ("from einops import rearrange\n", ["einops"]),
        ("def f():\n    import wandb\n", ["wandb"]),
        ("import os, sys\nfrom json import loads\n", []),
        ("from . import b\nfrom .c import d\n", []),
        ("try:\n    import apex\nexcept ImportError:\n    apex = None\n", []),
        ("try:\n    import apex\nexcept:\n    pass\n", []),
        ("try:\n    import apex\nexcept ValueError:\n    pass\n", ["apex"]),
        ("try:\n    import apex\nfinally:\n    import b\n", ["apex", "b"]),
        ("try:\n    import apex\nexcept ImportError:\n    import torch\n", ["torch"]),
        ("try:\n    x = 1\nexcept Exception:\n    import torch\n", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import jax\nelse:\n    import torch\n", ["torch"]),
        ("# import torch\n'''import numpy'''\n", []),
    ],
)
def test_the_modules_that_must_be_there(tmp_path: Path, text: str, modules: list[str]) -> None:
    assert [one.module for one in wanted(tmp_path, text).modules] == modules


def test_names_of_a_module_with_its_first_place(tmp_path: Path) -> None:
    (one,) = wanted(tmp_path, "import os\nfrom lib import a, b\nfrom lib import c as d\n").modules
    assert (one.place, one.names) == ("a.py:2", {"a", "b", "c"})


def test_a_module_in_a_handler_is_wanted_unless_the_other_is_there(tmp_path: Path) -> None:
    text = "try:\n    from fa3 import f\nexcept ImportError:\n    from fa2 import f\n"
    (one,) = wanted(tmp_path, text).modules
    assert (one.module, [(first.module, first.names) for first in one.unless]) == ("fa2", [("fa3", {"f"})])
    (one,) = wanted(tmp_path, f"{text}import fa2\n").modules
    assert one.unless == set()


def test_what_the_tree_has_itself_is_not_wanted(tmp_path: Path) -> None:
    files = {"models/layers.py": "import utils.b\nfrom models.c import d\n", "utils/b.py": "", "models/c.py": ""}
    assert wanted(tmp_path, files).modules == ()


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("import torch\nm = torch.compile(m)\n", "compiles", "a.py:2"),
        ("# torch.compile(m)\n", "compiles", ""),
        ("import wandb\n", "logs", "a.py:1"),
        ("mp.spawn(f, nprocs=2)\n", "processes", "a.py:1"),
        ("x = 1\ny.cuda()\n", "literal", "a.py:2"),
        ("y.to('cuda:0')\n", "literal", "a.py:1"),
        ("y.to('cpu')\n", "literal", ""),
    ],
)
def test_what_else_a_tree_wants(tmp_path: Path, text: str, name: str, place: str) -> None:
    assert getattr(wanted(tmp_path, text), name) == place


def test_a_file_that_does_not_parse_is_passed_over(tmp_path: Path) -> None:
    found = wanted(tmp_path, {"a.py": "print 1\n", "b.py": "import torch\n"})
    assert ([one.module for one in found.modules], found.skipped) == (["torch"], ("a.py",))


def test_a_copied_shim_wants_nothing(tmp_path: Path) -> None:
    shim = stamp("flash_attn_torch/cuda.py", b"import extra\nf = torch.compile(g)\n").decode()
    found = wanted(tmp_path, {"a.py": "import torch\n", "flash_attn_torch/cuda.py": shim})
    assert ([one.module for one in found.modules], found.compiles) == (["torch"], "")
