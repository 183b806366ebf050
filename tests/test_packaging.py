"""What is installed: wheel, sdist and editable install hold the recipes, and work without torch from anywhere."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from patcher import __version__
from patcher.recipe import bundled_names
from tests.helpers import ROOT, fixture_tree, git

pytestmark = pytest.mark.slow

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def call(*command: object, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program far from this project, with nothing of it on its path."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=where, env=inherited, capture_output=True, text=True, check=False)


def succeed(*command: object, where: Path | None = None) -> str:
    done = call(*command, where=where)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Built:
    """The distributions: the wheel from the project, and the sdist with the wheel that is built from it."""

    wheel: Path
    sdist: Path
    from_sdist: Path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build once, also where several processes run the tests."""
    pytest.importorskip("build")
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "packaging"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "from-sdist").exists():
            if call(*PIP, "download", "--quiet", "--no-deps", "--dest", folder / "probe", "hatchling").returncode:
                pytest.skip("the package index cannot be reached, and a build needs hatchling")
            succeed(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "wheel", ROOT)
            succeed(sys.executable, "-m", "build", "--outdir", folder / "from-sdist", ROOT)
    (wheel,), (sdist,), (from_sdist,) = (
        list((folder / name).glob(pattern))
        for name, pattern in (("wheel", "*.whl"), ("from-sdist", "*.tar.gz"), ("from-sdist", "*.whl"))
    )
    return Built(wheel, sdist, from_sdist)


def installed(folder: Path, *what: object) -> Path:
    """Install something with its dependencies into a fresh environment, and return its `patcher`."""
    succeed(sys.executable, "-m", "venv", "--without-pip", folder)
    succeed(*PIP, "--python", folder / "bin" / "python", "install", "--quiet", *what)
    return folder / "bin" / "patcher"


def works(command: Path, folder: Path) -> None:
    """Hold an installation to what it is for, in a folder of its own."""
    python = command.with_name("python")
    assert call(python, "-c", "import torch").returncode != 0, "this environment must not have torch"
    assert succeed(command, "--version", where=folder) == f"patcher, version {__version__}\n"
    listed = [line.split()[0] for line in succeed(command, "list", where=folder).splitlines()]
    assert set(bundled_names()) <= set(listed)
    tree = fixture_tree("hrm", folder / "hrm")
    assert call(command, "apply", "hrm", "-r", "hrm", "--diff", where=folder).returncode == 1
    succeed(command, "apply", "hrm", "-r", "hrm", where=folder)
    assert (tree / "models" / "flash_attn_torch").exists() or (tree / "models" / "flash_attn_torch.py").exists()
    assert call(command, "apply", "hrm", "-r", "hrm", "--check", where=folder).returncode == 0
    succeed(command, "undo", "hrm", where=folder)
    assert git(tree, "status", "--porcelain") == ""
    assert succeed(python, "-m", "patcher", "show", "hrm", where=folder).startswith("hrm: ")


def files(folder: Path) -> set[str]:
    """Return the files that somebody wrote below a folder."""
    there = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in there if "__pycache__" not in path.parts}


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_wheel_works_without_torch_from_another_folder(built: Built, tmp_path: Path) -> None:
    command = installed(tmp_path / "env", built.wheel)
    works(command, tmp_path)
    where = "import patcher.recipe; print(patcher.recipe.bundled_root())"
    assert succeed(command.with_name("python"), "-c", where, where=tmp_path).endswith("patcher/_recipes\n")


def test_an_editable_install_works_and_reads_the_recipes_of_the_project(built: Built, tmp_path: Path) -> None:
    command = installed(tmp_path / "env", "--editable", ROOT)
    works(command, tmp_path)
    where = "import patcher.recipe; print(patcher.recipe.bundled_root())"
    assert succeed(command.with_name("python"), "-c", where, where=tmp_path) == f"{ROOT / 'recipes'}\n"


def test_the_wheel_that_the_sdist_makes_is_the_same(built: Built) -> None:
    assert contents(built.from_sdist) == contents(built.wheel)


def test_the_wheel_holds_every_module_and_every_recipe(built: Built) -> None:
    wanted = {f"patcher/{name}" for name in files(ROOT / "patcher")}
    wanted |= {f"patcher/_recipes/{name}" for name in files(ROOT / "recipes")}
    packed = {name for name in contents(built.wheel) if ".dist-info/" not in name}
    assert packed == wanted
    assert {
        "patcher/py.typed",
        "patcher/report/web/parts/base.html",
        "patcher/verify/probe/sitecustomize.py",
        "patcher/_recipes/hrm/recipe.yaml",
        "patcher/_recipes/hrm/checks/tiny_dataset.py",
        "patcher/_recipes/shims/adam_atan2_torch.py",
        "patcher/_recipes/shims/flash_attn_torch/__init__.py",
    } <= packed


def test_the_wheel_holds_nothing_else(built: Built) -> None:
    names = contents(built.wheel)
    assert {name.partition("/")[0] for name in names} == {"patcher", f"research_patcher-{__version__}.dist-info"}
    assert not [name for name in names if {"__pycache__", "tests", "fixtures", "bench"} & {*name.split("/")}]


def test_the_wheel_says_what_it_needs_and_torch_is_not_among_it(built: Built) -> None:
    metadata = next(data for name, data in contents(built.wheel).items() if name.endswith("METADATA")).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    assert sorted(line.split()[1].partition(">")[0].lower() for line in needed) == [
        "click",
        "gitpython",
        "jinja2",
        "libcst",
        "markupsafe",
        "packaging",
        "psutil",
        "pygments",
        "pyyaml",
        "rich",
    ]
    assert f"Version: {__version__}" in metadata.splitlines()


def test_the_sdist_holds_what_its_tests_need(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "Makefile",
        "tests/conftest.py",
        "tests/helpers.py",
        "fixtures/hrm/pretrain.py",
        "recipes/hrm/recipe.yaml",
        "patcher/verify/probe/sitecustomize.py",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".git/", ".venv"))]
