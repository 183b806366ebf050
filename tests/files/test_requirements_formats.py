"""environment.yml, pyproject.toml, setup.cfg and setup.py: the same four words, each in its own writing."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml

from patcher.files.requirements import canonical
from patcher.files.requirements_edit import New, Touch, Wish, touch
from patcher.files.requirements_tree import find
from patcher.files.toml_spans import leaves, look_up
from patcher.model import Status

READERS: dict[str, Callable[[str], Any]] = {"yml": yaml.safe_load, "toml": tomllib.loads, "py": ast.parse}


def run(path: str, text: str, **words: Any) -> tuple[str, Sequence[Touch]]:
    """Return a file after a step, and the places of the step in it."""
    wishes = [
        Wish("replace", old, New(new, canonical(new.split(">")[0]))) for old, new in words.get("replace", {}).items()
    ]
    wishes += [Wish(word, name) for word in ("drop", "loosen") for name in words.get(word, ())]
    added = [New(text, canonical(text.split(">")[0])) for text in words.get("add", ())]
    files = find([path], lambda _: text.encode())
    touches = touch(files, wishes, added).get(path, ())
    at, parts = 0, []
    for start, end, new in sorted((cut for one in touches for cut in one.cuts), key=lambda cut: cut[:2]):
        assert at <= start <= end
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]]), touches


def check_transformed(path: str, before: str, expected: str, new: int = 1, **words: Any) -> None:
    for newline in ("\n", "\r\n"):
        after, touches = run(path, before.replace("\n", newline), **words)
        assert after == expected.replace("\n", newline)
        assert [one.status for one in touches].count(Status.APPLIED) == new
        READERS.get(path.rsplit(".")[-1], str)(after)
        again, touches = run(path, after, **words)
        assert again == after
        assert touches
        assert all(one.status is not Status.APPLIED and not one.cuts for one in touches)


def check_noop(path: str, text: str, *expected: str, **words: Any) -> Sequence[Touch]:
    after, touches = run(path, text, **words)
    assert after == text
    assert sorted(one.status.value for one in touches) == sorted(expected)
    assert all(one.reason.endswith(".") and not one.cuts for one in touches)
    return touches


# --- environment.yml ------------------------------------------------------------------------------------------------

ENV = "environment.yml"
CONDA = """name: flash-attn  # its name
channels: [nvidia/label/cuda-11.8.0]
dependencies:
  - _libgcc_mutex=0.1=main
  - cuda-cccl=11.8.89=0  # c
  - pytorch::pytorch >=2.0
  - pip=23.3.1
  - pip:
    - --extra-index-url https://x.org/cuda-x
    - accelerate==0.27.2
    # attention
    - flash-attn==2.2.2  # c
    - 'torch==2.0.1+cu118 ; python_version < "3.12"'
