"""The entry point: finds the command, and is the one place that turns exceptions into exit codes.

A command's module is imported only when it is called, so that `patcher --help` answers at once.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from patcher import __version__
from patcher.errors import PatcherError, UsageError

__all__ = ["entry", "patcher"]

COMMANDS = {
    "apply": "Apply a recipe to a checkout, or show what it would change.",
    "clone": "Clone the upstream of a recipe, and apply the recipe.",
    "completion": "Print what a shell needs to complete commands.",
    "detect": "Say which recipes fit a checkout.",
    "doctor": "Say what this machine lacks for a checkout.",
    "explain": "Say why each step did or did not match at a line.",
    "list": "List the recipes that come with patcher.",
    "loops": "List the loops that could be batched, and why others must stay.",
    "new": "Start a recipe, or draft one from a patch.",
    "prove": "Run a step's equality proof.",
    "schema": "Print the JSON Schema of recipe.yaml, for editors.",
    "show": "Show what a recipe does, step by step.",
    "test": "Run a recipe's own cases.",
    "undo": "Take back what the last apply wrote.",
    "update": "Take a fork to a newer upstream, or show how.",
    "verify": "Train the patched tree by the recipe's checks.",
}
VARIABLE = "_PATCHER_COMPLETE"  # in it a shell asks what may stand at the cursor
UNWRITTEN, BUG, INTERRUPTED, PIPE_CLOSED = 5, 70, 130, 141
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


class _PipeClosed(Exception):  # noqa: N818  (nothing is wrong: whoever read the output has left)
    """Stands for BrokenPipeError on its way out of click, which would make it an exit with 1: changes needed."""


class _Commands(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosed from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"patcher.cli.{name}_")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        names = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean `patcher {close[0]}`?" if close else ""
            raise click.UsageError(f"There is no command {args[0]!r}.{hint}", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 fine, 1 changes needed, 2 usage or invalid recipe, 3 drift or a refused place, "
    "4 numbers differ, 5 a file could not be used, 70 a bug in patcher, 130 interrupted.",
)
@click.version_option(__version__, prog_name="patcher")
def patcher() -> None:
    """Make research code run, by recipes whose every edit has a reason."""


def entry() -> None:
    """Run the command line and exit with its code; no traceback reaches the user."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # under nohup it is ignored, and stays so
            signal.signal(number, _ended)
    sys.exit(_run())


def _ended(number: int, _: object) -> None:
    """End as the signal would, but by way of every `finally`: what is being trained ends too."""
    sys.exit(128 + number)


def _in_a_codemod(error: Exception) -> str:
    """Return the place in a recipe's own Python that an error comes from, or nothing.

    What it hands over may fail later, in LibCST: then that is its class alone.
    """
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = frame.f_globals.get("__name__", "")
        if module.startswith("patcher_codemod_"):
            return f"{frame.f_code.co_filename}:{line}"
        if (module, frame.f_code.co_name) == ("patcher.syntax.codemod", "rewritten"):
            place = f"{frame.f_locals['file']}:{frame.f_locals['name']}"
    return place


def _open_streams() -> None:
    """Give a process that was started without stdout or stderr one, and take every character in every locale."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or Path(os.devnull).open("w")  # noqa: SIM115  (for the life of the process)
        setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    _open_streams()
    try:
        if VARIABLE in os.environ:
            importlib.import_module("patcher.cli.completing").register()
        code = patcher.main(standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except PatcherError as error:
        click.echo(f"patcher: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("patcher: interrupted; nothing is half written.", err=True)
        return INTERRUPTED
    except (_PipeClosed, BrokenPipeError):
        # Point stdout elsewhere, so that the interpreter's last flush is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            click.echo(
                f"patcher: a disk is full or failing ({error.strerror}); make room, then run it again.", err=True
            )
            return UNWRITTEN
        if place := _in_a_codemod(error):
            click.echo(
                f"patcher: the recipe's own codemod failed at {place}: {type(error).__name__}: {error}", err=True
            )
            return UsageError.exit_code
        click.echo(f"patcher: this is a bug in patcher: {type(error).__name__}: {error}", err=True)
        if "PATCHER_TRACEBACK" in os.environ:
            traceback.print_exc()
        else:
            click.echo("Set PATCHER_TRACEBACK=1, run it again, and report what it prints.", err=True)
        return BUG
