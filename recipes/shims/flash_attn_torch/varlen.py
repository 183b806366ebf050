"""Attention of packed sequences of unequal lengths, with the interface of flash-attn 2, in plain torch.

Replaces, from flash-attn 2.8, with the same positional order, keywords, layouts and return values::

    flash_attn_varlen_func(q, k, v, ...)            q [tokens_q, heads, dim]
                                                    k, v [tokens_k, heads_k, dim]
    flash_attn_varlen_qkvpacked_func(qkv, ...)      qkv [tokens, 3, heads, dim]
    flash_attn_varlen_kvpacked_func(q, kv, ...)     kv [tokens_k, 2, heads_k, dim]

and their names of flash-attn 1, flash_attn_unpadded_*, with the arguments that those had.

Equal to what: each sequence is attended to as flash_attn_func does it, see __init__.py; so are all options.

Like flash-attn:

- a sequence without queries is passed over, and one without keys gives an output of 0 and gradients of 0;
- max_seqlen may be larger than the longest sequence.

Tokens behind cu_seqlens[-1] belong to no sequence. They get an output and gradients of 0, and an lse of +inf;
flash-attn leaves there what the memory held.

Refused by name: block_table; a max_seqlen below the longest sequence, of which flash-attn computes a part only;
cu_seqlens that do not begin with 0, decrease, or end behind the last token; flash_attn_unpadded_* with causal where a
sequence has another number of queries than of keys, as flash-attn 1 aligned that mask at the top left.

Speed: neighbours of equal length are one batch, so equal lengths cost what flash_attn_func does. On CUDA in 16 bits
torch's own kernel takes all sequences at once (torch >= 2.11, without dropout, softcap, alibi_slopes and
return_attn_probs); elsewhere the batches come one after the other. cu_seqlens is read on the host, so torch.compile
breaks its graph here. No memory grows with the square of all tokens.
"""

from itertools import groupby

import torch
import torch.nn.functional as F

from . import _attend, _check, _no_autocast, cuda
from .packed import unpack

__all__ = [
    "flash_attn_unpadded_func",
    "flash_attn_unpadded_kvpacked_func",
    "flash_attn_unpadded_qkvpacked_func",
    "flash_attn_varlen_func",
    "flash_attn_varlen_kvpacked_func",
    "flash_attn_varlen_qkvpacked_func",
]


def flash_attn_varlen_func(
    q,
    k,
    v,
    cu_seqlens_q,
    cu_seqlens_k,
    max_seqlen_q,
    max_seqlen_k,
    dropout_p=0.0,
    softmax_scale=None,
    causal=False,
    window_size=(-1, -1),
    softcap=0.0,
    alibi_slopes=None,
    deterministic=False,
    return_attn_probs=False,
    block_table=None,
):
    """Attention of q [tokens_q, heads, dim] over k and v [tokens_k, heads_k, dim], sequence by sequence.

    cu_seqlens_q, cu_seqlens_k: [batch + 1], integers; sequence b has the tokens from cu_seqlens[b] to before
    cu_seqlens[b + 1]. The options are those of flash_attn_func.

    Returns [tokens_q, heads, dim]. With return_attn_probs a tuple: that, the logsumexp of the scores
    ([heads, tokens_q], float32, +inf where a query sees no key, no gradient), and an empty tensor.
    """
    if block_table is not None:
        raise NotImplementedError("flash_attn_torch: block_table (a paged cache of keys and values) is not supported")
    lengths_q = _lengths(cu_seqlens_q, "cu_seqlens_q", q, max_seqlen_q)
    lengths_k = _lengths(cu_seqlens_k, "cu_seqlens_k", k, max_seqlen_k)
    if len(lengths_q) != len(lengths_k):
        lengths = f"{len(lengths_q)} and {len(lengths_k)} sequences"
        raise ValueError(f"flash_attn_torch: cu_seqlens_q and cu_seqlens_k have {lengths}")
    _check(q, k, v, dropout_p, alibi_slopes, return_attn_probs, batch=len(lengths_q))

    window = [int(side) for side in window_size]
    plain = dropout_p == 0 and softcap <= 0 and alibi_slopes is None and not return_attn_probs
    if plain and cuda.takes_packed(q, lengths_q, lengths_k):
        left, right = window[0], 0 if causal else window[1]
        return _by_varlen_kernel(q, k, v, cu_seqlens_q, cu_seqlens_k, lengths_q, lengths_k, softmax_scale, left, right)
    options = (dropout_p, softmax_scale, causal, window, softcap)
    with _no_autocast(q.device.type):
        out, lse = _by_batches(q, k, v, lengths_q, lengths_k, options, alibi_slopes, return_attn_probs)
    return (out, lse, out.new_empty(0)) if return_attn_probs else out


def flash_attn_varlen_qkvpacked_func(qkv, cu_seqlens, max_seqlen, *options, **named_options):
    """flash_attn_varlen_func of qkv [tokens, 3, heads, dim]; the options are the same, in the same order."""
    q, k, v = unpack(qkv, "qkv", "[tokens, 3, heads, dim]")
    lengths = (cu_seqlens, cu_seqlens, max_seqlen, max_seqlen)
    return flash_attn_varlen_func(q, k, v, *lengths, *options, **named_options)


def flash_attn_varlen_kvpacked_func(q, kv, *lengths_and_options, **named):
    """flash_attn_varlen_func of q and kv [tokens_k, 2, heads_k, dim]; the rest is the same, in the same order."""
    k, v = unpack(kv, "kv", "[tokens, 2, heads, dim]")
    return flash_attn_varlen_func(q, k, v, *lengths_and_options, **named)


