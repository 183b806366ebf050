"""Time flash_attn_torch on a GPU beside SDPA's best backend, and hold each of its ways there to float64.

    python bench/attention_gpu.py --check      the output, gradients and lse of every way that CUDA has; exit 1 if one errs
    python bench/attention_gpu.py [--write]    medians of alternated runs, kept in bench/attention.md

Where no GPU is, it says so and ends with 2; `--check --device cpu` then runs the cases on what the CPU has, which tries
this script, and nothing of CUDA.
"""

from __future__ import annotations

import math
import platform
import statistics
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from attention import ROOT, Attention, Row, arguments, keep, loop, milliseconds, packed, sdpa, table, tensors

sys.path[:0] = [str(ROOT), str(ROOT / "recipes" / "shims")]

import flash_attn_torch as shim  # noqa: E402
from flash_attn_torch import flash_attn_func, flash_attn_varlen_func  # noqa: E402

from tests.shims.attention import judge, with_gradients  # noqa: E402

BF16, FP16, FP32 = torch.bfloat16, torch.float16, torch.float32
NO_GPU = 2


def main() -> None:
    """Check or measure."""
    parser = arguments(__doc__)
    parser.add_argument("--check", action="store_true", help="compare with float64 instead of measuring")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print(f"No GPU: torch {torch.__version__} sees none here, so that nothing of CUDA was run.", file=sys.stderr)
        raise SystemExit(NO_GPU)
    if given.device == "cpu" and not given.check:
        parser.error("--device cpu goes with --check; bench/attention.py measures on a CPU")
    name = torch.cuda.get_device_name() if given.device == "cuda" else f"CPU, {platform.machine()}"
    print(f"torch {torch.__version__}, CUDA {torch.version.cuda}, Python {platform.python_version()}, {name}\n")
    torch.manual_seed(0)
    if given.check:
        raise SystemExit(_check(given.device))
    lines = table(_beside_sdpa(), given.rounds, "SDPA")
    print()
    lines += ["", *table(_beside_plain(), given.rounds, "without cuda.py")]
    if given.write:
        keep("cuda", name, lines)


# --- is it right? ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Inputs and options, and the way that is to be taken on CUDA."""

    way: str
    seqlens: tuple[int, int] = (1024, 1024)
    how: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[torch.dtype, ...] = (BF16, FP16)
    heads_k: int = 4
    dim: int = 64

    def name(self, dtype: torch.dtype) -> str:
        """Return what a line of the report begins with."""
        options = ", ".join(f"{name}={'..' if torch.is_tensor(x) else x}" for name, x in self.how.items())
        return f"{self.way} S{self.seqlens} Hk{self.heads_k} D{self.dim} {str(dtype)[6:]} {options}"


def _cases() -> Iterator[Case]:
    slopes, of_each = torch.tensor([0.5, 0.2, 0.1, 0.05]), torch.rand(2, 4)
    every = (BF16, FP16, FP32)
    for causal in ({}, {"causal": True}):
        yield Case("_by_sdpa", how=causal, dtypes=every)
        yield Case("_by_sdpa", (1000, 1000), causal, heads_k=2)
        yield Case("_by_sdpa", (300, 1111), causal, dtypes=every)
        yield Case("_by_sdpa", (1111, 300), causal)
        yield Case("by_flex", how={"softcap": 5.0, **causal}, dtypes=every)
        yield Case("by_flex", (1111, 1300), {"softcap": 7.0, **causal}, heads_k=2)
        yield Case("by_flex", (1300, 1111), {"softcap": 9.0, **causal}, heads_k=1, dim=128)
        yield Case("by_flex", (1111, 1111), {"alibi_slopes": slopes, **causal}, dtypes=every)
        yield Case("by_flex", (200, 1300), {"alibi_slopes": of_each, **causal}, heads_k=2, dim=32)
        yield Case("by_flash", how={"return_attn_probs": True, **causal})
        yield Case("by_flash", (333, 333), {"return_attn_probs": True, **causal}, heads_k=2, dim=128)
        yield Case("by_flex", (1100, 1300), {"return_attn_probs": True, "window_size": (200, 0), **causal})
        yield Case("by_flex", (1024, 1024), {"return_attn_probs": True, **causal}, dtypes=(FP32,))
    for window in ((128, 0), (100, 33), (-1, 50)):
        yield Case("by_varlen", how={"window_size": window})
        yield Case("by_varlen", (1300, 1024), {"window_size": window}, heads_k=2, dim=256)
        yield Case("by_varlen", (1024, 1300), {"window_size": window, "softmax_scale": 0.3}, heads_k=1)
        yield Case("by_flex", (1200, 1100), {"window_size": window}, dtypes=(FP32,), dim=32)
        yield Case("by_flex", (1100, 1200), {"window_size": window, "softcap": 3.0, "alibi_slopes": slopes}, heads_k=2)
    yield Case("_by_definition", (64, 300), {"softcap": 5.0, "causal": True}, every)
    yield Case("_by_sdpa", (300, 300), {"window_size": (64, 0)}, every)
    yield Case("_by_sdpa", (1, 300), {"causal": True})


