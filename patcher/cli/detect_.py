"""`patcher detect`: which recipes fit a checkout."""

from __future__ import annotations

import json
from pathlib import Path

import click

from patcher.cli.common import check_output, output_option, paint, write_output

__all__ = ["command"]


@click.command("detect", short_help="Say which recipes fit a checkout, and what in it says so.")
@click.argument("path", default=".", type=click.Path())
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@output_option
def command(path: str, form: str, output: Path | None) -> int:
    """Say which recipes fit the checkout at PATH, and what in it says so. Exit code 1 if none does."""
    from patcher.checkout import Checkout
    from patcher.detect import Verdict, detect
    from patcher.recipe import bundled_root, describe, load
    from patcher.report.detected import detected_data, detected_text

    check_output(output)
    checkout = Checkout.open(path)
    recipes = [load(one.name) for one in describe() if not one.trouble]
    fits = detect(recipes, checkout, bundled_root() / "shims")
    code = 0 if any(fit.verdict in (Verdict.FITS, Verdict.APPLIED) for fit in fits) else 1
    if form == "json":
        write_output(json.dumps(detected_data(fits, path, code), indent=2) + "\n", output)
    else:
        write_output(detected_text(fits, path, paint), output)
    return code
