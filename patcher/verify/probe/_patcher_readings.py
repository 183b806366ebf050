"""The numbers of a training run: what is differentiated, and every step of an optimizer.

loss         The number whose gradient is taken, by `.backward()`, or by torch.autograd.grad with respect to parameters
             (of inputs alone, as for a penalty or an attack, it is none). Of a tensor of one number that is itself; of
             one with a `gradient` the sum of the products, added up in float64; of several tensors their sum.
lr           The rate of each parameter group of an optimizer behind its step.
grad_norm    The L2 norm of all gradients of an optimizer at the beginning of its step, added up in float64.
parameters   A checksum of an optimizer's parameters behind its step, in float64. With p_i the numbers of all of its
             parameters, one after the other in the optimizer's order and each in the order of its indices:

                 sum of  w_i * (|p_i| + max(-p_i, 0)),  w_i = 1 + frac(i * 0.6180339887498949),  i = 0, 1, ...

             No term is negative, so nothing cancels; another sign or another place gives another sum.

seconds      A clock behind an optimizer's step, for how long a step takes.
memory       The most bytes that were held so far, on the GPU if one is used.

An optimizer whose step calls another's, or that of its own base class, counts as one: the outermost.
A tensor that is spread over processes counts with the part that this process holds.
"""

import functools
import math
import os
import sys
import threading
import time
import weakref

FRACTION = 0.6180339887498949
PIECE = 1 << 20  # numbers that are widened to float64 at a time


def watch(torch, recorder, readings, most=None):
    """Hook what every training loop calls; the process ends behind `most` steps, if that is given."""
    if "loss" in readings:
        watch_backward(torch, recorder)
    if not {"lr", "grad_norm", "parameters"}.isdisjoint(readings):
        watch_steps(torch, Steps(torch, recorder, readings, most))


# --- losses ---------------------------------------------------------------------------------------------------------


def watch_backward(torch, recorder):
    """Hook torch.autograd.backward, which Tensor.backward calls too, and torch.autograd.grad."""
    backward, grad = torch.autograd.backward, torch.autograd.grad
    running = getattr(torch._C, "_current_graph_task_id", lambda: -1)

    def watched(function, names, is_loss):
        @functools.wraps(function)
        def watching(*args, **kwargs):
            args, kwargs = tuple(map(held, args)), {name: held(one) for name, one in kwargs.items()}
            if running() == -1:  # else checkpointing asks for a part of a backward pass that is under way
                given = dict(zip(names, args))  # noqa: B905  (no `strict` in 3.8)
                given.update(kwargs)
                loss = differentiated(torch, given.get(names[0]), given.get(names[-1])) if is_loss(given) else None
                if loss is not None:
                    recorder.write(loss=loss)
            return function(*args, **kwargs)

        return watching

    def of_parameters(given):
        inputs = several(torch, given.get("inputs"))
        return not given.get("is_grads_batched") and any(isinstance(one, torch.nn.Parameter) for one in inputs)

    torch.autograd.backward = watched(backward, ("tensors", "grad_tensors"), lambda given: True)
    torch.autograd.grad = watched(grad, ("outputs", "inputs", "grad_outputs"), of_parameters)


def held(argument):
    """Return an argument that can be looked at and still be used, as an iterator cannot."""
    return tuple(argument) if hasattr(argument, "__next__") else argument


def several(torch, tensors):
    """Return one tensor or several as a list."""
    return [tensors] if isinstance(tensors, torch.Tensor) else list(tensors or ())


def differentiated(torch, tensors, gradients):
    """Return the number whose gradient is taken; None where torch will refuse to take one."""
    tensors, gradients = several(torch, tensors), several(torch, gradients)
    gradients += [None] * (len(tensors) - len(gradients))
    found = [product(torch, *pair) for pair in zip(tensors, gradients)]  # noqa: B905  (no `strict` in 3.8)
    return sum(found) if found and None not in found else None


def product(torch, tensor, gradient):
    """Return a tensor of one number, or the sum of a tensor's products with its gradient, where that is not zero."""
    kinds = [isinstance(one, torch.Tensor) for one in (tensor, gradient)]
    if gradient is None and kinds[0] and tensor.numel() == 1 and tensor.is_floating_point():
        return float(tensor.detach().item())
    if not all(kinds) or tensor.shape != gradient.shape or not (tensor.is_floating_point() or tensor.is_complex()):
        return None
    total = 0.0
    sides = [one if one.layout == torch.strided else one.detach().to_dense() for one in (tensor, gradient)]
    if tensor.is_complex():
        sides[1] = sides[1].to(tensor.dtype)
    for values, weights in zip(*(pieces(torch, one) for one in sides)):  # noqa: B905  (no `strict` in 3.8)
        total += float((values * weights).masked_fill(weights == 0, 0.0).sum())  # what is masked out may be infinite
    return total


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

    def __init__(self, torch, recorder, readings, most):
        self.torch, self.recorder, self.readings, self.most = torch, recorder, readings, most
        self.file = torch.optim.Optimizer.__init__.__code__.co_filename
        self.names = weakref.WeakKeyDictionary()
        self.kinds, self.made = {}, {}
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
        if "seconds" in self.readings:
            reading["seconds"] = time.monotonic()
        if "memory" in self.readings:
            reading["memory"] = peak_memory(self.torch)
        self.recorder.write(**reading)
        if self.most is not None:
            self.made[reading["step"]] = self.made.get(reading["step"], 0) + 1
            if max(self.made.values()) > self.most:  # the last one's readings are there, of all optimizers
                os._exit(0)

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


def peak_memory(torch):
    """Return the most bytes that this process held so far: on the GPU if it used one, else of its own memory."""
    used = torch.cuda.max_memory_reserved() if torch.cuda.is_initialized() else 0
    if used:
        return used
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource  # on Linux its peak begins with that of the process which started this one

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


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
