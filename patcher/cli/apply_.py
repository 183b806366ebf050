"""`patcher apply`: plan, then write, or show the plan in one of several forms."""

from __future__ import annotations

from typing import Any

import click

from patcher.cli.common import allow_python_option, completes, output_option, parameters_option, recipe_help

__all__ = ["command"]


@click.command("apply", short_help="Apply a recipe to a checkout.")
@click.argument("path", type=click.Path(), required=False)
@click.option(
    "-r",
    "--recipe",
    metavar="RECIPE",
    help=f"{recipe_help} Default: those that the lock names.",
    shell_complete=completes("recipes"),
)
@parameters_option
@click.option("--diff", "--dry-run", "diff", is_flag=True, help="Print a patch that `git apply` takes; write nothing.")
@click.option("--check", is_flag=True, help="Print one line a file that would change; write nothing.")
@click.option("-i", "--interactive", is_flag=True, help="Ask about each change, as `git add -p`; then write.")
@click.option("--staged", is_flag=True, help="Look at what git has staged; for hooks. PATH is then `.` by default.")
@click.option("--allow-dirty", is_flag=True, help="Also edit files that hold uncommitted work.")
@allow_python_option
@click.option("--partial", is_flag=True, help="Write what holds although a step drifted.")
@click.option("--lock", is_flag=True, help="Keep the recipe and its parameters in .patcher/lock.yaml.")
@click.option("--commit", is_flag=True, help="Commit what is written, and the lock: one commit a recipe.")
@click.option("--commit-per", type=click.Choice(["recipe", "step"]), help="Commit, and say how many commits it is.")
@click.option("--branch", metavar="NAME", help="Make a branch and switch to it before anything is written.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "patch", "sarif", "github", "html", "markdown"]),
    default="text",
    show_default=True,
    help="`patch` is what `git am` takes; it writes nothing. `sarif` and `github` go with --check. "
    "`html` is a page for the browser, `markdown` for a pull request.",
)
@output_option
def command(commit: bool, commit_per: str | None, path: str | None, staged: bool, **options: Any) -> int:
    """Apply a recipe to the checkout at PATH: all of it or nothing.

    Start with --diff: it prints the patch and writes nothing. Without --recipe the recipes that .patcher/lock.yaml
    names are applied, with the parameters that stand there.
    """
    from patcher.cli.applying import carry_out
    from patcher.cli.asked import Asked

    if path is None and not staged:
        raise click.MissingParameter(param_type="argument", param_hint="'PATH'")
    per = commit_per or ("recipe" if commit else "")
    return carry_out(Asked(path="." if path is None else path, staged=staged, commit=per, **options))
