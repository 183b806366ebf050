"""Constraints on holes: the `where` of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import libcst as cst

from patcher.errors import PatternError
from patcher.syntax.buffers import is_buffer
from patcher.syntax.flow import made_of, values_of
from patcher.syntax.holes import hole_of, short
from patcher.syntax.matching import Captured, Match, match_at
from patcher.syntax.nodes import walk
from patcher.syntax.pattern import Code, compile_code
from patcher.syntax.source import Source

__all__ = ["Where", "compile_where", "of_arguments"]

FLAGS = ("named", "buffer")


@dataclass(frozen=True, slots=True)
class _Hole:
    """What one hole must be: one of `any_of`, none of `none_of`, from one of `sources` and none of `not_sources`.

    Its arguments are given by name if `named`; it is a buffer of its class if `buffer`.
    """

    any_of: tuple[Code, ...] = ()
    none_of: tuple[Code, ...] = ()
    sources: tuple[Code, ...] = ()
    not_sources: tuple[Code, ...] = ()
    named: bool = False
    buffer: bool = False

    @property
    def codes(self) -> tuple[Code, ...]:
        """All patterns of the constraint."""
        return (*self.any_of, *self.none_of, *self.sources, *self.not_sources)

    def sentence(self, name: str) -> str:
        """Say what the constraint asks of a hole."""
        asked = (("is", self.any_of), ("is not", self.none_of), ("comes from", self.sources))
        clauses = [
            f"{verb} {_listed(codes)}" for verb, codes in (*asked, ("was not assigned", self.not_sources)) if codes
        ]
        flags = (("is given by name", self.named), ("is a buffer that its class registers", self.buffer))
        return f"${name} {' and '.join([*clauses, *(said for said, held in flags if held)])}."


@dataclass(frozen=True, slots=True)
class Where:
    """The constraints of a step by hole, and the header inside of which a match must stand.

    Of a hole that a match did not bind nothing is asked; what is asked of a hole of the header decides which block is
    meant. What is asked of a `$$$` hole is asked of each argument or element that it took.
    """

    holes: Mapping[str, _Hole]
    inside: Code | None = None

    @property
    def bound(self) -> frozenset[str]:
        """The holes that the header binds."""
        return self.inside.holes if self.inside else frozenset()

    @property
    def named(self) -> frozenset[str]:
        """The holes whose arguments must be given by name."""
        return frozenset(name for name, hole in self.holes.items() if hole.named)

    def completed(self, source: Source, match: Match) -> Match:
        """Return the match together with what the header around it binds."""
        header = self._header(source, match, [])
        return _together(match, header) if header else match

    def _header(self, source: Source, match: Match, unmet: list[str]) -> Match | None:
        """Return the innermost block around a match whose header is as wanted, with the same holes.

        `unmet` gets what the other blocks with such a header fail.
        """
        way = [match.node]
        for above in source.ancestors(match.node) if self.inside else ():
            if self.inside and type(above) is type(self.inside.root):
                fits = partial(self._misfit, source, match, tuple(way), unmet)
                header = match_at(self.inside, source, above, captures=match.captures, constraint=fits)
                if header is not None:
                    return header
            way.append(above)
        return None

    def _misfit(
        self, source: Source, match: Match, way: Sequence[cst.CSTNode], unmet: list[str], header: Match
    ) -> tuple[cst.CSTNode, str] | None:
        """Return None if a match lies inside of a header that satisfies everything, else what does not."""
        if not _is_inside(way, header.node, header):
            return header.node, ""
        failed = self._unmet(source, _together(match, header))
        unmet += [failed[1]] if failed else []
        return failed

    def failure(self, subject: Source | Code, match: Match) -> tuple[cst.CSTNode, str] | None:
        """Return None if the match satisfies everything, else the node at fault and a clause that says why."""
        failed = self._unmet(subject, match)
        if failed is not None or self.inside is None or not isinstance(subject, Source):
            return failed
        unmet: list[str] = []
        if self._header(subject, match, unmet) is not None:
            return None
        return match.node, unmet[0] if unmet else f"it does not stand inside of `{short(self.inside.text)}`"

    def _unmet(self, subject: Source | Code, match: Match) -> tuple[cst.CSTNode, str] | None:
        """Return what a hole of a match fails; what takes a hole that only the header binds is asked with it."""
        unknown = self.bound - match.captures.keys()
        for name, wanted in self.holes.items():
            if any(unknown & code.holes for code in wanted.codes):
                continue
            captured = match.captures.get(name, ())
            for node in captured if isinstance(captured, tuple) else (captured,):
                inner = node.value if isinstance(node, (cst.Arg, cst.Element, cst.StarredElement)) else node
                if not _assumed(subject, name, inner):
                    reason = _hole_failure(subject, match, name, wanted, inner)
                    if wanted.named and isinstance(node, cst.Arg) and not _is_named(node):
                        reason = f"`{short(subject.code(node))}` is not given by name"
                    if reason:
                        return inner, reason
        return None

    def asked(self) -> Iterator[tuple[str, str, Where]]:
        """Yield each constraint by its key, with what it asks in a sentence, and alone."""
        for name, wanted in self.holes.items():
            of_header = name in self.bound or any(self.bound & code.holes for code in wanted.codes)
            yield f"where ${name}", wanted.sentence(name), Where({name: wanted}, self.inside if of_header else None)
        if self.inside is not None:
            yield "inside", f"It stands inside of `{short(self.inside.text)}`.", Where({}, self.inside)

    def without(self, names: Iterable[str]) -> Where:
        """Return the constraints without those of some holes."""
        left_out = set(names)
        return Where({name: hole for name, hole in self.holes.items() if name not in left_out}, self.inside)

    def lone(self) -> Iterator[tuple[str, str | None, Code]]:
        """Yield each pattern that is a hole alone, with the hole that it is asked of and the one that it is."""
        for name, wanted in self.holes.items():
            for code in wanted.codes:
                hole = hole_of(code.root)
                if hole is not None:
                    yield name, hole.name, code

    @property
    def literals(self) -> frozenset[bytes]:
        """Words that must stand in every file in which the constraints can hold."""
        words: frozenset[bytes] = frozenset()
        for hole in self.holes.values():
            words |= {b"register_buffer"} if hole.buffer else frozenset()
            for group in (hole.any_of, hole.sources):
                if group:
                    words |= frozenset.intersection(*(code.literals for code in group))
        return words


def compile_where(where: Mapping[str, Any], local: Iterable[str], inside: str | None = None) -> Where:
    """Compile the `where` and the `inside` of a step.

    Raises:
        PatternError: a pattern in them does not compile, a key is not a constraint, or `inside` is no header.
    """
    names = tuple(local)
    return Where({name: _compile_hole(name, value, names) for name, value in where.items()}, _header(inside, names))


def _header(text: str | None, local: tuple[str, ...]) -> Code | None:
    if text is None:
        return None
    try:
        code = compile_code(text, local, statement=True, clause=True)
    except PatternError as error:
        raise PatternError(str(error), ("inside",)) from None
    if code.kind != "header":
        raise PatternError(
            f"`{short(text)}` is no header; write the first line of a block without its colon, as in `for $X in $_`.",
            ("inside",),
        )
    return code


def _compile_hole(name: str, value: Any, local: tuple[str, ...]) -> _Hole:
    if not isinstance(value, Mapping):
        return _Hole(any_of=_codes(value, local, (name,)))
    groups: dict[str, tuple[Code, ...]] = {}
    for key, patterns in value.items():
        if key not in ("not", "from", "not_from", *FLAGS):
            raise PatternError(
                f"`{key}` is no constraint of a hole; write `not`, `from`, `not_from`, `named` or `buffer`, or "
                "patterns alone.",
                ("where", name),
            )
        if key not in FLAGS:
            groups[key] = _codes(patterns, local, (name, key))
        elif patterns != "yes":
            raise PatternError(f"`{key}` is `yes`, or is left out.", ("where", name, key))
    none_of, sources, not_sources = (groups.get(key, ()) for key in ("not", "from", "not_from"))
    return _Hole((), none_of, sources, not_sources, *(flag in value for flag in FLAGS))


def _codes(value: Any, local: tuple[str, ...], at: tuple[str, ...]) -> tuple[Code, ...]:
    texts = [value] if isinstance(value, str) else list(value)
    found = []
    for index, text in enumerate(texts):
        try:
            found.append(compile_code(text, local))
        except PatternError as error:
            place: tuple[str | int, ...] = ("where", *at) if isinstance(value, str) else ("where", *at, index)
            raise PatternError(str(error), place) from None
    return tuple(found)


def _together(match: Match, header: Match) -> Match:
    """Return a match with what the header around it binds."""
    return Match(match.nodes, {**header.captures, **match.captures}, match.pairs)


def _is_inside(way: Sequence[cst.CSTNode], block: cst.CSTNode, header: Match) -> bool:
    """Tell whether the way up to a block comes out of its body, or of the default of a parameter that the header names.

    The rest of the header runs around the block or before it, and an `else` where the header does not hold.
    """
    named = [one for one in header.pairs.values() if isinstance(one, cst.Param)]
    defaults = [one.default for one in named if isinstance(block, cst.FunctionDef)]
    body = block.cases if isinstance(block, cst.Match) else (getattr(block, "body", None),)
    return way[-1] in body or any(one in defaults for one in way)


def of_arguments(patterns: Iterable[Code]) -> set[str | None]:
    """Return the holes that stand for arguments of calls."""
    nodes = (node for code in patterns for node in code.nodes() if isinstance(node, cst.Arg))
    return {hole.name for node in nodes if (hole := hole_of(node.value))}


def _is_named(argument: cst.Arg) -> bool:
    return argument.keyword is not None or argument.star == "**"


def _assumed(subject: Source | Code, name: str, captured: cst.CSTNode) -> bool:
    """In a recipe's own code a hole stands for anything that its constraints allow."""
    if isinstance(subject, Source):
        return False
    hole = hole_of(captured)
    return hole is not None and hole.name == name


