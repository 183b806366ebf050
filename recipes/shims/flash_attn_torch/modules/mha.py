"""Multi-head attention as in flash_attn.modules.mha (2.8), in plain torch.

Replaces, with the same arguments, defaults, layouts and state_dict::

    MHA(embed_dim, num_heads, ...)  Wqkv.weight, Wqkv.bias ([q, k, v] of all heads), out_proj.weight, out_proj.bias;
                                    with cross_attn Wq and Wkv in place of Wqkv; with dwconv also dwconv_qkv
    FlashSelfAttention, FlashCrossAttention   on this shim's flash_attn_* functions
    SelfAttention, CrossAttention             written out, with a key_padding_mask
    get_alibi_slopes(nheads)

Equal to what: what those functions and torch's own layers are equal to.

Like flash-attn:
- use_flash_attn=False means SelfAttention: a hidden key has -10000 added to its score, so that a query that sees no
  key attends to all alike, where FlashSelfAttention gives 0;
- inference_params is any object with max_seqlen, max_batch_size, seqlen_offset, batch_size_offset,
  key_value_memory_dict and lengths_per_sample; the cache [max_batch_size, max_seqlen, 2, heads_k, dim] is updated in
  place; once it has something in it, window_size is not looked at.

Accepted here though flash-attn refuses it: CPU, float32 and float64 with use_flash_attn.

Refused by name: dwconv with num_heads_kv or cross_attn, which flash-attn builds but cannot run; ParallelMHA (tensor
parallelism), which can be imported but not made. Without effect, as there: fused_bias_fc.
"""

from functools import partial

import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint

from ..kvcache import flash_attn_with_kvcache
from ..layers.rotary import RotaryEmbedding
from .inner_attention import (
    CrossAttention,
    FlashCrossAttention,
    FlashSelfAttention,
    SelfAttention,
    get_alibi_slopes,
)

__all__ = [
    "MHA",
    "CrossAttention",
    "FlashCrossAttention",
    "FlashSelfAttention",
    "ParallelMHA",
    "SelfAttention",
    "get_alibi_slopes",
]