def _check(device: str) -> int:
    wrong = 0
    checks = [(case.name(dtype), _dense, (case, dtype)) for case in _cases() for dtype in case.dtypes]
    checks += [
        (f"packed {name} {str(dtype)[6:]}", _packed, (how, dtype)) for name, how in PACKED for dtype in (BF16, FP16)
    ]
    for name, check, (case, dtype) in checks:
        try:
            check(case, dtype, device)
        except (
            AssertionError,
            RuntimeError,
        ) as error:  # a case that cannot be run is wrong, and the rest is wanted too
            wrong += 1
            print(f"WRONG  {name}: {str(error).strip().splitlines()[0]}", flush=True)
        else:
            print(f"holds  {name}", flush=True)
    print(f"\n{len(checks)} cases, {wrong} wrong")
    return 1 if wrong else 0


def _dense(case: Case, dtype: torch.dtype, device: str) -> None:
    how = {name: x.to(device) if torch.is_tensor(x) else x for name, x in case.how.items()}
    seqlen_q, seqlen_k = (n if device == "cuda" else math.ceil(n / 8) for n in case.seqlens)  # the sizes choose the way
    q = torch.randn(2, seqlen_q, 4, case.dim, device=device).to(dtype)
    k, v = (torch.randn(2, seqlen_k, case.heads_k, case.dim, device=device).to(dtype) for _ in range(2))
    taken = _hold(lambda *x: flash_attn_func(*x, **how), lambda *x: _definition(*x, **how), (q, k, v))
    assert device != "cuda" or taken == [case.way], f"it went {taken}"
    with torch.inference_mode():  # what is kept of it must not be in the way of training
        flash_attn_func(q, k, v, **how)
    _hold(lambda *x: flash_attn_func(*x, **how), lambda *x: _definition(*x, **how), (q, k, v))


PACKED = [
    ("full", {}),
    ("causal", {"causal": True}),
    ("window", {"window_size": (100, 0)}),
    ("window of both sides, scaled", {"window_size": (70, 30), "softmax_scale": 0.3}),
    ("with lse", {"causal": True, "return_attn_probs": True}),
    ("softcap", {"softcap": 5.0, "causal": True}),
]
LENGTHS_Q, LENGTHS_K = [300, 0, 7, 1111, 64, 128], [300, 5, 20, 1000, 0, 130]


