"""Move an upstream in eight ways below a patched fork, take the fork along with each tool, and judge what came of it.

    python bench/moves.py            # prints the table and keeps it in bench/moves.md

The upstream is the miniature in fixtures/hrm. The fork is what `patcher apply --recipe hrm` makes of it, and three edits
by hand, one of them a new file. git gets the fork's commits as patches, or its branch; patcher gets the fork.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EDITS", "MOVES", "TOOLS", "Fork", "Move", "edited", "faults", "fork_of"]

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "bench" / "moves.md"
NOBODY = {
    **{f"GIT_{who}_NAME": "bench" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "bench@localhost" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_CONFIG_{what}": os.devnull for what in ("GLOBAL", "SYSTEM")},
}
PATCHER = (sys.executable, "-m", "patcher")
MARKERS = re.compile(r"^(<<<<<<<|>>>>>>>) ", re.MULTILINE)

# What the fork has beside the recipe: path, old text, new text.
EDITS = (
    (
        "evaluate.py",
        "    results = evaluate(state",
        "    torch.set_grad_enabled(False)  # ours\n    results = evaluate(state",
    ),
    ("models/losses.py", "IGNORED = -100", "IGNORED = -100  # ours: as in the paper"),
    ("notes.md", "", "Ours: how we run this.\n"),
)

# What only a CUDA machine can run, or what would train another model, each with what it is.
LEFT = {
    r"\.cuda\(\)": "a .cuda() call",
    r'(?:device\(|location=|device=)"cuda"\)': "a CUDA literal",
    r'backend="nccl"\)': "NCCL alone",
    r"pin_memory=True": "pinned memory",
    r"^from adam_atan2 import|AdamATan2\(": "the compiled optimizer",
    r"AdamAtan2\([^)]*?lr=0,": "an optimizer with a rate of 0",
    r"^    from flash_attn import": "an unguarded flash_attn",
    r"(?<!contiguous\(\))\.view\(batch_size, seq_len, self": ".view without .contiguous()",
    r"(?<!is_available\(\):\n)^ *torch\.cuda\.set_device": "a CUDA device that is chosen without asking",
    r"is_available\(\):\n *if torch\.cuda\.is_available\(\):": "a question asked twice",
}


@dataclass(frozen=True)
class Move:
    """A way in which the upstream moves; `kept` is a text that the new upstream has and the result must have too."""

    name: str
    change: Callable[[Path], None]
    kept: tuple[str, str] | None = None


@dataclass(frozen=True)
class Fork:
    """A repository with the branches `old` and `new` (of the upstream) and `fork`, which is checked out."""

    folder: Path

    def git(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return _run(("git", *words), self.folder, check=check)


def _run(words: tuple[str, ...], folder: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **NOBODY, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=env, check=check, capture_output=True, text=True)


# --- the moves ------------------------------------------------------------------------------------------------------


def _sub(folder: Path, path: str, *pairs: tuple[str, str]) -> None:
    text = (folder / path).read_text()
    for old, new in pairs:
        assert old in text, f"{path} has no {old!r}"
        text = text.replace(old, new)
    (folder / path).write_text(text)


def _reformat(folder: Path) -> None:
    _run((sys.executable, "-m", "black", "-q", "-l", "88", "."), folder)


def _rename(folder: Path) -> None:
    _sub(folder, "models/layers.py", ("attn_output", "mixed"))
    _sub(
        folder,
        "pretrain.py",
        ("batch = {name: tensor.cuda() for name, tensor in", "batch = {key: value.cuda() for key, value in"),
    )


def _move(folder: Path) -> None:
    (folder / "models" / "parts").mkdir()
    (folder / "models" / "layers.py").rename(folder / "models" / "parts" / "layers.py")
    _sub(folder, "models/recurrent.py", ("from models.layers import", "from models.parts.layers import"))


def _beside(folder: Path) -> None:
    _sub(folder, "pretrain.py", ("        num_workers=1,\n", "        num_workers=2,\n"))
    _sub(folder, "models/layers.py", ("causal=self.causal)\n", "causal=self.causal)  # [batch, seq, heads, dim]\n"))


def _call_site(folder: Path) -> None:
    extra = '\n\ndef warm_up(model, batch):\n    with torch.device("cuda"):\n        model(batch["inputs"].cuda())\n'
    _sub(folder, "evaluate.py", ("\n\ndef main():", f"{extra}\n\ndef main():"))


def _half(folder: Path) -> None:
    _sub(
        folder,
        "pretrain.py",
        ("from adam_atan2 import AdamATan2", "from adam_atan2_pytorch import AdamAtan2"),
        (
            "AdamATan2(\n            model.parameters(),\n\n            lr=0,",
            "AdamAtan2(\n            model.parameters(),\n\n            lr=config.lr,",
        ),
        ("pin_memory=True", "pin_memory=torch.cuda.is_available()"),
    )
    _sub(folder, "requirements.txt", ("adam-atan2\n", "adam-atan2-pytorch>=0.1.18\n"))


def _far(folder: Path) -> None:
    lines = "\n".join(f"    {name} = {number}" for number, name in enumerate(f"limit_{one}" for one in range(60)))
    _sub(
        folder,
        "pretrain.py",
        ("@dataclass\nclass ArchConfig:", f"class Limits:\n{lines}\n\n\n@dataclass\nclass ArchConfig:"),
    )
    _sub(folder, "models/layers.py", ("class Projection(", f"class Limits:\n{lines}\n\n\nclass Projection("))


def _whole(folder: Path) -> None:
    _run((*PATCHER, "apply", ".", "--recipe", "hrm", "--allow-dirty"), folder)


MOVES = (
    Move("reformatted with black", _reformat, ("pretrain.py", "        persistent_workers=True,\n")),
    Move("a variable renamed", _rename, ("models/layers.py", "mixed")),
    Move("a file moved", _move, ("models/parts/layers.py", "class Attention")),
    Move("an edit beside", _beside, ("pretrain.py", "num_workers=2")),
    Move("a new call site", _call_site, ("evaluate.py", "def warm_up")),
    Move("half of it done upstream", _half, ("requirements.txt", "adam-atan2-pytorch")),
    Move("lines inserted far away", _far, ("pretrain.py", "limit_59")),
    Move("all of it done upstream", _whole),
)


# --- the fork -------------------------------------------------------------------------------------------------------


def fork_of(move: Move, folder: Path) -> Fork:
    """Make the upstream, its next commit, and the fork of its first."""
    shutil.copytree(ROOT / "fixtures" / "hrm", folder, ignore=shutil.ignore_patterns("__pycache__"))
    fork = Fork(folder)
    fork.git("init", "-q", "-b", "old")
    _commit(fork, "the upstream")
    fork.git("switch", "-q", "-c", "new")
    move.change(folder)
    shutil.rmtree(folder / ".git" / "patcher", ignore_errors=True)
    _commit(fork, move.name)
    fork.git("switch", "-q", "-c", "fork", "old")
    _run((*PATCHER, "apply", ".", "--recipe", "hrm"), folder)
    shutil.rmtree(folder / ".git" / "patcher")
    _commit(fork, "patched")
    edited(folder)
    _commit(fork, "edits of our own")
    return fork


def edited(folder: Path) -> None:
    """Make the edits of the fork's own."""
    for path, old, new in EDITS:
        if old:
            _sub(folder, path, (old, new))
        else:
            (folder / path).write_text(new)


