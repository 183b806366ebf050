"""Where the strings of a TOML file stand: each value's path, its span, and the span of its key.

Meant for text that `tomllib` has accepted, which alone says what is valid; this module only finds places and never
writes. What it reads is compared with what `tomllib` read, so that a slip here can never become an edit.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Leaf", "leaves", "look_up"]

_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' + r"|'''.*?'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'", re.DOTALL
)
_BARE = re.compile(r"[^,\]}#\r\n]+")
_KEY_BARE = re.compile(r"[A-Za-z0-9_-]+")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that is no table: its path, its span, and the span of its key if it has its own."""

    path: Path
    start: int
    end: int
    key: tuple[int, int] | None


def leaves(text: str) -> list[Leaf]:
    """Return the values of a TOML text in their order, an array behind what is in it.

    Raises:
        tomllib.TOMLDecodeError: the text is not TOML, or is read in another way here.

    """
    data = tomllib.loads(text)
    found = list(_Scanner(text).document())
    for leaf in found:
        written = text[leaf.start : leaf.end]
        if written[0] in "'\"" and tomllib.loads(f"v = {written}")["v"] != look_up(data, leaf.path):
            raise tomllib.TOMLDecodeError(f"{'.'.join(map(str, leaf.path))} is read in two ways")
    return found


def look_up(data: Any, path: Path) -> Any:
    """Return what a document has at a path, or None."""
    for step in path:
        if isinstance(data, dict):
            data = data.get(str(step))
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


class _Scanner:
    """One walk over the text; `at` is the next character."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.tables: dict[Path, int] = {}

    def document(self) -> Iterator[Leaf]:
        """Yield the values of all tables."""
        prefix: Path = ()
        while self._skip(_SPACE) < len(self.text):
            if self.text[self.at] == "[":
                prefix = self._header()
            else:
                yield from self._pair(prefix)

    def _skip(self, pattern: re.Pattern[str]) -> int:
        """Go behind what a pattern matches here, and return the place."""
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, sign: str) -> bool:
        """Go behind a sign if it stands here."""
        taken = self.text.startswith(sign, self.at)
        self.at += len(sign) * taken
        return taken

    def _header(self) -> Path:
        """Read `[a.b]` or `[[a.b]]`; the latter counts its tables."""
        many = self._take("[[") or not self._take("[")
        path = self._key()
        self._take("]]" if many else "]")
        if many:
            number = self.tables[path] = self.tables.get(path, -1) + 1
            return (*path, number)
        # A table below an array of tables belongs to the last of them.
        for length in range(len(path), 0, -1):
            if path[:length] in self.tables:
                return (*path[:length], self.tables[path[:length]], *path[length:])
        return path

    def _key(self) -> Path:
        """Read a dotted key."""
        parts: list[str | int] = []
        while True:
            self._skip(_BLANK)
            start = self.at
            if self._skip(_STRING) > start:
                parts.append(tomllib.loads(f"v = {self.text[start : self.at]}")["v"])
            elif self._skip(_KEY_BARE) > start:
                parts.append(self.text[start : self.at])
            else:
                raise tomllib.TOMLDecodeError(f"no key at {start}")
            self._skip(_BLANK)
            if not self._take("."):
                return tuple(parts)

    def _pair(self, prefix: Path) -> Iterator[Leaf]:
        """Read `key = value`."""
        start = self.at
        key = self._key()
        end = start + len(self.text[start : self.at].rstrip())
        self._take("=")
        self._skip(_BLANK)
        yield from self._value((*prefix, *key), (start, end))

    def _value(self, path: Path, key: tuple[int, int] | None) -> Iterator[Leaf]:
        """Read a value of any kind."""
        start = self.at
        if self._take("["):
            number = 0
            while self._skip(_SPACE) < len(self.text) and not self._take("]"):
                yield from self._value((*path, number), None)
                number += 1
                self._skip(_SPACE)
                self._take(",")
            yield Leaf(path, start, self.at, key)
        elif self._take("{"):
            while self._skip(_SPACE) < len(self.text) and not self._take("}"):
                yield from self._pair(path)
                self._skip(_SPACE)
                self._take(",")
        else:
            if self._skip(_STRING) == start and self._skip(_BARE) == start:
                raise tomllib.TOMLDecodeError(f"no value at {start}")
            yield Leaf(path, start, start + len(self.text[start : self.at].rstrip()), key)
