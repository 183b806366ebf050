"""A draft of the pristine tree on which steps are tried: one is kept if all that it does is what the patch does too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from patcher.checkout import Checkout
from patcher.drafting.same import distance, same
from patcher.errors import PatcherError
from patcher.model import Outcome, Status
from patcher.plan import take
from patcher.recipe import SHIMS, bundled_root, load
from patcher.syntax.draft import Draft
from patcher.syntax.soundness import check_sources

__all__ = ["TRIED", "Trial", "write"]

Step = dict[str, Any]
TRIED = {"id": "tried", "why": "it is tried", "effect": "exact"}


class Trial:
    """The tree as the steps that were `kept` leave it, on its way to what the patch makes of it."""

    def __init__(self, checkout: Checkout, target: Mapping[str, bytes], folder: Path) -> None:
        self.kept: list[Step] = []
        self._target, self._folder = target, folder
        self._draft = Draft(checkout, bundled_root() / SHIMS)

    def now(self, path: str) -> bytes:
        """Return a file as it is now; nothing for one that is not there."""
        return self._draft.read(path) if self._draft.exists(path) else b""

    def left(self) -> list[str]:
        """Return the files that are not yet as the patch leaves them."""
        return [path for path, data in self._target.items() if not same(path, self.now(path), data)]

    def attempt(self, *steps: Step) -> bool:
        """Keep some steps if they lead straight towards the patch's result; tell whether they do."""
        fork = self._draft.fork()
        try:
            recipe = load(str(write(self._folder / "tried" / "recipe.yaml", "tried", "It is tried", steps)), {})
            outcomes: dict[str, Outcome] = {}
            for step in recipe.steps:
                outcomes[step.id] = take(step, fork, outcomes)
                if outcomes[step.id].status is not Status.APPLIED:
                    return False
            if not self._is_right(fork):
                return False
            check_sources(recipe.steps, fork)
            if any(one.more or _applied(one.sites) for step in recipe.steps for one in step.action.run(step, fork)):
                return False  # it would go on in its own result
        except PatcherError:
            return False
        self._draft = fork
        for own, outcome in zip(steps, outcomes.values(), strict=True):
            count = outcome.count(Status.APPLIED) + outcome.count(Status.ALREADY)
            self.kept.append({**own, "expect": own.get("expect", str(count))})
        return True

    def _is_right(self, fork: Draft) -> bool:
        """Tell whether every file that changed lies on a shortest way from what is to what shall be."""
        changed = [change.path for change in fork.changes() if change.after != self.now(change.path)]
        gone_back = [path for path in self._target if fork.peek(path) != self.now(path) and path not in changed]
        return bool(changed) and not gone_back and all(self._leads(path, fork.read(path)) for path in changed)

    def _leads(self, path: str, after: bytes) -> bool:
        if path not in self._target:
            return False
        now, target = self.now(path), self._target[path]
        if same(path, after, target):
            return True
        step, whole = distance(path, now, after), distance(path, now, target)
        return 0 < step < whole and step + distance(path, after, target, whole - step) == whole


def _applied(sites: Iterable[Any]) -> bool:
    return any(site.status is Status.APPLIED for site in sites)


def write(file: Path, name: str, summary: str, steps: Iterable[Step]) -> Path:
    """Write a recipe that nobody reads: JSON is YAML."""
    file.parent.mkdir(parents=True, exist_ok=True)
    own = [{**TRIED, "id": f"tried-{number}", **step} for number, step in enumerate(steps)]
    file.write_text(json.dumps({"recipe": name, "summary": summary, "steps": own}))
    return file
