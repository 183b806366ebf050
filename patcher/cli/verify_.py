"""`patcher verify`: train the patched tree by the recipe's own checks and hold its numbers against golden ones."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from patcher.cli.common import (
    add_summary,
    check_output,
    completes,
    load_recipe,
    opened,
    output_option,
    paint,
    parameters_option,
    recipe_or_lock_option,
    write_output,
)
from patcher.errors import DriftError, UsageError
from patcher.model import Check, Recipe

if TYPE_CHECKING:
    from patcher.checkout import Checkout
    from patcher.verify.judge import Judge
    from patcher.verify.session import Checked

__all__ = ["command"]

# Where no terminal says how wide it is.
WIDE = 120


@click.command("verify", short_help="Train the patched tree and compare it with golden outputs.")
@click.argument("path", type=click.Path())
@recipe_or_lock_option
@parameters_option
@click.option(
    "--check",
    "names",
    multiple=True,
    metavar="ID",
    help="Run only this check. May be given several times.",
    shell_complete=completes("checks"),
)
@click.option("--ablate", is_flag=True, help="Also train the tree without each step, and judge what the step claims.")
@click.option("--sensitivity", is_flag=True, help="Also plant wrong attentions, and say which of them the check sees.")
@click.option("--record", is_flag=True, help="Write the golden outputs anew, from the reference path.")
@click.option(
    "--golden", type=click.Path(path_type=Path), help="Hold the numbers against this file (or record it) instead."
)
@click.option("--python", metavar="PYTHON", help="The Python that has what the tree imports.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--allow-run", is_flag=True, help="Run the checks of a recipe that did not come with patcher.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github", "html", "markdown"]),
    default="text",
    show_default=True,
)
@output_option
def command(
    path: str,
    recipe: str | None,
    params: tuple[str, ...],
    names: tuple[str, ...],
    ablate: bool,
    sensitivity: bool,
    record: bool,
    golden: Path | None,
    python: str | None,
    device: str,
    allow_run: bool,
    form: str,
    output: Path | None,
) -> int:
    """Train a copy of the tree at PATH by the recipe's checks, and compare its numbers with the golden ones.

    Exit code 4: a number differs, a run failed, or a claim is false.
    """
    from patcher.cli.chosen import only
    from patcher.recipe import bundled_root
    from patcher.report.github import verdict_annotations, verdict_summary
    from patcher.report.verdict import checked_report
    from patcher.report.verdict_data import verdicts_data
    from patcher.verify.golden import read_golden
    from patcher.verify.judge import Judge
    from patcher.verify.run import interpreter
    from patcher.verify.session import Asked, exit_code, record_golden, verify_check

    check_output(output)
    if record and (ablate or sensitivity):
        raise UsageError("--record makes a golden, and --ablate and --sensitivity use it; give it alone.")
    asked_for = only(path, recipe, params)
    loaded = asked_for.recipe
    checks = _chosen(loaded, names)
    if not (loaded.bundled or allow_run):
        raise UsageError(
            f"{loaded.name} did not come with patcher; read its checks, then give --allow-run to run them."
        )
    if golden and record and len(checks) > 1:
        raise UsageError("--golden is one file, and here are several checks to record; name one with --check.")
    held = read_golden(golden) if golden and not record else None
    checkout = opened(path)
    shims = bundled_root() / "shims"
    if not ablate:  # which finds the tree from before the recipe itself
        _check_applied(loaded, checkout, shims, path, asked_for.spec)

    def other(values: Mapping[str, str]) -> Recipe:
        params = tuple(f"{name}={value}" for name, value in {**loaded.values, **values}.items())
        return load_recipe(asked_for.spec, params, asked_for.locked.source if asked_for.locked else None)

    judge = Judge(loaded, checkout, interpreter(checkout, python), device, lambda line: click.echo(line, err=True))
    asked = Asked(shims, other, held, ablate, sensitivity)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE
    at_once = form == "text" and output is None
    checked: list[Checked] = []
    recorded: set[str | None] = set()
    try:
        for check in checks:
            prepared = f"{check.prepare}, then " if check.prepare else ""
            click.echo(f"{check.id}: {prepared}{shlex.join(check.run)}, with {judge.python}", err=True)
            # Checks that share a golden are held to the one that the first of them recorded.
            again = record and check.golden not in recorded
            recorded.add(check.golden)
            checked.append(record_golden(judge, check, shims, golden) if again else verify_check(judge, check, asked))
            if at_once:
                write_output(checked_report(checked[-1], paint, width), None)
    finally:  # what a check has found is told also if the next one cannot be run
        if form == "json" and checked:
            data = verdicts_data(judge, checked, exit_code(checked))
            write_output(json.dumps(data, indent=2, allow_nan=False) + "\n", output)
        elif form == "github" and checked:
            add_summary(verdict_summary(checked))
            write_output(verdict_annotations(checked), output)
        elif form in ("html", "markdown") and checked:
            write_output(_page(judge, checked, form), output)
        elif checked and not at_once:
            write_output("\n".join(checked_report(one, paint, width) for one in checked), output)
    return exit_code(checked)


def _page(judge: Judge, checked: Sequence[Checked], form: str) -> bytes:
    """Return the report that people look at; what makes it is imported where it is asked for."""
    if form == "html":
        from patcher.report.web.page import verdict_page

        checks = {check.id: check for check in judge.recipe.checks}
        ran = {one.verdict.check: one.verdict.run for one in checked if one.verdict.run is not None}
        return verdict_page(judge, checked, {name: judge.environment(checks[name], run) for name, run in ran.items()})
    from patcher.report.markdown import verdict_markdown

    return verdict_markdown(judge, checked).encode()


def _chosen(recipe: Recipe, names: tuple[str, ...]) -> list[Check]:
    if not recipe.checks:
        raise UsageError(f"{recipe.name} has no checks, so there is nothing to run.")
    known = {check.id: check for check in recipe.checks}
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise UsageError(f"{recipe.name} has no check {unknown}; it has {', '.join(known)}.")
    return [known[name] for name in names or known]


def _check_applied(recipe: Recipe, checkout: Checkout, shims: Path, path: str, spec: str) -> None:
    """Refuse to train a tree that the recipe would still change, or in which it does not hold."""
    from patcher.cli.chosen import named_in_lock
    from patcher.lock import read_lock
    from patcher.plan import blocked
    from patcher.review import remembered
    from patcher.verify.proofs import plan_proved

    entry = read_lock(checkout).of(named_in_lock(spec, recipe, checkout))
    made = plan_proved(recipe, checkout, shims, remembered(entry))
    drifted = next(iter(blocked(made)), None)
    if drifted is not None:
        raise DriftError(
            f"{recipe.name} does not hold in {path}: {drifted.step.id} drifted. {drifted.reason} "
            "Give the parameters that it was applied with, or see `patcher apply --check`."
        )
    if made.changes:
        raise UsageError(f"{recipe.name} is not applied in {path}; first run `patcher apply {path} -r {spec}`.")
