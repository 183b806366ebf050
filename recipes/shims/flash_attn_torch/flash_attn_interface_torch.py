"""Attention with the interface of FlashAttention 3, the package flash_attn_interface, in plain torch.

Replaces flash_attn_func, flash_attn_qkvpacked_func, flash_attn_varlen_func and flash_attn_with_kvcache, with the same
positional order, keywords and layouts as of August 2025 (flash-attention 2.8.3). They are not those of flash-attn 2:
there is no dropout and no alibi, and behind q, k, v stands softmax_scale, then causal.

Returns: the output alone. Until July 2025 flash_attn_func and flash_attn_varlen_func returned (output, lse); code that
was written for that takes the first of two, which must go. With return_attn_probs, which is newer, they return both.

Equal to what: to the functions of flash-attn 2 here, see __init__.py, varlen.py and kvcache.py.

Refused by name: qv, q_descale, k_descale, v_descale (float8), attention_chunk, seqused_q, seqused_k, page_table,
rotary_seqlens, and in flash_attn_with_kvcache cu_seqlens_q, cu_seqlens_k_new and max_seqlen_q; values of another head
dim than the keys'.

Without effect, as they are about speed on a GPU: num_splits, pack_gqa, sm_margin, scheduler_metadata, deterministic.
"""

from . import flash_attn_func as _flash_attn_func
from .kvcache import flash_attn_with_kvcache as _flash_attn_with_kvcache
from .varlen import flash_attn_varlen_func as _flash_attn_varlen_func

__all__ = ["flash_attn_func", "flash_attn_qkvpacked_func", "flash_attn_varlen_func", "flash_attn_with_kvcache"]


def flash_attn_func(
    q,
    k,
    v,
    softmax_scale=None,
    causal=False,
    qv=None,
    q_descale=None,
    k_descale=None,
    v_descale=None,
    window_size=(-1, -1),
    attention_chunk=0,
    softcap=0.0,
    num_splits=1,
    pack_gqa=None,
    deterministic=False,
    sm_margin=0,
    return_attn_probs=False,
):
    """Attention of q [batch, seqlen_q, heads, dim] over k and v [batch, seqlen_k, heads_k, dim]."""
    _refuse(qv=qv, q_descale=q_descale, k_descale=k_descale, v_descale=v_descale)
    _refuse(attention_chunk=attention_chunk or None)
    out = _flash_attn_func(q, k, v, 0.0, softmax_scale, causal, window_size, softcap, None, False, return_attn_probs)
    return out[:2] if return_attn_probs else out


def flash_attn_qkvpacked_func(
    qkv,
    softmax_scale=None,
    causal=False,
    q_descale=None,
    k_descale=None,
    v_descale=None,
    window_size=(-1, -1),
    attention_chunk=0,
    softcap=0.0,
    deterministic=False,
    num_heads_q=None,
    sm_margin=0,
    return_attn_probs=False,
):
    """flash_attn_func of qkv [batch, seqlen, 3, heads, dim], or with num_heads_q of [batch, seqlen, heads, dim].

    The latter has the heads of q, then those of k, then those of v.
    """
    if num_heads_q is not None and qkv.dim() == 4:
        heads_k = (qkv.shape[2] - num_heads_q) // 2
        if num_heads_q + 2 * heads_k != qkv.shape[2]:
            heads = f"{num_heads_q} of q and as many of k as of v"
            raise ValueError(f"flash_attn_torch: {qkv.shape[2]} heads in qkv are not {heads}")
        q, k, v = qkv.split([num_heads_q, heads_k, heads_k], dim=2)
    elif num_heads_q is None and qkv.dim() == 5 and qkv.shape[2] == 3:
        q, k, v = qkv.unbind(2)
    else:
        form = "[batch, seqlen, 3, heads, dim], or with num_heads_q [batch, seqlen, heads, dim]"
        raise ValueError(f"flash_attn_torch: qkv must be {form}, but has shape {tuple(qkv.shape)}")
    scaled = (softmax_scale, causal, None, q_descale, k_descale, v_descale)
    return flash_attn_func(
        *(q, k, v, *scaled, window_size, attention_chunk, softcap), return_attn_probs=return_attn_probs
    )


def flash_attn_varlen_func(
    q,
    k,
    v,
    cu_seqlens_q,
    cu_seqlens_k,
    max_seqlen_q,
    max_seqlen_k,
    seqused_q=None,
    seqused_k=None,
    softmax_scale=None,
    causal=False,
    qv=None,
    q_descale=None,
    k_descale=None,
    v_descale=None,
    window_size=(-1, -1),
    attention_chunk=0,
    softcap=0.0,
    num_splits=1,
    pack_gqa=None,
    deterministic=False,
    sm_margin=0,
    return_attn_probs=False,
):
    """Attention of q [tokens_q, heads, dim] over k and v [tokens_k, heads_k, dim], sequence by sequence."""
    _refuse(qv=qv, q_descale=q_descale, k_descale=k_descale, v_descale=v_descale)
    _refuse(attention_chunk=attention_chunk or None)
    _refuse(seqused_q=seqused_q, seqused_k=seqused_k)
    lengths = (cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k)
    options = (0.0, softmax_scale, causal, window_size, softcap, None, False, return_attn_probs)
    out = _flash_attn_varlen_func(q, k, v, *lengths, *options)
    return out[:2] if return_attn_probs else out


def flash_attn_with_kvcache(
    q,
    k_cache,
    v_cache,
    k=None,
    v=None,
    qv=None,
    rotary_cos=None,
    rotary_sin=None,
    cache_seqlens=None,
    cache_batch_idx=None,
    cache_leftpad=None,
    page_table=None,
    cu_seqlens_q=None,
    cu_seqlens_k_new=None,
    max_seqlen_q=None,
    rotary_seqlens=None,
    q_descale=None,
    k_descale=None,
    v_descale=None,
    softmax_scale=None,
    causal=False,
    window_size=(-1, -1),
    attention_chunk=0,
    softcap=0.0,
    rotary_interleaved=True,
    scheduler_metadata=None,
    num_splits=0,
    pack_gqa=None,
    sm_margin=0,
    return_softmax_lse=False,
):
    """Attention over a cache, see kvcache.py."""
    _refuse(qv=qv, q_descale=q_descale, k_descale=k_descale, v_descale=v_descale)
    _refuse(attention_chunk=attention_chunk or None)
    _refuse(page_table=page_table, rotary_seqlens=rotary_seqlens)
    _refuse(cu_seqlens_q=cu_seqlens_q, cu_seqlens_k_new=cu_seqlens_k_new, max_seqlen_q=max_seqlen_q)
    caches = (cache_seqlens, cache_batch_idx, cache_leftpad, None)
    options = (softmax_scale, causal, window_size, softcap, rotary_interleaved, None, 0, return_softmax_lse)
    return _flash_attn_with_kvcache(q, k_cache, v_cache, k, v, rotary_cos, rotary_sin, *caches, *options)


def _refuse(**given):
    for name, value in given.items():
        if value is not None:
            raise NotImplementedError(f"flash_attn_torch: {name} is not supported; leave it out")
