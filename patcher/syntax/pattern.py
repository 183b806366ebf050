"""`$NAME` patterns: Python with holes, compiled once.

What a plain name in a recipe's code means is decided here, at load: an import (`torch.device`), a builtin, a name that
the step declares local, or a variable that the code binds itself. Finding places is `patcher.syntax.matching`; writing
them is `patcher.syntax.template`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product

import libcst as cst

from patcher.errors import PatternError
from patcher.syntax.holes import Hole, fill, fillings, hole_of, is_placeholder, short, unfill
from patcher.syntax.names import dotted
from patcher.syntax.nodes import children, statements, walk
from patcher.syntax.reading import parsed
from patcher.syntax.scopes import BINDERS, Comprehension, identifier_of, names_in
from patcher.syntax.spans import behind_param, spans_of

__all__ = ["Code", "Hole", "compile_code", "hole_of", "parameters_of", "statements", "targets_of", "variables_of"]

ALWAYS_LOCAL = frozenset({"self", "cls"})


def parameters_of(parameters: cst.Parameters) -> list[cst.Param]:
    """Return the parameters that have a name of their own, so neither `*args` nor `**kwargs`."""
    return [*parameters.posonly_params, *parameters.params, *parameters.kwonly_params]


def targets_of(node: cst.CSTNode) -> Iterator[cst.Name]:
    """Yield the names, holes among them, that a comprehension or lambda binds."""
    if isinstance(node, Comprehension):
        loop: cst.CompFor | None = node.for_in
        while loop is not None:
            yield from names_in(loop.target)
            loop = loop.inner_for_in
    elif isinstance(node, cst.Lambda):
        yield from (one.name for one in walk(node.params) if isinstance(one, cst.Param))


def variables_of(node: cst.CSTNode) -> set[str]:
    """Return the variables that a comprehension or lambda binds, holes aside."""
    return {name.value for name in targets_of(node) if not is_placeholder(name.value)}


@dataclass(frozen=True)
class Code:
    """Code of a recipe, with holes: a pattern, or what replaces one.

    `kind` is "expression", "statements" or "header"; `roots` is the expression, the statements, or the compound
    statement whose body does not count. `local` are the names that are meant as spelled, `known` those that the step
    gives a meaning by an import.
    """

    text: str
    kind: str
    roots: tuple[cst.CSTNode, ...]
    module: cst.Module
    local: frozenset[str]
    known: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def root(self) -> cst.CSTNode:
        """The first node."""
        return self.roots[0]

    def nodes(self) -> Iterator[cst.CSTNode]:
        """Yield every node of the code."""
        for root in self.roots:
            yield from walk(root)

    @cached_property
    def keywords(self) -> frozenset[str]:
        """The keywords that the code names in its calls."""
        args = (node for node in self.nodes() if isinstance(node, cst.Arg))
        return frozenset(arg.keyword.value for arg in args if arg.keyword)

    @cached_property
    def holes(self) -> frozenset[str]:
        """The names of the holes that bind."""
        found = (hole_of(node) for node in self.nodes())
        return frozenset(hole.name for hole in found if hole and hole.name)

    @cached_property
    def bound(self) -> frozenset[str]:
        """The variables that the code binds itself, in comprehensions and lambdas: they match up to renaming."""
        return frozenset(name for node in self.nodes() for name in variables_of(node))

    @cached_property
    def variables(self) -> Mapping[cst.CSTNode, str]:
        """The places of those variables, by node."""
        return {
            node: node.value
            for node in self.nodes()
            if isinstance(node, cst.Name)
            and node.value in self.bound
            and (isinstance(self.parents[node], cst.Param) or identifier_of(self.parents[node]) is not node)
        }

    def as_spelled(self, name: str) -> bool:
        """Tell whether a dotted name is structure: it begins with a local, or has a hole."""
        root, *rest = name.split(".")
        local = root in self.local or root in ALWAYS_LOCAL or root in self.bound
        return local or any(map(is_placeholder, (root, *rest)))

    @cached_property
    def targets(self) -> frozenset[cst.CSTNode]:
        """The names and holes that the code binds anew: targets, parameters, names of definitions."""
        kinds = (cst.Param, cst.FunctionDef, cst.ClassDef)
        return frozenset((*(node.name for node in self.nodes() if isinstance(node, kinds)), *_assigned(self)))

    @cached_property
    def dotted(self) -> Mapping[cst.CSTNode, str]:
        """Every longest dotted name that means an import or a builtin, by its node."""
        found: dict[cst.CSTNode, str] = {}
        pending = list(self.roots)
        while pending:
            node = pending.pop()
            name = dotted(node)
            if isinstance(node, (cst.Import, cst.ImportFrom)):
                continue
            if name is not None and not self.as_spelled(name):
                found[node] = self._meant(name)
                continue
            identifier = identifier_of(node)
            pending += [child for child in children(node) if child is not identifier]
        return found

    def _meant(self, name: str) -> str:
        """Return what a dotted name means by the imports of the step; `a.b` means itself where they have `a.b`."""
        root = name.partition(".")[0]
        whole = any(f"{name}.".startswith(f"{origin}.") for origin in self.known.values())
        return name if whole else self.known.get(root, root) + name[len(root) :]

    @cached_property
    def free(self) -> frozenset[str]:
        """The names that are meant as spelled, and that the code does not bind itself."""
        names = [node for node in self.nodes() if isinstance(node, cst.Name)]
        read = {node.value for node in names if identifier_of(self.parents.get(node)) is not node}
        own = {node.value for node in self.targets if isinstance(node, cst.Name)}
        return frozenset(read & (self.local | ALWAYS_LOCAL)) - own - self.bound

    @property
    def callee(self) -> str:
        """The dotted name of the function that the code calls, where a call is all that it is; else nothing."""
        root = self.root.value if isinstance(self.root, cst.Expr) and len(self.roots) == 1 else self.root
        return self.dotted.get(root.func, "") if isinstance(root, cst.Call) else ""

    @cached_property
    def roots_of_names(self) -> frozenset[str]:
        """The first parts of the dotted names: the packages that the code speaks of."""
        return frozenset(name.partition(".")[0] for name in self.dotted.values())

    @cached_property
    def literals(self) -> frozenset[bytes]:
        """Words that every file with a match must hold; the gate before anything is parsed."""
        words = {node.value for node in self.nodes() if isinstance(node, cst.Name) and not is_placeholder(node.value)}
        renamed = {dotted(node) or "": name for node, name in self.dotted.items() if dotted(node) != name}
        words -= {name.partition(".")[0] for name in renamed}
        words |= {part for name in renamed.values() for part in name.split(".")}
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

    def comments_of(self, statement: cst.CSTNode) -> tuple[list[str], str]:
        """Return the comments on the lines above a statement, and the one behind it on its own line."""
        above = self.parents.get(statement)
        line = above if isinstance(above, cst.SimpleStatementLine) else statement
        leading = [*(self.module.header if statement is self.root else ()), *getattr(line, "leading_lines", ())]
        behind = line.trailing_whitespace.comment if isinstance(line, cst.SimpleStatementLine) else None
        return [one.comment.value for one in leading if one.comment], behind.value if behind else ""

    # As the subject of a match: a replacement is tested against its own pattern.

    def origins(self, node: cst.CSTNode) -> tuple[str, ...]:
        """Return what a name of this code means, as `Names.origins` does for a file."""
        name = self.dotted.get(node)
        return (name,) if name else ()

    def code(self, node: cst.CSTNode) -> str:
        """Return the text of a node as the recipe has it."""
        start, end = self.outer(node)
        return unfill(self.source_text[start:end].decode())

    def outer(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the span of an expression with its own parentheses, of a definition with its decorators."""
        if isinstance(node, cst.BaseExpression) and node.lpar:
            return self.spans[node.lpar[0]][0], self.spans[node.rpar[-1]][1]
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and node.decorators:
            return self.spans[node.decorators[0]][0], self.spans[node][1]
        if isinstance(node, cst.Param):
            return self.spans[node][0], behind_param(node, self.outer)
        return self.spans[node]


