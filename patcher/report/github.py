"""Plans and verdicts as GitHub's annotations and as the Markdown of a job's summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patcher.model import Outcome, Place, Plan, Status
from patcher.report.verdict import extent
from patcher.verify.compare import Finding, Verdict
from patcher.verify.sensitivity import How
from patcher.verify.session import Checked

__all__ = ["check_summary", "plan_annotations", "verdict_annotations", "verdict_summary"]

SHOWN = 8
FAILED = (Finding.DRIFTED, Finding.FAILED)
UNJUDGED = (Finding.NOT_RUN, Finding.NOT_JUDGED)


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One line that a runner reads: an error, a warning or a notice."""

    level: str
    title: str
    message: str
    path: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        told = {"file": self.path, "line": self.line or "", "col": self.column or "", "title": self.title}
        properties = ",".join(f"{name}={_property(str(value))}" for name, value in told.items() if value)
        return f"::{self.level} {properties}::{_data(self.message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


# --- a plan ---------------------------------------------------------------------------------------------------------


def plan_annotations(plan: Plan, prefix: str = "") -> str:
    """Return an error for each place that would change, a warning for what drifted, was refused or is left over.

    `prefix` leads from the top of the repository to the checkout's root (`a/b/`).
    """
    return "".join(str(one) for one in _of_plan(plan, prefix))


def _of_plan(plan: Plan, prefix: str) -> Iterator[_Annotation]:
    for outcome in plan.outcomes:
        step = outcome.step
        if outcome.reason and outcome.status in (Status.DRIFTED, Status.REFUSED):
            became = "drifted" if outcome.status is Status.DRIFTED else "was refused"
            yield _Annotation(
                "warning", f"{step.id} {became}", f"{outcome.reason} The step is there because: {step.why}"
            )
        for place in outcome.places:
            if place.status is Status.APPLIED:
                yield _at("error", step.id, step.why, place, prefix)
            elif place.status is Status.REFUSED:
                yield _at("warning", f"{step.id} refused this place", place.reason, place, prefix)
    for place in plan.leftovers:
        yield _at("warning", "left over", place.reason, place, prefix)
    yield from (_Annotation("notice", "passed over", one.reason, prefix + one.path) for one in plan.skipped)


def _at(level: str, title: str, message: str, place: Place, prefix: str) -> _Annotation:
    return _Annotation(level, title, message, prefix + place.path, place.line, place.column)


def check_summary(plan: Plan) -> str:
    """Return a section of a job's summary: a row for each step that the tree has anything for."""
    rows = [outcome for outcome in plan.outcomes if outcome.status is not Status.ABSENT]
    counts = ", ".join(f"{len(found)} {status.value}" for status in Status if (found := plan.of(status)))
    head = f"### patcher: {_cell(plan.recipe.name)}\n\n"
    if not plan.changes and not any(one.status in (Status.DRIFTED, Status.REFUSED) for one in rows):
        return f"{head}Nothing is to be done: {counts or 'no steps'}.\n\n"
    files = f"{len(plan.changes)} file{'s' if len(plan.changes) != 1 else ''} would change"
    lines = [f"{files}; steps: {counts}.\n", "| step | outcome | places | why |", "|---|---|---|---|"]
    lines += [_row(outcome) for outcome in rows]
    return head + "\n".join(lines) + "\n\n"


def _row(outcome: Outcome) -> str:
    places = [str(one) for one in outcome.places if one.status in (outcome.status, Status.REFUSED)]
    places = list(dict.fromkeys(places))
    shown = ", ".join(f"`{one}`" for one in places[:SHOWN]) + (
        f" and {len(places) - SHOWN} more" * (len(places) > SHOWN)
    )
    why = f"{outcome.step.why} {outcome.reason}".strip()
    return "| " + " | ".join(_cell(one) for one in (outcome.step.id, outcome.status.value, shown, why)) + " |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())


# --- verdicts -------------------------------------------------------------------------------------------------------


def verdict_annotations(checks: Sequence[Checked]) -> str:
    """Return an error for each check that differs or failed and each false claim, a notice for what holds."""
    return "".join(str(one) for check in checks for one in _of_check(check))


def _of_check(checked: Checked) -> Iterator[_Annotation]:
    verdict = checked.verdict
    unknown = "warning" if verdict.finding in UNJUDGED else "notice"
    level = "error" if verdict.finding in FAILED else unknown
    yield _Annotation(level, f"{verdict.check}: {verdict.finding}", _told(verdict))
    for entry in checked.ledger:
        if entry.holds is False:
            claim = f"It claims {entry.step.effect.kind}, measured {entry.measured}."
            yield _Annotation(
                "error", f"{verdict.check}: {entry.step.id} claims what is false", f"{claim} {entry.reason}"
            )
    for one in checked.seen:
        if one.how is How.MISSED:
            yield _Annotation("error", f"{verdict.check}: {one.name}", "The check does not see this wrong attention.")


def _told(verdict: Verdict) -> str:
    first = verdict.first
    said = [verdict.reason] if verdict.reason else []
    if first is not None:
        values = f"{first.got:.12g}, expected {first.expected:.12g}"
        said.append(f"The first to differ is {first.reading} at {first.step}: {values}.")
    if not said and verdict.run is not None:
        said.append(f"{extent(verdict.run)} in {verdict.run.seconds:.1f} s.")
    return " ".join(said) or "See the log."


def verdict_summary(checks: Sequence[Checked]) -> str:
    """Return a section of a job's summary: a row for each check."""
    rows = ["| check | finding | |", "|---|---|---|"]
    for checked in checks:
        told = (checked.verdict.check, str(checked.verdict.finding), _told(checked.verdict))
        rows.append("| " + " | ".join(_cell(one) for one in told) + " |")
    return "### patcher: checks\n\n" + "\n".join(rows) + "\n\n"
