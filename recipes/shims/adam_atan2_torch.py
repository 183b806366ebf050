"""The optimizer AdamATan2 of the package adam-atan2 0.0.3, in plain torch: no GPU, no nvcc and no build.

One step of a parameter p with gradient g, where t counts its steps from 1::

    p = p * (1 - lr * weight_decay)
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    p = p - lr / (1 - beta1^t) * atan2(m, sqrt(v) / sqrt(1 - beta2^t))

Note where the first bias correction stands: outside of atan2, not on m. The package adam-atan2-pytorch has it
inside and steps up to 1.27 times as far, so the two train different models.

Equal to what: the package's CUDA kernel, up to rounding. As there, the arithmetic is float32 for float16 and
bfloat16 parameters too (float64 for float64), while the state has the parameter's dtype. The arguments, their
defaults and their order are the same, and so is the state, per parameter `step` (float32, no dimensions),
`exp_avg` (m) and `exp_avg_sq` (v): the package's checkpoints load here and continue, and the reverse.

lr = 0 is fine, as there: it moves no parameter but advances the state.

Accepted here though the package does not: CPU, a closure, a tensor as lr (read as a number at each step).

Refused: a negative lr or weight_decay, and betas outside [0, 1) (ValueError); sparse gradients, complex
parameters and CUDA graph capture (RuntimeError).

Works with torch >= 2.0 and Python >= 3.8.
"""

import math

import torch

__all__ = ["AdamATan2"]


class AdamATan2(torch.optim.Optimizer):
    """Adam with atan2 in place of the division, so without eps and independent of the loss's scale."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), weight_decay=1e-2):
        if not lr >= 0.0:  # written so that NaN is refused as well
            raise ValueError(f"AdamATan2: lr must be 0 or more, but is {lr}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"AdamATan2: betas[{i}] must be at least 0 and below 1, but is {beta}")
        if not weight_decay >= 0.0:
            raise ValueError(f"AdamATan2: weight_decay must be 0 or more, but is {weight_decay}")
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        """Update every parameter that has a gradient; returns what the closure returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            alike = {}  # (device, dtype) -> parameters
            for p in group["params"]:
                if p.grad is not None:
                    _check(p)
                    alike.setdefault((p.device, p.dtype), []).append(p)
            lr = float(group["lr"])
            for (device, dtype), params in alike.items():
                states = [self._state_of(p) for p in params]
                steps = [state["step"] for state in states]
                torch._foreach_add_(steps, 1)
                counts = torch.stack(steps).tolist()  # all at once: on a GPU this is the only wait
                if _foreach_is_faster(device, dtype):
                    for t in sorted(set(counts)):
                        same = [i for i, count in enumerate(counts) if count == t]
                        numbers = _numbers(group, lr, t)
                        _update_together([params[i] for i in same], [states[i] for i in same], *numbers)
                else:
                    for i, t in enumerate(counts):
                        _update(params[i], states[i], *_numbers(group, lr, t))
        return loss

    def _state_of(self, p):
        state = self.state[p]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
            state["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
            state["exp_avg_sq"] = torch.zeros_like(p, memory_format=torch.preserve_format)
        if state["step"].device != p.device:  # load_state_dict moves the rest of the state, but not this
            state["step"] = state["step"].to(p.device)
        return state


def _check(p):
    if p.grad.layout != torch.strided:
        raise RuntimeError(f"AdamATan2: sparse gradients are not supported (layout {p.grad.layout})")
    if p.is_complex():
        raise RuntimeError(f"AdamATan2: complex parameters are not supported (dtype {p.dtype})")
    if p.is_cuda and torch.cuda.is_current_stream_capturing():
        raise RuntimeError("AdamATan2: CUDA graph capture is not supported, as step() reads its counts back")


def _numbers(group, lr, t):
    """What the t-th step multiplies and divides by, in double precision as in the CUDA kernel."""
    beta1, beta2 = group["betas"]
    decay = 1 - lr * group["weight_decay"]
    step_size = lr / (1 - beta1**t)
    correction = math.sqrt(1 - beta2**t)
    return decay, 1 - beta1, 1 - beta2, correction, step_size


def _update(p, state, decay, w1, w2, correction, step_size):
    wide = torch.promote_types(p.dtype, torch.float32)
    stored = [p, state["exp_avg"], state["exp_avg_sq"]]
    computed = [tensor.to(wide) for tensor in stored]  # what is wide already stays the very same tensor
    x, m, v = computed
    g = p.grad.to(wide)

    x.mul_(decay)
    m.lerp_(g, w1)
    # Not mul_(beta2).addcmul_(): 1 - float32(0.999) is 1e-5 too small, and v would grow too large by that.
    v.lerp_(g * g, w2)
    x.add_(torch.atan2(m, v.sqrt().div_(correction)), alpha=-step_size)

    for i, tensor in enumerate(computed):
        if tensor is not stored[i]:
            stored[i].copy_(tensor)


def _foreach_is_faster(device, dtype):
    """On a GPU it saves most kernel launches; on a CPU the loop is faster: its tensors stay in the cache."""
    wide = dtype in (torch.float32, torch.float64)
    return wide and device.type == "cuda" and hasattr(torch, "_foreach_lerp_")


def _update_together(params, states, decay, w1, w2, correction, step_size):
    """_update, a list at a time, for parameters that need no casting and have made equally many steps."""
    grads = [p.grad.to(p.dtype) for p in params]
    ms = [state["exp_avg"] for state in states]
    vs = [state["exp_avg_sq"] for state in states]

    torch._foreach_mul_(params, decay)
    torch._foreach_lerp_(ms, grads, w1)
    torch._foreach_lerp_(vs, torch._foreach_mul(grads, grads), w2)
    denominators = torch._foreach_sqrt(vs)
    torch._foreach_div_(denominators, correction)
    angles = [torch.atan2(m, denominators[i]) for i, m in enumerate(ms)]  # torch has no _foreach_atan2
    torch._foreach_add_(params, angles, alpha=-step_size)
