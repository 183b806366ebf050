"""Whether what a step found is what it expects, and if not, a sentence that leads to the cause.

Sites that are found or already there count for the lower bound; for the upper bound only new ones count.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from patcher.model import Range, Scope, Site, Status, Step
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.verbs.base import Findings

__all__ = ["drift", "no_scope"]

SHOWN = 4


def drift(step: Step, draft: Draft, found: list[Findings]) -> str:
    """Return a sentence if the sites are not what the step expects, else nothing."""
    for what, bounds, there, new, counted in _counts(step, found):
        if bounds is None:
            continue
        if there < bounds.lower:
            count = f"{there} found" if there else "none found"
            known = f": {_listed(draft, counted, new=False)}" if there else ""
            return f"{_expected(bounds, what)}, {count}{known}.{_gone(step, draft)}{_near(step, draft, found)}"
        if bounds.upper is not None and new > bounds.upper:
            count = f"{new} new {'one' if new == 1 else 'ones'} found"
            return f"{_expected(bounds, what)}, {count}: {_listed(draft, counted)}."
    return ""


def no_scope(step: Step, draft: Draft) -> str:
    """Return a sentence for each scope of a step if none of them is in the tree, else nothing."""
    said = [_missing(scope, step, draft) for scope in step.within]
    return " ".join(dict.fromkeys(said)) if all(said) else ""


def _counts(step: Step, found: list[Findings]) -> Iterator[tuple[str, Range | None, int, int, list[Findings]]]:
    """Yield what is counted, its bounds, how many are there, how many of them are not done yet, and where to look."""
    counts = [(one, len(sites), len(_new(sites))) for one in found if (sites := _there(one))]
    yield "place", step.expect.total, sum(there for _, there, _ in counts), sum(new for _, _, new in counts), found
    yield "file", step.expect.files, len(counts), len([new for _, _, new in counts if new]), found
    for one, there, new in counts:
        yield f"place in {one.path}", step.expect.each, there, new, [one]


def _there(one: Findings) -> list[Site]:
    """Return the sites of a file that are found or already there, those that were put off among them."""
    return [site for site in (*one.sites, *one.more) if site.status is Status.ALREADY or _new([site])]


def _new(sites: Sequence[Site]) -> list[Site]:
    return [site for site in sites if site.status in (Status.APPLIED, Status.REFUSED)]


def _expected(bounds: Range, what: str) -> str:
    noun, _, rest = what.partition(" ")
    last = bounds.lower if bounds.upper is None else bounds.upper
    one = last == 1 and bounds.lower in (1, last)
    return f"Expected {bounds} {noun if one else f'{noun}s'}{f' {rest}' if rest else ''}"


def _listed(draft: Draft, found: list[Findings], *, new: bool = True) -> str:
    sites = [(one.path, site) for one in found for site in (_new(_there(one)) if new else _there(one))]
    lines = [(path, draft.origin(path, site.offset)[0]) for path, site in sites]
    places = [f"{path}:{line}" for path, line in dict.fromkeys(sorted(lines))]
    if len(places) > SHOWN:
        return f"{', '.join(places[:SHOWN])} and {len(places) - SHOWN} more"
    return " and ".join(filter(None, (", ".join(places[:-1]), places[-1])))


def _gone(step: Step, draft: Draft) -> str:
    """Say which scopes of the step are not in the tree, and what they may have become."""
    said = [_missing(scope, step, draft) for scope in step.within]
    return "".join(f" {one}" for one in dict.fromkeys(said) if one)


def _missing(scope: Scope, step: Step, draft: Draft) -> str:
    """Say that a scope is not in the tree: no file is at its path, or none there has what it names."""
    alone = replace(step, within=(scope,), not_in=())
    paths = [path for path in draft.paths if draft.in_scope(alone, path)]
    if not paths:
        like = _moved(draft, scope.path)
        return f"No file is at {scope.path}{f'; is it {like[0]} now?' if like else '.'}"
    if any(draft.has_scope(alone, path) for path in paths):
        return ""
    like = difflib.get_close_matches(scope.qualname or "", _qualnames(draft, paths), n=1)
    return f"No {scope.qualname} is in {scope.path}{f'; is it {like[0]} now?' if like else '.'}"


def _qualnames(draft: Draft, paths: list[str]) -> list[str]:
    readable = [path for path in paths if path.endswith(PROGRAMS) and path not in draft.skipped]
    return sorted({name for path in readable for name in draft.source(path).names.qualnames()})


def _moved(draft: Draft, path: str) -> list[str]:
    """Return files that a path of a recipe may have become: the same name elsewhere, or a similar one."""
    name = path.rpartition("/")[2]
    same = [other for other in draft.paths if other.rpartition("/")[2] == name]
    return same or difflib.get_close_matches(path, draft.paths, n=1)


def _near(step: Step, draft: Draft, found: list[Findings]) -> str:
    """Name the place that came nearest, else the word of the pattern that no file has."""
    there = {(one.path, draft.origin(one.path, site.offset)[0]) for one in found for site in _there(one)}
    near = [
        (one.near, one.path)
        for one in found
        if one.near is not None and (one.path, draft.origin(one.path, one.near.offset)[0]) not in there
    ]
    if near:
        best, path = max(near, key=lambda one: one[0].depth)
        return f" The nearest is {path}:{draft.origin(path, best.offset)[0]}, where {best.reason}."
    return "" if any(_new(_there(one)) for one in found) else _missing_words(step, draft)


def _missing_words(step: Step, draft: Draft) -> str:
    python = [path for path in draft.paths if path.endswith(PROGRAMS)]
    scoped = [path for path in python if draft.in_scope(step, path)]
    if not step.action.words or not scoped:
        return " The tree has no Python file." if step.action.words and not python else ""
    absent = [_absent(draft, scoped, words) for words in step.action.words]
    missing = sorted(word.decode() for word in min(absent, key=len))
    if missing:
        return f" No file in scope mentions {' or '.join(f'`{word}`' for word in missing)}."
    return _nearest_file(step, draft, scoped)


def _nearest_file(step: Step, draft: Draft, scoped: list[str]) -> str:
    """Name the file that lacks the fewest words of a pattern, where no file has them all."""
    lacking = [(_absent(draft, [path], words), words, path) for path in scoped for words in step.action.words]
    # A word in the path alone says less than one in the text.
    absent, _, path = min(
        lacking, key=lambda one: (len(one[0]), sum(word not in draft.peek(one[2]) for word in one[1]), one[2])
    )
    if not absent:
        return ""
    words = " and ".join(f"`{word.decode()}`" for word in sorted(absent))
    return f" The nearest file is {path}, which does not mention {words}."


def _absent(draft: Draft, paths: list[str], words: frozenset[bytes]) -> frozenset[bytes]:
    """Return the words that stand in none of some files."""
    return words.intersection(*(draft.lacking(path, words) for path in paths))
