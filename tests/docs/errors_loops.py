"""Why a loop must stay, and what is wrong with a `vectorize` step. Scenes by their row."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.docs.errors_recipes import step
from tests.docs.scenes import Play, Scene
from tests.helpers import Result

__all__ = ["LOOPS", "STEPS_OF_LOOPS"]

PROOF = "proof: {of: a.py::f, cases: cases.py}"
STEP = f"vectorize: for $T in $N\nalready: nothing($$$)\nlocal: [nothing]\n{PROOF}"
APPENDED = "outs.append(x[:, t] * 2)"


def loop(
    *body: str,
    over: str = "for t in range(x.shape[1])",
    first: str = "outs = []",
    last: str = "return torch.stack(outs, dim=1)",
    arguments: str = "x",
    above: str = "import torch\n",
    below: str = "",
) -> Play:
    """Batch a loop of these lines in a function of a file."""
    lines = [*first.splitlines(), f"{over}:", *(f"    {line}" for one in body for line in one.splitlines()), last]
    text = f"{above}\ndef f({arguments}):\n" + "".join(f"    {line}\n" for line in lines) + below
    return lambda scene: scene.tree(text).steps(STEP).check()


def module(made: str, *body: str, below: str = "") -> Play:
    """Batch a loop of these lines in a module whose `__init__` has this line."""
    lines = ["def __init__(self):", f"    {made}", "def f(self, x):", "    outs = []"]
    lines += ["    for t in range(x.shape[1]):", *(f"        {line}" for line in body or [CALLED])]
    lines += ["    return torch.stack(outs, dim=1)"]
    text = "from torch import nn\nimport torch\nclass N(nn.Module):\n" + "".join(f"    {line}\n" for line in lines)
    return lambda scene: scene.tree(text + below).steps(STEP).check()


CALLED = "outs.append(self.m(x[:, t]))"


def calls(*helper: str, call: str = "help(x[:, t])") -> Play:
    """Batch a loop that calls a function of its file."""
    return loop(f"outs.append({call})", below="\n" + "".join(f"{line}\n" for line in helper))


def _python(scene: Scene, script: str) -> Path:
    path = scene.folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def proves(script: str) -> Play:
    """Prove the loops of a tree with a Python of its own kind."""
    text = f"import torch\n\ndef f(x):\n    outs = []\n    for t in range(x.shape[1]):\n        {APPENDED}\n    return torch.stack(outs, 1)\n"

    def play(scene: Scene) -> Result:
        python = _python(scene, script.replace("PYTHON", sys.executable))
        return scene.tree(text).run("loops", "tree", "--prove", "--python", python)

    return play


STEPS_OF_LOOPS: dict[str, Play] = {
    "`vectorize` of no loop": step(f"vectorize: while $X\nalready: f($$$)\n{PROOF}"),
    "`vectorize` without `already`": step(f"vectorize: for $T in $N\n{PROOF}"),
    "`vectorize` without `proof`": step("vectorize: for $T in $N\nalready: f($$$)"),
    "a loop whose batched code was not proved": loop(APPENDED),
    "`loops --python` without `--prove`": lambda scene: scene.tree("").run("loops", "tree", "--python", "python"),
    "`loops --prove` with a Python without torch": proves('exec PYTHON -S "$@"'),
    "`loops --prove` with a Python that is none": proves("echo cannot; exit 3"),
}

LOOPS: dict[str, Play] = {
    "a loop that carries a name": loop("h = torch.tanh(x[:, t] + h)", "outs.append(h)", first="h, outs = 0, []"),
    "a loop whose variable is a number": loop("outs.append(x[:, t] * t)"),
    "a loop with a `break`": loop("if x.shape[0] > 2:\n    break", APPENDED),
    "a loop with a `try`": loop("try:\n    outs.append(x[:, t])\nexcept ValueError:\n    pass"),
    "a loop in a `try`": loop(
        f"    {APPENDED}",
        over="try:\n        for t in range(x.shape[1])",
        last="except ValueError:\n        pass\n    return torch.stack(outs, dim=1)",
    ),
    "a loop with an `else`": loop(APPENDED, last="else:\n        pass\n    return torch.stack(outs, dim=1)"),
    "a loop that reads a tensor as a number": loop("outs.append(x[:, t] * x[0, t].item())"),
    "a loop that makes a number of a tensor": loop("outs.append(x[:, t] * float(x[0, t]))"),
    "a loop that takes a builtin of a tensor": loop("outs.append(x[:, t] * max(x[0, t], x[1, t]))"),
    "a loop that takes `math` of a tensor": loop(
        "outs.append(x[:, t] * math.sin(x[0, t]))", above="import math\nimport torch\n"
    ),
    "a loop that draws at random": loop("outs.append(x[:, t] + torch.randn(3))"),
    "a loop that writes in place by a method": loop("outs.append(x[:, t].relu_())"),
    "a loop that writes in place by an operator": loop("now = x[:, t]", "now += 1", "outs.append(now)"),
    "a loop that writes in place behind a read": loop("now = x[:, t] * 1", "outs.append(now)", "now += 1"),
    "a loop that calls with `out`": loop("outs.append(torch.add(x[:, t], 1, out=x))"),
    "a loop that calls what is not known": loop("outs.append(net(x[:, t]))", arguments="x, net"),
    "a loop with a call that may do anything": loop("log(x[:, t])", APPENDED),
    "a loop that branches on a tensor": loop(
        "now = x[:, t]", "if now.sum() > 0:\n    now = now * 2", "outs.append(now)"
    ),
    "a loop that branches on its variable": loop("now = x[:, t]", "if t > 0:\n    now = now * 2", "outs.append(now)"),
    "a loop that asks for what is in a tensor": loop("now = x[:, t]", "flag = 1 in now", "outs.append(now * flag)"),
    "a loop that takes what is not followed of a tensor": loop("outs.append(x[:, t].data)"),
    "a loop that makes a function": loop("g = lambda v: v + 1", "outs.append(g(x[:, t]))"),
    "a loop with a comprehension": loop("outs.append(torch.stack([row * 2 for row in x[:, t]]))"),
    "a loop that binds inside of an expression": loop("outs.append((now := x[:, t]) * 2)"),
    "a loop that gathers nothing": loop("now = x[:, t]", "later = now * 2"),
    "a loop that gathers the same": loop("outs.append(torch.exp(y))\nz = x[:, t]", arguments="x, y"),
    "a loop that gathers several things": loop("outs.append((x[:, t], 1))"),
    "a loop that appends under a condition": loop("if x.shape[0] > 2:\n    outs.append(x[:, t])"),
    "a list that need not be empty": loop(APPENDED, first="y = 0", arguments="x, outs"),
    "a list that is made beside something else": loop(APPENDED, first="outs = []; y = 0"),
    "a write to what the function did not make": loop("y[:, t] = x[:, t]", arguments="x, y"),
    "a sum into what the function did not make": loop("total += x[:, t]", arguments="x, total"),
    "a write to what has another name": loop("y[:, t] = x[:, t]", first="y = torch.zeros_like(x)\nz = y[0]"),
    "a write to the same place in every turn": loop("y[0] = x[0, t]", first="y = torch.zeros(4)"),
    "a write to several places in a turn": loop(
        "y[:, t] = x[:, t]", "y[:, t + 1] = x[:, t]", first="y = torch.zeros(2, 9, 3)"
    ),
    "a write through two subscripts": loop("y[0][t] = x[0, t]", first="y = torch.zeros(4, 4)"),
    "a write to an attribute": loop("x.grad = x[:, t]"),
    "a value that is read behind the loop": loop(
        "now = x[:, t] * 2", "outs.append(now)", last="return torch.stack(outs, dim=1), now"
    ),
    "a range with a step": loop(APPENDED, over="for t in range(0, x.shape[1], 2)"),
    "a range without an end": loop(APPENDED, over="for t in range()"),
    "a range that begins anywhere": loop(APPENDED, over="for t in range(n, x.shape[1])", arguments="x, n"),
    "a range that may end before it begins": loop(APPENDED, over="for t in range(x.shape[1] - n)", arguments="x, n"),
    "a range whose part may end before it begins": loop(APPENDED, over="for t in range(n - 1)", arguments="x, n: int"),
    "a range that ends where data says": loop(APPENDED, over="for t in range(n.max())", arguments="x, n"),
    "a range that ends at a tensor": loop(APPENDED, over="for t in range(torch.zeros(3))"),
    "an `enumerate` from another number": loop("outs.append(row)", over="for t, row in enumerate(x, 1)"),
    "a `zip` that is not taken apart": loop("outs.append(rows[0])", over="for rows in zip(x, x)"),
    "a loop that takes apart what it is over": loop(
        "outs.append(a)", over="for a, b in x", arguments="x: torch.Tensor"
    ),
    "a loop over `unbind`": loop("outs.append(row)", over="for row in x.unbind(1)"),
    "a loop over what need not be a tensor": loop("outs.append(row * 2)", over="for row in x"),
    "an index before the first": loop("outs.append(x[:, t] - x[:, t - 1])"),
    "the variable twice in a subscript": loop("outs.append(x[t, t])"),
    "a part of a length that changes": loop("outs.append(x[:, :t].sum(1))"),
    "a part at a place that changes": loop("outs.append(x[:, t:2 * t].sum(1))"),
    "an item of what need not be a tensor": loop(
        "outs.append(x[t] * 2)", over="for t in range(n)", arguments="x, n: int"
    ),
    "an item of a list": loop("outs.append(both[t] * 2)", first="outs = []\nboth = [x, x]"),
    "several statements on a line": loop("now = x[:, t]; outs.append(now)"),
    "a text over several lines": loop('now = """\n"""', APPENDED),
    "a property": module(
        "self.m = 0", "outs.append(x[:, t] * self.p)", below="    @property\n    def p(self):\n        return 1\n"
    ),
    "a module that takes each turn for a batch": module("self.m = nn.BatchNorm1d(3)"),
    "a module that draws at random in training": module("self.m = nn.Dropout(0.1)"),
    "a module that is not known": module("self.m = nn.LSTM(3, 3)"),
    "a module for each turn": module(
        "self.m = nn.ModuleList([nn.Linear(3, 3) for _ in range(4)])", "outs.append(self.m[t](x[:, t]))"
    ),
    "a module without a `forward`": module("self.m = Other()", below="class Other(nn.Module):\n    pass\n"),
    "a function that takes anything": calls("def help(*values):", "    return values[0]"),
    "a function with a decorator": calls("@wrapped", "def help(value):", "    return value * 2"),
    "a function with too many arguments": calls("def help():", "    return 1"),
    "a function that calls itself": calls("def help(value):", "    return help(value)"),
    "a function with a `global`": calls("def help(value):", "    global n", "    n = 1", "    return value"),
    "a function that is handed `self`": module(
        "self.n = 0",
        "self.n += 1",
        "outs.append(help(self, x[:, t]))",
        below="def help(one, value):\n    return value\n",
    ),
}
