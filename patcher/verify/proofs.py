"""What was proved of a step, and of which code: the records beside a recipe, and whether one fits a plan.

Nothing here runs anybody's code: a record holds for a plan if the code on both sides is the code that was run.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from patcher import plan as planning
from patcher.checkout import Checkout
from patcher.choices import Choices
from patcher.errors import TargetError
from patcher.model import Change, Outcome, Plan, Recipe, Status, Step
from patcher.syntax.draft import glob_match
from patcher.verify.definitions import Definition, Tree, encoding_of, find
from patcher.verify.keys import key, reached
from patcher.verify.undone import without

__all__ = [
    "Case",
    "Proved",
    "Standing",
    "beside",
    "looked_at",
    "only_proved",
    "plan_proved",
    "record_file",
    "records",
    "standing",
    "tied",
    "write_record",
]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One case on both sides: the largest error of each kind (None: there was none to measure), and what differs.

    `autocast`: it was run under bfloat16 autocast, where other errors are allowed. `mends`: the code before raises on
    it.
    """

    name: str
    outputs: float | None
    gradients: float | None
    buffers: float | None
    differences: tuple[str, ...] = ()
    autocast: bool = False
    mends: bool = False


@dataclass(frozen=True, slots=True)
class Proved:
    """Two versions of one definition that were run against each other; `before` and `after` are their keys."""

    place: str
    before: str
    after: str
    torch: str
    allowed: float
    cases: tuple[Case, ...] = field(default=())

    @property
    def equal(self) -> bool:
        """Whether nothing differed in any case."""
        return not any(case.differences for case in self.cases)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a record fits the code of a plan, in a sentence; else `step` is to be proved.

    `key` is that of the code that was proved, as the record has it.
    """

    step: Step
    proved: bool
    reason: str
    key: str = ""


# --- records --------------------------------------------------------------------------------------------------------


def beside(step: Step) -> Path:
    """Return the folder of the recipe that a step stands in, also of a step that came through `use`."""
    return Path(step.origin.rsplit(":", 2)[0]).parent


def record_file(step: Step) -> Path:
    """Return the file that keeps what was proved of a step."""
    return beside(step) / "proofs" / f"{step.id.rpartition('/')[2]}.json"


def records(step: Step) -> tuple[Proved, ...]:
    """Return what was proved of a step.

    Raises:
        TargetError: the record cannot be read.
    """
    file = record_file(step)
    try:
        data: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {"format": FORMAT, "proofs": []}
        if data["format"] != FORMAT:
            raise ValueError(f"it is of format {data['format']}")
        return tuple(_proved(one) for one in data["proofs"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(f"{file} cannot be read ({error}); delete it, and make it anew with --record.") from None


def _proved(data: Mapping[str, Any]) -> Proved:
    cases = tuple(Case(**{**case, "differences": tuple(case.get("differences", ()))}) for case in data["cases"])
    return Proved(**{**data, "cases": cases})


def write_record(step: Step, proved: Proved) -> Path:
    """Keep what was proved, in place of what was kept of the same two versions; return the file.

    Raises:
        TargetError: the record cannot be read or written.
    """
    file = record_file(step)
    others = [one for one in records(step) if (one.before, one.after) != (proved.before, proved.after)]
    kept = sorted((*others, proved), key=lambda one: (one.place, one.before, one.after))
    try:
        file.parent.mkdir(exist_ok=True)
        file.write_text(_written(kept))
    except OSError as error:
        raise TargetError(f"{file} cannot be written ({error.strerror}); is the recipe's folder yours?") from None
    return file


def _written(proofs: Iterable[Proved]) -> str:
    """Return records as JSON with one line a case, which is read in a diff."""
    told = []
    for one in proofs:
        head = {name: value for name, value in asdict(one).items() if name != "cases"}
        lines = [f"   {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
        cases = [
            {name: value for name, value in asdict(case).items() if name != "differences" and value is not False}
            for case in one.cases
        ]
        lines.append('   "cases": [\n' + ",\n".join(f"    {json.dumps(case)}" for case in cases) + "\n   ]")
        told.append("  {\n" + ",\n".join(lines) + "\n  }")
    return f'{{\n "format": {FORMAT},\n "proofs": [\n' + ",\n".join(told) + "\n ]\n}\n"


# --- a plan ---------------------------------------------------------------------------------------------------------


def plan_proved(recipe: Recipe, checkout: Checkout, shims: Path, choices: Choices | None = None) -> Plan:
    """Return the plan of a recipe; a step that goes only where its code was proved is refused anywhere else.

    Raises:
        RecipeError, TargetError: as `plan`.
    """
    made = planning.plan(recipe, checkout, shims, choices)
    held = _held_back(made, checkout)
    return planning.plan(_holding(recipe, held), checkout, shims, choices) if held else made


def only_proved(recipe: Recipe, checkout: Checkout, shims: Path) -> Recipe:
    """Return a recipe whose steps that go only where their code was proved refuse their places where it was not.

    Raises:
        RecipeError, TargetError: as `plan`.
    """
    if not any(_needs_proof(step) for step in recipe.steps):
        return recipe
    return _holding(recipe, _held_back(planning.plan(recipe, checkout, shims), checkout))


def _holding(recipe: Recipe, held: Mapping[str, str]) -> Recipe:
    steps = tuple(
        replace(step, action=replace(step.action, unproved=held[step.id])) if step.id in held else step
        for step in recipe.steps
    )
    return replace(recipe, steps=steps)


def _held_back(made: Plan, checkout: Checkout) -> dict[str, str]:
    """Return why steps must not go where a plan has them, by their ids."""
    return {outcome.step.id: reason for outcome in made.outcomes if (reason := _not_proved(outcome, made, checkout))}


def _needs_proof(step: Step) -> bool:
    return getattr(step.action, "NEEDS_PROOF", False) is True


def _not_proved(outcome: Outcome, made: Plan, checkout: Checkout) -> str:
    """Return why a step must not go where a plan has it, or nothing."""
    step = outcome.step
    if not _needs_proof(step) or not outcome.count(Status.APPLIED):
        return ""
    told = standing(outcome, made, checkout)
    if told is None or told.proved:
        return ""
    recipe = made.recipe
    named = recipe.name if recipe.bundled else recipe.folder or recipe.name
    options = "".join(f" -p {shlex.quote(f'{name}={value}')}" for name, value in recipe.values.items())
    allowed = "" if recipe.bundled else " --allow-run"
    command = (
        f"patcher prove {shlex.quote(made.root)} -r {shlex.quote(named)}{options} --step {step.id} --record{allowed}"
    )
    return f"{told.reason.rstrip('.')}, and without that the loop stays; prove it with: {command}"


def tied(recipe: Recipe, step: Step) -> frozenset[str]:
    """Return the ids of a step and of those that require it, and so go with it."""
    found = {step.id}
    for one in recipe.steps:  # what is required stands above
        if found & set(one.requires):
            found.add(one.id)
    return frozenset(found)


def standing(outcome: Outcome, plan: Plan, checkout: Checkout | None = None) -> Standing | None:
    """Return whether a step's proof is of the code that this plan has; None if nothing is to be proved.

    `checkout` is what was planned on, where that is not the work tree as it stands on the disk.
    """
    step = outcome.step
    if step.proof is None or not any(place.status in (Status.APPLIED, Status.ALREADY) for place in outcome.places):
        return None
    try:
        kept = records(step)
        if not kept:
            return Standing(step, False, "This was not proved yet.")
        sides = _sides(outcome, plan, checkout or Checkout.open(plan.root))
    except TargetError as error:
        return Standing(step, False, str(error))
    before, after = sides
    fits = [one for one in kept if one.equal and one.after == after and (before is None or one.before in before)]
    if before is not None and not before:
        return Standing(
            step, False, "A later step writes over what this one wrote, so the code before it is not seen here."
        )
    if not fits:
        return Standing(step, False, "This code is not the one that was proved.")
    what = "equal to the code before it" if before is not None else "equal to what it replaces"
    count = f"{len(fits[0].cases)} case{'s' if len(fits[0].cases) != 1 else ''}"
    told = f"{what} in {count}, outputs and gradients in float64, with torch {fits[0].torch}"
    return Standing(step, True, told, after)


def _sides(outcome: Outcome, plan: Plan, checkout: Checkout) -> tuple[frozenset[str] | None, str]:
    """Return the keys that what is proved may have without a step, None if the step was there before, and its own."""
    step = outcome.step
    assert step.proof is not None
    changes = {change.path: change for change in plan.changes}
    there = {path for path in (*checkout.paths, *changes) if path not in changes or not changes[path].gone}
    tree = Tree(
        frozenset(there),
        lambda path: changes[path].after if path in changes else checkout.read(path),
        frozenset(checkout.links),
    )
    found = find(step.proof.of, looked_at(plan.recipe, sorted(there)), tree.read)
    if len(found) != 1:
        return None, ""  # the key of no code
    proved, skipped = found[0], tied(plan.recipe, step)
    own = {change.path: change for change in plan.changes if skipped & set(change.steps)}
    if not own.keys() & reached(proved, tree).keys():
        return None, key(proved, tree)
    return frozenset(_earlier(proved, tree, own, skipped)), key(proved, tree)


def _earlier(proved: Definition, tree: Tree, own: Mapping[str, Change], skipped: frozenset[str]) -> Iterator[str]:
    """Yield the keys that what is proved may have without some steps, which changed these files."""
    made = {path for path, change in own.items() if change.before is None and skipped.issuperset(change.steps)}
    for last in (False, True):  # what a step took out and what a later one put in there may stand in either order

        def read(path: str, last: bool = last) -> bytes:
            if path not in own:
                return tree.read(path)
            texts = without(own[path], skipped)
            if not texts:
                raise TargetError(f"{path} is not known without the steps.")
            return texts[-1 if last else 0].encode(encoding_of(path, own[path].before or b""))

        try:
            yield key(proved, Tree(tree.paths - made, read, tree.links))
        except (TargetError, UnicodeError):
            continue


def looked_at(recipe: Recipe, paths: Iterable[str]) -> list[str]:
    """Return the paths that a recipe does not leave alone."""
    return [path for path in paths if not any(glob_match(path, one) for one in recipe.leave)]
