"""A fork of the real HRM, taken from each tested commit to the newest, with edits of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers import Patcher, git, snapshot

Upstream = Callable[[str, str], Path]

NEWEST = "42410daaaf6ac8b266536d105a6e2362ffe40929"
FIRST, SECOND = "bd6222774edcec1608a6842d0b06a637a4acef59", "171e2fcde636bcb7e6c0073a9983ed5252f04753"
OPTIMIZERS = ("adam-atan2-pytorch", "faithful", "adam")
EDITS = (
    ("pretrain.py", "import math\n", "import math  # ours\n"),
    ("README.md", "# Hierarchical Reasoning Model\n", "# Hierarchical Reasoning Model, our fork\n"),
)


def edit(tree: Path) -> None:
    for path, old, new in EDITS:
        text = (tree / path).read_text()
        assert text.count(old) == 1, path
        (tree / path).write_text(text.replace(old, new))
    (tree / "notes.md").write_text("ours\n")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("old", [FIRST, SECOND], ids=["from bd62227", "from 171e2fc"])
def test_a_fork_on_the_newest_is_the_recipe_there_and_every_edit(
    patcher: Patcher, upstream: Upstream, old: str, optimizer: str, record_property: Callable[[str, object], None]
) -> None:
    tree = upstream("HRM", old)
    options = ("-r", "hrm", "-p", f"optimizer={optimizer}")
    assert patcher("apply", tree, *options, "--commit").code == 0
    edit(tree)
    git(tree, "add", "--all")
    git(tree, "commit", "-q", "-m", "ours")
    before, head = snapshot(tree), git(tree, "rev-parse", "HEAD")

    told = patcher("update", tree, "--onto", NEWEST, "--format", "json")
    assert told.code == 1 and told.json["conflicts"] == told.json["notes"] == []
    assert snapshot(tree) == before and git(tree, "rev-parse", "HEAD") == head
    places = [(step["id"], place["fate"]) for step in told.json["recipes"][0]["steps"] for place in step["places"]]
    # The first release calls SDPA itself; the guard of flash-attn is new after it.
    assert [name for name, fate in places if fate == "new call site"] == ["flash-attn/guard"] * (old == FIRST)
    assert {fate for _, fate in places} <= {"applied", "already upstream", "new call site"}
    record_property("places", len(places))

    assert patcher("update", tree, "--onto", NEWEST, "--commit").code == 0
    assert git(tree, "status", "--porcelain") == ""
    assert git(tree, "rev-parse", "HEAD^2").strip() == NEWEST
    assert NEWEST in (tree / ".patcher/lock.yaml").read_text()
    found = {path: data for path, data in snapshot(tree).items() if not path.startswith(".patcher/")}
    git(tree, "switch", "-q", "--detach", NEWEST)
    assert patcher("apply", tree, *options).code == 0
    edit(tree)
    assert found == snapshot(tree)
