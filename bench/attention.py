"""Time flash_attn_torch beside bare calls of torch's scaled_dot_product_attention; kept in bench/attention.md.

    python bench/attention.py [--write]

Each row runs the two of them alternately, forward and backward, and has the median of each and the ratio of the two. One
thread runs on the CPU, and its own time is counted: other work on the machine disturbs it least. For a GPU there is
bench/attention_gpu.py.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "recipes" / "shims"))

from flash_attn_torch import flash_attn_func, flash_attn_varlen_func  # noqa: E402

Attention = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Row:
    """One comparison: what it is, its inputs, the two functions of them, and the largest ratio that is allowed."""

    name: str
    tensors: list[torch.Tensor]
    shim: Attention
    bare: Attention
    allowed: float | None = None


def main() -> None:
    """Print the table, and keep it if asked to."""
    given = arguments(__doc__).parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    lines = table(_cpu_rows(), given.rounds, "SDPA")
    if given.write:
        keep("cpu", f"CPU, {platform.machine()}", lines)


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Return the parser of a benchmark of attention."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="keep the table of this device in bench/attention.md")
    parser.add_argument("--rounds", type=int, default=31)
    return parser


def table(rows: Iterable[Row], rounds: int, bare: str) -> list[str]:
    """Print the rows as they are measured, and return the lines."""
    lines = [f"| forward and backward | flash_attn_torch | {bare} | ratio | allowed |", "|---|---|---|---|---|"]
    print("\n".join(lines))
    for row in rows:
        ours, theirs = _medians(row, rounds)
        allowed = "" if row.allowed is None else f"{row.allowed:.2f}"
        lines.append(f"| {row.name} | {ours:.2f} ms | {theirs:.2f} ms | {ours / theirs:.2f} | {allowed} |")
        print(lines[-1], flush=True)
    return lines


def keep(device: str, name: str, lines: list[str]) -> None:
    """Put the table into its section, and leave that of the other device."""
    path = ROOT / "bench" / "attention.md"
    versions = f"torch {torch.__version__}, Python {platform.python_version()}, {name}"
    made = "Made by `python bench/attention.py --write` and, on a GPU, `python bench/attention_gpu.py --write`"
    head = f"# The attention of flash_attn_torch beside SDPA\n\n{made}: medians of alternated runs.\n"
    sections = path.read_text().split("\n## ")[1:] if path.exists() else []
    kept = [section.strip() for section in sections if not section.startswith(f"{device}\n")]
    kept.append(f"{device}\n\n{versions}\n\n" + "\n".join(lines))
    path.write_text(head + "".join(f"\n## {section}\n" for section in sorted(kept)))


# --- the clock ------------------------------------------------------------------------------------------------------


def _medians(row: Row, rounds: int) -> tuple[float, float]:
    """Return the median milliseconds of the shim and of the bare call."""
    both = [row.shim, row.bare]
    for function in both * 2:
        milliseconds(function, row.tensors)
    times: list[list[float]] = [[], []]
    for turn in range(rounds):
        for which in (0, 1) if turn % 2 else (1, 0):
            times[which].append(milliseconds(both[which], row.tensors))
    return statistics.median(times[0]), statistics.median(times[1])


def milliseconds(function: Attention, inputs: list[torch.Tensor]) -> float:
    """Return how long a function takes forward and backward."""
    leaves = [one.detach().requires_grad_() for one in inputs]
    _wait()
    clock = time.perf_counter if inputs[0].is_cuda else time.process_time
    start = clock()
    out = function(*leaves)
    out.backward(torch.ones_like(out))
    _wait()
    return (clock() - start) * 1000


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


# --- what is compared -----------------------------------------------------------------------------------------------


def sdpa(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, causal: bool = False) -> torch.Tensor:
    """Attention of [batch, seqlen, heads, dim], as a person writes it who knows SDPA's layout."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    grouped = {"enable_gqa": True} if k.shape[1] != q.shape[1] else {}
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, **grouped).transpose(1, 2)


def loop(lengths: list[int], *, causal: bool, split: bool) -> Attention:
    """Each of the packed sequences for itself, cut out by slices, or by the one split that has a cheaper gradient."""
    ends = [sum(lengths[:count]) for count in range(len(lengths) + 1)]

    def attend(*tensors: torch.Tensor) -> torch.Tensor:
        if split:
            parts = [x.split(lengths) for x in tensors]
        else:
            parts = [[x[start:end] for start, end in pairwise(ends)] for x in tensors]
        outs = [sdpa(*(x[None] for x in three), causal=causal)[0] for three in zip(*parts, strict=True)]
        return torch.cat(outs)

    return attend


def packed(lengths: list[int], device: str, *, causal: bool) -> Attention:
    """Return the shim's function for packed sequences of these lengths."""
    ends = torch.tensor([0, *lengths], device=device).cumsum(0).int()
    return lambda q, k, v: flash_attn_varlen_func(q, k, v, ends, ends, max(lengths), max(lengths), causal=causal)


def tensors(*shape: int, device: str, dtype: torch.dtype, heads_k: int | None = None) -> list[torch.Tensor]:
    """Return q, k and v of a shape that ends with heads and dim."""
    other = (*shape[:-2], heads_k or shape[-2], shape[-1])
    return [torch.randn(one, device=device, dtype=dtype) for one in (shape, other, other)]


def _cpu_rows() -> Iterator[Row]:
    where = {"device": "cpu", "dtype": torch.float32}
    for causal in (False, True):
        mask = "causal" if causal else "full"
        shim: Attention = lambda *x, causal=causal: flash_attn_func(*x, causal=causal)  # noqa: E731
        bare: Attention = lambda *x, causal=causal: sdpa(*x, causal=causal)  # noqa: E731
        yield Row(f"B4 S512 H8 D64 fp32, {mask}", tensors(4, 512, 8, 64, **where), shim, bare, 1.05)
        grouped = tensors(4, 512, 8, 64, heads_k=2, **where)
        yield Row(f"B4 S512 H8 D64 fp32, 2 key heads, {mask}", grouped, shim, bare)
    lengths = torch.randint(33, 513, (16,), generator=torch.Generator().manual_seed(0)).tolist()
    for name, some in (("16 sequences of 33 to 512", lengths), ("16 sequences of 256", [256] * 16)):
        for causal in (False, True):
            mask = "causal" if causal else "full"
            inputs, attend = tensors(sum(some), 8, 64, **where), packed(some, "cpu", causal=causal)
            for split in (False, True):
                beside = f"beside a loop over {'a split' if split else 'slices'}"
                bare = loop(some, causal=causal, split=split)
                yield Row(f"{name}, H8 D64 fp32, {mask}, {beside}", inputs, attend, bare, 1.05 if split else 1.0)


if __name__ == "__main__":
    main()
