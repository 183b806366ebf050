"""Imports that some edits leave without a reader: they go with what read them.

Only what the edits themselves made unused is taken out. An import stays that may matter without a reader in its file:
in a `try` or a class, in an `__init__.py`, exported, spoken of in a text, in a file that may read any name by a text
(`globals()[name]`), read through another file, imported twice, with a comment, or all that a block has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import libcst as cst

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.blocks import deletion, imported_aliases, is_block, is_read, why_kept, without_names
from patcher.syntax.draft import Draft
from patcher.syntax.names import Binding
from patcher.syntax.pattern import statements
from patcher.syntax.readers import Readers
from patcher.syntax.source import Source

__all__ = ["without_unread"]


def without_unread(draft: Draft, source: Source, added: Sequence[Edit], own: Sequence[Edit]) -> list[Edit]:
    """Return the edits that a file's sites share, those with them that take out the imports which nothing reads then.

    `added` are the imports that the sites put in, `own` what they change.
    """
    edits = [*added, *own]
    touched = [] if source.path.endswith("__init__.py") else list(_touched(source, edits))
    try:
        after = draft.parsed(source.path, source.splice(edits)) if touched else source
    except TargetError:
        return list(added)  # told elsewhere: the result would be no program
    left = {one.name: one for one in after.names.imports}
    readers = Readers(draft)
    gone = [
        one
        for one in touched
        if one.name in left
        and not is_read(after, one.name, left[one.name].node)
        and readers.first(source.path, one.name) is None
        and not readers.says(source.path, one.name)
    ]
    found = _without(source, gone, own)
    return list(added) if source.lost_comment(found) or _meet(found, own) else _joined(source, found, added)


def _touched(source: Source, edits: Sequence[Edit]) -> Iterator[Binding]:
    """Yield the imports whose name is read at a place that is edited, and that nothing else keeps."""
    times = Counter(one.name for one in source.names.imports)
    declared = {one.name.value for one in source.of(cst.NameItem)}  # `global np` and `nonlocal np`
    for one in source.names.imports:
        if times[one.name] == 1 and one.name not in declared and one.statement is not None and one.alias is not None:
            spans = map(source.span, map(source.call_around, source.names.uses(one.name, one.node)))
            near = any(edit.start <= end and start <= edit.end for start, end in spans for edit in edits)
            if near and not (_is_handed_on(one.alias) or why_kept(source, one.statement)):
                yield one


def _is_handed_on(alias: cst.ImportAlias) -> bool:
    """Tell whether an import says `f as f`, by which a module exports a name."""
    named = alias.asname.name if alias.asname else None
    return isinstance(named, cst.Name) and isinstance(alias.name, cst.Name) and named.value == alias.name.value


def _without(source: Source, gone: Sequence[Binding], own: Sequence[Edit]) -> list[Edit]:
    """Return the edits that take imports out, beside edits of which some may empty a block."""
    edits: list[Edit] = []
    named: dict[cst.CSTNode, list[cst.ImportAlias]] = {}
    for one in gone:
        assert one.statement is not None
        assert one.alias is not None
        named.setdefault(one.statement, []).append(one.alias)
    whole = [one for one, aliases in named.items() if len(aliases) == len(imported_aliases(one))]
    for statement in named:
        if statement not in whole:
            edits += without_names(source, statement, named[statement])
            continue
        block = next(above for above in source.ancestors(statement) if is_block(above))
        lines = statements(block)
        going = [line for line in lines if line in whole or _is_gone(source, line, own)]
        if isinstance(block, cst.Module) or len(going) < len(lines):
            edits += [_from_the_top(source, edit) for edit in deletion(source, [statement], {statement})]
        elif all(line in whole for line in lines):
            pass  # it is all that an `if` or a function has: it stays
        elif statement is next(line for line in lines if line in whole):
            edits.append(Edit(*source.span(statement), "pass"))
        else:
            edits += deletion(source, [statement], {statement})
    return edits


def _is_gone(source: Source, line: cst.CSTNode, own: Sequence[Edit]) -> bool:
    start, end = source.span(line)
    return any(edit.start <= start and end <= edit.end and not edit.text.strip() for edit in own)


def _from_the_top(source: Source, edit: Edit) -> Edit:
    """Return the edit; where it begins the file, the blank lines behind it go too."""
    behind = source.text[edit.end :]
    blank = len(behind) - len(behind.lstrip(b"\r\n")) if edit.start == 0 and not edit.text else 0
    longer = Edit(edit.start, edit.end + blank, edit.text)
    return longer if source.together_in(longer) else edit


def _meet(ours: Sequence[Edit], theirs: Sequence[Edit]) -> bool:
    return any(one.start < other.end and other.start < one.end for one in ours for other in theirs)


def _joined(source: Source, gone: Sequence[Edit], added: Sequence[Edit]) -> list[Edit]:
    """Return both; lines that are put in behind a line that goes take its place."""
    found: list[Edit] = []
    left = list(added)
    for one in gone:
        inside = [other for other in left if one.start < other.start <= other.end < one.end]
        if inside:
            left = [other for other in left if other not in inside]
            lines = "".join(other.text for other in inside).removeprefix(source.newline)
            one = Edit(one.start, inside[0].end, lines)
        found.append(one)
    return [*left, *found]
