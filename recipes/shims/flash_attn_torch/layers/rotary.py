"""Rotary position embedding as in flash_attn.layers.rotary (2.8), in plain torch: no triton, no GPU.

Replaces, with the same positional order, keywords and layouts::

    apply_rotary_emb(x, cos, sin, ...)       x [batch, seqlen, heads, dim], or [total, heads, dim] with cu_seqlens;
                                             also called apply_rotary_emb_func
    apply_rotary_emb_qkv_(qkv, cos, sin, ..) qkv [batch, seqlen, 3, heads, dim], or with num_heads_q
                                             [batch, seqlen, heads_q + 2 * heads_k, dim]; changes qkv itself
    apply_rotary_emb_kv_(kv, cos, sin, ...)  kv [batch, seqlen, 2, heads, dim]; changes kv itself
    apply_rotary_emb_torch, rotate_half, RotaryEmbedding

cos and sin are [seqlen_rotary, rotary_dim / 2]. With a = x[..., :rotary_dim / 2], b = the rest of the rotary_dim
(interleaved: the even and the odd dimensions), a becomes a * cos - b * sin and b becomes a * sin + b * cos.

Equal to what: the formula in float32 (float64 for float64), rounded once to x's dtype. cos and sin get no gradient.

Like flash-attn:
- a position beyond the tables, which only a tensor of seqlen_offsets can reach, is left as it is;
- what works in place changes its input behind autograd's back: go on with the result, not with the input, and do
  not pass a tensor whose old value a backward pass needs (the output of exp, say).

Accepted here though flash-attn refuses it: CPU, float64, head dims above 256.

Refused by name: tables that are too short or of another shape than said above, and cu_seqlens without max_seqlen.
"""

import torch

__all__ = [
    "RotaryEmbedding",
    "apply_rotary_emb",
    "apply_rotary_emb_func",
    "apply_rotary_emb_kv_",
    "apply_rotary_emb_qkv_",
    "apply_rotary_emb_torch",
    "rotate_half",
]


