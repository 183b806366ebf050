"""`patcher apply -i`: shows each question in the terminal and reads an answer, as `git add -p` does."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from rich.console import Console

from patcher.byhand import as_patch, read_back
from patcher.choices import Choices
from patcher.cli.common import coloured
from patcher.errors import PatcherError, RecipeError, StoppedError, UsageError
from patcher.model import Plan
from patcher.report.hunks import show
from patcher.review import Question, Review

__all__ = ["check_terminal", "reviewed"]

KEYS = {
    "y": "take this",
    "n": "leave this as it is; with a lock it is not asked again until the step changes",
    "a": "take this and all that is still to come of this step",
    "d": "leave this and all that is still to come of this step",
    "q": "quit: take no more; what you said y to is written, and the rest is asked again next time",
    "e": "edit this: change the lines that are put in",
    "?": "say what the keys do",
}
PROMPT = f"Take this? [{','.join(KEYS)}] "


def check_terminal() -> None:
    """Refuse to ask where nobody can answer.

    Raises:
        UsageError: stdin or stdout is no terminal.
    """
    for stream, name in ((sys.stdin, "stdin"), (sys.stdout, "stdout")):
        if stream is None or not stream.isatty():
            raise UsageError(f"-i asks in a terminal, and {name} is none; leave -i out, or look with --diff.")


def reviewed(make: Callable[[Choices], Plan], choices: Choices) -> Plan:
    """Ask about all that a plan does, and return the plan of what was taken.

    Raises:
        StoppedError: the person left.
    """
    review = Review(make, choices)
    console = Console(highlight=False, color_system="auto" if coloured() else None, no_color=not coloured())
    try:
        while there := review.open:
            head = f"({review.answered + 1}/{review.answered + len(there)})"
            show(there[0], head, console)
            _answer(there[0], review, console)
    except (KeyboardInterrupt, EOFError):
        console.print()
        raise StoppedError("The review was stopped; nothing was written.") from None
    return review.plan


def _answer(question: Question, review: Review, console: Console) -> None:
    """Ask until an answer stands."""
    while True:
        key = input(PROMPT).strip().lower()[:1]
        if key not in KEYS or key == "?":
            for name, does in KEYS.items() if key else ():
                console.print(f"{name} - {does}", markup=False, soft_wrap=True)
            continue
        try:
            if _taken(key, question, review):
                return
        except RecipeError as error:
            said = " ".join(problem.message for problem in error.problems)
            console.print(f"That cannot be: {said}", markup=False, soft_wrap=True)
        except (PatcherError, click.ClickException) as error:
            console.print(f"That cannot be: {error}", markup=False, soft_wrap=True)


def _taken(key: str, question: Question, review: Review) -> bool:
    """Do what a key says; return whether the question is answered."""
    match key:
        case "y" | "a":
            review.take(question, step=key == "a")
        case "n" | "d":
            review.decline(question, step=key == "d")
        case "q":
            review.leave()
        case _:
            return _edited(question, review)
    return True


def _edited(question: Question, review: Review) -> bool:
    text = click.edit(as_patch(question), extension=".diff")
    if text is None:
        return False
    edits = read_back(question, text)
    if any(edits.values()):
        review.edit(question, edits)
    else:
        review.decline(question)
    return True
