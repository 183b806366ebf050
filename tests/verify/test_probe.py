"""The probe sees what a program trains, however that is started, and changes nothing of it."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from patcher.verify.run import PROBE
from tests.helpers import Result, write_tree
from tests.tiny import Tiny, replace

LOOP = """
import torch


def train(steps=3):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for step in range(steps):
        loss = model(torch.ones(4, 2)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= 0.5
    return model.weight.tolist(), loss.item()
"""
MAIN = f"{LOOP}\nif __name__ == '__main__':\n    print(train())\n"


def run(
    folder: Path, *command: str, config: Mapping[str, Any] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a Python program under the probe."""
    (folder / "probe").mkdir(exist_ok=True)
    if config is not None:
        (folder / "probe" / "config.json").write_text(json.dumps(config))
    paths = os.pathsep.join((str(PROBE), *filter(None, [environment.pop("PYTHONPATH", "")])))
    known = {"PYTHONPATH": paths, "PATCHER_PROBE": str(folder / "probe"), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env={**os.environ, **known}, capture_output=True, text=True, check=False
    )


def lines(folder: Path) -> list[list[dict[str, Any]]]:
    """Return what each process wrote, the busiest first."""
    files = [file.read_text().splitlines() for file in (folder / "probe").glob("*.jsonl")]
    return sorted(([json.loads(line) for line in text] for text in files), key=len, reverse=True)


def readings(folder: Path) -> list[list[dict[str, Any]]]:
    """Return what each process was seen to do, the busiest first."""
    found = [[one for one in written if not {"process", "started"} & one.keys()] for written in lines(folder)]
    return [one for one in found if one]


def seen(
    folder: Path,
    *command: str,
    files: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    **environment: str,
) -> list[dict[str, Any]]:
    """Run a program under the probe and return what its one training process was seen to do."""
    write_tree(folder, files or {"train.py": MAIN})
    done = run(folder, *command, config=config, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (only,) = readings(folder)
    return only


def rates(found: list[dict[str, Any]], name: str = "SGD") -> list[list[float]]:
    return [one["lr"] for one in found if one.get("step") == name]


# --- without torch --------------------------------------------------------------------------------------------------


def test_a_program_without_torch_is_left_alone(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "import sys; print('torch' in sys.modules)")
    assert (done.stdout, done.stderr) == ("False\n", "")
    assert readings(tmp_path) == []


def test_a_torch_that_is_not_there_is_missed_as_ever(tmp_path: Path) -> None:
    plain = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(PROBE)!r}); import sitecustomize, torch"]
    done = subprocess.run(plain, env={"PATCHER_PROBE": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'torch'\n")


def test_looking_for_a_torch_that_is_not_there_finds_nothing(tmp_path: Path) -> None:
    look = "import sitecustomize, importlib.util as u; print(u.find_spec('torch'), u.find_spec('torch'))"
    plain = [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(PROBE)!r}); {look}"]
    done = subprocess.run(plain, env={"PATCHER_PROBE": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout == "None None\n"


def test_a_sitecustomize_of_the_environment_still_runs(tmp_path: Path) -> None:
    write_tree(tmp_path, {"own/sitecustomize.py": "import os\nos.environ['OWN'] = 'ran'\n"})
    done = run(tmp_path, "-c", "import os; print(os.environ['OWN'])", PYTHONPATH=str(tmp_path / "own"))
    assert (done.stdout, done.stderr) == ("ran\n", "")


def test_a_sitecustomize_that_fails_is_told_as_ever_and_ends_nothing(tmp_path: Path) -> None:
    write_tree(tmp_path, {"own/sitecustomize.py": "raise ValueError('own')\n"})
    done = run(tmp_path, "-c", "print('on')", PYTHONPATH=str(tmp_path / "own"))
    assert done.stdout == "on\n"
    assert "ValueError: own" in done.stderr


def test_without_its_folder_the_probe_does_nothing(tmp_path: Path) -> None:
    look = "import sys; print(any('Awaited' in type(one).__name__ for one in sys.meta_path))"
    assert run(tmp_path, "-c", look, PATCHER_PROBE="").stdout == "False\n"
    assert run(tmp_path, "-c", look).stdout == "True\n"


@pytest.mark.parametrize("path", sorted(PROBE.glob("*.py")), ids=lambda path: path.name)
def test_it_is_written_for_old_pythons(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 8))


@pytest.mark.parametrize("path", sorted(PROBE.glob("*.py")), ids=lambda path: path.name)
def test_no_module_of_a_tree_has_the_name_of_one_of_its_files(path: Path) -> None:
    assert path.name == "sitecustomize.py" or path.name.startswith("_patcher_")


def test_a_plant_that_is_not_there_ends_nothing_and_is_told(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "print('on')", config={"plant": "right"})
    assert done.stdout == "on\n"
    assert "there is no attention called right" in done.stderr


# --- with torch -----------------------------------------------------------------------------------------------------


@pytest.fixture
def with_torch() -> None:
    pytest.importorskip("torch")


@pytest.mark.slow
@pytest.mark.train
@pytest.mark.usefixtures("with_torch")
class TestSeeing:
    def test_a_plain_script(self, tmp_path: Path) -> None:
        found = seen(tmp_path, "train.py")
        assert [sorted(one) for one in found] == [["loss"], ["lr", "optimizer", "step"]] * 3
        assert rates(found) == [[0.5], [0.25], [0.125]]

    def test_a_module(self, tmp_path: Path) -> None:
        found = seen(tmp_path, "-m", "pack.train", files={"pack/__init__.py": "", "pack/train.py": MAIN})
        assert len(found) == 6

    def test_runpy(self, tmp_path: Path) -> None:
        files = {"train.py": MAIN, "go.py": "import runpy\nrunpy.run_path('train.py', run_name='__main__')\n"}
        assert len(seen(tmp_path, "go.py", files=files)) == 6

    def test_a_program_that_first_asks_whether_there_is_a_torch(self, tmp_path: Path) -> None:
        ask = "import importlib.util\nassert importlib.util.find_spec('torch') is not None\n"
        assert len(seen(tmp_path, "train.py", files={"train.py": ask * 2 + MAIN})) == 6

    def test_a_spawned_child(self, tmp_path: Path) -> None:
        start = (
            "\nif __name__ == '__main__':\n    import multiprocessing\n    child = multiprocessing.get_context('spawn')"
        )
        start += ".Process(target=train)\n    child.start()\n    child.join()\n"
        assert len(seen(tmp_path, "train.py", files={"train.py": LOOP + start})) == 6

    def test_a_forked_child_has_a_file_of_its_own(self, tmp_path: Path) -> None:
        fork = "\ntrain(1)\nimport os, sys\nif os.fork() == 0:\n    train(2)\n    os._exit(0)\nos.wait()\n"
        write_tree(tmp_path, {"train.py": LOOP + fork})
        assert run(tmp_path, "train.py").returncode == 0
        assert [len(one) for one in readings(tmp_path)] == [4, 2]

    def test_a_child_process(self, tmp_path: Path) -> None:
        files = {"train.py": MAIN, "go.py": "import subprocess, sys\nsubprocess.run([sys.executable, 'train.py'])\n"}
        assert len(seen(tmp_path, "go.py", files=files)) == 6

    def test_a_sitecustomize_that_imports_torch_itself(self, tmp_path: Path) -> None:
        files = {"train.py": MAIN, "own/sitecustomize.py": "import torch\n"}
        assert len(seen(tmp_path, "train.py", files=files, PYTHONPATH=str(tmp_path / "own"))) == 6

    def test_two_optimizers_of_one_class_are_two(self, tmp_path: Path) -> None:
        text = """
import torch
models = [torch.nn.Linear(1, 1) for _ in range(2)]
optimizers = [torch.optim.SGD(model.parameters(), lr=0.1 * (at + 1)) for at, model in enumerate(models)]
for _ in range(2):
    sum(model(torch.ones(1, 1)).sum() for model in models).backward()
    for optimizer in optimizers:
        optimizer.step()
"""
        found = seen(tmp_path, "train.py", files={"train.py": text})
        assert (rates(found), rates(found, "SGD 2")) == ([[0.1], [0.1]], [[0.2], [0.2]])

    def test_groups_with_rates_of_their_own(self, tmp_path: Path) -> None:
        text = """
import torch
model = torch.nn.Linear(1, 1)
groups = [{"params": [model.weight], "lr": 0.5}, {"params": [model.bias], "lr": 0.25}]
optimizer = torch.optim.AdamW(groups)
model(torch.ones(1, 1)).sum().backward()
optimizer.step()
"""
        assert rates(seen(tmp_path, "train.py", files={"train.py": text}), "AdamW") == [[0.5, 0.25]]

    def test_of_a_backward_pass_of_many_numbers_their_products_with_the_gradient_are_the_loss(
        self, tmp_path: Path
    ) -> None:
        text = (
            "import torch\nx = torch.ones(3, requires_grad=True)\n(x * 2).backward(torch.ones(3))\nx.sum().backward()\n"
        )
        assert seen(tmp_path, "train.py", files={"train.py": text}) == [{"loss": 6.0}, {"loss": 3.0}]

    def test_a_loss_is_exactly_what_the_program_has(self, tmp_path: Path) -> None:
        text = """
import torch
for kind in (torch.float64, torch.float32, torch.bfloat16):
    x = torch.tensor(1 / 3, dtype=kind, requires_grad=True)
    (x * 1).backward()
    print(x.item())
"""
        write_tree(tmp_path, {"train.py": text})
        done = run(tmp_path, "train.py")
        assert readings(tmp_path) == [[{"loss": float(line)} for line in done.stdout.split()]]


@pytest.mark.slow
@pytest.mark.train
@pytest.mark.usefixtures("with_torch")
class TestNothingElse:
    def test_the_program_computes_what_it_did(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"train.py": MAIN})
        plain = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert run(tmp_path, "train.py").stdout == plain.stdout

    def test_what_backward_raises_is_raised(self, tmp_path: Path) -> None:
        write_tree(tmp_path, {"train.py": "import torch\ntorch.ones(()).backward()\n"})
        done = run(tmp_path, "train.py")
        assert done.returncode == 1
        assert "does not require grad" in done.stderr

    def test_backward_keeps_its_name_and_its_arguments(self, tmp_path: Path) -> None:
        text = """
import inspect, torch
print(torch.Tensor.backward.__name__, "retain_graph" in inspect.signature(torch.Tensor.backward).parameters)
x = torch.ones((), requires_grad=True)
y = x * 2
y.backward(retain_graph=True)
y.backward()
print(x.grad.item())
"""
        write_tree(tmp_path, {"train.py": text})
        assert run(tmp_path, "train.py").stdout == "backward True\n4.0\n"

    def test_torch_is_imported_once_and_is_what_it_was(self, tmp_path: Path) -> None:
        text = (
            "import sys, torch, importlib\nassert importlib.import_module('torch') is torch is sys.modules['torch']\n"
        )
        text += "assert torch.__spec__.name == 'torch' and torch.__spec__.loader is torch.__loader__\nprint('fine')\n"
        write_tree(tmp_path, {"train.py": text})
        assert run(tmp_path, "train.py").stdout == "fine\n"


# --- through the command line ---------------------------------------------------------------------------------------


def verify(tiny: Tiny, program: str, **keys: Any) -> Result:
    check = {"id": "train", "why": "because", "run": ["python", "train.py"], "environment": {"OMP_NUM_THREADS": "1"}}
    tiny.files({"train.py": program}).recipe(replace("abs($X)", "round($X)"), checks=[{**check, **keys}])
    return tiny.patcher("verify", tiny.tree, "-r", tiny.file, "--allow-run", "--python", sys.executable)


@pytest.mark.train
@pytest.mark.usefixtures("with_torch")
class TestVerify:
    def test_a_tree_that_trains(self, tiny: Tiny) -> None:
        before = tiny.files({"train.py": MAIN}).snapshot()
        result = verify(tiny, MAIN)
        assert result.code == 0
        assert "3 steps in " in result.out.splitlines()[0]
        table = [line.split() for line in result.out.splitlines()]
        assert [words[2] for words in table if words[:1] in (["1"], ["2"], ["3"])] == ["0.5", "0.25", "0.125"]
        assert tiny.snapshot() == before

    def test_a_trainer_that_imports_torch_and_trains_nothing_has_failed(self, tiny: Tiny) -> None:
        result = verify(tiny, LOOP + "\ntrain(0) if False else None\nprint('done')\n")
        assert result.code == 4
        assert "t ended with exit code 0, yet did not train, after 0 steps" in result.out

    def test_a_trainer_that_crashes_shows_its_last_lines_and_steps(self, tiny: Tiny) -> None:
        result = verify(tiny, LOOP + "\ntrain(2)\nraise RuntimeError('CUDA out of memory')\n")
        assert result.code == 4
        assert "t ended with exit code 1 after 2 steps." in result.out
        assert result.out.endswith("  RuntimeError: CUDA out of memory\n")
