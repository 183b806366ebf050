"""The steps of a recipe: parameters filled in, its own steps read, and those of used recipes put in place.

What is wrong goes to a Reader with its place. Nothing here opens a file, reads a checkout or guesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from patcher.errors import UsageError
from patcher.model import Condition, Effect, Expect, Range, Scope, Step
from patcher.recipe.keys import read_effect, read_expect, read_when
from patcher.recipe.nodes import Items, Mark, Node, Reader, Table, Text, did_you_mean
from patcher.recipe.parameters import Setting, Values, choose, fill, whole_name
from patcher.recipe.scopes import joined, read_scopes
from patcher.recipe.steps import RecipeFile, StepReader, Steps

if TYPE_CHECKING:
    from patcher.verbs.base import Verb

__all__ = ["USE_KEYS", "Expander"]

USE_KEYS = ("use", "with", "in", "not_in", "when", "skip", "expect", "effect")
# What is told of a step that is left out, and of which a use says something.
_NOTHING = {"expect": "expect nothing", "effect": "claim nothing"}


@dataclass(frozen=True, slots=True)
class _Use:
    """What a `use` adds to each step; `renamed` leads from a used recipe's parameter to the user's own."""

    name: str
    within: tuple[Scope, ...]
    not_in: tuple[Scope, ...]
    when: Condition | None
    expect: Mapping[str, Expect]
    effect: Mapping[str, Effect]
    renamed: Mapping[str, str]


class Expander:
    """Reads the steps of a recipe, compiles them, and puts those of used recipes in place.

    `find` returns the recipe that a `use` in another one names, or raises UsageError. `least` is how many sites a
    step counts on that does not say.
    """

    def __init__(
        self,
        find: Callable[[str, RecipeFile], RecipeFile],
        verbs: Mapping[str, type[Verb]],
        least: Range,
        reader: Reader,
    ) -> None:
        self._find, self._verbs, self._least, self._reader = find, verbs, least, reader
        self._own = StepReader(verbs, least, reader)

    def expand(self, file: RecipeFile, setting: Setting, above: tuple[Path, ...] = ()) -> Steps:
        """Return the steps of a recipe; `above` are the files of those that use it."""
        found = Steps(file, setting, (*above, file.path.resolve()))
        leave = fill(self._reader.table(file.fields.get("leave"), "leave"), setting.values, self._reader)
        entries = self._reader.table(leave, "leave").entries
        found.leave = {key.value: self._reader.text(value, key.value) for key, value in entries}
        steps = file.fields.get("steps")
        found.whole = isinstance(steps, Items)
        if isinstance(steps, Items) and not steps.items:
            self._reader.tell(steps.mark, "This recipe has no steps.")
        for node in self._reader.items(steps, "steps"):
            self._add(found, self._reader.table(node, "A step"))
        for text in found.required:
            self._check_id(text, found)
        for text in found.early:
            if text.value in found.ids:
                self._reader.tell(text.mark, f"The step `{text.value}` stands below; put what is required above it.")
        return found

    def _add(self, found: Steps, raw: Table) -> None:
        """Add what one entry of `steps` stands for; an id is never filled in."""
        read, values = self._reader, found.setting.values
        entries = ((key, value if key.value == "id" else fill(value, values, read)) for key, value in raw.entries)
        table = replace(raw, entries=tuple(entries))
        found.whole = found.whole and raw.whole
        if raw.get("use"):
            self._use(found, raw, table)
        elif raw.entries:
            self._own.add(found, table)

    def _check_id(self, text: Text, steps: Steps) -> None:
        """Tell a name that is no step of a recipe, unless that has steps that could not be read."""
        if steps.whole and text.value not in steps.ids:
            known = did_you_mean(text.value, steps.ids)
            self._reader.tell(text.mark, f"`{steps.file.name}` has no step `{text.value}`{known}")

    def _use(self, found: Steps, raw: Table, table: Table) -> None:
        """Add the steps of a used recipe."""
        verb = next((key for key, _ in table.entries if key.value in self._verbs), None)
        if verb and table.whole:
            self._reader.tell(verb.mark, "A step is a `use` or has a verb, and this has both; make two steps.")
        fields = self._reader.fields(table, [key.value for key, _ in table.entries] if verb else USE_KEYS)
        file = self._used(found, fields["use"])
        if file is None:
            found.whole = False
            return
        values, renamed = self._with(raw.get("with"), fields.get("with"), file)
        inner = self.expand(file, Setting(file.parameters, values), found.above)
        skipped = self._skipped(fields, inner)
        use = _Use(
            name=file.name,
            within=read_scopes(fields, "in", self._reader),
            not_in=read_scopes(fields, "not_in", self._reader),
            when=read_when(fields["when"], found.setting, self._reader) if "when" in fields else None,
            expect={
                name: read_expect(node, self._least, self._reader)
                for name, node in self._of_steps("expect", fields, inner, skipped)
            },
            effect={
                name: read_effect(node, found.setting, self._reader)
                for name, node in self._of_steps("effect", fields, inner, skipped)
            },
            renamed=renamed,
        )
        mark = fields.get("in", fields.get("not_in", table)).mark
        self._adopt(found, inner, use, skipped, mark)

    def _used(self, found: Steps, node: Node) -> RecipeFile | None:
        """Return the recipe that a `use` names, or tell why it cannot be used."""
        spec = self._reader.text(node, "use")
        if not spec:
            return None
        try:
            file = self._find(spec, found.file)
        except UsageError as error:
            self._reader.tell(node.mark, str(error))
            return None
        if file.path.resolve() in found.above:
            self._reader.tell(node.mark, f"With this step `{file.name}` uses itself; take the step out.")
            return None
        if any(name.startswith(f"{file.name}/") for name in found.ids):
            self._reader.tell(node.mark, f"`{file.name}` is used above already; put both scopes in one `in`.")
            return None
        return file

    def _with(self, raw: Node | None, filled: Node | None, file: RecipeFile) -> tuple[Values, Mapping[str, str]]:
        """Return what a used recipe's parameters stand for, and which are a parameter of the user's own."""
        entries = self._reader.table(filled, "with").entries
        given = {key.value: value.value if isinstance(value, Text) else None for key, value in entries}
        values, wrong = choose(file.parameters, given)
        for key, value in entries:
            parameter = file.parameters.get(key.value)
            if key.value in wrong:
                self._reader.tell(value.mark if parameter else key.mark, wrong[key.value])
            elif self._reader.text(value, key.value, empty=True) and parameter and parameter.type == "expr":
                self._reader.uncut(value)
        written = self._reader.table(raw, "with").entries
        names = ((key.value, whole_name(value)) for key, value in written)
        return values, {key: name for key, name in names if name is not None}

    def _skipped(self, fields: Mapping[str, Node], inner: Steps) -> frozenset[str]:
        """Return the steps that a `use` leaves out, and tell those that others need."""
        texts = self._reader.texts(fields.get("skip"), "skip")
        skipped = frozenset(text.value for text in texts)
        for text in texts:
            self._check_id(text, inner)
            for step in inner.steps:
                if text.value in step.requires and step.id not in skipped:
                    both = f"The step `{step.id}` requires `{text.value}`; skip both or none."
                    self._reader.tell(text.mark, both)
        return skipped

    def _of_steps(
        self, key: str, fields: Mapping[str, Node], inner: Steps, skipped: frozenset[str]
    ) -> Iterator[tuple[str, Node]]:
        """Yield what a `use` says of single steps under a key, and tell those of which there is nothing to say."""
        for name, value in self._reader.table(fields.get(key), key).entries:
            self._check_id(name, inner)
            if name.value in skipped:
                self._reader.tell(name.mark, f"The step `{name.value}` is skipped; {_NOTHING[key]} of it.")
            yield name.value, value

    def _adopt(self, found: Steps, inner: Steps, use: _Use, skipped: frozenset[str], mark: Mark) -> None:
        """Add what is left of a used recipe's steps, and what it leaves alone."""
        left = [step for step in inner.steps if step.id not in skipped]
        if (use.within or use.not_in) and left and all(map(self._is_tree_wide, left)):
            self._reader.tell(
                mark, f"No step of `{use.name}` works on Python, so this scope narrows none of them; take it out."
            )
        for step in left:
            taken = self._adopted(step, use)
            if isinstance(taken, str):
                self._reader.tell(mark, taken)
            else:
                found.steps.append(taken)
        found.ids |= {f"{use.name}/{name}" for name in inner.ids - skipped}
        found.leave = {**inner.leave, **found.leave}
        found.whole = found.whole and inner.whole

    def _adopted(self, step: Step, use: _Use) -> Step | str:
        """Return a step of a used recipe as one of the recipe that uses it, or a sentence that says why not."""
        if self._is_tree_wide(step):
            use = replace(use, within=(), not_in=())
        within = joined(step.within, use.within)
        if isinstance(within, str):
            return f"The step `{step.id}` has an `in` of its own: {within}"
        return replace(_renamed(step, use), within=within, not_in=tuple(dict.fromkeys(step.not_in + use.not_in)))

    def _is_tree_wide(self, step: Step) -> bool:
        return getattr(self._verbs[step.verb], "TREE_WIDE", False)


def _renamed(step: Step, use: _Use) -> Step:
    """Return a step of a used recipe in the words of the recipe that uses it, its scope as it is."""
    conditions = tuple(when for when in (use.when, step.when) if when)
    avoid = tuple((use.renamed[name], value) for name, value in step.effect.avoid if name in use.renamed)
    return replace(
        step,
        id=f"{use.name}/{step.id}",
        effect=use.effect.get(step.id, replace(step.effect, avoid=avoid)),
        expect=use.expect.get(step.id, step.expect),
        when=Condition("all", inner=conditions) if len(conditions) == 2 else next(iter(conditions), None),
        requires=tuple(f"{use.name}/{other}" for other in step.requires),
    )
