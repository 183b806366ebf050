"""What goes wrong rarely: in recipes, trees, forks, training and proving. Scenes by their row, as the other groups."""

from __future__ import annotations

from tests.docs.errors_recipes import step
from tests.docs.errors_trees import HELD, PYTHON, ROUND, RUN, SIZE, SQUARE, TRAINS, case, check, proof, train
from tests.docs.scenes import Play, Scene
from tests.helpers import Result

__all__ = ["RARE"]

RECORDED = f"{RUN}, golden: golden.json, reference: [attention]"
TWO = f"checks:\n  - {{id: one, why: w, {HELD}}}\n  - {{id: two, why: w, {HELD}}}\n"


def _two_recipes(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--lock")
    lock = scene.root / ".patcher" / "lock.yaml"
    lock.write_text(lock.read_text() + lock.read_text().partition("recipes:\n")[2].replace("mine", "other"))
    (scene.folder / "other.yaml").write_text((scene.folder / "mine.yaml").read_text().replace("mine", "other"))
    return scene.run("explain", "tree/a.py:1")


def _gone(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND).apply("--lock")
    (scene.folder / "mine.yaml").unlink()
    return scene.run("apply", "tree")


def _without_git(scene: Scene) -> Result:
    scene.tree("abs(1)\n", git=True).steps(ROUND)
    scene.monkeypatch.setenv("PATH", str(scene.folder))
    return scene.check()


def _two_goldens(scene: Scene) -> Result:
    scene.tree({"train.py": TRAINS}).steps(ROUND, head=TWO)
    return scene.verify("--record", "--golden", "new.json", *PYTHON)


def _without_python(scene: Scene) -> Result:
    scene.tree({"train.py": TRAINS}).steps(ROUND, head=f"checks: [{{id: train, why: w, {RUN}}}]\n")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        scene.monkeypatch.delenv(name, raising=False)
    scene.monkeypatch.setenv("PATH", str(scene.folder))
    return scene.verify()


def sized(numbers: str, word: str = "{batch}", options: tuple[str, ...] = ()) -> Play:
    """A recipe with a run at full size, and the doctor."""
    head = f'sizes: [{{id: full, why: w, run: [python, "{word}"], {numbers}}}]\n'
    return lambda scene: scene.tree("").steps(ROUND, head=head).run("doctor", "tree", "-r", "./mine.yaml", *options)


def _full_report(scene: Scene) -> Result:
    return scene.tree("abs(1)\n").steps(ROUND).check("--output", "/dev/full")


RARE: dict[str, Play] = {
    "a step that requires itself": step("id: a\nwhy: b\neffect: exact\nreplace: f($X)\nwith: g($X)\nrequires: [a]"),
    "a step that requires one below": step(
        "id: a\nwhy: b\neffect: exact\nreplace: f($X)\nwith: g($X)\nrequires: [b]",
        "id: b\nwhy: b\neffect: exact\nreplace: h($X)\nwith: g($X)",
    ),
    "`copy` without `in`": step("copy: '*_torch'"),
    "`text` without `in`": step("text: a\nwith: b"),
    "a hole of `where` that no pattern binds": step("replace: f($X)\nwith: g($X)\nwhere: {Y: a}"),
    "`always` with a flag": step("guard_import: a\notherwise: shim.flash_attn_torch\nalways: yes\nflag: HAS"),
    "`lazy` with a flag": step("guard_import: a\notherwise: a = None\nlazy: yes\nflag: HAS"),
    "`requirements` that mean any package": step('requirements: {drop: ["*"]}'),
    "`run` without a word": step("replace: f($X)\nwith: g($X)", head="checks: [{id: train, why: w, run: []}]\n"),
    "a statement on the line of its header": check("if x: import speed\n", "insert: import fast\nafter: import speed"),
    "a keyword that lands outside of a call": check("import a\na.f(x=1)\n", "replace: a.f($$$X)\nwith: '[$$$X]'"),
    "a case outside of its folder": case("- case: one\n  file: ../a.py\n  same: x\n"),
    "a lock that names a recipe that is gone": _gone,
    "a lock of several recipes": _two_recipes,
    "a machine without git": _without_git,
    "a golden for two checks": _two_goldens,
    "a machine without Python": _without_python,
    "a reference that does not train": train(RECORDED, "raise SystemExit(3)\n", "--record", *PYTHON),
    "a check whose golden is not there": train(HELD, TRAINS),
    "a step without a proof": lambda scene: (
        scene.tree({"model.py": SIZE})
        .files({"cases.py": ""})
        .steps(SQUARE, f"id: other\nwhy: w\neffect: exact\n{ROUND}")
        .run("prove", "tree", "-r", "./mine.yaml", "--step", "other", "--allow-run")
    ),
    "a proof of what the module does not keep": proof(model=f"{SIZE}\n\ndel size\n"),
    "`named` of one argument": step("replace: f($X)\nwith: g($X)\nwhere: {X: {named: yes}}"),
    "`named` that is not `yes`": step("replace: f($$$X)\nwith: g($$$X)\nwhere: {X: {named: always}}"),
    "a size that is no number": sized("batch: many, steps: 1"),
    "a run of no step": sized("batch: 1, steps: 0"),
    "a run of one size alone": sized("batch: 1, steps: 1", "train.py"),
    "sizes that did not come with patcher": sized("batch: 1, steps: 1", options=("--measure",)),
    "a file for what `show` prints": lambda scene: scene.tree("").steps(ROUND).show("--output", "page.md"),
    "`detect` of a folder that is not there": lambda scene: scene.run("detect", "nowhere"),
    "`doctor` with a Python that is none": lambda scene: scene.tree("").run("doctor", "tree", "--python", "/bin/true"),
    "a report that cannot be written": _full_report,
    "a notebook with a key twice": check(
        {"a.ipynb": '{"cells": [{"cell_type": "code", "source": "abs(1)", "source": "abs(1)"}]}'},
        f"{ROUND}\nin: a.ipynb",
    ),
    "a codemod that is no Python": lambda scene: (
        scene.files({"mine.py": "def ("}).tree("abs(1)\n").steps("codemod: mine.py:Mine").check("--allow-python")
    ),
    "a slice that lands outside of a subscript": check("x = []\nx[1:2]\n", "replace: $X[$$$I]\nwith: map($$$I)"),
    "a hole in an f-string of the replacement": check("abs('a')\n", "replace: abs($X)\nwith: \"f'{$X}'\""),
    "a default on one side only": check("def f(a):\n    pass\n", "replace: def $F(a)\nwith: def $F(a=1)"),
    "a comment in front of the colon": check(
        "with (open(1),  # why\n):\n    pass\n", "replace: with open(1)\nwith: with open(1), open(2)"
    ),
    "a module that is imported outside of the function too": check(
        "import torch\n\ndef f():\n    x = torch.ones(1)\n    import speed\n    return speed.Adam(x)\n",
        "rename: speed.Adam\nto: torch.optim.Adam",
    ),
}
