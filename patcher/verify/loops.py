"""Prove loops that could be batched: each and its batched code run alone on the same random inputs, in a process."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from patcher.errors import TargetError
from patcher.syntax.draft import Draft
from patcher.syntax.loops import Candidate
from patcher.syntax.loops.fragments import Fragment, fragment
from patcher.verify.process import run_process, tail
from patcher.verify.run import PROBE

__all__ = ["Judged", "judged"]

LIMIT = 600.0


@dataclass(frozen=True, slots=True)
class Judged:
    """A loop, and what running it beside its batched code gave: the largest relative error, or why there is none.

    `differs`: the two are not equal, and what differs. `not_run`: nothing was proved, and why.
    """

    loop: Candidate
    error: float | None = None
    differs: str = ""
    not_run: str = ""

    @property
    def offered(self) -> bool:
        """Whether the batched code was proved, and so is offered."""
        return self.error is not None


def judged(found: Sequence[Candidate], draft: Draft, python: str) -> tuple[Judged, ...]:
    """Return the loops with what was found of those that could be batched; the tree's own files are not imported.

    Raises:
        TargetError: the Python has no torch, or ended without an answer.
    """
    fragments = {at: fragment(draft, one) for at, one in enumerate(found) if one.form}
    asked = {at: one for at, one in fragments.items() if isinstance(one, Fragment)}
    answers = dict(zip(asked, _answers(list(asked.values()), python), strict=True)) if asked else {}
    results = []
    for at, one in enumerate(found):
        told = fragments.get(at, "")
        if at in answers:
            answer = answers[at]
            results.append(Judged(one, answer.get("error"), answer.get("differs", ""), answer.get("not_run", "")))
        else:
            results.append(Judged(one, not_run=told if isinstance(told, str) else ""))
    return tuple(results)


def _answers(asked: Sequence[Fragment], python: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        request, answer, printed = (folder / one for one in ("request.json", "answer.json", "printed.txt"))
        request.write_text(json.dumps({"fragments": [asdict(one) for one in asked], "answer": str(answer)}))
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": ""}
        command = (python, str(PROBE / "_patcher_loops.py"), str(request))
        code = run_process(command, folder, environment, LIMIT, printed)
        if code is None:
            raise TargetError(f"Proving the loops took more than {LIMIT:.0f} s; name a smaller part of the tree.")
        try:
            told = json.loads(answer.read_text())
        except (OSError, ValueError):
            last = (tail(printed) or ["it said nothing"])[-1]
            raise TargetError(f"The loops could not be run with {python}. Its last words: {last}") from None
    if "refused" in told:
        raise TargetError(f"{python} has no torch ({told['refused']}). Install it there, or name another --python.")
    found: list[dict[str, Any]] = told["found"]
    return found
