"""adam_atan2_torch beside the reference implementation of adam-atan2's own tests.

    pip download adam-atan2==0.0.3 --no-deps --no-binary :all:      # or the sdist from the package index
    python bench/adam_atan2_reference.py adam_atan2-0.0.3.tar.gz [--write]

Both take 200 steps with the same gradients; the tests of the package allow what stands in the last column after 100.
"""

from __future__ import annotations

import argparse
import ast
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes/shims"))

from adam_atan2_torch import AdamATan2

LR, BETAS, DECAY, STEPS, SIZE = 1e-3, (0.9, 0.95), 0.1, 200, 4096
ALLOWED = {torch.float64: 1e-15, torch.float32: 1e-6, torch.float16: 0.002, torch.bfloat16: 0.005}


def reference(sdist: Path) -> Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Return the reference implementation; its file cannot be imported, as it asks for the compiled backend."""
    with tarfile.open(sdist) as tar:
        name = next(one for one in tar.getnames() if one.endswith("adam_atan2_test.py"))
        tree = ast.parse(tar.extractfile(name).read())
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and "reference" in one.name]
    space = {"torch": torch, "Tuple": tuple}
    exec(compile(ast.Module(functions, []), name, "exec"), space)
    return space[functions[0].name]


def off(formula: Callable, dtype: torch.dtype) -> dict[str, float]:
    """Return by how much the parameter and the states part over the steps, at most."""
    torch.manual_seed(0)
    theirs = [torch.empty(SIZE).normal_(std=0.02).to(dtype), *(torch.zeros(SIZE, dtype=dtype) for _ in range(2))]
    ours = torch.nn.Parameter(theirs[0].clone())
    optimizer = AdamATan2([ours], lr=LR, betas=BETAS, weight_decay=DECAY)
    worst = dict.fromkeys(("parameter", "exp_avg", "exp_avg_sq"), 0.0)
    for step in range(1, STEPS + 1):
        gradient = torch.empty(SIZE).normal_(std=0.001).to(dtype)
        corrections = 1 - BETAS[0] ** step, (1 - BETAS[1] ** step) ** 0.5
        theirs = list(
            formula(theirs[0], gradient, *theirs[1:], LR / corrections[0], LR * DECAY, corrections[1], *BETAS)
        )
        ours.grad = gradient.clone()
        optimizer.step()
        state = optimizer.state[ours]
        pairs = zip(worst, (ours.detach(), state["exp_avg"], state["exp_avg_sq"]), theirs, strict=True)
        for name, one, other in pairs:
            worst[name] = max(worst[name], (one.double() - other.double()).abs().max().item())
    return worst


def main() -> None:
    """Print the table, or write it beside this file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sdist", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    formula = reference(asked.sdist)
    rows = []
    for dtype, allowed in ALLOWED.items():
        found = off(formula, dtype)
        assert max(found.values()) <= allowed, (dtype, found)
        rows.append(f"| {str(dtype)[6:]} | {' | '.join(f'{one:.1e}' for one in found.values())} | {allowed:.0e} |")
    text = f"""# adam_atan2_torch beside the reference of adam-atan2 0.0.3

Made by `python bench/adam_atan2_reference.py SDIST --write` with torch {torch.__version__} on CPU: {STEPS} steps of
{SIZE} numbers, the largest absolute difference.

| dtype | parameter | exp_avg | exp_avg_sq | allowed by its own tests |
|---|---|---|---|---|
"""
    text += "\n".join(rows) + "\n"
    if asked.write:
        Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
