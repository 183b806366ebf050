"""What a plan must never do to a file, told as a mistake of the step that would do it: with its place in the recipe.

A changed file still parses and compiles, and has lost no comment and no binding, also none that another file of the
tree reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import libcst as cst

from patcher.errors import Problem, RecipeError, TargetError
from patcher.model import Change, Step
from patcher.syntax.compiling import torn, uncompiled, unread
from patcher.syntax.draft import NOTEBOOK, PROGRAMS, Draft, splice_bytes
from patcher.syntax.nodes import literal
from patcher.syntax.notebook import NotebookSource
from patcher.syntax.project import may_have, module_files
from patcher.syntax.readers import Readers
from patcher.syntax.source import Source

__all__ = ["check_parses", "check_sources", "mistake"]


class _Damage(NamedTuple):
    """What became of a file, as a clause about a place; where: in the file before, or in the result; the remedy."""

    clause: str
    before: int | None = None
    after: int | None = None
    remedy: str = ""


class _Culprit(NamedTuple):
    """The step that damages a file, and the first line that it edits, in the text that it saw."""

    step: str
    line: int


Find = Callable[[Change, Source | None, Source | None], _Damage | None]


NARROW = "Narrow its pattern, or mend what it writes."
KEEP = "Leave what binds it, or write under `needs` what does."


def mistake(step: Step, message: str) -> RecipeError:
    """Return the error for a mistake of a step that only a tree brings to light."""
    file, line, column = step.origin.rsplit(":", 2)
    return RecipeError(Problem(file, int(line), int(column), message))


def check_sources(steps: Iterable[Step], draft: Draft) -> None:
    """Refuse a result that does not parse or compile, or lost a comment or what binds a name, here or for another file.

    Raises:
        RecipeError: it does.
    """
    steps = list(steps)
    dropping = {step.id for step in steps if getattr(step.action, "drops_comments", False)}
    missed = partial(_missed, draft, Readers(draft))

    def damage(change: Change, before: Source | None, after: Source | None) -> _Damage | None:
        unsound = _unparsed(change, before, after) or _uncompiled(before, after)
        lost = _lost(before, after) if dropping.isdisjoint(change.steps) else None
        found = unsound or lost or _unbound(before, after)
        return found or (missed(change.path, before, after) if before and after else None)

    _check(steps, draft, damage)


def check_parses(steps: Iterable[Step], draft: Draft) -> None:
    """Refuse a result that does not parse.

    Raises:
        RecipeError: it does not.
    """
    _check(steps, draft, _unparsed)


def _check(steps: Iterable[Step], draft: Draft, find: Find) -> None:
    by_id = {step.id: step for step in steps}
    for change in draft.changes():
        if change.path.endswith(PROGRAMS):
            before, after = (_quietly(partial(read, change.path)) for read in (draft.original, draft.source))
            damage = find(change, before, after)
            if damage is not None:
                culprit = _culprit(change, before, find)
                place = f"{change.path}:{_line(change.path, damage, draft, before) or culprit.line}"
                told = f"After the step {culprit.step} {damage.clause.replace('PLACE', place)}; nothing was written. "
                raise mistake(by_id[culprit.step], told + damage.remedy)


def _line(path: str, damage: _Damage, draft: Draft, before: Source | None) -> int | None:
    """Return the line of a damage as the file stands in the tree, or None where it has no place of its own."""
    if damage.after is not None:
        return draft.origin(path, damage.after)[0]
    return before.line_column(damage.before)[0] if before and damage.before is not None else None


def _culprit(change: Change, before: Source | None, find: Find) -> _Culprit:
    """Return the step since which a file is damaged; what the steps in between mended does not count."""
    blamed: _Culprit | None = None
    for culprit, data in _states(change):
        damaged = find(change, before, _read(change.path, data))
        blamed = (blamed or culprit) if damaged else None
    return blamed or _Culprit(change.steps[-1], 1)


def _states(change: Change) -> Iterator[tuple[_Culprit, bytes]]:
    """Yield the text of a file behind each step; of a file that a step created whole there is nothing to tell."""
    data = change.before or b""
    for layer in change.layers:
        if change.before is None and not layer.edits:
            data = layer.after or b""
            continue
        source = _read(change.path, data)
        text = source.text if source else data
        line = text.count(b"\n", 0, min((edit.start for edit in layer.edits), default=0)) + 1
        data = source.splice(layer.edits) if source else splice_bytes(change.path, data, layer.edits)
        yield _Culprit(layer.step, line), data


def _read(path: str, data: bytes) -> Source | None:
    return _quietly(lambda: (NotebookSource if path.endswith(".ipynb") else Source)(path, data))


def _quietly(read: Callable[[], Source | None]) -> Source | None:
    try:
        return read()
    except TargetError:
        return None


# --- what is damage -------------------------------------------------------------------------------------------------


def _unparsed(change: Change, before: Source | None, after: Source | None) -> _Damage | None:
    if after is not None or (before is None and change.before is not None):
        passage = torn(before, after) if before and after else None
        return _Damage("PLACE would not parse", after=passage.start, remedy=NARROW) if passage else None
    place = None if change.path.endswith(NOTEBOOK) else unread(change.after)
    return _Damage("PLACE would not parse", after=place, remedy=NARROW)


def _uncompiled(before: Source | None, after: Source | None) -> _Damage | None:
    flaw = uncompiled(before, after) if before and after else None
    return _Damage(f"PLACE would not compile ({flaw.reason})", after=flaw.offset, remedy=NARROW) if flaw else None


def _lost(before: Source | None, after: Source | None) -> _Damage | None:
    if before is None or after is None:
        return None
    lost = Counter(text for text, _ in before.kept()) - Counter(text for text, _ in after.kept())
    text = next(iter(lost), None)
    if text is None:
        return None
    start = next(start for kept, start in before.kept() if kept == text)
    clause = f"the comment `{text}` of PLACE would be lost"
    return _Damage(clause, before=start, remedy="Narrow its pattern so that the comment stays.")


def _unbound(before: Source | None, after: Source | None) -> _Damage | None:
    name = min(after.names.unbound() - before.names.unbound(), default=None) if before and after else None
    if after is None or name is None:
        return None
    start = next(after.span(node)[0] for node in after.of(cst.Name) if node.value == name)
    clause = f"nothing would bind the name `{name}` in PLACE"
    return _Damage(clause, after=start, remedy=KEEP)


def _missed(draft: Draft, readers: Readers, path: str, before: Source, after: Source) -> _Damage | None:
    """Return a name that another file reads in this one, where nothing binds it any more."""
    kept = set(map(after.names.module_of, after.names.stars))
    gone = [star for star in before.names.stars if before.names.module_of(star) not in kept]
    for name in sorted(after.names.unresolved()) if gone else ():
        if _had(draft, path, before, gone, name) and not may_have(draft, path, name):
            start = next(after.span(node)[0] for node in after.of(cst.Name) if node.value == name)
            return _Damage(f"nothing would bind the name `{name}` in PLACE", after=start, remedy=KEEP)
    for string in after.names.listed() if gone else ():
        name = str(literal(string))
        if name not in after.names.top and not may_have(draft, path, name):
            clause = f"nothing would bind the name `{name}` in PLACE"
            return _Damage(clause, after=after.span(string)[0], remedy=KEEP)
    brought = {name: star for star in gone for name in _brought(draft, readers, path, before, star)}
    for name in sorted({*before.names.top, *brought} - after.names.top):
        read = readers.left(path, name)
        if read is not None:
            other = read.source.path
            line, _ = draft.origin(other, read.source.span(read.node)[0])
            clause = f"nothing would bind the name `{name}` of PLACE, which {other}:{line} reads there"
            bound = [one.node for one in before.names.bindings(name, before.module)] or [brought[name]]
            start = min(map(before.span, bound))[0]
            return _Damage(clause, before=start, remedy=f"Leave what binds it, or change {other} in the same recipe.")
    return None


def _had(draft: Draft, path: str, before: Source, stars: Iterable[cst.ImportFrom], name: str) -> bool:
    """Tell whether a file of the tree has a name that star imports of this one bring."""
    modules = (before.names.module_of(star) for star in stars)
    files = (file for module in modules for file in module_files(draft, path, module) if file != path)
    return any(may_have(draft, file, name) for file in files)


def _brought(draft: Draft, readers: Readers, path: str, before: Source, star: cst.ImportFrom) -> set[str]:
    """Return the names that other files may read of this one through one of its star imports."""
    files = [one for one in module_files(draft, path, before.names.module_of(star)) if one != path]
    return {name for name in readers.names(path) if not files or any(may_have(draft, one, name) for one in files)}
