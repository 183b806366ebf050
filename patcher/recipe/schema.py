"""The JSON Schema of recipe.yaml, for editors: made from the keys that the loader reads and the shapes of the verbs.

It is wider than the loader where an editor reads YAML otherwise than patcher does: what looks like a number or a
`yes` is text there too. It says nothing of code, of names or of what one key asks of another; the loader does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from patcher.model import EffectKind
from patcher.recipe import checks, keys, known, proofs
from patcher.recipe.expand import USE_KEYS
from patcher.recipe.loader import HINT, KEYS, UPSTREAM
from patcher.recipe.nodes import Items, Table, Text
from patcher.recipe.parameters import KEYS as PARAMETER
from patcher.recipe.parameters import TYPES
from patcher.recipe.shapes import LEVELS
from patcher.recipe.steps import STEP_KEYS
from patcher.verbs import VERBS
from patcher.verbs.base import Shape, Verb

__all__ = ["schema"]

Schema = Mapping[str, Any]

# An editor's YAML takes `1`, `1e-3`, `yes` and `null` for no text; a recipe's does not.
_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_ANY: Schema = {"type": ["string", "number", "boolean", "null"]}
_FILLED = r"\$\{"  # a parameter stands in it: what it will be, nobody knows yet


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _one_of(words: Iterable[str]) -> Schema:
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": _FILLED}]}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _map(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def _table(fields: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """Return what a map of known keys is: no other may stand in it."""
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def _fields(known_keys: Iterable[str], special: Mapping[str, Schema]) -> Mapping[str, Schema]:
    """Return what stands behind each key; one of which nothing special is said holds text."""
    return {key: special.get(key, _ref("text")) for key in known_keys}


def _shape(shape: Shape) -> Schema:
    """Return what a verb's key may hold: level by level, as the loader looks at it."""
    return _level(LEVELS[shape.name], lists_of_text=True)


def _level(levels: tuple[tuple[type, ...], ...], *, lists_of_text: bool) -> Schema:
    below = _level(levels[1:], lists_of_text=lists_of_text) if levels[1:] else _ref("text")
    kinds = {Text: _ref("text"), Items: _list(_ref("text")), Table: _map(below)}
    if Table in levels[0] and not levels[1:]:  # the last level repeats
        kinds[Table] = {"type": "object"}
    found = [kinds[kind] for kind in levels[0]]
    return found[0] if len(found) == 1 else {"anyOf": found}


def _steps() -> Schema:
    """Return what an entry of `steps` is: a `use`, or a step with one of the verbs."""
    return {
        "type": "object",
        "if": {"required": ["use"]},
        "then": _ref("use"),
        "else": {"oneOf": [_ref(f"verb-{verb}") for verb in VERBS]},
    }


def _step(name: str, verb: type[Verb]) -> Schema:
    special = {
        "id": _ref("id"),
        "effect": _ref("effect"),
        "expect": _ref("expect"),
        **dict.fromkeys(("in", "not_in", "requires"), _ref("texts")),
        "when": _ref("when"),
        "optional": _ref("yes"),
        "proof": _table(_fields(proofs.KEYS, {}), proofs.KEYS),
        **{key: _shape(shape) for key, shape in verb.KEYS.items()},
    }
    needs = [key for key in ("in", "proof") if getattr(verb, f"NEEDS_{key.upper()}", False)]
    return _table(_fields((*STEP_KEYS, *verb.KEYS), special), ("id", "why", "effect", name, *needs))


def _use() -> Schema:
    special = {
        "with": _map(_ANY),
        **dict.fromkeys(("in", "not_in", "skip"), _ref("texts")),
        "when": _ref("when"),
        "expect": _map(_ref("expect")),
        "effect": _map(_ref("effect")),
    }
    return _table(_fields(USE_KEYS, special), ("use",))


def _check() -> Mapping[str, Schema]:
    """Return what stands behind the keys of a check, and of a run that is measured."""
    without = _table({"without": _ref("texts")}, ("without",))
    reference = [_one_of(checks.REFERENCES), without]
    return {
        "id": _ref("id"),
        "run": _list(_TEXT),
        "environment": _map(_ANY),
        "readings": _map(_ref("range")),
        "packages": {"anyOf": [_ref("text"), _list({"anyOf": [_ref("text"), _map(_ref("when"))]})]},
        **dict.fromkeys(("programs", "files"), _ref("texts")),
        "device": _one_of(checks.DEVICES),
        "reference": {"anyOf": [*reference, _list({"anyOf": reference})]},
        "perturb": _ref("yes"),
    }


def _effect() -> Schema:
    kinds = [kind.value for kind in EffectKind]
    words = _one_of(kind for kind in kinds if kind != EffectKind.CHANGES)
    table = _table({**_fields(kinds, {}), "avoid": _map(_ref("texts"))})
    return {"anyOf": [words, {**table, "minProperties": 1}]}


def _range() -> Schema:
    text = {"type": "string", "pattern": f"^({keys.RANGE.pattern}|any)$|{_FILLED}"}
    return {"anyOf": [{"type": "integer", "minimum": 0}, text]}


def _definitions() -> Schema:
    """Return what is named: the parts of several keys, and each verb."""
    every = {
        "text": _TEXT,
        "texts": {"anyOf": [_ref("text"), {**_list(_ref("text")), "minItems": 1}]},
        "yes": _one_of(("yes", "no", True, False)),  # type: ignore[arg-type]
        "id": {"type": ["string", "integer"], "pattern": f"^{keys.NAME.pattern}$"},
        "range": _range(),
        "expect": {"anyOf": [_ref("range"), _table(_fields(keys.EXPECT, dict.fromkeys(keys.EXPECT, _ref("range"))))]},
        "effect": _effect(),
        "when": {
            "type": "object",
            "minProperties": 1,
            "properties": {"import": _ref("texts"), "not": _ref("when"), "any": _list(_ref("when"))},
            "additionalProperties": _ref("texts"),
        },
        "parameter": _table(
            _fields(PARAMETER, {"type": {"enum": list(TYPES)}, "choices": _ref("texts"), "default": _ANY}), ("default",)
        ),
        "use": _use(),
    }
    return {**every, **{f"verb-{name}": _step(name, verb) for name, verb in VERBS.items()}}


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe."""
    special = {
        "recipe": _ref("id"),
        "upstream": _table(_fields(UPSTREAM, {"tested": _ref("texts")}), ("repository",)),
        "parameters": _map(_ref("parameter")),
        "leave": _map(_ref("text")),
        "known": _list(_table(_fields(known.KEYS, {"in": _ref("texts")}), known.KEYS)),
        "steps": {**_list(_steps()), "minItems": 1},
        "checks": _list(_table(_fields(checks.KEYS, _check()), ("id", "why"))),
        "sizes": _list(_table(_fields(checks.SIZES, _check()), ("id", "why", "run", "batch", "steps"))),
        "next": _list(_table(_fields(HINT, {}), ("run", "why"))),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A recipe of patcher",
        **_table(_fields(KEYS, special), ("recipe", "summary", "steps")),
        "$defs": _definitions(),
    }
