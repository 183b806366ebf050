"""The recipe flash-attn on public repositories that import flash_attn: what it makes of them, and what imports then.

    python bench/flash_attn_repositories.py FOLDER [--write]

FOLDER holds bare clones, OWNER+NAME or OWNER+NAME/repo each. Every one is written out, patched with the shim alone
(`attention=torch`) and with the guard, and each module that was changed is imported in a process of its own in which
there is no flash_attn. What else is not installed here is stood in for, so that the module is run to its end.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import traceback
import types
from collections import Counter
from pathlib import Path

FLASH = ("flash_attn", "flash_attn_interface")
REPOSITORIES = {
    "Alpha-VLLM/Lumina-T2X": {},
    "HazyResearch/hyena-dna": {},
    "HazyResearch/safari": {},
    "architvasan/protein_lig_sedd": {},
    "dvlab-research/LongLoRA": {},
    "jzhang38/EasyContext": {},
    "jzhang38/TinyLlama": {"place": "lit_gpt"},
    "kuleshov-group/bd3lms": {},
    "kuleshov-group/mdlm": {},
    "louaaron/Score-Entropy-Discrete-Diffusion": {},
    "nomic-ai/contrastors": {},
    "togethercomputer/stripedhyena": {},
    "zhuzilin/ring-flash-attention": {},
}


# --- one repository ---------------------------------------------------------------------------------------------------


def bare(folder: Path, name: str) -> Path:
    """Return the bare clone of a repository."""
    found = folder / name.replace("/", "+")
    return found / "repo" if (found / "repo").is_dir() else found


def written_out(git: Path, target: Path) -> str:
    """Write the Python files and the requirements of HEAD into a new repository; return the commit."""
    ask = ["git", f"--git-dir={git}"]
    names = subprocess.run([*ask, "ls-tree", "-rz", "--name-only", "HEAD"], capture_output=True, check=True).stdout
    wanted = [
        name
        for name in names.decode().split("\0")
        if name.endswith((".py", ".toml", ".cfg", ".ipynb")) or ("requirements" in name and name.endswith(".txt"))
    ]
    archive = subprocess.run([*ask, "archive", "HEAD", "--", *wanted], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    own = ["git", "-C", str(target), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "As it is"]):
        subprocess.run([*own, *words], check=True)
    return (
        subprocess.run([*ask, "rev-parse", "--short=7", "HEAD"], capture_output=True, check=True)
        .stdout.decode()
        .strip()
    )


def applied(tree: Path, parameters: dict[str, str]) -> dict:
    """Apply the recipe and return its report."""
    options = [word for name, value in parameters.items() for word in ("-p", f"{name}={value}")]
    command = [sys.executable, "-m", "patcher", "apply", str(tree), "-r", "flash-attn", "--format", "json", *options]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{tree.name}: {done.stderr.decode()}")
    return json.loads(done.stdout)


def row(folder: Path, name: str, parameters: dict[str, str]) -> tuple[str, list[str]]:
    """Return the line of the table for a repository, and what is told of it below."""
    told: list[str] = []
    cells = []
    for attention in ("flash-or-torch", "torch"):
        with tempfile.TemporaryDirectory() as temporary:
            tree = Path(temporary, name.partition("/")[2])
            tree.mkdir()
            commit = written_out(bare(folder, name), tree)
            report = applied(tree, {"attention": attention, **parameters})
            places = [one for step in report["steps"] if step["id"] in ("guard", "torch") for one in step["places"]]
            statuses = Counter(one["status"] for one in places)
            changed = [
                one["path"] for one in report["changes"] if one["kind"] == "modified" and one["path"].endswith(".py")
            ]
            failed = {path: why for path in changed if (why := imported(tree, path))}
            cells.append(
                f"{statuses['applied']} | {statuses['already']} | {statuses['refused']} | {len(changed)} | "
                f"{len(changed) - len(failed)}"
            )
            reasons = Counter(one["reason"] for one in places if one["status"] == "refused")
            told += [f"- {name}, {attention}: {count} refused: {reason}" for reason, count in reasons.items()]
            told += [f"- {name}, {attention}: {path} does not import: {why}" for path, why in failed.items()]
    return f"| {name} {commit} | {' | '.join(cells)} |", told


# --- one module -------------------------------------------------------------------------------------------------------


def imported(tree: Path, path: str) -> str:
    """Import a file of a tree from the nearest folder from which that works; return why it works from none."""
    reason = ""
    for depth in range(len(Path(path).parents)):
        root = tree / Path(path).parents[depth]
        name = ".".join(Path(path).relative_to(Path(path).parents[depth]).with_suffix("").parts).removesuffix(
            ".__init__"
        )
        why = in_child(tree, root, name)
        if not why:
            return ""
        reason = why if not reason or "relative import" in reason else reason
    return reason


def in_child(tree: Path, root: Path, name: str) -> str:
    """Import a module in a copy of this process, which has torch already; return what it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.write(writing, attempt(tree, root, name).encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return "" if said == "fine" else said or "it ended the process"


def attempt(tree: Path, root: Path, name: str) -> str:
    """Import a module as the tree would, without flash_attn; say `fine`, or why not."""
    os.chdir(root)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    sys.argv = [name]
    own = [root, tree, tree / "src"]
    sys.path[:0] = map(str, own)
    sys.dont_write_bytecode = True
    sys.meta_path.append(StandIns(tree, own))
    try:
        importlib.import_module(name)
    except BaseException as error:  # whatever a stranger's module raises is what is told
        if os.environ.get("BENCH_TRACEBACK"):
            return traceback.format_exc()[-1500:]
        return f"{type(error).__name__}: {error}".splitlines()[0]
    there = [one for one in sys.modules if one.partition(".")[0] in FLASH]
    return f"{there[0]} was imported" if there else "fine"


class Anything(type):
    """What stands in for a name of a package that is not here: a class, a decorator, a function, a number."""

    def __getattr__(cls, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})

    def __call__(cls, *args, **kwargs):
        return args[0] if len(args) == 1 and not kwargs and callable(args[0]) else cls

    def __mro_entries__(cls, bases):
        return (cls,)

    def __getitem__(cls, key):
        return cls

    def __or__(cls, other):
        return cls

    __ror__ = __or__


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for packages that are not installed, but for flash_attn and what the tree itself has."""

    def __init__(self, tree: Path, folders: list[Path]) -> None:
        self.tree = str(tree.resolve())
        self.own = {path.stem for folder in folders if folder.is_dir() for path in folder.iterdir()}

    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in FLASH or root in self.own or root in sys.stdlib_module_names:
            return None
        if path is not None and not isinstance(sys.modules.get(root), StandIn):
            return None
        frame = sys._getframe(1)
        while "importlib" in frame.f_code.co_filename and frame.f_back:
            frame = frame.f_back
        if not frame.f_code.co_filename.startswith(self.tree):  # what is installed asks for what it can do without
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        module.__path__ = []
        module.__version__ = "99.0"


class StandIn(types.ModuleType):
    """A package that is not here, and has every name."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name, (), {})


# --- the table --------------------------------------------------------------------------------------------------------


def main() -> None:
    """Print the table, or write it beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only")
    asked = parser.parse_args()
    import torch

    lines, told = [], []
    for name, parameters in REPOSITORIES.items():
        if asked.only in (None, name):
            line, more = row(asked.folder, name, parameters)
            lines.append(line)
            told += more
            print(line, *more, sep="\n", file=sys.stderr)
    text = f"""# The recipe flash-attn on public repositories

Made by `python bench/flash_attn_repositories.py FOLDER --write` with torch {torch.__version__}. Imports of flash_attn
are counted as places; a module that was changed is imported where there is no flash_attn, with stand-ins for what else
is not installed. On the left the guard (`attention=flash-or-torch`), on the right the shim alone (`attention=torch`).

| repository | applied | already | refused | changed | import | applied | already | refused | changed | import |
|---|---|---|---|---|---|---|---|---|---|---|
"""
    text += "\n".join(lines) + "\n\n" + "\n".join(dict.fromkeys(told)) + "\n"
    if asked.write:
        Path(__file__).with_suffix(".md").write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