def _hole_failure(subject: Source | Code, match: Match, name: str, wanted: _Hole, captured: cst.CSTNode) -> str | None:
    shown = f"`{short(subject.code(captured))}`"
    if wanted.any_of and not _matches_any(wanted.any_of, subject, captured, match.captures):
        return f"{shown} is none of {_listed(wanted.any_of)}"
    if wanted.none_of and _matches_any(wanted.none_of, subject, captured, match.captures):
        return f"{shown} is {_listed(wanted.none_of)}, which ${name} must not be"
    if wanted.sources and not _comes_from(subject, captured, wanted.sources, name, match.captures):
        return f"{shown} does not come from {_listed(wanted.sources)}"
    assigned = values_of(subject, captured) if isinstance(subject, Source) else ()
    if any(_matches_any(wanted.not_sources, subject, value, match.captures) for value in assigned):
        return f"{shown} is or was assigned {_listed(wanted.not_sources)}, which ${name} must not"
    if wanted.buffer and isinstance(subject, Source) and not is_buffer(subject, captured):
        return f"{shown} is no buffer that its class registers"
    return None


def _matches_any(
    codes: tuple[Code, ...], subject: Source | Code, node: cst.CSTNode, captures: Mapping[str, Captured]
) -> bool:
    return any(match_at(code, subject, node, captures=captures) is not None for code in codes)


def _comes_from(
    subject: Source | Code, node: cst.CSTNode, codes: tuple[Code, ...], name: str, captures: Mapping[str, Captured]
) -> bool:
    if not isinstance(subject, Source):
        return any((hole := hole_of(below)) and hole.name == name for below in walk(node))
    return any(
        isinstance(below, cst.BaseExpression) and match_at(code, subject, below, captures=captures) is not None
        for value in made_of(subject, node)
        for below in walk(value)
        for code in codes
    )


def _listed(codes: tuple[Code, ...]) -> str:
    return " or ".join(f"`{code.text}`" for code in codes)
