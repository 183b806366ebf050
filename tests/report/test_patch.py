"""The patch of a plan: `git apply` makes of it, byte for byte, the tree that patcher writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from patcher.apply import apply
from patcher.checkout import Checkout
from patcher.model import Change, Plan, Recipe
from patcher.report.patch import change_patch, patch
from tests.helpers import commit_all, git, snapshot
from tests.tiny import Tiny, replace, step

ROUND = replace("abs($X)", "round($X)")
BOM = b"\xef\xbb\xbf"


def planned(root: Path, *changes: Change) -> Plan:
    return Plan(Recipe("tiny", "A tiny recipe", "/nowhere", "d" * 64, ()), str(root), (), changes)


def tree(folder: Path, *changes: Change) -> Path:
    """Make a checkout that holds what the changes start from."""
    folder.mkdir(parents=True)
    for change in changes:
        if change.before is not None:
            path = folder / change.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(change.before)
            path.chmod(change.mode & 0o777)
    return folder


def modes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mode for name in snapshot(folder)}


def git_apply(folder: Path, data: bytes) -> None:
    for options in (["--check"], []):
        command = ["git", "apply", "--whitespace=nowarn", *options]
        done = subprocess.run(command, cwd=folder, input=data, capture_output=True, check=False)
        assert done.returncode == 0, (done.stderr.decode(), data)
        assert done.stderr == b"", done.stderr.decode()


def same(folder: Path, *changes: Change) -> None:
    """Write a plan with patcher and with git, into two trees that start alike, and compare bytes and modes."""
    ours, theirs = (commit_all(tree(folder / name, *changes)) for name in ("ours", "theirs"))
    plan = planned(ours, *changes)
    apply(plan, Checkout.open(ours))
    git_apply(theirs, patch(plan))
    assert snapshot(theirs) == snapshot(ours)
    assert modes(theirs) == modes(ours)
    assert {change.path: change.after for change in changes}.items() <= snapshot(ours).items()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"a\nb\nc\n", b"a\nB\nc\n"),
        (b"a\r\nb\r\nc\r\n", b"a\r\nB\r\nc\r\n"),
        (b"a\r\nb\nc\r\n", b"a\r\nB\nc\r\n"),
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\nb", b"a\nB"),
        (b"a\nb", b"a\nb\n"),
        (b"a\nb\n", b"a\nb"),
        (b"a\nb", b"A\nb"),
        (b"a\r\nb\r", b"a\r\nb\r\n"),
        (BOM + b"a\nb\n", BOM + b"a\nB\n"),
        (BOM + b"a\n", b"a\n"),
        (b"# coding: latin-1\ns = '\xe9'\n", b"# coding: latin-1\ns = '\xe8'\n"),
        (b"a\x0cb\nc\n", b"a\x0cB\nc\n"),
        (b"\x0c\na\n\x0b\n\x1c\x1d\x1e\n", b"\x0c\nb\n\x0b\n\x1c\x1d\x1e\n"),
        ("a\x85\nb\u2028\n".encode(), "a\x85\nB\u2028\n".encode()),
        (b"a\x85\xa0\nb\n", b"a\x85\xa0\nB\n"),
        (b"a\rb\rc\n", b"a\rB\rc\n"),
        (b"", b"a\n"),
        (b"", b"a"),
        (b"a\n", b""),
        (b"a", b""),
        (b"\n", b"\n\n"),
        (b"--- a\n+++ b\n@@ -1 +1 @@\n", b"--- a\n+++ c\n@@ -1 +1 @@\n"),
        (b"\\ No newline at end of file\n", b"\\ No newline at end of file"),
        (b"x\n" * 400, b"x\n" * 200 + b"y\n" + b"x\n" * 200),
    ],
    ids=lambda data: repr(data[:16]),
)
def test_bytes_are_what_patcher_writes(tmp_path: Path, before: bytes, after: bytes) -> None:
    same(tmp_path, Change("a.py", before, after))


@pytest.mark.parametrize("after", [b"a\n", b"a", b"a\r\n", b"\n", b"", BOM + b"\xe9\n"])
def test_a_file_that_is_added(tmp_path: Path, after: bytes) -> None:
    same(tmp_path, Change("b/a.py", b"1\n", b"2\n"), Change("c/new.py", None, after))


@pytest.mark.parametrize("mode", [0o100644, 0o100755])
def test_the_mode_of_a_file(tmp_path: Path, mode: int) -> None:
    same(tmp_path, Change("a.py", b"1\n", b"2\n", mode=mode), Change("new.py", None, b"1\n", mode=mode))


PATHS = (
    "with space.py",
    "two  spaces/ and one.py",
    'qu"ote.py',
    "it's.py",
    "back\\slash.py",
    "tab\there.py",
    "new\nline.py",
    "é.py",
    "日本/語.py",
    "a@@b é.py",
    "é@@ -1 +1 @@.py",
    "b/b.py",
    "a => b.py",
    "-dash.py",
    "trailing .py ",
    "\x7f\x01.py",
    "dev/null",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_needs_care(tmp_path: Path, path: str) -> None:
    same(tmp_path, Change(path, b"1\n", b"2\n"), Change(f"new/{path}", None, b"1\n"))


def test_every_path_at_once(tmp_path: Path) -> None:
    same(tmp_path, *(Change(path, b"1\n", b"2\n") for path in sorted(PATHS)))


def test_the_patch_is_taken_where_git_quotes_no_path(tmp_path: Path) -> None:
    root = commit_all(tree(tmp_path / "tree", Change("é.py", b"1\n", b"2\n")))
    git(root, "config", "core.quotePath", "false")
    git_apply(root, patch(planned(root, Change("é.py", b"1\n", b"2\n"))))
    assert (root / "é.py").read_bytes() == b"2\n"


def test_the_patch_is_taken_by_the_index_too(tmp_path: Path) -> None:
    changes = (Change("a.py", b"1\n", b"2\n"), Change("new.py", None, b"1\n"))
    root = commit_all(tree(tmp_path / "tree", *changes))
    subprocess.run(["git", "apply", "--index"], cwd=root, input=patch(planned(root, *changes)), check=True)
    assert git(root, "status", "--porcelain") == "M  a.py\nA  new.py\n"


def test_the_patch_is_taken_where_there_is_no_git(tmp_path: Path) -> None:
    changes = (Change("a.py", b"1\n", b"2"), Change("b/new.py", None, b"1\n"))
    root = tree(tmp_path / "tree", *changes)
    git_apply(root, patch(planned(root, *changes)))
    assert snapshot(root) == {"a.py": b"2", "b/new.py": b"1\n"}


def test_an_empty_plan_is_an_empty_patch(tmp_path: Path) -> None:
    assert patch(planned(tmp_path)) == b""


def test_a_file_far_from_another_change_has_a_hunk_of_its_own() -> None:
    lines = [b"%d\n" % number for number in range(40)]
    after = [b"first\n", *lines[1:-1], b"last\n"]
    assert change_patch(Change("a", b"".join(lines), b"".join(after))).count(b"\n@@ ") == 2


def test_lines_that_stay_are_not_in_the_patch_as_changed() -> None:
    lines = change_patch(Change("a", b"1\r\n2\r\n3\r\n", b"1\r\n!\r\n3\r\n")).split(b"\n")
    assert [line for line in lines if line[:1] in (b"+", b"-")][2:] == [b"-2\r", b"+!\r"]


def test_two_plans_that_are_alike_have_one_patch(tmp_path: Path) -> None:
    change = Change("a.py", b"1\n2\n", b"2\n1\n")
    assert patch(planned(tmp_path, change)) == patch(planned(tmp_path, change))


# --- where the tree stands ------------------------------------------------------------------------------------------


@pytest.fixture
def larger(tiny: Tiny) -> Tiny:
    """A tree in the folder `tools/my tree` of a larger repository."""
    tiny.tree = tiny.folder / "larger" / "tools" / "my tree"
    tiny.files({"a.py": "y = abs(1)\n", "sub/b.py": "y = abs(1)\n"}, git=False)
    commit_all(tiny.folder / "larger")
    return tiny.recipe(ROUND)


@pytest.mark.parametrize("below", ["", "tools", "tools/my tree"])
def test_a_subfolder_of_a_larger_repository(larger: Tiny, below: str) -> None:
    root = larger.folder / "larger"
    git_apply(root / below, larger.diff().stdout)
    assert larger.read("a.py") == larger.read("sub/b.py") == "y = round(1)\n"
    assert git(root, "status", "--porcelain").count("\n") == 2


def test_a_subfolder_is_told_by_its_own_paths_elsewhere(larger: Tiny) -> None:
    assert larger.apply("--check").out.startswith("a.py: would be changed")
    data = larger.plan().json
    assert [change["path"] for change in data["changes"]] == ["a.py", "sub/b.py"]
    assert data["changes"][0]["diff"].startswith("diff --git a/tools/my tree/a.py b/tools/my tree/a.py\n")


def test_a_folder_that_a_larger_repository_ignores(larger: Tiny) -> None:
    root = larger.folder / "larger"
    (root / "build").mkdir()
    (root / ".gitignore").write_text("build\n")
    larger.tree = larger.tree.rename(root / "build" / "tree")
    git_apply(larger.tree, larger.diff().stdout)
    assert larger.read("a.py") == "y = round(1)\n"


def test_an_unpacked_archive(tiny: Tiny) -> None:
    tiny.files({"a.py": "y = abs(1)\n"}, git=False).recipe(ROUND)
    git_apply(tiny.tree, tiny.diff().stdout)
    assert tiny.read() == "y = round(1)\n"


def test_a_patch_of_every_kind_of_change_is_what_apply_writes(tiny: Tiny) -> None:
    files = {
        "a.py": b"from adam_atan2 import AdamATan2\r\n\r\nAdamATan2()",
        "requirements.txt": b"adam-atan2  # the optimizer\r\nnumpy",
        "run me.py": "#!/usr/bin/env python\n# coding: latin-1\ns = 'é', abs(1)\n".encode("latin-1"),
    }
    tiny.files(files).recipe(
        step("rename", rename="adam_atan2.AdamATan2", to="shim.adam_atan2_torch.AdamATan2"),
        step("packages", requirements={"replace": {"adam-atan2": "adam-atan2-pytorch"}, "add": ["scipy"]}),
        ROUND,
    )
    (tiny.tree / "run me.py").chmod(0o755)
    commit_all(tiny.tree)
    theirs = tiny.folder / "theirs"
    subprocess.run(["git", "clone", "--quiet", tiny.tree, theirs], check=True)
    git_apply(theirs, tiny.diff().stdout)
    assert tiny.apply().code == 0
    assert snapshot(theirs) == tiny.snapshot()
    assert modes(theirs) == modes(tiny.tree)


# --- any bytes ------------------------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"a", b"b", b"\n", b"\n", b"\r\n", b"\r", b"\x0c", b"\x85", b"\xff", b"+", b"-", b"@@", b"\\", b" ", b"\t"]
)
FILES = st.lists(PIECES, max_size=30).map(b"".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any") / "tree"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    return root


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.none() | FILES, after=FILES)
@example(before=b"\n" * 9, after=b"\n" * 7 + b"\r\n")
def test_any_bytes(repository: Path, before: bytes | None, after: bytes) -> None:
    path = repository / "a.py"
    path.unlink(missing_ok=True)
    if before is not None:
        path.write_bytes(before)
    if before == after:
        return
    data = change_patch(Change("a.py", before, after))
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn"], cwd=repository, input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stderr.decode(), data)
    assert path.read_bytes() == after


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses a name that is not UTF-8")
def test_a_folder_above_whose_name_is_not_utf8(tiny: Tiny) -> None:
    root = tiny.folder / os.fsdecode(b"caf\xe9")
    tiny.tree = root / "tree"
    tiny.files({"a.py": "y = abs(1)\n"}, git=False)
    commit_all(root)
    git_apply(tiny.tree, tiny.recipe(ROUND).diff().stdout)
    assert tiny.read() == "y = round(1)\n"


def test_a_file_that_goes_is_a_deletion_that_git_takes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a\n")
    commit_all(tmp_path)
    (tmp_path / "p").write_bytes(change_patch(Change("a.py", b"a\n", b"", gone=True)))
    git(tmp_path, "apply", "p")
    assert not (tmp_path / "a.py").exists()
