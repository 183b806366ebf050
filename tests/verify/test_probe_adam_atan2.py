"""The reference of AdamATan2 agrees with the shim, and either continues what the other began."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patcher.syntax.shims import stamp
from tests.helpers import ROOT, write_tree
from tests.verify.test_probe import readings, run

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.slow]

SHIM = (ROOT / "recipes/shims/adam_atan2_torch.py").read_bytes()
TRAIN = """
import json, torch
from models.adam_atan2_torch import AdamATan2
results = []
for dtype, begin in [(dtype, begin) for dtype in (torch.float32, torch.float64, torch.bfloat16) for begin in (0, 5)]:
    torch.manual_seed(0)
    layer, unused = torch.nn.Linear(3, 2).to(dtype), torch.nn.Parameter(torch.ones(2))
    optimizer = AdamATan2([*layer.parameters(), unused], lr=0.05, weight_decay=0.1)
    if begin:
        optimizer.load_state_dict(torch.load("saved.pt"))
    for _ in range(5):
        optimizer.zero_grad()
        loss = optimizer.step(lambda: layer(torch.linspace(-1, 1, 12, dtype=dtype).reshape(4, 3)).square().sum())
        loss.backward()
        optimizer.step()
    state = optimizer.state[layer.weight]
    kinds = {name: str(value.dtype) for name, value in state.items()}
    results.append([float(state["step"]), kinds, *[one.detach().double().tolist() for one in (
        layer.weight, layer.bias, state["exp_avg"], state["exp_avg_sq"])]])
    torch.save(optimizer.state_dict(), "saved.pt")
print(json.dumps(results))
"""


def trained(folder: Path, *references: str) -> Any:
    done = run(folder, "train.py", config={"reference": references}, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_takes_the_same_steps_and_leaves_the_same_state(tmp_path: Path) -> None:
    write_tree(
        tmp_path / "plain",
        {"train.py": TRAIN, "models/adam_atan2_torch.py": stamp("adam_atan2_torch.py", SHIM).decode()},
    )
    write_tree(
        tmp_path / "other",
        {"train.py": TRAIN, "models/adam_atan2_torch.py": stamp("adam_atan2_torch.py", SHIM).decode()},
    )
    plain, other = trained(tmp_path / "plain"), trained(tmp_path / "other", "adam_atan2")
    for (count, kinds, *numbers), (others, other_kinds, *other_numbers) in zip(plain, other, strict=True):
        assert (count, kinds) == (others, other_kinds)
        allowed = {"torch.float64": 1e-13, "torch.float32": 1e-6, "torch.bfloat16": 2e-2}[kinds["exp_avg"]]
        for one, two in zip(numbers, other_numbers, strict=True):
            torch.testing.assert_close(torch.tensor(one), torch.tensor(two), rtol=allowed, atol=allowed)
    assert [count for count, *_ in plain] == [5.0, 10.0] * 3
    assert plain != other
    assert not any("reference" in one for one in readings(tmp_path / "plain")[0])
    assert {"reference": "adam_atan2_torch"} in readings(tmp_path / "other")[0]
