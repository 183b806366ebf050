"""Places where a sound pattern would still give an unsound result: said in a sentence instead of edited."""

from __future__ import annotations

import ast
from collections.abc import Iterable

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.holes import hole_of
from patcher.syntax.matching import Match
from patcher.syntax.pattern import Code
from patcher.syntax.scopes import BINDERS
from patcher.syntax.source import Source, walk

__all__ = ["keep_bases", "keep_cases", "keep_strings", "keep_target", "may_take"]

# What can be assigned to, and where it is.
TARGETS = (cst.Name, cst.Attribute, cst.Subscript, cst.Tuple, cst.List)
TARGET: dict[type[cst.CSTNode], str] = {**BINDERS, cst.AsName: "name"}


def keep_strings(source: Source, edits: Iterable[Edit]) -> None:
    """Refuse edits that would break an f-string around them.

    Before Python 3.12 an expression in an f-string can hold neither its quotes nor a backslash.

    Raises:
        SiteError: they would.
    """
    strings = [(*source.span(node), node) for node in source.of(cst.FormattedString)]
    for edit in edits:
        for start, end, string in strings:
            if start < edit.start and edit.end < end and _breaks(edit.text, string):
                raise SiteError(
                    "it stands in an f-string that cannot hold the replacement; take it out of the string first"
                )


def _breaks(text: str, string: cst.FormattedString) -> bool:
    lines = "\n" in text and len(string.end) == 1
    return lines or any(part in text for part in (string.end, "\\", "#")) or text[:1] == "{" or text[-1:] == "}"


def keep_bases(old: cst.CSTNode, got: cst.CSTNode) -> None:
    """Refuse to write the header of a class anew where it has what its pattern, which may name no bases, does not say.

    Raises:
        SiteError: it has.
    """
    listed = isinstance(old, cst.ClassDef) and (old.bases or old.keywords)
    if isinstance(got, cst.ClassDef) and (got.type_parameters or (not listed and (got.bases or got.keywords))):
        raise SiteError("its header has more than the pattern names; name its bases too, as in `class $C($$$BASES)`")


def keep_target(source: Source, new: cst.CSTNode, got: cst.CSTNode) -> None:
    """Refuse to put what nothing can be assigned to in the place of a target.

    Raises:
        SiteError: a target stands there.
    """
    if hole_of(new) is not None or isinstance(new, TARGETS):
        return
    child = got
    for above in source.ancestors(got):
        if isinstance(above, cst.Del) or child is getattr(above, TARGET.get(type(above), ""), None):
            what = "deleted" if isinstance(above, cst.Del) else "assigned to"
            raise SiteError(f"it is {what} there, which the replacement cannot be; change that statement by hand")
        if not isinstance(above, (cst.Tuple, cst.List, cst.BaseElement)):
            break
        child = above


def keep_cases(source: Source, text: str, got: cst.CSTNode) -> None:
    """Refuse to put what is no value in the place of one that a `case` compares: it would bind, or ask for a class.

    Raises:
        SiteError: it would.
    """
    child, above = got, source.parent(got)
    while isinstance(above, cst.Attribute):
        text, child, above = f"{text}.{above.attr.value}", above, source.parent(above)
    if isinstance(above, (cst.MatchValue, cst.MatchMappingElement)):
        kept = _is_compared(text)
    elif isinstance(above, cst.MatchClass) and child is above.cls:
        kept = all(part.isidentifier() for part in text.split("."))
    else:
        return
    if not kept:
        raise SiteError("it stands in a `case`, which would mean something else; change that by hand")


def _is_compared(text: str) -> bool:
    try:
        found = ast.parse(f"match 0:\n    case {text}: pass").body[0]
    except SyntaxError:
        return False
    return isinstance(found, ast.Match) and isinstance(found.cases[0].pattern, (ast.MatchValue, ast.MatchSingleton))


def may_take(source: Source, match: Match, pattern: Code, added: frozenset[str]) -> None:
    """Refuse a call that gets keywords although its `**` may hold them.

    Raises:
        SiteError: it does.
    """
    calls = (match.pairs.get(node) for root in pattern.roots for node in walk(root) if isinstance(node, cst.Call))
    for call in calls if added else ():
        for arg in call.args if isinstance(call, cst.Call) else ():
            if arg.star == "**":
                names = " or ".join(f"{name}=" for name in sorted(added))
                raise SiteError(f"`**{source.code(arg.value)}` may hold {names} already; write the argument by hand")
