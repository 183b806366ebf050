"""What a file that lists requirements is to the verb: entries with spans, whatever the format.

One format is one module with the functions of `Format`. The records here say where a requirement stands and what
would go with it; they never decide that anything goes, and no function here reads or writes a file.
"""

from __future__ import annotations

import codecs
import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol, TypeAlias

__all__ = [
    "WORD",
    "Cut",
    "Entry",
    "Format",
    "Include",
    "Listing",
    "Span",
    "canonical",
    "decode",
    "line_of",
    "matches",
    "mentions",
    "newline_of",
    "position",
]

Span: TypeAlias = tuple[int, int]
"""From and to, in characters of the decoded text."""

WORD = r"(?<![\w.-])[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?"
"""What may be the name of a package in some text, as a regular expression."""

Cut: TypeAlias = tuple[int, int, str]
"""From, to, and the text that stands there instead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One requirement in one file.

    `name` is canonical, and empty where the file does not tell it; `hints` are then the names that a URL or a path
    suggests. `span` is what a replacement overwrites: name, extras, and pin or URL. `line` is the line, or the item
    with its quotes, that goes when it is dropped. `pins` are the cuts that loosen it, none if it is loose.
    `baggage` goes along with a replaced requirement: its hashes and options. `text` is the requirement without
    marker as PEP 508 has it, or empty. `group` tells lists within one file apart, `installs` whether this list
    installs anything into the environment. `cannot` gives, for a word of the verb, the sentence that says why it is
    not done here. `mention`: the name stands in a text that may ask for it or not.
    """

    name: str
    span: Span
    line: Span
    pins: tuple[Cut, ...] = ()
    baggage: tuple[Span, ...] = ()
    marker: str = ""
    text: str = ""
    hints: tuple[str, ...] = ()
    group: str = ""
    installs: bool = True
    cannot: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mention: bool = False

    def moved(self, places: Sequence[int], line: Span) -> Entry:
        """Return the entry with its spans counted in another text: character i of this one stands at places[i]."""

        def there(start: int, end: int) -> Span:
            return places[start], places[end - 1] + 1

        return replace(
            self,
            span=there(*self.span),
            line=line,
            pins=tuple((*there(start, end), text) for start, end, text in self.pins),
            baggage=tuple(there(*span) for span in self.baggage),
        )


@dataclass(frozen=True, slots=True)
class Include:
    """Another file that this one reads in, as it is written there, and whether it only constrains versions."""

    path: str
    constraint: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What one file lists. `remark` is a sentence to be told wherever a requirement is put in.

    `problem` is the sentence that says why nothing in it is edited, if that is so; `accepts` tells whether one more
    requirement has its place here.
    """

    entries: tuple[Entry, ...] = ()
    includes: tuple[Include, ...] = ()
    remark: str = ""
    problem: str = ""
    accepts: bool = True


class Format(Protocol):
    """One format: a module with these functions. Offsets are characters of the decoded text without BOM."""

    def claims(self, path: str) -> bool:
        """Tell whether a file of this path is of this format, by its name alone."""

    def read(self, text: str) -> Listing | None:
        """Return what the file lists, or None if it is no list of requirements after all."""

    def cuts(self, text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
        """Return, for each entry that is dropped, the spans that go; `gone` are all that this step drops here."""

    def spell(self, text: str, entry: Entry, requirement: str) -> str | None:
        """Return how a PEP 508 requirement is written in place of an entry, or None if it cannot be."""

    def extend(self, text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
        """Return the insertions for each requirement that is added, or the sentence that says why there are none.

        `gone` are the spans that the same step takes out.
        """


def canonical(name: str) -> str:
    """Return a name, or a glob of names, in the one spelling that PEP 503 gives it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def matches(pattern: str, name: str) -> bool:
    """Tell whether a canonical name is meant by a canonical name or glob."""
    return fnmatch.fnmatchcase(name, pattern)


def decode(data: bytes) -> tuple[str, str]:
    """Return a file's text without byte-order mark, and the sentence that says why it cannot be edited, or "".

    A text that comes with a sentence is good for looking up names, and its offsets mean nothing.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), "It is UTF-16, not UTF-8, so it is not edited."
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        reason = f"It is not UTF-8 (byte {body[error.start]:#04x} at {error.start}), so it is not edited."
        return body.decode("latin-1"), reason


def mentions(text: str, reason: str) -> Listing:
    """Return every word outside comments as an entry that cannot be edited, for a file that does not parse."""
    seen: dict[str, Entry] = {}
    cannot = dict.fromkeys(("replace", "drop", "loosen"), reason)
    for word in re.finditer(rf"#.*|{WORD}", text):
        name = canonical(word[0])
        if not word[0].startswith("#"):
            seen.setdefault(name, Entry(name, word.span(), word.span(), installs=False, cannot=cannot))
    return Listing(tuple(seen.values()), problem=reason)


def line_of(text: str, start: int, end: int) -> Span:
    """Return the whole lines that a span lies in, with their line ends."""
    first = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    last = re.compile(r"\r\n|\n|\r|\Z").search(text, end)
    return first, last.end() if last else len(text)


def position(text: str, index: int) -> int:
    """Return the offset in bytes of UTF-8 of a character."""
    return len(text[:index].encode("utf-8"))


def newline_of(text: str) -> str:
    """Return the line end that a text used last, or a plain newline if it has none."""
    ends = re.findall(r"\r\n|\n|\r", text)
    return ends[-1] if ends else "\n"