prefix: /home/triton
"""


def test_environment_drop_in_both_lists() -> None:
    expected = CONDA.replace("  - cuda-cccl=11.8.89=0  # c\n", "").replace("    - flash-attn==2.2.2  # c\n", "")
    check_transformed(ENV, CONDA, expected, 2, drop=["flash-attn", "cuda-*"])


def test_environment_loosen_in_both_lists() -> None:
    expected = CONDA.replace(" >=2.0", "").replace("==2.0.1+cu118", "")
    check_transformed(ENV, CONDA, expected, 2, loosen=["torch", "pytorch"])


def test_environment_replace_below_pip() -> None:
    expected = CONDA.replace("flash-attn==2.2.2", "x>=1").replace("torch==2.0.1+cu118 ;", "y ;")
    check_transformed(ENV, CONDA, expected, 2, replace={"flash-attn": "x>=1", "torch": "y"})


def test_environment_add_below_pip() -> None:
    check_transformed(ENV, CONDA, CONDA.replace("prefix", "    - numpy\n    - x>=1\nprefix"), 2, add=["numpy", "x>=1"])
    check_transformed(ENV, "dependencies:\n- pip:\n  - a", "dependencies:\n- pip:\n  - a\n  - b", add=["b"])


def test_environment_add_behind_one_that_goes() -> None:
    before, expected = "dependencies:\n- pip:\n  - a\n  - b\n", "dependencies:\n- pip:\n  - a\n  - c\n"
    check_transformed(ENV, before, expected, 2, drop=["b"], add=["c"])


def test_environment_keeps_no_empty_list_of_pip() -> None:
    check_transformed(
        ENV,
        "dependencies:\n- a\n- pip:\n  - b\n  # c\n  - d\n- e\n",
        "dependencies:\n- a\n  # c\n- e\n",
        2,
        drop=["b", "d"],
    )


@pytest.mark.parametrize("name", ["numpy", "accelerate", "torch"])
def test_environment_add_is_there_already(name: str) -> None:
    check_noop(ENV, CONDA.replace("pip=23.3.1", "numpy=1"), "already", add=[name])


@pytest.mark.parametrize("name", ["nvidia", "prefix", "main", "home"])
def test_environment_words_are_no_packages(name: str) -> None:
    check_noop(ENV, CONDA, loosen=[name], replace={f"{name}-*": "y"})


def test_environment_drop_of_what_is_not_listed() -> None:
    check_noop(ENV, CONDA, "already", drop=["triton"])


def test_environment_refuses_a_replacement_among_condas() -> None:
    (one,) = check_noop(ENV, CONDA, "refused", replace={"pytorch": "y"})
    assert "conda" in one.reason


@pytest.mark.parametrize(
    "text",
    ["dependencies: [a, torch=1, {pip: [torch==1]}]\n", 'dependencies:\n  - "tor\\x63h=1"\n  - >-\n    torch=1\n'],
)
def test_environment_refuses_other_layouts(text: str) -> None:
    check_noop(ENV, text, "refused", "refused", loosen=["torch"])


def test_environment_without_pip_takes_nothing_in() -> None:
    check_noop(ENV, "dependencies:\n  - a\n", "refused", add=["numpy"])


def test_a_yaml_file_that_does_not_parse_is_refused_where_it_names_one() -> None:
    text = "dependencies: {{ x }}\n  - torch==1 # triton\n"
    check_noop(ENV, text, "refused", loosen=["torch"])
    check_noop(ENV, text, loosen=["triton"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dependencies: torch\n",
        "dependencies: {torch: 1}\n",
        "torch",
        "env:\n  torch: x\n",
        "- torch\n",
        "jobs:\n  - torch\n",
        "dependencies:\n",
    ],
)
def test_other_yaml_is_no_list(text: str) -> None:
    check_noop(ENV, text, drop=["torch"], add=["numpy"])


PY = "setup.py"
TOML = "pyproject.toml"

# --- pyproject.toml -------------------------------------------------------------------------------------------------

PEP621 = """[build-system]
requires = ["setuptools", "torch==2.0"]  # for the build
[project]
name = "flash-attn"
dependencies = [
    "torch==2.0.1",  # c
    'adam_atan2[x]==0.0.3; python_version < "3.9"', # d
    # attention
    "flash-attn"
]
[project.optional-dependencies]
gpu = ["triton>=2", "flash-attn>=2", "torch"]
[dependency-groups]
dev = [{include-group = "gpu"}, "pytest", "flash-attn", ]
[tool.other]
dependencies = ["flash-attn"]
"""


def test_pyproject_drop() -> None:
    expected = (
        PEP621.replace('    "flash-attn"\n', "").replace('"flash-attn>=2", ', "").replace(', "flash-attn", ]', ", ]")
    )
    check_transformed(TOML, PEP621, expected, 3, drop=["flash-attn"])


def test_pyproject_loosen() -> None:
    check_transformed(TOML, PEP621, PEP621.replace("==2.0.1", "").replace("==2.0", ""), 2, loosen=["torch"])


def test_pyproject_replace_keeps_quotes_marker_and_comment() -> None:
    expected = PEP621.replace("adam_atan2[x]==0.0.3", "adam-atan2-pytorch>=0.1.18")
    check_transformed(TOML, PEP621, expected, replace={"adam-atan2": "adam-atan2-pytorch>=0.1.18"})


def test_pyproject_add() -> None:
    expected = PEP621.replace('    "flash-attn"\n', '    "flash-attn",\n    "numpy",\n    "x>=1"\n')
    check_transformed(TOML, PEP621, expected, 2, add=["numpy", "x>=1"])


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ('["a", "b"]', '["a", "c"]'),
        ('["b", "a"]', '["a", "c"]'),
        ('["b"]', '["c"]'),
        ('["b",]', '["c"]'),
        ('["a", "b", "b"]  # d', '["a", "c"]  # d'),
        ('[\n  "b" # d\n]', '[\n  "c",\n]'),
        ('[\n  "a",\n  "b",\n]', '[\n  "a",\n  "c",\n]'),
        ('[\n  "a",\n  "b"\n]', '[\n  "a",\n  "c"\n]'),
        ('[\n  "a", # d\n  "b" ]', '[\n  "a", # d\n  "c"\n   ]'),
    ],
)
def test_pyproject_drop_and_add_in_every_layout(before: str, expected: str) -> None:
    new = before.count("b") + 1
    text = "[project]\ndependencies = {}\n"
    check_transformed(TOML, text.format(before), text.format(expected), new, drop=["b"], add=["c"])


def test_pyproject_add_to_an_empty_list() -> None:
    check_transformed(TOML, "[project]\ndependencies = []", '[project]\ndependencies = ["a", "b"]', 2, add=["a", "b"])


@pytest.mark.parametrize("path", [TOML, PY])
@pytest.mark.parametrize("items", ['"b"\n, "a"', '\n  "a" # c\n  , "b"\n', '"b" # c\n, "a"'])
def test_a_comma_on_the_next_line_is_left_to_a_person(path: str, items: str) -> None:
    text = "[project]\ndependencies = [{}]\n" if path == TOML else "setup(install_requires=[{}])\n"
    check_noop(path, text.format(items), "refused", "refused", drop=["b"], add=["c"])


def test_a_comma_in_a_comment_parts_nothing() -> None:
    text = '[project]\ndependencies = [\n  "a", # b, c\n  "b" # c, d\n]\n'
    check_transformed(TOML, text, text.replace('  "b" # c, d\n', ""), drop=["b"])


def test_a_row_of_items_goes_with_one_comma() -> None:
    text = "[project]\ndependencies = [{}]\n"
    for before, expected, new in (
        ('"a", "b","b" , "b"', '"a"', 3),
        ('"b", "b", "a"', '"a"', 2),
        ('\n  "b", "b", # c\n  "a",\n', '\n   # c\n  "a",\n', 2),
        ('"a", # c\n  "b", "b",\n', '"a", # c\n  \n', 2),
        ('"a", "b", # c\n  "d"', '"a", # c\n  "d"', 1),
    ):
        check_transformed(TOML, text.format(before), text.format(expected), new, drop=["b"])


def test_pyproject_names_elsewhere_are_no_requirements() -> None:
    check_noop(TOML, '[project]\nname = "torch"\ndependencies = []\nkeywords = ["torch"]\n', loosen=["torch"])


def test_pyproject_a_requirement_of_the_build_is_not_one_of_the_project() -> None:
    text = '[build-system]\nrequires = ["numpy"]\n[project]\ndependencies = ["a"]\n'
    check_transformed(TOML, text, text.replace('"a"', '"a", "numpy"'), add=["numpy"])


@pytest.mark.parametrize("value", ['"""torch==1"""', '"tor\\u0063h==1"', '"torch=1"'])
def test_pyproject_refuses_what_is_not_plain(value: str) -> None:
    check_noop(TOML, f"[project]\ndependencies = [{value}]\n", "refused", loosen=["torch"])


def test_pyproject_refuses_quotes_within_quotes() -> None:
    text = "[project]\ndependencies = ['a']\n"
    check_noop(TOML, text, "refused", replace={"a": "b; os_name == 'nt'"})


@pytest.mark.parametrize(
    "text", ["", "[tool.ruff]\nselect = ['torch']\n", "[project]\nname = 'torch'\ndynamic = ['dependencies']\n"]
)
def test_other_toml_is_no_list(text: str) -> None:
    check_noop(TOML, text, drop=["torch"], add=["numpy"])


def test_a_toml_file_that_does_not_parse_is_refused_where_it_names_one() -> None:
    check_noop(TOML, "[project\ndependencies = ['torch==1']", "refused", loosen=["torch"])


def test_pyproject_leads_to_the_files_of_setuptools() -> None:
    text = (
        b'[tool.setuptools.dynamic]\ndependencies = {file = ["deps.lst"]}\noptional-dependencies.x = {file = "x.lst"}\n'
    )
    files = {TOML: text, "deps.lst": b"", "x.lst": b""}
    assert {file.path for file in find(files, files.__getitem__)} == set(files)


POETRY = """[tool.poetry]
name = "torch"
[tool.poetry.dependencies]
python = "^3.9"
torch = "^2.0"  # c
Flash_Attn = ">=2"
wandb = {version = "0.16", optional = true}
local = {path = "../local"}
[tool.poetry.group.dev.dependencies]
pytest = "*"
flash-attn = "2.5"
"""


def test_poetry_drop_and_loosen() -> None:
    expected = POETRY.replace('Flash_Attn = ">=2"\n', "").replace('flash-attn = "2.5"\n', "")
    expected = expected.replace("^2.0", "*").replace("0.16", "*")
    check_transformed(TOML, POETRY, expected, 4, drop=["flash-attn"], loosen=["torch", "wandb", "pytest"])


def test_poetry_replace_and_add() -> None:
    expected = POETRY.replace('torch = "^2.0"', 'b = ">=1"').replace(
        "[tool.poetry.group", 'numpy = "*"\n[tool.poetry.group'
    )
    check_transformed(TOML, POETRY, expected, 2, replace={"torch": "b>=1"}, add=["numpy"])


def test_poetry_is_there_already() -> None:
    check_noop(TOML, POETRY, "already", "already", replace={"x": "pytest"}, add=["wandb"])


def test_poetry_refuses_a_table() -> None:
    check_noop(
        TOML, POETRY, "refused", "refused", "refused", drop=["wandb"], loosen=["local"], replace={"torch": "b[x]>=1"}
    )


def test_poetry_has_python_for_no_package() -> None:
    check_noop(TOML, POETRY, loosen=["python"])


def test_spans_of_toml() -> None:
    text = "a.b = \"x\" # c\n[[t]]\n\"k k\" = {p = [1, '''y'''], q = 2020-01-01}\n[t.s]\nz = true\n[[t]]\nk = 1\n"
    found = {leaf.path: text[leaf.start : leaf.end] for leaf in leaves(text)}
    assert found[("t", 0, "k k", "p", 1)] == "'''y'''"
    assert found[("t", 0, "s", "z")] == "true"
    assert list(found.values()) == ['"x"', "1", "'''y'''", "[1, '''y''']", "2020-01-01", "true", "1"]
    assert all(look_up(tomllib.loads(text), path) is not None for path in found)


# --- setup.cfg ------------------------------------------------------------------------------------------------------

CFG = "setup.cfg"
CFG_TEXT = """[metadata]
name = flash-attn
[options]
install-requires =
    torch==2.0  # c
    # attention
    flash-attn ; os_name == 'nt'

    einops
