"""What a patch does to requirements, as the words of a `requirements` step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

__all__ = ["packages"]

FILES = re.compile(
    r"(^|/)([\w.-]*requirements[\w.-]*\.(txt|in)|environment[\w.-]*\.ya?ml|pyproject\.toml|setup\.(cfg|py))$"
)
ENTRY = re.compile(
    r"""^[\s"'-]*(?P<name>[A-Za-z0-9][\w.-]*?)(?P<extras>\[[\w,.-]*\])?\s*"""
    r"""(?P<pin>(?:[=<>!~@ ].*?)?)[\s"',]*(?:[#;].*)?$"""
)


def packages(path: str, before: bytes, after: bytes) -> Iterator[dict[str, Any]]:
    """Yield the steps to try for a file that lists packages; none for another file."""
    if not FILES.search(path):
        return
    old, new = (side.decode("utf-8", "replace").splitlines() for side in (before, after))
    replaced: dict[str, str] = {}
    dropped: list[str] = []
    loosened: list[str] = []
    added: list[str] = []
    for tag, first, last, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        gone, come = dict(_entries(old[first:last])), dict(_entries(new[start:end]))
        for name in [*gone]:
            if name in come:
                pin, spec = gone.pop(name), come.pop(name)
                loosened += [name] if spec == name and pin != name else []
                replaced |= {name: spec} if spec != name else {}
        names, specs = list(gone), list(come.values())
        if len(names) == 1 and specs:
            replaced[names[0]] = specs.pop(0)
        else:
            dropped += names
        added += specs
    said = {"replace": replaced, "drop": dropped, "loosen": loosened, "add": added}
    words = {word: value for word, value in said.items() if value}
    if words:
        yield {"requirements": words, "in": path}


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = ENTRY.match(line)
        if found:
            yield (
                found["name"].lower().replace("_", "-"),
                f"{found['name']}{found['extras'] or ''}{found['pin']}".strip(),
            )
