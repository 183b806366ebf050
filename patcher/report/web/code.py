"""Source text as coloured lines of HTML; nothing of it is markup, and no character steers what is shown."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from markupsafe import Markup, escape
from pygments.lexer import Lexer
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

from patcher.report.hunks import harmless

__all__ = ["Line", "Span", "coloured", "html", "text_of", "words"]

LARGEST = 400_000  # what is coloured; more would take longer than a person waits
ALIKE = 0.5  # lines that share less are another line, not a changed one
LONGEST, MOST = 400, 40  # so much of a line, and so many lines, are compared by their words
WORD = re.compile(r"\w+|\s+|.")
# Few colours, so that each says something.
LOOKS = (
    ("Token.Comment", "c"),
    ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "m"),
    ("Token.Keyword", "k"),
    ("Token.Operator.Word", "k"),
    ("Token.Name.Decorator", "f"),
    ("Token.Name.Function", "f"),
    ("Token.Name.Class", "f"),
    ("Token.Name.Tag", "f"),
    ("Token.Name.Builtin", "b"),
)

Line = tuple[tuple[str, str], ...]
"""The pieces of a line: how each looks, and its text."""
Span = tuple[int, int]
Marks = dict[int, list[Span]]


def text_of(data: bytes) -> str:
    """Return the text of a file for the eye: where every line ends in CRLF, that is not shown."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    if text.count("\r\n") == text.count("\n") == text.count("\r"):
        text = text.replace("\r\n", "\n")
    return harmless(text, keep="\n\t")


def coloured(text: str, path: str) -> list[Line]:
    """Return the lines of a text, as many as it has line feeds, and one for what stands behind the last."""
    if len(text) > LARGEST:
        return [(("", line),) for line in text.split("\n")]
    lines: list[list[tuple[str, str]]] = [[]]
    for kind, piece in _lexer(path).get_tokens(text):
        look = _look(kind)
        for number, part in enumerate(piece.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append((look, part))
    return [tuple(line) for line in lines]


def _lexer(path: str) -> Lexer:
    try:
        name = "a.json" if path.endswith(".ipynb") else path
        return get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        plain: Lexer = TextLexer(stripnl=False, ensurenl=False)
        return plain


def _look(kind: object) -> str:
    return next((look for known, look in LOOKS if str(kind).startswith(known)), "")


def words(old: Sequence[str], new: Sequence[str]) -> tuple[Marks, Marks]:
    """Return, of lines that were replaced, what is only in the old ones and what only in the new.

    A line is held beside the next one that is like it; of a line like no other nothing is marked.
    """
    ours: Marks = {}
    theirs: Marks = {}
    after = 0
    for at, line in enumerate(old[:MOST]):
        near = [(other, _matched(line, new[other])) for other in range(after, min(len(new), MOST))]
        other, matcher = max(near, key=lambda pair: pair[1].ratio(), default=(0, None))
        if matcher is not None and matcher.ratio() >= ALIKE:
            changed = [one for one in matcher.get_opcodes() if one[0] != "equal"]
            ours[at] = _spans(WORD.findall(line), ((i1, i2) for _, i1, i2, _, _ in changed))
            theirs[other] = _spans(WORD.findall(new[other]), ((j1, j2) for *_, j1, j2 in changed))
            after = other + 1
    return ours, theirs


def _matched(old: str, new: str) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, WORD.findall(old[:LONGEST]), WORD.findall(new[:LONGEST]), autojunk=False)


def _spans(parts: list[str], ranges: Iterable[Span]) -> list[Span]:
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part))
    return [(ends[start], ends[end]) for start, end in ranges if start < end]


def html(line: Line, marked: Iterable[Span] = ()) -> Markup:
    """Return a line as HTML; what is `marked` stands out."""
    spans = list(marked)
    return Markup("").join(
        Markup('<span class="{}">{}</span>').format(look, text) if look else escape(text)
        for look, text in _cut(line, spans)
    )


def _cut(line: Line, spans: list[Span]) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a line, cut where a mark begins or ends."""
    borders = {border for span in spans for border in span}
    at = 0
    for look, text in line:
        cuts = [0, *sorted(border - at for border in borders if at < border < at + len(text)), len(text)]
        for start, end in pairwise(cuts):
            inside = any(first <= at + start < last for first, last in spans)
            yield f"{look} w".strip() if inside else look, text[start:end]
        at += len(text)
