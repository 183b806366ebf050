"""From what a step wants of the requirements of a tree to the places touched, and the smallest cuts at each.

Deciding happens here, for every format alike; how a format writes a thing is the format's own. Nothing that no wish
names is ever cut, and a name that a line does not tell for certain is refused, never guessed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from patcher.files.comparing import excludes, same
from patcher.files.requirements import Cut, Entry, Span, matches
from patcher.files.requirements_tree import FORMATS, File
from patcher.model import Status

__all__ = ["New", "Touch", "Wish", "chosen", "is_glob", "touch"]


@dataclass(frozen=True, slots=True)
class New:
    """A requirement that a recipe puts in: as it is written there, its canonical name, and what else it says."""

    text: str
    name: str
    marker: str = ""
    extras: bool = False
    loose: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """What becomes of the requirements whose names match: `word` is replace (by `new`), drop or loosen."""

    word: str
    pattern: str
    new: New | None = None

    @property
    def is_glob(self) -> bool:
        """Whether its pattern may mean more than one name."""
        return is_glob(self.pattern)

    def by_hand(self, name: str) -> str:
        """Return the sentence that says what a person does where patcher does not; `name` may be unknown."""
        what = name or self.pattern
        if self.new is not None:
            act = f"replace {what} with {self.new.text} by hand."
        else:
            act = f"take {what} out by hand." if self.word == "drop" else f"take the pin off {what} by hand."
        return act[0].upper() + act[1:] if name else f"If it is {what}, {act}"


@dataclass(frozen=True, slots=True)
class Touch:
    """One place that a step touches or finds as it wants it: `index` is the character where it stands."""

    index: int
    status: Status
    reason: str = ""
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What is to be done with one entry: `act` is replace, drop, loosen, or empty for nothing."""

    entry: Entry
    wish: Wish | None
    status: Status
    reason: str = ""
    act: str = ""


def is_glob(text: str) -> bool:
    """Tell whether a pattern has a sign that stands for other characters."""
    return "*" in text or "?" in text


def chosen(wishes: Iterable[Wish], *names: str) -> Wish | None:
    """Return the first wish that means one of the names; what a glob replaces by itself is left alone."""
    for wish in wishes:
        for name in names:
            own = wish.new is not None and wish.new.name == name != wish.pattern
            if matches(wish.pattern, name) and not own:
                return wish
    return None


def touch(files: Sequence[File], wishes: Sequence[Wish], added: Sequence[New]) -> Mapping[str, Sequence[Touch]]:
    """Return what a step touches in each file, by path. `files` come in the order in which they are preferred."""
    verdicts = {file.path: list(_verdicts(file, wishes)) for file in files}
    gone = {file.path: _gone(file, verdicts[file.path]) for file in files}
    touches: dict[str, list[Touch]] = defaultdict(list)
    for file in files:
        touches[file.path] += [_touch(file, verdict, gone[file.path]) for verdict in verdicts[file.path]]
    met = {verdict.wish for found in verdicts.values() for verdict in found}
    files = [file for file in files if file.lists]
    for wish in wishes if files else ():
        if wish.word == "drop" and wish not in met:
            first = next((file for file in files if not file.constraint and not file.problem), files[0])
            reason = f"{wish.pattern} is not listed, so there is nothing to drop."
            touches[first.path].append(Touch(0, Status.ALREADY, reason))
    for path, one in _additions(files, verdicts, gone, wishes, added):
        touches[path].append(one)
    return touches


def _verdicts(file: File, wishes: Sequence[Wish]) -> Iterator[_Verdict]:
    """Yield a verdict for every entry that a wish means or has already led to."""
    news = {wish.new.name: wish.new for wish in wishes if wish.new is not None}
    markers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in file.listing.entries:
        markers[entry.group, entry.name].add(entry.marker)
    for entry in file.listing.entries:
        wish = chosen(wishes, *((entry.name,) if entry.name else entry.hints))
        if entry.mention and (wish is None or wish.word not in entry.cannot):
            continue
        if wish is not None:
            verdict = _verdict(file, entry, wish, markers)
            if verdict.act == "replace" and wish.new is not None:
                markers[entry.group, wish.new.name].add(entry.marker or wish.new.marker)
            yield verdict
        elif entry.name in news and "drop" not in entry.cannot:
            yield _listed_verdict(entry, news[entry.name])


