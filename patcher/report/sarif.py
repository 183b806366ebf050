"""Plans as SARIF 2.1.0: a run a recipe, a rule a step, a result a place; what editors and code scanning read.

A fix is there where its edits are known in the file as it is on disk. An import that several places need stands in the
fix of the first, so that all fixes of a file together are what `apply` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from patcher import __version__
from patcher.choices import mark
from patcher.model import Edit, Hunk, Key, Outcome, Place, Plan, Status, Step

__all__ = ["sarif_data"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
LEFTOVER = "leftover"
CODES = {0: "nothing is to be done", 1: "changes are needed", 3: "a step drifted, or a place was refused"}
BOM = b"\xef\xbb\xbf"

Data = dict[str, Any]


def sarif_data(plans: Sequence[Plan], exit_code: int, prefix: str = "") -> Data:
    """Return what is to be done; `prefix` leads from the top of the repository to the checkout's root (`a/b/`)."""
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_Run(plan, prefix).data(exit_code) for plan in plans]}


class _Run:
    """One plan, with its rules by number and its hunks by place."""

    def __init__(self, plan: Plan, prefix: str) -> None:
        self.plan, self.prefix = plan, prefix
        self.rules = {outcome.step.id: number for number, outcome in enumerate(plan.outcomes)}
        self.hunks: dict[Key, Hunk] = {hunk.key: hunk for hunk in plan.hunks}
        self.before = {change.path: change.before for change in plan.changes if change.before is not None}

    def data(self, exit_code: int) -> Data:
        rules = [_rule(outcome.step) for outcome in self.plan.outcomes]
        rules += [_leftover_rule()] if self.plan.leftovers else []
        driver = {"name": "patcher", "version": __version__, "rules": rules}
        return {
            "tool": {"driver": driver},
            "automationDetails": {"id": f"patcher/{self.plan.recipe.name}/"},
            "invocations": [self.invocation(exit_code)],
            "columnKind": "unicodeCodePoints",
            "results": [*self.results(), *self.suppressed(), *self.leftovers()],
            "properties": {"recipeDigest": self.plan.recipe.digest, "parameters": dict(self.plan.recipe.values)},
        }

    def invocation(self, exit_code: int) -> Data:
        return {
            "executionSuccessful": exit_code in (0, 1),
            "exitCode": exit_code,
            "exitCodeDescription": CODES.get(exit_code, "it failed"),
            "toolExecutionNotifications": list(self.notifications()),
        }

    def notifications(self) -> Iterator[Data]:
        """Yield what drifted, was refused or passed over."""
        for outcome in self.plan.outcomes:
            rule = {"id": outcome.step.id, "index": self.rules[outcome.step.id]}
            if outcome.status in (Status.DRIFTED, Status.REFUSED) and outcome.reason:
                level = "error" if outcome.status is Status.DRIFTED and not outcome.step.optional else "warning"
                text = f"{outcome.step.id} {_became(outcome)}: {outcome.reason}"
                yield {"level": level, "message": {"text": text}, "associatedRule": rule}
            for place in outcome.places:
                if place.status is Status.REFUSED:
                    text = f"{outcome.step.id} refused {place}: {_sentence(place.reason)}"
                    where = [self.location(place)]
                    yield {"level": "warning", "message": {"text": text}, "associatedRule": rule, "locations": where}
        for skipped in self.plan.skipped:
            yield {"level": "note", "message": {"text": f"Passed over: {_sentence(skipped.reason)}"}}

    def results(self) -> Iterator[Data]:
        for outcome in self.plan.outcomes:
            for place in outcome.places:
                if place.status in (Status.APPLIED, Status.REFUSED):
                    yield self.result(outcome.step, place)

    def result(self, step: Step, place: Place) -> Data:
        refused = place.status is Status.REFUSED
        said = f"This place was refused: {_sentence(place.reason)}" if refused else f"{_sentence(step.why)}"
        data = {
            "ruleId": step.id,
            "ruleIndex": self.rules[step.id],
            "level": "warning" if refused else "error",
            "message": {"text": said},
            "locations": [self.location(place)],
        }
        hunk = None if refused else self.hunks.get((step.id, place.path, place.line, place.column))
        if hunk is not None:
            data["partialFingerprints"] = {"patcher/v1": mark(hunk)}
            data |= self.fixes(hunk, step)
        return data

    def fixes(self, hunk: Hunk, step: Step) -> Data:
        """Return the fix of a place, nothing where it needs a new file or is no edit of the file on disk."""
        before = self.before.get(hunk.path)
        if not hunk.origin or hunk.files or before is None:
            return {}
        text = before.removeprefix(BOM)
        try:
            replacements = [_replacement(edit, text) for edit in sorted(hunk.origin, key=lambda one: one.start)]
        except UnicodeDecodeError:
            return {}
        change = {"artifactLocation": self.artifact(hunk.path), "replacements": replacements}
        return {"fixes": [{"description": {"text": _sentence(step.why)}, "artifactChanges": [change]}]}

    def suppressed(self) -> Iterator[Data]:
        """Yield what would be done had nobody declined it."""
        steps = {outcome.step.id: outcome.step for outcome in self.plan.outcomes}
        for hunk in self.plan.declined:
            place = Place(hunk.path, hunk.line, hunk.column, Status.APPLIED)
            data = self.result(steps[hunk.step], place)
            yield data | {
                "suppressions": [{"kind": "external", "status": "accepted", "justification": "It was declined."}]
            }

    def leftovers(self) -> Iterator[Data]:
        for place in self.plan.leftovers:
            yield {
                "ruleId": LEFTOVER,
                "ruleIndex": len(self.rules),
                "level": "note",
                "message": {"text": _sentence(place.reason)},
                "locations": [self.location(place)],
            }

    def location(self, place: Place) -> Data:
        region = {"startLine": max(1, place.line), "startColumn": max(1, place.column)}
        return {"physicalLocation": {"artifactLocation": self.artifact(place.path), "region": region}}

    def artifact(self, path: str) -> Data:
        uri = quote((self.prefix + path).encode("utf-8", "surrogateescape"))
        return {"uri": uri, "uriBaseId": "%SRCROOT%"}


def _rule(step: Step) -> Data:
    effect = f"{step.effect.kind.value}{f': {step.effect.detail}' if step.effect.detail else ''}"
    text = f"{_sentence(step.why)} What it does to the numbers: {effect}."
    return {
        "id": step.id,
        "shortDescription": {"text": _sentence(step.why)},
        "fullDescription": {"text": text},
        "help": {"text": f"{text} `patcher apply` makes the change; `patcher explain` says why a place is one."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"verb": step.verb, "effect": step.effect.kind.value},
    }


def _leftover_rule() -> Data:
    said = "It mentions what a step replaced, and no step could prove that it is meant; look at it."
    return {"id": LEFTOVER, "shortDescription": {"text": said}, "defaultConfiguration": {"level": "note"}}


def _replacement(edit: Edit, text: bytes) -> Data:
    (line, column), (end_line, end_column) = (_line_column(text, offset) for offset in (edit.start, edit.end))
    region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}


def _line_column(text: bytes, offset: int) -> tuple[int, int]:
    start = text.rfind(b"\n", 0, offset) + 1
    return text.count(b"\n", 0, offset) + 1, len(text[start:offset].decode()) + 1


def _became(outcome: Outcome) -> str:
    return "drifted" if outcome.status is Status.DRIFTED else "was refused"


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
