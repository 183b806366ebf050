"""The HRM miniature is broken where the real tree is, and the tiny dataset is what its docstring says."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURE = ROOT / "fixtures" / "hrm"
TINY_DATASET = ROOT / "recipes" / "hrm" / "checks" / "tiny_dataset.py"
SPLITS = {"train": (80, 640), "test": (3, 24)}  # groups, examples


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment, timeout=120
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    pytest.importorskip("numpy")
    folder = tmp_path_factory.mktemp("tiny")
    done = run(TINY_DATASET, folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("file", "literal", "count"),
    [
        ("pretrain.py", "from adam_atan2 import AdamATan2\n", 1),
        ("pretrain.py", "            lr=0,  # the schedule sets it before every step\n", 2),
        ("pretrain.py", 'with torch.device("cuda"):', 3),
        ("pretrain.py", 'device="cuda")', 1),
        ("pretrain.py", ".cuda() for ", 2),
        ("pretrain.py", "pin_memory=True", 1),
        ("pretrain.py", 'dist.init_process_group(backend="nccl")', 1),
        ("pretrain.py", 'torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))', 1),
        ("pretrain.py", "    if dist.is_initialized():\n        dist.destroy_process_group()\n", 1),
        ("evaluate.py", 'map_location="cuda"', 2),
        ("evaluate.py", 'dist.init_process_group(backend="nccl")', 1),
        ("evaluate.py", 'torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))', 1),
        ("models/layers.py", "    from flash_attn import flash_attn_func  # type: ignore[import]\n", 1),
        ("models/layers.py", ".view(", 2),
        ("requirements.txt", "adam-atan2\n", 1),
        ("requirements.txt", "numpy", 0),
    ],
)
def test_the_places_that_the_recipe_is_about_are_there(file, literal, count):
    assert (FIXTURE / file).read_text(encoding="utf-8").count(literal) == count


def test_the_files_are_ordinary_utf8_without_carriage_returns():
    for name, data in contents(FIXTURE).items():
        if "__pycache__" not in name:
            assert b"\r" not in data and data.endswith(b"\n") and not data.startswith(b"\xef\xbb\xbf"), name
            data.decode("utf-8")
    assert not (FIXTURE / "models" / "__init__.py").exists()


def test_models_is_imported_absolutely_as_the_real_tree_does():
    sources = "".join(path.read_text(encoding="utf-8") for path in FIXTURE.rglob("*.py"))
    assert "from models.common import" in sources
    assert not re.search(r"^\s*from \.", sources, re.MULTILINE)


@pytest.mark.train
@pytest.mark.slow
def test_the_pristine_fixture_fails_at_the_optimizer_import(dataset):
    pytest.importorskip("torch")
    if importlib.util.find_spec("adam_atan2"):
        pytest.skip("adam_atan2 is installed here")
    done = run(FIXTURE / "pretrain.py", f"data_path={dataset}")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'adam_atan2'"
    assert done.stdout == ""


def test_the_dataset_is_the_same_every_time(dataset, tmp_path):
    assert run(TINY_DATASET, tmp_path).returncode == 0
    assert contents(tmp_path) == contents(dataset)


def test_the_dataset_script_wants_one_folder():
    pytest.importorskip("numpy")
    done = run(TINY_DATASET)
    assert done.returncode == 1
    assert done.stderr.strip() == "usage: tiny_dataset.py OUTDIR"


@pytest.mark.parametrize("split", SPLITS)
def test_the_dataset_has_the_shapes_that_its_docstring_gives(dataset, split):
    numpy = pytest.importorskip("numpy")
    groups, examples = SPLITS[split]
    shapes = {
        "inputs": ((examples, 16), "uint8"),
        "labels": ((examples, 16), "uint8"),
        "puzzle_identifiers": ((examples,), "int32"),
        "puzzle_indices": ((examples + 1,), "int32"),
        "group_indices": ((groups + 1,), "int32"),
    }
    arrays = {name: numpy.load(dataset / split / f"all__{name}.npy") for name in shapes}
    assert {name: (array.shape, str(array.dtype)) for name, array in arrays.items()} == shapes

    metadata = json.loads((dataset / split / "dataset.json").read_text())
    assert metadata == {
        "pad_id": 0,
        "ignore_label_id": 0,
        "blank_identifier_id": 0,
        "vocab_size": 12,
        "seq_len": 16,
        "num_puzzle_identifiers": 3,
        "total_groups": groups,
        "mean_puzzle_examples": 1.0,
        "sets": ["all"],
    }
    assert arrays["inputs"].min() == 1
    assert arrays["inputs"].max() == metadata["vocab_size"] - 1
    assert arrays["group_indices"][-1] == arrays["puzzle_indices"][-1] == examples


def test_a_label_is_the_token_of_a_position_that_the_identifier_fixes(dataset):
    numpy = pytest.importorskip("numpy")
    arrays = {
        (split, name): numpy.load(dataset / split / f"all__{name}.npy")
        for split in SPLITS
        for name in ("inputs", "labels", "puzzle_identifiers")
    }
    orders = set()
    for identifier in (1, 2):
        inputs, labels = (
            numpy.concatenate([arrays[s, name][arrays[s, "puzzle_identifiers"] == identifier] for s in SPLITS])
            for name in ("inputs", "labels")
        )
        agrees = (labels[:, :, None] == inputs[:, None, :]).all(axis=0)  # [label position, input position]
        assert (agrees.sum(axis=1) == 1).all()
        order = tuple(agrees.argmax(axis=1))
        assert sorted(order) == list(range(16))
        orders.add(order)
    assert len(orders) == 2


def test_the_test_split_shares_no_example_with_the_training_split(dataset):
    numpy = pytest.importorskip("numpy")
    train, test = (numpy.load(dataset / split / "all__inputs.npy") for split in SPLITS)
    assert not {row.tobytes() for row in train} & {row.tobytes() for row in test}


@pytest.mark.parametrize(
    ("epochs", "batch"),
    [
        pytest.param(epochs, batch, id=f"epochs={epochs} global_batch_size={batch}")
        for epochs, batch in ((2, 16), (1, 8))
    ],
)
def test_the_settings_in_the_docstring_give_ten_steps(dataset, epochs, batch):
    metadata = json.loads((dataset / "train" / "dataset.json").read_text())
    examples = epochs * metadata["total_groups"] * metadata["mean_puzzle_examples"]
    assert examples / batch == 10
    assert f"epochs={epochs} eval_interval=" in TINY_DATASET.read_text(encoding="utf-8")
