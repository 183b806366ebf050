"""`patcher test`: a recipe's own cases."""

from __future__ import annotations

import click

from patcher.cli.common import paint

__all__ = ["command"]


@click.command("test", short_help="Run a recipe's own cases.")
@click.argument("recipes", nargs=-1, metavar="[RECIPE]...")
def command(recipes: tuple[str, ...]) -> int:
    """Run the cases beside each RECIPE, or beside every bundled one.

    A case is a before and an after; each is run as written, with CRLF, with tabs, behind a byte-order mark, without a
    final newline, and a second time on its own result.
    """
    from patcher.cases import read_cases, run_case
    from patcher.recipe import bundled_names, bundled_root, load

    failed = False
    for name in recipes or bundled_names():
        loaded = load(name)
        cases = read_cases(loaded)
        failures = [
            failure
            for case in cases
            for failure in run_case(case, load(name, case.values) if case.values else loaded, bundled_root() / "shims")
        ]
        failed = failed or bool(failures)
        for failure in failures:
            click.echo(str(failure))
        word = paint("failed", "drifted") if failures else "hold" if cases else paint("has no cases", "warn")
        count = f"{len(cases) - len({failure.case.name for failure in failures})} of {len(cases)} cases "
        click.echo(f"{loaded.name}: {count if cases else ''}{word}")
    return 3 if failed else 0
