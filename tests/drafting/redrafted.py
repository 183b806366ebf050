"""A recipe's own patch, made into a draft and applied: the same tree, by token where it is Python, else by byte."""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from tests.helpers import Patcher, snapshot

__all__ = ["Found", "redrafted", "tokens"]

COUNTED = re.compile(r"(\d+) of (\d+) steps are general, (\d+) literal")
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)


@dataclass(frozen=True)
class Found:
    """How many steps a draft has, how many of them are literal, and the files that differ in layout."""

    steps: int
    literal: int
    layout: tuple[str, ...]


def tokens(data: bytes) -> list[tuple[int, str]]:
    """Return the tokens of a program: our own reading, not that of what is tested."""
    found = []
    for token in tokenize.tokenize(io.BytesIO(data).readline):
        if token.type not in LAYOUT:
            bare = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
            found.append((token.type, "" if bare else token.string))
    return found


def redrafted(patcher: Patcher, tree: Path, name: str) -> Found:
    """Draft a recipe from the patch that one makes of a tree, apply it there, and hold the trees against each other."""
    pristine = snapshot(tree)
    patch = Path(f"{name}.patch")
    patch.write_bytes(patcher("apply", tree, "-r", name, "--diff").stdout)
    made = patcher("new", "drafted", tree, "--from-diff", patch)
    assert (made.code, made.stderr) == (0, "")
    assert snapshot(tree) == pristine, "drafting leaves the tree alone"
    assert patcher("apply", tree, "-r", name).code == 0
    wanted = snapshot(tree)
    assert patcher("undo", tree).code == 0
    applied = patcher("apply", tree, "-r", "./drafted")
    assert applied.code == 0, applied.out + applied.stderr
    result = snapshot(tree)
    assert result.keys() == wanted.keys()
    differing = [path for path in wanted if result[path] != wanted[path]]
    for path in differing:
        assert path.endswith(".py"), f"{path} differs"
        assert tokens(result[path]) == tokens(wanted[path]), f"{path} differs"
    assert patcher("apply", tree, "-r", "./drafted", "--check").code == 0, "the draft is at rest in its own result"
    counted = COUNTED.search(made.out)
    assert counted is not None
    return Found(int(counted[2]), int(counted[3]), tuple(differing))
