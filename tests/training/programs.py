"""Random programs with a loop over an axis of `x`, as the analysis of loops meets them."""

from __future__ import annotations

import random
from collections.abc import Sequence

__all__ = ["AXES", "program"]

# The axes of `x` by the one of the turns; those of the other inputs are u: B T D, w: D D, s: D, g: T, r: B D.
AXES = {0: "TBD", 1: "BTD", 2: "BDT"}
NAMES = {"T": "length", "B": "batch", "D": "size"}
READS = {0: ("x[t]", "x[t, :]"), 1: ("x[:, t]", "x[:, t, :]"), 2: ("x[..., t]", "x[:, :, t]")}
SHAPES = ("ub, ul, us = u.shape", "wr, wc = w.shape", "(sn,) = s.shape", "(gn,) = g.shape", "rn, rm = r.shape")

# What one turn computes: `{0}` and `{1}` are expressions, `{a}` an axis of two, `{i}` one of three.
OPERATIONS = (
    "torch.tanh({0})",
    "({0} + {1})",
    "({0} * {1})",
    "({0} - 0.5 * {1})",
    "F.softmax({0}, dim={a})",
    "({0} - {0}.mean({a}, keepdim=True))",
    "{0}.sum({a}).unsqueeze({b})",
    "torch.cat([{0}, {1}], dim={a})",
    "torch.stack([{0}, {1}], dim={i}).sum({i})",
    "{0}[:, :2]",
    "{0}[..., 1:]",
    "{0}[0].unsqueeze(0)",
    "{0}[:, 0:1]",
    "{0}[:1]",
    "{0}[:, None].squeeze(1)",
    "{0}[None].sum(0)",
    "{0}.transpose(0, 1)",
    "{0}.transpose(-1, -2)",
    "({0} @ w)",
    "({0} * s)",
    "({0} + u[:, t])",
    "({0} * g[t])",
    "({0} + r)",
    "{0}.cumsum({a})",
    "{0}.norm(dim={a}, keepdim=True)",
    "({0} * {1}.mean())",
    "F.pad({0}, (0, 1))[:, :-1]",
    "{0}.flip({b})",
    "{0}.unsqueeze({i}).mean({i})",
    "{0}.reshape(batch, size)",
    "{0}.reshape(-1)",
    "{0}.reshape(batch, -1)",
    "{0}.flatten(1)",
    "torch.where({0} > 0, {0}, 0.1 * {1})",
    "F.normalize({0})",
    "F.normalize({0}, dim={a})",
    "F.linear({0}, w)",
    "({0} if size > 2 else {1})",
    "torch.einsum('bd,bd->bd', {0}, {1})",
    "({0} / {0}.shape[{b}])",
    "{0}.max(dim=1, keepdim=True).values",
)


def program(draw: random.Random) -> tuple[str, int]:
    """Return a program and the axis of its turns."""
    axis = draw.choice((0, 1, 1, 1, 2))
    read = draw.choice(READS[axis])
    shapes = [one for one in SHAPES if draw.random() < 0.8]
    names = ["now"]
    body = [f"now = {read}"]
    for _ in range(draw.randint(0, 3)):
        name = draw.choice(("a", "b", "now", "c"))
        body.append(f"{name} = {_expression(draw, names)}")
        names.append(name)
    if draw.random() < 0.15:
        body += [f"if now.shape[{draw.choice((0, 1, -1))}] > 2:", "    now = now * 2"]
    before, gathers, after = _gathered(draw, read, _expression(draw, names))
    lines = [f"{', '.join(NAMES[one] for one in AXES[axis])} = x.shape", *shapes, before]
    lines += ["for t in range(length):", *(f"    {line}" for line in (*body, gathers)), after]
    head = "import torch\nimport torch.nn.functional as F\n\n\ndef f(x, u, w, s, g, r):\n"
    return head + "".join(f"    {line}\n" for line in lines), axis


def _expression(draw: random.Random, names: Sequence[str], depth: int = 0) -> str:
    if depth > 2 or draw.random() < 0.15:
        return draw.choice(names)
    form = draw.choice(OPERATIONS)
    parts = [_expression(draw, names, depth + 1) for _ in range(2)]
    axes = {"a": draw.choice((0, 1, -1, -2)), "b": draw.choice((0, 1, -1)), "i": draw.choice((0, 1, 2, -1))}
    return form.format(*parts, **axes)


def _gathered(draw: random.Random, read: str, value: str) -> tuple[str, str, str]:
    """Return the line in front of the loop, the last one of its body, and the one behind it."""
    kind = draw.choice(("stack", "stack", "stack", "cat", "list", "write", "sum", "add"))
    match kind:
        case "stack" | "cat":
            axis = draw.choice((0, 1, 2, -1) if kind == "stack" else (0, 1, -1))
            return "outs = []", f"outs.append({value})", f"return torch.{kind}(outs, dim={axis})"
        case "list":
            return "outs = []", f"outs.append({value})", "return outs"
        case "write":
            return "y = torch.zeros_like(x)", f"y{read[1:]} = {value}", "return y"
        case "sum":
            return "total = torch.zeros(1, dtype=x.dtype)", f"total = total + {value}", "return total"
    return "total = torch.zeros_like(r)", f"total += {value}", "return total"
