"""From a patch to the steps of a recipe: general ones first, each tried on the tree; what none of them does is literal.

The draft is planned on the pristine tree as a whole before it is given out. A step that does not hold there is left out
and the rest drafted anew, until the plan makes of the tree what the patch makes of it.
"""

from __future__ import annotations

import ast
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patcher.checkout import Checkout
from patcher.drafting.differences import Difference, differences
from patcher.drafting.literal import literal
from patcher.drafting.naming import named
from patcher.drafting.packages import packages
from patcher.drafting.patched import Patched
from patcher.drafting.program import Program, program
from patcher.drafting.proposals import LITERAL, guards, proposals, renames, scope_of
from patcher.drafting.same import same
from patcher.drafting.trial import Trial, write
from patcher.errors import PatcherError, RecipeError, UsageError
from patcher.model import Status
from patcher.plan import plan
from patcher.recipe import SHIMS, bundled_root, load
from patcher.syntax.modules import module_name
from patcher.syntax.shims import STAMP

__all__ = ["Drafted", "draft_recipe"]

Step = dict[str, Any]
ROUNDS = 12
PROGRAM = ".py"


@dataclass(frozen=True, slots=True)
class Drafted:
    """The steps of a draft, those of them that are literal, and the files in which only comments and layout differ."""

    steps: tuple[Step, ...]
    literal: frozenset[str]
    layout: tuple[str, ...]


def draft_recipe(patch: Patched, checkout: Checkout, tell: Callable[[str], None] = lambda _: None) -> Drafted:
    """Return the steps that make of a tree what a patch makes of it.

    Raises:
        UsageError: no steps do.
    """
    stamped = dict(_stamped(patch))
    with tempfile.TemporaryDirectory(prefix="patcher-") as name:
        banned: set[str] = set()
        loose: set[str] = set()
        steps: list[Step] = []
        wrong: tuple[Step | None, str] | None = None
        for number in range(ROUNDS):
            folder = Path(name).resolve() / str(number)
            tell(f"drafting, {number + 1}. time")
            trial = Trial(checkout, patch.after, folder)
            _Drafter(trial, patch.after, stamped, banned if number < ROUNDS - 1 else None).run(steps)
            steps = [{**step, "expect": "any"} if key(step) in loose else step for step in trial.kept]
            wrong = _wrong(steps, patch, checkout, folder)
            if wrong is None:
                return _drafted(steps, patch, trial)
            if wrong[0] is None:
                break
            culprit = key(wrong[0])
            relaxed = "would drift" in wrong[1] and culprit not in loose
            (loose if relaxed else banned).add(culprit)
            tell(f"{'counted loosely' if relaxed else 'left out'}: {wrong[1]}")
    files = ", ".join(path for path in patch.after if not same(path, trial.now(path), patch.after[path]))
    raise UsageError(
        f"No steps make of the tree what the patch makes of it ({files or (wrong and wrong[1])}); take that out "
        "of the patch, and write its steps by hand."
    )


def key(step: Step) -> str:
    """Return what tells a step from others, whatever it counts."""
    return json.dumps({name: value for name, value in step.items() if name not in ("expect", LITERAL)}, sort_keys=True)


def _stamped(patch: Patched) -> Iterator[tuple[str, str]]:
    """Yield the modules of the shims that the patch adds, each with its name in a recipe."""
    for path in patch.added:
        found = STAMP.match(patch.after[path])
        if found:
            parts, own = module_name(path).split("."), module_name(found["name"].decode())
            for start in range(max(1, len(parts) - own.count("."))):
                yield ".".join(parts[start:]), f"shim.{own}"


def _drafted(steps: list[Step], patch: Patched, trial: Trial) -> Drafted:
    given = named(steps)
    bare = frozenset(step["id"] for step in given if step.get(LITERAL) or "text" in step)
    layout = tuple(path for path, data in patch.after.items() if trial.now(path) != data)
    return Drafted(tuple({one: value for one, value in step.items() if one != LITERAL} for step in given), bare, layout)


def _wrong(steps: list[Step], patch: Patched, checkout: Checkout, folder: Path) -> tuple[Step | None, str] | None:
    """Return the step with which the draft does not hold on the pristine tree, and why; None if all is well."""
    bare = [{one: value for one, value in step.items() if one != LITERAL} for step in steps]
    try:
        file = write(folder / "whole" / "recipe.yaml", "whole", "The draft", bare)
        recipe = load(str(file), {})
        # Its own folder is no part of the tree.
        found = plan(replace(recipe, folder=""), checkout, bundled_root() / SHIMS)
    except RecipeError as error:
        told = str(error)
        number = re.search(r"step tried-(\d+)\b", told)
        return steps[int(number[1]) if number else -1] if steps else None, told
    except PatcherError as error:
        return None, str(error)
    for outcome, step in zip(found.outcomes, steps, strict=True):
        if outcome.status in (Status.DRIFTED, Status.REFUSED):
            return step, outcome.reason or "would drift"
    made = {change.path: change.after for change in found.changes}
    for path in {*made, *patch.after}:
        wanted = patch.after.get(path, patch.before.get(path))
        if wanted is None or not same(path, made.get(path, patch.before.get(path, b"")), wanted):
            return next(
                (step for step in steps if path in str(step.get("in", ""))), None
            ), f"{path} comes out otherwise"
    return None


