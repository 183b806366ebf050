"""The steps of a recipe: parameters filled in, every key read, verbs compiled, used recipes put in place.

What is wrong goes to a Reader with its place. Nothing here opens a file, reads a checkout or guesses: where YAML
may have cut code, or two scopes have nothing in common that a scope can say, the step is refused.
"""

from __future__ import annotations

import ast
import keyword
import re
import warnings
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from patcher.errors import PatternError, UsageError
from patcher.model import Condition, Effect, EffectKind, Expect, Parameter, Range, Scope, Step, Upstream
from patcher.safeyaml import Broken, Items, Mark, Node, Reader, Table, Text, did_you_mean, plain

if TYPE_CHECKING:
    from patcher.verbs.base import Shape, Verb

__all__ = ["Expander", "RecipeFile", "Setting", "Steps", "choose", "fill", "read_id", "read_parameters"]

# What a parameter stands for; None: the parameter or its value is wrong, and that was told.
Values = Mapping[str, str | None]
Parameters = Mapping[str, Parameter | None]

_STEP_KEYS = ("id", "why", "effect", "expect", "in", "not_in", "when", "requires", "optional")
_USE_KEYS = ("use", "with", "in", "not_in", "when", "skip", "expect")
_WHEN_WORDS = ("import", "not", "any")
_KEBAB = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RANGE = re.compile(r"(\d+)(?:(\.\.)(\d+)?)?")
_FILL = re.compile(r"(\$?)\$\{([^}]*)\}")
_WHOLE_FILL = re.compile(r"\$\{([^}]*)\}")
# What may stand in a value, level by level; the last level repeats, and a list holds text. By name, so that listing
# recipes does not import the verbs, and with them libcst.
_LEVELS: Mapping[str, tuple[tuple[type, ...], ...]] = {
    "TEXT": ((Text,),),
    "TEXTS": ((Text, Items),),
    "PAIRS": ((Table,), (Text,)),
    "CODE_OR_PAIRS": ((Text, Items, Table), (Text,)),
    "WHERE": ((Table,), (Text, Items, Table)),
    "LISTS": ((Table,), (Items, Table), (Text,)),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """The parameters of a recipe, and what they stand for this time."""

    parameters: Parameters
    values: Values


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
    leave: Mapping[str, str] = field(default_factory=dict)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Use:
    """What a `use` adds to each step; `renamed` leads from a used recipe's parameter to the user's own."""

    name: str
    within: tuple[Scope, ...]
    not_in: tuple[Scope, ...]
    when: Condition | None
    expect: Mapping[str, Expect]
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
            self._step(found, table)

    def _check_id(self, text: Text, steps: Steps) -> None:
        """Tell a name that is no step of a recipe, unless that has steps that could not be read."""
        if steps.whole and text.value not in steps.ids:
            known = did_you_mean(text.value, steps.ids)
            self._reader.tell(text.mark, f"`{steps.file.name}` has no step `{text.value}`{known}")

    def _step(self, found: Steps, table: Table) -> None:
        """Add a step that has a verb of its own."""
        name, verb = read_id(table.get("id"), "id", self._reader, found.ids), self._verb(table)
        found.whole = found.whole and bool(name)
        found.ids |= {name} - {""}
        if verb is None:
            return
        keys = self._verbs[verb].KEYS
        fields = self._reader.fields(table, (*_STEP_KEYS, *keys), ("id", "why", "effect"))
        required = self._reader.texts(fields.get("requires"), "requires")
        found.required += required
        arguments = self._arguments(fields, keys, table.whole)
        step = Step(
            id=name,
            verb=verb,
            why=self._reader.text(fields.get("why"), "why"),
            effect=_effect(fields.get("effect"), found.setting, self._reader),
            expect=_expect(fields.get("expect"), self._least, self._reader),
            origin=str(table.mark),
            arguments=MappingProxyType(arguments or {}),
            action=None if arguments is None else self._compile(verb, arguments, table),
            within=_scopes(fields, "in", self._reader),
            not_in=_scopes(fields, "not_in", self._reader),
            when=_when(fields["when"], found.setting, self._reader) if "when" in fields else None,
            requires=tuple(text.value for text in required),
            optional=self._yes(fields.get("optional"), "optional"),
        )
        found.steps.append(step)

    def _yes(self, node: Node | None, key: str) -> bool:
        text = self._reader.text(node, key)
        if node and text not in ("", "yes", "no"):
            self._reader.tell(node.mark, f"`{key}` is yes or no.")
        return text == "yes"

    def _verb(self, table: Table) -> str | None:
        """Return the one verb of a step; tell if there is none, or more than one."""
        named = [key for key, _ in table.entries if key.value in self._verbs]
        if len(named) > 1 and table.whole:
            both = " and ".join(f"`{key.value}`" for key in named)
            self._reader.tell(named[1].mark, f"A step has one verb, and this has {both}; make two steps.")
        if not named and table.whole:
            verbs = ", ".join(sorted(self._verbs))
            others = (key for key, _ in table.entries if key.value not in _STEP_KEYS)
            odd = next((key for key in others if get_close_matches(key.value, self._verbs)), None)
            near = f" `{odd.value}` is none{did_you_mean(odd.value, self._verbs)}" if odd else ""
            self._reader.tell((odd or table).mark, f"A step has one of the verbs {verbs}.{near}")
        return named[0].value if len(named) == 1 else None

    def _arguments(self, fields: Mapping[str, Node], keys: Mapping[str, Shape], whole: bool) -> dict[str, Any] | None:
        """Return what the verb is told, if all of it is there and has the shape that the verb wants."""
        given = {key: node for key, node in fields.items() if key in keys}
        fits = [self._fits(node, key, keys[key], _LEVELS[keys[key].name]) for key, node in given.items()]
        return {key: plain(node) for key, node in given.items()} if whole and all(fits) else None

    def _fits(self, node: Node, key: str, shape: Shape, levels: tuple[tuple[type, ...], ...]) -> bool:
        """Whether a value has the wanted shape, and none of its code was lost to YAML; tell what is wrong."""
        taken = isinstance(node, Items) and shape.name != "LISTS" and _is_code(node)
        if taken or not isinstance(node, levels[0]):
            self._reader.refuse(node, key, shape.value, code=Text in levels[0])
            return False
        if isinstance(node, Items):
            parts = [self._fits(item, key, shape, ((Text,),)) for item in node.items]
        elif isinstance(node, Table):
            parts = [self._fits(value, key, shape, levels[1:] or levels) for _, value in node.entries]
            parts.append(node.whole)
        else:
            parts = [shape.name == "LISTS" or self._reader.uncut(node)]
        return all(parts)

    def _compile(self, verb: str, arguments: Mapping[str, Any], table: Table) -> Any:
        try:
            return self._verbs[verb].compile(arguments)
        except PatternError as error:
            self._reader.tell(_place(table, error.at), str(error))
            return None

    def _use(self, found: Steps, raw: Table, table: Table) -> None:
        """Add the steps of a used recipe."""
        verb = next((key for key, _ in table.entries if key.value in self._verbs), None)
        if verb and table.whole:
            self._reader.tell(verb.mark, "A step is a `use` or has a verb, and this has both; make two steps.")
        fields = self._reader.fields(table, [key.value for key, _ in table.entries] if verb else _USE_KEYS)
        file = self._used(found, fields["use"])
        if file is None:
            found.whole = False
            return
        values, renamed = self._with(raw.get("with"), fields.get("with"), file)
        inner = self.expand(file, Setting(file.parameters, values), found.above)
        skipped = self._skipped(fields, inner)
        use = _Use(
            name=file.name,
            within=_scopes(fields, "in", self._reader),
            not_in=_scopes(fields, "not_in", self._reader),
            when=_when(fields["when"], found.setting, self._reader) if "when" in fields else None,
            expect=self._expected(fields, inner, skipped),
            renamed=renamed,
        )
        self._adopt(found, inner, use, skipped, fields.get("in", table).mark)

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
        holes = ((key.value, _WHOLE_FILL.fullmatch(str(plain(value)))) for key, value in written)
        return values, {name: hole[1] for name, hole in holes if hole}

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

    def _expected(self, fields: Mapping[str, Node], inner: Steps, skipped: frozenset[str]) -> Mapping[str, Expect]:
        """Return what a `use` expects, by step."""
        entries = self._reader.table(fields.get("expect"), "expect").entries
        for key, _ in entries:
            self._check_id(key, inner)
            if key.value in skipped:
                self._reader.tell(key.mark, f"The step `{key.value}` is skipped; expect nothing of it.")
        return {key.value: _expect(value, self._least, self._reader) for key, value in entries}

    def _adopt(self, found: Steps, inner: Steps, use: _Use, skipped: frozenset[str], mark: Mark) -> None:
        """Add what is left of a used recipe's steps, and what it leaves alone."""
        for step in inner.steps:
            taken = _adopted(step, use) if step.id not in skipped else None
            if isinstance(taken, str):
                self._reader.tell(mark, taken)
            elif taken:
                found.steps.append(taken)
        found.ids |= {f"{use.name}/{name}" for name in inner.ids - skipped}
        found.leave = {**inner.leave, **found.leave}
        found.whole = found.whole and inner.whole


def _is_code(node: Items) -> bool:
    """Whether YAML took a comprehension or the like for a list: its parts are no Python, and the whole is."""
    bare = [item.value for item in node.items if isinstance(item, Text) and item.bare]
    if not node.source or len(bare) < len(node.items):
        return False
    return not all(map(_is_python, bare)) and _is_python(node.source)


def _is_python(pattern: str) -> bool:
    return _tree(re.sub(r"\$+\w*", "_", pattern)) is not None


def _tree(code: str, mode: str = "exec") -> Any:
    """Return the tree of Python code, or None if it is not Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(code, mode=mode)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _place(table: Table, at: tuple[str | int, ...]) -> Mark:
    """Return where a path into a step leads, or the nearest place above that there is."""
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
    return node.mark


def _adopted(step: Step, use: _Use) -> Step | str:
    """Return a step of a used recipe as one of the recipe that uses it, or a sentence that says why not."""
    within = _joined(step.within, use.within)
    if isinstance(within, str):
        return f"The step `{step.id}` has an `in` of its own: {within}"
    conditions = tuple(when for when in (use.when, step.when) if when)
    avoid = tuple((use.renamed[name], value) for name, value in step.effect.avoid if name in use.renamed)
    return replace(
        step,
        id=f"{use.name}/{step.id}",
        effect=replace(step.effect, avoid=avoid),
        expect=use.expect.get(step.id, step.expect),
        within=within,
        not_in=tuple(dict.fromkeys(step.not_in + use.not_in)),
        when=Condition("all", inner=conditions) if len(conditions) == 2 else next(iter(conditions), None),
        requires=tuple(f"{use.name}/{other}" for other in step.requires),
    )


def _joined(inner: tuple[Scope, ...], outer: tuple[Scope, ...]) -> tuple[Scope, ...] | str:
    """Return the scopes that are in both, or a sentence where they cannot be written as scopes."""
    if not inner or not outer:
        return inner or outer
    found: list[Scope] = []
    for left, right in product(inner, outer):
        paths = _meet(left.path, right.path, _path_covers)
        names = _meet(left.qualname, right.qualname, _name_covers)
        if paths == [] or names == []:
            continue
        if paths is None or names is None:
            return f"`{left}` and `{right}` cannot be joined; write one of them without wildcards."
        found.append(Scope(paths[0], names[0]))
    both = " and ".join(", ".join(f"`{scope}`" for scope in side) for side in (inner, outer))
    return tuple(dict.fromkeys(found)) or f"{both} have nothing in common; skip the step."


def _meet(left: Any, right: Any, covers: Callable[[Any, Any], bool | None]) -> list[Any] | None:
    """Return the narrower of two, an empty list if nothing is in both, None if that cannot be told."""
    one, other = covers(left, right), covers(right, left)
    if one or other:
        return [right if one else left]
    return None if one is None or other is None else []


def _path_covers(wide: str, narrow: str) -> bool | None:
    """Whether every path of a glob is one of another; None for two globs, of which that cannot be told."""
    from patcher.syntax.draft import glob_match  # not at the top: it imports libcst

    if wide in (narrow, "**"):
        return True
    if _is_glob(narrow):
        return None if _is_glob(wide) else False
    return glob_match(narrow, wide)


def _name_covers(wide: str | None, narrow: str | None) -> bool | None:
    """Whether a qualified name, with all that is defined inside it, holds another; None if that cannot be told."""
    if wide is None or narrow is None or wide == narrow:
        return wide is None or wide == narrow
    parts = narrow.split(".")
    around = (".".join(parts[:end]) for end in range(1, len(parts) + 1))
    if not _is_glob(narrow) and any(fnmatchcase(name, wide) for name in around):
        return True
    return None if _is_glob(wide + narrow) else False


def _is_glob(text: str) -> bool:
    return bool(set("*?[") & set(text))


def read_id(node: Node | None, key: str, reader: Reader, taken: Container[str] = ()) -> str:
    """Return a name in lower-case words joined by `-`; nothing if it is wrong or taken."""
    name = reader.text(node, key)
    if node and name and not _KEBAB.fullmatch(name):
        reader.tell(node.mark, f"`{name}` is not lower-case words joined by `-`, as `{key}` wants.")
    elif node and name and name in taken:
        reader.tell(node.mark, f"The id `{name}` is taken above; give each its own.")
    else:
        return name
    return ""


def _expect(node: Node | None, default: Range, reader: Reader) -> Expect:
    """Return an `expect`; `default` is the total where none is said."""
    if not isinstance(node, Table):
        return Expect(_range(node, reader) if node else default)
    fields = reader.fields(node, ("total", "each", "files"))
    ranges = {key: _range(value, reader) for key, value in fields.items()}
    return Expect(ranges.get("total", default), ranges.get("each"), ranges.get("files"))


def _range(node: Node, reader: Reader) -> Range:
    text = reader.text(node, "expect")
    found = _RANGE.fullmatch(text)
    if found:
        lower = int(found[1])
        upper = int(found[3]) if found[3] else None if found[2] else lower
        if upper is None or lower <= upper:
            return Range(lower, upper)
    if text and text != "any":
        reader.tell(node.mark, f"`{text}` is no count; write 1, 1..3, 2.. or any.")
    return Range()


def _scopes(fields: Mapping[str, Node], key: str, reader: Reader) -> tuple[Scope, ...]:
    """Return the entries of an `in` or a `not_in`."""
    return tuple(_scope(text, reader) for text in reader.texts(fields.get(key), key))


def _scope(text: Text, reader: Reader) -> Scope:
    path, found, qualname = text.value.removeprefix("./").partition("::")
    if re.match(r"/|[A-Za-z]:|$", path) or "\\" in path or ".." in path.split("/"):
        wanted = "a path relative to the checkout's root, with `/`, and behind `::` a name"
        reader.tell(text.mark, f"`{text.value}` is no scope; write {wanted}.")
    elif path.endswith("/"):
        reader.tell(text.mark, f"`{text.value}` is a folder; write `{path}**` for the files in it.")
    elif found and not qualname:
        reader.tell(text.mark, f"`{text.value}` names nothing behind `::`; write a class or function.")
    return Scope(path, qualname or None)


def _effect(node: Node | None, setting: Setting, reader: Reader) -> Effect:
    """Return an `effect`: one of the four words, or a map that gives it a detail and says how to avoid it."""
    kinds = {kind.value: kind for kind in EffectKind}
    if not isinstance(node, Table):
        word = reader.text(node, "effect")
        if node and word and word not in kinds:
            reader.tell(node.mark, f"`{word}` is no effect{did_you_mean(word, kinds)}")
        return Effect(kinds.get(word, EffectKind.EXACT))
    fields = reader.fields(node, (*kinds, "avoid"))
    words = [word for word in kinds if word in fields]
    if len(words) != 1 and node.whole and len(fields) == len(node.entries):
        reader.tell(node.mark, f"An effect is one of {', '.join(kinds)}, and here are {len(words)} of them.")
    avoid = reader.table(fields.get("avoid"), "avoid").entries
    tests = (test for key, value in avoid for test in _tests(key, value, setting, reader))
    pairs = tuple((test.names[0], test.names[1]) for test in tests)
    word = words[0] if words else "exact"
    return Effect(kinds[word], reader.text(fields.get(word), word), pairs)


def _when(node: Node, setting: Setting, reader: Reader) -> Condition:
    """Return a `when`; tests of parameters are decided here, the others as the step is reached."""
    table = reader.table(node, "when")
    if not table.entries and table.whole:
        reader.tell(node.mark, "This `when` tests nothing; name a parameter, `import`, `not` or `any`.")
    inner = tuple(_condition(key, value, setting, reader) for key, value in table.entries)
    return inner[0] if len(inner) == 1 else Condition("all", inner=inner)


def _condition(key: Text, node: Node, setting: Setting, reader: Reader) -> Condition:
    if key.value == "import":
        texts = reader.texts(node, "import")
        for text in texts:
            if not all(part.isidentifier() for part in text.value.split(".")):
                reader.tell(text.mark, f"`{text.value}` is no name of a module.")
        return Condition("import", names=tuple(text.value for text in texts))
    if key.value == "not":
        return Condition("not", inner=(_when(node, setting, reader),))
    if key.value == "any":
        nodes = reader.items(node, "any")
        return Condition("any", inner=tuple(_when(item, setting, reader) for item in nodes))
    tests = tuple(_tests(key, node, setting, reader))
    return tests[0] if len(tests) == 1 else Condition("any", inner=tests)


def _tests(key: Text, node: Node, setting: Setting, reader: Reader) -> Iterator[Condition]:
    """Yield a test for each value that a parameter may have, and tell those that it cannot have."""
    name = key.value
    if name not in setting.parameters:
        reader.tell(key.mark, f"There is no parameter `{name}`{did_you_mean(name, setting.parameters)}")
        return
    parameter = setting.parameters.get(name)
    for text in reader.texts(node, name):
        wrong = _complaint(parameter, text.value) if parameter else ""
        if wrong:
            reader.tell(text.mark, wrong)
        holds = setting.values.get(name) == text.value
        yield Condition("parameter", names=(name, text.value), holds=holds)


def _is_expression(text: str) -> bool:
    """Whether text is one expression wherever it is filled in: no comment, tuple or stray bracket."""
    call = _tree(f"_({text})", "eval")
    return _tree(text, "eval") is not None and call is not None and len(call.body.args) == 1


_TYPES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "choice": ("one of the choices", bool),
    "flag": ("yes or no", ("yes", "no").__contains__),
    "int": ("a whole number", re.compile(r"[-+]?\d+").fullmatch),
    "float": ("a number", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?").fullmatch),
    "text": ("text", lambda text: True),
    "name": ("a Python name", lambda text: text.isidentifier() and not keyword.iskeyword(text)),
    "expr": ("one Python expression", _is_expression),
    "path": ("a path", lambda text: bool(text.strip()) and text.isprintable()),
}


def _complaint(parameter: Parameter, value: str) -> str:
    """Return what is wrong with the value of a parameter as a sentence, or nothing."""
    if parameter.choices:
        known = did_you_mean(value, parameter.choices)
        return "" if value in parameter.choices else f"`{value}` is no choice of `{parameter.name}`{known}"
    wanted, fits = _TYPES[parameter.type]
    return "" if fits(value) else f"`{value}` is not {wanted}, as `{parameter.name}` wants."


class _Unread(dict[str, None]):
    """Parameters that could not be read: every name may be one, and none has a value."""

    def __contains__(self, name: object) -> bool:
        return True


def read_parameters(fields: Mapping[str, Node], whole: bool, reader: Reader) -> Parameters:
    """Return the parameters of a recipe by name; one that is wrong is None. `whole`: `fields` are all there are."""
    table = reader.table(fields.get("parameters"), "parameters")
    if not (table.whole if "parameters" in fields else whole):
        return _Unread()
    return {key.value: _parameter(key, value, reader) for key, value in table.entries}


def _parameter(key: Text, node: Node, reader: Reader) -> Parameter | None:
    before = len(reader.problems)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", key.value) or key.value in _WHEN_WORDS:
        reader.tell(key.mark, f"`{key.value}` cannot name a parameter; use letters, digits, `_` and `-`.")
    table = reader.table(node, key.value)
    fields = reader.fields(table, ("type", "choices", "default", "help"), ("default",))
    choices = tuple(text.value for text in reader.texts(fields.get("choices"), "choices"))
    kind = reader.text(fields.get("type"), "type") or ("choice" if "choices" in fields else "")
    default = reader.text(fields.get("default"), "default", empty=True)
    found = Parameter(key.value, kind, default, choices, reader.text(fields.get("help"), "help"))
    if len(reader.problems) > before or not table.whole or any(isinstance(value, Broken) for value in fields.values()):
        return None
    _check_parameter(found, key, fields, reader)
    return found if len(reader.problems) == before else None


def _check_parameter(found: Parameter, key: Text, fields: Mapping[str, Node], reader: Reader) -> None:
    """Tell what of a parameter does not fit together."""
    default = fields["default"]
    if found.type not in _TYPES:
        reader.tell(fields.get("type", key).mark, f"`{found.name}` has no type{did_you_mean(found.type, _TYPES)}")
    elif (found.type == "choice") != bool(found.choices):
        reader.tell(key.mark, f"`{found.name}` has the type `{found.type}`; `choice` and `choices` go together.")
    elif "${" in found.default:
        reader.tell(default.mark, "A default is a value of its own and cannot use another parameter.")
    elif wrong := _complaint(found, found.default):
        reader.tell(default.mark, wrong)
    elif found.type == "expr":
        reader.uncut(default)


def choose(parameters: Parameters, given: Values) -> tuple[Values, dict[str, str]]:
    """Return what each parameter stands for, and a sentence for each given name that cannot be honoured."""
    if isinstance(parameters, _Unread):
        return parameters, {}
    values = {name: parameter.default if parameter else None for name, parameter in parameters.items()}
    wrong = {}
    for name, value in given.items():
        parameter = parameters.get(name)
        if name not in parameters:
            wrong[name] = f"There is no parameter `{name}`{did_you_mean(name, parameters)}"
        elif parameter is not None:
            wrong[name] = _complaint(parameter, value) if value is not None else ""
            values[name] = None if wrong[name] else value
    return values, {name: sentence for name, sentence in wrong.items() if sentence}


def fill(node: Node, values: Values, reader: Reader) -> Node:
    """Return a value with each `${parameter}` filled in, once; `$${` stands for a `${` that is meant."""
    if isinstance(node, Text):
        return _fill_text(node, values, reader)
    if isinstance(node, Items):
        return replace(node, items=tuple(fill(item, values, reader) for item in node.items))
    if isinstance(node, Table):
        keys = [(_fill_text(key, values, reader), value) for key, value in node.entries]
        entries = tuple((key, fill(value, values, reader)) for key, value in keys if isinstance(key, Text))
        if len({key.value for key, _ in entries}) < len(entries):
            reader.tell(node.mark, "Two keys of this map are the same once the parameters are filled in.")
        return replace(node, entries=entries, refused=node.refused + len(keys) - len(entries))
    return node


def _fill_text(text: Text, values: Values, reader: Reader) -> Text | Broken:
    names = [found[2] for found in _FILL.finditer(text.value) if not found[1]]
    for name in names:
        if name not in values:
            meant = f" If `${{{name}}}` is meant as it stands, write `$${{{name}}}`."
            reader.tell(text.mark, f"There is no parameter `{name}`{did_you_mean(name, values)}{meant}")
    if any(values.get(name) is None for name in names):
        return Broken(text.mark)
    filled = _FILL.sub(lambda found: found[0][1:] if found[1] else values[found[2]] or "", text.value)
    return replace(text, value=filled)
