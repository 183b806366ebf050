"""What replaces a match, as the smallest edits: what pattern and replacement share keeps its bytes.

A replacement is rendered from the recipe's own text: holes become the captured bytes, dotted names become what the file
calls them, and parentheses are added only where precedence asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst

from patcher.model import Edit
from patcher.syntax.layout import reindent
from patcher.syntax.matching import Captured, Match, same
from patcher.syntax.pattern import Code, hole_of
from patcher.syntax.source import Source, fields, walk

__all__ = ["Speller", "keywords", "parenthesized", "render", "replaced", "smallest"]

Speller = Callable[[str], str]
"""Gives a dotted name the spelling that the file has for it at the site, or raises SiteError."""

OPERATORS: dict[type[cst.CSTNode], int] = {
    cst.Or: 3, cst.And: 4, cst.BitOr: 7, cst.BitXor: 8, cst.BitAnd: 9, cst.LeftShift: 10, cst.RightShift: 10,
    cst.Add: 11, cst.Subtract: 11, cst.Multiply: 12, cst.MatrixMultiply: 12, cst.Divide: 12, cst.FloorDivide: 12,
    cst.Modulo: 12, cst.Power: 14, cst.Not: 5, cst.Plus: 13, cst.Minus: 13, cst.BitInvert: 13,
}  # fmt: skip
ATOM, NAMED, ANY = 16, 0, -1


def strength(node: cst.CSTNode) -> int:
    """Return how tightly an expression binds, from a yield (-1) to an atom (16); own parentheses make an atom."""
    if isinstance(node, cst.BaseExpression) and node.lpar:
        return ATOM
    match node:
        case cst.Yield() | cst.GeneratorExp():
            return ANY
        case cst.Tuple():
            return ANY
        case cst.NamedExpr():
            return NAMED
        case cst.Lambda():
            return 1
        case cst.IfExp():
            return 2
        case cst.BooleanOperation() | cst.BinaryOperation() | cst.UnaryOperation():
            return OPERATORS[type(node.operator)]
        case cst.Comparison():
            return 6
        case cst.Await():
            return 15
    return ATOM


def asked(above: cst.CSTNode | None, child: cst.CSTNode) -> int:
    """Return how tightly a child must bind to stand where it stands without parentheses."""
    match above:
        case cst.Attribute() | cst.Call() | cst.Subscript():
            return ATOM
        case cst.BinaryOperation():
            level = OPERATORS[type(above.operator)]
            if isinstance(above.operator, cst.Power):
                return 15 if child is above.left else 13
            return level if child is above.left else level + 1
        case cst.BooleanOperation():
            level = OPERATORS[type(above.operator)]
            return level if child is above.left else level + 1
        case cst.UnaryOperation():
            return OPERATORS[type(above.operator)]
        case cst.Comparison() | cst.ComparisonTarget():
            return 7
        case cst.IfExp():
            return 2 if child is above.orelse else 3
        case cst.CompFor() | cst.CompIf() | cst.FormattedStringExpression():
            return 3
        case cst.Await():
            return ATOM
        case cst.Arg() if above.star or above.keyword:
            return 7 if above.star else 1
        case cst.StarredElement() | cst.StarredDictElement():
            return 7
        case cst.Assign() | cst.Return() | cst.Expr() | cst.AugAssign() | cst.Index():
            return ANY
        case cst.Arg() | cst.Element() | cst.DictElement() | cst.Lambda() | cst.Param() | cst.WithItem() | None:
            return 1
        case cst.If() | cst.While() | cst.Assert() | cst.For() | cst.AnnAssign() | cst.Annotation():
            return 1
    return ATOM


def parenthesized(text: str, node: cst.CSTNode, above: cst.CSTNode | None, child: cst.CSTNode) -> str:
    """Return the text of an expression, in parentheses if it stands where `child` stands below `above` and must."""
    broken = "\n" in text and strength(node) < ATOM and not _bracketed_here(above)
    return f"({text})" if strength(node) < asked(above, child) or broken else text


def render(code: Code, node: cst.CSTNode, source: Source, match: Match, spell: Speller) -> str:
    """Return the text of a replacement's node with holes and names filled in."""
    start, end = _outer(code, node)
    parts: list[str] = []
    position = start
    for below, text in _filled(code, node, source, match, spell):
        span = code.spans[below]
        parts += (code.source_text[position : span[0]].decode(), text)
        position = span[1]
    parts.append(code.source_text[position:end].decode())
    return "".join(parts)


