"""`patcher loops`: the loops of a tree that could be batched, and why the others must stay."""

from __future__ import annotations

import json
from pathlib import Path

import click

from patcher.cli.common import check_output, output_option, paint, write_output

__all__ = ["command"]


@click.command("loops", short_help="List the loops that could be batched, and why others must stay.")
@click.argument("path", default=".", type=click.Path())
@click.option("--prove", is_flag=True, help="Run each beside its batched code, and offer only those that are equal.")
@click.option("--python", metavar="PYTHON", help="The Python that has torch, for --prove.")
@click.option("--show", is_flag=True, help="Show the batched code of each.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(path: str, prove: bool, python: str | None, show: bool, form: str, output: Path | None) -> int:
    """List the loops over the places of a tensor in the checkout at PATH, and what can be made of each.

    A loop is told as batched (inlined code, or torch.func.vmap), or with the reason why it must stay. Nothing is
    written, and without --prove nothing is run.
    """
    from patcher.checkout import Checkout
    from patcher.errors import UsageError
    from patcher.recipe import bundled_root
    from patcher.report.looped import looped_data, looped_text
    from patcher.syntax.draft import Draft
    from patcher.syntax.loops import candidates
    from patcher.verify.loops import Judged, judged
    from patcher.verify.run import interpreter

    if python and not prove:
        raise UsageError("--python is for --prove, which is what runs anything; give both or none.")
    check_output(output)
    checkout = Checkout.open(path)
    draft = Draft(checkout, bundled_root() / "shims")
    loops = tuple(candidates(draft))
    found = tuple(Judged(one) for one in loops)
    if prove:
        chosen = interpreter(checkout, python)
        count = sum(bool(one.form) for one in loops)
        click.echo(
            f"Running {count} loop{'s' if count != 1 else ''} beside their batched code, with {chosen}", err=True
        )
        found = judged(loops, draft, chosen)
    if form == "json":
        write_output(json.dumps(looped_data(found, path, proved=prove), indent=2) + "\n", output)
        return 0
    shown = {one.path for one in loops if one.form} if show else set()
    texts = {one: draft.read(one).decode("utf-8-sig").replace("\r\n", "\n") for one in shown}
    write_output(looped_text(found, path, paint, proved=prove, texts=texts), output)
    return 0
