"""What can be wrong with what a person writes: the command, its parameters, a recipe. Scenes by their row."""

from __future__ import annotations

from tests.docs.scenes import HEAD, Play, Scene
from tests.helpers import Result

__all__ = ["PARAMETERS", "PATTERNS", "RECIPES", "STEPS", "USAGE", "VERBS", "YAML"]

GOOD = "replace: abs($X)\nwith: round($X)"
OTHER = f"{HEAD}steps:\n  - {{id: swap, why: w, effect: exact, rename: a.b, to: a.c}}\n"


def run(*words: str, **files: str) -> Play:
    """Type a command beside a tree."""
    return lambda scene: scene.tree("abs(1)\n").steps(GOOD).run(*words)


def text(recipe: str | bytes) -> Play:
    """Load a recipe as it is written."""
    return lambda scene: scene.recipe(recipe).show()


def step(*steps: str, head: str = "") -> Play:
    """Load a recipe of steps."""
    return lambda scene: scene.steps(*steps, head=head).show()


def parameter(keys: str, value: str) -> Play:
    """Set a parameter."""
    head = f"parameters:\n  rate: {{{keys}}}\n"
    return lambda scene: scene.steps(GOOD, head=head).show("-p", f"rate={value}")


def offered(package: str, *empty: str, dists: int = 1, **files: str) -> Play:
    """Name a recipe that installed packages offer as `ours`."""

    def play(scene: Scene) -> Result:
        for number in range(dists):
            point = f"[patcher.recipes]\nours = {package}{number or ''}\n"
            info = f"site/dist{number}-1.dist-info"
            scene.files({f"{info}/METADATA": f"Name: dist{number}\nVersion: 1\n", f"{info}/entry_points.txt": point})
        scene.files({**dict.fromkeys(empty, ""), **files})
        scene.monkeypatch.syspath_prepend(str(scene.folder / "site"))
        return scene.run("show", "ours")

    return play


def explained(place: str, *options: str, head: str = "") -> Play:
    return lambda scene: (
        scene.tree({"a.py": "abs(1)\n", "old/b.py": "abs(1)\n"})
        .steps(GOOD, head=head)
        .run("explain", place, "-r", "./mine.yaml", *options)
    )


def _beside(scene: Scene) -> Result:
    (scene.folder / "hrmm").mkdir()
    return scene.run("show", "hrmm")


def _no_file(scene: Scene) -> Result:
    (scene.folder / "mine" / "recipe.yaml").mkdir(parents=True)
    return scene.run("show", "./mine")


USAGE: dict[str, Play] = {
    "a command that does not exist": run("aply"),
    "a command like no other": run("frobnicate"),
    "no path": run("apply", "-r", "hrm"),
    "a word too many": run("undo", "tree", "more"),
    "`--diff` with `--check`": run("apply", "tree", "-r", "./mine.yaml", "--diff", "--check"),
    "a format that does not exist": run("apply", "tree", "-r", "./mine.yaml", "--format", "xml"),
    "a report that is a folder": run("apply", "tree", "-r", "./mine.yaml", "--output", "tree"),
    "a report in no folder": run("apply", "tree", "-r", "./mine.yaml", "--output", "out/report.txt"),
    "a recipe that does not exist": run("show", "hrn"),
    "a recipe's folder, named without a path": _beside,
    "a recipe's path that leads nowhere": run("show", "./hrm.yaml"),
    "a folder without a recipe": run("show", "./tree"),
    "a recipe that cannot be read": _no_file,
    "a recipe that two packages offer": offered("ours", "site/ours/recipe.yaml", "site/ours1/recipe.yaml", dists=2),
    "a recipe whose package is not installed": offered("ours_recipes"),
    "a recipe whose package has none": offered("ours_recipes", "site/ours_recipes/__init__.py"),
    "an entry point that is no package": offered("ours.recipes:cluster"),
    "Python that did not come with patcher": lambda scene: (
        scene.tree("abs(1)\n").steps("codemod: mine.py:Mine").check()
    ),
    "`explain` without a line": explained("tree/a.py"),
    "`explain` of a file that is not there": explained("tree/b.py:1", "--tree", "tree"),
    "`explain` of a line that is not there": explained("tree/a.py:7"),
    "`explain` of a file that is left alone": explained("old/b.py:1", "--tree", "tree", head="leave: {old/**: old}\n"),
    "`explain` of a step that is not there": explained("tree/a.py:1", "--step", "swop"),
    "`test -u` without a tree": run("test", "./mine.yaml", "-u"),
    "`test --tree` of several recipes": run("test", "--tree", "tree"),
}

