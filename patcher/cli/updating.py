"""What `patcher update` does once its options are known: prepare the update, write it or not, report it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from patcher.apply import Job, apply_all
from patcher.checkout import Checkout
from patcher.cli.chosen import Chosen, chosen
from patcher.cli.common import check_output, load_recipe, opened, paint, refuse_code, write_output
from patcher.commit import branched, check_ready
from patcher.errors import UsageError
from patcher.journal import Journal, Record
from patcher.lock import lock_change, read_lock
from patcher.message import updating
from patcher.model import Plan
from patcher.recipe import bundled_root
from patcher.report.update import update_data, update_patch, update_text
from patcher.update import Applied, Update, prepare
from patcher.upstream import newest
from patcher.verify.proofs import plan_proved

__all__ = ["Asked", "carry_out"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of an update."""

    path: str
    onto: str | None = None
    base: str | None = None
    recipe: str | None = None
    params: tuple[str, ...] = ()
    write: bool = False
    commit: bool = False
    branch: str | None = None
    partial: bool = False
    markers: bool = False
    allow_python: bool = False
    form: str = "text"
    output: Path | None = None

    @property
    def writing(self) -> bool:
        """Whether the result is to be written."""
        return self.write or self.commit


def carry_out(asked: Asked) -> int:
    """Prepare the update, write it if that was asked for, print the report, and return the exit code."""
    if asked.commit and asked.markers:
        raise UsageError("--commit with --markers would commit conflicts; give --write, resolve them, then commit.")
    if asked.branch and not asked.writing:
        raise UsageError("--branch is for what is written; give it with --write or --commit.")
    check_output(asked.output)
    checkout = opened(asked.path)
    if asked.commit or asked.branch:
        check_ready(checkout, "--commit" if asked.commit else "--branch")
    recipes = _recipes(asked, checkout)
    onto = asked.onto if asked.onto is not None else newest(checkout, [one.recipe for one in recipes])
    applied = [Applied(one.recipe, one.name, one.locked) for one in recipes]
    shims = bundled_root() / "shims"
    update = prepare(checkout, applied, shims, onto, base=asked.base, markers=asked.markers, planner=plan_proved)
    stopped = _stopped(update, asked)
    written = asked.writing and not stopped and bool(update.plans)
    if written:
        _write(update, checkout, asked)
    code = _exit_code(update, asked, stopped=bool(stopped))
    _print(update, checkout, asked, onto, code, written=written)
    for note in (*stopped, *_next(update, checkout, asked, written=written)) if asked.form == "text" else ():
        click.echo(note, err=True)
    return code


def _recipes(asked: Asked, checkout: Checkout) -> list[Chosen]:
    """Return the recipes with the parameters that they were applied with, if those are known and no others given."""
    lock = read_lock(checkout)
    found = chosen(asked.path, checkout, lock, asked.recipe, asked.params)
    if asked.recipe is not None and not asked.params:
        (one,) = found
        last = next((entry for entry in reversed(_records(checkout)) if entry.recipe == one.recipe.name), None)
        known = one.locked.parameters if one.locked else last.values if last else {}
        there = {parameter.name for parameter in one.recipe.parameters}
        params = tuple(f"{name}={value}" for name, value in known.items() if name in there)
        found = [replace(one, recipe=load_recipe(asked.recipe, params))]
    for one in found if not asked.allow_python else ():
        refuse_code(one.recipe)
    return found


def _records(checkout: Checkout) -> Sequence[Record]:
    return Journal(checkout).records()


def _stopped(update: Update, asked: Asked) -> tuple[str, ...]:
    """Return why the result is not to be written, nothing if it may be."""
    told = []
    if update.held_back and not asked.partial:
        told.append("a step drifted; --partial keeps what the fork has of it as text")
    if update.conflicts and not asked.markers:
        told.append("there are conflicts; --markers writes them into the files, to be resolved there")
    if asked.commit and update.conflicts and asked.markers:
        told.append("conflicts are not committed")
    if asked.commit and update.left:
        told.append("a merge would claim what is left to you; give --write, do that too, then commit")
    verb = "Nothing was written" if asked.writing else "--write would write nothing of this"
    return tuple(f"{verb}, because {one}." for one in told)


def _exit_code(update: Update, asked: Asked, *, stopped: bool) -> int:
    if update.held_back or update.conflicts or update.refused or (stopped and asked.writing):
        return 3
    return 1 if update.changes and not asked.writing else 0


def _write(update: Update, checkout: Checkout, asked: Asked) -> None:
    lock = read_lock(checkout)
    for entry in update.entries:
        lock = lock.having(entry)
    kept = lock_change(checkout, lock) if update.entries else None
    first = update.plans[0]
    job = Job(Plan(first.recipe, str(checkout.root), (), update.changes), kept)
    if asked.commit:
        names = [plan.recipe.name for plan in update.plans]
        job = replace(job, pieces=updating(names, update.new, job.changes))
    with branched(checkout, asked.branch):
        apply_all([job], checkout, allow_dirty=True)


def _print(update: Update, checkout: Checkout, asked: Asked, onto: str, code: int, *, written: bool) -> None:
    if asked.form == "json":
        data = update_data(update, written=written, exit_code=code, prefix=checkout.prefix)
        write_output(json.dumps(data, indent=2) + "\n", asked.output)
        return
    text = update_text(update, paint, tree=asked.path, onto=onto, written=written)
    shown = b"" if asked.writing else update_patch(update, checkout.prefix)
    if asked.output is not None:
        write_output(click.unstyle(text).encode() + b"\n" * bool(shown) + shown, asked.output)
        return
    write_output(text, None)
    if shown:
        write_output(b"\n" + shown, None)


def _next(update: Update, checkout: Checkout, asked: Asked, *, written: bool) -> Iterator[str]:
    tree = shlex.quote(asked.path)
    if written and not asked.commit and update.conflicts:
        yield "Resolve the conflicts that are marked in the files, then commit."
    if written and not asked.commit:
        new = [change.path for change in update.changes if change.before is None]
        for path in sorted(one for one, why in checkout.repository.status(new).items() if why == "ignored by git"):
            yield f"git ignores {path}, which the new upstream tracks: `git add --force` it, or no commit will have it."
    if written:
        yield f"Take it back:  patcher undo {tree}"
    elif update.changes and not asked.writing and not (update.held_back or update.conflicts):
        yield "Nothing is written yet. Write it with --write, or commit it with --commit."
