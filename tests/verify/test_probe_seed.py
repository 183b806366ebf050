"""A program that seeds nothing draws the same numbers again, in each of its processes, and its own seeds stay its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import write_tree
from tests.verify.test_probe import run

DRAWS = """
import json, os, sys
def draws():
    import random, numpy, torch
    return [random.random(), numpy.random.rand(), torch.rand(1).item()]
"""


def drawn(folder: Path, program: str, seed: int | None = 7) -> Any:
    """Return what a program prints as JSON."""
    write_tree(folder, {"train.py": DRAWS + program, "part.py": DRAWS})
    done = run(folder, "train.py", config={"seed": seed, "readings": []})
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_pythons_own_numbers_without_any_package(tmp_path: Path) -> None:
    program = "import random\nprint(json.dumps([random.random(), random.gauss(0, 1)]))\n"
    assert drawn(tmp_path, program) == drawn(tmp_path, program)
    assert drawn(tmp_path, program, seed=8) != drawn(tmp_path, program)


@pytest.mark.parametrize("seed", [None, 7])
def test_without_a_seed_nothing_is_seeded(tmp_path: Path, seed: int | None) -> None:
    program = "import random\nprint(json.dumps(random.random()))\n"
    assert (drawn(tmp_path, program, seed) == drawn(tmp_path, program, seed)) is (seed is not None)


def test_a_forked_child_begins_with_the_seed_again(tmp_path: Path) -> None:
    # Python's own random takes another seed there, of its own accord.
    program = """
import random, multiprocessing
def child(queue):
    queue.put(random.random())
first = random.random()
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
for _ in range(2):
    process = context.Process(target=child, args=(queue,))
    process.start()
    process.join()
print(json.dumps([first, queue.get(), queue.get(), random.random()]))
"""
    first, one, two, next_of_parent = drawn(tmp_path, program)
    assert (one, two) == (first, first)
    assert next_of_parent != first


def test_a_seed_of_the_program_is_its_own(tmp_path: Path) -> None:
    program = "import random\nrandom.seed(1)\nprint(json.dumps(random.random()))\n"
    assert drawn(tmp_path, program) == drawn(tmp_path, program, seed=8) == drawn(tmp_path, program, seed=None)


@pytest.mark.train
@pytest.mark.slow
class TestPackages:
    @pytest.fixture(autouse=True)
    def packages(self) -> None:
        pytest.importorskip("torch")
        pytest.importorskip("numpy")

    def test_all_three_are_seeded_as_their_own_functions_do(self, tmp_path: Path) -> None:
        program = """
import random, numpy, torch
found = draws()
random.seed(7), numpy.random.seed(7), torch.manual_seed(7)
print(json.dumps([found, draws()]))
"""
        found, expected = drawn(tmp_path, program)
        assert found == expected

    def test_the_order_of_imports_does_not_matter(self, tmp_path: Path) -> None:
        late = "import torch\ntorch.rand(5)\nprint(json.dumps(draws()[:2]))\n"
        early = "import random, numpy, torch\nprint(json.dumps(draws()[:2]))\n"
        assert drawn(tmp_path, late) == drawn(tmp_path, early)

    def test_every_spawned_process_draws_the_same_however_many_there_are(self, tmp_path: Path) -> None:
        program = """
import multiprocessing, part
def main(count):
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        return pool.starmap(part.draws, [()] * count, chunksize=1)
if __name__ == "__main__":
    print(json.dumps([draws(), *main(1), *main(1)]))
"""
        first, *others = drawn(tmp_path, program)
        assert others == [first, first]

    def test_a_generator_without_a_seed_stays_without(self, tmp_path: Path) -> None:
        program = "import numpy\nprint(json.dumps(numpy.random.default_rng().random()))\n"
        assert drawn(tmp_path, program) != drawn(tmp_path, program)
