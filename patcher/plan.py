"""Recipe + Checkout -> Plan; never writes.

Every step works on the text that the steps before it left. What a step found is judged against what it expects; a step
that drifted leaves no edits behind. Before a plan is given out it is proved to be at rest: each changed file parses, has
lost no comment and no binding, and the whole recipe run over the result finds nothing more to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError
from patcher.model import Condition, Outcome, Place, Plan, Range, Recipe, Site, Status, Step
from patcher.syntax.draft import Draft
from patcher.verbs.base import Findings, Near, Verb

__all__ = ["blocked", "plan"]

# A match inside a match is found again in the new text; more rounds than this mean that a step feeds itself.
ROUNDS = 20
SNIPPET = 80


def plan(recipe: Recipe, checkout: Checkout, shims: Path) -> Plan:
    """Run every step over a draft of the tree and return what would change.

    Raises:
        TargetError: a file that a step names cannot be used, or the result would not be sound.
    """
    draft = Draft(checkout, shims, recipe.leave)
    outcomes: list[Outcome] = []
    for step in recipe.steps:
        outcomes.append(_outcome(step, draft, {outcome.step.id: outcome for outcome in outcomes}))
    _check_sound(recipe, draft, outcomes)
    return Plan(recipe, str(checkout.root), tuple(outcomes), draft.changes(), draft.passed_over())


def blocked(plan: Plan) -> tuple[Outcome, ...]:
    """Return the drifted steps that keep a plan from being written: those that are not optional."""
    return tuple(outcome for outcome in plan.of(Status.DRIFTED) if not outcome.step.optional)


def _outcome(step: Step, draft: Draft, before: dict[str, Outcome]) -> Outcome:
    if step.when is not None and (unmet := _unmet(step.when, draft)):
        return Outcome(step, Status.ABSENT, reason=unmet)
    for required in step.requires:
        outcome = before.get(required)
        if outcome is not None and outcome.status in (Status.DRIFTED, Status.REFUSED):
            return Outcome(step, outcome.status, reason=f"It requires the step {required}, which {outcome.status}.")
    found = _run(step, draft)
    places = tuple(place for _, sites in found for place in sites)
    reason = _drift(step, draft, [one for one, _ in found], places)
    if reason:
        # Nothing of a drifted step is written, so nothing of it is called applied.
        kept = tuple(replace(one, status=Status.DRIFTED) if one.status is Status.APPLIED else one for one in places)
        return Outcome(step, Status.DRIFTED, kept, reason)
    _make(step, draft, [one for one, _ in found])
    places += _again(step, draft, any(one.more for one, _ in found))
    return Outcome(step, _status(places), places)


def _run(step: Step, draft: Draft) -> list[tuple[Findings, tuple[Place, ...]]]:
    verb: Verb = step.action
    return [(one, tuple(_place(draft, one.path, site) for site in one.sites)) for one in verb.run(step, draft)]


def _make(step: Step, draft: Draft, found: Iterable[Findings]) -> None:
    """Make a step's edits in the draft; files that it counts on come first, so that they are known when it is read."""
    for one in found:
        for path, data in one.files.items():
            draft.add(path, step.id, data)
        edits = [edit for site in one.sites if site.status is Status.APPLIED for edit in site.edits]
        if edits or one.edits:
            draft.edit(one.path, step.id, [*edits, *one.edits])


def _again(step: Step, draft: Draft, more: bool) -> tuple[Place, ...]:
    """Run a step again as long as it puts off matches inside matches; return the places that this adds."""
    added: list[Place] = []
    for _ in range(ROUNDS):
        if not more:
            return tuple(added)
        found = _run(step, draft)
        new = [place for _, places in found for place in places if place.status is Status.APPLIED]
        if not new:
            return tuple(added)
        added += new
        _make(step, draft, [one for one, _ in found])
        more = any(one.more for one, _ in found)
    raise TargetError(
        f"The step {step.id} ({step.origin}) finds new work in its own result, without end; "
        "narrow its pattern, or add the result under `already`."
    )


