"""`patcher explain`: why each step did or did not match at one line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import click

from patcher.chain import Link
from patcher.cli.common import (
    allow_python_option,
    completes,
    paint,
    parameters_option,
    recipe_or_lock_option,
    refuse_code,
)
from patcher.errors import UsageError

__all__ = ["command"]


@click.command("explain", short_help="Say why each step did or did not match at a line.")
@click.argument("place", metavar="PATH:LINE")
@recipe_or_lock_option
@parameters_option
@click.option("--tree", type=click.Path(), help="The checkout, if PATH is relative to it. Default: found from PATH.")
@allow_python_option
@click.option("--step", help="Explain this step alone.", shell_complete=completes("steps"))
def command(
    place: str, recipe: str | None, params: tuple[str, ...], tree: str | None, allow_python: bool, step: str | None
) -> int:
    """Say, for each step of a recipe, why it did or did not match at PATH:LINE, and what would satisfy it."""
    from patcher.checkout import Checkout
    from patcher.cli.chosen import only
    from patcher.explain import explain
    from patcher.recipe import bundled_root
    from patcher.verify.proofs import only_proved

    file, line = _split(place)
    root = Path(tree) if tree is not None else _root_of(file)
    asked = only(str(root), recipe, params)
    loaded = asked.recipe
    if not allow_python:
        refuse_code(loaded)
    known = [one.id for one in loaded.steps]
    if step is not None and step not in known:
        near = [name for name in known if name.endswith(f"/{step}")] or get_close_matches(step, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see `patcher show {asked.spec}`."
        raise UsageError(f"{loaded.name} has no step {step}; {hint}")
    path = os.path.relpath(file, root) if tree is None or Path(file).is_absolute() else os.path.normpath(file)
    width = max((len(one.id) for one in loaded.steps), default=0)
    checkout, shims = Checkout.open(root), bundled_root() / "shims"
    for told in explain(only_proved(loaded, checkout, shims), checkout, shims, path.replace(os.sep, "/"), line):
        if step in (None, told.step.id):
            status = paint(f"{told.status or '-':8}", told.status or "absent")
            click.echo(f"{status}  {told.step.id:{width}}  {told.reason}")
            click.echo("\n".join(_chain(told.chain)))
    return 0


def _chain(chain: Sequence[Link]) -> Iterator[str]:
    """Yield a line for each thing that a step asks, and one for what would satisfy the first that fails."""
    failed = False
    width = max((len(link.key) for link in chain), default=0)
    for link in chain:
        mark, role = {True: ("ok", "applied"), False: ("no", "refused"), None: ("", "absent")}[link.holds]
        yield f"    {paint(f'{mark:2}', role)}  {link.key:{width}}  {link.text}"
        if link.holds is False and not failed:
            failed = True
            if link.wanted:
                yield f"    {'':2}  {'':{width}}  wanted: {link.wanted}"


def _split(place: str) -> tuple[str, int]:
    file, colon, line = place.rpartition(":")
    if not colon or not line.isdigit():
        raise UsageError(f"`{place}` is not of the form PATH:LINE; write for instance ./HRM/models/layers.py:134.")
    return file, int(line)


def _root_of(file: str) -> Path:
    """Return the checkout that a file lies in: the nearest folder above it that git knows, else the file's own."""
    folder = Path(file).absolute().parent
    return next((above for above in (folder, *folder.parents) if (above / ".git").exists()), folder)
