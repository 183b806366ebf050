"""recipe.yaml to Recipe: what a recipe may say, what is refused and where, and what `use` makes of other recipes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import patcher.expand
import patcher.recipe
from patcher.errors import PatternError, RecipeError, UsageError
from patcher.model import Check, Condition, Effect, EffectKind, Expect, Hint, Parameter, Range, Recipe, Scope, Step
from patcher.recipe import SHIMS, bundled_names, bundled_root, describe, load
from patcher.verbs import VERBS as VERBS_OF_PATCHER
from patcher.verbs.base import Shape


class Fake:
    """A verb that compiles to its arguments, and calls whatever says `oops` no pattern."""

    def __init__(self, **keys: Shape) -> None:
        self.KEYS = keys

    def compile(self, arguments: Mapping[str, Any]) -> Any:
        for at in _oops(arguments, ()):
            raise PatternError("`oops` is no pattern.", at)
        return dict(arguments)


def _oops(value: Any, at: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _oops(below, (*at, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _oops(below, (*at, index))
    elif "oops" in value:
        # A verb takes one text for a list of one, and so leads one level too deep.
        yield (*at, 0) if at == ("edit",) else at


VERBS: Any = {
    "edit": Fake(edit=Shape.TEXTS, to=Shape.PAIRS, where=Shape.WHERE, local=Shape.TEXTS),
    "replace": Fake(replace=Shape.CODE_OR_PAIRS, **{"with": Shape.TEXT}),
    "requirements": Fake(requirements=Shape.LISTS),
}
HEAD = "recipe: {name}\nsummary: A demonstration\n"
STEP = "  - id: one\n    why: because\n    effect: exact\n    edit: f($X)\n"


class Shelf:
    """A folder of bundled recipes, made for one test."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, name: str, body: str) -> Path:
        """Write a recipe of this name; its body starts on line 3."""
        path = self.root / name / "recipe.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(name=name) + body)
        return path

    def load(self, spec: str = "demo", **values: str) -> Recipe:
        return load(spec, values, library=self.root, verbs=VERBS)

    def problems(self, spec: str = "demo", **values: str) -> list[str]:
        with pytest.raises(RecipeError) as caught:
            self.load(spec, **values)
        return [str(told).removeprefix(f"{self.root}/") for told in caught.value.problems]

    def complaint(self, spec: str = "demo", **values: str) -> str:
        with pytest.raises(UsageError) as caught:
            self.load(spec, **values)
        return str(caught.value).replace(f"{self.root}/", "")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    root = tmp_path / "library"
    root.mkdir()
    return Shelf(root)


def step_of(shelf: Shelf, text: str, body: str = "", **values: str) -> Step:
    """Load a recipe of one step, which has these lines beside its id and why."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    effect = "" if "effect:" in text else "    effect: exact\n"
    shelf.add("demo", f"{body}steps:\n  - id: one\n    why: because\n{effect}{lines}")
    return shelf.load(**values).steps[0]


def wrong(shelf: Shelf, text: str) -> list[str]:
    """Return what is told of a step, whose own lines start on line 7; without the file's name."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    effect = "" if "effect:" in text else "    effect: exact\n"
    body = f"steps:\n  - id: one\n    why: because\n{lines}{effect}"
    shelf.add("demo", "parameters: {size: {type: int, default: 4}, kind: {choices: [a, b], default: a}}\n" + body)
    return [told.removeprefix("demo/recipe.yaml:") for told in shelf.problems()]


# --- a recipe


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
    requires: [two]
    optional: yes
    expect: 2
    effect: {changes: a lot, avoid: {kind: slow}}
  - id: two
    why: because
    requirements: {drop: [x]}
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
                {"run": ["python", "{tree}/train.py", "--kind=slow"], "readings": {"loss": "1..10"}},
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
        requires=("two",),
        optional=True,
    )


