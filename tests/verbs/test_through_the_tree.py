"""Patterns name what a file has from another file of the tree: relative imports, re-exports, and what only looks so."""

from __future__ import annotations

import pytest

from tests.verbs.checks import check_noop, check_transformed

LR = {"edit": "adam_atan2.AdamATan2($$$, lr=$L)", "to": {"L": "1e-8"}}
OWN = {"replace": "models.layers.Attention($X)", "with": "models.layers.Attention($X, 2)"}
CALL = "def build(p):\n    return {}(p, lr=0)\n"


def call(imports: str, name: str) -> str:
    return f"{imports}\n\n\n{CALL.format(name)}"


def edited(imports: str, name: str) -> str:
    return call(imports, name).replace("lr=0", "lr=1e-8")


class TestModulesOfTheTree:
    @pytest.mark.parametrize(
        "path, imports, name",
        [
            ("models/net.py", "from .layers import Attention", "Attention"),
            ("models/net.py", "from . import layers", "layers.Attention"),
            ("models/sub/net.py", "from ..layers import Attention as A", "A"),
            ("net.py", "import models.layers", "models.layers.Attention"),
            ("net.py", "from models import layers as ml", "ml.Attention"),
            ("net.py", "from models import Attention", "Attention"),
        ],
    )
    def test_is_found_however_it_is_imported(self, path: str, imports: str, name: str) -> None:
        before = f"{imports}\n\nnet = {name}(1)\n"
        tree = {"models/__init__.py": "from .layers import Attention\n", "models/layers.py": "class Attention: ...\n"}
        check_transformed(OWN, {**tree, path: before}, {path: before.replace("(1)", "(1, 2)")})

    @pytest.mark.parametrize("folder", ["Flag-DiT-ImageNet/models", "v1.2", "2d/net"])
    def test_a_folder_need_not_be_called_as_a_name_is(self, folder: str) -> None:
        before = "from .optim import AdamATan2\nopt = AdamATan2(p, lr=0)\n"
        tree = {f"{folder}/optim.py": "from adam_atan2 import AdamATan2\n", f"{folder}/net.py": before}
        check_transformed(LR, tree, {f"{folder}/net.py": before.replace("lr=0", "lr=1e-8")})

    @pytest.mark.parametrize("folder", ["Flag-DiT-ImageNet/models", "v1.2"])
    def test_a_rename_follows_into_a_folder_that_is_called_so(self, folder: str) -> None:
        before = {
            f"{folder}/optim.py": "from adam_atan2 import AdamATan2\n",
            f"{folder}/net.py": "from .optim import AdamATan2\nopt = AdamATan2(p)\n",
        }
        after = {
            f"{folder}/optim.py": "from torch.optim import Adam\n",
            f"{folder}/net.py": "from .optim import Adam\nopt = Adam(p)\n",
        }
        check_transformed({"rename": "adam_atan2.AdamATan2", "to": "torch.optim.Adam"}, before, after)

    def test_the_tree_may_be_a_package_itself(self) -> None:
        before = "from .models.layers import Attention\nnet = Attention(1)\n"
        tree = {"__init__.py": "", "models/__init__.py": "", "models/layers.py": "class Attention: ...\n"}
        check_transformed(OWN, {**tree, "net.py": before}, {"net.py": before.replace("(1)", "(1, 2)")})

    def test_a_single_module_of_the_tree_is_no_package_of_that_name(self) -> None:
        tree = {"adam_atan2.py": "class AdamATan2: ...\n"}
        check_noop(LR, {**tree, "train.py": call("from .adam_atan2 import AdamATan2", "AdamATan2")})

    @pytest.mark.parametrize("marker", ["src/models/__init__.py", "src/models/README.md"])
    def test_a_folder_that_is_no_package_is_not_a_part_of_the_name(self, marker: str) -> None:
        before = {
            marker: "",
            "src/models/layers.py": "class Attention: ...\n",
            "src/models/net.py": "from .layers import Attention\nnet = Attention(1)\n",
        }
        check_transformed(OWN, before, {"src/models/net.py": "from .layers import Attention\nnet = Attention(1, 2)\n"})

    def test_a_module_that_the_folder_does_not_have_is_not_the_one_that_is_meant(self) -> None:
        check_noop(OWN, {"src/net.py": "from .models.layers import Attention\nnet = Attention(1)\n"})

    def test_a_module_of_the_same_name_in_another_package_is_left(self) -> None:
        tree = {
            "models/layers.py": "class Attention: ...\n",
            "vision/layers.py": "class Attention: ...\n",
            "vision/net.py": "from .layers import Attention\nnet = Attention(1)\n",
        }
        check_noop(OWN, tree)


