"""What a rename or an edit of calls leaves for a person to look at: told with its place, never edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.model import Place, Plan
from tests.helpers import commit_all, write_tree
from tests.verbs.checks import tree_plan

RENAME = {"rename": "adam_atan2.AdamATan2", "to": "adam_atan2_pytorch.AdamAtan2"}
RATE = {"edit": "opt.Adam($$$, lr=$LR)", "where": {"LR": "0"}, "to": {"LR": "1e-8"}}


def left(tmp_path: Path, keys: dict[str, object], files: dict[str, str]) -> list[str]:
    made: Plan = tree_plan(keys, commit_all(write_tree(tmp_path, files)))
    return [_said(place) for place in made.leftovers]


def _said(place: Place) -> str:
    return f"{place}: {place.reason}"


USE = "from adam_atan2 import AdamATan2\nx = AdamATan2(p)\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("README.md", "# A\n\npip install adam-atan2\n", "README.md:3: it mentions adam-atan2"),
        ("configs/a.yaml", "optimizer: adam_atan2.AdamATan2\n", "configs/a.yaml:1: it mentions adam_atan2.AdamATan2"),
        ("Dockerfile", "RUN pip install adam-atan2==0.0.3\n", "Dockerfile:1: it mentions adam-atan2"),
        ("b.py", "opt = registry['AdamATan2']\n", "b.py:1: a string mentions AdamATan2"),
        ("b.py", "opt = getattr(module, 'AdamATan2')\n", "b.py:1: a string mentions AdamATan2"),
        ("b.py", "from adam_atan2 import *\n", "b.py:1: a star import may bring AdamATan2"),
    ],
)
def test_a_mention_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    assert told in left(tmp_path, RENAME, {"a.py": USE, name: text})


def test_a_callee_that_is_handed_on_is_told(tmp_path: Path) -> None:
    text = "import opt\nfrom functools import partial\nmake = partial(opt.Adam, lr=0)\ntable = {'a': opt.Adam}\nopt.Adam(p, lr=0)\n"
    why = "opt.Adam is handed on here, not called, so its calls are not seen"
    assert left(tmp_path, RATE, {"a.py": text}) == [f"a.py:3: {why}", f"a.py:4: {why}"]


def test_a_string_beside_an_import_of_the_module_is_told_though_nothing_was_renamed(tmp_path: Path) -> None:
    text = "import adam_atan2\nx = getattr(adam_atan2, 'AdamATan2')(p)\n"
    assert left(tmp_path, RENAME, {"a.py": text}) == ["a.py:2: a string mentions AdamATan2"]


BOOL = {"rename": "numpy.bool", "to": "numpy.bool_"}
FLOAT = {"replace": "numpy.float", "with": "float"}
CALL = {"replace": "numpy.float($X)", "with": "numpy.float64($X)"}


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        (BOOL, "import numpy as np\nx = np.bool\ny = x.astype('np.bool')\n", "a.py:3: a string mentions np.bool"),
        (BOOL, "import numpy as np\nx = np.bool\ny = f('numpy.bool')\n", "a.py:3: a string mentions numpy.bool"),
        (
            RENAME,
            "import adam_atan2 as aa\naa.AdamATan2\nf('aa.AdamATan2')\n",
            "a.py:3: a string mentions aa.AdamATan2",
        ),
        (FLOAT, "import numpy as np\nx = np.float\nz: 'np.float' = x\n", "a.py:3: a string mentions np.float"),
        (FLOAT, "from numpy import float as f\nx = f\nz: 'f | None' = x\n", "a.py:3: a string mentions f"),
        (CALL, "import numpy as np\nx = np.float(1)\nf('numpy.float')\n", "a.py:3: a string mentions numpy.float"),
    ],
)
def test_a_string_that_spells_the_name_as_the_file_does_is_told(
    tmp_path: Path, keys: dict[str, object], text: str, told: str
) -> None:
    assert left(tmp_path, keys, {"a.py": text}) == [told]


@pytest.mark.parametrize("name", ["conf/o.yaml", "o.yml", "setup.cfg", "a.ini", "pyproject.toml", "deep/conf/o.json"])
def test_a_setting_that_has_the_whole_name_is_told_though_nothing_was_renamed(tmp_path: Path, name: str) -> None:
    files = {name: "# adam_atan2\n_target_: adam_atan2.AdamATan2\nname: AdamATan2\n"}
    assert left(tmp_path, RENAME, files) == [f"{name}:2: it mentions adam_atan2.AdamATan2"]


def test_a_string_that_has_the_whole_name_is_told_though_nothing_was_renamed(tmp_path: Path) -> None:
    text = "get('adam_atan2.AdamATan2')\nget('AdamATan2')\nget('adam_atan2')\n"
    assert left(tmp_path, RENAME, {"a.py": text}) == ["a.py:1: a string mentions adam_atan2.AdamATan2"]


# --- a name by the path of a file of the tree -----------------------------------------------------------------------

OWN = {"models/optim.py": "from adam_atan2 import AdamATan2\n"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("conf/a.yaml", "_target_: models.optim.AdamATan2\n", "it mentions models.optim.AdamATan2"),
        ("README.md", "see `optim.AdamATan2`\n", "it mentions optim.AdamATan2"),
        ("t.py", "mock.patch('models.optim.AdamATan2')\n", "a string mentions models.optim.AdamATan2"),
        ("t.py", "mock.patch(f'models.optim.AdamATan2.{x}')\n", "a string mentions models.optim.AdamATan2"),
        ("pyproject.toml", "opt = 'models.optim:AdamATan2'\n", "it mentions models.optim:AdamATan2"),
    ],
)
def test_the_path_of_a_file_that_had_the_name_is_told(tmp_path: Path, name: str, text: str, told: str) -> None:
    assert left(tmp_path, RENAME, {**OWN, name: text}) == [f"{name}:1: {told}"]


def test_the_path_of_a_file_that_handed_the_name_on_is_told(tmp_path: Path) -> None:
    files = {"models/__init__.py": "from models.optim import AdamATan2\n", "a.yaml": "x: models.AdamATan2\n"}
    assert left(tmp_path, RENAME, {**OWN, **files}) == ["a.yaml:1: it mentions models.AdamATan2"]


def test_the_path_of_a_file_that_was_changed_before_is_told(tmp_path: Path) -> None:
    files = {"models/optim.py": "from adam_atan2_pytorch import AdamAtan2\n", "a.yaml": "x: models.optim.AdamATan2\n"}
    assert left(tmp_path, RENAME, files) == ["a.yaml:1: it mentions models.optim.AdamATan2"]


def test_the_path_of_a_definition_that_went_is_told(tmp_path: Path) -> None:
    files = {
        "tools/run.py": "def main(): ...\nx = 1\n",
        "pyproject.toml": "go = 'tools.run:main'\nno = 'tools.run:x'\n",
    }
    keys = {"delete": "def main($$$)"}
    assert left(tmp_path, keys, files) == ["pyproject.toml:1: it mentions tools.run:main"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "_target_: models.optim.AdamAtan2\n"),
        ("a.yaml", "_target_: other.optim.AdamATan2\n"),
        ("a.yaml", "_target_: models.kept.AdamATan2\n"),
        ("a.yaml", "_target_: models.optim.AdamATan2Plus\n"),
        ("a.yaml", "models.optim: AdamATan2Plus\n"),
        ("t.py", "# models.optim.AdamATan2\n"),
        ("t.py", "import models.kept\nmodels.kept.AdamATan2\n"),
    ],
)
def test_a_path_that_is_right_is_not_told(tmp_path: Path, name: str, text: str) -> None:
    files = {**OWN, "models/kept.py": "from elsewhere import AdamATan2\n", name: text}
    assert left(tmp_path, RENAME, files) == []


def test_a_path_of_a_name_that_stays_under_its_alias_is_not_told(tmp_path: Path) -> None:
    files = {"models/optim.py": "from adam_atan2 import AdamATan2 as Best\n", "a.yaml": "x: models.optim.Best\n"}
    assert left(tmp_path, RENAME, files) == []


# --- modules that a variable holds ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "spelled", "held"),
    [
        ("import importlib\nm = importlib.import_module('adam_atan2')\nm.AdamATan2()\n", "m.AdamATan2", "m"),
        ("import adam_atan2\nx = adam_atan2\nx.AdamATan2()\n", "x.AdamATan2", "x"),
        ("import adam_atan2\nself.lib = adam_atan2\nself.lib.AdamATan2()\n", "self.lib.AdamATan2", "self.lib"),
        ("import adam_atan2\nx: object = adam_atan2\nx.AdamATan2\n", "x.AdamATan2", "x"),
        ("import adam_atan2\nx = adam_atan2 if fast else None\nx.AdamATan2\n", "x.AdamATan2", "x"),
        ("import adam_atan2 as a\nx = y or a\nx.AdamATan2\n", "x.AdamATan2", "x"),
        ("import adam_atan2\nf(x := adam_atan2)\nx.AdamATan2\n", "x.AdamATan2", "x"),
        ("\nx = __import__('adam_atan2')\ndef f(): return x.AdamATan2\n", "x.AdamATan2", "x"),
    ],
)
def test_what_is_read_from_a_module_that_a_variable_holds_is_told(
    tmp_path: Path, text: str, spelled: str, held: str
) -> None:
    told = f"a.py:3: `{spelled}` may be adam_atan2.AdamATan2, as `{held}` may be adam_atan2"
    assert told in left(tmp_path, RENAME, {"a.py": text})
    call = {"edit": "adam_atan2.AdamATan2($$$, lr=$LR)", "where": {"LR": "0"}, "to": {"LR": "1"}}
    assert told in left(tmp_path, call, {"a.py": text})


def test_a_module_of_a_package_that_a_variable_holds(tmp_path: Path) -> None:
    text = "import torch\n\nclass A:\n    lib = torch.cuda\n    def f(self): return self.lib.amp.autocast()\n"
    told = "`self.lib.amp.autocast` may be torch.cuda.amp.autocast, as `self.lib` may be torch.cuda"
    keys = {"rename": "torch.cuda.amp.autocast", "to": "torch.autocast"}
    assert left(tmp_path, keys, {"a.py": text}) == [f"a.py:5: {told}"]


def test_a_module_that_is_imported_by_a_string_and_read_at_once(tmp_path: Path) -> None:
    text = "from importlib import import_module as load\nload('adam_atan2').AdamATan2()\n"
    told = "adam_atan2.AdamATan2 may be read here, as adam_atan2 is imported by a string"
    assert f"a.py:2: {told}" in left(tmp_path, RENAME, {"a.py": text})


@pytest.mark.parametrize(
    "text",
    [
        "import adam_atan2\nx = adam_atan2.other\nx.AdamATan2\n",
        "import adam_atan2\nx = adam_atan2\ny.AdamATan2, x.other\n",
        "import adam_atan2\nx = adam_atan2\ndef f(x): return x.AdamATan2\n",
        "import other as adam_atan2\nx = adam_atan2\nx.AdamATan2\n",
        "def f(adam_atan2):\n    x = adam_atan2\n    return x.AdamATan2\n",
        "import importlib\nx = importlib.import_module('other')\nx.AdamATan2  # adam_atan2\n",
        "def import_module(name): ...\nx = import_module(adam_atan2)\nx.AdamATan2\n",
    ],
)
def test_what_is_read_from_another_variable_is_not_told(tmp_path: Path, text: str) -> None:
    assert left(tmp_path, RENAME, {"a.py": text}) == []


# --- calls that go --------------------------------------------------------------------------------------------------


def test_a_function_whose_calls_go_and_that_is_handed_on_is_told(tmp_path: Path) -> None:
    text = "import wandb\nwandb.log(1)\nself.log = wandb.log\n"
    why = "wandb.log is handed on here, not called, so its calls are not seen"
    for delete in (["wandb.log($$$)"], "wandb.log($$$)"):
        assert left(tmp_path, {"delete": delete}, {"a.py": text}) == [f"a.py:3: {why}"]


@pytest.mark.parametrize("text", ["wandb.log(2)", "self.log = wandb.init", "self.log = log", "x = wandb.log(2)"])
def test_a_function_that_is_called_or_another_one_is_not_told(tmp_path: Path, text: str) -> None:
    assert left(tmp_path, {"delete": "wandb.log($$$)"}, {"a.py": f"import wandb\nwandb.log(1)\n{text}\n"}) == []


# --- where a mention stands -----------------------------------------------------------------------------------------


def test_a_mention_is_told_where_it_stands_on_disk(tmp_path: Path) -> None:
    files = {"a.yaml": "one\ntwo\nuse: numpy.float\n", "a.py": "import numpy as np\nnp.float\n"}
    made = tree_plan(FLOAT, write_tree(tmp_path, files))
    assert [_said(one) for one in made.leftovers] == ["a.yaml:3: it mentions numpy.float"]


def test_a_document_that_has_the_whole_name_is_told(tmp_path: Path) -> None:
    files = {
        "a.py": "import numpy as np\nx = np.bool\n",
        "README.md": "numpy.bool is gone, numpy.bool_ and bool stay\n",
    }
    assert left(tmp_path, BOOL, files) == ["README.md:1: it mentions numpy.bool"]


# --- nothing is left ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "pip install adam-atan2-pytorch, or adam_atan2_pytorch, or my-adam-atan2\n"),
        ("b.py", "# AdamATan2 in a comment\n"),
        ("b.py", '"""AdamATan2 in a docstring."""\n'),
        ("b.py", "x = 'AdamATan2Plus'\n"),
        ("data.bin", "adam_atan2\n"),
        ("c.txt", "# adam-atan2 was here\n"),
    ],
)
def test_what_is_no_mention_is_not_told(tmp_path: Path, name: str, text: str) -> None:
    assert left(tmp_path, RENAME, {"a.py": USE, name: text}) == []


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (BOOL, "import numpy as np\nx = np.bool\ny: 'np.bool' = x\n"),
        (BOOL, "import numpy as np\nx = np.bool\nf('numpy', 'numpy.array', 'bool', 'np.bool_')\n"),
        (RENAME, "from adam_atan2 import AdamATan2 as AdamATan2\n__all__ = ['AdamATan2']\nx: 'AdamATan2'\n"),
        (
            RENAME,
            "from adam_atan2 import AdamATan2\nAdamATan2\ndef f():\n    class AdamATan2: ...\n    x: 'AdamATan2'\n",
        ),
        (FLOAT, "import numpy as np\nx = np.float\nf('float', 'numpy', 'np.float64')\n"),
        (FLOAT, "from numpy import float as f\nx = f\nf2('f', 'x.f')\n"),
        (
            {"replace": "opt.Adam($$$A)", "with": "opt.Adam($$$A, foreach=True)"},
            "import opt\nopt.Adam(1)\nf('opt.Adam')\n",
        ),
        ({"replace": "opt.Adam($A).x", "with": "opt.Best($A)"}, "import opt\nopt.Adam(1).x\nf('opt.Adam')\n"),
    ],
)
def test_a_string_that_is_right_is_not_told(tmp_path: Path, keys: dict[str, object], text: str) -> None:
    assert left(tmp_path, keys, {"one.py": text}) == []


def test_a_step_that_found_nothing_has_no_leftovers(tmp_path: Path) -> None:
    assert left(tmp_path, RENAME, {"README.md": "adam_atan2\n"}) == []


def test_a_callee_that_is_called_annotated_or_inherited_is_not_told(tmp_path: Path) -> None:
    text = "import opt\n\nclass A(opt.Adam): ...\n\ndef f(a: opt.Adam = None):\n    return opt.Adam(p, lr=0)\n"
    assert left(tmp_path, RATE, {"a.py": text}) == []


@pytest.mark.parametrize(
    "files",
    [
        {"b.py": "from opt import *\no = Adam([], lr=0)\n"},
        {"compat.py": "from opt import Adam as Best\n", "b.py": "from compat import *\no = Best([], lr=0)\n"},
        {"compat.py": "import opt\n", "b.py": "from compat import *\no = opt.Adam([], lr=0)\n"},
        {"compat.py": "import opt as o\n", "b.py": "from compat import *\nx = o.Adam([], lr=0)\n"},
    ],
    ids=["of the package", "of a file of the tree", "of a module", "of a module by another name"],
)
def test_a_star_that_brings_a_callee_is_told(tmp_path: Path, files: dict[str, str]) -> None:
    (said,) = left(tmp_path, RATE, files)
    assert said.startswith("b.py:1: a star import brings ")


@pytest.mark.parametrize(
    "files",
    [
        {"compat.py": "from opt import Adam as Best\n", "b.py": "from compat import *\n"},
        {"compat.py": "import opt\n", "b.py": "from compat import *\no = opt.SGD(lr=0)\nx.Adam()\n"},
        {"compat.py": "from opt import *\ndef Adam(): ...\n", "b.py": "from compat import *\nAdam()\n"},
    ],
    ids=["nothing", "another name of the module", "a definition of that file"],
)
def test_a_star_of_which_nothing_is_read_is_not_told(tmp_path: Path, files: dict[str, str]) -> None:
    assert not [one for one in left(tmp_path, RATE, files) if "b.py" in one]


GUARD = {"guard_import": ["flash_attn"], "otherwise": "shim.flash_attn_torch"}
LOGGED = {"delete": ["wandb.log($$$)"]}
HANDED = "the module {} is handed on here, so what is read from it{} is not seen"
LACK = ", which the shim may lack,"


@pytest.mark.parametrize(
    ("keys", "text", "told"),
    [
        (GUARD, "import flash_attn\nf(flash_attn)\n", HANDED.format("flash_attn", LACK)),
        (GUARD, "import flash_attn as fa\nx = {'fa': fa}\n", HANDED.format("flash_attn", LACK)),
        (GUARD, "from flash_attn import bert_padding as b\nf(1, b)\n", HANDED.format("flash_attn.bert_padding", LACK)),
        (RENAME, "import adam_atan2 as a\nf(by=a)\n", HANDED.format("adam_atan2", ", as adam_atan2.AdamATan2,")),
        (RENAME, "import adam_atan2\nf([adam_atan2])\n", HANDED.format("adam_atan2", ", as adam_atan2.AdamATan2,")),
        (LOGGED, "import wandb\nf(wandb)\n", HANDED.format("wandb", ", as wandb.log,")),
        (LOGGED, "import wandb\ndef f(to=wandb): to.log(1)\n", HANDED.format("wandb", ", as wandb.log,")),
        (LOGGED, "import wandb\ndef f(): return wandb\n", HANDED.format("wandb", ", as wandb.log,")),
    ],
)
def test_a_module_that_is_handed_on_is_told(tmp_path: Path, keys: dict[str, object], text: str, told: str) -> None:
    assert left(tmp_path, keys, {"a.py": text, "b.py": USE}) == [f"a.py:2: {told}"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (LOGGED, "import wandb\nf(wandb.run)\n"),
        (LOGGED, "import wandb\nhasattr(wandb, 'log')\n"),
        (LOGGED, "import wandb\nif wandb is not None and wandb: f()\n"),
        (LOGGED, "import wandb\ndef f(wandb): g(wandb)\n"),
        (LOGGED, "import wandb.sdk as s\nf(s)\n"),
        (GUARD, "from flash_attn import flash_attn_func\nf(flash_attn_func)\n"),
        ({"delete": ["torch.Tensor.cuda($$$)"]}, "import torch\nf(torch.Tensor)\n"),
        ({**GUARD, "otherwise": "flash_attn = None"}, "import flash_attn\nf(flash_attn)\n"),
    ],
)
def test_what_else_is_done_with_a_module_is_not_told(tmp_path: Path, keys: dict[str, object], text: str) -> None:
    assert left(tmp_path, keys, {"a.py": text}) == []


def test_a_module_that_is_handed_on_in_a_tree_that_has_no_use_is_told_only_if_it_has_the_name(tmp_path: Path) -> None:
    keys = {"rename": "torch.cuda.amp.GradScaler", "to": "torch.amp.GradScaler"}
    told = HANDED.format("torch.cuda.amp", ", as torch.cuda.amp.GradScaler,")
    assert left(tmp_path, keys, {"a.py": "import torch\nf(torch)\nf(torch.cuda.amp)\n"}) == [f"a.py:3: {told}"]
