"""Time Atlas's loop over tokens beside the batched call in its place; kept in bench/loops.md.

    python bench/loops.py LOOP BATCHED [--write]

LOOP and BATCHED are two checkouts of Atlas: one in which nothing but what it cannot run without was mended, and one to
which the recipe was applied. Each row runs their attention alternately, forward and backward, and has the median of each
in seconds of the processor (on a GPU: of the clock, synchronised) and how many times the loop takes.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.upstream.atlas_loop import loaded  # noqa: E402

TABLE = ROOT / "bench" / "loops.md"
LENGTHS = {"cpu": (256, 1024), "cuda": (256, 1024, 4096)}
HIDDEN, HEADS, BATCH = 288, 6, 1


def main() -> None:
    """Print the table, and keep it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loop", type=Path)
    parser.add_argument("batched", type=Path)
    parser.add_argument("--write", action="store_true", help="keep the table in bench/loops.md")
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    modules = [loaded(given.loop, "atlas_loop"), loaded(given.batched, "atlas_batched")]
    lines = [
        f"# Loops and batched calls, {device}",
        "",
        f"Made by `python bench/loops.py` with torch {torch.__version__}, Python {platform.python_version()},"
        f" {platform.machine()}; hidden {HIDDEN}, {HEADS} heads, batch {BATCH}, {given.rounds} alternated rounds.",
        "",
        "| tokens | loop, s | batched, s | times |",
        "|---|---|---|---|",
    ]
    for length in LENGTHS[device]:
        loop, batched = medians(modules, length, device, given.rounds)
        lines.append(f"| {length} | {loop:.3f} | {batched:.4f} | {loop / batched:.1f} |")
        print(lines[-1], flush=True)
    if given.write:
        TABLE.write_text("\n".join(lines) + "\n")


def medians(modules: list[Any], length: int, device: str, rounds: int) -> list[float]:
    """Return the median time of each module's attention, run alternately."""
    attentions = [attention(module, device) for module in modules]
    hidden = torch.randn(BATCH, length, HIDDEN, device=device)
    times: list[list[float]] = [[], []]
    for at in range(rounds + 1):
        for one, told in zip(attentions, times, strict=True):
            took = once(one, hidden, device)
            if at:  # the first round warms up
                told.append(took)
    return [statistics.median(one) for one in times]


def attention(module: Any, device: str) -> Any:
    """Return an attention of the upstream's own default depth and degree."""
    torch.manual_seed(0)
    config = module.AtlasConfig(
        vocab_size=11, hidden_size=HIDDEN, num_layers=1, num_heads=HEADS, max_seq_length=max(LENGTHS[device])
    )
    return module.AtlasAttention(config).to(device)


def once(one: Any, hidden: torch.Tensor, device: str) -> float:
    """Return how long one forward and backward takes."""
    # The loop keeps the graph of what it stored: without this a second backward would go through the first.
    one.context_keys, one.context_values = one.context_keys.detach(), one.context_values.detach()
    clock = time.process_time if device == "cpu" else time.perf_counter
    synchronise(device)
    start = clock()
    one(hidden).sum().backward()
    synchronise(device)
    return clock() - start


def synchronise(device: str) -> None:
    """Wait until the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
