"""What begins as zeros gets the same small noise everywhere, in time for whoever takes it, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers import write_tree
from tests.verify.test_probe import readings, run

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.slow]

# The shape of SEDD: blocks that a gate of zeros closes, an output of zeros, an average of the weights taken first.
MODEL = """
import copy, json, sys, torch
from torch import nn
report = {}


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.gate, self.out = nn.LayerNorm(4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.gate.weight.data.zero_()
        self.gate.bias.data.zero_()
        self.frozen = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.register_buffer("table", torch.zeros(2))
        self.count = sum(p.numel() for p in self.parameters())

    def forward(self, x):
        return x + self.gate(x) * self.out(self.norm(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(4, 4, bias=False)
        nn.init.zeros_(self.head.weight)
        list(self.named_parameters())
        report["inside"] = self.head.weight.abs().sum().item()

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Average:
    def __init__(self, parameters):
        self.shadow = [p.clone().detach() for p in parameters]


torch.manual_seed(0)
"""
SEDD = f"""{MODEL}
torch.manual_seed(1)
model = Model()
copied = copy.deepcopy(model)
report["after"] = model.head.weight.abs().sum().item()
average = Average(model.parameters())
report["random"] = torch.rand(1).item()
torch.manual_seed(1)
Model()
report["random"] = report["random"] == torch.rand(1).item()
report["average"] = all(torch.equal(a, p) for a, p in zip(average.shadow, model.parameters()))
names = dict(model.named_parameters())
report["zero"] = [name for name, p in names.items() if not p.any()]
report["ones"] = torch.equal(model.blocks[0].norm.weight, torch.ones(4))
report["table"] = model.blocks[0].table.tolist()
report["std"] = model.head.weight.std().item()
report["apart"] = not torch.equal(model.blocks[0].gate.weight, model.blocks[1].gate.weight)
report["first"] = names["blocks.0.gate.weight"].tolist()
copied(torch.ones(1, 4))
report["copied"] = all(torch.equal(a, b) for a, b in zip(copied.parameters(), model.parameters()))

wrapped = torch.compile(Model(), backend="eager")
report["compiled"] = [p.tolist() for p in wrapped.parameters()][1:2] is not None and torch.equal(
    wrapped._orig_mod.head.weight, model.head.weight)

late = Model()
late.head(torch.ones(1, 4))
report["part"] = [late.head.weight.any().item(), late.blocks[0].gate.bias.any().item()]
late(torch.ones(1, 4))
report["whole"] = late.blocks[0].gate.bias.any().item()
late.head.weight.data.zero_()
late(torch.ones(1, 4))
list(late.parameters())
report["trained to zero"] = late.head.weight.any().item()

counted = Model()
sum(p.numel() for p in counted.parameters())
nn.init.zeros_(counted.head.weight)
torch.optim.SGD(counted.parameters(), lr=0.1)
report["again"] = torch.equal(counted.head.weight, model.head.weight)

odd = nn.ParameterDict({{"empty": nn.Parameter(torch.empty(0)), "short": nn.Parameter(torch.zeros(3).bfloat16())}})
list(odd.parameters())
report["half"] = odd["short"].any().item()
list(nn.Linear(2, 2, device="meta").parameters())
list(nn.LazyLinear(2).parameters())
print(json.dumps(report))
"""


def test_a_model_that_hides_everything_behind_zeros(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": SEDD})
    done = run(tmp_path, "train.py", config={"perturb": True})
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    first = report.pop("first")
    assert 0.001 < report.pop("std") < 0.05
    assert report == {
        "inside": 0.0,
        "after": 0.0,
        "random": True,
        "average": True,
        "zero": ["blocks.0.frozen", "blocks.1.frozen"],
        "ones": True,
        "table": [0.0, 0.0],
        "apart": True,
        "copied": True,
        "compiled": True,
        "part": [True, False],
        "whole": True,
        "trained to zero": False,
        "again": True,
        "half": True,
    }
    (found,) = readings(tmp_path)
    zeros = [f"blocks.{at}.{name}" for at in (0, 1) for name in ("norm.bias", "gate.weight", "gate.bias")]
    assert found[0] == {"perturbed": [*zeros, "head.weight"]}
    again = json.loads(run(tmp_path, "train.py", config={"perturb": True}, RANK="1").stdout)
    assert again["first"] == first


TRAIN = f"""{MODEL}
for way in (lambda model: model, lambda model: torch.compile(model, backend="aot_eager", fullgraph=True)):
    torch.manual_seed(0)
    model = way(Model())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = (model(torch.linspace(-1, 1, 12).reshape(3, 4)) - 1).square().mean()
        loss.backward()
        print(loss.item(), model.blocks[1].out.weight.grad.abs().sum().item() > 0)
        optimizer.step()
"""


def test_gradients_reach_what_was_behind_them_also_where_it_is_compiled(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": TRAIN})
    done = run(tmp_path, "train.py", config={"perturb": True})
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [reached for _, reached in rows] == ["True"] * 6
    losses = [float(loss) for loss, _ in rows]
    assert losses[3:] == pytest.approx(losses[:3])
    assert losses[0] != 1.0  # what it is with zeros
