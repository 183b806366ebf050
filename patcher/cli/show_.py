"""`patcher show`: a recipe, step by step."""

from __future__ import annotations

from pathlib import Path

import click

from patcher.cli.common import (
    check_output,
    completes,
    load_recipe,
    output_option,
    paint,
    parameters_option,
    write_output,
)
from patcher.errors import UsageError
from patcher.model import Recipe, Step

__all__ = ["command"]


@click.command("show", short_help="Show what a recipe does, step by step.")
@click.argument("recipe", shell_complete=completes("recipes"))
@parameters_option
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), default="text", show_default=True)
@output_option
def command(recipe: str, params: tuple[str, ...], form: str, output: Path | None) -> int:
    """Show what RECIPE does: its parameters, and each step with its reason and effect."""
    check_output(output)
    loaded = load_recipe(recipe, params)
    if form == "markdown":
        from patcher.cases import read_cases
        from patcher.report.page import recipe_page

        write_output(recipe_page(loaded, read_cases(loaded)), output)
        return 0
    if output is not None:
        raise UsageError("--output writes the page of a recipe; say --format markdown too.")
    click.echo(paint(loaded.name, "head") + f": {loaded.summary}")
    _upstream(loaded)
    _parameters(loaded)
    click.echo(paint("\nSteps", "head"))
    for step in loaded.steps:
        _step(step)
    _checks(loaded)
    return 0


def _checks(recipe: Recipe) -> None:
    if recipe.checks:
        click.echo(paint("\nChecks", "head"))
    for check in recipe.checks:
        golden = f"; golden {check.golden}" if check.golden else "; no golden"
        click.echo(f"  {check.id} ({', '.join(check.readings)}{golden})")
        click.echo(paint(f"      {check.why}", "why"))
    if recipe.next:
        click.echo(paint("\nNext, in the tree", "head"))
    for hint in recipe.next:
        click.echo(f"  {hint.run.replace('{tree}', '.')}")
        click.echo(paint(f"      {hint.why}", "why"))


def _upstream(recipe: Recipe) -> None:
    if recipe.upstream is not None:
        tested = ", ".join(commit[:7] for commit in recipe.upstream.tested)
        click.echo(f"For {recipe.upstream.repository}" + (f", tried on {tested}." if tested else "."))


def _parameters(recipe: Recipe) -> None:
    if recipe.parameters:
        click.echo(paint("\nParameters", "head"))
    for parameter in recipe.parameters:
        kind = " | ".join(parameter.choices) or parameter.type
        value = recipe.values.get(parameter.name, parameter.default)
        click.echo(f"  {parameter.name}: {kind} (now {value or 'empty'})")
        if parameter.help:
            click.echo(paint(f"      {parameter.help}", "why"))


def _step(step: Step) -> None:
    where = f" in {', '.join(map(str, step.within))}" if step.within else ""
    effect = step.effect.kind.value + (f": {step.effect.detail}" if step.effect.detail else "")
    click.echo(f"  {step.id} ({step.verb}{where}; expects {step.expect})")
    click.echo(paint(f"      {step.why}", "why"))
    click.echo(paint(f"      effect: {effect}", "why"))
