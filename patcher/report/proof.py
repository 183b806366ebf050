"""A proof as text and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from patcher import __version__
from patcher.model import Recipe, Step
from patcher.report.text import Paint
from patcher.verify.proofs import Case, Proved

__all__ = ["proof_data", "proof_text"]

KINDS = ("outputs", "gradients", "buffers")
MOST_DIFFERENCES = 4


def proof_text(step: Step, proved: Proved, paint: Paint) -> str:
    """Return what both sides gave: a line a case, its differences below it, and the verdict."""
    width = max(len("case"), *(len(case.name) for case in proved.cases))
    lines = [paint(f"{step.id}: {proved.place}, before and after, in float64 with torch {proved.torch}", "head")]
    lines.append(f"  {'case':{width}}  " + "  ".join(f"{kind:9}" for kind in KINDS).rstrip())
    for case in proved.cases:
        errors = "  ".join(f"{_error(getattr(case, kind)):9}" for kind in KINDS).rstrip()
        mark = "  bfloat16 autocast" if case.autocast else "  raised before" if case.mends else ""
        lines += [f"  {case.name:{width}}  {errors}{mark}", *(f"    {told}" for told in _differences(case))]
    return "\n".join((*lines, _verdict(proved, paint))) + "\n"


def _error(error: float | None) -> str:
    return "-" if error is None else f"{error:.1e}" if error else "0"


def _differences(case: Case) -> Iterator[str]:
    yield from (f"{told}." for told in case.differences[:MOST_DIFFERENCES])
    if len(case.differences) > MOST_DIFFERENCES:
        yield f"and {len(case.differences) - MOST_DIFFERENCES} more (--format json has them all)."


def _verdict(proved: Proved, paint: Paint) -> str:
    count = len(proved.cases)
    if not proved.equal:
        wrong = sum(bool(case.differences) for case in proved.cases)
        return paint(f"Not equal: {wrong} of {count} cases differ.", "drifted")
    said = f"Equal in {count} case{'s' if count != 1 else ''}"
    return paint(f"{said}: the largest error is {_error(worst(proved))}, and {proved.allowed:g} is allowed.", "applied")


def worst(proved: Proved) -> float:
    """Return the largest error of all cases in float64."""
    found = (getattr(case, kind) for case in proved.cases if not case.autocast for kind in KINDS)
    return max((error for error in found if error is not None), default=0.0)


def proof_data(recipe: Recipe, root: str, proofs: Sequence[tuple[Step, Proved]], exit_code: int) -> dict[str, Any]:
    """Return everything that the text says, and the keys of both sides."""
    steps = [{"id": step.id, "equal": one.equal, "worst": worst(one), **asdict(one)} for step, one in proofs]
    return {
        "format": 1,
        "patcher": __version__,
        "recipe": recipe.name,
        "parameters": dict(recipe.values),
        "root": root,
        "exit_code": exit_code,
        "steps": steps,
    }