def compile_code(
    text: str,
    local: Iterable[str] = (),
    *,
    statement: bool = False,
    new: bool = False,
    known: Mapping[str, str] | None = None,
    clause: bool = False,
) -> Code:
    """Compile the text of a pattern or a replacement.

    `statement` makes an expression a statement of its own. `new` is code that is put in whole: a name that it assigns
    is its own. `known` is as in Code. `clause` lets a header also be one under which nothing can be put as it is.

    Raises:
        PatternError: it is not Python once its holes are filled, a hole stands where none can, or a name in it is
            assigned and not declared local.
    """
    written = text.strip("\n").rstrip()
    kinds = ("statements", "header") if statement else ("expression", "statements", "header")
    for filled, kind in product(fillings(written), (*kinds, *(("clause",) if clause else ()))):
        found = parsed(kind, filled)
        if found is not None:
            code = Code(text, "header" if kind == "clause" else kind, *found, frozenset(local), known or {})
            if new:
                code = replace(code, local=code.local | {target.value for target in _assigned(code)})
            _check_holes(code)
            _check_assigned(code)
            return code
    raise PatternError(f"`{short(text)}` is not Python, not even with its holes filled{_complaint(fill(written))}.")


def _check_holes(code: Code) -> None:
    for node in code.nodes():
        hole = hole_of(node) if isinstance(node, cst.Name) else None
        if hole is None:
            continue
        above = code.parents[node]
        if isinstance(above, cst.Arg) and above.keyword is node:
            raise PatternError(f"`{short(code.text)}` has a hole for a keyword; name the keyword.")
        holder = code.parents[above] if isinstance(above, cst.Index) else above
        alone = node in code.roots or (len(code.roots) > 1 and holder in code.roots)
        if hole.many and (alone or hole_of(holder) != hole):
            raise PatternError(
                f"`{short(code.text)}`: {code.code(node)} cannot stand there; it takes any number of arguments, "
                "elements, or statements of a block under its header."
            )


def _check_assigned(code: Code) -> None:
    """Raise PatternError where the code assigns to a name that would mean an import."""
    for target in _assigned(code):
        if not code.as_spelled(target.value):
            raise PatternError(
                f"`{short(code.text)}` assigns to {target.value}, which would mean an import of that name; "
                f"write a hole, or declare it: local: [{target.value}]."
            )


def _assigned(code: Code) -> Iterator[cst.Name]:
    """Yield the names that the code assigns to."""
    for node in code.nodes():
        yield from names_in(getattr(node, BINDERS.get(type(node), ""), None))


def _complaint(text: str) -> str:
    try:
        cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        return f" (line {error.raw_line})" if "\n" in text else ""
    return "; it holds no code"
