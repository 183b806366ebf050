"""Which recipes fit a tree, as text and as data."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from patcher.detect import Fit, Verdict
from patcher.model import Place
from patcher.report.text import Paint

__all__ = ["detected_data", "detected_text"]

MOST = 5
WORDS = {Verdict.FITS: "fits", Verdict.APPLIED: "applied already", Verdict.PARTLY: "fits in part"}
ROLES = {Verdict.FITS: "applied", Verdict.APPLIED: "already", Verdict.PARTLY: "warn"}


def detected_text(fits: Sequence[Fit], tree: str, paint: Paint) -> str:
    """Return what fits with its evidence, then what fits in part where no recipe of an upstream fits whole."""
    whole = [fit for fit in fits if fit.verdict in (Verdict.FITS, Verdict.APPLIED)]
    own = [fit for fit in whole if fit.recipe.upstream]
    partly = [] if own else [fit for fit in fits if fit.verdict is Verdict.PARTLY]
    lines = [line for fit in (*whole, *partly) for line in _fit(fit, paint)]
    if not lines:
        return f"No recipe fits {tree}. `patcher list` has them all; `patcher explain` says why a step finds nothing.\n"
    fitting = [fit for fit in (own or whole) if fit.verdict is Verdict.FITS]
    if fitting:
        command = f"patcher apply {shlex.quote(tree)} --recipe {fitting[0].recipe.name} --diff"
        lines += ["", f"See what it would change:  {paint(command, 'head')}"]
    return "\n".join(lines) + "\n"


def _fit(fit: Fit, paint: Paint) -> Iterator[str]:
    part = f" (a part of {', '.join(fit.part_of)})" if fit.part_of else ""
    yield f"{paint(f'{WORDS[fit.verdict]:15}', ROLES[fit.verdict])}  {paint(fit.recipe.name, 'head')}{part}"
    yield paint(f"    {fit.recipe.summary}", "why")
    if fit.part_of:
        return
    if fit.origin:
        yield f"    its upstream is a remote of this checkout: {fit.origin}"
    shown = list(_evidence(fit.places))
    yield from shown[:MOST]
    if len(shown) > MOST:
        yield f"    and {len(shown) - MOST} more lines"
    for reason in fit.lacking:
        yield f"    {paint('not', 'drifted')} {reason}"


def _evidence(places: Iterable[tuple[str, Place]]) -> Iterator[str]:
    """Yield a line for each line of code that says so, with the steps that are about it."""
    steps: dict[str, list[str]] = {}
    texts: dict[str, str] = {}
    for step, place in places:
        steps.setdefault(str(place), []).append(step)
        texts[str(place)] = " ".join(place.text.split())
    for where, text in texts.items():
        code = f"  {text}" if text else ""
        yield f"    {where}{code}  [{', '.join(dict.fromkeys(steps[where]))}]"


def detected_data(fits: Sequence[Fit], tree: str, code: int) -> dict[str, Any]:
    """Return the same for --format json, with the recipes that do not fit and why."""
    return {
        "tree": tree,
        "exit_code": code,
        "recipes": [
            {
                "recipe": fit.recipe.name,
                "summary": fit.recipe.summary,
                "upstream": fit.recipe.upstream.repository if fit.recipe.upstream else None,
                "verdict": str(fit.verdict),
                "origin": fit.origin or None,
                "part_of": list(fit.part_of),
                "places": [
                    {"step": step, "path": place.path, "line": place.line, "status": str(place.status)}
                    for step, place in fit.places
                ],
                "lacking": list(fit.lacking),
            }
            for fit in fits
        ],
    }