class _Drafter:
    """One time through: every difference meets its proposals, and what is kept changes the tree of the trial."""

    def __init__(
        self, trial: Trial, target: Mapping[str, bytes], stamped: Mapping[str, str], banned: set[str] | None
    ) -> None:
        self._trial, self._target, self._stamped, self._banned = trial, target, stamped, banned

    def run(self, known: Sequence[Step] = ()) -> None:
        """Draft all steps, first those that held before; with nothing but text if `banned` is None."""
        if self._banned is not None:
            for step in known:
                if "text" not in step:
                    self._try({name: value for name, value in step.items() if name != "expect"})
            for path in self._trial.left():
                for step in packages(path, self._trial.now(path), self._target[path]):
                    if self._try(step):
                        break
            self._everywhere(guards_of)
            self._everywhere(renames_of)
            while self._one_more():
                pass
        for path in self._trial.left():
            steps = literal(path, self._trial.now(path), self._target[path])
            if steps and not self._trial.attempt(*steps):
                self._trial.attempt(*({**step, "comments": "drop"} for step in steps))

    def _try(self, step: Step) -> bool:
        tried = {name: value for name, value in step.items() if name != LITERAL}
        if self._banned is None or key(tried) in self._banned:
            return False
        if not self._trial.attempt(tried):
            return False
        self._trial.kept[-1] |= {LITERAL: True} if step.get(LITERAL) else {}
        return True

    def _programs(self) -> Iterator[tuple[Program, Program]]:
        for path in self._trial.left():
            if path.endswith(PROGRAM) and self._trial.now(path):
                sides = (self._trial.now(path), self._target[path])
                old, new = (program(path, data, self._stamped) for data in sides)
                if old and new:
                    yield old, new

    def _everywhere(self, propose: Callable[[Program, Program], Iterator[Step]]) -> None:
        """Try what speaks of an imported name in the whole tree, then in the files where the patch has it."""
        found: dict[str, tuple[Step, list[str]]] = {}
        for old, new in self._programs():
            for step in propose(old, new):
                found.setdefault(key(step), (step, []))[1].append(old.path)
        for step, paths in found.values():
            files = list(dict.fromkeys(paths))
            if not self._try(step) and not self._try({**step, "in": files[0] if len(files) == 1 else files}):
                for path in files if len(files) > 1 else ():
                    self._try({**step, "in": path})

    def _one_more(self) -> bool:
        """Try the proposals of all differences until one is kept; tell whether one was."""
        open_ = [(one, old, new) for old, new in self._programs() for one in differences(old.tree, new.tree)]
        ladders = [(scope_of(old.path, one), self._ladder(one, old, new)) for one, old, new in open_]
        scopes: dict[str, list[str]] = {}
        for scope, ladder in ladders:
            for step in ladder:
                scopes.setdefault(key(step), []).append(scope)
        kept = False
        tried: set[str] = set()
        depth = max((len(ladder) for _, ladder in ladders), default=0)
        for scope, ladder in ladders:
            for step in ladder[:depth]:
                if key({**step, "in": scope}) in tried:
                    break
                if self._narrowing(step, list(dict.fromkeys(scopes[key(step)])), scope, tried):
                    kept = True
                    break
        return kept

    def _narrowing(self, step: Step, scopes: list[str], own: str, tried: set[str]) -> bool:
        """Try a step in all scopes that have it, then in its own."""
        if len(scopes) > 1 and key({**step, "in": scopes}) not in tried:
            tried.add(key({**step, "in": scopes}))
            if self._try({**step, "in": scopes}):
                tried.update(key({**step, "in": scope}) for scope in scopes)
                return True
        tried.add(key({**step, "in": own}))
        return self._try({**step, "in": own})

    def _ladder(self, one: Difference, old: Program, new: Program) -> list[Step]:
        if _is_import_of_shim(one, new):
            return []  # it comes with the names that are read from it
        return list(proposals(one, old, new))


def _is_import_of_shim(one: Difference, new: Program) -> bool:
    imports = [node for node in one.new if isinstance(node, (ast.Import, ast.ImportFrom))]
    return (
        bool(imports)
        and not one.old
        and any(origin.startswith("shim.") for node in imports for origin in new.meant(node))
    )


def guards_of(old: Program, new: Program) -> Iterator[Step]:
    """Yield the guards of a file."""
    yield from guards(old, new)


def renames_of(old: Program, new: Program) -> Iterator[Step]:
    """Yield the renames of a file."""
    for one in differences(old.tree, new.tree):
        yield from renames(one, old, new)
