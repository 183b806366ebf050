"""Writing a plan: what is refused, what the journal keeps, and what a killed process leaves."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import pytest

from patcher import __version__
from patcher.apply import apply, undo
from patcher.checkout import Checkout
from patcher.errors import DirtyError, TargetError, UsageError
from patcher.journal import Journal, State
from patcher.model import Change, Plan, Recipe

A = Change("a.py", b"a\n", b"A\n")
B = Change("sub/b.py", b"b\n", b"B\n")
NEW = Change("shims/x/new.py", None, b"new\n")


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A tree without git."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.py").write_text("a\n")
    (root / "sub" / "b.py").write_text("b\n")
    return root


@pytest.fixture
def tree(plain: Path) -> Path:
    git(plain, "init", "-q")
    git(plain, "add", "-A")
    git(plain, "commit", "-q", "-m", "all")
    return plain


def plan(root: Path, *changes: Change, recipe: str = "hrm", values: dict[str, str] | None = None) -> Plan:
    made = Recipe(recipe, "A recipe.", "/recipes/hrm", "d" * 64, (), values=values or {})
    return Plan(made, str(root), (), changes)


def write(root: Path, *changes: Change, recipe: str = "hrm", allow_dirty: bool = False) -> None:
    apply(plan(root, *changes, recipe=recipe), Checkout.open(root), allow_dirty=allow_dirty)


def holds(root: Path, **files: bytes | None) -> bool:
    names = {"a": "a.py", "b": "sub/b.py", "new": "shims/x/new.py"}
    return all(
        (root / names[name]).read_bytes() == data if data is not None else not (root / names[name]).exists()
        for name, data in files.items()
    )


def left_over(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.name.endswith((".tmp", ".new")) or path.name == "running"]


class TestWriting:
    def test_every_change_of_the_plan_is_written(self, tree: Path) -> None:
        write(tree, A, B, NEW)
        assert holds(tree, a=b"A\n", b=b"B\n", new=b"new\n")
        assert left_over(tree) == []

    def test_git_sees_the_changes_and_nothing_else(self, tree: Path) -> None:
        write(tree, A, NEW)
        assert git(tree, "status", "--porcelain", "-uall").splitlines() == ["M a.py", "?? shims/x/new.py"]

    def test_without_git_the_journal_hides_itself(self, plain: Path) -> None:
        write(plain, A)
        assert (plain / ".patcher" / ".gitignore").read_text() == "*\n!lock.yaml\n"
        git(plain, "init", "-q")
        assert ".patcher" not in git(plain, "status", "--porcelain", "-uall")

    def test_a_plan_without_changes_writes_nothing_at_all(self, plain: Path) -> None:
        write(plain)
        assert sorted(path.name for path in plain.rglob("*")) == ["a.py", "b.py", "sub"]

    def test_a_subfolder_of_a_larger_repository(self, tree: Path) -> None:
        write(tree / "sub", Change("b.py", b"b\n", b"B\n"))
        assert holds(tree, b=b"B\n")
        assert Journal(Checkout.open(tree)).records() == ()
        undo(Checkout.open(tree / "sub"))
        assert git(tree, "status", "--porcelain") == ""


class TestJournal:
    def test_a_record_says_what_was_written_and_from_what(self, tree: Path) -> None:
        made = plan(tree, A, NEW, values={"attention": "sdpa"})
        apply(made, Checkout.open(tree))
        record = json.loads((tree / ".git/patcher/000001.json").read_text())
        assert datetime.fromisoformat(record.pop("time")).utcoffset() is not None
        marks = [hashlib.sha256(data).hexdigest() for data in (b"a\n", b"A\n", b"new\n")]
        assert record == {
            "format": 1,
            "state": "done",
            "recipe": "hrm",
            "digest": "d" * 64,
            "values": {"attention": "sdpa"},
            "plan": made.digest,
            "patcher": __version__,
            "folders": ["shims", "shims/x"],
            "commits": [],
            "entries": [
                {"path": "a.py", "mode": 0o100644, "before": marks[0], "after": marks[1]},
                {"path": "shims/x/new.py", "mode": 0o100644, "before": None, "after": marks[2]},
            ],
        }
        assert (tree / ".git/patcher" / marks[0]).read_bytes() == b"a\n"

    def test_applies_stack(self, tree: Path) -> None:
        write(tree, A)
        write(tree, B, recipe="trm")
        assert [record.recipe for record in Journal(Checkout.open(tree)).records()] == ["hrm", "trm"]

    def test_a_journal_that_cannot_be_kept_stops_the_apply(self, tree: Path) -> None:
        (tree / ".git" / "patcher").write_text("in the way")
        with pytest.raises(TargetError, match=r"cannot keep its journal in .*\.git/patcher"):
            write(tree, A)
        assert holds(tree, a=b"a\n")

    def test_a_journal_folder_that_is_a_link_is_not_followed(self, plain: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (plain / ".patcher").symlink_to(tmp_path / "outside")
        with pytest.raises(TargetError, match=r"\.patcher is a symbolic link"):
            write(plain, A)
        assert list((tmp_path / "outside").iterdir()) == []

    def test_a_link_that_came_with_the_archive_is_not_written_through(self, plain: Path, tmp_path: Path) -> None:
        (tmp_path / "victim").write_text("mine")
        (plain / ".patcher").mkdir()
        for name in ("000001.json.new", ".gitignore.new"):
            (plain / ".patcher" / name).symlink_to(tmp_path / "victim")
        write(plain, A)
        assert (tmp_path / "victim").read_text() == "mine"

    @pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 1, "state": "?", "recipe": ""}'])
    def test_a_damaged_record_is_named_with_a_remedy(self, tree: Path, text: str) -> None:
        write(tree, A)
        (tree / ".git/patcher/000001.json").write_text(text)
        with pytest.raises(TargetError, match=r"000001\.json cannot be read: delete it to go on"):
            write(tree, B)

    def test_a_record_of_another_format_is_left_to_its_patcher(self, tree: Path) -> None:
        write(tree, A)
        (tree / ".git/patcher/000001.json").write_text('{"format": 2, "patcher": "9.0"}')
        with pytest.raises(TargetError, match=r"of patcher 9\.0: undo with that version"):
            write(tree, B)


class TestDirty:
    @pytest.fixture
    def dirty(self, tree: Path) -> Path:
        (tree / "a.py").write_text("mine\n")
        (tree / "c.py").write_text("mine too\n")
        return tree

    MINE = (Change("a.py", b"mine\n", b"A\n"), Change("c.py", b"mine too\n", b"C\n"))

    def test_every_file_is_named_with_both_remedies(self, dirty: Path) -> None:
        with pytest.raises(DirtyError) as told:
            write(dirty, *self.MINE, B)
        assert "a.py (modified)\n  c.py (not tracked)\n" in str(told.value)
        assert "b.py" not in str(told.value)
        assert "Commit or stash it, or pass --allow-dirty" in str(told.value)

    def test_refusing_leaves_no_trace(self, dirty: Path) -> None:
        with pytest.raises(DirtyError):
            write(dirty, *self.MINE, B)
        assert holds(dirty, a=b"mine\n", b=b"b\n")
        assert not (dirty / ".git" / "patcher").exists()

    def test_allow_dirty_writes_and_undo_gives_the_work_back(self, dirty: Path) -> None:
        write(dirty, *self.MINE, allow_dirty=True)
        assert holds(dirty, a=b"A\n")
        undo(Checkout.open(dirty))
        assert holds(dirty, a=b"mine\n")

    def test_a_dirty_file_that_the_plan_does_not_edit_is_nothing_to_it(self, dirty: Path) -> None:
        write(dirty, B, NEW)
        assert holds(dirty, a=b"mine\n", b=b"B\n")

    def test_a_plan_without_changes_is_never_refused(self, dirty: Path) -> None:
        write(dirty)

    def test_what_patcher_wrote_is_not_dirty(self, tree: Path) -> None:
        write(tree, A, NEW)
        write(tree, Change("a.py", b"A\n", b"AA\n"), Change("shims/x/new.py", b"new\n", b"newer\n"))
        assert holds(tree, a=b"AA\n", new=b"newer\n")

    def test_what_patcher_wrote_is_not_dirty_when_it_is_staged(self, tree: Path) -> None:
        write(tree, A)
        git(tree, "add", "a.py")
        write(tree, Change("a.py", b"A\n", b"AA\n"))
        assert holds(tree, a=b"AA\n")

    def test_an_edit_on_top_of_what_patcher_wrote_is_dirty(self, tree: Path) -> None:
        write(tree, A)
        (tree / "a.py").write_text("A and mine\n")
        with pytest.raises(DirtyError, match=r"a\.py \(modified\)"):
            write(tree, Change("a.py", b"A and mine\n", b"AA\n"))

    def test_a_commit_makes_it_clean(self, dirty: Path) -> None:
        git(dirty, "add", "-A")
        git(dirty, "commit", "-qm", "mine")
        write(dirty, *self.MINE)
        assert holds(dirty, a=b"A\n")

    def test_without_git_nothing_is_dirty(self, plain: Path) -> None:
        (plain / "a.py").write_text("mine\n")
        write(plain, self.MINE[0])
        assert holds(plain, a=b"A\n")

    def test_an_executable_bit_of_ones_own_is_no_work(self, tree: Path) -> None:
        (tree / "a.py").chmod(0o755)
        write(tree, A)
        assert (tree / "a.py").stat().st_mode & 0o777 == 0o755


class TestRefusing:
    @pytest.mark.parametrize("allow_dirty", [False, True])
    def test_a_new_file_never_takes_the_place_of_another(self, tree: Path, allow_dirty: bool) -> None:
        (tree / "shims" / "x").mkdir(parents=True)
        (tree / "shims" / "x" / "new.py").write_text("own\n")
        with pytest.raises(TargetError, match=r"shims/x/new\.py exists already"):
            write(tree, A, NEW, allow_dirty=allow_dirty)
        assert holds(tree, a=b"a\n", new=b"own\n")
        assert not (tree / ".git" / "patcher").exists()

    def test_a_file_that_changed_after_planning(self, tree: Path) -> None:
        made = plan(tree, A, B)
        (tree / "sub" / "b.py").write_text("saved meanwhile\n")
        git(tree, "commit", "-qam", "meanwhile")
        with pytest.raises(TargetError, match=r"sub/b\.py was changed or removed since patcher read it"):
            apply(made, Checkout.open(tree))
        assert holds(tree, a=b"a\n", b=b"saved meanwhile\n")

    def test_a_tree_without_git_is_left_without_trace_too(self, plain: Path) -> None:
        with pytest.raises(TargetError):
            write(plain, Change("a.py", b"other\n", b"A\n"))
        assert not (plain / ".patcher").exists()


class TestFailingHalfway:
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.EIO, "Input/output error")])
    def test_the_tree_and_the_journal_are_as_before(
        self, plain: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
    ) -> None:
        real = os.replace

        def replace(source: object, target: object) -> None:
            if str(target).endswith("b.py"):
                raise error
            real(source, target)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises((KeyboardInterrupt, TargetError)):
            write(plain, A, NEW, B)
        assert sorted(path.name for path in plain.rglob("*")) == ["a.py", "b.py", "sub"]
        assert holds(plain, a=b"a\n", b=b"b\n")

    def test_what_could_not_be_put_back_can_be_undone_later(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.replace
        broken = False

        def replace(source: object, target: object) -> None:
            nonlocal broken
            broken = broken or str(target).endswith("b.py")
            if broken:
                raise OSError(errno.EROFS, "Read-only file system")
            real(source, target)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace)
            with pytest.raises(TargetError, match=r"could not be put back:\n  a\.py"):
                write(tree, A, B)
        assert holds(tree, a=b"A\n", b=b"b\n")
        undone = undo(Checkout.open(tree))
        assert (undone.restored, undone.already, undone.interrupted) == (("a.py",), ("sub/b.py",), True)
        assert git(tree, "status", "--porcelain") == ""


DRIVER = """
    import os, signal, sys
    from patcher.apply import apply
    from patcher.checkout import Checkout
    from patcher.model import Change, Plan, Recipe

    root, left = sys.argv[1], int(sys.argv[2])
    real = os.replace

    def replace(source, target):
        global left
        if "patcher/" not in str(target):  # the journal's own files do not count
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        real(source, target)

    os.replace = replace
    edits = Change("a.py", b"a\\n", b"A\\n"), Change("sub/b.py", b"b\\n", b"B\\n")
    changes = edits[0], Change("shims/x/new.py", None, b"new\\n"), edits[1]
    apply(Plan(Recipe("hrm", "", "", "d", ()), root, (), changes), Checkout.open(root))
