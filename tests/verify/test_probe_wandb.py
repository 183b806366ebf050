"""What is logged is seen whatever wandb is: the real one without an account, or a small stand-in of the tree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verify.test_probe import readings, run, seen, write_tree

CONFIG = {"readings": ["wandb"]}


def logged(folder: Path, files: dict[str, str], **environment: str) -> list[Any]:
    found = seen(folder, "train.py", files=files, config=CONFIG, **environment)
    return [one["wandb"] for one in found if "wandb" in one]


# --- a stand-in -----------------------------------------------------------------------------------------------------


FAKE = """
import sys
run = None


class Run:
    def log(self, data, step=None):
        self.last = data


class Disabled:
    def __getattr__(self, name):
        return self

    def __call__(self, *args, **kwargs):
        return self


def log(*args, **kwargs):
    raise RuntimeError("call init first")


def init(mode="online", **kwargs):
    global log, run
    run = Disabled() if mode == "disabled" else Run()
    log = run.log
    return run
"""
USES = """
import wandb
try:
    wandb.log({"early": 1})
except RuntimeError as error:
    print(error)
run = wandb.init()
wandb.log({"loss": 0.5, "step": 3, "name": "a", "flag": True, "none": None, "nested": {"deep": {"er": 2}}}, step=1)
run.log({"x": float("inf")})
run.log(data={"y": 1})
wandb.log({"text": "nothing that is a number"})
wandb.Run().log({"z": 1.5})
print(run.last)
from wandb import init
again = init(mode="disabled")
again.log({"disabled": 1})
wandb.log({"disabled": 2})
from wandb import log
log({"bound": 3})
"""


def test_a_stand_in_in_every_mode(tmp_path: Path) -> None:
    assert logged(tmp_path, {"train.py": USES, "wandb.py": FAKE}) == [
        {"early": 1.0},
        {"loss": 0.5, "step": 3.0, "nested.deep.er": 2.0},
        {"x": float("inf")},
        {"y": 1.0},
        {"z": 1.5},
        {"disabled": 1.0},
        {"disabled": 2.0},
        {"bound": 3.0},
    ]


def test_a_wandb_that_is_missing_stays_missing(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": "import sys\nsys.modules['wandb'] = None\nimport wandb\n"})
    done = run(tmp_path, "train.py", config=CONFIG)
    assert done.returncode == 1
    assert "wandb" in done.stderr.splitlines()[-1]
    assert readings(tmp_path) == []


def test_unless_it_is_asked_for_nothing_is_recorded(tmp_path: Path) -> None:
    write_tree(tmp_path, {"train.py": USES, "wandb.py": FAKE})
    assert run(tmp_path, "train.py").returncode == 0
    assert readings(tmp_path) == []


# --- the real one ---------------------------------------------------------------------------------------------------


REAL = """
import wandb, numpy, torch
from wandb import init
run = init(project="p", mode=%r, dir=".", settings=wandb.Settings(console="off", silent=True, x_disable_stats=True))
wandb.log({"loss": torch.tensor(0.5), "many": torch.ones(2), "one": numpy.float32(0.25), "n": numpy.int64(7)})
run.log({"lr": 1e-3}, commit=False)
from wandb import log
log({"ep/och": numpy.array(2.0)})
run.finish()
"""


@pytest.mark.train
@pytest.mark.slow
def test_the_real_one_stays_silent_though_the_trainer_wants_it_online(tmp_path: Path) -> None:
    for name in ("wandb", "torch", "numpy"):
        pytest.importorskip(name)
    program = """
import os, wandb
os.environ["WANDB_MODE"] = "online"
run = wandb.init(project="p", dir=".")
wandb.log({"loss": 0.5})
run.finish()
run = wandb.init(project="p", mode="online", dir=".")
run.log({"loss": 0.25})
run.finish()
"""
    assert logged(tmp_path, {"train.py": program}, WANDB_API_KEY="") == [{"loss": 0.5}, {"loss": 0.25}]


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("mode", ["disabled", "offline"])
def test_the_real_one_without_an_account(tmp_path: Path, mode: str) -> None:
    for name in ("wandb", "torch", "numpy"):
        pytest.importorskip(name)
    found = logged(tmp_path, {"train.py": REAL % mode}, WANDB_API_KEY="", WANDB_MODE=mode)
    assert found == [{"loss": 0.5, "one": 0.25, "n": 7.0}, {"lr": 0.001}, {"ep/och": 2.0}]
