"""The files of a new recipe, as people read them and go on with them; the folder is written whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from patcher.checkout import Checkout
from patcher.drafting.drafter import Drafted
from patcher.errors import TargetError, UsageError
from patcher.recipe import bundled_names
from patcher.recipe.keys import NAME

__all__ = ["check_name", "recipe_text", "skeleton", "write_new"]

HINT = """\
# For an editor that completes and checks keys: patcher schema --output recipe.schema.json
# yaml-language-server: $schema=recipe.schema.json
"""
SKELETON = """\
recipe: {name}
summary: What it makes run, in one line
# Whose tree it is for, and the commits that it was tried on:
# upstream:
#   repository: https://github.com/somebody/tree
#   tested: [<40 digits>]
steps:
  # An id, for reports and for other recipes; then why, which everybody reads who gets the change.
  - id: device
    why: a CUDA literal ends the program on a machine without CUDA
    # Where: a path and, behind ::, a function or class. Unsaid, it is everywhere.
    # in: train.py::main
    # Python with holes; names mean what an import gives, whatever the file calls it.
    edit: torch.device($D)
    where: {{D: '"cuda"'}}
    to: {{D: '$D if torch.cuda.is_available() else "cpu"'}}
    # How many places it counts on: 1, 1..3, 2.. or any.
    # expect: 1
    # What it does to the numbers: enables, exact, unreached, or {{changes: why and by how much}}.
    effect: enables
"""
CASES = """\
# What the recipe makes of a program; `patcher test ./{name}` runs these, in every layout.
- case: a CUDA literal
  before: |
    import torch
    device = torch.device("cuda")
  after: |
    import torch
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
- case: another device is left alone
  same: |
    import torch
    device = torch.device("cpu")
"""
ORDER = ("id", "why", "in")


def check_name(name: str) -> Path:
    """Return the folder of a new recipe.

    Raises:
        UsageError: it is no name of a recipe, a bundled recipe has it, or something is there.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` is no name of a recipe; write lower-case words joined by `-`, as in our-cluster.")
    if name in bundled_names():
        raise UsageError(f"A recipe `{name}` comes with patcher; choose another name.")
    folder = Path(name)
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"There is a {name} here, and it is never written over; choose another name, or move it away.")
    return folder


def skeleton(name: str) -> dict[str, str]:
    """Return the files of a recipe to begin with."""
    return {"recipe.yaml": HINT + SKELETON.format(name=name), "cases/example.yaml": CASES.format(name=name)}


def write_new(folder: Path, files: Mapping[str, str]) -> None:
    """Write a folder that is not there: all of it or nothing.

    Raises:
        TargetError: it cannot be written.
    """
    aside: Path | None = None
    try:
        aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        aside.chmod(0o755)
        for name, text in files.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_text(text, encoding="utf-8")
        aside.rename(folder)
    except OSError as error:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        raise TargetError(f"{folder} could not be written ({error.strerror}); choose another folder.") from None


def recipe_text(name: str, drafted: Drafted, checkout: Checkout) -> str:
    """Return a drafted recipe."""
    remote = next((url for url in checkout.remotes if url.startswith("http")), "")
    head = [f"recipe: {name}", "summary: Drafted from a patch; say what it makes run"]
    if remote and checkout.head:
        head += ["upstream:", f"  repository: {_scalar(remote)}", f"  tested: [{checkout.head}]"]
    lines = [*head, "steps:"]
    for step in drafted.steps:
        if step["id"] in drafted.literal:
            lines.append("  # literal: word by word as in the patch; a pattern with holes may hold longer")
        body = [line for key, value in step.items() for line in _entry(key, value, "    ")]
        lines += [f"  - {body[0].lstrip()}", *body[1:]]
    return HINT + "\n".join(lines) + "\n"


def _entry(key: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield f"{indent}{_key(key)}:"
        for one, below in value.items():
            yield from _entry(one, below, f"{indent}  ")
    elif isinstance(value, list):
        yield f"{indent}{_key(key)}: [{', '.join(_scalar(one) for one in value)}]"
    elif "\n" in value and _is_plain(value):
        yield f"{indent}{_key(key)}: {'|' if value.endswith(chr(10)) else '|-'}"
        yield from (f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{indent}{_key(key)}: {_scalar(value)}"


def _key(key: str) -> str:
    return key if key.replace("_", "").isalnum() else _scalar(key)


def _is_plain(text: str) -> bool:
    """Tell whether a block can hold a text as it is."""
    first = text.split("\n")[0]
    odd = any(not (char.isprintable() or char == "\n") for char in text)
    return bool(first) and not first[0].isspace() and not odd and not text.endswith("\n\n")


def _scalar(text: str) -> str:
    """Return a text as YAML: as it is where that is safe, else in the quotes that need the fewest escapes."""
    if text and all(char.isalnum() or char in "_.-/" for char in text) and text[0].isalnum():
        return text
    if all(char.isprintable() for char in text):
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text)
