"""A fork whose upstream moved: what becomes of each step, and the fork as it would stand on the new upstream.

The recipes are planned on the old upstream and on the new one. What the fork has beyond the first is what people wrote:
it is merged three-way with the second. A step that no longer holds is carried over as text, like an edit by hand, and
said so. Nothing is written here, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from patcher.checkout import OWN, Checkout
from patcher.choices import Choices
from patcher.errors import PatcherError, RecipeError, UsageError
from patcher.history import Tree, renamed, tracked, tree_of
from patcher.lock import Locked, lock_entry
from patcher.merged import Edited, change_of, edits, mode_of, unparsed
from patcher.merging import Conflict, File, Files, merge_trees
from patcher.model import Change, Plan, Recipe, Status
from patcher.moves import Trace, traces
from patcher.plan import blocked, plan
from patcher.review import declined, remembered
from patcher.upstream import known, start_of
from patcher.view import View, changed

__all__ = ["Applied", "Edited", "Update", "prepare"]

NOTHING = File(b"")


@dataclass(frozen=True, slots=True)
class Applied:
    """A recipe that is applied in a fork, what the lock calls it, and what the lock says of it."""

    recipe: Recipe
    name: str
    locked: Locked | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A fork on its new upstream, before anything is written.

    `entries` are what the lock then says. `left` is what the new upstream changed and patcher does not write: links,
    submodules, modes. `notes` are of the result: what a recipe would still do in it.
    """

    plans: tuple[Plan, ...]
    old: str
    new: str
    traces: tuple[tuple[Trace, ...], ...] = ()
    edits: tuple[Edited, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    changes: tuple[Change, ...] = ()
    entries: tuple[Locked, ...] = ()
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def fallen(self) -> tuple[Trace, ...]:
        """The steps that the fork has and that no longer hold: they are carried over as text."""
        return tuple(trace for group in self.traces for trace in group if trace.fallen)

    @property
    def held_back(self) -> bool:
        """Whether a step drifted or fell, so that it is for a person to say whether the rest is written."""
        return bool(self.fallen) or any(blocked(one) for one in self.plans)

    @property
    def refused(self) -> bool:
        """Whether a place of the new upstream cannot be edited safely."""
        return any(place.status is Status.REFUSED for one in self.plans for out in one.outcomes for place in out.places)


Planner = Callable[[Recipe, Checkout, Path, Choices | None], Plan]
"""Plans a recipe over a tree, as `plan` does."""

Make = Callable[[Recipe, Checkout], Plan]
"""Plans a recipe over a tree, without what was declined."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One upstream, what the recipes make of it, and their plans."""

    tree: Tree
    patched: Files
    plans: tuple[Plan, ...]


def prepare(
    checkout: Checkout,
    applied: Sequence[Applied],
    shims: Path,
    onto: str,
    *,
    base: str | None = None,
    markers: bool = False,
    planner: Planner = plan,
) -> Update:
    """Return what becomes of a fork on a new upstream; `planner` makes the plans there, and says what may go there.

    Raises:
        UsageError: the commits are not known, or the recipes are not applied.
        TargetError: a file or a tree cannot be read.
        RecipeError: a recipe does not load on one of the upstreams.
    """
    new = known(checkout, onto, "--onto")
    told = next((one.locked.upstream for one in applied if one.locked and one.locked.upstream), "")
    old = start_of(checkout, told, new, base)
    recipes = [one.recipe for one in applied]
    choices = {one.recipe.digest: remembered(one.locked) for one in applied}

    def make(recipe: Recipe, seen: Checkout) -> Plan:
        return planner(recipe, seen, shims, choices[recipe.digest])

    def made(recipe: Recipe, seen: Checkout) -> Plan:  # what stands in the fork went there when it could
        return plan(recipe, seen, shims, choices[recipe.digest])

    if old == new:
        return Update((), old, new)
    trees = [tree_of(checkout, commit) for commit in (old, new)]
    both = (made, make)
    before, after = (_patched(checkout, tree, recipes, one) for tree, one in zip(trees, both, strict=True))
    moved = renamed(checkout, old, new)
    found = tuple(_traces(one, other, trees, moved) for one, other in zip(before.plans, after.plans, strict=True))
    fork = {
        path: file for path, file in tracked(checkout, {**before.patched, **after.patched}).items() if _is_tree(path)
    }
    _refuse_unapplied(checkout, before, fork, recipes)
    update = Update(
        after.plans, old, new, found, left=tuple(_left(trees)), entries=tuple(_entries(applied, after, new))
    )
    base_files, theirs, notes = _carried(checkout, update, (before, after), recipes, both)
    # What a step that fell has put into the fork is carried over, and is no edit of a person.
    update = replace(update, edits=tuple(edits(before.patched, fork)), notes=notes)
    return _merged(checkout, update, base_files, fork, theirs, recipes, make, markers=markers)


def _is_tree(path: str) -> bool:
    return path.partition("/")[0] != OWN


# --- the two upstreams ----------------------------------------------------------------------------------------------


def _patched(checkout: Checkout, tree: Tree, recipes: Iterable[Recipe], make: Make) -> _Side:
    files = {path: file for path, file in tree.files.items() if _is_tree(path)}
    plans: list[Plan] = []
    for recipe in recipes:
        plans.append(make(recipe, _view(checkout, files)))
        files |= {one.path: File(one.after, one.mode) for one in plans[-1].changes}
    return _Side(tree, MappingProxyType(files), tuple(plans))


def _view(checkout: Checkout, files: Files) -> Checkout:
    """Return a checkout that has these files and no others."""
    data = {path: file.data for path, file in files.items()}
    modes = {path: file.mode for path, file in files.items()}
    return View(checkout.root, checkout, data, modes, frozenset(files))


def _traces(old: Plan, new: Plan, trees: Sequence[Tree], moved: Mapping[str, str]) -> tuple[Trace, ...]:
    before, after = (lambda path, tree=tree: tree.files.get(path, NOTHING).data for tree in trees)
    return traces(old, new, before, after, moved)


def _refuse_unapplied(checkout: Checkout, before: _Side, fork: Files, recipes: Sequence[Recipe]) -> None:
    edited = [path for path, file in before.patched.items() if before.tree.files.get(path) != file]
    if edited and all(fork.get(path) == before.tree.files.get(path) for path in edited):
        names = " and ".join(recipe.name for recipe in recipes)
        raise UsageError(
            f"{names} is not applied in {checkout.root}, so there is nothing to update; check out the new upstream "
            "and run `patcher apply` there."
        )


def _carried(
    checkout: Checkout, update: Update, sides: tuple[_Side, _Side], recipes: Sequence[Recipe], both: tuple[Make, Make]
) -> tuple[Files, Files, tuple[str, ...]]:
    """Return base and theirs of the merge; a step that fell is in neither, so that the fork's text of it is an edit."""
    fallen = [{trace.step.id for trace in group if trace.fallen} for group in update.traces]
    if not any(fallen):
        return sides[0].patched, sides[1].patched, ()
    rest = [
        replace(recipe, steps=tuple(step for step in recipe.steps if step.id not in names))
        for recipe, names in zip(recipes, fallen, strict=True)
    ]
    try:
        before, after = (_patched(checkout, side.tree, rest, make) for side, make in zip(sides, both, strict=True))
    except RecipeError as error:
        # Then all that the recipes did is merged as text.
        note = f"The other steps do not hold without the ones that drifted; all of them are merged as text. {error}"
        return sides[0].tree.files, sides[1].tree.files, (note,)
    return before.patched, after.patched, ()


def _entries(applied: Sequence[Applied], after: _Side, new: str) -> Iterator[Locked]:
    for one, made in zip(applied, after.plans, strict=True):
        if one.locked is not None:
            yield replace(lock_entry(made, one.name, new, one.locked, declined(made, one.locked)), upstream=new)


def _left(trees: Sequence[Tree]) -> Iterator[str]:
    """Yield what the new upstream changed and patcher does not write."""
    old, new = trees
    for path in sorted({*old.others, *new.others}):
        if old.others.get(path) != new.others.get(path):
            what = "added" if path not in old.others else "removed" if path not in new.others else "changed"
            yield f"{path}: a link or submodule that the new upstream {what}"


# --- the merge --------------------------------------------------------------------------------------------------------


def _merged(
    checkout: Checkout,
    update: Update,
    base: Files,
    fork: Files,
    theirs: Files,
    recipes: Sequence[Recipe],
    make: Make,
    *,
    markers: bool,
) -> Update:
    found = merge_trees(base, fork, theirs)
    conflicts = (*found.conflicts, *unparsed(found.files, fork, theirs, {one.path for one in found.conflicts}))
    met = {one.path for one in conflicts} if not markers else set[str]()
    wanted = {path: file for path, file in found.files.items() if path not in met}
    changes = tuple(change for path, file in wanted.items() for change in change_of(path, fork.get(path), file))
    modes = (mode_of(path, fork[path], file) for path, file in wanted.items() if file and path in fork)
    update = replace(update, conflicts=conflicts, changes=changes, left=(*update.left, *filter(None, modes)))
    rest = () if conflicts else _unrest(checkout, fork, changes, recipes, make)
    return replace(update, notes=(*update.notes, *rest))


def _unrest(
    checkout: Checkout, fork: Files, changes: Sequence[Change], recipes: Iterable[Recipe], make: Make
) -> Iterator[str]:
    """Yield what the recipes would still do in the result."""
    files = {**fork, **{one.path: File(one.after, one.mode) for one in changes if not one.gone}}
    seen = _view(checkout, {path: file for path, file in files.items() if path not in _gone(changes)})
    for recipe in recipes:
        try:
            made = make(recipe, seen)
        except PatcherError as error:
            yield f"{recipe.name} does not hold in the result: {error}"
            return
        for outcome in made.outcomes:
            places = [str(place) for place in outcome.places if place.status is Status.APPLIED]
            if places:
                yield (
                    f"{outcome.step.id} would still edit {', '.join(dict.fromkeys(places))}: what is there is the "
                    "fork's own. Look at it, or apply the recipe."
                )
        seen = changed(seen, made.changes)


def _gone(changes: Iterable[Change]) -> set[str]:
    return {change.path for change in changes if change.gone}
