"""apply_rotary of flash_attn.ops.triton.rotary (2.8), in plain torch; what it computes, see layers/rotary.py.

Like flash-attn's kernel it gives no gradient. conjugate turns the other way round.
"""

import torch

from ...layers.rotary import apply_rotary_emb

__all__ = ["apply_rotary"]


@torch.no_grad()
def apply_rotary(
    x,
    cos,
    sin,
    seqlen_offsets=0,
    cu_seqlens=None,
    max_seqlen=None,
    interleaved=False,
    inplace=False,
    conjugate=False,
):
    sin = -sin if conjugate else sin
    return apply_rotary_emb(x, cos, sin, interleaved, inplace, seqlen_offsets, cu_seqlens, max_seqlen)
