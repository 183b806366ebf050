"""Linear layers and the MLP of flash_attn.ops.fused_dense (2.8), in plain torch: no fused_dense_lib, no apex.

Replaces, with the same arguments and results::

    FusedDense(in_features, out_features, ...)   a torch.nn.Linear; state_dict: weight, bias
    FusedMLP(in_features, ...)                   state_dict: fc1.weight, fc1.bias, fc2.weight, fc2.bias
    fused_dense_func(x, weight, bias, ...), fused_mlp_func(x, weight1, weight2, bias1, bias2, ...)

Equal to what: torch's own linear, gelu (with tanh), relu and relu squared, under autocast too. Unlike flash-attn in
float32 or on a CPU, where it falls back to relu without a word, "sqrelu" is relu squared everywhere.

Without effect: checkpoint_lvl, save_pre_act and heuristic, which choose kernels and save memory but change no number,
and sequence_parallel, which means nothing without a process_group.

Refused by name: a process_group, and with it ColumnParallelLinear, RowParallelLinear and ParallelFusedMLP, which can
be imported but not made.
"""

import torch.nn as nn
import torch.nn.functional as F

from .activations import sqrelu_fwd

__all__ = [
    "ColumnParallelLinear",
    "FusedDense",
    "FusedMLP",
    "ParallelFusedMLP",
    "RowParallelLinear",
    "fused_dense_func",
    "fused_mlp_func",
]


def _gelu_approx(x):
    return F.gelu(x, approximate="tanh")


_ACTIVATIONS = {"gelu_approx": _gelu_approx, "relu": F.relu, "sqrelu": sqrelu_fwd}


def fused_dense_func(x, weight, bias=None, return_residual=False, process_group=None, sequence_parallel=True):
    """x [..., in], weight [out, in] -> [..., out]; with return_residual also x, in the output's dtype."""
    _refuse(process_group)
    out = F.linear(x, weight, bias)
    return (out, x.to(out.dtype)) if return_residual else out


def fused_mlp_func(
    x,
    weight1,
    weight2,
    bias1=None,
    bias2=None,
    activation="gelu_approx",
    save_pre_act=True,
    return_residual=False,
    checkpoint_lvl=0,
    heuristic=0,
    process_group=None,
    sequence_parallel=True,
):
    """x [..., in], weight1 [hidden, in], weight2 [out, hidden] -> [..., out]; with return_residual also x."""
    _refuse(process_group)
    _check(activation, checkpoint_lvl)
    hidden = _ACTIVATIONS[activation](F.linear(x, weight1, bias1))
    out = F.linear(hidden, weight2, bias2)
    return (out, x.to(out.dtype)) if return_residual else out


def _refuse(process_group):
    if process_group is not None:
        raise NotImplementedError("flash_attn_torch: process_group (tensor parallelism) is not supported")


def _check(activation, checkpoint_lvl):
    if activation not in _ACTIVATIONS:
        raise ValueError(f"flash_attn_torch: activation must be one of {sorted(_ACTIVATIONS)}, but is {activation!r}")
    if checkpoint_lvl not in (0, 1, 2):
        raise ValueError(f"flash_attn_torch: checkpoint_lvl must be 0, 1 or 2, but is {checkpoint_lvl}")


class FusedDense(nn.Linear):
    def __init__(self, in_features, out_features, bias=True, return_residual=False, device=None, dtype=None):
        super().__init__(in_features, out_features, bias=bias, device=device, dtype=dtype)
        self.return_residual = return_residual

    def forward(self, x, process_group=None):
        return fused_dense_func(x, self.weight, self.bias, self.return_residual, process_group)


class FusedMLP(nn.Module):
    """Two linear layers; hidden_features is 4 * in_features by default, out_features is in_features."""

    def __init__(
        self,
        in_features,
        hidden_features=None,
        out_features=None,
        bias1=True,
        bias2=True,
        activation="gelu_approx",
        return_residual=False,
        checkpoint_lvl=0,
        heuristic="auto",
        device=None,
        dtype=None,
    ):
        _check(activation, checkpoint_lvl)
        super().__init__()
        hidden_features = hidden_features or 4 * in_features
        out_features = out_features or in_features
        self.activation = activation
        self.return_residual = return_residual
        self.checkpoint_lvl = checkpoint_lvl
        self.heuristic = heuristic if activation != "sqrelu" else -1
        self.fc1 = nn.Linear(in_features, hidden_features, bias=bias1, device=device, dtype=dtype)
        self.fc2 = nn.Linear(hidden_features, out_features, bias=bias2, device=device, dtype=dtype)

    def forward(self, x, process_group=None):
        return fused_mlp_func(
            x,
            self.fc1.weight,
            self.fc2.weight,
            self.fc1.bias,
            self.fc2.bias,
            activation=self.activation,
            return_residual=self.return_residual,
            checkpoint_lvl=self.checkpoint_lvl,
            process_group=process_group,
        )


class _Parallel(nn.Module):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError(f"flash_attn_torch: {type(self).__name__} (tensor parallelism) is not supported")


class ColumnParallelLinear(_Parallel): ...


class RowParallelLinear(_Parallel): ...


class ParallelFusedMLP(_Parallel): ...
