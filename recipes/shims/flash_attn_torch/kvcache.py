"""Attention over a cache of keys and values, as flash-attn 2 has it for generation, in plain torch.

Replaces flash_attn_with_kvcache of flash-attn 2.8, with the same positional order, keywords, layouts and return values.
Equal to what: to flash_attn_func (see __init__.py) of each sequence's part of the cache, with all of its options.

Like flash-attn:

- k and v are written into the caches, in place, from cache_seqlens on; only then is attended;
- the rotary position of a new key is its index in the cache, whatever cache_leftpad is; queries count from
  cache_seqlens on if causal or with a window, else they all stand at cache_seqlens;
- rotary_interleaved is True by default;
- no gradient passes through.

Refused by name: block_table (a paged cache); new keys that the cache has no room for.

Without effect: num_splits, which is about speed on a GPU.

Speed: sequences of one length are one batch; otherwise they come one after the other.
"""

import torch

from . import _attend, _check, _no_autocast

__all__ = ["flash_attn_with_kvcache"]


@torch.no_grad()
def flash_attn_with_kvcache(
    q,
    k_cache,
    v_cache,
    k=None,
    v=None,
    rotary_cos=None,
    rotary_sin=None,
    cache_seqlens=None,
    cache_batch_idx=None,
    cache_leftpad=None,
    block_table=None,
    softmax_scale=None,
    causal=False,
    window_size=(-1, -1),
    softcap=0.0,
    rotary_interleaved=True,
    alibi_slopes=None,
    num_splits=0,
    return_softmax_lse=False,
):
    """Attention of q [batch, seqlen_q, heads, dim] over k_cache and v_cache [rows, seqlen_cache, heads_k, dim].

    k, v: [batch, seqlen_new, heads_k, dim], to be written into the caches at cache_seqlens.
    rotary_cos, rotary_sin: [positions, rotary_dim / 2]; the first rotary_dim dimensions of q and k are rotated.
    cache_seqlens: an int or [batch] integers: how much of the cache is in use, without k; by default all of it.
    cache_batch_idx: [batch] integers: the row of the cache that each sequence has; by default its own number.
    cache_leftpad: [batch] integers: where the sequence begins in its row; by default 0.

    Returns [batch, seqlen_q, heads, dim]. With return_softmax_lse a tuple: that, and the logsumexp of the scores
    ([batch, heads, seqlen_q], float32, +inf where a query sees no key).
    """
    if block_table is not None:
        raise NotImplementedError("flash_attn_torch: block_table (a paged cache of keys and values) is not supported")
    window = [int(side) for side in window_size]
    batch, room = q.shape[0], k_cache.shape[1]
    used = [room] * batch if cache_seqlens is None else _integers(cache_seqlens, "cache_seqlens", batch)
    starts = _integers(0 if cache_leftpad is None else cache_leftpad, "cache_leftpad", batch)
    rows = list(range(batch)) if cache_batch_idx is None else _integers(cache_batch_idx, "cache_batch_idx", batch)
    new = 0 if k is None else k.shape[1]
    _refuse(q, k_cache, k, v, rotary_cos, rotary_sin, cache_seqlens, rows, used, starts, new)
    _check(q, k_cache[:1].expand(batch, -1, -1, -1), v_cache[:1].expand(batch, -1, -1, -1), 0.0, alibi_slopes, False)

    with _no_autocast(q.device.type):
        positions = torch.tensor(used, device=q.device)[:, None]  # [batch, 1]
        new_positions = positions + torch.arange(new, device=q.device)
        if rotary_cos is not None:
            if causal or any(0 <= side < room for side in window):
                positions = positions + torch.arange(q.shape[1], device=q.device)
            q = _rotated(q, positions, rotary_cos, rotary_sin, rotary_interleaved)
            k = _rotated(k, new_positions, rotary_cos, rotary_sin, rotary_interleaved)
        if new:
            row = torch.tensor(rows, device=q.device)[:, None]
            k_cache[row, new_positions], v_cache[row, new_positions] = k, v
        spans = [(row, start, count + new) for row, start, count in zip(rows, starts, used)]
        options = (0.0, softmax_scale, causal, window, softcap)
        out, lse = _by_batches(q, k_cache, v_cache, spans, options, alibi_slopes, return_softmax_lse)
    return (out, lse) if return_softmax_lse else out


