"""`in` and `not_in`: what is a scope, and where a step stays that a `use` narrows."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patcher.checkout import Checkout
from patcher.errors import RecipeError
from patcher.model import Effect, EffectKind, Expect, Scope, Step
from patcher.plan import plan
from patcher.recipe import load
from patcher.recipe.scopes import joined
from patcher.syntax.draft import Draft
from patcher.verbs import VERBS as ALL_VERBS
from tests.helpers import write_tree
from tests.recipe.shelf import STEP, Shelf, step_of, use, wrong


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("a.py", Scope("a.py")),
        ("./a/b.py", Scope("a/b.py")),
        ('"**/*.py"', Scope("**/*.py")),
        ("a.py::C.f", Scope("a.py", "C.f")),
        ('"*::C.*"', Scope("*", "C.*")),
    ],
)
def test_in(shelf: Shelf, text: str, scope: Scope) -> None:
    assert step_of(shelf, f"edit: f\nin: {text}").within == (scope,)


SCOPE = "is no scope; write a path relative to the checkout's root, with `/`, and behind `::` a name."
SCOPES = {
    "/a.py": SCOPE,
    "../a.py": SCOPE,
    "a/../b.py": SCOPE,
    "C:/a.py": SCOPE,
    "a\\b.py": SCOPE,
    "::f": SCOPE,
    "a/": "is a folder; write `a/**` for the files in it.",
    "a.py::": "names nothing behind `::`; write a class or function.",
}


@pytest.mark.parametrize(("text", "told"), SCOPES.items(), ids=SCOPES.keys())
def test_a_scope_refused(shelf: Shelf, text: str, told: str) -> None:
    assert wrong(shelf, f"edit: f\nnot_in: [b, '{text}']") == [f"8:17: `{text}` {told}"]


IN = "steps:\n" + STEP + "    in: {}\n"
JOINED = [
    ("a.py", "b/*.py", None),
    ("a/b.py", "a/*.py", ["a/b.py"]),
    ("a/*.py", "a/b.py", ["a/b.py"]),
    ("a/b/c.py", "a/**", ["a/b/c.py"]),
    ("b.py", "'**/b.py'", ["b.py"]),
    ("'**'", "a/*.py", ["a/*.py"]),
    ("a/*.py", "a/*.py", ["a/*.py"]),
    ("[a.py, b.py]", "[b.py, c.py]", ["b.py"]),
    ("[a.py, b.py]", "a.py::C", ["a.py::C"]),
    ("a.py::C", "a.py::C.f", ["a.py::C.f"]),
    ("a.py::C.f", "a.py::C", ["a.py::C.f"]),
    ("a.py::C.f", '"a.py::C.*"', ["a.py::C.f"]),
    ("a.py::C", "a.py::D", None),
    ("a*.py", "b*.py", None),
    ("a.py::C*", "a.py::D*", None),
    ("[a*.py, b/*.py]", "b*/x.py", ["b/*.py and b*/x.py"]),
]


@pytest.mark.parametrize(("inner", "outer", "both"), JOINED)
def test_a_step_stays_in_both_scopes(shelf: Shelf, inner: str, outer: str, both: list[str] | None) -> None:
    if both is not None:
        assert [str(scope) for scope in use(shelf, f"in: {outer}", IN.format(inner)).steps[0].within] == both
        return
    with pytest.raises(RecipeError, match="have nothing in common; skip the step"):
        use(shelf, f"in: {outer}", IN.format(inner))


@pytest.mark.parametrize(
    ("inner", "outer", "both"),
    [
        ("b/*.py", "'*/a.py'", "b/*.py and */a.py"),
        ("a.py::C*", "a.py::*D", "a.py::C* and a.py::*D"),
        ("a.py::C*", "'*.py::*D'", "a.py::C* and a.py::*D"),
        ("'*b.py::C.f'", "a*.py::C", "*b.py::C.f and a*.py::C.f"),
    ],
)
def test_where_no_glob_says_both_both_hold(shelf: Shelf, inner: str, outer: str, both: str) -> None:
    assert [str(scope) for scope in use(shelf, f"in: {outer}", IN.format(inner)).steps[0].within] == [both]


def test_each_of_several_uses_narrows(shelf: Shelf) -> None:
    shelf.add("inner", IN.format("b/*.py"))
    scopes = use(shelf, "in: '*/a*'", "steps:\n  - use: inner\n    in: '*/*_x.py'\n").steps[0].within
    assert [str(scope) for scope in scopes] == ["b/*.py and */*_x.py and */a*"]


def test_a_step_with_joined_scopes_edits_what_is_in_both(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("used", IN.replace("f($X)", "print($X)").format("b/*.py") + "    where: {X: '1'}\n    to: {X: '2'}\n")
    shelf.add("demo", "steps:\n  - use: used\n    in: '*/a.py'\n")
    names = ("b/a.py", "b/c.py", "d/a.py", "a.py")
    tree = write_tree(tmp_path / "tree", dict.fromkeys(names, "print(1)\n"))
    found = plan(load("demo", library=shelf.root), Checkout.open(tree), shelf.root)
    assert [(change.path, change.after) for change in found.changes] == [("b/a.py", b"print(2)\n")]


PATHS = ["a.py", "b.py", "ab.py", "x/a.py", "x/b.py", "y/a.py", "x/y/a.py", "x/y/ab.py", "y/x/b.py"]
GLOBS = ["**", "a.py", "x/a.py", "*.py", "*/a.py", "x/*.py", "**/a.py", "x/**", "**/*b.py", "[ab].py", "y/*/?.py"]
QUALNAMES = ["", "C", "D", "CD", "C.f", "D.f", "C.f.g", "CD.fg"]
NAMES = [None, "C", "C.f", "C*", "*D", "*.f", "C.*", "D*"]


def places(within: tuple[Scope, ...] | str) -> set[tuple[str, str]]:
    if isinstance(within, str):
        return set()
    draft = Draft(cast(Checkout, None), Path())
    step = Step("one", "edit", "why", Effect(EffectKind.EXACT), Expect(), "recipe.yaml:1:1", within=within)
    pairs = [(path, name) for path in PATHS for name in QUALNAMES]
    return {one for one in pairs if draft.in_scope(step, one[0]) and draft.in_qualname(step, *one)}


@given(st.lists(st.sampled_from([Scope(path, name) for path in GLOBS for name in NAMES]), min_size=2, max_size=4))
@settings(max_examples=500, deadline=None)
def test_joined_scopes_hold_what_each_of_them_holds(scopes: list[Scope]) -> None:
    """And no less: scopes that are said to have nothing in common have no place in common."""
    found: tuple[Scope, ...] | str = (scopes[0],)
    for scope in scopes[1:]:
        found = joined(found, (scope,)) if not isinstance(found, str) else found
    assert places(found) == set.intersection(*(places((scope,)) for scope in scopes))
    for scope in found if not isinstance(found, str) else ():
        assert len({part.qualname is None for part in scope.parts}) == 1
        exact = {part.path for part in scope.parts if not set(part.path) & set("*?[")}
        assert not exact or {part.path for part in scope.parts} == exact


def test_in_of_the_use_holds_where_the_step_has_none_and_not_in_adds_up(shelf: Shelf) -> None:
    step = use(shelf, "in: a.py\nnot_in: b.py", "steps:\n" + STEP + "    not_in: [c.py, b.py]\n").steps[0]
    assert (step.within, step.not_in) == ((Scope("a.py"),), (Scope("c.py"), Scope("b.py")))


REQUIREMENTS = """\
  - id: two
    why: because
    effect: unreached
    requirements: {drop: [x]}
