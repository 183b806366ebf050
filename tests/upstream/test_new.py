"""`patcher new --from-diff` on the patches that the recipes make of the real trees: the drafts make the same trees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drafting.redrafted import redrafted
from tests.helpers import Patcher
from tests.upstream.conftest import Upstream

TREES = {
    "hrm": ("HRM", "42410daaaf6ac8b266536d105a6e2362ffe40929"),
    "sedd": ("SEDD", "0605786da5ccb5747545e26d66fdf477187598b6"),
    "trm": ("TRM", "e7b68717f0a6c4cbb4ce6fbef787b14f42083bd9"),
    "atlas": ("atlas", "248beb3e1c6148fcdca4fdae078c832e6614492b"),
}
LITERAL = {"hrm": 0, "sedd": 1, "trm": 0}  # at most so many; the rest has holes or speaks of names


@pytest.mark.slow
@pytest.mark.parametrize("name", TREES)
def test_the_patch_of_a_recipe_becomes_a_recipe_that_makes_the_same_tree(
    patcher: Patcher, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = redrafted(patcher, upstream(*TREES[name]), name)
    assert found.literal <= LITERAL.get(name, found.steps // 2 + 20)