class MHA(nn.Module):
    """Self-attention, or with cross_attn attention over another input.

    num_heads_kv: fewer key heads than query heads; query head h reads key head h // (num_heads / num_heads_kv).
    return_residual: returns the input as well.
    """

    def __init__(
        self,
        embed_dim,
        num_heads,
        num_heads_kv=None,
        cross_attn=False,
        qkv_proj_bias=True,
        out_proj_bias=True,
        dropout=0.0,
        softmax_scale=None,
        causal=False,
        layer_idx=None,
        dwconv=False,
        rotary_emb_dim=0,
        rotary_emb_base=10000.0,
        rotary_emb_scale_base=None,
        rotary_emb_interleaved=False,
        use_alibi=False,
        window_size=(-1, -1),
        fused_bias_fc=False,
        use_flash_attn=False,
        return_residual=False,
        checkpointing=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.num_heads_kv = num_heads if num_heads_kv is None else num_heads_kv
        self.head_dim = embed_dim // num_heads
        self.cross_attn = cross_attn
        self.causal = causal
        self.layer_idx = layer_idx
        self.dwconv = dwconv
        self.rotary_emb_dim = rotary_emb_dim
        self.use_flash_attn = use_flash_attn
        self.return_residual = return_residual
        self.checkpointing = checkpointing
        windowed = any(side >= 0 for side in window_size)
        self._refuse(use_alibi, windowed)

        if rotary_emb_dim > 0:
            self.rotary_emb = RotaryEmbedding(
                rotary_emb_dim, rotary_emb_base, rotary_emb_interleaved, rotary_emb_scale_base, device
            )
        kv_dim = 2 * self.head_dim * self.num_heads_kv
        linear = partial(nn.Linear, device=device, dtype=dtype)
        if cross_attn:
            self.Wq = linear(embed_dim, embed_dim, bias=qkv_proj_bias)
            self.Wkv = linear(embed_dim, kv_dim, bias=qkv_proj_bias)
        else:
            self.Wqkv = linear(embed_dim, embed_dim + kv_dim, bias=qkv_proj_bias)
        if dwconv:
            self.dwconv_qkv = nn.Conv1d(3 * embed_dim, 3 * embed_dim, kernel_size=3, padding=2, groups=3 * embed_dim)
        options = {"causal": causal, "softmax_scale": softmax_scale, "attention_dropout": dropout}
        if use_flash_attn:
            slopes = torch.tensor(get_alibi_slopes(num_heads), device=device) if use_alibi else None
            options.update(alibi_slopes=slopes, window_size=window_size)
        self.inner_attn = (FlashSelfAttention if use_flash_attn else SelfAttention)(**options)
        self.inner_cross_attn = (FlashCrossAttention if use_flash_attn else CrossAttention)(**options)
        self.out_proj = linear(embed_dim, embed_dim, bias=out_proj_bias)

    def _refuse(self, use_alibi, windowed):
        wrong = None
        if self.embed_dim % self.num_heads or self.num_heads % self.num_heads_kv:
            wrong = "embed_dim must be a multiple of num_heads, and num_heads of num_heads_kv"
        elif use_alibi and not self.use_flash_attn:
            wrong = "use_alibi needs use_flash_attn"
        elif windowed and not self.use_flash_attn:
            wrong = "window_size needs use_flash_attn"
        elif self.rotary_emb_dim > 0 and self.cross_attn:
            wrong = "rotary_emb_dim with cross_attn is not supported"
        elif self.dwconv and (self.cross_attn or self.num_heads_kv != self.num_heads):
            wrong = "dwconv with cross_attn or num_heads_kv is not supported"
        if wrong:
            raise NotImplementedError(f"flash_attn_torch: MHA: {wrong}")

    def allocate_inference_cache(self, batch_size, max_seqlen, dtype=None):
        weight = self.out_proj.weight
        shape = (batch_size, max_seqlen, 2, self.num_heads_kv, self.head_dim)
        return torch.empty(shape, dtype=weight.dtype if dtype is None else dtype, device=weight.device)

    def forward(
        self,
        x,
        x_kv=None,
        key_padding_mask=None,
        cu_seqlens=None,
        max_seqlen=None,
        mixer_subset=None,
        inference_params=None,
        **kwargs,
    ):
        """x [batch, seqlen, embed_dim], or with cu_seqlens and max_seqlen [total, embed_dim]; the output alike.

        x_kv: what is attended to, with cross_attn; by default x.
        key_padding_mask: [batch, seqlen], bool, True where a key is; only without use_flash_attn.
        cu_seqlens, max_seqlen: sequences one behind the other; only with use_flash_attn.
        mixer_subset: with cross_attn, an index: only x[:, mixer_subset] asks.
        inference_params: see the header; the new keys are appended to its cache.
        """
        self._refuse_together(x_kv, key_padding_mask, cu_seqlens, max_seqlen, mixer_subset, inference_params)
        if self.use_flash_attn:
            kwargs = {"cu_seqlens": cu_seqlens, "max_seqlen": max_seqlen, **kwargs}
        else:
            kwargs = {"key_padding_mask": key_padding_mask, **kwargs}

        if not self.cross_attn and self.num_heads_kv == self.num_heads:
            inputs = (self._qkv(x),)  # [..., 3, heads, dim]
            attend = self.inner_attn
        else:
            inputs = self._q_and_kv(x, x_kv, mixer_subset)  # [..., heads, dim] and [..., 2, heads_k, dim]
            attend = self.inner_cross_attn

        if inference_params is None:
            inputs = self._rotated(inputs, 0, None)
            if self.checkpointing:
                context = checkpoint(attend, *inputs, use_reentrant=False, **kwargs)
            else:
                context = attend(*inputs, **kwargs)
        else:
            context = self._attend_to_cache(inputs, inference_params)
        out = self.out_proj(context.flatten(-2))
        return (out, x) if self.return_residual else out

    def _refuse_together(self, x_kv, key_padding_mask, cu_seqlens, max_seqlen, mixer_subset, inference_params):
        packed = cu_seqlens is not None or max_seqlen is not None
        wrong = None
        if packed and not self.use_flash_attn:
            wrong = "cu_seqlens needs use_flash_attn"
        elif packed and (cu_seqlens is None or max_seqlen is None):
            wrong = "cu_seqlens and max_seqlen must be given together"
        elif packed and (self.dwconv or self.rotary_emb_dim > 0):
            wrong = "cu_seqlens with dwconv or rotary_emb_dim is not supported"
        elif key_padding_mask is not None and self.use_flash_attn:
            wrong = "key_padding_mask with use_flash_attn is not supported; use cu_seqlens"
        elif inference_params is not None and (packed or key_padding_mask is not None or self.dwconv):
            wrong = "inference_params with cu_seqlens, key_padding_mask or dwconv is not supported"
        elif inference_params is not None and self.layer_idx is None:
            wrong = "inference_params needs layer_idx in the constructor"
        elif not self.cross_attn and (x_kv is not None or mixer_subset is not None):
            wrong = "x_kv and mixer_subset need cross_attn"
        if wrong:
            raise NotImplementedError(f"flash_attn_torch: MHA: {wrong}")

    def _qkv(self, x):
        qkv = self.Wqkv(x)
        if self.dwconv:
            qkv = self.dwconv_qkv(qkv.transpose(1, 2))[..., :-2].transpose(1, 2).contiguous()
        return qkv.unflatten(-1, (3, self.num_heads, self.head_dim))

    def _q_and_kv(self, x, x_kv, mixer_subset):
        if self.cross_attn:
            q = self.Wq(x if mixer_subset is None else x[:, mixer_subset])
            kv = self.Wkv(x if x_kv is None else x_kv)
        else:
            qkv = self.Wqkv(x)
            q, kv = qkv[..., : self.embed_dim], qkv[..., self.embed_dim :]
        kv = kv.unflatten(-1, (2, self.num_heads_kv, self.head_dim))
        return q.unflatten(-1, (self.num_heads, self.head_dim)), kv

    def _rotated(self, inputs, offset, max_seqlen):
        if self.rotary_emb_dim == 0:
            return inputs
        rotated = self.rotary_emb(*inputs, seqlen_offset=offset, max_seqlen=max_seqlen)
        return rotated if isinstance(rotated, tuple) else (rotated,)

    # --- generation ---

    def _attend_to_cache(self, inputs, params):
        offset = params.seqlen_offset if params.lengths_per_sample is None else params.lengths_per_sample
        filled = params.seqlen_offset > 0 and self.use_flash_attn
        # flash-attn leaves rotating to the kernel where that can; there q stands still if not causal.
        in_kernel = filled and self.rotary_emb_dim > 0 and self.rotary_emb_dim % 16 == 0
        if not in_kernel:
            inputs = self._rotated(inputs, offset, params.max_seqlen)
        q, kv = inputs if len(inputs) == 2 else (inputs[0][:, :, 0], inputs[0][:, :, 1:])
        if not filled:
            return self.inner_cross_attn(q, self._update_kv_cache(kv, params))
        rotary = self._rotary_of_kernel(q, params) if in_kernel else {}
        cache = params.key_value_memory_dict[self.layer_idx][: q.shape[0]]
        return flash_attn_with_kvcache(
            q,
            cache[:, :, 0],
            cache[:, :, 1],
            kv[:, :, 0],
            kv[:, :, 1],
            cache_seqlens=offset if isinstance(offset, int) else offset[: q.shape[0]],
            softmax_scale=self.inner_cross_attn.softmax_scale,
            causal=self.inner_cross_attn.causal,
            alibi_slopes=self.inner_cross_attn.alibi_slopes,
            **rotary,
        )

    def _rotary_of_kernel(self, q, params):
        rotary = self.rotary_emb
        if rotary.scale is not None:
            raise NotImplementedError("flash_attn_torch: MHA: generation with rotary_emb_scale_base is not supported")
        rotary._update_cos_sin_cache(params.max_seqlen, device=q.device, dtype=q.dtype)
        return {
            "rotary_cos": rotary._cos_cached,
            "rotary_sin": rotary._sin_cached,
            "rotary_interleaved": rotary.interleaved,
        }

    def _update_kv_cache(self, kv, params):
        """Write kv behind what the cache has, and return all that it has then for these sequences."""
        caches = params.key_value_memory_dict
        if self.layer_idx not in caches:
            caches[self.layer_idx] = kv.new_empty(params.max_batch_size, params.max_seqlen, *kv.shape[2:])
        cache = caches[self.layer_idx]
        rows = slice(params.batch_size_offset, params.batch_size_offset + kv.shape[0])
        end = params.seqlen_offset + kv.shape[1]
        if rows.stop > cache.shape[0] or end > cache.shape[1]:
            needed = (rows.stop, end)
            raise ValueError(f"flash_attn_torch: the cache has shape {tuple(cache.shape)}, but {needed} is needed")
        cache[rows, params.seqlen_offset : end] = kv
        return cache[rows, :end]


class ParallelMHA(nn.Module):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError("flash_attn_torch: ParallelMHA (tensor parallelism) is not supported")
