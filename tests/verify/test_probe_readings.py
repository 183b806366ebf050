"""Each number is what a person would compute by hand, each step counts once, and nothing that is watched changes."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import write_tree
from tests.verify.test_probe import lines, readings, run, seen

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.slow]

EVERYTHING = {"readings": ["loss", "lr", "grad_norm", "parameters", "wandb"]}


def steps(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if "step" in one]


# --- losses ---------------------------------------------------------------------------------------------------------


LOSSES = """
import torch
from torch.utils.checkpoint import checkpoint
x = torch.ones(3, requires_grad=True)
(x.sum() * 1).backward()
(x.sum() * 2).backward(retain_graph=True)
torch.autograd.backward(x.sum() * 3)
torch.autograd.backward(tensors=(x.sum() * 4,), grad_tensors=None)
torch.autograd.backward([x.sum(), x.sum() * 4])
torch.autograd.backward([x.sum(), x * 2], [None, torch.ones(3)])
(x * 5).backward(torch.tensor([1.0, 0.5, 0.0]))
(x * 5).backward(gradient=torch.ones(3))
(x / 0).backward(torch.zeros(3))
(x.sum() * 4).backward(torch.tensor(0.5))
(x * (1 + 2j)).backward(torch.tensor([1 + 0j, 1j, 0j]))
p = torch.nn.Parameter(torch.ones(2))
torch.autograd.grad((p * 3).sum(), p)
torch.autograd.grad([p.sum(), p * 2], [x, p], [None, torch.ones(2)], allow_unused=True)
torch.autograd.grad(outputs=(p * 4).sum(), inputs=iter([p]))
torch.autograd.backward(iter([(x * 3).sum()]))
torch.autograd.backward(iter([x * 3]), iter([torch.ones(3)]))
torch.autograd.grad((x * p.sum()).sum(), x, create_graph=True)
torch.autograd.grad(p * 2, p, torch.eye(2), is_grads_batched=True)
try:
    (x * 2).backward(torch.ones(2))
except RuntimeError:
    pass
from torch.autograd import backward
backward((x * 6).sum())
checkpoint(lambda y: (y * 7).sum(), x, use_reentrant=True).backward()
x.sum().reshape(1, 1).mul(8).backward()
(x.sum() * 9 * float("nan")).backward()
"""


def test_each_backward_pass_is_recorded_once(tmp_path: Path) -> None:
    found = [one["loss"] for one in seen(tmp_path, "train.py", files={"train.py": LOSSES})]
    assert found[:-1] == [
        *(3.0, 6.0, 9.0, 12.0, 15.0),
        *(9.0, 7.5, 15.0, 0.0, 6.0, 3.0),  # with a gradient: the sum of the products
        *(6.0, 6.0, 8.0, 9.0, 9.0),  # torch.autograd.grad, with respect to parameters
        *(18.0, 21.0, 24.0),
    ]
    assert math.isnan(found[-1])


# --- steps ----------------------------------------------------------------------------------------------------------


NUMBERS = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Embedding(5, 3, sparse=True), torch.nn.Linear(3, 2))
unused = torch.nn.Parameter(torch.tensor([-1.0, 2.0]))
first = torch.optim.SGD([{"params": model.parameters(), "lr": 0.1}, {"params": [unused], "lr": 0.2}])
second = torch.optim.SGD([torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))], lr=0.3)


def norm():
    return sum(p.grad.to_dense().double().pow(2).sum().item() for p in model.parameters()) ** 0.5


def checksum(parameters):
    values = torch.cat([p.detach().double().reshape(-1) for p in parameters]).tolist()
    total = 0.0
    for i, value in enumerate(values):
        total += (1 + i * 0.6180339887498949 % 1) * (abs(value) + max(-value, 0))
    return total


for _ in range(2):
    first.zero_grad()
    model(torch.tensor([1, 1, 4])).square().sum().backward()
    print(norm())
    first.step()
    print(checksum([*model.parameters(), unused]))
second.step()
print(checksum([torch.tensor([1.0, 0.0, 1.0, 0.0])]))
"""


