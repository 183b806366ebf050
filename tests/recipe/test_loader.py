"""A recipe file to a Recipe: its own keys, what is refused and where, and that everything is told at once."""

from __future__ import annotations

import hashlib

import pytest

from patcher.errors import RecipeError
from patcher.model import Check, Effect, EffectKind, Expect, Hint, Parameter, Range, Recipe, Scope, Step
from patcher.recipe import load
from patcher.verbs import VERBS
from tests.recipe.shelf import STEP, Shelf


def test_a_recipe_in_full(shelf: Shelf) -> None:
    path = shelf.add(
        "demo",
        """\
upstream: {repository: "https://host/demo", tested: [0123456789012345678901234567890123456789]}
parameters:
  kind: {type: choice, choices: [fast, slow], default: fast, help: how}
leave: {"vendored/**": imported by nobody}
steps:
  - id: one
    why: because of ${kind}
    in: [a.py, "src/**::C.f"]
    not_in: b.py
    edit: f($X)
    where: {X: [g, {not: h}]}
    optional: yes
    expect: 2
    effect: {changes: a lot, avoid: {kind: slow}}
  - id: two
    why: because
    requirements: {drop: [x]}
    requires: [one]
    effect: unreached
checks:
  - id: train
    why: ten losses
    run: [python, "{tree}/train.py", "--kind=${kind}"]
    readings: {loss: 1..10}
next:
  - {run: "python {tree}/train.py ${kind}", why: trains}
""".replace("[g, {not: h}]", "{not: [g, h]}"),
    )
    recipe = shelf.load(kind="slow")
    assert recipe == Recipe(
        name="demo",
        summary="A demonstration",
        folder=str(path.parent),
        digest=recipe.digest,
        steps=recipe.steps,
        upstream=recipe.upstream,
        parameters=(Parameter("kind", "choice", "fast", ("fast", "slow"), "how"),),
        values={"kind": "slow"},
        leave={"vendored/**": "imported by nobody"},
        checks=(
            Check(
                "train",
                "ten losses",
                run=("python", "{tree}/train.py", "--kind=slow"),
                origin=recipe.checks[0].origin,
                readings={"loss": Range(1, 10)},
            ),
        ),
        next=(Hint("python {tree}/train.py slow", "trains"),),
        bundled=True,
    )
    assert recipe.upstream is not None
    assert recipe.upstream.repository == "https://host/demo"
    assert recipe.upstream.tested == ("0123456789012345678901234567890123456789",)
    assert recipe.steps[0] == Step(
        id="one",
        verb="edit",
        why="because of slow",
        effect=Effect(EffectKind.CHANGES, "a lot", (("kind", "slow"),)),
        expect=Expect(Range(2, 2)),
        origin=f"{path}:8:5",
        arguments={"edit": "f($X)", "where": {"X": {"not": ["g", "h"]}}},
        action={"edit": "f($X)", "where": {"X": {"not": ["g", "h"]}}},
        within=(Scope("a.py"), Scope("src/**", "C.f")),
        not_in=(Scope("b.py"),),
        optional=True,
    )


