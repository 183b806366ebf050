"""The layers of the design: imports run one way, and each outside library has its place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "patcher"

# From the outermost to the innermost; each may import only what stands behind it, and its own layer.
LAYERS = (
    "cli",
    "report",
    "verify",
    "apply",
    "plan",
    "recipe",
    "verbs",
    "files",
    "syntax",
    "checkout",
    "model",
    "errors",
)
# Modules that are a part of a layer under another name.
PARTS = {
    "swap": "checkout",
    "repository": "checkout",
    "choices": "plan",
    "drift": "plan",
    "leftovers": "plan",
    "known": "plan",
    "journal": "apply",
    "commit": "apply",
    "message": "apply",
    "revert": "apply",
    "view": "checkout",
    "merged": "apply",
    "merging": "checkout",
    "history": "checkout",
    "moves": "plan",
    "update": "apply",
    "upstream": "apply",
    "unpick": "apply",
    "lock": "apply",
    "review": "apply",
    "byhand": "apply",
    "cases": "verify",
    "snapshots": "verify",
    "chain": "verify",
    "conditions": "plan",
    "detect": "plan",
    "drafting": "plan",
    "doctor": "verify",
    "explain": "verify",
    "__init__": "errors",
    "__main__": "cli",
}
# An outside library -> the only places that may import it.
PLACES = {
    "libcst": ("syntax",),
    "click": ("cli",),
    "git": ("checkout",),
    "jinja2": ("report",),
    "markupsafe": ("report",),
    "pygments": ("report",),
    "torch": (),
    "yaml": ("recipe", "files", "apply"),
}


def layer(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return PARTS.get(first, first)


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_inwards(path: Path) -> None:
    own = layer(path)
    assert own in LAYERS, f"{path} belongs to no layer"
    for name in imported(path):
        if name.startswith("patcher.") and name != "patcher.__version__":
            first = name.split(".")[1]
            other = PARTS.get(first, first)
            assert LAYERS.index(other) >= LAYERS.index(own), f"{path} ({own}) imports {name} ({other})"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_an_outside_library_stays_in_its_place(path: Path) -> None:
    if "probe" in path.parts:
        return
    for name in imported(path):
        places = PLACES.get(name.partition(".")[0])
        assert places is None or layer(path) in places, f"{path} imports {name}"


def test_one_place_alone_catches_everything() -> None:
    catching = [
        path.relative_to(PACKAGE).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert catching == ["cli/main.py"]
