"""pip's requirements and constraints files: from their text to entries, and back to the smallest edits.

Physical lines are joined and comments found exactly as pip does it. Nothing is normalised: an edit covers what goes,
or stands behind the last byte.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from patcher.files.requirement_line import COMMENT, parse
from patcher.files.requirements import Cut, Entry, Include, Listing, Span, newline_of

__all__ = ["claims", "constrains", "cuts", "extend", "is_list", "read", "spell"]

_STEM = re.compile(r"requirement|(?:^|[-_.])reqs?(?:$|[-_.])", re.IGNORECASE)
_FOLDER = re.compile(r"requirements?|reqs?", re.IGNORECASE)
# pip-compile and uv write below a requirement who asked for it; that comment is about this line alone.
_VIA = re.compile(r"\s+#\s*via\b")
_VIA_MORE = re.compile(r"\s+#\s{2,}\S")


def claims(path: str) -> bool:
    """Tell whether a path is one that pip users give to a requirements or constraints file."""
    folder, base = posixpath.split(path)
    stem, extension = posixpath.splitext(base)
    if extension.lower() not in (".txt", ".in"):
        return False
    return bool(_STEM.search(stem) or _FOLDER.fullmatch(posixpath.basename(folder))) or constrains(path)


def constrains(path: str) -> bool:
    """Tell whether a path is one that pip users give to a constraints file, which installs nothing itself."""
    return "constraint" in posixpath.basename(path).lower()


def read(text: str) -> Listing:
    """Return what a requirements file lists and includes."""
    entries: list[Entry] = []
    includes: list[Include] = []
    lines = list(_logical_lines(text))
    for number, (joined, places, span) in enumerate(lines):
        found = parse(joined)
        if isinstance(found, Include):
            includes.append(found)
        elif found is not None:
            below = [text[slice(*line[2])] for line in lines[number + 1 :]]
            entries.append(found.moved(places, (span[0], span[1] + _via(text[slice(*span)], below))))
    return Listing(tuple(entries), tuple(includes), _remark(text, entries))


def is_list(text: str) -> bool:
    """Tell whether each line of a text, whatever its file is called, is one of a requirements file."""
    return all(_is_known(joined) for joined, _, _ in _logical_lines(text))


def _is_known(line: str) -> bool:
    found = parse(line)
    if isinstance(found, Entry):
        return "replace" not in found.cannot
    rest = COMMENT.sub("", line).strip()
    return found is not None or not rest or bool(re.match(r"--?\w", rest))


def _remark(text: str, entries: Sequence[Entry]) -> str:
    """Return what to say of a new requirement: in a file with hashes, pip asks for one everywhere."""
    hashed = sum("--hash" in text[slice(*span)] for entry in entries for span in entry.baggage)
    if hashed > 1 or re.search(r"(?m)^\s*--require-hashes", text):
        return "This file lists hashes, so pip will ask for one here too."
    return ""


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the whole lines, with their continuations and line ends."""
    return [(entry.line,) for entry in gone]


def spell(text: str, entry: Entry, requirement: str) -> str:
    """Return the requirement itself; behind a URL a marker needs a space."""
    return requirement + " " if "@" in requirement and text.startswith(";", entry.span[1]) else requirement


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return one insertion for each requirement, behind the last byte; a missing final newline stays missing."""
    left = _without(text, gone)
    if re.search(r"\\[\r\n]*\Z", left) and not COMMENT.match(left.splitlines()[-1]):
        return "Its last line ends with a backslash, which would swallow a line below it."
    newline = newline_of(text)
    if not text or text.endswith(("\n", "\r")):
        return [((len(text), len(text), requirement + newline),) for requirement in requirements]
    inserted = [newline + requirement for requirement in requirements]
    if not left or left.endswith(("\n", "\r")):
        inserted[0] = requirements[0]
    return [((len(text), len(text), line),) for line in inserted]


def _without(text: str, gone: Collection[Span]) -> str:
    for start, end in sorted(gone, reverse=True):
        text = text[:start] + text[end:]
    return text


def _via(line: str, below: Sequence[str]) -> int:
    """Return the length of the comment that pip-compile wrote below a requirement."""
    length = 0
    inside = bool(_VIA.match(line.splitlines()[-1]))
    for comment in below:
        if not (_VIA_MORE if inside else _VIA).match(comment):
            break
        inside = True
        length += len(comment)
    return length


def _logical_lines(text: str) -> Iterator[tuple[str, list[int], Span]]:
    """Yield each line as pip joins it, where each of its characters stands in the text, and the span of the whole."""
    joined: list[str] = []
    places: list[int] = []
    start = offset = 0
    for line, whole in zip(text.splitlines(), text.splitlines(keepends=True), strict=True):
        comment = COMMENT.match(line)
        continued = line.endswith("\\") and comment is None
        # pip puts a blank before a comment line, so that it is one also behind a continuation.
        kept = line.strip("\\") if continued else " " * bool(comment) + line
        first = offset + line.find(kept) if continued else offset - bool(comment)
        joined.append(kept)
        places.extend(max(offset, place) for place in range(first, first + len(kept)))
        offset += len(whole)
        if not continued:
            yield "".join(joined), places, (start, offset)
            joined, places, start = [], [], offset
    if joined:
        yield "".join(joined), places, (start, offset)
