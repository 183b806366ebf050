"""Parameters: what a recipe declares, what they stand for this time, and filling them in.

A value is filled in once, as text, and what it brings in is never looked at for more parameters.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from patcher.model import Parameter
from patcher.recipe.nodes import Broken, Items, Node, Reader, Table, Text, did_you_mean, plain
from patcher.recipe.shapes import is_expression

__all__ = [
    "KEYS",
    "TYPES",
    "Parameters",
    "Setting",
    "Values",
    "choose",
    "complaint",
    "fill",
    "read_parameters",
    "whole_name",
]

# What a parameter stands for; None: the parameter or its value is wrong, and that was told.
Values = Mapping[str, str | None]
Parameters = Mapping[str, Parameter | None]

# The words of `when` that are no parameter.
KEYS = ("type", "choices", "default", "help")
_WHEN_WORDS = ("import", "not", "any")
_FILL = re.compile(r"(\$?)\$\{([^}]*)\}")
_WHOLE_FILL = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Setting:
    """The parameters of a recipe, and what they stand for this time."""

    parameters: Parameters
    values: Values


TYPES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "choice": ("one of the choices", bool),
    "flag": ("yes or no", ("yes", "no").__contains__),
    "int": ("a whole number", re.compile(r"[-+]?\d+").fullmatch),
    "float": ("a number", re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?").fullmatch),
    "text": ("text", lambda text: True),
    "name": ("a Python name", lambda text: text.isidentifier() and not keyword.iskeyword(text)),
    "expr": ("one Python expression", is_expression),
    "path": ("a path", lambda text: bool(text.strip()) and text.isprintable()),
}


def complaint(parameter: Parameter, value: str) -> str:
    """Return what is wrong with the value of a parameter as a sentence, or nothing."""
    if parameter.choices:
        known = did_you_mean(value, parameter.choices)
        return "" if value in parameter.choices else f"`{value}` is no choice of `{parameter.name}`{known}"
    wanted, fits = TYPES[parameter.type]
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
    fields = reader.fields(table, KEYS, ("default",))
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
    if found.type not in TYPES:
        reader.tell(fields.get("type", key).mark, _untyped(found))
    elif (found.type == "choice") != bool(found.choices):
        reader.tell(key.mark, f"`{found.name}` has the type `{found.type}`; `choice` and `choices` go together.")
    elif "${" in found.default:
        reader.tell(default.mark, "A default is a value of its own and cannot use another parameter.")
    elif wrong := complaint(found, found.default):
        reader.tell(default.mark, wrong)
    elif found.type == "expr":
        reader.uncut(default)


def _untyped(found: Parameter) -> str:
    """Say that a parameter has no type that there is, and which there are."""
    types = ", ".join(TYPES)
    if not found.type:
        return f"`{found.name}` has no type; write one of {types}."
    near = get_close_matches(found.type, TYPES, 1)
    meant = f"; did you mean `{near[0]}`?" if near else "."
    return f"`{found.name}` has the type `{found.type}`, which is unknown{meant} The types are {types}."


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
            wrong[name] = complaint(parameter, value) if value is not None else ""
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


def whole_name(node: Node) -> str | None:
    """Return the parameter of which a value, as written, is nothing but `${parameter}`."""
    found = _WHOLE_FILL.fullmatch(str(plain(node)))
    return found[1] if found else None