def _commit(fork: Fork, message: str) -> None:
    fork.git("add", "--all")
    fork.git("commit", "-q", "--allow-empty", "-m", message)


# --- the tools ------------------------------------------------------------------------------------------------------


def _am(fork: Fork, *options: str) -> str:
    fork.git("format-patch", "-q", "-o", ".git/mails", "old..fork")
    fork.git("switch", "-q", "new")
    done = fork.git("am", *options, *sorted(str(one) for one in (fork.folder / ".git/mails").iterdir()), check=False)
    return "" if done.returncode == 0 else "conflict"


def _merge(fork: Fork) -> str:
    return "" if fork.git("merge", "-q", "--no-edit", "new", check=False).returncode == 0 else "conflict"


def _update(fork: Fork) -> str:
    done = _run((*PATCHER, "update", ".", "--onto", "new", "--recipe", "hrm", "--commit"), fork.folder, check=False)
    return "" if done.returncode == 0 else "conflict"


TOOLS: dict[str, Callable[[Fork], str]] = {
    "patcher update": _update,
    "git am": _am,
    "git am -3": lambda fork: _am(fork, "-3"),
    "git merge": _merge,
}


# --- the verdict ----------------------------------------------------------------------------------------------------


def faults(folder: Path, move: Move) -> Iterator[str]:
    """Yield what a tree lacks: it must parse, hold no place that only CUDA runs, and have both sides' work."""
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder).as_posix()
        text = file.read_text()
        try:
            ast.parse(text)
        except SyntaxError as error:
            yield f"{path}:{error.lineno} does not parse"
        for pattern, what in LEFT.items() if "flash_attn_torch" not in path else ():
            yield from (f"{what} in {path}" for _ in re.findall(pattern, text, re.MULTILINE))
        for module in re.findall(r"from ([\w.]+flash_attn_torch) import", text):
            if not (folder / module.replace(".", "/") / "__init__.py").exists():
                yield f"{path} imports {module}, which is not there"
    listed = (folder / "requirements.txt").read_text().split("\n")
    yield from (
        f"requirements.txt without {name}" for name in ("numpy", "adam-atan2-pytorch>=0.1.18") if name not in listed
    )
    wanted = [*((path, new) for path, _, new in EDITS), *((move.kept,) if move.kept else ())]
    for path, text in wanted:
        if not (folder / path).is_file() or text not in (folder / path).read_text():
            yield f"{path} without {text.strip().splitlines()[0]!r}"


def verdict(move: Move, tool: str) -> str:
    """Run a tool on a fork of its own, and say what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        fork = fork_of(move, Path(folder, "tree"))
        if stopped := TOOLS[tool](fork):
            return stopped
        found = list(dict.fromkeys(faults(fork.folder, move)))
        return f"silently wrong: {'; '.join(found)}" if found else "right"


def main() -> int:
    """Make the table."""
    version = _run(("git", "--version"), ROOT).stdout.split()[2]
    rows = [[verdict(move, tool) for tool in TOOLS] for move in MOVES]
    table = [f"| the upstream's move | {' | '.join(f'`{tool}`' for tool in TOOLS)} |", "|---" * (len(TOOLS) + 1) + "|"]
    table += [f"| {move.name} | {' | '.join(row)} |" for move, row in zip(MOVES, rows, strict=True)]
    right = [sum(row[index] == "right" for row in rows) for index in range(len(TOOLS))]
    table.append(f"| right | {' | '.join(f'{count} of {len(MOVES)}' for count in right)} |")
    made = f"Made by `python bench/moves.py` with git {version}. A fork of fixtures/hrm, patched and edited by hand, is taken to"
    what = "the next commit of its upstream: *right* has all patches and edits of both sides, and parses."
    TABLE.write_text(f"# Upstream moves\n\n{made}\n{what}\n\n" + "\n".join(table) + "\n")
    print(TABLE.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
