"""`patcher clone`: the upstream of a recipe at the commit that it was tried on, with the recipe applied."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from patcher.cli.common import allow_python_option, completes, load_recipe, parameters_option, refuse_code
from patcher.errors import TargetError, UsageError
from patcher.model import Recipe, Upstream

__all__ = ["command"]


@click.command("clone", short_help="Clone a recipe's upstream, and apply the recipe.")
@click.argument("recipe", metavar="RECIPE", shell_complete=completes("recipes"))
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@parameters_option
@click.option("--lock", is_flag=True, help="Keep the recipe and its parameters in .patcher/lock.yaml.")
@click.option("--commit", is_flag=True, help="Commit what is written, and the lock.")
@click.option("--branch", metavar="NAME", help="Make a branch for it; without one, HEAD is detached.")
@allow_python_option
def command(
    recipe: str,
    folder: Path | None,
    params: tuple[str, ...],
    lock: bool,
    commit: bool,
    branch: str | None,
    allow_python: bool,
) -> int:
    """Clone the upstream of RECIPE into DIR, check out the first commit that the recipe was tried on, and apply it."""
    from patcher.cli.applying import carry_out
    from patcher.cli.asked import Asked

    loaded = load_recipe(recipe, params)
    if not allow_python:
        refuse_code(loaded)
    upstream = _upstream(loaded)
    target = folder or Path(upstream.repository.rstrip("/").rpartition("/")[2].removesuffix(".git"))
    _clone(upstream, target, recipe)
    if branch is None:
        click.echo("HEAD is detached there; --branch NAME makes a branch for it.", err=True)
    per = "recipe" if commit else ""
    asked = Asked(str(target), recipe, params, allow_python=allow_python, lock=lock, commit=per, branch=branch)
    return carry_out(asked)


def _upstream(recipe: Recipe) -> Upstream:
    if recipe.upstream is None or not recipe.upstream.tested:
        raise UsageError(
            f"{recipe.name} names no commit of an upstream that it was tried on; clone what it is for, "
            "then `patcher apply`."
        )
    return recipe.upstream


def _clone(upstream: Upstream, target: Path, spec: str) -> None:
    """Clone a repository, and check out the first tested commit."""
    from patcher.repository import Repository

    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there, and is not empty; name another folder, or apply the recipe there.")
    commit = upstream.tested[0]
    click.echo(f"Cloning {upstream.repository} into {target} ...", err=True)
    code, told = Repository(Path.cwd()).act("clone --quiet --", upstream.repository, str(target))
    if code:
        raise TargetError(f"{upstream.repository} could not be cloned: {told.removeprefix('fatal: ')}.")
    code, _ = Repository(target.resolve()).act("checkout --quiet --detach", commit)
    if code:
        raise TargetError(
            f"{upstream.repository} was cloned into {target}, and has no {commit[:12]} any more; see how the recipe "
            f"fits what it has: patcher apply {shlex.quote(str(target))} -r {shlex.quote(spec)} --check"
        )
    click.echo(f"Checked out {commit[:12]}, the first commit that the recipe was tried on.", err=True)
