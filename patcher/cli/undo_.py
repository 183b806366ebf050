"""`patcher undo`: back to the bytes before."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("undo", short_help="Take back what the last apply wrote.")
@click.argument("path", type=click.Path())
@click.option("--merge", is_flag=True, help="Keep what was edited since, and take out only what apply wrote.")
def command(path: str, merge: bool) -> int:
    """Take back what the last apply wrote in the checkout at PATH.

    If a file was edited since, it is named and nothing is changed, unless --merge is given.
    """
    from patcher.apply import undo
    from patcher.checkout import Checkout

    undone = undo(Checkout.open(path), merge=merge)
    what = "an interrupted apply" if undone.interrupted else "the apply"
    click.echo(f"Took back {what} of {undone.recipe} ({undone.time}).")
    for title, paths in (
        ("as it was", undone.restored),
        ("removed", undone.removed),
        ("was so already", undone.already),
        ("edited since; the edits stay, what was applied is out", undone.merged),
    ):
        for name in paths:
            click.echo(f"  {name}: {title}")
    for commit in undone.commits:
        click.echo(f"Committed as {commit[:12]}; the commits of the apply stay in the history.")
    for folder in undone.kept:
        click.echo(f"  {folder}: kept, because something else is in it")
    return 0