def _filled(
    code: Code, node: cst.CSTNode, source: Source, match: Match, spell: Speller
) -> list[tuple[cst.CSTNode, str]]:
    """Return the nodes whose text is not the recipe's, with the text that they get, in the order of the text."""
    found: list[tuple[cst.CSTNode, str]] = []
    pending = [node]
    while pending:
        below = pending.pop()
        hole = hole_of(below)
        if hole is not None and hole.name is not None and isinstance(below, cst.Name):
            found.append((below, _captured(code, below, hole.name, source, match)))
        elif below in code.dotted:
            found.append((below, spell(code.dotted[below])))
        elif isinstance(below, cst.Name) and below.value in code.bound:
            found.append((below, _renamed(below.value, source, match)))
        else:
            pending.extend(_below(below))
    return sorted(found, key=lambda one: code.spans[one[0]])


def _below(node: cst.CSTNode) -> list[cst.CSTNode]:
    values = [getattr(node, name) for name in fields(type(node))]
    nodes = [value for value in values if isinstance(value, cst.CSTNode)]
    return nodes + [one for value in values if isinstance(value, (list, tuple)) for one in value]


def _captured(code: Code, below: cst.CSTNode, name: str, source: Source, match: Match) -> str:
    captured = match.captures[name]
    if not isinstance(captured, cst.CSTNode):
        if not captured:
            return ""
        return source.slice(source.outer(captured[0])[0], source.outer(captured[-1])[1])
    above = code.parents.get(below)
    if isinstance(above, cst.Expr):
        above = code.parents.get(above)
    return parenthesized(source.code(captured), captured, above, below)


def _renamed(name: str, source: Source, match: Match) -> str:
    captured = match.captures.get(f"@{name}")
    return source.code(captured) if isinstance(captured, cst.CSTNode) else name


# --- the smallest edits ---------------------------------------------------------------------------------------------


def smallest(pattern: Code, template: Code, match: Match, source: Source, spell: Speller) -> list[Edit]:
    """Return the edits that make a match of `pattern` into `template`."""
    if pattern.kind == template.kind == "expression" or len(pattern.roots) == len(template.roots):
        edits: list[Edit] = []
        for old, new, got in zip(pattern.roots, template.roots, match.nodes, strict=True):
            edits += _difference(_Pair(pattern, template, match, source, spell), old, new, got)
        return edits
    return [_whole_statements(template, match, source, spell)]


def replaced(template: Code, source: Source, match: Match, got: cst.CSTNode, spell: Speller) -> list[Edit]:
    """Return the edits that put a whole replacement in the place of one captured node."""
    return _replaced(_Pair(template, template, match, source, spell), template.root, got)


def keywords(code: Code) -> frozenset[str]:
    """Return the keywords that a piece of code names in its calls."""
    args = (node for root in code.roots for node in walk(root) if isinstance(node, cst.Arg))
    return frozenset(arg.keyword.value for arg in args if arg.keyword)


class _Pair:
    """A pattern and its replacement over one match."""

    def __init__(self, pattern: Code, template: Code, match: Match, source: Source, spell: Speller) -> None:
        self.pattern, self.template, self.match, self.source, self.spell = (
            pattern,
            template,
            match,
            source,
            spell,
        )

    def render(self, new: cst.CSTNode) -> str:
        return render(self.template, new, self.source, self.match, self.spell)

    def equal(self, old: cst.CSTNode, new: cst.CSTNode) -> bool:
        return same(old, new)

    def met(self, old: cst.CSTNode) -> Captured | None:
        return self.match.pairs.get(old)