def _packed(how: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    """Tokens stand behind the last sequence; one has no queries, another no keys."""
    q = torch.randn(sum(LENGTHS_Q) + 3, 4, 64, device=device).to(dtype)
    k, v = (torch.randn(sum(LENGTHS_K) + 2, 2, 64, device=device).to(dtype) for _ in range(2))
    ends = [torch.tensor([0, *some], device=device).cumsum(0).int() for some in (LENGTHS_Q, LENGTHS_K)]

    def attend(*x: torch.Tensor) -> Any:
        return flash_attn_varlen_func(*x, *ends, max(LENGTHS_Q), max(LENGTHS_K), **how)

    def each(*x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        parts = [
            y.split([*some, len(y) - sum(some)]) for y, some in zip(x, (LENGTHS_Q, LENGTHS_K, LENGTHS_K), strict=True)
        ]
        found = [
            _definition(*(y[None] for y in three), **how) for three in zip(*(one[:-1] for one in parts), strict=True)
        ]
        tail = parts[0][-1]
        nothing = torch.full((4, len(tail)), math.inf, device=device)
        out = torch.cat([*(one[0] for one, _ in found), torch.zeros_like(tail)])
        return out, torch.cat([*(lse[0] for _, lse in found), nothing], dim=1)

    _hold(attend, each, (q, k, v))


def _hold(attend: Attention, definition: Attention, inputs: tuple[torch.Tensor, ...]) -> list[str]:
    """Raise AssertionError where the output, a gradient or the lse errs too much; return the ways that were taken."""
    taken: list[str] = []
    way = shim._way

    def told(*arguments: Any) -> Any:
        found = way(*arguments)
        taken.append(found.__name__)
        return found

    upstream = torch.randn_like(inputs[0])
    shim._way = told
    try:
        got = attend(*inputs)
        named = list(taken)
        have = with_gradients(attend, inputs, upstream)
    finally:
        shim._way = way
    doubles = [x.double() for x in inputs]
    judge(
        have,
        with_gradients(definition, doubles, upstream),
        with_gradients(definition, inputs, upstream),
        inputs[0].dtype,
    )
    if isinstance(got, tuple):
        wanted, usual = definition(*doubles)[1], definition(*inputs)[1]
        seen = wanted.isfinite()
        assert torch.equal(seen, got[1].isfinite()), "the lse is infinite elsewhere"
        assert bool((got[1][~seen] == math.inf).all()), "the lse of nothing is not +inf"
        allowed = 2 * (usual.double() - wanted)[seen].abs().max().item() + 1e-5 * wanted[seen].abs().max().item()
        error = (got[1].double() - wanted)[seen].abs().max().item()
        assert error <= allowed, f"lse: error {error:.2e}, allowed {allowed:.2e}"
    return named


def _definition(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    alibi_slopes: torch.Tensor | None = None,
    return_attn_probs: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention as it is defined, in the dtype of q, k and v; and the lse."""
    heads, left, right = q.shape[2], window_size[0], 0 if causal else window_size[1]
    k, v = (x.repeat_interleave(heads // x.shape[2], dim=2) for x in (k, v))
    scores = torch.einsum("bihd,bjhd->bhij", q, k) * (q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale)
    scores = softcap * torch.tanh(scores / softcap) if softcap > 0 else scores
    i = torch.arange(q.shape[1], device=q.device)[:, None] + k.shape[1] - q.shape[1]
    distance = torch.arange(k.shape[1], device=q.device) - i
    if alibi_slopes is not None:
        scores = scores - (alibi_slopes.double()[..., None, None] * distance.abs()).to(q.dtype)
    hidden = (distance < -left) & (left >= 0) | (distance > right) & (right >= 0)
    blind = hidden.all(-1, keepdim=True)
    scores = scores.masked_fill(hidden & ~blind, -math.inf)
    weights = torch.softmax(scores, -1).masked_fill(blind, 0.0)
    lse = torch.logsumexp(scores, -1).masked_fill(blind[:, 0], math.inf)
    return torch.einsum("bhij,bjhd->bihd", weights, v), lse.detach()


# --- is it fast? ----------------------------------------------------------------------------------------------------


def _beside_sdpa() -> Iterator[Row]:
    where = {"device": "cuda", "dtype": BF16}
    for seqlen in (512, 1024, 2048, 4096, 8192):
        for causal in (False, True):
            inputs = tensors(max(1, 16384 // seqlen), seqlen, 16, 64, **where)
            backend, bare = _best(inputs, causal=causal)
            name = f"B{len(inputs[0])} S{seqlen} H16 D64 bf16, {'causal' if causal else 'full'}, beside {backend}"
            yield Row(name, inputs, lambda *x, causal=causal: flash_attn_func(*x, causal=causal), bare, 1.05)
    for longest in (512, 1024, 2048, 4096, 8192):
        generator = torch.Generator().manual_seed(0)
        lengths = torch.randint(longest // 8, longest + 1, (16384 // longest * 2,), generator=generator).tolist()
        inputs = tensors(sum(lengths), 16, 64, **where)
        bare, attend = loop(lengths, causal=True, split=True), packed(lengths, "cuda", causal=True)
        name = f"{len(lengths)} sequences to {longest}, H16 D64 bf16, causal, beside a loop"
        yield Row(name, inputs, attend, bare, 1.0)


def _best(inputs: list[torch.Tensor], *, causal: bool) -> tuple[str, Attention]:
    """Return the fastest backend of SDPA for these tensors, and a function that runs on no other."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    found: list[tuple[float, str, Attention]] = []
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION):

        def attend(*x: torch.Tensor, backend: SDPBackend = backend) -> torch.Tensor:
            with sdpa_kernel(backend):
                return sdpa(*x, causal=causal)

        with suppress(RuntimeError):  # it is not one for these tensors
            times = [milliseconds(attend, inputs) for _ in range(7)]
            found.append((statistics.median(times[2:]), backend.name.partition("_")[0].lower(), attend))
    _, name, best = min(found, key=lambda one: one[0])
    return name, best


def _beside_plain() -> Iterator[Row]:
    """Yield what cuda.py is for, beside the same call as a tree without that file has it."""
    slopes = torch.tensor([2.0 ** (-i / 2) for i in range(16)], device="cuda")
    options = {
        "softcap, causal": {"softcap": 30.0, "causal": True},
        "alibi, causal": {"alibi_slopes": slopes, "causal": True},
        "window of 256": {"window_size": (256, 0)},
        "lse, causal": {"causal": True, "return_attn_probs": True},
    }
    for seqlen in (1024, 4096):
        for name, how in options.items():
            inputs = tensors(max(1, 8192 // seqlen), seqlen, 16, 64, device="cuda", dtype=BF16)

            def attend(*x: torch.Tensor, how: dict[str, Any] = how) -> torch.Tensor:
                out = flash_attn_func(*x, **how)
                return out[0] if isinstance(out, tuple) else out

            def plain(*x: torch.Tensor, attend: Attention = attend) -> torch.Tensor:
                own, shim._CUDA = shim._CUDA, None
                try:
                    return attend(*x)
                finally:
                    shim._CUDA = own

            yield Row(f"B{len(inputs[0])} S{seqlen} H16 D64 bf16, {name}", inputs, attend, plain, 1.0)


if __name__ == "__main__":
    main()
