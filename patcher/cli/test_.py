"""`patcher test`: a recipe's own cases, and what it finds on the commits that it was tried on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from patcher.cli.common import allow_python_option, completes, paint, refuse_code
from patcher.errors import RecipeError, TargetError, UsageError
from patcher.model import Recipe, Upstream

if TYPE_CHECKING:
    from patcher.cases import Case, Failure
    from patcher.checkout import Checkout

__all__ = ["command"]

FAILED = 3


@click.command("test", short_help="Run a recipe's own cases.")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...", shell_complete=completes("recipes"))
@click.option(
    "--tree", type=click.Path(), help="A clone of the recipe's upstream: compare the counts of tested commits."
)
@click.option("-u", "--update", is_flag=True, help="Keep the counts that are found (with --tree).")
@allow_python_option
def command(recipes: tuple[str, ...], tree: str | None, update: bool, allow_python: bool) -> int:
    """Run the cases beside each RECIPE, or beside every bundled one.

    A case is a before and an after; each is run as written, with CRLF, with tabs, behind a byte-order mark, without a
    final newline, and a second time on its own result. The exit code is 3 if a case or a count does not hold.
    """
    from patcher.recipe import bundled_names, load

    if update and tree is None:
        raise UsageError("-u keeps what is found in a tree; name a clone of the upstream with --tree.")
    if tree is not None and len(recipes) != 1:
        raise UsageError("--tree is the upstream of one recipe; name that recipe.")
    held = True
    for name in recipes or bundled_names():
        if not allow_python:
            refuse_code(load(name))
        held &= _cases(load(name), name)
        if tree is not None:
            held &= _snapshots(load(name), tree, update)
    return 0 if held else FAILED


def _cases(recipe: Recipe, name: str) -> bool:
    from patcher.cases import cases_of, read_cases

    cases = read_cases(recipe)
    failed: set[str] = set()
    for case in cases:
        for failure in _failures(case, recipe, name):
            click.echo(str(failure))
            failed.add(case.origin)
    held = "1 case holds" if len(cases) == 1 else f"{len(cases)} cases hold"
    if not cases:
        held = paint("no cases", "warn") + f"; they would stand in {cases_of(recipe)}"
    elif failed:
        held = paint(f"{len(failed)} of {len(cases)} cases fail", "drifted")
    click.echo(f"{recipe.name}: {held}")
    return not failed


def _failures(case: Case, recipe: Recipe, name: str) -> Iterator[Failure]:
    """Yield what does not hold of a case, also if the recipe does not load with its parameters."""
    from patcher.cases import Failure, run_case
    from patcher.recipe import bundled_root, load

    try:
        chosen = load(name, case.values) if case.values else recipe
    except UsageError as error:
        raise UsageError(f"{case.origin}: {case.name}: {error}") from None
    except RecipeError as error:
        yield Failure(case, "as written", str(error))
        return
    yield from run_case(case, chosen, bundled_root() / "shims")


def _snapshots(recipe: Recipe, tree: str, update: bool) -> bool:
    from patcher.checkout import Checkout

    if not (recipe.upstream and recipe.upstream.tested):
        click.echo(f"{recipe.name} names no commit that it was tried on, so there is nothing to compare.")
        return True
    checkout = Checkout.open(tree)
    _check_history(recipe.upstream, checkout, tree)
    held = True
    for commit in recipe.upstream.tested:
        held &= _snapshot(recipe, recipe.upstream, commit, checkout, update)
    return held


def _snapshot(recipe: Recipe, upstream: Upstream, commit: str, checkout: Checkout, update: bool) -> bool:
    """Compare the counts of one commit with those that are kept, or keep them."""
    from patcher.recipe import bundled_root
    from patcher.snapshots import snapshots

    alone, named = replace(recipe, upstream=replace(upstream, tested=(commit,))), f"{recipe.name} at {commit[:7]}"
    try:
        snapshot = next(snapshots(alone, checkout, bundled_root() / "shims"))
    except RecipeError as error:
        click.echo(f"{named}: {error}")
        return False
    differences = list(snapshot.differences())
    if differences and update:
        snapshot.write()
        click.echo(f"{named}: kept in {snapshot.file}")
    elif differences:
        click.echo(f"{named}: " + paint("not what is kept", "drifted"))
        click.echo("".join(f"  {line}\n" for line in differences), nl=False)
    else:
        click.echo(f"{named}: as it is kept")
    return update or not differences


def _check_history(upstream: Upstream, checkout: Checkout, tree: str) -> None:
    """Refuse a folder of which nothing tells what a commit held."""
    if checkout.head is None:
        raise TargetError(
            f"{tree} has no git history, so what {upstream.tested[0][:12]} held cannot be told; clone the upstream, "
            f"and name that folder: git clone {upstream.repository}"
        )
