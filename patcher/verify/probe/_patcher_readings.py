"""The numbers of a training run: what backward is called on, and every step of an optimizer.

grad_norm    The L2 norm of all gradients of an optimizer at the beginning of its step, added up in float64.
parameters   A checksum of an optimizer's parameters behind its step, in float64. With p_i the numbers of all of its
             parameters, one after the other in the optimizer's order and each in the order of its indices:

                 sum of  w_i * (|p_i| + max(-p_i, 0)),  w_i = 1 + frac(i * 0.6180339887498949),  i = 0, 1, ...

             No term is negative, so nothing cancels; another sign or another place gives another sum.

An optimizer whose step calls another's, or that of its own base class, counts as one: the outermost.
A tensor that is spread over processes counts with the part that this process holds.
"""

import functools
import math
import sys
import threading
import weakref

FRACTION = 0.6180339887498949
PIECE = 1 << 20  # numbers that are widened to float64 at a time


def watch(torch, recorder, readings):
    """Hook what every training loop calls."""
    if "loss" in readings:
        watch_backward(torch, recorder)
    if not {"lr", "grad_norm", "parameters"}.isdisjoint(readings):
        watch_steps(torch, Steps(torch, recorder, readings))


# --- losses ---------------------------------------------------------------------------------------------------------


def watch_backward(torch, recorder):
    """Hook torch.autograd.backward, which Tensor.backward calls too."""
    backward = torch.autograd.backward
    running = getattr(torch._C, "_current_graph_task_id", lambda: -1)

    @functools.wraps(backward)
    def watched(*args, **kwargs):
        if running() == -1:  # else checkpointing asks for a part of a backward pass that is under way
            loss = scalar(torch, args[0] if args else kwargs.get("tensors"))
            if loss is not None:
                recorder.write(loss=loss)
        return backward(*args, **kwargs)

    torch.autograd.backward = watched


def scalar(torch, tensors):
    """Return the number that a backward pass begins with, the sum of several; None for tensors of more numbers."""
    tensors = [tensors] if isinstance(tensors, torch.Tensor) else list(tensors or ())
    single = [isinstance(one, torch.Tensor) and one.numel() == 1 and one.is_floating_point() for one in tensors]
    return sum(float(one.detach().item()) for one in tensors) if single and all(single) else None


# --- steps ----------------------------------------------------------------------------------------------------------


def watch_steps(torch, steps):
    """Hook the steps of all optimizers."""
    try:
        from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
    except ImportError:  # torch before 2.0: the losses are seen, the steps are not
        return
    # Making an optimizer already loads what this decorator does.
    outside = getattr(torch, "_disable_dynamo", lambda function: function)
    register_optimizer_step_pre_hook(outside(lambda optimizer, args, kwargs: steps.before(optimizer)))
    register_optimizer_step_post_hook(outside(lambda optimizer, args, kwargs: steps.after(optimizer)))


class Steps:
    """Records each step of each optimizer."""

    def __init__(self, torch, recorder, readings):
        self.torch, self.recorder, self.readings = torch, recorder, readings
        self.file = torch.optim.Optimizer.__init__.__code__.co_filename
        self.names = weakref.WeakKeyDictionary()
        self.kinds = {}
        self.now = threading.local()

    def before(self, optimizer):
        """Note that a step begins."""
        # A step that raised never came to its end; then the frame it ran in is none of those that led here.
        frames = self.frames()
        if any(frame is getattr(self.now, "frame", None) for frame in frames):
            self.now.depth += 1
            return
        self.now.frame, self.now.depth = next(iter(frames), None), 1
        self.now.norm = gradient_norm(self.torch, optimizer) if "grad_norm" in self.readings else None

    def after(self, optimizer):
        """Record a step that has ended, unless another one called it."""
        self.now.depth -= 1
        if self.now.depth:
            return
        self.now.frame = None
        reading = self.name(optimizer)
        if "lr" in self.readings:
            rates = (group.get("lr") for group in optimizer.param_groups)
            reading["lr"] = [float(rate) for rate in rates if rate is not None]  # Adafactor may have none
        if "grad_norm" in self.readings:
            reading["grad_norm"] = self.now.norm
        if "parameters" in self.readings:
            reading["parameters"] = checksum(self.torch, optimizer)
        self.recorder.write(**reading)

    def frames(self):
        """Return the frames of this thread, the innermost first, in which an optimizer runs hooks and a step."""
        frame, found = sys._getframe(1), []
        while frame is not None:
            if frame.f_code.co_filename == self.file:
                found.append(frame)
            frame = frame.f_back
        return found

    def name(self, optimizer):
        """Return what an optimizer is called: its class with a number, and its place among all that have stepped."""
        if optimizer not in self.names:
            kind = type(optimizer).__name__
            count = self.kinds[kind] = self.kinds.get(kind, 0) + 1
            self.names[optimizer] = (kind if count == 1 else "%s %d" % (kind, count), sum(self.kinds.values()))
        step, ordinal = self.names[optimizer]
        return {"step": step, "optimizer": ordinal}


def gradient_norm(torch, optimizer):
    """Return the norm of all gradients; a parameter without one is left out."""
    total = 0.0
    for parameter in parameters(optimizer):
        if parameter.grad is not None:
            for piece in pieces(torch, parameter.grad):
                total += float((piece * piece).sum())
    return math.sqrt(total)


def checksum(torch, optimizer):
    """Return the checksum that the head of this file defines."""
    total, begin = 0.0, 0
    for parameter in parameters(optimizer):
        for piece in pieces(torch, parameter):
            places = torch.arange(begin, begin + piece.numel(), dtype=torch.float64, device=piece.device)
            weights = 1 + torch.frac(places * FRACTION)
            total += float((weights * (piece.abs() + (-piece).clamp(min=0))).sum())
            begin += piece.numel()
    return total


def parameters(optimizer):
    """Return the parameters of all groups, in their order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def pieces(torch, tensor):
    """Yield the numbers of a tensor in order, in float64, without a graph."""
    with torch.no_grad():
        tensor = tensor.detach()
        if hasattr(tensor, "to_local"):
            tensor = tensor.to_local()
        if tensor.layout != torch.strided:
            tensor = (tensor.coalesce() if tensor.layout == torch.sparse_coo else tensor).values()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.device.type == "mps":  # it has no float64
            tensor = tensor.cpu()
        for piece in tensor.reshape(-1).split(PIECE):
            yield piece.to(torch.float64)
