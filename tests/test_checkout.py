"""The work tree: what is listed, what git says of it, and writing all or nothing."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.model import Change

TORN = b"a\xff.py"


def git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return run.stdout.strip()


def put(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def repository(root: Path, files: dict[str, str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    git(root, "init", "-q", "-b", "main")
    put(root, files)
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "all")
    return root


def snapshot(root: Path) -> dict[str, tuple[int, bytes | str | None]]:
    """Everything below a folder but git's own: mode, and bytes or where a link leads."""
    found: dict[str, tuple[int, bytes | str | None]] = {}
    for path in sorted(root.rglob("*")):
        if ".git" in path.parts:
            continue
        held = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[path.relative_to(root).as_posix()] = (path.lstat().st_mode, held)
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return repository(tmp_path / "tree", {"a.py": "a\n", "sub/b.py": "b\n", ".gitignore": "*.log\n/out/\n"})


class TestOpening:
    def test_the_root_is_absolute_and_resolved(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tree.parent / "link").symlink_to(tree)
        monkeypatch.chdir(tree.parent)
        assert Checkout.open("link").root == tree

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("nowhere", "no folder .*nowhere: name that of a checkout, or clone"),
            ("a.py", "a.py is a file: name the folder"),
        ],
    )
    def test_what_is_no_folder_is_refused_with_a_remedy(self, tree: Path, name: str, told: str) -> None:
        with pytest.raises(TargetError, match=told):
            Checkout.open(tree / name)

    def test_links_that_go_in_a_circle_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x").symlink_to("y")
        (tmp_path / "y").symlink_to("x")
        with pytest.raises(TargetError, match="cannot be opened"):
            Checkout.open(tmp_path / "x")

    def test_importing_the_module_does_not_import_git(self) -> None:
        code = "import sys, patcher.checkout, patcher.apply; sys.exit('git' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestListingWithGit:
    def test_tracked_and_untracked_files_are_listed_in_order_and_ignored_ones_are_not(self, tree: Path) -> None:
        put(tree, {"new.py": "", "run.log": "", "out/x.py": ""})
        assert Checkout.open(tree).paths == (".gitignore", "a.py", "new.py", "sub/b.py")

    def test_a_tracked_file_that_is_gone_is_not_listed(self, tree: Path) -> None:
        (tree / "a.py").unlink()
        assert "a.py" not in Checkout.open(tree).paths

    def test_a_subfolder_lists_only_what_is_below_it(self, tree: Path) -> None:
        assert Checkout.open(tree / "sub").paths == ("b.py",)

    def test_links_are_named_apart_and_nothing_behind_them_is_listed(self, tree: Path) -> None:
        (tree / "file.py").symlink_to("a.py")
        (tree / "folder").symlink_to("sub")
        (tree / "broken.py").symlink_to("nowhere")
        checkout = Checkout.open(tree)
        assert checkout.paths == (".gitignore", "a.py", "sub/b.py")
        assert checkout.links == ("broken.py", "file.py", "folder")

    def test_a_tracked_file_whose_folder_became_a_link_counts_as_behind_it(self, tree: Path) -> None:
        (tree / "sub").rename(tree.parent / "moved")
        (tree / "sub").symlink_to(tree.parent / "moved")
        checkout = Checkout.open(tree)
        assert "sub/b.py" not in checkout.paths
        assert checkout.links == ("sub",)

    def test_submodules_and_nested_repositories_are_not_entered(self, tree: Path, tmp_path: Path) -> None:
        other = repository(tmp_path / "other", {"x.py": ""})
        git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "module")
        repository(tree / "nested", {"y.py": ""})
        assert Checkout.open(tree).paths == (".gitignore", ".gitmodules", "a.py", "sub/b.py")

    def test_odd_names_are_listed_as_they_are(self, tree: Path) -> None:
        put(tree, {"new\nline.py": "", "grüß [1] *.py": "", '"quoted".py': ""})
        assert {"new\nline.py", "grüß [1] *.py", '"quoted".py'} <= set(Checkout.open(tree).paths)

    @pytest.mark.skipif(sys.platform == "darwin", reason="APFS takes only names that are UTF-8")
    @pytest.mark.parametrize("with_git", [True, False])
    def test_a_name_that_is_not_utf8_is_told_apart(self, tree: Path, with_git: bool) -> None:
        if not with_git:
            shutil.rmtree(tree / ".git")
        Path(os.fsdecode(os.fsencode(tree) + b"/" + TORN)).touch()
        checkout = Checkout.open(tree)
        assert checkout.unreadable == ("a\\xff.py",)
        assert checkout.paths == (".gitignore", "a.py", "sub/b.py")

    def test_a_file_in_conflict_is_listed_once(self, tree: Path) -> None:
        git(tree, "checkout", "-q", "-b", "side")
        put(tree, {"a.py": "side\n"})
        git(tree, "commit", "-qam", "side")
        git(tree, "checkout", "-q", "main")
        put(tree, {"a.py": "main\n"})
        git(tree, "commit", "-qam", "main")
        subprocess.run(["git", "merge", "-q", "side"], cwd=tree, check=False, capture_output=True)
        checkout = Checkout.open(tree)
        assert checkout.paths.count("a.py") == 1
        assert checkout.differs_from_head(["a.py"]) == {"a.py": "in conflict"}