def _listed_verdict(entry: Entry, new: New) -> _Verdict:
    """Return what to say of an entry that has the name of a new one: it is there, unless it rules the new one out."""
    if excludes(entry.text, new.text):
        reason = f"{entry.text} is listed, and {new.text} is wanted. Change it by hand."
        return _Verdict(entry, None, Status.REFUSED, reason)
    return _Verdict(entry, None, Status.ALREADY, f"{entry.name} is listed already.")


def _verdict(file: File, entry: Entry, wish: Wish, markers: Mapping[tuple[str, str], set[str]]) -> _Verdict:
    """Return what becomes of an entry that a wish means."""
    if not entry.name:
        reason = f"This line does not name the package that it installs. {wish.by_hand(entry.name)}"
        return _Verdict(entry, wish, Status.REFUSED, reason)
    if reason := _reached(entry, wish):
        return _Verdict(entry, wish, Status.ALREADY, reason)
    new = wish.new
    covered = markers[entry.group, new.name] & {"", entry.marker or new.marker} if new else set()
    if new and new.name != entry.name and covered:
        # The new one stands in for the old wherever the old was asked for: under no marker, or under the same.
        verdict = _Verdict(entry, wish, Status.APPLIED, f"{new.name} is listed too, so {entry.name} goes.", "drop")
    else:
        verdict = _Verdict(entry, wish, Status.APPLIED, "", wish.word)
    if reason := _obstacle(file, entry, verdict.act, new):
        return _Verdict(entry, wish, Status.REFUSED, f"{reason} {wish.by_hand(entry.name)}")
    if verdict.act == "replace" and new is not None and _is_written(file, entry, new):
        return _Verdict(entry, wish, Status.ALREADY, f"{entry.name} is required in this way already.")
    return verdict


def _reached(entry: Entry, wish: Wish) -> str:
    """Return the sentence that says that an entry is as the wish wants it, or ""."""
    if wish.word == "loosen" and not entry.pins and "loosen" not in entry.cannot:
        return f"{entry.name} has no pin."
    new = wish.new
    if new and new.name == entry.name and new.marker in ("", entry.marker) and same(entry.text, new.text):
        return f"{entry.name} is required in this way already."
    return ""


def _is_written(file: File, entry: Entry, new: New) -> bool:
    """Tell whether a replacement would put in what stands there."""
    return all(file.text[start:end] == text for start, end, text in _replacement(file, entry, new))


def _obstacle(file: File, entry: Entry, act: str, new: New | None) -> str:
    """Return the sentence that says why an act is not done at an entry, or ""."""
    if reason := file.problem or entry.cannot.get(act, ""):
        return reason
    if act != "replace" or new is None:
        return ""
    if entry.marker and new.marker and entry.marker != new.marker:
        return "Both requirements have a marker, and it takes a person to say which one holds."
    if file.constraint and (new.extras or "@" in new.text):
        return "A constraints file may hold neither extras nor a URL."
    if file.format.spell(file.text, entry, new.text) is None:
        return f"{new.text} cannot be written in these quotes."
    return ""


def _gone(file: File, verdicts: Sequence[_Verdict]) -> Mapping[Span, Sequence[Span]]:
    """Return the spans that go with each entry that is dropped, by the span of the entry."""
    entries = [verdict.entry for verdict in verdicts if verdict.act == "drop"]
    spans = file.format.cuts(file.text, entries) if entries else ()
    return {entry.span: span for entry, span in zip(entries, spans, strict=True)}


