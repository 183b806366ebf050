"""`patcher prove` as a user meets it, and what `apply` tells of what was proved."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.examples import sections
from tests.helpers import ROOT, Patcher, Result, fixture_tree, git, snapshot, write_tree
from tests.tiny import Tiny, replace

pytest.importorskip("torch")

MODEL = """
import torch


class Norm(torch.nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * self.scale / torch.pow(x, 2).mean(-1, keepdim=True).sqrt()
"""
CASES = """
import torch


def cases(of):
    for rows, width in ((1, 2), (3, 8)):
        yield {"name": f"{rows} x {width}", "init": (width,), "call": (torch.randn(rows, width),)}
"""
PROOF = {"of": "model.py::Norm", "cases": "proofs/square.py"}


@pytest.fixture
def norm(tiny: Tiny) -> Tiny:
    """A module of which a step writes a square in another way."""
    tiny.files({"model.py": MODEL}).recipe(replace("torch.pow($X, 2)", "$X * $X", proof=PROOF))
    write_tree(tiny.folder, {"proofs/square.py": CASES})
    return tiny


def prove(tiny: Tiny, *options: object) -> Result:
    return tiny.patcher("prove", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable, *options)


def told(tiny: Tiny, *options: str) -> Any:
    """What the plan in JSON says of the step's proof."""
    return tiny.plan(*options).step("swap")["proof"]


def test_what_is_equal(norm: Tiny) -> None:
    before = norm.snapshot()
    result = prove(norm)
    assert result.code == 0, result.stderr
    lines = result.out.splitlines()
    assert lines[0].startswith("swap: model.py::Norm, before and after, in float64 with torch ")
    assert lines[1].split() == ["case", "outputs", "gradients", "buffers"]
    assert [line.split()[:3] for line in lines[2:4]] == [["1", "x", "2"], ["3", "x", "8"]]
    assert lines[4].startswith("Equal in 2 cases: ")
    assert result.stderr == f"swap: square.py on model.py::Norm, with {sys.executable}\n"
    assert norm.snapshot() == before and not (norm.folder / "proofs" / "swap.json").exists()


def test_what_is_not_equal(norm: Tiny) -> None:
    norm.recipe(replace("torch.pow($X, 2)", "$X.abs()", proof=PROOF))
    result = prove(norm, "--record")
    assert result.code == 4
    lines = result.out.splitlines()
    assert lines[3].strip().startswith("output differs by ")
    assert lines[4].strip().startswith("the gradient of the input argument 1 differs by ")
    assert lines[-1] == "Not equal: 2 of 2 cases differ."
    assert "Nothing of swap was kept" in result.stderr and not (norm.folder / "proofs" / "swap.json").exists()


def test_a_record_holds_for_the_code_that_it_is_of_and_for_no_other(norm: Tiny) -> None:
    assert told(norm)["reason"] == "This was not proved yet."
    kept = prove(norm, "--record", "--format", "json")
    assert kept.code == 0 and kept.json["steps"][0]["equal"] is True
    # Laid out otherwise it is the same code.
    path = norm.tree / "model.py"
    path.write_text(MODEL.replace("x * self.scale /", "x * self.scale /  #\\\n".replace("#\\\n", "")) + "\n# done\n")
    assert told(norm)["proved"] is True
    path.write_text(MODEL.replace("keepdim=True", "keepdim=False"))
    assert told(norm)["proved"] is False
    norm.recipe(replace("torch.pow($X, 2)", "$X.square()", proof=PROOF))
    path.write_text(MODEL)
    other = told(norm)
    assert other["proved"] is False
    assert other["reason"] == "This code is not the one that was proved."
    assert other["run"] == f"patcher prove {norm.tree} --recipe {norm.file} --step swap --allow-run"


def test_apply_says_it_and_runs_nothing(norm: Tiny) -> None:
    prove(norm, "--record")
    (norm.folder / "proofs" / "square.py").write_text("raise SystemExit('this must not run')\n")
    said = norm.apply().out
    assert "            Proved equal to the code before it in 2 cases, outputs and gradients in float64" in said
    assert "            Proved equal to what it replaces in 2 cases" in norm.apply().out


ACT = """import torch
from ops import slow, fast

FAST = False

if FAST:
    def act(x):
        return slow(x) + 1
else:
    def act(x):
        return slow(x)
"""
OPS = "def slow(x):\n    return x + x\n\n\ndef fast(x):\n    return 2 * x\n"


def test_a_record_is_of_all_that_the_code_leads_to(norm: Tiny) -> None:
    norm.files({"model.py": ACT, "ops.py": OPS, "train.py": "lr = 1\n"})
    proof = {**PROOF, "of": "model.py::act"}
    norm.recipe(replace("ops.slow($X)", "ops.fast($X)", proof=proof))
    text = 'import torch\n\n\ndef cases(of):\n    return [{"name": "a", "call": {"x": torch.randn(3)}}]\n'
    write_tree(norm.folder, {"proofs/square.py": text})
    assert prove(norm, "--record").code == 0
    assert told(norm)["proved"] is True
    norm.files({"train.py": "lr = 2\n", "ops.py": f"# Two of them.\n{OPS}"})
    assert told(norm)["proved"] is True
    for path, was in (
        ("ops.py", OPS.replace("2 * x", "3 * x")),
        ("model.py", ACT.replace("FAST = False", "FAST = True")),
        ("model.py", f'{ACT}\n\nglobals()["act"] = lambda x: fast(x) * 7\n'),
        ("torch.py", "nn = None\n"),
    ):
        norm.files({"model.py": ACT, "ops.py": OPS, path: was})
        assert told(norm)["reason"] == "This code is not the one that was proved.", path
    (norm.tree / "torch.py").unlink()
    norm.files({"model.py": ACT, "ops.py": OPS})
    assert norm.apply().code == 0
    assert told(norm)["proved"] is True
    norm.files({"ops.py": OPS.replace("2 * x", "3 * x")})
    assert told(norm)["proved"] is False


def test_a_step_that_edits_what_is_imported_too(norm: Tiny) -> None:
    norm.files({"model.py": "from ops import two\n\n\ndef act(x):\n    return two(x)\n", "ops.py": ""})
    norm.files({"ops.py": "import torch\n\n\ndef two(x):\n    return torch.pow(x, 2)\n"})
    early = replace("torch.pow($X, $N)", "torch.pow($X, exponent=$N)", name="early")
    norm.recipe(early, replace("torch.pow($X, exponent=2)", "$X * $X", proof={**PROOF, "of": "model.py::act"}))
    text = 'import torch\n\n\ndef cases(of):\n    return [{"name": "a", "call": {"x": torch.randn(3)}}]\n'
    write_tree(norm.folder, {"proofs/square.py": text})
    assert prove(norm, "--record").code == 0
    assert told(norm)["proved"] is True


def test_nothing_is_proved_over_nothing_nor_by_cases_that_patch(norm: Tiny) -> None:
    path = norm.folder / "proofs" / "square.py"
    path.write_text(CASES.replace("torch.randn(rows, width)", "torch.randn(0, width)"))
    result = prove(norm, "--record")
    assert result.code == 2
    assert "square.py: no case gives a number to compare; let one have outputs that are not empty." in result.stderr
    path.write_text(CASES.replace("    for rows", "    of.forward = lambda self, x: x\n    for rows"))
    result = prove(norm, "--record")
    assert result.code == 2
    assert "it changes `Norm.forward` of what is proved; let it make cases and nothing else." in result.stderr
    assert not (norm.folder / "proofs" / "square.json").exists()


def test_other_steps_of_the_file_stand_on_both_sides(norm: Tiny) -> None:
    steps = (
        replace("torch.nn.Parameter($X)", "torch.nn.Parameter($X.clone())", name="first"),
        replace("torch.pow($X, 2)", "$X * $X", proof=PROOF),
        replace("$X.sqrt()", "$X.pow(0.5)", name="last"),
    )
    norm.recipe(*steps)
    assert prove(norm, "--record").code == 0
    assert told(norm)["proved"] is True
    norm.recipe(*steps[:2], replace("$X.sqrt()", "torch.sqrt($X)", name="last"))
    assert (
        told(norm)["reason"] == "A later step writes over what this one wrote, so the code before it is not seen here."
    )


def test_a_patched_tree_is_proved_from_its_history(norm: Tiny) -> None:
    norm.apply()
    before = norm.snapshot()
    assert prove(norm, "--record").code == 0
    assert norm.snapshot() == before
    path = norm.tree / "model.py"
    path.write_text(path.read_text().replace("self.scale /", "self.scale * 2 /"))
    result = prove(norm)
    assert result.code == 2 and "is not what tiny makes of any earlier state that is known" in result.stderr
    assert told(norm)["proved"] is False


@pytest.mark.parametrize(
    ("files", "of"),
    [
        ({"pack/__init__.py": "", "pack/model.py": MODEL, "pack/b.py": "from .model import Norm\n"}, "pack/model.py"),
        (
            {"src/pack/__init__.py": "import pack.b\n", "src/pack/b.py": "", "src/pack/model.py": MODEL},
            "src/pack/model.py",
        ),
        ({"models/model.py": f"from models.common import x\n{MODEL}", "models/common.py": "x = 1\n"}, "**/model.py"),
        ({"models/model.py": f"from common import x\n{MODEL}", "models/common.py": "x = 1\n"}, "models/*.py"),
        ({"models/model.py": f"from .common import x\n{MODEL}", "models/common.py": "x = 1\n"}, "models/*.py"),
    ],
)
def test_a_file_is_imported_as_its_tree_does(norm: Tiny, files: dict[str, str], of: str) -> None:
    (norm.tree / "model.py").unlink()
    proof = {**PROOF, "of": f"{of}::Norm"}
    norm.files(files).recipe(replace("torch.pow($X, 2)", "$X * $X", proof=proof))
    result = prove(norm)
    assert result.code == 0, result.stderr


def test_a_function_on_both_sides(norm: Tiny) -> None:
    norm.files({"model.py": "import torch\n\n\ndef size(x, power=2):\n    return torch.pow(x, 2).sum(), x.shape\n"})
    norm.recipe(replace("torch.pow($X, 2)", "$X * $X", proof={**PROOF, "of": "model.py::size"}))
    text = 'import torch\n\n\ndef cases(of):\n    return [{"name": "a", "call": {"x": torch.randn(3)}}]\n'
    write_tree(norm.folder, {"proofs/square.py": text})
    assert prove(norm).code == 0


def test_absent_steps_are_told_beside_those_that_are_proved(norm: Tiny) -> None:
    other = replace("torch.exp2($X)", "2**$X", name="other", proof=PROOF)
    norm.recipe(replace("torch.pow($X, 2)", "$X * $X", proof=PROOF), other)
    result = prove(norm)
    assert result.code == 0
    assert "The step other is absent in " in result.stderr


def test_the_example_of_the_reference(patcher: Patcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (section,) = (one for one in sections(ROOT / "docs" / "recipes.md") if one.title == "proof")
    write_tree(tmp_path, {block.notes["file"]: block.text for block in section.blocks if "file" in block.notes})
    (step,) = (block.text for block in section.blocks if block.language == "yaml")
    lines = "".join(f"    {line}\n" for line in step.splitlines())
    head = "recipe: example\nsummary: An example\nsteps:\n  - id: square\n    why: w\n    effect: exact\n"
    write_tree(tmp_path, {"recipe.yaml": head + lines})
    monkeypatch.chdir(tmp_path)
    result = patcher("prove", "tree", "-r", ".", "--allow-run", "--python", sys.executable)
    assert result.code == 0, result.stderr
    assert "Equal in 3 cases: " in result.out


# --- the bundled proof ----------------------------------------------------------------------------------------------


def test_the_proof_of_hrm_is_of_the_miniature_too(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    step = patcher("apply", tree, "-r", "hrm", "--check", "--format", "json").step("contiguous")
    assert step["proof"]["proved"] is True, step["proof"]


@pytest.mark.train
def test_the_proof_of_hrm_runs_on_the_miniature(patcher: Patcher, tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    result = patcher("prove", tree, "-r", "hrm", "--python", sys.executable, "--format", "json")
    assert result.code == 0, result.stderr
    (found,) = result.json["steps"]
    kept = json.loads((ROOT / "recipes" / "hrm" / "proofs" / "contiguous.json").read_text())["proofs"]
    (record,) = (one for one in kept if (one["before"], one["after"]) == (found["before"], found["after"]))
    assert [case["name"] for case in record["cases"]] == [case["name"] for case in found["cases"]]
    assert git(tree, "status", "--porcelain") == "" and snapshot(tree) == snapshot(ROOT / "fixtures" / "hrm")
