"""The criterion for the parts of flash-attn that are not attention: that of flash-attention's own tests.

A result and the gradients err from plain maths in float64 at most twice as much as plain maths in the same dtype does.
"""

import ast
import importlib
import inspect
import itertools
import sys
from pathlib import Path

import torch

FLOAT_DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]


def dtype_name(dtype):
    return str(dtype).split(".")[1]


def results_and_gradients(function, tensors, upstream=None):
    """The outputs of a function of some tensors, and the gradients of those that have one."""
    leaves = [None if x is None else x.detach().clone().requires_grad_() for x in tensors]
    outs = function(*leaves)
    outs = outs if isinstance(outs, tuple) else (outs,)
    upstream = upstream or [torch.randn(out.shape).bfloat16() for out in outs]
    total = sum((out * g.to(out.dtype)).sum().double() for out, g in zip(outs, upstream, strict=True))
    grads = torch.autograd.grad(total, [x for x in leaves if x is not None])
    return [*outs, *grads], upstream


def assert_as_exact(function, exact, plain, *tensors):
    """All three take the tensors and give one tensor or a tuple; a tensor that is None is passed as such."""
    wanted, upstream = results_and_gradients(exact, [None if x is None else x.double() for x in tensors])
    usual, _ = results_and_gradients(plain, tensors, upstream)
    got, _ = results_and_gradients(function, tensors, upstream)
    inputs = [x for x in tensors if x is not None]
    for i, (want, same_dtype, have) in enumerate(zip(wanted, usual, got, strict=True)):
        of = i - len(got) + len(inputs)
        name = f"result {i}" if of < 0 else f"gradient of tensor {of}"
        assert have.shape == want.shape, name
        assert have.dtype == same_dtype.dtype, name
        assert have.isfinite().all(), name
        if want.numel() == 0:
            continue
        # Above a floor of a few roundings of the largest value, as plain maths may be exact by luck.
        roundings = 1 if have.dtype in (torch.bfloat16, torch.float16) else 16
        floor = roundings * torch.finfo(have.dtype).eps * max(1.0, want.abs().max().item())
        allowed = 2 * (same_dtype.double() - want).abs().max().item() + floor
        error = (have.double() - want).abs().max().item()
        assert error <= allowed, f"{name}: error {error:.2e}, allowed {allowed:.2e}"


def grid(**axes):
    """Every combination, as dicts: for a test that walks them by itself."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def signature(function):
    """`name` or `name=default` of each parameter, self left out."""
    text = [str(p.replace(annotation=p.empty)) for p in inspect.signature(function).parameters.values()]
    return ", ".join(one for one in text if one != "self")


def shapes(module):
    return {name: tuple(x.shape) for name, x in module.state_dict().items()}


def assert_fit_for_other_trees(*names):
    """Python 3.8 grammar, torch and the standard library only, relative imports in the shim, a true `__all__`."""
    for name in names:
        module = importlib.import_module(name)
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))
        imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
        absolute = {a.name for node in imports if isinstance(node, ast.Import) for a in node.names}
        absolute |= {node.module for node in imports if isinstance(node, ast.ImportFrom) and node.level == 0}
        assert {one.split(".")[0] for one in absolute} - {"torch"} <= sys.stdlib_module_names
        public = {
            one.name for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef)) and one.name[0] != "_"
        }
        assert public <= set(module.__all__)
        assert all(hasattr(module, one) for one in module.__all__)
        assert ast.get_docstring(tree)