PARAMETERS: dict[str, Play] = {
    "a parameter without a value": run("show", "hrm", "-p", "optimizer"),
    "a parameter twice": run("show", "hrm", "-p", "optimizer=adam", "-p", "optimizer=faithful"),
    "a parameter that the recipe has not": run("show", "hrm", "-p", "optimiser=adam"),
    "a choice that there is not": run("show", "hrm", "-p", "optimizer=adm"),
    "a flag that is neither yes nor no": parameter("type: flag, default: no", "true"),
    "an int that is no whole number": parameter("type: int, default: 1", "1.5"),
    "a float that is no number": parameter("type: float, default: 1", "fast"),
    "a name that Python would not take": parameter("type: name, default: x", "my rate"),
    "an expr that is two": parameter("type: expr, default: x", "1, 2"),
    "a path of blanks": parameter("type: path, default: x", " "),
}

YAML: dict[str, Play] = {
    "a file in another encoding": text("summary: für\n".encode("latin-1")),
    "a tab": text("recipe: mine\n\tsummary: s\n"),
    "a control character": text("recipe: mine\nsummary: \x07\n"),
    "an empty file": text("# nothing\n"),
    "a second document": text(f"{HEAD}steps: []\n---\nrecipe: other\n"),
    "lists in lists without end": text("[" * 60 + "]" * 60),
    "a list where a map is wanted": text("- recipe: mine\n"),
    "a key twice": text(f"{HEAD}summary: again\n"),
    "a key without a value": text(f"{HEAD}steps:\n"),
    "an entry without a value": text(f"{HEAD}steps:\n  -\n"),
    "a merge key": text(f"{HEAD}<<: {{a: b}}\n"),
    "an alias": text(f"{HEAD}steps: *others\n"),
    "a key that is code": text(f"{HEAD}[a, b]: c\n"),
    "a quote that is not closed": text('recipe: "mine\nsummary: s\n'),
    "an escape that means nothing": step('text: "\\d+"\nwith: x'),
    "text that begins with a sign of YAML": step("replace: @wraps($X)\nwith: $X"),
    "text with a colon": step("replace: lambda: $X\nwith: $X"),
    "a bracket that is not closed": text("recipe: mine\nsteps: [a, b\n"),
    "text behind a closing bracket": step("replace: [$X] + [1]\nwith: $X"),
    "a bracket that closes another": text("recipe: mine\nsteps: [a, b}\n"),
    "lines of code without `|`": step("replace:\n  $A = 1\n  $B = 2\nwith: $X"),
    "an indentation that fits nothing": text("recipe: mine\nsteps:\n    - a\n  - b\n"),
    "text behind a closing quote": step('replace: "abs"($X)\nwith: $X'),
    "code that a comment cuts off": step("replace: print($X) # all\nwith: log($X)"),
    "code that YAML takes for a list": step("replace: [$X for $X in $Y]\nwith: list($Y)"),
    "code that YAML takes for a map": step("edit: f($X)\nto: {X: {$X}}"),
    "code that a comma cuts": step("delete: [f($X, $Y), g($X)]"),
}

