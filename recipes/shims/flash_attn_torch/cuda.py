"""What makes the attention of this package faster on CUDA; without this file each function computes the same, slower.

    what is asked for                                  what computes it                                 needs torch
    packed sequences of unequal lengths, 16 bits       torch.nn.attention.varlen, see varlen.py         2.11
    a window over long sequences, 16 bits              torch.nn.attention.varlen                        2.11
    the lse, 16 bits, full or square causal            aten._scaled_dot_product_flash_attention         2.1
    softcap, alibi_slopes, a window, lse; no dropout   torch.nn.attention.flex_attention, compiled      2.9

Each only where it surely holds: an A100 or newer, and the head dims and dtypes of `way`. Anything else stays with
__init__.py, and so does what torch.compile traces where flex_attention would serve it.

flex_attention is compiled at its first call, which takes some seconds, and again for other options and lengths.

What is chosen, and the arithmetic, are tested without a GPU. On one, `bench/attention_gpu.py --check` of patcher holds
each way to float64; to do without all of them, delete this file where no packed sequences are used.
"""

import functools
import importlib.util
import inspect

import torch

try:
    from torch.nn.attention.varlen import varlen_attn

    if "window_size" not in inspect.signature(varlen_attn).parameters:
        varlen_attn = None
except ImportError:
    varlen_attn = None

__all__ = ["by_flash", "by_flex", "by_varlen", "packed", "takes_packed", "way"]

# From here on a mask of [seqlen_q, seqlen_k] costs more than what is computed without one.
LONG = 1024

_HALVES = (torch.float16, torch.bfloat16)
_FLASH = getattr(torch.ops.aten, "_scaled_dot_product_flash_attention", None)
if _FLASH and "scale" not in [a.name for a in _FLASH.default._schema.arguments]:  # torch 2.0
    _FLASH = None


def way(q, k, dropout_p, left, right, softcap, alibi_slopes, want_lse, unfused):
    """The function below that computes it, or None if none surely holds, or the plain one is as good.

    q and k are [batch, heads, seqlen, dim], not empty. `unfused`: the plain one would hold all scores.
    """
    seqlen_q, seqlen_k, dim = q.shape[2], k.shape[2], q.shape[3]
    halves = q.dtype in _HALVES and dim % 8 == 0 and dim <= 256
    masked = left >= 0 or right > 0 or (right == 0 and seqlen_q != seqlen_k)
    if dropout_p > 0 or not _is_ampere(q.device):
        return None
    if softcap <= 0 and alibi_slopes is None and halves:
        if want_lse and not masked and _FLASH is not None:
            return by_flash
        windowed = left >= 0 or right > 0
        if windowed and not want_lse and varlen_attn is not None and min(seqlen_q, seqlen_k) >= LONG:
            return by_varlen
    # Below 128 queries flex_attention is another kernel, with other limits.
    enough = min(seqlen_q, seqlen_k) >= (128 if unfused else LONG)
    fits = dim in (16, 32, 64, 128) if q.dtype in _HALVES else dim in (16, 32, 64) and q.dtype == torch.float32
    asked = softcap > 0 or alibi_slopes is not None or left >= 0 or right > 0 or want_lse
    return by_flex if asked and enough and fits and _has_flex() else None


def takes_packed(q, lengths_q, lengths_k):
    """Whether `packed` serves q [tokens, heads, dim], and is worth it: equal lengths are one batch."""
    ragged = len(set(lengths_q)) > 1 or len(set(lengths_k)) > 1
    fits = q.dtype in _HALVES and q.shape[-1] % 8 == 0 and q.shape[-1] <= 256
    served = varlen_attn is not None and q.device.type == "cuda" and ragged and fits
    return served and sum(lengths_q) > 0 and sum(lengths_k) > 0 and _is_ampere(q.device)


def packed(q, k, v, ends_q, ends_k, longest_q, longest_k, scale, left, right):
    """Attention of q [tokens_q, heads, dim] over k and v [tokens_k, heads_k, dim], from end to end; autocast is off."""
    # No side may hide nothing by a number: the kernel is the causal one for (-1, 0) only.
    window = (-1 if left >= longest_k else max(left, -1), -1 if right >= longest_q else max(right, -1))
    return varlen_attn(
        *(q, k, v, ends_q, ends_k, longest_q, longest_k),
        scale=scale,
        window_size=window,
        enable_gqa=k.shape[1] != q.shape[1],
    )