def _place(draft: Draft, path: str, site: Site) -> Place:
    line, column = draft.origin(path, site.offset)
    return Place(path, line, column, site.status, site.reason, _snippet(draft, path, site.offset))


def _snippet(draft: Draft, path: str, offset: int) -> str:
    text = draft.read(path).removeprefix(b"\xef\xbb\xbf")
    start = text.rfind(b"\n", 0, offset) + 1
    line = text[start:].partition(b"\n")[0].decode("utf-8", "replace").strip()
    return line if len(line) <= SNIPPET else line[: SNIPPET - 1] + "…"


def _status(places: tuple[Place, ...]) -> Status:
    present = {place.status for place in places}
    for status in (Status.REFUSED, Status.APPLIED, Status.ALREADY):
        if status in present:
            return status
    return Status.ABSENT


# --- expectations ---------------------------------------------------------------------------------------------------


def _drift(step: Step, draft: Draft, found: list[Findings], places: tuple[Place, ...]) -> str:
    """Return a sentence if the sites are not what the step expects, else nothing."""
    complaint = _miscount(step, found)
    if not complaint:
        return ""
    return f"{complaint}{_nearest(draft, found) or _missing_words(step, draft, places)}"


def _miscount(step: Step, found: list[Findings]) -> str:
    counts = [_count(one.sites) for one in found]
    counts = [(there, new) for there, new in counts if there]
    there, new = sum(one[0] for one in counts), sum(one[1] for one in counts)
    for what, bounds, low, high in (
        ("place", step.expect.total, there, new),
        ("file", step.expect.files, len(counts), len([one for one in counts if one[1]])),
    ):
        if bounds is not None and (complaint := _outside(bounds, low, high, what)):
            return complaint
    for one in found:
        there, new = _count(one.sites)
        if step.expect.each is not None and there:
            complaint = _outside(step.expect.each, there, new, f"place in {one.path}")
            if complaint:
                return complaint
    return ""


def _count(sites: Iterable[Site]) -> tuple[int, int]:
    """Return how many sites are there at all, and how many of them are not done yet."""
    statuses = [site.status for site in sites]
    new = sum(status in (Status.APPLIED, Status.REFUSED) for status in statuses)
    return new + statuses.count(Status.ALREADY), new


def _outside(bounds: Range, there: int, new: int, what: str) -> str:
    if there < bounds.lower:
        found = f"{there} found" if there else "none found"
    elif bounds.upper is not None and new > bounds.upper:
        found = f"{new} found"
    else:
        return ""
    noun, _, rest = what.partition(" ")
    plural = noun if str(bounds).endswith("1") and "to" not in str(bounds) else f"{noun}s"
    return f"Expected {bounds} {plural}{f' {rest}' if rest else ''}, {found}."


def _nearest(draft: Draft, found: list[Findings]) -> str:
    near = [(one.near, one.path) for one in found if one.near is not None]
    if not near:
        return ""
    best, path = max(near, key=lambda one: one[0].depth)
    return _near_sentence(draft, path, best)


def _near_sentence(draft: Draft, path: str, near: Near) -> str:
    line, _ = draft.origin(path, near.offset)
    return f" The nearest is {path}:{line}, where {near.reason}."


def _missing_words(step: Step, draft: Draft, places: tuple[Place, ...]) -> str:
    """Say which word of the pattern stands in no file, or what is spelled alike, where no candidate came near."""
    if any(place.status in (Status.APPLIED, Status.REFUSED) for place in places):
        return ""
    scoped = [path for path in draft.paths if path.endswith((".py", ".pyi")) and draft.in_scope(step, path)]
    if not scoped:
        named = ", ".join(str(scope) for scope in step.within)
        like = [close for scope in step.within for close in _moved(draft, scope.path)]
        hint = f"; is it {like[0]} now?" if like else ""
        return f" No file is at {named}{hint}" + ("" if hint else ".") if named else " The tree has no Python file."
    words: frozenset[bytes] = min(
        step.action.words, key=lambda one: len(_absent(draft, scoped, one)), default=frozenset()
    )
    missing = sorted(word.decode() for word in _absent(draft, scoped, words))
    return f" No file in scope mentions {' or '.join(f'`{word}`' for word in missing)}." if missing else ""


