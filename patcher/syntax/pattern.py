"""`$NAME` patterns: Python with holes, compiled once.

The recipe's text is parsed by LibCST with a placeholder identifier in each hole's place. What a plain name in it means
is decided here, at load: an import (`torch.device`), a builtin, a name that the step declares local, or a variable that
the pattern binds itself. Finding places is `patcher.syntax.matching`; writing them is `patcher.syntax.template`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import libcst as cst

from patcher.errors import PatternError
from patcher.syntax.names import Comprehension, dotted
from patcher.syntax.source import children, walk
from patcher.syntax.spans import spans_of

__all__ = ["Code", "Hole", "compile_code", "hole_of", "statements"]

HOLE = re.compile(r"\$\$\$(?P<many>[A-Z][A-Z0-9_]*)?|\$(?P<one>[A-Z][A-Z0-9_]*|_)(?![A-Za-z0-9_])|(?P<stray>\$)")
STRING = re.compile(
    r"""(?P<prefix>\b[A-Za-z]{0,2})(?P<quote>'''|\"\"\"|'|")(?P<body>(?:\\.|(?!(?P=quote)).)*)(?P=quote)""",
    re.S,
)
COMMENT = re.compile(r"#[^\n]*")
ONE, MANY = "__hole_", "__rest_"
ALWAYS_LOCAL = frozenset({"self", "cls"})
Blocks = (cst.Module, cst.IndentedBlock, cst.SimpleStatementSuite)
Headed = (cst.For, cst.While, cst.With, cst.If, cst.FunctionDef, cst.ClassDef)


class Hole(NamedTuple):
    """A hole: its name (None where it does not bind) and whether it takes any number of nodes."""

    name: str | None
    many: bool


def hole_of(node: cst.CSTNode) -> Hole | None:
    """Return the hole that a pattern node stands for, also through the Arg, Element or Expr around it."""
    if isinstance(node, cst.Arg):
        return None if node.keyword or node.star else hole_of(node.value)
    if isinstance(node, (cst.Element, cst.Expr)):
        return hole_of(node.value)
    if isinstance(node, cst.Index):
        return None
    if isinstance(node, cst.Param):
        return None if node.default or node.annotation else hole_of(node.name)
    if isinstance(node, cst.ImportAlias):
        return None if node.asname else hole_of(node.name)
    if not isinstance(node, cst.Name):
        return None
    for prefix, many in ((ONE, False), (MANY, True)):
        if node.value.startswith(prefix):
            name = node.value.removeprefix(prefix)
            return Hole(None if name in ("", "_") else name, many)
    return None


def statements(body: cst.CSTNode) -> list[cst.CSTNode]:
    """Return the statements of a block, with those that are joined by `;` each on its own."""
    lines: Iterable[cst.CSTNode] = body.body if isinstance(body, Blocks) else [body]
    flat: list[cst.CSTNode] = []
    for line in lines:
        flat.extend(line.body if isinstance(line, cst.SimpleStatementLine) else [line])
    return flat


@dataclass(frozen=True)
class Code:
    """Code of a recipe, with holes: a pattern, or what replaces one.

    `kind` is "expression", "statements" or "header"; `roots` is the expression, the statements, or the compound
    statement whose body does not count. `local` are the names that are meant as spelled.
    """

    text: str
    kind: str
    roots: tuple[cst.CSTNode, ...]
    module: cst.Module
    local: frozenset[str]

    @property
    def root(self) -> cst.CSTNode:
        """The first node."""
        return self.roots[0]

    @cached_property
    def holes(self) -> frozenset[str]:
        """The names of the holes that bind."""
        found = (hole_of(node) for root in self.roots for node in walk(root))
        return frozenset(hole.name for hole in found if hole and hole.name)

    @cached_property
    def bound(self) -> frozenset[str]:
        """The variables that the code binds itself, in comprehensions and lambdas: they match up to renaming."""
        found: set[str] = set()
        for root in self.roots:
            for node in walk(root):
                if isinstance(node, Comprehension):
                    targets = (
                        below for comp in walk(node) if isinstance(comp, cst.CompFor) for below in walk(comp.target)
                    )
                    found.update(one.value for one in targets if isinstance(one, cst.Name))
                elif isinstance(node, cst.Lambda):
                    found.update(one.name.value for one in walk(node.params) if isinstance(one, cst.Param))
        return frozenset(name for name in found if not name.startswith((ONE, MANY)))

    @cached_property
    def dotted(self) -> Mapping[cst.CSTNode, str]:
        """Every longest dotted name that means an import or a builtin, by its node."""
        found: dict[cst.CSTNode, str] = {}
        for root in self.roots:
            self._collect_dotted(root, found)
        return found

    def _collect_dotted(self, node: cst.CSTNode, found: dict[cst.CSTNode, str]) -> None:
        if isinstance(node, (cst.Import, cst.ImportFrom)):
            return
        if isinstance(node, (cst.Name, cst.Attribute)):
            name = dotted(node)
            if name is not None and not self._as_spelled(name):
                found[node] = name
                return
        skipped = self._identifiers(node)
        for child in children(node):
            if child not in skipped:
                self._collect_dotted(child, found)

    def _as_spelled(self, name: str) -> bool:
        root = name.partition(".")[0]
        return root.startswith((ONE, MANY)) or root in self.local or root in ALWAYS_LOCAL or root in self.bound

    @staticmethod
    def _identifiers(node: cst.CSTNode) -> tuple[cst.CSTNode | None, ...]:
        """Return the Names directly below a node that are identifiers and not expressions."""
        match node:
            case cst.Attribute():
                return (node.attr,)
            case cst.Arg():
                return (node.keyword,)
            case cst.FunctionDef() | cst.ClassDef() | cst.Param():
                return (node.name,)
        return ()

    @cached_property
    def roots_of_names(self) -> frozenset[str]:
        """The first parts of the dotted names: the packages that the code speaks of."""
        return frozenset(name.partition(".")[0] for name in self.dotted.values())

    @cached_property
    def literals(self) -> frozenset[bytes]:
        """Words that every file with a match must hold; the gate before anything is parsed."""
        words: set[str] = set()
        for root in self.roots:
            for node in walk(root):
                if isinstance(node, cst.Name) and not node.value.startswith((ONE, MANY)):
                    words.add(node.value)
        return frozenset(word.encode() for word in words - self.bound - {"shim"})

    @cached_property
    def spans(self) -> Mapping[cst.CSTNode, tuple[int, int]]:
        """The byte span of each node in `source_text`."""
        return spans_of(self.module)[1]

    @cached_property
    def source_text(self) -> bytes:
        """The text that was parsed: placeholders where the recipe has holes."""
        return self.module.code.encode()

    @cached_property
    def parents(self) -> Mapping[cst.CSTNode, cst.CSTNode]:
        """The node above each node."""
        return {child: node for node in walk(self.module) for child in children(node)}

    # As the subject of a match: a replacement is tested against its own pattern.

    def origins(self, node: cst.CSTNode) -> tuple[str, ...]:
        """Return what a name of this code means, as `Names.origins` does for a file."""
        name = self.dotted.get(node)
        return (name,) if name else ()

    def code(self, node: cst.CSTNode) -> str:
        """Return the text of a node."""
        return self.module.code_for_node(node)


def compile_code(text: str, local: Iterable[str] = (), *, statement: bool = False) -> Code:
    """Compile the text of a pattern or a replacement; `statement` makes an expression a statement of its own.

    Raises:
        PatternError: it is not Python once its holes are filled, or a name in it is assigned and not declared local.
    """
    filled = _fill(text.strip("\n").rstrip())
    for kind, candidate in (("expression", filled), ("statements", filled), ("header", f"{filled}: pass")):
        if statement and kind == "expression":
            continue
        parsed = _parse(kind, candidate)
        if parsed is not None:
            code = Code(text, kind, *parsed, frozenset(local))
            _check_assigned(code)
            return code
    raise PatternError(f"`{_short(text)}` is not Python, not even with its holes filled: {_complaint(filled)}.")


def _fill(text: str) -> str:
    """Put a placeholder identifier in each hole's place, outside strings and inside the braces of f-strings."""
    parts: list[str] = []
    position = 0
    while position < len(text):
        if comment := COMMENT.match(text, position):
            parts.append(comment[0])
            position = comment.end()
        elif string := STRING.match(text, position):
            is_f = "f" in string["prefix"].lower()
            parts.append(re.sub(r"(?<=\{)\$[A-Z0-9_$]+", lambda m: _fill(m[0]), string[0]) if is_f else string[0])
            position = string.end()
        elif hole := HOLE.match(text, position):
            parts.append(_placeholder(hole, text))
            position = hole.end()
        else:
            parts.append(text[position])
            position += 1
    return "".join(parts)


def _placeholder(hole: re.Match[str], text: str) -> str:
    if hole["stray"]:
        raise PatternError(
            f"`{_short(text)}` has a `$` that starts no hole; a hole is $NAME or $_ for one, $$$NAMES or $$$ for any number."
        )
    return ONE + hole["one"] if hole["one"] else MANY + (hole["many"] or "_")


def _parse(kind: str, text: str) -> tuple[tuple[cst.CSTNode, ...], cst.Module] | None:
    # An expression over several lines is no module by itself; parentheses make it one and leave its spans exact.
    for candidate in (text, f"({text}\n)") if kind == "expression" else (text,):
        try:
            module = cst.parse_module(candidate)
        except cst.ParserSyntaxError:
            continue
        found = tuple(statements(module))
        single = found[0] if len(found) == 1 else None
        if kind == "expression" and isinstance(single, cst.Expr):
            return (single.value,), module
        if (kind == "header" and isinstance(single, Headed)) or (kind == "statements" and found):
            return found, module
    return None


def _check_assigned(code: Code) -> None:
    for root in code.roots:
        for node in walk(root):
            target = getattr(node, "target", None) if not isinstance(node, cst.CompFor) else None
            if isinstance(target, cst.Name) and target in code.dotted:
                raise PatternError(
                    f"`{_short(code.text)}` assigns to {target.value}, which would mean an import of that name; "
                    f"write a hole, or declare it: local: [{target.value}]."
                )


def _complaint(text: str) -> str:
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        return f"line {error.raw_line}, column {error.raw_column + 1}"
    return "it holds no code"


def _short(text: str, limit: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
