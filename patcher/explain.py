"""Why each step did or did not match at one line: what it asks, the first thing that fails, and what would satisfy it.

The steps run one after the other as they do in a plan, because a step may need what the one before it left. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.chain import Link, close, of_file, of_place, of_tree, of_verb, unasked
from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Outcome, Recipe, Site, Status, Step
from patcher.plan import draft_of, take
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.soundness import check_parses
from patcher.verbs.base import Findings

__all__ = ["Explained", "explain"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What one step has to do with a line: `status` None means nothing.

    `reason` is a whole sentence, `chain` what the step asks, in the order in which it asks it.
    """

    step: Step
    status: Status | None
    reason: str
    chain: tuple[Link, ...]


def explain(recipe: Recipe, checkout: Checkout, shims: Path, path: str, line: int) -> Iterator[Explained]:
    """Yield, for each step, what becomes of the line and why.

    Raises:
        UsageError: the checkout has no such file or line.
    """
    draft = draft_of(recipe, checkout, shims)
    _check_place(recipe, checkout, draft, path, line)
    outcomes: dict[str, Outcome] = {}
    for step in recipe.steps:
        try:
            yield _explained(step, draft, outcomes, path, line)
        except TargetError:
            check_parses([*(one.step for one in outcomes.values()), step], draft)  # a step before may have broken it
            raise
        outcomes[step.id] = take(step, draft, outcomes)


def _check_place(recipe: Recipe, checkout: Checkout, draft: Draft, path: str, line: int) -> None:
    if path not in checkout.paths:
        raise UsageError(
            f"{path} is not a file of {checkout.root}; name it as the checkout does, as in models/layers.py."
        )
    if path not in draft.paths:
        raise UsageError(f"{path} is left alone by {recipe.name}: its `leave` says so, or it is a part of the recipe.")
    text = draft.read(path)
    lines = max(1, text.count(b"\n") + (not text.endswith(b"\n")))
    if not 1 <= line <= lines:
        raise UsageError(f"{path} has {lines} line{'s' if lines > 1 else ''}; there is no line {line}.")


def _explained(step: Step, draft: Draft, before: dict[str, Outcome], path: str, line: int) -> Explained:
    asked = [*of_tree(step, draft, before), *of_file(step, draft, path)]
    if failing := _first_failing(asked):
        return Explained(step, None, failing.text, (*asked, *unasked(step)))
    with draft.focused(path, line):
        found = [one for one in step.action.run(step, draft) if one.path == path]
    here = list(of_place(step, draft, draft.source(path), line)) if path.endswith(PROGRAMS) else []
    done = _done(draft, found, path, line)
    if done is not None:
        status, reason = done
        held = [] if _first_failing(here) else here  # what was put in before, or goes along, need not look so any more
        return Explained(step, status, reason, (*asked, *held, Link(step.verb, status is not Status.REFUSED, reason)))
    unseen = draft.unseen.get((path, line), "")
    failing = None if unseen else _first_failing(here)
    if failing is None:
        failing = of_verb(step, unseen or _nearly(found))
        here.append(failing)
    return Explained(step, None, failing.text, (*asked, *here))


def _first_failing(chain: Iterable[Link]) -> Link | None:
    return next((link for link in chain if link.holds is False), None)


def _done(draft: Draft, found: list[Findings], path: str, line: int) -> tuple[Status, str] | None:
    """Return what a step makes of a line, and say it: of a place in it, or because of a place elsewhere."""
    for one in found:
        for site in one.sites:
            if draft.origin(path, site.offset)[0] == line:
                return site.status, _becomes(site)
    for one in found:
        if because := _along(draft, one, line):
            return Status.APPLIED, because
    return None


def _along(draft: Draft, found: Findings, line: int) -> str:
    """Say of which place it is a part that a line changes, or that lines are put in beside it; or nothing."""
    applied = [site for site in found.sites if site.status is Status.APPLIED]
    edits = [(edit, site) for site in applied for edit in site.edits]
    edits += [(edit, applied[0]) for edit in found.edits if applied]  # what one place needs, and others share
    for edit, site in edits:
        first, last = (draft.origin(found.path, at)[0] for at in (edit.start, max(edit.start, edit.end - 1)))
        if first <= line <= last:
            beside = edit.start == edit.end and "\n" in edit.text
            does = "puts lines in beside this one" if beside else "changes this line"
            return f"The step {does} because of the place in line {draft.origin(found.path, site.offset)[0]}."
    return ""


def _becomes(site: Site) -> str:
    match site.status:
        case Status.APPLIED:
            return "The step changes this place."
        case Status.ALREADY:
            return f"It is already as the step wants it{f': {site.reason}' if site.reason else ''}."
    return f"The step leaves this place: {site.reason}."


def _nearly(found: list[Findings]) -> str:
    near = [one.near for one in found if one.near is not None]
    return close(max(near, key=lambda one: one.depth).reason) if near else ""
