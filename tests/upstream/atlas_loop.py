"""Atlas's attention in two trees, side by side: the loop over tokens, and what stands in its place."""

from __future__ import annotations

import copy
import importlib.util
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

__all__ = ["Compared", "Shape", "compared", "loaded", "made", "shapes"]


@dataclass(frozen=True)
class Shape:
    """One configuration: the ring's size, the number of tokens, the place that the ring begins at, and the sizes."""

    window: int
    length: int
    position: int
    batch: int
    heads: int
    dim: int
    degree: int
    depth: int


@dataclass(frozen=True)
class Compared:
    """The largest error of each kind relative to its scale, and whether counter and None gradients are the same."""

    outputs: float
    gradients: float
    buffers: float
    exact: bool


def shapes(count: int, seed: int) -> list[Shape]:
    """Return random configurations with more tokens than the ring has places, which begins behind its first place."""
    draw = random.Random(seed)  # noqa: S311 (no secret)
    found = []
    for _ in range(count):
        window = draw.randint(1, 7)
        length = window + draw.randint(1, 2 * window + 3)
        sizes = (draw.randint(1, 3), draw.randint(1, 4), draw.randint(2, 6), draw.randint(1, 3), draw.randint(1, 3))
        found.append(Shape(window, length, draw.randint(1, 3 * window), *sizes))
    return found


def loaded(tree: Path, name: str) -> ModuleType:
    """Return the tree's model.py, which imports nothing of the tree, under a name of its own."""
    spec = importlib.util.spec_from_file_location(name, tree / "model.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def made(module: ModuleType, shape: Shape, seed: int = 0) -> Any:
    """Return an attention in float64, its ring filled and at its place."""
    torch.manual_seed(seed)
    config = module.AtlasConfig(
        vocab_size=11,
        hidden_size=shape.heads * shape.dim,
        num_layers=1,
        num_heads=shape.heads,
        max_seq_length=64,
        memory_depth=shape.depth,
        memory_hidden_size=5,
        polynomial_degree=shape.degree,
        context_window_size=shape.window,
    )
    attention = module.AtlasAttention(config).double()
    with torch.no_grad():
        attention.context_keys.normal_()
        attention.context_values.normal_()
        attention.context_pos.fill_(shape.position)
    return attention


def compared(loop: ModuleType, other: ModuleType, shape: Shape) -> Compared:
    """Return how far another forward is from that of the loop: outputs, gradients, buffers, counter, None gradients."""
    one, two = made(loop, shape), made(other, shape)
    state = one.state_dict()
    two.load_state_dict({name: state[name] for name in two.state_dict()}, strict=False)
    torch.manual_seed(1)
    hidden = torch.randn(shape.batch, shape.length, shape.heads * shape.dim, dtype=torch.float64)
    runs = [_run(module, copy.deepcopy(hidden)) for module in (one, two)]
    (a, grads_a, buffers_a), (b, grads_b, buffers_b) = runs
    same_none = {name for name, grad in grads_a.items() if grad is None} == {
        name for name, grad in grads_b.items() if grad is None
    }
    counter = torch.equal(buffers_a["context_pos"], buffers_b["context_pos"])
    pairs = [(grad, grads_b[name]) for name, grad in grads_a.items() if grad is not None and grads_b[name] is not None]
    rings = [(buffers_a[name], buffers_b[name]) for name in ("context_keys", "context_values")]
    return Compared(
        _apart([(a, b)]),
        max(_apart([pair]) for pair in pairs),
        max(_apart([pair]) for pair in rings),
        counter and same_none,
    )


def _run(attention: Any, hidden: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any], dict[str, torch.Tensor]]:
    hidden.requires_grad_()
    result = attention(hidden)
    torch.manual_seed(2)
    (result * torch.randn_like(result)).sum().backward()
    grads = {name: value.grad for name, value in attention.named_parameters()}
    return result.detach(), {**grads, "hidden": hidden.grad}, {k: v.detach() for k, v in attention.named_buffers()}


def _apart(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    return max(float((a - b).abs().max() / a.abs().max().clamp(min=1e-300)) for a, b in pairs)
