"""A plant stands on whichever entry the tree calls, in place before the tree can take hold of it."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from patcher.syntax.shims import stamp
from patcher.verify.run import PROBE
from tests.helpers import ROOT, Result, write_tree
from tests.tiny import Tiny, replace
from tests.verify.test_probe import readings, run

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

SHIM = (ROOT / "recipes/shims/flash_attn_torch/__init__.py").read_bytes()
COPY = stamp("flash_attn_torch/__init__.py", SHIM).decode()
PACKED = (ROOT / "recipes/shims/flash_attn_torch/packed.py").read_text().replace("from . import flash_attn_func\n", "")
PLANTS = ("float64", "scale-1", "causal-flipped", "no-transpose", "values-only", "heads-mixed", "across-batch")


class Kept:
    """Keeps in memory what the probe would write."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def once(self, **reading: Any) -> None:
        self.found += [reading] if reading not in self.found else []


@pytest.fixture
def plants(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(PROBE))
    yield importlib.import_module("_patcher_plants")
    for name in [name for name in sys.modules if name.startswith("_patcher_")]:
        del sys.modules[name]


def module(tmp_path: Path, text: str, name: str):
    """Load a file as a module that nobody else has."""
    path = tmp_path / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def inputs(count: int, *shape: int):
    torch.manual_seed(0)
    return [torch.randn(shape, requires_grad=True) for _ in range(count)]


# --- in one process -------------------------------------------------------------------------------------------------


def test_the_names_are_read_without_torch(plants) -> None:
    assert (*sorted(plants.WRONG), plants.REFERENCE) == (*sorted(PLANTS[1:]), PLANTS[0])


def test_the_names_are_those_that_there_are(plants) -> None:
    assert set(importlib.import_module("_patcher_attention").BY_NAME) == {*plants.WRONG, plants.REFERENCE}


@pytest.mark.parametrize("plant", PLANTS)
def test_each_plant_changes_the_shim_and_nothing_else_of_it(plants, tmp_path, plant) -> None:
    shim, kept = module(tmp_path, COPY, "copied"), Kept()
    q, k, v = inputs(3, 2, 5, 4, 8)
    right = shim.flash_attn_func(q, k, v, 0.0, None, True)
    rest = {name: value for name, value in vars(shim).items() if not name.startswith("flash_attn")}
    plants.plant_flash(shim, plant, kept)
    got = shim.flash_attn_func(q, k, v, 0.0, None, True)
    assert kept.found == [{"attention": "flash_attn_func"}, {"planted": True}]
    assert ((got - right).abs().max() < 1e-6) == (plant == "float64")
    assert got.is_contiguous()
    got.sum().backward()
    assert {name: value for name, value in vars(shim).items() if not name.startswith("flash_attn")} == rest


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_packed_is_planted_and_counts_under_its_own_name(plants, tmp_path, plant) -> None:
    shim, kept = module(tmp_path, f"{COPY}\n{PACKED}", "copied"), Kept()
    (qkv,) = inputs(1, 2, 5, 3, 4, 8)
    plants.plant_flash(shim, plant, kept)
    expected = shim.flash_attn_func(*qkv.unbind(2), causal=True)
    assert torch.equal(shim.flash_attn_qkvpacked_func(qkv, 0.0, None, True), expected)
    assert torch.equal(shim.flash_attn_kvpacked_func(qkv[:, :, 0], qkv[:, :, 1:], causal=True), expected)
    assert [one["attention"] for one in kept.found if "attention" in one] == [
        "flash_attn_func",
        "flash_attn_qkvpacked_func",
        "flash_attn_kvpacked_func",
    ]


def test_a_planted_function_keeps_its_name_and_its_arguments(plants, tmp_path) -> None:
    import inspect

    shim = module(tmp_path, COPY, "copied")
    before = inspect.signature(shim.flash_attn_func)
    plants.plant_flash(shim, "float64", Kept())
    assert (shim.flash_attn_func.__name__, inspect.signature(shim.flash_attn_func)) == ("flash_attn_func", before)
    with pytest.raises(TypeError, match="takes 11 positional arguments, but 12 were given"):
        shim.flash_attn_func(*range(12))


def test_planting_twice_is_planting_once(plants, tmp_path) -> None:
    shim = module(tmp_path, COPY, "copied")
    plants.plant_flash(shim, "float64", Kept())
    first = shim.flash_attn_func
    plants.plant_flash(shim, "float64", Kept())
    assert shim.flash_attn_func is first