RECIPES: dict[str, Play] = {
    "a key that is not known": text(f"{HEAD}stpes: []\n"),
    "a key that is missing": text("recipe: mine\nsteps: []\n"),
    "an empty text": text("recipe: mine\nsummary: ''\nsteps: []\n"),
    "an empty list": step("rename: []\nto: a.b"),
    "a list that is text": text(f"{HEAD}steps: none\n"),
    "a name that is no recipe's": text("recipe: My Recipe\nsummary: s\nsteps: []\n"),
    "a `known` that is no expression": step(GOOD, head="known: [{why: w, in: a.py, text: '(cuda'}]\n"),
    "a `known` in a class": step(GOOD, head="known: [{why: w, in: a.py::Net, text: cuda}]\n"),
    "no steps": text(f"{HEAD}steps: []\n"),
    "a commit that is cut short": step(GOOD, head="upstream: {repository: x, tested: [4241d45]}\n"),
    "a parameter of an unknown type": step(GOOD, head="parameters: {rate: {type: number, default: 1}}\n"),
    "a parameter of no type": step(GOOD, head="parameters: {rate: {default: 1}}\n"),
    "a parameter without a default": step(GOOD, head="parameters: {rate: {type: int}}\n"),
    "a default that does not fit": step(GOOD, head="parameters: {rate: {type: int, default: x}}\n"),
    "a default of another parameter": step(GOOD, head="parameters: {rate: {type: text, default: '${x}'}}\n"),
    "choices of another type": step(GOOD, head="parameters: {rate: {type: int, choices: [1], default: 1}}\n"),
    "a parameter that begins with a digit": step(GOOD, head="parameters: {2nd: {type: int, default: 1}}\n"),
    "a parameter in a step that there is not": step(
        "replace: abs($X)\nwith: '${rat}'", head="parameters: {rate: {type: int, default: 1}}\n"
    ),
    "two keys that a parameter makes one": step(
        "requirements: {replace: {'${rate}': x, numpy: y}}", head="parameters: {rate: {type: text, default: numpy}}\n"
    ),
    "a recipe that is offered by another name": offered("ours_recipes", **{"site/ours_recipes/recipe.yaml": OTHER}),
    "a check without a reason": step(GOOD, head="checks: [{id: train, run: [python]}]\n"),
    "a case with half of a before and after": lambda scene: (
        scene.steps(GOOD).files({"cases/mine.yaml": "- {case: x, before: a}\n"}).run("test", "./mine.yaml")
    ),
    "a case of a step that there is not": lambda scene: (
        scene.steps(GOOD).files({"cases/mine.yaml": "- {case: x, same: a, steps: [swop]}\n"}).run("test", "./mine.yaml")
    ),
}

