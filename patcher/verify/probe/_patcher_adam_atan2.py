"""The step of adam-atan2 0.0.3 by its formula, one parameter after the other, planted on the copied shim's class.

    p = p * (1 - lr * weight_decay)
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    p = p - lr / (1 - beta1^t) * atan2(m, sqrt(v) / sqrt(1 - beta2^t))

The arithmetic is float32 (float64 for float64) as the original's is: where the square of a tiny gradient is zero, its
step is another one than in float64. The state has the shim's keys and the parameter's dtype, so either loads what the
other saved.
"""

import math

from _patcher_plants import is_copy

SHIM = "adam_atan2_torch"


def plant_optimizer(awaited, recorder):
    """Plant the step as the shim is loaded."""

    def loaded(module):
        if is_copy(module, SHIM):
            module.AdamATan2.step = step_of(recorder)

    awaited.add(lambda name: name.split(".")[-1] == SHIM, loaded)


def step_of(recorder):
    """Return the step as a method."""
    import torch

    @torch.no_grad()
    def step(self, closure=None):
        """Update every parameter that has a gradient; returns what the closure returns."""
        recorder.once(reference=SHIM)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    update(torch, p, self.state[p], group)
        return loss

    return step


def update(torch, p, state, group):
    """Update one parameter and its state."""
    if p.grad.layout != torch.strided or p.is_complex():
        raise RuntimeError("the reference of AdamATan2 takes no sparse gradients and no complex parameters")
    if not state:
        state["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
        state["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
        state["exp_avg_sq"] = torch.zeros_like(p, memory_format=torch.preserve_format)
    state["step"] += 1
    t, lr, (beta1, beta2) = int(state["step"]), float(group["lr"]), group["betas"]
    wide = torch.promote_types(p.dtype, torch.float32)
    x, g, m, v = [one.to(wide) for one in (p, p.grad, state["exp_avg"], state["exp_avg_sq"])]
    x = x * (1 - lr * group["weight_decay"])
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    x = x - lr / (1 - beta1**t) * torch.atan2(m, v.sqrt() / math.sqrt(1 - beta2**t))
    p.copy_(x)
    state["exp_avg"].copy_(m)
    state["exp_avg_sq"].copy_(v)
