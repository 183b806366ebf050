"""The verb `requirements`: replace, drop, add and loosen what a tree asks to have installed.

    requirements: {replace: {adam-atan2: "adam-atan2-pytorch>=0.1.18"}, drop: [flash-attn, "cuda-*"], add: [numpy]}

Each requirement touched is a site. A name wins over a glob, and a replacement over a drop over a loosening. After a
replacement or an addition the name that is listed proves that it was made; after a drop nothing does, so a name to be
dropped that no file lists is one site that is already there, in the top-most file. The verb never resolves, fetches
or installs, and never touches a name that it was not told.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from packaging.requirements import InvalidRequirement, Requirement

from patcher.errors import PatternError, TargetError
from patcher.files.requirements import canonical, position
from patcher.files.requirements_edit import New, Touch, Wish, chosen, is_glob, touch
from patcher.files.requirements_tree import File, find
from patcher.model import Edit, Site, Step
from patcher.verbs.base import Findings, Shape

if TYPE_CHECKING:
    from patcher.syntax.draft import Draft

__all__ = ["Requirements"]

_WORDS = ("replace", "drop", "add", "loosen")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# No brackets: `torch[cuda]` would be a glob that looks like extras.
_GLOB = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._*?-]+")

At = tuple[str | int, ...]
"""The way from the step's map to an item, for a message."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """The verb made ready: what becomes of which names, and what is added."""

    KEYS: ClassVar[Mapping[str, Shape]] = {"requirements": Shape.LISTS}
    TREE_WIDE: ClassVar[bool] = True
    drops_comments: ClassVar[bool] = True  # what stands behind a requirement goes with it, also in a setup.py
    """The scope of a `use` means places in Python files, so a step with this verb does not inherit it."""

    wishes: tuple[Wish, ...]
    added: tuple[New, ...]

    @property
    def words(self) -> list[frozenset[bytes]]:
        """See Verb: a requirement file is found by its name, not by a word in it."""
        return []

    @property
    def packages(self) -> frozenset[str]:
        """The packages that the step takes out of the tree, for the files that name them and list nothing."""
        gone = {wish.pattern for wish in self.wishes if wish.word != "loosen" and not wish.is_glob}
        return frozenset(gone.difference(new.name for new in self._news))

    @property
    def nowhere(self) -> str:
        """Why nothing came of the step if no file lists anything."""
        names = " and ".join(new.text for new in self.added)
        return f"No file here lists requirements, so there is none to add {names} to." if names else ""

    @property
    def _news(self) -> list[New]:
        return [*self.added, *(wish.new for wish in self.wishes if wish.new is not None)]

    @classmethod
    def compile(cls, arguments: Mapping[str, Any]) -> Self:
        """Return the verb made ready, or raise PatternError with the word or item at fault in `at`."""
        words = _words(arguments["requirements"])
        wishes = list(_replacements(words.get("replace", {})))
        for word in ("drop", "loosen"):
            wishes += [(at, Wish(word, _pattern(text, at))) for at, text in _items(words, word)]
        added = [(at, _new(text, at)) for at, text in _items(words, "add")]
        _each_once((at, wish.pattern) for at, wish in wishes)
        _each_once((at, new.name) for at, new in added)
        ready = cls(tuple(sorted((wish for _, wish in wishes), key=_rank)), tuple(new for _, new in added))
        _settled(ready)
        return ready

    def run(self, step: Step, draft: Draft) -> Iterable[Findings]:
        """Yield what stands in each file that lists requirements, in the order of their paths."""
        named = {scope.path for scope in step.within}

        def read(path: str) -> bytes | None:
            try:
                return draft.read(path)
            except TargetError as error:
                if path in named:
                    raise
                draft.skipped.setdefault(path, str(error))
                return None

        files = [file for file in find(draft.paths, read, named) if draft.in_scope(step, file.path)]
        for path in sorted(named.intersection(draft.paths).difference(file.path for file in files)):
            draft.skipped.setdefault(
                path,
                f"{path} lists no requirements in a format that is known; take it out of `in`, or edit it by hand.",
            )
        touches = touch(files, self.wishes, self.added)
        for file in sorted(files, key=lambda file: file.path):
            if found := touches.get(file.path):
                yield Findings(file.path, tuple(_site(file, one) for one in sorted(found, key=_index)))


