"""One Python file: bytes in, a tree with byte spans and names; edits out.

A Source is never changed. `splice` gives the bytes that a set of edits leads to; whatever no edit covers is copied
byte for byte. A file whose bytes LibCST does not give back exactly is refused: an edit to it would not be exact.
"""

from __future__ import annotations

import bisect
import codecs
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import libcst as cst

from patcher.errors import TargetError
from patcher.model import Edit
from patcher.syntax.nodes import children, walk
from patcher.syntax.parsing import parse, too_deep
from patcher.syntax.spans import behind_param, spans_of

if TYPE_CHECKING:
    from patcher.syntax.ipython import Passage
    from patcher.syntax.names import Names

__all__ = ["Behind", "Program", "Source", "splice", "walk"]

# Any class of node; `of` promises no more than what its caller names.
Node = TypeVar("Node", bound=cst.CSTNode)

Behind = Callable[[str], Iterable[str]]


class Program(NamedTuple):
    """What Python compiles at once, and the offset at which it begins."""

    text: str
    start: int = 0


class Source:
    """One parsed file of the tree.

    `path` is relative to the checkout, `data` are the file's bytes, `text` is the program as UTF-8 without a byte-order
    mark: every offset counts in it. `stand_ins` maps the dotted name under which a copied shim is imported in this tree
    to the pseudo-package name `shim.NAME`; `behind` gives what a dotted name means that another file of the tree has
    imported.

    Raises:
        TargetError: the file does not parse, is nested too deeply, or LibCST does not give its bytes back.
    """

    ENCODING: ClassVar[str | None] = None
    FLAGS: ClassVar[int] = 0  # with which Python compiles it
    unseen: tuple[Passage, ...] = ()

    def __init__(
        self, path: str, data: bytes, stand_ins: Mapping[str, str] | None = None, behind: Behind = lambda _: ()
    ) -> None:
        self.path = path
        self.data = data
        self.stand_ins = stand_ins or {}
        self.behind = behind
        self.module = parse(path, data, self.ENCODING)
        try:
            self.text, self._spans = spans_of(self.module)
        except RecursionError:
            raise too_deep(path) from None
        if not _same_bytes(self.text, self.module.encoding, data):
            raise _unfaithful(path, data)

    @cached_property
    def _index(self) -> tuple[dict[cst.CSTNode, cst.CSTNode], dict[type, list[cst.CSTNode]]]:
        parents: dict[cst.CSTNode, cst.CSTNode] = {}
        kinds: dict[type, list[cst.CSTNode]] = defaultdict(list)
        stack: list[cst.CSTNode] = [self.module]
        while stack:
            node = stack.pop()
            kinds[type(node)].append(node)
            below = list(children(node))
            for child in below:
                parents[child] = node
            stack.extend(reversed(below))
        return parents, kinds

    @cached_property
    def names(self) -> Names:
        """Which dotted names a name in this file may mean."""
        from patcher.syntax.names import Names

        return Names(self)

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the node above, or None for the module."""
        return self._index[0].get(node)

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield the nodes above, innermost first."""
        parents = self._index[0]
        while (above := parents.get(node)) is not None:
            yield above
            node = above

    def of(self, *kinds: type[Node]) -> list[Node]:
        """Return all nodes of these classes; those of one class are in the order of the text."""
        return [node for kind in kinds for node in self._index[1].get(kind, ())]  # type: ignore[misc]

    def chains(self, last: str) -> list[cst.Attribute]:
        """Return the attribute accesses that end in a name, in the order of the text."""
        return [node for node in self.of(cst.Attribute) if node.attr.value == last]

    @property
    def kinds(self) -> list[type[cst.CSTNode]]:
        """The classes of which the file has nodes."""
        return list(self._index[1])

    def call_around(self, node: cst.CSTNode) -> cst.CSTNode:
        """Return the call that a node is the callee or a part of the callee of, else the node."""
        child = node
        for above in self.ancestors(node):
            if isinstance(above, cst.Call) and above.func is child:
                return above
            if not isinstance(above, cst.Attribute):
                break
            child = above
        return node

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the bytes of a node, without its own parentheses and without comments around it."""
        return self._spans[node]

    def outer(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the bytes of an expression with its own parentheses, of a definition with its decorators."""
        start, end = self.span(node)
        if isinstance(node, cst.BaseExpression) and node.lpar:
            return self.span(node.lpar[0])[0], self.span(node.rpar[-1])[1]
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
            return self.span(node.decorators[0])[0], end
        if isinstance(node, cst.Param):
            return start, behind_param(node, self.outer)
        return start, end

    def code(self, node: cst.CSTNode) -> str:
        """Return the text of a node as the file has it, with its own parentheses or decorators."""
        start, end = self.outer(node)
        return self.slice(start, end)

    @cached_property
    def comments(self) -> list[tuple[int, int]]:
        """The spans of all comments, in the order of the text."""
        spans = (self.span(node) for node in self._spans if isinstance(node, cst.Comment))
        return sorted(spans)

    @cached_property
    def long_strings(self) -> list[tuple[int, int]]:
        """The spans of the strings that go over several lines."""
        kinds = [kind for kind in self.kinds if issubclass(kind, cst.BaseString) and kind is not cst.ConcatenatedString]
        spans = [self.span(node) for node in self.of(*kinds)]
        return [(start, end) for start, end in spans if b"\n" in self.text[start:end]]

    def kept(self) -> list[tuple[str, int]]:
        """Return what no plan may lose, with its offset: every comment."""
        return [(self.slice(start, end), start) for start, end in self.comments]

    def lost_comment(self, edits: Sequence[Edit]) -> str | None:
        """Return a comment that the edits would delete, or None."""
        for edit in edits:
            if edit.start < edit.end:
                inside = [self.slice(*span) for span in self.comments if edit.start <= span[0] and span[1] <= edit.end]
                for text in inside:
                    if edit.text.count(text) < inside.count(text):
                        return text
        return None

    def slice(self, start: int, end: int) -> str:
        """Return the text between two offsets."""
        return self.text[start:end].decode("utf-8")

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for line in self.text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        return starts

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column of an offset, both from one, the column in characters."""
        line = bisect.bisect_right(self._line_starts, offset)
        start = self._line_starts[line - 1]
        return line, len(self.slice(start, offset)) + 1

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of an offset begins."""
        return self._line_starts[bisect.bisect_right(self._line_starts, offset) - 1]

    def line_end(self, offset: int) -> int:
        """Return the offset behind the line end of the line of an offset (or the end of the text)."""
        line = bisect.bisect_right(self._line_starts, offset)
        return self._line_starts[line] if line < len(self._line_starts) else len(self.text)

    def together(self, nodes: Sequence[cst.CSTNode]) -> bool:
        """Tell whether statements of one block stand together also as they are run."""
        return True

    def together_in(self, edit: Edit) -> bool:
        """Tell whether what an edit covers stands together also as it is run."""
        return True

    def mentioned(self, name: str) -> Passage | None:
        """Return what no step sees and may read a name."""
        return next((one for one in self.unseen if name in one.names), None)

    @property
    def programs(self) -> list[Program]:
        """What Python compiles of the file, each by itself."""
        return [Program(self.text.decode())]

    @property
    def newline(self) -> str:
        """The line end that the file uses first."""
        return self.module.default_newline

    @property
    def indent(self) -> str:
        """One level of indentation as the file writes it."""
        return self.module.default_indent

    def splice(self, edits: Sequence[Edit]) -> bytes:
        """Return the file's bytes with the edits made, in the file's own encoding.

        Raises:
            TargetError: two edits touch the same bytes, or a text cannot be written in the file's encoding.
        """
        text = splice(self.path, self.text, edits)
        try:
            return _encoded(text, self.module.encoding)
        except UnicodeEncodeError as error:
            raise TargetError(
                f"{self.path} is written in {self.module.encoding}, which cannot hold {error.object[error.start]!r}; "
                "change its encoding line to utf-8, or edit it by hand."
            ) from None


