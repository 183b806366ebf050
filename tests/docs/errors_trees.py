"""What can be wrong with a tree, and with planning, writing, undoing, training and testing. Scenes by their row."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

import pytest

from tests.docs.scenes import Files, Play, Scene
from tests.helpers import Result, commit_all, write_tree

__all__ = ["APPLY", "BUGS", "PLACES", "PLANS", "PROVE", "TESTS", "TREES", "UNDO", "VERIFY"]

ROUND = "replace: abs($X)\nwith: round($X)"
EVERY = f"{ROUND}\nexpect: 1.."
SAID = "replace: print($X)\nwith: say($X)\nneeds: [from .tools import say]"
MEAN = "rename: speed.mean\nto: statistics.fmean"
CLASS = "import libcst\n\n\nclass Mine(libcst.CSTTransformer):\n"
JOIN = f"{CLASS}    def leave_EmptyLine(self, old, new): return libcst.RemoveFromParent()\n"
NO_WANDB = "guard_import: wandb\notherwise: wandb = None"
GUARD = "guard_import: flash_attn\notherwise: shim.flash_attn_torch"


def check(files: Files | str | bytes, *steps: str, head: str = "", options: tuple[str, ...] = ()) -> Play:
    """Look at a plan."""
    return lambda scene: scene.tree(files).steps(*steps, head=head).check(*options)


def codemod(text: str, files: Files | str = "abs(1)\n") -> Play:
    """Run a codemod."""
    return lambda scene: (
        scene.files({"mine.py": text}).tree(files).steps("codemod: mine.py:Mine").check("--allow-python")
    )


def _cell(*sources: str) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]})


def _bare(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    (scene.root / ".git" / "config").write_text("[core\n")
    return scene.check()


TREES: dict[str, Play] = {
    "an empty path": lambda scene: scene.steps(ROUND).run("apply", "", "-r", "./mine.yaml"),
    "no folder": lambda scene: scene.steps(ROUND).check(),
    "a file in place of a folder": lambda scene: scene.files({"tree": ""}).steps(ROUND).check(),
    "a repository that git cannot read": _bare,
    "a file that is not Python 3, and that no step names": check("print abs(1)\n", ROUND),
    "a file that is not Python 3, and that a step names": check("print abs(1)\n", f"{ROUND}\nin: a.py"),
    "a file whose encoding line is wrong": check("# coding: latin-9000\nabs(1)\n", f"{ROUND}\nin: a.py"),
    "a file that is nested too deeply": check(f"x = {'[' * 300}abs(1){']' * 300}\n", f"{ROUND}\nin: a.py"),
    "a file that would not come back as it is": check("abs(1)\r", f"{ROUND}\nin: a.py"),
    "an encoding that cannot hold the result": check(
        "# coding: latin-1\nabs('ü')\n".encode("latin-1"), "replace: abs($X)\nwith: round($X, '€')\nin: a.py"
    ),
    "a notebook that is no JSON": check({"a.ipynb": "abs(1)"}, f"{ROUND}\nin: a.ipynb"),
    "a notebook of another language": check(
        {"a.ipynb": '{"metadata": {"kernelspec": {"language": "R"}}, "cells": [{"abs": 1}]}'}, f"{ROUND}\nin: a.ipynb"
    ),
    "a line of a notebook that only IPython reads": check({"a.ipynb": _cell("%time abs(1)")}, ROUND),
    "a cell that is no Python": check({"a.ipynb": _cell("abs(1")}, ROUND),
    "a notebook without cells": check({"a.ipynb": '{"abs": 1}'}, f"{ROUND}\nin: a.ipynb"),
    "a file that a `text` step cannot decode": check(b"\xff", "text: a\nwith: b\nin: a.py"),
    "a file that a `requirements` step names, and that is no list": check(
        "abs(1)\n", "requirements: {drop: [numpy]}\nin: a.py"
    ),
    "a file that is too large for a `text` step": check("a" * 1_000_001, "text: a\nwith: b\nin: a.py"),
    "a notebook that a `text` step names": check({"a.ipynb": '{"abs": 1}'}, "text: a\nwith: b\nin: a.ipynb"),
    "a name that is not UTF-8": lambda scene: _foreign_name(scene),
}


def _foreign_name(scene: Scene) -> Result:
    scene.tree("abs(1)\n")
    try:
        (scene.root / os.fsdecode(b"caf\xe9.py")).write_text("abs(1)\n")
    except OSError:
        pytest.skip("this file system refuses a name that is not UTF-8")
    return scene.steps(ROUND).check()


PLANS: dict[str, Play] = {
    "no place, and one that comes near": check("abs(1, 2)\n", EVERY),
    "no place, and another import of the name": check("from numpy import mean\nmean([])\n", f"{MEAN}\nexpect: 1.."),
    "a place outside of the scope": check(
        "def run():\n    abs(1)\n\n\ndef main():\n    pass\n", f"{EVERY}\nin: a.py::main"
    ),
    "no file at a path": check({"src/a.py": "abs(1)\n"}, f"{EVERY}\nin: a.py"),
    "no class or function of a name": check(
        "class Net:\n    def forwards(self): ...\n", f'{EVERY}\nin: "a.py::Net.forward"'
    ),
    "no word of the pattern": check("len(1)\n", EVERY),
    "no Python": check({"a.md": "abs\n"}, EVERY),
    "too many places": check("abs(1)\nabs(2)\n", f"{ROUND}\nexpect: 1"),
    "too few places": check("abs(1)\n", f"{ROUND}\nexpect: 2"),
    "too few files": check("abs(1)\n", f"{ROUND}\nexpect: {{files: 2}}"),
    "too many places in a file": check("abs(1)\nabs(2)\n", f"{ROUND}\nexpect: {{each: 1}}"),
    "a drifted step, without `--partial`": lambda scene: scene.tree("len(1)\n").steps(EVERY).apply(),
    "a step that requires a drifted one": check(
        "len(1)\n", f"id: one\nwhy: w\neffect: exact\n{EVERY}", "replace: len($X)\nwith: int($X)\nrequires: [one]"
    ),
    "the wrong tree": check("len(1)\n", ROUND),
    "a result that does not parse": check("x = [\n    1,\n]\n", "text: ']'\nwith: ')'\nin: a.py"),
    "a result that does not compile": check("def f():\n    return 1\n", "text: def f..\nwith: class F\nin: a.py"),
    "a result that lost a comment": check("abs(1)  # why\n", "text: '  # why'\nwith: ''\nalready: never\nin: a.py"),
    "a result that leaves a name unbound": check("import os\nos.getcwd()\n", "delete: import os"),
    "a result that leaves a name of another file unbound": check(
        {"a.py": "def mean(x): ...\n", "b.py": "import a\na.mean([])\n"}, "delete: def mean($$$)"
    ),
    "a result that is not known as done": check("abs(1)\n", "delete: abs($_)\nexpect: 1"),
    "steps that undo each other": check(
        "abs(1)\n", "id: back\nwhy: w\neffect: exact\nreplace: round($X)\nwith: abs($X)", ROUND
    ),
    "a codemod that fails": codemod(f"{CLASS}    x = 1 / 0\n"),
    "a codemod whose result is no node": codemod(f"{CLASS}    def leave_Integer(self, old, new): pass\n"),
    "a codemod that ends the program": codemod(f"{CLASS}    def leave_Integer(self, old, new): raise SystemExit(3)\n"),
    "a codemod that is not there": check("abs(1)\n", "codemod: mine.py:Mine", options=("--allow-python",)),
    "a codemod without its class": codemod("Mine = 1\n"),
}

PLACES: dict[str, Play] = {
    "a comment that would be lost": check("x = [  # why\n    1]\n", "delete: x = [1]\nlocal: [x]"),
    "a name that IPython alone may read": check({"a.ipynb": _cell("from speed import mean", "%time mean([1])")}, MEAN),
    "a place whose result would not compile": check("abs(1)\n", "insert: return\nafter: abs($X)"),
    "a place whose result would not parse": check("x.a += 1\n", "replace: $X.a\nwith: ($X, 1)"),
    "a place that is assigned to": check("x.a = 1\n", "replace: $X.a\nwith: abs($X)"),
    "a place that is deleted": check("del x.a\n", "replace: $X.a\nwith: abs($X)"),
    "a value that a `case` compares": check("match x:\n    case x.a: pass\n", "replace: $X.a\nwith: abs($X)"),
    "a `yield` that would change its function": check(
        "def f():\n    abs((yield))\n", 'replace: abs($X)\nwith: "map(lambda: $X)"'
    ),
    "a codemod that joins two cells": codemod(JOIN, {"a.ipynb": _cell("x = 1", "y = 2")}),
    "a name that is not in scope": check("abs(1)\n", "replace: abs($X)\nwith: config.size($X)"),
    "a name that is bound further down": check("abs(1)\nlimit = 2\n", "replace: abs($X)\nwith: min($X, limit)"),
    "a name that is bound in a branch alone": check(
        "if x:\n    limit = 2\nabs(1)\n", "replace: abs($X)\nwith: min($X, limit)"
    ),
    "a name that is deleted": check("limit = 2\ndel limit\nabs(1)\n", "replace: abs($X)\nwith: min($X, limit)"),
    "an import that the tree does without": check(
        "try:\n    import numpy as np\nexcept ImportError:\n    pass\nabs(1)\n",
        "replace: abs($X)\nwith: np.abs($X)\nneeds: [import numpy as np]",
    ),
    "a package that is not imported": check(
        "import torch.nn as nn\nnn.Linear(1)\n", "replace: torch.nn.Linear($X)\nwith: torch.zeros($X)"
    ),
    "a package whose name is taken": check(
        "import torch.nn as nn\ntorch = 1\nnn.Linear(1)\n", "replace: torch.nn.Linear($X)\nwith: torch.zeros($X)"
    ),
    "a name that something hides at the place": check(
        "for i in x:\n    def g(i): print(1)\n",
        "replace: print($X)\nwith: print($X, $I)\ninside: for $I in $_",
    ),
    "a name that is bound anew before the place": check(
        "for i in x:\n    i = 2; print(1)\n", "replace: print($X)\nwith: print($X, $I)\ninside: for $I in $_"
    ),
    "a name that is moved out of its scope": check(
        "y = lambda a: abs(a)\n", 'replace: "lambda $V: abs($X)"\nwith: abs($X)'
    ),
    "an import whose name is taken": check(
        "math = 1\nabs(math)\n", "replace: abs($X)\nwith: math.fabs($X)\nneeds: [import math]"
    ),
    "an f-string that cannot hold it": check("f'{abs(1)}'\n", "replace: abs($X)\nwith: \"max($X, key='a')\""),
    "`**` that may hold the keyword": check(
        "import m\nm.f(1, **more)\n", "replace: m.f($$$A)\nwith: m.f($$$A, rate=0)"
    ),
    "an argument behind a keyword": check("import m\nm.f(b=1, *a)\n", "replace: m.f($$$A)\nwith: m.f($$$A, 0)"),
    "an f-string that it would end": check("f'{abs(1)}'\n", "replace: abs($X)\nwith: \"'a'\""),
    "a variable of the replacement that is taken": check(
        "y = []\nabs(x for x in y)\n", 'replace: abs($X)\nwith: "[x for x in y if $X]"'
    ),
    "a statement in place of an expression": check(
        "import m\nif m.a:\n    pass\n", "replace: |\n  if m.a:\n      $X\nwith: m.b($X)"
    ),
    "a parameter that is put in": check("def f(a): ...\n", "replace: def f($A)\nwith: def f($A, b=1)"),
    "a class with more than the header that is replaced": check(
        "class Net(dict): pass\n", "replace: class $C\nwith: class $C(list)"
    ),
    "a comment at the end of a header": check(
        "import m\nwhile m.a(  # why\n    1\n):\n    pass\n", "replace: while m.a($X)\nwith: while m.b and m.a($X)"
    ),
    "a name that would be bound only sometimes": check(
        "import m\nx = m.f()\nprint(x)\n", "wrap: $X = m.f()\nunder: if m.ok()"
    ),
    "a line that holds two statements": check("import m; m.f()\n", "wrap: m.f()\nunder: if __debug__"),
    "a body on the line of its header": check("def main(): pass\n", "insert: print()\nfirst_in: def main()"),
    "lines behind a `return`": check("def main():\n    return 1\n", "insert: print()\nlast_in: def main()"),
    "`import *` of a name": check("from speed import *\nmean([])\n", MEAN),
    "an arm that imports something else": check(
        "try:\n    from speed import mean\nexcept ImportError:\n    from numpy import mean\n\nmean([])\n", MEAN
    ),
    "a use outside of the scope": check(
        "from speed import mean\nmean([])\n\n\ndef main():\n    mean([])\n", f"{MEAN}\nin: a.py::main"
    ),
    "a name that is wanted where a class has the new one": check(
        "from speed import mean\n__all__ = ['mean']\n", "rename: speed.mean\nto: fast.Stats.mean"
    ),
    "an alias that others import, where a class has the new one": check(
        {"a.py": "from speed import mean as m\n", "b.py": "from a import m\nm([])\n"},
        "rename: speed.mean\nto: fast.Stats.mean",
    ),
    "a file of the tree that may be the module": check(
        {"a.py": "from .speed import mean\nmean([])\n", "speed.py": "def mean(x): ...\n"}, MEAN
    ),
    "the new name is taken": check("from speed import mean\nfmean = 1\nmean([fmean])\n", MEAN),
    "a module that is imported with others": check(
        {"pack/__init__.py": "", "pack/a.py": "import os, adam_atan2\nadam_atan2.AdamATan2()\n"},
        "rename: adam_atan2.AdamATan2\nto: shim.adam_atan2_torch.AdamATan2",
    ),
    "a module in a try that has other uses": check(
        "try:\n    import speed\nexcept ImportError:\n    raise\nspeed.mean([speed.x])\n", MEAN
    ),
    "a module that has another name in each arm": check(
        "try:\n    import speed\nexcept ImportError:\n    from old import speed\nspeed.mean([])\n",
        "rename: [speed.mean, old.speed.mean]\nto: scipy.stats.fmean",
    ),
    "a name that is imported as a module": check("import speed.mean\nspeed.mean.f()\n", MEAN),
    "a module that another file imports": check(
        {"a.py": "import speed as s\n", "b.py": "from a import s\ns.mean([])\n"}, MEAN
    ),
    "a target that the tree lacks": check(
        {"pack/fast.py": "mean = 1\n", "a.py": "from speed import mean\nmean([])\n"},
        "rename: speed.mean\nto: pack.fast.fmean",
    ),
    "the file of the target": check(
        {"pack/fast.py": "from speed import mean\nfmean = mean\n"}, "rename: speed.mean\nto: pack.fast.fmean"
    ),
    "a comment between imported names": check("from speed import (mean  # both\n    , median)\nmean([median])\n", MEAN),
    "a relative import in no package": check("print(1)\n", SAID),
    "a relative import of what is not there": check({"pack/__init__.py": "", "pack/a.py": "print(1)\n"}, SAID),
    "a name that comes from elsewhere": check(
        {
            "a.py": "try:\n    from speed import mean\nexcept ImportError:\n    mean = None\n",
            "b.py": "from a import mean\nmean([])\n",
        },
        MEAN,
    ),
    "a file out of scope that imports it": check(
        {"a.py": "from speed import mean\n", "b.py": "from a import mean\nmean([])\n"}, f"{MEAN}\nin: a.py"
    ),
    "a file that imports it from here": check(
        {"a.py": "from speed import mean\n", "b.py": "from a import *\nmean([])\n"}, MEAN
    ),
    "a file of the tree that hides the package": check(
        {
            "a.py": "def mean(x): ...\n",
            "speed.py": "",
            "b.py": "from speed import *\nfrom speed import mean\nmean([])\n",
        },
        MEAN,
    ),
    "a shim whose file cannot be read": check(
        {"a.py": "from flash_attn import flash_attn_func\n", "flash_attn_torch/__init__.py/x": ""}, GUARD
    ),
    "a handler that is too narrow": check(
        "try:\n    import wandb\nexcept ModuleNotFoundError:\n    wandb = None\n", NO_WANDB
    ),
    "a handler that raises": check("try:\n    import wandb\nexcept ImportError:\n    raise SystemExit\n", NO_WANDB),
    "a handler that ends the program": check(
        "import sys\ntry:\n    import wandb\nexcept ImportError:\n    sys.exit(1)\n", NO_WANDB
    ),
    "a guarded `import *`": check("from flash_attn import *\n", GUARD),
    "a copy of what does not parse": check("print 1\n", "copy: '*_torch'\nin: '*.py'"),
    "a module that the shim has not": check("import flash_attn\nflash_attn.models.gpt.GPT(1)\n", GUARD),
    "a name that the shim alone cannot serve": check(
        "from flash_attn import flash_attn_fast\nflash_attn_fast(1)\n", f"{GUARD}\nalways: yes"
    ),
    "a guard whose code binds too little": check("from wandb import init\ninit()\n", NO_WANDB),
    "a flag in a guard of another form": check(
        "try:\n    import wandb\nexcept ImportError: pass\nexcept OSError: pass\n", f"{NO_WANDB}\nflag: HAS"
    ),
    "a flag for an error that is suppressed": check(
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import wandb\n", f"{NO_WANDB}\nflag: HAS"
    ),
    "a flag that is taken": check("HAS = 1\nfrom flash_attn import flash_attn_func\n", f"{GUARD}\nflag: HAS"),
    "a name that the shim has not": check("from flash_attn import flash_attn_fast\nflash_attn_fast(1)\n", GUARD),
    "a guard by a shim that there is not": check("import m\n", "guard_import: m\notherwise: shim.m"),
    "a shim that there is not": check("import m\nm.f()\n", "replace: m.f()\nwith: shim.m.f()"),
    "a file where the shim goes": check(
        {"a.py": "from flash_attn import flash_attn_func\n", "flash_attn_torch/__init__.py": ""}, GUARD
    ),
    "a module where the shim's package goes": check(
        {"a.py": "from flash_attn import flash_attn_func\n", "flash_attn_torch.py": ""}, GUARD
    ),
    "two ways to import the project": check(
        {
            "pack/__init__.py": "",
            "pack/a.py": "from . import b\nimport pack.b\nfrom flash_attn import flash_attn_func\n",
            "pack/b.py": "",
        },
        GUARD,
    ),
    "a requirement without a name": check(
        {"requirements.txt": "git+https://host/numpy\n"}, "requirements: {drop: [numpy]}"
    ),
    "two files that may get the requirement": check(
        {"a/requirements.txt": "x\n", "b/requirements.txt": "x\n"}, "requirements: {add: [numpy]}"
    ),
    "a requirement on the line of its key": check(
        {"setup.cfg": "[options]\ninstall_requires = numpy\n"}, "requirements: {drop: [numpy]}"
    ),
    "a file of requirements that does not parse": check(
        {"pyproject.toml": "[project\ndependencies = ['numpy']\n"}, "requirements: {drop: [numpy]}"
    ),
    "two markers": check(
        {"requirements.txt": "numpy; python_version < '3.9'\n"},
        "requirements: {replace: {numpy: \"cupy; python_version > '3.9'\"}}",
    ),
    "extras in a constraints file": check(
        {"requirements.txt": "-c constraints.txt\n", "constraints.txt": "numpy==1\n"},
        "requirements: {replace: {numpy: 'cupy[all]'}}",
    ),
    "a package of conda's": check(
        {"environment.yml": "dependencies:\n  - numpy=1\n"}, "requirements: {replace: {numpy: cupy}}"
    ),
    "an environment without pip": check(
        {"environment.yml": "dependencies:\n  - numpy=1\n"}, "requirements: {add: [cupy]}"
    ),
    "a table of Poetry's": check(
        {"pyproject.toml": "[tool.poetry.dependencies]\nnumpy = {version = '1', optional = true}\n"},
        "requirements: {replace: {numpy: cupy}}",
    ),
    "a computed list in setup.py": check(
        {"setup.py": "from setuptools import setup\nsetup(install_requires=read(), extras_require={'x': ['numpy']})\n"},
        "requirements: {add: [cupy]}",
    ),
    "a string of a setup.py that may ask for it": check(
        {"setup.py": "setup(install_requires='numpy torch'.split())\n"}, "requirements: {drop: [numpy]}"
    ),
    "a version that rules out the one that is wanted": check(
        {"requirements.txt": "numpy<2\n"}, "requirements: {add: ['numpy>=2']}"
    ),
    "a last line that goes on": check({"requirements.txt": "numpy \\\n"}, "requirements: {add: [cupy]}"),
    "a file of requirements in another encoding": check(
        {"requirements.txt": "numpy  # für\n".encode("latin-1")}, "requirements: {drop: [numpy]}"
    ),
    "a match of nothing": check("a\n", "text: b*\nwith: c\nin: a.py"),
}


def _written(scene: Scene) -> Scene:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    assert scene.apply().code == 0
    return scene


def _uncommitted(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    (scene.root / "a.py").write_text("abs(2)\n")
    return scene.apply()


def _read_only(scene: Scene) -> Result:
    scene.tree("abs(1)\n").steps(ROUND)
    (scene.root / "a.py").chmod(0o444)
    return scene.apply()


def _changed(scene: Scene) -> Result:
    from patcher import apply as module

    scene.tree("abs(1)\n").steps(ROUND)
    planned = module.apply_all

    def late(*given: object, **options: object) -> None:
        (scene.root / "a.py").write_text("abs(3)\n")
        planned(*given, **options)  # type: ignore[arg-type]

    scene.monkeypatch.setattr(module, "apply_all", late)
    return scene.apply()


def _busy(scene: Scene) -> Result:
    scene.tree("abs(1)\n").steps(ROUND)
    write_tree(scene.root, {".patcher/running": "4242 node7\n"})
    return scene.apply()


def _journal_linked(scene: Scene) -> Result:
    scene.tree("abs(1)\n").steps(ROUND)
    (scene.folder / "elsewhere").mkdir()
    (scene.root / ".patcher").symlink_to(scene.folder / "elsewhere")
    return scene.apply()


def _journal_is_a_file(scene: Scene) -> Result:
    return scene.tree({"a.py": "abs(1)\n", ".patcher": ""}).steps(ROUND).apply()


def _half(scene: Scene) -> Result:
    scene.tree({"a.py": "abs(1)\n", "b.py": "abs(1)\n"}, git=True).steps(ROUND).apply()
    scene.rewrite(state="writing", time="2026-01-02T03:04:05+00:00")
    (scene.root / "a.py").write_text("abs(1)\n")
    return scene.apply()


def _linked(scene: Scene) -> Result:
    scene.tree({"a.py": "from flash_attn import flash_attn_func\n", "lib/x": ""}).steps(f"{GUARD}\nplace: link")
    (scene.root / "link").symlink_to("lib")
    return scene.apply()


def _other(scene: Scene) -> Result:
    scene.tree({"a.py": "from flash_attn import flash_attn_func\n", "lib/x": ""}).steps(f"{GUARD}\nplace: lib")
    commit_all(scene.root / "lib")
    return scene.apply()


def _otherwise(scene: Scene) -> Result:
    head = "parameters: {rate: {type: int, default: 1}}\n"
    steps = scene.tree("import m\nm.f(0)\n", git=True).steps(
        "edit: m.f($X)\nwhere: {X: '0'}\nto: {X: '${rate}'}\nexpect: 1", head=head
    )
    assert steps.apply().code == 0
    return scene.apply("-p", "rate=2")


APPLY: dict[str, Play] = {
    "other parameters than last time": _otherwise,
    "a folder that is a link": _linked,
    "a folder of another repository": _other,
    "a folder of git's": lambda scene: (
        scene.tree("from flash_attn import flash_attn_func\n", git=True).steps(f"{GUARD}\nplace: .git").apply()
    ),
    "a folder that is a file": lambda scene: (
        scene.tree({"a.py": "from flash_attn import flash_attn_func\n", "lib": ""})
        .steps(f"{GUARD}\nplace: lib")
        .apply()
    ),
    "a file with work that git does not have": _uncommitted,
    "a file that is read-only": _read_only,
    "a file that was changed meanwhile": _changed,
    "another patcher at work": _busy,
    "a journal that is a link": _journal_linked,
    "a journal that cannot be kept": _journal_is_a_file,
    "an apply that was interrupted": _half,
}


def _edited(scene: Scene) -> Result:
    _written(scene)
    (scene.root / "a.py").write_text("round(2)\n")
    return scene.run("undo", "tree")


def _edited_there(scene: Scene) -> Result:
    _edited(scene)
    return scene.run("undo", "tree", "--merge")


def _damaged(scene: Scene) -> Result:
    _written(scene)
    for blob in scene.record().parent.glob("[0-9a-f]" * 64):
        blob.write_text("abs(9)\n")
    return scene.run("undo", "tree")


def _unreadable(scene: Scene) -> Result:
    _written(scene).record().write_text("{")
    return scene.run("undo", "tree")


UNDO: dict[str, Play] = {
    "nothing to undo": lambda scene: scene.tree("abs(1)\n").run("undo", "tree"),
    "a file that was edited since": _edited,
    "an edit where apply had edited, and `--merge`": _edited_there,
    "a copy that is damaged": _damaged,
    "a record that cannot be read": _unreadable,
    "a record of another version": lambda scene: _written(scene).rewrite(format=9, patcher="9.9").run("undo", "tree"),
}


def train(check: str, program: str = "print(1)\n", *options: str, **files: str) -> Play:
    """Verify a tree of one program; `check` are the keys of its check in YAML."""
    head = f"checks:\n  - {{id: train, why: w{', ' if check else ''}{check}}}\n"
    given = options or ("--python", sys.executable)
    return lambda scene: scene.files(files).tree({"train.py": program}).steps(ROUND, head=head).verify(*given)


RUN = "run: [python, train.py]"
# A program that says of itself what the probe would say of one that trains.
TRAINS = """import os
line = '{"loss": 2.5}' + chr(10) + '{"step": "SGD", "lr": [0.1]}' + chr(10)
open(os.path.join(os.environ["PATCHER_PROBE"], "1.jsonl"), "w").write(line)
"""


def golden(**readings: list[float]) -> str:
    """Return a golden of the check as it stands in its file."""
    of = {"recipe": "mine", "check": "train", "recipe_digest": "", "device": "cpu"}
    empty: dict[str, object] = {
        "noise": {},
        "parameters": {},
        "environment": {},
        "steps": {},
        "reference": [],
        "seen": {},
    }
    return json.dumps({"format": 1, **of, "readings": readings, **empty})


HELD = f"{RUN}, golden: golden.json"
PYTHON = ("--python", sys.executable)

LAUNCHER = "import os, subprocess\nos.environ['PYTHONPATH'] = 'src'\nsubprocess.check_call(['python', 'train.py'])\n"
LEAVING_OUT = f"checks: [{{id: train, why: w, {HELD}, reference: {{without: other}}}}]\n"


def _told(line: Mapping[str, object]) -> str:
    """Return a program that writes one line where the probe does."""
    path = "open(os.environ['PATCHER_PROBE'] + '/1.jsonl', 'w')"
    return f"import os\n{path}.write({json.dumps(line)!r} + chr(10))\n"


def _refused(what: str) -> Play:
    """Record where the reference attention refuses what it is given."""
    refused = _told({"refused": ["flash_attn_func", what, "model.py:7"]})
    return train(f"{HELD}, reference: attention", f"{refused}raise RuntimeError\n", "--record", *PYTHON)


def _without_the_step(scene: Scene) -> Result:
    other = f"id: other\nwhy: w\neffect: exact\n{ROUND.replace('abs', 'hash')}"
    scene.tree({"train.py": TRAINS, "a.py": "abs(1)\n"}).steps(ROUND, other, head=LEAVING_OUT).apply()
    return scene.verify("--record", *PYTHON)


VERIFY: dict[str, Play] = {
    "a recipe without checks": lambda scene: scene.tree("").steps(ROUND).verify(),
    "checks that did not come with patcher": lambda scene: (
        scene.tree("")
        .steps(ROUND, head=f"checks: [{{id: train, why: w, {RUN}}}]\n")
        .run("verify", "tree", "-r", "./mine.yaml")
    ),
    "a tree that is not patched": train(RUN, "abs(1)\n"),
    "a tree in which the recipe does not hold": lambda scene: (
        scene.tree("").steps(EVERY, head=f"checks: [{{id: train, why: w, {RUN}}}]\n").verify()
    ),
    "a place that there is not": train('run: [python, "{three}/train.py"]'),
    "a Python that there is not": train(RUN, "", "--python", "python9"),
    "a Python that is none": train(RUN, TRAINS, "--python", "/bin/true"),
    "a check that runs nothing": train(""),
    "a command in one text": train("run: python train.py"),
    "a limit without a number": train(f"{RUN}, limit: soon"),
    "a seed that is no number": train(f"{RUN}, seed: random"),
    "an environment that is no map": train(f"{RUN}, environment: fast"),
    "a reading that the probe has not": train(f"{RUN}, readings: {{los: 1..10}}"),
    "a reference that there is not": train(f"{RUN}, reference: atention"),
    "a golden without a step that there is not": train(f"{RUN}, reference: {{without: swop}}"),
    "a check like none": train("like: tain"),
    "a check that is not there": train(RUN, "", "--check", "tune"),
    "--record with --ablate": train(RUN, "", "--record", "--ablate"),
    "a golden to be recorded without a file": train(RUN, TRAINS, "--record", *PYTHON),
    "a golden of the code that it judges": train(HELD, TRAINS, "--record", *PYTHON),
    "a golden of a reference that nothing calls": train(f"{HELD}, reference: attention", TRAINS, "--record", *PYTHON),
    "a golden of a tree without the step that it leaves out": _without_the_step,
    "a golden of attention with dropout": _refused("dropout_p > 0"),
    "a golden of attention with what no reference knows": _refused("qv"),
    "a golden that is none": train(HELD, TRAINS, **{"golden.json": "{}"}),
    "a golden of another format": train(HELD, TRAINS, **{"golden.json": '{"format": 9}'}),
    "a golden that is not there": train(RUN, TRAINS, "--golden", "gold.json"),
    "an ablation without a golden": train(RUN, TRAINS, "--ablate", *PYTHON),
    "a tree that nothing earlier leads to": train(
        HELD, TRAINS, "--ablate", *PYTHON, **{"golden.json": golden(loss=[2.5])}
    ),
    "a package that is not there": train(f"{RUN}, packages: no-such-package", TRAINS),
    "a program on PATH that is not there": train(f"{RUN}, programs: no-such-compiler", TRAINS),
    "a check of a file that this tree has not": train(f"{RUN}, files: [model.py]", TRAINS),
    "a check for another device": train(f"{RUN}, device: cuda", TRAINS),
    "numbers that differ": train(HELD, TRAINS, **{"golden.json": golden(loss=[2.0])}),
    "numbers that are missing": train(HELD, TRAINS, **{"golden.json": golden(loss=[2.5, 2.0])}),
    "fewer numbers than the check wants": train(f"{RUN}, readings: {{loss: 1..3}}", TRAINS),
    "a reading that nothing makes": train(f"{RUN}, readings: {{loss: 1, wandb.x: 1..3}}", TRAINS),
    "a rate of no optimizer that is known": train(f"{RUN}, readings: {{loss: 1, lr: 1}}", _told({"loss": 2.5})),
    "a program that there is not": train("run: [trainn]"),
    "data that cannot be prepared": train(f"{RUN}, prepare: data.py", **{"data.py": "raise SystemExit('no disk')\n"}),
    "a run that fails": train(RUN, "raise SystemExit(3)\n"),
    "a run that trains nothing": train(RUN),
    "a run that steps without a loss": train(RUN, _told({"step": "SGD", "lr": [0.1]})),
    "a run that logs nothing that is read": train(f"{RUN}, readings: {{wandb.x: 1}}"),
    "a run that writes among the probe's files": train(RUN, _told({"loss": "abc"})),
    "a run without the probe": train("run: [python, -I, train.py]"),
    "a run whose launcher hides the probe": lambda scene: (
        scene.tree({"launch.py": LAUNCHER, "train.py": ""})
        .steps(ROUND, head="checks: [{id: train, why: w, run: [python, launch.py]}]\n")
        .verify(*PYTHON)
    ),
    "a run in which no Python loads the probe": train("run: ['true']"),
    "a run that is killed": train(RUN, "import os\nos.kill(os.getpid(), 9)\n"),
    "a run that lacks a package": train(RUN, "import nowhere\n"),
    "a run that needs a GPU": train(RUN, "raise AssertionError('Torch not compiled with CUDA enabled')\n"),
    "data that take too long": train(
        f"{RUN}, prepare: data.py, limit: 1s", **{"data.py": "import time\ntime.sleep(9)\n"}
    ),
    "a run that takes too long": train(f"{RUN}, limit: 1s", "import time\ntime.sleep(9)\n"),
}


# --- proofs ---------------------------------------------------------------------------------------------------------

SQUARE = "replace: torch.pow($X, 2)\nwith: $X * $X\nproof: {of: model.py::size, cases: cases.py}"
SIZE = "import torch\n\n\ndef size(x):\n    return torch.pow(x, 2)\n"
HEADED = "import torch\n\n\ndef cases(of):\n"
ONE = f"{HEADED}    yield {{'name': 'one', 'call': (torch.ones(2),)}}\n"


def proof(*options: str, model: str = SIZE, cases: str | None = ONE, step: str = SQUARE, git: bool = False) -> Play:
    """Prove the step of a tree of one file."""
    beside = {} if cases is None else {"cases.py": cases}
    given = ("--allow-run", "--python", sys.executable, *options)
    return lambda scene: (
        scene.files(beside)
        .tree({"model.py": model}, git=git)
        .steps(step)
        .run("prove", "tree", "-r", "./mine.yaml", *given)
    )


def _case(text: str) -> Play:
    """Prove on one case, as it is written."""
    return proof(cases=f"{HEADED}    yield {text}\n")


def _without_torch(scene: Scene) -> Result:
    python = scene.folder / "python-without"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    return proof("--python", str(python))(scene)


def _slowly(scene: Scene) -> Result:
    from patcher.verify import prove

    scene.monkeypatch.setattr(prove, "LIMIT", 1.0)
    return proof(model=f"import time\ntime.sleep(60)\n{SIZE}")(scene)


def _damaged_record(scene: Scene) -> Result:
    scene.files({"proofs/swap.json": "{"})
    return proof("--record")(scene)


PROVE: dict[str, Play] = {
    "a recipe without proofs": proof(step=ROUND),
    "a proof of a step that there is not": proof("--step", "swop"),
    "a proof that did not come with patcher": lambda scene: (
        scene.tree(SIZE).steps(SQUARE).run("prove", "tree", "-r", "./mine.yaml")
    ),
    "cases that are not there": proof(cases=None),
    "a proof of an absent step": proof(model="def size(x):\n    return x\n"),
    "a proof of a step that does not hold": proof(model="def size(x):\n    return x\n", step=f"{SQUARE}\nexpect: 1.."),
    "a proof on a tree that is patched": proof(
        model=SIZE.replace("torch.pow(x, 2)", "x * x"), step=f"{SQUARE}\nin: model.py"
    ),
    "a proof of what no file has": proof(step=SQUARE.replace("::size", "::Size")),
    "a proof of two functions": proof(
        model=f"{SIZE}\n\ndef size_of(x):\n    return x\n", step=SQUARE.replace("::size", "::size*")
    ),
    "a proof of what the step does not edit": proof(
        model=f"{SIZE}\n\ndef other(x):\n    return x\n", step=SQUARE.replace("::size", "::other")
    ),
    "a Python without torch": _without_torch,
    "a side that cannot be imported": proof(model=f"import nowhere\n{SIZE}"),
    "a side that ends the process": proof(model=f"import os\nos._exit(3)\n{SIZE}"),
    "a side that takes too long": _slowly,
    "cases that are no Python": proof(cases="def cases(of:\n"),
    "cases without `cases`": proof(cases="def case(of): ...\n"),
    "cases that give none": proof(cases="def cases(of):\n    return []\n"),
    "cases that fail": proof(cases="def cases(of):\n    yield 1 / 0\n"),
    "a case that is no dict": _case("1"),
    "a case with a mistyped key": _case("{'name': 'one', 'cal': ()}"),
    "a case without a name": _case("{'call': ()}"),
    "a case without `call`": _case("{'name': 'one'}"),
    "a case whose `call` is no tuple": _case("{'name': 'one', 'call': torch.ones(2)}"),
    "an `init` for a function": _case("{'name': 'one', 'init': (1,), 'call': ()}"),
    "a `train` that is neither True nor False": _case("{'name': 'one', 'call': (), 'train': 1}"),
    "`buffers` for a function": _case("{'name': 'one', 'call': (), 'buffers': {}}"),
    "`buffers` that are no dict": _case("{'name': 'one', 'call': (), 'buffers': 1}"),
    "`buffers` of what the module has not": proof(
        model="import torch\n\n\nclass Size(torch.nn.Module):\n    def forward(self, x):\n        return torch.pow(x, 2)\n",
        cases=f"{HEADED}    yield {{'name': 'one', 'init': (), 'call': (torch.ones(2),), 'buffers': {{'kept': 1}}}}\n",
        step=SQUARE.replace("::size", "::Size"),
    ),
    "a case that should mend and does not": _case("{'name': 'one', 'call': (torch.ones(2),), 'mends': True}"),
    "two cases of one name": proof(cases=f"{ONE}{ONE.splitlines()[-1]}\n"),
    "a case that runs on neither side": _case("{'name': 'one', 'call': ()}"),
    "a case that gives nothing": proof(
        model="import torch\n\n\ndef size(x):\n    torch.pow(x, 2)\n",
    ),
    "a record of proofs that cannot be read": _damaged_record,
    "two sides that differ": proof(step=SQUARE.replace("$X * $X", "$X + $X")),
}


def case(text: str, step: str = ROUND) -> Play:
    """Run the cases beside a recipe."""
    return lambda scene: scene.steps(step).files({"cases/mine.yaml": text}).run("test", "./mine.yaml")


UPSTREAM = f"upstream: {{repository: x, tested: ['{'1' * 40}']}}\n"


def _moved_on(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True)
    head = (scene.root / ".git" / "refs" / "heads").glob("*")
    commit = next(head).read_text().strip()
    scene.steps(ROUND, head=f"upstream: {{repository: x, tested: ['{commit}']}}\n")
    scene.files({f"snapshots/{commit[:12]}.json": json.dumps({"swap": {"applied": 2}})})
    return scene.run("test", "./mine.yaml", "--tree", "tree")


TESTS: dict[str, Play] = {
    "a case that does not hold": case('- {case: x, same: "abs(1)\\n"}'),
    "a case that is refused": case('- {case: x, same: "y = 1\\nx = abs(1)\\n"}', ROUND + "\nneeds: [x]"),
    "a case that refuses nothing": case('- {case: x, same: "len(1)\\n", refused: taken}'),
    "a case that does not drift": case('- {case: x, same: "len(1)\\n", drifted: found}'),
    "a case of a program that is none": case("- {case: x, same: 'def ('}"),
    "a recipe without cases": lambda scene: scene.steps(ROUND).run("test", "./mine.yaml"),
    "a case whose result is unsound": case('- {case: x, same: "import os\\nos.name\\n"}', "delete: import os"),
    "a tree without git": lambda scene: (
        scene.tree("").steps(ROUND, head=UPSTREAM).run("test", "./mine.yaml", "--tree", "tree")
    ),
    "a commit that the clone has not": lambda scene: (
        scene.tree("", git=True).steps(ROUND, head=UPSTREAM).run("test", "./mine.yaml", "--tree", "tree")
    ),
    "other counts than those that are kept": _moved_on,
}


def _bug(scene: Scene) -> Result:
    def fail(*_: object) -> None:
        raise ValueError("boom")

    scene.monkeypatch.setattr("patcher.plan.plan", fail)
    return scene.tree("").steps(ROUND).check()


def _interrupted(scene: Scene) -> Result:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    scene.monkeypatch.setattr("patcher.plan.plan", fail)
    return scene.tree("").steps(ROUND).check()


def _full(scene: Scene) -> Result:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    scene.monkeypatch.setattr("patcher.plan.plan", fail)
    return scene.tree("").steps(ROUND).check()


BUGS: dict[str, Play] = {
    "a bug in patcher": _bug,
    "an interrupt": _interrupted,
    "a full disk": _full,
}