def _index(one: Touch) -> int:
    return one.index


def _site(file: File, one: Touch) -> Site:
    """Return a place with its offsets in bytes."""

    def offset(index: int) -> int:
        return position(file.text, index)

    edits = tuple(Edit(offset(start), offset(end), text) for start, end, text in one.cuts)
    return Site(offset(one.index), one.status, one.reason, edits)


def _words(value: object) -> Mapping[str, Any]:
    """Return the map behind `requirements`, with every word known and none empty."""
    if not isinstance(value, Mapping) or not value:
        raise PatternError("`requirements` wants a map of replace, drop, add or loosen.", ("requirements",))
    for word, content in value.items():
        at = ("requirements", word)
        if word not in _WORDS:
            near = difflib.get_close_matches(str(word), _WORDS, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"the words are {', '.join(_WORDS)}."
            raise PatternError(f"`requirements` has no word `{word}`; {hint}", at)
        if not content:
            raise PatternError(f"`{word}` names nothing; leave it out, or name a package.", at)
    return value


def _items(words: Mapping[str, Any], word: str) -> Iterator[tuple[At, object]]:
    """Yield the items of a word, with their places; one item may stand without a list."""
    content = words.get(word, ())
    if isinstance(content, Mapping):
        raise PatternError(f"`{word}` wants a list of packages, not a map.", ("requirements", word))
    if isinstance(content, str):
        yield ("requirements", word), content
        return
    for number, item in enumerate(content):
        yield ("requirements", word, number), item


def _replacements(content: object) -> Iterator[tuple[At, Wish]]:
    """Yield a wish, with its place, for each pair of an old name and a new requirement."""
    if not isinstance(content, Mapping):
        reason = '`replace` wants a map from the old name to the new requirement, as in {old: "new>=1"}.'
        raise PatternError(reason, ("requirements", "replace"))
    for old, new in content.items():
        at: At = ("requirements", "replace", old)
        yield at, Wish("replace", _pattern(old, at), _new(new, at))


def _pattern(text: object, at: At) -> str:
    """Return a name or a glob of names in its canonical spelling."""
    if isinstance(text, str) and (_GLOB if is_glob(text) else _NAME).fullmatch(text):
        return canonical(text)
    if isinstance(text, str) and is_glob(text):
        raise PatternError(f"`{text}` would mean any package; a glob needs a part of a name, as `nvidia-*` has.", at)
    raise PatternError(f"`{text}` is not the name of a package; it stands alone, without version or extras.", at)


def _new(text: object, at: At) -> New:
    """Return a requirement that is put in, read as PEP 508."""
    if not isinstance(text, str) or "\n" in text.strip():
        raise PatternError(f"`{text}` is not one requirement on one line.", at)
    try:
        read = Requirement(text.strip())
    except InvalidRequirement as error:
        message = " ".join(str(error).splitlines()[0].split())
        raise PatternError(f"`{text}` is not a requirement that pip can read: {message}.", at) from None
    marker = str(read.marker) if read.marker else ""
    loose = not (read.specifier or read.url)
    return New(text.strip(), canonical(read.name), marker, bool(read.extras), loose)


def _rank(wish: Wish) -> tuple[bool, int]:
    return wish.is_glob, _WORDS.index(wish.word)


def _each_once(names: Iterable[tuple[At, str]]) -> None:
    """Refuse a name that stands twice: a requirement has one fate."""
    seen: set[str] = set()
    for at, name in names:
        if name in seen:
            raise PatternError(f"`{name}` is named twice; name each package once.", at)
        seen.add(name)


def _settled(verb: Requirements) -> None:
    """Refuse a step whose second run would undo or change what its first run put in."""
    for new in verb._news:
        wish = chosen(verb.wishes, new.name)
        if wish is None or wish.new is new or (wish.word == "loosen" and new.loose):
            continue
        reason = f"`{new.text}` is put in by this step, and its `{wish.word}` of `{wish.pattern}` would take it again"
        raise PatternError(f"{reason}; name the packages more narrowly.", ("requirements", wish.word))
