"""What is wrong with text that YAML cannot read: the place of the mistake, and one sentence with its remedy."""

from __future__ import annotations

import re
from typing import Any

import yaml

__all__ = ["balanced", "explain", "quote"]

_FILL = re.compile(r"""(?<!["'])\$\{[\w-]+\}""")
_LINE = re.compile(r"""(?P<head>\s*(?:- +)*(?:[^:'"\[\]{}]+: +)?)(?P<code>\S.*?)\s*""")

# What PyYAML says; is the mistake at its context, else at its problem; do quotes mend it; what to do.
_SYNTAX = (
    (r"unknown escape character '(.)'", False, False, "`\\{}` means nothing in double quotes; use single."),
    (r"quoted scalar", True, False, "This quote is never closed."),
    (r"found character '(.)' that", False, True, "Text that starts with `{}` goes in quotes."),
    (r"an? (alias|anchor|tag)", True, True, "YAML takes this for an {}; text that starts so goes in quotes."),
    (r"mapping values", False, True, "Text with a colon goes in quotes; keys of a map stand in one column."),
    (r"<stream end>", False, False, "A bracket that opens above is never closed."),
    (r"flow (sequence|mapping)", True, True, "This bracket closes as no flow {}; code goes in quotes."),
    (r"expected ':'", True, False, "This line is no `key: value`; several lines of text go in a `|` block."),
    (r"found '(<scalar>|.)'", False, True, "Text goes on behind a closing quote or bracket; quote it all."),
    (r"block", False, False, "This line's indentation fits none above; keys of a map stand in one column."),
    (r": (.*)", False, False, "YAML cannot read this: {}."),
)


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str]:
    """Return where the mistake behind a syntax error is, and a sentence with its remedy."""
    said = f"{error.context}: {error.problem}"
    found, row = next((found, row) for row in _SYNTAX if (found := re.search(row[0], said)))
    mark: Any = error.context_mark if row[1] else error.problem_mark
    index = min(mark.index, max(len(text) - 1, 0))
    line = text[text.rfind("\n", 0, index) + 1 :].partition("\n")[0]
    better = _mended(line) if row[2] else ""
    return index, row[3].format(*found.groups()) + (f" Write: {better}" if better else "")


def _mended(line: str) -> str:
    """Return a line that YAML cannot read with its code in quotes, where quotes can be what it wants."""
    if _FILL.search(line):
        return _FILL.sub(r'"\g<0>"', line).strip()
    found = _LINE.fullmatch(line)
    special = re.search(r":( |$)|[\[{\"'@`%*&!]", found["code"]) if found else None
    if found is None or special is None or not balanced(found["code"]):
        return ""
    return (found["head"] + quote(found["code"])).strip()


def balanced(text: str) -> bool:
    """Whether as many brackets open as close."""
    return all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))


def quote(text: str) -> str:
    """Return text as a YAML scalar in quotes."""
    return f'"{text}"' if "'" in text and not {'"', "\\"} & set(text) else "'" + text.replace("'", "''") + "'"
