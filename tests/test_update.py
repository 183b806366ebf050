"""A fork on a newer upstream: each place is told right, no edit by hand is lost, and nothing is written unasked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pexpect
import pytest

from bench.moves import EDITS, MOVES, Fork, Move, edited, faults, fork_of
from patcher.checkout import Checkout
from patcher.recipe import bundled_root, load
from patcher.verify.pristine import pristine
from tests.helpers import Patcher, Result, git, snapshot, write_tree
from tests.tiny import Tiny, replace

# By step, what is not as it was before the move: how many places of which fate. All others are applied again.
BEFORE = {"flash-attn/requirements": {"already upstream": 2}, "distributed/cleanup": {"already upstream": 1}}
APPLIED = {
    "flash-attn/guard": 1,
    "adam-atan2/rename": 1,
    "adam-atan2/first-lr": 1,
    "adam-atan2/requirements": 1,
    "device/literal": 6,
    "device/dot-cuda": 2,
    "device/pin-memory": 1,
    "distributed/backend": 2,
    "distributed/set-device": 2,
    "contiguous": 1,
    "numpy": 1,
}
DONE = "already upstream"
FATES: Mapping[str, Mapping[str, Mapping[str, int]]] = {
    "a new call site": {
        "device/literal": {"applied": 6, "new call site": 1},
        "device/dot-cuda": {"applied": 2, "new call site": 1},
    },
    "half of it done upstream": {
        name: {DONE: 1}
        for name in ("adam-atan2/rename", "adam-atan2/first-lr", "adam-atan2/requirements", "device/pin-memory")
    },
    # What stood for .cuda() is a literal too, once it is written.
    "all of it done upstream": {
        **{name: {DONE: count} for name, count in APPLIED.items()},
        "device/literal": {DONE: 8},
    },
}


def fates(result: Result) -> dict[str, dict[str, int]]:
    """Return by step how many places have which fate; steps without a place are left out."""
    found: dict[str, dict[str, int]] = {}
    for step in result.json["recipes"][0]["steps"]:
        for place in step["places"]:
            own = found.setdefault(step["id"], {})
            own[place["fate"]] = own.get(place["fate"], 0) + 1
    return found


@pytest.mark.slow
@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_each_of_eight_moves_is_told_right_and_loses_nothing(patcher: Patcher, tmp_path: Path, move: Move) -> None:
    fork = fork_of(move, tmp_path / "tree")
    before = _state(fork)
    told = patcher("update", fork.folder, "--onto", "new", "-r", "hrm", "--format", "json")
    expected = {**{name: {"applied": count} for name, count in APPLIED.items()}, **BEFORE, **FATES.get(move.name, {})}
    assert fates(told) == {name: dict(counts) for name, counts in expected.items()}
    assert told.json["conflicts"] == told.json["notes"] == told.json["left"] == []
    assert {one["path"] for one in told.json["edits"]} == {path for path, *_ in EDITS}
    assert told.code == (1 if told.json["changes"] else 0)
    assert _state(fork) == before  # nothing was written, as nobody asked for it

    assert patcher("update", fork.folder, "--onto", "new", "-r", "hrm", "--write").code == 0
    assert list(faults(fork.folder, move)) == []
    assert snapshot(fork.folder) == _reference(patcher, fork, tmp_path)
    if told.json["changes"]:
        assert patcher("undo", fork.folder).code == 0
    assert _state(fork) == before


def _state(fork: Fork) -> tuple[dict[str, bytes], str, str]:
    return snapshot(fork.folder), git(fork.folder, "status", "--porcelain"), git(fork.folder, "rev-parse", "HEAD")


def _reference(patcher: Patcher, fork: Fork, folder: Path) -> dict[str, bytes]:
    """Return what the recipe makes of the new upstream, with the edits made there by hand."""
    subprocess.run(["git", "clone", "-q", "-b", "new", fork.folder, folder / "reference"], check=True)
    applied = patcher("apply", folder / "reference", "-r", "hrm")
    assert applied.code == 0, applied.stderr
    edited(folder / "reference")
    return {path: data for path, data in snapshot(folder / "reference").items() if "__pycache__" not in path}


# --- small trees --------------------------------------------------------------------------------------------------------

LINES = "".join(f"line{number} = {number}\n" for number in range(20))
CALL = "abs(1)\n"
OLD = f"{CALL}{LINES}last = abs(2)\n"


class Little:
    """A fork of a few lines, with the branches `old`, `new` and `fork`."""

    def __init__(self, tiny: Tiny, *steps: Any, old: Mapping[str, str] | None = None) -> None:
        self.tiny, self.tree = tiny, tiny.tree
        tiny.recipe(*(steps or (replace("abs($X)", "round($X)", expect="any"),)))
        tiny.files(old or {"a.py": OLD, "b.py": "b = 1\n"})
        git(self.tree, "branch", "-m", "old")

    def upstream(self, change: Callable[[Path], Any]) -> Little:
        """Move the upstream on, from `old` to `new`, and go back."""
        self.at("new", "old", change)
        return self

    def fork(self, change: Callable[[Path], Any] = lambda _: None, *options: object) -> Little:
        """Apply the recipe on `old`, commit it, and edit by hand."""
        git(self.tree, "switch", "-q", "-c", "fork", "old")
        assert self.tiny.apply(*options).code == 0
        change(self.tree)
        self.commit("the fork")
        return self

    def at(self, branch: str, start: str, change: Callable[[Path], Any]) -> None:
        git(self.tree, "switch", "-q", "-c", branch, start)
        change(self.tree)
        self.commit(branch)

    def commit(self, message: str) -> None:
        git(self.tree, "add", "--all")
        git(self.tree, "commit", "-q", "--allow-empty", "-m", message)

    def update(self, *options: object, onto: str = "new", path: Path | None = None) -> Result:
        return self.tiny.patcher("update", path or self.tree, "--onto", onto, "-r", self.tiny.file, *options)

    def refused(self, *options: object, code: int = 3, onto: str = "new") -> Result:
        """Update, see that it writes nothing, and return what was said."""
        before = snapshot(self.tree), git(self.tree, "rev-parse", "HEAD"), git(self.tree, "status", "--porcelain")
        result = self.update(*options, onto=onto)
        assert result.code == code, result.out + result.stderr
        after = snapshot(self.tree), git(self.tree, "rev-parse", "HEAD"), git(self.tree, "status", "--porcelain")
        assert after == before
        return result


def sub(old: str, new: str, path: str = "a.py") -> Callable[[Path], None]:
    def change(tree: Path) -> None:
        text = (tree / path).read_bytes().decode()
        assert old in text
        (tree / path).write_bytes(text.replace(old, new).encode())

    return change


def both(*changes: Callable[[Path], Any]) -> Callable[[Path], None]:
    return lambda tree: [change(tree) for change in changes] and None


@pytest.fixture
def little(tiny: Tiny) -> Little:
    return Little(tiny)


FAR = sub("line18 = 18", "line18 = 81")
MINE = sub("line5 = 5", "line5 = 5  # mine")


class TestNothingIsLost:
    def test_every_line_edited_by_hand_is_in_the_result(self, little: Little) -> None:
        ours = {f"line{number} = {number}\n": f"line{number} = {number}  # mine\n" for number in range(0, 16, 2)}
        little.upstream(FAR).fork(both(*(sub(*pair) for pair in ours.items())))
        assert little.update("--write").code == 0
        text = little.tiny.read()
        assert [line for line in ours.values() if line not in text] == []
        expected = OLD.replace("abs", "round").replace("line18 = 18", "line18 = 81")
        for pair in ours.items():
            expected = expected.replace(*pair)
        assert text == expected

    def test_work_that_is_not_committed_is_merged_too_and_undo_gives_it_back(self, little: Little) -> None:
        little.upstream(FAR).fork()
        MINE(little.tree)
        before = snapshot(little.tree)
        assert little.update("--write").code == 0
        assert "# mine" in little.tiny.read() and "= 81" in little.tiny.read()
        assert little.tiny.patcher("undo", little.tree).code == 0
        assert snapshot(little.tree) == before

    def test_a_fork_that_was_never_committed(self, little: Little) -> None:
        little.upstream(FAR)
        git(little.tree, "switch", "-q", "old")
        assert little.tiny.apply().code == 0
        assert little.update("--write").code == 0
        assert little.tiny.read() == OLD.replace("abs", "round").replace("= 18", "= 81")

    def test_commits_of_the_fork_from_before_the_recipe_stay(self, little: Little) -> None:
        """The lock then names a commit of the fork's own, which the upstream never had."""
        little.upstream(FAR)
        little.at("fork", "old", both(MINE, lambda tree: (tree / "own.py").write_text("own = 1\n")))
        assert little.tiny.apply("--commit").code == 0
        assert git(little.tree, "rev-parse", "HEAD^").strip() in (little.tree / ".patcher/lock.yaml").read_text()
        assert little.update("--write").code == 0
        assert "# mine" in little.tiny.read() and (little.tree / "own.py").exists()

    def test_a_file_that_the_fork_added_and_one_that_it_removed(self, little: Little) -> None:
        little.upstream(FAR).fork(lambda tree: ((tree / "own.py").write_text("own = 1\n"), (tree / "b.py").unlink()))
        assert little.update("--write").code == 0
        assert (little.tree / "own.py").read_text() == "own = 1\n"
        assert not (little.tree / "b.py").exists()

    def test_a_place_that_the_fork_took_back_stays_as_it_is_and_is_told(self, little: Little) -> None:
        little.upstream(FAR).fork(sub("last = round(2)", "last = abs(2)"))
        result = little.update("--write")
        assert "last = abs(2)" in little.tiny.read() and "round(1)" in little.tiny.read()
        assert "Note: swap would still edit a.py:22: what is there is the fork's own." in result.out

    def test_a_file_that_nobody_tracks_is_not_overwritten(self, little: Little) -> None:
        little.upstream(lambda tree: (tree / "new.py").write_text("theirs = 1\n")).fork()
        (little.tree / "new.py").write_text("mine = 1\n")
        assert "conflict  new.py:1: changed here, and in the new upstream too" in little.refused("--write").out

    def test_a_file_that_git_ignores_is_not_overwritten(self, little: Little) -> None:
        little.upstream(lambda tree: (tree / "new.py").write_text("theirs = 1\n")).fork()
        (little.tree / ".git/info/exclude").write_text("new.py\n")
        (little.tree / "new.py").write_text("mine = 1\n")
        assert "new.py exists already: move it away" in little.refused("--write", code=5).stderr

    @pytest.mark.parametrize("write", ["--write", "--commit"])
    def test_a_file_that_the_upstream_tracks_and_ignores_is_seen_again(self, little: Little, write: str) -> None:
        def track(tree: Path) -> None:
            write_tree(tree, {".gitignore": "parts/\n", "parts/c.py": CALL})
            git(tree, "add", "--force", "parts/c.py")

        little.upstream(track).fork()
        result = little.update(write)
        assert result.code == 0
        assert (little.tree / "parts/c.py").read_text() == CALL.replace("abs", "round")
        told = "git ignores parts/c.py, which the new upstream tracks: `git add --force` it, or no commit will have it."
        assert (told in result.stderr) == (write == "--write")
        again = little.tiny.apply("--format", "json")
        assert "parts/c.py" in {place["path"] for place in again.json["steps"][0]["places"]}
        assert again.json["changes"] == []
        assert little.tiny.patcher("undo", little.tree).code == 0
        assert little.tiny.apply("--check").code == 0

    def test_a_moved_file_takes_the_edits_along(self, little: Little) -> None:
        def move(tree: Path) -> None:
            (tree / "deep").mkdir()
            (tree / "a.py").rename(tree / "deep/c.py")

        little.upstream(move).fork(MINE)
        assert little.update("--write").code == 0
        assert (little.tree / "deep/c.py").read_text() == OLD.replace("abs", "round").replace("= 5\n", "= 5  # mine\n")
        assert not (little.tree / "a.py").exists()
        assert little.tiny.patcher("undo", little.tree).code == 0
        assert not (little.tree / "deep").exists()

    def test_files_that_archives_leave_out_and_fill_in(self, little: Little) -> None:
        files = {".gitattributes": "left.py export-ignore\nfilled.py export-subst\n"}
        files |= {
            "left.py": "left = 1\n",
            "filled.py": "# $Format:%H$\n",
            "build/kept.py": "kept = 1\n",
            ".ci/x.yml": "x\n",
        }
        write_tree(little.tree, files)
        little.commit("attributes")
        little.upstream(both(sub("left = 1", "left = 2", "left.py"), sub("x", "y", ".ci/x.yml"))).fork(MINE)
        assert little.update("--write").code == 0
        told = {path: (little.tree / path).read_text() for path in files}
        assert told == {**files, "left.py": "left = 2\n", ".ci/x.yml": "y\n"}

    @pytest.mark.parametrize("attributes", ["", "*.py text eol=crlf\n"])
    def test_line_ends_are_those_of_the_work_tree(self, tiny: Tiny, attributes: str) -> None:
        crlf = OLD.replace("\n", "\r\n")
        little = Little(tiny, old={"a.py": crlf, ".gitattributes": attributes})
        git(little.tree, "rm", "-q", "--cached", "-r", ".")
        little.commit("with line ends")
        little.upstream(FAR).fork(MINE)
        assert little.update("--write").code == 0
        expected = crlf.replace("abs", "round").replace("= 18", "= 81").replace("= 5\r", "= 5  # mine\r")
        assert (little.tree / "a.py").read_bytes() == expected.encode()

    def test_a_file_that_is_not_utf8(self, tiny: Tiny) -> None:
        little = Little(tiny)
        data = ("# coding: latin-1\n" + OLD + "x = 'ü'\n").encode("latin-1")
        (little.tree / "a.py").write_bytes(data)
        little.commit("latin")

        def put(old: bytes, new: bytes) -> Callable[[Path], None]:
            return lambda tree: (tree / "a.py").write_bytes((tree / "a.py").read_bytes().replace(old, new)) and None

        little.upstream(put(b"= 18", b"= 81")).fork(put(b"line5 = 5\n", b"line5 = 5  # mine\n"))
        assert little.update("--write").code == 0
        expected = (
            data.replace(b"abs", b"round").replace(b"= 18", b"= 81").replace(b"line5 = 5\n", b"line5 = 5  # mine\n")
        )
        assert (little.tree / "a.py").read_bytes() == expected