"""


def kill(root: Path, at: int) -> None:
    """Apply A, NEW and B in a process that is killed just before its `at`-th rename in the tree."""
    package = str(Path(sys.modules["patcher"].__file__ or "").parents[1])
    command = [sys.executable, "-c", textwrap.dedent(DRIVER), str(root), str(at)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": package}, check=False)
    assert run.returncode == -9


class TestKilled:
    @pytest.mark.parametrize("with_git", [True, False])
    @pytest.mark.parametrize("at", [1, 2, 3])
    def test_undo_puts_everything_back(self, plain: Path, at: int, with_git: bool) -> None:
        if with_git:
            git(plain, "init", "-q")
            git(plain, "add", "-A")
            git(plain, "commit", "-q", "-m", "all")
        kill(plain, at)
        assert Journal(Checkout.open(plain)).records()[0].state is State.WRITING
        assert undo(Checkout.open(plain)).interrupted
        assert sorted(path.name for path in plain.rglob("*") if ".git" not in path.parts) == ["a.py", "b.py", "sub"]
        assert holds(plain, a=b"a\n", b=b"b\n")

    def test_undo_takes_over_the_lock_of_the_dead(self, tree: Path) -> None:
        kill(tree, 2)
        assert (tree / ".git/patcher/running").exists()
        undo(Checkout.open(tree))
        assert left_over(tree) == []

    def test_the_next_apply_is_told_to_undo_first(self, tree: Path) -> None:
        kill(tree, 2)
        with pytest.raises(UsageError, match=r"interrupted after 1 of 3 files: run `patcher undo .*tree` first"):
            write(tree, B)
        assert holds(tree, a=b"A\n", b=b"b\n")

    def test_the_next_apply_goes_on_where_nothing_was_written(self, tree: Path) -> None:
        kill(tree, 1)
        write(tree, A)
        assert git(tree, "status", "--porcelain", "-uall") == "M a.py"
        undo(Checkout.open(tree))
        assert git(tree, "status", "--porcelain", "-uall") == ""

    def test_the_next_apply_goes_on_where_git_put_the_files_back(self, tree: Path) -> None:
        kill(tree, 2)
        git(tree, "checkout", "-q", ".")
        write(tree, A)
        assert [record.state for record in Journal(Checkout.open(tree)).records()] == [State.DONE]

    def test_the_next_apply_goes_on_where_all_was_written_but_not_noted(self, tree: Path) -> None:
        write(tree, A)
        record = tree / ".git/patcher/000001.json"
        record.write_text(record.read_text().replace('"done"', '"writing"'))
        write(tree, B)
        assert [record.state for record in Journal(Checkout.open(tree)).records()] == [State.DONE] * 2

    def test_a_plan_without_changes_is_not_stopped(self, tree: Path) -> None:
        kill(tree, 2)
        write(tree)


class TestLock:
    def lock(self, root: Path, text: str) -> Path:
        place = root / ".git" / "patcher" / "running"
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)
        return place

    def test_a_living_patcher_keeps_the_tree(self, tree: Path) -> None:
        place = self.lock(tree, f"{os.getppid()} {os.uname().nodename}\n")
        with pytest.raises(UsageError, match=rf"Another patcher .*process {os.getppid()} .*or delete {place}"):
            write(tree, A)
        assert place.exists()
        assert holds(tree, a=b"a\n")

    @pytest.mark.parametrize("text", ["4711 another-machine\n", "", "garbled"])
    def test_a_lock_that_cannot_be_judged_is_respected(self, tree: Path, text: str) -> None:
        self.lock(tree, text)
        with pytest.raises(UsageError, match="Another patcher"):
            write(tree, A)

    def test_the_lock_of_a_dead_process_is_taken_over(self, tree: Path) -> None:
        with subprocess.Popen([sys.executable, "-c", ""]) as process:
            process.wait()
        self.lock(tree, f"{process.pid} {os.uname().nodename}\n")
        write(tree, A)
        assert holds(tree, a=b"A\n")
        assert left_over(tree) == []

    def test_two_at_once_never_mix(self, tree: Path) -> None:
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); import test_apply as t\n"
            "try: t.write(Path(sys.argv[1]), t.A, t.B, t.NEW, recipe=sys.argv[3])\n"
            "except t.UsageError: sys.exit(2)\n"
            "except t.TargetError: sys.exit(5)"
        )
        command = [sys.executable, "-c", code, str(tree), str(Path(__file__).parent)]
        runs = [subprocess.Popen([*command, f"r{number}"]) for number in range(4)]
        codes = sorted(run.wait() for run in runs)
        assert codes.count(0) == 1
        assert set(codes) <= {0, 2, 5}
        assert len(Journal(Checkout.open(tree)).records()) == 1
        assert left_over(tree) == []
