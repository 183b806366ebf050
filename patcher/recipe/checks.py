"""The `checks` of a recipe: how the patched tree is trained, what is read while it is, and what it is held to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from patcher.model import Check, Range, Sizing
from patcher.recipe.beside import check_beside
from patcher.recipe.keys import read_id, read_range, read_when, read_yes
from patcher.recipe.nodes import Items, Node, Reader, Table, Text, did_you_mean
from patcher.recipe.parameters import Setting
from patcher.recipe.steps import Steps

__all__ = ["DEVICES", "KEYS", "REFERENCES", "SIZES", "read_checks", "read_sizes"]

KEYS = (
    "id", "why", "like", "prepare", "run", "environment", "limit", "readings", "golden", "packages", "programs",
    "device", "reference", "perturb", "files", "seed",
)  # fmt: skip
SIZES = ("id", "why", "prepare", "run", "environment", "limit", "packages", "batch", "steps")
# What the probe can read (besides what is given to wandb), the classes of devices, and what can stand in for the code
# that a golden judges, while it is recorded.
_READINGS = ("loss", "lr", "grad_norm", "parameters")
DEVICES = ("cpu", "cuda")
REFERENCES = ("attention", "adam_atan2")
_LIMIT = re.compile(r"(\d+)\s*(s|m|)")
_SEEDS = 2**32 - 1
_WORD = re.compile(r"\{(\w+)\}")
_PLACES = ("tree", "data", "out")


Fields = Mapping[str, Node]


def read_checks(tables: Iterable[Table], steps: Steps, reader: Reader) -> tuple[Check, ...]:
    """Return the checks of a recipe with these steps; what is wrong with them is told to the reader."""
    found: dict[str, Check] = {}
    known: dict[str, Fields] = {}
    for table in tables:
        fields = _fields(table, known, reader)
        check = _check(table, fields, found, steps, reader)
        found[check.id], known[check.id] = check, fields
    return tuple(found.values())


def read_sizes(tables: Iterable[Table], steps: Steps, reader: Reader) -> tuple[Sizing, ...]:
    """Return the runs of a recipe that are measured; what is wrong with them is told to the reader."""
    found: dict[str, Check] = {}
    sizes = []
    for table in tables:
        fields = dict(reader.fields(table, SIZES, ("id", "why", "run", "batch", "steps")))
        batch, count = (_number(fields.pop(key, None), key, reader) for key in ("batch", "steps"))
        check = _check(table, fields, found, steps, reader, (*_PLACES, "batch"))
        found[check.id] = check
        if "run" in fields and not any("{batch}" in word for word in check.run):
            reader.tell(fields["run"].mark, "`run` has no {batch}, so it would be measured at one size alone.")
        sizes.append(Sizing(check, batch, count))
    return tuple(sizes)


def _number(node: Node | None, key: str, reader: Reader) -> int:
    text = reader.text(node, key)
    if node is not None and text and not (text.isdigit() and int(text)):
        reader.tell(node.mark, f"`{text}` is no number of {'samples' if key == 'batch' else 'steps'} above zero.")
    return int(text) if text.isdigit() else 1


def _fields(table: Table, known: Mapping[str, Fields], reader: Reader) -> Fields:
    """Return what a check says, and what it leaves to the one that it is `like`."""
    required = ("id", "why") if table.get("like") else ("id", "why", "run")
    own = reader.fields(table, KEYS, required)
    like = reader.text(own.get("like"), "like")
    if "like" in own and like and like not in known:
        reader.tell(own["like"].mark, f"There is no check `{like}` above{did_you_mean(like, known)}")
    return {**known.get(like, {}), **own}


def _check(
    table: Table,
    fields: Fields,
    taken: Mapping[str, Check],
    steps: Steps,
    reader: Reader,
    places: tuple[str, ...] = _PLACES,
) -> Check:
    references, without = _references(fields.get("reference"), steps, reader)

    def text(key: str) -> str | None:
        return reader.text(fields[key], key) if key in fields else None

    def file(key: str) -> str | None:
        check_beside(fields.get(key), text(key) or "", reader)
        return text(key)

    return Check(
        id=read_id(fields.get("id"), "id", reader, taken),
        why=text("why") or "",
        origin=str(table.mark),
        run=tuple(_words(fields.get("run"), reader, places)),
        prepare=file("prepare"),
        environment=MappingProxyType(_environment(fields.get("environment"), reader, places)),
        limit=_limit(fields.get("limit"), reader),
        readings=MappingProxyType(_readings(fields.get("readings"), reader)),
        golden=file("golden"),
        packages=tuple(_packages(fields.get("packages"), steps.setting, reader)),
        programs=_texts(fields.get("programs"), "programs", reader),
        device=_one_of(fields.get("device"), "device", DEVICES, reader) or "cpu",
        reference=references,
        without=without,
        perturb=read_yes(fields.get("perturb"), "perturb", reader),
        files=_texts(fields.get("files"), "files", reader),
        seed=_seed(fields.get("seed"), reader),
    )


def _words(node: Node | None, reader: Reader, places: tuple[str, ...]) -> list[str]:
    """Return the words of the command; it is no line for a shell."""
    if isinstance(node, Text):
        reader.tell(node.mark, "`run` is a list of words, as in run: [python, train.py].")
        return []
    nodes = reader.items(node, "run")
    if node is not None and isinstance(node, Table):
        return []
    if node is not None and not nodes:
        reader.tell(node.mark, "`run` has no word; write run: [python, train.py].")
    for item in nodes:
        _known_places(item, reader, places)
    return [reader.text(item, "run", empty=True) for item in nodes]


def _known_places(node: Node, reader: Reader, places: tuple[str, ...]) -> None:
    for name in _WORD.findall(node.value) if isinstance(node, Text) else ():
        if name not in places:
            known = ", ".join(f"{{{place}}}" for place in places)
            reader.tell(node.mark, f"{{{name}}} stands for nothing in a check; known: {known}.")


def _environment(node: Node | None, reader: Reader, places: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for key, value in reader.table(node, "environment").entries:
        _known_places(value, reader, places)
        found[key.value] = reader.text(value, "environment", empty=True)
    return found


def _limit(node: Node | None, reader: Reader) -> float:
    text = reader.text(node, "limit")
    found = _LIMIT.fullmatch(text)
    if found:
        return float(found[1]) * (60 if found[2] == "m" else 1)
    if node is not None and text:
        reader.tell(node.mark, f"`{text}` is no limit of time; write seconds or minutes, as in 300s or 5m.")
    return 600.0


def _seed(node: Node | None, reader: Reader) -> int | None:
    text = reader.text(node, "seed")
    if text.isascii() and text.isdigit() and int(text) <= _SEEDS:
        return int(text)
    if node is not None and text:
        reader.tell(node.mark, f"`{text}` is no seed; write a whole number from 0 to {_SEEDS}, as numpy takes it.")
    return None


def _readings(node: Node | None, reader: Reader) -> dict[str, Range]:
    found = {}
    for key, value in reader.table(node, "readings").entries:
        if key.value not in _READINGS and not key.value.startswith("wandb."):
            known = did_you_mean(key.value, (*_READINGS, "wandb.NAME"))
            reader.tell(key.mark, f"`{key.value}` is no reading of the probe{known}")
        found[key.value] = read_range(value, "readings", reader)
    return found


def _packages(node: Node | None, setting: Setting, reader: Reader) -> Iterator[str]:
    """Yield the packages; one that only some parameters need is a map from its name to their values."""
    for item in (node,) if isinstance(node, Text) else reader.items(node, "packages"):
        if not isinstance(item, Table):
            yield reader.text(item, "packages")
        for key, value in item.entries if isinstance(item, Table) else ():
            needed = read_when(value, setting, reader)
            if all(one.holds for one in (needed.inner if needed.kind == "all" else (needed,))):
                yield key.value


def _texts(node: Node | None, key: str, reader: Reader) -> tuple[str, ...]:
    return tuple(text.value for text in reader.texts(node, key))


def _references(node: Node | None, steps: Steps, reader: Reader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what stands in, and the steps that are left out: a map, alone or beside what stands in."""
    words: list[str] = []
    without: dict[str, Text] = {}
    if isinstance(node, Items):
        reader.filled(node, "reference")
    for item in node.items if isinstance(node, Items) else (node,):
        if isinstance(item, Table):
            fields = reader.fields(item, ("without",), ("without",))
            without |= {text.value: text for text in reader.texts(fields.get("without"), "without")}
        elif item is not None:
            words.append(_one_of(item, "reference", REFERENCES, reader))
    for name, text in without.items():
        if steps.whole and name not in steps.ids:
            reader.tell(text.mark, f"There is no step `{name}` to be left out{did_you_mean(name, steps.ids)}")
    return tuple(words), tuple(without)


def _one_of(node: Node | None, key: str, words: tuple[str, ...], reader: Reader) -> str:
    text = reader.text(node, key)
    if node is not None and text and text not in words:
        reader.tell(node.mark, f"`{text}` is no {key}{did_you_mean(text, words)}")
    return text