STEPS: dict[str, Play] = {
    "a step without a verb": step("id: swap\nwhy: w\neffect: exact"),
    "a step with a mistyped verb": step("id: swap\nwhy: w\neffect: exact\nrenam: a.b\nto: a.c"),
    "a step with two verbs": step(f"{GOOD}\nedit: f($X)"),
    "a `use` with a verb": step(f"use: device\n{GOOD}"),
    "an id twice": step(GOOD, GOOD),
    "an id with a space": step(f"id: Swap it\nwhy: w\neffect: exact\n{GOOD}"),
    "a mistyped effect": step(f"id: swap\nwhy: w\neffect: exakt\n{GOOD}"),
    "a change without its size": step(f"id: swap\nwhy: w\neffect: changes\n{GOOD}"),
    "two effects": step(f"id: swap\nwhy: w\neffect: {{exact: a, changes: b}}\n{GOOD}"),
    "an `avoid` of no parameter": step(f"id: swap\nwhy: w\neffect: {{changes: a, avoid: {{x: y}}}}\n{GOOD}"),
    "a count from more to less": step(f"{GOOD}\nexpect: 3..1"),
    "a `when` of nothing": step(f"{GOOD}\nwhen: {{}}"),
    "a `when` of a value that there is not": step(
        f"{GOOD}\nwhen: {{kind: c}}", head="parameters: {kind: {choices: [aa, bb], default: aa}}\n"
    ),
    "a `when` of no module": step(f"{GOOD}\nwhen: {{import: flash-attn}}"),
    "an `optional` that is neither yes nor no": step(f"{GOOD}\noptional: true"),
    "a `requires` of no step": step(f"{GOOD}\nrequires: [swop]"),
    "a scope outside of the tree": step(f"{GOOD}\nin: ../train.py"),
    "a scope that is a folder": step(f"{GOOD}\nin: models/"),
    "a scope of no name": step(f"{GOOD}\nin: 'train.py::'"),
    "a `use` of no recipe": step("use: devise"),
    "a `use` of itself": step("use: ./mine.yaml"),
    "a `use` twice": step("use: device", "use: device"),
    "a `with` of no parameter": step("use: adam-atan2\nwith: {optimiser: adam}"),
    "a `skip` of no step": step("use: device\nskip: [literals]"),
    "a `skip` of what another step requires": step("use: adam-atan2\nskip: [rename]"),
    "an `expect` of a skipped step": step("use: device\nskip: [literal]\nexpect: {literal: 1}"),
    "an `effect` of a skipped step": step("use: device\nskip: [literal]\neffect: {literal: exact}"),
    "a `proof` of a whole file": step(f"{GOOD}\nproof: {{of: model.py, cases: a.py}}"),
    "a `proof` whose cases are no Python": step(f"{GOOD}\nproof: {{of: 'model.py::f', cases: a.yaml}}"),
    "a `proof` whose cases lie elsewhere": step(f"{GOOD}\nproof: {{of: 'model.py::f', cases: ../a.py}}"),
    "two scopes with nothing in common": lambda scene: (
        scene.files({"other.yaml": OTHER.replace("to: a.c", "to: a.c, in: x.py")})
        .steps("use: ./other.yaml\nin: y.py")
        .show()
    ),
    "a scope that narrows nothing": lambda scene: (
        scene.files({"other.yaml": OTHER.replace("rename: a.b, to: a.c", "requirements: {add: [x]}")})
        .steps("use: ./other.yaml\nin: y.py")
        .show()
    ),
}

PATTERNS: dict[str, Play] = {
    "a pattern that is no Python": step("replace: f($X\nwith: g($X)"),
    "a pattern that is a hole alone": step("replace: $X\nwith: f($X)"),
    "an empty pattern": step('replace: "# nothing"\nwith: g($X)'),
    "a `$` that is no hole": step("replace: f($x)\nwith: g(1)"),
    "a hole for a keyword": step("replace: f($K=1)\nwith: g()"),
    "a `$$$` that cannot stand there": step("replace: $$$X + 1\nwith: g()"),
    "an assignment to what would be imported": step("replace: x = f($X)\nwith: x = g($X)"),
    "a hole that nothing binds": step("replace: f($X)\nwith: g($Y)"),
    "a hole that forgets, in what is written": step("replace: f($_)\nwith: g($_)"),
    "a constraint of another name": step("edit: f($X)\nto: {X: '0'}\nwhere: {X: {is: '1'}}"),
    "a `where` that is no map": step("edit: f($X)\nto: {X: '0'}\nwhere: X"),
    "an `inside` that is no header": step("edit: f($X)\nto: {X: '0'}\ninside: run()"),
    "a `needs` of two statements": step("replace: f($X)\nwith: g($X)\nneeds: [import a as b; b()]"),
}

