"""Everything that patcher refuses, as exceptions that carry an exit code and whole sentences.

    PatcherError                 never raised itself
    ├── UsageError          (2)  an argument or parameter that cannot be honoured
    ├── RecipeError         (2)  a recipe that does not load, with every problem; or whose result would not be sound
    ├── PatternError        (2)  code in a recipe that cannot be compiled; the loader makes it a RecipeError
    ├── SiteError         (3)  a place that is left as it is; verbs turn it into a refused site
    ├── DriftError          (3)  a tree that is not what the recipe counts on
    ├── DirtyError          (2)  a file holds work that neither git nor patcher has
    ├── TargetError         (5)  a file or tree that could not be read, parsed or written
    ├── UndoError           (5)  what apply wrote is no longer what stands there
    └── StoppedError      (130)  whoever was asked has left

A message says what, where and what to do. It never contains a traceback, and it is never half a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "DirtyError",
    "DriftError",
    "PatcherError",
    "PatternError",
    "Problem",
    "RecipeError",
    "SiteError",
    "StoppedError",
    "TargetError",
    "UndoError",
    "UsageError",
]


class PatcherError(Exception):
    """The root of the tree; `exit_code` is what the command line returns for it."""

    exit_code: ClassVar[int] = 2


class UsageError(PatcherError):
    """An argument, an option or a parameter that cannot be honoured."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a recipe: where (1-based line and column) and a whole sentence."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class RecipeError(PatcherError):
    """A recipe that does not load, with every problem that was found in it, or that would do damage to a tree."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class PatternError(PatcherError):
    """Code in a recipe that cannot be compiled; the loader adds the place in the recipe.

    `at` leads to the culprit from the step's map, for instance ("where", "D", 0).
    """

    def __init__(self, message: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


class SiteError(PatcherError):
    """A place that cannot be edited safely; the message says what stands in the way and what to do there."""

    exit_code = 3


class DriftError(PatcherError):
    """The tree is not what a recipe counts on, where a command needs it to be."""

    exit_code = 3


class DirtyError(PatcherError):
    """A file that the plan would edit differs from HEAD by something that patcher did not write."""


class TargetError(PatcherError):
    """A file or a tree that was named, or that a step counts on, and could not be read, parsed or written."""

    exit_code = 5


class UndoError(PatcherError):
    """A file no longer holds what apply wrote, so undo leaves everything as it is."""

    exit_code = 5


class StoppedError(PatcherError):
    """Whoever was asked has left, by Ctrl-C or Ctrl-D."""

    exit_code = 130
