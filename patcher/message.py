"""What the commits of a recipe say, and what each of them changes: text alone, git has no part in it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from patcher.lock import Locked
from patcher.model import Change, Plan, Step

__all__ = ["Piece", "by_step", "reverting", "updating", "whole"]

WIDTH = 72


@dataclass(frozen=True, slots=True)
class Piece:
    """One commit: its message, the changes that lead to it from the one before it, and another one that it merges."""

    message: str
    changes: tuple[Change, ...]
    merged: str = ""


def whole(plan: Plan, entry: Locked, changes: Sequence[Change]) -> tuple[Piece, ...]:
    """Return one commit for all of a recipe."""
    told = {step for change in changes for step in change.steps}
    reasons = [_reason(step) for step in plan.recipe.steps if step.id in told]
    # Where only the lock is written, there is nothing that the recipe does.
    subject = "Apply" if reasons else "Lock"
    text = _message(f"{subject} patcher recipe {plan.recipe.name}", [_filled(plan.recipe.summary), *reasons], entry)
    return (Piece(text, tuple(changes)),) if changes else ()


def by_step(plan: Plan, entry: Locked, changes: Sequence[Change]) -> tuple[Piece, ...]:
    """Return one commit for each step that changes something; what no step leaves as it is comes with the last one."""
    now: dict[str, Change] = {}
    pieces: list[tuple[Step, dict[str, Change]]] = []
    for step in plan.recipe.steps:
        made = {change.path: change for change in _of(step, changes, now)}
        now |= made
        if made:
            pieces.append((step, made))
    if not pieces:
        return whole(plan, entry, changes)
    for change in changes:
        _finish(change, now.get(change.path), pieces[-1][1])
    return tuple(Piece(_step_message(step, plan, entry), tuple(made.values())) for step, made in pieces)


def _of(step: Step, changes: Iterable[Change], now: dict[str, Change]) -> Iterator[Change]:
    """Yield what a step does to the files as the steps before it leave them."""
    for change in changes:
        left = [layer.after for layer in change.layers if layer.step == step.id and layer.after is not None]
        before = now[change.path].after if change.path in now else change.before
        if left and left[-1] != before:
            yield replace(change, before=before, after=left[-1], layers=(), gone=False)


def _finish(change: Change, last: Change | None, made: dict[str, Change]) -> None:
    """Let the last commit leave a file as the plan does."""
    if last is None or last.after != change.after or change.gone:
        start = made[change.path].before if change.path in made else last.after if last else change.before
        made[change.path] = replace(change, before=start)


def reverting(recipe: str, subject: str, commits: Sequence[str]) -> str:
    """Return the message of the commit that takes a recipe back."""
    subject = subject if len(commits) == 1 else f"Apply patcher recipe {recipe}"
    listed = "\n".join(commits)
    said = f"This reverts commit {listed}." if len(commits) == 1 else f"This reverts these commits:\n{listed}"
    return f'Revert "{subject}"\n\n{said}\n'


def updating(names: Iterable[str], upstream: str, changes: Sequence[Change]) -> tuple[Piece, ...]:
    """Return the commit that takes a fork to a newer upstream: a merge of that."""
    named = " and ".join(names)
    text = f"Update to upstream {upstream[:12]} with patcher recipe {named}\n\nPatcher-Upstream: {upstream}\n"
    return (Piece(text, tuple(changes), upstream),)


def _step_message(step: Step, plan: Plan, entry: Locked) -> str:
    return _message(f"{plan.recipe.name}: {step.id}", [_filled(step.why)], entry, step=step.id)


def _message(subject: str, body: Iterable[str], entry: Locked, step: str = "") -> str:
    parameters = ", ".join(f"{name}={value}" for name, value in entry.parameters.items())
    trailers = {
        "Recipe": entry.recipe,
        "Step": step,
        "Version": entry.version,
        "Digest": entry.digest,
        "Source": " ".join(entry.source.values()),
        "Upstream": entry.upstream,
        "Plan": entry.plan,
        "Parameters": parameters,
    }
    told = "\n".join(f"Patcher-{name}: {_line(value)}" for name, value in trailers.items() if value)
    return "\n\n".join((_line(subject), *(part for part in body if part), told)) + "\n"


def _reason(step: Step) -> str:
    return textwrap.fill(f"{step.id}: {_line(step.why)}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _filled(text: str) -> str:
    return textwrap.fill(_line(text), WIDTH, break_on_hyphens=False)


def _line(text: str) -> str:
    return " ".join(text.split())
