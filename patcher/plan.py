"""Recipe + Checkout -> Plan; never writes.

Every step works on the text that the steps before it left. What a step found is judged against what it expects; a step
that drifted leaves no edits behind. Before a plan is given out it is proved to be at rest (patcher.syntax.soundness).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.choices import OUT, Choices, Selection
from patcher.conditions import unmet
from patcher.drift import drift, no_scope
from patcher.errors import TargetError
from patcher.known import known
from patcher.leftovers import leftovers
from patcher.model import Outcome, Place, Plan, Recipe, Site, Skipped, Status, Step
from patcher.syntax.draft import Draft, glob_match
from patcher.syntax.soundness import check_parses, check_sources, mistake
from patcher.verbs.base import Findings, Verb

__all__ = ["blocked", "held_back", "plan", "take"]

SNIPPET = 80


def plan(recipe: Recipe, checkout: Checkout, shims: Path, choices: Choices | None = None) -> Plan:
    """Run every step over a draft of the tree and return what would change, but for what a person said no to.

    Raises:
        RecipeError: the result would not be sound; it names the step in the recipe and the place in the tree.
        TargetError: a file that a step names cannot be used.
    """
    draft = draft_of(recipe, checkout, shims)
    outcomes: dict[str, Outcome] = {}
    selection = Selection(choices)
    for step in recipe.steps:
        outcomes[step.id] = take(step, draft, outcomes, selection)
    check_sources(recipe.steps, draft)
    _check_rest(outcomes, draft, selection)
    passed_over = (*draft.passed_over(), *_unreadable(checkout))
    told = tuple(outcomes.values())
    left = leftovers(told, draft)
    done, declined = tuple(selection.hunks), tuple(selection.declined)
    flaws = tuple(known(recipe.known, draft))
    alone = tuple(_left_alone(recipe, checkout))
    return Plan(recipe, str(checkout.root), told, draft.changes(), passed_over, left, flaws, alone, done, declined)


def draft_of(recipe: Recipe, checkout: Checkout, shims: Path) -> Draft:
    """Return the tree as a recipe begins with it: without what it leaves alone, and without the recipe's own files."""
    own = Path(recipe.folder).resolve() if recipe.folder else checkout.root
    inside = own != checkout.root and own.is_relative_to(checkout.root)
    return Draft(
        checkout, shims, (*recipe.leave, *([f"{own.relative_to(checkout.root).as_posix()}/**"] if inside else []))
    )


def blocked(plan: Plan) -> tuple[Outcome, ...]:
    """Return the drifted steps that keep a plan from being written: those that are not optional."""
    return tuple(outcome for outcome in plan.of(Status.DRIFTED) if not outcome.step.optional)


def _left_alone(recipe: Recipe, checkout: Checkout) -> Iterator[Skipped]:
    for glob, reason in recipe.leave.items():
        yield from (Skipped(path, reason) for path in checkout.paths if glob_match(path, glob))


def _unreadable(checkout: Checkout) -> Iterator[Skipped]:
    for path in checkout.unreadable:
        yield Skipped(path, f"{path} was not looked at: its name is not UTF-8, or its folder cannot be entered.")


# --- one step -------------------------------------------------------------------------------------------------------


def take(step: Step, draft: Draft, before: dict[str, Outcome], selection: Selection | None = None) -> Outcome:
    """Run one step over the draft and return what became of it; `before` are the outcomes of the steps before it.

    Raises:
        RecipeError: it finds work without end, or this or an earlier step broke a file that the step names.
        TargetError: a file that the step names cannot be used.
    """
    try:
        return _taken(step, draft, before, selection or Selection())
    except TargetError:
        check_parses([*(outcome.step for outcome in before.values()), step], draft)
        raise


def _taken(step: Step, draft: Draft, before: dict[str, Outcome], selection: Selection) -> Outcome:
    if held := held_back(step, draft, before):
        return held
    found = _run(step, draft)
    reason = drift(step, draft, found)
    found = found if reason else selection.narrowed(step, draft, found, _run)
    places = _places(draft, found)
    if reason:
        # Nothing of a drifted step is written, so nothing of it is called applied.
        kept = tuple(replace(one, status=Status.DRIFTED) if one.status is Status.APPLIED else one for one in places)
        return Outcome(step, Status.DRIFTED, kept, reason)
    _make(step, draft, found, selection)
    places += _again(step, draft, found, places, selection)
    nowhere = "" if places else no_scope(step, draft) or getattr(step.action, "nowhere", "")
    return Outcome(step, _status(places), places, nowhere)


def held_back(step: Step, draft: Draft, before: dict[str, Outcome]) -> Outcome | None:
    """Return the outcome of a step that does not run: its condition does not hold, or a step that it requires fell."""
    if step.when is not None and (reason := unmet(step.when, draft)):
        return Outcome(step, Status.ABSENT, reason=reason)
    told = {Status.ABSENT: "is absent", Status.DRIFTED: "drifted", Status.REFUSED: "was refused"}
    for required in step.requires:
        status = before[required].status if required in before else None
        if status in told:
            return Outcome(step, status, reason=f"It requires the step {required}, which {told[status]}.")
    return None


