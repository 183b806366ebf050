"""`patcher completion`: the lines with which a shell completes what is typed behind `patcher`."""

from __future__ import annotations

import click

__all__ = ["command"]

EPILOG = """\b
bash: echo 'eval "$(patcher completion bash)"' >> ~/.bashrc
zsh:  echo 'eval "$(patcher completion zsh)"' >> ~/.zshrc
fish: patcher completion fish > ~/.config/fish/completions/patcher.fish"""


@click.command("completion", short_help="Print what a shell needs to complete commands.", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> int:
    """Print what SHELL needs to complete commands, options, recipes, their parameters and steps.

    The words themselves are asked of patcher each time: what is printed once stays right.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from patcher.cli.main import VARIABLE

    kind = get_completion_class(shell)
    assert kind is not None  # one of the choices
    # Not the class's own `source`, which first asks the bash of this machine how old it is.
    click.echo(ShellComplete.source(kind(ctx.find_root().command, {}, "patcher", VARIABLE)))
    return 0