class TestListingWithoutGit:
    def test_hidden_and_generated_folders_are_passed_over(self, tmp_path: Path) -> None:
        left_out = ["__pycache__", "node_modules", "build", "dist", "x.egg-info", ".hidden", ".patcher"]
        put(tmp_path, {f"{folder}/x.py": "" for folder in left_out})
        put(tmp_path, {"pkg/build/x.py": "", "env/pyvenv.cfg": "", "env/lib/x.py": "", "pkg/x.py": "", ".flake8": ""})
        assert Checkout.open(tmp_path).paths == (".flake8", "pkg/x.py")

    def test_links_are_named_apart_and_not_followed(self, tmp_path: Path) -> None:
        put(tmp_path, {"pkg/x.py": ""})
        (tmp_path / "loop").symlink_to(tmp_path)
        (tmp_path / "y.py").symlink_to("pkg/x.py")
        checkout = Checkout.open(tmp_path)
        assert (checkout.paths, checkout.links) == (("pkg/x.py",), ("loop", "y.py"))

    def test_an_archive_unpacked_in_an_ignored_folder_is_a_tree_without_git(self, tree: Path) -> None:
        checkout = Checkout.open(put(tree / "out" / "HRM", {"x.py": "", "pkg/y.py": ""}))
        assert checkout.paths == ("pkg/y.py", "x.py")
        assert not checkout.is_git
        assert checkout.journal_folder == tree / "out" / "HRM" / ".patcher"

    def test_a_git_file_that_leads_nowhere_is_no_git(self, tmp_path: Path) -> None:
        put(tmp_path, {".git": "gitdir: ../.git/modules/HRM\n", "x.py": ""})
        assert Checkout.open(tmp_path).head is None
        assert "x.py" in Checkout.open(tmp_path).paths


class TestReading:
    def test_bytes_come_as_they_are(self, tree: Path) -> None:
        (tree / "a.py").write_bytes(b"\xef\xbb\xbfa\r\n\xff")
        assert Checkout.open(tree).read("a.py") == b"\xef\xbb\xbfa\r\n\xff"

    @pytest.mark.parametrize(("path", "told"), [("x.py", "x.py .*no such file"), ("sub", "sub .*is a directory")])
    def test_what_cannot_be_read_is_told_with_its_reason(self, tree: Path, path: str, told: str) -> None:
        with pytest.raises(TargetError, match=told):
            Checkout.open(tree).read(path)

    @pytest.mark.parametrize("path", ["../x.py", "/etc/passwd", "sub/../../x.py", "", "a\0.py"])
    def test_a_path_that_leads_out_of_the_tree_is_refused(self, tree: Path, path: str) -> None:
        checkout = Checkout.open(tree)
        for method in (checkout.read, checkout.mode, checkout.exists):
            with pytest.raises(TargetError, match="not a path below"):
                method(path)

    def test_the_mode_is_what_git_would_call_it(self, tree: Path) -> None:
        (tree / "a.py").chmod(0o750)
        assert Checkout.open(tree).mode("a.py") == 0o100755
        assert Checkout.open(tree).mode("sub/b.py") == 0o100644

    def test_folders_ignored_files_and_broken_links_exist(self, tree: Path) -> None:
        put(tree, {"run.log": ""})
        (tree / "broken").symlink_to("nowhere")
        checkout = Checkout.open(tree)
        assert all(checkout.exists(path) for path in ("sub", "run.log", "broken"))
        assert not checkout.exists("x.py")


