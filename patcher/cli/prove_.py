"""`patcher prove`: run the equality proofs of a recipe's steps."""

from __future__ import annotations

import json
from difflib import get_close_matches

import click

from patcher.cli.common import completes, opened, paint, parameters_option, recipe_or_lock_option
from patcher.errors import UsageError
from patcher.model import Recipe, Step

__all__ = ["command"]

NUMBERS_DIFFER = 4


@click.command("prove", short_help="Run a step's equality proof.")
@click.argument("path", type=click.Path())
@recipe_or_lock_option
@parameters_option
@click.option("--step", help="Prove this step alone.", shell_complete=completes("steps"))
@click.option("--python", metavar="PYTHON", help="The Python that has what the tree imports.")
@click.option("--record", is_flag=True, help="Keep what is proved beside the recipe, for `apply` to tell.")
@click.option("--allow-run", is_flag=True, help="Run the cases of a recipe that did not come with patcher.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    path: str,
    recipe: str | None,
    params: tuple[str, ...],
    step: str | None,
    python: str | None,
    record: bool,
    allow_run: bool,
    form: str,
) -> int:
    """Run what a step edits in the checkout at PATH, before and after, on random inputs, and compare.

    Both sides run in copies; nothing is written to PATH. The exit code is 4 if they are not equal.
    """
    from patcher.cli.chosen import only
    from patcher.recipe import bundled_root
    from patcher.report.proof import proof_data, proof_text
    from patcher.verify.proofs import records, write_record
    from patcher.verify.prove import Proving, prove
    from patcher.verify.run import interpreter

    loaded = only(path, recipe, params).recipe
    chosen = _chosen(loaded, step)
    if not (loaded.bundled or allow_run):
        raise UsageError(
            f"{loaded.name} did not come with patcher; read its proofs, then give --allow-run to run them."
        )
    checkout = opened(path)
    found, absent = [], []
    for one in chosen:
        ask = Proving(loaded, one, checkout, bundled_root() / "shims", interpreter(checkout, python))
        if record:
            records(one)  # one that cannot be read is told before anything is run
        click.echo(f"{one.id}: {ask.cases.name} on {one.proof and one.proof.of}, with {ask.python}", err=True)
        proved = prove(ask)
        if isinstance(proved, str):
            absent.append(proved)
            continue
        found.append((one, proved))
        if form == "text":
            click.echo(proof_text(one, proved, paint), nl=False)
        if record and proved.equal:
            click.echo(f"Kept in {write_record(one, proved)}", err=True)
        elif record:
            click.echo(f"Nothing of {one.id} was kept, because its two sides are not equal.", err=True)
    if not found:
        raise UsageError("\n".join(absent))
    for told in absent:
        click.echo(told, err=True)
    code = 0 if all(proved.equal for _, proved in found) else NUMBERS_DIFFER
    if form == "json":
        click.echo(json.dumps(proof_data(loaded, str(checkout.root), found, code), indent=2))
    return code


def _chosen(recipe: Recipe, named: str | None) -> list[Step]:
    """Return the steps to prove: the named one, or all that have a proof."""
    provable = [step for step in recipe.steps if step.proof is not None]
    if not provable:
        raise UsageError(f"{recipe.name} has no step with a `proof`, so there is nothing to run.")
    if named is None:
        return provable
    found = [step for step in provable if step.id == named]
    if not found:
        ids = [step.id for step in provable]
        if any(step.id == named for step in recipe.steps):
            raise UsageError(
                f"The step {named} of {recipe.name} has no `proof`; those that have one: {', '.join(ids)}."
            )
        near = [name for name in ids if name.endswith(f"/{named}")] or get_close_matches(named, ids, n=1)
        hint = f"did you mean {near[0]}?" if near else f"those with a proof: {', '.join(ids)}."
        raise UsageError(f"{recipe.name} has no step {named}; {hint}")
    return found
