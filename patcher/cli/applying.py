"""What `patcher apply` does once its options are known: plan each recipe, write all plans or none, and say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from patcher import apply as writing
from patcher.apply import Job, check_clean
from patcher.checkout import Checkout
from patcher.choices import Choices
from patcher.cli.asked import Asked, Planned, together
from patcher.cli.chosen import Chosen, chosen
from patcher.cli.common import (
    add_summary,
    check_output,
    coloured,
    load_recipe,
    opened,
    paint,
    refuse_code,
    write_output,
)
from patcher.cli.noting import said_beside
from patcher.commit import branched, check_ready
from patcher.errors import TargetError, UsageError
from patcher.lock import Lock, lock_change, lock_entry, read_lock
from patcher.message import by_step, whole
from patcher.model import Plan, Status
from patcher.plan import blocked
from patcher.recipe import bundled_root
from patcher.report.data import plan_data
from patcher.report.github import check_summary, plan_annotations
from patcher.report.mail import mails
from patcher.report.patch import change_patch
from patcher.report.sarif import sarif_data
from patcher.report.text import check_lines, place_lines, summary
from patcher.review import declined, remembered
from patcher.verify.proofs import plan_proved, standing
from patcher.view import changed, on_disk, staged

__all__ = ["carry_out"]


def carry_out(asked: Asked) -> int:
    """Apply what was asked for, print the report, and return the exit code."""
    _refuse_contradictions(asked)
    check_output(asked.output)
    checkout = _opened(asked)
    seen = staged(checkout) if asked.staged else checkout
    lock = read_lock(seen)
    recipes = chosen(asked.path, checkout, lock, asked.recipe, asked.params)
    for one in recipes if not asked.allow_python else ():
        refuse_code(one.recipe)
    if (asked.commit or asked.branch) and not asked.looking:
        check_ready(checkout, "--commit" if asked.commit else "--branch")
    planned = _plans(recipes, seen, lock, asked)
    held_back = any(blocked(one.plan) for one in planned) and not asked.partial
    if asked.interactive and not held_back:
        if not asked.allow_dirty:
            check_clean(planned[0].plan, checkout)
        planned = _plans(recipes, seen, lock, asked, _reviewed)
    write = not (asked.looking or held_back)
    commits = _write(planned, checkout, asked) if write else ()
    code = _exit_code([one.plan for one in planned], needed=asked.looking or (asked.staged and write))
    nothing = held_back and asked.diff and asked.form == "text"  # a patch is all or nothing, a report tells the plan
    write_output(
        _report([] if nothing else planned, checkout, asked, code, written=write, held=held_back), asked.output
    )
    if asked.form != "json":
        for note in said_beside(planned, checkout, asked, commits, held_back=held_back):
            click.echo(note, err=True)
    return code


def _opened(asked: Asked) -> Checkout:
    try:
        return opened(asked.path)
    except TargetError:
        if asked.recipe:
            load_recipe(asked.recipe, asked.params)  # what is wrong with it is graver
        raise


def _refuse_contradictions(asked: Asked) -> None:
    keeps = "--commit" if asked.commit else "--lock" if asked.lock else "--branch" if asked.branch else ""
    if asked.interactive:
        _refuse_to_ask(asked)
    if asked.diff and asked.check:
        raise UsageError("--diff and --check are two ways to look at one plan; give one of them.")
    if asked.form == "patch" and (asked.diff or asked.check):
        raise UsageError("--format patch is a way to look at a plan; leave --diff and --check out.")
    if asked.form in ("sarif", "github") and not asked.check:
        raise UsageError(f"--format {asked.form} tells what is to be done; give it with --check.")
    if asked.staged and keeps:
        raise UsageError(f"--staged is about the commit that you are making, and {keeps} is not; give one of them.")
    if asked.allow_dirty and asked.commit:
        raise UsageError("--commit would put your own work into patcher's commit with --allow-dirty; commit it first.")


def _refuse_to_ask(asked: Asked) -> None:
    from patcher.cli.review_ import check_terminal

    other = "--diff" if asked.diff else "--check" if asked.check else "--staged" if asked.staged else ""
    other = other or (f"--format {asked.form}" if asked.form != "text" else "")
    if other:
        raise UsageError(f"-i asks about each change and writes what is taken; leave {other} out.")
    check_terminal()


# --- planning -------------------------------------------------------------------------------------------------------


Make = Callable[[Choices], Plan]
Ask = Callable[[Make, Choices], Plan]


def _straight(make: Make, known: Choices) -> Plan:
    return make(known)


def _reviewed(make: Make, known: Choices) -> Plan:
    from patcher.cli.review_ import reviewed

    return reviewed(make, known)


def _plans(recipes: Sequence[Chosen], seen: Checkout, lock: Lock, asked: Asked, ask: Ask = _straight) -> list[Planned]:
    """Plan each recipe on what those before it leave; the lock is written with each.

    What was declined according to the lock is left out, and what is declined now stands in it.
    """
    found: list[Planned] = []
    for one in recipes:
        plan = ask(partial(plan_proved, one.recipe, seen, bundled_root() / "shims"), remembered(one.locked))
        keeps = asked.lock or asked.commit or (asked.interactive and one.locked)
        known = _proofs(plan) if keeps else None
        entry = lock_entry(plan, one.name, seen.head, one.locked, declined(plan, one.locked), known)
        lock = lock.having(entry)
        kept = lock_change(seen, lock) if keeps else None
        job = Job(plan, kept)
        pieces = by_step if asked.commit == "step" else whole
        if asked.commit or asked.form == "patch":
            job = replace(job, pieces=pieces(plan, entry, job.changes))
        seen = changed(seen, job.changes)
        found.append(Planned(one, plan, job))
    return found


def _proofs(plan: Plan) -> dict[str, str]:
    """Return the steps whose proof is of the code that a plan makes, each with the key of that code."""
    found = {outcome.step.id: standing(outcome, plan) for outcome in plan.outcomes}
    return {step: told.key for step, told in found.items() if told is not None and told.proved}


def _write(planned: Sequence[Planned], checkout: Checkout, asked: Asked) -> tuple[str, ...]:
    """Write all plans or none; return the commits."""
    if not any(one.job.changes for one in planned):
        return ()
    if asked.staged:
        writing.apply_all(_beside(planned, checkout), checkout, allow_dirty=True)
        return ()
    with branched(checkout, asked.branch):
        return writing.apply_all([one.job for one in planned], checkout, allow_dirty=asked.allow_dirty)


def _beside(planned: Sequence[Planned], checkout: Checkout) -> list[Job]:
    """Return what of plans for the index is not in the work tree."""
    found: list[Job] = []
    there = checkout
    for one in planned:
        found.append(Job(replace(one.plan, changes=on_disk(one.plan.changes, there)), keep=False))
        there = changed(there, one.plan.changes)
    return found


def _exit_code(plans: Sequence[Plan], *, needed: bool) -> int:
    for plan in plans:
        refused = any(place.status is Status.REFUSED for outcome in plan.outcomes for place in outcome.places)
        if refused or blocked(plan) or plan.of(Status.REFUSED):
            return 3
    return 1 if needed and any(plan.changes for plan in plans) else 0


# --- the report -----------------------------------------------------------------------------------------------------


def _report(
    planned: Sequence[Planned], checkout: Checkout, asked: Asked, code: int, *, written: bool, held: bool
) -> bytes | str:
    """Return the report; of several recipes one after the other, of a lock in JSON as a list."""
    plans = [one.plan for one in planned]
    if asked.form == "json":
        told = [plan_data(plan, written=written, exit_code=code, prefix=checkout.prefix) for plan in plans]
        return json.dumps(told[0] if asked.recipe else {"exit_code": code, "plans": told}, indent=2) + "\n"
    if asked.form in ("html", "markdown"):
        return _page(planned, asked, written=written, held=held)
    if asked.form == "patch":
        pieces = [piece for one in planned for piece in one.job.pieces]
        return mails(pieces, checkout.prefix, checkout.repository.author if checkout.is_git else None)
    if asked.form == "sarif":
        return json.dumps(sarif_data(plans, code, checkout.prefix), indent=2) + "\n"
    if asked.form == "github":
        add_summary("".join(check_summary(plan) for plan in plans))
        return "".join(plan_annotations(plan, checkout.prefix) for plan in plans)
    if asked.diff:
        return _painted(b"".join(change_patch(one, checkout.prefix) for one in together(planned)), asked.output)
    if asked.staged and asked.form == "text":
        return "".join(place_lines(plan) for plan in plans)
    if asked.check:
        return "".join(check_lines(plan) for plan in plans)
    texts = [summary(one.plan, paint, written=written, tree=asked.path, recipe=one.chosen.spec) for one in planned]
    return "\n".join(texts)


def _page(planned: Sequence[Planned], asked: Asked, *, written: bool, held: bool) -> bytes:
    """Return the report that people look at; what makes it is imported where it is asked for."""
    from patcher.report.told import Told

    told = [Told(one.plan, written, asked.path, one.chosen.spec, held) for one in planned]
    if asked.form == "html":
        from patcher.report.web.page import plan_page

        return plan_page(told)
    from patcher.report.markdown import plan_markdown

    return plan_markdown(told).encode()


def _painted(data: bytes, output: Path | None) -> bytes | str:
    """Colour a patch on a terminal; anywhere else every byte stays."""
    if output is not None or not coloured():
        return data
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = data.decode("utf-8", "replace").split("\n")
    return "\n".join(click.style(line, fg=colours.get(line[:1])) if line else line for line in lines)
