"""Where a shim goes, how it is imported there, and what of it is written over."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.errors import SiteError
from patcher.syntax.draft import Draft
from patcher.syntax.shim_files import has_module, provides, split
from patcher.syntax.shims import Placed, place, stamp, stamped_modules
from tests.helpers import ROOT, write_tree

BUNDLED = ROOT / "recipes" / "shims"
TEXT = "import math\n\n\nclass One: ...\n"


@pytest.fixture
def shims(tmp_path: Path) -> Path:
    return write_tree(
        tmp_path / "shims",
        {
            "one_torch.py": TEXT,
            "lib_torch/__init__.py": "from .tools import twice\n__all__ = ['f', 'twice']\ndef f(): ...\n"
            "def no(): ...\n",
            "lib_torch/ops/__init__.py": "from ..tools import twice\n",
            "lib_torch/ops/norm.py": "from . import scale\nfrom .scale import x\nclass RMSNorm: ...\n",
            "lib_torch/ops/scale.py": "x = y = 1\n_hidden = 2\n",
            "lib_torch/tools.py": "def twice(): ...\n",
        },
    )


@pytest.fixture
def tree(tmp_path: Path, shims: Path) -> Tree:
    return Tree(tmp_path / "tree", shims)


class Tree:
    """A checkout that is made anew for each question."""

    def __init__(self, root: Path, shims: Path) -> None:
        self.root, self.shims = root, shims
        root.mkdir()

    def draft(self, files: Mapping[str, str | bytes]) -> Draft:
        write_tree(self.root, files)
        return Draft(Checkout.open(self.root), self.shims)

    def place(
        self, files: Mapping[str, str | bytes], importer: str, name: str = "one_torch", where: str | None = None
    ) -> Placed:
        draft = self.draft(files)
        return place(draft, draft.source(importer), name, where)

    def refused(self, files: Mapping[str, str | bytes], importer: str, name: str = "one_torch") -> str:
        with pytest.raises(SiteError) as caught:
            self.place(files, importer, name)
        return str(caught.value)


# --- the folder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "importer", "module", "path"),
    [
        # beside a script
        ({"a.py": ""}, "a.py", "one_torch", "one_torch.py"),
        ({"a.py": "import os, torch\n"}, "a.py", "one_torch", "one_torch.py"),
        ({"tools/a.py": ""}, "tools/a.py", "one_torch", "tools/one_torch.py"),
        ({"tools/a.py": "from b import x\n", "tools/b.py": ""}, "tools/a.py", "one_torch", "tools/one_torch.py"),
        # a package
        ({"net/a.py": "", "net/__init__.py": ""}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/a.py": "from .b import x\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/a.py": "from . import b\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/deep/a.py": "from ..b import x\n"}, "net/deep/a.py", ".one_torch", "net/deep/one_torch.py"),
        ({"net/a.py": "", "train.py": "from net.a import x\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/a.py": "", "train.py": "import net.a\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/a.py": "", "train.py": "import net.a as n\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"net/a.py": "", "train.py": "from net import a\n"}, "net/a.py", ".one_torch", "net/one_torch.py"),
        ({"src/net/a.py": "", "src/run.py": "import net.a\n"}, "src/net/a.py", ".one_torch", "src/net/one_torch.py"),
        ({"net/a.py": "", "train.py": "import other.a\n"}, "net/a.py", "one_torch", "net/one_torch.py"),
        ({"net/a.py": "", "train.py": "print 'net.a'\n"}, "net/a.py", "one_torch", "net/one_torch.py"),
        # absolute imports of the project
        ({"a.py": "from b import x\n", "b.py": ""}, "a.py", "one_torch", "one_torch.py"),
        ({"a.py": "import net.b\n", "net/b.py": ""}, "a.py", "one_torch", "one_torch.py"),
        ({"net/a.py": "from net.b import x\n", "net/b.py": ""}, "net/a.py", "net.one_torch", "net/one_torch.py"),
        ({"net/a.py": "import net.b\n", "net/b.py": ""}, "net/a.py", "net.one_torch", "net/one_torch.py"),
        ({"net/a.py": "import net\n", "net/__init__.py": ""}, "net/a.py", "net.one_torch", "net/one_torch.py"),
        ({"net/a.py": "from net import b\n", "net/__init__.py": ""}, "net/a.py", "net.one_torch", "net/one_torch.py"),
        (
            {"net/x/a.py": "from net.y.b import z\n", "net/y/b.py": ""},
            "net/x/a.py",
            "net.one_torch",
            "net/one_torch.py",
        ),
        (
            {"net/x/a.py": "import net.x.b, util\n", "net/x/b.py": "", "util.py": ""},
            "net/x/a.py",
            "net.x.one_torch",
            "net/x/one_torch.py",
        ),
        ({"net/a.py": "import util\n", "util.py": ""}, "net/a.py", "one_torch", "one_torch.py"),
        (
            {"src/net/a.py": "import net.b\n", "src/net/b.py": ""},
            "src/net/a.py",
            "net.one_torch",
            "src/net/one_torch.py",
        ),
        ({"net/x/a.py": "import net.y\n", "net/y/__init__.py": ""}, "net/x/a.py", "net.one_torch", "net/one_torch.py"),
    ],
)
def test_it_goes_where_the_file_reaches_it(
    tree: Tree, files: dict[str, str], importer: str, module: str, path: str
) -> None:
    placed = tree.place(files, importer)
    assert (placed.module, list(placed.files)) == (module, [path])


def test_two_ways_at_once_are_refused_until_the_recipe_says_where(tree: Tree) -> None:
    files = {"net/a.py": "from .b import x\nfrom net.b import y\n", "net/b.py": ""}
    reason = "it imports its project both relatively and absolutely; say `place:` in the recipe"
    assert tree.refused(files, "net/a.py") == reason
    placed = tree.place(files, "net/a.py", where="net")
    assert (placed.module, list(placed.files)) == ("net.one_torch", ["net/one_torch.py"])


@pytest.mark.parametrize(
    ("files", "importer", "where", "module", "path"),
    [
        ({"a.py": ""}, "a.py", "extra/shims", "extra.shims.one_torch", "extra/shims/one_torch.py"),
        ({"a.py": ""}, "a.py", ".", "one_torch", "one_torch.py"),
        ({"a.py": ""}, "a.py", "./extra/", "extra.one_torch", "extra/one_torch.py"),
        ({"net/a.py": "from . import b\n"}, "net/a.py", "net", ".one_torch", "net/one_torch.py"),
        ({"tools/a.py": ""}, "tools/a.py", "tools", "one_torch", "tools/one_torch.py"),
        (
            {"src/net/a.py": "import net.b\n", "src/net/b.py": ""},
            "src/net/a.py",
            "src/net/x",
            "net.x.one_torch",
            "src/net/x/one_torch.py",
        ),
    ],
)  # fmt: skip
def test_it_goes_where_the_recipe_says(
    tree: Tree, files: dict[str, str], importer: str, where: str, module: str, path: str
) -> None:
    placed = tree.place(files, importer, where=where)
    assert (placed.module, list(placed.files)) == (module, [path])


def test_an_importer_shares_the_copy_that_stands_below_its_root(tree: Tree) -> None:
    files = {
        "net/one_torch.py": stamp("one_torch.py", TEXT.encode()),
        "net/b.py": "",
        "train.py": "from net.b import x\n",
    }
    placed = tree.place(files, "train.py")
    assert (placed.module, placed.files) == ("net.one_torch", {})


def test_an_importer_shares_the_copy_that_the_same_step_makes(tree: Tree) -> None:
    draft = tree.draft({"net/b.py": "", "train.py": "from net.b import x\n"})
    copies = {"net/one_torch.py": stamp("one_torch.py", TEXT.encode())}
    placed = place(draft, draft.source("train.py"), "one_torch", copies=copies)
    assert (placed.module, placed.files) == ("net.one_torch", copies)


def test_a_copied_package_is_found_by_its_folder(tree: Tree) -> None:
    init = (tree.shims / "lib_torch/__init__.py").read_bytes()
    tools = (tree.shims / "lib_torch/tools.py").read_bytes()
    files = {
        "net/lib_torch/__init__.py": stamp("lib_torch/__init__.py", init),
        "net/lib_torch/tools.py": stamp("lib_torch/tools.py", tools),
        "net/b.py": "",
        "train.py": "from net.b import x\n",
    }
    placed = tree.place(files, "train.py", "lib_torch")
    assert (placed.module, placed.files) == ("net.lib_torch", {})


def test_what_was_placed_before_does_not_change_how_the_project_is_imported(tree: Tree) -> None:
    """The import of a copy is no import of the project: a script stays one."""
    copy = stamp("one_torch.py", TEXT.encode())
    assert tree.place({"a.py": "from one_torch import One\n", "one_torch.py": copy}, "a.py").module == "one_torch"
    files = {"net/a.py": "from .one_torch import One\nimport net.b\n", "net/b.py": "", "net/one_torch.py": copy}
    assert tree.place(files, "net/a.py").module == "net.one_torch"


# --- the files ------------------------------------------------------------------------------------------------------


def test_a_copy_begins_with_its_stamp(tree: Tree) -> None:
    digest = hashlib.sha256(TEXT.encode()).hexdigest()
    copy = tree.place({"a.py": ""}, "a.py").files["one_torch.py"]
    assert copy == f"# patcher: copy of shim one_torch.py, sha256 {digest}\n{TEXT}".encode()


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("lib_torch", ["__init__.py", "tools.py"]),
        ("lib_torch.tools", ["__init__.py", "tools.py"]),
        ("lib_torch.ops", ["__init__.py", "ops/__init__.py", "tools.py"]),
        ("lib_torch.ops.norm", ["__init__.py", "ops/__init__.py", "ops/norm.py", "ops/scale.py", "tools.py"]),
    ],
)
def test_a_module_takes_along_what_it_imports(tree: Tree, name: str, files: list[str]) -> None:
    placed = tree.place({"a.py": ""}, "a.py", name)
    assert sorted(placed.files) == [f"lib_torch/{file}" for file in files]
    assert placed.module == name


def test_a_name_takes_along_the_module_that_has_it(tree: Tree) -> None:
    files = {
        "lib_torch/__init__.py": "_ELSEWHERE = {'tools': ['twice'], 'ops.norm': ['RMSNorm']}\n__all__ = ['f']\n",
        "lib_torch/also.py": "from . import __getattr__\n",
        "lib_torch/ops/__init__.py": "",
        "lib_torch/ops/norm.py": "from .. import f\nfrom ..tools import twice\nclass RMSNorm: ...\n",
    }
    write_tree(tree.shims, files)
    for module in ("lib_torch", "lib_torch.also"):
        assert provides(tree.shims, module) >= {"twice", "RMSNorm"}
    assert split(tree.shims, "shim.lib_torch.twice") == ("lib_torch", "twice", "")
    draft = tree.draft({"a.py": ""})
    for module, names, copied in (
        ("lib_torch", [], ["__init__"]),
        ("lib_torch", ["f"], ["__init__"]),
        ("lib_torch", ["twice", "f"], ["__init__", "tools"]),
        ("lib_torch.also", ["twice"], ["__init__", "also", "tools"]),
        ("lib_torch", ["RMSNorm"], ["__init__", "ops/__init__", "ops/norm", "tools"]),
    ):
        placed = place(draft, draft.source("a.py"), module, names=names)
        assert (placed.module, sorted(placed.files)) == (module, [f"lib_torch/{one}.py" for one in copied])


def test_a_copy_that_is_there_is_not_written_again(tree: Tree) -> None:
    files = {"a.py": "", "one_torch.py": stamp("one_torch.py", TEXT.encode())}
    assert tree.place(files, "a.py").files == {}


def test_an_older_copy_is_brought_up_to_date(tree: Tree) -> None:
    files = {"a.py": "", "one_torch.py": stamp("one_torch.py", b"class Older: ...\n")}
    assert tree.place(files, "a.py").files == {"one_torch.py": stamp("one_torch.py", TEXT.encode())}


@pytest.mark.parametrize("edit", [lambda copy: copy + b"x = 1\n", lambda copy: copy.replace(b"\n", b"\r\n")])
def test_a_copy_that_was_edited_by_hand_is_used_and_left(tree: Tree, edit: object) -> None:
    copy = edit(stamp("one_torch.py", TEXT.encode()))  # type: ignore[operator]
    placed = tree.place({"a.py": "", "one_torch.py": copy}, "a.py")
    assert (placed.module, placed.files) == ("one_torch", {})


@pytest.mark.parametrize(
    "there",
    [
        b"",
        b"class One: ...\n",
        b"\n" + stamp("one_torch.py", TEXT.encode()),
        b"\xef\xbb\xbf" + stamp("one_torch.py", TEXT.encode()),
        stamp("two_torch.py", TEXT.encode()),
        b"# patcher: copy of shim one_torch.py, sha256 123\n",
    ],
)
def test_another_file_in_its_place_is_refused(tree: Tree, there: bytes) -> None:
    reason = "one_torch.py exists and is no copy of the shim; move it away, or say `place:` in the recipe"
    assert tree.refused({"a.py": "", "one_torch.py": there}, "a.py") == reason
    assert (tree.root / "one_torch.py").read_bytes() == there


def test_a_folder_in_its_place_is_refused(tree: Tree) -> None:
    reason = "one_torch.py is no file that can be read; move it away, or say `place:` in the recipe"
    assert tree.refused({"a.py": "", "one_torch.py/x": ""}, "a.py") == reason


def test_a_package_that_would_hide_it_is_refused(tree: Tree) -> None:
    there = "exists and has the name of the shim; move it away, or say `place:` in the recipe"
    assert tree.refused({"a.py": "", "one_torch/__init__.py": ""}, "a.py") == f"one_torch/__init__.py {there}"
    assert tree.refused({"b.py": "", "lib_torch.py": ""}, "b.py", "lib_torch") == f"lib_torch.py {there}"


def test_a_shim_that_does_not_exist_is_refused(tree: Tree) -> None:
    assert (
        tree.refused({"a.py": ""}, "a.py", "x_torch")
        == "there is no shim called x_torch; name another one in the recipe"
    )
    assert tree.refused({"a.py": ""}, "a.py", "lib_torch.x") == "the shim has no module lib_torch.x"


# --- the pseudo-package ---------------------------------------------------------------------------------------------


def test_a_copy_counts_as_the_shim_under_every_name_that_reaches_it(tree: Tree) -> None:
    draft = tree.draft(
        {
            "net/sub/one_torch.py": stamp("one_torch.py", TEXT.encode()) + b"edited = 1\n",
            "net/lib_torch/__init__.py": stamp("lib_torch/__init__.py", b""),
            "net/lib_torch/ops/norm.py": stamp("lib_torch/ops/norm.py", b""),
            "net/other_torch.py": TEXT,
            "notes.txt": stamp("one_torch.py", b""),
        }
    )
    assert stamped_modules(draft) == {
        "net.sub.one_torch": "shim.one_torch",
        "sub.one_torch": "shim.one_torch",
        "one_torch": "shim.one_torch",
        "net.lib_torch": "shim.lib_torch",
        "lib_torch": "shim.lib_torch",
        "net.lib_torch.ops.norm": "shim.lib_torch.ops.norm",
        "lib_torch.ops.norm": "shim.lib_torch.ops.norm",
    }


@pytest.mark.parametrize(
    "line", ["from .one_torch import One", "from net.one_torch import One", "from one_torch import One"]
)
def test_an_import_of_a_copy_means_the_shim(tree: Tree, line: str) -> None:
    copy = stamp("one_torch.py", TEXT.encode())
    source = tree.draft({"net/a.py": f"{line}\n", "net/one_torch.py": copy}).source("net/a.py")
    assert source.names.origins_of(source.names.imports[0]) == ("shim.one_torch.One",)


def test_an_import_of_a_file_without_a_stamp_does_not(tree: Tree) -> None:
    source = tree.draft({"a.py": "from one_torch import One\n", "one_torch.py": TEXT}).source("a.py")
    assert source.names.origins_of(source.names.imports[0]) == ("one_torch.One",)


# --- what a shim has ------------------------------------------------------------------------------------------------


def test_what_a_shim_provides(shims: Path) -> None:
    assert provides(shims, "one_torch") == {"One", "math"}
    assert provides(shims, "lib_torch") == {"f", "twice"}
    assert provides(shims, "lib_torch.ops.scale") == {"x", "y"}
    assert provides(shims, "lib_torch.none") == frozenset()
    assert provides(shims, "none") == frozenset()


def test_the_bundled_shims_provide_what_recipes_name() -> None:
    assert "AdamATan2" in provides(BUNDLED, "adam_atan2_torch")
    assert "flash_attn_func" in provides(BUNDLED, "flash_attn_torch")


@pytest.mark.parametrize(
    ("module", "files"),
    [
        ("bert_padding", "bert_padding"),
        ("layers.rotary", "layers/__init__ layers/rotary"),
        ("losses.cross_entropy", "losses/__init__ losses/cross_entropy"),
        (
            "modules.mha",
            "cuda kvcache layers/__init__ layers/rotary modules/__init__ modules/inner_attention modules/mha packed varlen",
        ),
        ("modules.mlp", "modules/__init__ modules/mlp ops/__init__ ops/activations ops/fused_dense"),
        ("ops.activations", "ops/__init__ ops/activations"),
        ("ops.rms_norm", "ops/__init__ ops/add_norm ops/rms_norm"),
        ("ops.triton.layer_norm", "ops/__init__ ops/add_norm ops/triton/__init__ ops/triton/layer_norm"),
    ],
)
def test_a_part_of_flash_attn_takes_along_little(tmp_path: Path, module: str, files: str) -> None:
    draft = Draft(Checkout.open(write_tree(tmp_path, {"a.py": ""})), BUNDLED)
    placed = place(draft, draft.source("a.py"), f"flash_attn_torch.{module}")
    assert sorted(placed.files) == sorted(f"flash_attn_torch/{one}.py" for one in ["__init__", *files.split()])


def test_has_module(shims: Path) -> None:
    names = ("one_torch", "lib_torch", "lib_torch.ops", "lib_torch.ops.norm", "lib_torch.f", "x")
    assert [name for name in names if has_module(shims, name)] == list(names[:4])


def test_split(shims: Path) -> None:
    assert split(shims, "shim.one_torch.One") == ("one_torch", "One", "")
    assert split(shims, "shim.lib_torch.f.cache.clear") == ("lib_torch", "f", ".cache.clear")
    assert split(shims, "shim.lib_torch.ops.norm.RMSNorm") == ("lib_torch.ops.norm", "RMSNorm", "")
    for target, message in (
        ("shim.one_torch", "there is no shim.one_torch; name something that a shim defines"),
        ("shim.x.One", "there is no shim.x.One; name something that a shim defines"),
        ("shim.lib_torch.no", "the shim lib_torch has no no; name another one in the recipe"),
    ):
        with pytest.raises(SiteError) as caught:
            split(shims, target)
        assert str(caught.value) == message