class TestGit:
    def test_head_and_remotes(self, tree: Path) -> None:
        git(tree, "remote", "add", "origin", "https://ada:secret@github.com/sapientinc/HRM.git")
        git(tree, "remote", "add", "fork", "git@github.com:ada/HRM.git")
        checkout = Checkout.open(tree)
        assert checkout.head == git(tree, "rev-parse", "HEAD")
        assert checkout.remotes == ("https://github.com/sapientinc/HRM.git", "git@github.com:ada/HRM.git")

    def test_without_git_there_is_neither(self, tmp_path: Path) -> None:
        checkout = Checkout.open(tmp_path)
        assert (checkout.is_git, checkout.head, checkout.remotes) == (False, None, ())
        assert checkout.differs_from_head(["x.py"]) == {}

    def test_before_the_first_commit_nothing_differs(self, tmp_path: Path) -> None:
        git(put(tmp_path, {"x.py": ""}), "init", "-q")
        checkout = Checkout.open(tmp_path)
        assert (checkout.is_git, checkout.head, checkout.paths) == (True, None, ("x.py",))
        assert checkout.differs_from_head(["x.py"]) == {}

    def test_a_file_called_head_does_not_confuse_it(self, tree: Path) -> None:
        put(tree, {"HEAD": ""})
        assert Checkout.open(tree).head == git(tree, "rev-parse", "HEAD", "--")[:40]

    def test_gits_own_folder_is_refused(self, tree: Path) -> None:
        with pytest.raises(TargetError, match="not in a work tree"):
            Checkout.open(tree / ".git").head  # noqa: B018

    def test_gits_refusal_is_told_in_its_own_words(self, tree: Path) -> None:
        (tree / ".git" / "index").write_bytes(b"no index")
        with pytest.raises(TargetError, match=r"`git ls-files` failed in .*index file"):
            Checkout.open(tree).paths  # noqa: B018

    def test_a_tree_with_git_on_a_machine_without_is_refused(self, tree: Path) -> None:
        code = f"from patcher.checkout import Checkout as C; C.open({str(tree)!r}).paths"
        run = subprocess.run([sys.executable, "-c", code], env={"PATH": "/nowhere"}, capture_output=True, text=True)
        assert f"TargetError: {tree} needs git, which does not start: install it, or put it on PATH." in run.stderr

    def test_variables_of_a_surrounding_hook_do_not_lead_elsewhere(
        self, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = repository(tmp_path / "other", {"x.py": ""})
        monkeypatch.setenv("GIT_DIR", str(other / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
        assert Checkout.open(tree).paths == (".gitignore", "a.py", "sub/b.py")

    def test_a_configured_program_is_not_started(self, tree: Path) -> None:
        program = put(tree, {".git/spy": '#!/bin/sh\ntouch "$(dirname "$0")/started"\n'}) / ".git" / "spy"
        program.chmod(0o755)
        git(tree, "config", "core.fsmonitor", str(program))
        checkout = Checkout.open(tree)
        assert checkout.paths and not checkout.differs_from_head(checkout.paths)
        assert not (tree / ".git" / "started").exists()


class TestDifference:
    def test_each_kind_has_its_word_and_clean_files_are_not_named(self, tree: Path) -> None:
        put(tree, {"staged.py": "", "new.py": "", "out/x.py": "", "a.py": "changed\n", "c.log": ""})
        git(tree, "add", "staged.py")
        (tree / "sub" / "b.py").unlink()
        wanted = ["sub/b.py", "staged.py", "out/x.py", "new.py", "c.log", "a.py", ".gitignore", "none.py"]
        assert Checkout.open(tree).differs_from_head(wanted) == {
            "sub/b.py": "deleted",
            "staged.py": "staged",
            "out/x.py": "ignored by git",
            "new.py": "not tracked",
            "c.log": "ignored by git",
            "a.py": "modified",
        }

    def test_a_staged_edit_counts_although_the_file_holds_what_head_has(self, tree: Path) -> None:
        put(tree, {"a.py": "staged\n"})
        git(tree, "add", "a.py")
        put(tree, {"a.py": "a\n"})
        assert Checkout.open(tree).differs_from_head(["a.py"]) == {"a.py": "modified"}

    def test_only_the_named_files_are_looked_at(self, tree: Path) -> None:
        put(tree, {"a.py": "changed\n"})
        assert Checkout.open(tree).differs_from_head(["sub/b.py"]) == {}
        assert Checkout.open(tree).differs_from_head([]) == {}

    def test_paths_are_of_the_root_also_in_a_subfolder(self, tree: Path) -> None:
        put(tree, {"sub/b.py": "changed\n", "sub/new.py": "", "b.py": ""})
        assert Checkout.open(tree / "sub").differs_from_head(["b.py", "new.py"]) == {
            "b.py": "modified",
            "new.py": "not tracked",
        }

    def test_a_path_is_no_pattern(self, tree: Path) -> None:
        put(tree, {"a.py": "changed\n"})
        assert Checkout.open(tree).differs_from_head(["*.py", "[a].py"]) == {}

    def test_line_ends_that_git_converts_are_no_difference(self, tree: Path) -> None:
        git(tree, "config", "core.autocrlf", "true")
        (tree / "a.py").unlink()
        git(tree, "checkout", "--", "a.py")
        assert (tree / "a.py").read_bytes() == b"a\r\n"
        assert Checkout.open(tree).differs_from_head(["a.py"]) == {}

    def test_a_mode_is_no_content(self, tree: Path) -> None:
        (tree / "a.py").chmod(0o755)
        assert Checkout.open(tree).differs_from_head(["a.py"]) == {}

    def test_asking_leaves_the_index_as_it_is(self, tree: Path) -> None:
        os.utime(tree / "a.py", (1, 1))
        index = (tree / ".git" / "index").read_bytes()
        Checkout.open(tree).differs_from_head(["a.py"])
        assert (tree / ".git" / "index").read_bytes() == index

    def test_more_paths_than_one_command_line_takes(self, tree: Path) -> None:
        put(tree, {"a.py": "changed\n"})
        wanted = [f"{'x' * 200}/{number}.py" for number in range(2000)]
        assert Checkout.open(tree).differs_from_head([*wanted, "a.py"]) == {"a.py": "modified"}


class TestJournalFolder:
    def test_it_is_in_gits_folder(self, tree: Path) -> None:
        assert Checkout.open(tree).journal_folder == tree / ".git" / "patcher"

    def test_each_root_in_a_repository_has_its_own(self, tree: Path) -> None:
        put(tree, {"other/x.py": ""})
        folders = {Checkout.open(root).journal_folder for root in (tree, tree / "sub", tree / "other")}
        assert len(folders) == 3
        assert all(folder.is_relative_to(tree / ".git" / "patcher") for folder in folders)

    def test_a_worktree_and_a_submodule_have_their_own(self, tree: Path, tmp_path: Path) -> None:
        git(tree, "worktree", "add", "-q", str(tmp_path / "second"))
        git(tree, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tree), "module")
        assert Checkout.open(tmp_path / "second").journal_folder == tree / ".git/worktrees/second/patcher"
        assert Checkout.open(tree / "module").journal_folder == tree / ".git/modules/module/patcher"


class TestWriting:
    def test_edits_and_new_files_are_written(self, tree: Path) -> None:
        checkout = Checkout.open(tree)
        assert checkout.paths == (".gitignore", "a.py", "sub/b.py")
        checkout.write([Change("a.py", b"a\n", b"A"), Change("x/y/z.py", None, b"Z")])
        assert (checkout.read("a.py"), checkout.read("x/y/z.py")) == (b"A", b"Z")
        assert checkout.paths == (".gitignore", "a.py", "sub/b.py", "x/y/z.py")

    @pytest.mark.parametrize("bits", [0o600, 0o644, 0o664, 0o755, 0o700])
    def test_an_edited_file_keeps_its_permissions(self, tree: Path, bits: int) -> None:
        (tree / "a.py").chmod(bits)
        Checkout.open(tree).write([Change("a.py", b"a\n", b"A")])
        assert stat.S_IMODE((tree / "a.py").stat().st_mode) == bits

    def test_a_new_file_follows_the_umask(self, tree: Path) -> None:
        old = os.umask(0o027)
        try:
            Checkout.open(tree).write([Change("x.py", None, b""), Change("run.sh", None, b"", mode=0o100755)])
        finally:
            os.umask(old)
        assert stat.S_IMODE((tree / "x.py").stat().st_mode) == 0o640
        assert stat.S_IMODE((tree / "run.sh").stat().st_mode) == 0o750

    def test_another_hard_link_keeps_the_old_bytes(self, tree: Path) -> None:
        (tree.parent / "cache.py").hardlink_to(tree / "a.py")
        Checkout.open(tree).write([Change("a.py", b"a\n", b"A")])
        assert (tree.parent / "cache.py").read_bytes() == b"a\n"

    def test_the_owner_stays(self, tree: Path) -> None:
        with suppress(PermissionError):  # only root may give a file away
            os.chown(tree / "a.py", 1234, 1235)
        owner = (tree / "a.py").stat().st_uid, (tree / "a.py").stat().st_gid
        Checkout.open(tree).write([Change("a.py", b"a\n", b"A")])
        info = (tree / "a.py").stat()
        assert (info.st_uid, info.st_gid) == owner

    def test_new_folders_are_those_that_writing_creates(self, tree: Path) -> None:
        assert Checkout.open(tree).new_folders(["x/y/z.py", "sub/c.py", "d.py"]) == ("x", "x/y")

    def test_restoring_takes_changes_back_with_the_folders_that_became_empty(self, tree: Path) -> None:
        (tree / "a.py").chmod(0o755)
        before = snapshot(tree)
        checkout = Checkout.open(tree)
        changes = [Change("a.py", b"a\n", b"A"), Change("x/y/z.py", None, b"Z")]
        checkout.write(changes)
        assert checkout.restore(changes, ["x", "x/y"]) == ()
        assert snapshot(tree) == before

    def test_a_folder_that_something_else_is_in_stays_and_is_named(self, tree: Path) -> None:
        checkout = Checkout.open(tree)
        changes = [Change("x/y/z.py", None, b"Z")]
        checkout.write(changes)
        put(tree, {"x/own.py": ""})
        assert checkout.restore(changes, ["x", "x/y"]) == ("x",)
        assert (tree / "x" / "own.py").exists()


class TestRefusing:
    """Every reason is found before anything is written, and told with the file."""

    def refused(self, root: Path, change: Change, told: str) -> None:
        before = snapshot(root)
        checkout = Checkout.open(root)
        good = Change("sub/b.py", b"b\n", b"B")
        for attempt in (checkout.check, checkout.write):
            with pytest.raises(TargetError, match=told):
                attempt([good, change])
        assert snapshot(root) == before

    def test_a_file_that_changed(self, tree: Path) -> None:
        self.refused(tree, Change("a.py", b"other", b"A"), r"a\.py was changed or removed since")

    def test_a_file_that_is_gone(self, tree: Path) -> None:
        self.refused(tree, Change("gone.py", b"", b"A"), r"gone\.py was changed or removed since")

    def test_a_new_file_where_one_stands(self, tree: Path) -> None:
        self.refused(tree, Change("a.py", None, b"A"), r"a\.py exists already")

    def test_a_link(self, tree: Path) -> None:
        (tree / "c.py").symlink_to("a.py")
        self.refused(tree, Change("c.py", b"a\n", b"A"), r"c\.py is a symbolic link")

    def test_a_broken_link_where_a_file_is_to_be_created(self, tree: Path) -> None:
        (tree / "c.py").symlink_to("../outside.py")
        self.refused(tree, Change("c.py", None, b"A"), r"c\.py is a symbolic link")

    def test_a_file_behind_a_linked_folder(self, tree: Path) -> None:
        put(tree.parent / "outside", {"x.py": "x"})
        (tree / "folder").symlink_to(tree.parent / "outside")
        self.refused(tree, Change("folder/x.py", b"x", b"X"), "folder/x.py lies behind the symbolic link folder")
        self.refused(tree, Change("folder/new/y.py", None, b"Y"), "behind the symbolic link folder")

    @pytest.mark.parametrize("path", ["../x.py", "/tmp/x.py", "sub/../../x.py", "./x.py", ""])  # noqa: S108
    def test_a_path_out_of_the_tree(self, tree: Path, path: str) -> None:
        self.refused(tree, Change(path, None, b"X"), "not a path below")

    @pytest.mark.parametrize("path", [".git/hooks/post-checkout", "sub/.GIT/config"])
    def test_gits_own_folder(self, tree: Path, path: str) -> None:
        self.refused(tree, Change(path, None, b"X"), "is git's own")

    def test_another_repository(self, tree: Path) -> None:
        repository(tree / "nested", {"y.py": "y"})
        self.refused(tree, Change("nested/y.py", b"y", b"Y"), "belongs to another repository, nested")

    def test_a_folder_that_is_a_file(self, tree: Path) -> None:
        self.refused(tree, Change("a.py/x.py", None, b"X"), r"lies below a\.py, which is a file")

    def test_a_read_only_file_also_for_root(self, tree: Path) -> None:
        (tree / "a.py").chmod(0o444)
        self.refused(tree, Change("a.py", b"a\n", b"A"), r"a\.py is read-only: make it writable")

    def test_every_file_is_named(self, tree: Path) -> None:
        changes = [Change("a.py", b"other", b"A"), Change("sub/b.py", None, b"B")]
        with pytest.raises(TargetError, match=r"(?s)a\.py was changed.*sub/b\.py exists already"):
            Checkout.open(tree).write(changes)

    def test_a_folder_without_write_permission(self, tree: Path) -> None:
        (tree / "sub").chmod(0o555)
        change = Change("sub/new.py", None, b"X")
        if os.access(tree / "sub", os.W_OK):  # root may write everywhere
            Checkout.open(tree).check([change])
        else:
            self.refused(tree, change, r"sub/new\.py cannot be written: you may not write to")
        (tree / "sub").chmod(0o755)


class TestFailingHalfway:
    """What breaks in the middle leaves every byte and every name as it was."""

    CHANGES = (
        Change("a.py", b"a\n", b"A"),
        Change("x/y/z.py", None, b"Z"),
        Change("sub/b.py", b"b\n", b"B"),
    )

    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch):
        """Let the n-th rename fail."""

        def arm(count: int, error: BaseException) -> None:
            real, left = os.replace, [count]

            def replace(source: object, target: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    raise error
                real(source, target)  # type: ignore[arg-type]

            monkeypatch.setattr(os, "replace", replace)

        return arm

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_a_failing_disk(self, tree: Path, failing, count: int) -> None:
        (tree / "a.py").chmod(0o750)
        before = snapshot(tree)
        failing(count, OSError(errno.EIO, "Input/output error"))
        with pytest.raises(TargetError, match=r"(a|z|b)\.py cannot be \(input/output error\)"):
            Checkout.open(tree).write(self.CHANGES)
        assert snapshot(tree) == before

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_ctrl_c(self, tree: Path, failing, count: int) -> None:
        before = snapshot(tree)
        failing(count, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            Checkout.open(tree).write(self.CHANGES)
        assert snapshot(tree) == before

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_taking_back(self, tree: Path, failing, count: int) -> None:
        checkout = Checkout.open(tree)
        checkout.write(self.CHANGES)
        (tree / "x/y/z.py").chmod(0o600)
        before = snapshot(tree)
        failing(count, OSError(errno.EIO, "Input/output error"))
        with pytest.raises(TargetError, match="input/output error"):
            checkout.restore(self.CHANGES, ["x", "x/y"])
        assert snapshot(tree) == before

    def test_a_file_that_somebody_saves_in_between_is_not_written_over(
        self, tree: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = os.fsync

        def save(descriptor: int) -> None:
            put(tree, {"sub/b.py": "saved meanwhile\n"})
            real(descriptor)

        monkeypatch.setattr(os, "fsync", save)
        before = snapshot(put(tree, {"sub/b.py": "b\n"}))
        with pytest.raises(TargetError, match=r"sub/b\.py was changed"):
            Checkout.open(tree).write(self.CHANGES)
        before["sub/b.py"] = (before["sub/b.py"][0], b"saved meanwhile\n")
        assert snapshot(tree) == before

    def test_a_full_disk(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        before = snapshot(tree)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(TargetError, match=r"a\.py cannot be \(no space left on device\)"):
            Checkout.open(tree).write(self.CHANGES)
        assert snapshot(tree) == before

    def test_what_cannot_be_put_back_is_named(self, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real, calls = os.replace, []

        def replace(source: object, target: object) -> None:
            calls.append(target)
            if len(calls) > 1:
                raise OSError(errno.EROFS, "Read-only file system")
            real(source, target)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "replace", replace)
        with pytest.raises(
            TargetError, match=r"not be put back:\n  a\.py \(read-only file system\)\nRun `patcher undo"
        ):
            Checkout.open(tree).write(self.CHANGES)
        assert (tree / "a.py").read_bytes() == b"A"


class TestExport:
    def test_every_file_is_there_as_the_commit_has_it(self, tmp_path: Path) -> None:
        files = {
            "a.py": "$Format:%H$\n",
            "left/out.py": "b\n",
            ".gitattributes": "left export-ignore\na.py export-subst\n",
        }
        root = repository(tmp_path / "tree", files)
        (root / "run.sh").write_text("#!/bin/sh\n")
        (root / "run.sh").chmod(0o755)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "run")
        (root / "a.py").write_text("another\n")
        before = git(root, "status", "--porcelain"), (root / ".git" / "index").read_bytes()
        (tmp_path / "out").mkdir()
        Checkout.open(root).export("HEAD", tmp_path / "out")
        assert {path: held for path, (_, held) in snapshot(tmp_path / "out").items() if held is not None} == {
            **{path: text.encode() for path, text in files.items()},
            "run.sh": b"#!/bin/sh\n",
        }
        assert (tmp_path / "out" / "run.sh").stat().st_mode & 0o100
        assert (git(root, "status", "--porcelain"), (root / ".git" / "index").read_bytes()) == before

    def test_of_a_subfolder_what_is_below_it(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "tree", {"a.py": "a\n", "sub/folder/b.py": "b\n"})
        (tmp_path / "out").mkdir()
        Checkout.open(root / "sub").export("HEAD", tmp_path / "out")
        assert (tmp_path / "out" / "folder" / "b.py").read_text() == "b\n"
        assert not (tmp_path / "out" / "a.py").exists()


class TestRemoving:
    def test_a_file_goes_with_the_folders_that_it_leaves_empty_and_comes_back(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "tree", {"a.py": "a\n", "deep/er/b.py": "b\n"})
        before = snapshot(root)
        gone = Change("deep/er/b.py", b"b\n", b"", gone=True)
        Checkout.open(root).write([gone])
        assert list(snapshot(root)) == ["a.py"]
        Checkout.open(root).restore([gone])
        assert snapshot(root) == before

    def test_one_that_was_changed_since_stays(self, tmp_path: Path) -> None:
        root = repository(tmp_path / "tree", {"a.py": "a\n", "b.py": "b\n"})
        before = snapshot(root)
        with pytest.raises(TargetError, match=r"b\.py was changed"):
            Checkout.open(root).write([Change("a.py", b"a\n", b"", gone=True), Change("b.py", b"c\n", b"", gone=True)])
        assert snapshot(root) == before
