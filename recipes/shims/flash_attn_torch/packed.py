"""Attention of packed tensors with the interface of flash-attn 2, in plain torch; see __init__.py.

flash_attn_qkvpacked_func(qkv, ...)   qkv [batch, seqlen, 3, heads, dim]
flash_attn_kvpacked_func(q, kv, ...)  q [batch, seqlen_q, heads, dim], kv [batch, seqlen_k, 2, heads_k, dim]
"""

from . import flash_attn_func

__all__ = ["flash_attn_kvpacked_func", "flash_attn_qkvpacked_func"]


def flash_attn_qkvpacked_func(qkv, *options, **named_options):
    """flash_attn_func of qkv [batch, seqlen, 3, heads, dim]; the options are the same, in the same order."""
    q, k, v = unpack(qkv, "qkv", "[batch, seqlen, 3, heads, dim]")
    return flash_attn_func(q, k, v, *options, **named_options)


def flash_attn_kvpacked_func(q, kv, *options, **named_options):
    """flash_attn_func of q and kv [batch, seqlen_k, 2, heads_k, dim]; the options are the same."""
    k, v = unpack(kv, "kv", "[batch, seqlen, 2, heads, dim]")
    return flash_attn_func(q, k, v, *options, **named_options)


def unpack(packed, name, form):
    """The tensors of a packed one; ValueError if its shape is not of that form."""
    sizes = form.split(", ")
    if packed.dim() != len(sizes) or packed.shape[-3] != int(sizes[-3]):
        raise ValueError(f"flash_attn_torch: {name} must be {form}, but has shape {tuple(packed.shape)}")
    return packed.unbind(-3)
