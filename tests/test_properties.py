"""What holds for every source and every step: other bytes stay, the result parses, is at rest, and can be taken back."""

from __future__ import annotations

import ast
import sysconfig
import tempfile
from pathlib import Path

import click
import git
import libcst
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patcher.apply import apply, undo
from patcher.checkout import Checkout
from patcher.model import Change, Status
from tests.helpers import snapshot, write_tree
from tests.verbs.checks import tree_plan

# --- generated programs ---------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["x", "device", "torch", "self", "n"])
SPACE = st.sampled_from(["", " ", "  "])
COMMENT = st.sampled_from(["", "  # why", "  # torch.device('cuda')", "  # é"])
CUDA = st.sampled_from(['"cuda"', "'cuda'", '"cu" "da"', "('cuda')", '"cpu"', "x", 'f"cuda:{n}"'])


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 7 if depth else 1))
    deeper = expressions(depth=depth - 1)
    space = draw(SPACE)
    match kind:
        case 0:
            return draw(NAMES)
        case 1:
            return draw(CUDA)
        case 2:
            return f"t.device({space}{draw(deeper)}{space})"
        case 3:
            return f"make({draw(deeper)},{space}device{space}={space}{draw(deeper)}{draw(st.sampled_from(['', ',']))})"
        case 4:
            return f"{draw(deeper)}.cuda({space})" if draw(st.booleans()) else f"({draw(deeper)}).cuda()"
        case 5:
            return f"[{draw(deeper)} for x in {draw(NAMES)}]"
        case 6:
            return f"({draw(deeper)} {space}if {draw(NAMES)} else {draw(deeper)})"
    return f"(\n    {draw(deeper)}{draw(COMMENT)}\n)"


@st.composite
def programs(draw: st.DrawFn) -> str:
    lines = ["import torch as t", draw(st.sampled_from(["", "from a import make", "\n\n"]))]
    for _ in range(draw(st.integers(1, 5))):
        value = draw(expressions())
        form = draw(st.integers(0, 4))
        comment = draw(COMMENT)
        match form:
            case 0:
                lines.append(f"y = {value}{comment}")
            case 1:
                lines.append(f"if x:{comment}\n    y = {value}\nelse:\n    z = {value}")
            case 2:
                lines.append(f"def f(x, n=1):{comment}\n    return {value}")
            case 3:
                lines.append(f"with t.device({draw(CUDA)}):\n    {value}; y = 1{comment}")
            case 4:
                lines.append(f"class A:\n    def g(self, torch):\n        return {value}\n")
    return "\n".join(lines) + draw(st.sampled_from(["\n", "", "\n\n# end"]))


def shaped(text: str, shape: str) -> bytes:
    match shape:
        case "crlf":
            return text.replace("\n", "\r\n").encode()
        case "bom":
            return b"\xef\xbb\xbf" + text.encode()
        case "latin-1":
            return b"# coding: latin-1\n" + text.encode("latin-1")
    return text.encode()


STEPS = (
    {
        "edit": ["torch.device($D)", "$_($$$, device=$D)"],
        "where": {"D": ['"cuda"', 'f"cuda:{$_}"']},
        "to": {"D": '$D if torch.cuda.is_available() else "cpu"'},
        "needs": ["import torch"],
    },
    {"replace": "$X.cuda()", "with": '$X.to("cpu")'},
    {"replace": "make($$$A, device=$D)", "with": "make($$$A, where=$D)", "local": ["make"]},
    {"wrap": "$Y = $V", "under": "if t", "local": ["t"]},
    {"rename": "torch.device", "to": "mine.place.Device"},
    {"edit": "torch.device($D)", "to": {"D": "$D or None"}},
)


