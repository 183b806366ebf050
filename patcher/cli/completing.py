"""What a shell completes: recipes, their parameters, steps and checks. It reads recipes and runs nothing.

While somebody types, nothing can be told: what cannot be read completes to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from patcher.errors import PatcherError
from patcher.model import Parameter, Recipe

__all__ = ["checks", "parameters", "recipes", "register", "steps"]


def recipes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a recipe: those with a name, or a path where one was begun."""
    from patcher.recipe import describe

    if incomplete.startswith((".", "/", "~")) or "/" in incomplete:
        return [CompletionItem(incomplete, type="file")]
    found = [CompletionItem(one.name, help=one.summary) for one in describe() if not one.trouble]
    return [item for item in found if item.value.startswith(incomplete)]


def parameters(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete a parameter of the recipe that was named before, with the values that it may have."""
    given = {text.partition("=")[0] for text in ctx.params.get("params") or ()}
    found = (item for recipe in _chosen(ctx) for one in recipe.parameters for item in _values(one))
    return [one for one in found if one.value.startswith(incomplete) and one.value.partition("=")[0] not in given]


def _values(parameter: Parameter) -> list[CompletionItem]:
    values = parameter.choices or (("yes", "no") if parameter.type == "flag" else ("",))
    return [CompletionItem(f"{parameter.name}={value}", help=parameter.help) for value in values]


def steps(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of a step, with its reason."""
    return _described(((step.id, step.why) for recipe in _chosen(ctx) for step in recipe.steps), incomplete)


def checks(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of a check, with its reason."""
    return _described(((check.id, check.why) for recipe in _chosen(ctx) for check in recipe.checks), incomplete)


def _described(found: Iterable[tuple[str, str]], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name, help=why) for name, why in found if name.startswith(incomplete)]


def _chosen(ctx: click.Context) -> list[Recipe]:
    """Return the recipe that stands on the command line, else those that the lock of its tree names."""
    from patcher.recipe import load
    from patcher.recipe.remote import is_remote

    spec = ctx.params.get("recipe")
    try:
        if spec:
            return [] if is_remote(spec) else [load(spec, {})]  # nothing is fetched while somebody types
        return _locked(ctx.params.get("path") or next(iter(ctx.args), "."))  # click reads no argument behind an option
    except PatcherError:
        return []


def _locked(tree: str) -> list[Recipe]:
    from patcher.checkout import Checkout
    from patcher.cli.chosen import chosen
    from patcher.lock import read_lock

    checkout = Checkout.open(tree)
    lock = read_lock(checkout)
    if any(entry.source for entry in lock.recipes):
        return []
    return [one.recipe for one in chosen(tree, checkout, lock, None, ())]


class _Bash(BashComplete):
    """bash takes `a=b` for three words, and puts what is completed in the place of the last of them."""

    _before = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, incomplete = super().get_completion_args()
        if incomplete == "=" and args:
            incomplete, args = f"{args[-1]}=", args[:-1]
        elif len(args) > 1 and args[-1] == "=":
            incomplete, args = f"{args[-2]}={incomplete}", args[:-2]
        else:
            return args, incomplete
        self._before = incomplete.partition("=")[0] + "="
        return args, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        item.value = item.value.removeprefix(self._before)
        return super().format_completion(item)


def register() -> None:
    """Have click ask bash in this way."""
    add_completion_class(_Bash)