def splice(path: str, text: bytes, edits: Sequence[Edit]) -> bytes:
    """Return `text` with all edits made; the same edit twice counts once.

    Raises:
        TargetError: two edits touch the same bytes.
    """
    parts: list[bytes] = []
    position = 0
    # At one offset, what is inserted stands before what is replaced; insertions keep the order that they were given in.
    for edit in sorted(dict.fromkeys(edits), key=lambda one: (one.start, one.end)):
        if edit.start < position:
            raise TargetError(
                f"{path}: two edits of one step touch the same bytes ({edit.start} to {edit.end}); "
                "this is a mistake in the recipe: split the step or narrow its pattern."
            )
        parts += (text[position : edit.start], edit.text.encode("utf-8"))
        position = edit.end
    return b"".join((*parts, text[position:]))


def _encoded(text: bytes, encoding: str) -> bytes:
    """Return UTF-8 text in a file's own encoding."""
    if encoding == "utf-8":
        return text
    if encoding == "utf-8-sig":
        return codecs.BOM_UTF8 + text
    return text.decode("utf-8").encode(encoding)


def _same_bytes(text: bytes, encoding: str, data: bytes) -> bool:
    try:
        return _encoded(text, encoding) == data
    except UnicodeError:
        return False


def _unfaithful(path: str, data: bytes) -> TargetError:
    culprit = "a lone carriage return" if re.search(rb"\r(?!\n)", data) else "a form feed in front of a statement"
    return TargetError(
        f"{path} would not be given back byte for byte ({culprit}?); take that out of it, or leave the file out "
        "with not_in."
    )
