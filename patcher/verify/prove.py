"""Run a step's proof: what it edits, before and after, on the same random inputs in float64, and compared.

Both sides are copies of the tree in a temporary folder, each runs in a process of its own, and a third compares them;
the tree itself is only read. Nothing is said of code that was not run.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patcher.checkout import Checkout
from patcher.errors import DriftError, TargetError, UsageError
from patcher.model import Plan, Recipe, Status, Step
from patcher.plan import plan
from patcher.verify.copies import copy_submodules, copy_tree
from patcher.verify.definitions import Definition, Tree, find
from patcher.verify.keys import key, mentioned, reached
from patcher.verify.pristine import pristine
from patcher.verify.process import run_process, tail
from patcher.verify.proofs import Case, Proved, beside, looked_at, tied
from patcher.verify.run import PROBE

__all__ = ["Proving", "prove"]

LIMIT = 600.0
BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Proving:
    """What there is to prove: a step of a recipe, in a tree, with the shims to plan it and the Python to run it."""

    recipe: Recipe
    step: Step
    checkout: Checkout
    shims: Path
    python: str

    @property
    def cases(self) -> Path:
        """The file of cases."""
        assert self.step.proof is not None
        return (beside(self.step) / self.step.proof.cases).resolve()


@dataclass(frozen=True, slots=True)
class _Workshop:
    """A temporary folder, and the definition that is proved in it."""

    folder: Path
    proved: Definition


def prove(ask: Proving) -> Proved | str:
    """Run both sides on every case and return what they gave, equal or not; a sentence if the step is absent.

    Raises:
        DriftError: the step does not hold in the tree.
        TargetError: a side could not be read or run.
        UsageError: what is proved, or a case, is not what it must be; or no code before the step is known.
    """
    if not ask.cases.is_file():
        raise UsageError(
            f"The step {ask.step.id} has its cases in {ask.cases}, which does not exist; write them there."
        )
    made = plan(ask.recipe, ask.checkout, ask.shims)
    outcome = next(one for one in made.outcomes if one.step.id == ask.step.id)
    if outcome.count(Status.APPLIED):
        return _proved(ask, ask.checkout, made)
    if outcome.status is Status.ALREADY:
        with pristine(ask.recipe, ask.checkout, ask.shims) as (base, earlier):
            return _proved(ask, base, earlier)
    reasons = [outcome.reason, *(place.reason for place in outcome.places)]
    why = next((f" {reason.rstrip('.')}." for reason in reasons if reason), "")
    if outcome.status is Status.ABSENT:
        return f"The step {ask.step.id} is absent in {made.root}, so there is nothing to prove.{why}"
    raise DriftError(f"The step {ask.step.id} does not hold in {made.root}, so it cannot be proved.{why}")


def _proved(ask: Proving, base: Checkout, after: Plan) -> Proved:
    """Return what both sides gave, where `after` is the plan for the tree as it was before the recipe."""
    if not any(one.step.id == ask.step.id and one.count(Status.APPLIED) for one in after.outcomes):
        raise UsageError(
            f"{ask.checkout.root} has the step {ask.step.id} already, and nothing shows the code before it. Name a "
            "checkout that is not patched, such as a fresh clone."
        )
    lacking = tied(ask.recipe, ask.step)
    rest = tuple(step for step in ask.recipe.steps if step.id not in lacking)
    sides = {BEFORE: plan(replace(ask.recipe, steps=rest), base, ask.shims), AFTER: after}
    trees = {side: _tree(base, made) for side, made in sides.items()}
    old, new = (_definition(ask, tree, side) for side, tree in trees.items())
    if str(old) != str(new):
        raise UsageError(f"{new} is {old} before the step {ask.step.id}; `of` names what both sides have.")
    led = [{**reached(one, trees[side]), one.path: mentioned(one)} for side, one in ((BEFORE, old), (AFTER, new))]
    if led[0] == led[1]:
        raise UsageError(
            f"The step {ask.step.id} changes nothing of {new}, so there is nothing to prove; `of` names a function or "
            "class that it edits."
        )
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as name:
        told = _run_sides(ask, base, sides, _Workshop(Path(name).resolve(), new))
    cases = tuple(Case(**{**case, "differences": tuple(case["differences"])}) for case in told["cases"])
    return Proved(str(new), key(old, trees[BEFORE]), key(new, trees[AFTER]), told["torch"], told["allowed"], cases)


def _tree(base: Checkout, made: Plan) -> Tree:
    """Return the tree as a plan leaves it."""
    changed = {change.path: change.after for change in made.changes}
    return Tree(
        frozenset((*base.paths, *changed)),
        lambda path: changed[path] if path in changed else base.read(path),
        frozenset(base.links),
    )


def _definition(ask: Proving, tree: Tree, side: str) -> Definition:
    """Return what is proved as one side has it."""
    assert ask.step.proof is not None
    found = find(ask.step.proof.of, looked_at(ask.recipe, sorted(tree.paths)), tree.read)
    if not found:
        raise TargetError(
            f"No file has {ask.step.proof.of} {side} the step {ask.step.id}; `of` names a function or class that both "
            "sides have, and no method."
        )
    if len(found) > 1:
        raise UsageError(
            f"`of` of the step {ask.step.id} names {' and '.join(map(str, found[:3]))}; narrow it to one of them."
        )
    return found[0]


# --- the processes --------------------------------------------------------------------------------------------------


def _run_sides(ask: Proving, base: Checkout, sides: Mapping[str, Plan], work: _Workshop) -> Mapping[str, Any]:
    """Run each side where the other one was, so that no path tells them apart, and compare them."""
    tree, proved = work.folder / "tree", work.proved
    results = {side: str(work.folder / f"{side}.pt") for side in sides}
    common = {"tree": str(tree), "file": proved.path, "name": proved.name, "cases": str(ask.cases)}
    for side, made in sides.items():
        shutil.rmtree(tree, ignore_errors=True)
        tree.mkdir()
        copy_tree(base, tree, {change.path: change.after for change in made.changes})
        copy_submodules(ask.checkout, tree)
        first = results[BEFORE] if side == AFTER else None
        what = f"{proved}, {side} the step {ask.step.id},"
        _child(ask, {**common, "first": first, "result": results[side]}, work.folder, what)
    return _child(ask, {"results": [*results.values()]}, work.folder, f"Comparing {proved}")


def _child(ask: Proving, request: Mapping[str, Any], folder: Path, what: str) -> Mapping[str, Any]:
    """Run a request in a process of its own and return its answer.

    Raises:
        TargetError, UsageError: it did not answer, or with a refusal.
    """
    asked, answer, printed = (folder / name for name in ("request.json", "answer.json", "printed.txt"))
    answer.unlink(missing_ok=True)
    asked.write_text(json.dumps({**request, "answer": str(answer)}))
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = (ask.python, str(PROBE / "_patcher_prove.py"), str(asked))
    code = run_process(command, folder / "tree", environment, LIMIT, printed)
    if code is None:
        raise TargetError(f"{what} took more than {LIMIT:.0f} s; give {ask.cases} smaller or fewer cases.")
    try:
        told: dict[str, Any] = json.loads(answer.read_text())
    except (OSError, ValueError):
        last = (tail(printed) or ["it said nothing"])[-1]
        raise TargetError(f"{what} could not be run with {ask.python}: {_end(code)}. Its last words: {last}") from None
    if "refused" in told:
        raise _refusal(ask, told["refused"], told["text"], what)
    return told


def _end(code: int) -> str:
    known = {one.value: one.name for one in signal.Signals}
    return f"{known.get(-code, f'signal {-code}')} ended it" if code < 0 else f"it ended with exit code {code}"


def _refusal(ask: Proving, kind: str, text: str, what: str) -> TargetError | UsageError:
    """Return what a child refused, as a sentence."""
    elsewhere = "Install what it needs there, or name another --python."
    match kind:
        case "torch":
            remedy = shlex.join([ask.python, "-m", "pip", "install", "torch"])
            return TargetError(
                f"{ask.python} has no torch ({text}). Install it there, or name another --python: {remedy}"
            )
        case "import":
            return TargetError(f"{what} could not be imported with {ask.python}: {text}. {elsewhere}")
        case "elsewhere":
            return TargetError(f"{what} was not imported from the tree but from {text}; uninstall that.")
        case "missing":
            return TargetError(f"{what} is not there once its file is imported; `of` names what both sides have.")
        case "neither":
            return TargetError(f"A case of {ask.cases} runs neither before nor after the step: {text}; mend it.")
        case "empty":
            return UsageError(f"{ask.cases}: the case `{text}` gives no number to compare; let it return some.")
    return UsageError(f"{ask.cases}: {text}")