def test_a_cache_for_generation_is_left_as_it_is_with_what_it_calls(plants, tmp_path) -> None:
    text = f"{COPY}\n\ndef flash_attn_with_kvcache(q, k, v):\n    return flash_attn_func(q, k, v)\n"
    shim, kept = module(tmp_path, text, "copied"), Kept()
    given = inputs(3, 2, 5, 4, 8)
    right = shim.flash_attn_func(*given)
    plants.plant_flash(shim, "scale-1", kept)
    assert torch.equal(shim.flash_attn_with_kvcache(*given), right)
    assert kept.found == []
    assert not torch.equal(shim.flash_attn_func(*given), right)


def test_flash_attention_3_has_another_order(plants, tmp_path) -> None:
    text = "def flash_attn_func(q, k, v, softmax_scale=None, causal=False, qv=None, window_size=(-1, -1)):\n    pass\n"
    other, shim = module(tmp_path, text, "three"), module(tmp_path, COPY, "copied")
    given = inputs(3, 2, 5, 4, 8)
    plants.plant_flash(other, "float64", Kept())
    expected = shim.flash_attn_func(*given, softmax_scale=0.3, causal=True)
    torch.testing.assert_close(other.flash_attn_func(*given, 0.3, True), expected)


@pytest.mark.parametrize(
    ("name", "first", "is_one"),
    [
        ("flash_attn_torch/__init__.py", None, True),
        ("flash_attn_torch/bert_padding.py", None, True),
        ("flash_attn_torch.py", None, True),
        ("adam_atan2_torch.py", None, False),
        ("flash_attn_torch_2.py", None, False),
        ("", "# by hand\n", False),
    ],
)
def test_a_copy_is_known_by_its_stamp(plants, tmp_path, name, first, is_one) -> None:
    text = first or stamp(name, b"a = 1\n").decode()
    assert plants.is_copy(module(tmp_path, text, "copied"), "flash_attn_torch") is is_one


# --- in a process of its own ----------------------------------------------------------------------------------------


# Torch's function under each name that a tree may have for it, and flash-attn's from a copy, however it is imported.
MODEL = """
import json, sys, torch
import torch.nn.functional as F
from torch.nn.functional import scaled_dot_product_attention
from torch import nn
torch.manual_seed(0)
q = torch.randn(2, 5, 4, 8)
first = q.transpose(1, 2)
found = {}
found["F"] = F.scaled_dot_product_attention(first, first, first).transpose(1, 2)
found["name"] = scaled_dot_product_attention(first, first, first).transpose(1, 2)
found["C"] = torch._C._nn.scaled_dot_product_attention(first, first, first).transpose(1, 2)
if len(sys.argv) > 1:
    from deep.er.layers import attend, lazily
    from flash_attn import flash_attn_func
    found["copy"], found["lazily"], found["real"] = attend(q, q, q), lazily(q, q, q), flash_attn_func(q, q, q)
    import unstamped.flash_attn_torch
    found["by hand"] = unstamped.flash_attn_torch.flash_attn_func(q, q, q)
    torch.manual_seed(1)
    x = torch.randn(2, 3, 8)
    found["module"] = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x, need_weights=False)[0]
print(json.dumps({name: value.tolist() for name, value in found.items()}))
"""
TREE = {
    "model.py": MODEL,
    "deep/er/flash_attn_torch/__init__.py": "from .parts import *\nfrom .parts import flash_attn_func\n",
    "deep/er/flash_attn_torch/parts.py": stamp("flash_attn_torch/parts.py", SHIM).decode(),
    "deep/er/layers.py": """
from .flash_attn_torch import flash_attn_func


def attend(q, k, v):
    return flash_attn_func(q, k, v)


def lazily(q, k, v):
    from deep.flash_attn_torch import flash_attn_func
    return flash_attn_func(q, k, v)
""",
    "deep/flash_attn_torch/__init__.py": COPY,
    "flash_attn/__init__.py": "from flash_attn.flash_attn_interface import flash_attn_func\n",
    "flash_attn/flash_attn_interface.py": SHIM.decode(),
    "unstamped/flash_attn_torch.py": "def flash_attn_func(q, k, v):\n    return q\n",
}


def outputs(folder: Path, plant: str | None, *words: str, **config: Any) -> dict[str, Any]:
    done = run(folder, "model.py", *words, config={**config, "plant": plant}, PYTHONDONTWRITEBYTECODE="1")
    assert done.returncode == 0, done.stderr
    return {name: torch.tensor(value) for name, value in json.loads(done.stdout).items()}


