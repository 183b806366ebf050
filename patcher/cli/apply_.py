"""`patcher apply`: plan, then write, or show the plan in one of several forms."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patcher.cli.common import (
    allow_python_option,
    check_output,
    coloured,
    load_recipe,
    output_option,
    paint,
    parameters_option,
    recipe_option,
    refuse_code,
    write_output,
)
from patcher.errors import UsageError
from patcher.model import Plan, Status

if TYPE_CHECKING:
    from patcher.checkout import Checkout

__all__ = ["command"]


@click.command("apply", short_help="Apply a recipe to a checkout.")
@click.argument("path", type=click.Path())
@recipe_option
@parameters_option
@click.option("--diff", "--dry-run", "diff", is_flag=True, help="Print a patch that `git apply` takes; write nothing.")
@click.option("--check", is_flag=True, help="Print one line a file that would change; write nothing.")
@click.option("--allow-dirty", is_flag=True, help="Also edit files that hold uncommitted work.")
@allow_python_option
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
    allow_python: bool,
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
    loaded = load_recipe(recipe, params)
    if not allow_python:
        refuse_code(loaded)
    check_output(output)
    checkout = Checkout.open(path)
    plan = make_plan(loaded, checkout, bundled_root() / "shims")
    held_back = bool(blocked(plan)) and not partial
    looking = diff or check
    write = not (looking or held_back)
    if write:
        apply(plan, checkout, allow_dirty=allow_dirty)
    code = _exit_code(plan, looking=looking)
    if form == "json":
        data = plan_data(plan, written=write, exit_code=code, prefix=checkout.prefix)
        write_output(json.dumps(data, indent=2) + "\n", output)
    elif diff:
        write_output(_painted(patch(plan, checkout.prefix), output), output)
    elif check:
        write_output(check_lines(plan), output)
    else:
        write_output(summary(plan, paint, written=write, tree=path, recipe=recipe), output)
    if form == "text":
        for note in _notes(plan, checkout, path, looking=looking, held_back=held_back):
            click.echo(note, err=True)
    return code


def _exit_code(plan: Plan, *, looking: bool) -> int:
    refused = any(place.status is Status.REFUSED for outcome in plan.outcomes for place in outcome.places)
    drifted = any(not outcome.step.optional for outcome in plan.of(Status.DRIFTED))
    if refused or drifted or plan.of(Status.REFUSED):
        return 3
    return 1 if looking and plan.changes else 0


def _notes(plan: Plan, checkout: Checkout, path: str, *, looking: bool, held_back: bool) -> Iterator[str]:
    """Yield what is said on stderr, beside the report."""
    from patcher.report.text import notes

    if looking:
        yield from notes(plan)
    if held_back and looking:
        yield "Without --partial nothing of this would be written, because a step drifted."
    elif held_back:
        yield "Nothing was written, because a step drifted. --partial writes the steps that hold."
    if held_back:
        yield from _applied_otherwise(plan, checkout, path)
    if checkout.prefix:
        yield f"Note: {path} is a subfolder of a repository; what it imports is looked for from there on."
    if not any(place.status is not Status.ABSENT for outcome in plan.outcomes for place in outcome.places):
        yield f"No step of {plan.recipe.name} found its place in {path}; is it the right tree?"
    tested = plan.recipe.upstream.tested if plan.recipe.upstream else ()
    if tested and plan.changes and checkout.head is not None and checkout.head not in tested:
        known = ", ".join(commit[:7] for commit in tested)
        yield f"Note: HEAD is {checkout.head[:7]}; {plan.recipe.name} was tried on {known}."


def _applied_otherwise(plan: Plan, checkout: Checkout, path: str) -> Iterator[str]:
    """Say so if the same recipe stands in the tree with other parameters."""
    from patcher.journal import Journal

    last = next((one for one in reversed(Journal(checkout).records()) if one.recipe == plan.recipe.name), None)
    if last is not None and dict(last.values) != dict(plan.recipe.values):
        values = ", ".join(f"{name}={value}" for name, value in last.values.items())
        yield f"{last.recipe} was applied here with {values}; take that back first: patcher undo {shlex.quote(path)}."


def _painted(data: bytes, output: Path | None) -> bytes | str:
    """Colour a patch on a terminal; anywhere else every byte stays."""
    if output is not None or not coloured():
        return data
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = data.decode("utf-8", "replace").split("\n")
    return "\n".join(click.style(line, fg=colours.get(line[:1])) if line else line for line in lines)
