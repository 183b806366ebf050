"""Modules and functions of the tree are opened, over as many files as it takes, and never edited."""

from __future__ import annotations

import pytest

from tests.syntax.loops.written import one_batched

LOOP = """from layers import Block, scaled


class Net:
    def __init__(self, dim):
        self.block = Block(dim)

    def forward(self, x):
        batch, length, dim = x.shape
        outs = []
        for t in range(length):
            outs.append({call})
        return torch.stack(outs, dim=1)


import torch
"""
LAYERS = """from torch import nn

from parts import gate


def scaled(value):
    return value * value.mean(-1, keepdim=True)


class Block(nn.Module):
    def __init__(self, dim):
        self.map = nn.Linear(dim, dim)

    def forward(self, x):
        return gate(self.map(x))
"""
PARTS = "import torch\n\n\ndef gate(x):\n    return {gate}\n"


def opened(call: str, gate: str = "torch.sigmoid(x) * x") -> str:
    return one_batched(LOOP.format(call=call), {"layers.py": LAYERS, "parts.py": PARTS.format(gate=gate)})


@pytest.mark.parametrize("call", ["self.block({})", "scaled({})"])
def test_what_computes_place_by_place_takes_all_turns_at_once(call: str) -> None:
    assert f"outs = {call.format('x')}\n" in opened(call.format("x[:, t]"))


def test_an_axis_that_is_counted_there_is_not_moved_there() -> None:
    assert "torch.func.vmap(one_turn" in opened("self.block(x[:, t])", "x.mean(1, keepdim=True) * x")


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("torch.dropout(x, 0.5, True)", "draws random numbers in every turn (`dropout`) (parts.py:5)"),
        ("x.relu_()", "writes in place (`relu_`) (parts.py:5)"),
        ("unknown(x)", "calls `unknown`, which is not known (parts.py:5)"),
        ("x if x.sum() > 0 else -x", "branches on a tensor (parts.py:5)"),
    ],
)
def test_what_must_stay_is_told_with_the_file_that_has_it(gate: str, reason: str) -> None:
    assert opened("self.block(x[:, t])", gate).endswith(reason)


def test_a_file_that_is_not_there_is_not_known() -> None:
    assert one_batched(LOOP.format(call="scaled(x[:, t])")) == "calls `scaled`, which is not known"
