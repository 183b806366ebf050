"""A plan as questions, and the answers as another plan; asks nobody itself and never writes.

What needs each other is one question. With every no the recipe is planned again without what was declined, so that the
answers can only lead to a plan that passes every check; a no or an edit that cannot stand raises, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from patcher.choices import Choices, Known, mark, version
from patcher.lock import Declined, Locked
from patcher.model import Edit, Hunk, Key, Plan, Step
from patcher.syntax.source import splice

__all__ = ["Question", "Review", "Section", "declined", "questions", "remembered", "sections"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is taken together or not at all: the steps that it is about, and all that they do."""

    steps: tuple[Step, ...]
    hunks: tuple[Hunk, ...]

    @property
    def keys(self) -> frozenset[Key]:
        """Its places."""
        return frozenset(hunk.key for hunk in self.hunks)


@dataclass(frozen=True, slots=True)
class Section:
    """What one step does to one text of a question: that of a file as it came to the step."""

    hunks: tuple[Hunk, ...]

    @property
    def path(self) -> str:
        """The file."""
        return self.hunks[0].path

    @property
    def before(self) -> bytes:
        """The text."""
        return self.hunks[0].text

    def after(self, *, beside: bool = True) -> bytes:
        """Return the text with the edits made; `beside`: also those that no one place owns."""
        edits: list[Edit] = [edit for hunk in self.hunks for edit in (*(hunk.beside if beside else ()), *hunk.edits)]
        return splice(self.path, self.before, edits)


def sections(question: Question) -> list[Section]:
    """Return the texts that a question is about, in the order in which they are edited."""
    found: dict[tuple[str, str, bytes], list[Hunk]] = {}
    for hunk in question.hunks:
        found.setdefault((hunk.step, hunk.path, hunk.text), []).append(hunk)
    return [Section(tuple(hunks)) for hunks in found.values()]


def remembered(entry: Locked | None) -> Choices:
    """Return what was declined according to a lock."""
    known = entry.declined if entry else ()
    return Choices(known=tuple(Known(one.step, one.path, one.digest, one.version) for one in known))


def declined(plan: Plan, entry: Locked | None = None) -> tuple[Declined, ...]:
    """Return what a lock is to say: what the plan's result still has, and what is known of steps that did not run."""
    ran = {hunk.step for hunk in plan.declined} | {one.step.id for one in plan.outcomes if one.places}
    kept = [one for one in (entry.declined if entry else ()) if one.step not in ran]
    steps = {outcome.step.id: outcome.step for outcome in plan.outcomes}
    new = [Declined(one.step, one.path, mark(one), version(steps[one.step])) for one in plan.declined]
    order = {name: number for number, name in enumerate(steps)}
    return tuple(sorted((*kept, *new), key=lambda one: (order.get(one.step, len(order)), one.path, one.digest)))


class Review:
    """The questions of one recipe over one tree, and what has been answered so far. `make` plans with choices."""

    def __init__(self, make: Callable[[Choices], Plan], choices: Choices) -> None:
        self._make = make
        self._choices = choices
        self._taken: set[Key] = set()
        self._whole: dict[str, bool] = {}  # steps of which all that is still to come was taken, or declined
        self.answered = 0
        self.plan = make(choices)

    @property
    def open(self) -> list[Question]:
        """The questions that were not answered, in the order of the steps."""
        return [one for one in questions(self.plan) if not one.keys <= self._taken]

    def take(self, question: Question, *, step: bool = False) -> None:
        """Take what a question is about; `step`: and all that its steps have still to ask."""
        self._taken |= question.keys
        self._answered(question, step, taken=True)

    def decline(self, question: Question, *, step: bool = False) -> None:
        """Leave it as it is, and keep that it was declined; `step` as with take.

        Raises:
            RecipeError: what is left would not be sound without it.
            TargetError: as a plan.
        """
        keys = question.keys
        if step:
            keys = keys.union(*(one.keys for one in self.open if _share(one.steps, question.steps)))
        self._plan(replace(self._choices, declined=self._choices.declined | keys))
        self._answered(question, step, taken=False)

    def leave(self) -> None:
        """Leave everything that was not answered, for this once."""
        while there := self.open:
            keys = self._choices.left.union(*(one.keys for one in there))
            self._plan(replace(self._choices, left=keys))

    def edit(self, question: Question, edits: Mapping[Key, tuple[Edit, ...]]) -> None:
        """Take what a person wrote in place of a question's edits.

        Raises:
            RecipeError: the result would not be sound.
            TargetError: it cannot be written into the file.
        """
        self._plan(replace(self._choices, edited={**self._choices.edited, **edits}))
        self.take(question)

    def _plan(self, choices: Choices) -> None:
        self.plan = self._make(choices)
        self._choices = choices

    def _answered(self, question: Question, step: bool, *, taken: bool) -> None:
        self.answered += 1
        if step:
            self._whole.update((one.id, taken) for one in question.steps)
        while there := next((one for one in self.open if self._settled(one) is not None), None):
            if self._settled(there):
                self._taken |= there.keys
            else:
                self._plan(replace(self._choices, declined=self._choices.declined | there.keys))

    def _settled(self, question: Question) -> bool | None:
        return next((self._whole[step.id] for step in question.steps if step.id in self._whole), None)


# --- what needs each other ------------------------------------------------------------------------------------------


def questions(plan: Plan) -> list[Question]:
    """Return the questions of a plan: of all that it does, what needs each other is one."""
    steps = {outcome.step.id: outcome.step for outcome in plan.outcomes}
    ties = _ties(steps, {hunk.step for hunk in plan.hunks})
    groups: list[tuple[set[object], list[int]]] = []
    for number, hunk in enumerate(plan.hunks):
        names: set[object] = {hunk.key, *ties[hunk.step], *((hunk.step, path) for path in hunk.tied or ())}
        numbers = [number]
        for group in [one for one in groups if one[0] & names]:
            groups.remove(group)
            names |= group[0]
            numbers += group[1]
        groups.append((names, sorted(numbers)))
    found = [[plan.hunks[number] for number in numbers] for _, numbers in sorted(groups, key=lambda one: one[1])]
    return [Question(tuple(step for name, step in steps.items() if name in _steps(one)), tuple(one)) for one in found]


def _steps(hunks: Iterable[Hunk]) -> set[str]:
    return {hunk.step for hunk in hunks}


def _ties(steps: Mapping[str, Step], active: set[str]) -> dict[str, set[object]]:
    """Return for each step at work a name for each tie to another one that it requires, or that requires it."""
    ties: dict[str, set[object]] = {name: set() for name in active}
    for name in active:
        for required in active.intersection(steps[name].requires):
            ties[name].add((name, required, "requires"))
            ties[required].add((name, required, "requires"))
    return ties


def _share(steps: Iterable[Step], others: Iterable[Step]) -> bool:
    return not {step.id for step in steps}.isdisjoint(step.id for step in others)