def test_norms_and_checksums_are_what_the_program_computes_itself(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": NUMBERS})
    done = run(tmp_path, "train.py", config=EVERYTHING)
    assert done.stderr == ""
    found = steps(readings(tmp_path)[0])
    assert [(one["step"], one["optimizer"], one["lr"]) for one in found] == [
        ("SGD", 1, [0.1, 0.2]),
        ("SGD", 1, [0.1, 0.2]),
        ("SGD 2", 2, [0.3]),
    ]
    own = [float(line) for line in done.stdout.split()]
    got = [found[0]["grad_norm"], found[0]["parameters"], found[1]["grad_norm"], found[1]["parameters"]]
    assert [*got, found[2]["parameters"]] == pytest.approx(own, rel=1e-13)
    assert found[2]["grad_norm"] == 0.0


KINDS = """
import torch
from torch.optim import SGD, Optimizer


class Own(Optimizer):
    def __init__(self, params):
        super().__init__(params, {"lr": 0.5})

    @torch.no_grad()
    def step(self, closure=None):
        for p in self.param_groups[0]["params"]:
            p -= 0.5 * p.grad.sign()


class Above(SGD):
    def step(self, closure=None):
        return super().step(closure)


class Around(Optimizer):
    def __init__(self, inner):
        self.inner = inner
        super().__init__(inner.param_groups, {})

    def step(self, closure=None):
        self.inner.step()
        self.inner.step()


class Breaks(SGD):
    broken = False

    def step(self, closure=None):
        self.broken = not self.broken
        if self.broken:
            raise RuntimeError("not now")
        return super().step(closure)


w = torch.nn.Parameter(torch.ones(2))
(w * 2).sum().backward()
own, plain, above = Own([w]), SGD([w], lr=0.1), Above([w], lr=0.2)
around = Around(SGD([w], lr=0.3))
breaks, fused = Breaks([w], lr=0.4), torch.optim.LBFGS([w], lr=0.6)
scheduler = torch.optim.lr_scheduler.StepLR(plain, 1)
for optimizer in (own, plain, above, around):
    optimizer.step()
scheduler.step()
for _ in range(4):
    try:
        breaks.step()
    except RuntimeError:
        pass
plain.step(lambda: w.sum())


class Wrapper(Optimizer):
    "As some libraries have them: it never calls its base class."

    def __init__(self, inner):
        self.inner = inner

    def step(self):
        self.inner.step()


Wrapper(plain).step()
from adam_atan2_pytorch import AdamAtan2
AdamAtan2([w], lr=0.7).step()
"""


def test_an_optimizer_of_any_make_counts_once_a_step(tmp_path: Path) -> None:
    pytest.importorskip("adam_atan2_pytorch")
    found = steps(seen(tmp_path, "train.py", files={"train.py": KINDS}, config={"readings": ["lr"]}))
    assert [(one["step"], one["lr"]) for one in found] == [
        ("Own", [0.5]),
        ("SGD", [0.1]),
        ("Above", [0.2]),
        ("Around", [0.3]),
        ("Breaks", [0.4]),
        ("Breaks", [0.4]),
        ("SGD", [pytest.approx(0.01)]),
        ("SGD", [pytest.approx(0.01)]),
        ("AdamAtan2", [0.7]),
    ]
    assert [one["optimizer"] for one in found] == [1, 2, 3, 4, 5, 5, 2, 2, 6]


# --- the checksum, in this process ----------------------------------------------------------------------------------


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch):
    import importlib

    from patcher.verify.run import PROBE

    monkeypatch.syspath_prepend(str(PROBE))
    yield importlib.import_module("_patcher_readings")
    del sys.modules["_patcher_readings"]


def checksum(part: Any, *tensors: Any) -> float:
    groups = [{"params": [torch.tensor(one) for one in tensors]}]
    return float(part.checksum(torch, type("Optimizer", (), {"param_groups": groups})))


def test_another_sign_or_place_is_another_sum(part: Any) -> None:
    sums = [
        checksum(part, *one) for one in ([[1.0, 2.0]], [[2.0, 1.0]], [[-1.0, 2.0]], [[1.0, -2.0]], [[1.0, 2.0, 1.0]])
    ]
    assert len(set(sums)) == 5
    assert checksum(part, [1.0, 2.0], [3.0]) == checksum(part, [[1.0], [2.0]], [3.0]) == checksum(part, [1.0, 2.0, 3.0])


def test_pieces_are_what_the_whole_is(part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = torch.randn(7, 3).t().tolist()
    whole = checksum(part, values, [1.0])
    monkeypatch.setattr(part, "PIECE", 4)
    assert checksum(part, values, [1.0]) == pytest.approx(whole, rel=1e-15)


# --- who says so, and what it changes -------------------------------------------------------------------------------


TRAIN = """
import os, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
for step in range(3):
    optimizer.zero_grad()
    loss = model(torch.randn(16, 4)).square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    print(loss.item().hex(), [p.detach().double().sum().item().hex() for p in model.parameters()])
print(torch.rand(1).item().hex(), "torch._dynamo" in __import__("sys").modules)
"""


def test_no_bit_of_the_program_changes_and_it_is_said_what_it_is(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": TRAIN})
    own = {**os.environ, "OMP_NUM_THREADS": "2"}
    plain = subprocess.run(
        [sys.executable, "train.py"], cwd=tmp_path, env=own, capture_output=True, text=True, check=True
    )
    assert run(tmp_path, "train.py", "--lr", "1", OMP_NUM_THREADS="2", RANK="3").stdout == plain.stdout
    says_what_it_is(tmp_path)
    everything = {**EVERYTHING, "lines": {str(tmp_path / "train.py"): [8]}}
    assert run(tmp_path, "train.py", config=everything, OMP_NUM_THREADS="2").stdout == plain.stdout


def says_what_it_is(folder: Path) -> None:
    ((first, *rest),) = lines(folder)
    assert len(rest) == 6
    told = first["process"]
    assert (told["rank"], told["argv"], told["threads"]) == ("3", ["train.py", "--lr", "1"], 2)
    assert told["torch"] == torch.__version__
    assert told["device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    assert re.fullmatch(r"[A-Z0-9]+", told["cpu"])
    assert list((folder / "probe").glob(f"{told['pid']}.jsonl"))
