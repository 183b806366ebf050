"""`patcher list`: the bundled recipes."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("list", short_help="List the recipes that come with patcher.")
def command() -> int:
    """List the recipes that come with patcher."""
    from patcher.recipe import describe

    found = describe()
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        click.echo(f"{one.name:{width}}  {one.summary or f'does not load: {one.trouble}'}")
    return 0
