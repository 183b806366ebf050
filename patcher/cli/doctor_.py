"""`patcher doctor`: what this machine lacks for a checkout, each with its remedy."""

from __future__ import annotations

import json
from pathlib import Path

import click

from patcher.cli.common import check_output, completes, load_recipe, output_option, paint, recipe_help, write_output
from patcher.errors import UsageError

__all__ = ["command"]


@click.command("doctor", short_help="Say what this machine lacks for a checkout.")
@click.argument("path", default=".", type=click.Path())
@click.option(
    "-r",
    "--recipe",
    metavar="RECIPE",
    help=f"{recipe_help} Default: those that fit.",
    shell_complete=completes("recipes"),
)
@click.option("--python", metavar="PYTHON", help="The interpreter that runs the tree. Default: as `verify` finds it.")
@click.option(
    "--measure", is_flag=True, help="Train a copy at full size for some steps: what batch fits, how long a run takes."
)
@click.option("--allow-run", is_flag=True, help="Measure by a recipe that did not come with patcher.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(
    path: str,
    recipe: str | None,
    python: str | None,
    measure: bool,
    allow_run: bool,
    form: str,
    output: Path | None,
) -> int:
    """Say what this machine lacks for the checkout at PATH, each with its remedy. Exit code 1 if anything is."""
    from patcher.checkout import Checkout
    from patcher.doctor import examine, worst
    from patcher.recipe import bundled_root, describe, load
    from patcher.report.examined import examined_data, examined_text
    from patcher.verify.run import interpreter

    check_output(output)
    checkout = Checkout.open(path)
    named = interpreter(checkout, python)
    recipes = [load_recipe(recipe, ())] if recipe else [load(one.name) for one in describe() if not one.trouble]
    foreign = [one.name for one in recipes if one.sizes and not one.bundled]
    if measure and foreign and not allow_run:
        raise UsageError(f"{foreign[0]} did not come with patcher; read its sizes, then give --allow-run to run them.")
    found = examine(checkout, recipes, bundled_root() / "shims", python=named, tree=path, measure=measure)
    if form == "json":
        write_output(json.dumps(examined_data(found, path, named), indent=2) + "\n", output)
    else:
        write_output(examined_text(found, path, named, paint), output)
    return worst(found)
