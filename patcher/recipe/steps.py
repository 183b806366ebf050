"""One step with a verb of its own: every key read, the verb compiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from patcher.errors import PatternError
from patcher.model import Range, Step, Upstream
from patcher.recipe.beside import check_beside
from patcher.recipe.keys import read_effect, read_expect, read_id, read_when, read_yes
from patcher.recipe.nodes import Items, Node, Reader, Table, Text, did_you_mean, plain
from patcher.recipe.parameters import Parameters, Setting
from patcher.recipe.proofs import read_proof
from patcher.recipe.scopes import read_scopes
from patcher.recipe.shapes import fits

if TYPE_CHECKING:
    from patcher.verbs.base import Shape, Verb

__all__ = ["STEP_KEYS", "RecipeFile", "StepReader", "Steps"]

STEP_KEYS = ("id", "why", "effect", "expect", "in", "not_in", "when", "requires", "optional", "proof")
_FOLDED = " YAML joins these lines by spaces; several lines of code go in a `|` block."


@dataclass(frozen=True, slots=True)
class RecipeFile:
    """A recipe file as read: its keys, and what of them is the same for everybody who uses it."""

    path: Path
    name: str
    data: bytes
    fields: Mapping[str, Node]
    upstream: Upstream | None
    parameters: Parameters


@dataclass(slots=True)
class Steps:
    """The steps of a recipe so far. Not `whole`: something is wrong with them, so that ids may lack."""

    file: RecipeFile
    setting: Setting
    above: tuple[Path, ...]
    steps: list[Step] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    required: list[Text] = field(default_factory=list)
    early: list[Text] = field(default_factory=list)  # required above where they stand
    leave: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


class StepReader:
    """Reads steps and compiles them. `least` is how many sites a step counts on that does not say."""

    def __init__(self, verbs: Mapping[str, type[Verb]], least: Range, reader: Reader) -> None:
        self._verbs, self._least, self._reader = verbs, least, reader

    def add(self, found: Steps, table: Table) -> None:
        """Add a step that has a verb of its own to those of its recipe."""
        name, verb = read_id(table.get("id"), "id", self._reader, found.ids), self._verb(table)
        found.whole = found.whole and bool(name)
        found.ids |= {name} - {""}
        if verb is None:
            return
        keys = self._verbs[verb].KEYS
        fields = self._reader.fields(table, (*STEP_KEYS, *keys), ("id", "why", "effect"))
        required = self._reader.texts(fields.get("requires"), "requires")
        found.required += required
        for text in required:
            if text.value == name:
                self._reader.tell(text.mark, f"The step `{name}` requires itself; name a step above it.")
            elif text.value not in found.ids:
                found.early.append(text)
        if getattr(self._verbs[verb], "NEEDS_IN", False) and "in" not in fields:
            self._reader.tell(table.mark, f"{verb} needs `in`, the files that it may look at (in: configs/*.yaml).")
        if getattr(self._verbs[verb], "NEEDS_PROOF", False) and "proof" not in fields:
            self._reader.tell(
                table.mark,
                f"{verb} needs `proof`, what is run beside the loop (proof: {{of: FILE::NAME, cases: X.py}}).",
            )
        arguments = self._arguments(fields, keys, table.whole)
        step = Step(
            id=name,
            verb=verb,
            why=self._reader.text(fields.get("why"), "why"),
            effect=read_effect(fields.get("effect"), found.setting, self._reader),
            expect=read_expect(fields.get("expect"), self._least, self._reader),
            origin=str(table.mark),
            arguments=MappingProxyType(arguments or {}),
            action=None if arguments is None else self._compile(verb, arguments, table),
            within=read_scopes(fields, "in", self._reader),
            not_in=read_scopes(fields, "not_in", self._reader),
            when=read_when(fields["when"], found.setting, self._reader) if "when" in fields else None,
            requires=tuple(text.value for text in required),
            optional=read_yes(fields.get("optional"), "optional", self._reader),
            proof=read_proof(fields["proof"], self._reader) if "proof" in fields else None,
        )
        found.steps.append(step)

    def _verb(self, table: Table) -> str | None:
        """Return the one verb of a step; tell if there is none, or more than one."""
        named = [key for key, _ in table.entries if key.value in self._verbs]
        if len(named) > 1 and table.whole:
            both = " and ".join(f"`{key.value}`" for key in named)
            self._reader.tell(named[1].mark, f"A step has one verb, and this has {both}; make two steps.")
        if not named and table.whole:
            verbs = ", ".join(sorted(self._verbs))
            others = (key for key, _ in table.entries if key.value not in STEP_KEYS)
            odd = next((key for key in others if get_close_matches(key.value, self._verbs)), None)
            near = f" `{odd.value}` is none{did_you_mean(odd.value, self._verbs)}" if odd else ""
            self._reader.tell((odd or table).mark, f"A step has one of the verbs {verbs}.{near}")
        return named[0].value if len(named) == 1 else None

    def _arguments(self, fields: Mapping[str, Node], keys: Mapping[str, Shape], whole: bool) -> dict[str, Any] | None:
        """Return what the verb is told, if all of it is there and has the shape that the verb wants."""
        given = {key: node for key, node in fields.items() if key in keys}
        fit = [fits(node, key, keys[key], self._reader) for key, node in given.items()]
        return {key: plain(node) for key, node in given.items()} if whole and all(fit) else None

    def _compile(self, verb: str, arguments: Mapping[str, Any], table: Table) -> Any:
        try:
            action = self._verbs[verb].compile(arguments)
            if verb == "codemod":
                check_beside(table.get(verb), arguments[verb].partition(":")[0], self._reader)
            return action
        except PatternError as error:
            node = _at(table, error.at)
            folded = isinstance(node, Text) and node.folded
            self._reader.tell(node.mark, f"{error}{_FOLDED if folded else ''}")
            return None


def _at(table: Table, at: tuple[str | int, ...]) -> Node:
    """Return what a path into a step leads to, or the nearest value above that there is."""
    node: Node = table
    for part in at:
        below: Node | None = None
        if isinstance(node, Table) and isinstance(part, str):
            below = node.get(part)
        elif isinstance(node, Items) and isinstance(part, int) and 0 <= part < len(node.items):
            below = node.items[part]
        if below is None:
            break
        node = below
    return node