def _difference(pair: _Pair, old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
    if pair.equal(old, new):
        return []
    if isinstance(old, cst.Call) and isinstance(new, cst.Call) and isinstance(got, cst.Call):
        arguments = _arguments(pair, old, new, got)
        if arguments is not None:
            return _difference(pair, old.func, new.func, got.func) + arguments
    elif old not in pair.pattern.dotted and new not in pair.template.dotted and _alike(old, new, got):
        edits: list[Edit] = []
        for name in fields(type(old)):
            mine, theirs, there = (getattr(node, name) for node in (old, new, got))
            if isinstance(mine, cst.CSTNode):
                edits += _difference(pair, mine, theirs, there)
            elif isinstance(mine, (list, tuple)):
                edits += [edit for trio in zip(mine, theirs, there, strict=True) for edit in _difference(pair, *trio)]
        return edits
    return _replaced(pair, new, got)


def _alike(old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode) -> bool:
    """Tell whether three nodes differ at most in what stands below them, one to one."""
    if not (type(old) is type(new) is type(got)) or hole_of(old) or hole_of(new) or not fields(type(old)):
        return False
    for name in fields(type(old)):
        values = [getattr(node, name) for node in (old, new, got)]
        if isinstance(values[0], str) and len(set(values[:2])) > 1:
            return False
        if len({isinstance(value, cst.CSTNode) for value in values}) > 1:
            return False
        lengths = {len(value) for value in values if isinstance(value, (list, tuple))}
        if len(lengths) > 1 or (lengths and any(_many(one) for value in values[:2] for one in value)):
            return False
    return True


def _many(node: cst.CSTNode) -> bool:
    hole = hole_of(node)
    return hole is not None and hole.many


def _replaced(pair: _Pair, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
    """Write a node anew. Where the new text holds the old one, only what stands before and behind is inserted."""
    start, end = pair.source.outer(got)
    text = pair.render(new)
    hole = hole_of(new)
    inner = pair.match.captures.get(hole.name) if hole and hole.name else new
    if isinstance(inner, cst.CSTNode) and isinstance(new, cst.BaseExpression):
        text = parenthesized(text, inner, pair.source.parent(got), got)
    if isinstance(got, (cst.BaseSmallStatement, cst.BaseCompoundStatement)):
        text = reindent(text, pair.source, start)
    old = pair.source.slice(start, end)
    if text.count(old) != 1:
        return [Edit(start, end, text)]
    before, _, behind = text.partition(old)
    return [edit for edit in (Edit(start, start, before), Edit(end, end, behind)) if edit.text]


def _whole_statements(template: Code, match: Match, source: Source, spell: Speller) -> Edit:
    lines = [render(template, root, source, match, spell) for root in template.roots]
    start, end = source.outer(match.nodes[0])[0], source.outer(match.nodes[-1])[1]
    return Edit(start, end, reindent("\n".join(lines), source, start))


def _arguments(pair: _Pair, old: cst.Call, new: cst.Call, got: cst.Call) -> list[Edit] | None:
    """Return the edits of a call's arguments, or None if their order changed and the call must be written anew."""
    partners = [_partner(arg, old.args) for arg in new.args]
    kept = [old.args.index(partner) for partner in partners if partner is not None]
    if kept != sorted(kept) or len(set(kept)) != len(kept):
        return None
    edits: list[Edit] = []
    for arg, partner in zip(new.args, partners, strict=True):
        met = pair.met(partner) if partner is not None else None
        if partner is not None and isinstance(met, cst.Arg):
            edits += _difference(pair, partner.value, arg.value, met.value)
    gone = [arg for index, arg in enumerate(old.args) if index not in kept]
    if any(not isinstance(pair.met(arg), cst.Arg) for arg in gone):
        return None
    removed = {met for arg in gone if isinstance(met := pair.met(arg), cst.Arg)}
    added = _added(pair, new.args, partners)
    if (removed and added) or len(added) > 1:
        return _renewed(pair, new, got) if removed else None
    return edits + _removals(pair.source, got, removed) + _insertions(pair, got, added)


def _partner(arg: cst.Arg, olds: Sequence[cst.Arg]) -> cst.Arg | None:
    """Return the old argument that a new one continues: the same keyword, or the same positional code."""
    for old in olds:
        if arg.keyword and old.keyword and arg.keyword.value == old.keyword.value:
            return old
        if not arg.keyword and not old.keyword and arg.star == old.star and same(arg.value, old.value):
            return old
    return None


def _added(
    pair: _Pair, args: Sequence[cst.Arg], partners: Sequence[cst.Arg | None]
) -> list[tuple[cst.Arg | None, list[cst.Arg]]]:
    """Group the new arguments by the old one that they follow (None: they come first)."""
    groups: list[tuple[cst.Arg | None, list[cst.Arg]]] = []
    before: cst.Arg | None = None
    for arg, partner in zip(args, partners, strict=True):
        if partner is not None:
            before = partner
        elif groups and groups[-1][0] is before:
            groups[-1][1].append(arg)
        else:
            groups.append((before, [arg]))
    return groups


def _removals(source: Source, call: cst.Call, removed: set[cst.Arg]) -> list[Edit]:
    edits: list[Edit] = []
    args = list(call.args)
    for index, arg in enumerate(args):
        if arg not in removed:
            continue
        start, end = source.span(arg)
        if index + 1 < len(args):  # with the comma, up to the next argument
            end = source.span(args[index + 1])[0]
        elif index and args[index - 1] not in removed:
            start = source.span(args[index - 1])[1]
        edits.append(Edit(start, end, ""))
    return edits


def _insertions(pair: _Pair, call: cst.Call, added: list[tuple[cst.Arg | None, list[cst.Arg]]]) -> list[Edit]:
    edits: list[Edit] = []
    for before, group in added:
        text = ", ".join(_argument(pair, arg) for arg in group)
        anchor = _last_met(pair, before)
        if anchor is None:  # the arguments come first, or `$$$` in front of them took nothing
            opening = _opening(pair.source, call)
            edits.append(Edit(opening, opening, f"{text}, " if call.args else text))
        else:
            edits += _behind(pair.source, call, anchor, text)
    return edits


def _behind(source: Source, call: cst.Call, anchor: cst.Arg, text: str) -> list[Edit]:
    """Put a new argument behind another one as the call lays them out: a line of its own, or on the same line."""
    start, end = source.span(anchor)
    line, line_end = source.line_start(start), source.line_end(end)
    indent = source.slice(line, start)
    last = call.args[-1] is anchor
    if indent.strip() or line < source.span(call.func)[1] or not last or line_end >= source.span(call)[1]:
        return [Edit(end, end, f", {text}")]
    comma = isinstance(anchor.comma, cst.Comma)
    behind = Edit(line_end, line_end, f"{indent}{text}{',' if comma else ''}{source.newline}")
    return [behind] if comma else [Edit(end, end, ","), behind]


def _argument(pair: _Pair, arg: cst.Arg) -> str:
    value = pair.render(arg.value)
    return f"{arg.keyword.value}={value}" if arg.keyword else f"{arg.star}{value}"


def _last_met(pair: _Pair, before: cst.Arg | None) -> cst.Arg | None:
    met = pair.met(before) if before is not None else None
    if isinstance(met, tuple):
        met = met[-1] if met else None
    return met if isinstance(met, cst.Arg) else None


def _opening(source: Source, call: cst.Call) -> int:
    """Return the offset behind the parenthesis that opens a call's arguments."""
    position = source.outer(call.func)[1]
    return source.text.index(b"(", position) + 1


def _renewed(pair: _Pair, new: cst.Call, got: cst.Call) -> list[Edit]:
    """Write all arguments anew."""
    start, end = _opening(pair.source, got), pair.source.span(got)[1] - 1
    text = ", ".join(part for arg in new.args if (part := _argument(pair, arg)))
    return [Edit(start, end, text)]


def _outer(code: Code, node: cst.CSTNode) -> tuple[int, int]:
    start, end = code.spans[node]
    if isinstance(node, cst.BaseExpression) and node.lpar:
        start, end = code.spans[node.lpar[0]][0], code.spans[node.rpar[-1]][1]
    return start, end


def _bracketed_here(above: cst.CSTNode | None) -> bool:
    """Tell whether what stands below a node is certainly inside brackets."""
    return isinstance(above, (cst.Arg, cst.Element, cst.DictElement, cst.Index, cst.FormattedStringExpression))