class TestConflicts:
    @pytest.fixture
    def met(self, little: Little) -> Little:
        return little.upstream(both(FAR, sub("line5 = 5", "line5 = 55"))).fork(MINE)

    @pytest.mark.parametrize(
        "options", [(), ("--write",), ("--commit",), ("--write", "--branch", "other"), ("--partial",)]
    )
    def test_they_are_listed_with_both_sides_and_nothing_is_written(
        self, met: Little, options: tuple[str, ...]
    ) -> None:
        result = met.refused(*options)
        assert "  conflict  a.py:7: changed here, and in the new upstream too\n" in result.out
        assert "    fork      line5 = 5  # mine\n    upstream  line5 = 55\n" in result.out
        assert "because there are conflicts; --markers writes them" in result.stderr
        assert git(met.tree, "branch", "--list", "other") == ""

    def test_the_patch_has_what_does_not_meet(self, met: Little) -> None:
        assert "<<<<<<<" not in met.refused().out

    def test_they_are_written_with_markers_if_asked_and_undo_takes_them_back(self, met: Little) -> None:
        before = snapshot(met.tree)
        assert met.update("--write", "--markers").code == 3
        text = met.tiny.read()
        assert "<<<<<<< HEAD\nline5 = 5  # mine\n=======\nline5 = 55\n>>>>>>> theirs\n" in text
        assert "line18 = 81" in text and "round(1)" in text
        assert met.tiny.patcher("undo", met.tree).code == 0
        assert snapshot(met.tree) == before

    def test_they_are_never_committed(self, met: Little) -> None:
        assert "would commit conflicts" in met.refused("--commit", "--markers", code=2).stderr

    def test_an_edit_in_a_file_that_the_upstream_removed(self, little: Little) -> None:
        little.upstream(lambda tree: (tree / "b.py").unlink()).fork(sub("b = 1", "b = 2", "b.py"))
        result = little.refused("--write")
        assert "conflict  b.py: the new upstream removed or moved it, and here it was edited" in result.out
        assert little.update("--write", "--markers").code == 3
        assert (little.tree / "b.py").read_text() == "b = 2\n"

    def test_a_file_that_the_fork_removed_and_the_upstream_changed(self, little: Little) -> None:
        little.upstream(sub("b = 1", "b = 2", "b.py")).fork(lambda tree: (tree / "b.py").unlink())
        result = little.refused("--write")
        assert "conflict  b.py: it was removed or moved here, and the new upstream changed it" in result.out

    def test_a_binary_file_that_both_changed(self, tiny: Tiny) -> None:
        little = Little(tiny, old={"a.py": OLD, "b.bin": "\0a"})
        little.upstream(sub("a", "b", "b.bin")).fork(sub("a", "c", "b.bin"))
        assert "conflict  b.bin: both sides changed it, and it is no text" in little.refused("--write").out
        assert little.update("--write", "--markers").code == 3
        assert (little.tree / "b.bin").read_bytes() == b"\0c"

    def test_a_merge_that_would_not_parse(self, little: Little) -> None:
        base = both(*(sub(f"line{number} = {number}\n", f"# {number}\n") for number in range(4, 12)))
        base(little.tree)
        little.commit("comments")
        little.upstream(both(sub("line3 = 3", "line3 = {1: 2,"), sub("line12 = 12", "}")))
        little.fork(sub("# 8\n", "eight = 8\n"))
        result = little.refused("--write")
        assert "conflict  a.py: as it is merged, a.py:11 does not parse as Python 3" in result.out


