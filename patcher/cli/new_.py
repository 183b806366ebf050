"""`patcher new`: a recipe to begin with, empty or drafted from a patch."""

from __future__ import annotations

from pathlib import Path

import click

from patcher.errors import UsageError

__all__ = ["command"]


@click.command("new", short_help="Start a recipe, or draft one from a patch.")
@click.argument("name")
@click.argument("path", type=click.Path(), required=False)
@click.option(
    "--from-diff", "patch", type=click.Path(path_type=Path), metavar="PATCH",
    help="Draft the recipe from a patch of git diff; PATH is then the tree without it, by default this folder.",
)  # fmt: skip
def command(name: str, path: str | None, patch: Path | None) -> int:
    """Start a recipe in a new folder NAME, with a case that passes.

    With --from-diff it does to the tree at PATH what a patch does: names and calls are told by what they mean where
    that can be, the rest word by word. That it comes to the same is tried before anything is written.
    """
    from patcher.drafting.written import check_name, skeleton, write_new

    folder = check_name(name)
    if patch is None:
        if path is not None:
            raise UsageError(f"{path} is a tree without a patch; say --from-diff PATCH too, or leave it out.")
        write_new(folder, skeleton(name))
        click.echo(f"Wrote {name}/recipe.yaml and {name}/cases/example.yaml. Next: patcher test ./{name}")
        return 0
    _draft(name, folder, patch, path or ".")
    return 0


def _draft(name: str, folder: Path, patch: Path, path: str) -> None:
    from patcher.checkout import Checkout
    from patcher.drafting import draft_recipe, patched
    from patcher.drafting.written import recipe_text, write_new

    checkout = Checkout.open(path)
    drafted = draft_recipe(patched(patch, checkout), checkout)
    write_new(folder, {"recipe.yaml": recipe_text(name, drafted, checkout)})
    click.echo(f"Wrote {name}/recipe.yaml, which makes of {path} what {patch} makes of it.")
    for step in drafted.steps:
        kind = "literal" if step["id"] in drafted.literal else "general"
        click.echo(f"  {kind}  {step['id']}{_where(step.get('in'))}")
    literal = len(drafted.literal)
    click.echo(f"{len(drafted.steps) - literal} of {len(drafted.steps)} steps are general, {literal} literal.")
    if drafted.layout:
        click.echo(f"By token alone, as comments or layout come out otherwise: {', '.join(drafted.layout)}.")
    click.echo(
        "Next: in each step write `why` and `effect`, and widen `in` where it is meant everywhere. Then\n"
        f"  patcher apply {path} -r ./{name} --diff"
    )


def _where(scopes: str | list[str] | None) -> str:
    listed = [scopes] if isinstance(scopes, str) else scopes or []
    return f" in {', '.join(listed)}" if listed else ""
