"""What is asked of every real tree: its diff, its life, its numbers, its claims."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.helpers import Patcher, git, snapshot

__all__ = ["Property", "claims", "lives", "planted", "same", "verified"]

Property = Callable[[str, object], None]


def lives(patcher: Patcher, tree: Path, folder: Path, recipe: str, *parameters: str) -> None:
    """The diff is a patch for git; a second apply changes nothing; undo leaves the tree as it was."""
    given = ("-r", recipe, *(word for one in parameters for word in ("-p", one)))
    before = snapshot(tree)
    diff = patcher("apply", tree, *given, "--diff")
    (folder / "a.patch").write_bytes(diff.stdout)
    assert (diff.code, git(tree, "apply", "--check", str(folder / "a.patch"))) == (1, "")
    assert snapshot(tree) == before
    assert patcher("apply", tree, *given).code == 0
    once = snapshot(tree)
    again = patcher("apply", tree, *given, "--format", "json")
    assert again.code == 0 and again.json["changes"] == []
    assert snapshot(tree) == once
    assert patcher("undo", tree).code == 0
    assert git(tree, "status", "--porcelain", "--ignored") == ""


def verified(patcher: Patcher, tree: Path, recipe: str, check: str, *options: str) -> dict[str, Any]:
    """Return what verify says of one check, with its exit code."""
    given = ("-r", recipe, "--check", check, "--python", sys.executable, "--format", "json")
    result = patcher("verify", tree, *given, *options)
    (found,) = json.loads(result.out)["checks"]
    return {**found, "exit_code": result.code}


def same(found: dict[str, Any], note: Property) -> None:
    """Ten losses are those of the reference."""
    assert (found["finding"], found["exit_code"]) == ("same", 0), found["reason"]
    losses = found["run"]["readings"]["loss"][:10]
    assert len(losses) == 10
    note("first loss", losses[0])
    note("tenth loss", losses[-1])
    note("loss off by", found["worst"]["loss"]["off"])
    note("allowed", found["worst"]["loss"]["allowed"])


def planted(found: dict[str, Any], note: Property) -> None:
    """Every wrong attention is seen at the first step."""
    assert found["exit_code"] == 0, found["sensitivity"]
    assert len(found["sensitivity"]) == 6
    for one in found["sensitivity"]:
        assert (one["first"]["reading"], one["first"]["step"]) == ("loss", 1)
        note(one["attention"], one["first"]["off"])


def claims(found: dict[str, Any], note: Property) -> dict[str, str]:
    """No claim is false; return what was measured of each step that is judged."""
    judged = {one["step"]: one["measured"] for one in found["ledger"] if one["holds"] is not None}
    for step, measured in judged.items():
        note(step, measured)
    assert found["exit_code"] == 0, [one for one in found["ledger"] if one["holds"] is False]
    return judged