# ---------------------------------------------------------------- in the place of _by_sdpa and _by_definition


def by_varlen(q, k, v, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """A window, by the kernel for packed sequences: that of SDPA takes none."""
    batch, _, seqlen_q, _ = q.shape
    seqlen_k = k.shape[2]
    q, k, v = [x.transpose(1, 2).flatten(0, 1) for x in (q, k, v)]
    ends = [torch.arange(0, (batch + 1) * one, one, dtype=torch.int32, device=q.device) for one in (seqlen_q, seqlen_k)]
    out = packed(q, k, v, *ends, seqlen_q, seqlen_k, scale, left, right)
    return out.unflatten(0, (batch, seqlen_q)).transpose(1, 2), None


def by_flash(q, k, v, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """The kernel that SDPA runs, which tells the lse too; full, or causal on a square."""
    out, lse = _FLASH(q, k, v, 0.0, right == 0, False, scale=scale)[:2]
    return out, lse.detach()


def by_flex(q, k, v, dropout_p, scale, left, right, softcap, alibi_slopes, want_lse):
    """By one kernel that torch.compile writes for these options."""
    from torch.nn.attention.flex_attention import AuxRequest

    options = {"scale": scale, "enable_gqa": k.shape[1] != q.shape[1]}
    if softcap > 0 or alibi_slopes is not None:
        options["score_mod"] = _score_mod(q, k, softcap, alibi_slopes)
    if left >= 0 or right >= 0:
        options["block_mask"] = _blocks(q.shape[2], k.shape[2], left, right, q.device)
    if not want_lse:
        return _flex()(q, k, v, **options), None
    out, aux = _flex()(q, k, v, return_aux=AuxRequest(lse=True), **options)
    return out, aux.lse.detach()


def _score_mod(q, k, softcap, alibi_slopes):
    """What becomes of each score; its numbers are tensors: of another Python number torch.compile fails in 2.13."""
    cap = torch.full((), softcap, dtype=torch.float32, device=q.device) if softcap > 0 else None
    slopes = None if alibi_slopes is None else alibi_slopes.detach().float().expand(q.shape[:2]).contiguous()
    to_diagonal = torch.full((), k.shape[2] - q.shape[2], device=q.device)

    def score_mod(score, b, h, i, j):
        if cap is not None:
            score = cap * torch.tanh(score / cap)
        return score if slopes is None else score - slopes[b, h] * (i + to_diagonal - j).abs()

    return score_mod


@functools.lru_cache(maxsize=16)
def _blocks(seqlen_q, seqlen_k, left, right, device):
    """Which blocks of scores have one that is seen."""
    from torch.nn.attention.flex_attention import create_block_mask

    with torch.inference_mode(False):  # it is kept, and what is made in inference_mode could not be used for training
        left = seqlen_q + seqlen_k if left < 0 else left
        right = seqlen_q + seqlen_k if right < 0 else right
        first = torch.full((), seqlen_k - seqlen_q - left, device=device)
        last = torch.full((), seqlen_k - seqlen_q + right, device=device)
        seen = lambda b, h, i, j: (j >= i + first) & (j <= i + last)  # noqa: E731
        return create_block_mask(seen, None, None, seqlen_q, seqlen_k, device=device)


@functools.lru_cache(maxsize=None)
def _flex():
    from torch.nn.attention.flex_attention import flex_attention

    return torch.compile(flex_attention)


def _has_flex():
    """Whether flex_attention can be compiled here; a trace of torch.compile gets what it compiles well itself."""
    return not torch.compiler.is_compiling() and _knows_flex()


@functools.lru_cache(maxsize=None)
def _knows_flex():
    try:
        from torch.nn.attention.flex_attention import AuxRequest  # noqa: F401
    except ImportError:  # torch < 2.9
        return False
    return importlib.util.find_spec("triton") is not None


def _is_ampere(device):
    return torch.cuda.get_device_properties(device).major >= 8