TOP = {
    "unknown and missing keys": (
        "recipe: demo\nsumary: x\nfrobnicate: y\n",
        [
            "1:1: `steps` is missing here.",
            "2:1: The key `sumary` is not known here; did you mean `summary`?",
            "3:1: The key `frobnicate` is not known here; known: checks, known, leave, next, parameters, recipe, "
            "sizes, steps, summary, upstream.",
        ],
    ),
    "another name than its folder's": (
        "recipe: demi\nsummary: x\nsteps:\n" + STEP,
        ["1:9: A bundled recipe has the name of its folder, which is `demo`."],
    ),
    "a name in capitals": (
        "recipe: Demo\nsummary: x\nsteps:\n" + STEP,
        ["1:9: `Demo` is not lower-case words joined by `-`, as `recipe` wants."],
    ),
    "no steps": ("recipe: demo\nsummary: x\nsteps: []\n", ["3:8: This recipe has no steps."]),
    "steps that are no list": (
        "recipe: demo\nsummary: x\nsteps: {id: one}\n",
        ["3:8: `steps` wants a list, and YAML reads this as a map."],
    ),
    "a step that is no map": (
        "recipe: demo\nsummary: x\nsteps: [one]\n",
        ["3:9: A step wants a map, and YAML reads this as text."],
    ),
    "a commit in short": (
        "recipe: demo\nsummary: x\nupstream: {repository: r, tested: [42410da]}\nsteps:\n" + STEP,
        ["3:36: `42410da` is no commit; write all its 40 digits."],
    ),
    "an upstream without its place": (
        f"recipe: demo\nsummary: x\nupstream: {{tested: [{'0' * 40}]}}\nsteps:\n" + STEP,
        ["3:11: `repository` is missing here."],
    ),
    "a list": ("- a\n", ["1:1: A recipe wants a map, and YAML reads this as a list."]),
    "an empty file": ("", ["1:1: This file is empty."]),
    "broken YAML": ("recipe: 'demo\n", ["1:9: This quote is never closed."]),
    "an empty summary": ("recipe: demo\nsummary: ''\nsteps:\n" + STEP, ["2:10: `summary` is empty."]),
    "checks and next": (
        "recipe: demo\nsummary: x\nsteps:\n" + STEP + "checks:\n  - {id: a, run: [x]}\n  - {id: a, why: x, run: [x]}\n"
        "next:\n  - {run: x, wyh: y}\n",
        [
            "9:5: `why` is missing here.",
            "10:10: The id `a` is taken above; give each its own.",
            "12:14: The key `wyh` is not known here; did you mean `why`?",
        ],
    ),
}


@pytest.mark.parametrize(("text", "told"), TOP.values(), ids=TOP.keys())
def test_a_recipe_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    shelf.add("demo", "").write_text(text)
    assert shelf.problems() == [f"demo/recipe.yaml:{line}" for line in told]


def test_a_recipe_that_is_not_utf8(shelf: Shelf) -> None:
    shelf.add("demo", "").write_bytes(b"recipe: d\xe9mo\n")
    assert shelf.problems() == ["demo/recipe.yaml:1:10: This file is not UTF-8; save it as UTF-8."]


def test_everything_is_told_at_once_by_file_and_place(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n  - id: A\n    why: b\n    effect: none\n    edit: oops\n")
    shelf.add("demo", "steps:\n  - use: used\n    expect: {A: x}\n  - use: nowhere\n" + STEP.replace("f($X)", "[oops]"))
    assert shelf.problems() == [
        "demo/recipe.yaml:5:17: `x` is no count; write 1, 1..3, 2.. or any.",
        "demo/recipe.yaml:6:10: There is no recipe `nowhere`; known: demo, used. See `patcher list`.",
        "demo/recipe.yaml:10:12: `oops` is no pattern.",
        "used/recipe.yaml:4:9: `A` is not lower-case words joined by `-`, as `id` wants.",
        "used/recipe.yaml:6:13: `none` is no effect; known: changes, enables, exact, unreached.",
        "used/recipe.yaml:7:11: `oops` is no pattern.",
    ]


def test_a_recipe_that_is_wrong_is_told_before_the_values(shelf: Shelf) -> None:
    shelf.add("demo", "steps: []\n")
    assert shelf.problems(nothing="1") == ["demo/recipe.yaml:3:8: This recipe has no steps."]


def test_the_digest_is_over_this_recipe_and_all_it_uses(shelf: Shelf) -> None:
    used, demo = shelf.add("used", "steps:\n" + STEP), shelf.add("demo", "steps:\n  - use: used\n")
    digest = hashlib.sha256()
    for path in (demo, used):
        digest.update(f"{path.parent.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    before = shelf.load().digest
    assert before == digest.hexdigest()
    used.write_text(used.read_text() + "# more\n")
    assert shelf.load().digest != before


def test_the_digest_does_not_depend_on_values(shelf: Shelf) -> None:
    shelf.add("demo", "parameters: {size: {type: int, default: 4}}\nsteps:\n" + STEP)
    assert shelf.load().digest == shelf.load(size="5").digest


def test_the_verbs_are_those_of_patcher_where_nobody_gives_others(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n  - {id: one, why: because, effect: exact}\n")
    with pytest.raises(RecipeError, match=f"one of the verbs {', '.join(sorted(VERBS))}"):
        load("demo", library=shelf.root)
