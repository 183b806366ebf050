"""The loops of a tree that could be batched, as text and as data."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from patcher import __version__
from patcher.report.text import Paint
from patcher.syntax.loops import BATCHED
from patcher.verify.loops import Judged

__all__ = ["looped_data", "looped_text"]

FORMS = {BATCHED: "batched", "vmap": "torch.func.vmap"}


def looped_text(found: Sequence[Judged], tree: str, paint: Paint, *, proved: bool, texts: dict[str, str]) -> str:
    """Return each loop with its class and, where it must stay, why; `texts` are files whose batched code is shown."""
    if not found:
        return f"No loop in {tree} goes over the places of a tensor.\n"
    lines: list[str] = []
    for one in found:
        lines += [*_loop(one, paint, proved=proved), *_shown(one, texts)]
    return "\n".join((*lines, "", _counts(found, proved=proved))) + "\n"


def _loop(one: Judged, paint: Paint, *, proved: bool) -> Iterator[str]:
    loop = one.loop
    yield f"{paint(f'{loop.path}:{loop.line}', 'head')}  {loop.qualname}  {loop.header}"
    if not loop.form:
        where = f" (line {loop.at})" if loop.at != loop.line else ""
        yield f"    {paint('stays', 'refused')}: it {loop.reason}{where}."
    elif one.differs:
        yield f"    {paint('stays', 'refused')}: its batched code is not equal: {one.differs}."
    elif one.offered:
        yield f"    {paint('can be batched', 'applied')} ({FORMS[loop.form]}): equal to {one.error:.0e} in float64."
    elif proved:
        yield f"    {paint('not offered', 'warn')} ({FORMS[loop.form]}): it could not be run by itself: {one.not_run}."
    else:
        yield f"    {paint('may be batched', 'warn')} ({FORMS[loop.form]}): not proved yet."


def _shown(one: Judged, texts: dict[str, str]) -> Iterator[str]:
    text = texts.get(one.loop.path)
    if text is not None and one.loop.form:
        pairs = text.splitlines(), one.loop.text.splitlines()
        yield from (f"    {line}" for line in list(difflib.unified_diff(*pairs, lineterm="", n=2))[2:])


def _counts(found: Sequence[Judged], *, proved: bool) -> str:
    batched = [one for one in found if one.loop.form and not one.differs]
    stay = len(found) - len(batched)
    if not proved:
        hint = "  Run them beside the loops with --prove." if batched else ""
        return f"Loops: {len(batched)} may be batched, {stay} must stay.{hint}"
    offered = sum(one.offered for one in found)
    rest = f"{len(batched) - offered} could not be run, " if len(batched) > offered else ""
    return f"Loops: {offered} can be batched, {rest}{stay} must stay."


def looped_data(found: Sequence[Judged], tree: str, *, proved: bool) -> dict[str, Any]:
    """Return everything that the text says."""
    return {
        "format": 1,
        "patcher": __version__,
        "root": tree,
        "proved": proved,
        "loops": [_data(one) for one in found],
    }


def _data(one: Judged) -> dict[str, Any]:
    loop = one.loop
    refused = bool(one.differs) or not loop.form
    return {
        "path": loop.path,
        "line": loop.line,
        "function": loop.qualname,
        "header": loop.header,
        "class": "refused" if refused else loop.form,
        "reason": one.differs or loop.reason,
        "reason_line": loop.at or None,
        "offered": one.offered,
        "error": one.error,
        "not_run": one.not_run,
    }
