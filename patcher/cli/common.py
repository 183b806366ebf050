"""What several commands share: the recipe and parameter options, colour, and where output goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from patcher.errors import TargetError, UsageError
from patcher.model import Recipe

__all__ = ["load_recipe", "output_option", "paint", "parameters_option", "recipe_option", "write_output"]

COLOURS: dict[str, dict[str, Any]] = {
    "applied": {"fg": "green"},
    "already": {"fg": "cyan"},
    "absent": {"dim": True},
    "drifted": {"fg": "red", "bold": True},
    "refused": {"fg": "yellow", "bold": True},
    "why": {"dim": True},
    "head": {"bold": True},
    "warn": {"fg": "yellow"},
}

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

recipe_option: Decorator = click.option(
    "-r",
    "--recipe",
    "recipe",
    required=True,
    metavar="RECIPE",
    help="A bundled recipe's name, a folder, or a YAML file.",
)
parameters_option: Decorator = click.option(
    "-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="Set a parameter of the recipe."
)
output_option: Decorator = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report there."
)


def load_recipe(spec: str, params: tuple[str, ...]) -> Recipe:
    """Load a recipe with the parameters of the command line.

    Raises:
        UsageError: a parameter is not of the form NAME=VALUE.
    """
    from patcher.recipe import load

    values: dict[str, str] = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise UsageError(f"`-p {param}` is not of the form NAME=VALUE; write for instance -p optimizer=faithful.")
        if name in values:
            raise UsageError(f"`-p {name}=...` is given twice; leave one out.")
        values[name] = value
    return load(spec, values)


def paint(text: str, role: str) -> str:
    """Return a text in the colours of its role; click takes them out where the output is no terminal."""
    return click.style(text, **COLOURS.get(role, {}))


def write_output(data: bytes | str, output: Path | None) -> None:
    """Write a report to a file, or to stdout: bytes as they are, text with colour on a terminal.

    Raises:
        TargetError: the file cannot be written.
    """
    if output is None:
        click.echo(data, nl=False)
        return
    try:
        output.write_bytes(data if isinstance(data, bytes) else click.unstyle(data).encode())
    except OSError as error:
        raise TargetError(f"{output} could not be written ({error.strerror}); choose another --output.") from None
