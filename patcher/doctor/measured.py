"""How large a batch fits and how long a run takes, measured: the recipe's run at full size, for a few steps.

It is trained at two small batches. Memory and time of a step are taken to grow evenly with the batch, so the two give
both at any other. What is measured is a copy of the tree; no batch is tried that might not fit.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from patcher.checkout import Checkout
from patcher.doctor.seen import Finding, State
from patcher.model import Recipe, Sizing
from patcher.verify.readings import Run
from patcher.verify.run import Ask, Bench

__all__ = ["Measured", "free_memory", "measured", "told"]

STEPS = 4  # the first one also makes what stays: gradients, moments, buffers
SHARE = 0.9  # of what is free; the rest is for what else runs, and for what does not grow evenly
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Measured:
    """Two runs of a sizing: batch, peak memory in bytes and seconds of a step of each."""

    sizing: Sizing
    small: tuple[int, float, float]
    large: tuple[int, float, float]

    @property
    def grows(self) -> bool:
        """Whether the larger batch took more memory than the smaller one."""
        return self.large[1] > self.small[1]

    def memory(self, batch: int) -> float:
        """Return the peak memory in bytes at a batch size."""
        return self._at(1, batch)

    def seconds(self, batch: int) -> float:
        """Return how long a step takes at a batch size."""
        return max(self._at(2, batch), self.small[2])

    def fitting(self, memory: float) -> int:
        """Return the largest batch whose peak is below some memory in bytes; 0 if none is. It must be seen to grow."""
        each = (self.large[1] - self.small[1]) / (self.large[0] - self.small[0])
        return max(0, int(self.small[0] + (memory - self.small[1]) / each))

    def _at(self, part: int, batch: int) -> float:
        slope = (self.large[part] - self.small[part]) / (self.large[0] - self.small[0])
        return self.small[part] + slope * (batch - self.small[0])


def measured(recipe: Recipe, sizing: Sizing, checkout: Checkout, python: str, device: str) -> Measured | str:
    """Train at two batch sizes and return what that takes, or a sentence that says why it could not be measured.

    Raises:
        TargetError: the data could not be prepared, or the tree not copied.
    """
    least = max(1, sizing.batch // 96)
    found = []
    with Bench(recipe, sizing.check, python, checkout, device) as bench:
        for batch in (least, 4 * least):
            run = bench.run(checkout, {}, Ask(places={"batch": str(batch)}, steps=STEPS))
            seconds, memory = run.readings.get("seconds", ()), run.readings.get("memory", ())
            if len(seconds) < STEPS or run.returncode != 0:
                return _failed(sizing, batch, run)
            ticks = [later - earlier for earlier, later in pairwise(seconds[1:])]
            found.append((batch, max(memory), statistics.median(ticks)))
    return Measured(sizing, found[0], found[1])


def _failed(sizing: Sizing, batch: int, run: Run) -> str:
    last = run.output.rstrip().rpartition("\n")[2] or "it said nothing"
    how = "its time limit ended it" if run.returncode is None else f"it ended with exit code {run.returncode}"
    return f"{sizing.check.id} could not be measured: at a batch of {batch} {how} after {run.steps} steps ({last})."


def told(found: Measured | str, memory: float) -> Iterator[Finding]:
    """Yield what a measurement says: whether the upstream's batch fits into some bytes, and how long its run takes."""
    if isinstance(found, str):
        yield Finding("batch", State.ADVICE, found)
        return
    asked, steps = found.sizing.batch, found.sizing.steps
    free = f"{memory / GIB:.1f} GiB are free"
    tried = f"measured at {found.small[0]} and {found.large[0]}"
    fits = min(found.fitting(SHARE * memory), asked) if found.grows else asked
    takes = f"take some {found.memory(asked) / GIB:.1f} GiB, and {free} ({tried})."
    if not found.grows:
        text = f"No batch was seen to take more memory than another ({tried}), so what fits is not known: {free}."
        yield Finding("batch", State.ADVICE, text)
    elif fits >= asked:
        yield Finding("batch", State.OK, f"A batch of {asked} should {takes}")
    elif fits:
        remedy = f"Train with a batch of {fits}: {_word(found.sizing, fits)}"
        yield Finding("batch", State.MISSING, f"A batch of {asked} would {takes}", remedy)
    else:
        text = f"The model alone takes some {found.memory(0) / GIB:.1f} GiB, and {free} ({tried})."
        yield Finding("batch", State.MISSING, text, "Train a smaller model, or on a machine with more memory.")
    batch = fits or asked
    seconds = found.seconds(batch)
    # A smaller batch makes as many steps more as it is smaller.
    whole = seconds * steps * asked / batch
    run = found.sizing.check.why
    yield Finding(
        "time", State.OK, f"A step with a batch of {batch} takes {_short(seconds)} s, and {run} {_long(whole)}."
    )


def _word(sizing: Sizing, batch: int) -> str:
    return next(word.replace("{batch}", str(batch)) for word in sizing.check.run if "{batch}" in word)


def _short(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"


def _long(seconds: float) -> str:
    for unit, length in (("years", 31557600), ("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"some {seconds / length:.0f} {unit}"
    return f"some {seconds:.0f} seconds"


def free_memory() -> float:
    """Return the bytes that a process may still take: what is available, within the limit of a container."""
    found = [float("inf")]
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        found.append(float(lines["MemAvailable"].split()[0]) * 1024)
    except (OSError, KeyError, ValueError):
        pass
    try:
        group = Path("/sys/fs/cgroup")
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            found.append(float(limit) - float((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(found)
