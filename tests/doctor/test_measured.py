"""How large a batch fits, and how long a run takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.doctor.measured import GIB, Measured, free_memory, measured, told
from patcher.doctor.seen import State
from patcher.model import Check, Sizing
from patcher.recipe import load
from tests.helpers import Patcher, commit_all, write_tree

SIZING = Sizing(Check("full", "the long run", run=("python", "train.py", "batch={batch}")), batch=100, steps=1000)


def of(small: tuple[int, float, float], large: tuple[int, float, float]) -> Measured:
    return Measured(SIZING, small, large)


def test_memory_and_time_grow_evenly_with_the_batch() -> None:
    found = of((1, 1.1 * GIB, 0.2), (4, 1.4 * GIB, 0.5))
    assert found.memory(100) == pytest.approx(11 * GIB)
    assert found.seconds(100) == pytest.approx(10.1)
    assert found.fitting(6 * GIB) == 50


def test_a_step_is_never_faster_than_the_smallest() -> None:
    assert of((1, GIB, 0.5), (4, 2 * GIB, 0.4)).seconds(100) == 0.5


def test_the_batch_that_the_upstream_asks_for_fits() -> None:
    batch, time = told(of((1, 1.1 * GIB, 0.2), (4, 1.4 * GIB, 0.5)), 20 * GIB)
    assert (batch.state, batch.remedy) == (State.OK, "")
    assert batch.text == "A batch of 100 should take some 11.0 GiB, and 20.0 GiB are free (measured at 1 and 4)."
    assert time.text == "A step with a batch of 100 takes 10 s, and the long run some 3 hours."


def test_it_does_not_fit_and_a_smaller_one_takes_more_steps() -> None:
    batch, time = told(of((1, 1.1 * GIB, 0.2), (4, 1.4 * GIB, 0.5)), 5 * GIB)
    assert (batch.state, batch.remedy) == (State.MISSING, "Train with a batch of 35: batch=35")
    assert time.text == "A step with a batch of 35 takes 3.6 s, and the long run some 3 hours."


def test_a_run_that_nobody_waits_for() -> None:
    _, time = told(of((1, GIB, 300), (4, 1.3 * GIB, 1200)), 20 * GIB)
    assert time.text == "A step with a batch of 100 takes 30000 s, and the long run some 347 days."
    _, time = told(of((1, GIB, 3000), (4, 1.3 * GIB, 12000)), 20 * GIB)
    assert time.text == "A step with a batch of 100 takes 300000 s, and the long run some 10 years."


def test_the_model_alone_does_not_fit() -> None:
    batch, _ = told(of((1, 9 * GIB, 1), (4, 9.3 * GIB, 1)), 5 * GIB)
    assert (batch.state, batch.text.startswith("The model alone takes some 8.9 GiB")) == (State.MISSING, True)


def test_memory_that_is_not_seen_to_grow() -> None:
    batch, time = told(of((1, GIB, 1), (4, GIB, 1)), 2 * GIB)
    assert (batch.state, "so what fits is not known: 2.0 GiB are free." in batch.text) == (State.ADVICE, True)
    assert time.text.startswith("A step with a batch of 100 takes")


def test_some_memory_is_free() -> None:
    assert 0 < free_memory() < float("inf") or sys.platform != "linux"


TRAINER = """
import sys, torch
batch = int(sys.argv[1])
net = torch.nn.Linear(64, 64)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(100):
    net(torch.ones(batch * 1024 * 128, 64)).sum().backward()
    optimizer.step()
    print(step, flush=True)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return commit_all(write_tree(tmp_path / "tree", {"train.py": TRAINER, "old.py": "import b\nb.f(1)\n"}))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    sizes = [
        {"id": "full", "why": "the long run", "run": ["python", "{tree}/train.py", "{batch}"], "batch": 96, "steps": 10}
    ]
    step = {"id": "f", "why": "w", "replace": "b.f($X)", "with": "b.g($X)", "effect": "unreached"}
    text = {"recipe": "mine", "summary": "s", "upstream": {"repository": "x"}, "steps": [step], "sizes": sizes}
    write_tree(tmp_path / "mine", {"recipe.yaml": json.dumps(text)})
    return tmp_path / "mine" / "recipe.yaml"


def test_a_copy_is_trained_for_some_steps(recipe: Path, tree: Path) -> None:
    loaded = load(str(recipe))
    found = measured(loaded, loaded.sizes[0], Checkout.open(tree), sys.executable, "cpu")
    assert isinstance(found, Measured)
    assert (found.small[0], found.large[0]) == (1, 4)
    assert found.large[1] > found.small[1] > 0
    assert found.small[2] > 0


def test_the_memory_is_that_of_the_trained_process_and_not_of_what_started_it(recipe: Path, tree: Path) -> None:
    loaded = load(str(recipe))
    ballast = bytearray(1 << 30)
    ballast[:: 1 << 12] = b"x" * len(ballast[:: 1 << 12])  # every page, so that it is held
    found = measured(loaded, loaded.sizes[0], Checkout.open(tree), sys.executable, "cpu")
    assert isinstance(found, Measured)
    assert found.large[1] < len(ballast)


def test_what_cannot_be_measured_says_why(recipe: Path, tree: Path) -> None:
    (tree / "train.py").write_text("raise SystemExit('no data')\n")
    loaded = load(str(recipe))
    found = measured(loaded, loaded.sizes[0], Checkout.open(tree), sys.executable, "cpu")
    assert found == "full could not be measured: at a batch of 1 it ended with exit code 1 after 0 steps (no data)."


def test_it_is_measured_only_when_asked(patcher: Patcher, recipe: Path, tree: Path) -> None:
    assert patcher("apply", tree, "-r", recipe).code == 0
    told = patcher("doctor", tree, "-r", recipe, "--python", sys.executable)
    assert "How large a batch fits, and how long the long run takes, was not measured." in told.out
    assert f"patcher doctor {tree} --measure" in told.out
    told = patcher("doctor", tree, "-r", recipe, "--python", sys.executable, "--measure")
    assert (told.code, "read its sizes, then give --allow-run" in told.stderr) == (2, True)
    told = patcher("doctor", tree, "-r", recipe, "--python", sys.executable, "--measure", "--allow-run")
    assert "A batch of 96 " in told.out


def test_what_is_not_patched_is_not_measured(patcher: Patcher, recipe: Path, tree: Path) -> None:
    told = patcher("doctor", tree, "-r", recipe, "--python", sys.executable, "--measure", "--allow-run")
    assert "Nothing was measured: that is done on a copy of the patched tree, and mine is not applied." in told.out
    assert f"patcher apply {tree} --recipe {recipe.parent}\n" in told.out
