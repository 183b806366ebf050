"""The MLPs of flash_attn.modules.mlp (2.8), in plain torch.

Replaces, with the same arguments, defaults and state_dict (fc1.weight, fc1.bias, fc2.weight, fc2.bias)::

    Mlp(in_features, ...)        fc2(activation(fc1(x)))
    GatedMlp(in_features, ...)   y, gate = fc1(x), halved;  fc2(y * activation(gate))
    FusedMLP                     as in flash_attn.ops.fused_dense

Note the order in GatedMlp: the value is the first half of fc1, the gate the second; and its hidden size, by default
8 / 3 of in_features, is rounded up to a multiple of 128.

Equal to what: torch's own linear layers and activations; with F.silu the product is rounded once, as by swiglu.

Refused by name: ParallelMLP, ParallelGatedMlp, ParallelFusedMLP (tensor parallelism), which can be imported but not
made.
"""

import torch.nn as nn
import torch.nn.functional as F

from ..ops.activations import swiglu
from ..ops.fused_dense import FusedMLP, ParallelFusedMLP

__all__ = ["FusedMLP", "GatedMlp", "Mlp", "ParallelFusedMLP", "ParallelGatedMlp", "ParallelMLP"]


class Mlp(nn.Module):
    """hidden_features is 4 * in_features by default; with return_residual the input is returned as well."""

    def __init__(
        self,
        in_features,
        hidden_features=None,
        out_features=None,
        activation=F.gelu,
        bias1=True,
        bias2=True,
        return_residual=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        hidden_features = 4 * in_features if hidden_features is None else hidden_features
        out_features = in_features if out_features is None else out_features
        self.return_residual = return_residual
        self.activation = activation
        self.fc1 = nn.Linear(in_features, hidden_features, bias=bias1, device=device, dtype=dtype)
        self.fc2 = nn.Linear(hidden_features, out_features, bias=bias2, device=device, dtype=dtype)

    def forward(self, x):
        y = self.fc2(self.activation(self.fc1(x)))
        return (y, x) if self.return_residual else y


class GatedMlp(nn.Module):
    """activation is that of the gate: F.sigmoid is a GLU, F.silu a SwiGLU, F.gelu a GEGLU."""

    def __init__(
        self,
        in_features,
        hidden_features=None,
        out_features=None,
        activation=F.sigmoid,
        bias1=True,
        bias2=True,
        multiple_of=128,
        return_residual=False,
        device=None,
        dtype=None,
    ):
        super().__init__()
        hidden_features = int(8 * in_features / 3) if hidden_features is None else hidden_features
        hidden_features = (hidden_features + multiple_of - 1) // multiple_of * multiple_of
        out_features = in_features if out_features is None else out_features
        self.return_residual = return_residual
        self.activation = activation
        self.fc1 = nn.Linear(in_features, 2 * hidden_features, bias=bias1, device=device, dtype=dtype)
        self.fc2 = nn.Linear(hidden_features, out_features, bias=bias2, device=device, dtype=dtype)

    def forward(self, x):
        y, gate = self.fc1(x).chunk(2, dim=-1)
        y = swiglu(gate, y) if self.activation == F.silu else y * self.activation(gate)
        y = self.fc2(y)
        return (y, x) if self.return_residual else y


class _Parallel(nn.Module):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"flash_attn_torch: {type(self).__name__} (tensor parallelism) is not supported")


class ParallelMLP(_Parallel): ...


class ParallelGatedMlp(_Parallel): ...