def _touch(file: File, verdict: _Verdict, gone: Mapping[Span, Sequence[Span]]) -> Touch:
    """Return a verdict as a place with its cuts."""
    entry, wish = verdict.entry, verdict.wish
    index = 0 if file.unread else entry.span[0]
    cuts: tuple[Cut, ...] = ()
    reason = verdict.reason
    if verdict.act == "drop":
        cuts = tuple((start, end, "") for start, end in gone[entry.span])
    elif verdict.act == "loosen":
        cuts, reason = entry.pins, file.listing.remark
    elif verdict.act == "replace" and wish is not None and wish.new is not None:
        cuts, reason = _replacement(file, entry, wish.new), file.listing.remark
    return Touch(index, verdict.status, reason, cuts)


def _replacement(file: File, entry: Entry, new: New) -> tuple[Cut, ...]:
    """Return the cuts that put a new requirement in an entry's place; the old marker stays."""
    text = new.text
    if entry.marker and new.marker:
        text = text.partition(";")[0].rstrip()
    spelled = file.format.spell(file.text, entry, text)
    return ((*entry.span, spelled or text), *((start, end, "") for start, end in entry.baggage))


def _additions(
    files: Sequence[File],
    verdicts: Mapping[str, Sequence[_Verdict]],
    gone: Mapping[str, Mapping[Span, Sequence[Span]]],
    wishes: Sequence[Wish],
    added: Sequence[New],
) -> Iterator[tuple[str, Touch]]:
    """Yield the place of each requirement that is added, or of the line that lists it already."""
    installing = [file for file in files if not file.constraint]
    missing: list[New] = []
    for new in added:
        found = next((where for file in installing for where in _listed(file, verdicts[file.path], new)), None)
        if found is None:
            missing.append(new)
        else:
            yield found
    target = _target(installing, wishes, added) if missing else None
    if target is not None:
        spans = [span for spans in gone[target[0].path].values() for span in spans]
        yield from ((target[0].path, one) for one in _added(*target, spans, missing))


def _listed(file: File, verdicts: Sequence[_Verdict], new: New) -> Iterator[tuple[str, Touch]]:
    """Yield the places where a file lists a name once the step's other words are done."""
    acts = {verdict.entry.span: verdict for verdict in verdicts if verdict.act in ("drop", "replace")}
    for entry in file.listing.entries:
        verdict = acts.get(entry.span)
        put_in = verdict.wish.new if verdict and verdict.act == "replace" and verdict.wish else None
        name = "" if verdict and put_in is None else put_in.name if put_in else entry.name
        if name == new.name and entry.installs:
            index = 0 if file.unread else entry.span[0]
            there = _listed_verdict(entry if put_in is None else replace(entry, text=put_in.text), new)
            yield file.path, Touch(index, there.status, there.reason)


def _target(files: Sequence[File], wishes: Sequence[Wish], added: Sequence[New]) -> tuple[File, str] | None:
    """Return the file that additions go to, with the sentence that says why they cannot, or None without any file."""
    files = [file for file in files if file.listing.accepts and not file.problem] or files
    names = {new.name for new in added} | {wish.new.name for wish in wishes if wish.new is not None}
    for file in files:
        if any(entry.name in names or chosen(wishes, entry.name) for entry in file.listing.entries if entry.name):
            return file, ""
    if not files:
        return None
    ranks = [_rank(file) for file in files]
    best = [file for file, rank in zip(files, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        paths = " and ".join(file.path for file in best)
        return best[0], f"{paths} lie equally high, so the recipe must say with `in` which one is meant."
    return best[0], ""


def _rank(file: File) -> tuple[int, int]:
    """Return how good a file is for additions that no file is known for; the least is the best."""
    return file.depth, -1 if file.main else FORMATS.index(file.format)


def _added(file: File, problem: str, gone: Sequence[Span], missing: Sequence[New]) -> Iterator[Touch]:
    """Yield the place of each requirement that is put into a file, or is refused there."""
    problem = problem or file.problem
    cuts = problem or file.format.extend(file.text, gone, [new.text for new in missing])
    for number, new in enumerate(missing):
        if isinstance(cuts, str):
            yield Touch(0, Status.REFUSED, f"{cuts} Add {new.text} by hand.")
        else:
            yield Touch(cuts[number][0][0], Status.APPLIED, file.listing.remark, tuple(cuts[number]))
