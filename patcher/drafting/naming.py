"""What a drafted step is called: by its verb, and by what it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["named"]

Step = dict[str, Any]
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
LONGEST = 4
ABOUT = ("rename", "edit", "replace", "insert", "wrap", "delete", "guard_import", "text")
WHY = "drafted from the patch; say why"
EFFECT = {"changes": "not known yet; say what it does to the numbers"}


def named(steps: Iterable[Step]) -> list[Step]:
    """Return the steps with an id of their own each, a reason to be written, and no claim."""
    taken: set[str] = set()
    found = []
    for step in steps:
        base = _base(step)
        name = next(
            one for number in range(1, 10_000) if (one := base if number == 1 else f"{base}-{number}") not in taken
        )
        taken.add(name)
        found.append({"id": name, "why": WHY, **_ordered(step), "effect": EFFECT})
    return found


def _ordered(step: Step) -> Step:
    first = {"in": step["in"]} if "in" in step else {}
    last = {"expect": step["expect"]} if "expect" in step else {}
    return {**first, **{key: value for key, value in step.items() if key not in ("in", "expect")}, **last}


def _base(step: Step) -> str:
    verb = next((one for one in ABOUT if one in step), "requirements")
    said = step.get(verb, "")
    text = " ".join(said) if isinstance(said, list) else str(said) if verb != "requirements" else ""
    if verb == "text":
        text = str(step["with"])
    if verb == "rename":
        text = text.rpartition(".")[2]
    names = [word for word in WORD.findall(re.sub(r"\$+\w*", " ", text)) if word not in ("self", "V")]
    words = [verb.replace("_import", ""), *dict.fromkeys(name.lower() for name in names)]
    return "-".join(words[:LONGEST])