class TestReExports:
    def test_through_one_file(self) -> None:
        tree = {"compat.py": "from adam_atan2 import AdamATan2\n"}
        check_transformed(
            LR,
            {**tree, "train.py": call("from compat import AdamATan2", "AdamATan2")},
            {"train.py": edited("from compat import AdamATan2", "AdamATan2")},
        )

    def test_under_another_name_that_says_nothing_of_the_old_one(self) -> None:
        tree = {"compat.py": "from adam_atan2 import AdamATan2 as Optimizer\n"}
        check_transformed(
            LR,
            {**tree, "train.py": call("from compat import Optimizer", "Optimizer")},
            {"train.py": edited("from compat import Optimizer", "Optimizer")},
        )

    def test_of_a_module(self) -> None:
        tree = {"compat.py": "import adam_atan2 as aa\n"}
        check_transformed(
            LR,
            {**tree, "train.py": call("from compat import aa", "aa.AdamATan2")},
            {"train.py": edited("from compat import aa", "aa.AdamATan2")},
        )

    def test_through_two_files_and_two_aliases(self) -> None:
        tree = {
            "pkg/__init__.py": "",
            "pkg/first.py": "from adam_atan2 import AdamATan2 as One\n",
            "pkg/second.py": "from .first import One as Two\n",
        }
        check_transformed(
            LR,
            {**tree, "train.py": call("import pkg.second as s", "s.Two")},
            {"train.py": edited("import pkg.second as s", "s.Two")},
        )

    def test_through_a_star_of_the_tree(self) -> None:
        tree = {"first.py": "from adam_atan2 import AdamATan2 as One\n", "second.py": "from first import *\n"}
        check_transformed(
            LR,
            {**tree, "train.py": call("from second import One", "One")},
            {"train.py": edited("from second import One", "One")},
        )

    def test_of_a_fallback(self) -> None:
        exporter = "try:\n    from adam_atan2 import AdamATan2 as Opt\nexcept ImportError:\n    from torch.optim import Adam as Opt\n"
        check_transformed(
            LR,
            {"compat.py": exporter, "train.py": call("from compat import Opt", "Opt")},
            {"train.py": edited("from compat import Opt", "Opt")},
        )

    @pytest.mark.parametrize(
        ("more", "imports", "name"),
        [
            ({}, "import compat", "compat.adam_atan2.AdamATan2"),
            ({}, "import compat as c", "c.adam_atan2.AdamATan2"),
            ({}, "from compat import adam_atan2", "adam_atan2.AdamATan2"),
            ({}, "from compat import adam_atan2 as aa", "aa.AdamATan2"),
            ({"lib.py": "import compat\n"}, "import lib", "lib.compat.adam_atan2.AdamATan2"),
            ({"lib.py": "from compat import adam_atan2 as aa\n"}, "from lib import aa", "aa.AdamATan2"),
        ],
    )
    def test_of_a_module_that_is_imported_plainly(self, more: dict[str, str], imports: str, name: str) -> None:
        tree = {"compat.py": "import os, adam_atan2.sub\n", **more}
        check_transformed(LR, {**tree, "train.py": call(imports, name)}, {"train.py": edited(imports, name)})

    def test_what_a_file_defines_is_not_what_its_star_import_brings(self) -> None:
        tree = {"compat.py": "from adam_atan2 import *\n\n\nclass AdamATan2: ...\n"}
        check_noop(LR, {**tree, "train.py": call("from compat import AdamATan2", "AdamATan2")})

    def test_files_that_import_each_other_end(self) -> None:
        tree = {"a.py": "from b import Opt\n", "b.py": "from a import Opt\nimport adam_atan2\n"}
        check_noop(LR, {**tree, "train.py": call("from a import Opt", "Opt")})

    @pytest.mark.parametrize(
        "exporter",
        [
            "class AdamATan2: ...  # of adam_atan2\n",
            "from adam_atan2 import AdamATan2\n\n\nclass AdamATan2(AdamATan2): ...\n",
            "from adam_atan2 import AdamATan2\nAdamATan2 = print\n",
            "from adam_atan2 import AdamATan2\ndel AdamATan2\nAdamATan2 = print\n",
            '"""\nfrom adam_atan2 import AdamATan2\n"""\nAdamATan2 = print\n',
            "def get():\n    from adam_atan2 import AdamATan2\n    return AdamATan2\n",
            "from other import AdamATan2  # adam_atan2\n",
        ],
    )
    def test_what_the_exporter_makes_itself_is_left(self, exporter: str) -> None:
        check_noop(LR, {"compat.py": exporter, "train.py": call("from compat import AdamATan2", "AdamATan2")})

    def test_a_local_name_is_left(self) -> None:
        tree = {"compat.py": "from adam_atan2 import AdamATan2 as Opt\n"}
        check_noop(LR, {**tree, "train.py": "from compat import Opt\n\n\ndef build(Opt):\n    return Opt(1, lr=0)\n"})

    @pytest.mark.parametrize(
        "exporter",
        [
            "def get():\n    import adam_atan2\n    return adam_atan2\n",
            "import adam_atan2\nadam_atan2 = None\n",
            "# import adam_atan2\n",
            "import adam_atan2 as aa\n",
        ],
    )
    def test_a_module_that_the_exporter_has_not_under_that_name_is_left(self, exporter: str) -> None:
        check_noop(LR, {"compat.py": exporter, "train.py": call("import compat", "compat.adam_atan2.AdamATan2")})

    def test_a_package_from_elsewhere_of_that_name_is_left(self) -> None:
        check_noop(LR, {"train.py": call("from compat import AdamATan2", "AdamATan2")})

    def test_an_exporter_that_does_not_parse_hands_nothing_on(self) -> None:
        tree = {"compat.py": "from adam_atan2 import AdamATan2 as Opt\nprint 'old'\n"}
        check_noop(LR, {**tree, "train.py": call("from compat import Opt", "Opt")})

    def test_the_replacement_is_written_through_the_same_import(self) -> None:
        step = {
            "replace": "flash_attn.flash_attn_func($$$A)",
            "with": "flash_attn.flash_attn_func($$$A, causal=True)",
        }
        tree = {"compat.py": "from flash_attn import flash_attn_func as attend\n"}
        check_transformed(
            step,
            {**tree, "net.py": "from compat import attend\ny = attend(1, 2, 3)\n"},
            {"net.py": "from compat import attend\ny = attend(1, 2, 3, causal=True)\n"},
        )
