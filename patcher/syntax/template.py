"""What replaces a match, as the smallest edits: what pattern and replacement share keeps its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst

from patcher.errors import SiteError
from patcher.model import Edit
from patcher.syntax.arguments import Brackets, Item, New, is_bare_generator, is_named, list_edits, partner_of, placed
from patcher.syntax.equality import alike, meaning, same
from patcher.syntax.holes import hole_of, many_of
from patcher.syntax.layout import indent_of, line_of
from patcher.syntax.matching import Match
from patcher.syntax.nodes import children
from patcher.syntax.pattern import Code, parameters_of, statements
from patcher.syntax.precedence import Up, parenthesized, way_up
from patcher.syntax.refusals import keep_bases, keep_cases, keep_target
from patcher.syntax.rendering import Rendering, Speller, Statement
from patcher.syntax.source import Source

__all__ = ["Speller", "render", "render_lines", "replaced", "smallest"]

Trio = tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode]
"""A node of the pattern, the one of the replacement in its place, and what stands there in the file."""

BODIES = ("body", "orelse")


def smallest(pattern: Code, template: Code, match: Match, source: Source, spell: Speller) -> list[Edit]:
    """Return the edits that make a match of `pattern` into `template`.

    Raises:
        SiteError: the result would not be what the recipe says, or not fit where the match stands.
    """
    rewrite = _Rewrite(pattern, template, match, source, spell)
    if len(pattern.roots) != len(template.roots):
        return rewrite.statements(None, match.nodes)
    trios = zip(pattern.roots, template.roots, match.nodes, strict=True)
    return [edit for trio in trios for edit in rewrite.difference(*trio)]


def replaced(template: Code, source: Source, match: Match, got: cst.CSTNode, spell: Speller) -> list[Edit]:
    """Return the edits that put a whole replacement in the place of one captured node."""
    alone = Match((got,), match.captures, match.pairs)
    return _Rewrite(template, template, alone, source, spell).replaced(template.root, got)


def render(code: Code, node: cst.CSTNode, source: Source, match: Match, spell: Speller) -> str:
    """Return the text of a node of a replacement at a match, its lines as the recipe has them."""
    return Rendering(code, source, match, spell).text(node)


def render_lines(
    code: Code, source: Source, match: Match, spell: Speller, start: int, beside: cst.CSTNode | None = None
) -> str:
    """Return the statements of a replacement, with their comments, as lines that stand at `start`, beside another."""
    return Rendering(code, source, match, spell, start, beside).lines()


@dataclass(frozen=True)
class _Rewrite:
    """A pattern and its replacement over one match."""

    pattern: Code
    template: Code
    match: Match
    source: Source
    spell: Speller

    def difference(self, old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
        """Return the edits for what `new` has and `old`, which met `got`, has not."""
        if same(old, new):
            return []
        edits = self.changed(old, new, got)
        if not isinstance(new, Statement) or not isinstance(got, Statement):
            return edits
        above, behind = self.comments(new, got)
        return [*above, *edits, *behind]

    def changed(self, old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
        """Return the edits of two nodes that differ."""
        if self.pattern.kind == "header" and old in self.pattern.roots:
            return self.header(old, new, got)
        if old not in self.pattern.dotted and new not in self.template.dotted:
            if isinstance(old, cst.Call) and isinstance(new, cst.Call) and isinstance(got, cst.Call):
                return self.difference(old.func, new.func, got.func) + self.arguments(old, new, got)
            if isinstance(old, cst.List) and isinstance(new, cst.List) and isinstance(got, cst.List):
                return self.elements(old, new, got)
            trios = self.aligned(old, new, got, meaning(old))
            if trios is not None:
                return [edit for trio in trios for edit in self.difference(*trio)]
        return self.replaced(new, got)

    def aligned(self, old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode, names: Sequence[str]) -> list[Trio] | None:
        """Return what stands below three nodes one to one, or None if they differ in themselves."""
        if not (alike(old, new) and alike(old, got)) or hole_of(old) or hole_of(new):
            return None
        found: list[Trio] = []
        for name in names:
            trio = (getattr(old, name), getattr(new, name), getattr(got, name))
            if all(isinstance(one, cst.BaseSuite) for one in trio):
                trio = (statements(trio[0]), statements(trio[1]), statements(trio[2]))
            if all(isinstance(one, cst.CSTNode) for one in trio):
                # Another operator binds otherwise: then the operands' parentheses count, and all is written anew.
                if name == "operator" and not same(trio[0], trio[1]):
                    return None
                found.append(trio)
            elif all(isinstance(one, (list, tuple)) for one in trio):
                pairs = list(zip(trio[0], trio[1], strict=False))
                if len(trio[0]) != len(trio[1]):
                    return None
                for mine, theirs in pairs:
                    met = self.match.pairs.get(mine)
                    if isinstance(met, cst.CSTNode) and not many_of(theirs):
                        found.append((mine, theirs, met))
                    elif not same(mine, theirs):
                        return None
            elif any(isinstance(one, cst.CSTNode) for one in trio) or not same(trio[0], trio[1]):
                return None
        return found

    # --- written anew -----------------------------------------------------------------------------------------------

    def replaced(self, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
        """Write a node anew. Where the new text holds the old node, only what stands around it is put in."""
        if isinstance(got, Statement):
            return self.statements(new, (got,))
        keep_target(self.source, new, got)
        start, end = self.source.outer(got)
        ups = list(way_up(got, self.source.parent))
        pieces = self.rendering(start, got).pieces(new, ups)
        text = "".join(piece.text for piece in pieces)
        keep_cases(self.source, text, got)
        around = parenthesized(text, new, ups).partition(text) if hole_of(new) is None else ("", text, "")
        kept = [index for index, piece in enumerate(pieces) if piece.captured is got]
        if len(kept) != 1:
            return [Edit(start, end, self.glued(start, "".join(around), end, ups))]
        # What was captured keeps its bytes, so that the edits of a match inside it hold too.
        lead, _, trail = pieces[kept[0]].text.partition(self.source.slice(start, end))
        before = around[0] + "".join(piece.text for piece in pieces[: kept[0]]) + lead
        behind = trail + "".join(piece.text for piece in pieces[kept[0] + 1 :]) + around[2]
        edits = [
            Edit(start, start, self.glued(start, before, start, ups)),
            Edit(end, end, self.glued(end, behind, end, ups)),
        ]
        return [edit for edit in edits if edit.text]

    def statements(self, new: cst.CSTNode | None, gots: Sequence[cst.CSTNode]) -> list[Edit]:
        """Write a statement, or all of the replacement with its comments, in the place of others.

        Raises:
            SiteError: they need lines of their own, and share one with something else.
        """
        several = new is None and any(sign in self.template.source_text for sign in (b"\n", b"#"))
        if several or isinstance(new or self.template.root, cst.BaseCompoundStatement):
            line_of(self.source, gots[0])
            line_of(self.source, gots[-1])
        start, end = self.source.outer(gots[0])[0], self.source.outer(gots[-1])[1]
        rendering = self.rendering(start, gots[0])
        return [Edit(start, end, rendering.lines() if new is None else rendering.text(new))]

    def comments(self, new: cst.CSTNode, got: cst.CSTNode) -> tuple[list[Edit], list[Edit]]:
        """Return the edits for what the replacement, and not its pattern, comments above and behind a statement."""
        home = self.source.parent(got)
        line = home if isinstance(home, cst.SimpleStatementLine) and len(home.body) == 1 else None
        if line is None and (isinstance(got, cst.BaseSmallStatement) or isinstance(home, cst.If)):
            return [], []
        above, behind = self.template.comments_of(new)
        start, end = self.source.outer(got)
        gap = self.source.newline + indent_of(self.source, start)
        there = [one.strip() for one in self.source.slice(0, start).split("\n")[-len(above) - 1 : -1]] == above
        over = [Edit(start, start, text + gap) for text in above if not there and text not in self.pattern.text]
        if line is None or isinstance(line.body[0].semicolon, cst.Semicolon) or line.trailing_whitespace.comment:
            return over, []
        return over, [Edit(end, end, f"  {behind}")] if behind not in self.pattern.text else []

    def rendering(self, start: int, place: cst.CSTNode | None = None) -> Rendering:
        return Rendering(self.template, self.source, self.match, self.spell, start, place)

    def glued(self, start: int, text: str, end: int, ups: Sequence[Up]) -> str:
        """Return text with a space where it would run into what stands beside it: `return(x)` has none."""
        before, behind = self.source.text[start - 1 : start] if start else b"", self.source.text[end : end + 1]
        if text and (_in_word(text[0]) or text[0] in "'\"") and _in_word(before.decode("latin-1")):
            text = f" {text}"
        if text and _in_word(text[-1]) and _in_word(behind.decode("latin-1")):
            text = f"{text} "
        in_field = bool(ups) and isinstance(ups[0][0], cst.FormattedStringExpression)
        return f" {text}" if in_field and before == b"{" and text.startswith("{") else text

    # --- headers ----------------------------------------------------------------------------------------------------

    def header(self, old: cst.CSTNode, new: cst.CSTNode, got: cst.CSTNode) -> list[Edit]:
        """Return the edits of the header of a block; its body keeps its bytes."""
        if isinstance(old, cst.FunctionDef) and isinstance(new, cst.FunctionDef) and isinstance(got, cst.FunctionDef):
            return [*self.difference(old.name, new.name, got.name), *self.parameters(old, new)]
        said = [name for name in meaning(old) if name not in (*BODIES, "decorators", "type_parameters")]
        trios = self.aligned(old, new, got, said)
        if trios is not None:
            return [edit for trio in trios for edit in self.difference(*trio)]
        if isinstance(self.source.parent(got), cst.If) and isinstance(got, cst.If):
            raise SiteError("it is an elif, which can be nothing else; make it an if of its own first")
        keep_bases(old, got)
        start = self.source.span(got)[0]
        return [Edit(start, self.colon(got), self.rendering(start, got).text(new).removesuffix(": pass"))]

    def parameters(self, old: cst.FunctionDef, new: cst.FunctionDef) -> list[Edit]:
        """Return the edits of the defaults of parameters that both sides name."""
        olds, news = _parameters(old), _parameters(new)
        if olds.keys() != news.keys():
            raise SiteError("parameters are neither added nor removed; write the whole function with replace")
        edits: list[Edit] = []
        for name, param in olds.items():
            met, default, wanted = self.match.pairs.get(param), param.default, news[name].default
            if isinstance(met, cst.Param) and default and wanted and met.default:
                edits += self.difference(default, wanted, met.default)
            elif default is not wanted:
                raise SiteError(f"the parameter {name} has a default on one side only; write the whole function")
        return edits

    def colon(self, got: cst.CSTNode) -> int:
        """Return the offset of the colon behind a header."""
        body = getattr(got, "body")  # noqa: B009  (every compound statement with a header has one)
        before = [child for child in children(got) if self.source.span(child)[1] <= self.source.span(body)[0]]
        end = max((self.source.outer(child)[1] for child in before), default=self.source.span(got)[0])
        colon = self.source.text.index(b":", end)
        if b"#" in self.source.text[end:colon]:
            raise SiteError("a comment stands at the end of its header; move it out of the way first")
        return colon

    # --- arguments and elements ---------------------------------------------------------------------------------------

    def arguments(self, old: cst.Call, new: cst.Call, got: cst.Call) -> list[Edit]:
        """Return the edits of a call's arguments."""
        rendering = self.rendering(self.source.span(got)[0], got)
        wanted: list[Item | New] = []
        edits: list[Edit] = []
        partners = {arg: partner_of(arg, old.args) for arg in new.args}
        gone = [self.match.pairs.get(arg) for arg in old.args if arg not in partners.values()]
        for arg in new.args:
            partner = partners[arg]
            met = self.match.pairs.get(partner) if partner is not None else None
            if partner is None or met is None:
                fitting = (one for one in gone if isinstance(one, cst.Arg) and is_named(one) == is_named(arg))
                instead = next(fitting, None)
                gone = [one for one in gone if one is not instead]
                wanted.append(New(rendering.argument(arg, new), is_named(arg), instead))
            elif isinstance(met, tuple):
                wanted += self.kept([one for one in met if isinstance(one, cst.Arg)], wanted, got.args)
            elif isinstance(met, cst.Arg):
                wanted += self.kept([met], wanted, got.args)
                edits += self.difference(partner.value, arg.value, met.value)
        final = placed(wanted, got.args)
        opening = self.source.text.index(b"(", self.source.outer(got.func)[1]) + 1
        brackets = Brackets(got.args, opening, self.source.span(got)[1] - 1)
        listed = list_edits(self.source, brackets, final)
        bare = got.args[0] if len(final) > 1 and got.args and is_bare_generator(got.args[0]) else None
        if bare is None or bare not in final:
            return edits + listed
        start, end = self.source.span(bare)
        return [*edits, Edit(end, end, ")"), *listed, Edit(start, start, "(")]

    def elements(self, old: cst.List, new: cst.List, got: cst.List) -> list[Edit]:
        """Return the edits of a list's elements."""
        start, end = self.source.span(got)
        rendering = self.rendering(start, got)
        wanted: list[Item | New] = []
        for element in new.elements:
            partner = next((one for one in old.elements if same(one, element)), None)
            met = self.match.pairs.get(partner) if partner is not None else None
            if met is None:
                wanted.append(New(rendering.text(element, [(new, element)])))
            else:
                nodes = met if isinstance(met, tuple) else (met,)
                wanted += self.kept([one for one in nodes if isinstance(one, cst.BaseElement)], wanted, got.elements)
        return list_edits(self.source, Brackets(got.elements, start + 1, end - 1), placed(wanted, got.elements))

    def kept(self, nodes: Sequence[Item], wanted: Sequence[Item | New], items: Sequence[Item]) -> list[Item | New]:
        """Return nodes that stay where they are, or their text where the replacement wants them further back."""
        found: list[Item | New] = []
        order = list(items)
        last = max((order.index(one) for one in wanted if not isinstance(one, New) and not is_named(one)), default=-1)
        for node in nodes:
            if node in wanted or (not is_named(node) and order.index(node) < last):
                found.append(New(self.source.code(node), is_named(node)))
            else:
                found.append(node)
        return found


def _parameters(function: cst.FunctionDef) -> dict[str, cst.Param]:
    return {param.name.value: param for param in parameters_of(function.params) if not many_of(param)}


def _in_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_" or sign > "\x7f"
