"""Activation functions as in flash_attn.ops.activations (2.8), in plain torch.

Replaces: swiglu(x, y) = silu(x) * y, sqrelu_fwd (relu squared), the gelu with tanh (gelu_fwd, fast_gelu_impl, and
bias_gelu, bias_gelu_impl of y + bias), and their derivatives as functions: swiglu_bwd, sqrelu_bwd, relu_bwd,
gelu_bwd, bias_gelu_back.

Equal to what: the formulas in float32 (float64 for float64), rounded once to the input's dtype. swiglu keeps only its
two inputs for the backward pass. Accepted here though flash-attn refuses it: CPU. Nothing is refused.
"""

import torch
import torch.nn.functional as F

__all__ = [
    "bias_gelu",
    "bias_gelu_back",
    "bias_gelu_impl",
    "fast_gelu_impl",
    "gelu_bwd",
    "gelu_fwd",
    "relu_bwd",
    "sqrelu_bwd",
    "sqrelu_fwd",
    "swiglu",
    "swiglu_bwd",
    "swiglu_fwd",
]


def swiglu(x, y):
    """silu(x) * y."""
    return _SwiGLU.apply(x, y)


class _SwiGLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return swiglu_fwd(x, y)

    @staticmethod
    def backward(ctx, dout):
        return swiglu_bwd(*ctx.saved_tensors, dout)


def swiglu_fwd(x, y):
    dtype = torch.promote_types(x.dtype, y.dtype)
    return (F.silu(_wide(x)) * _wide(y)).to(dtype)


def swiglu_bwd(x, y, g):
    """The gradients of x and of y, for that of the output."""
    wide_x, wide_y, wide_g = _wide(x), _wide(y), _wide(g)
    sigmoid = torch.sigmoid(wide_x)
    dx = sigmoid * (1.0 + wide_x * (1.0 - sigmoid)) * wide_y * wide_g
    return dx.to(x.dtype), (wide_x * sigmoid * wide_g).to(y.dtype)


def gelu_fwd(x):
    return F.gelu(x, approximate="tanh")


fast_gelu_impl = gelu_fwd


def gelu_bwd(g, x):
    return (_gelu_slope(_wide(x)) * _wide(g)).to(x.dtype)


def _gelu_slope(x):
    factor, cubic = 0.7978845608028654, 0.044715  # sqrt(2 / pi)
    tanh = torch.tanh(factor * x * (1.0 + cubic * x * x))
    return 0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * factor * (1.0 + 3.0 * cubic * x * x)


def bias_gelu(y, bias):
    return F.gelu(_wide(y) + _wide(bias), approximate="tanh").to(y.dtype)


bias_gelu_impl = bias_gelu


def bias_gelu_back(g, y, bias):
    """The gradients of y [rows, dim] and of bias [dim], for that of the output."""
    dy = _gelu_slope(_wide(y) + _wide(bias)) * _wide(g)
    return dy.to(y.dtype), dy.sum(dim=0).to(bias.dtype)


def relu_bwd(g, x):
    """Lets the gradient through at x = 0 too, as flash-attn's does and torch's relu does not."""
    return g.masked_fill(x < 0, 0.0).to(x.dtype)


def sqrelu_fwd(x):
    return F.relu(_wide(x)).square().to(x.dtype)


def sqrelu_bwd(g, x):
    return (2.0 * _wide(g) * F.relu(_wide(x))).to(x.dtype)


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))