def _absent(draft: Draft, paths: list[str], words: frozenset[bytes]) -> set[bytes]:
    return {word for word in words if not any(word in draft.read(path) for path in paths)}


def _moved(draft: Draft, path: str) -> list[str]:
    """Return files that a path of a recipe may have become: the same name elsewhere, or a similar one."""
    name = path.rpartition("/")[2]
    same = [other for other in draft.paths if other.rpartition("/")[2] == name]
    return same or difflib.get_close_matches(path, draft.paths, n=1)


# --- conditions -----------------------------------------------------------------------------------------------------


def _unmet(condition: Condition, draft: Draft) -> str:
    """Return why a condition does not hold, or nothing if it holds."""
    match condition.kind:
        case "parameter":
            name, wanted = condition.names[0], condition.names[1:]
            return "" if condition.holds else f"{name} is not {' or '.join(wanted)}."
        case "import":
            return "" if _imports(draft, condition.names) else f"Nothing imports {' or '.join(condition.names)}."
        case "not":
            return "" if _unmet(condition.inner[0], draft) else "A condition that must not hold does."
        case "any":
            reasons = [_unmet(inner, draft) for inner in condition.inner]
            return _joined(condition, reasons) if all(reasons) else ""
    return next((reason for inner in condition.inner if (reason := _unmet(inner, draft))), "")


def _joined(condition: Condition, reasons: list[str]) -> str:
    """Say of several values of one parameter that it has none of them, in one sentence."""
    names = {inner.names[:1] for inner in condition.inner if inner.kind == "parameter"}
    if len(names) == 1 and all(inner.kind == "parameter" for inner in condition.inner):
        return f"{names.pop()[0]} is not {' or '.join(value for one in condition.inner for value in one.names[1:])}."
    return " ".join(reasons)


def _imports(draft: Draft, names: tuple[str, ...]) -> bool:
    """Tell whether any Python file imports one of the dotted names or something below it."""
    for path in draft.paths:
        if not path.endswith((".py", ".pyi")):
            continue
        try:
            wanted = [name for name in names if name.partition(".")[0].encode() in draft.read(path)]
            bindings = draft.source(path).names.imports if wanted else []
        except TargetError:
            continue
        if any(f"{one.origin}.".startswith(f"{name}.") for one in bindings for name in wanted):
            return True
    return False


# --- soundness ------------------------------------------------------------------------------------------------------


def _check_sound(recipe: Recipe, draft: Draft, outcomes: list[Outcome]) -> None:
    changed = [change for change in draft.changes() if change.path.endswith((".py", ".pyi"))]
    for change in changed:
        after = draft.source(change.path)
        before = draft.original(change.path)
        if before is None:
            continue
        lost = [text for text in before.comment_texts() if text not in set(after.comment_texts())]
        unbound = sorted(after.names.unbound() - before.names.unbound())
        if lost or unbound:
            what = f"the comment `{lost[0]}` would be lost" if lost else f"nothing would bind the name `{unbound[0]}`"
            raise TargetError(
                f"{change.path}: after {', '.join(change.steps)} {what}; nothing was written. "
                "This is a mistake in the recipe: narrow the step, or give it what it `needs`."
            )
    if changed:
        _check_rest(recipe, draft, outcomes)


def _check_rest(recipe: Recipe, draft: Draft, outcomes: list[Outcome]) -> None:
    """Run the recipe over its own result: a step that still finds work would change the tree at every run."""
    held = {
        outcome.step.id for outcome in outcomes if outcome.status in (Status.APPLIED, Status.ALREADY, Status.REFUSED)
    }
    for step in recipe.steps:
        if step.id not in held:
            continue
        for one in step.action.run(step, draft):
            restless = next((site for site in one.sites if site.status is Status.APPLIED), None)
            if restless is not None:
                line, _ = draft.origin(one.path, restless.offset)
                raise TargetError(
                    f"{one.path}:{line}: a second run of {step.id} would change this place again; nothing was written. "
                    "This is a mistake in the recipe: two steps undo each other, or a result is not known as its own."
                )