def other_bytes_stay(change: Change, encoding: str) -> None:
    """The layers of a change, and nothing else, lead from one text to the other."""
    assert change.before is not None
    text = change.before.decode(encoding).encode()
    for layer in change.layers:
        for edit in sorted(layer.edits, key=lambda one: (one.start, one.end), reverse=True):
            text = text[: edit.start] + edit.text.encode() + text[edit.end :]
    assert text == change.after.decode(encoding).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.sampled_from(["plain", "crlf", "bom", "latin-1"]), st.sampled_from(STEPS))
def test_a_step_on_any_program(text: str, shape: str, keys: dict[str, object]) -> None:
    data = shaped(text, shape)
    ast.parse(data)
    with tempfile.TemporaryDirectory() as folder:
        root = write_tree(Path(folder), {"a.py": data})
        made = tree_plan(keys, root)
        checkout = Checkout.open(root)
        apply(made, checkout)
        after = (root / "a.py").read_bytes()
        ast.parse(after)
        for change in made.changes:
            other_bytes_stay(change, {"bom": "utf-8-sig", "latin-1": "latin-1"}.get(shape, "utf-8"))
            assert comments(after) >= comments(data)
            if shape == "crlf":
                assert after.count(b"\n") == after.count(b"\r\n")
        assert tree_plan(keys, root).changes == ()
        if made.changes:
            undo(checkout)
        assert snapshot(root).get("a.py") == data


def comments(data: bytes) -> set[str]:
    module = libcst.parse_module(data)
    found: set[str] = set()

    class Collector(libcst.CSTVisitor):
        def visit_Comment(self, node: libcst.Comment) -> None:  # noqa: N802  (LibCST names it)
            found.add(node.value)

    module.visit(Collector())
    return found


# --- real sources ---------------------------------------------------------------------------------------------------

STDLIB = Path(sysconfig.get_path("stdlib"))
PACKAGES = [Path(module.__file__).parent for module in (click, git, libcst) if module.__file__]
NO_MATCH = {"replace": "nowhere.at_all($$$A)", "with": "nowhere.at_all($$$A, k=1)"}
EVERYWHERE = {"replace": "len($X)", "with": "len($X) + 0"}


class Undone(ast.NodeTransformer):
    """Takes `+ 0` behind every `len(...)` away again."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        is_len = isinstance(node.left, ast.Call) and isinstance(node.left.func, ast.Name) and node.left.func.id == "len"
        added = isinstance(node.right, ast.Constant) and node.right.value == 0 and isinstance(node.op, ast.Add)
        return node.left if is_len and added else node


def files(folder: Path, every: int) -> list[Path]:
    found = sorted(
        path for path in folder.rglob("*.py") if "site-packages" not in path.parts and "test" not in path.parts
    )
    return found[::every]


def check_everywhere(paths: list[Path], root: Path) -> int:
    """Apply the match-everywhere step to copies; return how many places it changed."""
    tree = {f"{number}.py": path.read_bytes() for number, path in enumerate(paths)}
    write_tree(root, tree)
    assert tree_plan(NO_MATCH, root).changes == ()
    made = tree_plan(EVERYWHERE, root)
    assert made.outcomes[0].count(Status.REFUSED) == 0, made.outcomes[0].places
    for change in made.changes:
        assert change.before is not None
        restored = Undone().visit(ast.parse(change.after))
        assert ast.dump(restored) == ast.dump(Undone().visit(ast.parse(change.before))), change.path
    return made.outcomes[0].count(Status.APPLIED)


@pytest.mark.slow
def test_a_sample_of_the_standard_library(tmp_path: Path) -> None:
    assert check_everywhere(files(STDLIB, 40), tmp_path) > 50


@pytest.mark.full
@pytest.mark.parametrize("part", range(8))
def test_the_whole_standard_library(tmp_path: Path, part: int) -> None:
    assert check_everywhere(files(STDLIB, 1)[part::8], tmp_path) > 100


@pytest.mark.full
@pytest.mark.parametrize("folder", PACKAGES, ids=lambda path: path.name)
def test_installed_packages(tmp_path: Path, folder: Path) -> None:
    check_everywhere(list(folder.rglob("*.py")), tmp_path)
