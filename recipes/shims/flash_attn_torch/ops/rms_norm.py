"""RMS norm with dropout and residual as in flash_attn.ops.rms_norm (2.8), in plain torch: no dropout_layer_norm.

Replaces, with the same arguments, dtypes and results::

    rms_norm(x, weight, epsilon)
    RMSNorm(hidden_size, eps=1e-5)            state_dict: weight
    DropoutAddRMSNorm(hidden_size, ...)       state_dict: weight
    dropout_add_rms_norm(x0, residual, weight, bias, dropout_p, epsilon, ...)
    dropout_add_rms_norm_parallel_residual(x0, x1, residual, weight0, bias0, weight1, bias1, ...)

Equal to what: the formula of add_norm.py in float32 (float64 for float64), weight and bias included. The output has
x's dtype, also for weights in float32; the residual that prenorm returns has its own. Dropout draws other random
numbers.

Accepted here though flash-attn refuses it: CPU, float64, any hidden size, weights of any floating dtype.

Refused by name: dropout_add_rms_norm_subset.
"""

import torch

from .add_norm import dropout_add_norm, dropout_add_norm_parallel_residual

__all__ = [
    "DropoutAddRMSNorm",
    "RMSNorm",
    "dropout_add_rms_norm",
    "dropout_add_rms_norm_parallel_residual",
    "dropout_add_rms_norm_subset",
    "rms_norm",
]


def rms_norm(x, weight, epsilon):
    return dropout_add_rms_norm(x, None, weight, None, 0.0, epsilon)


def dropout_add_rms_norm(
    x0,
    residual,
    weight,
    bias,
    dropout_p,
    epsilon,
    rowscale=None,
    layerscale=None,
    prenorm=False,
    residual_in_fp32=False,
    return_dropout_mask=False,
):
    """Normalise dropout(x0 * rowscale) * layerscale + residual.

    x0, residual (or None): [..., dim]; rowscale: [...]; layerscale: [dim]; bias may be None
    residual_in_fp32: what prenorm returns is float32 if no residual was given.

    Returns the output; with prenorm also the sum; with return_dropout_mask also a mask, uint8, 1 where kept.
    """
    return dropout_add_norm(
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
        is_rms_norm=True,
    )


def dropout_add_rms_norm_parallel_residual(
    x0,
    x1,
    residual,
    weight0,
    bias0,
    weight1,
    bias1,
    dropout_p,
    epsilon,
    prenorm=False,
    residual_in_fp32=False,
    return_dropout_mask=False,
):
    """Two norms of dropout(x0) + dropout(x1) + residual; x1, residual, weight1 and the biases may be None.

    Returns both outputs, the second None without weight1; then as dropout_add_rms_norm, with two masks.
    """
    return dropout_add_norm_parallel_residual(
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
        is_rms_norm=True,
    )


def dropout_add_rms_norm_subset(*args, **kwargs):
    raise NotImplementedError("flash_attn_torch: dropout_add_rms_norm_subset is not supported")


class RMSNorm(torch.nn.Module):
    def __init__(self, hidden_size, eps=1e-5, device=None, dtype=None):
        super().__init__()
        self.eps = eps
        self.weight = torch.nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.ones_(self.weight)

    def forward(self, x):
        return rms_norm(x, self.weight, self.eps)


class DropoutAddRMSNorm(torch.nn.Module):
    def __init__(self, hidden_size, prenorm=False, p=0.0, eps=1e-5, residual_in_fp32=False, device=None, dtype=None):
        super().__init__()
        self.prenorm = prenorm
        self.p = p
        self.eps = eps
        self.residual_in_fp32 = residual_in_fp32
        self.weight = torch.nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        torch.nn.init.ones_(self.weight)

    def forward(self, x0, residual=None):
        return dropout_add_rms_norm(
            x0,
            residual,
            self.weight,
            None,
            self.p if self.training else 0.0,
            self.eps,
            prenorm=self.prenorm,
            residual_in_fp32=self.residual_in_fp32,
        )
