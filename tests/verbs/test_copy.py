"""copy: a file gets a copy beside it, which the steps that follow edit in its place."""

from __future__ import annotations

import pytest

from patcher.choices import Choices
from patcher.errors import PatternError
from patcher.verbs.copy import Copy
from tests.helpers import git
from tests.test_choices import planned
from tests.tiny import Tiny, replace, step
from tests.verbs.checks import check_noop, check_transformed

NET = "import fast\n\n\nclass Net:\n    def forward(self, x):\n        return abs(x)  # all\n"
PATCHED = NET.replace("abs", "round")
UNPARSED = "it does not parse, so that no step could edit the copy; mend it first"
COPY = step("copy", within="model/net.py", copy="*_torch")
SWITCH = step("switch", rename="model.net.Net", to="model.net_torch.Net", expect="any")
ROUND = replace("abs($X)", "round($X)")


def test_a_copy_is_put_beside_the_file() -> None:
    check_transformed({"copy": "*_torch", "in": "m/*.py"}, {"m/a.py": NET}, {"m/a_torch.py": NET}, "1: applied")


def test_a_name_may_have_more_before_the_own_one() -> None:
    check_transformed({"copy": "old-*", "in": "*.yaml"}, {"a.b.yaml": "x: 1\n"}, {"old-a.b.yaml": "x: 1\n"})


def test_every_byte_is_copied_whatever_it_is(tiny: Tiny) -> None:
    data = b"\xef\xbb\xbf# \xe9\r\nprint 1"
    tiny.files({"a.yaml": data}).recipe(step("copy", within="a.yaml", copy="*_2")).apply()
    assert (tiny.tree / "a_2.yaml").read_bytes() == data


def test_a_program_that_does_not_parse_is_not_copied() -> None:
    check_noop({"copy": "*_2", "in": "*.py"}, {"a.py": "print 1\n"}, f"1: refused: {UNPARSED}")


def test_a_file_that_is_not_there_is_not_copied() -> None:
    check_noop({"copy": "*_2", "in": "b.py"}, {"a.py": "1\n"})


def test_what_stands_there_is_never_written_over() -> None:
    check_noop({"copy": "*_torch", "in": "a.py"}, {"a.py": "1\n", "a_torch.py": "2\n"}, "a.py:1: already")


def test_a_glob_that_reaches_the_copies_too_copies_no_copy() -> None:
    before = {"a.py": "1\n", "b.py": "2\n"}
    check_transformed({"copy": "*_torch", "in": "*.py"}, before, {"a_torch.py": "1\n", "b_torch.py": "2\n"})


@pytest.mark.parametrize("name", ["*", "net_torch", "../*", "other/*", "*_*", ""])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(PatternError, match="is no name for a copy"):
        Copy.compile({"copy": name})


@pytest.fixture
def net(tiny: Tiny) -> Tiny:
    train = "from model import Net\n\nNet()\n"
    files = {"model/net.py": NET, "model/__init__.py": "from .net import Net", "train.py": train}
    return tiny.files(files).recipe(COPY, SWITCH, ROUND)


class TestTheStepsThatFollow:
    def test_they_edit_the_copy_and_not_the_file(self, net: Tiny) -> None:
        assert net.apply().code == 0
        assert (net.read("model/net.py"), net.read("model/net_torch.py")) == (NET, PATCHED)
        assert net.read("model/__init__.py") == "from .net_torch import Net"
        assert net.read("train.py") == "from model import Net\n\nNet()\n"

    def test_their_lines_are_those_of_the_file(self, net: Tiny) -> None:
        (place,) = next(one["places"] for one in net.plan().json["steps"] if one["id"] == "swap")
        assert (place["path"], place["line"], place["column"]) == ("model/net_torch.py", 6, 16)

    def test_a_step_before_it_edits_the_file_and_so_the_copy(self, net: Tiny) -> None:
        net.recipe(ROUND, COPY)
        net.apply()
        assert net.read("model/net.py") == net.read("model/net_torch.py") == PATCHED

    def test_a_second_apply_finds_nothing(self, net: Tiny) -> None:
        net.apply()
        again = net.apply("--format", "json")
        assert (again.code, again.json["changes"]) == (0, [])
        assert set(again.steps().values()) == {"already"}

    def test_the_patch_is_one_that_git_takes(self, net: Tiny) -> None:
        (net.folder / "a.patch").write_bytes(net.diff().stdout)
        git(net.tree, "apply", str(net.folder / "a.patch"))
        assert net.read("model/net_torch.py") == PATCHED
        assert set(net.plan().steps().values()) == {"already"}

    def test_undo_takes_the_copy_away(self, net: Tiny) -> None:
        before = net.snapshot()
        net.apply()
        assert net.patcher("undo", net.tree).code == 0
        assert net.snapshot() == before

    def test_where_the_copy_is_declined_they_edit_the_file(self, net: Tiny) -> None:
        net.recipe(COPY, ROUND)
        (first, _) = planned(net).hunks
        made = planned(net, Choices(declined=frozenset({first.key})))
        assert [(one.path, one.after.decode()) for one in made.changes] == [("model/net.py", PATCHED)]
