"""The keys that every step may have: `id`, `expect`, `effect`, `when` and those that are yes or no."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from patcher.model import Condition, Effect, EffectKind, Expect, Range
from patcher.recipe.nodes import Items, Node, Reader, Table, Text, did_you_mean
from patcher.recipe.parameters import Setting, complaint

__all__ = ["EXPECT", "NAME", "RANGE", "read_effect", "read_expect", "read_id", "read_range", "read_when", "read_yes"]

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
RANGE = re.compile(r"(\d+)(?:(\.\.)(\d+)?)?")
EXPECT = ("total", "each", "files")


def read_id(node: Node | None, key: str, reader: Reader, taken: Container[str] = ()) -> str:
    """Return a name in lower-case words joined by `-`; nothing if it is wrong or taken."""
    name = reader.text(node, key)
    if node and name and not NAME.fullmatch(name):
        reader.tell(node.mark, f"`{name}` is not lower-case words joined by `-`, as `{key}` wants.")
    elif node and name and name in taken:
        reader.tell(node.mark, f"The id `{name}` is taken above; give each its own.")
    else:
        return name
    return ""


def read_expect(node: Node | None, default: Range, reader: Reader) -> Expect:
    """Return an `expect`; `default` is the total where none is said."""
    if not isinstance(node, Table):
        return Expect(read_range(node, "expect", reader) if node else default)
    fields = reader.fields(node, EXPECT)
    ranges = {key: read_range(value, "expect", reader) for key, value in fields.items()}
    return Expect(ranges.get("total", default), ranges.get("each"), ranges.get("files"))


def read_range(node: Node, key: str, reader: Reader) -> Range:
    """Return a count: 1, 1..3, 2.. or any."""
    text = reader.text(node, key)
    found = RANGE.fullmatch(text)
    if found:
        lower = int(found[1])
        upper = int(found[3]) if found[3] else None if found[2] else lower
        if upper is None or lower <= upper:
            return Range(lower, upper)
    if text and text != "any":
        reader.tell(node.mark, f"`{text}` is no count; write 1, 1..3, 2.. or any.")
    return Range()


def read_effect(node: Node | None, setting: Setting, reader: Reader) -> Effect:
    """Return an `effect`: one of the four words, or a map that gives it a detail and says how to avoid it."""
    kinds = {kind.value: kind for kind in EffectKind}
    if not isinstance(node, Table):
        word = reader.text(node, "effect")
        if node and word and word not in kinds:
            reader.tell(node.mark, f"`{word}` is no effect{did_you_mean(word, kinds)}")
        elif node and word == EffectKind.CHANGES:
            reader.tell(node.mark, "Say what changes and by how much, as in effect: {changes: steps twice as far}.")
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


def read_when(node: Node, setting: Setting, reader: Reader) -> Condition:
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
                reader.tell(
                    text.mark,
                    f"`{text.value}` is no name of a module; write it as an import does, as in flash_attn.layers.",
                )
        return Condition("import", names=tuple(text.value for text in texts))
    if key.value == "not":
        return Condition("not", inner=(read_when(node, setting, reader),))
    if key.value == "any":
        nodes = reader.items(node, "any")
        if isinstance(node, Items):
            reader.filled(node, "any")
        return Condition("any", inner=tuple(read_when(item, setting, reader) for item in nodes))
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
        wrong = complaint(parameter, text.value) if parameter else ""
        if wrong:
            reader.tell(text.mark, wrong)
        holds = setting.values.get(name) == text.value
        yield Condition("parameter", names=(name, text.value), holds=holds)


def read_yes(node: Node | None, key: str, reader: Reader) -> bool:
    """Return whether a key says yes; one that is not there says no."""
    text = reader.text(node, key)
    if node and text not in ("", "yes", "no"):
        reader.tell(node.mark, f"`{key}` is yes or no.")
    return text == "yes"
