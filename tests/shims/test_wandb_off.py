"""wandb_off: what training code calls of wandb, without wandb, and nothing comes of it."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers import ROOT


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / "recipes" / "shims"))
    sys.modules.pop("wandb_off", None)
    yield importlib.import_module("wandb_off")
    sys.modules.pop("wandb_off", None)


def test_a_whole_run(wandb: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = wandb.init(
        project="p", name="n", config={"lr": 1.0}, tags=["a"], settings=wandb.Settings(_disable_stats=True)
    )
    assert wandb.run is run
    wandb.watch(None, log="all")
    wandb.log({"loss": 2.0}, step=3)
    wandb.log({"loss": 1.0, "image": wandb.Image(None)})
    assert (run.name, run.project, run.step, run.summary["loss"]) == ("n", "p", 4, 1.0)
    wandb.finish()
    assert wandb.run is None
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("config", [{"lr": 2}, argparse.Namespace(lr=2)])
def test_a_config_gives_back_what_it_was_given(wandb: Any, config: object) -> None:
    run = wandb.init(config=config)
    assert (run.config.lr, run.config["lr"], wandb.config.lr, dict(run.config)) == (2, 2, 2, {"lr": 2})
    run.config.update({"lr": 3}, allow_val_change=True)
    run.config.batch = 4
    assert dict(wandb.config) == {"lr": 3, "batch": 4}
    assert not hasattr(run.config, "epochs")


def test_a_second_run_begins_anew(wandb: Any) -> None:
    wandb.init(config={"lr": 1})
    wandb.log({"loss": 1})
    assert dict(wandb.init().config) == {}
    assert dict(wandb.summary) == {}


def test_as_a_context(wandb: Any) -> None:
    with wandb.init() as run:
        run.log({"a": 1})
    assert wandb.run is None


def test_logging_without_a_run_is_an_error_as_in_wandb(wandb: Any) -> None:
    with pytest.raises(RuntimeError, match=r"wandb\.init"):
        wandb.log({"a": 1})


@pytest.mark.parametrize("name", ["Api", "sweep", "agent", "restore", "use_artifact"])
def test_what_would_come_from_the_server_is_refused_by_name(wandb: Any, name: str) -> None:
    with pytest.raises(NotImplementedError, match=name):
        getattr(wandb, name)("x")
    with pytest.raises(NotImplementedError):
        wandb.init().use_artifact("x")


def test_a_table_keeps_its_rows(wandb: Any) -> None:
    table = wandb.Table(columns=["a", "b"], data=[[1, 2]])
    table.add_data(3, 4)
    assert (table.columns, table.data) == (["a", "b"], [[1, 2], [3, 4]])


def test_a_file_as_config_is_refused(wandb: Any) -> None:
    with pytest.raises(NotImplementedError, match="load it and give wandb a dict"):
        wandb.init(config="config.yaml")


def test_its_names_are_names_of_wandb(wandb: Any) -> None:
    real = pytest.importorskip("wandb")
    assert [name for name in wandb.__all__ if not hasattr(real, name)] == []
    assert [name for name in wandb.__all__ if not hasattr(wandb, name)] == []


def test_the_grammar_is_that_of_python_3_8() -> None:
    import ast

    ast.parse((ROOT / "recipes" / "shims" / "wandb_off.py").read_text(), feature_version=(3, 8))
