"""`patcher schema`: what an editor needs to complete and check a recipe."""

from __future__ import annotations

import json
from pathlib import Path

import click

from patcher.cli.common import check_output, output_option, write_output

__all__ = ["command"]


@click.command("schema", short_help="Print the JSON Schema of recipe.yaml.")
@output_option
def command(output: Path | None) -> int:
    """Print the JSON Schema of recipe.yaml, with which an editor completes keys and marks unknown ones."""
    from patcher.recipe.schema import schema

    check_output(output)
    write_output(json.dumps(schema(), indent=2) + "\n", output)
    return 0
