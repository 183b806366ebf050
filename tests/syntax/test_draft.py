"""The tree as the steps so far leave it: what is read, what counts as in scope, and where a place was before."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.model import Edit, Effect, EffectKind, Expect, Scope, Step
from patcher.syntax.draft import Draft, glob_match, splice_bytes
from patcher.syntax.shims import stamp
from tests.helpers import write_tree


def draft_of(root: Path, files: Mapping[str, str | bytes], leave: Iterable[str] = ()) -> Draft:
    return Draft(Checkout.open(write_tree(root, files)), root / "no-shims", leave)


def step_in(*within: str, not_in: str = "") -> Step:
    def scope(text: str) -> Scope:
        path, _, qualname = text.partition("::")
        return Scope(path, qualname or None)

    effect = Effect(EffectKind.EXACT)
    barred = tuple(scope(text) for text in not_in.split())
    return Step("s", "edit", "", effect, Expect(), "r:1:1", within=tuple(map(scope, within)), not_in=barred)


# --- globs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("a.py", "a.py"),
        ("a.py", "*.py"),
        ("a.py", "?.py"),
        ("a.py", "[ab].py"),
        ("a.py", "**"),
        ("a.py", "**/*.py"),
        ("net/a.py", "net/*"),
        ("net/a.py", "*/a.py"),
        ("net/a.py", "**"),
        ("net/a.py", "**/a.py"),
        ("net/a.py", "net/**"),
        ("net/a.py", "net/**/a.py"),
        ("net/deep/er/a.py", "net/**"),
        ("net/deep/er/a.py", "net/**/a.py"),
        ("net/deep/er/a.py", "net/**/er/*.py"),
        ("net/deep/er/a.py", "**/deep/**/*.py"),
        ("longer/deep/a.py", "*/deep/**/a.py"),
        ("longer/deep/x/a.py", "l*/**/x/a.py"),
    ],
)
def test_a_glob_that_matches(path: str, pattern: str) -> None:
    assert glob_match(path, pattern)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("net/a.py", "*.py"),
        ("net/a.py", "a.py"),
        ("net/a.py", "net"),
        ("net/a.py", "net/"),
        ("net/a.py", "*"),
        ("net/deep/a.py", "net/*"),
        ("net/deep/a.py", "net/*.py"),
        ("net", "net/**"),
        ("network/a.py", "net/**"),
        ("a.py", "*/a.py"),
        ("A.py", "a.py"),
        ("a.pyi", "*.py"),
        ("net/x/a.py", "*/deep/**/a.py"),
        ("net/deep/a.py", "net/**/er/*.py"),
    ],
)
def test_a_glob_that_does_not(path: str, pattern: str) -> None:
    assert not glob_match(path, pattern)


# --- scope ----------------------------------------------------------------------------------------------------------


def test_files_in_scope(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": ""})
    assert draft.in_scope(step_in(), "a.py")
    assert draft.in_scope(step_in("b.py", "*.py"), "a.py")
    assert draft.in_scope(step_in("a.py::f"), "a.py")
    assert not draft.in_scope(step_in("b.py"), "a.py")
    assert not draft.in_scope(step_in("*.py", not_in="a.py"), "a.py")
    assert not draft.in_scope(step_in(not_in="**"), "a.py")
    assert draft.in_scope(step_in(not_in="a.py::f"), "a.py")


@pytest.mark.parametrize(
    ("scope", "not_in", "inside"),
    [
        ("", "", ["", "f", "A", "A.f", "A.f.g"]),
        ("a.py", "", ["", "f", "A", "A.f", "A.f.g"]),
        ("a.py::A", "", ["A", "A.f", "A.f.g"]),
        ("a.py::A.f", "", ["A.f", "A.f.g"]),
        ("a.py::f", "", ["f"]),
        ("a.py::*", "", ["f", "A", "A.f", "A.f.g"]),
        ("a.py::*.f", "", ["A.f", "A.f.g"]),
        ("b.py::f", "", []),
        ("", "a.py::A", ["", "f"]),
        ("a.py::A", "a.py::A.f", ["A"]),
        ("", "b.py::A", ["", "f", "A", "A.f", "A.f.g"]),
    ],
)
def test_functions_and_classes_in_scope(tmp_path: Path, scope: str, not_in: str, inside: list[str]) -> None:
    draft = draft_of(tmp_path, {"a.py": ""})
    step = step_in(*([scope] if scope else []), not_in=not_in)
    names = ["", "f", "A", "A.f", "A.f.g"]
    assert [name for name in names if draft.in_qualname(step, "a.py", name)] == inside


def test_files_that_are_left_are_in_no_scope(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "x", "vendored/b.py": "x", "vendored/c/d.py": "x"}, ["vendored/**"])
    assert list(draft.paths) == ["a.py"]
    assert draft.exists("vendored/b.py")
    assert [source.path for source in draft.sources(step_in(), [frozenset({b"x"})])] == ["a.py"]


# --- the gate -------------------------------------------------------------------------------------------------------


def paths(draft: Draft, *sets: set[bytes], step: Step | None = None) -> list[str]:
    return [source.path for source in draft.sources(step or step_in(), map(frozenset, sets))]


def test_only_files_with_the_words_are_parsed(tmp_path: Path) -> None:
    files = {"a.py": "one, two\n", "b.py": "two\n", "c.py": "print 'one'\n", "d.txt": "one two\n", "e.pyi": "one\n"}
    draft = draft_of(tmp_path, files)
    assert paths(draft, {b"one", b"two"}) == ["a.py"]
    assert draft.passed_over() == ()
    assert paths(draft, {b"one", b"two"}, {b"two"}) == ["a.py", "b.py"]
    assert paths(draft, {b"one"}) == ["a.py", "e.pyi"]
    assert paths(draft, set()) == ["a.py", "b.py", "e.pyi"]
    assert paths(draft) == []


def test_a_file_that_does_not_parse_is_passed_over_and_told(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "print 'x'\n", "b.py": "x\n"})
    assert paths(draft, {b"x"}) == ["b.py"]
    assert paths(draft, {b"x"}) == ["b.py"]
    (skipped,) = draft.passed_over()
    assert (skipped.path, skipped.reason.partition(";")[0]) == ("a.py", "a.py:1 does not parse as Python 3")


def test_a_file_that_does_not_parse_and_is_named_stops_the_step(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "print 'x'\n"})
    assert paths(draft, {b"x"}, step=step_in("*.py")) == []
    for named in ("a.py", "a.py::f"):
        with pytest.raises(TargetError, match=r"a\.py:1 does not parse"):
            paths(draft, {b"x"}, step=step_in(named))


def test_a_file_is_parsed_once_for_each_of_its_texts(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "x\n"})
    first = draft.source("a.py")
    assert draft.source("a.py") is first
    draft.edit("a.py", "s", [Edit(0, 1, "y")])
    assert draft.source("a.py") is not first
    assert draft.source("a.py").text == b"y\n"


# --- edits ----------------------------------------------------------------------------------------------------------


def test_nothing_is_written(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "x\n"})
    draft.edit("a.py", "s", [Edit(0, 1, "y")])
    draft.add("b.py", "s", b"z\n")
    assert (draft.read("a.py"), draft.read("b.py")) == (b"y\n", b"z\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py"]
    assert (tmp_path / "a.py").read_bytes() == b"x\n"


def test_changes_lead_from_before_to_after(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"b.py": "x\n", "a.py": "x\n", "c.py": "x\n"})
    (tmp_path / "a.py").chmod(0o755)
    draft.edit("b.py", "one", [Edit(0, 1, "y")])
    draft.edit("b.py", "two", [Edit(1, 1, "z")])
    draft.edit("a.py", "two", [Edit(0, 1, "y")])
    draft.add("new/d.py", "two", b"")
    a, b, d = draft.changes()
    assert (a.path, a.before, a.after, a.mode, a.steps) == ("a.py", b"x\n", b"y\n", 0o100755, ("two",))
    assert (b.path, b.before, b.after, b.mode, b.steps) == ("b.py", b"x\n", b"yz\n", 0o100644, ("one", "two"))
    assert (d.path, d.before, d.after, d.mode, d.steps) == ("new/d.py", None, b"", 0o100644, ("two",))


def test_what_comes_back_to_what_it_was_is_no_change(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "x\n"})
    draft.edit("a.py", "one", [Edit(0, 1, "y")])
    draft.edit("a.py", "two", [Edit(0, 1, "x")])
    draft.edit("a.py", "three", [])
    draft.add("a.py", "four", b"x\n")
    assert draft.changes() == ()


def test_a_change_starts_from_what_the_plan_read(tmp_path: Path) -> None:
    """What somebody writes while the plan is made is not taken for what it began with."""
    draft = draft_of(tmp_path, {"a.py": "x\n"})
    draft.edit("a.py", "s", [Edit(0, 1, "y")])
    (tmp_path / "a.py").write_text("somebody's\n")
    (change,) = draft.changes()
    assert (change.before, change.after) == (b"x\n", b"y\n")
    original = draft.original("a.py")
    assert original is not None and original.data == b"x\n"


def test_a_new_file_has_no_original(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "x\n"})
    draft.add("b.py", "s", b"x\n")
    assert draft.original("b.py") is None


@pytest.mark.parametrize("coding", ["latin-1", "utf-8"])
def test_offsets_count_in_utf_8(tmp_path: Path, coding: str) -> None:
    text = f"# coding: {coding}\ns = 'é'; x = 1\n"
    draft = draft_of(tmp_path, {"a.py": text.encode(coding)})
    at = text.encode().index(b"x")
    draft.source("a.py")
    draft.edit("a.py", "s", [Edit(at, at + 1, "ü")])
    assert draft.read("a.py") == text.replace("x", "ü").encode(coding)
    assert draft.origin("a.py", at) == (2, 10)


def test_a_shim_that_is_copied_first_does_not_change_how_its_importer_is_written(tmp_path: Path) -> None:
    text = "# coding: latin-1\ns = 'é'; import one_torch\n"
    draft = draft_of(tmp_path, {"a.py": text.encode("latin-1")})
    at = draft.source("a.py").text.index(b"import")
    draft.add("one_torch.py", "s", stamp("one_torch.py", b""))
    draft.edit("a.py", "s", [Edit(at, at, "x = 1; ")])
    assert draft.read("a.py") == text.replace("import", "x = 1; import").encode("latin-1")


def test_a_file_that_is_no_python_is_edited_as_bytes(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.txt": b"\xef\xbb\xbfone\r\ntwo\xff"})
    draft.edit("a.txt", "s", [Edit(0, 3, "1")])
    assert draft.read("a.txt") == b"\xef\xbb\xbf1\r\ntwo\xff"
    assert splice_bytes("x", b"abc", [Edit(1, 2, ""), Edit(3, 3, "d")]) == b"acd"


def test_edits_that_touch_are_refused(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "abc\n"})
    with pytest.raises(TargetError, match="two edits of one step touch the same bytes"):
        draft.edit("a.py", "s", [Edit(0, 2, "x"), Edit(1, 3, "y")])


# --- where a place was ----------------------------------------------------------------------------------------------


def test_a_place_is_told_as_it_was_on_disk(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "one\ntwo\nthree\n"})
    draft.edit("a.py", "s", [Edit(0, 0, "import x\n"), Edit(4, 7, "2")])
    draft.edit("a.py", "t", [Edit(0, 0, "import y\n"), Edit(13, 14, "twotwo")])
    text = draft.read("a.py")
    assert text == b"import y\nimport x\none\ntwotwo\nthree\n"
    places = {word: draft.origin("a.py", text.index(word)) for word in (b"import y", b"import x", b"one", b"three")}
    assert places == {b"import y": (1, 1), b"import x": (1, 1), b"one": (1, 1), b"three": (3, 1)}
    assert draft.origin("a.py", text.index(b"twotwo")) == (2, 1)
    assert draft.origin("a.py", len(text)) == (4, 1)


def test_a_place_behind_a_byte_order_mark(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": b"\xef\xbb\xbfx = 1; y = 2\r\n"})
    assert draft.origin("a.py", 7) == (1, 8)


def test_a_place_in_a_new_file(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": ""})
    draft.add("b.py", "s", b"one\ntwo\n")
    assert draft.origin("b.py", 4) == (2, 1)


# --- copied shims ---------------------------------------------------------------------------------------------------


def test_a_shim_counts_from_the_moment_it_is_copied(tmp_path: Path) -> None:
    draft = draft_of(tmp_path, {"a.py": "from one_torch import One\n", "b.py": "x\n"})
    before, other = draft.source("a.py"), draft.source("b.py")
    assert before.names.origins_of(before.names.imports[0]) == ("one_torch.One",)
    draft.add("one_torch.py", "s", stamp("one_torch.py", b"class One: ...\n"))
    after = draft.source("a.py")
    assert after.names.origins_of(after.names.imports[0]) == ("shim.one_torch.One",)
    assert draft.source("a.py") is after and draft.source("b.py") is other
    assert draft.stand_ins == {"one_torch": "shim.one_torch"}


def test_with_and_without_git(tmp_path: Path) -> None:
    files = {"a.py": "x\n", "b.py": "x\n", ".gitignore": "b.py\n"}
    assert "b.py" in draft_of(tmp_path / "plain", files).paths
    subprocess.run(["git", "init", "-q", str(tmp_path / "tree")], check=True)
    draft = draft_of(tmp_path / "tree", files)
    assert "b.py" not in draft.paths and draft.exists("b.py")
