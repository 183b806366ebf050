"""The tree as the steps so far leave it, and what came of the edits; nothing on disk.

A Draft reads through to the checkout until a step changes a file. It parses a file at most once for each of its texts,
and only when a step's words stand in its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from functools import cached_property, partial
from pathlib import Path

from libcst import CSTNode

from patcher.checkout import OWN, Checkout
from patcher.errors import TargetError
from patcher.model import Change, Edit, Layer, Skipped, Step
from patcher.syntax.gate import Exports, Imported, lacking, reached
from patcher.syntax.matching import Miss
from patcher.syntax.modules import module_name
from patcher.syntax.notebook import NotebookSource, notebook
from patcher.syntax.source import Source, splice
from patcher.syntax.within import covers, encloses, glob_match, prefixes, within

__all__ = ["NOTEBOOK", "PROGRAMS", "Draft", "glob_match"]

NOTEBOOK = ".ipynb"
PROGRAMS = (".py", ".pyi", NOTEBOOK)


class Draft:
    """The overlay of one plan over one checkout.

    `shims` is the folder that shims are copied from; `leave` are globs of files that no step touches.
    """

    def __init__(self, checkout: Checkout, shims: Path, leave: Iterable[str] = ()) -> None:
        self.checkout = checkout
        self.shims = shims
        self._leave = tuple(leave)
        self._changed: dict[str, bytes] = {}
        self._layers: dict[str, list[Layer]] = {}
        self._bytes: dict[str, bytes] = {}
        self._sources: dict[str, Source] = {}
        self._originals: dict[str, Source] = {}
        self._stale: set[str] = set()  # parsed before a shim that they may import was copied
        self._unparsed: dict[str, tuple[bytes, TargetError]] = {}
        self._exports = Exports()
        self.skipped: dict[str, str] = {}
        self.unseen: dict[tuple[str, int], str] = {}  # by line, what of a notebook no step sees
        self._added: dict[str, bytes] = {}  # by path, what a step first put there
        self._aside: set[str] = set()
        self._focus: tuple[str, int] | None = None
        self._left_out: Collection[tuple[str, int, int]] = ()

    def fork(self) -> Draft:
        """Return a draft that goes on from here on its own; what is parsed is parsed for both."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, (dict, set)):
                setattr(other, name, value.copy())
        other._layers = {path: list(layers) for path, layers in self._layers.items()}
        return other

    @contextmanager
    def leaving_out(self, places: Collection[tuple[str, int, int]]) -> Iterator[None]:
        """Have a step leave some places, by path, line and column before the plan."""
        self._left_out = places
        try:
            yield
        finally:
            self._left_out = ()

    def is_left_out(self, path: str, offset: int) -> bool:
        """Tell whether the place at an offset in a file's present text is to be left."""
        return bool(self._left_out) and (path, *self.origin(path, offset)) in self._left_out

    @contextmanager
    def focused(self, path: str, line: int) -> Iterator[None]:
        """Have near misses told of one line alone, the line as it was before the plan."""
        self._focus = (path, line)
        try:
            yield
        finally:
            self._focus = None

    def miss(self, source: Source) -> Miss:
        """Return the place where a step's near misses in a file are noted."""
        if self._focus is None:
            return Miss()
        path, line = self._focus

        def here(node: CSTNode) -> bool:
            start, end = source.span(source.call_around(node))
            return path == source.path and self.origin(path, start)[0] <= line <= self.origin(path, end)[0]

        return Miss(depth=-1, only=here)  # of one line, also what failed at once is worth telling

    @cached_property
    def _tree(self) -> tuple[str, ...]:
        left = (f"{OWN}/**", *self._leave)
        return tuple(path for path in self.checkout.paths if not any(glob_match(path, one) for one in left))

    @cached_property
    def paths(self) -> Sequence[str]:
        """All files that a step may look at, those that steps created among them, in their order."""
        return sorted({*self._tree, *self._changed}) if self._changed else self._tree

    @cached_property
    def files(self) -> frozenset[str]:
        """The same paths, to ask for one of them."""
        return frozenset(self.paths)

    @cached_property
    def modules(self) -> dict[tuple[str, str], str | None]:
        """What `module_file` found, by folder and module, as long as no file is added."""
        return {}

    @cached_property
    def tops(self) -> tuple[str, ...]:
        """The folders at the top that are no packages."""
        found = sorted({path.partition("/")[0] for path in self.paths if "/" in path})
        return tuple(top for top in found if f"{top}/__init__.py" not in self.files)

    def in_scope(self, step: Step, path: str) -> bool:
        """Tell whether a step looks at a file: its scope names it, and no step before has put it aside."""
        return path not in self._aside and self.is_named(step, path)

    @staticmethod
    def is_named(step: Step, path: str) -> bool:
        """Tell whether a file is in a step's `in` and in none of its `not_in` that speaks of whole files."""
        if any(glob_match(path, scope.path) for scope in step.not_in if scope.qualname is None):
            return False
        return not step.within or any(covers(scope, path) for scope in step.within)

    def in_qualname(self, step: Step, path: str, qualname: str) -> bool:
        """Tell whether a place in a function or class is in the step's scope."""
        if path in self._aside:
            return False
        enclosing = ["", *prefixes(qualname)]
        wanted = not step.within or any(encloses(scope, path, enclosing) for scope in step.within)
        barred = (scope for scope in step.not_in if scope.qualname is not None and glob_match(path, scope.path))
        return wanted and not any(within(scope.qualname, enclosing) for scope in barred)

    def has_scope(self, step: Step, path: str) -> bool:
        """Tell whether a file has the functions and classes that the step's `in` names for it."""
        named = [scope for scope in step.within if scope.qualname and covers(scope, path)]
        if not named:
            return True
        try:
            there = self.source(path).names.qualnames()
        except TargetError:
            return False
        return any(encloses(scope, path, prefixes(one)) for scope in named for one in there)

    def exists(self, path: str) -> bool:
        """Tell whether anything at all stands at a path."""
        return path in self._changed or self.checkout.exists(path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file as the steps so far leave them."""
        if path in self._changed:
            return self._changed[path]
        if path not in self._bytes:
            self._bytes[path] = self.checkout.read(path)
        return self._bytes[path]

    def source(self, path: str) -> Source:
        """Return the parsed file.

        Raises:
            TargetError: it cannot be read, does not parse, or would not be given back byte for byte.
        """
        data = self.read(path)
        known = self._sources.get(path)
        if known is not None and known.data == data and path not in self._stale:
            return known
        failed = self._unparsed.get(path)
        if failed is not None and failed[0] == data:
            raise failed[1]
        try:
            self._sources[path] = self.parsed(path, data)
        except TargetError as error:
            self._unparsed[path] = (data, error)
            raise
        self._stale.discard(path)
        return self._sources[path]

    def parsed(self, path: str, data: bytes) -> Source:
        """Return a program of this tree, parsed: a Python file, or the code cells of a notebook."""
        kind = NotebookSource if path.endswith(NOTEBOOK) else Source
        return kind(path, data, self.stand_ins, partial(self._behind, path))

    def _behind(self, path: str, origin: str) -> tuple[str, ...]:
        """Return what a dotted name that a file imports means where it is taken from another file of the tree."""
        from patcher.syntax.project import handed_on, without_top

        found = handed_on(self, path, origin)
        return (*found, *(shorter for one in (origin, *found) if (shorter := without_top(self, one))))

    def handed_on(self, path: str, name: str) -> list[str]:
        """Return what a file imports under a name at its top, or may have by `import *`; parsed only where it must be.

        What it defines under that name itself is nothing here.
        """
        data = self.peek(path)
        if not any(one.local in (name, "*") for one in self._exports.of(path, data)):
            return []
        known = self._exports.handed_on(path, data, name)
        try:
            return self.source(path).names.handed_on(name) if known is None else known
        except TargetError:
            return []

    def imported(self, path: str) -> tuple[Imported, ...]:
        """Return what a file imports, told from its bytes."""
        return self._exports.of(path, self.peek(path))

    def original(self, path: str) -> Source | None:
        """Return a file that a step changed as it was before, parsed, or None if there is no such file.

        One that a step added was never anything else, unless another step edited it then.
        """
        edited = path in self._bytes or any(layer.edits for layer in self._layers.get(path, ()))
        if edited and path in self._changed and path not in self._originals:
            self._originals[path] = self.parsed(path, self._first(path))
        return self._originals.get(path)

    def sources(self, step: Step, words: Iterable[frozenset[bytes]], *, follow: bool = False) -> Iterator[Source]:
        """Yield the Python files of a step's scope that hold all words of one of the sets.

        `follow`: and those that may get what the words name from another file of the tree. A file that does not parse
        is passed over and listed, unless the step names it.
        """
        scope = []
        for path in self.paths:
            if path.endswith(PROGRAMS) and self.in_scope(step, path):
                try:
                    self.read(path)
                    scope.append(path)
                except TargetError as error:
                    self._pass_over(step, path, error)
        gates = list(words)
        for path in self.holding(scope, gates, follow=follow):
            try:
                source = self.source(path)
            except TargetError as error:
                self._pass_over(step, path, error)
                continue
            self._tell_unseen(source, gates)
            yield source

    def _pass_over(self, step: Step, path: str, error: TargetError) -> None:
        if any(scope.path == path for scope in step.within):
            raise error
        self.skipped.setdefault(path, str(error))

    def _tell_unseen(self, source: Source, words: Sequence[frozenset[bytes]]) -> None:
        for offset, reason in source.passed_over(words) if isinstance(source, NotebookSource) else ():
            line = self.origin(source.path, offset)[0]
            self.unseen.setdefault((source.path, line), f"{source.path}:{line} {reason}")

    def holding(self, paths: Sequence[str], words: Sequence[frozenset[bytes]], *, follow: bool = False) -> list[str]:
        """Return the paths of the files that hold all words of one of the sets; `follow` as in `sources`."""
        found = {path for path in paths if any(not self.lacking(path, gate) for gate in words)}
        if follow and len(found) < len(paths):
            files = [(path, data) for path in self.paths if path.endswith(".py") and (data := self.peek(path))]
            for reach in [self._exports.reach(gate, files) for gate in words]:
                found |= {path for path in paths if path not in found and reached(path, self.peek(path), reach)}
        return [path for path in paths if path in found]

    def lacking(self, path: str, words: frozenset[bytes]) -> frozenset[bytes]:
        """Return the words that stand neither in a file nor in its path."""
        return lacking(path, self.peek(path), words)

    def peek(self, path: str) -> bytes:
        """Return the bytes of a file, nothing if it cannot be read."""
        try:
            return self.read(path)
        except TargetError:
            return b""

    def edit(self, path: str, step: str, edits: Sequence[Edit]) -> None:
        """Make a step's edits in a file."""
        data = self.read(path)
        if path in self._sources and self._sources[path].data == data:
            after = self._sources[path].splice(edits)
        else:
            after = splice_bytes(path, data, edits)
        if after != data:
            self._changed[path] = after
            self._layers.setdefault(path, []).append(Layer(step, tuple(edits), after))

    def add(self, path: str, step: str, data: bytes) -> None:
        """Put a file into the tree, or replace the whole text of one."""
        if not self.exists(path) or self.read(path) != data:
            self._changed[path] = data
            self._added.setdefault(path, data)
            self._layers.setdefault(path, []).append(Layer(step, (), data))
            for known in ("stand_ins", "paths", "files", "modules", "tops"):
                self.__dict__.pop(known, None)
            name = module_name(path).rpartition(".")[2].encode()
            self._stale.update(other for other, source in self._sources.items() if name in source.data)

    def put_aside(self, path: str) -> None:
        """Have no step look at a file any more; others may still import it."""
        self._aside.add(path)

    def changes(self) -> tuple[Change, ...]:
        """Return every file that differs from the checkout, in the order of the paths."""
        found = []
        for path, after in sorted(self._changed.items()):
            before = self._bytes.get(path)  # what the plan began with, whatever stands there now
            mode = self.checkout.mode(path) if before is not None else 0o100644
            if before != after:
                found.append(Change(path, before, after, tuple(self._layers[path]), mode))
        return tuple(found)

    def passed_over(self) -> tuple[Skipped, ...]:
        """Return the files that could not be used, what of notebooks no step sees, and why."""
        told = [*sorted(self.skipped.items()), *((path, why) for (path, _), why in sorted(self.unseen.items()))]
        return tuple(Skipped(path, reason) for path, reason in told)

    def origin(self, path: str, offset: int) -> tuple[int, int]:
        """Return line and column before the plan for an offset in a file's present text.

        What a step inserted is placed where it was inserted.
        """
        for layer in reversed(self._layers.get(path, ())):
            offset = _before(layer.edits, offset)
        if path.endswith(NOTEBOOK):
            return notebook(path, self._first(path)).line_column(offset)
        text = self._utf8(path, self._first(path))
        line_start = text.rfind(b"\n", 0, offset) + 1
        return text.count(b"\n", 0, offset) + 1, len(text[line_start:offset].decode("utf-8", "replace")) + 1

    def _first(self, path: str) -> bytes:
        """Return a file as the plan began with it, or as a step added it."""
        return self._bytes[path] if path in self._bytes else self._added.get(path) or self.read(path)

    def at_first(self, path: str, edits: Sequence[Edit]) -> tuple[Edit, ...] | None:
        """Return edits of a file's present text as edits of the file on disk; None if what they take is not there."""
        if path not in self._bytes or path.endswith(NOTEBOOK):
            return None
        now, first = self.text(path), self._utf8(path, self._bytes[path])
        found = []
        for edit in edits:
            start, end = edit.start, edit.end
            for layer in reversed(self._layers.get(path, ())):
                start, end = _before(layer.edits, start), _before(layer.edits, end)
            if first[start:end] != now[edit.start : edit.end] or end - start != edit.end - edit.start:
                return None
            found.append(Edit(start, end, edit.text))
        return tuple(found)

    def text(self, path: str) -> bytes:
        """Return a file's present text as offsets count in it: in UTF-8 and without a byte-order mark."""
        return self._utf8(path, self.read(path))

    def _utf8(self, path: str, data: bytes) -> bytes:
        known = self._sources.get(path)
        if path.endswith(NOTEBOOK):
            return notebook(path, data).program.encode()
        if known is None or known.module.encoding in ("utf-8", "utf-8-sig"):
            return data.removeprefix(b"\xef\xbb\xbf")
        return data.decode(known.module.encoding).encode()

    @cached_property
    def stand_ins(self) -> dict[str, str]:
        """The dotted names of copied shims in this tree, as absolute imports may write them -> `shim.NAME`."""
        from patcher.syntax.shims import stamped_modules

        return stamped_modules(self)


def splice_bytes(path: str, data: bytes, edits: Sequence[Edit]) -> bytes:
    """Make edits in a file that is not Python; a byte-order mark stays and offsets do not count it."""
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    return mark + splice(path, data[len(mark) :], edits)


def _before(edits: Sequence[Edit], offset: int) -> int:
    """Map an offset behind a layer of edits to the text before it."""
    shift = 0
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        start = edit.start + shift
        length = len(edit.text.encode("utf-8"))
        if offset < start:
            break
        if offset < start + length:
            return min(edit.start + (offset - start), edit.end)
        shift += length - (edit.end - edit.start)
    return offset - shift
