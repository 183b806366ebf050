"""Every verb and every clause of the recipe language on real trees, beside oracles that know nothing of patcher."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.helpers import Patcher, git, snapshot, write_tree
from tests.upstream.cases import CASES
from tests.upstream.conftest import Upstream
from tests.upstream.language import COMMITS, ONLY, Case, lines_of, recipe_text, touched


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tree}: {case.name}")
def test_it_is_as_by_hand(
    case: Case, patcher: Patcher, upstream: Upstream, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    tree = upstream(case.tree, COMMITS[case.tree], ONLY.get(case.tree, ()))
    recipe = write_tree(tmp_path / "recipe", {"recipe.yaml": recipe_text(case), **case.beside})
    before = snapshot(tree)
    files = {path: text for path, data in before.items() if (text := decoded(data)) is not None}
    expected = dict(files)
    for become in case.become:
        expected = {path: become(path, text) for path, text in expected.items()}
    places = {place for path in files for place in touched(path, files[path], expected[path])}
    assert bool(places) == bool(case.become), "the oracle changes nothing"

    told = patcher("apply", tree, "-r", recipe, *case.options, "--format", "json")
    after = snapshot(tree)
    if case.error:
        assert (told.code, after) == (2, before) and case.error in told.stderr
        return
    assert told.code in (0, 3), told.out + told.stderr
    new = {path for path in after if path not in before}
    changed = {path for path, data in before.items() if after.get(path) != data}
    assert changed == {path for path in files if files[path] != expected[path]}
    for path in changed:
        assert after[path].decode() == expected[path], path
        compiles(path, files[path], expected[path])
    assert all(any(fnmatchcase(path, glob) for glob in case.added) for path in new), new
    assert all(any(fnmatchcase(path, glob) for path in new) for glob in case.added)

    statuses = told.steps()
    wanted = dict.fromkeys(statuses, case.status) if isinstance(case.status, str) else case.status
    assert statuses == {**statuses, **wanted}
    found = {status: set(of(told.json, status)) for status in ("applied", "refused")}
    if case.sites is not None:
        assert found["applied"] == (lines_of(files, case.sites) if case.sites else set())
    else:
        assert found["applied"] <= places
    assert found["refused"] == (lines_of(files, case.refused) if case.refused else set())
    assert told.code == (3 if "refused" in statuses.values() or "drifted" in statuses.values() else 0)
    left = {f"{one['path']}:{one['line']}" for one in told.json["leftovers"]}
    assert lines_of(files, case.leftovers) <= left if case.leftovers else True

    again = patcher("apply", tree, "-r", recipe, *case.options, "--format", "json")
    assert again.json["changes"] == [] and snapshot(tree) == after
    if changed or new:
        assert patcher("undo", tree).code == 0
    assert snapshot(tree) == before and git(tree, "status", "--porcelain", "--ignored") == ""
    record_property("files", len(changed))
    record_property("lines", len(places))
    record_property("applied", len(found["applied"]))
    record_property("refused", len(found["refused"]))


def of(report: dict[str, list[dict[str, object]]], status: str) -> Iterator[str]:
    for step in report["steps"]:
        places = step["places"]
        assert isinstance(places, list)
        yield from (f"{one['path']}:{one['line']}" for one in places if one["status"] == status)


def decoded(data: bytes) -> str | None:
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode()
    return None


def compiles(path: str, before: str, after: str) -> None:
    if path.endswith(".py"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(after)
            compile(before, path, "exec", dont_inherit=True)
            compile(after, path, "exec", dont_inherit=True)
