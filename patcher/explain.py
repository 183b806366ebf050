"""Why each step did or did not match at one line: the first constraint that fails there, and what would satisfy it.

The steps run one after the other as they do in a plan, because a step may need what the one before it left. Nothing is
written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import TargetError, UsageError
from patcher.model import Outcome, Recipe, Site, Status, Step
from patcher.plan import draft_of, held_back, take
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.soundness import check_parses
from patcher.verbs.base import Findings

__all__ = ["Explained", "explain"]


@dataclass(frozen=True, slots=True)
class Explained:
    """What one step has to do with a line. `status` None: nothing; `reason` is a whole sentence."""

    step: Step
    status: Status | None
    reason: str


def explain(recipe: Recipe, checkout: Checkout, shims: Path, path: str, line: int) -> Iterator[Explained]:
    """Yield, for each step, what becomes of the line and why.

    Raises:
        UsageError: the checkout has no such file or line.
    """
    draft = draft_of(recipe, checkout, shims)
    _check_place(recipe, checkout, draft, path, line)
    outcomes: dict[str, Outcome] = {}
    for step in recipe.steps:
        held = held_back(step, draft, outcomes)
        try:
            yield Explained(step, None, held.reason) if held else _explained(step, draft, path, line)
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


def _explained(step: Step, draft: Draft, path: str, line: int) -> Explained:
    if not draft.in_scope(step, path):
        named = ", ".join(map(str, step.within)) or "every file"
        barred = f" but not {', '.join(map(str, step.not_in))}" if step.not_in else ""
        return Explained(step, None, f"The step looks in {named}{barred}, and {path} is not among them.")
    missing = _missing(step, draft, path) if path.endswith(PROGRAMS) else ""
    if missing and not draft.holding([path], step.action.words, follow=True):
        return Explained(step, None, missing)
    with draft.focused(path, line):
        found = [one for one in step.action.run(step, draft) if one.path == path]
    for one in found:
        for site in one.sites:
            if draft.origin(path, site.offset)[0] == line:
                return Explained(step, site.status, _becomes(site))
    for one in found:
        if because := _along(draft, one, line):
            return Explained(step, Status.APPLIED, because)
    unseen = draft.unseen.get((path, line), "")
    return Explained(step, None, unseen or _nearly(found) or missing or _nothing(step))


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


def _missing(step: Step, draft: Draft, path: str) -> str:
    """Say which words the file does not have, or nothing if it has those of one pattern."""
    data = draft.read(path)
    every = (sorted(word for word in words if word not in data) for words in step.action.words)
    absent = min(every, key=len, default=())
    words = " or ".join(f"`{word.decode()}`" for word in absent)
    one = len(getattr(step.action, "forms", ())) <= 1
    held = "every place of the step holds" if one else "every place of the pattern that comes nearest holds"
    return f"The file does not mention {words}, which {held}." if words else ""


def _becomes(site: Site) -> str:
    match site.status:
        case Status.APPLIED:
            return "The step changes this place."
        case Status.ALREADY:
            return f"It is already as the step wants it{f': {site.reason}' if site.reason else ''}."
    return f"The step leaves this place: {site.reason}."


def _nearly(found: list[Findings]) -> str:
    near = [one.near for one in found if one.near is not None]
    if near:
        return f"It comes close here, but {max(near, key=lambda one: one.depth).reason}."
    return ""


def _nothing(step: Step) -> str:
    forms = getattr(step.action, "forms", ())
    looked_for = " or ".join(f"`{form}`" for form in forms[:3])
    return f"Nothing in this line is {looked_for}." if looked_for else "Nothing in this line is a place of the step."
