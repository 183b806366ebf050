"""Layer norm and RMS norm as in flash_attn.ops.triton.layer_norm (2.8), in plain torch: no triton, no GPU.

Replaces, with the same positional order, dtypes and results::

    layer_norm_fn(x, weight, bias, residual=None, x1=None, weight1=None, bias1=None, eps=1e-6, ...)
    rms_norm_fn(x, weight, bias, ...)         the same without is_rms_norm
    layer_norm_linear_fn(x, norm_weight, norm_bias, linear_weight, linear_bias, residual=None, ...)
    RMSNorm(hidden_size, eps=1e-5, ...)       state_dict: weight

Equal to what: the formula of ../add_norm.py in float32 (float64 for float64). The output has x's dtype or out_dtype,
the residual that prenorm returns has its own. Dropout draws other random numbers.

Accepted here though flash-attn refuses it: CPU, float64, rows of any size.

Refused by name: rowscale together with x1, as there; out and residual_out (results written into given tensors; 2.8.3
returns x itself for a residual_out).
"""

import torch
import torch.nn.functional as F

from ..add_norm import normalise, residual_dtype_of, sum_of

__all__ = ["RMSNorm", "layer_norm_fn", "layer_norm_linear_fn", "rms_norm_fn"]


def layer_norm_fn(
    x,
    weight,
    bias,
    residual=None,
    x1=None,
    weight1=None,
    bias1=None,
    eps=1e-6,
    dropout_p=0.0,
    rowscale=None,
    prenorm=False,
    residual_in_fp32=False,
    zero_centered_weight=False,
    is_rms_norm=False,
    return_dropout_mask=False,
    out_dtype=None,
    out=None,
    residual_out=None,
):
    """Normalise dropout(x * rowscale) + dropout(x1) + residual; with weight1 a second time, from the same sum.

    x, x1, residual: [..., dim]; rowscale: [...]; the weights and biases: [dim]
    residual_in_fp32: what prenorm returns is float32 if no residual was given.
    zero_centered_weight: the factor is weight + 1.

    Returns, in this order, as a tuple if there is more than one: the output; with weight1 the second output; with
    prenorm the sum; with return_dropout_mask the masks of x and of x1 (bool, True where kept; None if not drawn).
    """
    if out is not None or residual_out is not None:
        raise NotImplementedError("flash_attn_torch: out and residual_out are not supported; use what is returned")
    if rowscale is not None and x1 is not None:
        raise NotImplementedError("flash_attn_torch: rowscale together with x1 is not supported, nor by flash-attn")
    total, kept, kept1 = sum_of(x, x1, residual, dropout_p, rowscale)
    results = []
    for w, b in ((weight, bias), (weight1, bias1)):
        if w is not None:
            w = w.to(total.dtype) + 1.0 if zero_centered_weight else w
            results.append(normalise(total, w, b, eps, is_rms_norm).to(x.dtype if out_dtype is None else out_dtype))
    if prenorm:
        results.append(total.to(residual_dtype_of(x, residual, residual_in_fp32)))
    if return_dropout_mask:
        results += [kept, kept1]
    return tuple(results) if len(results) > 1 else results[0]


def rms_norm_fn(
    x,
    weight,
    bias,
    residual=None,
    x1=None,
    weight1=None,
    bias1=None,
    eps=1e-6,
    dropout_p=0.0,
    rowscale=None,
    prenorm=False,
    residual_in_fp32=False,
    zero_centered_weight=False,
    return_dropout_mask=False,
    out_dtype=None,
    out=None,
    residual_out=None,
):
    """layer_norm_fn with is_rms_norm=True."""
    return layer_norm_fn(
        x,
        weight,
        bias,
        residual,
        x1,
        weight1,
        bias1,
        eps,
        dropout_p,
        rowscale,
        prenorm,
        residual_in_fp32,
        zero_centered_weight,
        True,
        return_dropout_mask,
        out_dtype,
        out,
        residual_out,
    )


def layer_norm_linear_fn(
    x,
    norm_weight,
    norm_bias,
    linear_weight,
    linear_bias,
    residual=None,
    eps=1e-6,
    prenorm=False,
    residual_in_fp32=False,
    is_rms_norm=False,
):
    """A linear layer behind the norm; returns its output, with prenorm also the sum. Weights are cast to x's dtype."""
    total, _, _ = sum_of(x, residual=residual)
    y = normalise(total, norm_weight, norm_bias, eps, is_rms_norm).to(x.dtype)
    linear_bias = None if linear_bias is None else linear_bias.to(y.dtype)
    out = F.linear(y, linear_weight.to(y.dtype), linear_bias)  # under autocast in autocast's dtype, as there
    return (out, total.to(residual_dtype_of(x, residual, residual_in_fp32))) if prenorm else out


class RMSNorm(torch.nn.Module):
    def __init__(self, hidden_size, eps=1e-5, dropout_p=0.0, zero_centered_weight=False, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.drop = torch.nn.Dropout(dropout_p) if dropout_p > 0.0 else None
        self.zero_centered_weight = zero_centered_weight
        self.weight = torch.nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.constant_(self.weight, 0.0 if self.zero_centered_weight else 1.0)

    def forward(self, x, residual=None, prenorm=False, residual_in_fp32=False):
        return rms_norm_fn(
            x,
            self.weight,
            self.bias,
            residual=residual,
            eps=self.eps,
            dropout_p=self.drop.p if self.drop is not None and self.training else 0.0,
            prenorm=prenorm,
            residual_in_fp32=residual_in_fp32,
            zero_centered_weight=self.zero_centered_weight,
        )
