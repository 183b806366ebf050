"""The chain of a step's constraints at one line: what each asks, whether it holds there, and what would satisfy it.

The order is the one in which a step asks: its conditions and the files it looks in, the words of a file, its pattern at
the line, each constraint of `where`, `inside`, and the function or class that `in` names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from patcher.conditions import asked, unmet
from patcher.model import Outcome, Scope, Step
from patcher.syntax.draft import PROGRAMS, Draft
from patcher.syntax.holes import short
from patcher.syntax.matching import Match, find
from patcher.syntax.pattern import Code
from patcher.syntax.source import Source
from patcher.syntax.where import Where

__all__ = ["Link", "close", "of_file", "of_place", "of_tree", "of_verb", "unasked"]


@dataclass(frozen=True, slots=True)
class Link:
    """One constraint. `holds` is None if it was not asked, because what it is asked of is not there.

    `text` says what is there, or what would be asked; `wanted` what would satisfy it, if it fails.
    """

    key: str
    holds: bool | None
    text: str
    wanted: str = ""


def of_tree(step: Step, draft: Draft, before: dict[str, Outcome]) -> Iterator[Link]:
    """Yield what a step asks before it looks at any file: `when` and `requires`; `before` are the outcomes so far."""
    if step.when is not None:
        reason = unmet(step.when, draft)
        wanted = f"{asked(step.when)}."
        yield Link("when", not reason, reason or wanted, wanted if reason else "")
    for required in step.requires:
        there = before[required].status.value in ("applied", "already") if required in before else True
        status = before[required].status if required in before else "not asked for"
        yield Link("requires", there, f"{required} is {status}.", "" if there else f"{required} is applied or already.")


def of_file(step: Step, draft: Draft, path: str) -> Iterator[Link]:
    """Yield what a step asks of a file as a whole: `in`, `not_in`, and the words of its patterns."""
    if step.within or step.not_in:
        looked_in = draft.in_scope(step, path)
        named = _listed(step.within) or "every file"
        barred = f" but not {_listed(step.not_in)}" if step.not_in else ""
        where = f"{path} is {'one' if looked_in else 'none'} of {named}{barred}."
        yield Link("in", looked_in, where, "" if looked_in else f"`in` names {path}.")
    if path.endswith(PROGRAMS) and step.action.words:
        data = draft.read(path)
        every = [[word for word in words if word not in data] for words in step.action.words]
        fewest: list[bytes] = min(every, key=len)
        absent = " or ".join(_words(fewest))
        has = ", or ".join(dict.fromkeys(" and ".join(_words(words)) for words in step.action.words if words))
        if draft.holding([path], step.action.words, follow=True):
            through = "The file, its path or what it imports" if absent else "The file"
            yield Link("words", True, f"{through} mentions {has}.")
        else:
            yield Link("words", False, f"The file does not mention {absent}.", f"The file mentions {has}.")


def of_place(step: Step, draft: Draft, source: Source, line: int) -> Iterator[Link]:
    """Yield what a step asks of the code in a line, of that which comes nearest to satisfying all of it."""
    codes: Sequence[Code] = getattr(step.action, "codes", ())
    where: Where = getattr(step.action, "where", Where({}))
    if not codes:
        return
    with draft.focused(source.path, line):
        miss = draft.miss(source)
        matches = [(code, match) for code in codes for match in find(code, source, miss=miss)]
    chains = [
        [_matched(source, code, match), *_asked(source, where, match), *_scoped(step, draft, source, match)]
        for code, match in matches
        if _stands_in(draft, source, match, line)
    ]
    if chains:
        yield from max(chains, key=lambda chain: len(list(takewhile(lambda link: link.holds, chain))))
        return
    pattern, *others = unasked(step)
    reason = close(miss.reason) if miss.node is not None else f"Nothing in this line is {pattern.text}"
    yield Link("pattern", False, reason, pattern.text)
    yield from others


def unasked(step: Step) -> Iterator[Link]:
    """Yield what a step would ask of a place, had it come to one."""
    codes: Sequence[Code] = getattr(step.action, "codes", ())
    if codes:
        yield Link("pattern", None, f"{' or '.join(f'`{short(code.text)}`' for code in codes)}.")
        where: Where = getattr(step.action, "where", Where({}))
        yield from (Link(key, None, wanted) for key, wanted, _ in where.asked())
        if wanted := _scopes(step):
            yield Link("in", None, wanted)


def _matched(source: Source, code: Code, match: Match) -> Link:
    bound = [
        f"${name} is {_shown(source, taken)}" for name, taken in match.captures.items() if not name.startswith("@")
    ]
    told = f"; {', '.join(bound)}" if bound else ""
    return Link("pattern", True, f"`{short(source.code(match.node))}` is `{short(code.text)}`{told}.")


def _shown(source: Source, taken: object) -> str:
    parts = taken if isinstance(taken, tuple) else (taken,)
    return f"`{short(', '.join(source.code(part) for part in parts))}`" if parts else "nothing"


def _asked(source: Source, where: Where, match: Match) -> Iterator[Link]:
    for key, wanted, alone in where.asked():
        failed = alone.failure(source, match)
        if failed is None:
            yield Link(key, True, wanted)
        else:
            yield Link(key, False, _sentence(failed[1]), wanted)


def _scoped(step: Step, draft: Draft, source: Source, match: Match) -> Iterator[Link]:
    """Yield whether a match stands in a function or class that the step's scopes name, if they name any."""
    if wanted := _scopes(step):
        stands = source.names.qualname(match.node)
        there = draft.in_qualname(step, source.path, stands)
        yield Link("in", there, f"It stands in {stands or 'the module itself'}.", "" if there else wanted)


def _scopes(step: Step) -> str:
    """Say in which functions and classes a place must stand, if the step names any."""
    named = [scope for scope in (*step.within, *step.not_in) if scope.qualname is not None]
    barred = f" and not in {_listed(step.not_in)}" if step.not_in else ""
    return f"It stands in {_listed(step.within) or 'any place'}{barred}." if named else ""


def _stands_in(draft: Draft, source: Source, match: Match, line: int) -> bool:
    """Tell whether a match, or the call that it is the callee of, has a part in a line; of a block, its header."""
    first, last = match.node, match.nodes[-1]
    start = source.span(first)[0]
    body = getattr(last, "body", None)
    end = source.span(body)[0] if body is not None else source.span(source.call_around(last))[1]
    return draft.origin(source.path, start)[0] <= line <= draft.origin(source.path, end)[0]


def _words(words: Iterable[bytes]) -> list[str]:
    return [f"`{word.decode()}`" for word in sorted(words)]


def _listed(scopes: Iterable[Scope]) -> str:
    return " or ".join(map(str, scopes))


def of_verb(step: Step, reason: str = "") -> Link:
    """Return the last link, of a step that makes nothing of a line."""
    given = step.arguments.get(step.verb, "")
    looked_for = (
        ", ".join(f"{word} {_given(value)}" for word, value in given.items())
        if isinstance(given, Mapping)
        else _given(given)
    )
    wanted = f"`{step.verb}: {short(looked_for)}` finds a place there."
    return Link(step.verb, False, reason or "Nothing in this line is a place of the step.", "" if reason else wanted)


def _given(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple, Mapping)) else str(value)


def close(reason: str) -> str:
    """Say what is amiss with a place that is not the one."""
    return f"It comes close here, but {reason}."


def _sentence(clause: str) -> str:
    return f"{clause[:1].upper()}{clause[1:]}."