def _lengths(cu_seqlens, name, tokens, max_seqlen):
    """The length of each sequence."""
    wrong = None
    if cu_seqlens.dim() != 1 or cu_seqlens.dtype not in (torch.int32, torch.int64) or len(cu_seqlens) == 0:
        wrong = f"must be [batch + 1] integers, but is {tuple(cu_seqlens.shape)} of {cu_seqlens.dtype}"
    else:
        ends = cu_seqlens.tolist()
        lengths = [end - start for start, end in zip(ends, ends[1:])]  # noqa: RUF007
        if ends[0] != 0 or ends[-1] > tokens.shape[0] or min(lengths, default=0) < 0:
            where = f"but goes from {ends[0]} to {ends[-1]}"
            wrong = f"must begin with 0, not decrease, and end at {tokens.shape[0]} tokens or before, {where}"
        elif max(lengths, default=0) > int(max_seqlen):
            wrong = f"has a sequence of {max(lengths)} tokens, but its max_seqlen is {int(max_seqlen)}"
    if wrong:
        raise ValueError(f"flash_attn_torch: {name} {wrong}")
    return lengths


def _by_batches(q, k, v, lengths_q, lengths_k, options, alibi_slopes, want_lse):
    """Neighbours of equal lengths at once. Returns the output and, if wanted, the lse."""
    runs = [(*pair, len(list(run))) for pair, run in groupby(zip(lengths_q, lengths_k))]  # (queries, keys, sequences)
    tail_q, tail_k = q.shape[0] - sum(lengths_q), k.shape[0] - sum(lengths_k)
    # The gradient of one split is one concatenation; of one slice each it is as many tensors of all tokens.
    qs = q.split([queries * n for queries, _, n in runs] + [tail_q])
    ks, vs = [x.split([keys * n for _, keys, n in runs] + [tail_k]) for x in (k, v)]
    outs, lses, first = [], [], 0
    for (queries, keys, n), q_run, k_run, v_run in zip(runs, qs, ks, vs):
        if queries > 0:
            q_run = q_run.reshape(n, queries, *q.shape[1:])
            k_run, v_run = [x.reshape(n, keys, *k.shape[1:]) for x in (k_run, v_run)]
            per_batch = alibi_slopes is not None and alibi_slopes.dim() == 2
            slopes = alibi_slopes[first : first + n] if per_batch else alibi_slopes
            out, lse = _attend(q_run, k_run, v_run, *options, slopes, want_lse)
            outs.append(out.flatten(0, 1))
            if want_lse:
                lses.append(lse.transpose(0, 1).flatten(1))  # [heads, n * queries]
        first += n
    out = outs[0] if len(outs) == 1 else torch.cat(outs or [q[:0]])
    out = F.pad(out, (0, 0, 0, 0, 0, tail_q)) if tail_q else out
    if not want_lse:
        return out, None
    none = torch.full((q.shape[1], tail_q), float("inf"), dtype=torch.float32, device=q.device)
    return out, torch.cat([*lses, none], dim=1)


def _by_varlen_kernel(q, k, v, cu_seqlens_q, cu_seqlens_k, lengths_q, lengths_k, scale, left, right):
    """All sequences at once."""
    tokens_q, tokens_k = sum(lengths_q), sum(lengths_k)
    q_used, k, v = q[:tokens_q], k[:tokens_k], v[:tokens_k]  # the kernel does not write to the tokens behind
    q_used, k, v = [x if x.stride(-1) == 1 else x.contiguous() for x in (q_used, k, v)]
    ends = [x.to(device=q.device, dtype=torch.int32).contiguous() for x in (cu_seqlens_q, cu_seqlens_k)]
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    with _no_autocast(q.device.type):
        out = cuda.packed(q_used, k, v, *ends, max(lengths_q), max(lengths_k), scale, left, right)
    return F.pad(out, (0, 0, 0, 0, 0, q.shape[0] - tokens_q)).contiguous()


# ---------------------------------------------------------------- flash-attn 1


def flash_attn_unpadded_func(
    q,
    k,
    v,
    cu_seqlens_q,
    cu_seqlens_k,
    max_seqlen_q,
    max_seqlen_k,
    dropout_p,
    softmax_scale=None,
    causal=False,
    return_attn_probs=False,
    deterministic=False,
):
    """flash_attn_varlen_func with the arguments of flash-attn 1."""
    if causal and cu_seqlens_q is not cu_seqlens_k and cu_seqlens_q.tolist() != cu_seqlens_k.tolist():
        raise NotImplementedError(
            "flash_attn_torch: flash_attn_unpadded_* with causal and unequal cu_seqlens is not supported, as "
            "flash-attn 1 aligned the mask at the top left; flash_attn_varlen_* aligns it at the bottom right"
        )
    lengths = (cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k)
    return flash_attn_varlen_func(
        *(q, k, v, *lengths, dropout_p, softmax_scale, causal), return_attn_probs=return_attn_probs
    )


def flash_attn_unpadded_qkvpacked_func(qkv, cu_seqlens, max_seqlen, dropout_p, *options, **named_options):
    """flash_attn_unpadded_func of qkv [tokens, 3, heads, dim]; the options are the same, in the same order."""
    q, k, v = unpack(qkv, "qkv", "[tokens, 3, heads, dim]")
    lengths = (cu_seqlens, cu_seqlens, max_seqlen, max_seqlen)
    return flash_attn_unpadded_func(q, k, v, *lengths, dropout_p, *options, **named_options)


def flash_attn_unpadded_kvpacked_func(q, kv, *lengths_and_options, **named):
    """flash_attn_unpadded_func of q and kv [tokens_k, 2, heads_k, dim]; the rest is the same, in the same order."""
    k, v = unpack(kv, "kv", "[tokens, 2, heads, dim]")
    return flash_attn_unpadded_func(q, k, v, *lengths_and_options, **named)