"""


def test_a_scope_of_the_use_means_python_and_not_the_requirements(shelf: Shelf) -> None:
    steps = use(shelf, "in: a.py\nnot_in: b.py", "steps:\n" + STEP + REQUIREMENTS).steps
    assert [(step.within, step.not_in) for step in steps] == [((Scope("a.py"),), (Scope("b.py"),)), ((), ())]


def test_a_requirements_step_keeps_a_scope_of_its_own(shelf: Shelf) -> None:
    own = REQUIREMENTS + "    in: requirements.txt\n    not_in: old/*\n"
    step = use(shelf, "in: a.py\nnot_in: b.py", "steps:\n" + STEP + own).steps[1]
    assert (step.within, step.not_in) == ((Scope("requirements.txt"),), (Scope("old/*"),))


def test_requirements_are_not_narrowed_through_several_uses_either(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP + REQUIREMENTS)
    steps = use(shelf, "in: a.py::f", "steps:\n  - use: inner\n    in: a.py\n").steps
    assert [step.within for step in steps] == [(Scope("a.py", "f"),), ()]


@pytest.mark.parametrize(
    ("text", "place"),
    [("in: a.py", "8:9"), ("not_in: a.py", "8:13"), ("skip: one\nin: a.py", "9:9"), ("in: a.py\nnot_in: b.py", "8:9")],
)
def test_a_scope_that_narrows_no_step_is_refused(shelf: Shelf, text: str, place: str) -> None:
    used = "steps:\n" + (STEP if "skip" in text else "") + REQUIREMENTS
    with pytest.raises(RecipeError) as caught:
        use(shelf, text, used)
    told = "No step of `used` works on Python, so this scope narrows none of them; take it out."
    assert str(caught.value).endswith(f"demo/recipe.yaml:{place}: {told}")


def test_of_the_verbs_only_requirements_keeps_its_scope() -> None:
    assert {name for name, verb in ALL_VERBS.items() if getattr(verb, "TREE_WIDE", False)} == {"requirements"}
