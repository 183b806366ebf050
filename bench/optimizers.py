"""Train the real HRM for a hundred steps with each choice of the hrm recipe's optimizer; kept in bench/optimizers.md.

    python bench/optimizers.py FOLDER/HRM

The tree is copied, patched and trained as the recipe's check does it, with twenty epochs instead of two. The faithful
choice has the original's formula, so the others are measured against it.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import subprocess
import sys
import tempfile
from pathlib import Path

from patcher.apply import apply
from patcher.checkout import Checkout
from patcher.plan import plan
from patcher.recipe import bundled_root, load
from patcher.verify.readings import Run
from patcher.verify.run import run_check

ROOT = Path(__file__).parents[1]
STEPS = (1, 2, 10, 50, 100)


def main() -> None:
    """Print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tree", type=Path)
    tree = parser.parse_args().tree
    rows = [f"| optimizer | {' | '.join(f'step {step}' for step in STEPS)} |", "|---" * (len(STEPS) + 1) + "|"]
    for optimizer in ("faithful", "adam-atan2-pytorch", "adam"):
        run = _trained(tree, optimizer)
        rows.append(f"| {optimizer} | {' | '.join(f'{run.losses[step - 1]:.4f}' for step in STEPS)} |")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "adam-atan2-pytorch"))
    head = f"# The loss of HRM by optimizer\n\nMade by `python bench/optimizers.py` with {versions}, fp32 on CPU.\n\n"
    text = head + "\n".join(rows) + "\n"
    (ROOT / "bench" / "optimizers.md").write_text(text)
    print(text)


def _trained(origin: Path, optimizer: str) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "HRM")
        subprocess.run(["git", "clone", "--quiet", origin, tree], check=True)
        recipe = load("hrm", {"optimizer": optimizer})
        checkout = Checkout.open(tree)
        apply(plan(recipe, checkout, bundled_root() / "shims"), checkout)
        check = recipe.checks[0]
        words = [word.replace("epochs=2", "epochs=20").replace("eval_interval=2", "eval_interval=20")
                 for word in check.run]  # fmt: skip
        longer = dataclasses.replace(check, run=tuple(words))
        run = run_check(recipe, longer, Checkout.open(tree), sys.executable)
        if not run.trained or len(run.losses) < STEPS[-1]:
            sys.exit(f"{optimizer} did not train {STEPS[-1]} steps:\n{run.output}")
        return run


if __name__ == "__main__":
    main()
