"""What several commands share: the recipe and parameter options, colour, and where output goes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from patcher.errors import TargetError, UsageError
from patcher.model import Recipe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from patcher.checkout import Checkout

__all__ = [
    "add_summary",
    "allow_python_option",
    "check_output",
    "coloured",
    "completes",
    "load_recipe",
    "opened",
    "output_option",
    "paint",
    "parameters_option",
    "recipe_help",
    "recipe_option",
    "recipe_or_lock_option",
    "refuse_code",
    "write_output",
]

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


def completes(what: str) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return what completes recipes, parameters, steps or checks; it is imported when a shell asks."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from patcher.cli import completing

        found: list[CompletionItem] = getattr(completing, what)(ctx, param, incomplete)
        return found

    return complete


recipe_help = "A bundled recipe's name, a folder, a YAML file, or git+URL@COMMIT#FOLDER."
recipe_option: Decorator = click.option(
    "-r", "--recipe", "recipe", required=True, metavar="RECIPE", help=recipe_help, shell_complete=completes("recipes")
)
recipe_or_lock_option: Decorator = click.option(
    "-r",
    "--recipe",
    "recipe",
    metavar="RECIPE",
    help=f"{recipe_help} Default: the one that the tree's lock names.",
    shell_complete=completes("recipes"),
)
parameters_option: Decorator = click.option(
    "-p",
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a parameter of the recipe.",
    shell_complete=completes("parameters"),
)
allow_python_option: Decorator = click.option(
    "--allow-python", is_flag=True, help="Run the codemods of a recipe that did not come with patcher."
)
output_option: Decorator = click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the report there."
)


def opened(path: str) -> Checkout:
    """Return a checkout, with the files that patcher put where git ignores them: what it wrote it sees again.

    Raises:
        TargetError: it cannot be opened, or its journal cannot be read.
    """
    from patcher.checkout import Checkout
    from patcher.journal import Journal

    checkout = Checkout.open(path)
    return replace(checkout, also=Journal(checkout).created())


def load_recipe(spec: str, params: tuple[str, ...], source: Mapping[str, str] | None = None) -> Recipe:
    """Load a recipe with the parameters of the command line; `source` is what a lock says of where it is from.

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
    return load(spec, values, source=source)


def refuse_code(recipe: Recipe) -> None:
    """Refuse a recipe that brings Python which did not come with patcher.

    Raises:
        UsageError: a step is such a codemod.
    """
    from patcher.recipe import bundled_root

    for step in recipe.steps:
        if step.verb == "codemod" and not Path(step.origin).is_relative_to(bundled_root()):
            raise UsageError(
                f"The step {step.id} runs Python that did not come with patcher ({step.arguments['codemod']}); "
                "read it, then give --allow-python to run it."
            )


def coloured() -> bool:
    """Tell whether stdout is a terminal that has colours, and whose user wants them (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, role: str) -> str:
    """Return a text in the colours of its role, or as it is where there is no colour."""
    return click.style(text, **COLOURS.get(role, {})) if coloured() else text


def check_output(output: Path | None) -> None:
    """Refuse a report file that cannot be written, before anything is done.

    Raises:
        TargetError: its folder is not there, or it may not be written.
    """
    if output is None:
        return
    there = output.parent.is_dir()
    if not there or not os.access(output if output.exists() else output.parent, os.W_OK):
        reason = f"you may not write to {output.parent}" if there else f"there is no folder {output.parent}"
        raise TargetError(f"{output} could not be written, because {reason}; choose another --output.")


def write_output(data: bytes | str, output: Path | None) -> None:
    """Write a report to a file, or to stdout: bytes as they are, text with colour on a terminal.

    Raises:
        TargetError: it cannot be written.
    """
    try:
        if output is not None:
            output.write_bytes(data if isinstance(data, bytes) else click.unstyle(data).encode())
        else:
            _print(data if isinstance(data, bytes) else data.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
    except BrokenPipeError:
        raise
    except OSError as error:
        where = output or "The report"
        raise TargetError(f"{where} could not be written ({error.strerror}); choose another --output.") from None


def add_summary(markdown: str) -> None:
    """Add to the summary of a GitHub job, where this is one.

    Raises:
        TargetError: the summary cannot be written.
    """
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    try:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(markdown)
    except OSError as error:
        raise TargetError(
            f"The job's summary {file} could not be written ({error.strerror}); unset GITHUB_STEP_SUMMARY."
        ) from None


def _print(data: bytes) -> None:
    """Write all of it: without a buffer (PYTHONUNBUFFERED) a write may take a part and say so only in its result."""
    sys.stdout.flush()
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()
