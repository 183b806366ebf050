"""The tree as it was before a recipe, found again: in the checkout itself, in its history, or in the journal."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from patcher.checkout import Checkout
from patcher.errors import PatcherError, UsageError
from patcher.journal import Journal
from patcher.lock import read_lock
from patcher.model import Plan, Recipe
from patcher.plan import blocked, plan
from patcher.verify.copies import copy_tree

__all__ = ["pristine"]


@contextmanager
def pristine(recipe: Recipe, checkout: Checkout, shims: Path) -> Iterator[tuple[Checkout, Plan]]:
    """Give the tree from before the recipe, and the plan that leads from it to the checkout, byte for byte.

    It is the checkout itself where the recipe is not applied; else the checkout with the recipe's files as the commit
    at HEAD has them, or the one that the lock names, or a tested one, or the journal. What the recipe does not touch
    is always the checkout's.

    Raises:
        UsageError: there is no such tree.
    """
    direct = plan(recipe, checkout, shims)
    if direct.changes and not blocked(direct):
        yield checkout, direct
        return
    with tempfile.TemporaryDirectory(prefix="patcher-", ignore_cleanup_errors=True) as name:
        for number, fill in enumerate(_earlier(recipe, checkout)):
            folder = Path(name, str(number))
            folder.mkdir()
            found = _tried(recipe, checkout, shims, folder, fill)
            if found is not None:
                yield found
                return
        raise UsageError(
            f"{checkout.root} is not what {recipe.name} makes of any earlier state that is known: not of the commit at "
            "HEAD, nor of a tested one, nor of what was there before `patcher apply`. Give the parameters that it was "
            "applied with, or try it on a fresh clone."
        )


def _tried(
    recipe: Recipe, checkout: Checkout, shims: Path, folder: Path, fill: Callable[[Path], None]
) -> tuple[Checkout, Plan] | None:
    """Return the checkout with the files of the recipe as an earlier state has them, if its plan leads back to it."""
    try:
        (folder / "earlier").mkdir()
        fill(folder / "earlier")
        earlier = plan(recipe, Checkout.open(folder / "earlier"), shims)
        (folder / "base").mkdir()
        copy_tree(checkout, folder / "base", {change.path: change.before for change in earlier.changes})
        base = Checkout.open(folder / "base")
        made = plan(recipe, base, shims)
    except PatcherError:
        return None
    leads = made.changes and not blocked(made) and all(_there(checkout, one.path) == one.after for one in made.changes)
    return (
        (base, made) if leads and {one.path for one in made.changes} == {one.path for one in earlier.changes} else None
    )


def _there(checkout: Checkout, path: str) -> bytes | None:
    return checkout.read(path) if path in checkout.paths else None


def _earlier(recipe: Recipe, checkout: Checkout) -> Iterator[Callable[[Path], None]]:
    """Yield what fills a folder with an earlier state of the tree."""
    tested = recipe.upstream.tested if recipe.upstream else ()
    locked = (entry.upstream or None for entry in read_lock(checkout).recipes)
    for commit in dict.fromkeys((checkout.head, *locked, *tested) if checkout.is_git else ()):
        if commit is not None:
            yield lambda folder, commit=commit: checkout.export(commit, folder)  # type: ignore[misc]
    journal = Journal(checkout)
    own = [record for record in journal.records() if record.recipe == recipe.name]
    if own:
        before = {entry.path: journal.before(entry) for record in reversed(own) for entry in record.entries}
        yield lambda folder: _put(checkout, before, folder)


def _put(checkout: Checkout, before: Mapping[str, bytes | None], folder: Path) -> None:
    for path in dict.fromkeys((*checkout.paths, *before)):
        data = before[path] if path in before else checkout.read(path)
        if data is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
