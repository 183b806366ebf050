"""The lock of a fork: what is written is read again, and anything else is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.lock import LOCK, Declined, Lock, Locked, lock_data, locked, read_lock

ONE = Locked(
    recipe="hrm",
    version="0.1.0",
    digest="d" * 64,
    parameters={"optimizer": "faithful"},
    upstream="4" * 40,
    plan="p" * 64,
    declined=(Declined("contiguous", "models/layers.py", "e" * 64, "0123"),),
    proofs={"contiguous": "a" * 64},
)
TWO = Locked("git+https://host/recipes", "0.1.0", "f" * 64, source={"url": "https://host/recipes", "commit": "5" * 40})


@pytest.mark.parametrize("lock", [Lock(), Lock((ONE,)), Lock((ONE, TWO))])
def test_what_is_written_is_read_again(lock: Lock) -> None:
    assert locked(lock_data(lock)) == lock


def test_what_is_empty_is_not_written() -> None:
    assert b"declined" not in lock_data(Lock((TWO,)))


def test_a_number_in_it_is_text() -> None:
    text = b"format: 1\nrecipes: [{recipe: a, version: 1.0, digest: 12, parameters: {rate: 1e-3}}]\n"
    assert locked(text).recipes[0] == Locked("a", "1.0", "12", {"rate": "1e-3"})


def test_an_entry_takes_the_place_of_the_one_of_its_recipe() -> None:
    newer = Locked("hrm", "0.2.0", "e" * 64)
    assert Lock((ONE, TWO)).having(newer).recipes == (newer, TWO)
    assert Lock((ONE,)).having(TWO).recipes == (ONE, TWO)


def test_a_tree_without_one_has_no_recipes(tmp_path: Path) -> None:
    assert read_lock(Checkout.open(tmp_path)) == Lock()


@pytest.mark.parametrize(
    "text", ["", "[]", "format: 1\n", "format: 9\nrecipes: []\n", "a: b: c", "\xff", "recipes: 3\nformat: 1\n"]
)
def test_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ".patcher").mkdir()
    (tmp_path / LOCK).write_bytes(text.encode("latin-1"))
    with pytest.raises(TargetError, match=r"\.patcher/lock\.yaml"):
        read_lock(Checkout.open(tmp_path))
