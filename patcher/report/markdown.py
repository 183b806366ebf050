"""Plans and verdicts as Markdown for a comment on a pull request: short enough for GitHub, and nothing in it is markup.

What is too long is left out, and a sentence says so.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from patcher.model import Change, Outcome, Place, Plan, Status
from patcher.report.hunks import harmless
from patcher.report.patch import change_patch
from patcher.report.text import ended, numbers, result
from patcher.report.told import Told
from patcher.report.verdict import extent
from patcher.verify.compare import Difference, Verdict
from patcher.verify.judge import Judge
from patcher.verify.session import Checked

__all__ = ["LIMIT", "plan_markdown", "verdict_markdown"]

LIMIT = 65_536  # of a comment on GitHub; counted in bytes here, which are never fewer than its characters
SENTENCE = 400  # room for what is said of what was left out
SHOWN, LONGEST = 8, 16_000  # places of a step, and bytes of a file's patch
MARKS = {
    Status.APPLIED: "✅ applied",
    Status.ALREADY: "☑️ already",
    Status.ABSENT: "➖ absent",
    Status.DRIFTED: "❌ drifted",
    Status.REFUSED: "⚠️ refused",
}
SPECIAL = re.compile(r"[\\`*{}\[\]|~]|(?<![^\W_])_|_(?![^\W_])|^[-+=#]|^\d+(?=[.)])")
# What GitHub makes a link by itself: a mention, an issue, an address. Behind a comment it is none.
LINKED = re.compile(r"@|#(?=\d)|(?<=:)/(?=/)|(?<=www)\.", re.IGNORECASE)
PLAIN = re.compile(r"[\w./:+-]+")


def plan_markdown(told: Sequence[Told]) -> str:
    """Return a section for each plan: its steps, what is to be looked at, and the patch, folded."""
    return _fitted(part for one in told for part in _plan(one))


def _plan(told: Told) -> Iterator[str]:
    plan = told.plan
    head = [f"### patcher: {_text(plan.recipe.name)} on {_code(told.tree)}", ""]
    head += [f"{ended(plan).capitalize() or 'No steps'}. {result(plan, told.written, held=told.held)}".rstrip(), ""]
    head += [f"> {_text(line)}\n" for line in numbers(plan)]
    yield "\n".join(head) + "\n"
    here = [one for one in plan.outcomes if one.status is not Status.ABSENT]
    gone = [one for one in plan.outcomes if one.status is Status.ABSENT]
    if here:
        yield from _table(("step", "outcome", "why", "effect", "places"), map(_row, here))
    yield from _look(plan)
    if gone:
        title = f"{_many(len(gone), 'step')} with nothing to do here"
        rows = "\n".join(f"- {_code(one.step.id)}: {_text(one.reason or one.step.why)}" for one in gone)
        yield f"<details><summary>{title}</summary>\n\n{rows}\n\n</details>\n\n"
    named = f"patcher apply {shlex.quote(told.tree)} --recipe {shlex.quote(told.recipe)} --diff"
    yield from (_diff(change) for change in plan.changes)
    if plan.changes and not told.written:
        yield f"To see it here: {_code(named)}\n\n"


def _row(outcome: Outcome) -> tuple[str, ...]:
    effect = outcome.step.effect
    detail = f": {effect.detail}" if effect.detail else ""
    why = " ".join(_text(one) for one in (outcome.step.why, outcome.reason) if one)
    places = [str(one) for one in outcome.places if one.status in (outcome.status, Status.REFUSED)]
    return _code(outcome.step.id), MARKS[outcome.status], why, _text(effect.kind + detail), _places(places)


def _places(places: Iterable[str]) -> str:
    shown = list(dict.fromkeys(places))
    return ", ".join(map(_code, shown[:SHOWN])) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")


def _look(plan: Plan) -> Iterator[str]:
    """Yield what a person must look at, and what was left alone."""
    refused = [
        _told(place, f"refused by {outcome.step.id}: {place.reason}")
        for outcome in plan.outcomes
        for place in outcome.places
        if place.status is Status.REFUSED
    ]
    over = [_told(place, f"left over: {place.reason}") for place in plan.leftovers]
    known = [_told(place, f"wrong upstream, and left alone: {place.reason}") for place in plan.known]
    passed = [f"- {_text(one.reason)}\n" for one in plan.skipped]
    if lines := [*dict.fromkeys((*refused, *over, *known, *passed))]:
        yield from ("**For you to look at**\n\n", *lines, "\n")
    if plan.left:
        rows = [f"- {_code(one.path)}: {_text(one.reason)}\n" for one in plan.left]
        yield f"<details><summary>{_many(len(rows), 'file')} left alone</summary>\n\n{''.join(rows)}\n</details>\n\n"


def _told(place: Place, reason: str) -> str:
    return f"- {_code(str(place))} {_text(reason)}\n"


def _diff(change: Change) -> str:
    text = harmless(change_patch(change).decode("utf-8", "replace").replace("\r\n", "\n"), keep="\n\t")
    text, more = _cut(text.rstrip("\n"))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    kind = "added" if change.before is None else "removed" if change.gone else "changed"
    head = f"<code>{_entities(change.path)}</code> ({kind})"
    told = f"and {_many(more, 'more line')}, too long for a comment\n\n" if more else ""
    return f"<details><summary>{head}</summary>\n\n{fence}diff\n{text}\n{fence}\n\n{told}</details>\n\n"


def _cut(text: str) -> tuple[str, int]:
    """Return the first lines of a long patch, and how many more there are."""
    lines, room = text.split("\n"), LONGEST
    for number, line in enumerate(lines):
        room -= len(line.encode()) + 1
        if room < 0:
            return "\n".join(lines[:number]), len(lines) - number
    return text, 0


# --- verdicts -------------------------------------------------------------------------------------------------------


def verdict_markdown(judge: Judge, checked: Sequence[Checked]) -> str:
    """Return a row for each check, its readings, the ledger of the steps, and which wrong attentions it sees."""
    return _fitted(_verdicts(judge, checked))


def _verdicts(judge: Judge, checked: Sequence[Checked]) -> Iterator[str]:
    yield f"### patcher: {_text(judge.recipe.name)} verified\n\nOn {judge.device}, with {_code(judge.python)}.\n\n"
    rows = ((_code(one.verdict.check), _text(one.verdict.finding), _said(one.verdict)) for one in checked)
    yield from _table(("check", "finding", ""), rows)
    for one in checked:
        verdict = one.verdict
        if verdict.run is not None and verdict.golden is not None and verdict.worst:
            worst = (
                (_code(name), str(len(verdict.golden.readings[name])), _off(row), str(row.step), f"{row.allowed:.0e}")
                for name, row in verdict.worst.items()
            )
            heads = ("reading", "values", "off by at most", "at", "allowed")
            yield from _folded(f"{verdict.check}: readings", heads, worst)
        if one.ledger:
            words = {True: "✅ holds", False: "❌ false", None: "➖ not judged"}
            ledger = (
                (_code(entry.step.id), words[entry.holds], entry.step.effect.kind, entry.measured, _text(entry.reason))
                for entry in one.ledger
            )
            heads = ("step", "claim", "claims", "measured", "how")
            yield from _folded(f"{verdict.check}: what each step does to the numbers", heads, ledger)
        if one.seen:
            seen = (
                (_code(plant.name), str(plant.how), _first(plant.first) if plant.first else _text(plant.why))
                for plant in one.seen
            )
            yield from _folded(f"{verdict.check}: wrong attentions, planted", ("attention", "seen", "first"), seen)


def _said(verdict: Verdict) -> str:
    ran = verdict.run is not None and verdict.run.trained
    extents = f"{extent(verdict.run)} in {verdict.run.seconds:.1f} s." if ran and verdict.run else ""
    return _text(" ".join(part for part in (verdict.reason, extents, *verdict.notes) if part))


def _first(row: Difference) -> str:
    return _text(f"{row.reading} {row.step}, off by {_off(row)}, {row.times:.0f} times what is allowed")


def _off(row: Difference) -> str:
    return f"{row.off:.1e}" if row.off else "0"


# --- Markdown -------------------------------------------------------------------------------------------------------


def _fitted(parts: Iterable[str]) -> str:
    """Return the parts that a comment has room for, and say how many it has not."""
    kept, room, left = [], LIMIT - SENTENCE, 0
    for part in parts:
        size = len(part.encode())
        if size <= room:
            kept.append(part)
            room -= size
        else:
            left += 1
    if left:
        kept.append(
            f"\n{_many(left, 'more part')} of this report {'is' if left == 1 else 'are'} left out, because a comment "
            "takes no more; `--format html --output report.html` has all of it.\n"
        )
    return "".join(kept).rstrip("\n") + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table, a row at a time, so that what is too long ends between rows."""
    yield f"| {' | '.join(heads)} |\n{'|---' * len(heads)}|\n"
    yield from (f"| {' | '.join(row)} |\n" for row in rows)
    yield "\n"


def _folded(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"<details><summary>{_entities(title)}</summary>\n\n{''.join(_table(heads, rows))}</details>\n\n"


def _text(text: str) -> str:
    """Return a text in which nothing is markup, a mention or the end of a cell."""
    plain = " ".join(harmless(text, keep="\n\t").split())
    plain = SPECIAL.sub(_escaped, plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    # A dollar in an element of its own begins no formula.
    return LINKED.sub(_unlinked, plain).replace("$", "<span>$</span>")


def _escaped(found: re.Match[str]) -> str:
    return f"{found[0]}<!-- -->" if found[0].isdigit() else f"\\{found[0]}"


def _unlinked(found: re.Match[str]) -> str:
    return f"<!-- -->{found[0]}" if found[0] in "/." else f"{found[0]}<!-- -->"


def _code(text: str) -> str:
    return f"`{text}`" if PLAIN.fullmatch(text) else f"<code>{_entities(text)}</code>"


def _entities(text: str) -> str:
    """Return a text every sign of which is a reference: inside of an element Markdown still reads what is plain."""
    return "".join(char if char.isalnum() or char in " ./-" else f"&#{ord(char)};" for char in harmless(text))


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"
