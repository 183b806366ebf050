"""`patcher apply`: plan, then write, or show the plan in one of several forms."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from patcher.cli.common import load_recipe, output_option, paint, parameters_option, recipe_option, write_output
from patcher.errors import UsageError
from patcher.model import Plan, Status

__all__ = ["command"]


@click.command("apply", short_help="Apply a recipe to a checkout.")
@click.argument("path", type=click.Path())
@recipe_option
@parameters_option
@click.option("--diff", "--dry-run", "diff", is_flag=True, help="Print a patch that `git apply` takes; write nothing.")
@click.option("--check", is_flag=True, help="Print one line a file that would change; write nothing.")
@click.option("--allow-dirty", is_flag=True, help="Also edit files that hold uncommitted work.")
@click.option("--partial", is_flag=True, help="Write what holds although a step drifted.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(
    path: str,
    recipe: str,
    params: tuple[str, ...],
    diff: bool,
    check: bool,
    allow_dirty: bool,
    partial: bool,
    form: str,
    output: Path | None,
) -> int:
    """Apply a recipe to the checkout at PATH: all of it or nothing.

    Start with --diff: it prints the patch and writes nothing.
    """
    from patcher.apply import apply
    from patcher.checkout import Checkout
    from patcher.plan import blocked
    from patcher.plan import plan as make_plan
    from patcher.recipe import bundled_root
    from patcher.report.data import plan_data
    from patcher.report.patch import patch
    from patcher.report.text import check_lines, summary

    if diff and check:
        raise UsageError("--diff and --check are two ways to look at one plan; give one of them.")
    checkout = Checkout.open(path)
    plan = make_plan(load_recipe(recipe, params), checkout, bundled_root() / "shims")
    held_back = bool(blocked(plan)) and not partial
    write = not (diff or check or held_back)
    if write:
        apply(plan, checkout, allow_dirty=allow_dirty)
    code = _exit_code(plan, looking=diff or check)
    if form == "json":
        write_output(json.dumps(plan_data(plan, written=write, exit_code=code), indent=2) + "\n", output)
    elif diff:
        write_output(_coloured(patch(plan), output), output)
    elif check:
        write_output(check_lines(plan), output)
    else:
        write_output(summary(plan, paint, written=write, tree=_shown(path)), output)
    if form == "text":
        _tell(plan, path, looking=diff or check, held_back=held_back)
    return code


def _exit_code(plan: Plan, *, looking: bool) -> int:
    refused = any(place.status is Status.REFUSED for outcome in plan.outcomes for place in outcome.places)
    drifted = any(not outcome.step.optional for outcome in plan.of(Status.DRIFTED))
    if refused or drifted or plan.of(Status.REFUSED):
        return 3
    return 1 if looking and plan.changes else 0


def _tell(plan: Plan, path: str, *, looking: bool, held_back: bool) -> None:
    """Say on stderr what a patch or a list of files cannot say."""
    if looking:
        for outcome in plan.outcomes:
            if outcome.status is Status.DRIFTED:
                click.echo(f"{outcome.step.id} drifted: {outcome.reason}", err=True)
            for place in outcome.places:
                if place.status is Status.REFUSED:
                    click.echo(f"{outcome.step.id} refused {place}: {place.reason}.", err=True)
    if held_back and not looking:
        click.echo("Nothing was written, because a step drifted. --partial writes the steps that hold.", err=True)
    if not any(outcome.status in (Status.APPLIED, Status.ALREADY) for outcome in plan.outcomes):
        click.echo(f"No step of {plan.recipe.name} found its place in {path}; is it the right tree?", err=True)
    _tell_untested(plan)


def _tell_untested(plan: Plan) -> None:
    from patcher.checkout import Checkout

    tested = plan.recipe.upstream.tested if plan.recipe.upstream else ()
    head = Checkout.open(plan.root).head if tested else None
    if head is not None and plan.changes and head not in tested:
        known = ", ".join(commit[:7] for commit in tested)
        click.echo(f"Note: HEAD is {head[:7]}; {plan.recipe.name} was tried on {known}.", err=True)


def _coloured(data: bytes, output: Path | None) -> bytes | str:
    """Colour a patch on a terminal; anywhere else every byte stays."""
    if output is not None or not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return data
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = data.decode("utf-8", "replace").split("\n")
    return "\n".join(click.style(line, fg=colours.get(line[:1])) if line else line for line in lines)


def _shown(path: str) -> str:
    """Return the path as the user wrote it, fit for a shell."""
    import shlex

    return shlex.quote(path)
