"""patcher test: a recipe's cases and its snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import Patcher, commit_all, git, write_tree

RECIPE = """\
recipe: tiny
summary: A tiny recipe
parameters:
  name: {type: name, default: g, help: what f becomes}
steps:
  - id: swap
    why: because
    replace: a.f($X)
    with: a.${name}($X)
    effect: exact
  - id: other
    why: because
    replace: a.e($X)
    with: a.d($X)
    effect: exact
"""


def run(patcher: Patcher, folder: Path, cases: str, recipe: str = RECIPE, *options: object) -> tuple[int, str]:
    write_tree(folder / "tiny", {"recipe.yaml": recipe, "cases/all.yaml": cases})
    result = patcher("test", folder / "tiny" / "recipe.yaml", *options)
    return result.code, result.out + result.stderr


HOLDS = """\
- case: f becomes g
  steps: [swap]
  before: |
    import a
    if x:
        a.f(1)  # one
  after: |
    import a
    if x:
        a.g(1)  # one
- case: a parameter
  with: {name: h}
  before: "import a\\na.f(1)\\n"
  after: "import a\\na.h(1)\\n"
- case: a local
  same: |
    def a(): ...
    a.f(1)
- case: files
  before: {a.py: "import a\\na.f(1)\\n", b.py: "x = 1\\n"}
  after: {a.py: "import a\\na.g(1)\\n", b.py: "x = 1\\n"}
"""


def test_cases_that_hold(patcher: Patcher, tmp_path: Path) -> None:
    assert run(patcher, tmp_path, HOLDS) == (0, "tiny: 4 cases hold\n")


def test_a_case_that_fails_shows_the_difference(patcher: Patcher, tmp_path: Path) -> None:
    code, said = run(
        patcher, tmp_path, '- case: wrong\n  before: "import a\\na.f(1)\\n"\n  after: "import a\\na.x(1)\\n"\n'
    )
    assert code == 3
    assert "all.yaml:1:3: wrong (as written):" in said
    assert "-a.x(1)" in said and "+a.g(1)" in said
    assert said.endswith("tiny: 1 of 1 cases fail\n")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("same: 'def ('", "example.py:1 does not parse as Python 3"),
        ("same: 'print 1'\n  file: a.pyi", "a.pyi:1 does not parse"),
        ('before: "import a\\na.f(1\\n"\n  after: "import a\\na.g(1\\n"', "example.py:2 does not parse as Python 3"),
        ("same: {a.py: 'x = 1', b.py: 'def ('}", "b.py:1 does not parse"),
        ("same: '[]'\n  file: a.ipynb", "a.ipynb has no cells"),
        ("same: 'def ('\n  refused: x", "example.py:1 does not parse as Python 3"),
    ],
)
def test_a_case_of_a_program_that_is_none_tells_nothing(patcher: Patcher, tmp_path: Path, keys: str, told: str) -> None:
    code, said = run(patcher, tmp_path, f"- case: none\n  {keys}\n")
    assert code == 3 and f"none (as written): {told}" in said
    assert said.endswith("tiny: 1 of 1 cases fail\n")


@pytest.mark.parametrize("keys", ["same: 'def ('\n  file: notes.txt", "same: ''", "same: {a.cfg: '[', b.py: '# 1'}"])
def test_a_case_of_another_text_need_not_parse(patcher: Patcher, tmp_path: Path, keys: str) -> None:
    assert run(patcher, tmp_path, f"- case: other\n  {keys}\n") == (0, "tiny: 1 case holds\n")


def test_where_cases_would_stand(patcher: Patcher, tmp_path: Path) -> None:
    write_tree(tmp_path, {"tiny/recipe.yaml": RECIPE, "other.yaml": RECIPE.replace("recipe: tiny", "recipe: other")})
    result = patcher("test", tmp_path / "tiny", tmp_path / "other.yaml")
    assert (result.code, result.out.splitlines()) == (
        0,
        [
            f"tiny: no cases; they would stand in {tmp_path}/tiny/cases/*.yaml",
            f"other: no cases; they would stand in {tmp_path}/cases/other.yaml",
        ],
    )


def test_a_place_that_must_be_refused(patcher: Patcher, tmp_path: Path) -> None:
    recipe = RECIPE.replace("a.${name}($X)", "a.g($X, config)")
    cases = (
        '- case: no config\n  steps: [swap]\n  refused: "`config` is not in scope"\n  same: "import a\\na.f(1)\\n"\n'
    )
    assert run(patcher, tmp_path, cases, recipe)[0] == 0
    code, said = run(patcher, tmp_path, cases.replace("not in scope", "somewhere"), recipe)
    assert code == 3 and "no step is refused with" in said


def test_a_refusal_that_the_case_does_not_name_fails(patcher: Patcher, tmp_path: Path) -> None:
    recipe = RECIPE.replace("a.${name}($X)", "a.g($X, config)")
    code, said = run(patcher, tmp_path, '- case: no config\n  steps: [swap]\n  same: "import a\\na.f(1)\\n"\n', recipe)
    assert code == 3 and "a place is refused" in said


UNSOUND = """\
- case: nothing binds it
  steps: [swap]
  before: "import a\\na.f(1)\\n"
  after: "a.f(1)\\n"