class TestDrift:
    """A step that no longer holds: nothing is written, unless what the fork has of it may stay as text."""

    @pytest.fixture
    def drifted(self, tiny: Tiny) -> Little:
        little = Little(
            tiny, replace("abs($X)", "round($X)", "one", expect="1.."), replace("len($X)", "int($X)", "two")
        )
        little.upstream(both(sub("abs(1)\n", "sum([1])\n"), sub("abs(2)", "abs(2, 3)"), FAR))
        return little

    def test_it_is_told_with_the_nearest_place(self, drifted: Little) -> None:
        result = drifted.fork().refused("--write")
        assert "  drifted           one  a.py:1 (as it was), a.py:22 (as it was)\n" in result.out
        assert "Expected at least 1 place, none found. The nearest is a.py:22" in result.out
        assert "What the fork has of it is carried over as text." in result.out
        assert "Nothing was written, because a step drifted; --partial keeps" in result.stderr

    def test_with_partial_its_text_is_merged_like_an_edit(self, tiny: Tiny) -> None:
        steps = replace("abs($X)", "round($X)", "one", expect="2"), replace("len($X)", "int($X)", "two")
        little = Little(tiny, *steps).upstream(both(sub("last = abs(2)\n", ""), FAR))
        little.fork(MINE)
        assert "drifted           one" in little.refused("--write").out
        result = little.update("--write", "--partial")
        # The last line was patched here and removed there: that is for a person.
        assert "conflict  a.py:22" in result.out and result.code == 3

    def test_with_partial_and_no_conflict_it_is_written(self, tiny: Tiny) -> None:
        steps = (replace("abs($X)", "round($X)", "one", expect="2"),)
        little = Little(tiny, *steps).upstream(
            both(sub("line9 = 9\n", "line9 = abs(9)\nline9 = abs(9)\nline9 = abs(9)\n"), FAR)
        )
        little.fork(MINE)
        assert little.refused("--write").code == 3
        assert little.update("--write", "--partial").code == 3
        text = little.tiny.read()
        assert "round(1)" in text and "round(2)" in text and "# mine" in text and "= 81" in text

    def test_a_place_that_is_gone_is_told_where_the_step_holds(self, little: Little) -> None:
        little.upstream(sub("last = abs(2)\n", "")).fork()
        assert "  gone              swap  a.py:22 (as it was)\n" in little.update().out
        assert little.update("--write").code == 0
        assert little.tiny.read() == OLD.replace("abs", "round").replace("last = round(2)\n", "")


