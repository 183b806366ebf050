"""A check tried on attentions that are known to be wrong: it is worth what it sees.

A planted error has to be far outside of what is allowed, or to end the training.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from patcher.checkout import Checkout
from patcher.verify.compare import Difference, differences, uneven
from patcher.verify.copies import Overlay
from patcher.verify.failure import refusal
from patcher.verify.golden import Golden
from patcher.verify.judge import Judge
from patcher.verify.readings import Run, wanted
from patcher.verify.run import Ask, Bench

__all__ = ["CLEAR", "How", "Seen", "Trial", "blind", "wrong_attentions"]

# The names stand where the wrong attentions are made, in a file that runs in the trained process.
PLANTS = Path(__file__).parent / "probe" / "_patcher_plants.py"
RIGHT = "float64"
# An error is seen if it is so many times what is allowed.
CLEAR = 10.0


class How(StrEnum):
    """What a check makes of a wrong attention.

    IDLE: it changes nothing at all, so there is nothing to see. UNFIT: no call of the run can have it.
    """

    SEEN = "seen"
    CRASHED = "crashed"
    IDLE = "idle"
    UNFIT = "does not apply"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a check makes of one wrong attention: the first value that is off by far, or what else there is to say."""

    name: str
    how: How
    first: Difference | None = None
    why: str = ""

    @property
    def seen(self) -> bool:
        """Whether the check fails with it."""
        return self.how in (How.SEEN, How.CRASHED)


def blind(found: list[Seen]) -> list[Seen]:
    """Return the wrong attentions that show that a check sees too little: all of them where it sees none."""
    return [one for one in found if one.how is How.MISSED] or ([] if any(one.seen for one in found) else found)


def wrong_attentions() -> tuple[str, ...]:
    """Return the names of the wrong attentions that the probe can plant."""
    for node in ast.parse(PLANTS.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WRONG":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError(f"{PLANTS} has no WRONG")


@dataclass(slots=True)
class Trial:
    """A check to be tried: on which tree, against which golden, and what stands in there beside the wrong attention.

    `right` is the same run with the right attention, if there is one already.
    """

    judge: Judge
    bench: Bench
    golden: Golden
    tree: Checkout
    overlay: Overlay = field(default_factory=dict)
    reference: tuple[str, ...] = ()
    right: Run | None = None

    def seen(self) -> Iterator[Seen]:
        """Yield, for each wrong attention, whether the check sees it."""
        for name in wrong_attentions():
            self.judge.say(f"{self.bench.check.id}: with the wrong attention {name}")
            run = self._with(name)
            yield self._unread(name, run) or self._compared(name, run)

    def _with(self, plant: str) -> Run:
        return self.bench.run(self.tree, self.overlay, Ask(plant=plant, reference=self.reference))

    def _unread(self, name: str, run: Run) -> Seen | None:
        """Return what came of a run whose numbers are not to be compared, None of one whose numbers are."""
        if run.refused is not None:
            return Seen(name, How.UNFIT, why=refusal(run))
        if not run.planted and run.misfit:
            return Seen(name, How.UNFIT, why=run.misfit)
        if not run.planted:
            called = ", ".join(run.entries) or "none that the probe knows"
            return Seen(name, How.MISSED, why=f"it was not called: of attentions, the tree calls {called}")
        if run.returncode is not None and run.returncode > 0:
            return Seen(name, How.CRASHED, why=f"crash at step {run.steps + 1}")
        if run.returncode == 0 and run.lost is not None:
            return Seen(name, How.SEEN, why=f"loss {run.lost} is {run.losses[run.lost - 1]}")
        if not run.trained:
            return Seen(name, How.MISSED, why="with it the run did not train, which is no difference of numbers")
        if other := uneven(wanted(self.bench.check, run.readings), self.golden.readings, "the golden"):
            return Seen(name, How.MISSED, why=f"with it the numbers are others: {other}")
        return None

    def _compared(self, name: str, run: Run) -> Seen:
        rows = list(differences(wanted(self.bench.check, run.readings), self.golden))
        first = next((row for row in rows if row.times >= CLEAR), None)
        if first is not None:
            return Seen(name, How.SEEN, first)
        if self.right is None:
            self.judge.say(f"{self.bench.check.id}: with the right attention, to see whether {name} changes anything")
            self.right = self._with(RIGHT)
        if run.readings == self.right.readings:
            return Seen(name, How.IDLE, why="it changes nothing here")
        largest = max((row.times for row in rows), default=0.0)
        return Seen(name, How.MISSED, why=f"no value is off by more than {largest:.1f} times what is allowed")
