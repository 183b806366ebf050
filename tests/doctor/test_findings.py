"""Every row of what a machine may lack: told when it is missing, with its remedy, and fine when it is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patcher.checkout import Checkout
from patcher.detect import detect
from patcher.doctor.findings import findings, worst
from patcher.doctor.machine import Imported, Machine
from patcher.doctor.seen import Finding, Seen, State
from patcher.doctor.wants import Wanted, wants
from patcher.recipe import bundled_root, load
from tests.helpers import fixture_tree, write_tree

CPU = {"torch": "2.13.0+cpu", "compiler": "/usr/bin/g++"}


def told(
    tree: Path, about: str, *imports: Imported, recipes: tuple[str, ...] = (), variables: Any = None, **has: Any
) -> list[Finding]:
    """Return what is found about one thing on a machine that has something."""
    checkout = Checkout.open(tree)
    machine = Machine("python", "3.11.7", 8, imports, **{**CPU, **has})
    fits = detect([load(name) for name in recipes], checkout, bundled_root() / "shims")
    found = findings(Seen("tree", checkout, wants(checkout), machine, fits, variables or {}, tree))
    return [one for one in found if one.about == about]


def imported(module: str, **told: Any) -> Imported:
    return Imported(Wanted(module, "a.py:1"), **told)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path, {"a.py": "import torch\nx = 1\n", "requirements.txt": "torch\neinops>=0.7\na.b\n"})


# --- packages -------------------------------------------------------------------------------------------------------


def test_a_package_that_is_not_installed(tree: Path) -> None:
    (one,) = told(tree, "einops", imported("einops", error="ModuleNotFoundError: x", absent="einops"))
    assert (one.state, one.text) == (State.MISSING, "einops is not installed, and a.py:1 imports it.")
    assert one.remedy == "python -m pip install einops"


@pytest.mark.parametrize(
    ("package", "distribution"), [("hydra", "hydra-core"), ("cv2", "opencv-python"), ("a_b", "a-b"), ("numpy", "numpy")]
)
def test_a_package_is_installed_by_the_name_of_its_distribution(tree: Path, package: str, distribution: str) -> None:
    (one,) = told(tree, package, imported(package, error="ModuleNotFoundError: x", absent=package))
    assert one.remedy == f"python -m pip install {distribution}"


def test_a_name_that_the_tree_does_not_list_is_not_told_to_be_installed_blindly(tree: Path) -> None:
    (one,) = told(tree, "run_train", imported("run_train", error="ModuleNotFoundError: x", absent="run_train"))
    assert one.text == "run_train is not installed, and a.py:1 imports it."
    assert one.remedy == (
        "The tree's requirements do not list it; if PyPI's run-train is what is meant: python -m pip install run-train"
    )


def test_a_package_that_installs_and_does_not_import(tree: Path) -> None:
    lacks = imported(
        "adam_atan2",
        error="ModuleNotFoundError: No module named 'adam_atan2_backend'",
        absent="adam_atan2_backend",
        versions=(("adam-atan2", "0.0.3"),),
    )
    (one,) = told(tree, "adam_atan2", lacks)
    assert one.text == "adam-atan2 0.0.3 is installed and does not import, as a.py:1 does: it lacks adam_atan2_backend."
    assert one.remedy == (  # there is no adam-atan2-backend to be installed
        "With nvcc, compile it here: python -m pip install --no-build-isolation --no-cache-dir --no-deps "
        "--force-reinstall adam-atan2"
    )


def test_a_package_that_lacks_another_one(tree: Path) -> None:
    lacks = imported("hydra", error="ModuleNotFoundError: x", absent="einops", versions=(("hydra-core", "1.3"),))
    (one,) = told(tree, "hydra", lacks)
    assert one.text == "hydra-core 1.3 is installed and does not import, as a.py:1 does: it lacks einops."
    assert one.remedy == "python -m pip install einops"


def test_what_is_listed_and_imported_by_no_file(tree: Path) -> None:
    (one,) = told(tree, "hydra-submitit-launcher", absent=(("hydra-submitit-launcher", "environment.yml"),))
    assert (one.state, one.text, one.remedy) == (
        State.MISSING,
        "hydra-submitit-launcher is not installed, and environment.yml lists it.",
        "python -m pip install hydra-submitit-launcher",
    )


def test_the_remedy_is_the_recipe_that_does_without_the_package(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"a.py": "from adam_atan2 import AdamATan2\nAdamATan2([])\n"})
    lacks = imported("adam_atan2", error="ModuleNotFoundError: x", absent="adam_atan2")
    (one,) = told(tree, "adam_atan2", lacks, recipes=("adam-atan2",))
    assert one.remedy == "patcher apply tree --recipe adam-atan2"


def test_what_an_import_told_already_is_not_told_again(tree: Path) -> None:
    lacks = imported("hydra.utils", error="ModuleNotFoundError: x", absent="hydra")
    assert told(tree, "hydra-core", lacks, absent=(("hydra-core", "environment.yml"),)) == []


def test_an_empty_placeholder(tree: Path) -> None:
    empty = imported("flash_attn_interface", missing=("flash_attn_func",), versions=(("flash-attn-interface", "0.1"),))
    (one,) = told(tree, "flash_attn_interface", empty)
    assert one.state is State.MISSING
    assert "what flash-attn-interface 0.1 brings has no flash_attn_func" in one.text
    assert one.remedy == "Uninstall flash-attn-interface, and install what has flash_attn_func."


def test_a_package_is_told_once(tree: Path) -> None:
    error: dict[str, Any] = {"error": "ModuleNotFoundError: x", "absent": "lib"}
    assert len(told(tree, "lib", imported("lib", **error), imported("lib.sub", **error))) == 1


def test_packages_that_import(tree: Path) -> None:
    (one,) = told(tree, "packages", imported("einops"), imported("torch"))
    assert (one.state, one.text) == (State.OK, "2 modules that the tree imports can be imported.")


def test_no_torch(tree: Path) -> None:
    (one,) = told(tree, "torch", imported("torch", error="ModuleNotFoundError: x", absent="torch"), torch="")
    assert (one.text, one.remedy) == ("torch is not installed in python.", "python -m pip install torch")


def test_a_torch_that_does_not_load(tree: Path) -> None:
    (one,) = told(tree, "torch", imported("torch", error="OSError: libcudart.so.12"), torch="")
    assert one.text == "torch is installed and does not import (OSError: libcudart.so.12) in python."


# --- CUDA -----------------------------------------------------------------------------------------------------------


def test_a_gpu_that_torch_is_not_built_for(tree: Path) -> None:
    (one,) = told(tree, "cuda", driver="12.4")
    assert (one.state, one.text.endswith("and torch is built for the CPU.")) == (State.MISSING, True)


def test_a_driver_that_is_older_than_torch(tree: Path) -> None:
    (one,) = told(tree, "cuda", torch="2.13.0+cu130", built="13.0", driver="12.4")
    assert one.text == "torch is built for CUDA 13.0, and the driver runs CUDA up to 12.4."


def test_versions_are_compared_as_numbers(tree: Path) -> None:
    (one,) = told(tree, "cuda", torch="2.13.0+cu126", built="12.6", driver="12.10", devices=("A100",))
    assert (one.state, one.text) == (State.OK, "torch sees A100.")


def test_a_literal_on_a_machine_without_cuda(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"a.py": "import torch\ntorch.zeros(1, device='cuda')\n"})
    (one,) = told(tree, "cuda", recipes=("device",))
    assert (one.text, one.remedy) == (
        "torch sees no CUDA device, and a.py:2 asks for one.",
        "patcher apply tree --recipe device",
    )


def test_no_cuda_and_nobody_asks(tree: Path) -> None:
    (one,) = told(tree, "cuda", recipes=("device",))
    assert one.state is State.OK


@pytest.mark.parametrize(("toolkit", "count"), [("11.8", 1), ("12.1", 0), ("", 0)], ids=["another", "minor", "none"])
def test_a_cuda_compiler_of_another_release_than_torch(tree: Path, toolkit: str, count: int) -> None:
    assert len(told(tree, "nvcc", torch="2.5+cu124", built="12.4", toolkit=toolkit, devices=("A100",))) == count


# --- around the tree ------------------------------------------------------------------------------------------------


def test_a_dataset_that_is_not_built(tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    (one,) = told(tree, "data", recipes=("hrm",))
    assert one.state is State.MISSING
    assert one.remedy.startswith("cd tree && python dataset/build_sudoku_dataset.py ")
    write_tree(tree, {"data/mine/train/dataset.json": "{}"})
    (one,) = told(tree, "data", recipes=("hrm",))
    assert (one.state, one.text) == (State.OK, "data/mine/train/dataset.json is there.")


def test_no_compiler_for_torch_compile(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, {"a.py": "import torch\nm = torch.compile(m)\n"})
    (one,) = told(tree, "compiler", compiler="")
    assert (one.state, "TORCHDYNAMO_DISABLE=1" in one.remedy) == (State.MISSING, True)
    (one,) = told(tree, "compiler")
    assert one.state is State.OK


def test_nobody_compiles(tree: Path) -> None:
    assert told(tree, "compiler", compiler="") == []


@pytest.mark.parametrize(
    ("variables", "rc", "state"),
    [
        ({}, "", State.MISSING),
        ({"WANDB_MODE": "offline"}, "", State.OK),
        ({"WANDB_MODE": "online"}, "", State.MISSING),
        ({"WANDB_API_KEY": "x"}, "", State.OK),
        ({}, "machine api.wandb.ai login user password x\n", State.OK),
        ({}, "machine other.org login user password x\n", State.MISSING),
        ({}, "not a netrc {", State.MISSING),
    ],
)
def test_the_key_of_wandb(tmp_path: Path, variables: dict[str, str], rc: str, state: State) -> None:
    tree = write_tree(tmp_path, {"a.py": "import wandb\n", **({".netrc": rc} if rc else {})})
    (tmp_path / "a.py").chmod(0o644)
    if rc:
        (tmp_path / ".netrc").chmod(0o600)
    (one,) = told(tree, "wandb", variables=variables, logger=True)
    assert one.state is state


def test_no_key_is_needed_without_wandb(tmp_path: Path) -> None:
    tree = write_tree(
        tmp_path, {"a.py": "try:\n    import wandb\nexcept ImportError:\n    import wandb_off as wandb\n"}
    )
    assert told(tree, "wandb") == []
    (one,) = told(tree, "wandb", logger=True)
    assert (one.state, "a.py:2 logs to it" in one.text) == (State.MISSING, True)


@pytest.mark.parametrize(
    ("text", "asked", "state"),
    [
        ("x = 1\n", None, State.OK),
        ("x = 1\n", "4", State.OK),
        ("x = 1\n", "16", State.ADVICE),
        ("x = 1\n", "many", State.MISSING),
        ("x = 1\n", "0", State.MISSING),
        ("mp.spawn(f)\n", None, State.ADVICE),
        ("mp.spawn(f)\n", "4", State.OK),
    ],
)
def test_the_number_of_threads(tmp_path: Path, text: str, asked: str | None, state: State) -> None:
    tree = write_tree(tmp_path, {"a.py": text})
    (one,) = told(tree, "threads", variables={"OMP_NUM_THREADS": asked} if asked else {})
    assert one.state is state


def test_the_recipe_of_the_upstream(tmp_path: Path) -> None:
    tree = fixture_tree("hrm", tmp_path / "hrm")
    (one,) = told(tree, "recipe", recipes=("hrm", "device"))
    assert (one.state, one.remedy) == (State.MISSING, "patcher apply tree --recipe hrm")


def test_the_recipe_of_a_fork_is_not_offered_to_the_tree_that_it_was_forked_from(tmp_path: Path) -> None:
    tree = fixture_tree("sedd", tmp_path / "sedd")
    (one,) = told(tree, "recipe", recipes=("device", "protlig", "sedd"))
    assert one.text.startswith("sedd fits and is not applied: ")
    assert one.remedy == "patcher apply tree --recipe sedd"


def test_only_what_is_missing_asks_for_an_exit_code() -> None:
    assert worst([Finding("a", State.OK, ""), Finding("b", State.ADVICE, "")]) == 0
    assert worst([Finding("a", State.OK, ""), Finding("b", State.MISSING, "")]) == 1