def _run(step: Step, draft: Draft) -> list[Findings]:
    verb: Verb = step.action
    return list(verb.run(step, draft))


def _make(step: Step, draft: Draft, found: Iterable[Findings], selection: Selection) -> None:
    """Make a step's edits in the draft; files that it counts on come first, so that they are known when it is read."""
    for one in found:
        selection.note(step, draft, one)
        if one.aside and one.sites:
            draft.put_aside(one.path)
        for path, data in one.files.items():
            draft.add(path, step.id, data)
        edits = [edit for site in one.sites if site.status is Status.APPLIED for edit in site.edits]
        if edits or one.edits:
            draft.edit(one.path, step.id, [*one.edits, *edits])


def _again(
    step: Step, draft: Draft, found: list[Findings], known: tuple[Place, ...], selection: Selection
) -> tuple[Place, ...]:
    """Run a step again as long as it puts off matches around matches; return the places that this adds."""
    added: list[Place] = []
    told = {_key(place) for place in known if _is_left(place)}
    waiting = _waiting(found)
    while waiting:
        found = selection.narrowed(step, draft, _run(step, draft), _run)
        if _waiting(found) >= waiting:
            place = next(one for one in _places(draft, found) if one.status is Status.APPLIED)
            raise mistake(
                step,
                f"The step {step.id} finds new work in its own result at {place.path}:{place.line}, without end; "
                "nothing was written. Narrow its pattern, or add the result under `already`.",
            )
        waiting = _waiting(found)
        for place in _places(draft, found):
            late = _is_left(place) and _key(place) not in told
            if late or place.status is Status.APPLIED:
                added.append(place)
                told.add(_key(place))
        _make(step, draft, found, selection)
    return tuple(added)


def _waiting(found: list[Findings]) -> int:
    return sum(len(one.more) for one in found)


def _is_left(place: Place) -> bool:
    return place.status is Status.REFUSED or place.reason in OUT


def _key(place: Place) -> tuple[str, int, int]:
    return place.path, place.line, place.column


def _places(draft: Draft, found: list[Findings]) -> tuple[Place, ...]:
    return tuple(_place(draft, one.path, site) for one in found for site in one.sites)


def _place(draft: Draft, path: str, site: Site) -> Place:
    line, column = draft.origin(path, site.offset)
    return Place(path, line, column, site.status, site.reason, _snippet(draft, path, site.offset))


def _snippet(draft: Draft, path: str, offset: int) -> str:
    text = draft.text(path)
    start = text.rfind(b"\n", 0, offset) + 1
    line = text[start:].partition(b"\n")[0].decode("utf-8", "replace").strip()
    return line if len(line) <= SNIPPET else line[: SNIPPET - 1] + "…"


def _status(places: tuple[Place, ...]) -> Status:
    present = {place.status for place in places}
    for status in (Status.REFUSED, Status.APPLIED, Status.ALREADY):
        if status in present:
            return status
    return Status.ABSENT


# --- at rest --------------------------------------------------------------------------------------------------------


def _check_rest(outcomes: dict[str, Outcome], draft: Draft, selection: Selection) -> None:
    """Run the recipe over its own result: a step that still finds work would change the tree at every run."""
    # Also where nothing differs in the end: two steps may have undone each other.
    moved = selection.left_some or any(one.count(Status.APPLIED) for one in outcomes.values())
    for outcome in outcomes.values() if moved else ():
        if outcome.status is Status.DRIFTED or held_back(outcome.step, draft, outcomes):
            continue
        found = _run(outcome.step, draft)
        _check_drift(outcome, draft, found)
        _check_restless(outcome.step, draft, found, selection)


def _check_drift(outcome: Outcome, draft: Draft, found: list[Findings]) -> None:
    reason = drift(outcome.step, draft, found)
    if reason:
        places = [f"{place.path}:{place.line}" for place in outcome.places if place.status is not Status.REFUSED]
        raise mistake(
            outcome.step,
            f"A second run of the step {outcome.step.id}{f', which is about {places[0]},' if places else ''} would "
            f"drift: {reason} Nothing was written. What a step counts on must be known again in its result: write "
            "`already`, `in` or `expect: any`.",
        )


def _check_restless(step: Step, draft: Draft, found: list[Findings], selection: Selection) -> None:
    for one in found:
        restless = selection.beyond(step, draft, one)
        if restless is not None:
            line, _ = draft.origin(one.path, restless.offset)
            raise mistake(
                step,
                f"A second run of the step {step.id} would change {one.path}:{line} again; nothing was written. Two "
                "steps undo each other, or a result is not known as its own: narrow a pattern, or write `already`.",
            )
