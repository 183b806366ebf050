"""A question as a patch that a person edits, and back: only what is put in may be changed, as with `git add -p`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

from patcher.errors import UsageError
from patcher.model import Edit, Key
from patcher.review import Question, Section, sections

__all__ = ["as_patch", "read_back"]

CONTEXT = 3
HELP = """\
# Lines that begin with + are put in: change them, add to them, or take them out.
# To keep a line that begins with -, make the - a blank. All other lines must stay as they are.
# A patch without + and - declines the change. Lines that begin with # are not read.
"""

Lines = list[str]


def as_patch(question: Question) -> str:
    """Return the patch to edit.

    Raises:
        UsageError: the question is about more than one step.
    """
    if len(question.steps) > 1:
        raise UsageError("This is about several steps that need each other; take it, and edit the files afterwards.")
    parts = []
    for section in sections(question):
        parts.append(f"=== {section.path}\n")
        for _, _, lines in _pieces(section):
            parts += ["@@\n", *(f"{line}\n" for line in lines)]
    return "".join((*parts, HELP))


def read_back(question: Question, text: str) -> Mapping[Key, tuple[Edit, ...]]:
    """Return the edits that an edited patch makes, for each place of a question.

    Raises:
        UsageError: lines that stand in the file were changed.
    """
    given = list(_given(text))
    found: dict[Key, tuple[Edit, ...]] = {}
    pieces = [(section, piece) for section in sections(question) for piece in _pieces(section)]
    if len(given) != len(pieces):
        raise UsageError(
            f"The patch has {len(given)} parts that begin with @@, and had {len(pieces)}; keep each of them."
        )
    edits: dict[int, list[Edit]] = {}
    for lines, (section, (first, last, _)) in zip(given, pieces, strict=True):
        edits.setdefault(id(section), []).extend(_edits(section, first, last, lines))
    for section in {id(section): section for section, _ in pieces}.values():
        head, *others = section.hunks
        found |= {head.key: tuple(edits[id(section)]), **{hunk.key: () for hunk in others}}
    return found


def _texts(section: Section) -> tuple[Lines, Lines]:
    return _lines(section.before.decode()), _lines(section.after(beside=False).decode())


def _lines(text: str) -> Lines:
    """Return the lines without their ends; what stands behind the last line end is one only if it is there."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def _pieces(section: Section) -> Iterator[tuple[int, int, Lines]]:
    """Yield each part of a patch: the lines of the text that it is about, as numbers, and its own lines."""
    before, after = _texts(section)
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT):
        lines: Lines = []
        for tag, i1, i2, j1, j2 in group:
            lines += [f" {line}" if tag == "equal" else f"-{line}" for line in before[i1:i2]]
            lines += [f"+{line}" for line in after[j1:j2] if tag != "equal"]
        yield group[0][1], group[-1][2], lines


def _given(text: str) -> Iterator[Lines]:
    lines: Lines | None = None
    for line in text.split("\n"):
        if line.startswith(("#", "=")):
            continue
        if line.startswith("@@"):
            if lines is not None:
                yield lines
            lines = []
        elif lines is not None:
            lines.append(line.removesuffix("\r"))
    if lines is not None:
        yield lines


def _edits(section: Section, first: int, last: int, lines: Sequence[str]) -> Iterator[Edit]:
    """Yield the edits that make some lines of a text into what the patch says."""
    before, _ = _texts(section)
    lines = [line or " " for line in lines]
    while len(lines) and lines[-1] == " " and [line[1:] for line in lines if line[0] in " -"] != before[first:last]:
        lines = lines[:-1]  # editors end a file with an empty line
    wrong = next((line for line in lines if line[0] not in " -+"), None)
    if wrong is not None:
        raise UsageError(f"The line `{wrong}` of the patch begins with neither +, - nor a blank.")
    if [line[1:] for line in lines if line[0] in " -"] != before[first:last]:
        raise UsageError("The lines that stand in the file were changed; only those that begin with + may be.")
    starts = _starts(section.before)
    newline = "\r\n" if b"\r\n" in section.before else "\n"
    new = [line[1:] for line in lines if line[0] in " +"]
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, before[first:last], new, autojunk=False).get_opcodes():
        if tag != "equal":
            start, end = starts[first + i1], starts[first + i2]
            text = "".join(f"{line}{newline}" for line in new[j1:j2])
            unfinished = end == len(section.before) and not section.before.endswith(b"\n")
            if unfinished:
                text = newline * (bool(text) and 0 < start == end) + text.removesuffix(newline)
            yield Edit(start, end, text)


def _starts(text: bytes) -> list[int]:
    """Return where each line begins, and where the last one ends."""
    starts = [0]
    for line in text.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    starts[-1] -= 1
    return starts
