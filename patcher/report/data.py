"""A plan as plain data for JSON; the keys are a promise to the scripts that read them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from patcher import __version__
from patcher.model import Change, Hint, Outcome, Plan, Status
from patcher.report.patch import change_patch
from patcher.report.text import prove_command
from patcher.verify.proofs import standing

__all__ = ["plan_data"]

FORMAT = 1


def plan_data(plan: Plan, *, written: bool, exit_code: int, prefix: str = "") -> dict[str, Any]:
    """Return everything that the text report says, and the diff of each file as `patch` has it."""
    return {
        "format": FORMAT,
        "patcher": __version__,
        "recipe": plan.recipe.name,
        "recipe_digest": plan.recipe.digest,
        "parameters": dict(plan.recipe.values),
        "root": plan.root,
        "plan_digest": plan.digest,
        "written": written,
        "exit_code": exit_code,
        "counts": {status.value: len(plan.of(status)) for status in Status},
        "steps": [_step(outcome, plan) for outcome in plan.outcomes],
        "changes": [_change(change, prefix) for change in plan.changes],
        "leave": dict(plan.recipe.leave),
        "left": [{"path": left.path, "reason": left.reason} for left in plan.left],
        "skipped": [{"path": skipped.path, "reason": skipped.reason} for skipped in plan.skipped],
        "leftovers": [{"path": one.path, "line": one.line, "reason": one.reason} for one in plan.leftovers],
        "known": [{"path": one.path, "line": one.line, "reason": one.reason} for one in plan.known],
        "next": [_hint(hint, plan.root) for hint in plan.recipe.next],
    }


def _step(outcome: Outcome, plan: Plan) -> dict[str, Any]:
    step = outcome.step
    return {
        "id": step.id,
        "verb": step.verb,
        "why": step.why,
        "effect": {"kind": step.effect.kind.value, "detail": step.effect.detail, "avoid": dict(step.effect.avoid)},
        "expect": str(step.expect),
        "status": outcome.status.value,
        "reason": outcome.reason,
        "proof": _proof(outcome, plan),
        "places": [
            {
                "path": place.path,
                "line": place.line,
                "column": place.column,
                "status": place.status.value,
                "reason": place.reason,
                "text": place.text,
            }
            for place in outcome.places
        ],
    }


def _proof(outcome: Outcome, plan: Plan) -> dict[str, Any] | None:
    """Return whether a step's proof is of this code, and the command that proves it; None if it has none."""
    told = standing(outcome, plan)
    if told is None or outcome.step.proof is None:
        return None
    command = prove_command(plan, outcome, plan.root, _named(plan, outcome))
    return {"of": str(outcome.step.proof.of), "proved": told.proved, "reason": told.reason, "run": command}


def _named(plan: Plan, outcome: Outcome) -> str:
    """Return a recipe's name or path, as behind `--recipe`."""
    if plan.recipe.bundled:
        return plan.recipe.name
    folder = Path(plan.recipe.folder)
    file = outcome.step.origin.rsplit(":", 2)[0]
    return str(folder.resolve()) if (folder / "recipe.yaml").is_file() else str(Path(file).resolve())


def _hint(hint: Hint, root: str) -> dict[str, str]:
    return {"run": hint.run.replace("{tree}", shlex.quote(root)), "why": hint.why}


def _change(change: Change, prefix: str) -> dict[str, Any]:
    return {
        "path": change.path,
        "kind": "added" if change.before is None else "modified",
        "steps": list(change.steps),
        "diff": change_patch(change, prefix).decode("utf-8", "replace"),
    }
