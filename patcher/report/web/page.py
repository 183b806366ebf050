"""The page itself: a template filled, with its style and its script inside; it asks no network for anything.

Everything that is not the template's is escaped, and no character of it steers what is shown.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from patcher import __version__
from patcher.model import Change, Outcome, Place, Status
from patcher.report.hunks import EFFECTS, harmless
from patcher.report.text import follow_ups, numbers, prove_command, result
from patcher.report.told import Told
from patcher.report.verdict import extent
from patcher.report.web.chart import charts
from patcher.report.web.diff import File, file_view, hunk_of
from patcher.verify.judge import Judge
from patcher.verify.proofs import Standing, standing
from patcher.verify.sensitivity import How
from patcher.verify.session import Checked

__all__ = ["plan_page", "verdict_page"]

HERE = Path(__file__).parent / "parts"
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16'"
    " rx='4' fill='%230f766e'/%3E%3Cpath d='M4 8.5l2.6 2.6L12 5.6' fill='none' stroke='white' stroke-width='2'/%3E"
    "%3C/svg%3E"
)


@dataclass(frozen=True, slots=True)
class _Step:
    """A step on the page: its outcome, where each place leads to, and how its claim stands."""

    outcome: Outcome
    anchor: str
    places: tuple[tuple[Place, str], ...]
    effect: str
    proof: Standing | None
    prove: str


@dataclass(frozen=True, slots=True)
class _Part:
    """One plan on the page."""

    told: Told
    steps: tuple[_Step, ...]
    files: tuple[File, ...]
    result: str
    numbers: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]

    @property
    def refused(self) -> Iterator[tuple[str, Place]]:
        """Every place that a step left because it could not be edited safely."""
        for outcome in self.told.plan.outcomes:
            yield from ((outcome.step.id, place) for place in outcome.places if place.status is Status.REFUSED)

    @property
    def attention(self) -> bool:
        """Whether anything is for a person to look at."""
        plan = self.told.plan
        failed = plan.of(Status.DRIFTED) or plan.of(Status.REFUSED) or any(self.refused)
        return bool(failed or plan.leftovers or plan.known or plan.skipped)


def plan_page(told: Sequence[Told]) -> bytes:
    """Return the page of one or several plans over one tree."""
    parts = [_part(one, number) for number, one in enumerate(told)]
    names = ", ".join(one.plan.recipe.name for one in told) or "nothing"
    return _page("plan.html", title=f"{names} on {told[0].tree if told else 'the tree'}", parts=parts, Status=Status)


def _part(told: Told, number: int) -> _Part:
    plan = told.plan
    files = tuple(_files(plan.changes, number))
    steps = tuple(_step(told, outcome, files, f"s{number}-{at}") for at, outcome in enumerate(plan.outcomes))
    commands = tuple(follow_ups(plan, shlex.quote(told.tree), told.recipe)) if told.written else ()
    return _Part(told, steps, files, result(plan, told.written, held=told.held), tuple(numbers(plan)), commands)


def _files(changes: Sequence[Change], number: int) -> Iterator[File]:
    for at, change in enumerate(changes):
        yield file_view(change, f"f{number}-{at}")


def _step(told: Told, outcome: Outcome, files: Sequence[File], anchor: str) -> _Step:
    effect = outcome.step.effect
    places = {(str(place), place.status, place.reason): place for place in outcome.places}
    return _Step(
        outcome,
        anchor,
        tuple((place, hunk_of(place, files)) for place in places.values()),
        effect.detail or EFFECTS[effect.kind],
        standing(outcome, told.plan),
        prove_command(told.plan, outcome, told.tree, told.recipe),
    )


def verdict_page(judge: Judge, checked: Sequence[Checked], environments: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return the page of a verify; `environments` has, for each check that was run, what its numbers may depend on."""
    checks = [(one, charts(one.verdict), _beside(one, environments)) for one in checked]
    title = f"{judge.recipe.name} verified in {judge.checkout.root.name}"
    return _page("verdict.html", title=title, judge=judge, checks=checks, extent=extent, How=How)


def _beside(checked: Checked, environments: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """Return a row for each thing that the numbers may depend on: here, and where the golden was made."""
    here = environments.get(checked.verdict.check, {})
    there = checked.verdict.golden.environment if checked.verdict.golden else {}
    return [(name, here.get(name, ""), there.get(name, "")) for name in dict.fromkeys((*here, *there))]


def _page(template: str, **told: Any) -> bytes:
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    page = _templates().get_template(template)
    text = page.render(
        told,
        policy=policy,
        style=Markup(style),  # noqa: S704  (it is our own file)
        script=Markup(script),  # noqa: S704
        icon=ICON,
        version=__version__,
    )
    return f"{text}\n".encode()


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["many"] = _many
    return made


def _shown(value: object) -> object:
    """Return what is put into the page: text in which no character turns the order of the letters."""
    return value if hasattr(value, "__html__") else harmless(str(value), keep="\n\t")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
