"""`patcher verify`: train the patched tree by the recipe's own checks."""

from __future__ import annotations

import shlex

import click

from patcher.cli.common import load_recipe, paint, parameters_option, recipe_option
from patcher.errors import DriftError, UsageError
from patcher.model import Plan, Status

__all__ = ["command"]

NUMBERS_DIFFER = 4


@click.command("verify", short_help="Train the patched tree by the recipe's checks.")
@click.argument("path", type=click.Path())
@recipe_option
@parameters_option
@click.option("--python", metavar="PYTHON", help="The Python that has what the tree imports.")
@click.option("--allow-run", is_flag=True, help="Run the checks of a recipe that did not come with patcher.")
def command(path: str, recipe: str, params: tuple[str, ...], python: str | None, allow_run: bool) -> int:
    """Train a copy of the tree at PATH by the recipe's checks, and say whether it trains.

    This version has no golden outputs yet: it shows the losses and does not judge them.
    """
    from patcher.checkout import Checkout
    from patcher.plan import plan as make_plan
    from patcher.recipe import bundled_root
    from patcher.report.training import run_report
    from patcher.verify.run import interpreter, run_check, words

    loaded = load_recipe(recipe, params)
    if not loaded.checks:
        raise UsageError(f"{loaded.name} has no checks, so there is nothing to run.")
    if not (loaded.bundled or allow_run):
        raise UsageError(
            f"{loaded.name} did not come with patcher; read its checks, then give --allow-run to run them."
        )
    checkout = Checkout.open(path)
    _check_applied(make_plan(loaded, checkout, bundled_root() / "shims"), path, recipe)
    chosen = interpreter(checkout, python)
    code = 0
    for check in loaded.checks:
        prepared = f"{check.arguments['prepare']}, then " if "prepare" in check.arguments else ""
        click.echo(f"{check.id}: {prepared}{shlex.join(words(check))}, with {chosen}", err=True)
        run = run_check(loaded, check, checkout, chosen)
        click.echo(run_report(check, run, paint), nl=False)
        code = code if run.trained else NUMBERS_DIFFER
    return code


def _check_applied(plan: Plan, path: str, recipe: str) -> None:
    """Refuse to train a tree that the recipe would still change, or in which it does not hold."""
    drifted = next((one for one in plan.outcomes if one.status is Status.DRIFTED and not one.step.optional), None)
    if drifted is not None:
        raise DriftError(
            f"{plan.recipe.name} does not hold in {path}: {drifted.step.id} drifted. {drifted.reason} "
            "Give the parameters that it was applied with, or see `patcher apply --check`."
        )
    if plan.changes:
        raise UsageError(f"{plan.recipe.name} is not applied in {path}; first run `patcher apply {path} -r {recipe}`.")
