"""The inner attentions of flash_attn.modules.mha (2.8), in plain torch; mha.py says the rest.

FlashSelfAttention and FlashCrossAttention call this shim's flash_attn_* functions; SelfAttention and CrossAttention
are written out, with -10000 added to the score of a hidden key, as in flash-attn.
"""

import math

import torch
import torch.nn as nn

from ..packed import flash_attn_kvpacked_func, flash_attn_qkvpacked_func
from ..varlen import flash_attn_varlen_kvpacked_func, flash_attn_varlen_qkvpacked_func

__all__ = ["CrossAttention", "FlashCrossAttention", "FlashSelfAttention", "SelfAttention", "get_alibi_slopes"]

_HIDDEN = -10000.0


def get_alibi_slopes(nheads):
    """2^(-8 / n), 2^(-16 / n), ... for n heads; if n is no power of 2, those of the next lower one and every other
    one of the next higher one.
    """
    power = 2 ** math.floor(math.log2(nheads))
    slopes = [2.0 ** (-8.0 * (i + 1) / power) for i in range(power)]
    return slopes + [2.0 ** (-4.0 * (i + 1) / power) for i in range(0, 2 * power, 2)][: nheads - power]


class FlashSelfAttention(nn.Module):
    """Attention of qkv [batch, seqlen, 3, heads, dim], or with cu_seqlens and max_seqlen [total, 3, heads, dim]."""

    def __init__(
        self,
        causal=False,
        softmax_scale=None,
        attention_dropout=0.0,
        window_size=(-1, -1),
        alibi_slopes=None,
        deterministic=False,
    ):
        super().__init__()
        self.causal = causal
        self.softmax_scale = softmax_scale
        self.drop = nn.Dropout(attention_dropout)
        self.register_buffer("alibi_slopes", alibi_slopes, persistent=False)
        self.window_size = window_size
        self.deterministic = deterministic

    def forward(self, qkv, causal=None, cu_seqlens=None, max_seqlen=None):
        options = _flash_options(self, causal)
        if cu_seqlens is not None:
            return flash_attn_varlen_qkvpacked_func(qkv, cu_seqlens, max_seqlen, **options)
        return flash_attn_qkvpacked_func(qkv, **options)


class FlashCrossAttention(nn.Module):
    """Attention of q [batch, seqlen_q, heads, dim] over kv [batch, seqlen_k, 2, heads_k, dim].

    With cu_seqlens, max_seqlen, cu_seqlens_k and max_seqlen_k: q [total_q, heads, dim], kv [total_k, 2, heads_k, dim].
    """

    def __init__(
        self,
        causal=False,
        softmax_scale=None,
        attention_dropout=0.0,
        alibi_slopes=None,
        window_size=(-1, -1),
        deterministic=False,
    ):
        super().__init__()
        self.causal = causal
        self.softmax_scale = softmax_scale
        self.drop = nn.Dropout(attention_dropout)
        self.register_buffer("alibi_slopes", alibi_slopes, persistent=False)
        self.window_size = window_size
        self.deterministic = deterministic

    def forward(
        self,
        q,
        kv,
        causal=None,
        cu_seqlens=None,
        max_seqlen=None,
        cu_seqlens_k=None,
        max_seqlen_k=None,
    ):
        options = _flash_options(self, causal)
        if cu_seqlens is None:
            return flash_attn_kvpacked_func(q, kv, **options)
        if cu_seqlens_k is None or max_seqlen_k is None:
            raise ValueError("flash_attn_torch: with cu_seqlens, cu_seqlens_k and max_seqlen_k are needed as well")
        lengths = (cu_seqlens, cu_seqlens_k, max_seqlen, max_seqlen_k)
        return flash_attn_varlen_kvpacked_func(q, kv, *lengths, **options)


def _flash_options(module, causal):
    slopes = module.alibi_slopes
    return {
        "dropout_p": module.drop.p if module.training else 0.0,
        "softmax_scale": module.softmax_scale,
        "causal": module.causal if causal is None else causal,
        "window_size": module.window_size,
        "alibi_slopes": None if slopes is None else slopes.float(),  # the module may have been cast to 16 bits
        "deterministic": module.deterministic,
    }


class SelfAttention(nn.Module):
    """Attention of qkv [batch, seqlen, 3, heads, dim]; key_padding_mask [batch, seqlen], bool, True where a key is."""

    def __init__(self, causal=False, softmax_scale=None, attention_dropout=0.0):
        super().__init__()
        self.causal = causal
        self.softmax_scale = softmax_scale
        self.drop = nn.Dropout(attention_dropout)

    def forward(self, qkv, causal=None, key_padding_mask=None):
        q, k, v = qkv.unbind(2)
        scores = _scores(q, k, self.softmax_scale, key_padding_mask)
        if self.causal if causal is None else causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores + _HIDDEN * later.to(scores.dtype)
        return _weighted(scores, v, self.drop)


class CrossAttention(nn.Module):
    """Attention of q [batch, seqlen_q, heads, dim] over kv [batch, seqlen_k, 2, heads_k, dim].

    key_padding_mask: [batch, seqlen_k], bool, True where a key is. Causal is aligned to each row's last key.
    """

    def __init__(self, causal=False, softmax_scale=None, attention_dropout=0.0):
        super().__init__()
        self.causal = causal
        self.softmax_scale = softmax_scale
        self.drop = nn.Dropout(attention_dropout)

    def forward(self, q, kv, causal=None, key_padding_mask=None):
        k, v = kv.repeat_interleave(q.shape[2] // kv.shape[3], dim=3).unbind(2)
        scores = _scores(q, k, self.softmax_scale, key_padding_mask)
        if self.causal if causal is None else causal:
            i = torch.arange(q.shape[1], device=q.device)[:, None]
            j = torch.arange(k.shape[1], device=q.device)
            keys = k.shape[1] if key_padding_mask is None else key_padding_mask.sum(-1)[:, None, None, None]
            scores = scores.masked_fill(j > i + keys - q.shape[1], _HIDDEN)
        return _weighted(scores, v, self.drop)


def _scores(q, k, scale, key_padding_mask):
    """[batch, heads, seqlen_q, seqlen_k]"""
    scores = torch.einsum("bihd,bjhd->bhij", q, k * (scale or q.shape[-1] ** -0.5))
    if key_padding_mask is not None:
        scores = scores + _HIDDEN * (~key_padding_mask).to(scores.dtype)[:, None, None, :]
    return scores


def _weighted(scores, v, drop):
    weights = drop(torch.softmax(scores, dim=-1, dtype=v.dtype))
    return torch.einsum("bhij,bjhd->bihd", weights, v)