def rotate_half(x, interleaved=False):
    """A quarter turn: (a, b) -> (-b, a), for the two halves of the last dimension or its even and odd entries."""
    a, b = _pair(x, x.shape[-1] // 2, interleaved)
    return torch.stack((-b, a), dim=-1).flatten(-2) if interleaved else torch.cat((-b, a), dim=-1)


def apply_rotary_emb_torch(x, cos, sin, interleaved=False):
    """In the dtype of its inputs. x [batch, seqlen, heads, dim]; cos, sin [seqlen, ...] or [batch, seqlen, ...]."""
    rotary_dim = 2 * cos.shape[-1]
    if rotary_dim > x.shape[-1]:
        raise ValueError(f"flash_attn_torch: a rotary dim of {rotary_dim} exceeds the head dim of {x.shape[-1]}")
    cos, sin = [
        (table.repeat_interleave(2, dim=-1) if interleaved else torch.cat((table, table), dim=-1)).unsqueeze(-2)
        for table in (cos, sin)
    ]
    turned = x[..., :rotary_dim] * cos + rotate_half(x[..., :rotary_dim], interleaved) * sin
    return torch.cat((turned, x[..., rotary_dim:]), dim=-1)


def apply_rotary_emb(
    x,
    cos,
    sin,
    interleaved=False,
    inplace=False,
    seqlen_offsets=0,
    cu_seqlens=None,
    max_seqlen=None,
):
    """Rotate the first rotary_dim of x; the layouts are in the header.

    seqlen_offsets: an int, or a tensor [batch] of int32 or int64: the position of each sequence's first token.
    cu_seqlens: [batch + 1]; then max_seqlen is needed. Tokens behind cu_seqlens[-1] are left as they are.
    """
    tables = _at_positions(x, cos, sin, seqlen_offsets, cu_seqlens, max_seqlen)
    return _Rotate.apply(x, (slice(None),), interleaved, inplace, *tables)


apply_rotary_emb_func = apply_rotary_emb


def apply_rotary_emb_qkv_(
    qkv,
    cos,
    sin,
    cos_k=None,
    sin_k=None,
    interleaved=False,
    seqlen_offsets=0,
    num_heads_q=None,
):
    """Rotate q and k within qkv; cos_k and sin_k are for k, by default the same as for q."""
    if qkv.dim() == 5 and qkv.shape[2] == 3:
        q, k = 0, 1
    elif qkv.dim() == 4 and num_heads_q is not None and (qkv.shape[2] - num_heads_q) % 2 == 0:
        q, k = slice(0, num_heads_q), slice(num_heads_q, (qkv.shape[2] + num_heads_q) // 2)
    else:
        raise ValueError(
            "flash_attn_torch: qkv must be [batch, seqlen, 3, heads, dim], or with num_heads_q [batch, seqlen, "
            f"num_heads_q + 2 * heads_k, dim]; it has shape {tuple(qkv.shape)}, num_heads_q is {num_heads_q}"
        )
    cos_k, sin_k = cos if cos_k is None else cos_k, sin if sin_k is None else sin_k
    tables = _at_positions(qkv, cos, sin, seqlen_offsets) + _at_positions(qkv, cos_k, sin_k, seqlen_offsets)
    return _Rotate.apply(qkv, (q, k), interleaved, True, *tables)


def apply_rotary_emb_kv_(kv, cos, sin, interleaved=False, seqlen_offsets=0):
    """Rotate k within kv."""
    if kv.dim() != 5 or kv.shape[2] != 2:
        shape = tuple(kv.shape)
        raise ValueError(f"flash_attn_torch: kv must be [batch, seqlen, 2, heads, dim], but has shape {shape}")
    return _Rotate.apply(kv, (0,), interleaved, True, *_at_positions(kv, cos, sin, seqlen_offsets))


class _Rotate(torch.autograd.Function):
    """Rotates x[:, :, part] for each part, with its two tables; the rest passes through."""

    @staticmethod
    def forward(ctx, x, parts, interleaved, inplace, *tables):
        ctx.parts, ctx.interleaved = parts, interleaved
        ctx.save_for_backward(*tables)
        out = x if inplace else x.clone()
        # As flash-attn's kernel writes: neither marked as dirty, nor counted as a change. Else neither a leaf that
        # needs a gradient could be passed, nor q and k that are views of one tensor, one after the other.
        written = out.data
        for i, part in enumerate(parts):
            _rotate_(written[:, :, part], tables[2 * i], tables[2 * i + 1], interleaved)
        return out

    @staticmethod
    def backward(ctx, grad):
        tables = ctx.saved_tensors
        grad = grad.clone()
        for i, part in enumerate(ctx.parts):
            _rotate_(grad[:, :, part], tables[2 * i], -tables[2 * i + 1], ctx.interleaved)
        return (grad, None, None, None) + (None,) * len(tables)


def _rotate_(x, cos, sin, interleaved):
    """x [..., heads, dim]; cos, sin [..., rotary_dim / 2]."""
    wide = torch.promote_types(x.dtype, torch.float32)
    cos, sin = cos.to(wide).unsqueeze(-2), sin.to(wide).unsqueeze(-2)
    pair = _pair(x, cos.shape[-1], interleaved)
    a, b = [half.to(wide) for half in pair]
    turned = a * cos - b * sin, a * sin + b * cos
    pair[0].copy_(turned[0])
    pair[1].copy_(turned[1])


def _pair(x, half, interleaved):
    if interleaved:
        return x[..., 0 : 2 * half : 2], x[..., 1 : 2 * half : 2]
    return x[..., :half], x[..., half : 2 * half]


def _at_positions(x, cos, sin, offsets, cu_seqlens=None, max_seqlen=None):
    """The rows of both tables for each token: [seqlen, ...], [batch, seqlen, ...] or, with cu_seqlens, [total, ...]."""
    _check(x, cos, sin, offsets, cu_seqlens, max_seqlen)
    if cu_seqlens is None and not isinstance(offsets, torch.Tensor):
        return cos[offsets : offsets + x.shape[1]], sin[offsets : offsets + x.shape[1]]
    if cu_seqlens is None:
        positions = offsets[:, None] + torch.arange(x.shape[1], device=x.device)
    else:
        token = torch.arange(x.shape[0], device=x.device, dtype=cu_seqlens.dtype)
        # [total]: which sequence a token is in; the number of sequences for a token behind all of them.
        sequence = torch.searchsorted(cu_seqlens[1:].contiguous(), token, right=True)
        behind = sequence == cu_seqlens.shape[0] - 1
        sequence = sequence.masked_fill(behind, 0)
        first = offsets[sequence] if isinstance(offsets, torch.Tensor) else offsets
        positions = (token - cu_seqlens[sequence] + first).masked_fill(behind, cos.shape[0])
    beyond = (positions >= cos.shape[0]).unsqueeze(-1)
    positions = positions.clamp(max=cos.shape[0] - 1)
    return cos[positions].masked_fill(beyond, 1.0), sin[positions].masked_fill(beyond, 0.0)


def _check(x, cos, sin, offsets, cu_seqlens, max_seqlen):
    wrong = None
    batch = x.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
    seqlen = x.shape[1] if cu_seqlens is None else max_seqlen
    start = 0 if isinstance(offsets, torch.Tensor) else offsets
    if cu_seqlens is not None and max_seqlen is None:
        wrong = "cu_seqlens needs max_seqlen"
    elif cu_seqlens is not None and x.dim() != 3:
        wrong = f"with cu_seqlens x must be [total, heads, dim], but has shape {tuple(x.shape)}"
    elif cu_seqlens is None and x.dim() not in (4, 5):
        wrong = f"x must be [batch, seqlen, heads, dim], but has shape {tuple(x.shape)}"
    elif cos.dim() != 2 or cos.shape != sin.shape:
        shapes = f"{tuple(cos.shape)} and {tuple(sin.shape)}"
        wrong = f"cos and sin must both be [seqlen_rotary, rotary_dim / 2], but have shapes {shapes}"
    elif 2 * cos.shape[1] > x.shape[-1]:
        wrong = f"a rotary dim of {2 * cos.shape[1]} exceeds the head dim of {x.shape[-1]}"
    elif start < 0 or start + seqlen > cos.shape[0]:
        wrong = f"cos and sin have {cos.shape[0]} positions, but {start} to {start + seqlen} are needed"
    elif isinstance(offsets, torch.Tensor) and offsets.shape != (batch,):
        wrong = f"seqlen_offsets must be an int or [batch], but has shape {tuple(offsets.shape)}"
    elif isinstance(offsets, torch.Tensor) and offsets.dtype not in (torch.int32, torch.int64):
        wrong = f"seqlen_offsets must be int32 or int64, but is {offsets.dtype}"
    if wrong:
        raise ValueError(f"flash_attn_torch: {wrong}")


class RotaryEmbedding(torch.nn.Module):
    """Tables of cos and sin that grow as needed, applied to q and k in place. Has nothing in its state_dict.

    With scale_base this is XPos: q is also multiplied, and k divided, by a power of `scale` that grows with the
    position, counted from the middle of the longest sequence so far.
    """

    def __init__(self, dim, base=10000.0, interleaved=False, scale_base=None, device=None):
        super().__init__()
        self.dim = dim
        self.base = float(base)
        self.interleaved = interleaved
        self.scale_base = scale_base
        self.register_buffer("inv_freq", self._compute_inv_freq(device), persistent=False)
        scale = None
        if scale_base is not None:
            scale = (torch.arange(0, dim, 2, device=device, dtype=torch.float32) + 0.4 * dim) / (1.4 * dim)
        self.register_buffer("scale", scale, persistent=False)

        self._seq_len_cached = 0
        self._cos_cached = None
        self._sin_cached = None
        self._cos_k_cached = None
        self._sin_k_cached = None

    def _compute_inv_freq(self, device=None):
        return 1.0 / self.base ** (torch.arange(0, self.dim, 2, device=device, dtype=torch.float32) / self.dim)

    def _update_cos_sin_cache(self, seqlen, device=None, dtype=None):
        cached = self._cos_cached
        if (
            cached is not None
            and seqlen <= self._seq_len_cached
            and cached.device == device
            and cached.dtype == dtype
            and not (self.training and cached.is_inference())
        ):
            return
        self._seq_len_cached = seqlen
        # In float32 throughout, even if the module was cast to bfloat16, where angles would lose all precision.
        inv_freq = self.inv_freq
        if inv_freq.dtype != torch.float32:
            inv_freq = self._compute_inv_freq(device)
        position = torch.arange(seqlen, device=device, dtype=torch.float32)
        angle = torch.outer(position, inv_freq)  # [seqlen, dim / 2]
        cos, sin = torch.cos(angle), torch.sin(angle)
        if self.scale is None:
            self._cos_cached, self._sin_cached = cos.to(dtype), sin.to(dtype)
            return
        scale = self.scale ** ((position.to(self.scale) - seqlen // 2) / self.scale_base)[:, None]
        self._cos_cached, self._sin_cached = (cos * scale).to(dtype), (sin * scale).to(dtype)
        self._cos_k_cached, self._sin_k_cached = (cos / scale).to(dtype), (sin / scale).to(dtype)

    def forward(self, qkv, kv=None, seqlen_offset=0, max_seqlen=None, num_heads_q=None):
        """Rotate qkv, or with kv given q and kv, in place; returns qkv, or q and kv.

        qkv: as for apply_rotary_emb_qkv_; with kv given it is q, [batch, seqlen, heads, dim].
        kv: [batch, seqlen, 2, heads_k, dim]
        seqlen_offset: an int or [batch]; for a tensor, max_seqlen tells how far the tables must reach.
        """
        if max_seqlen is not None:
            self._update_cos_sin_cache(max_seqlen, device=qkv.device, dtype=qkv.dtype)
        elif isinstance(seqlen_offset, int):
            self._update_cos_sin_cache(qkv.shape[1] + seqlen_offset, device=qkv.device, dtype=qkv.dtype)
        elif self._cos_cached is None:
            raise ValueError("flash_attn_torch: RotaryEmbedding needs max_seqlen if seqlen_offset is a tensor")
        cos, sin, cos_k, sin_k = self._cos_cached, self._sin_cached, self._cos_cached, self._sin_cached
        if self.scale is not None:
            cos_k, sin_k = self._cos_k_cached, self._sin_k_cached
        how = {"interleaved": self.interleaved, "seqlen_offsets": seqlen_offset}
        if kv is None:
            return apply_rotary_emb_qkv_(qkv, cos, sin, cos_k, sin_k, num_heads_q=num_heads_q, **how)
        q = apply_rotary_emb(qkv, cos, sin, inplace=True, **how)
        return q, apply_rotary_emb_kv_(kv, cos_k, sin_k, **how)