- case: held
  steps: [other]
  before: "import a\\na.e(1)\\n"
  after: "import a\\na.d(1)\\n"
"""


def test_a_case_whose_result_is_unsound_fails_by_its_name_and_the_others_are_run(
    patcher: Patcher, tmp_path: Path
) -> None:
    recipe = RECIPE.replace("replace: a.f($X)\n    with: a.${name}($X)", "delete: import a")
    code, said = run(patcher, tmp_path, UNSOUND, recipe)
    assert code == 3
    assert f"all.yaml:1:3: nothing binds it (as written): {tmp_path}/tiny/recipe.yaml:6:5: After the step swap" in said
    assert said.endswith("tiny: 1 of 2 cases fail\n")


def test_a_case_whose_file_does_not_parse_fails_by_its_name(patcher: Patcher, tmp_path: Path) -> None:
    recipe = RECIPE.replace("    replace: a.f", "    in: example.py\n    replace: a.f")
    code, said = run(patcher, tmp_path, "- case: old\n  same: print a.f(1)\n", recipe)
    assert code == 3
    assert "old (as written): example.py:1 does not parse as Python 3" in said


def test_a_case_whose_parameters_spoil_the_recipe_fails_by_its_name(patcher: Patcher, tmp_path: Path) -> None:
    recipe = RECIPE.replace("type: name, default: g", "type: text, default: g")
    code, said = run(patcher, tmp_path, "- case: odd\n  with: {name: 'g('}\n  same: x\n", recipe)
    assert code == 3
    assert "all.yaml:1:3: odd (as written): " in said and "is not Python" in said


@pytest.mark.parametrize(
    ("cases", "sentence"),
    [
        ("- case: x\n  same: a\n  before: b\n", "either `before` and `after`, or `same`"),
        ("- case: x\n", "either `before` and `after`, or `same`"),
        ("- case: x\n  same: a\n  steps: [gone]\n", "The recipe has no step `gone`"),
        ("- same: a\n", "case"),
        ("- case: x\n  sam: a\n", "did you mean `same`"),
    ],
)
def test_cases_that_are_none_are_told_with_their_place(
    patcher: Patcher, tmp_path: Path, cases: str, sentence: str
) -> None:
    code, said = run(patcher, tmp_path, cases)
    assert code == 2
    assert sentence in said and "all.yaml:" in said


def test_the_bundled_recipes_hold(patcher: Patcher) -> None:
    result = patcher("test")
    assert result.code == 0, result.out
    assert "no cases" not in result.out


# --- snapshots ------------------------------------------------------------------------------------------------------


def test_counts_are_kept_compared_and_updated(patcher: Patcher, tmp_path: Path) -> None:
    tree = commit_all(write_tree(tmp_path / "up", {"a.py": "import a\na.f(1)\na.f(2)\n"}))
    commit = git(tree, "rev-parse", "HEAD").strip()
    recipe = RECIPE.replace(
        "parameters:", f'upstream: {{repository: "https://a.b/c", tested: [{commit}]}}\nparameters:'
    )
    recipe = recipe.replace("    effect: exact\n", "    expect: any\n    effect: exact\n")
    code, said = run(patcher, tmp_path, HOLDS, recipe, "--tree", tree)
    assert code == 3 and "swap: nothing kept, 2 applied found" in said
    assert run(patcher, tmp_path, HOLDS, recipe, "--tree", tree, "-u")[0] == 0
    assert run(patcher, tmp_path, HOLDS, recipe, "--tree", tree)[0] == 0
    code, said = run(patcher, tmp_path, HOLDS, recipe.replace("a.e($X)", "a.f($X, $_)"), "--tree", tree)
    assert code == 0
    code, said = run(
        patcher, tmp_path, HOLDS, recipe.replace("with: a.${", 'where: {X: "2"}\n    with: a.${'), "--tree", tree
    )
    assert code == 3 and "swap: 2 applied kept, 1 applied found" in said
    assert git(tree, "status", "--porcelain") == ""


def test_a_commit_in_which_the_result_is_unsound_is_named_and_the_others_are_compared(
    patcher: Patcher, tmp_path: Path
) -> None:
    tree = commit_all(write_tree(tmp_path / "up", {"a.py": "import a\na.f(1)\n"}))
    first = git(tree, "rev-parse", "HEAD").strip()
    second = git(commit_all(write_tree(tree, {"a.py": "import a\n"})), "rev-parse", "HEAD").strip()
    recipe = RECIPE.replace("replace: a.f($X)\n    with: a.${name}($X)", "delete: import a")
    upstream = f'upstream: {{repository: "https://a.b/c", tested: [{first}, {second}]}}\nparameters:'
    recipe = recipe.replace("parameters:", upstream).replace(
        "    effect: exact\n", "    expect: any\n    effect: exact\n"
    )
    code, said = run(patcher, tmp_path, "[]", recipe, "--tree", tree)
    assert code == 3
    assert f"tiny at {first[:7]}: {tmp_path}/tiny/recipe.yaml:7:5: After the step swap" in said
    assert f"tiny at {second[:7]}: not what is kept" in said


def test_a_commit_that_the_tree_lacks_is_named(patcher: Patcher, tmp_path: Path) -> None:
    tree = commit_all(write_tree(tmp_path / "up", {"a.py": ""}))
    recipe = RECIPE.replace(
        "parameters:", f'upstream: {{repository: "https://a.b/c", tested: [{"1" * 40}]}}\nparameters:'
    )
    code, said = run(patcher, tmp_path, HOLDS, recipe, "--tree", tree)
    assert code == 5 and "111111111111" in said and "fetch that commit first" in said


def test_a_tree_without_git_is_told_to_be_one(patcher: Patcher, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "up", {"a.py": ""})
    recipe = RECIPE.replace(
        "parameters:", f'upstream: {{repository: "https://a.b/c", tested: [{"1" * 40}]}}\nparameters:'
    )
    code, said = run(patcher, tmp_path, HOLDS, recipe, "--tree", tree)
    assert code == 5
    assert f"{tree} has no git history, so what 111111111111 held cannot be told; clone the upstream" in said
    assert "git clone https://a.b/c" in said and "fetch" not in said


@pytest.mark.parametrize("options", [("-u",), ("hrm", "device", "--tree", ".")])
def test_options_that_do_not_fit(patcher: Patcher, options: tuple[str, ...]) -> None:
    assert patcher("test", *options).code == 2