@pytest.mark.slow
def test_every_way_to_an_entry_leads_to_what_is_planted(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    plain = outputs(tmp_path, None, "all")
    assert readings(tmp_path) == []
    reference = outputs(tmp_path, None, "all", reference=["attention"])
    assert {"planted": True} in readings(tmp_path)[0]
    for name, value in reference.items():
        torch.testing.assert_close(value, plain[name], rtol=1e-6, atol=1e-6)
    assert not torch.equal(reference["F"], plain["F"])
    planted = outputs(tmp_path, "scale-1", "all", reference=["attention"])
    same = {name for name, value in planted.items() if torch.allclose(value, plain[name], atol=1e-5)}
    assert same == {"by hand"}
    assert all(torch.equal(planted[name], planted["F"]) for name in ("name", "C", "copy", "lazily", "real"))
    found = readings(tmp_path)[0]
    names = ["scaled_dot_product_attention", "flash_attn_func"]
    assert found == [{"attention": names[0]}, {"planted": True}, {"attention": names[1]}]


COMPILED = """
import sys, torch
from flash_attn_torch import flash_attn_func
torch.manual_seed(0)
layer = torch.nn.Linear(8, 8)
x = torch.randn(2, 5, 4, 8)


def both(x):
    first = layer(x)
    second = torch.nn.functional.scaled_dot_product_attention(first, first, first, is_causal=True)
    return flash_attn_func(second, first, first, causal=True)


results = []
for function in (both, torch.compile(both, fullgraph=True, backend=sys.argv[1])):
    out = function(x)
    layer.zero_grad()
    out.square().mean().backward()
    results.append((out.detach(), layer.weight.grad.clone()))
for one, other in zip(*results):
    torch.testing.assert_close(one, other)
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.full)])
def test_a_plant_is_compiled_as_a_whole(tmp_path: Path, backend: str) -> None:
    write_tree(tmp_path, {"model.py": COMPILED, "flash_attn_torch/__init__.py": COPY})
    done = run(tmp_path, "model.py", backend, config={"plant": "causal-flipped"})
    assert done.stdout == "equal\n", done.stderr
    (found,) = readings(tmp_path)
    assert [one for one in found if "loss" not in one] == [
        {"attention": "scaled_dot_product_attention"},
        {"planted": True},
        {"attention": "flash_attn_func"},
    ]


# --- through the command line ---------------------------------------------------------------------------------------


# Two layers in fp32: one attends to itself, one to keys of another length.
CROSSED = """
import torch
from torch.nn.functional import scaled_dot_product_attention
torch.manual_seed(0)
own, other = torch.nn.Linear(8, 24), torch.nn.Linear(8, 16)
optimizer = torch.optim.SGD([*own.parameters(), *other.parameters()], lr=0.1)
x, context = torch.randn(3, 5, 8), torch.randn(3, 7, 8)


def heads(x):
    return x.unflatten(-1, (2, -1)).transpose(1, 2)


def attend(q, k, v, **options):
    return scaled_dot_product_attention(heads(q), heads(k), heads(v), **options).transpose(1, 2).flatten(2)


for step in range(2):
    q, k, v = own(x).chunk(3, -1)
    y = attend(q, k, v) if SELF else q
    y = y + attend(y, *other(context).chunk(2, -1), dropout_p=DROPOUT)
    loss = y.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def recorded(tiny: Tiny, text: str, *options: str) -> Result:
    check = {
        "id": "train",
        "why": "because",
        "run": ["python", "train.py"],
        "environment": {"OMP_NUM_THREADS": "1"},
        "reference": "attention",
        "golden": "golden.json",
    }
    tiny.files({"train.py": text}).recipe(replace("abs($X)", "round($X)"), checks=[check])
    python = ("--allow-run", "--python", sys.executable)
    return tiny.patcher("verify", tiny.tree, "-r", tiny.file, *python, "--record", *options)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own", "unfit"), [("True", set()), pytest.param("False", {"no-transpose", "across-batch"}, marks=pytest.mark.full)]
)
def test_an_attention_to_other_keys_can_be_recorded(tiny: Tiny, own: str, unfit: set[str]) -> None:
    result = recorded(tiny, CROSSED.replace("SELF", own).replace("DROPOUT", "0.0"))
    assert result.code == 0, result.stderr
    seen = json.loads((tiny.folder / "golden.json").read_text())["seen"]
    assert {name for name, how in seen.items() if how["first"] == "does not apply"} == unfit
    assert {name for name, how in seen.items() if how["first"] == "loss 1"} == set(PLANTS[1:]) - unfit


@pytest.mark.slow
def test_dropout_is_a_sentence_that_names_the_call(tiny: Tiny) -> None:
    result = recorded(tiny, CROSSED.replace("SELF", "True").replace("DROPOUT", "0.1"))
    assert result.code == 2
    line = 1 + CROSSED[: CROSSED.index("return scaled_dot")].count("\n")
    assert f"scaled_dot_product_attention was called with dropout (train.py:{line})" in result.stderr
    assert "Traceback" not in result.stderr