packages = find:
[options.extras_require]
gpu =
\tflash-attn
\ttriton
[flake8]
ignore =
    flash-attn
"""


def test_setup_cfg() -> None:
    expected = CFG_TEXT.replace("    flash-attn ; os_name == 'nt'\n", "", 1).replace("\tflash-attn\n", "")
    expected = expected.replace("torch==2.0", "torch").replace("    einops\n", "    einops\n    numpy\n")
    check_transformed(CFG, CFG_TEXT, expected, 4, drop=["flash-attn"], loosen=["torch"], add=["numpy"])
    check_transformed(CFG, CFG_TEXT, CFG_TEXT.replace("torch==2.0", "b>=1"), replace={"torch": "b>=1"})


@pytest.mark.parametrize(
    "text", ["", "[metadata]\nname = torch\n", "[flake8]\ninstall_requires =\n    torch\n", "torch\n"]
)
def test_other_cfg_is_no_list(text: str) -> None:
    check_noop(CFG, text, drop=["torch"], add=["numpy"])


def test_setup_cfg_refuses_the_line_of_the_key() -> None:
    check_noop(
        CFG, "[options]\ninstall_requires = torch==1; numpy\n", "refused", "refused", loosen=["torch"], add=["x"]
    )


def test_setup_cfg_leads_to_its_files() -> None:
    files = {CFG: b"[options]\ninstall_requires = file: a.lst, b.lst\n", "a.lst": b"", "b.lst": b""}
    assert {file.path for file in find(files, files.__getitem__)} == set(files)


# --- setup.py -------------------------------------------------------------------------------------------------------

PY_TEXT = """from setuptools import setup  # é
import torch, flash_attn
EXTRAS = {"gpu": ["triton>=2", "flash-attn", 'é'], "all": ["flash-attn"]}
setup(
    name="flash-attn", packages=["flash_attn"], description='needs torch==2.0',
    install_requires=[
        "torch==2.0",  # c
        'flash-attn==2.5; os_name == "nt"',
        "einops",
    ],
    extras_require=EXTRAS,
)
"""


def test_setup_py() -> None:
    expected = PY_TEXT.replace("        'flash-attn==2.5; os_name == \"nt\"',\n", "").replace(
        '"all": ["flash-attn"]', '"all": []'
    )
    expected = expected.replace("\"flash-attn\", 'é'", "'é'").replace('"torch==2.0"', '"torch"')
    expected = expected.replace('"einops",\n', '"einops",\n        "numpy",\n')
    check_transformed(PY, PY_TEXT, expected, 5, drop=["flash-attn"], loosen=["torch"], add=["numpy"])


def test_setup_py_replace() -> None:
    expected = PY_TEXT.replace('"flash-attn", ', '"b>=1", ').replace('["flash-attn"]}', '["b>=1"]}')
    expected = expected.replace("flash-attn==2.5;", "b>=1;").replace('name="b>=1"', 'name="flash-attn"')
    check_transformed(PY, PY_TEXT, expected, 3, replace={"flash-attn": "b>=1"})


@pytest.mark.parametrize(
    "item", ["('torch==1')", "f'torch=={V}'", "'torch' '==1'", "r'torch==1'", "'''torch==1'''", "'tor\\x63h==1'"]
)
def test_setup_py_refuses_what_is_not_plain(item: str) -> None:
    check_noop(PY, f"setup(install_requires=['a', {item}])\n", "refused", loosen=["torch"])


@pytest.mark.parametrize("value", ["('torch==1', 'a')", "{'torch==1'}"])
def test_setup_py_refuses_what_is_no_list(value: str) -> None:
    check_noop(PY, f"setup(install_requires={value})\n", "refused", "refused", drop=["torch"], add=["x"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import torch\n",
        "setup(name='torch')\n",
        "setup(install_requires=open('torch').read())\n",
        "x = os.path.join('torch', 'a')\nprint('torch')\n",
        "def f():\n    'torch'\nsetup(packages=['torch'], description='torch', extra={'torch': 1}['torch'])\n",
    ],
)
def test_other_python_is_no_list(text: str) -> None:
    check_noop(PY, text, drop=["torch"], add=["numpy"])


WANDB: dict[str, Any] = {"replace": {"adam-atan2": "b>=1"}, "drop": ["wandb"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("R = ['adam-atan2', 'wandb']\nsetup(install_requires=R)", "R = ['b>=1']\nsetup(install_requires=R)"),
        (
            "k = {'install_requires': ['adam_atan2', 'wandb']}\nsetup(**k)",
            "k = {'install_requires': ['b>=1']}\nsetup(**k)",
        ),
        ("k['install_requires'] = ['wandb', 'adam-atan2']", "k['install_requires'] = ['b>=1']"),
        (
            "R = ['wandb']\nsetup(install_requires=R + ['adam-atan2', 'c'])",
            "R = []\nsetup(install_requires=R + ['b>=1', 'c'])",
        ),
        (
            "E = {'wandb': ['wandb'], 'all': ['adam-atan2']}\nsetup(extras_require=E)",
            "E = {'wandb': [], 'all': ['b>=1']}\nsetup(extras_require=E)",
        ),
        (
            "L = ['wandb', 'q']\nE = {'a': L, 'b': [*L, 'adam-atan2']}\nsetup(extras_require=E)",
            "L = ['q']\nE = {'a': L, 'b': [*L, 'b>=1']}\nsetup(extras_require=E)",
        ),
        (
            "R = ['c']\nR += ['wandb']\nR.extend(['adam-atan2'])\nsetup(install_requires=R)",
            "R = ['c']\nR += []\nR.extend(['b>=1'])\nsetup(install_requires=R)",
        ),
        (
            "if x:\n    A: list[str] = ['wandb']\nelse:\n    A = B = ['adam-atan2']\nsetup(install_requires=A)",
            "if x:\n    A: list[str] = []\nelse:\n    A = B = ['b>=1']\nsetup(install_requires=A)",
        ),
    ],
)
def test_setup_py_follows_plain_assignments(before: str, after: str) -> None:
    check_transformed(PY, f"{before}\n", f"{after}\n", 2, **WANDB)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("R = ['a']\nsetup(install_requires=R)\n", "R = ['a', 'n']\nsetup(install_requires=R)\n"),
        ("R = ['a']\nsetup(install_requires=['b'] + R)\n", "R = ['a', 'n']\nsetup(install_requires=['b'] + R)\n"),
        (
            "requirements = []\nsetup(install_requires=requirements)\n",
            'requirements = ["n"]\nsetup(install_requires=requirements)\n',
        ),
    ],
)
def test_setup_py_gets_one_more_where_its_list_is_assigned(before: str, after: str) -> None:
    check_transformed(PY, before, after, 1, add=["n"])


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("setup(install_requires='adam-atan2 wandb'.split())\n", 2),
        ("setup(install_requires='''\nadam-atan2==1\nwandb\n''')\n", 2),
        ("R = ['c']\nR.append('wandb')\nsetup(install_requires=R)\n", 1),
        ("setup(install_requires=['wandb' if x else 'y', 'z'])\n", 1),
        ("A, B = ['wandb'], ['adam-atan2']\nsetup(install_requires=A + B)\n", 2),
        ("R = ['wandb']\nsetup(install_requires=list(R))\n", 1),
        ("R = ('wandb',)\nsetup(install_requires=R)\n", 1),
        ("subprocess.run(['pip', 'install', 'wandb==1'])\n", 1),
        ("X = f'wandb=={V}'\n", 1),
        ("x = ['Adam.Atan2']\n", 1),
    ],
)
def test_setup_py_tells_a_string_that_it_cannot_follow(text: str, count: int) -> None:
    check_noop(PY, text, *["refused"] * count, **WANDB)


def test_setup_py_tells_a_pin_alone_that_it_cannot_follow() -> None:
    check_noop(PY, "x = 'torch'\n", loosen=["torch"])
    check_noop(PY, "x = 'torch>=' + v\n", "refused", loosen=["torch"])


def test_setup_py_with_a_longer_word_is_left() -> None:
    check_noop(PY, "x = ['wandb-core', 'lib/wandb', 'wandb/x', 'wandb.sdk', 'xwandb']\n", **WANDB)


def test_setup_py_that_only_mentions_packages_lists_nothing() -> None:
    check_noop(PY, "x = ['torch']\n", drop=["wandb"], add=["numpy"])


def test_setup_py_that_does_not_parse_is_refused_where_it_names_one() -> None:
    check_noop(PY, "print 'x'\nsetup(install_requires=['torch==1'])  # triton\n", "refused", loosen=["torch", "triton"])


def test_setup_py_in_another_encoding_is_refused() -> None:
    check_noop(PY, "# coding: latin-1\n# é\nsetup(install_requires=['torch==1'])\n", "refused", loosen=["torch"])


def test_a_requirements_file_comes_before_the_other_formats() -> None:
    files = {PY: PY_TEXT.encode(), "requirements.txt": b"", TOML: PEP621.encode(), ENV: CONDA.encode()}
    touches = touch(find(files, files.__getitem__), [], [New("numpy", "numpy")])
    assert [path for path, found in touches.items() if found] == ["requirements.txt"]
