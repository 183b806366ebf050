"""`python -m patcher` is the command."""

from patcher.cli.main import entry

entry()
