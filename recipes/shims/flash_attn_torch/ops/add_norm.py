"""dropout + residual + layer norm or RMS norm, in one place for the files of flash_attn.ops that offer it.

The order is that of flash-attn's kernels, all of it in float32 (float64 for float64), each result rounded once::

    x = dropout(x0 * rowscale) * layerscale [+ dropout(x1)] [+ residual]
    z = (x - mean) / sqrt(var + eps) * weight + bias          layer norm
    z = x / sqrt(mean(x^2) + eps) * weight [+ bias]           RMS norm

z comes from the x that is not rounded yet, even where x is returned as well, in the dtype of the residual.
"""

import torch
import torch.nn.functional as F

__all__ = ["dropout_add_norm", "dropout_add_norm_parallel_residual", "normalise", "residual_dtype_of", "sum_of"]

_rms_norm = getattr(F, "rms_norm", None)  # torch >= 2.4


def sum_of(x0, x1=None, residual=None, dropout_p=0.0, rowscale=None, layerscale=None):
    """x as above, not rounded, and which entries of x0 and of x1 were kept (bool; None without dropout)."""
    if not 0.0 <= dropout_p < 1.0:
        raise ValueError(f"flash_attn_torch: dropout_p must be at least 0 and below 1, but is {dropout_p}")
    for name, other in (("x1", x1), ("residual", residual)):
        if other is not None and other.shape != x0.shape:
            shapes = f"{tuple(other.shape)} and {tuple(x0.shape)}"
            raise ValueError(f"flash_attn_torch: {name} must have the shape of the input, but they have {shapes}")
    wide = torch.promote_types(x0.dtype, torch.float32)
    x = x0.to(wide)
    if rowscale is not None:
        x = x * rowscale.to(wide).reshape(x.shape[:-1])[..., None]
    x, kept = _dropout(x, dropout_p)
    if layerscale is not None:
        x = x * layerscale.to(wide)
    kept1 = None
    if x1 is not None:
        x1, kept1 = _dropout(x1.to(wide), dropout_p)
        x = x + x1
    if residual is not None:
        x = x + residual.to(wide)
    return x, kept, kept1


def _dropout(x, p):
    if p == 0.0:
        return x, None
    kept = torch.rand(x.shape, device=x.device) >= p
    return (x / (1.0 - p)).masked_fill(~kept, 0.0), kept


def normalise(x, weight, bias, eps, is_rms_norm):
    """z as above, not rounded; x as sum_of gives it, weight and bias [dim] in any dtype."""
    weight = weight.to(x.dtype)
    bias = None if bias is None else bias.to(x.dtype)
    if not is_rms_norm:
        return F.layer_norm(x, weight.shape, weight, bias, eps)
    if _rms_norm is not None:
        z = _rms_norm(x, weight.shape, weight, eps)
    else:
        z = x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + eps) * weight
    return z if bias is None else z + bias


def residual_dtype_of(x0, residual, residual_in_fp32):
    """A given residual decides; residual_in_fp32 is for the first layer, which has none."""
    if residual is not None:
        return residual.dtype
    return torch.promote_types(x0.dtype, torch.float32) if residual_in_fp32 else x0.dtype


def dropout_add_norm(
    x0,
    residual,
    weight,
    bias,
    dropout_p,
    epsilon,
    rowscale,
    layerscale,
    prenorm,
    residual_in_fp32,
    return_dropout_mask,
    is_rms_norm,
):
    """z, or a tuple of z, x if prenorm, and the mask (uint8, 1 where kept) if return_dropout_mask."""
    x, kept, _ = sum_of(x0, None, residual, dropout_p, rowscale, layerscale)
    results = [normalise(x, weight, bias, epsilon, is_rms_norm).to(x0.dtype)]
    if prenorm:
        results.append(x.to(residual_dtype_of(x0, residual, residual_in_fp32)))
    if return_dropout_mask:
        results.append(_as_uint8(kept, x0))
    return tuple(results) if len(results) > 1 else results[0]


def dropout_add_norm_parallel_residual(
    x0,
    x1,
    residual,
    weight0,
    bias0,
    weight1,
    bias1,
    dropout_p,
    epsilon,
    prenorm,
    residual_in_fp32,
    return_dropout_mask,
    is_rms_norm,
):
    """A tuple of z0, z1 (None without weight1), x if prenorm, and two masks if return_dropout_mask."""
    x, kept0, kept1 = sum_of(x0, x1, residual, dropout_p)
    results = [normalise(x, weight0, bias0, epsilon, is_rms_norm).to(x0.dtype), None]
    if weight1 is not None:
        results[1] = normalise(x, weight1, bias1, epsilon, is_rms_norm).to(x0.dtype)
    if prenorm:
        results.append(x.to(residual_dtype_of(x0, residual, residual_in_fp32)))
    if return_dropout_mask:
        results += [_as_uint8(kept0, x0), _as_uint8(kept1, x0)]
    return tuple(results)


def _as_uint8(kept, x0):
    return torch.ones_like(x0, dtype=torch.uint8) if kept is None else kept.to(torch.uint8)
