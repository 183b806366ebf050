"""One line of a requirements file, as pip reads it: name, pin, marker and options, each with its span.

The line comes whole, its continuations already joined. Nothing is resolved or fetched: a name is what the line itself
says (a PEP 508 name, `#egg=`, or the file name of a wheel or sdist), and what it does not say stays unknown.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.utils import InvalidSdistFilename, parse_sdist_filename

from patcher.files.requirements import Cut, Entry, Include, Span, canonical

__all__ = ["COMMENT", "parse"]

# pip: a comment starts the line or stands behind white space, so `#egg=` and `#sha256=` are none.
COMMENT = re.compile(r"(^|\s+)#.*$", re.DOTALL)

_INCLUDE = re.compile(r"(?P<kind>-r|-c|--requirement|--constraint)(?:\s*=\s*|\s*)(?P<path>.+)", re.DOTALL)
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s*=\s*|\s*)(?P<target>\S.*?)(?=\s+-|\s*;\s|$)", re.DOTALL)
# What pip takes for a URL; a drive letter is none.
_URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+\S+|https?:|file:|ftp:|git:|ssh:)\S*", re.IGNORECASE)
_ARCHIVES = (
    ".whl",
    ".zip",
    ".tar.gz",
    ".tgz",
    ".tar",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tlz",
    ".tar.lz",
)

_NAMED = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?P<extras>\s*\[[^\]]*\])?(?P<rest>.*)", re.DOTALL
)
_CLAUSE = r"(?:===|~=|==|!=|<=|>=|<|>)\s*[^\s,;()]+"
# Looser than PEP 440 on purpose: old trees have `>=1.13.*` and `==${VERSION}`, whose extent is just as plain.
_PIN = re.compile(rf"\s*(?:\(\s*{_CLAUSE}(?:\s*,\s*{_CLAUSE})*\s*\)|{_CLAUSE}(?:\s*,\s*{_CLAUSE})*\s*,?)\s*")
_AT_URL = re.compile(r"\s*@\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|\$\{).*", re.DOTALL)
_HASH = re.compile(r"\s+--hash(?:=|\s+)\S+")

_WORDS = ("replace", "drop", "loosen")


def parse(line: str) -> Entry | Include | None:
    """Return what a line lists or includes; None for a comment, a blank line or an option. Spans count in the line."""
    comment = COMMENT.search(line)
    end = len(line[: comment.start() if comment else len(line)].rstrip())
    start = len(line) - len(line.lstrip())
    if start >= end:
        return None
    if line[start] == "-":
        return _option(line, start, end)
    # pip cuts the options off at the first word that begins with a dash.
    options = re.compile(r"\s+-").search(line, start, end)
    body_end = options.start() if options else end
    return _requirement(line, start, body_end, end)


def _option(line: str, start: int, end: int) -> Entry | Include | None:
    """Return what a line of options includes or installs in editable form."""
    if include := _INCLUDE.fullmatch(line[start:end]):
        words = _words(include["path"])
        return Include(words[0], include["kind"] in ("-c", "--constraint")) if words else None
    editable = _EDITABLE.match(line[start:end])
    if editable is None:
        return None
    body_end = start + editable.end()
    name, hints = _origin(" ".join(_words(editable["target"])))
    marker = re.match(r"\s*;(.*)", line[body_end:end], re.DOTALL)
    return Entry(
        name,
        span=(start, body_end),
        line=(start, end),
        baggage=() if marker or body_end == end else ((body_end, end),),
        marker=_marker(marker[1]) if marker else "",
        hints=hints,
        cannot={"loosen": f"{name} is installed from its source in editable form, which is no version pin."},
    )


def _requirement(line: str, start: int, body_end: int, end: int) -> Entry | None:
    """Return the requirement in line[start:body_end], with the options that follow it up to `end`."""
    # Behind a bare URL the marker needs a space, because a URL may hold a semicolon (pip's rule).
    semicolon = re.compile(r"\s;|;\s" if _URL.match(line, start) else ";").search(line, start, body_end)
    head_end = len(line[: semicolon.start() if semicolon else body_end].rstrip())
    head = line[start:head_end]
    named = _named(head)
    if named is None:
        return None
    name, hints, pin, cannot = named
    if _astray(line[body_end:end]):
        cannot = dict.fromkeys(_WORDS, f"A word behind the options of {name or 'this line'} belongs to nothing.")
    pins = () if pin is None else ((start + pin[0], start + pin[1], ""),)
    return Entry(
        name,
        span=(start, head_end),
        line=(start, end),
        pins=pins + _hashes(line, body_end, end),
        baggage=((body_end, end),) if body_end < end else (),
        marker=_marker(line[semicolon.end() : body_end].lstrip(";")) if semicolon else "",
        text=head,
        hints=hints,
        cannot=cannot,
    )


def _named(head: str) -> tuple[str, tuple[str, ...], Span | None, Mapping[str, str]] | None:
    """Return name, hints, the span of the pin, and what cannot be done, of a requirement without marker."""
    found = _NAMED.fullmatch(head)
    if found and _AT_URL.fullmatch(found["rest"]):
        name = canonical(found["name"])
        return name, (), None, _from_url(name)
    if _URL.match(head) or _is_path(head):
        name, hints = _origin(head)
        return name, hints, None, _from_url(name)
    if found is None:
        return None
    name = canonical(found["name"])
    if not found["rest"].strip():
        return name, (), None, {}
    if _PIN.fullmatch(found["rest"]):
        return name, (), (found.start("rest"), len(head)), {}
    reason = f"`{' '.join(head.split())}` is not a requirement that pip can read, so it is left as it is."
    return name, (), None, dict.fromkeys(_WORDS, reason)


def _from_url(name: str) -> dict[str, str]:
    return {"loosen": f"{name} comes from a URL or a path, which is no version pin."}


def _is_path(head: str) -> bool:
    """Tell whether pip would take this for a file or folder rather than a name."""
    plain = head.split("[")[0].rstrip().lower()
    return " " not in plain and ("/" in plain or plain.startswith(".") or plain.endswith(_ARCHIVES))


def _origin(target: str) -> tuple[str, tuple[str, ...]]:
    """Return the name that a URL or path tells for certain, or else the names that it suggests."""
    # `name @ URL` is allowed behind -e as well, and tells the name best.
    if named := re.match(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*@\s", target):
        return canonical(named[1]), ()
    egg = re.search(r"[#&]egg=([A-Za-z0-9][\w.-]*)", target)
    if egg:
        return canonical(egg[1]), ()
    path = urlsplit(target.split("#")[0]).path if _URL.match(target) else re.sub(r"\[[^\]]*\]$", "", target)
    parts = [part for part in unquote(path).split("/") if part not in ("", ".", "..")]
    if not parts:
        return "", ()
    archive = parts[-1].lower().endswith(_ARCHIVES)
    if archive and (name := _archived(parts[-1])):
        return name, ()
    suggested = parts if archive else parts[-1:]
    return "", tuple(canonical(part.split("@")[0].removesuffix(".git")) for part in suggested)


def _archived(filename: str) -> str:
    """Return the name in the file name of a wheel or an sdist, or ""."""
    if filename.endswith(".whl"):
        parts = posixpath.splitext(filename)[0].split("-")
        return canonical(parts[0]) if len(parts) in (5, 6) else ""
    try:
        return str(parse_sdist_filename(filename)[0])
    except InvalidSdistFilename:
        return ""


def _hashes(line: str, start: int, end: int) -> tuple[Cut, ...]:
    """Return the cuts that take the hashes out, each with the white space before it."""
    return tuple((*found.span(), "") for found in _HASH.finditer(line, start, end))


def _astray(options: str) -> bool:
    """Tell whether a word among the options is neither an option nor the value of one; pip passes over such words."""
    words = _words(options)
    values = (word for last, word in pairwise(words) if last.startswith("-") and "=" not in last)
    return sum(not word.startswith("-") for word in words) > sum(not word.startswith("-") for word in values)


def _marker(text: str) -> str:
    """Return a marker in one spelling, so that two can be compared."""
    try:
        return str(Marker(text.strip()))
    except InvalidMarker:
        return text.strip()


def _words(text: str) -> list[str]:
    """Return the words of an option's value; pip reads them as a shell would."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
