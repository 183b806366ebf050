"""`patcher update`: a fork taken to a newer upstream, or shown as it would be there."""

from __future__ import annotations

from typing import Any

import click

from patcher.cli.common import allow_python_option, completes, output_option, parameters_option, recipe_help

__all__ = ["command"]


@click.command("update", short_help="Take a fork to a newer upstream.")
@click.argument("path", type=click.Path())
@click.option("--onto", metavar="REF", help="The new upstream, as it was fetched. Default: its remote's main branch.")
@click.option("--base", metavar="REF", help="The upstream's commit that the fork was made from, if nothing says so.")
@click.option(
    "-r",
    "--recipe",
    metavar="RECIPE",
    help=f"{recipe_help} Default: those that the lock names.",
    shell_complete=completes("recipes"),
)
@parameters_option
@click.option("--write", is_flag=True, help="Write the result; without it, it is only shown.")
@click.option("--commit", is_flag=True, help="Write it, and commit it as a merge of the new upstream.")
@click.option("--branch", metavar="NAME", help="Make a branch and switch to it before anything is written.")
@click.option("--partial", is_flag=True, help="Write although a step drifted: what the fork has of it stays as text.")
@click.option("--markers", is_flag=True, help="Write conflicts too, marked as git marks them.")
@allow_python_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(**options: Any) -> int:
    """Take the fork at PATH, a patched checkout, to a newer commit of its upstream.

    Its recipes are planned on the new upstream, and what the fork has beside them is merged. Without --write nothing is
    written: the report says what became of each place, and ends with the patch. Fetch the new upstream first.
    """
    from patcher.cli.updating import Asked, carry_out

    return carry_out(Asked(**options))
