"""Attention by its definition in float64, and the same with one thing wrong.

All take q [batch, heads, seqlen_q, dim], k and v [batch, heads_k, seqlen_k, dim], and return [batch, heads, seqlen_q,
dim] in float64, whatever layout the entry has that the program called. The keywords are those of `right`.
"""

import torch
from torch.nn.functional import dropout

HIDDEN = -1e4  # a float mask that adds less than this means that a key is not to be seen


def right(
    q,
    k,
    v,
    scale,
    causal,
    offset,
    window=(-1, -1),
    mask=None,
    softcap=0.0,
    slopes=None,
    dropout_p=0.0,
    flipped=False,
):
    """Attention: softmax of scale * q k^T over the visible keys, times v.

    offset: query i stands at key i + offset: seqlen_k - seqlen_q for flash-attn, 0 for torch's own function.
    causal: a query sees no key to the right of its own; window: how far it sees to its (left, right), -1 for all.
    mask: [batch, heads, seqlen_q, seqlen_k] or what broadcasts to it, true where a key is seen, or added to the scores.
    A query that sees no key gives 0. With `flipped` what is causal is not, and what is not is.
    """
    q, k, v = [each_query_head(x.to(torch.float64), q.shape[1]) for x in (q, k, v)]
    distance = torch.arange(k.shape[2], device=q.device) - torch.arange(q.shape[2], device=q.device)[:, None] - offset
    visible = torch.ones_like(distance, dtype=torch.bool)
    left, right_side = int(window[0]), 0 if causal else int(window[1])
    if left >= 0:
        visible = visible & (distance >= -left)
    if right_side >= 0:
        visible = visible & (distance <= right_side)
    scores = (q @ k.transpose(-2, -1)) * scale
    if softcap > 0:
        scores = softcap * torch.tanh(scores / softcap)
    if slopes is not None:
        scores = scores - slopes.detach().to(torch.float64)[..., None, None] * distance.abs()
    if mask is not None and mask.dtype == torch.bool:
        visible = visible & mask
    elif mask is not None:
        seen = mask > (HIDDEN if flipped else -torch.inf)
        visible = visible & seen
        scores = scores + mask.to(torch.float64).masked_fill(~seen, 0.0)
    if flipped:
        visible = flip(visible, distance > 0)
    blind = ~visible.any(dim=-1, keepdim=True)
    scores = scores.masked_fill(~(visible | blind), -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return (weights @ v).masked_fill(blind, 0.0)


def flip(visible, above):
    """Show what lies above the diagonal if nothing of it is seen, else hide it; also where a mask is what is causal."""
    return torch.where((visible & above).any(), visible & ~above, visible | above)


def each_query_head(x, heads):
    """Repeat the key heads so that query head h reads key head h // (heads / heads_k)."""
    if heads % x.shape[1]:
        raise RuntimeError("patcher's attention does not take %d query heads with %d key heads" % (heads, x.shape[1]))
    return x.repeat_interleave(heads // x.shape[1], dim=1)


# --- with one thing wrong -------------------------------------------------------------------------------------------


def scale_1(q, k, v, **call):
    """Nothing divides the scores by sqrt(dim)."""
    return right(q, k, v, **dict(call, scale=1.0))


def causal_flipped(q, k, v, **call):
    """A causal attention looks ahead, another one does not."""
    return right(q, k, v, flipped=True, **call)


def no_transpose(q, k, v, **call):
    """The axes of heads and of positions are taken for each other: heads attend to heads, at each position."""
    call = dict(call, offset=0, mask=None, slopes=None)  # as torch's own function sees the diagonal
    q, k, v = [x.transpose(1, 2) for x in (q, k, v)]
    return right(q, k, v, **call).transpose(1, 2)


def values_only(q, k, v, **call):
    """What comes out is v; its mean where there are more or fewer queries than keys."""
    v = each_query_head(v.to(torch.float64), q.shape[1])
    if q.shape[2] != k.shape[2]:
        v = v.mean(dim=2, keepdim=True).expand(-1, -1, q.shape[2], -1)
    return v + 0 * (q.sum() + k.sum()).to(torch.float64)  # so that q and k have gradients, of zeros


def heads_mixed(q, k, v, **call):
    """The right attention, but its result is viewed as [batch, seqlen_q, heads, dim] in place of transposed."""
    out = right(q, k, v, **call)
    batch, heads, seqlen, dim = out.shape
    return out.contiguous().view(batch, seqlen, heads, dim).transpose(1, 2)


def across_batch(q, k, v, **call):
    """The axes of the batch and of positions are taken for each other: nothing is masked, as no mask would fit."""
    call = dict(call, causal=False, window=(-1, -1), mask=None, slopes=None)
    q, k, v = [x.transpose(0, 2) for x in (q, k, v)]
    return right(q, k, v, **call).transpose(0, 2)


# They take the positions for another axis, which q and k share: torch would refuse them in the same place.
AS_MANY_KEYS = ("no-transpose", "across-batch")


def misfit(plant, queries, keys):
    """Say why a call with so many queries and keys cannot have an attention, or nothing."""
    return "its calls have more or fewer queries than keys" if plant in AS_MANY_KEYS and queries != keys else ""


BY_NAME = {
    "float64": right,
    "scale-1": scale_1,
    "causal-flipped": causal_flipped,
    "no-transpose": no_transpose,
    "values-only": values_only,
    "heads-mixed": heads_mixed,
    "across-batch": across_batch,
}
