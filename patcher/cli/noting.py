"""What `patcher apply` says on stderr, beside its report: what was held back and why, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from patcher.checkout import Checkout
from patcher.choices import OUT
from patcher.cli.asked import Asked, Planned, together
from patcher.cli.chosen import out_of_reach
from patcher.commit import detached
from patcher.journal import Journal
from patcher.model import Plan, Status
from patcher.report.text import notes

__all__ = ["said_beside"]


def said_beside(
    planned: Sequence[Planned], checkout: Checkout, asked: Asked, commits: Sequence[str], *, held_back: bool
) -> Iterator[str]:
    """Yield what is said on stderr, beside the report."""
    for one in planned:
        yield from one.chosen.notes(asked.path, from_lock=asked.recipe is None)
        if asked.looking:
            yield from notes(one.plan)
    if held_back and asked.looking:
        shows = "; --diff --partial shows what holds" if asked.diff else ""
        yield f"Without --partial nothing of this would be written, because a step drifted{shows}."
    elif held_back:
        yield "Nothing was written, because a step drifted. --partial writes the steps that hold."
    for one in planned if held_back else ():
        yield from _applied_otherwise(one.plan, checkout, asked.path)
    for one in planned if (asked.lock or asked.commit) and not (asked.looking or held_back) else ():
        yield from out_of_reach(one.chosen, checkout)
    if asked.interactive and not held_back:
        yield from _forgotten(planned, asked)
    if checkout.prefix:
        yield f"Note: {asked.path} is a subfolder of a repository; what it imports is looked for from there on."
    for one in planned:
        yield from _about_the_tree(one.plan, checkout, asked.path)
    if asked.staged and any(one.plan.changes for one in planned):
        yield from _to_stage(planned, asked)
    elif not (asked.looking or held_back):
        yield from _committed(planned, checkout, asked, commits)


def _forgotten(planned: Sequence[Planned], asked: Asked) -> Iterator[str]:
    """Say what will be asked again because no lock keeps that it was declined."""
    count = sum(len(one.plan.declined) for one in planned if not (asked.lock or asked.commit or one.chosen.locked))
    if count:
        what = "one place was" if count == 1 else f"{count} places were"
        yield f"Note: {what} declined, and no lock says so; --lock keeps that."


def _about_the_tree(plan: Plan, checkout: Checkout, tree: str) -> Iterator[str]:
    places = [place for outcome in plan.outcomes for place in outcome.places]
    if all(place.status is Status.ABSENT and place.reason not in OUT for place in places):
        what = "what is left over is for you to look at." if plan.leftovers else "is it the right tree?"
        yield f"No step of {plan.recipe.name} found its place in {tree}; {what}"
    tested = plan.recipe.upstream.tested if plan.recipe.upstream else ()
    if tested and plan.changes and checkout.head is not None and checkout.head not in tested:
        known = ", ".join(commit[:7] for commit in tested)
        yield f"Note: HEAD is {checkout.head[:7]}; {plan.recipe.name} was tried on {known}."


def _applied_otherwise(plan: Plan, checkout: Checkout, tree: str) -> Iterator[str]:
    """Say so if the same recipe stands in the tree with other parameters."""
    last = next((one for one in reversed(Journal(checkout).records()) if one.recipe == plan.recipe.name), None)
    if last is not None and dict(last.values) != dict(plan.recipe.values):
        values = ", ".join(f"{name}={value}" for name, value in last.values.items())
        yield f"{last.recipe} was applied here with {values}; take that back first: patcher undo {shlex.quote(tree)}."


def _to_stage(planned: Sequence[Planned], asked: Asked) -> Iterator[str]:
    """Say how what a hook found, or has written, comes into the commit."""
    paths = " ".join(shlex.quote(change.path) for change in together(planned))
    tree = shlex.quote(asked.path)
    add = f"git {'' if asked.path == '.' else f'-C {tree} '}add {paths}"
    if asked.check:
        options = f" --recipe {shlex.quote(asked.recipe)}" if asked.recipe else ""
        options += "".join(f" -p {shlex.quote(param)}" for param in asked.params)
        yield f"To mend it:  patcher apply {tree} --staged{options}; {add}"
    elif not asked.looking:
        yield f"Stage what was written:  {add}"


def _committed(planned: Sequence[Planned], checkout: Checkout, asked: Asked, commits: Sequence[str]) -> Iterator[str]:
    """Say what became of the commits and the branch that were asked for."""
    if (asked.commit or asked.branch) and not any(one.job.changes for one in planned):
        made = " and ".join(["no commit"] * bool(asked.commit) + ["no branch"] * bool(asked.branch))
        yield f"Nothing was to be written, so there is {made}."
        return
    if commits:
        yield f"Committed as {', '.join(one[:12] for one in commits)}."
    if commits and detached(checkout):
        yield "Note: HEAD is detached, so no branch has this; `git switch --create NAME` makes one that does."