VERBS: dict[str, Play] = {
    "a key of another verb": step("delete: f($X)\nneeds: [import x]"),
    "`rename` without `to`": step("rename: a.b"),
    "`rename` of no dotted name": step("rename: AdamATan2\nto: torch.optim.Adam"),
    "`rename` to itself": step("rename: a.b\nto: a.b"),
    "`rename` to a name below its own": step("rename: a.b\nto: a.b.c"),
    "a `place` that is no folder": step("rename: a.b\nto: shim.x.b\nplace: ../shims"),
    "`edit` without `to`": step("edit: f($X)"),
    "`edit` of a hole that is not there": step("edit: f($X)\nto: {Y: '1'}"),
    "`edit` of a `$$$` hole": step("edit: f($$$X)\nto: {X: '1'}"),
    "`edit` of a hole to itself": step("edit: f($X)\nto: {X: $X}"),
    "`replace` without `with`": step("replace: f($X)"),
    "`replace` by a map and `with`": step("replace: {f($X): g($X)}\nwith: h($X)"),
    "`replace` of one kind by another": step("replace: f($X)\nwith: for $X in $X"),
    "`replace` of one header by another": step("replace: for $X in $Y\nwith: while $X"),
    "`replace` whose sides match the same": step("replace: f($X)\nwith: (f($X))"),
    "`replace` whose pairs undo each other": step("replace: {f($X): g($X), g($X): h($X)}"),
    "`insert` without an anchor": step("insert: f()"),
    "`insert` with two anchors": step("insert: f()\nbefore: g()\nafter: h()"),
    "`insert` into no block": step("insert: f()\nfirst_in: g()"),
    "an `each` that is neither yes nor no": step("insert: f()\nbefore: g()\neach: true"),
    "`wrap` without `under`": step("wrap: f()"),
    "`wrap` under no header": step("wrap: f()\nunder: g()"),
    "a `comments` that is neither keep nor drop": step("delete: f()\ncomments: lose"),
    "an `unused` with something else": step("delete: import $X\nwhere: {X: {unused: yes, not: a}}"),
    "an `unused` that is no hole": step("delete: import $X\nwhere: {Y: {unused: yes}}"),
    "a `where` of a hole that nothing else binds": step("delete: f($X)\nwhere: {X: $Z}"),
    "a `named` that is neither yes nor left out": step(
        "replace: f($$$X)\nwith: g(1, $$$X)\nwhere: {X: {named: no}}\nlocal: [f, g]"
    ),
    "a `named` of one argument": step("replace: f($X)\nwith: g($X)\nwhere: {X: {named: yes}}\nlocal: [f, g]"),
    "a `named` of what is no argument": step("replace: '[$$$X]'\nwith: ($$$X,)\nwhere: {X: {named: yes}}"),
    "an `unused` that is no name of an import": step("delete: f($X)\nwhere: {X: {unused: yes}}"),
    "a `delete` of a header": step("delete: with f()"),
    "`guard_import` without `otherwise`": step("guard_import: wandb"),
    "`guard_import` of a part of a package": step("guard_import: wandb.sdk\notherwise: wandb = None"),
    "`guard_import` with no code": step("guard_import: wandb\notherwise: wandb ="),
    "`guard_import` with a flag that is no name": step("guard_import: wandb\notherwise: wandb = None\nflag: HAS-IT"),
    "`requirements` of nothing": step("requirements: {}"),
    "`requirements` with a mistyped word": step("requirements: {dorp: [x]}"),
    "`requirements` with an empty word": step("requirements: {drop: []}"),
    "`requirements` that replace a list": step("requirements: {replace: [x]}"),
    "`requirements` that drop a map": step("requirements: {drop: {x: y}}"),
    "`requirements` that drop a version": step("requirements: {drop: [numpy==1.0]}"),
    "`requirements` that add two in one": step('requirements: {add: ["numpy\\ntorch"]}'),
    "`requirements` that name one twice": step("requirements: {drop: [numpy, NumPy]}"),
    "`requirements` that take what they put in": step("requirements: {add: [nvidia-ml-py], drop: ['nvidia-*']}"),
    "`text` without `with`": step("text: cuda"),
    "`text` that is no expression": step("text: (cuda\nwith: cpu"),
    "`text` that runs without end": step("text: (a+)+b\nwith: cpu"),
    "`text` with groups and no `already`": step("text: (a)b\nwith: \\1c"),
    "`copy` to the file's own name": step("copy: '*'\nin: a.py"),
    "`codemod` of no class": step("codemod: mine.py"),
    "`codemod` from elsewhere": step("codemod: ../mine.py:Mine"),
}
