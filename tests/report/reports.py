"""What tests of the reports for people share: verdicts of a small training, and a recipe they are of."""

from __future__ import annotations

from pathlib import Path

from patcher.checkout import Checkout
from patcher.model import Check, Effect, EffectKind, Expect, Range, Recipe, Step
from patcher.verify.ablate import Entry, Measured
from patcher.verify.compare import Difference, compare
from patcher.verify.golden import Golden
from patcher.verify.judge import Judge
from patcher.verify.readings import Run
from patcher.verify.sensitivity import How, Seen
from patcher.verify.session import Checked

__all__ = ["CHECK", "GOLDEN", "HOSTILE", "LOSSES", "checked", "judge", "run"]

LOSSES = (2.5, 2.25, 2.0, 1.75, 1.5)
CHECK = Check("train", "because", readings={"loss": Range(1), "lr": Range(1)})
GOLDEN = Golden(
    "tiny",
    "train",
    "",
    "cpu",
    {"loss": LOSSES, "lr": (0.1,) * 5},
    {},
    environment={"torch": "2.0", "machine": "x86_64"},
    reference=("attention",),
)
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def run(losses: tuple[float, ...] = LOSSES, **keys: object) -> Run:
    readings = {"loss": losses, "lr": (0.1,) * 5}
    told = {"command": ("python", "train.py"), "returncode": 0, "seconds": 1.25, "output": "", **keys}
    return Run(readings=readings, optimizers=("SGD",), **told)  # type: ignore[arg-type]


def step(name: str = "swap", kind: EffectKind = EffectKind.EXACT) -> Step:
    return Step(name, "replace", "because", Effect(kind), Expect(), "tiny.yaml:1:1")


def checked(losses: tuple[float, ...] = LOSSES, name: str = "swap") -> Checked:
    """Return a check with a ledger and what it sees."""
    ledger = (
        Entry(step(name), Measured.EXACT, True, "Without it, the numbers are the same to the last bit."),
        Entry(step("other"), Measured.CHANGES, False, "Without it, loss 2 is off by 1e-3."),
        Entry(step("third"), Measured.ABSENT, None, "It finds nothing to change in this tree."),
    )
    seen = (
        Seen("scale-1", How.SEEN, Difference("loss", 1, 2.6, 2.5, 4e-2, 1e-7)),
        Seen("causal-flipped", How.MISSED, why="no value is off by more than 0.1 times what is allowed"),
    )
    return Checked(compare(CHECK, run(losses), GOLDEN), ledger, seen)


def judge(folder: Path) -> Judge:
    """Return who judged; nothing of it is run."""
    recipe = Recipe(name="tiny", summary="A tiny recipe", steps=(step(),), checks=(CHECK,), digest="0" * 64, folder="")
    return Judge(recipe, Checkout.open(str(folder)), "/usr/bin/python")
