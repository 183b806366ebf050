"""The `proof` of a step: what it may say, and what is told of one that says something else."""

from __future__ import annotations

import pytest

from patcher.model import Proof, Scope
from tests.recipe.shelf import Shelf, step_of, use, wrong

GOOD = "edit: f\nproof: {of: 'a/*.py::Net', cases: proofs/net.py}"
PROOF = Proof(Scope("a/*.py", "Net"), "proofs/net.py")


def test_a_proof(shelf: Shelf) -> None:
    assert step_of(shelf, GOOD).proof == PROOF


def test_no_proof(shelf: Shelf) -> None:
    assert step_of(shelf, "edit: f").proof is None


def test_parameters_are_filled_in(shelf: Shelf) -> None:
    text = "edit: f\nproof: {of: 'a.py::${name}', cases: a.py}"
    assert step_of(shelf, text, "parameters: {name: {type: name, default: Net}}\n").proof == Proof(
        Scope("a.py", "Net"), "a.py"
    )


def test_a_used_step_keeps_its_proof(shelf: Shelf) -> None:
    used = f"steps:\n  - id: one\n    why: w\n    effect: exact\n    {GOOD.replace(chr(10), chr(10) + '    ')}\n"
    (step,) = use(shelf, "in: b.py", used).steps
    assert step.proof == PROOF


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("proof: a.py", "8:12: `proof` wants a map, and YAML reads this as text."),
        ("proof: {of: 'a.py::f'}", "8:12: `cases` is missing here."),
        ("proof: {of: 'a.py::f', case: a.py}", "8:28: The key `case` is not known here; did you mean `cases`?"),
        (
            "proof: {of: [a.py::f, a.py::g], cases: a.py}",
            "8:17: `of` wants text, and YAML reads this as a list; if it is code, write: "
            "proof: {of: '[a.py::f, a.py::g]', cases: a.py}",
        ),
        (
            "proof: {of: a.py, cases: a.py}",
            "8:17: `of` is one function or class of a file, as in models/layers.py::Attention.",
        ),
        (
            "proof: {of: 'a.py::f', cases: a.txt}",
            "8:35: `a.txt` is no Python file; `cases` names one beside the recipe, as in proofs/x.py.",
        ),
        (
            "proof: {of: 'a.py::f', cases: ../a.py}",
            "8:35: `../a.py` leads out of the recipe's folder; keep the file beside the recipe, and name it from there.",
        ),
    ],
)
def test_a_proof_refused(shelf: Shelf, text: str, told: str) -> None:
    assert wrong(shelf, f"edit: f\n{text}") == [told]