def _by_batches(q, k_cache, v_cache, spans, options, alibi_slopes, want_lse):
    """Over the (row, start, end) of each sequence; all at once if they have one start and end."""
    if len({span[1:] for span in spans}) == 1:
        rows, (_, start, end) = [row for row, _, _ in spans], spans[0]
        rows = slice(len(rows)) if rows == list(range(len(rows))) else rows  # a slice copies nothing
        keys, values = [cache[rows, start:end] for cache in (k_cache, v_cache)]
        return _attend(q, keys, values, *options, alibi_slopes, want_lse)
    pairs = []
    for b, (row, start, end) in enumerate(spans):
        keys, values = [cache[row : row + 1, start:end] for cache in (k_cache, v_cache)]
        slopes = alibi_slopes[b : b + 1] if alibi_slopes is not None and alibi_slopes.dim() == 2 else alibi_slopes
        pairs.append(_attend(q[b : b + 1], keys, values, *options, slopes, want_lse))
    outs, lses = zip(*pairs)
    return torch.cat(outs), torch.cat(lses) if want_lse else None


def _integers(value, name, batch):
    """One integer for each sequence, from one for all or a tensor of them."""
    if not isinstance(value, torch.Tensor):
        return [int(value)] * batch
    if value.dtype not in (torch.int32, torch.int64) or tuple(value.shape) != (batch,):
        form = f"{tuple(value.shape)} of {value.dtype}"
        raise ValueError(f"flash_attn_torch: {name} must be [{batch}] integers, but is {form}")
    return value.tolist()


def _refuse(q, k_cache, k, v, rotary_cos, rotary_sin, cache_seqlens, rows, used, starts, new):
    room, wrong = k_cache.shape[1], None
    form = (q.shape[0], new, *k_cache.shape[2:])
    if q.shape[0] == 0:
        wrong = "q has no sequence"
    elif (k is None) != (v is None):
        wrong = "k and v must be given together"
    elif k is not None and cache_seqlens is None:
        wrong = "k and v need cache_seqlens, which says where they go"
    elif k is not None and not k.shape == v.shape == form:
        wrong = f"k and v must be {form}, but are {tuple(k.shape)} and {tuple(v.shape)}"
    elif k is not None and not q.dtype == k.dtype == v.dtype:
        wrong = f"k and v must have q's dtype, but have {k.dtype} and {v.dtype}"
    elif (rotary_cos is None) != (rotary_sin is None):
        wrong = "rotary_cos and rotary_sin must be given together"
    elif rotary_cos is not None and k is None:
        wrong = "rotary_cos and rotary_sin need k and v, which they rotate"
    elif rotary_cos is not None and rotary_cos.shape[-1] * 2 > q.shape[-1]:
        wrong = f"rotary_cos of {rotary_cos.shape[-1]} columns rotates more than the {q.shape[-1]} dimensions"
    elif any(not 0 <= row < k_cache.shape[0] for row in rows):
        wrong = f"the sequences have the rows {rows}, but the cache has {k_cache.shape[0]} of them"
    elif any(count < 0 or count + new > room for count in used):
        wrong = f"the cache has room for {room} keys, but holds {used} and gets {new}"
    elif any(not 0 <= start <= count + new for start, count in zip(starts, used)):
        wrong = f"cache_leftpad must lie between 0 and the end of the sequence, but is {starts}"
    if wrong:
        raise ValueError(f"flash_attn_torch: {wrong}")


def _rotated(x, positions, cos, sin, interleaved):
    """x [batch, seqlen, heads, dim] turned by the angles at positions [batch, seqlen or 1], in float32 or better."""
    wide = torch.float64 if x.dtype == torch.float64 else torch.float32
    if positions.numel() and int(positions.max()) >= cos.shape[0]:
        last = int(positions.max())
        raise ValueError(f"flash_attn_torch: position {last} is beyond the {cos.shape[0]} rows of rotary_cos")
    cos, sin = [table[positions][:, :, None].to(wide) for table in (cos, sin)]  # [batch, seqlen or 1, 1, half]
    half = cos.shape[-1]  # of rotary_dim
    turned, rest = x[..., : 2 * half].to(wide), x[..., 2 * half :]
    if interleaved:
        first, second = turned[..., 0::2], turned[..., 1::2]
    else:
        first, second = turned[..., :half], turned[..., half:]
    pair = (first * cos - second * sin, first * sin + second * cos)
    turned = torch.stack(pair, dim=-1).flatten(-2) if interleaved else torch.cat(pair, dim=-1)
    return torch.cat([turned.to(x.dtype), rest], dim=-1)
