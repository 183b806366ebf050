"""A plan as text for a person: every step with its places and reasons, then what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator

from patcher.choices import OUT
from patcher.model import Change, EffectKind, Outcome, Place, Plan, Status
from patcher.verify.proofs import standing

__all__ = [
    "Paint",
    "check_lines",
    "ended",
    "follow_ups",
    "notes",
    "numbers",
    "place_lines",
    "prove_command",
    "result",
    "summary",
]

Paint = Callable[[str, str], str]
"""Gives a text the look of a role: a status word, `why`, `head`, `warn`. Without colour it gives the text back."""

SHOWN = 4
MOST_LEFTOVERS = 10
MOST_REFUSED = 20
TOLD = (Status.APPLIED, Status.REFUSED, Status.DRIFTED)
IN_FORCE = (Status.APPLIED, Status.ALREADY)


def summary(plan: Plan, paint: Paint, *, written: bool, tree: str, recipe: str) -> str:
    """Return the report of an apply; `tree` and `recipe` are what the user named, for the commands to run next."""
    lines = [
        paint(f"{plan.recipe.name} on {tree}", "head"),
        *_steps(plan, paint, tree, recipe),
        "",
        f"Steps: {ended(plan)}. {result(plan, written)}".rstrip(),
    ]
    lines += [paint(line, "warn") for line in numbers(plan)]
    lines += _left_alone(plan)
    lines += _known(plan)
    lines += _passed_over(plan)
    lines += _leftovers(plan, paint)
    if written:
        lines += ["", *_next(plan, paint, shlex.quote(tree), recipe)]
    return "\n".join(lines) + "\n"


def check_lines(plan: Plan) -> str:
    """Return one line a file that the plan would change."""
    return "".join(f"{change.path}: would be {_verb(change)} ({', '.join(change.steps)})\n" for change in plan.changes)


def place_lines(plan: Plan) -> str:
    """Return a line for each place that the plan would change: where, which step, and why."""
    lines = {
        f"{place}: {outcome.step.id}: {outcome.step.why}\n": None
        for outcome in plan.outcomes
        for place in outcome.places
        if place.status is Status.APPLIED
    }
    drifted = [f"{one.step.id}: {one.step.why}\n" for one in plan.of(Status.DRIFTED)]
    return "".join((*lines, *drifted))


def notes(plan: Plan) -> Iterator[str]:
    """Yield what a patch or a list of files cannot say: what drifted, was refused or passed over."""
    for outcome in plan.outcomes:
        if outcome.status is Status.DRIFTED:
            yield f"{outcome.step.id} drifted: {outcome.reason}"
        elif outcome.status is Status.REFUSED and outcome.reason:
            yield f"{outcome.step.id} was refused: {outcome.reason}"
        refused = _sentences(place for place in outcome.places if place.status is Status.REFUSED)
        yield from (f"{outcome.step.id} refused {line}" for line in refused[:MOST_REFUSED])
        if len(refused) > MOST_REFUSED:
            yield f"{outcome.step.id} refused {len(refused) - MOST_REFUSED} more (--format json has them all)."
    yield from _passed_over(plan)


def _leftovers(plan: Plan, paint: Paint) -> Iterator[str]:
    """Name the places that mention what was replaced and that a person must look at."""
    if plan.leftovers:
        yield paint("Left over, for you to look at:", "warn")
    yield from (f"  {place}: {place.reason}" for place in plan.leftovers[:MOST_LEFTOVERS])
    if len(plan.leftovers) > MOST_LEFTOVERS:
        yield f"  and {len(plan.leftovers) - MOST_LEFTOVERS} more (--format json has them all)"


def _left_alone(plan: Plan) -> Iterator[str]:
    """Name the files that no step looks at, by reason."""
    for reason in dict.fromkeys(left.reason for left in plan.left):
        yield f"Left alone: {_some([left.path for left in plan.left if left.reason == reason])}: {reason}."


def _known(plan: Plan) -> Iterator[str]:
    """Name what is wrong in the upstream and was not touched, by reason."""
    if plan.known:
        yield "Wrong upstream, and left alone:"
    for reason in dict.fromkeys(place.reason for place in plan.known):
        yield f"  {_some([str(place) for place in plan.known if place.reason == reason])}: {reason}."


def _some(places: Iterable[str]) -> str:
    """Return the first few places, and how many more there are."""
    shown = list(dict.fromkeys(places))
    others = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + others


def _passed_over(plan: Plan) -> Iterator[str]:
    yield from (f"Passed over: {skipped.reason}" for skipped in plan.skipped)


def _steps(plan: Plan, paint: Paint, tree: str, recipe: str) -> Iterator[str]:
    width = max((len(outcome.step.id) for outcome in plan.outcomes), default=0)
    for outcome in plan.outcomes:
        status = paint(f"{outcome.status.value:8}", outcome.status.value)
        yield f"  {status}  {outcome.step.id:{width}}  {_where(outcome)}".rstrip()
        if outcome.status in TOLD:
            yield paint(f"            {outcome.step.why}", "why")
            if outcome.reason:
                yield f"            {outcome.reason}"
        if outcome.status is not Status.ABSENT:
            left = _untouched(outcome)
            yield from (f"            {line}" for line in left[:MOST_REFUSED])
            if len(left) > MOST_REFUSED:
                yield f"            and {len(left) - MOST_REFUSED} more places (--format json has them all)."
        yield from _proof(outcome, plan, paint, prove_command(plan, outcome, tree, recipe))


def _proof(outcome: Outcome, plan: Plan, paint: Paint, command: str) -> Iterator[str]:
    """Say whether what a step claims was proved for this code, and else how to do it; nothing is run."""
    told = standing(outcome, plan)
    if told is not None and told.proved:
        yield paint(f"            Proved {told.reason}.", "why")
    elif told is not None:
        yield f"            {told.reason} To prove it:  {command}"


def prove_command(plan: Plan, outcome: Outcome, tree: str, recipe: str) -> str:
    """Return the command that proves a step; `tree` and `recipe` are what the user named."""
    options = "".join(f" -p {shlex.quote(f'{name}={value}')}" for name, value in _chosen(plan))
    allowed = "" if plan.recipe.bundled else " --allow-run"
    named = f"{shlex.quote(tree)} --recipe {shlex.quote(recipe)}"
    return f"patcher prove {named} --step {outcome.step.id}{options}{allowed}"


def _untouched(outcome: Outcome) -> list[str]:
    """Return what is said of the places that a step leaves although they mention what it is about."""
    left = [place for place in outcome.places if place.reason and place.status in (Status.REFUSED, Status.ABSENT)]
    return _sentences(left)


def _sentences(places: Iterable[Place]) -> list[str]:
    """Return a sentence for each place, once for those of a line of which the same is said."""
    return list(dict.fromkeys(f"{place}: {place.reason.rstrip('.')}." for place in places))


def _where(outcome: Outcome) -> str:
    if outcome.status is Status.ABSENT:
        return outcome.reason or _left(outcome) or "nothing here asks for it"
    if outcome.status is Status.DRIFTED:
        return ""
    named = [place for place in outcome.places if place.status is not Status.ABSENT]
    shown = list({str(place): place for place in reversed(named)}.values())[::-1]  # two in one line are one to look at
    others = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    mixed = len({place.status for place in shown}) > 1
    return ", ".join(_named(place, outcome, mixed) for place in shown[:SHOWN]) + others


def _named(place: Place, outcome: Outcome, mixed: bool) -> str:
    return f"{place} ({place.status.value})" if mixed and place.status is not outcome.status else str(place)


def _left(outcome: Outcome) -> str:
    return "; ".join(dict.fromkeys(f"{place}: {place.reason}" for place in outcome.places if place.reason))


def ended(plan: Plan) -> str:
    """Return how many steps ended in which way."""
    return ", ".join(f"{len(found)} {status.value}" for status in Status if (found := plan.of(status)))


def result(plan: Plan, written: bool, *, held: bool = False) -> str:
    """Say how many files were, or would be, written; nothing where a step drifted and none would be.

    `held`: a step drifted, so that none of them is, without `--partial`.
    """
    if not plan.changes:
        if left := sum(place.reason in OUT for outcome in plan.outcomes for place in outcome.places):
            what = "one place is left as it is" if left == 1 else f"{left} places are left as they are"
            return f"Nothing is written; {what}."
        return "" if plan.of(Status.DRIFTED) else "No file needs a change."
    changed = sum(change.before is not None for change in plan.changes)
    added = len(plan.changes) - changed
    done = ("was" if len(plan.changes) == 1 else "were") if written else "would be"
    parts = [_files(changed, "changed"), _files(added, "added")]
    on_terms = " with --partial; without it nothing is, because a step drifted" if held else ""
    return f"{' and '.join(part for part in parts if part)} {done} written{on_terms}."


def _files(count: int, what: str) -> str:
    return f"{count} file{'s' if count != 1 else ''} {what}" if count else ""


def numbers(plan: Plan) -> Iterator[str]:
    """Name every step in force that changes what is computed, and the parameter that does not."""
    for outcome in plan.outcomes:
        effect = outcome.step.effect
        if effect.kind is EffectKind.CHANGES and any(place.status in IN_FORCE for place in outcome.places):
            other = " ".join(f"-p {shlex.quote(f'{name}={value}')}" for name, value in effect.avoid)
            detail = f": {effect.detail}" if effect.detail else ""
            keeps = f"; {other} keeps them" if other else ""
            yield f"This changes the numbers: {outcome.step.id}{detail}{keeps}."


def _next(plan: Plan, paint: Paint, tree: str, recipe: str) -> Iterator[str]:
    if plan.recipe.next:
        yield paint(f"Next, in {tree}:", "head")
    for hint in plan.recipe.next:
        yield f"  {hint.run.replace('{tree}', '.')}"
        yield paint(f"      {hint.why}", "why")
    yield from (f"{what}:  {command}" for what, command in follow_ups(plan, tree, recipe))


def follow_ups(plan: Plan, tree: str, recipe: str) -> Iterator[tuple[str, str]]:
    """Yield what can be done with a tree that was written, each with its command; `tree` is quoted already."""
    if plan.recipe.checks:
        options = "".join(f" -p {shlex.quote(f'{name}={value}')}" for name, value in _chosen(plan))
        allowed = "" if plan.recipe.bundled else " --allow-run"
        yield "See it train", f"patcher verify {tree} --recipe {shlex.quote(recipe)}{options}{allowed}"
    if plan.changes:
        yield "Take it back", f"patcher undo {tree}"


def _chosen(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the parameters that are not at their default."""
    for parameter in plan.recipe.parameters:
        value = plan.recipe.values.get(parameter.name, parameter.default)
        if value != parameter.default:
            yield parameter.name, value


def _verb(change: Change) -> str:
    return "added" if change.before is None else "changed"
