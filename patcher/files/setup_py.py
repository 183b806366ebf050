"""setup.py: the requirements that stand as plain strings in a list that its setup asks for.

The file is parsed and never run. Plain assignments and sums of lists are followed; what else it computes stays unknown,
and a string that may ask for a package in any other way is told and left.
"""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from patcher.files import bracketed
from patcher.files.requirement_line import parse
from patcher.files.requirements import WORD, Cut, Entry, Listing, Span, canonical, mentions

__all__ = ["claims", "cuts", "extend", "read", "spell"]

_NAME = re.compile(r"requir|dependenc|(?:^|_)deps(?:$|_)|^extras", re.IGNORECASE)
_COOKIE = re.compile(r"(?:[ \t\f]*#.*\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_MAIN = "install_requires"
_CANNOT = dict.fromkeys(("replace", "drop", "loosen"), "It is not one plain string in a list of its own.")
_TOLD = "It stands in a string that is no item of a plain list of requirements."
# What says something about the project, and the functions that take paths or words for a person.
_ABOUT = re.compile(
    r"name|version|.*description.*|author.*|maintainer.*|.*url.*|license.*|keywords|classifiers|platforms|.*packages?"
    r"|py_modules|package_dir|.*_data|data_files|include|exclude|scripts|entry_points|python_requires|cmdclass"
    r"|ext_modules|test_suite|provides|obsoletes"
)
_PATHS = re.compile(r"join|exists|isfile|isdir|open|Path|abspath|dirname|glob|find_\w*packages|print")
_LITERALS = (ast.List, ast.Tuple, ast.Set)


@dataclass(frozen=True, slots=True)
class _Items:
    """The items of one list, tuple or set: under what name, where, and the span of each.

    `plain`: it is what its name stands for, or an operand of a sum that is.
    """

    name: str
    is_list: bool
    span: Span
    items: tuple[ast.expr, ...]
    spans: tuple[Span, ...]
    plain: bool


def claims(path: str) -> bool:
    """Tell whether a path is setup.py."""
    return posixpath.basename(path) == "setup.py"


def read(text: str) -> Listing | None:
    """Return what a setup.py lists in so many words."""
    cookie = _COOKIE.match(text)
    if cookie and canonical(cookie[1]) not in ("utf-8", "utf8") and not text.isascii():
        return mentions(text, f"It is written in {cookie[1]}, not in UTF-8, so it is not edited.")
    try:
        found = list(_lists(text))
        entries = {item: entry for items in found for item, entry in _entries(text, items)}
        told = tuple(_mentions(text, entries))
    except (SyntaxError, ValueError, RecursionError):
        return mentions(text, "This file is not Python that can be read, so it is not edited.")
    accepts = _main(found) is not None
    return Listing((*entries.values(), *told), accepts=accepts) if entries or told or accepts else None


def cuts(text: str, gone: Sequence[Entry]) -> Sequence[Sequence[Span]]:
    """Return the items with their commas or lines."""
    lines = {entry.line for entry in gone}
    spans: dict[Span, Span] = {}
    for items in _lists(text):
        spans |= bracketed.removed(text, items.spans, lines)
    return [(spans[entry.line],) for entry in gone]


def spell(text: str, entry: Entry, requirement: str) -> str | None:
    """Return the requirement itself, if it can stand between these quotes."""
    return None if text[entry.span[0] - 1] in requirement or "\\" in requirement else requirement


def extend(text: str, gone: Collection[Span], requirements: Sequence[str]) -> Sequence[Sequence[Cut]] | str:
    """Return the insertions into the list of `install_requires`."""
    items = _main(list(_lists(text)))
    if items is None:
        return f"It has no plain list for `{_MAIN}` to which one could be added."
    away = [span for span in items.spans if any(start <= span[0] and span[1] <= end for start, end in gone)]
    quote = text[items.spans[-1][0]] if items.spans and text[items.spans[-1][0]] in "'\"" else '"'
    if any(quote in requirement for requirement in requirements):
        return "It would need other quotes here."
    quoted = [f"{quote}{requirement}{quote}" for requirement in requirements]
    if not bracketed.usual(text, items.spans):
        return bracketed.UNUSUAL
    return bracketed.added(text, items.spans, away, items.span[0] + 1, quoted)


def _main(found: Sequence[_Items]) -> _Items | None:
    """Return the list that `install_requires` is, or the last of those that it is the sum of."""
    main = [items for items in found if items.name == _MAIN and items.is_list]
    plain = [items for items in main if items.plain]
    return plain[-1] if plain else main[0] if len(main) == 1 else None


def _lists(text: str) -> Iterator[_Items]:
    """Yield every list, tuple and set that stands for requirements."""
    tree, where = _parsed(text), _Where(text)
    assigned: dict[str, list[ast.expr]] = defaultdict(list)
    for name, value in _assignments(tree):
        assigned[name].append(value)
    seen: set[ast.expr] = set()
    for name, value in (*_named(tree), *_assignments(tree)):
        for root in _followed(value, assigned, seen) if _NAME.search(name) else ():
            sums = set(_sum(root))
            for node in ast.walk(root):
                if isinstance(node, _LITERALS) and (node is root or node not in seen):
                    seen.add(node)
                    spans = tuple(where.span(item) for item in node.elts)
                    is_list = isinstance(node, ast.List)
                    yield _Items(name, is_list, where.span(node), tuple(node.elts), spans, node in sums)


@lru_cache(maxsize=4)
def _parsed(text: str) -> ast.Module:
    with warnings.catch_warnings():
        # Python warns of old escapes as it parses; they are nothing to this tree's user.
        warnings.simplefilter("ignore")
        return ast.parse(text)


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the keywords of calls, and the values of dictionaries whose keys are strings."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg:
            yield node.arg, node.value
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from ((str(key.value), value) for key, value in pairs if isinstance(key, ast.Constant))


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is assigned to names and to items of dictionaries, or added to them: `+=` and `extend`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((name, node.value) for target in node.targets if (name := _target(target)))
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            yield _target(node.target), node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "extend":
            yield from ((_target(node.func.value), value) for value in node.args)


def _target(node: ast.expr) -> str:
    """Return the name that is assigned to, or the key in brackets behind one."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return node.id if isinstance(node, ast.Name) else ""


def _followed(value: ast.expr, assigned: Mapping[str, Sequence[ast.expr]], seen: set[ast.expr]) -> Iterator[ast.expr]:
    """Yield a value, and those that the names in it were assigned where they stand for themselves; each once."""
    pending = [value]
    while pending:
        root = pending.pop(0)
        if root in seen:
            continue
        seen.add(root)
        yield root
        for node in _sum(root):
            if isinstance(node, ast.Dict):
                pending += [one for item in node.values for one in _sum(item) if isinstance(one, ast.Name)]
            elif isinstance(node, ast.Name):
                pending += assigned.get(node.id, ())


def _sum(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the operands that a value is the sum of, or the value; what is starred into a list is one of them."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from (*_sum(node.left), *_sum(node.right))
        return
    yield node
    for item in node.elts if isinstance(node, _LITERALS) else ():
        if isinstance(item, ast.Starred):
            yield from _sum(item.value)


def _entries(text: str, items: _Items) -> Iterator[tuple[ast.expr, Entry]]:
    """Yield the requirements among the items of a list, each with its item."""
    before = items.span[0] + 1
    unusual = {} if bracketed.usual(text, items.spans) else {"drop": bracketed.UNUSUAL}
    for item, (start, end) in zip(items.items, items.spans, strict=True):
        told = _told(item)
        found = parse(told) if told else None
        if isinstance(found, Entry):
            # Parentheses around an item stand outside its span.
            alone = re.fullmatch(r"(?:[\s,]|#[^\n]*)*", text[before:start]) is not None
            plain = items.is_list and alone and text[start] in "'\"" and text[start + 1 : end - 1] == told
            places = range(start + 1, end - 1) if plain else [start] * len(told)
            placed = found.moved(places, (start, end))
            group = f"{items.name} {items.span[0]}"
            yield item, replace(placed, group=group, cannot={**found.cannot, **unusual} if plain else _CANNOT)
        before = end


def _mentions(text: str, listed: Collection[ast.expr]) -> Iterator[Entry]:
    """Yield the words of all other strings that may ask for a package; what only describes the project does not."""
    where = _Where(text)
    pending: list[ast.AST] = [_parsed(text)]
    while pending:
        node = pending.pop()
        if node in listed:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            start, end = where.span(node)
            at = text.find(node.value, start, end)
            for word in re.finditer(rf"(?<!/){WORD}(?!/)", node.value):
                place = at + word.start() if at >= 0 else start
                pinned = re.match(r"\s*(?:\[[^\]]*\])?\s*[=<>!~]", node.value[word.end() :])
                cannot = dict.fromkeys(("replace", "drop", *(("loosen",) if pinned else ())), _TOLD)
                span = (place, place + len(word[0]))
                yield Entry(canonical(word[0]), span, span, installs=False, cannot=cannot, mention=True)
        else:
            pending += reversed([below for below in ast.iter_child_nodes(node) if not _describes(node, below)])


def _describes(node: ast.AST, below: ast.AST) -> bool:
    """Tell whether what stands below a node is text about the project, a path or a key."""
    match node:
        case ast.Expr():
            return isinstance(below, ast.Constant)
        case ast.keyword():
            return bool(node.arg and _ABOUT.fullmatch(node.arg))
        case ast.Dict():
            return below in node.keys
        case ast.Subscript():
            return below is node.slice
        case ast.Call():
            return bool(_PATHS.fullmatch(ast.unparse(node.func).rpartition(".")[2]))
    return False


def _told(item: ast.expr) -> str:
    """Return a string as far as it is written out; what an f-string computes becomes a variable of pip's."""
    if isinstance(item, ast.Constant):
        return item.value if isinstance(item.value, str) else ""
    if isinstance(item, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "${X}" for one in item.values)
    return ""


class _Where:
    """From the lines and byte columns of `ast` to characters of the text."""

    def __init__(self, text: str) -> None:
        self.lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: ast.expr) -> Span:
        """Return where an expression stands."""
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno or 0, node.end_col_offset or 0)

    def _at(self, line: int, column: int) -> int:
        return self.starts[line - 1] + len(self.lines[line - 1].encode("utf-8")[:column].decode("utf-8"))