TOP = {
    "unknown and missing keys": (
        "recipe: demo\nsumary: x\nfrobnicate: y\n",
        [
            "1:1: `steps` is missing here.",
            "2:1: The key `sumary` is not known here; did you mean `summary`?",
            "3:1: The key `frobnicate` is not known here; known: checks, leave, next, parameters, recipe, steps, "
            "summary, upstream.",
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
        "recipe: demo\nsummary: x\nupstream: {tested: []}\nsteps:\n" + STEP,
        ["3:11: `repository` is missing here."],
    ),
    "a list": ("- a\n", ["1:1: A recipe wants a map, and YAML reads this as a list."]),
    "an empty file": ("", ["1:1: This file is empty."]),
    "broken YAML": ("recipe: 'demo\n", ["1:9: This quote is never closed."]),
    "an empty summary": ("recipe: demo\nsummary: ''\nsteps:\n" + STEP, ["2:10: `summary` is empty."]),
    "checks and next": (
        "recipe: demo\nsummary: x\nsteps:\n" + STEP + "checks:\n  - {id: a, run: x}\n  - {id: a, why: x}\n"
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


# --- finding


def test_a_path_is_a_folder_or_a_file(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shelf.add("demo", "steps:\n" + STEP).rename(tmp_path / "mine.yaml")
    (tmp_path / "fork").mkdir()
    (tmp_path / "fork" / "recipe.yaml").write_bytes(path.read_bytes())
    monkeypatch.chdir(tmp_path / "fork")
    for spec in ("../mine.yaml", "../fork", "./recipe.yaml", "recipe.yaml", "."):
        recipe = shelf.load(spec)
        assert (recipe.name, recipe.bundled) == ("demo", False)


def test_a_fork_never_shadows_a_bundled_name(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.add("demo", "steps:\n" + STEP)
    fork = tmp_path / "here" / "demo" / "recipe.yaml"
    fork.parent.mkdir(parents=True)
    fork.write_text(HEAD.format(name="demo") + "steps:\n" + STEP.replace("one", "fork"))
    monkeypatch.chdir(tmp_path / "here")
    assert (shelf.load("demo").steps[0].id, shelf.load("demo").bundled) == ("one", True)
    assert (shelf.load("./demo").steps[0].id, shelf.load("./demo").bundled) == ("fork", False)


def test_an_unknown_name(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shelf.add("demo", "steps:\n" + STEP)
    shelf.add(SHIMS, "steps:\n" + STEP)
    assert shelf.complaint("dmo") == "There is no recipe `dmo`; did you mean `demo`? See `patcher list`."
    assert shelf.complaint(SHIMS) == "There is no recipe `shims`; known: demo. See `patcher list`."
    (tmp_path / "mine").mkdir()
    assert shelf.complaint("mine").endswith(" For the one here write `./mine`.")


def test_a_path_that_leads_nowhere(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shelf.complaint("./x") == "There is no file or folder `./x`; name a recipe, or see `patcher list`."
    assert shelf.complaint("x.yaml") == "There is no file or folder `x.yaml`; name a recipe, or see `patcher list`."
    assert shelf.complaint("./library") == "The folder `./library` has no recipe.yaml."


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that even root cannot read")
def test_a_file_that_cannot_be_read(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").symlink_to("/proc/self/mem")
    assert shelf.complaint("x.yaml") == f"The recipe `x.yaml` cannot be read: {os.strerror(5)}."


def test_bundled_names_are_the_folders_with_a_recipe(shelf: Shelf) -> None:
    shelf.add("b", "steps:\n" + STEP)
    shelf.add("a", "steps:\n" + STEP)
    (shelf.root / "empty").mkdir()
    (shelf.root / SHIMS).mkdir()
    assert bundled_names(shelf.root) == ("a", "b")


def test_a_broken_recipe_does_not_hide_the_others(shelf: Shelf) -> None:
    shelf.add("a", "steps: [nothing of this is looked at]\n")
    broken = shelf.add("b", "steps: [\n")
    found = describe(shelf.root)
    assert [(one.name, one.summary) for one in found] == [("a", "A demonstration"), ("b", "")]
    assert found[0].trouble == ""
    assert found[1].trouble == f"{broken}:3:9: A bracket that opens above is never closed."


def test_recipes_stand_in_the_package_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bundled_root() == Path(patcher.recipe.__file__).parent.parent / "recipes"
    monkeypatch.setattr(patcher.recipe, "__file__", str(tmp_path / "patcher" / "recipe.py"))
    assert bundled_root() == tmp_path / "recipes"
    (tmp_path / "patcher" / "_recipes").mkdir(parents=True)
    assert bundled_root() == tmp_path / "patcher" / "_recipes"


# --- parameters

TYPES = {
    "flag": (["yes", "no"], ["true", "1", ""], "yes or no"),
    "int": (["0", "-12", "+3"], ["1.0", "x", "", "1_0"], "a whole number"),
    "float": (["1", "-.5", "1e-8", "2.E+3"], ["nan", "1e", "", "x"], "a number"),
    "text": (["", "${", "# x"], [], "text"),
    "name": (["x", "_y1"], ["1x", "a.b", "if", ""], "a Python name"),
    "expr": (
        ["config.lr", "1", "(a, b)", "a if b else c", "[x for x in y]"],
        ["a, b", "a = 1", "a # b", "1)(2", "*a", "", "if", "\0"],
        "one Python expression",
    ),
    "path": (["a/b", "../c d"], ["", " ", "a\nb"], "a path"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_values_have_the_type_of_their_parameter(shelf: Shelf, kind: str) -> None:
    good, bad, wanted = TYPES[kind]
    default = good[0]
    shelf.add("demo", f"parameters: {{p: {{type: {kind}, default: '{default}'}}}}\nsteps:\n" + STEP)
    assert shelf.load().values == {"p": default}
    for value in good:
        assert shelf.load(p=value).values == {"p": value}
    for value in bad:
        assert shelf.complaint(p=value) == f"-p p: `{value}` is not {wanted}, as `p` wants."


def test_all_that_is_wrong_with_the_values_is_told_at_once(shelf: Shelf) -> None:
    shelf.add(
        "demo",
        "parameters: {size: {type: int, default: 4}, kind: {choices: [fast, slow], default: fast}}\nsteps:\n" + STEP,
    )
    assert shelf.complaint(sise="3", size="x", kind="fats").splitlines() == [
        "-p sise: There is no parameter `sise`; did you mean `size`?",
        "-p size: `x` is not a whole number, as `size` wants.",
        "-p kind: `fats` is no choice of `kind`; did you mean `fast`?",
    ]


PARAMETERS = {
    "no default": ("p: {type: int}", ["4:6: `default` is missing here."]),
    "no type": ("p: {default: 1}", ["4:3: `p` has no type; known: choice, expr, flag, float, int, name, path, text."]),
    "a type that is none": ("p: {type: itn, default: 1}", ["4:13: `p` has no type; did you mean `int`?"]),
    "a choice without choices": (
        "p: {type: choice, default: 1}",
        ["4:3: `p` has the type `choice`; `choice` and `choices` go together."],
    ),
    "choices of another type": (
        "p: {type: int, choices: [1], default: 1}",
        ["4:3: `p` has the type `int`; `choice` and `choices` go together."],
    ),
    "a default that is no choice": (
        "p: {choices: [fast, slow], default: fats}",
        ["4:39: `fats` is no choice of `p`; did you mean `fast`?"],
    ),
    "a default of another type": (
        "p: {type: expr, default: a =}",
        ["4:28: `a =` is not one Python expression, as `p` wants."],
    ),
    "a default that a comment cuts": (
        "p:\n    type: expr\n    default: a # b",
        [
            "6:14: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: default: 'a # b'",
        ],
    ),
    "a default from another parameter": (
        'p: {type: text, default: "${q}"}',
        ["4:28: A default is a value of its own and cannot use another parameter."],
    ),
    "a name that `when` needs": (
        "import: {type: int, default: 1}",
        ["4:3: `import` cannot name a parameter; use letters, digits, `_` and `-`."],
    ),
    "an unknown key": (
        "p: {type: int, default: 1, hepl: x}",
        ["4:30: The key `hepl` is not known here; did you mean `help`?"],
    ),
}


@pytest.mark.parametrize(("text", "told"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_a_parameter_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    """And where it is filled in, or given, nothing more is told."""
    name = text.partition(":")[0]
    shelf.add("demo", f"parameters:\n  {text}\nsteps:\n" + STEP.replace("because", f"${{{name}}}"))
    assert shelf.problems(**{name: "1"}) == [f"demo/recipe.yaml:{line}" for line in told]


def test_parameters_that_could_not_be_read_are_not_unknown_too(shelf: Shelf) -> None:
    shelf.add("demo", "paramters: {p: {type: int, default: 1}}\nsteps:\n" + STEP.replace("because", "${p}"))
    assert shelf.problems(p="1") == [
        "demo/recipe.yaml:3:1: The key `paramters` is not known here; did you mean `parameters`?",
    ]


TEXT_PARAMETER = "parameters: {p: {type: text, default: P}, q: {type: text, default: Q}}\n"


def test_parameters_are_filled_in_everywhere_in_a_step(shelf: Shelf) -> None:
    step = step_of(
        shelf,
        'edit: ["f(${p}, $X)", "${p}${q}"]\nto: {X: "${q}"}\nwhere: {"${p}": {not: ["${q}"]}}\nin: "${p}.py::${q}"\n'
        'effect: {changes: "${p}"}\n',
        TEXT_PARAMETER,
        q="$X",
    )
    assert step.arguments == {"edit": ["f(P, $X)", "P$X"], "to": {"X": "$X"}, "where": {"P": {"not": ["$X"]}}}
    assert (step.within, step.effect.detail) == ((Scope("P.py", "$X"),), "P")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$X", "$X"),
        ("$$$XS", "$$$XS"),
        ("$${p}", "${p}"),
        ("$${oc.env:HOME}", "${oc.env:HOME}"),
        ("$${p}${p}", "${p}P"),
        ("{p}", "{p}"),
        ("$ {p}", "$ {p}"),
    ],
)
def test_what_is_not_filled_in(shelf: Shelf, text: str, filled: str) -> None:
    assert step_of(shelf, f"edit: '{text}'", TEXT_PARAMETER).arguments["edit"] == filled


def test_what_is_filled_in_is_not_filled_in_again(shelf: Shelf) -> None:
    assert step_of(shelf, 'edit: "${p}"', TEXT_PARAMETER, p="${q}").arguments["edit"] == "${q}"


# --- steps

STEPS = {
    "no verb": ("", ["5:5: A step has one of the verbs edit, replace, requirements."]),
    "a misspelt verb": (
        "relpace: f\nwith: g",
        ["7:5: A step has one of the verbs edit, replace, requirements. `relpace` is none; did you mean `replace`?"],
    ),
    "two verbs": (
        "edit: f\nreplace: g\nwith: h",
        ["8:5: A step has one verb, and this has `edit` and `replace`; make two steps."],
    ),
    "a use and a verb": (
        "use: demo\nedit: f",
        [
            "7:10: With this step `demo` uses itself; take the step out.",
            "8:5: A step is a `use` or has a verb, and this has both; make two steps.",
        ],
    ),
    "a key of another verb": (
        "edit: f\nwith: g",
        [
            "8:5: The key `with` is not known here; known: edit, effect, expect, id, in, local, not_in, optional, "
            "requires, to, when, where, why.",
        ],
    ),
    "a misspelt key": ("edit: f\nexpct: 1", ["8:5: The key `expct` is not known here; did you mean `expect`?"]),
    "an unknown parameter": (
        "edit: [f, 'g(${sise})']",
        [
            "7:15: There is no parameter `sise`; did you mean `size`? "
            "If `${sise}` is meant as it stands, write `$${sise}`.",
        ],
    ),
    "two keys that become one": (
        "edit: f\nto: {'${size}': a, '4': b}",
        ["8:9: Two keys of this map are the same once the parameters are filled in."],
    ),
    "optional": ("edit: f\noptional: true", ["8:15: `optional` is yes or no."]),
    "requires": ("edit: f\nrequires: [tow, one]", ["8:16: `demo` has no step `tow`; known: one."]),
}


@pytest.mark.parametrize(("text", "told"), STEPS.values(), ids=STEPS.keys())
def test_a_step_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    assert wrong(shelf, text) == told


def test_id_why_and_effect_are_needed(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n  - edit: f\n  - {id: a, why: b, edit: f, efect: exact}\n")
    assert shelf.problems() == [
        "demo/recipe.yaml:4:5: `id`, `why`, `effect` are missing here.",
        "demo/recipe.yaml:5:30: The key `efect` is not known here; did you mean `effect`?",
    ]


def test_ids_are_kebab_case_and_unique(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n" + STEP + STEP + STEP.replace("one", "a_b"))
    assert shelf.problems() == [
        "demo/recipe.yaml:8:9: The id `one` is taken above; give each its own.",
        "demo/recipe.yaml:12:9: `a_b` is not lower-case words joined by `-`, as `id` wants.",
    ]


def test_a_forgotten_dash_is_one_mistake(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n" + STEP + STEP.replace("  - id: one", "    id: two").replace("edit", "replace"))
    assert shelf.problems() == [
        "demo/recipe.yaml:8:5: The key `id` stands here a second time, first on line 4; "
        "a new entry of a list starts with `- `.",
    ]


SHAPES = {
    "a list for text": (
        "replace: f\nwith: [$X for $Y in $Z]",
        [
            "8:11: `with` wants text, and YAML reads this as a list; if it is code, write: with: '[$X for $Y in $Z]'",
        ],
    ),
    "a map for text": (
        "replace: f\nwith: {k: v}",
        ["8:11: `with` wants text, and YAML reads this as a map; if it is code, write: with: '{k: v}'"],
    ),
    "a block list for text": (
        "replace: f\nwith:\n  - g",
        ["9:7: `with` wants text, and YAML reads this as a list."],
    ),
    "a comprehension for a list": (
        "edit: [$X for $Y in $Z]",
        [
            "7:11: `edit` wants text or a list of text, and YAML reads this as a list; if it is code, "
            "write: edit: '[$X for $Y in $Z]'",
        ],
    ),
    "a map for texts": (
        "edit: {k: v}",
        [
            "7:11: `edit` wants text or a list of text, and YAML reads this as a map; if it is code, "
            "write: edit: '{k: v}'",
        ],
    ),
    "text for pairs": ("edit: f\nto: g", ["8:9: `to` wants a map from text to text, and YAML reads this as text."]),
    "a list in pairs": (
        "edit: f\nto: {X: [$X for $Y in $Z]}",
        [
            "8:13: `to` wants a map from text to text, and YAML reads this as a list; if it is code, "
            "write: to: {X: '[$X for $Y in $Z]'}",
        ],
    ),
    "a map in a list": (
        "edit: [{a: b}]",
        [
            "7:12: `edit` wants text or a list of text, and YAML reads this as a map; if it is code, "
            "write: edit: ['{a: b}']",
        ],
    ),
    "text for where": (
        "edit: f\nwhere: g",
        ["8:12: `where` wants a map from holes to text, a list of text, or a map, and YAML reads this as text."],
    ),
    "text for lists": (
        "requirements: x",
        ["7:19: `requirements` wants a map from words to lists or maps of text, and YAML reads this as text."],
    ),
    "text in lists": (
        "requirements: {drop: x}",
        ["7:26: `requirements` wants a map from words to lists or maps of text, and YAML reads this as text."],
    ),
    "a cut tail": (
        'edit: f("a # b")',
        [
            "7:11: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: edit: 'f(\"a # b\")'",
        ],
    ),
    "a cut tail in a list": (
        "edit:\n  - f\n  - g # h",
        [
            "9:9: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, write: - 'g # h'",
        ],
    ),
    "a cut tail in pairs": (
        "edit: f\nto:\n  X: g # h",
        [
            "9:10: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: X: 'g # h'",
        ],
    ),
}


@pytest.mark.parametrize(("text", "told"), SHAPES.values(), ids=SHAPES.keys())
def test_what_yaml_takes_for_something_else(shelf: Shelf, text: str, told: list[str]) -> None:
    assert wrong(shelf, text) == told


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("edit: [f, g]  # both", {"edit": ["f", "g"]}),
        ("edit: 'f'  # in quotes", {"edit": "f"}),
        ("edit: |\n  f  # of the code", {"edit": "f  # of the code\n"}),
        ("edit: ['for $X in $Y', 'def $_($$$)']", {"edit": ["for $X in $Y", "def $_($$$)"]}),
        ("edit: [$X if $Y else $Z]", {"edit": ["$X if $Y else $Z"]}),
        ("replace: {f: g, h: i}", {"replace": {"f": "g", "h": "i"}}),
        (
            "requirements:\n  drop:\n    - x # y\n  replace: {a: b}",
            {"requirements": {"drop": ["x"], "replace": {"a": "b"}}},
        ),
        (
            "edit: f\nwhere: {X: a, Y: [b], Z: {not: {from: c}}}",
            {"edit": "f", "where": {"X": "a", "Y": ["b"], "Z": {"not": {"from": "c"}}}},
        ),
    ],
)
def test_what_a_verb_is_given(shelf: Shelf, text: str, arguments: dict[str, Any]) -> None:
    step = step_of(shelf, text)
    assert step.arguments == arguments
    assert step.action == arguments


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("edit: oops", "7:11"),
        ("edit: [f, oops]", "7:15"),
        ("edit: |\n  f\n  oops", "7:11"),
        ("edit: f\nwhere: {D: [a, oops]}", "8:20"),
        ("edit: f\nwhere: {D: {not: oops}}", "8:22"),
        ("replace:\n  f: g\n  h: oops", "9:10"),
    ],
)
def test_code_that_does_not_compile_is_told_where_it_stands(shelf: Shelf, text: str, place: str) -> None:
    assert wrong(shelf, text) == [f"{place}: `oops` is no pattern."]


def test_a_verb_is_not_compiled_from_what_is_wrong_already(shelf: Shelf) -> None:
    assert wrong(shelf, "edit: oops\nto: g") == [
        "8:9: `to` wants a map from text to text, and YAML reads this as text.",
    ]


# --- expect, effect, in


@pytest.mark.parametrize(
    ("text", "expect"),
    [
        ("1", Expect(Range(1, 1))),
        ("0", Expect(Range(0, 0))),
        ("1..3", Expect(Range(1, 3))),
        ("2..", Expect(Range(2, None))),
        ("any", Expect(Range(0, None))),
        ("{total: 4, each: 1, files: 1..3}", Expect(Range(4, 4), Range(1, 1), Range(1, 3))),
        ("{each: 1}", Expect(Range(0, None), Range(1, 1))),
    ],
)
def test_expect(shelf: Shelf, text: str, expect: Expect) -> None:
    assert step_of(shelf, f"edit: f\nexpect: {text}").expect == expect


def test_a_recipe_that_names_an_upstream_expects_at_least_one(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP)
    shelf.add("demo", "upstream: {repository: r}\nsteps:\n  - use: used\n" + STEP + "    expect: {each: 1}\n")
    assert [step.expect for step in shelf.load().steps] == [Expect(Range(1)), Expect(Range(1), Range(1, 1))]
    assert shelf.load("used").steps[0].expect == Expect(Range(0))


@pytest.mark.parametrize("text", ["..3", "-1", "3..1", "x", "1...2", "1.5"])
def test_a_count_that_is_none(shelf: Shelf, text: str) -> None:
    assert wrong(shelf, f"edit: f\nexpect: {text}") == [f"8:13: `{text}` is no count; write 1, 1..3, 2.. or any."]


@pytest.mark.parametrize("word", ["enables", "exact", "changes", "unreached"])
def test_effect_is_a_word_or_a_map(shelf: Shelf, word: str) -> None:
    assert step_of(shelf, f"edit: f\neffect: {word}").effect == Effect(EffectKind(word))
    assert step_of(shelf, f"edit: f\neffect: {{{word}: why}}").effect == Effect(EffectKind(word), "why")


EFFECTS = {
    "exakt": ["`exakt` is no effect; did you mean `exact`?"],
    "{exakt: a}": ["The key `exakt` is not known here; did you mean `exact`?"],
    "{exact: a, changes: b}": ["An effect is one of enables, exact, changes, unreached, and here are 2 of them."],
    "{avoid: {kind: b}}": ["An effect is one of enables, exact, changes, unreached, and here are 0 of them."],
    "{exact: a, avoid: {knid: b}}": ["There is no parameter `knid`; did you mean `kind`?"],
    "{exact: a, avoid: {kind: c}}": ["`c` is no choice of `kind`; known: a, b."],
}


@pytest.mark.parametrize(("text", "told"), EFFECTS.items(), ids=EFFECTS.keys())
def test_an_effect_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    assert [line.partition(": ")[2] for line in wrong(shelf, f"edit: f\neffect: {text}")] == told


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


# --- when

KIND_A, KIND_B = Condition("parameter", ("kind", "a")), Condition("parameter", ("kind", "b"), holds=True)
TORCH = Condition("import", ("torch", "flash_attn.ops"))
KINDS = "parameters: {kind: {choices: [a, b], default: a}}\n"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("{kind: b}", KIND_B),
        ("{kind: [a, b]}", Condition("any", inner=(KIND_A, KIND_B))),
        ("{import: [torch, flash_attn.ops]}", TORCH),
        ("{import: torch}", Condition("import", ("torch",))),
        ("{not: {kind: a}}", Condition("not", inner=(KIND_A,))),
        ("{any: [{kind: a}, {kind: b}]}", Condition("any", inner=(KIND_A, KIND_B))),
        (
            "{import: [torch, flash_attn.ops], not: {kind: a}}",
            Condition("all", inner=(TORCH, Condition("not", inner=(KIND_A,)))),
        ),
    ],
)
def test_when(shelf: Shelf, text: str, condition: Condition) -> None:
    assert step_of(shelf, f"edit: f\nwhen: {text}", KINDS, kind="b").when == condition


WHENS = {
    "{knid: a}": "8:12: There is no parameter `knid`; did you mean `kind`?",
    "{kind: c}": "8:18: `c` is no choice of `kind`; known: a, b.",
    "{size: x}": "8:18: `x` is not a whole number, as `size` wants.",
    "{import: [a b]}": "8:21: `a b` is no name of a module.",
    "{}": "8:11: This `when` tests nothing; name a parameter, `import`, `not` or `any`.",
    "{not: x}": "8:17: `when` wants a map, and YAML reads this as text.",
    "{any: {kind: a}}": "8:17: `any` wants a list, and YAML reads this as a map.",
}


@pytest.mark.parametrize(("text", "told"), WHENS.items(), ids=WHENS.keys())
def test_a_when_refused(shelf: Shelf, text: str, told: str) -> None:
    assert wrong(shelf, f"edit: f\nwhen: {text}") == [told]


# --- use


def test_used_steps_stand_in_place_under_their_recipe(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP)
    shelf.add("outer", "steps:\n  - use: inner\n" + STEP.replace("one", "two") + "    requires: [inner/one]\n")
    shelf.add("demo", "steps:\n" + STEP + "  - use: outer\n" + STEP.replace("one", "three"))
    steps = shelf.load().steps
    assert [step.id for step in steps] == ["one", "outer/inner/one", "outer/two", "three"]
    assert steps[2].requires == ("outer/inner/one",)
    assert [step.origin.removeprefix(f"{shelf.root}/") for step in steps] == [
        "demo/recipe.yaml:4:5",
        "inner/recipe.yaml:4:5",
        "outer/recipe.yaml:5:5",
        "demo/recipe.yaml:9:5",
    ]


def test_a_path_in_use_leads_from_the_recipe_that_says_it(shelf: Shelf, tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    mine.write_text(HEAD.format(name="mine") + "steps:\n  - use: ./other.yaml\n")
    other.write_text(HEAD.format(name="other") + "steps:\n" + STEP)
    assert [step.id for step in shelf.load(str(mine)).steps] == ["other/one"]


def use(shelf: Shelf, text: str, used: str = "steps:\n" + STEP, **values: str) -> Recipe:
    """Load a recipe that uses another with these lines, which start on line 8."""
    shelf.add("used", used)
    shelf.add(
        "demo",
        "parameters:\n  kind: {choices: [a, b, c], default: a}\nleave: {x: outer}\nsteps:\n  - use: used\n"
        + "".join(f"    {line}\n" for line in text.splitlines()),
    )
    return shelf.load(**values)


USED = """\
parameters:
  way: {choices: [a, b, c], default: b}
  rate: {type: expr, default: "0"}
steps:
  - id: one
    why: "${way}"
    edit: f(${rate})
    effect: {changes: much, avoid: {way: b}}
    when: {way: a}
"""


def test_with_sets_the_parameters_of_the_used_recipe(shelf: Shelf) -> None:
    step = use(shelf, 'with: {way: "${kind}", rate: config.lr}', USED, kind="c").steps[0]
    assert (step.why, step.arguments["edit"]) == ("c", "f(config.lr)")
    assert step.when == Condition("parameter", ("way", "a"), holds=False)


def test_without_with_the_defaults_hold(shelf: Shelf) -> None:
    step = use(shelf, "", USED).steps[0]
    assert (step.why, step.arguments["edit"]) == ("b", "f(0)")


def test_avoid_is_in_the_parameters_that_the_user_has(shelf: Shelf) -> None:
    assert use(shelf, 'with: {way: "${kind}"}', USED).steps[0].effect.avoid == (("kind", "b"),)
    assert use(shelf, "with: {way: a}", USED).steps[0].effect.avoid == ()
    assert use(shelf, "", USED).steps[0].effect.avoid == ()


def test_avoid_goes_through_every_use(shelf: Shelf) -> None:
    shelf.add("inner", USED)
    between = (
        'parameters: {mode: {choices: [a, b, c], default: a}}\nsteps:\n  - use: inner\n    with: {way: "${mode}"}\n'
    )
    assert use(shelf, 'with: {mode: "${kind}"}', between).steps[0].effect.avoid == (("kind", "b"),)


def test_when_of_both_must_hold(shelf: Shelf) -> None:
    outer, inner = Condition("import", ("torch",)), Condition("parameter", ("way", "a"))
    assert use(shelf, "when: {import: torch}", USED).steps[0].when == Condition("all", inner=(outer, inner))
    assert use(shelf, "when: {import: torch}").steps[0].when == outer


def test_expect_of_the_use_overrides(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + "    expect: 1\n" + STEP.replace("one", "two") + "    expect: 2\n"
    assert [step.expect for step in use(shelf, "expect: {two: any}", two).steps] == [
        Expect(Range(1, 1)),
        Expect(Range(0)),
    ]


def test_skip_leaves_steps_out(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + STEP.replace("one", "two")
    assert [step.id for step in use(shelf, "skip: [one]", two).steps] == ["used/two"]


def test_leave_of_both_holds_and_the_outer_has_the_last_word(shelf: Shelf) -> None:
    assert use(shelf, "", "leave: {x: inner, y: inner}\nsteps:\n" + STEP).leave == {"x": "outer", "y": "inner"}


def test_what_is_left_of_a_used_recipe_but_its_steps_is_not_taken(shelf: Shelf) -> None:
    recipe = use(shelf, "", "upstream: {repository: r}\nnext: [{run: a, why: b}]\nsteps:\n" + STEP)
    assert (recipe.upstream, recipe.next, recipe.steps[0].expect) == (None, (), Expect(Range(0)))


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
]


@pytest.mark.parametrize(("inner", "outer", "both"), JOINED)
def test_a_step_stays_in_both_scopes(shelf: Shelf, inner: str, outer: str, both: list[str] | None) -> None:
    if both is not None:
        assert [str(scope) for scope in use(shelf, f"in: {outer}", IN.format(inner)).steps[0].within] == both
        return
    with pytest.raises(RecipeError, match="have nothing in common; skip the step"):
        use(shelf, f"in: {outer}", IN.format(inner))


def test_scopes_that_cannot_be_joined_are_refused(shelf: Shelf) -> None:
    with pytest.raises(RecipeError) as caught:
        use(shelf, "in: '*/a.py'", IN.format("b/*.py"))
    assert str(caught.value).endswith(
        "demo/recipe.yaml:8:9: The step `one` has an `in` of its own: "
        "`b/*.py` and `*/a.py` cannot be joined; write one of them without wildcards."
    )


def test_in_of_the_use_holds_where_the_step_has_none_and_not_in_adds_up(shelf: Shelf) -> None:
    step = use(shelf, "in: a.py\nnot_in: b.py", "steps:\n" + STEP + "    not_in: [c.py, b.py]\n").steps[0]
    assert (step.within, step.not_in) == ((Scope("a.py"),), (Scope("c.py"), Scope("b.py")))


USES = {
    "an unknown step in expect": ("expect: {ome: 1}", ["8:14: `used` has no step `ome`; did you mean `one`?"]),
    "an unknown step in skip": ("skip: [ome]", ["8:12: `used` has no step `ome`; did you mean `one`?"]),
    "a skipped step in expect": (
        "skip: [one]\nexpect: {one: 1}",
        ["9:14: The step `one` is skipped; expect nothing of it."],
    ),
    "an unknown parameter": ("with: {wy: a}", ["8:12: There is no parameter `wy`; did you mean `way`?"]),
    "a value of another type": (
        "with: {rate: 'a, b'}",
        ["8:18: `a, b` is not one Python expression, as `rate` wants."],
    ),
    "a value that is no choice": ("with: {way: d}", ["8:17: `d` is no choice of `way`; known: a, b, c."]),
    "a value that is no text": (
        "with: {way: [a]}",
        ["8:17: `way` wants text, and YAML reads this as a list; if it is code, write: with: {way: '[a]'}"],
    ),
    "a value that a comment cuts": (
        "with:\n  rate: a # b",
        [
            "9:13: YAML ends this text at the ` #`; put a comment on a line of its own; if it is code, "
            "write: rate: 'a # b'",
        ],
    ),
    "an unknown parameter of the outer recipe": (
        'with: {way: "${knid}"}',
        [
            "8:17: There is no parameter `knid`; did you mean `kind`? "
            "If `${knid}` is meant as it stands, write `$${knid}`.",
        ],
    ),
    "a key of a verb step": (
        "why: because",
        ["8:5: The key `why` is not known here; known: expect, in, not_in, skip, use, when, with."],
    ),
}


@pytest.mark.parametrize(("text", "told"), USES.values(), ids=USES.keys())
def test_a_use_refused(shelf: Shelf, text: str, told: list[str]) -> None:
    with pytest.raises(RecipeError) as caught:
        use(shelf, text, USED)
    assert [f"{told.line}:{told.column}: {told.message}" for told in caught.value.problems] == told


def test_the_same_recipe_is_not_used_twice(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP)
    shelf.add("demo", "steps:\n  - use: used\n    in: a.py\n  - use: used\n    in: b.py\n")
    assert shelf.problems() == [
        "demo/recipe.yaml:6:10: `used` is used above already; put both scopes in one `in`.",
    ]


def test_a_step_that_another_needs_is_not_skipped_alone(shelf: Shelf) -> None:
    two = "steps:\n" + STEP + STEP.replace("one", "two") + "    requires: [one]\n"
    with pytest.raises(RecipeError, match=r":8:12: The step `two` requires `one`; skip both or none\.$"):
        use(shelf, "skip: [one]", two)
    assert use(shelf, "skip: [one, two]", two).steps == ()


def test_a_recipe_that_uses_itself(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n  - use: demo\n")
    shelf.add("demo", "steps:\n  - use: used\n")
    assert shelf.problems() == ["used/recipe.yaml:4:10: With this step `demo` uses itself; take the step out."]


def test_steps_of_a_used_recipe_that_is_wrong_are_not_unknown_too(shelf: Shelf) -> None:
    shelf.add("used", "steps:\n" + STEP.replace("one", "One"))
    shelf.add("demo", "steps:\n  - use: used\n    expect: {one: 1}\n    skip: [two]\n")
    assert shelf.problems() == [
        "used/recipe.yaml:4:9: `One` is not lower-case words joined by `-`, as `id` wants.",
    ]


def test_a_mistake_in_a_recipe_that_is_used_twice_is_told_once(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP.replace("f($X)", "oops"))
    shelf.add("outer", "steps:\n  - use: inner\n")
    shelf.add("demo", "steps:\n  - use: inner\n  - use: outer\n")
    assert shelf.problems() == ["inner/recipe.yaml:7:11: `oops` is no pattern."]


def test_every_shape_that_a_verb_may_want_is_known() -> None:
    assert set(patcher.expand._LEVELS) == {shape.name for shape in Shape}


def test_recipes_are_listed_without_importing_libcst() -> None:
    code = "import sys, patcher.recipe as r; r.describe(); sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_steps_of_steps_are_named_by_their_way(shelf: Shelf) -> None:
    shelf.add("inner", "steps:\n" + STEP + STEP.replace("one", "two"))
    recipe = use(shelf, "expect: {inner/one: 7}\nskip: inner/two", "steps:\n  - use: inner\n")
    assert [(step.id, step.expect.total) for step in recipe.steps] == [("used/inner/one", Range(7, 7))]


def test_the_verbs_are_those_of_patcher_where_nobody_gives_others(shelf: Shelf) -> None:
    shelf.add("demo", "steps:\n  - {id: one, why: because, effect: exact}\n")
    with pytest.raises(RecipeError, match=f"one of the verbs {', '.join(sorted(VERBS_OF_PATCHER))}"):
        load("demo", library=shelf.root)
