"""An update as text and as plain data: each step on the new upstream, what people wrote, conflicts, then the patch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from patcher import __version__
from patcher.merging import Conflict
from patcher.model import Place, Status
from patcher.moves import Fate, Move, Trace
from patcher.report.patch import change_patch
from patcher.report.text import Paint
from patcher.update import Edited, Update

__all__ = ["update_data", "update_patch", "update_text"]

FORMAT = 1
SHOWN = 6
LINES = 8
WIDTH = len(Fate.UPSTREAM.value)
ROLES = {
    Fate.APPLIED: "applied",
    Fate.UPSTREAM: "already",
    Fate.NEW: "warn",
    Fate.GONE: "absent",
    Fate.REFUSED: "refused",
    Fate.DRIFTED: "drifted",
}


def update_text(update: Update, paint: Paint, *, tree: str, onto: str, written: bool) -> str:
    """Return the report of an update, without its patch."""
    names = ", ".join(plan.recipe.name for plan in update.plans)
    if update.old == update.new:
        made = f"{tree} was made from {onto} ({update.new[:7]}) or later"
        return f"{made}; there is nothing to update. If that is wrong, name what it was made from with --base.\n"
    lines = [paint(f"{names} on {tree}: from {update.old[:7]} to {onto} ({update.new[:7]})", "head")]
    width = max((len(trace.step.id) for group in update.traces for trace in group), default=0)
    for trace in (trace for group in update.traces for trace in group):
        lines += _step(trace, paint, width)
    lines += _edits(update)
    lines += _conflicts(update, paint)
    lines += [f"Left to you: {one}." for one in update.left]
    lines += [paint(f"Note: {one}", "warn") for one in update.notes]
    return "\n".join([*lines, "", _counts(update, written)]) + "\n"


def update_patch(update: Update, prefix: str = "") -> bytes:
    """Return the patch from the fork to what it would be."""
    return b"".join(change_patch(change, prefix) for change in update.changes)


def update_data(update: Update, *, written: bool, exit_code: int, prefix: str = "") -> dict[str, Any]:
    """Return everything that the text report says, and the patch of each file."""
    return {
        "format": FORMAT,
        "patcher": __version__,
        "from": update.old,
        "to": update.new,
        "written": written,
        "exit_code": exit_code,
        "recipes": [
            {"recipe": plan.recipe.name, "steps": [_step_data(trace) for trace in group]}
            for plan, group in zip(update.plans, update.traces, strict=bool(update.traces))
        ],
        "edits": [{"path": one.path, "added": one.added, "removed": one.removed} for one in update.edits],
        "conflicts": [_conflict_data(one) for one in update.conflicts],
        "changes": [
            {
                "path": one.path,
                "kind": "removed" if one.gone else "added" if one.before is None else "modified",
                "diff": change_patch(one, prefix).decode("utf-8", "replace"),
            }
            for one in update.changes
        ],
        "left": list(update.left),
        "notes": list(update.notes),
    }


# --- steps ----------------------------------------------------------------------------------------------------------


def _step(trace: Trace, paint: Paint, width: int) -> Iterator[str]:
    for fate in Fate:
        moves = trace.of(fate)
        if moves or (fate is Fate.DRIFTED and trace.drifted):
            yield f"  {paint(f'{fate.value:{WIDTH}}', ROLES[fate])}  {trace.step.id:{width}}  {_places(moves)}".rstrip()
        if fate is Fate.REFUSED:
            yield from dict.fromkeys(f"    {move.place}: {move.reason.rstrip('.')}." for move in moves)
    if trace.drifted:
        yield paint(f"    {trace.step.why}", "why")
        yield f"    {trace.reason}"
    if trace.fallen:
        yield "    What the fork has of it is carried over as text."


def _places(moves: tuple[Move, ...]) -> str:
    told = list(dict.fromkeys(_place(move) for move in moves))
    return ", ".join(told[:SHOWN]) + (f" and {len(told) - SHOWN} more" if len(told) > SHOWN else "")


def _place(move: Move) -> str:
    if move.place is None:
        return f"{move.was} (as it was)"
    told = []
    if move.was is not None and str(move.was) != str(move.place):
        told.append(f"was {move.was.line if move.was.path == move.place.path else move.was}")
    if move.was is not None and move.was.status is Status.ALREADY and move.fate is Fate.UPSTREAM:
        told.append("as before")
    return f"{move.place} ({', '.join(told)})" if told else str(move.place)


def _step_data(trace: Trace) -> dict[str, Any]:
    return {
        "id": trace.step.id,
        "why": trace.step.why,
        "drifted": trace.drifted,
        "carried": trace.fallen,
        "reason": trace.reason,
        "places": [
            {
                "fate": move.fate.value,
                "place": _place_data(move.place),
                "was": _place_data(move.was),
                "reason": move.reason,
            }
            for move in trace.moves
        ],
    }


def _place_data(place: Place | None) -> dict[str, Any] | None:
    return None if place is None else {"path": place.path, "line": place.line, "text": place.text}


# --- the rest -------------------------------------------------------------------------------------------------------


def _edits(update: Update) -> Iterator[str]:
    if update.edits:
        yield "Beside the recipe, the fork has edits of its own, which are merged:"
    yield from (f"  {one.path}: {_lines(one)}" for one in update.edits)


def _lines(one: Edited) -> str:
    told = [
        f"{count} line{'s' if count != 1 else ''} {what}"
        for count, what in ((one.added, "added"), (one.removed, "removed"))
        if count
    ]
    return " and ".join(told) or "empty"


def _conflicts(update: Update, paint: Paint) -> Iterator[str]:
    for one in update.conflicts:
        if one.reason:
            yield f"  {paint('conflict', 'drifted')}  {one.path}: {one.reason}"
            continue
        yield f"  {paint('conflict', 'drifted')}  {one.path}:{one.line}: changed here, and in the new upstream too"
        for side, lines in (("fork", one.mine), ("upstream", one.theirs)):
            yield from (f"    {side:8}  {line}".rstrip() for line in lines[:LINES] or ("(nothing)",))
            if len(lines) > LINES:
                yield f"    {side:8}  and {len(lines) - LINES} lines more"


def _conflict_data(one: Conflict) -> dict[str, Any]:
    return {
        "path": one.path,
        "line": one.line or None,
        "fork": list(one.mine),
        "upstream": list(one.theirs),
        "reason": one.reason,
    }


def _counts(update: Update, written: bool) -> str:
    moves = [move for group in update.traces for trace in group for move in trace.moves]
    told = [_counted(count, fate) for fate in Fate if (count := sum(move.fate is fate for move in moves))]
    files = len(update.changes)
    done = f"{files} file{'s' if files != 1 else ''} {'written' if written else 'would be written'}"
    met = len(update.conflicts)
    done = done if files else f"no {'other ' if met else ''}file needs a change"
    conflicts = f" {met} conflict{'s' if met != 1 else ''}." if met else ""
    return f"Places: {', '.join(told) or 'none'}.{conflicts} {done[:1].upper()}{done[1:]}."


def _counted(count: int, fate: Fate) -> str:
    return f"{count} {fate.value}{'s' if fate is Fate.NEW and count != 1 else ''}"