class TestCommitting:
    def test_the_commit_is_a_merge_of_the_new_upstream(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        head, new = (git(little.tree, "rev-parse", name).strip() for name in ("HEAD", "new"))
        assert little.update("--commit").code == 0
        assert git(little.tree, "rev-parse", "HEAD^1", "HEAD^2").split() == [head, new]
        assert git(little.tree, "status", "--porcelain") == ""
        assert f"Patcher-Upstream: {new}" in git(little.tree, "log", "-1", "--format=%B")
        assert "there is nothing to update" in little.update().out

    def test_on_a_new_branch_the_old_one_stays(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        head = git(little.tree, "rev-parse", "HEAD")
        assert little.update("--commit", "--branch", "newer").code == 0
        assert git(little.tree, "symbolic-ref", "--short", "HEAD") == "newer\n"
        assert git(little.tree, "rev-parse", "fork") == head

    def test_a_hook_that_fails_leaves_all_as_it_was(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        hook = little.tree / ".git/hooks/pre-commit"
        hook.write_text("#!/bin/sh\necho no; exit 1\n")
        hook.chmod(0o755)
        result = little.refused("--commit", "--branch", "newer", code=5)
        assert "no" in result.stderr
        assert not (little.tree / ".git/MERGE_HEAD").exists()
        assert git(little.tree, "symbolic-ref", "--short", "HEAD") == "fork\n"

    def test_a_detached_head(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        git(little.tree, "checkout", "-q", "--detach")
        assert little.update("--commit").code == 0
        assert git(little.tree, "rev-list", "--count", "fork..HEAD", "^new") == "1\n"

    def test_in_the_middle_of_a_merge(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        git(little.tree, "update-ref", "MERGE_HEAD", "new")
        assert "middle of a merge" in little.refused("--commit", code=2).stderr

    def test_what_was_declined_is_left_on_the_new_upstream_too(self, tiny: Tiny) -> None:
        little = Little(tiny, old={"a.py": "abs(1)\n\n\n\nabs(2)\n", "b.py": "b = 1\n"})
        little.upstream(sub("b = 1", "b = 2", "b.py"))
        git(little.tree, "switch", "-q", "-c", "fork", "old")
        command = ["-m", "patcher", "apply", str(little.tree), "-r", str(tiny.file), "-i", "--lock"]
        child = pexpect.spawn(sys.executable, command, encoding="utf-8", timeout=60)
        for key in "ny":
            child.expect("Take this")
            child.sendline(key)
        child.expect(pexpect.EOF)
        little.commit("the fork")
        assert (little.tree / "a.py").read_text() == "abs(1)\n\n\n\nround(2)\n"
        result = tiny.patcher("update", little.tree, "--onto", "new", "--write")
        assert result.code == 0, result.out + result.stderr
        assert "edits of its own" not in result.out, "what was declined is no edit by hand"
        assert (little.tree / "a.py").read_text() == "abs(1)\n\n\n\nround(2)\n"
        assert (little.tree / "b.py").read_text() == "b = 2\n"
        assert (little.tree / ".patcher/lock.yaml").read_text().count("- step:") == 1

    def test_the_lock_then_names_the_new_upstream(self, little: Little) -> None:
        little.upstream(FAR)
        git(little.tree, "switch", "-q", "-c", "fork", "old")
        assert little.tiny.apply("--commit").code == 0
        new = git(little.tree, "rev-parse", "new").strip()
        result = little.tiny.patcher("update", little.tree, "--onto", "new", "--commit")
        assert result.code == 0, result.stderr
        assert f"upstream: {new}" in (little.tree / ".patcher/lock.yaml").read_text()
        assert git(little.tree, "status", "--porcelain") == ""

    def test_links_and_submodules_are_left_to_the_user_and_no_merge_claims_them(self, little: Little) -> None:
        little.upstream(both(FAR, lambda tree: (tree / "link").symlink_to("a.py"))).fork(MINE)
        result = little.refused("--commit")
        assert "a merge would claim what is left to you" in result.stderr
        assert "Left to you: link: a link or submodule that the new upstream added." in result.out
        assert little.update("--write").code == 0
        assert not (little.tree / "link").is_symlink()

    def test_a_mode_is_left_to_the_user(self, little: Little) -> None:
        little.upstream(lambda tree: (tree / "b.py").chmod(0o755)).fork(MINE)
        assert "Left to you: b.py: `chmod +x` it, as the new upstream did." in little.update().out


class TestWhereItStands:
    def test_a_subfolder_of_a_larger_repository(self, tiny: Tiny) -> None:
        tiny.recipe(replace("abs($X)", "round($X)"))
        tiny.files({"sub/folder/a.py": OLD, "other/a.py": OLD})
        git(tiny.tree, "branch", "-m", "old")
        git(tiny.tree, "switch", "-q", "-c", "new")
        both(sub("= 18", "= 81", "sub/folder/a.py"), sub("= 18", "= 81", "other/a.py"))(tiny.tree)
        git(tiny.tree, "commit", "-qam", "new")
        git(tiny.tree, "switch", "-q", "-c", "fork", "old")
        sub_tree = tiny.tree / "sub"
        assert tiny.patcher("apply", sub_tree, "-r", tiny.file).code == 0
        git(tiny.tree, "commit", "-qam", "fork")
        result = tiny.patcher("update", sub_tree, "--onto", "new", "-r", tiny.file)
        assert result.code == 1 and "+++ b/sub/folder/a.py" in result.out
        assert tiny.patcher("update", sub_tree, "--onto", "new", "-r", tiny.file, "--write").code == 0
        assert tiny.read("sub/folder/a.py") == OLD.replace("abs", "round").replace("= 18", "= 81")
        assert tiny.read("other/a.py") == OLD

    def test_a_worktree(self, little: Little, tmp_path: Path) -> None:
        little.upstream(FAR).fork(MINE)
        git(little.tree, "switch", "-q", "old")
        git(little.tree, "worktree", "add", "-q", str(tmp_path / "work"), "fork")
        assert little.update("--commit", path=tmp_path / "work").code == 0
        assert "= 81" in (tmp_path / "work/a.py").read_text()
        assert git(tmp_path / "work", "status", "--porcelain") == ""
        assert little.tiny.read() == OLD

    def test_the_patch_is_one_that_git_takes(self, little: Little, tmp_path: Path) -> None:
        little.upstream(both(FAR, lambda tree: (tree / "b.py").unlink())).fork(MINE)
        (tmp_path / "p").write_bytes(little.update().stdout)
        git(little.tree, "apply", str(tmp_path / "p"))
        applied = snapshot(little.tree)
        git(little.tree, "reset", "-q", "--hard")
        assert little.update("--write").code == 0
        assert snapshot(little.tree) == applied

    def test_the_report_goes_to_a_file(self, little: Little, tmp_path: Path) -> None:
        little.upstream(FAR).fork(MINE)
        result = little.update("--output", tmp_path / "report")
        assert result.stdout == b"" and "diff --git" in (tmp_path / "report").read_text()

    def test_nobodys_configuration_has_a_say(self, little: Little) -> None:
        for name, value in {
            "merge.conflictStyle": "diff3",
            "core.autocrlf": "input",
            "diff.renames": "false",
            "core.attributesFile": "/dev/null",
            "merge.ff": "only",
            "commit.gpgSign": "true",
            "core.sparseCheckout": "true",
        }.items():
            git(little.tree, "config", name, value)
        git(little.tree, "config", "commit.gpgSign", "false")
        little.upstream(FAR).fork(MINE)
        assert little.update("--write").code == 0
        assert "= 81" in little.tiny.read() and "# mine" in little.tiny.read()


class TestWhatItStartsFrom:
    def test_the_default_is_the_branch_of_the_recipes_repository(self, tiny: Tiny) -> None:
        little = Little(tiny)
        swap = replace("abs($X)", "round($X)", expect="any")
        tiny.recipe(swap, upstream={"repository": "https://example.org/a/b"})
        little.upstream(FAR).fork(MINE)
        git(little.tree, "remote", "add", "theirs", "git@example.org:a/b.git")
        git(little.tree, "update-ref", "refs/remotes/theirs/main", "new")
        result = tiny.patcher("update", little.tree, "-r", tiny.file)
        assert "to theirs/main (" in result.out, result.stderr

    def test_parameters_are_those_that_it_was_applied_with(self, tiny: Tiny) -> None:
        parameters = {"to": {"type": "choice", "choices": ["round", "int"], "default": "round"}}
        little = Little(tiny)
        tiny.recipe(replace("abs($X)", "${to}($X)", expect="any"), parameters=parameters)
        little.upstream(FAR).fork(MINE, "-p", "to=int")
        assert little.update("--write").code == 0
        assert tiny.read() == OLD.replace("abs", "int").replace("= 18", "= 81").replace("= 5\n", "= 5  # mine\n")

    def test_history_that_is_not_shared_needs_a_base(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        git(little.tree, "checkout", "-q", "--orphan", "alone")
        little.commit("unpacked")
        result = little.refused("--write", code=2)
        assert "have no history in common" in result.stderr and "--base" in result.stderr
        assert little.update("--write", "--base", "old").code == 0
        assert "# mine" in little.tiny.read() and "= 81" in little.tiny.read()

    def test_a_tree_that_is_not_patched(self, little: Little) -> None:
        little.upstream(FAR)
        git(little.tree, "switch", "-q", "old")
        assert "tiny is not applied in" in little.refused("--write", code=2).stderr

    def test_a_commit_that_it_has_already(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        assert "there is nothing to update" in little.refused("--write", code=0, onto="old").out

    def test_a_commit_that_there_is_not(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        assert "--onto nowhere is no commit that" in little.refused("--write", code=2, onto="nowhere").stderr

    def test_a_tree_without_git(self, tiny: Tiny) -> None:
        tiny.recipe(replace("abs($X)", "round($X)")).files({"a.py": OLD}, git=False)
        for options in ((), ("--onto", "new")):
            result = tiny.patcher("update", tiny.tree, "-r", tiny.file, *options)
            assert result.code == 2 and "has no git, so it has no upstream that could move" in result.stderr

    def test_a_branch_is_for_what_is_written(self, little: Little) -> None:
        little.upstream(FAR).fork(MINE)
        assert "give it with --write or --commit" in little.refused("--branch", "x", code=2).stderr


def test_the_data_says_what_the_text_says(little: Little) -> None:
    little.upstream(both(FAR, sub("line5 = 5", "line5 = 55"))).fork(MINE)
    data = json.loads(little.update("--format", "json").stdout)
    assert data["exit_code"] == 3 and data["written"] is False
    assert data["conflicts"] == [
        {"path": "a.py", "line": 7, "fork": ["line5 = 5  # mine"], "upstream": ["line5 = 55"], "reason": ""}
    ]
    assert data["edits"] == [{"path": "a.py", "added": 1, "removed": 1}]


def test_what_a_step_that_fell_wrote_is_no_edit_of_the_fork(tiny: Tiny) -> None:
    little = Little(tiny, replace("abs($X)", "round($X)", expect="2.."))
    little.upstream(sub("abs(1)", "len(1)")).fork()
    told = little.refused()
    assert "What the fork has of it is carried over as text." in told.out and "edits of its own" not in told.out
    assert told.out.rstrip().endswith("1 conflict. No other file needs a change.")
    MINE(little.tree)
    told = little.refused()
    assert "the fork has edits of its own, which are merged:\n  a.py: 1 line added and 1 line removed\n" in told.out


def test_the_tree_from_before_the_recipe_is_found_after_an_update(little: Little) -> None:
    """`verify --ablate` and `prove` start from it; the lock names the commit, whatever recipes were tried on."""
    little.upstream(FAR)
    git(little.tree, "switch", "-q", "-c", "fork", "old")
    assert little.tiny.apply("--commit").code == 0
    assert little.tiny.patcher("update", little.tree, "--onto", "new", "--commit").code == 0
    with pristine(load(str(little.tiny.file)), Checkout.open(little.tree), bundled_root() / "shims") as (base, _):
        assert base.read("a.py").decode() == OLD.replace("line18 = 18", "line18 = 81")
