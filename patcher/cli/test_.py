"""`patcher test`: a recipe's own cases, and what it finds on the commits that it was tried on."""

from __future__ import annotations

import click

from patcher.cli.common import allow_python_option, paint, refuse_code
from patcher.errors import UsageError
from patcher.model import Recipe

__all__ = ["command"]

FAILED = 3


@click.command("test", short_help="Run a recipe's own cases.")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...")
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
    from patcher.cases import read_cases, run_case
    from patcher.recipe import bundled_root, load

    cases = read_cases(recipe)
    failed: set[str] = set()
    for case in cases:
        try:
            chosen = load(name, case.values) if case.values else recipe
        except UsageError as error:
            raise UsageError(f"{case.origin}: {case.name}: {error}") from None
        for failure in run_case(case, chosen, bundled_root() / "shims"):
            click.echo(str(failure))
            failed.add(case.origin)
    held = "1 case holds" if len(cases) == 1 else f"{len(cases)} cases hold"
    if not cases:
        held = paint("no cases", "warn")
    elif failed:
        held = paint(f"{len(failed)} of {len(cases)} cases fail", "drifted")
    click.echo(f"{recipe.name}: {held}")
    return not failed


def _snapshots(recipe: Recipe, tree: str, update: bool) -> bool:
    from patcher.checkout import Checkout
    from patcher.recipe import bundled_root
    from patcher.snapshots import snapshots

    held = True
    if not (recipe.upstream and recipe.upstream.tested):
        click.echo(f"{recipe.name} names no commit that it was tried on, so there is nothing to compare.")
    for snapshot in snapshots(recipe, Checkout.open(tree), bundled_root() / "shims"):
        differences = list(snapshot.differences())
        if differences and update:
            snapshot.write()
            click.echo(f"{recipe.name} at {snapshot.commit[:7]}: kept in {snapshot.file}")
        elif differences:
            held = False
            click.echo(f"{recipe.name} at {snapshot.commit[:7]}: " + paint("not what is kept", "drifted"))
            click.echo("".join(f"  {line}\n" for line in differences), nl=False)
        else:
            click.echo(f"{recipe.name} at {snapshot.commit[:7]}: as it is kept")
    return held
